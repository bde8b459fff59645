"""What a position in a given state must have in place, and the orders that are missing for it.

Acting looks at what is, not at what just happened: after a crash the same look finds the same missing pieces.
"""

from collections.abc import Callable
from dataclasses import replace

import msgspec

from vortex.domain.commands import CancelOrder, FinishTrade, SubmitOrder
from vortex.domain.events import OrderRow
from vortex.domain.orders import Leg, OrderSpec, OrderState
from vortex.execution.position import (
    WORKING,
    Position,
    PositionState,
    classify,
    closing_reason,
    exit_reason,
)
from vortex.execution.position_events import PositionEffect
from vortex.execution.specs import close_spec, stop_spec, take_profit_spec

Acted = tuple[Position, list[PositionEffect]]


def act(position: Position) -> Acted:
    """Ask for everything that the position's state calls for and that is not there yet."""
    match classify(position):
        case PositionState.PENDING_ENTRY | PositionState.ENTRY_SENT | PositionState.PARTIAL_FILL:
            return _guard_entry(position)
        case PositionState.ENTRY_CANCELING:
            return _keep_stopped(position) if position.entered else (position, [])
        case PositionState.ACTIVE:
            return _then(_keep_stopped(position), _keep_target)
        case PositionState.TP1_HIT:
            return _raise_to_break_even(position)
        case PositionState.TRAILING:
            return _then(_keep_stopped(position), _drop_older_stops)
        case PositionState.CLOSING:
            return _then(_cancel_entry(position, "closing"), _close)
        case _:
            return _finish(position)


def submit(position: Position, spec: OrderSpec, why: str) -> Acted:
    """Add an order to the trade and ask the executor for it."""
    row = OrderRow(spec=spec, state=OrderState.INTENDED, executed_lots=0)
    return replace(position, orders=(*position.orders, row)), [SubmitOrder(spec=spec, why=why)]


def cancel(position: Position, row: OrderRow, why: str) -> Acted:
    """Ask once; the executor sees it through."""
    if row.state.is_terminal or row.state is OrderState.PENDING_CANCEL:
        return position, []
    asked = msgspec.structs.replace(row, state=OrderState.PENDING_CANCEL)
    orders = tuple(asked if other is row else other for other in position.orders)
    return replace(position, orders=orders), [CancelOrder(client_order_id=row.spec.client_order_id, why=why)]


def next_stop(position: Position, trigger_ticks: int) -> OrderSpec:
    """The next stop of the trade; reduce-only with a quantity while a closePosition stop may still be there."""
    crowded = any(row.spec.close_position for row in position.living_stops())
    attempt = position.attempt(Leg.STOP)
    return stop_spec(
        position.settings.account_tag, position.plan, attempt, trigger_ticks, position.net if crowded else 0
    )


def _then(acted: Acted, more: Callable[[Position], Acted]) -> Acted:
    """One duty after another."""
    position, effects = acted
    further, added = more(position)
    return further, [*effects, *added]


def _guard_entry(position: Position) -> Acted:
    """An entry may rest only while its stop does (S3-2)."""
    if position.living_stops():
        return position, []
    if position.entered:
        return _keep_stopped(position)
    return _cancel_entry(position, "its stop is gone")


def _cancel_entry(position: Position, why: str) -> Acted:
    entry = position.entry
    return (position, []) if entry is None else cancel(position, entry, why)


def _keep_stopped(position: Position) -> Acted:
    """Replace a lost stop at the tightest place one has stood; a second loss in a row closes instead."""
    if position.living_stops() or position.triggered_stop() is not None:
        return position, []
    stood = [row for row in position.rows(Leg.STOP) if row.state is not OrderState.REJECTED]
    trigger = position.tightest(stood).spec.trigger_ticks if stood else position.plan.stop_px_ticks
    return submit(position, next_stop(position, trigger), "stop lost")


def _keep_target(position: Position) -> Acted:
    rows = position.rows(Leg.TAKE_PROFIT)
    if any(not row.state.is_terminal for row in rows) or len(rows) >= position.settings.take_profit_attempts_max:
        return position, []
    missing = min(position.target_lots - position.target_filled, position.net)
    if missing <= 0:
        return position, []
    attempt = position.attempt(Leg.TAKE_PROFIT)
    spec = take_profit_spec(position.settings.account_tag, position.plan, attempt, missing)
    return submit(position, spec, "take profit")


def _raise_to_break_even(position: Position) -> Acted:
    """Nothing more is risked on the rest; the old stop stays until the new one is confirmed."""
    target = position.break_even_ticks
    if any(not position.tighter(target, row.spec.trigger_ticks) for row in position.living_stops()):
        return position, []
    return submit(position, next_stop(position, target), "break even")


def _drop_older_stops(position: Position) -> Acted:
    confirmed = [row for row in position.living_stops() if row.state in WORKING]
    best = position.tightest(confirmed)
    effects: list[PositionEffect] = []
    for row in confirmed:
        if row is not best:
            position, asked = cancel(position, row, "replaced")
            effects += asked
    return position, effects


def _close(position: Position) -> Acted:
    """One market close at a time, for exactly what is held; a triggered stop is given its time first."""
    closes = position.rows(Leg.CLOSE)
    busy = any(not row.state.is_terminal for row in closes)
    if position.net == 0 or busy or position.close_paused or len(closes) >= position.settings.close_attempts_max:
        return position, []
    if position.triggered_stop() is not None and not closes and not position.close_why:
        return position, []
    reason = closing_reason(position)
    assert reason is not None, "closing for no reason"
    attempt = position.attempt(Leg.CLOSE)
    spec = close_spec(position.settings.account_tag, position.plan, attempt, position.signed_net, reason.value)
    return submit(position, spec, reason.value)


def _finish(position: Position) -> Acted:
    if position.finished:
        return position, []
    reason = exit_reason(position)
    done = FinishTrade(symbol=position.plan.symbol, trade_no=position.plan.trade_no, exit_reason=reason.value)
    return replace(position, finished=True), [done]
