"""The process dies at every effect boundary in turn; its successor loses nothing and doubles nothing."""

import pytest

from tests.engine.world import Crash, Trader, World
from vortex.domain.orders import OrderState
from vortex.domain.outcomes import UserStreamUp
from vortex.domain.records import TradeFinished, TradeOpened

E0, S0, T0 = (f"v7-BTCUSDT-1-{leg}0" for leg in "EST")


def story(world: World) -> None:
    """Enter, fill, take profit, trail, stop out."""
    world.want()
    if E0 in world.venue.orders:
        world.feed(*world.venue.fill(E0, 40))
        world.feed(*world.venue.fill(E0))
    if T0 in world.venue.orders:
        world.feed(*world.venue.fill(T0))
    world.live(500)
    stops = [key for key, o in world.venue.orders.items() if o.is_algo and not o.state.is_terminal]
    if stops and world.venue.positions["BTCUSDT"]:
        world.feed(*world.venue.fill(stops[-1]))


def total_effects() -> int:
    world = World()
    world.ready()
    Trader(world)
    world.done_effects = 0
    story(world)
    return world.done_effects


COUNT = total_effects()


@pytest.mark.parametrize("symbol_dies_too", [True, False])
def test_a_crash_at_any_effect_is_recovered_from(symbol_dies_too: bool) -> None:
    """Promises 1, 2, 7, 9, 10: journal, exchange and successor agree, and the position is stopped or gone."""
    for crash_after in range(COUNT):
        world = World()
        world.ready()
        Trader(world)
        world.done_effects, world.crash_after = 0, crash_after
        with pytest.raises(Crash):
            story(world)
        world.crash_after = None
        world.queue.clear()
        world.busy = False
        if symbol_dies_too:
            world.symbols.clear()
        world.boot()
        world.advance(2)
        world.feed(UserStreamUp())
        if symbol_dies_too:
            world.symbol_epoch += 1
            Trader(world)
        for _ in range(150):
            world.price(world.venue.px_ticks / 10)
            world.live(100)
        why = f"crash after effect {crash_after} of {COUNT}"
        held = world.venue.positions.get("BTCUSDT", 0)
        assert sum(fill["quantity"] != "0" for fill in world.executor.view()["positions"]) == (held != 0), why
        working = [o for o in world.venue.orders.values() if o.is_algo and o.state is OrderState.ACCEPTED]
        assert bool(working) == (held != 0), why
        ids = [spec.client_order_id for spec in world.venue.requests]
        assert len(ids) == len(set(ids)), why
        assert world.executor.view()["refused_transitions"] == {}, why
        if held:
            assert world.state() in {"ACTIVE", "TRAILING"}, why
            world.feed(*world.venue.fill(working[-1].client_order_id))
        for record in world.journal.of(TradeOpened):
            ends = [r for r in world.journal.of(TradeFinished) if r.trade_no == record.plan.trade_no]
            assert len(ends) == 1, why
        assert not [o for o in world.venue.orders.values() if not o.state.is_terminal], why
        assert world.executor.view()["orders"] == [], why
