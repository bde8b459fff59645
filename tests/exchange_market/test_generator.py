"""The generated market: one seed is one story, the book is lawful, and the past ends where the present begins."""

import functools
import os
import subprocess
import sys
import zlib
from collections.abc import Iterable, Iterator
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vortex.exchange.generator import GeneratedMarket
from vortex.exchange.history import INTERVALS_MS, MINUTE_MS, History, minute_candles
from vortex.exchange.market_events import (
    BookState,
    LiquidationPrint,
    MarketEvent,
    MarketTrade,
    MarkState,
    OpenInterestState,
    RatioState,
)
from vortex.kernel.errors import ConfigError

START_MS = 1_763_600_000_000
DIGEST = """
import sys, zlib, msgspec
from vortex.exchange.generator import GeneratedMarket
market = GeneratedMarket(0, ["ETHUSDT", "SOLUSDT"], 1763600000000)
sys.stdout.write(str(zlib.crc32(msgspec.json.encode(market.advance(1763600012000)))))
"""


@pytest.fixture(scope="session")
def default_market() -> tuple[list[MarketEvent], GeneratedMarket]:
    """Ten minutes of two symbols of the default seed, and the market that told them."""
    market = GeneratedMarket(7, ["BTCUSDT", "ETHUSDT"], START_MS)
    return market.advance(START_MS + 600_000), market


@pytest.fixture
def ten_minutes(default_market: tuple[list[MarketEvent], GeneratedMarket]) -> list[MarketEvent]:
    """What the default market tells in ten minutes."""
    return default_market[0]


@pytest.fixture
def past(default_market: tuple[list[MarketEvent], GeneratedMarket]) -> History:
    """What came before."""
    return default_market[1].history("BTCUSDT")


@functools.cache
def twelve_seconds(seed: int) -> list[MarketEvent]:
    """A short story, told in one breath."""
    return GeneratedMarket(seed, ["ETHUSDT", "SOLUSDT"], START_MS).advance(START_MS + 12_000)


def told(market: GeneratedMarket, stops: Iterable[int]) -> list[MarketEvent]:
    """Everything the market says on its way through these times."""
    return [event for stop in stops for event in market.advance(START_MS + stop)]


def with_book(events: Iterable[MarketEvent]) -> Iterator[tuple[BookState, MarketTrade]]:
    """Every print with the book that stood before it."""
    books: dict[str, BookState] = {}
    for event in events:
        if isinstance(event, BookState):
            books[event.symbol] = event
        elif isinstance(event, MarketTrade):
            yield books[event.symbol], event


@pytest.mark.property
@settings(max_examples=3, deadline=None)
@given(cuts=st.lists(st.integers(-50, 12_000), min_size=1, max_size=40))
def test_the_story_does_not_depend_on_the_size_of_the_steps(cuts: list[int]) -> None:
    """However a stretch of time is cut, the same events are told in the same order."""
    whole = twelve_seconds(0)
    cut = told(GeneratedMarket(0, ["ETHUSDT", "SOLUSDT"], START_MS), [*sorted(cuts), 12_000])
    assert cut == whole


def test_another_process_with_another_hash_seed_tells_the_same_story() -> None:
    """Nothing in the market depends on the order of a set or on hash()."""
    found = subprocess.run(
        [sys.executable, "-c", DIGEST],
        env={**os.environ, "PYTHONHASHSEED": "4242"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert found == str(zlib.crc32(msgspec.json.encode(twelve_seconds(0))))


def test_another_seed_tells_another_story() -> None:
    """The seed is the story."""
    assert twelve_seconds(0) != GeneratedMarket(1, ["ETHUSDT", "SOLUSDT"], START_MS).advance(START_MS + 12_000)


@pytest.mark.property
@settings(max_examples=3, deadline=None)
@given(seed=st.integers(-(2**40), 2**40), symbol=st.sampled_from(["BTCUSDT", "SOLUSDT", "DOGEUSDT", "TRXUSDT"]))
def test_books_and_prints_are_lawful_on_every_seed(seed: int, symbol: str) -> None:
    """Bid below ask, levels in order and filled, every print at a level of the book before it."""
    events = GeneratedMarket(seed, [symbol], START_MS).advance(START_MS + 30_000)
    for book in (each for each in events if isinstance(each, BookState)):
        assert book.bids[0][0] < book.asks[0][0]
        assert 20 <= len(book.bids) <= 50
        assert 20 <= len(book.asks) <= 50
        assert all(better[0] > worse[0] for better, worse in pairwise(book.bids))
        assert all(better[0] < worse[0] for better, worse in pairwise(book.asks))
        assert all(lots > 0 for side in (book.bids, book.asks) for _, lots in side)
    for book, trade in with_book(events):
        side = book.bids if trade.buyer_is_maker else book.asks
        assert trade.px_ticks in {px for px, _ in side}
        assert trade.qty_lots > 0
    assert all(before.ts_ms <= after.ts_ms for before, after in pairwise(events))


def test_everything_is_told_from_the_first_moment(ten_minutes: list[MarketEvent]) -> None:
    """A reader that opens with the market knows book, mark, open interest and ratios at once."""
    opening = {(type(event), event.symbol) for event in ten_minutes if event.ts_ms == START_MS}
    for kind in (BookState, MarkState, OpenInterestState, RatioState):
        assert {(kind, "BTCUSDT"), (kind, "ETHUSDT")} <= opening


def test_books_come_every_100_ms(ten_minutes: list[MarketEvent]) -> None:
    """One state per step and symbol."""
    times = [event.ts_ms for event in ten_minutes if isinstance(event, BookState) and event.symbol == "BTCUSDT"]
    assert times == list(range(START_MS, START_MS + 600_001, 100))


def test_shares_rates_and_marks_are_plausible(ten_minutes: list[MarketEvent]) -> None:
    """Shares lie in 0..1, funding is a small rate, mark stays near the book."""
    mids: dict[str, float] = {}
    for event in ten_minutes:
        match event:
            case BookState():
                mids[event.symbol] = (event.bids[0][0] + event.asks[0][0]) / 2
            case MarkState():
                tick = 0.1 if event.symbol == "BTCUSDT" else 0.01
                assert event.mark == pytest.approx(mids[event.symbol] * tick, rel=0.01)
                assert abs(event.funding_rate) < 0.001
                assert event.next_funding_ms % 28_800_000 == 0
                assert 0 < event.next_funding_ms - event.ts_ms <= 28_800_000
            case RatioState():
                shares = (event.global_long, event.top_account_long, event.top_position_long, event.taker_buy_share)
                assert all(0.0 < share < 1.0 for share in shares)
            case _:
                pass


@pytest.mark.parametrize("start_ms", [START_MS // MINUTE_MS * MINUTE_MS, START_MS + 12_345])
def test_the_past_ends_where_the_present_begins(start_ms: int) -> None:
    """Last print, open candle and open interest continue into the first live events."""
    market = GeneratedMarket(7, ["ETHUSDT"], start_ms)
    history = market.history("ETHUSDT")
    events = market.advance(start_ms + 2_000)
    first = next(event for event in events if isinstance(event, MarketTrade))
    interest = next(event for event in events if isinstance(event, OpenInterestState))
    assert history.trades[-1].ts_ms < start_ms <= first.ts_ms
    assert first.px_ticks == pytest.approx(history.trades[-1].px_ticks, rel=0.002)
    assert history.candles["1m"][-1].close_ticks == history.trades[-1].px_ticks
    assert history.candles["1m"][-1].open_ms == (start_ms - 1) // MINUTE_MS * MINUTE_MS
    assert interest.lots == pytest.approx(history.open_interest_recent[-1].lots, rel=0.002)
    assert history.end_ms == start_ms


def test_the_past_is_long_and_without_holes(past: History) -> None:
    """500 candles of 15 minutes, two days of five-minute points, 2,000 prints, all in step."""
    history = past
    assert len(history.candles["15m"]) >= 500
    assert len(history.open_interest) >= 576
    assert len(history.ratios) >= 576
    assert len(history.open_interest_recent) >= 12
    assert len(history.funding) >= 15
    assert len(history.trades) >= 2_000
    for points in (history.open_interest, history.ratios):
        assert all(later.ts_ms - earlier.ts_ms == 300_000 for earlier, later in pairwise(points))
        assert 0 <= START_MS - points[-1].ts_ms < 300_000
    for interval, length in INTERVALS_MS.items():
        rows = history.candles[interval]
        assert all(later.open_ms - earlier.open_ms == length for earlier, later in pairwise(rows))
        assert all(row.low_ticks <= min(row.open_ticks, row.close_ticks) for row in rows)
        assert all(row.high_ticks >= max(row.open_ticks, row.close_ticks) for row in rows)
        assert all(0 <= row.taker_buy_lots <= row.volume_lots for row in rows)
    assert all(earlier.ts_ms <= later.ts_ms for earlier, later in pairwise(history.trades))


def test_candles_are_the_sums_of_the_prints_they_cover(past: History) -> None:
    """Whoever rebuilds the last minutes from the prints finds the served candles."""
    history = past
    begin_ms = (history.trades[0].ts_ms // MINUTE_MS) * MINUTE_MS
    served = [row for row in history.candles["1m"] if row.open_ms >= begin_ms]
    before = next(row for row in reversed(history.candles["1m"]) if row.open_ms < begin_ms)
    assert minute_candles(history.trades, before.close_ticks, begin_ms, START_MS) == served
    fifteen = history.candles["15m"][-2]
    parts = [row for row in history.candles["1m"] if 0 <= row.open_ms - fifteen.open_ms < 15 * MINUTE_MS]
    assert fifteen.volume_lots == sum(row.volume_lots for row in parts)
    assert fifteen.close_ticks == parts[-1].close_ticks


def test_an_impulse_moves_the_next_book_and_stays() -> None:
    """A scripted jump is there within a step, without a print between."""
    market = GeneratedMarket(7, ["BTCUSDT"], START_MS)
    before = [event for event in market.advance(START_MS + 5_000) if isinstance(event, BookState)][-1]
    market.impulse("BTCUSDT", 2.0)
    books = [event for event in market.advance(START_MS + 15_000) if isinstance(event, BookState)]
    assert books[0].ts_ms == START_MS + 5_100
    assert books[0].bids[0][0] == pytest.approx(before.bids[0][0] * 1.02, rel=0.001)
    assert books[-1].bids[0][0] == pytest.approx(before.bids[0][0] * 1.02, rel=0.004)


def test_cascades_announce_forced_orders_and_open_interest_falls(ten_minutes: list[MarketEvent]) -> None:
    """Within the first ten minutes forced orders run in one direction while positions close."""
    events = [event for event in ten_minutes if event.symbol == "BTCUSDT"]
    forced = [event for event in events if isinstance(event, LiquidationPrint)]
    assert len(forced) >= 8
    first, last = forced[0].ts_ms, forced[0].ts_ms + 60_000
    during = [event.lots for event in events if isinstance(event, OpenInterestState) and first <= event.ts_ms <= last]
    assert min(during) < during[0]


def test_bursts_are_one_sided_and_fast(ten_minutes: list[MarketEvent]) -> None:
    """Within two minutes some second trades at least three times the usual, eight prints in a row on one side."""
    events = [event for event in ten_minutes if event.ts_ms <= START_MS + 120_000]
    trades = [event for event in events if isinstance(event, MarketTrade) and event.symbol == "BTCUSDT"]
    rates: dict[int, int] = {}
    streak = longest = 1
    for earlier, later in pairwise(trades):
        rates[later.ts_ms // 1_000] = rates.get(later.ts_ms // 1_000, 0) + 1
        streak = streak + 1 if earlier.buyer_is_maker == later.buyer_is_maker else 1
        longest = max(longest, streak)
    assert max(rates.values()) >= 3 * len(trades) / 120
    assert longest >= 8


@pytest.mark.parametrize("symbols", [[], ["NOPEUSDT"], ["BTCUSDT", "BTCUSDT"]])
def test_impossible_symbols_are_refused(symbols: list[str]) -> None:
    """A typing error in a symbol is the operator's to mend."""
    with pytest.raises(ConfigError, match="symbols"):
        GeneratedMarket(7, symbols, START_MS)


def test_an_impulse_out_of_reach_is_refused(default_market: tuple[list[MarketEvent], GeneratedMarket]) -> None:
    """A scripted move has limits, and a symbol that exists."""
    market = default_market[1]
    for symbol, jump in (("SOLUSDT", 1.0), ("BTCUSDT", -90.0)):
        with pytest.raises(ConfigError, match="cannot move"):
            market.impulse(symbol, jump)
