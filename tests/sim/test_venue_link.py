"""The way to the exchange in simulation: reads lag by what was asked, and a request that slept too long stays."""

from types import SimpleNamespace

import pytest

from tests.execution.builders import a_spec
from vortex.domain.effects import SendOrder
from vortex.domain.orders import Leg, OrderKind, Side, TimeInForce
from vortex.domain.outcomes import SendDeferred, VenueOutcome
from vortex.kernel.clock import MS
from vortex.sim.exchange import Exchange
from vortex.sim.faults import CALM
from vortex.sim.house import SYMBOLS, House
from vortex.sim.market import LightMarket
from vortex.sim.story import Story
from vortex.sim.world import World

pytestmark = pytest.mark.sim

CLOSE = a_spec(
    client_order_id="v7-BTCUSDT-1-C0",
    leg=Leg.CLOSE,
    side=Side.SELL,
    kind=OrderKind.MARKET,
    time_in_force=TimeInForce.GTC,
    px_ticks=0,
    reduce_only=True,
)


def pass_time(world: World, ms: int) -> None:
    """Let due events happen until so much later."""
    until_ns = world.now_ns + ms * MS
    while world.step(until_ns):
        pass


@pytest.mark.parametrize("lag_ms", [0, 150, 480])
def test_reads_lag_by_what_was_asked_and_not_by_the_markets_pace(lag_ms: int) -> None:
    """They lagged up to one tick of the book longer: with 388 ms, two looks half a second apart were both too old, and
    a close that had filled was booked as a difference."""
    world = World(1)
    market = LightMarket(world.rng.fork("market"), SYMBOLS, world.now_ms)
    exchange = Exchange(market, 1, lambda: world.now_ms, read_lag_ms=lag_ms)
    exchange.advance(world.now_ms)
    pass_time(world, 30)
    exchange.trade_by_hand("hand", "BTCUSDT", "BUY", 10, world.now_ms)
    if lag_ms:
        pass_time(world, lag_ms - 1)
        assert exchange.fills_since("", 0) == ()
        pass_time(world, 1)
    assert sum(fill.qty_lots for fill in exchange.fills_since("", 0)) == 10


@pytest.mark.parametrize(("age_ms", "leaves"), [(1_000, True), (1_001, False)])
def test_an_order_that_slept_past_its_window_does_not_leave(age_ms: int, leaves: bool) -> None:
    """As the real adapter has it. The exchange would refuse it; to the oracle it would be an order on the wire, and its
    reason to leave without the journal would have passed meanwhile."""
    world = World(1)
    house = House(world, Story(world), CALM)
    house.journal.trouble_ns = world.now_ns
    answers: list[VenueOutcome] = []
    sender = SimpleNamespace(epoch=1)
    stamp_ms = house.link.venue_ms() - age_ms
    house.link.send_order(sender, SendOrder(spec=CLOSE, stamp_ms=stamp_ms), answers.append, late=True)  # type: ignore[arg-type]
    assert bool(house.oracle.wire) is leaves
    pass_time(world, 100)
    assert isinstance(answers[0], SendDeferred) is not leaves
