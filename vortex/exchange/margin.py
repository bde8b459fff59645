"""What an account's positions and orders block: initial, maintenance and open-order margin, margin ratios."""

from collections.abc import Mapping
from dataclasses import dataclass

from vortex.exchange.account import Account, Position
from vortex.exchange.instruments import QUOTE_SCALE, Instrument
from vortex.exchange.orders import BUY

NOTHING = (0, 0)


@dataclass(slots=True)
class SymbolMargin:
    """One position's margins, in 1e-8 quote units; notionals signed like the position."""

    position: Position
    leverage: int
    isolated: bool
    mark_e8: int
    notional: int
    unrealized: int
    position_initial: int
    open_order_initial: int
    maintenance: int
    bid_notional: int
    ask_notional: int

    @property
    def initial(self) -> int:
        return self.position_initial + self.open_order_initial


@dataclass(slots=True)
class Summary:
    """An account's totals in 1e-8 quote units."""

    wallet: int
    cross_wallet: int
    unrealized: int
    cross_unrealized: int
    position_initial: int
    open_order_initial: int
    maintenance: int
    cross_maintenance: int
    available: int
    rows: list[SymbolMargin]

    @property
    def margin_balance(self) -> int:
        return self.wallet + self.unrealized

    @property
    def max_withdraw(self) -> int:
        """Unrealized profit is never withdrawable."""
        return max(0, min(self.available, self.available - max(0, self.cross_unrealized)))


@dataclass(slots=True)
class Pocket:
    """Money that answers for some positions: the cross wallet for all of its own, or one isolated wallet."""

    name: str
    wallet: int
    equity: int
    maintenance: int
    rows: list[SymbolMargin]

    @property
    def notional(self) -> int:
        """Absolute notionals together."""
        return sum(abs(row.notional) for row in self.rows)

    @property
    def lost(self) -> bool:
        """Margin ratio at 100 % or above: to be liquidated (8.5)."""
        return self.equity <= self.maintenance


CROSS = "CROSS"


def pockets(summary: Summary) -> list[Pocket]:
    """Every pocket with something to answer for, isolated ones first."""
    found: list[Pocket] = []
    cross: list[SymbolMargin] = []
    for row in summary.rows:
        position = row.position
        if not position.lots:
            continue
        if row.isolated:
            name, wallet = f"{position.instrument.symbol} {position.side}", position.isolated_wallet
            found.append(Pocket(name, wallet, wallet + row.unrealized, row.maintenance, [row]))
        else:
            cross.append(row)
    if cross:
        equity = summary.cross_wallet + summary.cross_unrealized
        found.append(Pocket(CROSS, summary.cross_wallet, equity, summary.cross_maintenance, cross))
    return found


def maintenance_margin(instrument: Instrument, notional: int) -> int:
    """Maintenance margin (1e-8, rounded up) of an absolute notional (1e-8): rate of its bracket less `cum` (8.3)."""
    if notional == 0:
        return 0
    rung = next(
        (each for each in instrument.brackets if notional <= each.notional_cap * QUOTE_SCALE), instrument.brackets[-1]
    )
    exact = notional * rung.maint_margin_ratio - rung.cum * QUOTE_SCALE
    whole = int(exact)
    return whole if whole == exact else whole + 1


def open_notionals(account: Account, symbol: str, side: str) -> tuple[int, int]:
    """Open bids and asks of a symbol and position side, in 1e-8, reduce-only orders left out."""
    bids = asks = 0
    for order in account.open_orders.values():
        if order.symbol == symbol and order.position_side == side and not order.reduce_only:
            notional = order.left * order.px * order.instrument.unit_value
            if order.side == BUY:
                bids += notional
            else:
                asks += notional
    return bids, asks


def blocked(position_notional: int, bids: int, asks: int, side: str) -> int:
    """The notional that needs initial margin: the worse of all bids filling and all asks filling (8.5)."""
    if side == "LONG":
        return position_notional + bids
    if side == "SHORT":
        return asks - position_notional
    return max(abs(position_notional + bids), abs(position_notional - asks))


def symbol_margin(account: Account, position: Position, mark_e8: int) -> SymbolMargin:
    """The margins of one position and the orders around it."""
    return _margins(account, position, mark_e8, open_notionals(account, position.instrument.symbol, position.side))


def _margins(account: Account, position: Position, mark_e8: int, resting: tuple[int, int]) -> SymbolMargin:
    setting = account.setting(position.instrument.symbol)
    notional = position.notional(mark_e8)
    bids, asks = resting
    size = abs(notional)
    held = size // setting.leverage
    total = blocked(notional, bids, asks, position.side) // setting.leverage if bids or asks else held
    return SymbolMargin(
        position,
        setting.leverage,
        setting.isolated,
        mark_e8,
        notional,
        notional - position.cost if position.lots else 0,
        held,
        max(0, total - held),
        maintenance_margin(position.instrument, size),
        bids,
        asks,
    )


def _resting(account: Account) -> dict[tuple[str, str], tuple[int, int]]:
    """Open bids and asks of every symbol and position side with orders, in 1e-8, in one pass."""
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for order in account.open_orders.values():
        instrument = order.instrument
        key = (instrument.symbol, order.position_side)
        bids, asks = found.get(key) or (0, 0)
        notional = 0 if order.reduce_only else (order.lots - order.filled) * order.px * instrument.unit_value
        found[key] = (bids + notional, asks) if order.side == BUY else (bids, asks + notional)
        if key not in account.positions:
            account.position(instrument, order.position_side)
    return found


def summarize(account: Account, marks_e8: Mapping[str, int]) -> Summary:
    """Totals over every position and open order, marked at the mark price; in dollars under multi-assets."""
    wallet = account.margin_wallet()
    resting = _resting(account)
    keys = sorted({*resting, *[key for key, position in account.positions.items() if position.lots]})
    rows = [
        _margins(account, account.positions[key], marks_e8.get(key[0], 0), resting.get(key, NOTHING)) for key in keys
    ]
    isolated_wallets = sum(row.position.isolated_wallet for row in rows)
    cross = [row for row in rows if not row.isolated]
    cross_unrealized = sum(row.unrealized for row in cross)
    blocked_cross = sum(row.initial for row in cross)
    blocked_isolated_orders = sum(row.open_order_initial for row in rows if row.isolated)
    cross_wallet = wallet - isolated_wallets
    return Summary(
        wallet=wallet,
        cross_wallet=cross_wallet,
        unrealized=sum(row.unrealized for row in rows),
        cross_unrealized=cross_unrealized,
        position_initial=sum(row.position_initial for row in rows),
        open_order_initial=sum(row.open_order_initial for row in rows),
        maintenance=sum(row.maintenance for row in rows),
        cross_maintenance=sum(row.maintenance for row in cross),
        available=max(0, cross_wallet + cross_unrealized - blocked_cross - blocked_isolated_orders),
        rows=rows,
    )
