"""How a position is led from entry to exit, as a table over every state and every event (S3-5).

1. The state is a reading of orders and fills (`position.classify`); the table says which moves are legal.
2. Every step folds one event in, reads the state again, and asks for what the state calls for (`position_acts.act`).
3. So a rebuilt position is in the same state and wants the same things as the one that died.
4. Money moves whether or not we were ready: a fill is taken in every state, the closed ones included.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec

from vortex.domain.events import (
    CancelRejected,
    EntryDenied,
    OpenTrade,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderInDoubt,
    OrderRejected,
    OrderRow,
    OrderTriggered,
)
from vortex.domain.orders import Leg, OrderState
from vortex.domain.plans import TradePlan
from vortex.domain.reasons import ExitReason
from vortex.execution.position import OVER, WORKING, Position, PositionState, classify, of_trade
from vortex.execution.position import PositionState as P
from vortex.execution.position_acts import act, cancel, next_stop, submit
from vortex.execution.position_events import (
    CloseRequested,
    EntryTimedOut,
    HoldEnded,
    PositionEffect,
    PriceMoved,
    Resumed,
    RetryDue,
)
from vortex.execution.settings import ExecutionSettings
from vortex.execution.specs import entry_spec, stop_spec
from vortex.kernel.fsm import Ignore, Machine, Step, Table

PositionMachine = Machine[PositionState, Position, PositionEffect]
Moved = tuple[PositionState, Position, list[PositionEffect]]


def open_position(plan: TradePlan, settings: ExecutionSettings) -> PositionMachine:
    """A trade that has just been asked for; entry and stop travel together, so both are there from the start."""
    specs = (entry_spec(settings.account_tag, plan), stop_spec(settings.account_tag, plan, 0, plan.stop_px_ticks))
    rows = tuple(OrderRow(spec=spec, state=OrderState.INTENDED, executed_lots=0) for spec in specs)
    return Machine(POSITION_TABLE, P.PENDING_ENTRY, Position(plan, rows, settings=settings))


def rebuild(
    trade: OpenTrade, settings: ExecutionSettings, *, trailed_ms: int = 0, close_why: str = ""
) -> PositionMachine:
    """The same machine from plan, orders and fills alone; feed it Resumed to let it go on.

    A living process may pass on what it remembers beside them: its last trail, and a wish to close not yet an order.
    """
    position = of_trade(trade, settings)
    position = replace(position, trailed_ms=trailed_ms or position.last_trail_ms, close_why=close_why)
    return Machine(POSITION_TABLE, classify(position), position)


# --- folding events into orders and fills -----------------------------------------------------------------------


def _change(position: Position, client_order_id: str, change: Callable[[OrderRow], dict[str, Any]]) -> Position:
    """Apply a change to one row; an order we do not know changes nothing (the executor attaches anew for those)."""
    rows = tuple(
        msgspec.structs.replace(row, **change(row)) if row.spec.client_order_id == client_order_id else row
        for row in position.orders
    )
    return replace(position, orders=rows)


def _accepted(position: Position, event: OrderAccepted) -> Position:
    def change(row: OrderRow) -> dict[str, Any]:
        settled = row.state in WORKING or (row.state.is_terminal and row.state is not OrderState.REJECTED)
        return {} if settled else {"state": OrderState.ACCEPTED}

    return _change(position, event.client_order_id, change)


def _ended(state: OrderState) -> Callable[[Position, Any], Position]:
    def fold(position: Position, event: OrderRejected | OrderCanceled | OrderExpired) -> Position:
        after = _change(position, event.client_order_id, lambda _: {"state": state})
        row = next((row for row in after.orders if row.spec.client_order_id == event.client_order_id), None)
        failed_close = row is not None and row.spec.leg is Leg.CLOSE and position.net != 0
        return replace(after, close_paused=after.close_paused or failed_close)

    return fold


def _filled(position: Position, event: OrderFilled) -> Position:
    fill = event.fill
    if any(known.venue_trade_id == fill.venue_trade_id for known in position.fills):
        return position

    def change(row: OrderRow) -> dict[str, Any]:
        state = row.state
        if not state.is_terminal or state is OrderState.REJECTED:
            partly = state if state is OrderState.PENDING_CANCEL else OrderState.PARTIALLY_FILLED
            state = OrderState.FILLED if event.leaves_lots == 0 else partly
        return {"state": state, "executed_lots": row.executed_lots + fill.qty_lots}

    return _change(replace(position, fills=(*position.fills, fill), finished=False), event.client_order_id, change)


def _triggered(position: Position, event: OrderTriggered) -> Position:
    return _change(position, event.client_order_id, lambda _: {"triggered": True})


def _in_doubt(position: Position, event: OrderInDoubt) -> Position:
    def change(row: OrderRow) -> dict[str, Any]:
        return {"state": OrderState.IN_DOUBT} if row.state is OrderState.INTENDED else {}

    return _change(position, event.client_order_id, change)


def _denied(position: Position, _: EntryDenied) -> Position:
    """Nothing was journaled and nothing left: there is no trade to finish."""
    for row in position.orders:
        position = _change(position, row.spec.client_order_id, lambda _: {"state": OrderState.DENIED})
    return replace(position, finished=True)


def _wish_close(position: Position, event: CloseRequested) -> Position:
    """The first reason stands; a trade that has nothing yet just gives its entry up."""
    return replace(position, close_why=position.close_why or event.reason.value)


def _hold_ended(position: Position, _: HoldEnded) -> Position:
    return _wish_close(position, CloseRequested(ExitReason.TIMEOUT))


def _unpaused(position: Position, _: RetryDue) -> Position:
    return replace(position, close_paused=False)


def _same(position: Position, _: object) -> Position:
    return position


# --- steps ------------------------------------------------------------------------------------------------------


def _step(
    fold: Callable[[Position, Any], Position], *to: PositionState
) -> Step[PositionState, Position, PositionEffect]:
    """Fold, act, read the state."""

    def do(position: Position, event: object) -> Moved:
        after, effects = act(fold(position, event))
        return classify(after), after, effects

    return Step(frozenset(to), do)


def _time_out(position: Position, _: EntryTimedOut) -> Moved:
    entry = position.entry
    assert entry is not None, "an adopted position has no entry to time out"
    asked, effects = cancel(position, entry, "entry timeout")
    return classify(asked), asked, effects


def _trail(position: Position, event: PriceMoved) -> Moved:
    """SL = max(SL, price - trail), mirrored for shorts, one replacement at a time (S3-3)."""
    plan, stops = position.plan, position.living_stops()
    wanted = event.px_ticks - plan.side.sign * plan.trail_ticks
    early = event.now_ms - position.trailed_ms < position.settings.trail_every_ms
    if early or len(stops) != 1 or plan.trail_ticks == 0:
        return P.TRAILING, position, []
    if not position.tighter(wanted, stops[0].spec.trigger_ticks):
        return P.TRAILING, position, []
    if len(position.rows(Leg.STOP)) >= position.settings.stop_attempts_max:
        return P.TRAILING, position, []
    moved, effects = submit(replace(position, trailed_ms=event.now_ms), next_stop(position, wanted), "trail")
    return P.TRAILING, moved, effects


# --- table ------------------------------------------------------------------------------------------------------

_CLOSED = (
    P.NO_FILL,
    P.CLOSED_TP1_FULL,
    P.CLOSED_TP2,
    P.CLOSED_SL,
    P.CLOSED_TIMEOUT,
    P.CLOSED_MANUAL,
    P.CLOSED_EMERGENCY,
)
_ENTERING = (P.PENDING_ENTRY, P.ENTRY_SENT, P.PARTIAL_FILL, P.ENTRY_CANCELING)
_HOLDING = (P.ACTIVE, P.TP1_HIT, P.TRAILING)
_NO_PRICE = Ignore("nothing trails yet")
_NO_ENTRY = Ignore("the entry is over")
_NO_HOLD = Ignore("nothing is held, or it is being closed")
_NO_RETRY = Ignore("nothing is being closed")
_SEEN_THROUGH = Ignore("the executor sees cancels through; the order's true end has its own event")


def _entry_rows(state: PositionState, onwards: tuple[PositionState, ...]) -> Table[P, Position, PositionEffect]:
    """What may happen while the entry can still fill. `onwards` are the entry states that may follow."""
    ends = (P.NO_FILL, *_HOLDING, P.CLOSING, P.ENTRY_CANCELING, *_CLOSED)
    return {
        (state, OrderAccepted): _step(_accepted, *onwards),
        (state, OrderRejected): _step(_ended(OrderState.REJECTED), *onwards, *ends),
        (state, OrderFilled): _step(_filled, *onwards, P.PARTIAL_FILL, *ends),
        (state, OrderCanceled): _step(_ended(OrderState.CANCELED), *onwards, *ends),
        (state, OrderExpired): _step(_ended(OrderState.EXPIRED), *onwards, *ends),
        (state, OrderTriggered): _step(_triggered, *onwards, P.ENTRY_CANCELING, P.CLOSING),
        (state, OrderInDoubt): _step(_in_doubt, *onwards),
        (state, CancelRejected): _SEEN_THROUGH,
        (state, CloseRequested): _step(_wish_close, P.CLOSING),
        (state, RetryDue): _NO_RETRY,
        (state, PriceMoved): _NO_PRICE,
        (state, Resumed): _step(_same, *onwards, P.ENTRY_CANCELING, P.CLOSING),
    }


def _holding_rows(state: PositionState, onwards: tuple[PositionState, ...]) -> Table[P, Position, PositionEffect]:
    """What may happen to a position whose entry is over."""
    return {
        (state, OrderAccepted): _step(_accepted, *onwards),
        (state, OrderRejected): _step(_ended(OrderState.REJECTED), *onwards, P.CLOSING),
        (state, OrderFilled): _step(_filled, *onwards, P.CLOSING, *_CLOSED),
        (state, OrderCanceled): _step(_ended(OrderState.CANCELED), *onwards, P.CLOSING),
        (state, OrderExpired): _step(_ended(OrderState.EXPIRED), *onwards, P.CLOSING),
        (state, OrderTriggered): _step(_triggered, *onwards, P.CLOSING),
        (state, OrderInDoubt): _step(_in_doubt, *onwards),
        (state, CancelRejected): _SEEN_THROUGH,
        (state, EntryTimedOut): _NO_ENTRY,
        (state, HoldEnded): _step(_hold_ended, P.CLOSING),
        (state, CloseRequested): _step(_wish_close, P.CLOSING),
        (state, RetryDue): _NO_RETRY,
        (state, PriceMoved): _NO_PRICE,
        (state, Resumed): _step(_same, *onwards),
    }


def _closed_rows(state: PositionState) -> Table[P, Position, PositionEffect]:
    """A closed trade only hears of its leftovers, unless money moves once more."""
    again = (state, P.CLOSING, *_CLOSED)
    return {
        (state, OrderAccepted): _step(_accepted, *again, P.ENTRY_SENT, P.ENTRY_CANCELING),
        (state, OrderRejected): _step(_ended(OrderState.REJECTED), *again),
        (state, OrderFilled): _step(_filled, *again, P.PARTIAL_FILL, P.ACTIVE),
        (state, OrderCanceled): _step(_ended(OrderState.CANCELED), *again),
        (state, OrderExpired): _step(_ended(OrderState.EXPIRED), *again),
        (state, OrderTriggered): _step(_triggered, *again),
        (state, OrderInDoubt): Ignore("a leftover; the executor asks"),
        (state, CancelRejected): _SEEN_THROUGH,
        (state, EntryTimedOut): _NO_ENTRY,
        (state, HoldEnded): _NO_HOLD,
        (state, CloseRequested): Ignore("already closed"),
        (state, RetryDue): _NO_RETRY,
        (state, PriceMoved): _NO_PRICE,
        (state, Resumed): _step(_same, state),
    }


def _closing_rows() -> Table[P, Position, PositionEffect]:
    """On the way out: fills end it, everything else is noted or tried again."""
    return {
        (P.CLOSING, OrderAccepted): _step(_accepted, P.CLOSING),
        (P.CLOSING, OrderRejected): _step(_ended(OrderState.REJECTED), P.CLOSING, *_CLOSED),
        (P.CLOSING, OrderFilled): _step(_filled, P.CLOSING, *_CLOSED),
        (P.CLOSING, OrderCanceled): _step(_ended(OrderState.CANCELED), P.CLOSING, *_HOLDING, *_ENTERING, *_CLOSED),
        (P.CLOSING, OrderExpired): _step(_ended(OrderState.EXPIRED), P.CLOSING, *_HOLDING, *_ENTERING, *_CLOSED),
        (P.CLOSING, OrderTriggered): _step(_triggered, P.CLOSING),
        (P.CLOSING, OrderInDoubt): _step(_in_doubt, P.CLOSING),
        (P.CLOSING, CancelRejected): _SEEN_THROUGH,
        (P.CLOSING, EntryTimedOut): Ignore("the entry is being canceled already"),
        (P.CLOSING, HoldEnded): _NO_HOLD,
        (P.CLOSING, CloseRequested): Ignore("already closing, for the first reason"),
        (P.CLOSING, RetryDue): _step(_unpaused, P.CLOSING),
        (P.CLOSING, PriceMoved): _NO_PRICE,
        (P.CLOSING, Resumed): _step(_same, P.CLOSING),
    }


def _table() -> Table[P, Position, PositionEffect]:
    entering = {
        P.PENDING_ENTRY: (P.PENDING_ENTRY, P.ENTRY_SENT),
        P.ENTRY_SENT: (P.ENTRY_SENT,),
        P.PARTIAL_FILL: (P.PARTIAL_FILL,),
        P.ENTRY_CANCELING: (P.ENTRY_CANCELING,),
    }
    holding = {
        P.ACTIVE: (P.ACTIVE, P.TP1_HIT, P.TRAILING),
        P.TP1_HIT: (P.TP1_HIT, P.TRAILING),
        P.TRAILING: (P.TRAILING, P.TP1_HIT),
    }
    table: dict[tuple[P, type], Step[P, Position, PositionEffect] | Ignore] = {}
    for state, onwards in entering.items():
        table |= _entry_rows(state, onwards)
        cancels = state is not P.ENTRY_CANCELING
        table[(state, EntryTimedOut)] = (
            Step(frozenset({P.ENTRY_CANCELING}), _time_out) if cancels else Ignore("already being canceled")
        )
        held = state in (P.PARTIAL_FILL, P.ENTRY_CANCELING)
        table[(state, HoldEnded)] = _step(_hold_ended, P.CLOSING) if held else _NO_HOLD
    table[(P.PENDING_ENTRY, EntryDenied)] = _step(_denied, P.NO_FILL)
    table[(P.ENTRY_CANCELING, EntryDenied)] = _step(_denied, P.NO_FILL)
    table[(P.CLOSING, EntryDenied)] = _step(_denied, P.NO_FILL)
    for state, onwards in holding.items():
        table |= _holding_rows(state, onwards)
    table[(P.TRAILING, PriceMoved)] = Step(frozenset({P.TRAILING}), _trail)
    table |= _closing_rows()
    for state in sorted(OVER):
        table |= _closed_rows(state)
    return table


POSITION_TABLE: Table[PositionState, Position, PositionEffect] = _table()
