"""The gate: the first reason wins, the seal cannot be forged, slots and leases hold under any story (S2-6, CB-5)."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.engine.world import Trader, World, a_plan
from vortex.domain.commands import EnterTrade
from vortex.domain.lease import Lease
from vortex.domain.orders import OrderState
from vortex.domain.reasons import DenyCode
from vortex.execution.settings import ExecutionSettings
from vortex.execution.specs import close_spec, entry_spec
from vortex.risk.gate import (
    Approved,
    EntryFacts,
    Permission,
    approve_again,
    approve_entry,
    approve_reduction,
    permits,
)


def a_permission(**changes: Any) -> Permission:
    lease = Lease(epoch=2, allows=True, judged_through=5, expires_mono_ns=1_000)
    facts: dict[str, Any] = {
        "lease": lease,
        "mono_ns": 999,
        "breaker_epoch_min": 2,
        "last_close_seq": 5,
        "halted": False,
    }
    return Permission(**{**facts, **changes})


def facts(**changes: Any) -> EntryFacts:
    good: dict[str, Any] = {
        "permission": a_permission(),
        "serving": True,
        "user_stream_up": True,
        "journal_up": True,
        "symbol_reconciled": True,
        "symbol_busy": False,
        "slots_used": 1,
        "slots_max": 2,
        "next_trade_no": 1,
        "age_ms": 0,
        "age_max_ms": 1_500,
        "has_budget": True,
        "equity": Decimal(10_000),
        "margin_used": Decimal(0),
        "margin_share_max": Decimal("0.9"),
        "notional": Decimal(5_000),
        "notional_cap": Decimal(100_000),
        "min_notional": Decimal(5),
        "lots_allowed": True,
    }
    return EntryFacts(**{**good, **changes})


def test_a_good_entry_is_approved() -> None:
    """With its orders, sealed."""
    plan = a_plan()
    spec = entry_spec("v7", plan)
    verdict = approve_entry(plan, (spec,), facts())
    assert isinstance(verdict, Approved)
    assert verdict.specs == (spec,)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"permission": a_permission(halted=True)}, DenyCode.HALTED),
        ({"permission": a_permission(lease=None)}, DenyCode.NO_LEASE),
        ({"permission": a_permission(mono_ns=1_000)}, DenyCode.NO_LEASE),
        ({"permission": a_permission(breaker_epoch_min=3)}, DenyCode.NO_LEASE),
        ({"permission": a_permission(last_close_seq=6)}, DenyCode.LEASE_BEHIND),
        ({"journal_up": False}, DenyCode.JOURNAL_UNAVAILABLE),
        ({"serving": False}, DenyCode.ACCOUNT_UNRECONCILED),
        ({"user_stream_up": False}, DenyCode.USER_STREAM_DOWN),
        ({"symbol_reconciled": False}, DenyCode.SYMBOL_UNRECONCILED),
        ({"symbol_busy": True}, DenyCode.SYMBOL_BUSY),
        ({"slots_used": 2}, DenyCode.SLOTS_FULL),
        ({"next_trade_no": 2}, DenyCode.TRADE_NO_USED),
        ({"age_ms": 1_501}, DenyCode.STALE_INTENT),
        ({"has_budget": False}, DenyCode.RATE_LIMIT),
        ({"lots_allowed": False}, DenyCode.BELOW_MINIMUM),
        ({"notional": Decimal(4)}, DenyCode.BELOW_MINIMUM),
        ({"notional_cap": Decimal(4_999)}, DenyCode.NOTIONAL_CAP),
        ({"margin_used": Decimal(8_501)}, DenyCode.MARGIN),
    ],
)
def test_one_bad_fact_is_enough(change: dict[str, Any], code: DenyCode) -> None:
    """Every refusal has its code."""
    plan = a_plan()
    assert approve_entry(plan, (entry_spec("v7", plan),), facts(**change)) is code


@pytest.mark.parametrize(
    "levels", [{"stop_px_ticks": 500_000}, {"take_profit_px_ticks": 499_999}, {"stop_px_ticks": 0}]
)
def test_levels_on_the_wrong_side_are_refused(levels: dict[str, int]) -> None:
    """A stop above a long's entry would close it at once."""
    plan = a_plan(**levels)
    assert approve_entry(plan, (entry_spec("v7", plan),), facts()) is DenyCode.BAD_LEVELS


@pytest.mark.parametrize(
    "change",
    [{"notional": Decimal(5)}, {"notional_cap": Decimal(5_000)}, {"margin_used": Decimal(8_500)}],
)
def test_what_just_reaches_a_limit_of_size_passes(change: dict[str, Any]) -> None:
    """S2-2: the minimum, the cap, and 90 % of 10 000 with the 500 that 5 000 cost at leverage 10."""
    plan = a_plan()
    assert isinstance(approve_entry(plan, (entry_spec("v7", plan),), facts(**change)), Approved)


def test_levels_a_tick_from_the_entry_are_on_the_right_side() -> None:
    """At the entry itself they are not."""
    plan = a_plan(stop_px_ticks=499_999, take_profit_px_ticks=500_001)
    assert isinstance(approve_entry(plan, (entry_spec("v7", plan),), facts()), Approved)
    plan = a_plan(take_profit_px_ticks=500_000)
    assert approve_entry(plan, (entry_spec("v7", plan),), facts()) is DenyCode.BAD_LEVELS


def test_a_lease_says_no_by_itself() -> None:
    """VETO, and yes only with everything in order."""
    no = Lease(epoch=2, allows=False, judged_through=5, expires_mono_ns=1_000)
    assert permits(a_permission(lease=no)) is DenyCode.VETO
    assert permits(a_permission()) is None


def test_a_second_approval_asks_the_veto_again() -> None:
    """An entry that has not left yet passes under an unexpired lease, and under no other (promise 6)."""
    spec = entry_spec("v7", a_plan())
    assert approve_again(spec, a_permission()).specs == (spec,)
    for changed in ({"mono_ns": 1_000}, {"halted": True}, {"lease": None}):
        with pytest.raises(AssertionError, match="not permitted"):
            approve_again(spec, a_permission(**changed))


def test_an_intent_of_just_the_oldest_age_still_passes() -> None:
    """It is stale beyond that, not at it."""
    plan = a_plan()
    assert isinstance(approve_entry(plan, (entry_spec("v7", plan),), facts(age_ms=1_500)), Approved)


def test_approval_cannot_be_forged() -> None:
    """The seal is the gate's own."""
    with pytest.raises(AssertionError):
        Approved((), object())


def test_a_reduction_passes_by_being_one() -> None:
    """And nothing that could open passes as one."""
    plan = a_plan()
    assert approve_reduction(close_spec("v7", plan, 0, 5, "MANUAL")).specs[0].reduce_only
    with pytest.raises(AssertionError):
        approve_reduction(entry_spec("v7", plan))


class Door(RuleBasedStateMachine):
    """Whatever leases and symbols do, open trades never exceed the slots, and no entry leaves without permission."""

    @initialize(slots=st.integers(1, 2))
    def begin(self, slots: int) -> None:
        self.world = World(ExecutionSettings(max_positions=slots, entry_pause_ms=100))
        self.world.ready()
        for symbol in ("BTCUSDT", "ETHUSDT"):
            Trader(self.world, symbol)
        self.slots = slots

    @rule(symbol=st.sampled_from(["BTCUSDT", "ETHUSDT"]))
    def want(self, symbol: str) -> None:
        before = len(self.world.venue.requests)
        self.world.want(symbol)
        opened = [spec for spec in self.world.venue.requests[before:] if spec.opens]
        assert not opened or (self.world.permit.allows and not self.world.permit.gone)

    @rule(symbol=st.sampled_from(["BTCUSDT", "ETHUSDT"]))
    def enter_out_of_turn(self, symbol: str) -> None:
        number = self.world.executor.view()["close_seq"] + 1
        plan = a_plan(symbol=symbol, trade_no=number, decided_ms=self.world.venue.now_ms)
        self.world.command(EnterTrade(plan=plan), symbol=symbol)

    @rule(allows=st.booleans(), gone=st.booleans())
    def lend(self, allows: bool, gone: bool) -> None:
        self.world.permit.allows, self.world.permit.gone = allows, gone

    @rule(data=st.data())
    def fill(self, data: st.DataObject) -> None:
        resting = [
            key
            for key, order in self.world.venue.orders.items()
            if not order.state.is_terminal and (not order.reduce_only and not order.close_position)
        ]
        if resting:
            self.world.feed(*self.world.venue.fill(data.draw(st.sampled_from(resting))))

    @rule(data=st.data())
    def stop_out(self, data: st.DataObject) -> None:
        held = [
            key
            for key, order in self.world.venue.orders.items()
            if order.is_algo and order.state is OrderState.ACCEPTED and self.world.venue.positions.get(order.symbol)
        ]
        if held:
            self.world.feed(*self.world.venue.fill(data.draw(st.sampled_from(held))))

    @rule(ms=st.integers(1, 60))
    def wait(self, ms: int) -> None:
        self.world.live(ms * 100)

    @invariant()
    def slots_hold(self) -> None:
        assert len(self.world.executor.view()["positions"]) <= self.slots
        assert sum(lots != 0 for lots in self.world.venue.positions.values()) <= self.slots

    @invariant()
    def sums_agree(self) -> None:
        ours = {row["symbol"]: row["quantity"] for row in self.world.executor.view()["positions"]}
        for symbol, lots in self.world.venue.positions.items():
            assert Decimal(ours.get(symbol, "0")) == Decimal(lots) / 1_000


Door.TestCase.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
TestDoor = Door.TestCase
TestDoor.pytestmark = [pytest.mark.property]
