"""Liquidation: what the exchange does with an account whose margin no longer carries its positions (sheet 8.5).

A pocket of money - the cross wallet, or one isolated wallet - is lost when its maintenance margin reaches its equity
at the mark. Then, laws in order:

1. Its open orders are canceled, conditional ones too; those that could only shrink a position stay with it.
2. Step by step, the position with the largest maintenance margin is cut to the bracket below (wholly in the first
   bracket, and wholly when the equity is gone) by an IOC order through the visible book, no worse than the price
   at which the pocket would be empty. The liquidation fee is charged on what was cut, at most its share of the
   equity, so that a cut by itself never makes matters worse. Once compliant, it is over.
3. What the book could not take is taken over whole, at the bankruptcy price: by the insurance fund, or, when the
   loss at the mark is more than the fund holds, by the other side of the market - accounts of this exchange in the
   order of `adl`, then strangers.
4. Between two steps the account's orders are refused (-2023). An account without positions owes nothing: its other
   assets are sold for a debt in multi-assets mode, and the fund pays the rest.
"""

from decimal import Decimal

from vortex.exchange.account import RATE_SCALE, Account, Position
from vortex.exchange.adl import Deleverager
from vortex.exchange.collateral import MARGIN_ASSETS, QUOTE
from vortex.exchange.events import margin_call
from vortex.exchange.floor import Floor
from vortex.exchange.forced import LIQUIDATED, LIQUIDATION, closing_side, count, fill_off_book, send
from vortex.exchange.instruments import QUOTE_SCALE, money_text, money_trim
from vortex.exchange.margin import CROSS, Pocket, SymbolMargin, pockets, summarize
from vortex.exchange.market_events import LiquidationPrint
from vortex.exchange.orders import BUY, SELL, SIDE_NAMES, AlgoOrder, Order
from vortex.exchange.publisher import Publisher
from vortex.exchange.settlement import Settlement

STEPS_MAX = 200
"""No account has more brackets times positions than this in one go; the next mark continues."""
SELF_TRADE = "1"


class Liquidator:
    """Watches every account's margin ratio."""

    def __init__(self, floor: Floor, settlement: Settlement, publisher: Publisher) -> None:
        self._floor = floor
        self._settlement = settlement
        self._publisher = publisher
        self.deleverager = Deleverager(floor, settlement)
        self._called: set[tuple[str, str]] = set()

    # --- watching -------------------------------------------------------------------------------------------

    def check(self, symbol: str) -> None:
        """After a new mark: warn or liquidate whoever holds this symbol, or any under multi-assets."""
        for account in self._floor.accounts.values():
            for position in account.positions.values():
                if position.lots and (account.multi_assets or position.instrument.symbol == symbol):
                    self._judge(account)
                    break

    def advance(self) -> None:
        """Time has passed: go on with what is in progress, and settle debts nobody stands for."""
        for account in self._floor.accounts.values():
            if account.liquidating:
                self._judge(account)
            elif account.wallets.get(QUOTE, 0) < 0 and not any(
                not account.setting(each.instrument.symbol).isolated for each in account.held()
            ):
                self._settle_debt(account)
        if self._called:
            self._called = {key for key in self._called if self._floor.accounts[key[0]].held()}

    def _judge(self, account: Account) -> None:
        found = pockets(summarize(account, self._floor.marks_e8))
        for pocket in found:
            if not pocket.lost:
                if account.liquidating.pop(pocket.name, None) is not None:
                    self._record(account, "ended", pocket)
                self._warn(account, pocket)
            elif self._floor.rules.liquidation:
                # What an isolated position left behind belongs to the cross wallet, which is judged after it.
                self._liquidate(account, self._pocket(account, pocket.name) or pocket)
        if account.liquidating or self._called:
            self._forget(account, {pocket.name for pocket in found})

    def _forget(self, account: Account, names: set[str]) -> None:
        """Pockets that have nothing to answer for any more are neither in liquidation nor called."""
        account.liquidating = {name: due for name, due in account.liquidating.items() if name in names}
        self._called = {key for key in self._called if key[0] != account.name or key[1] in names}

    def _warn(self, account: Account, pocket: Pocket) -> None:
        """MARGIN_CALL, once until the ratio has been below the threshold again."""
        floor, key = self._floor, (account.name, pocket.name)
        if pocket.maintenance < pocket.equity * floor.rules.margin_call_ratio:
            self._called.discard(key)
        elif key not in self._called:
            self._called.add(key)
            cross = pocket.wallet if pocket.name == CROSS else 0
            floor.tell(account.name, margin_call(cross, [_warned(row) for row in pocket.rows], floor.now_ms))

    # --- the steps ------------------------------------------------------------------------------------------

    def _liquidate(self, account: Account, pocket: Pocket) -> None:
        """Begin or go on; every step is due some time after the last."""
        floor, name = self._floor, pocket.name
        due = account.liquidating.get(name)
        if due is None:
            account.liquidating[name] = floor.now_ms
            self._record(account, "began", pocket)
            self._cancel(account, pocket)
        elif floor.now_ms < due:
            return
        for _ in range(STEPS_MAX):
            beside = account.margin_wallet() - pocket.wallet
            self._step(account, pocket, beside)
            after = self._pocket(account, name)
            if after is None or not after.lost:
                del account.liquidating[name]
                self._record(account, "ended", after or _emptied(name, account.margin_wallet() - beside))
                if after is None:
                    self._settle_debt(account, beside)
                return
            account.liquidating[name] = floor.now_ms + floor.rules.liquidation_step_ms
            if floor.rules.liquidation_step_ms:
                return
            pocket = after

    def _pocket(self, account: Account, name: str) -> Pocket | None:
        """The pocket as it is now; None when it has nothing left to answer for."""
        found = pockets(summarize(account, self._floor.marks_e8))
        return next((pocket for pocket in found if pocket.name == name), None)

    def _cancel(self, account: Account, pocket: Pocket) -> None:
        """Law 1."""
        for order in list(account.open_orders.values()):
            if _belongs(account, order, pocket):
                self._settlement.end(order, "CANCELED", "CANCELED", LIQUIDATED)
        for algo in list(account.open_algos.values()):
            if _belongs(account, algo, pocket) and not _only_closes(algo):
                self._settlement.end_algo(algo, "CANCELED")

    def _step(self, account: Account, pocket: Pocket, beside: int) -> None:
        """Law 2, and law 3 for what the book leaves; `beside` is the account's money outside the pocket."""
        row = max(pocket.rows, key=lambda each: each.maintenance)
        position = row.position
        left = self._reduce(account, pocket, row, beside)
        after = self._pocket(account, pocket.name)
        if left and after is not None and after.lost:
            self._hand_over(account, after, position)
        if position.lots == 0:
            for algo in list(account.open_algos.values()):
                if (algo.symbol, algo.position_side) == (position.instrument.symbol, position.side):
                    self._settlement.end_algo(algo, "CANCELED")

    def _reduce(self, account: Account, pocket: Pocket, row: SymbolMargin, beside: int) -> int:
        """Send an IOC order through the visible book; return the lots it could not close."""
        floor, position = self._floor, row.position
        listing = floor.listing(position.instrument.symbol)
        side, lots = closing_side(position), _cut(row, whole=pocket.equity <= 0)
        limit_px = _empty_px(pocket, row, pocket.equity - pocket.notional * account.taker_rate // RATE_SCALE)
        best = listing.engine.best(-side)
        if listing.status != "TRADING" or best is None or side * (limit_px - best) < 0:
            return lots
        for interval, bar in listing.candles.roll(floor.now_ms):
            self._publisher.candle_closed(listing, interval, bar)
        order = send(floor, self._settlement, account.name, position, lots, limit_px, LIQUIDATION)

        def traded(px: int, dealt: int, maker: Order | None) -> None:
            count(order, dealt, px)
            printed = listing.record_trade(floor.now_ms, px, dealt, side != BUY)
            self._publisher.printed(listing, printed)
            self._settlement.fill(order, dealt, px, False, printed.trade_id)
            if maker is not None:
                self._settlement.fill(maker, dealt, px, True, printed.trade_id)

        def self_trade(resting: Order) -> bool:
            self._settlement.end(resting, "EXPIRED_IN_MATCH", "EXPIRED", SELF_TRADE)
            return False

        listing.engine.take(order, limit_px, lots, traded, self_trade)
        floor.touched.add(order.symbol)
        if order.open:
            self._settlement.end(order, "EXPIRED", "EXPIRED", LIQUIDATED)
        self._tell(account, order, "reduced")
        self._charge(account, pocket, order, position, beside)
        return lots - order.filled

    def _charge(self, account: Account, pocket: Pocket, order: Order, position: Position, beside: int) -> None:
        """The liquidation fee of what was cut, at most its share of the pocket's equity."""
        value = order.filled_ticks_lots * order.instrument.unit_value
        after = self._pocket(account, pocket.name)
        held = sum(row.unrealized for row in after.rows) if after is not None else 0
        equity = max(0, account.margin_wallet() - beside + held)
        share = equity * min(value, pocket.notional) // pocket.notional
        fee = min(int(value * order.instrument.liquidation_fee), share)
        isolated = position if pocket.name != CROSS and position.lots else None
        if isolated is not None:
            isolated.isolated_wallet -= fee
        if fee > 0:
            self._settlement.insure(account, -fee, order.symbol, isolated)

    def _hand_over(self, account: Account, pocket: Pocket, position: Position) -> None:
        """Law 3: the whole position at the bankruptcy price, to the fund or to the other side."""
        floor, instrument, lots = self._floor, position.instrument, position.lots
        listing = floor.listing(instrument.symbol)
        row = next(each for each in pocket.rows if each.position is position)
        px = _empty_px(pocket, row, pocket.equity)
        order = send(floor, self._settlement, account.name, position, abs(lots), px, LIQUIDATION)
        fill_off_book(self._settlement, listing, order)
        if floor.fund.bears(instrument, lots, px, listing.mark_e8):
            floor.fund.take(instrument, lots, px, listing.mark_e8)
            self._tell(account, order, "taken_over")
            return
        self._tell(account, order, "beyond_the_fund")
        self.deleverager.absorb(instrument.symbol, -1 if lots > 0 else 1, abs(lots), px, account.name)

    # --- debts ----------------------------------------------------------------------------------------------

    def _settle_debt(self, account: Account, kept: int = 0) -> None:
        """Law 4: lift what is below `kept`, the money that answers for other positions, up to it."""
        if account.multi_assets:
            self._exchange(account)
            kept = 0
        debt = kept - account.wallets.get(QUOTE, 0)
        if debt > 0:
            self._settlement.insure(account, debt)

    def _exchange(self, account: Account) -> None:
        """Sell other assets for a debt of USDT, the smallest haircut first."""
        for asset in MARGIN_ASSETS:
            debt, held = -account.wallets.get(QUOTE, 0), account.wallets.get(asset.name, 0)
            sold, brought = self._floor.collateral.sale(asset.name, held, debt)
            if sold:
                self._settlement.exchange(account, asset.name, sold, brought)

    # --- telling --------------------------------------------------------------------------------------------

    def _tell(self, account: Account, order: Order, stage: str) -> None:
        """The public print and the ledger's entry of a forced order that filled."""
        floor, instrument = self._floor, order.instrument
        if order.filled:
            average = (2 * order.filled_ticks_lots + order.filled) // (2 * order.filled)
            side = SIDE_NAMES[order.side]
            self._publisher.liquidated(
                LiquidationPrint(floor.now_ms, order.symbol, side, average, order.filled, order.px)
            )
        floor.ledger.write(
            "liquidation",
            floor.now_ms,
            account=account.name,
            symbol=order.symbol,
            stage=stage,
            position_side=order.position_side,
            quantity=instrument.qty_text(order.filled),
            price=instrument.px_text(order.px),
            client_order_id=order.client_id,
            fund=money_text(floor.fund.balance),
        )

    def _record(self, account: Account, stage: str, pocket: Pocket) -> None:
        self._floor.ledger.write(
            "liquidation",
            self._floor.now_ms,
            account=account.name,
            symbol="" if pocket.name == CROSS else pocket.name.split()[0],
            stage=stage,
            wallet=pocket.name,
            equity=money_text(pocket.equity),
            maintenance=money_text(pocket.maintenance),
        )


def _emptied(name: str, wallet: int) -> Pocket:
    """A pocket after its last position."""
    return Pocket(name, wallet, wallet, 0, [])


def _belongs(account: Account, order: Order | AlgoOrder, pocket: Pocket) -> bool:
    """Does an order draw on this pocket?"""
    if pocket.name == CROSS:
        return not account.setting(order.symbol).isolated
    return pocket.name == f"{order.symbol} {order.position_side}"


def _only_closes(algo: AlgoOrder) -> bool:
    hedged = (algo.position_side, algo.side) in (("LONG", SELL), ("SHORT", BUY))
    return algo.reduce_only or algo.close_position or hedged


def _cut(row: SymbolMargin, *, whole: bool) -> int:
    """Lots to close so that the position falls into the bracket below."""
    instrument, lots = row.position.instrument, abs(row.position.lots)
    rung = instrument.bracket(Decimal(abs(row.notional)) / QUOTE_SCALE)
    if whole or rung.notional_floor == 0:
        return lots
    kept = rung.notional_floor * QUOTE_SCALE // max(1, instrument.notional(1, row.mark_e8))
    return max(1, lots - kept)


def _empty_px(pocket: Pocket, row: SymbolMargin, equity: int) -> int:
    """The price in ticks at which an equal move against every position has used up this equity.

    Rounded in the account's favor, so that it ends at zero or a fraction of a tick above.
    """
    size = max(1, pocket.notional)
    unit = size * row.position.instrument.tick_e8
    if row.position.lots > 0:
        return max(1, -(-row.mark_e8 * (size - equity) // unit))
    return max(1, row.mark_e8 * (size + equity) // unit)


def _warned(row: SymbolMargin) -> dict[str, object]:
    """One position as MARGIN_CALL prints it."""
    return {
        "s": row.position.instrument.symbol,
        "ps": row.position.side,
        "pa": row.position.instrument.qty_text(row.position.lots),
        "mt": "ISOLATED" if row.isolated else "CROSSED",
        "iw": money_trim(row.position.isolated_wallet) if row.isolated else "0",
        "mp": money_trim(row.mark_e8),
        "up": money_trim(row.unrealized),
        "mm": money_trim(row.maintenance),
    }
