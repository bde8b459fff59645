"""What an account's positions and orders block: initial, maintenance and open-order margin, liquidation price."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from vortex.exchange.account import Account, Position
from vortex.exchange.instruments import QUOTE_SCALE, Instrument
from vortex.exchange.orders import BUY


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


def maintenance_margin(instrument: Instrument, notional: int) -> int:
    """Maintenance margin (1e-8) of an absolute notional (1e-8): rate of its bracket minus `cum` (8.3)."""
    if notional == 0:
        return 0
    rung = instrument.bracket(Decimal(notional) / QUOTE_SCALE)
    return int(notional * rung.maint_margin_ratio - rung.cum * QUOTE_SCALE)


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


def symbol_margin(account: Account, position: Position, mark_e8: int, with_orders: bool = True) -> SymbolMargin:
    """The margins of one position and the orders around it."""
    setting = account.setting(position.instrument.symbol)
    notional = position.notional(mark_e8)
    bids, asks = open_notionals(account, position.instrument.symbol, position.side) if with_orders else (0, 0)
    held = abs(notional) // setting.leverage
    total = blocked(notional, bids, asks, position.side) // setting.leverage
    return SymbolMargin(
        position,
        setting.leverage,
        setting.isolated,
        mark_e8,
        notional,
        position.unrealized(mark_e8),
        held,
        max(0, total - held),
        maintenance_margin(position.instrument, abs(notional)),
        bids,
        asks,
    )


def summarize(account: Account, marks_e8: Mapping[str, int]) -> Summary:
    """Totals over every position and open order, marked at the mark price."""
    wallet = account.wallets.get("USDT", 0)
    keys = {(position.instrument.symbol, position.side) for position in account.held()}
    for order in account.open_orders.values():
        keys.add((order.symbol, order.position_side))
        account.position(order.instrument, order.position_side)
    rows = [symbol_margin(account, account.positions[key], marks_e8.get(key[0], 0)) for key in sorted(keys)]
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


def liquidation_price_e8(account: Account, position: Position, summary: Summary) -> int:
    """The mark price (1e-8) at which this position is liquidated; 0 when it cannot be (8.4)."""
    if position.lots == 0:
        return 0
    instrument = position.instrument
    rows = {id(row.position): row for row in summary.rows}
    own = rows[id(position)]
    if own.isolated:
        free = Decimal(position.isolated_wallet)
    else:
        others = [row for row in summary.rows if not row.isolated and row is not own]
        free = Decimal(
            summary.cross_wallet - sum(row.maintenance for row in others) + sum(row.unrealized for row in others)
        )
    qty = instrument.qty(abs(position.lots))
    side = 1 if position.lots > 0 else -1
    price = Decimal(own.mark_e8) / QUOTE_SCALE
    for _ in range(10):
        rung = instrument.bracket(price * qty)
        top = free / QUOTE_SCALE + rung.cum - Decimal(position.cost) / QUOTE_SCALE
        price_next = top / (qty * rung.maint_margin_ratio - side * qty)
        if price_next <= 0:
            return 0
        if instrument.bracket(price_next * qty) is rung:
            return int(price_next * QUOTE_SCALE)
        price = price_next
    return int(price * QUOTE_SCALE)
