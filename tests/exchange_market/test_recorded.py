"""Recorded files: every kind is read in every container, joined into one market, and damage is named."""

import gzip
import json
import os
from collections.abc import Callable
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
from vortex.adapters.recorded.opening import open_market
from vortex.adapters.recorded.statistics import main as print_statistics
from vortex.exchange.generator import GeneratedMarket
from vortex.exchange.history import INTERVALS_MS, MINUTE_MS
from vortex.exchange.instruments import DEFAULT_INSTRUMENTS
from vortex.exchange.market_events import (
    BookState,
    LiquidationPrint,
    MarketTrade,
    MarkState,
    OpenInterestState,
    RatioState,
)
from vortex.kernel.errors import ConfigError


def shared_data() -> Path:
    """The recorded sessions, when they are at hand."""
    root = Path(__file__).resolve().parents[2]
    path = Path(os.environ.get("VORTEX_SHARED_DATA") or root.parent / "shared" / "data") / "market"
    if not path.is_dir():
        pytest.skip("no recorded sessions: set VORTEX_SHARED_DATA to the folder that holds market/")
    return path


@pytest.mark.parametrize("write", [as_csv, as_gzip, as_zip, as_parquet])
def test_aggregated_trades_are_read_from_every_container(write: Callable[..., Path], tmp_path: Path) -> None:
    """The same prints come out of csv, csv.gz, zip and parquet."""
    path = write(tmp_path / "BTCUSDT-aggTrades-2024-07-18", AGG_HEADER, agg_trades())
    market = RecordedMarket([path], None, START_MS, loop=False)
    trades = of_kind(market.advance(START_MS + 60_000), MarketTrade)
    assert len(trades) == 300
    assert trades[0] == MarketTrade(START_MS, "BTCUSDT", 640_000, 10, True, 0, 0)
    assert trades[-1].ts_ms == START_MS + 137 * 299
    assert market.recorded_span == (RECORDED_MS, RECORDED_MS + 137 * 299)


@pytest.mark.parametrize("unit", [1, 1_000])
@pytest.mark.parametrize("header", [AGG_HEADER, None])
def test_headers_and_time_units_are_recognized(unit: int, header: list[str] | None, tmp_path: Path) -> None:
    """With or without a header, milliseconds or microseconds."""
    path = as_csv(tmp_path / "ETHUSDT-aggTrades-2024-07-18", header, agg_trades(unit=unit))
    trades = of_kind(RecordedMarket([path], None, START_MS, loop=False).advance(START_MS + 50_000), MarketTrade)
    assert [trade.ts_ms for trade in trades[:2]] == [START_MS, START_MS + 137]
    assert len(trades) == 300


def test_an_imagined_book_never_contradicts_its_prints(tmp_path: Path) -> None:
    """Without depth the book is made round the trades, and is said to be."""
    path = as_csv(tmp_path / "BTCUSDT-aggTrades-2024-07-18", AGG_HEADER, agg_trades())
    market = RecordedMarket([path], None, START_MS, loop=False)
    book: BookState | None = None
    for event in market.advance(START_MS + 60_000):
        if isinstance(event, BookState):
            book = event
            assert event.bids[0][0] < event.asks[0][0]
        elif isinstance(event, MarketTrade):
            assert book is not None
            assert event.px_ticks <= book.bids[0][0] if event.buyer_is_maker else event.px_ticks >= book.asks[0][0]
    assert "book: imagined round the trades" in market.derived["BTCUSDT"]


def test_a_recording_does_not_depend_on_the_size_of_the_steps(tmp_path: Path) -> None:
    """Two symbols, three rounds, cut anywhere: the same story."""
    paths = [as_csv(tmp_path / f"{name}-aggTrades", AGG_HEADER, agg_trades(200)) for name in ("BTCUSDT", "ETHUSDT")]
    whole = RecordedMarket(paths, None, START_MS).advance(START_MS + 90_000)
    market = RecordedMarket(paths, None, START_MS)
    cut = [
        event for stop in (10, 999, 1_000, 27_263, 27_400, 60_001, 90_000) for event in market.advance(START_MS + stop)
    ]
    assert cut == whole
    assert market.rounds == {"BTCUSDT": 4, "ETHUSDT": 4}
    assert all(earlier.ts_ms <= later.ts_ms for earlier, later in pairwise(whole))


def test_rounds_join_without_a_gap_in_price_and_a_market_may_end(tmp_path: Path) -> None:
    """Looping continues at the last price; without it the tape stops and time goes on."""
    path = as_csv(tmp_path / "BTCUSDT-aggTrades", AGG_HEADER, agg_trades(200))
    trades = of_kind(RecordedMarket([path], None, START_MS).advance(START_MS + 60_000), MarketTrade)
    assert trades[200].px_ticks == trades[199].px_ticks
    assert 0 < trades[200].ts_ms - trades[199].ts_ms <= 200
    once = RecordedMarket([path], None, START_MS, loop=False)
    assert len(of_kind(once.advance(START_MS + 60_000), MarketTrade)) == 200
    assert of_kind(once.advance(START_MS + 120_000), MarkState)


def test_the_past_of_a_recording_ends_at_its_first_print(tmp_path: Path) -> None:
    """Six days of candles lead to the recorded price, as lively as the recording."""
    path = as_csv(tmp_path / "BTCUSDT-aggTrades", AGG_HEADER, agg_trades())
    market = RecordedMarket([path], None, START_MS)
    history = market.history("BTCUSDT")
    assert history.candles["1m"][-1].close_ticks == history.trades[-1].px_ticks == 640_000
    assert len(history.candles["15m"]) >= 500
    assert len(history.trades) >= 2_000
    assert len(history.open_interest) >= 576
    for interval, length in INTERVALS_MS.items():
        assert all(b.open_ms - a.open_ms == length for a, b in pairwise(history.candles[interval]))
        assert all(row.low_ticks <= row.open_ticks <= row.high_ticks for row in history.candles[interval])


@pytest.mark.parametrize("width", [6, 12])
def test_recorded_candles_of_the_days_before_are_served(width: int, tmp_path: Path) -> None:
    """A klines file of the same symbol and period is the past, up to the recording's minute."""
    trades = as_csv(tmp_path / "BTCUSDT-aggTrades", AGG_HEADER, agg_trades())
    floor = RECORDED_MS // MINUTE_MS * MINUTE_MS
    rows = [
        [at, "63990", "64010", "63980", "64000.0", "5.5", at + 59_999, "352000", 90, "2.5", "160000", 0][:width]
        for at in range(floor - 200 * MINUTE_MS, floor + 3 * MINUTE_MS, MINUTE_MS)
    ]
    klines = as_csv(tmp_path / "BTCUSDT-1m-2024-07-18", None, rows)
    market = RecordedMarket([trades, klines], None, START_MS)
    minutes = [
        row for row in market.history("BTCUSDT").candles["1m"] if row.open_ms < START_MS // MINUTE_MS * MINUTE_MS
    ]
    assert all((row.high_ticks, row.low_ticks, row.volume_lots) == (640_100, 639_800, 5_500) for row in minutes[-200:])
    assert minutes[-1].taker_buy_lots == (2_500 if width == 12 else 2_750)
    assert any("200 recorded minutes" in note for note in market.derived["BTCUSDT"])


def test_quotes_depth_metrics_and_funding_join_the_trades(tmp_path: Path) -> None:
    """bookTicker, metrics and funding of the public dumps replace what would be derived."""
    paths = [
        as_zip(tmp_path / "BTCUSDT-aggTrades-2024-07-18", None, agg_trades()),
        as_zip(
            tmp_path / "BTCUSDT-bookTicker-2024-07-18",
            None,
            [[n, "63999.9", "3.5", "64000.0", "1.5", RECORDED_MS + n * 90, RECORDED_MS + n * 90] for n in range(400)],
        ),
        as_csv(
            tmp_path / "BTCUSDT-metrics-2024-07-18",
            None,
            [["2024-07-18 23:57:05", "BTCUSDT", "78000.5", "5.0e9", "1.5", "1.2", "0.8", "1.1"]],
        ),
        as_csv(tmp_path / "BTCUSDT-fundingRate-2024-07", None, [[RECORDED_MS + 1_000, 8, "0.00012"]]),
    ]
    market = RecordedMarket(paths, ["BTCUSDT"], START_MS, loop=False)
    events = market.advance(START_MS + 30_000)
    assert any(book.bids[0] == (639_999, 3_500) for book in of_kind(events, BookState))
    assert of_kind(events, OpenInterestState)[-1].lots == 78_000_500
    assert of_kind(events, RatioState)[-1].global_long == pytest.approx(0.8 / 1.8)
    assert of_kind(events, MarkState)[-1].funding_rate == 0.00012
    assert market.derived["BTCUSDT"][0] == "book: best prices recorded, levels behind them imagined"


def test_a_capture_of_messages_is_a_whole_market(tmp_path: Path) -> None:
    """Snapshot, differences, trades and forced orders out of one jsonl file."""
    at = RECORDED_MS
    messages: list[dict[str, Any]] = [
        {"lastUpdateId": 100, "E": at, "T": at, "bids": [["64000.0", "2"]], "asks": [["64000.1", "3"]]},
        {"e": "trade", "E": at, "T": at, "s": "BTCUSDT", "p": "64000.1", "q": "0.5", "X": "MARKET", "m": False},
        {"e": "depthUpdate", "T": at + 10, "s": "BTCUSDT", "U": 90, "u": 99, "b": [["1.0", "9"]], "a": []},
        {"e": "depthUpdate", "T": at + 50, "s": "BTCUSDT", "U": 101, "u": 105, "b": [["64000.0", "7"]], "a": []},
        {"e": "forceOrder", "o": {"s": "BTCUSDT", "S": "SELL", "p": "63900", "q": "1.5", "T": at + 120}},
        {"e": "trade", "E": at, "T": at + 300, "s": "BTCUSDT", "p": "64000.0", "q": "0.2", "X": "MARKET", "m": True},
    ]
    path = tmp_path / "capture.jsonl"
    path.write_text(
        "".join(json.dumps({"recv_ns": 1, "msg": {"stream": "x", "data": each}}) + "\n" for each in messages)
    )
    events = RecordedMarket([path], ["BTCUSDT"], START_MS, loop=False).advance(START_MS + 400)
    assert of_kind(events, BookState)[-1].bids == ((640_000, 7_000),)
    assert of_kind(events, LiquidationPrint) == [LiquidationPrint(START_MS + 120, "BTCUSDT", "SELL", 639_000, 1_500)]
    assert [trade.buyer_is_maker for trade in of_kind(events, MarketTrade)] == [False, True]


def test_an_impulse_shifts_a_recording(tmp_path: Path) -> None:
    """A scripted jump moves books and prints from the next state on."""
    path = as_csv(tmp_path / "BTCUSDT-aggTrades", AGG_HEADER, agg_trades())
    market = RecordedMarket([path], None, START_MS)
    market.advance(START_MS + 10_000)
    market.impulse("BTCUSDT", -1.0)
    events = market.advance(START_MS + 20_000)
    assert of_kind(events, BookState)[0].bids[0][0] == pytest.approx(633_600, rel=0.001)
    assert of_kind(events, MarketTrade)[0].px_ticks == pytest.approx(633_600, rel=0.001)


GOOD = text_of(AGG_HEADER, agg_trades(50))


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("BTCUSDT-aggTrades-a.csv", GOOD.replace("64000.20", "sixty").encode(), "row 4"),
        ("BTCUSDT-aggTrades-b.csv", GOOD.replace("64000.20", "-1").encode(), "row 4"),
        ("BTCUSDT-aggTrades-c.csv", (GOOD + "51,64000\n").encode(), "line 52"),
        ("BTCUSDT-aggTrades-d.csv.gz", gzip.compress(GOOD.encode())[:-200], "unreadable at line"),
        ("BTCUSDT-aggTrades-e.zip", b"PK\x03\x04nothing", "unreadable at archive"),
        ("BTCUSDT-aggTrades-f.parquet", b"PAR1 not really", "unreadable at schema"),
        ("BTCUSDT-aggTrades-g.csv", b"", "empty"),
        ("BTCUSDT-aggTrades-h.csv", b"1,2,3\n", "columns without a header"),
        ("BTCUSDT-mystery-i.csv", b"1,2,3\n", "does not tell the kind"),
        ("BTCUSDT-aggTrades-j.csv", b"alpha,beta\n1,2\n", "of no known kind"),
        ("BTCUSDT-aggTrades-k.txt", b"1,2,3\n", "known endings"),
        (
            "BTCUSDT-aggTrades-l.csv",
            (GOOD + GOOD.splitlines()[1] + "\n").encode(),
            "time runs back",
        ),
        ("BTCUSDT-raw.jsonl", b'{"msg": {"data": {"s": "BTCUSDT", "e": "trade"', "row 1"),
        ("BTCUSDT-depthSnapshot.json", b'{"bids": []}', "trades"),
        ("NOPEUSDT-aggTrades.csv", GOOD.encode(), "no recording of a listed contract"),
    ],
)
def test_damage_is_named_with_file_and_place(name: str, content: bytes, says: str, tmp_path: Path) -> None:
    """Whoever has to mend a recording is told which file, where, and what was expected."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=says) as caught:
        RecordedMarket([path], None, START_MS, loop=False).advance(START_MS + 60_000)
    assert name in str(caught.value) or "aggTrades" in str(caught.value) or "NOPEUSDT" in str(caught.value)


def test_missing_files_and_empty_folders_are_named(tmp_path: Path) -> None:
    """A wrong path is said to be one."""
    for path in (tmp_path / "absent.csv", tmp_path):
        with pytest.raises(ConfigError, match=tmp_path.name):
            RecordedMarket([path], None, START_MS)


def test_open_market_chooses_files_or_the_generator(tmp_path: Path) -> None:
    """Paths mean a recording; none mean the seed."""
    path = as_csv(tmp_path / "BTCUSDT-aggTrades", AGG_HEADER, agg_trades())
    assert isinstance(open_market([path], None, 7, START_MS, DEFAULT_INSTRUMENTS), RecordedMarket)
    assert isinstance(open_market([], ["BTCUSDT"], 7, START_MS, DEFAULT_INSTRUMENTS), GeneratedMarket)
    with pytest.raises(ConfigError, match="name the symbols"):
        open_market([], None, 7, START_MS, DEFAULT_INSTRUMENTS)


RECORDED_KINDS = [
    ("l2_20240718/BTCUSDT-aggTrades-*.csv.gz", Kind.AGG_TRADES),
    ("l2_20240718/BTCUSDT-trades-*.csv.gz", Kind.TRADES),
    ("l2_20240718/BTCUSDT-bookTicker-*.parquet", Kind.BOOK_TICKER),
    ("l2_20240718/BTCUSDT-depth20-*.parquet", Kind.TOP_LEVELS),
    ("l2_20240718/BTCUSDT-depthDiff-*.parquet", Kind.DEPTH_DIFF),
    ("l2_20240718/BTCUSDT-depthSnapshot-*.json", Kind.DEPTH_SNAPSHOT),
    ("l2_20240718/BTCUSDT-raw-ws-*.jsonl.gz", Kind.RAW_WS),
    ("trx_20250304/TRXUSDT-merged-*.parquet", Kind.MERGED),
    ("klines/BTCUSDT-1m-klines-*.parquet", Kind.KLINES),
    ("klines/BTCUSDT-1m-*publicdump*.csv.gz", Kind.KLINES),
    ("klines/BTCUSDT-fundingRate.csv", Kind.FUNDING),
    ("klines/BTCUSDT-markPrice8h.csv", Kind.MARK_PRICE),
]


@pytest.mark.parametrize(("pattern", "kind"), RECORDED_KINDS)
def test_every_recorded_file_is_recognized(pattern: str, kind: Kind) -> None:
    """The layouts at hand are told apart by their headers and names."""
    found = sorted(shared_data().glob(pattern))
    if not found:
        pytest.skip(f"no {pattern} among the recorded sessions")
    assert [layout_of(path).kind for path in found] == [kind] * len(found)


RECORDED_SETS = [
    (["l2_20240718"], "BTCUSDT", 639_439),
    (["l2_20240718/BTCUSDT-raw-ws-*"], "BTCUSDT", 639_439),
    (
        ["l2_20240718/BTCUSDT-trades-*", "l2_20240718/BTCUSDT-depthDiff-*", "l2_20240718/BTCUSDT-depthSnap*"],
        "BTCUSDT",
        639_439,
    ),
    (["l2_20240718/ETHUSDT-trades-*", "l2_20240718/ETHUSDT-bookTicker-*"], "ETHUSDT", 342_498),
    (["aggTrades_20260511/BTCUSDT-aggTrades-20260511*"], "BTCUSDT", 816_855),
    (["trx_20250304/TRXUSDT-depthDiff-*", "trx_20250304/TRXUSDT-trades-*"], "TRXUSDT", 23_103),
    (["trx_20250304/TRXUSDT-merged-*"], "TRXUSDT", 25_461),
]


@pytest.mark.parametrize(("patterns", "symbol", "first_ticks"), RECORDED_SETS)
def test_every_recorded_session_replays(patterns: list[str], symbol: str, first_ticks: int) -> None:
    """A minute of each: uncrossed books, prints near them, a past that ends at the first price."""
    data = shared_data()
    paths = [path for pattern in patterns for path in sorted(data.glob(pattern))]
    if len(paths) < len(patterns):
        pytest.skip(f"not all of {patterns} among the recorded sessions")
    market = RecordedMarket(paths, [symbol], START_MS)
    events = market.advance(START_MS + 20_000)
    books, trades = of_kind(events, BookState), of_kind(events, MarketTrade)
    assert len(books) > 20
    assert len(trades) > 20
    assert all(book.bids[0][0] < book.asks[0][0] for book in books)
    assert trades[0].px_ticks == first_ticks == market.history(symbol).trades[-1].px_ticks
    assert all(abs(trade.px_ticks / first_ticks - 1) < 0.01 for trade in trades)


def test_the_statistics_command_prints_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One column per market, and a clean refusal for what cannot be read."""
    path = as_csv(tmp_path / "BTCUSDT-aggTrades", AGG_HEADER, agg_trades(600))
    assert print_statistics(["--generate", "ETHUSDT", "--minutes", "1", f"made={path}"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("| | ETHUSDT generated | BTCUSDT made |")
    assert "| imbalance_leads_1s |" in shown
    assert print_statistics([f"made={tmp_path / 'absent.csv'}"]) == 2
    assert "no such file" in capsys.readouterr().err
