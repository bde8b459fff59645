"""A symbol's feed on the simulated exchange's own process: what the stream loses is on tape and in CVD all the same."""

import asyncio
import math
from collections.abc import Callable

import aiohttp
import pytest
import pytest_asyncio

from actors.feed import Feed, FeedListener
from actors.times import MarketTimes, TimedBoard
from tests.binance.conftest import served
from vortex import bootstrap
from vortex.domain.market import Trade
from vortex.kernel.clock import SystemClock
from vortex.kernel.rng import Rng
from vortex.market.tape import FOUR_HOURS_MS
from vortex.settings import load

pytestmark = [pytest.mark.asyncio, pytest.mark.venue]
PATIENCE_S = 30
SYMBOL = "BTCUSDT"


class Watched:
    """A feed at work, and the means to do it harm."""

    def __init__(self, market: bootstrap.MarketParts, rest_url: str) -> None:
        self.market, self._url = market, rest_url
        clock = SystemClock()
        times = MarketTimes(clock)
        settings = load({}).settings
        self.board = TimedBoard(settings.signals, market.instruments[SYMBOL], times)
        self.trusted: list[bool] = []
        self.feed = Feed(
            SYMBOL,
            market,
            self.board,
            market.clock,
            Rng(3),
            FeedListener(
                on_message=self.board.apply,
                on_alive=lambda: None,
                on_trusted=self.trusted.append,
                on_lost=lambda: None,
            ),
            times,
        )

    async def control(self, method: str, path: str, body: object = None) -> object:
        """Speak to the simulated exchange's own controls."""
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, f"{self._url}/sim/v1/{path}", json=body) as answer,
        ):
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def lose_trades(self, count: int) -> None:
        """The next prints never leave the exchange's socket."""
        fault = {"kind": "drop_event", "stream": "btcusdt@aggTrade", "count": count}
        await self.control("POST", "faults", fault)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Tick as a symbol's cycle does."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self.feed.tick()
                await asyncio.sleep(0.02)

    @property
    def warm(self) -> bool:
        return bool(self.trusted) and self.trusted[-1]

    async def complete_since(self, first: int, cvd: float) -> bool:
        """Whether CVD has moved by exactly what the exchange's own tape says, and the tape has no hole."""
        last, tape = self.board.last_agg_id, self.board._state[0]["tape"]
        said = float(tape["cvd"])
        trades: list[Trade] = await self.market.reader.agg_trades(SYMBOL, first, last - first + 1)
        assert [trade.agg_id for trade in trades] == list(range(first, last + 1))
        if trades[0].ts_ms // FOUR_HOURS_MS != trades[-1].ts_ms // FOUR_HOURS_MS:
            pytest.skip("four hours of UTC began during the test")
        moved = math.fsum(-trade.qty if trade.buyer_is_maker else trade.qty for trade in trades)
        return math.isclose(said, cvd + moved, abs_tol=1e-6) and self.board.counters()["trade_gaps"] == 0


@pytest.fixture(scope="module")
def exchange():
    """Its own: repairs cost weight, which other tests of this address would miss."""
    with served() as line:
        yield line


@pytest_asyncio.fixture
async def watched(exchange):
    """A warm feed."""
    where = {"VORTEX_VENUE__REST_URL": exchange["rest"], "VORTEX_VENUE__WS_URL": exchange["ws"]}
    market = await bootstrap.open_market(load(where).settings, SystemClock(), Rng(3))
    watched = Watched(market, exchange["rest"])
    task = asyncio.create_task(watched.feed.run())
    try:
        await watched.until(lambda: watched.warm)
        yield watched
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await watched.control("DELETE", "faults")
        await market.close()


async def test_a_gap_is_mended_and_cvd_is_whole(watched):
    """E0-5, E0-8, E1-3: cold at once, warm with everything."""
    first, cvd = watched.board.last_agg_id + 1, float(watched.board._state[0]["tape"]["cvd"])
    await watched.lose_trades(3)
    await watched.until(lambda: watched.feed.repairs >= 2 and watched.warm)
    assert watched.trusted[:3] == [True, False, True]
    assert watched.feed.faults()["Trade gap"] == 1
    assert await watched.complete_since(first, cvd)


async def test_two_gaps_in_a_row_are_mended_one_after_the_other(watched):
    """Nothing of the first is forgotten by the second."""
    first, cvd = watched.board.last_agg_id + 1, float(watched.board._state[0]["tape"]["cvd"])
    for repairs in (2, 3):
        await watched.lose_trades(1)
        await watched.until(lambda wanted=repairs: watched.feed.repairs >= wanted and watched.warm)
    assert watched.trusted[:5] == [True, False, True, False, True]
    assert watched.feed.faults()["Trade gap"] == 2
    assert await watched.complete_since(first, cvd)


async def test_a_gap_during_a_repair_is_mended_before_the_feed_is_warm(watched):
    """The answer is slow; what is lost after it was written is in nobody's hands but the next repair's."""
    first, cvd = watched.board.last_agg_id + 1, float(watched.board._state[0]["tape"]["cvd"])
    slow = {"kind": "delay_ms", "path": "/fapi/v1/aggTrades", "value": 2_500, "executed": True, "count": 2}
    await watched.control("POST", "faults", slow)
    before = (await watched.control("GET", "ledger?kind=fault"))["sequence"]
    await watched.lose_trades(1)
    await watched.until(lambda: not watched.warm)
    struck = False
    while not struck:
        entries = (await watched.control("GET", f"ledger?kind=fault&since={before}"))["entries"]
        struck = any("delay_ms" in str(entry) and "struck" in str(entry) for entry in entries)
        watched.feed.tick()
    await watched.lose_trades(2)
    await watched.until(lambda: watched.warm)
    assert watched.trusted[:3] == [True, False, True]
    assert watched.feed.repairs >= 3
    assert watched.feed.faults()["Trade gap"] >= 2
    assert await watched.complete_since(first, cvd)


async def test_a_lost_connection_leaves_no_hole(watched):
    """Everything since the last trade is fetched, whether or not a gap was named."""
    first, cvd = watched.board.last_agg_id + 1, float(watched.board._state[0]["tape"]["cvd"])
    await watched.control("POST", "faults", {"kind": "drop_ws", "stream": "btcusdt@aggTrade", "count": 1})
    await watched.until(lambda: watched.feed.repairs >= 2 and watched.warm and watched.board.last_agg_id > first)
    assert await watched.complete_since(first, cvd)
