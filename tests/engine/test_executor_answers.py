"""Every answer of the exchange is understood: duplicates, deferrals, refusals, silence (S3-6, reference: failures)."""

from decimal import Decimal

import msgspec
import pytest

from tests.engine.test_executor_faults import C0, E0, S0, a_world, finished, is_clean
from tests.engine.world import World, a_plan
from vortex.domain.commands import EnterTrade
from vortex.domain.events import AccountSampled, ApiSampled, EntryDenied
from vortex.domain.orders import VenuePosition
from vortex.domain.outcomes import (
    AccountReported,
    CancelUnknown,
    QueryAnswered,
    QueryFailed,
    SendDeferred,
    SendRefused,
    UsageReported,
)
from vortex.domain.records import EquityTaken, TradeFinished


def sends(world: World, key: str) -> int:
    return sum(spec.client_order_id == key for spec in world.venue.requests)


def deferring(world: World, leg: str, times: int, retry_ms: int = 0) -> None:
    """The next orders of a leg provably never leave."""
    submit, left = world.venue.submit, [times]

    def once(spec: object) -> list[object]:
        if spec.leg.value == leg and left[0] > 0:  # type: ignore[attr-defined]
            left[0] -= 1
            return [SendDeferred(client_order_id=spec.client_order_id, retry_after_ms=retry_ms, reason="refused")]  # type: ignore[attr-defined]
        return submit(spec)  # type: ignore[arg-type]

    world.venue.submit = once  # type: ignore[assignment,method-assign]


def test_an_entry_that_never_left_leaves_again_under_its_own_id() -> None:
    """While it is fresh."""
    world = a_world()
    deferring(world, "E", 1)
    world.want()
    world.live(200)
    assert world.state() == "ENTRY_SENT"
    assert sends(world, E0) == 1


def test_an_entry_that_could_not_leave_in_time_is_given_up() -> None:
    """Its market is gone; the stop goes too."""
    world = a_world()
    deferring(world, "E", 100, retry_ms=900)
    world.want()
    world.live(4_000)
    assert finished(world) == ["NO_FILL"]
    assert is_clean(world)


def test_a_veto_meanwhile_holds_the_second_sending_back() -> None:
    """Promise 6 for deferred entries."""
    world = a_world()
    deferring(world, "E", 1, retry_ms=300)
    world.want()
    world.permit.allows = False
    world.live(1_000)
    assert sends(world, E0) == 0
    assert finished(world) == ["NO_FILL"]


def test_a_reduction_that_never_left_is_sent_until_it_does() -> None:
    """However long it takes."""
    world = a_world()
    world.price(50_000.0)
    world.want()
    world.feed(*world.venue.fill(E0))
    deferring(world, "C", 5)
    world.live(6_500)
    assert finished(world) == ["EMERGENCY"]
    assert is_clean(world)


@pytest.mark.parametrize("code", [-1021, -5028])
def test_a_request_refused_for_its_age_did_nothing(code: int) -> None:
    """The same id may leave again, after a new commit."""
    world = a_world()
    world.venue.refuse["E"] = code
    world.want()
    world.live(200)
    assert world.state() == "ENTRY_SENT"
    assert sends(world, E0) == 2


def test_a_duplicate_id_means_that_the_order_is_there() -> None:
    """-4116: another incarnation has sent it; it is asked for, not given up."""
    world = a_world()
    submit = world.venue.submit

    def twice(spec: object) -> list[object]:
        answers = submit(spec)  # type: ignore[arg-type]
        if spec.leg.value != "E":  # type: ignore[attr-defined]
            return answers
        return [SendRefused(client_order_id=spec.client_order_id, code=-4116, reason="duplicate")]  # type: ignore[attr-defined]

    world.venue.submit = twice  # type: ignore[assignment,method-assign]
    world.want()
    assert world.state() == "ENTRY_SENT"
    assert not finished(world)


def test_a_failed_question_is_no_answer() -> None:
    """It is asked again; nothing is concluded."""
    world = a_world()
    world.venue.swallow["E"] = "executed"
    query = world.venue.query
    world.venue.query = lambda key: QueryFailed(client_order_id=key, reason="503")  # type: ignore[assignment,method-assign,return-value]
    world.want()
    world.live(20_000)
    assert not finished(world)
    world.venue.query = query  # type: ignore[method-assign]
    world.live(2_000)
    assert finished(world) == ["NO_FILL"], "found, and canceled at its timeout"
    assert is_clean(world)


def test_a_cancel_without_an_answer_is_seen_through() -> None:
    """Asked what the order is; still open, so canceled again."""
    world = a_world()
    world.want()
    cancel, lost = world.venue.cancel, [2]

    def losing(key: str) -> list[object]:
        if lost[0] > 0:
            lost[0] -= 1
            return [CancelUnknown(client_order_id=key, reason="timeout")]
        return cancel(key)

    world.venue.cancel = losing  # type: ignore[method-assign]
    world.live(8_000)
    assert finished(world) == ["NO_FILL"]
    assert is_clean(world)


def test_a_refused_reduction_of_nothing_makes_it_compare() -> None:
    """-2022: the position went another way."""
    world = a_world()
    world.price(50_000.0)
    world.want()
    world.feed(*world.venue.fill(E0))
    world.venue.silent_stream = True
    world.venue.fill(S0)
    world.venue.silent_stream = False
    world.live(5_500)
    assert finished(world) == ["SL"]
    assert is_clean(world)
    assert world.venue.orders.get(C0) is None


def test_used_budgets_of_the_headers_close_the_door_for_entries() -> None:
    """S3-7."""
    world = a_world()
    world.feed(UsageReported(weight_1m=2_300, orders_10s=-1, orders_1m=-1))
    world.want()
    assert world.events(EntryDenied)[-1].code == "RATE_LIMIT"


def test_the_breaker_hears_of_account_and_interface() -> None:
    """Every five seconds; the journal keeps equity every minute."""
    world = a_world()
    world.live(66_000)
    assert sum(isinstance(event, AccountSampled) for event in world.breaker) >= 12
    assert sum(isinstance(event, ApiSampled) for event in world.breaker) >= 12
    assert len(world.journal.of(EquityTaken)) == 2


def test_money_that_moves_without_a_reason_is_unexplained() -> None:
    """EM-4: standing from one reading to the next, and not accounted for by the stream."""
    world = a_world()
    world.live(5_100)
    world.venue.wallet = Decimal(9_000)
    world.live(10_100)
    samples = [event for event in world.breaker if isinstance(event, AccountSampled)]
    assert samples[-1].unexplained == Decimal(-1_000)


def test_money_that_the_stream_accounts_for_is_explained() -> None:
    """Funding."""
    world = a_world()
    world.live(5_100)
    world.venue.wallet = Decimal(9_990)
    world.feed(AccountReported(positions=(), wallet="9990", reason="FUNDING_FEE", ts_ms=1))
    world.live(10_100)
    samples = [event for event in world.breaker if isinstance(event, AccountSampled)]
    assert samples[-1].unexplained == 0


def test_a_position_in_an_unknown_instrument_is_reported_and_nothing_breaks() -> None:
    """The account may hold what we cannot trade."""
    world = a_world()
    position = VenuePosition(symbol="XYZUSDT", qty_lots=5, entry_px=Decimal(1), update_ms=1)
    world.feed(AccountReported(positions=(position,), wallet=None, reason="ORDER", ts_ms=1))
    snapshot = world.venue.snapshot
    world.venue.snapshot = lambda effect: _with(snapshot(effect), position)  # type: ignore[method-assign]
    world.live(130_000)
    assert any("do not know" in alert.text for alert in world.alerts)
    assert world.executor.state == "SERVING"


def _with(taken: object, position: VenuePosition) -> object:
    return msgspec.structs.replace(taken, positions=(*taken.positions, position))  # type: ignore[attr-defined,type-var]


def test_an_answer_about_an_order_we_do_not_have_is_left_alone() -> None:
    """A stranger's, or long forgotten."""
    world = a_world()
    world.feed(
        QueryAnswered(client_order_id="web_1", order=None),
        SendRefused(client_order_id="web_1", code=-1, reason="x"),
    )
    assert world.executor.view()["orders"] == []


def test_a_bad_trade_number_is_answered_with_the_truth() -> None:
    """TRADE_NO_USED shows the symbol which number is next."""
    world = a_world()
    world.command(EnterTrade(plan=a_plan(trade_no=7, decided_ms=world.venue.now_ms)))
    assert world.events(EntryDenied)[-1].code == "TRADE_NO_USED"
    assert not world.journal.of(TradeFinished)
