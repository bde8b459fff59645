"""The position machine: complete table, legal moves, and a rebuilt machine that equals the live one (S3-5)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.execution.builders import NOW_MS, a_fill, a_plan, described
from vortex.domain.commands import CancelOrder, FinishTrade, SubmitOrder
from vortex.domain.events import CancelRejected, EntryDenied, OpenTrade, OrderFilled, OrderRow
from vortex.domain.orders import Leg, OrderKind, OrderState, Side
from vortex.domain.reasons import ExitReason
from vortex.execution.order_events import (
    Absent,
    CancelAsked,
    Dispatched,
    FillSeen,
    Refused,
    SaysCanceled,
    SaysExpired,
    SaysOpen,
    WentUnknown,
    as_event,
)
from vortex.execution.order_fsm import OrderMachine, new_order
from vortex.execution.position import OVER, PositionState
from vortex.execution.position_events import (
    POSITION_EVENTS,
    CloseRequested,
    EntryTimedOut,
    HoldEnded,
    PriceMoved,
    Resumed,
    RetryDue,
)
from vortex.execution.position_fsm import POSITION_TABLE, open_position, rebuild
from vortex.execution.settings import ExecutionSettings
from vortex.execution.specs import entry_spec, stop_spec
from vortex.kernel.fsm import Step

FORBIDDEN = {(state, event) for state in PositionState for event in POSITION_EVENTS} - POSITION_TABLE.keys()
SETTINGS = ExecutionSettings(trail_every_ms=1_000, stop_attempts_max=20)


def test_the_forbidden_pairs_are_exactly_these() -> None:
    """Only a denial of an entry that has been accepted can never be."""
    assert len(FORBIDDEN) == 12
    assert {event for _, event in FORBIDDEN} == {EntryDenied}


def test_a_fill_is_never_forbidden() -> None:
    """Money moves whether or not we were ready for it."""
    assert not [pair for pair in FORBIDDEN if pair[1] is OrderFilled]


def test_every_state_can_be_reached_and_left() -> None:
    """No state is an orphan or a trap."""
    steps = [(state, rule_) for (state, _), rule_ in POSITION_TABLE.items() if isinstance(rule_, Step)]
    reached = {to for _, rule_ in steps for to in rule_.to}
    assert reached | {PositionState.PENDING_ENTRY} == set(PositionState)
    assert {state for state, rule_ in steps if rule_.to - {state}} == set(PositionState)


class House:
    """A position machine with order machines behind it, as executor and exchange would keep them."""

    def __init__(self, side: Side, share: int) -> None:
        levels = (4_900, 5_150) if side is Side.BUY else (5_100, 4_850)
        self.plan = a_plan(side=side, stop_px_ticks=levels[0], take_profit_px_ticks=levels[1], take_profit_share=share)
        self.live = open_position(self.plan, SETTINGS)
        specs = (stop_spec("v7", self.plan, 0, levels[0]), entry_spec("v7", self.plan))
        self.orders: dict[str, OrderMachine] = {}
        for spec in specs:
            self.orders[spec.client_order_id] = new_order(spec)
            self.orders[spec.client_order_id].handle(Dispatched())
        self.fills: list[object] = []
        self.finished: list[str] = []
        self.ids = 0
        self.now_ms = NOW_MS

    @property
    def net(self) -> int:
        return sum(fill.side.sign * fill.qty_lots for fill in self.fills)

    def tell(self, event: object) -> None:
        """To the position, and its wishes to the orders."""
        for effect in self.live.handle(event):
            match effect:
                case SubmitOrder(spec=spec):
                    assert spec.client_order_id not in self.orders, "an id is used once"
                    assert not spec.opens, "a position only reduces"
                    self.orders[spec.client_order_id] = new_order(spec)
                    self.orders[spec.client_order_id].handle(Dispatched())
                case CancelOrder(client_order_id=key):
                    self.orders[key].handle(CancelAsked())
                case FinishTrade(exit_reason=reason):
                    assert self.net == 0
                    self.finished.append(reason)

    def give(self, key: str, event: object) -> None:
        """To an order, and its notices to the position."""
        machine = self.orders[key]
        if machine.data.cancel_wanted and machine.state in (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED):
            machine.handle(CancelAsked())
        notices = machine.handle(event)
        if machine.data.cancel_wanted and machine.state in (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED):
            machine.handle(CancelAsked())
        for notice in notices:
            self.tell(notice)

    def fill(self, key: str, lots: int) -> None:
        spec = self.orders[key].data.spec
        self.ids += 1
        fill = a_fill(spec, self.ids, lots, ts_ms=self.now_ms + self.ids)
        self.fills.append(fill)
        done = spec.close_position or self.orders[key].data.filled_lots + lots >= spec.qty_lots
        if spec.is_algo:
            state = OrderState.FILLED if done else OrderState.ACCEPTED
            executed = self.orders[key].data.filled_lots + lots
            self.give(key, as_event(described(spec, state, executed=executed, child_order_id=5)))
        self.give(key, FillSeen(fill))

    def rows(self) -> tuple[OrderRow, ...]:
        out = []
        for machine in self.orders.values():
            wished = machine.data.cancel_wanted and not machine.state.is_terminal
            state = OrderState.PENDING_CANCEL if wished else machine.state
            out.append(
                OrderRow(
                    spec=machine.data.spec,
                    state=state,
                    executed_lots=machine.data.filled_lots,
                    triggered=machine.data.triggered,
                )
            )
        return tuple(out)

    def reborn(self) -> object:
        trade = OpenTrade(plan=self.plan, orders=self.rows(), fills=tuple(self.fills))
        return rebuild(trade, SETTINGS, trailed_ms=self.live.data.trailed_ms, close_why=self.live.data.close_why)


class PositionLife(RuleBasedStateMachine):
    """Whatever the exchange does, the machine stays legal, rebuilt equals live, and it ends flat."""

    @initialize(side=st.sampled_from(Side), share=st.sampled_from([60, 100]), stage=st.integers(0, 4))
    def begin(self, side: Side, share: int, stage: int) -> None:
        """A story may begin in the middle: asked for, resting, held, target hit, trailing."""
        self.house = house = House(side, share)
        if stage >= 1:
            self._accept_all()
        if stage >= 2:
            house.fill("v7-BTCUSDT-1-E0", 10)
        if stage >= 3 and share == 60:
            self._accept_all()
            house.fill("v7-BTCUSDT-1-T0", 6)
        if stage >= 4:
            self._accept_all()

    def _accept_all(self) -> None:
        for key, machine in list(self.house.orders.items()):
            if machine.state is OrderState.SUBMITTED:
                self.house.give(key, SaysOpen(described(machine.data.spec, OrderState.ACCEPTED)))

    def _alive(self) -> list[str]:
        return [key for key, machine in self.house.orders.items() if not machine.state.is_terminal]

    def _pick(self, data: st.DataObject) -> str | None:
        alive = self._alive()
        return data.draw(st.sampled_from(alive)) if alive else None

    @rule(data=st.data())
    def accept(self, data: st.DataObject) -> None:
        key = self._pick(data)
        if key and self.house.orders[key].data.spec.kind is not OrderKind.MARKET:
            spec = self.house.orders[key].data.spec
            self.house.give(key, SaysOpen(described(spec, OrderState.ACCEPTED)))

    @rule(data=st.data())
    def refuse(self, data: st.DataObject) -> None:
        key = self._pick(data)
        if key and self.house.orders[key].state is OrderState.SUBMITTED:
            self.house.give(key, Refused(-2021, "scripted"))

    @rule(data=st.data())
    def lose_sight(self, data: st.DataObject) -> None:
        key = self._pick(data)
        if key and self.house.orders[key].state is OrderState.SUBMITTED:
            self.house.give(key, WentUnknown("scripted"))

    @rule(data=st.data())
    def conclude_absent(self, data: st.DataObject) -> None:
        key = self._pick(data)
        if key and self.house.orders[key].state is OrderState.IN_DOUBT:
            self.house.give(key, Absent("scripted"))

    @rule(data=st.data(), lots=st.integers(1, 10))
    def fill(self, data: st.DataObject, lots: int) -> None:
        key = self._pick(data)
        if key is None:
            return
        spec, filled = self.house.orders[key].data.spec, self.house.orders[key].data.filled_lots
        held = self.house.net
        if spec.leg is Leg.ENTRY:
            lots = min(lots, spec.qty_lots - filled)
        elif held * spec.side.sign < 0:
            whole = abs(held) if spec.close_position else min(spec.qty_lots - filled, abs(held))
            lots = whole if spec.close_position else min(lots, whole)
        else:
            return
        if lots > 0:
            self.house.fill(key, lots)

    @rule(data=st.data(), how=st.sampled_from([SaysCanceled, SaysExpired]))
    def end(self, data: st.DataObject, how: type) -> None:
        key = self._pick(data)
        if key is None or self.house.orders[key].state is OrderState.SUBMITTED:
            return
        machine = self.house.orders[key]
        state = OrderState.CANCELED if how is SaysCanceled else OrderState.EXPIRED
        self.house.give(key, how(described(machine.data.spec, state, executed=machine.data.filled_lots)))

    @rule(data=st.data())
    def trigger(self, data: st.DataObject) -> None:
        key = self._pick(data)
        if (
            key
            and self.house.orders[key].data.spec.is_algo
            and self.house.orders[key].state
            in (
                OrderState.ACCEPTED,
                OrderState.PENDING_CANCEL,
            )
        ):
            spec = self.house.orders[key].data.spec
            self.house.give(key, SaysOpen(described(spec, OrderState.ACCEPTED, child_order_id=5)))

    @precondition(lambda self: self.house.live.state not in OVER)
    @rule(event=st.sampled_from([EntryTimedOut(), RetryDue()]))
    def time(self, event: object) -> None:
        self.house.tell(event)

    @precondition(lambda self: self.house.live.state not in OVER)
    @rule(event=st.sampled_from([HoldEnded(), CloseRequested(ExitReason.EMERGENCY)]), dice=st.integers(0, 5))
    def out(self, event: object, dice: int) -> None:
        if dice == 0:
            self.house.tell(event)

    @rule(move=st.integers(-300, 300))
    def price(self, move: int) -> None:
        self.house.now_ms += 1_000
        self.house.tell(PriceMoved(5_000 + move, self.house.now_ms))

    @rule()
    def cancel_refused(self) -> None:
        self.house.tell(CancelRejected(client_order_id="x", reason="scripted"))

    @invariant()
    def rebuilt_equals_live(self) -> None:
        house = self.house
        reborn = house.reborn()
        assert reborn.state is house.live.state
        wants = [effect for effect in reborn.handle(Resumed()) if not isinstance(effect, FinishTrade)]
        if not house.live.data.close_paused:
            assert wants == [], "a reborn machine finds nothing missing"

    @invariant()
    def a_stop_never_moves_back(self) -> None:
        triggers = [row.spec.trigger_ticks * self.house.plan.side.sign for row in self.house.live.data.rows(Leg.STOP)]
        assert triggers == sorted(triggers)

    @invariant()
    def over_means_flat(self) -> None:
        if self.house.live.state in OVER:
            assert self.house.net == 0
            assert self.house.finished


PositionLife.TestCase.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
TestPositionLife = PositionLife.TestCase
TestPositionLife.pytestmark = [pytest.mark.property]


@pytest.mark.property
@given(st.sampled_from(Side), st.integers(1, 10))
def test_the_share_at_the_timeout_decides(side: Side, lots: int) -> None:
    """S3-5: under half is closed again as NO_FILL, half and more goes on."""
    house = House(side, 60)
    for key in list(house.orders):
        house.give(key, SaysOpen(described(house.orders[key].data.spec, OrderState.ACCEPTED)))
    house.fill("v7-BTCUSDT-1-E0", lots)
    house.tell(EntryTimedOut())
    if house.orders["v7-BTCUSDT-1-E0"].state is not OrderState.FILLED:
        spec = house.orders["v7-BTCUSDT-1-E0"].data.spec
        house.give("v7-BTCUSDT-1-E0", SaysCanceled(described(spec, OrderState.CANCELED, executed=lots)))
    if lots < 5:
        assert house.live.state is PositionState.CLOSING
        house.fill("v7-BTCUSDT-1-C0", lots)
        assert house.finished == ["NO_FILL"]
        assert house.live.state is PositionState.NO_FILL
    else:
        assert house.live.state is PositionState.ACTIVE
        assert house.orders["v7-BTCUSDT-1-T0"].data.spec.qty_lots == max(1, lots * 60 // 100)
