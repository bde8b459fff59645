"""Aggregated trades: fills of one price and side merge for 100 ms, ids run through, and a recording's ids are kept."""

from collections.abc import Iterable
from decimal import Decimal
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.exchange_market.dumps import AGG_HEADER, RECORDED_MS, START_MS, as_csv
from vortex.adapters.recorded.market import RecordedMarket
from vortex.exchange.events import Outbound, StreamEvent
from vortex.exchange.market_events import BookState, MarketTrade
from vortex.exchange.tape import MERGE_MS, Print, Tape
from vortex.exchange.venue import Venue

SYMBOL = "BTCUSDT"
FILLS = st.lists(
    st.tuples(st.integers(0, 60), st.integers(100, 102), st.integers(1, 9), st.booleans()), min_size=1, max_size=80
)


def told(events: Iterable[Outbound], name: str = "aggTrade") -> list[dict[str, Any]]:
    """Payloads of one kind of stream message."""
    return [each.payload for each in events if isinstance(each, StreamEvent) and each.payload["e"] == name]


def live(market: RecordedMarket, venue: Venue, until_ms: int) -> list[dict[str, Any]]:
    """Aggregated trades announced until then, 100 ms at a time."""
    found: list[dict[str, Any]] = []
    for moment in range(venue.floor.now_ms + 100, START_MS + until_ms + 1, 100):
        for event in market.advance(moment):
            found += told(venue.on_market(event, event.ts_ms))
        found += told(venue.tick(moment))
    return found


def opened(path: Path) -> tuple[RecordedMarket, Venue]:
    """A venue on a recording, with somebody who hears the tape."""
    market = RecordedMarket([path], [SYMBOL], START_MS, loop=False)
    venue = Venue(market.symbols, START_MS)
    venue.load(market.history(SYMBOL))
    venue.open_account("main", {"USDT": Decimal(100_000)})
    venue.subscribe("btcusdt@aggTrade")
    venue.subscribe("btcusdt@trade")
    return market, venue


@pytest.mark.property
@given(FILLS)
def test_merging_loses_nothing_and_never_joins_what_is_apart(steps: list[tuple[int, int, int, bool]]) -> None:
    """Sums, ids and order survive; within an aggregate price, side and window agree; neighbors could not be one."""
    tape, now, fills = Tape(1_000), 0, list[Print]()
    for wait, px, lots, sold in steps:
        now += wait
        tape.expire(now)
        fills.append(tape.fill(now, px, lots, sold))
    tape.close()
    merged = tape.complete()
    assert sum(each.lots for each in merged) == sum(each.lots for each in fills)
    assert [each.agg_id for each in merged] == list(range(1_001, 1_001 + len(merged)))
    by_id = {each.trade_id: each for each in fills}
    ids = [number for each in merged for number in range(each.first_id, each.trade_id + 1)]
    assert ids == sorted(by_id) == list(range(1_001, 1_001 + len(fills)))
    for each in merged:
        parts = [by_id[number] for number in range(each.first_id, each.trade_id + 1)]
        assert {(part.px, part.buyer_is_maker) for part in parts} == {(each.px, each.buyer_is_maker)}
        assert each.ts_ms == parts[0].ts_ms > parts[-1].ts_ms - MERGE_MS
    for one, other in pairwise(merged):
        apart = other.ts_ms - one.ts_ms >= MERGE_MS
        assert apart or (one.px, one.buyer_is_maker) != (other.px, other.buyer_is_maker)


@pytest.mark.property
@given(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=40))
def test_recorded_ids_are_kept_but_for_a_shift(steps: list[tuple[int, int, int]]) -> None:
    """Spans and gaps of the file stay; the exchange's own fills only make room, and no id is given twice."""
    tape, file_id, last, shifts = Tape(10**14), 500, 10**14, []
    for count, gap, own in steps:
        first, file_id = file_id + 1 + gap, file_id + gap + count
        printed = tape.aggregated(0, 100, 1, False, first, file_id)
        assert printed.trade_id - printed.first_id == count - 1
        assert printed.first_id > last
        shifts.append(printed.first_id - first)
        last = printed.trade_id
        for _ in range(own):
            last = tape.fill(0, 100, 1, True).trade_id
    assert shifts == sorted(shifts)
    assert shifts[-1] - shifts[0] <= sum(own for _, _, own in steps)
    again = tape.aggregated(0, 100, 1, False, 501, 502)
    assert (again.first_id, again.trade_id) == (last + 1, last + 2), "another round of the recording"


def test_raw_fills_of_a_recording_are_merged_as_the_exchange_does(tmp_path: Path) -> None:
    """A group of fills becomes one message once nothing can join it; the raw stream tells each at once."""
    rows = [
        (1, "64000.0", 0, "true"),
        (2, "64000.0", 40, "true"),
        (3, "64000.0", 99, "true"),
        (4, "64000.0", 100, "true"),
        (5, "64000.0", 130, "false"),
        (6, "64000.1", 140, "false"),
        (9, "64000.1", 150, "false"),
    ]
    table = [[number, px, "0.010", "640", RECORDED_MS + at, sold] for number, px, at, sold in rows]
    names = ["id", "price", "qty", "quote_qty", "time", "is_buyer_maker"]
    market, venue = opened(as_csv(tmp_path / "BTCUSDT-trades-2024-07-18", names, table))
    found = live(market, venue, 1_000)
    base = found[0]["f"] - 1
    assert [(each["f"] - base, each["l"] - base, each["q"], each["T"] - START_MS) for each in found] == [
        (1, 3, "0.030", 0),
        (4, 4, "0.010", 100),
        (5, 5, "0.010", 130),
        (6, 9, "0.020", 140),
    ]
    assert all(each["nq"] == each["q"] for each in found)
    assert [each["a"] - found[0]["a"] for each in found] == [0, 1, 2, 3]
    now = venue.floor.now_ms
    rest = venue.request("", "GET", "/fapi/v1/aggTrades", {"symbol": SYMBOL, "limit": "4"}, now).body
    assert [(row["a"], row["f"], row["l"], row["q"], row["T"]) for row in rest] == [
        (each["a"], each["f"], each["l"], each["q"], each["T"]) for each in found
    ]
    singles = venue.request("", "GET", "/fapi/v1/trades", {"symbol": SYMBOL, "limit": "7"}, now).body
    assert [row["id"] - base for row in singles] == [1, 2, 3, 4, 5, 6, 9]
    begun = market.history(SYMBOL).candles["1m"][-1].trades
    assert venue.floor.listing(SYMBOL).candles.minute.trades - begun == 7


def test_aggregated_trades_of_a_recording_keep_their_fills(tmp_path: Path) -> None:
    """First and last ids are the file's but for one constant, also where the file leaves ids out."""
    spans = [(100, 100), (101, 105), (110, 111), (112, 112)]
    rows = [
        [number, "64000.0", "0.010", first, last, RECORDED_MS + 10 * number, "true"]
        for number, (first, last) in enumerate(spans)
    ]
    market, venue = opened(as_csv(tmp_path / "BTCUSDT-aggTrades-2024-07-18", AGG_HEADER, rows))
    found = live(market, venue, 500)
    shift = found[0]["f"] - 100
    assert [(each["f"] - shift, each["l"] - shift) for each in found] == spans
    assert [each["a"] - found[0]["a"] for each in found] == [0, 1, 2, 3]
    begun = market.history(SYMBOL).candles["1m"][-1].trades
    counted = sum(last - first + 1 for first, last in spans)
    assert venue.floor.listing(SYMBOL).candles.minute.trades - begun == counted


def test_fills_of_an_order_of_ours_merge_by_price() -> None:
    """One message per price level an order goes through, at once; the raw stream and the account see every fill."""
    venue = Venue((SYMBOL,), START_MS)
    for name in ("main", "maker"):
        venue.open_account(name, {"USDT": Decimal(1_000_000)})
    venue.subscribe("btcusdt@aggTrade")
    venue.subscribe("btcusdt@trade")
    bids, asks = ((799_990, 1_000),), ((800_000, 300), (800_010, 300))
    venue.on_market(BookState(START_MS, SYMBOL, bids, asks), START_MS)
    ask = {"symbol": SYMBOL, "side": "SELL", "type": "LIMIT", "timeInForce": "GTC"}
    for _ in range(2):
        venue.request("maker", "POST", "/fapi/v1/order", {**ask, "quantity": "0.1", "price": "80000"}, START_MS)
    take = {"symbol": SYMBOL, "side": "BUY", "type": "MARKET", "quantity": "0.6"}
    events = venue.request("main", "POST", "/fapi/v1/order", take, START_MS).events
    merged, singles = told(events), told(events, "trade")
    assert [(each["p"], each["q"], each["l"] - each["f"] + 1) for each in merged] == [
        ("80000.00", "0.500", 3),
        ("80001.00", "0.100", 1),
    ]
    assert [each["t"] for each in singles] == list(range(merged[0]["f"], merged[1]["l"] + 1))
    fills = venue.request("main", "GET", "/fapi/v1/userTrades", {"symbol": SYMBOL}, START_MS).body
    assert [fill["id"] for fill in fills] == [each["t"] for each in singles]
    again = told(venue.request("main", "POST", "/fapi/v1/order", {**take, "quantity": "0.1"}, START_MS).events)
    assert [each["a"] for each in again] == [merged[1]["a"] + 1]


def test_prints_of_a_market_that_aggregates_itself_are_told_as_they_come() -> None:
    """One message per print, at once, also for equal prices: merging is the source's affair."""
    venue = Venue((SYMBOL,), START_MS)
    venue.subscribe("btcusdt@aggTrade")
    trades = [MarketTrade(START_MS + at, SYMBOL, 800_000, 5, True) for at in (0, 1, 2)]
    found = [each for trade in trades for each in told(venue.on_market(trade, trade.ts_ms))]
    assert [each["T"] for each in found] == [START_MS, START_MS + 1, START_MS + 2]
    assert all(each["a"] == each["f"] == each["l"] for each in found)
    groups = groupby(found, key=lambda each: (each["p"], each["m"]))
    assert len(list(groups)) == 1
