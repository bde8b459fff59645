"""What a fill, a funding or the insurance fund does to an account, and the events that tell of it (11.2, 11.4)."""

from vortex.exchange.account import Account, Income, Position
from vortex.exchange.events import (
    account_update,
    algo_update,
    balance_row,
    order_trade_update,
    position_row,
    trade_lite,
)
from vortex.exchange.floor import Floor
from vortex.exchange.instruments import QUOTE_SCALE, Instrument, money_text, money_trim
from vortex.exchange.listing import Listing
from vortex.exchange.margin import open_notionals
from vortex.exchange.orders import BUY, SELL, SIDE_NAMES, AlgoOrder, Fill, Order

REDUCED_AWAY = "4"


class Settlement:
    """The clearing house of the floor."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    # --- orders ---------------------------------------------------------------------------------------------

    def announce(self, order: Order, execution: str, fill: Fill | None = None) -> None:
        """Tell the owner and the ledger what happened to an order."""
        floor, now = self._floor, self._floor.now_ms
        account = floor.accounts[order.account]
        notionals = open_notionals(account, order.symbol, order.position_side)
        floor.tell(order.account, order_trade_update(order, execution, now, notionals, fill))
        instrument = order.instrument
        floor.ledger.write(
            "order",
            now,
            account=order.account,
            symbol=order.symbol,
            client_order_id=order.client_id,
            order_id=order.order_id,
            execution=execution,
            status=order.status,
            side=SIDE_NAMES[order.side],
            position_side=order.position_side,
            type=order.kind,
            price=instrument.px_text(order.px),
            quantity=instrument.qty_text(order.lots),
            filled=instrument.qty_text(order.filled),
            reduce_only=order.reduce_only,
            algo_id=order.algo_id,
            reason=order.expiry_reason,
        )

    def end(self, order: Order, status: str, execution: str, reason: str = "0") -> None:
        """Close an order that is not filled: off the book, out of the open indexes, told."""
        floor = self._floor
        order.status, order.expiry_reason, order.updated_ms = status, reason, floor.now_ms
        floor.listing(order.symbol).engine.withdraw(order)
        floor.touched.add(order.symbol)
        floor.accounts[order.account].close_order(order)
        self.announce(order, execution)
        self.parent_done(order)

    def parent_done(self, order: Order) -> None:
        """A conditional order is FINISHED once its child has ended."""
        if not order.algo_id or order.open:
            return
        algo = self._floor.accounts[order.account].algos_by_id[order.algo_id]
        if algo.status == "TRIGGERED":
            algo.status, algo.updated_ms = "FINISHED", self._floor.now_ms
            self.announce_algo(algo)

    def announce_algo(self, algo: AlgoOrder) -> None:
        """Tell the owner and the ledger what became of a conditional order."""
        floor = self._floor
        floor.tell(algo.account, algo_update(algo, floor.now_ms))
        floor.ledger.write(
            "algo",
            floor.now_ms,
            account=algo.account,
            symbol=algo.symbol,
            client_order_id=algo.client_id,
            algo_id=algo.algo_id,
            status=algo.status,
            type=algo.kind,
            side=SIDE_NAMES[algo.side],
            trigger=algo.instrument.px_text(algo.trigger_px),
            quantity=algo.instrument.qty_text(algo.lots),
            close_position=algo.close_position,
            reduce_only=algo.reduce_only,
            child=0 if algo.child is None else algo.child.order_id,
            failure=algo.failure,
        )

    def end_algo(self, algo: AlgoOrder, status: str, failure: str = "") -> None:
        """Take a waiting conditional order out, and look again how well its position is protected."""
        algo.status, algo.failure, algo.updated_ms = status, failure, self._floor.now_ms
        account = self._floor.accounts[algo.account]
        account.open_algos.pop(algo.algo_id, None)
        self.announce_algo(algo)
        self.guard(account, algo.symbol, algo.position_side)

    # --- fills ----------------------------------------------------------------------------------------------

    def fill(self, order: Order, lots: int, px: int, maker: bool, trade_id: int, *, free: bool = False) -> None:
        """Book one fill whose lots the order already counts; `free` of commission off the book."""
        floor, instrument, now = self._floor, order.instrument, self._floor.now_ms
        account = floor.accounts[order.account]
        position = account.position(instrument, order.position_side)
        before = position.lots
        notional = lots * px * instrument.unit_value
        realized = position.trade(order.side * lots, px)
        commission, asset = (0, "USDT") if free else account.commission(notional, maker, floor.bnb_price_e8())
        account.wallets["USDT"] = account.wallets.get("USDT", 0) + realized
        account.wallets[asset] = account.wallets.get(asset, 0) - commission
        account.realized_total += realized
        account.commission_total[asset] = account.commission_total.get(asset, 0) + commission
        account.fill_cash -= order.side * notional
        if asset == "USDT" and position.lots:
            position.fees += commission
        kept = realized - (commission if asset == "USDT" else 0) if order.forced == "LIQUIDATION" else None
        self._isolate(account, position, before, kept)
        order.updated_ms = position.updated_ms = account.updated_ms = now
        fill = Fill(trade_id, order, lots, px, maker, now, realized, commission, asset)
        account.fills.append(fill)
        self._book_income(account, order.symbol, fill)
        if not order.open:
            account.close_order(order)
        floor.tell(order.account, trade_lite(fill))
        self.announce(order, "CALCULATED" if order.forced else "TRADE", fill)
        assets = ["USDT"] if asset == "USDT" else ["USDT", asset]
        self.account_changed(account, position, "ORDER", dict.fromkeys(assets, 0))
        self._record_fill(account, fill, position)
        self.parent_done(order)
        if abs(position.lots) < abs(before) or before * position.lots < 0:
            self.knock_out(account, instrument, order.position_side)
            if position.lots == 0:
                self._expire_guests(account, instrument, order.position_side)
        self.guard(account, instrument.symbol, order.position_side)

    def _isolate(self, account: Account, position: Position, before: int, kept: int | None) -> None:
        """Move margin in or out of the isolated wallet with the position's size.

        While a position is liquidated nothing leaves its wallet: it keeps the result and pays the fee (`kept`).
        """
        setting = account.setting(position.instrument.symbol)
        if not setting.isolated:
            return
        if kept is not None and position.lots:
            position.isolated_wallet += kept
        elif before == 0 or before * position.lots < 0:
            position.isolated_wallet = abs(position.cost) // setting.leverage
        elif abs(position.lots) > abs(before):
            added = abs(position.cost) * (abs(position.lots) - abs(before)) // abs(position.lots)
            position.isolated_wallet += added // setting.leverage
        else:
            position.isolated_wallet = position.isolated_wallet * abs(position.lots) // abs(before)

    def _book_income(self, account: Account, symbol: str, fill: Fill) -> None:
        trade = str(fill.trade_id)
        if fill.realized:
            self.income(account, symbol, "REALIZED_PNL", fill.realized, "USDT", trade)
        if fill.commission:
            self.income(account, symbol, "COMMISSION", -fill.commission, fill.commission_asset, trade)

    def income(self, account: Account, symbol: str, kind: str, amount: int, asset: str, trade: str = "") -> None:
        """Append one income row."""
        now = self._floor.now_ms
        transfer = self._floor.counters.next_transfer()
        account.income.append(Income(symbol, kind, amount, asset, trade or kind, now, transfer, trade))

    def account_changed(
        self, account: Account, position: Position | None, reason: str, changes: dict[str, int], funded: str = ""
    ) -> None:
        """Tell the owner which balances and position changed, and why; `changes` leave profit and fees out."""
        floor, now = self._floor, self._floor.now_ms
        rows = []
        if position is not None:
            rows.append(position_row(account, position, floor.marks_e8.get(position.instrument.symbol, 0)))
        balances = [balance_row(account, asset, change) for asset, change in changes.items()]
        payload = account_update(reason, now, balances, rows)
        if funded:
            payload["a"]["S"] = funded
        floor.tell(account.name, payload)
        for asset in changes:
            floor.ledger.write(
                "balance",
                now,
                account=account.name,
                symbol=position.instrument.symbol if position is not None else funded,
                asset=asset,
                wallet=money_text(account.wallets.get(asset, 0)),
                reason=reason,
            )

    def _record_fill(self, account: Account, fill: Fill, position: Position) -> None:
        floor, order, instrument = self._floor, fill.order, fill.order.instrument
        floor.ledger.write(
            "fill",
            fill.ts_ms,
            account=account.name,
            symbol=order.symbol,
            client_order_id=order.client_id,
            order_id=order.order_id,
            trade_id=fill.trade_id,
            side=SIDE_NAMES[order.side],
            price=instrument.px_text(fill.px),
            quantity=instrument.qty_text(fill.lots),
            maker=fill.maker,
            realized=money_text(fill.realized),
            commission=money_text(fill.commission),
            commission_asset=fill.commission_asset,
        )
        quantity = instrument.qty_text(position.lots)
        floor.ledger.position_changed(
            account.name, order.symbol, position.side, position.lots, quantity, fill.realized, fill.ts_ms
        )
        floor.ledger.write(
            "position",
            fill.ts_ms,
            account=account.name,
            symbol=order.symbol,
            side=position.side,
            quantity=quantity,
            entry=money_trim(position.entry_e8()),
        )

    def guard(self, account: Account, symbol: str, side: str) -> None:
        """Tell the ledger how well a position is protected from now on."""
        record = self._floor.ledger.open_positions.get((account.name, symbol, side))
        if record is None:
            return
        lots = account.held_lots(symbol, side)
        closing = SELL if lots > 0 else BUY
        covered, guarded = 0, False
        for algo in account.open_algos.values():
            if algo.symbol == symbol and algo.position_side == side and algo.side == closing and algo.is_stop:
                if algo.close_position:
                    guarded, covered = True, abs(lots)
                elif algo.reduce_only or side != "BOTH":
                    guarded, covered = True, covered + algo.lots
        record.guard(guarded, covered >= abs(lots), self._floor.now_ms)

    def knock_out(self, account: Account, instrument: Instrument, side: str) -> None:
        """Expire resting reduce-only orders that the shrunken position no longer needs, worst price first."""
        lots = account.held_lots(instrument.symbol, side)
        engine = self._floor.listing(instrument.symbol).engine
        closing = SELL if lots > 0 else BUY
        room = abs(lots)
        for direction in (BUY, SELL):
            for order in engine.closing(direction):
                hedged = side != "BOTH" and (side == "LONG") == (direction == SELL)
                if order.account != account.name or order.position_side != side:
                    continue
                if not (order.reduce_only or hedged):
                    continue
                if direction == closing and order.left <= room:
                    room -= order.left
                else:
                    self.end(order, "EXPIRED", "EXPIRED", REDUCED_AWAY)

    def _expire_guests(self, account: Account, instrument: Instrument, side: str) -> None:
        """GTE_GTC conditional orders live only while the position exists."""
        for algo in list(account.open_algos.values()):
            if algo.symbol == instrument.symbol and algo.position_side == side and algo.time_in_force == "GTE_GTC":
                self.end_algo(algo, "EXPIRED")

    # --- funding and the insurance fund ---------------------------------------------------------------------

    def fund(self, listing: Listing) -> None:
        """Settle funding at the mark: longs pay a positive rate, shorts receive it."""
        floor, symbol = self._floor, listing.instrument.symbol
        rate_e8 = round(listing.funding_rate * QUOTE_SCALE)
        for account in floor.accounts.values():
            for position in account.held():
                if position.instrument.symbol != symbol:
                    continue
                amount = -position.notional(listing.mark_e8) * rate_e8 // QUOTE_SCALE
                account.wallets["USDT"] = account.wallets.get("USDT", 0) + amount
                account.funding_total += amount
                account.updated_ms = floor.now_ms
                isolated = account.setting(symbol).isolated
                if isolated:
                    position.isolated_wallet += amount
                self.income(account, symbol, "FUNDING_FEE", amount, "USDT")
                self.account_changed(account, position if isolated else None, "FUNDING_FEE", {"USDT": amount}, symbol)

    def insure(self, account: Account, amount: int, symbol: str = "", position: Position | None = None) -> None:
        """Money from the insurance fund (positive) or a liquidation fee to it (negative)."""
        floor = self._floor
        if amount > 0:
            floor.fund.pay(amount)
        else:
            floor.fund.receive(-amount)
        account.wallets["USDT"] += amount
        account.insurance_total += amount
        account.updated_ms = floor.now_ms
        self.income(account, symbol, "INSURANCE_CLEAR", amount, "USDT")
        self.account_changed(account, position, "INSURANCE_CLEAR", {"USDT": amount})

    def exchange(self, account: Account, asset: str, sold: int, brought: int) -> None:
        """Sell some of an asset for USDT on the account's behalf."""
        changes = {asset: -sold, "USDT": brought}
        for name, change in changes.items():
            account.wallets[name] += change
            account.exchanged[name] = account.exchanged.get(name, 0) + change
            self.income(account, "", "AUTO_EXCHANGE", change, name)
        account.updated_ms = self._floor.now_ms
        self.account_changed(account, None, "AUTO_EXCHANGE", changes)
