"""The symbol's brain alone: when it may enter, what it does without an executor or a feed (S1-2, EM-3)."""

from typing import Any

from tests.engine.world import Trader, World
from vortex.domain.commands import Attach, EnterTrade
from vortex.domain.effects import Audit, TellExecutor
from vortex.domain.events import Attached, EntryDenied, ExecutorUp, OrderAccepted
from vortex.domain.outcomes import TimerFired

E0 = "v7-BTCUSDT-1-E0"


def a_world() -> World:
    world = World()
    world.ready()
    Trader(world)
    return world


def entries(world: World) -> list[EnterTrade]:
    return [command for command in world.commands if isinstance(command, EnterTrade)]


def test_it_enters_when_everything_is_in_order() -> None:
    """One decision, one command, one record of why."""
    world = a_world()
    world.want()
    assert len(entries(world)) == 1
    (made,) = world.decisions
    assert (made.decision.reason, made.trade_no, made.refused) == ("scripted", 1, "")


def test_it_does_not_enter_on_an_untrusted_feed() -> None:
    """Warming, or with a gap."""
    world = a_world()
    world.symbols["BTCUSDT"].on_feed(False)
    world.want()
    assert entries(world) == []


def test_a_lost_feed_closes_the_position_whatever_else_is_heard() -> None:
    """EM-1, E0-6: one of two connections is away; the other, and readings over REST, go on."""
    world = a_world()
    world.price(50_000.0)
    world.want()
    world.feed(*world.venue.fill(E0))
    world.live(200)
    assert world.venue.positions["BTCUSDT"] == 100
    world.symbols["BTCUSDT"].on_feed_lost()
    world.price(50_000.0)
    world.live(200)
    assert world.venue.positions["BTCUSDT"] == 0
    assert any("feed lost" in alert.text for alert in world.alerts)


def test_a_position_outlives_a_repair_of_many_seconds_but_not_one_without_end() -> None:
    """EM-1 is for silence; a feed that lives behind a repair has as long as EM-2 gives slow REST."""
    world = a_world()
    world.price(50_000.0)
    world.want()
    world.feed(*world.venue.fill(E0))
    symbol = world.symbols["BTCUSDT"]
    world.live(200)
    symbol.on_feed(False)
    for _ in range(58):
        symbol.on_feed_alive()
        world.live(500)
    assert world.venue.positions["BTCUSDT"] == 100
    for _ in range(4):
        symbol.on_feed_alive()
        world.live(500)
    assert world.venue.positions["BTCUSDT"] == 0
    assert any("feed not mended" in alert.text for alert in world.alerts)


def test_a_feed_that_is_trusted_again_is_not_lost() -> None:
    """The loss was over before anything was at stake."""
    world = a_world()
    world.price(50_000.0)
    world.symbols["BTCUSDT"].on_feed(False)
    world.symbols["BTCUSDT"].on_feed_lost()
    world.symbols["BTCUSDT"].on_feed(True)
    world.want()
    world.feed(*world.venue.fill(E0))
    world.live(200)
    assert world.venue.positions["BTCUSDT"] == 100


def test_it_does_not_enter_twice() -> None:
    """One trade at a time."""
    world = a_world()
    world.want()
    world.want()
    assert len(entries(world)) == 1


def test_a_price_gap_stops_entries_for_a_minute() -> None:
    """EM-3."""
    world = a_world()
    world.price(50_000.0)
    world.price(50_600.0)
    assert any("jumped" in alert.text for alert in world.alerts)
    world.want()
    assert entries(world) == []
    world.live(60_000)
    world.want()
    assert len(entries(world)) == 1


def test_a_no_of_the_strategies_is_recorded_once_while_it_says_the_same() -> None:
    """S1-5: what the checklist refuses is plain and leaves nothing; what only the strategies refuse is kept."""
    world = a_world()
    board = world.boards["BTCUSDT"]
    for failed in [
        ("score", "A.confirm"),
        ("A.confirm",),
        ("A.confirm",),
        ("A.confirm", "A.trigger.spike"),
        ("agreement",),
        ("A.confirm",),
        ("strategy",),
    ]:
        board.failed = failed
        world.want()
    assert entries(world) == []
    said = [made.decision.failed for made in world.decisions]
    assert said == [("A.confirm",), ("A.confirm", "A.trigger.spike"), ("A.confirm",), ("strategy",)]
    assert all((made.trade_no, made.refused) == (0, "") for made in world.decisions)


def test_a_denied_decision_is_recorded_as_refused() -> None:
    """It opened nothing, and its number goes to the next one (S1-5, S2-6)."""
    world = a_world()
    world.permit.allows = False
    world.want()
    world.live(1_000)
    asked, denied = world.decisions
    assert (asked.trade_no, asked.refused) == (1, "")
    assert denied.decision == asked.decision
    assert (denied.trade_no, denied.refused) == (0, "VETO")
    world.permit.allows = True
    world.want()
    assert (world.decisions[-1].trade_no, world.decisions[-1].refused) == (1, "")


def test_a_denial_is_followed_by_a_pause() -> None:
    """No hammering on a shut door."""
    world = a_world()
    world.permit.allows = False
    world.want()
    world.want()
    assert len(entries(world)) == 1
    world.live(1_000)
    world.want()
    assert len(entries(world)) == 2


def test_it_asks_to_be_attached_until_it_is() -> None:
    """The executor may not be up yet, or the question was lost."""
    world = a_world()
    engine = world.symbols["BTCUSDT"]
    engine.on_executor(ExecutorUp(epoch=2))
    assert not [e for e in engine.on_cycle() if isinstance(e, TellExecutor)]
    world.advance(2_000)
    world.drive("BTCUSDT", engine.on_cycle())
    assert engine.attached


def test_a_new_executor_is_attached_to_and_voids_an_unheard_wish() -> None:
    """Its predecessor may never have read the command."""
    world = a_world()
    engine = world.symbols["BTCUSDT"]
    world.boards["BTCUSDT"].want = True
    effects = engine.on_cycle()
    assert any(isinstance(e, TellExecutor) and isinstance(e.command, EnterTrade) for e in effects)
    effects = engine.on_executor(ExecutorUp(epoch=2))
    assert [type(e.command) for e in effects if isinstance(e, TellExecutor)] == [Attach]
    assert engine.view()["position"] is None
    assert not engine.attached


def test_a_wish_that_crosses_a_view_on_the_way_stays() -> None:
    """The executor showed what was before it read the command."""
    world = a_world()
    engine = world.symbols["BTCUSDT"]
    shown = world.events(Attached)[-1]
    world.boards["BTCUSDT"].want = True
    engine.on_cycle()
    engine.on_executor(shown)
    assert engine.view()["position"]["state"] == "PENDING_ENTRY"


def test_news_of_an_unknown_order_makes_it_ask_for_the_truth() -> None:
    """Its view is old."""
    world = a_world()
    world.live(3_000)
    effects = world.symbols["BTCUSDT"].on_executor(OrderAccepted(client_order_id="v7-BTCUSDT-9-S0"))
    assert [type(e.command) for e in effects if isinstance(e, TellExecutor)] == [Attach]


def test_a_denial_of_another_trade_changes_nothing() -> None:
    """Late news."""
    world = a_world()
    world.want()
    world.symbols["BTCUSDT"].on_executor(EntryDenied(symbol="BTCUSDT", trade_no=77, code="VETO"))
    assert world.state() == "ENTRY_SENT"


def test_an_illegal_transition_is_refused_and_counted() -> None:
    """S3-5: never applied."""
    world = a_world()
    world.want()
    effects = world.symbols["BTCUSDT"].on_executor(EntryDenied(symbol="BTCUSDT", trade_no=1, code="VETO"))
    assert [e.kind for e in effects if isinstance(e, Audit)] == ["position.refused_transition"]
    assert world.state() == "ENTRY_SENT"
    assert world.symbols["BTCUSDT"].view()["refused_transitions"]


def test_the_view_has_what_people_rely_on() -> None:
    """The keys of `vortex status --json`."""
    world = a_world()
    view: dict[str, Any] = world.symbols["BTCUSDT"].view()
    assert {"feed", "signals", "decision", "position"} <= view.keys()
    assert view["position"] is None
    world.want()
    assert world.symbols["BTCUSDT"].view()["position"]["state"] == "ENTRY_SENT"
    assert world.symbols["BTCUSDT"].view()["decision"]["action"] == "LONG"


def test_an_unknown_timer_is_noted() -> None:
    """Cycles are its clock."""
    world = a_world()
    [effect] = world.symbols["BTCUSDT"].on_timer(TimerFired(key="x"))
    assert isinstance(effect, Audit)
