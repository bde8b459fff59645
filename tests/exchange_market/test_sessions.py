"""Several files, days and symbols: one story in time order, pauses said, nothing told twice, never held whole."""

import tracemalloc
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchange_market.dumps import AGG_HEADER, RECORDED_MS, START_MS, agg_trades, as_csv, as_gzip, as_zip, of_kind
from vortex.adapters.recorded.market import RecordedMarket
from vortex.exchange.candles import INTERVALS_MS, Candles, open_of
from vortex.exchange.generator import GeneratedMarket
from vortex.exchange.history import History, minute_candles
from vortex.exchange.market_events import MarketTrade, OpenInterestState
from vortex.kernel.errors import ConfigError

DAY_MS = 86_400_000
RECORDED_SPAN_MS = 830_000
Table = list[list[Any]]


def moved(rows: Table, by_ms: int, ids: int = 0) -> Table:
    """The same prints at another time, with other ids."""
    return [[row[0] + ids, row[1], row[2], row[3] + ids, row[4] + ids, row[5] + by_ms, row[6]] for row in rows]


def test_days_are_told_one_after_another_and_pauses_are_said(tmp_path: Path) -> None:
    """Files in any order; where nothing was recorded a minute passes, and the story does not depend on the steps."""
    first = agg_trades(200)
    as_zip(tmp_path / "BTCUSDT-aggTrades-2024-07-19", AGG_HEADER, moved(first, DAY_MS, 1_000))
    as_gzip(tmp_path / "BTCUSDT-aggTrades-2024-07-18", AGG_HEADER, first)
    as_csv(tmp_path / "ETHUSDT-aggTrades-2024-07-18", AGG_HEADER, moved(first, 5_000, 9_000))
    whole_market = RecordedMarket([tmp_path], None, START_MS, loop=False)
    whole = whole_market.advance(START_MS + 180_000)
    market = RecordedMarket([tmp_path], None, START_MS, loop=False)
    stops = (100, 27_000, 27_400, 33_000, 60_000, 92_200, 92_300, 140_000, 180_000)
    assert [event for stop in stops for event in market.advance(START_MS + stop)] == whole
    trades = of_kind(whole, MarketTrade)
    assert len(trades) == 600
    bitcoin = [trade for trade in trades if trade.symbol == "BTCUSDT"]
    last_of_all = START_MS + 5_000 + 137 * 199
    assert bitcoin[200].ts_ms == last_of_all + 60_000
    assert all(earlier.ts_ms <= later.ts_ms for earlier, later in pairwise(whole))
    notes = [note for note in market.derived["BTCUSDT"] if note.startswith("gap skipped")]
    assert notes == ["gap skipped: 2024-07-18 23:57:32 to 2024-07-19 23:57:00"] or len(notes) == 1


def test_what_overlapping_files_tell_twice_is_counted(tmp_path: Path) -> None:
    """A day and its month, a row repeated, a row that comes late: told once, and said."""
    rows = agg_trades(300)
    as_csv(tmp_path / "BTCUSDT-aggTrades-2024-07", AGG_HEADER, [*rows[:10], rows[9], *rows[10:]])
    as_csv(tmp_path / "BTCUSDT-aggTrades-2024-07-18", AGG_HEADER, [*rows[200:], *moved(rows[:50], 137 * 300, 300)])
    late = [rows[0], rows[5], rows[3], *rows[6:]]
    as_csv(tmp_path / "ETHUSDT-aggTrades-2024-07-18", AGG_HEADER, late)
    market = RecordedMarket([tmp_path], None, START_MS, loop=False)
    trades = of_kind(market.advance(START_MS + 90_000), MarketTrade)
    assert len([trade for trade in trades if trade.symbol == "BTCUSDT"]) == 350
    assert market.refused["BTCUSDT"] == {"trade told twice": 2, "told by an earlier file": 99}
    assert market.refused["ETHUSDT"] == {"later than what follows it": 1}


def test_a_file_out_of_order_is_refused_with_its_name(tmp_path: Path) -> None:
    """Small steps back are counted, a large one is damage."""
    rows = agg_trades(100)
    path = as_csv(tmp_path / "BTCUSDT-aggTrades-2024-07-18", AGG_HEADER, [*rows[50:], *rows[:50]])
    with pytest.raises(ConfigError, match="time runs back") as caught:
        RecordedMarket([path], None, START_MS, loop=False).advance(START_MS + 60_000)
    assert path.name in str(caught.value)


def test_polls_of_a_pause_are_told_after_it(tmp_path: Path) -> None:
    """Metrics go on all day; those of the pause that was skipped are known when the market goes on."""
    rows = agg_trades(100)
    as_csv(tmp_path / "BTCUSDT-aggTrades-2024-07-18", AGG_HEADER, [*rows, *moved(rows, 3_600_000, 500)])
    names = ["create_time", "symbol", "sum_open_interest"]
    metrics = [[RECORDED_MS + 300_000 * n, "BTCUSDT", 1_000 + n] for n in range(14)]
    as_csv(tmp_path / "BTCUSDT-metrics-2024-07-18", names, metrics)
    market = RecordedMarket([tmp_path], None, START_MS, loop=False)
    events = market.advance(START_MS + 300_000)
    lands = START_MS + 137 * 99 + 60_000
    told = of_kind(events, OpenInterestState)
    assert {state.ts_ms for state in told} == {START_MS, lands}
    assert told[-1].lots == 1_012_000
    assert all(earlier.ts_ms <= later.ts_ms for earlier, later in pairwise(events))


def peak_of(path: Path) -> tuple[int, int]:
    """Bytes at the peak of playing a file through, and the number of its prints."""
    market = RecordedMarket([path], None, START_MS, loop=False)
    market.advance(START_MS + 1_000)
    tracemalloc.start()
    try:
        trades = 0
        for moment in range(START_MS + 2_000, START_MS + RECORDED_SPAN_MS, 2_000):
            trades += len(of_kind(market.advance(moment), MarketTrade))
        return tracemalloc.get_traced_memory()[1], trades
    finally:
        tracemalloc.stop()


def test_a_file_ten_times_as_long_takes_no_more_memory(tmp_path: Path) -> None:
    """Recordings are streamed: what is held does not grow with what is read."""
    small, large = tmp_path / "small", tmp_path / "large"
    small.mkdir()
    large.mkdir()
    few, few_trades = peak_of(as_gzip(small / "BTCUSDT-aggTrades", AGG_HEADER, agg_trades(600)))
    many, many_trades = peak_of(as_gzip(large / "BTCUSDT-aggTrades", AGG_HEADER, agg_trades(6_000)))
    assert many_trades - few_trades == 5_400
    assert many < 1.5 * few + 100_000, "5 400 prints that were kept would be several times that"


def joined(history: History, trades: list[MarketTrade], end_ms: int) -> Candles:
    """Candles of a past and what was traded live after it."""
    candles = Candles(history.end_ms, 1)
    candles.load(history.candles, history.end_ms)
    for number, trade in enumerate(trades):
        candles.roll(trade.ts_ms)
        candles.minute.add(trade.px_ticks, trade.qty_lots, not trade.buyer_is_maker, number)
    candles.roll(end_ms)
    return candles


def check_seam(history: History, trades: list[MarketTrade], end_ms: int) -> None:
    """Every interval: no hole, no overlap, and the candle over the seam is the sum of its minutes."""
    candles = joined(history, trades, end_ms)
    minutes = {bar.open_ms: bar for bar in candles.rows("1m", None, None, 100_000)}
    for interval, length in INTERVALS_MS.items():
        rows = candles.rows(interval, None, None, 100_000)
        assert all(later.open_ms - earlier.open_ms == length for earlier, later in pairwise(rows))
        assert rows[-1].open_ms == open_of(length, end_ms)
        for bar in rows:
            if bar.open_ms < min(minutes) or bar.open_ms + length < history.end_ms:
                continue
            inside = [minutes[at] for at in range(bar.open_ms, min(bar.open_ms + length, end_ms), 60_000)]
            assert (bar.open, bar.close) == (inside[0].open, inside[-1].close)
            assert bar.volume == sum(each.volume for each in inside)
            assert (bar.high, bar.low) == (max(each.high for each in inside), min(each.low for each in inside))
    assert history.end_ms - candles.rows("1m", None, None, 100_000)[0].open_ms >= 2 * DAY_MS


@pytest.mark.property
@settings(max_examples=2, deadline=None)
@given(offset=st.integers(0, 7 * DAY_MS), seconds=st.integers(1, 200))
def test_the_generated_past_joins_the_present_in_every_interval(offset: int, seconds: int) -> None:
    """Whenever the exchange opens, two days and more of candles go over into the live ones."""
    start_ms = START_MS + offset
    market = GeneratedMarket(7, ["SOLUSDT"], start_ms)
    trades = of_kind(market.advance(start_ms + seconds * 1_000), MarketTrade)
    check_seam(market.history("SOLUSDT"), trades, start_ms + seconds * 1_000 + 1)


@pytest.mark.property
@settings(max_examples=3, deadline=None)
@given(offset=st.integers(0, DAY_MS), minutes=st.integers(0, 3_000), longer=st.sampled_from([0, 3, 15, 60]))
def test_a_recorded_past_joins_the_present_in_every_interval(
    offset: int, minutes: int, longer: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """However much of the days before is recorded, in whatever candles, and whenever it is played."""
    folder = tmp_path_factory.mktemp("seam")
    as_csv(folder / "BTCUSDT-aggTrades", AGG_HEADER, agg_trades(600))
    floor = RECORDED_MS // 3_600_000 * 3_600_000
    for length, count in ((1, minutes), (longer, 60)):
        if length and count > 1:
            rows = [
                [floor + (place - count) * length * 60_000, 63_990, 64_010, 63_980, 64_000, 5] for place in range(count)
            ]
            at = RECORDED_MS // 60_000 * 60_000
            if length == 1:
                rows += [[late, 63_990, 64_010, 63_980, 64_000, 5] for late in range(floor, at + 60_000, 60_000)]
            as_csv(folder / f"BTCUSDT-{length}m-2024", None, rows)
    start_ms = START_MS + offset
    market = RecordedMarket([folder], None, start_ms, loop=False)
    trades = of_kind(market.advance(start_ms + 90_000), MarketTrade)
    check_seam(market.history("BTCUSDT"), trades, start_ms + 90_001)


def test_prints_of_the_past_and_the_present_do_not_overlap() -> None:
    """The tape's last recorded moments end before the first live ones, and candles count each print once."""
    market = GeneratedMarket(7, ["BTCUSDT"], START_MS + 12_345)
    history = market.history("BTCUSDT")
    trades = of_kind(market.advance(START_MS + 12_345 + 50_000), MarketTrade)
    assert history.trades[-1].ts_ms < START_MS + 12_345 <= trades[0].ts_ms
    minute = (START_MS + 12_345) // 60_000 * 60_000
    both = [trade for trade in (*history.trades, *trades) if minute <= trade.ts_ms < minute + 60_000]
    (whole,) = minute_candles(both, 1, minute, minute + 60_000)
    bar = next(bar for bar in joined(history, trades, START_MS + 62_345).rows("1m", minute, None, 1))
    assert bar.volume == whole.volume_lots
