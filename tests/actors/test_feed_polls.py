"""The slow readings of a live feed: each in its period, never beyond the budget, and no failure ends them (E0-3)."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from actors.feed import OVERHEAR_S
from tests.actors.feed_rig import SYMBOL, Rig, lived
from vortex.domain.market import AccountRatio, Candle, MarkPrice, OpenInterest
from vortex.kernel.clock import SECOND
from vortex.kernel.errors import NotSent, OutcomeUnknown, StaleData, VenueRejected
from vortex.market.polls import PollSettings

PERIODS_S = {"open_interest": 15, "global_ratio": 30, "top_ratio": 30, "premium": 60, "candles": 300}


class Time:
    """Sleepers wake in order of their time, and the clock goes with them: hours pass in no time."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._due: list[tuple[int, int, asyncio.Future[None]]] = []
        self._sleepers = 0

    async def sleep(self, seconds: float) -> None:
        if seconds == OVERHEAR_S:
            await asyncio.Event().wait()
        self._sleepers += 1
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._due.append((self._rig.clock.mono() + round(seconds * SECOND), self._sleepers, woken))
        await woken

    async def passes(self, seconds: float, before_each: Callable[[], object] = lambda: None) -> None:
        """Wake whoever is due until then."""
        end = self._rig.clock.mono() + round(seconds * SECOND)
        while (due := min(self._due, default=None)) is not None and due[0] <= end:
            self._due.remove(due)
            self._rig.clock.advance(due[0] - self._rig.clock.mono())
            before_each()
            due[2].set_result(None)
            for _ in range(10):
                await asyncio.sleep(0)
        self._rig.clock.advance(end - self._rig.clock.mono())


class Desk:
    """A feed in a time of its own, with a reader that says when it was asked for what and may be told to fail."""

    def __init__(self, polls: PollSettings | None = None) -> None:
        self.rig = Rig(polls=polls or PollSettings())
        self.time = Time(self.rig)
        self.rig.feed.sleep = self.time.sleep
        self.asked: list[tuple[str, float]] = []
        self.failure: Exception | None = None
        reader = self.rig.exchange
        self._watch(reader, "open_interest", lambda kwargs: "open_interest")
        self._watch(reader, "account_ratios", lambda kwargs: "top_ratio" if kwargs["top_traders"] else "global_ratio")
        self._watch(reader, "premium", lambda kwargs: "premium")
        self._watch(reader, "candles", lambda kwargs: "candles")

    def _watch(self, reader: object, method: str, name: Callable[[dict[str, object]], str]) -> None:
        read: Callable[..., Awaitable[object]] = getattr(reader, method)

        async def watched(*args: object, **kwargs: object) -> object:
            self.asked.append((name(kwargs), self.rig.clock.mono() / SECOND))
            if self.failure is not None:
                raise self.failure
            return await read(*args, **kwargs)

        setattr(reader, method, watched)

    @property
    def counts(self) -> Counter[str]:
        return Counter(name for name, _ in self.asked)

    def times(self, name: str) -> list[float]:
        return [at for each, at in self.asked if each == name]

    def live(self, story: Callable[["Desk"], Awaitable[None]]) -> None:
        """Tell the story to a warm feed; what the warm-up asked is not counted."""

        async def told(rig: Rig) -> None:
            assert rig.warm
            self.asked.clear()
            rig.delivered.clear()
            await story(self)

        asyncio.run(lived(self.rig, told))


def test_every_reading_is_asked_for_in_its_period() -> None:
    """15 s, 30 s, 30 s, 60 s, and the reference candles every five minutes, each give or take a tenth, for an hour."""

    async def story(desk: Desk) -> None:
        await desk.time.passes(3_600)
        for name, period in PERIODS_S.items():
            times = desk.times(name)
            gaps = [after - before for before, after in itertools.pairwise(times)]
            assert len(times) == pytest.approx(3_600 / period, abs=max(2, 0.02 * 3_600 / period))
            assert all(0.9 * period <= gap <= 1.1 * period for gap in gaps)
            assert len({round(gap, 3) for gap in gaps}) > 0.8 * len(gaps)  # scattered, not in step
        assert desk.rig.feed.polls_skipped == 0

    Desk().live(story)


def test_what_was_read_reaches_board_and_brain() -> None:
    """One message for each reading, in the house's own words."""

    async def story(desk: Desk) -> None:
        await desk.time.passes(70)
        said = desk.rig.delivered
        kinds = {(type(each), getattr(each, "top_traders", None)) for each in said}
        assert kinds == {(OpenInterest, None), (AccountRatio, False), (AccountRatio, True), (MarkPrice, None)}
        assert all(each.symbol == SYMBOL for each in said)
        assert len(said) == len(desk.asked)

    Desk().live(story)


def test_a_poll_that_the_budget_does_not_allow_is_left_out_and_counted() -> None:
    """While the address has used too much of the minute, by anybody; then they come back by themselves."""

    async def story(desk: Desk) -> None:
        rig, most = desk.rig, PollSettings().weight_1m_max

        def others_are_busy() -> None:
            rig.budget.told(most + 1, rig.clock.mono())

        await desk.time.passes(600, before_each=others_are_busy)
        assert desk.asked == []
        assert rig.delivered == []
        skipped = rig.feed.polls_skipped
        assert skipped == pytest.approx(40 + 20 + 20 + 10 + 2, abs=6)
        others_are_busy()
        await desk.time.passes(59.999)  # the word of the others is less than a minute old
        assert desk.asked == []
        assert rig.feed.polls_skipped > skipped
        skipped = rig.feed.polls_skipped
        await desk.time.passes(70)
        assert set(desk.counts) >= {"open_interest", "global_ratio", "top_ratio", "premium"}
        assert rig.feed.polls_skipped == skipped

    Desk().live(story)


def test_the_weight_of_the_answers_themselves_is_what_stops_them() -> None:
    """The limit may be reached, not passed: at 1 200 the next poll goes out, at 1 201 it does not."""

    async def story(desk: Desk) -> None:
        rig = desk.rig
        for used, asked in ((1_200, True), (1_201, False)):
            desk.asked.clear()
            await desk.time.passes(17, before_each=lambda used=used: rig.budget.told(used, rig.clock.mono()))
            assert bool(desk.asked) is asked

    Desk().live(story)


@pytest.mark.parametrize(
    "failure", [StaleData("no answer"), OutcomeUnknown("no answer"), NotSent("refused"), VenueRejected(-1003, "much")]
)
def test_a_failed_poll_is_logged_and_the_next_one_is_sent(failure: Exception) -> None:
    """An exchange that does not answer for a while costs readings, nothing else."""

    async def story(desk: Desk) -> None:
        desk.failure = failure
        with structlog.testing.capture_logs() as logs:
            await desk.time.passes(120)
        failed = len(desk.asked)
        assert failed > 8
        assert [(log["event"], log["symbol"]) for log in logs] == [("poll.failed", SYMBOL)] * failed
        assert {log["reason"] for log in logs} == {str(failure)}
        assert desk.rig.delivered == []
        assert desk.rig.feed.polls_skipped == 0
        desk.failure = None
        desk.asked.clear()
        await desk.time.passes(120)
        assert len(desk.rig.delivered) == len(desk.asked) > 8
        assert desk.rig.warm

    Desk().live(story)


def test_a_failure_that_is_a_bug_of_ours_is_not_swallowed() -> None:
    """It ends the feed, and the supervisor takes it from there."""

    async def run() -> None:
        desk = Desk()
        task = asyncio.create_task(desk.rig.feed.run())
        await asyncio.sleep(0)
        desk.rig.wire.up()
        await desk.rig.settle()
        desk.failure = KeyError("ours")
        await desk.time.passes(20)
        done, _ = await asyncio.wait({task}, timeout=30)
        assert done
        assert isinstance(task.exception(), ExceptionGroup)

    asyncio.run(run())


def test_reference_candles_are_of_the_other_symbol_only() -> None:
    """E5-4: what is ours comes by our own streams."""

    async def story(desk: Desk) -> None:
        read: list[str] = []

        async def candles(symbol: str, interval: object, limit: int) -> list[Candle]:
            read.append(symbol)
            return []

        desk.rig.exchange.candles = candles  # type: ignore[method-assign]
        await desk.time.passes(1_000)
        assert set(read) == {"ETHUSDT"}
        assert len(read) == 3

    Desk().live(story)


@pytest.mark.property
@given(st.lists(st.integers(0, 2_400), min_size=1, max_size=30), st.integers(1, 2_400))
def test_a_poll_leaves_exactly_when_the_newest_word_allows_it(words: list[int], most: int) -> None:
    """Whatever others use, and whatever the limit: every due poll is sent or counted, never both, never neither."""
    desk = Desk(PollSettings(weight_1m_max=most))
    expected = Counter[bool]()

    async def story(desk: Desk) -> None:
        left = iter(words)
        said = 0

        def told() -> None:
            nonlocal said
            said = next(left, said)
            desk.rig.budget.told(said, desk.rig.clock.mono())
            expected[said <= most] += 1

        await desk.time.passes(14 * len(words) / 4, before_each=told)
        assert len(desk.asked) == expected[True]
        assert desk.rig.feed.polls_skipped == expected[False]

    desk.live(story)


def test_a_reading_from_the_future_is_counted_and_not_taken() -> None:
    """E0-8: a board that believed it would let no cycle pass until then."""

    async def story(desk: Desk) -> None:
        rig = desk.rig
        ahead_ms = rig.clock.unix() // 10**6 + 3_600_000

        async def ahead(symbol: str) -> OpenInterest:
            return OpenInterest(symbol=symbol, ts_ms=ahead_ms, quantity=6.0)

        rig.exchange.open_interest = ahead  # type: ignore[method-assign]
        await desk.time.passes(16.6)
        assert rig.delivered == []
        assert rig.board.now_ms < ahead_ms
        assert rig.feed.faults()["OpenInterest ahead of the clock"] == 1

    Desk().live(story)


def test_a_history_from_the_future_is_not_taken_either() -> None:
    """E0-5, E0-8: at a start as much as later."""
    rig = Rig()
    ahead_ms = rig.clock.unix() // 10**6 + 3_600_000

    async def history(symbol: str, limit: int) -> list[OpenInterest]:
        return [OpenInterest(symbol=symbol, ts_ms=ahead_ms, quantity=6.0)]

    rig.exchange.open_interest_history = history  # type: ignore[method-assign]

    def told(rig: Rig) -> None:
        assert rig.warm
        assert rig.board.now_ms < ahead_ms
        assert rig.feed.faults() == {"OpenInterest ahead of the clock": 1}

    asyncio.run(lived(rig, told))
