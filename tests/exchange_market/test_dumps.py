"""The slow kinds of the public dumps: open interest, funding, mark and index candles, book depth."""

import gzip
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.exchange_market.dumps import (
    AGG_HEADER,
    RECORDED_MS,
    START_MS,
    agg_trades,
    as_csv,
    as_gzip,
    as_parquet,
    as_zip,
    of_kind,
    text_of,
)
from vortex.adapters.recorded.layouts import Kind, layout_of
from vortex.adapters.recorded.market import RecordedMarket
from vortex.exchange.history import MINUTE_MS
from vortex.exchange.market_events import DeepState, MarkState, OpenInterestState, RatioState
from vortex.exchange.venue import Venue
from vortex.kernel.errors import ConfigError

HOUR_MS = 3_600_000
METRICS = [
    "create_time",
    "symbol",
    "sum_open_interest",
    "sum_open_interest_value",
    "count_toptrader_long_short_ratio",
    "sum_toptrader_long_short_ratio",
    "count_long_short_ratio",
    "sum_taker_long_short_vol_ratio",
]
FUNDING = ["calc_time", "funding_interval_hours", "last_funding_rate"]
DEPTH = ["timestamp", "percentage", "depth", "notional"]
KLINES = [
    "open_time",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "close_time",
    "quote_volume",
    "count",
    "taker_buy_volume",
    "taker_buy_quote_volume",
    "ignore",
]
Write = Callable[..., Path]
CONTAINERS = [as_csv, as_gzip, as_zip, as_parquet]


def trades_in(folder: Path) -> Path:
    """Forty seconds of prints."""
    return as_csv(folder / "BTCUSDT-aggTrades-2024-07-18", AGG_HEADER, agg_trades())


def candle(at: int, opened: float, closed: float, unit: int = 1, length: int = MINUTE_MS) -> list[Any]:
    """A row of twelve columns without volume, as the dumps of mark and index have it."""
    high, low = max(opened, closed), min(opened, closed)
    return [at * unit, opened, high, low, closed, 0, (at + length) * unit - 1, 0, 60, 0, 0, 0]


@pytest.mark.parametrize("write", CONTAINERS)
def test_metrics_are_the_past_and_the_present_of_open_interest(write: Write, tmp_path: Path) -> None:
    """Points before the first print are history in place, those after it are told when they are due."""
    floor = RECORDED_MS // 300_000 * 300_000
    rows = [[floor + n * 300_000, "BTCUSDT", 70_000 + n, 5e9, 1.5, 1.25, 0.8, 1.1] for n in range(-300, 2) if n != -7]
    market = RecordedMarket([trades_in(tmp_path), write(tmp_path / "BTCUSDT-metrics", METRICS, rows)], None, START_MS)
    history = market.history("BTCUSDT")
    points = history.open_interest
    assert all(later.ts_ms - earlier.ts_ms == 300_000 for earlier, later in pairwise(points))
    assert [point.lots for point in points[-2:]] == [69_999_000, 70_000_000]
    assert points[-8].lots == points[-9].lots, "a hole repeats the reading before it"
    assert history.ratios[-1].global_long == pytest.approx(0.8 / 1.8)
    assert history.ratios[-1].top_account_long == pytest.approx(1.5 / 2.5)
    assert history.ratios[-1].top_position_long == pytest.approx(1.25 / 2.25)
    assert history.open_interest_recent[-1].lots == 70_000_000
    events = market.advance(START_MS + 30_000)
    assert not of_kind(events, OpenInterestState), "nothing is made up between recorded readings"
    assert any("recorded points" in note for note in market.derived["BTCUSDT"])


@pytest.mark.parametrize("header", [METRICS, None])
def test_a_blank_reading_is_left_out(header: list[str] | None, tmp_path: Path) -> None:
    """The dumps have rows without numbers."""
    rows = [
        ["2024-07-18 23:57:05", "BTCUSDT", "", "", "", "", "", ""],
        ["2024-07-18 23:57:10", "BTCUSDT", "78000.5", "5.0e9", "", "1.2", "0.8", "1.1"],
    ]
    metrics = as_csv(tmp_path / "BTCUSDT-metrics-2024-07-18", header, rows)
    events = RecordedMarket([trades_in(tmp_path), metrics], None, START_MS).advance(START_MS + 30_000)
    assert of_kind(events, OpenInterestState)[-1].lots == 78_000_500
    assert of_kind(events, RatioState)[-1].top_account_long == 0.5


@pytest.mark.parametrize("write", CONTAINERS)
def test_funding_is_history_and_settlement(write: Write, tmp_path: Path) -> None:
    """Past settlements are served; the next one falls when the recording's fell, at its rate."""
    due = RECORDED_MS + 20_000
    rows = [[due - 16 * HOUR_MS, 8, 0.0001], [due - 8 * HOUR_MS, 8, -0.0002], [due, 8, 0.00033]]
    market = RecordedMarket(
        [trades_in(tmp_path), write(tmp_path / "BTCUSDT-fundingRate", FUNDING, rows)], None, START_MS
    )
    settled = START_MS + 20_000
    past = market.history("BTCUSDT").funding
    assert [(point.ts_ms, point.rate) for point in past[-2:]] == [
        (settled - 16 * HOUR_MS, 0.0001),
        (settled - 8 * HOUR_MS, -0.0002),
    ]
    assert past[-1].mark == pytest.approx(64_000, rel=0.2)
    venue = Venue(market.symbols, START_MS)
    venue.load(market.history("BTCUSDT"))
    venue.open_account("main", {"USDT": Decimal(1_000)})
    for event in market.advance(START_MS + 30_000):
        venue.on_market(event, event.ts_ms)
        if isinstance(event, MarkState) and event.ts_ms < settled:
            assert (event.funding_rate, event.next_funding_ms) == (0.00033, settled)
    last = venue.floor.listing("BTCUSDT").funding[-1]
    assert (last.ts_ms, last.rate) == (settled, 0.00033)
    assert venue.floor.listing("BTCUSDT").next_funding_ms == settled + 8 * HOUR_MS


@pytest.mark.parametrize("write", CONTAINERS)
@pytest.mark.parametrize("unit", [1, 1_000])
def test_mark_and_index_follow_their_candles(write: Write, unit: int, tmp_path: Path) -> None:
    """Straight from open to close of each minute; the past serves their own candles."""
    floor = RECORDED_MS // MINUTE_MS * MINUTE_MS
    times = range(floor - 120 * MINUTE_MS, floor + 3 * MINUTE_MS, MINUTE_MS)
    for name, level in (("markPriceKlines", 64_060.0), ("indexPriceKlines", 63_940.0)):
        folder = tmp_path / name / "BTCUSDT"
        folder.mkdir(parents=True)
        write(folder / "BTCUSDT-1m-2024-07-18", KLINES, [candle(at, level, level + 6, unit) for at in times])
    trades_in(tmp_path)
    market = RecordedMarket([tmp_path], None, START_MS)
    history = market.history("BTCUSDT")
    assert len(history.mark) == len(history.index) == 120
    assert (history.mark[-1].open_ticks, history.mark[-1].close_ticks) == (640_600, 640_660)
    for state in of_kind(market.advance(START_MS + 30_000), MarkState):
        along = (state.ts_ms - START_MS + RECORDED_MS - floor) % MINUTE_MS / MINUTE_MS * 6
        assert state.mark == pytest.approx(64_060 + along)
        assert state.index == pytest.approx(63_940 + along)
    venue = Venue(market.symbols, START_MS)
    venue.load(history)
    listing = venue.floor.listing("BTCUSDT")
    assert listing.mark_candles.rows("1m", None, None, 3)[0].open == 640_600
    assert listing.index_candles.rows("1m", None, None, 3)[0].open == 639_400
    assert not any("mark" in note for note in market.derived["BTCUSDT"])


def test_a_premium_makes_the_index_out_of_the_mark(tmp_path: Path) -> None:
    """premiumIndexKlines hold fractions, negative ones too; without a header the folder tells what they are."""
    floor = RECORDED_MS // MINUTE_MS * MINUTE_MS
    folder = tmp_path / "premiumIndexKlines" / "BTCUSDT" / "1m"
    folder.mkdir(parents=True)
    path = as_csv(folder / "BTCUSDT-1m-2024-07-18", None, [candle(floor, -0.001, -0.001), candle(floor + 60_000, 0, 0)])
    assert layout_of(path).kind is Kind.PREMIUM_INDEX
    market = RecordedMarket([trades_in(tmp_path), path], None, START_MS)
    states = of_kind(market.advance(START_MS + 30_000), MarkState)
    assert states[0].index == pytest.approx(states[0].mark / 0.999)


def depth_rows(scale: float, times: list[int]) -> list[list[Any]]:
    """A book that holds `scale` coins per percent on the bid side and twice as many on the other."""
    return [
        [at, percent, scale * abs(percent) * (2 if percent > 0 else 1), 0]
        for at in times
        for percent in (-5, -4, -3, -2, -1, 1, 2, 3, 4, 5)
    ]


@pytest.mark.parametrize("write", CONTAINERS)
def test_book_depth_shapes_the_imagined_book(write: Write, tmp_path: Path) -> None:
    """What the venue shows within a percent is what the recording held there, and follows it every 30 s."""
    header = ["agg_trade_id", "price", "quantity", "first_trade_id", "last_trade_id", "transact_time", "is_buyer_maker"]
    prints = [[n, f"{0.23 + n % 3 * 0.00001:.5f}", 500, n, n, RECORDED_MS + 100 * n, "true"] for n in range(500)]
    trades = as_csv(tmp_path / "TRXUSDT-aggTrades-2024-07-18", header, prints)
    rows = depth_rows(4e7, [RECORDED_MS - 5_000]) + depth_rows(8e7, [RECORDED_MS + 25_000])
    depth = write(tmp_path / "TRXUSDT-bookDepth-2024-07-18", DEPTH, rows)
    market = RecordedMarket([trades, depth], None, START_MS)
    venue = Venue(market.symbols, START_MS)
    venue.load(market.history("TRXUSDT"))

    def held(until_ms: int) -> tuple[float, float]:
        for event in market.advance(START_MS + until_ms):
            venue.on_market(event, event.ts_ms)
        book = venue.request("", "GET", "/fapi/v1/depth", {"symbol": "TRXUSDT", "limit": "1000"}, START_MS).body
        near, far = 0.23 * 0.99, 0.23 * 1.01
        return (
            sum(float(qty) for px, qty in book["bids"] if float(px) >= near),
            sum(float(qty) for px, qty in book["asks"] if float(px) <= far),
        )

    bids, asks = held(10_000)
    assert 2.4e7 < bids < 7e7
    assert 5e7 < asks < 1.4e8
    later = held(40_000)
    assert later[0] / bids == pytest.approx(2, rel=0.3)
    assert market.derived["TRXUSDT"][0] == "book: imagined round the trades, as deep as the recorded bookDepth"


def test_book_depth_is_told_as_bands_of_prices(tmp_path: Path) -> None:
    """One factor per stretch between two percentages, on either side of the touch."""
    depth = as_csv(tmp_path / "BTCUSDT-bookDepth-2024-07-18", None, depth_rows(2_000, [RECORDED_MS - 1_000]))
    events = RecordedMarket([trades_in(tmp_path), depth], None, START_MS).advance(START_MS + 1_000)
    (state,) = of_kind(events, DeepState)
    assert [px for px, _ in state.bids] == [round(640_000 * (1 - percent / 100)) for percent in range(1, 6)]
    assert len({factor for _, factor in state.bids}) == 1
    assert state.asks[0][1] == pytest.approx(2 * state.bids[0][1], rel=0.001)


@pytest.mark.parametrize(
    ("name", "header", "rows", "says"),
    [
        ("BTCUSDT-metrics-a", METRICS, [["yesterday", "BTCUSDT", "1", "1", "1", "1", "1", "1"]], "row 2"),
        ("BTCUSDT-metrics-b", METRICS[:3], [["2024-07-18 23:57:05", "BTCUSDT", "much"]], "row 2"),
        ("BTCUSDT-bookDepth-c", DEPTH, [[RECORDED_MS, 0, 5, 5]], "row 2"),
        ("BTCUSDT-bookDepth-d", DEPTH, [[RECORDED_MS, -1, -5, 5]], "row 2"),
        ("BTCUSDT-bookDepth-e", DEPTH, depth_rows(1, [RECORDED_MS, RECORDED_MS - 1]), "time runs back"),
        ("BTCUSDT-bookDepth-f", None, [[RECORDED_MS, -1, 5]], "has 4"),
        ("BTCUSDT-fundingRate-g", FUNDING, [[RECORDED_MS, 8, "none"]], "row 2"),
        ("BTCUSDT-fundingRate-h", FUNDING, [[RECORDED_MS, 8, 0.1], [RECORDED_MS - 9, 8, 0.1]], "time runs back"),
        ("BTCUSDT-markPrice-i", KLINES, [candle(RECORDED_MS, 0, 5)], "row 2"),
        ("BTCUSDT-markPrice-j", KLINES[:5], [[RECORDED_MS, 5, 5, 5, 5]], "how long the candles are"),
    ],
)
def test_damage_in_slow_files_is_named(
    name: str, header: list[str] | None, rows: list[list[Any]], says: str, tmp_path: Path
) -> None:
    """The file and the row, also of what is read on the side."""
    path = as_csv(tmp_path / name, header, rows)
    with pytest.raises(ConfigError, match=says) as caught:
        RecordedMarket([trades_in(tmp_path), path], None, START_MS).advance(START_MS + 30_000)
    assert name in str(caught.value)


def test_a_byte_order_mark_is_no_column(tmp_path: Path) -> None:
    """Files that went through a spreadsheet are read, with and without a header."""
    for name, header in (("a", AGG_HEADER), ("b", None)):
        path = tmp_path / f"BTCUSDT-aggTrades-{name}.csv.gz"
        path.write_bytes(gzip.compress(("\ufeff" + text_of(header, agg_trades())).encode()))
        assert layout_of(path).kind is Kind.AGG_TRADES
        assert RecordedMarket([path], None, START_MS).recorded_span == (RECORDED_MS, RECORDED_MS + 137 * 299)
