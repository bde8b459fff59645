"""What a fill, a funding or a liquidation does to an account, and the events that tell of it (sheet 11.2, 11.4)."""

from vortex.exchange.account import Account, Income, Position
from vortex.exchange.events import (
    account_update,
    algo_update,
    balance_row,
    margin_call,
    order_trade_update,
    position_row,
    trade_lite,
)
from vortex.exchange.floor import Floor
from vortex.exchange.instruments import QUOTE_SCALE, Instrument, money_text, money_trim
from vortex.exchange.listing import Listing
from vortex.exchange.margin import open_notionals, summarize
from vortex.exchange.orders import BUY, SELL, SIDE_NAMES, Fill, Order

REDUCED_AWAY = "4"
LIQUIDATED = "5"


class Settlement:
    """The clearing house of the floor."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._called: set[str] = set()

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
            self._floor.tell(order.account, algo_update(algo, self._floor.now_ms))

    # --- fills ----------------------------------------------------------------------------------------------

    def fill(self, order: Order, lots: int, px: int, maker: bool, trade_id: int, execution: str = "TRADE") -> None:
        """Book one fill whose lots the order already counts."""
        floor, instrument, now = self._floor, order.instrument, self._floor.now_ms
        account = floor.accounts[order.account]
        position = account.position(instrument, order.position_side)
        before = position.lots
        notional = lots * px * instrument.unit_value
        realized = position.trade(order.side * lots, px)
        commission, asset = account.commission(notional, maker, floor.bnb_price_e8())
        account.wallets["USDT"] = account.wallets.get("USDT", 0) + realized
        account.wallets[asset] = account.wallets.get(asset, 0) - commission
        account.realized_total += realized
        account.commission_total[asset] = account.commission_total.get(asset, 0) + commission
        account.fill_cash -= order.side * notional
        if asset == "USDT" and position.lots:
            position.fees += commission
        self._isolate(account, position, before)
        order.updated_ms = position.updated_ms = account.updated_ms = now
        fill = Fill(trade_id, order, lots, px, maker, now, realized, commission, asset)
        account.fills.append(fill)
        self._book_income(account, order.symbol, fill)
        if not order.open:
            account.close_order(order)
        floor.tell(order.account, trade_lite(fill))
        self.announce(order, execution, fill)
        assets = ["USDT"] if asset == "USDT" else ["USDT", asset]
        self._account_changed(account, position, "ORDER", dict.fromkeys(assets, 0))
        self._record_fill(account, fill, position)
        self.parent_done(order)
        if abs(position.lots) < abs(before) or before * position.lots < 0:
            self.knock_out(account, instrument, order.position_side)
            if position.lots == 0:
                self._expire_guests(account, instrument, order.position_side)
        self.guard(account, instrument.symbol, order.position_side)

    def _isolate(self, account: Account, position: Position, before: int) -> None:
        """Move margin in or out of the isolated wallet with the position's size."""
        setting = account.setting(position.instrument.symbol)
        if not setting.isolated:
            return
        if before == 0 or before * position.lots < 0:
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
        self.income(account, symbol, "COMMISSION", -fill.commission, fill.commission_asset, trade)

    def income(self, account: Account, symbol: str, kind: str, amount: int, asset: str, trade: str = "") -> None:
        """Append one income row."""
        now = self._floor.now_ms
        transfer = self._floor.counters.next_transfer()
        account.income.append(Income(symbol, kind, amount, asset, trade or kind, now, transfer, trade))

    def _account_changed(
        self, account: Account, position: Position | None, reason: str, changes: dict[str, int], funded: str = ""
    ) -> None:
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
        resting = self._floor.listing(instrument.symbol).engine.resting
        closing = SELL if lots > 0 else BUY
        room = abs(lots)
        for direction in (BUY, SELL):
            for order in list(resting[direction]):
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
                algo.status, algo.updated_ms = "EXPIRED", self._floor.now_ms
                del account.open_algos[algo.algo_id]
                self._floor.tell(account.name, algo_update(algo, self._floor.now_ms))

    # --- funding and liquidation ----------------------------------------------------------------------------

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
                self._account_changed(account, position if isolated else None, "FUNDING_FEE", {"USDT": amount}, symbol)

    def check_margins(self, symbol: str) -> None:
        """After a new mark: warn or liquidate whoever holds this symbol."""
        for account in self._floor.accounts.values():
            if any(position.instrument.symbol == symbol for position in account.held()):
                self._check_margin(account)

    def _check_margin(self, account: Account) -> None:
        floor = self._floor
        summary = summarize(account, floor.marks_e8)
        for row in summary.rows:
            lost = row.position.isolated_wallet + row.unrealized <= row.maintenance
            if row.isolated and row.position.lots and lost:
                self._liquidate(account, [row.position])
        equity = summary.cross_wallet + summary.cross_unrealized
        cross = [row for row in summary.rows if not row.isolated and row.position.lots]
        if not cross:
            self._called.discard(account.name)
            return
        if equity <= summary.cross_maintenance:
            self._liquidate(account, [row.position for row in cross])
        elif summary.cross_maintenance >= equity * floor.rules.margin_call_ratio:
            if account.name not in self._called:
                self._called.add(account.name)
                rows = [
                    {
                        "s": row.position.instrument.symbol,
                        "ps": row.position.side,
                        "pa": row.position.instrument.qty_text(row.position.lots),
                        "mt": "CROSSED",
                        "iw": "0",
                        "mp": money_trim(row.mark_e8),
                        "up": money_trim(row.unrealized),
                        "mm": money_trim(row.maintenance),
                    }
                    for row in cross
                ]
                floor.tell(account.name, margin_call(summary.cross_wallet, rows, floor.now_ms))
        else:
            self._called.discard(account.name)

    def _liquidate(self, account: Account, positions: list[Position]) -> None:
        """Cancel everything, close the positions at the mark for the insurance fund, charge the fee (8.5)."""
        floor = self._floor
        if not floor.rules.liquidation:
            return
        symbols = {position.instrument.symbol for position in positions}
        for order in list(account.open_orders.values()):
            if order.symbol in symbols:
                self.end(order, "CANCELED", "CANCELED", LIQUIDATED)
        for position in positions:
            self._close_forcibly(account, position)
        if account.wallets["USDT"] < 0:
            shortfall = -account.wallets["USDT"]
            account.wallets["USDT"] = 0
            account.insurance_total += shortfall
            self.income(account, "", "INSURANCE_CLEAR", shortfall, "USDT")

    def _close_forcibly(self, account: Account, position: Position) -> None:
        floor, instrument, now = self._floor, position.instrument, self._floor.now_ms
        listing = floor.listing(instrument.symbol)
        px = max(1, listing.mark_e8 // instrument.tick_e8)
        order = Order(
            order_id=floor.counters.next_order(),
            account=account.name,
            instrument=instrument,
            client_id=f"autoclose-{now}{instrument.symbol}"[:36],
            side=SELL if position.lots > 0 else BUY,
            position_side=position.side,
            kind="LIMIT",
            original_kind="LIMIT",
            time_in_force="IOC",
            px=px,
            lots=abs(position.lots),
            reduce_only=False,
            close_position=False,
            stp="EXPIRE_MAKER",
            price_match="NONE",
            good_till_ms=0,
            created_ms=now,
            updated_ms=now,
        )
        account.remember(order)
        self.announce(order, "NEW")
        lots = order.lots
        order.filled, order.filled_ticks_lots, order.status = lots, lots * px, "FILLED"
        printed = listing.record_trade(now, px, lots, order.side == SELL)
        self.fill(order, lots, px, False, printed.trade_id, "CALCULATED")
        fee = int(lots * px * instrument.unit_value * instrument.liquidation_fee)
        account.wallets["USDT"] -= fee
        account.insurance_total -= fee
        self.income(account, instrument.symbol, "INSURANCE_CLEAR", -fee, "USDT")
