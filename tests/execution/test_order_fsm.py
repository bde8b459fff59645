"""The order machine: its table is complete, and money, ends and doubt behave (S3-5, S3-6)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.execution.builders import a_fill, a_spec, described
from vortex.domain.events import OrderAccepted, OrderCanceled, OrderExpired, OrderFilled, OrderRejected, OrderTriggered
from vortex.domain.orders import Leg, OrderKind, OrderState
from vortex.execution.order_events import (
    ORDER_EVENTS,
    Absent,
    CancelAsked,
    CancelDeclined,
    Deferred,
    Dispatched,
    FillSeen,
    Refused,
    SaysCanceled,
    SaysExpired,
    SaysFilled,
    SaysOpen,
    WentUnknown,
    Withheld,
    as_event,
)
from vortex.execution.order_fsm import ORDER_TABLE, new_order
from vortex.kernel.fsm import IllegalTransition, Step

FORBIDDEN = {(state, event) for state in OrderState for event in ORDER_EVENTS} - ORDER_TABLE.keys()


def test_the_forbidden_pairs_are_exactly_these() -> None:
    """Adding a state or an event must change this number knowingly."""
    assert len(FORBIDDEN) == 29
    late = {(state, event.__name__) for state, event in FORBIDDEN if event not in (Dispatched, Withheld)}
    assert late == {
        (OrderState.INTENDED, "Deferred"),
        (OrderState.INTENDED, "Refused"),
        (OrderState.INTENDED, "WentUnknown"),
        (OrderState.INTENDED, "Absent"),
        (OrderState.INTENDED, "CancelDeclined"),
        (OrderState.SUBMITTED, "CancelDeclined"),
        (OrderState.IN_DOUBT, "CancelDeclined"),
        (OrderState.ACCEPTED, "CancelDeclined"),
        (OrderState.PARTIALLY_FILLED, "CancelDeclined"),
    }


def test_a_fill_is_never_forbidden() -> None:
    """Money moves whether or not we were ready for it."""
    assert not [pair for pair in FORBIDDEN if pair[1] is FillSeen]


def test_a_word_of_the_exchange_is_never_forbidden() -> None:
    """It may come at any time, about an order in any state."""
    says = {SaysOpen, SaysFilled, SaysCanceled, SaysExpired}
    assert not [pair for pair in FORBIDDEN if pair[1] in says]


def test_every_state_can_be_reached_and_left() -> None:
    """No state is an orphan or a trap."""
    steps = [(state, rule_) for (state, _), rule_ in ORDER_TABLE.items() if isinstance(rule_, Step)]
    assert {to for _, rule_ in steps for to in rule_.to} == set(OrderState)
    assert {state for state, _ in steps} == set(OrderState)


def test_an_order_lives() -> None:
    """Intended, sent, accepted, filled in two parts."""
    spec = a_spec()
    order = new_order(spec)
    order.handle(Dispatched())
    assert order.handle(SaysOpen(described(spec, OrderState.ACCEPTED))) == [
        OrderAccepted(client_order_id=spec.client_order_id)
    ]
    [first] = order.handle(FillSeen(a_fill(spec, 1, 4)))
    assert isinstance(first, OrderFilled)
    assert (order.state, first.leaves_lots) == (OrderState.PARTIALLY_FILLED, 6)
    order.handle(FillSeen(a_fill(spec, 2, 6)))
    assert order.state is OrderState.FILLED


def test_an_end_is_announced_after_its_last_fill() -> None:
    """Canceled with four executed: nobody may decide on zero."""
    spec = a_spec()
    order = new_order(spec)
    order.handle(Dispatched())
    order.handle(SaysOpen(described(spec, OrderState.ACCEPTED)))
    assert order.handle(SaysCanceled(described(spec, OrderState.CANCELED, executed=4))) == []
    filled, canceled = order.handle(FillSeen(a_fill(spec, 1, 4)))
    assert isinstance(filled, OrderFilled)
    assert canceled == OrderCanceled(client_order_id=spec.client_order_id, executed_lots=4)


def test_a_refusal_is_an_event_with_its_code() -> None:
    """-5022."""
    order = new_order(a_spec())
    order.handle(Dispatched())
    [notice] = order.handle(Refused(-5022, "would cross"))
    assert isinstance(notice, OrderRejected)
    assert notice.code == -5022


def test_an_order_concluded_absent_that_lives_is_taken_back() -> None:
    """The exchange is the truth for what is."""
    spec = a_spec()
    order = new_order(spec)
    order.handle(Dispatched())
    order.handle(WentUnknown("timeout"))
    order.handle(Absent("not found"))
    assert order.state is OrderState.REJECTED
    order.handle(SaysOpen(described(spec, OrderState.ACCEPTED)))
    assert order.state is OrderState.ACCEPTED


def test_a_child_order_means_the_stop_has_triggered() -> None:
    """T32: the child's first word may come before the parent's."""
    spec = a_spec(
        client_order_id="v7-BTCUSDT-1-S0",
        leg=Leg.STOP,
        kind=OrderKind.STOP_MARKET,
        qty_lots=0,
        close_position=True,
        trigger_ticks=4_900,
    )
    order = new_order(spec)
    order.handle(Dispatched())
    order.handle(SaysOpen(described(spec, OrderState.ACCEPTED)))
    child = described(spec, OrderState.ACCEPTED, is_algo=False, venue_order_id=99)
    assert order.handle(as_event(child)) == [OrderTriggered(client_order_id=spec.client_order_id)]
    assert (order.data.venue_order_id, order.data.child_order_id) == (7, 99)
    order.handle(SaysFilled(described(spec, OrderState.FILLED, executed=10, is_algo=False, venue_order_id=99)))
    [filled] = order.handle(FillSeen(a_fill(spec, 1, 10)))
    assert isinstance(filled, OrderFilled)
    assert filled.leaves_lots == 0


def test_an_expiry_says_why() -> None:
    """er 4, 6, 8: ended by the exchange."""
    spec = a_spec()
    order = new_order(spec)
    order.handle(Dispatched())
    order.handle(SaysOpen(described(spec, OrderState.ACCEPTED)))
    [notice] = order.handle(SaysExpired(described(spec, OrderState.EXPIRED, reason="4")))
    assert notice == OrderExpired(client_order_id=spec.client_order_id, executed_lots=0, reason="4")


@pytest.mark.property
@given(st.data())
def test_a_refused_event_changes_nothing(data: st.DataObject) -> None:
    """Law 2 of the kernel's machine, on this table."""
    order = new_order(a_spec())
    before = (order.state, order.data)
    with pytest.raises(IllegalTransition):
        order.handle(data.draw(st.sampled_from([Deferred("x"), Refused(1, "x"), CancelDeclined("x")])))
    assert (order.state, order.data) == before


class OrderLife(RuleBasedStateMachine):
    """Whatever happens in whatever order, lots are counted once and ends are announced once."""

    def __init__(self) -> None:
        super().__init__()
        self.spec = a_spec()
        self.order = new_order(self.spec)
        self.fills = 0
        self.lots = 0
        self.ends = 0
        self.lives = 1

    def _give(self, event: object) -> None:
        if (self.order.state, type(event)) not in ORDER_TABLE:
            return
        ended = self.order.state.is_terminal
        notices = self.order.handle(event)
        self.lives += ended and not self.order.state.is_terminal
        for notice in notices:
            self.ends += isinstance(notice, OrderCanceled | OrderExpired | OrderRejected)

    @rule(event=st.sampled_from([Dispatched(), Withheld("x"), Deferred("x"), WentUnknown("x"), Absent("x")]))
    def ours(self, event: object) -> None:
        self._give(event)

    @rule(event=st.sampled_from([CancelAsked(), CancelDeclined("x"), Refused(-5022, "x")]))
    def wishes(self, event: object) -> None:
        self._give(event)

    @rule(state=st.sampled_from([OrderState.ACCEPTED, OrderState.CANCELED, OrderState.EXPIRED, OrderState.FILLED]))
    def says(self, state: OrderState) -> None:
        executed = self.spec.qty_lots if state is OrderState.FILLED else self.lots
        self._give(as_event(described(self.spec, state, executed=executed)))

    @rule(lots=st.integers(1, 10))
    def fill(self, lots: int) -> None:
        lots = min(lots, self.spec.qty_lots - self.lots)
        if lots > 0:
            self.fills += 1
            self.lots += lots
            self._give(FillSeen(a_fill(self.spec, self.fills, lots)))

    @invariant()
    def lots_are_counted(self) -> None:
        assert self.order.data.filled_lots == self.lots
        assert self.order.data.executed_lots >= self.lots

    @invariant()
    def all_filled_is_an_end(self) -> None:
        if self.lots == self.spec.qty_lots:
            assert self.order.state.is_terminal

    @invariant()
    def an_end_is_announced_once_per_life(self) -> None:
        assert self.ends <= self.lives


TestOrderLife = OrderLife.TestCase
TestOrderLife.pytestmark = [pytest.mark.property]
