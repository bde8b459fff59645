"""A recorded book that crosses is mended, and everybody may know how often."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.commands import said
from tests.exchange_market.dumps import AGG_HEADER, RECORDED_MS, START_MS, agg_trades, as_csv, of_kind
from vortex.adapters.recorded.market import RecordedMarket
from vortex.exchange.generator_profile import profile_of
from vortex.exchange.instruments import DEFAULT_INSTRUMENTS
from vortex.exchange.market_events import BookState
from vortex.exchange.replay_book import CROSSED, ONE_SIDED, STALE, ReplayBook
from vortex.exchange.replay_records import BookRecord, ChangeRecord, SnapshotRecord, TickerRecord

TICKER = ["update_id", "best_bid_price", "best_bid_qty", "best_ask_price", "best_ask_qty", "transaction_time"]
DIFFERENCES = ["transaction_time", "final_update_id", "side", "price", "qty"]
TOP = ["transaction_time", "bid0_price", "bid0_qty", "ask0_price", "ask0_qty"]


def fresh() -> tuple[ReplayBook, Counter[str]]:
    """A book that knows nothing, and what it will count."""
    mended: Counter[str] = Counter()
    return ReplayBook(profile_of(DEFAULT_INSTRUMENTS["BTCUSDT"]), mended), mended


def changed(book: ReplayBook, changes: Sequence[tuple[bool, int, int]]) -> None:
    """One level after another."""
    for number, (is_ask, px, lots) in enumerate(changes):
        book.heed(ChangeRecord(0, number, is_ask, px, lots))


def test_a_whole_book_that_crosses_is_left_out_and_the_last_good_one_stands() -> None:
    """Locked is crossed too; a side that is missing is another matter."""
    book, mended = fresh()
    good = BookRecord(0, ((100, 1),), ((101, 1),))
    for record in (good, BookRecord(1, ((102, 1),), ((101, 1),)), BookRecord(2, ((101, 1),), ((101, 1),))):
        book.heed(record)
    book.heed(BookRecord(3, ((100, 1),), ()))
    assert book.top(4) == (good.bids, good.asks)
    assert mended == {CROSSED: 2, ONE_SIDED: 1}


def test_best_prices_that_cross_are_left_out() -> None:
    """As the ones before them stand."""
    book, mended = fresh()
    for bid, ask in ((100, 102), (103, 102), (104, 104)):
        book.heed(TickerRecord(0, bid, 5, ask, 5))
    told = book.top(0)
    assert told is not None
    assert (told[0][0][0], told[1][0][0]) == (100, 102)
    assert mended == {CROSSED: 2}


def test_of_two_levels_that_cross_the_older_one_goes_and_is_counted_once() -> None:
    """However often the book is looked at afterwards."""
    book, mended = fresh()
    changed(book, [(False, 100, 1), (True, 101, 1), (True, 102, 2), (True, 103, 3), (False, 102, 4)])
    for _ in range(3):
        assert book.top(0) == (((102, 4), (100, 1)), ((103, 3),))
    assert mended == {STALE: 2}


def test_a_snapshot_that_crosses_is_mended_too() -> None:
    """Both of its levels are equally old; one has to go."""
    book, mended = fresh()
    book.heed(SnapshotRecord(0, 1, ((102, 1), (100, 1)), ((101, 1), (103, 1))))
    told = book.top(0)
    assert told is not None
    assert told[0][0][0] < told[1][0][0]
    assert mended == {STALE: 1}


@pytest.mark.property
@given(st.lists(st.tuples(st.booleans(), st.integers(95, 105), st.integers(0, 3)), max_size=60), st.data())
def test_no_told_book_crosses_and_every_level_is_shown_removed_or_counted(
    changes: list[tuple[bool, int, int]], data: st.DataObject
) -> None:
    """Whatever is recorded and whenever it is looked at: what is missing from the sides was counted."""
    book, mended = fresh()
    sides: dict[bool, dict[int, int]] = {False: {}, True: {}}
    for number, (is_ask, px, lots) in enumerate(changes):
        book.heed(ChangeRecord(0, number, is_ask, px, lots))
        sides[is_ask].pop(px, None)
        if lots:
            sides[is_ask][px] = lots
        if not data.draw(st.booleans()):
            continue
        before, held = mended[STALE], sum(len(side) for side in sides.values())
        told = book.top(0)
        if not (sides[False] and sides[True]):
            continue
        gone = mended[STALE] - before
        if told is None or book.imagined:
            sides = {False: dict(book._bids.top()), True: dict(book._asks.top())}
        else:
            assert told[0][0][0] < told[1][0][0]
            sides = {False: dict(told[0]), True: dict(told[1])}
        assert held - gone == sum(len(side) for side in sides.values())


HOUR_MS = 3_600_000


def trades_in(folder: Path, sessions: int = 1) -> Path:
    """A recording of prints for half a minute, and again every hour."""
    rows = [
        [
            number + 1_000 * hour,
            *rest[:2],
            number + 1_000 * hour,
            number + 1_000 * hour,
            rest[4] + HOUR_MS * hour,
            rest[5],
        ]
        for hour in range(sessions)
        for number, *rest in agg_trades(200)
    ]
    return as_csv(folder / "BTCUSDT-aggTrades-2024-07-18", AGG_HEADER, rows)


def tickers(folder: Path, sessions: int = 1) -> Path:
    """Best prices every 100 ms, every tenth of them crossed."""
    rows = [
        [n, 64_000.1 if n % 10 == 3 else 63_999.9, 1, 64_000, 1, RECORDED_MS + HOUR_MS * hour + 100 * n]
        for hour in range(sessions)
        for n in range(200)
    ]
    return as_csv(folder / "BTCUSDT-bookTicker-2024-07-18", TICKER, rows)


def test_the_market_of_a_recording_tells_how_often(tmp_path: Path) -> None:
    """Beside the rows that were refused, of the first round only, and however time is cut."""
    paths = [trades_in(tmp_path), tickers(tmp_path)]
    for loop, cuts in ((False, (30_000,)), (True, (30_000,)), (True, tuple(range(700, 90_000, 700)))):
        market = RecordedMarket(paths, None, START_MS, loop=loop)
        books = [book for cut in cuts for book in of_kind(market.advance(START_MS + cut), BookState)]
        assert market.refused == {"BTCUSDT": {CROSSED: 20}}
        assert all(book.bids[0][0] < book.asks[0][0] for book in books)
    assert market.rounds["BTCUSDT"] > 1


def test_differences_and_top_levels_are_counted_alike(tmp_path: Path) -> None:
    """Each kind of recording by its own reason."""
    trades = trades_in(tmp_path)
    rows = [[RECORDED_MS, 1, 0, 63_999.0, 1], [RECORDED_MS, 1, 1, 64_001.0, 1], [RECORDED_MS, 1, 1, 64_005.0, 1]]
    rows += [[RECORDED_MS + 1_050, 2, 0, 64_002.0, 1]]
    diff = as_csv(tmp_path / "BTCUSDT-depthDiff-2024-07-18", DIFFERENCES, rows)
    market = RecordedMarket([trades, diff], None, START_MS, loop=False)
    market.advance(START_MS + 3_000)
    assert market.refused == {"BTCUSDT": {STALE: 1}}
    rows = [[RECORDED_MS + 100 * n, 64_000 + n % 2, 1, 64_000.5, 1] for n in range(200)]
    top = as_csv(tmp_path / "BTCUSDT-depth20-2024-07-18", TOP, rows)
    market = RecordedMarket([trades, top], None, START_MS, loop=False)
    market.advance(START_MS + 30_000)
    assert market.refused == {"BTCUSDT": {CROSSED: 100}}


def test_a_replay_says_it_to_people_and_programs(tmp_path: Path) -> None:
    """Where the rows are that were told twice, of all sessions together."""
    trades_in(tmp_path, sessions=2)
    tickers(tmp_path, sessions=2)
    document = json.loads(said(tmp_path, "replay", str(tmp_path), "--json").stdout)
    assert document["rows_refused"] == {"BTCUSDT": {CROSSED: 40}}
    shown = said(tmp_path, "replay", str(tmp_path)).stdout
    assert f"40 rows: {CROSSED}" in shown
