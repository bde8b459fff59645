"""A feed of which one connection is away: it is lost after five seconds, the other is left alone (E0-4, E0-6)."""

import asyncio

from tests.actors.feed_rig import Rig, lived
from vortex.adapters.binance.endpoints import Route
from vortex.kernel.clock import MS
from vortex.market.feed import FeedState


async def passes(rig: Rig, seconds: int, *, heard: bool) -> None:
    """So many seconds of cycles; with `heard` a message comes in each of them."""
    for _ in range(seconds):
        if heard:
            rig.wire.trade()
        for _ in range(10):
            rig.clock.advance(100 * MS)
            rig.feed.tick()
            await asyncio.sleep(0)


def test_a_connection_that_is_up_is_not_ended_because_the_other_is_down() -> None:
    """It would go into a back-off of its own, and the two might not meet for many minutes."""

    async def story(rig: Rig) -> None:
        rig.wire.down()
        await passes(rig, 60, heard=True)
        assert rig.wire.hung_up == []
        rig.wire.back()
        rig.wire.trade()
        await rig.settle()
        assert rig.feed.state == FeedState.SUBSCRIBED.value

    asyncio.run(lived(Rig(), story))


def test_when_both_are_up_and_silent_both_begin_anew() -> None:
    """Stale after two seconds, given up after two more."""

    async def story(rig: Rig) -> None:
        await passes(rig, 5, heard=False)
        assert rig.wire.hung_up == sorted(Route)

    asyncio.run(lived(Rig(), story))


def test_one_connection_away_for_five_seconds_is_a_lost_feed_whatever_the_other_says() -> None:
    """E0-6: disconnected is as bad as silent. It is told once, and again when it happens again."""

    async def story(rig: Rig) -> None:
        for outage in (1, 2):
            down_ms = rig.clock.mono() // MS
            rig.wire.down()
            await passes(rig, 5, heard=True)
            assert len(rig.lost) == outage - 1
            await passes(rig, 20, heard=True)
            assert len(rig.lost) == outage
            assert 5_000 < rig.lost[-1] - down_ms <= 5_200
            rig.wire.back()
            rig.wire.trade()
            await rig.settle()
            assert rig.warm

    asyncio.run(lived(Rig(), story))
