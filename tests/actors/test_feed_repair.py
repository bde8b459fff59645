"""What a feed misses is fetched from the first missing trade on, and no decision is made before (E0-5, E0-8, E1-3)."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.feed import MISSED_MAX, PAGE, TRADES
from tests.actors.feed_rig import QUIET, Rig, lived
from vortex.adapters.binance.endpoints import Route
from vortex.kernel.clock import MS
from vortex.kernel.errors import OutcomeUnknown
from vortex.market.feed import FeedState


def test_a_trade_that_the_stream_lost_is_in_cvd_and_tape() -> None:
    """The trade that shows the hole waits for those before it."""

    async def story(rig: Rig) -> None:
        assert rig.warm
        rig.wire.trade()
        for _ in range(3):
            rig.wire.trade(lost=True)
        rig.wire.trade()
        assert not rig.warm
        assert rig.board.last_agg_id == 51
        assert rig.feed.reason == "trades 52 to 54 are missing"
        await rig.settle()
        rig.wire.trade()
        assert rig.warm
        assert rig.board.last_agg_id == 56
        assert (rig.feed.repairs, rig.feed.reason) == (2, "")
        assert rig.feed.faults()["Trade gap"] == 1
        rig.check()

    asyncio.run(lived(Rig(), story))


def test_two_gaps_in_a_row_are_two_repairs() -> None:
    """Each from its own first missing trade on."""

    async def story(rig: Rig) -> None:
        for _ in range(2):
            rig.wire.trade(lost=True)
            rig.wire.trade()
            await rig.settle()
            rig.check()
        assert rig.trusted == [True, False, True, False, True]
        assert rig.feed.repairs == 3

    asyncio.run(lived(Rig(), story))


def test_a_gap_within_what_waited_for_a_repair_keeps_the_feed_cold() -> None:
    """The history was read before the second hole, so that the feed may not be called warm with it."""

    async def story(rig: Rig) -> None:
        def meanwhile() -> None:
            rig.wire.trade()
            rig.wire.trade(lost=True)
            rig.wire.trade()
            rig.wire.trade()

        rig.exchange.while_asked.append(meanwhile)
        rig.wire.trade(lost=True)
        rig.wire.trade()
        await rig.settle()
        assert rig.trusted == [True, False, True]
        assert rig.feed.repairs == 3
        assert rig.board.last_agg_id == 56
        rig.wire.trade()
        rig.check()

    asyncio.run(lived(Rig(), story))


def test_a_connection_lost_during_a_repair_is_repaired_again_without_a_look_in_between() -> None:
    """What was missed after the first history was read is in the second one."""

    async def story(rig: Rig) -> None:
        def meanwhile() -> None:
            rig.wire.down()
            for _ in range(5):
                rig.wire.trade(lost=True)
            rig.wire.back()
            rig.wire.trade()

        rig.exchange.while_asked.extend([meanwhile, rig.wire.trade])
        rig.wire.trade(lost=True)
        rig.wire.trade()
        await rig.settle()
        assert rig.trusted == [True, False, True]
        rig.wire.trade()
        assert rig.board.last_agg_id == 60
        rig.check()

    asyncio.run(lived(Rig(), story))


def test_what_was_missed_while_away_is_fetched_beyond_the_newest() -> None:
    """A reconnect asks for everything since the last trade, page by page, not for the newest two thousand."""

    async def story(rig: Rig) -> None:
        rig.wire.down()
        for _ in range(TRADES + 2 * PAGE + 10):
            rig.wire.trade(lost=True)
        rig.exchange.asked.clear()
        rig.wire.back()
        await rig.settle()
        assert rig.warm
        assert rig.feed.given_up == 0
        assert rig.exchange.asked == [(None, TRADES), (1_061, PAGE), (61, PAGE), (51, 10)]
        rig.wire.trade()
        assert rig.board.last_agg_id == 50 + TRADES + 2 * PAGE + 11
        rig.check()

    asyncio.run(lived(Rig(), story))


def test_of_a_hole_too_wide_the_newest_are_taken_and_the_rest_is_told() -> None:
    """A bounded number of questions, and nobody believes that CVD is whole."""

    async def story(rig: Rig) -> None:
        rig.wire.down()
        for _ in range(MISSED_MAX + 30):
            rig.wire.trade(lost=True)
        rig.exchange.asked.clear()
        rig.wire.back()
        rig._trust = lambda trusted: None  # the law of the rig does not hold here
        rig.feed._on_trusted = rig.trusted.append
        await rig.settle()
        assert rig.warm
        assert len(rig.exchange.asked) == 1 + (MISSED_MAX - TRADES) // PAGE
        assert rig.feed.faults() == {"Trade given up": 30}
        assert rig.board.last_agg_id == 50 + MISSED_MAX + 30
        assert rig.cvd == rig.exchange.cvd(1, 50) + rig.exchange.cvd(81, 50 + MISSED_MAX + 30)

    asyncio.run(lived(Rig(), story))


def test_orders_come_before_the_pages_of_a_repair() -> None:
    """When the address has used its share of the minute, what lies behind the newest trades is not asked for."""

    async def story(rig: Rig) -> None:
        rig.feed._on_trusted = rig.trusted.append
        rig.wire.down()
        for _ in range(TRADES + 500):
            rig.wire.trade(lost=True)
        rig.exchange.asked.clear()
        rig.exchange.while_asked.append(lambda: rig.budget.told(QUIET.repair_weight_1m_max + 1, rig.clock.mono()))
        rig.wire.back()
        await rig.settle()
        assert rig.warm
        assert rig.exchange.asked == [(None, TRADES)]
        assert rig.feed.given_up == 500

    asyncio.run(lived(Rig(), story))


def test_a_repair_that_fails_is_tried_again_ever_later() -> None:
    """Each try has its price, so that tries grow rarer; success begins anew."""

    async def story(rig: Rig) -> None:
        for _ in range(2):
            rig.slept.clear()
            rig.exchange.failures.extend(OutcomeUnknown("no answer") for _ in range(4))
            rig.wire.trade(lost=True)
            rig.wire.trade()
            await rig.settle()
            assert rig.warm
            waits = rig.slept
            assert all(0.8 * plain <= said <= plain for said, plain in zip(waits, (1, 2, 4, 8), strict=True))
        rig.check()

    asyncio.run(lived(Rig(), story))


def test_a_history_that_ends_before_the_hole_does_is_asked_for_again() -> None:
    """REST may lag behind the stream; a feed with the hole still in it is not warm."""

    async def story(rig: Rig) -> None:
        rig.wire.trade(lost=True)
        rig.wire.trade(lost=True)
        rig.exchange.late = 2
        rig.exchange.while_asked.extend([lambda: None, lambda: setattr(rig.exchange, "late", 0)])
        rig.wire.trade()
        await rig.settle()
        assert rig.slept[-1] <= 2.0
        assert rig.warm
        assert rig.board.last_agg_id == 53
        rig.check()

    asyncio.run(lived(Rig(), story))


def test_the_trade_behind_the_hole_is_taken_even_when_rest_does_not_have_it_yet() -> None:
    """Nobody tells it a second time."""

    async def story(rig: Rig) -> None:
        rig.wire.trade(lost=True)
        rig.exchange.late = 1
        rig.wire.trade()
        await rig.settle()
        assert rig.warm
        assert rig.board.last_agg_id == 52
        rig.check()

    asyncio.run(lived(Rig(), story))


def test_a_history_that_is_older_than_the_board_is_asked_for_again() -> None:
    """Else the board would lose what it has, and the next trade would stand behind a hole that nobody looks for."""

    async def story(rig: Rig) -> None:
        rig.exchange.late = 2
        rig.exchange.while_asked.append(lambda: setattr(rig.exchange, "late", 0))
        rig.wire.down()
        rig.wire.back()
        await rig.settle()
        assert rig.warm
        assert rig.board.last_agg_id == 50
        rig.wire.trade()
        rig.check()

    asyncio.run(lived(Rig(), story))


def test_a_hole_seen_before_both_routes_are_up_waits_for_the_history() -> None:
    """The link has no use for it yet, the board must not be told a tape with a hole."""

    async def story(rig: Rig) -> None:
        listener = rig.wire._listener
        listener.on_down(Route.PUBLIC, "reset")
        rig.wire.down()
        rig.wire.trade(lost=True)
        listener.on_up(Route.MARKET)
        for _ in range(3):
            rig.wire.trade()
        assert rig.board.last_agg_id == 50
        listener.on_up(Route.PUBLIC)
        await rig.settle()
        assert rig.warm
        assert rig.board.last_agg_id == 54
        rig.check()

    asyncio.run(lived(Rig(), story))


def test_nothing_is_told_before_the_first_history() -> None:
    """Else CVD would begin with the few trades between connection and history."""

    async def run() -> None:
        rig = Rig()
        task = asyncio.create_task(rig.feed.run())
        await asyncio.sleep(0)
        rig.wire.trade()
        rig.wire.up()
        rig.wire.trade()
        assert rig.board.last_agg_id == 0
        await rig.settle()
        assert rig.warm
        assert rig.board.last_agg_id == 52
        rig.check()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())


def test_a_repair_of_many_seconds_is_no_silence_while_frames_arrive() -> None:
    """Else a slow exchange would be hung up on, and never become warm."""

    async def story(rig: Rig) -> None:
        def a_second_and_a_half() -> None:
            rig.wire.trade()
            rig.clock.advance(1_500 * MS)

        async def slow(symbol: str, interval: object, limit: int) -> list[object]:
            a_second_and_a_half()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            rig.feed.tick()
            return []

        rig.exchange.candles = slow  # type: ignore[method-assign]
        rig.wire.trade(lost=True)
        rig.wire.trade()
        await rig.settle()
        assert rig.clock.mono() // MS > START_OF_CLOCK_MS + 6_000
        assert rig.wire.hung_up == []
        assert len(rig.alive) >= 4, "whoever watches a position is told, too"
        assert rig.feed.state == FeedState.SUBSCRIBED.value
        rig.check()

    asyncio.run(lived(Rig(), story))


START_OF_CLOCK_MS = Rig().clock.mono() // MS

steps = st.lists(
    st.sampled_from(["trade", "trade", "lost", "down", "back", "turn", "turns", "fail", "late", "meanwhile", "tick"]),
    max_size=60,
)


class Story:
    """Steps of a story told to a rig; what comes while nothing is connected is lost."""

    def __init__(self, rig: Rig, steps: list[str]) -> None:
        self.rig, self.steps = rig, steps
        self.connected = True

    def trade(self) -> None:
        self.rig.wire.trade(lost=not self.connected)

    def lost(self) -> None:
        self.rig.wire.trade(lost=True)

    def down(self) -> None:
        if self.connected:
            self.connected = False
            self.rig.wire.down()

    def back(self) -> None:
        if not self.connected:
            self.connected = True
            self.rig.wire.back()

    def tick(self) -> None:
        self.rig.feed.tick()

    def fail(self) -> None:
        self.rig.exchange.failures.append(OutcomeUnknown("no answer"))

    def late(self) -> None:
        self.rig.exchange.late = len(self.rig.exchange.tape) % 3

    async def turn(self) -> None:
        await asyncio.sleep(0)

    async def turns(self) -> None:
        await self.rig.settle()

    def meanwhile(self, at: int) -> None:
        """The next few steps that need no loop happen within the next answer of REST too."""
        calm = [s for s in self.steps[at + 1 : at + 5] if s in ("trade", "lost", "down", "back", "tick")]
        self.rig.exchange.while_asked.append(lambda: [getattr(self, s)() for s in calm])

    async def tell(self) -> None:
        for at, step in enumerate(self.steps):
            told = self.meanwhile(at) if step == "meanwhile" else getattr(self, step)()
            if asyncio.iscoroutine(told):
                await told
            if self.rig.warm:
                self.rig.check()

    async def end_well(self) -> None:
        """REST is whole again, the stream is there, nothing more is lost."""
        exchange = self.rig.exchange
        exchange.late = 0
        exchange.failures.clear()
        exchange.while_asked.clear()
        self.back()
        for _ in range(3):
            await self.rig.settle()
            self.trade()
        await self.rig.settle()


@pytest.mark.property
@given(steps)
def test_a_warm_feed_has_every_trade_whatever_was_lost(steps: list[str]) -> None:
    """CVD is that of all trades whenever decisions are allowed, looked at after every step; and it always recovers."""

    async def run(rig: Rig) -> None:
        story = Story(rig, steps)
        await story.tell()
        await story.end_well()
        assert rig.warm
        assert rig.board.last_agg_id == len(rig.exchange.tape)
        rig.check()

    asyncio.run(lived(Rig(), run))
