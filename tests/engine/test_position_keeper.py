"""When time makes something due for a trade: its entry's timeout, the end of its holding time (S3-1, S3-4)."""

from tests.engine.world import Trader, World
from vortex.domain.records import TradeFinished

E0 = "v7-BTCUSDT-1-E0"


def entered(**plan: object) -> World:
    """An entry that is working; the price was heard."""
    world = World()
    world.ready()
    Trader(world, **plan)
    world.price(50_000.0)
    world.want()
    return world


def pass_time(world: World, ms: int) -> None:
    """With a living feed."""
    for _ in range(ms // 100):
        world.price(50_000.0)
        world.live(100)


def test_an_entry_is_canceled_when_its_time_is_up_and_not_before() -> None:
    """S3-1: five seconds from the decision."""
    world = entered()
    pass_time(world, 4_900)
    assert world.state() == "ENTRY_SENT"
    pass_time(world, 100)
    assert world.state() is None
    assert [finished.exit_reason for finished in world.journal.of(TradeFinished)] == ["NO_FILL"]


def test_an_entry_that_is_being_canceled_is_held_by_nobody() -> None:
    """S3-4: the holding time begins with the first fill, however long the exchange is silent on the cancel."""
    world = entered()
    world.venue.cancel = lambda key: []  # type: ignore[method-assign]  # the exchange does not answer
    pass_time(world, 6_000)
    assert world.state() == "ENTRY_CANCELING"


def test_a_position_is_closed_when_its_strategys_time_is_up_and_not_before() -> None:
    """S3-4: counted from the first fill."""
    world = entered(max_hold_ms=20_000)
    pass_time(world, 1_000)
    world.feed(*world.venue.fill(E0))
    pass_time(world, 19_900)
    assert world.state() == "ACTIVE"
    pass_time(world, 100)
    assert [finished.exit_reason for finished in world.journal.of(TradeFinished)] == ["TIMEOUT"]


def test_no_strategy_holds_longer_than_the_system_does() -> None:
    """P-3, S3-4: 20 minutes."""
    world = entered(max_hold_ms=10_000_000)
    world.feed(*world.venue.fill(E0))
    pass_time(world, 1_199_900)
    assert world.state() == "ACTIVE"
    pass_time(world, 100)
    assert world.state() is None


def test_a_trade_that_was_shown_anew_says_so_in_its_history() -> None:
    """S3-5: the full history is kept, with the executor's word that replaced ours."""
    world = entered()
    world.feed(*world.venue.fill(E0))
    world.boot()
    world.ready()
    Trader(world)
    history = [step[1:] for step in world.symbols["BTCUSDT"].view()["position"]["history"]]
    assert history[0] == ["ACTIVE", "Rebuilt", "ACTIVE"]
