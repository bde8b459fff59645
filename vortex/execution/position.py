"""One trade as its symbol holds it: plan, orders and fills, and everything that follows from them alone.

Nothing here remembers what orders and fills do not say, so a reborn process that reads them back knows as much.
Positive lots are in the direction of the plan.
"""

import enum
from collections.abc import Callable
from dataclasses import dataclass, field

from vortex.domain.events import OpenTrade, OrderRow
from vortex.domain.orders import Leg, OrderState, Side, VenueFill
from vortex.domain.plans import TradePlan
from vortex.domain.reasons import ExitReason
from vortex.execution.settings import ExecutionSettings


class PositionState(enum.StrEnum):
    """S3-5. ACTIVE is an entry that is over and filled well enough; NO_FILL ends a trade that was not worth keeping."""

    PENDING_ENTRY = "PENDING_ENTRY"
    ENTRY_SENT = "ENTRY_SENT"
    PARTIAL_FILL = "PARTIAL_FILL"
    ENTRY_CANCELING = "ENTRY_CANCELING"
    ACTIVE = "ACTIVE"
    TP1_HIT = "TP1_HIT"
    TRAILING = "TRAILING"
    CLOSING = "CLOSING"
    NO_FILL = "NO_FILL"
    CLOSED_TP1_FULL = "CLOSED_TP1_FULL"
    CLOSED_TP2 = "CLOSED_TP2"
    CLOSED_SL = "CLOSED_SL"
    CLOSED_TIMEOUT = "CLOSED_TIMEOUT"
    CLOSED_MANUAL = "CLOSED_MANUAL"
    CLOSED_EMERGENCY = "CLOSED_EMERGENCY"

    @property
    def is_over(self) -> bool:
        """Flat, with no entry that could still fill."""
        return self in OVER


CLOSED_BY: dict[ExitReason, PositionState] = {
    ExitReason.TP1_FULL: PositionState.CLOSED_TP1_FULL,
    ExitReason.TP2: PositionState.CLOSED_TP2,
    ExitReason.SL: PositionState.CLOSED_SL,
    ExitReason.TIMEOUT: PositionState.CLOSED_TIMEOUT,
    ExitReason.MANUAL: PositionState.CLOSED_MANUAL,
    ExitReason.EMERGENCY: PositionState.CLOSED_EMERGENCY,
    ExitReason.NO_FILL: PositionState.NO_FILL,
}
OVER = frozenset(CLOSED_BY.values())
FORCED_PREFIXES = ("autoclose", "adl_autoclose", "settlement_autoclose")
"""Orders that the exchange itself sends: liquidation, deleveraging, delisting."""
WORKING = frozenset({OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED, OrderState.PENDING_CANCEL})


@dataclass(frozen=True, slots=True)
class Position:
    """The trade. `close_why` is a wish to close that no order carries yet; `close_paused` waits for a new attempt."""

    plan: TradePlan
    orders: tuple[OrderRow, ...]
    fills: tuple[VenueFill, ...] = ()
    adopted: bool = False
    close_why: str = ""
    close_paused: bool = False
    trailed_ms: int = 0
    finished: bool = False
    settings: ExecutionSettings = field(default_factory=ExecutionSettings)

    def rows(self, leg: Leg) -> list[OrderRow]:
        """Orders of one leg, oldest first."""
        return [row for row in self.orders if row.spec.leg is leg]

    def attempt(self, leg: Leg) -> int:
        """The number of the next order of a leg; some before it may be in no book."""
        return max((row.spec.attempt + 1 for row in self.rows(leg)), default=0)

    @property
    def entry(self) -> OrderRow | None:
        """The entry order; an adopted position has none."""
        rows = self.rows(Leg.ENTRY)
        return rows[0] if rows else None

    @property
    def entry_over(self) -> bool:
        """Nothing can open this trade any further."""
        return self.entry is None or self.entry.state.is_terminal

    @property
    def entered(self) -> int:
        """Lots filled in the direction of the plan."""
        return sum(fill.qty_lots for fill in self.fills if fill.side is self.plan.side)

    @property
    def net(self) -> int:
        """Lots held, positive in the direction of the plan."""
        return sum(fill.qty_lots if fill.side is self.plan.side else -fill.qty_lots for fill in self.fills)

    @property
    def signed_net(self) -> int:
        """Lots held, positive when long."""
        return self.net * self.plan.side.sign

    @property
    def opened_ms(self) -> int:
        """Time of the first fill; 0 before it."""
        return min((fill.ts_ms for fill in self.fills), default=0)

    @property
    def break_even_ticks(self) -> int:
        """Average entry price on the grid, rounded to the side of profit."""
        entries = [fill for fill in self.fills if fill.side is self.plan.side]
        lots = sum(fill.qty_lots for fill in entries)
        cost = sum(fill.qty_lots * fill.px_ticks for fill in entries)
        return -(-cost // lots) if self.plan.side is Side.BUY else cost // lots

    def living_stops(self) -> list[OrderRow]:
        """Stops that are or may be waiting for their trigger, oldest first."""
        return [row for row in self.rows(Leg.STOP) if not row.state.is_terminal and not row.triggered]

    def triggered_stop(self) -> OrderRow | None:
        """A stop whose market order is on its way."""
        rows = [row for row in self.rows(Leg.STOP) if row.triggered and not row.state.is_terminal]
        return rows[-1] if rows else None

    @property
    def stop_filled(self) -> bool:
        """A stop has begun to close the position."""
        ids = {row.spec.client_order_id for row in self.rows(Leg.STOP)}
        return any(fill.client_order_id in ids for fill in self.fills)

    def tighter(self, trigger_ticks: int, than_ticks: int) -> bool:
        """Whether one trigger is nearer to profit than another."""
        return (trigger_ticks - than_ticks) * self.plan.side.sign > 0

    def tightest(self, rows: list[OrderRow]) -> OrderRow:
        """The stop nearest to profit."""
        key: Callable[[OrderRow], int] = lambda row: row.spec.trigger_ticks * self.plan.side.sign  # noqa: E731
        return max(rows, key=key)

    @property
    def target_lots(self) -> int:
        """What the first target closes (S3-3): its share of what was entered, at least one lot."""
        return max(1, self.entered * self.plan.take_profit_share // 100)

    @property
    def target_filled(self) -> int:
        """Lots that take-profit orders have closed."""
        ids = {row.spec.client_order_id for row in self.rows(Leg.TAKE_PROFIT)}
        return sum(fill.qty_lots for fill in self.fills if fill.client_order_id in ids)

    @property
    def target_hit(self) -> bool:
        """TP1 is done and something is left to trail."""
        return self.entry_over and self.target_filled >= self.target_lots > 0 and self.entered > 0

    @property
    def last_trail_ms(self) -> int:
        """When the exchange last heard of a stop beyond break-even; 0 while none has trailed so far."""
        if not self.entered:
            return 0
        trailed = (row for row in self.rows(Leg.STOP) if self.tighter(row.spec.trigger_ticks, self.break_even_ticks))
        return max((row.update_ms for row in trailed), default=0)

    def break_even_stops(self) -> list[OrderRow]:
        """Stops at break-even or better that the exchange has confirmed."""
        return [
            row
            for row in self.living_stops()
            if row.state in WORKING and not self.tighter(self.break_even_ticks, row.spec.trigger_ticks)
        ]


def of_trade(trade: OpenTrade, settings: ExecutionSettings) -> Position:
    """The position as the executor's book and the journal have it."""
    orders = tuple(sorted(trade.orders, key=lambda row: (row.spec.leg.value, row.spec.attempt)))
    return Position(trade.plan, orders, trade.fills, adopted=trade.adopted, settings=settings)


def closing_reason(position: Position) -> ExitReason | None:
    """Why the position must be closed now, or None when it may live."""
    if position.close_why:
        return ExitReason(position.close_why)
    closes = position.rows(Leg.CLOSE)
    if closes:
        return _reason_of(closes[-1])
    if position.net < 0:
        return ExitReason.EMERGENCY
    if position.entered == 0:
        return None
    if position.triggered_stop() is not None or position.stop_filled:
        return ExitReason.TP2 if position.target_hit else ExitReason.SL
    if _too_little(position):
        return ExitReason.NO_FILL
    return _stop_trouble(position)


def exit_reason(position: Position) -> ExitReason:
    """How a flat trade ended: by whatever closed its last lots."""
    exits = [fill for fill in position.fills if fill.side is not position.plan.side]
    if not exits:
        return ExitReason.NO_FILL
    last = max(exits, key=lambda fill: (fill.ts_ms, fill.venue_trade_id))
    row = next((row for row in position.orders if row.spec.client_order_id == last.client_order_id), None)
    if row is None:
        forced = last.client_order_id.startswith(FORCED_PREFIXES)
        return ExitReason.EMERGENCY if forced else ExitReason.MANUAL
    match row.spec.leg:
        case Leg.TAKE_PROFIT:
            return ExitReason.TP1_FULL
        case Leg.STOP:
            return ExitReason.TP2 if position.target_hit else ExitReason.SL
        case _:
            return _reason_of(row)


def classify(position: Position) -> PositionState:
    """The state, which is nothing but a reading of orders and fills."""
    if position.entry_over and position.net == 0:
        return CLOSED_BY[exit_reason(position)]
    if closing_reason(position) is not None:
        return PositionState.CLOSING
    entry = position.entry
    if entry is not None and not entry.state.is_terminal:
        return _entry_state(position, entry)
    if position.target_hit:
        return PositionState.TRAILING if position.break_even_stops() else PositionState.TP1_HIT
    return PositionState.ACTIVE


def _entry_state(position: Position, entry: OrderRow) -> PositionState:
    if entry.state is OrderState.PENDING_CANCEL:
        return PositionState.ENTRY_CANCELING
    if position.entered:
        return PositionState.PARTIAL_FILL
    return PositionState.ENTRY_SENT if entry.state in WORKING else PositionState.PENDING_ENTRY


def _too_little(position: Position) -> bool:
    """The entry is over and filled less than is worth keeping (S3-5)."""
    if position.adopted or not position.entry_over or position.entered > position.net:
        return False
    return position.entered * 100 < position.plan.qty_lots * position.settings.partial_keep_percent


def _stop_trouble(position: Position) -> ExitReason | None:
    """Two stops lost in a row, or a break-even stop refused because the price is back already."""
    stops = position.rows(Leg.STOP)
    lost = [row for row in stops[-2:] if row.state.is_terminal]
    if len(lost) == 2 and not position.living_stops():
        return ExitReason.EMERGENCY
    if len(stops) >= position.settings.stop_attempts_max and not position.living_stops():
        return ExitReason.EMERGENCY
    refused = stops and stops[-1].state is OrderState.REJECTED and stops[-1].spec.attempt > 0
    if position.target_hit and refused and not position.break_even_stops():
        return ExitReason.TP2
    return None


def _reason_of(row: OrderRow) -> ExitReason:
    try:
        return ExitReason(row.spec.why)
    except ValueError:
        return ExitReason.EMERGENCY
