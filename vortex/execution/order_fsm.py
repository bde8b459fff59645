"""The life of one order, as a table over every state and every event.

1. Only the exchange's own words end an order that has left; our wishes and REST's silence never do.
2. An unknown outcome is a state, and it is left by asking, never by sending again (S3-6).
3. Money moves whether or not we were ready: a fill is taken in every state.
4. An end is announced after the last of its fills, so that nobody decides on half of them.
"""

from dataclasses import replace

from vortex.domain.events import (
    CancelRejected,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderInDoubt,
    OrderRejected,
    OrderTriggered,
)
from vortex.domain.orders import OrderSpec, VenueOrder
from vortex.domain.orders import OrderState as S
from vortex.execution.order_events import (
    Absent,
    CancelAsked,
    CancelDeclined,
    Deferred,
    Dispatched,
    FillSeen,
    OrderFacts,
    OrderNotice,
    Refused,
    SaysCanceled,
    SaysExpired,
    SaysFilled,
    SaysOpen,
    SaysRejected,
    WentUnknown,
    Withheld,
)
from vortex.kernel.fsm import Ignore, Machine, Step, Table

Moved = tuple[S, OrderFacts, list[OrderNotice]]
OrderMachine = Machine[S, OrderFacts, OrderNotice]


def new_order(spec: OrderSpec) -> OrderMachine:
    """An order that is about to be journaled."""
    return Machine(ORDER_TABLE, S.INTENDED, OrderFacts(spec))


def revived_order(state: S, facts: OrderFacts) -> OrderMachine:
    """An order as the journal left it; whatever may have left the house is in doubt until the exchange has spoken."""
    unsure = state in (S.INTENDED, S.SUBMITTED)
    return Machine(ORDER_TABLE, S.IN_DOUBT if unsure else state, facts)


# --- facts ------------------------------------------------------------------------------------------------------


def _learn(facts: OrderFacts, order: VenueOrder) -> OrderFacts:
    """Take over what a description says; counters never run backwards."""
    is_child = facts.spec.is_algo and not order.is_algo
    return replace(
        facts,
        executed_lots=max(facts.executed_lots, order.executed_lots),
        venue_order_id=facts.venue_order_id if is_child else order.venue_order_id or facts.venue_order_id,
        child_order_id=order.venue_order_id if is_child else order.child_order_id or facts.child_order_id,
        update_ms=max(facts.update_ms, order.update_ms),
        triggered=facts.triggered or is_child or order.child_order_id != 0,
        reason=order.reason or facts.reason,
    )


def _id(facts: OrderFacts) -> str:
    return facts.spec.client_order_id


def _leaves(facts: OrderFacts, state: S) -> int:
    """Lots still open. A closePosition stop has no quantity of its own: it is open until it is done."""
    if facts.spec.qty_lots == 0:
        return 0 if state is S.FILLED and not facts.fills_missing else 1
    return max(0, facts.spec.qty_lots - facts.filled_lots)


def _trigger_notice(before: OrderFacts, after: OrderFacts) -> list[OrderNotice]:
    if after.triggered and not before.triggered:
        return [OrderTriggered(client_order_id=_id(after))]
    return []


def _close_books(state: S, facts: OrderFacts) -> tuple[OrderFacts, list[OrderNotice]]:
    """Announce the end once, when no fill is missing."""
    if facts.announced or facts.fills_missing:
        return facts, []
    done = replace(facts, announced=True)
    match state:
        case S.CANCELED:
            return done, [OrderCanceled(client_order_id=_id(done), executed_lots=done.filled_lots)]
        case S.EXPIRED:
            expired = OrderExpired(client_order_id=_id(done), executed_lots=done.filled_lots, reason=done.reason)
            return done, [expired]
        case S.REJECTED | S.DENIED:
            return done, [OrderRejected(client_order_id=_id(done), code=done.code, reason=done.reason)]
        case _:
            return done, []


# --- steps ------------------------------------------------------------------------------------------------------


def _dispatch(facts: OrderFacts, _: Dispatched) -> Moved:
    return S.SUBMITTED, facts, []


def _withhold(facts: OrderFacts, event: Withheld) -> Moved:
    known = replace(facts, reason=event.reason)
    known, notices = _close_books(S.DENIED, known)
    return S.DENIED, known, notices


def _defer(facts: OrderFacts, event: Deferred) -> Moved:
    return S.INTENDED, replace(facts, reason=event.reason), []


def _refuse(facts: OrderFacts, event: Refused) -> Moved:
    known, notices = _close_books(S.REJECTED, replace(facts, code=event.code, reason=event.reason))
    return S.REJECTED, known, notices


def _lose_sight(facts: OrderFacts, event: WentUnknown) -> Moved:
    return S.IN_DOUBT, replace(facts, reason=event.reason), [OrderInDoubt(client_order_id=_id(facts))]


def _conclude_absent(facts: OrderFacts, event: Absent) -> Moved:
    known, notices = _close_books(S.REJECTED, replace(facts, reason=event.reason))
    return S.REJECTED, known, notices


def _vanish(facts: OrderFacts, event: Absent) -> Moved:
    """It was there and the exchange no longer knows it: it has ended, and whatever it filled has been counted."""
    known = replace(facts, executed_lots=facts.filled_lots, reason=event.reason)
    known, notices = _close_books(S.CANCELED, known)
    return S.CANCELED, known, notices


def _wish_cancel(state: S) -> Step[S, OrderFacts, OrderNotice]:
    """Remember the wish; the cancel itself leaves when the order is known to be open."""
    return Step(frozenset({state}), lambda facts, _: (state, replace(facts, cancel_wanted=True), []))


def _ask_cancel(facts: OrderFacts, _: CancelAsked) -> Moved:
    return S.PENDING_CANCEL, replace(facts, cancel_wanted=True), []


def _decline_cancel(facts: OrderFacts, event: CancelDeclined) -> Moved:
    return S.PENDING_CANCEL, facts, [CancelRejected(client_order_id=_id(facts), reason=event.reason)]


def _accept(facts: OrderFacts, event: SaysOpen) -> Moved:
    """The first word of the exchange, or a word about an order we thought was gone."""
    known = replace(_learn(facts, event.order), announced=False)
    notices: list[OrderNotice] = [OrderAccepted(client_order_id=_id(known)), *_trigger_notice(facts, known)]
    return (S.PARTIALLY_FILLED if known.filled_lots else S.ACCEPTED), known, notices


def _still_open(state: S) -> Step[S, OrderFacts, OrderNotice]:
    def do(facts: OrderFacts, event: SaysOpen) -> Moved:
        known = _learn(facts, event.order)
        return state, known, _trigger_notice(facts, known)

    return Step(frozenset({state}), do)


def _end(state: S) -> Step[S, OrderFacts, OrderNotice]:
    def do(facts: OrderFacts, event: SaysFilled | SaysCanceled | SaysExpired | SaysRejected) -> Moved:
        known = _learn(facts, event.order)
        done, notices = _close_books(state, known)
        return state, done, [*_trigger_notice(facts, known), *notices]

    return Step(frozenset({state}), do)


def _count(facts: OrderFacts, event: FillSeen) -> tuple[OrderFacts, list[OrderNotice]]:
    """Add the fill; a fill of a stop is proof that it has triggered."""
    filled = facts.filled_lots + event.fill.qty_lots
    known = replace(
        facts,
        filled_lots=filled,
        executed_lots=max(facts.executed_lots, filled),
        triggered=facts.triggered or facts.spec.is_algo,
    )
    return known, _trigger_notice(facts, known)


def _fill_open(open_state: S) -> Step[S, OrderFacts, OrderNotice]:
    def do(facts: OrderFacts, event: FillSeen) -> Moved:
        known, notices = _count(facts, event)
        full = 0 < facts.spec.qty_lots <= known.filled_lots
        state = S.FILLED if full else open_state
        known = replace(known, announced=full)
        notices.append(
            OrderFilled(client_order_id=_id(known), fill=event.fill, leaves_lots=_leaves(known, state)),
        )
        return state, known, notices

    return Step(frozenset({open_state, S.FILLED}), do)


def _fill_late(state: S) -> Step[S, OrderFacts, OrderNotice]:
    """The order has ended and one more of its fills arrives."""

    def do(facts: OrderFacts, event: FillSeen) -> Moved:
        known, notices = _count(facts, event)
        leaves = _leaves(known, state) if state is S.FILLED else 0
        notices.append(OrderFilled(client_order_id=_id(known), fill=event.fill, leaves_lots=leaves))
        done, ending = _close_books(state, known)
        return state, done, [*notices, *ending]

    return Step(frozenset({state}), do)


# --- table ------------------------------------------------------------------------------------------------------

_ALIVE = Ignore("an answer to an earlier sending; the exchange has it")
_OVER = Ignore("an older word about an order that has ended")
_GONE = Ignore("already gone")
_ASKED = Ignore("already asked")
_FOUND = Ignore("the exchange has spoken of it since")
_ENDS: dict[type, S] = {
    SaysFilled: S.FILLED,
    SaysCanceled: S.CANCELED,
    SaysExpired: S.EXPIRED,
    SaysRejected: S.REJECTED,
}


def _endings(state: S) -> dict[tuple[S, type], Step[S, OrderFacts, OrderNotice] | Ignore]:
    return {(state, event): _end(to) for event, to in _ENDS.items()}


ORDER_TABLE: Table[S, OrderFacts, OrderNotice] = {
    # INTENDED: journaled or about to be; a word of the exchange means another incarnation has sent the same id.
    (S.INTENDED, Dispatched): Step(frozenset({S.SUBMITTED}), _dispatch),
    (S.INTENDED, Withheld): Step(frozenset({S.DENIED}), _withhold),
    (S.INTENDED, CancelAsked): _wish_cancel(S.INTENDED),
    (S.INTENDED, SaysOpen): Step(frozenset({S.ACCEPTED, S.PARTIALLY_FILLED}), _accept),
    **_endings(S.INTENDED),
    (S.INTENDED, FillSeen): _fill_open(S.PARTIALLY_FILLED),
    # SUBMITTED: on the wire, unanswered.
    (S.SUBMITTED, Deferred): Step(frozenset({S.INTENDED}), _defer),
    (S.SUBMITTED, Refused): Step(frozenset({S.REJECTED}), _refuse),
    (S.SUBMITTED, WentUnknown): Step(frozenset({S.IN_DOUBT}), _lose_sight),
    (S.SUBMITTED, Absent): Ignore("its answer is still due"),
    (S.SUBMITTED, CancelAsked): _wish_cancel(S.SUBMITTED),
    (S.SUBMITTED, SaysOpen): Step(frozenset({S.ACCEPTED, S.PARTIALLY_FILLED}), _accept),
    **_endings(S.SUBMITTED),
    (S.SUBMITTED, FillSeen): _fill_open(S.PARTIALLY_FILLED),
    # IN_DOUBT: may have arrived; only the exchange can say.
    (S.IN_DOUBT, Refused): Step(frozenset({S.REJECTED}), _refuse),
    (S.IN_DOUBT, WentUnknown): _ASKED,
    (S.IN_DOUBT, Deferred): Ignore("an earlier sending may have arrived"),
    (S.IN_DOUBT, Absent): Step(frozenset({S.REJECTED}), _conclude_absent),
    (S.IN_DOUBT, CancelAsked): _wish_cancel(S.IN_DOUBT),
    (S.IN_DOUBT, SaysOpen): Step(frozenset({S.ACCEPTED, S.PARTIALLY_FILLED}), _accept),
    **_endings(S.IN_DOUBT),
    (S.IN_DOUBT, FillSeen): _fill_open(S.PARTIALLY_FILLED),
    # ACCEPTED, PARTIALLY_FILLED: working.
    (S.ACCEPTED, Deferred): _ALIVE,
    (S.ACCEPTED, Refused): _ALIVE,
    (S.ACCEPTED, WentUnknown): _ALIVE,
    (S.ACCEPTED, Absent): Step(frozenset({S.CANCELED}), _vanish),
    (S.ACCEPTED, CancelAsked): Step(frozenset({S.PENDING_CANCEL}), _ask_cancel),
    (S.ACCEPTED, SaysOpen): _still_open(S.ACCEPTED),
    **_endings(S.ACCEPTED),
    (S.ACCEPTED, FillSeen): _fill_open(S.PARTIALLY_FILLED),
    (S.PARTIALLY_FILLED, Deferred): _ALIVE,
    (S.PARTIALLY_FILLED, Refused): _ALIVE,
    (S.PARTIALLY_FILLED, WentUnknown): _ALIVE,
    (S.PARTIALLY_FILLED, Absent): Step(frozenset({S.CANCELED}), _vanish),
    (S.PARTIALLY_FILLED, CancelAsked): Step(frozenset({S.PENDING_CANCEL}), _ask_cancel),
    (S.PARTIALLY_FILLED, SaysOpen): _still_open(S.PARTIALLY_FILLED),
    **_endings(S.PARTIALLY_FILLED),
    (S.PARTIALLY_FILLED, FillSeen): _fill_open(S.PARTIALLY_FILLED),
    # PENDING_CANCEL: we want it gone; it may fill first.
    (S.PENDING_CANCEL, Deferred): _ALIVE,
    (S.PENDING_CANCEL, Refused): _ALIVE,
    (S.PENDING_CANCEL, WentUnknown): _ALIVE,
    (S.PENDING_CANCEL, Absent): Step(frozenset({S.CANCELED}), _vanish),
    (S.PENDING_CANCEL, CancelAsked): _ASKED,
    (S.PENDING_CANCEL, CancelDeclined): Step(frozenset({S.PENDING_CANCEL}), _decline_cancel),
    (S.PENDING_CANCEL, SaysOpen): _still_open(S.PENDING_CANCEL),
    **_endings(S.PENDING_CANCEL),
    (S.PENDING_CANCEL, FillSeen): _fill_open(S.PENDING_CANCEL),
}


def _terminal_rows() -> dict[tuple[S, type], Step[S, OrderFacts, OrderNotice] | Ignore]:
    """Ended orders differ in one thing: a rejected or denied one that turns out to live is taken back."""
    rows: dict[tuple[S, type], Step[S, OrderFacts, OrderNotice] | Ignore] = {}
    for state in (S.FILLED, S.CANCELED, S.EXPIRED, S.REJECTED, S.DENIED):
        rows |= {(state, answer): _OVER for answer in (Refused, WentUnknown, Deferred, SaysOpen)}
        rows |= {(state, wish): _GONE for wish in (CancelAsked, CancelDeclined)}
        rows |= {(state, ending): _end(state) for ending in _ENDS}
        rows[(state, Absent)] = _FOUND
        rows[(state, FillSeen)] = _fill_late(state)
    for state in (S.REJECTED, S.DENIED):
        rows[(state, SaysOpen)] = Step(frozenset({S.ACCEPTED, S.PARTIALLY_FILLED}), _accept)
        rows[(state, SaysFilled)] = _end(S.FILLED)
        rows[(state, SaysCanceled)] = _end(S.CANCELED)
        rows[(state, SaysExpired)] = _end(S.EXPIRED)
        rows[(state, FillSeen)] = _fill_open(S.PARTIALLY_FILLED)
    return rows


ORDER_TABLE = {**ORDER_TABLE, **_terminal_rows()}
