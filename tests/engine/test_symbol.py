"""The symbol's brain alone: when it may enter, what it does without an executor or a feed (S1-2, EM-3)."""

from typing import Any

import msgspec

from tests.engine.world import FlatBoard, Trader, World
from vortex.domain.commands import Attach, EnterTrade
from vortex.domain.effects import Audit, TellExecutor
from vortex.domain.events import AccountChanged, Attached, EntryDenied, ExecutorUp, OrderAccepted
from vortex.domain.market import Trade
from vortex.domain.orders import OrderState
from vortex.domain.outcomes import TimerFired
from vortex.domain.reasons import DenyCode
from vortex.domain.records import TradeFinished
from vortex.domain.signals import Action, Decision, Strategy
from vortex.engine.symbol import SymbolEngine
from vortex.strategy.decision import DecisionContext

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


def test_more_than_five_seconds_of_silence_close_the_position() -> None:
    """EM-1, E0-6: five seconds themselves do not."""
    world = a_world()
    world.price(50_000.0)
    world.want()  # the cycle that has heard the price
    world.feed(*world.venue.fill(E0))
    world.live(5_000)
    assert world.venue.positions["BTCUSDT"] == 100
    world.live(100)
    assert world.venue.positions["BTCUSDT"] == 0
    assert [alert.text for alert in world.alerts if alert.level == "critical"] == [
        "BTCUSDT: feed lost with a trade open, closing at market"
    ]


def test_a_lost_feed_is_told_once_while_the_exchange_is_silent_on_the_close() -> None:
    """EM-1: one alert, one wish."""
    world = a_world()
    world.price(50_000.0)
    world.want()
    world.venue.cancel = lambda key: []  # type: ignore[method-assign]  # the exchange does not answer
    world.symbols["BTCUSDT"].on_feed_lost()
    world.live(2_000)
    assert world.state() == "CLOSING"
    assert sum("feed lost" in alert.text for alert in world.alerts) == 1


def test_a_process_that_has_heard_nothing_yet_waits_three_times_as_long() -> None:
    """EM-1: connections are made and the history is read first, even when one of them is told lost meanwhile."""
    world = a_world()
    world.want()
    world.feed(*world.venue.fill(E0))
    world.symbols["BTCUSDT"].on_feed_lost()
    world.live(15_000)
    assert world.venue.positions["BTCUSDT"] == 100
    world.live(100)
    assert world.venue.positions["BTCUSDT"] == 0


def test_a_wish_to_close_outlives_the_executor_that_never_heard_it() -> None:
    """EM-1: whoever takes over is asked again, though the feed is well by then."""
    world = a_world()
    world.price(50_000.0)
    world.want()
    world.feed(*world.venue.fill(E0))
    symbol = world.symbols["BTCUSDT"]
    symbol.on_feed_lost()
    world.price(50_000.0)
    assert any(isinstance(effect, TellExecutor) for effect in symbol.on_cycle()), "said to nobody"
    symbol.on_feed(True)
    world.boot()
    world.ready()
    world.drive("BTCUSDT", symbol.on_executor(ExecutorUp(epoch=world.epoch)))
    world.live(1_000)
    assert world.venue.positions["BTCUSDT"] == 0
    assert [finished.exit_reason for finished in world.journal.of(TradeFinished)] == ["EMERGENCY"]


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


def test_a_price_gap_is_more_than_one_percent_between_two_trades_of_the_symbol() -> None:
    """EM-3: one percent itself is none, nor is another market's price, nor what a repaired feed has missed."""
    world = a_world()
    for px in (50_000.0, 50_500.0):
        world.price(px)
    engine = world.symbols["BTCUSDT"]
    foreign = Trade(symbol="ETHUSDT", ts_ms=world.venue.now_ms, agg_id=1, px=3_000.0, qty=1.0, buyer_is_maker=False)
    assert engine.on_market(foreign) == []
    world.price(50_500.0)
    engine.on_feed(False)
    engine.on_feed(True)
    world.price(52_000.0)
    assert world.alerts == []
    world.price(51_479.9)
    assert [alert.text for alert in world.alerts] == ["BTCUSDT: the price jumped to 51479.9"]


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


def a_refused_one(world: World) -> tuple[SymbolEngine, FlatBoard, list[DecisionContext]]:
    """A symbol that would always enter, and whose risk always refuses; and what it decided on."""
    board, contexts = FlatBoard(), []

    def decide(context: DecisionContext, now_ms: int) -> Decision:
        contexts.append(context)
        return Decision(
            symbol="BTCUSDT",
            ts_ms=now_ms,
            action=Action.LONG,
            strategy=Strategy.MOMENTUM_RIDE,
            confidence=80.0,
            final_score=0.9,
            engines_agree=4,
            failed=(),
            reason="scripted",
        )

    engine = SymbolEngine(
        symbol="BTCUSDT",
        epoch=1,
        clock=world.clock,
        board=board,
        decide=decide,
        plan=lambda *_: DenyCode.REWARD_RISK,
    )
    world.symbols["BTCUSDT"] = engine
    engine.on_feed(True)
    world.drive("BTCUSDT", engine.start())
    board.want = True
    return engine, board, contexts


def test_what_risk_refuses_is_counted_recorded_and_not_asked_again_at_once() -> None:
    """S2-6, S1-5: the next decision comes after the pause."""
    world = World()
    world.ready()
    engine, _, contexts = a_refused_one(world)
    world.live(1_000)
    assert len(contexts) == 1
    world.live(100)
    assert len(contexts) == 2
    assert engine.view()["refusals"] == {"REWARD_RISK": 2}
    assert [(made.trade_no, made.refused) for made in world.decisions] == [(0, "REWARD_RISK")] * 2


def test_a_decision_sees_the_account_as_it_was_told_last() -> None:
    """S1-2: open positions and the breaker's word."""
    world = World()
    world.ready()
    engine, _, contexts = a_refused_one(world)
    world.live(100)
    told = world.events(Attached)[-1].account
    changed = msgspec.structs.replace(told, open_positions=1, entries_allowed=False)
    engine.on_executor(AccountChanged(account=changed))
    world.live(1_000)
    assert [(context.open_positions, context.breaker_closed) for context in contexts] == [(0, True), (1, False)]


def test_after_a_trade_it_pauses_and_takes_the_next_number() -> None:
    """A trade that is over is not followed by one in the same breath."""
    world = a_world()
    world.price(50_000.0)
    world.want()
    world.feed(*world.venue.end(E0, OrderState.EXPIRED, "5"))
    assert world.state() is None
    world.want()
    assert [entry.plan.trade_no for entry in entries(world)] == [1]
    world.live(1_000)
    world.want()
    assert [entry.plan.trade_no for entry in entries(world)] == [1, 2]


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


def test_a_view_without_a_trade_ends_what_the_executor_has_already_passed() -> None:
    """Its next number is later than the wish's: it was read, and is over."""
    world = a_world()
    engine = world.symbols["BTCUSDT"]
    shown = world.events(Attached)[-1]
    world.boards["BTCUSDT"].want = True
    engine.on_cycle()
    engine.on_executor(msgspec.structs.replace(shown, next_trade_no=shown.next_trade_no + 1))
    assert engine.view()["position"] is None


def test_news_of_unknown_orders_make_it_ask_no_more_often_than_every_two_seconds() -> None:
    """One view answers them all; and who is not attached asks anyhow."""
    world = a_world()
    engine = world.symbols["BTCUSDT"]
    news = OrderAccepted(client_order_id="v7-BTCUSDT-9-S0")
    world.advance(1_999)
    assert engine.on_executor(news) == []
    world.advance(1)
    assert len(engine.on_executor(news)) == 1
    assert engine.on_executor(news) == []
    engine.on_executor(ExecutorUp(epoch=2))
    world.advance(3_000)
    assert engine.on_executor(news) == []


def test_news_of_unknown_orders_make_it_ask_with_a_trade_open_too() -> None:
    """Another trade's order: the view is old."""
    world = a_world()
    world.price(50_000.0)
    world.want()
    world.advance(3_000)
    effects = world.symbols["BTCUSDT"].on_executor(OrderAccepted(client_order_id="v7-BTCUSDT-9-S0"))
    assert [type(e.command) for e in effects if isinstance(e, TellExecutor)] == [Attach]


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


def test_the_view_has_the_last_decision_and_the_denials() -> None:
    """What people see when nothing happens, and why."""
    world = a_world()
    engine = world.symbols["BTCUSDT"]
    assert engine.view()["decision"]["action"] == "NO_TRADE"
    world.boards["BTCUSDT"].failed = ("score", "agreement")
    world.want()
    assert engine.view()["decision"]["failed"] == ["score", "agreement"]
    world.boards["BTCUSDT"].failed = ()
    world.permit.allows = False
    for denials in (1, 2):
        world.want()
        world.live(1_000)
        assert engine.view()["refusals"] == {"VETO": denials}


def test_the_view_has_running_profit_and_silence() -> None:
    """0.1 BTC bought at 50 000; the last message half a second ago."""
    world = a_world()
    world.want()
    world.feed(*world.venue.fill(E0))
    world.price(50_100.0)
    world.live(600)
    view = world.symbols["BTCUSDT"].view()
    position = view["position"]
    assert (position["entry_px"], position["quantity"], position["pnl"]) == (50_000.0, 0.1, 10.0)
    assert (view["feed"]["silent_ms"], view["feed"]["price"]) == (500, 50_100.0)
    assert position["opened_ms"] is not None
    assert position["history"][0][1:] == ["PENDING_ENTRY", "Opened", "PENDING_ENTRY"]


def test_an_unknown_timer_is_noted() -> None:
    """Cycles are its clock."""
    world = a_world()
    [effect] = world.symbols["BTCUSDT"].on_timer(TimerFired(key="x"))
    assert isinstance(effect, Audit)
