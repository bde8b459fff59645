"""The rehearsal walks the whole way of a market event, and nothing of it reaches the market's own side."""

import asyncio

import pytest

from actors.rehearsal import Rehearsal, book_frame, rehearse, trade_frame
from tests.actors.feed_rig import START_MS
from tests.signals.conftest import Build
from vortex.adapters.binance.decode import MarketDecoder
from vortex.domain.market import LEVELS, Depth, Trade
from vortex.kernel.clock import MS, ManualClock, SystemClock
from vortex.settings import MarketSettings, Settings


def test_every_rehearsal_is_heard_and_judged() -> None:
    """A minute of them: each trade and book is accepted, cycles run, the engines of the tape and the book are warm."""
    clock = ManualClock(START_MS * MS)
    stage = Rehearsal(Build().instrument(), Settings(), clock)
    before, cycle_ms = stage.board.counters()["events"], stage.board.cycle_ms
    for _ in range(12_000):
        clock.advance(5 * MS)
        stage.once()
    assert stage.board.counters()["events"] == before + 24_000
    assert stage.board.refusals() == {}
    assert (stage.board.counters()["trade_gaps"], stage.board.counters()["depth_gaps"]) == (0, 0)
    assert stage.board.cycle_ms > cycle_ms
    assert [signal.warm for signal in stage.board.signals(stage.board.cycle_ms)[:3]] == [True, True, True]


def test_a_clock_that_jumps_breaks_no_rehearsal() -> None:
    """Backwards the stage refuses what it hears, as the market's side would, and goes on afterwards."""
    clock = ManualClock(START_MS * MS)
    stage = Rehearsal(Build().instrument(), Settings(), clock)
    clock.advance(5 * MS)
    stage.once()
    clock._now_ns -= 3_600_000 * MS
    stage.once()
    assert stage.board.refusals()
    clock.advance(7_200_000 * MS)
    heard = stage.board.counters()["events"]
    stage.once()
    assert stage.board.counters()["events"] == heard + 2


@pytest.mark.parametrize("number", range(1, 20))
def test_the_frames_are_what_the_exchange_would_send(number: int) -> None:
    """A possible trade, and twenty levels on either side that do not cross."""
    decoder = MarketDecoder()
    trade = decoder.decode(trade_frame(b"BTCUSDT", 7, number), 1)
    book = decoder.decode(book_frame(b"BTCUSDT", 7, number), 1)
    assert isinstance(trade, Trade)
    assert isinstance(book, Depth)
    assert (trade.symbol, trade.agg_id, trade.ts_ms) == (book.symbol, book.final_update_id, book.ts_ms)
    assert trade.qty > 0.0
    assert len(book.bids) == len(book.asks) == LEVELS
    assert book.bids[0][0] < trade.px < book.asks[0][0]


def test_it_rehearses_until_it_is_told_to_stop(monkeypatch) -> None:
    """On the loop of its process, again and again."""

    async def play() -> bool:
        enough = asyncio.Event()
        rounds = iter(range(3))
        monkeypatch.setattr(Rehearsal, "once", lambda _: enough.set() if next(rounds, None) is None else None)
        settings = Settings(market=MarketSettings(rehearse_ms=1))
        task = asyncio.create_task(rehearse(Build().instrument(), settings, SystemClock()))
        async with asyncio.timeout(30):
            await enough.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return task.cancelled()

    assert asyncio.run(play())
