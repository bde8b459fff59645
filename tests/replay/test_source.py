"""Records become rows: numbers as a decoder would read them, ids without holes, sessions apart."""

from decimal import Decimal

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.replay.conftest import Make
from vortex.exchange.generator import GeneratedMarket
from vortex.exchange.generator_profile import profile_of
from vortex.exchange.history import MINUTE_MS
from vortex.exchange.instruments import DEFAULT_INSTRUMENTS
from vortex.exchange.market_events import BookState, MarketEvent, MarketTrade, MarkState, RatioState
from vortex.exchange.replay_records import BookRecord, FundingRecord, MetricRecord, ReplayRecord, TradeRecord
from vortex.market.layout import Kind
from vortex.sim.replay_rows import Batch, EventWriter, Grid, past_of
from vortex.sim.replay_source import (
    SAMPLE_MS,
    SESSION_GAP_MS,
    RecordedSession,
    SessionStart,
    Teller,
    recorded_batches,
    wound,
)

FIRST_MS = 1_721_347_020_000
BITCOIN = DEFAULT_INSTRUMENTS["BTCUSDT"]
BOOK = BookRecord(FIRST_MS - 500, ((640_000, 5),), ((640_001, 5),))


def prints(from_ms: int, count: int = 20) -> list[ReplayRecord]:
    """A print every 100 ms."""
    return [TradeRecord(from_ms + 100 * k, 640_000 + k % 2, 3, k % 2 == 0) for k in range(count)]


def told(records: list[ReplayRecord]) -> tuple[Teller, list[MarketEvent | SessionStart]]:
    """The events of these records."""
    teller = Teller(RecordedSession(lambda: iter(records), profile_of(BITCOIN), FIRST_MS, 7))
    return teller, list(teller.events())


@pytest.mark.property
@given(st.integers(1, 50_000_000), st.integers(1, 10_000_000))
def test_prices_and_quantities_are_those_of_the_decimal_text(ticks: int, lots: int) -> None:
    """Bit by bit what a decoder of the live stream makes of the same number."""
    make = Make()
    grid, instrument = Grid(make.bitcoin), make.bitcoin
    assert grid.px(ticks) == float(str(instrument.price(ticks)))
    assert grid.qty(lots) == float(str(instrument.quantity(lots)))


def test_rows_hold_what_the_events_said(make: Make) -> None:
    """A trade, a short book, a mark and both ratios."""
    writer = EventWriter(make.bitcoin, 41, 8)
    writer.put(MarketTrade(1_000, "BTCUSDT", 640_003, 2_500, True))
    writer.put(BookState(1_001, "BTCUSDT", ((640_002, 7), (640_001, 8)), ((640_003, 9),)))
    writer.put(MarkState(1_002, "BTCUSDT", 64_000.5, 64_000.25, 0.0001, 9_000))
    writer.put(RatioState(1_003, "BTCUSDT", 0.6, 0.55, 0.5, 0.5))
    events, books, _ = writer.batch()
    assert events["kind"].tolist() == [Kind.TRADE, Kind.DEPTH, Kind.MARK, Kind.ACCOUNT_RATIO, Kind.ACCOUNT_RATIO]
    assert events["id"][0] == 41
    assert (events["px"][0], events["qty"][0], events["flag"][0]) == (64_000.3, 2.5, 1)
    assert books[0, :3].tolist() == [[64_000.2, 0.007, 64_000.3, 0.009], [64_000.1, 0.008, 0, 0], [0, 0, 0, 0]]
    assert (events["qty"][2], events["id"][2]) == (0.0001, 9_000)
    assert (events["qty"][3:].tolist(), events["flag"][3:].tolist()) == ([0.6, 0.55], [0, 1])


def test_ids_go_on_from_batch_to_batch(make: Make) -> None:
    """Trades from the number after the past, books from one."""
    _, events = told([BOOK, *prints(FIRST_MS, 200)])
    batches = [
        (batch.events.copy(), batch.books.copy())
        for batch in recorded_batches(events, make.bitcoin, 900, size=7)
        if isinstance(batch, Batch)
    ]
    rows = np.concatenate([each for each, _ in batches])
    trades = rows[rows["kind"] == Kind.TRADE]
    assert trades["id"].tolist() == list(range(900, 1_100))
    depths = rows[rows["kind"] == Kind.DEPTH]
    assert depths["id"].tolist() == list(range(1, len(depths) + 1))
    assert np.array_equal(depths["prev_id"], depths["id"] - 1)


def test_what_came_before_the_first_print_stands_at_it() -> None:
    """The book and the last funding rate; older polls are void."""
    before: list[ReplayRecord] = [
        FundingRecord(FIRST_MS - 9_000_000, 0.0009),
        FundingRecord(FIRST_MS - 3_600_000, 0.0002),
        MetricRecord(FIRST_MS - 60_000, 10, 0.5, 0.5, 0.5, 0.5),
        BOOK,
    ]
    found = list(wound([*before, *prints(FIRST_MS, 2)], FIRST_MS))
    assert [type(each) for each in found] == [BookRecord, FundingRecord, TradeRecord, TradeRecord]
    assert {each.ts_ms for each in found[:3]} == {FIRST_MS}
    assert found[1] == FundingRecord(FIRST_MS, 0.0002)


def test_a_recorded_funding_rate_is_in_the_marks() -> None:
    """Also in a later session."""
    later = FIRST_MS + 10 * SESSION_GAP_MS
    records = [FundingRecord(FIRST_MS - 1_000, 0.0007), *prints(FIRST_MS, 40), *prints(later, 40)]
    teller, events = told(records)
    rates = {each.funding_rate for each in events if isinstance(each, MarkState)}
    assert rates == {0.0007}
    assert teller.sessions == 2


def test_nothing_is_derived_between_sessions() -> None:
    """A year of silence is not a year of events."""
    later = FIRST_MS + 365 * 86_400_000
    slow: list[ReplayRecord] = [
        MetricRecord(FIRST_MS + 5 * MINUTE_MS * k, 10, 0.5, 0.5, 0.5, 0.5) for k in range(3, 500)
    ]
    _, events = told([BOOK, *prints(FIRST_MS), *slow, *prints(later)])
    assert len(events) < 500
    assert not any(FIRST_MS + 2 * SESSION_GAP_MS < each.ts_ms < later for each in events)


def test_a_later_session_is_announced_with_its_first_minutes(make: Make) -> None:
    """Before its first event, by the prints of five minutes and the number that the next one gets."""
    later = FIRST_MS + 2 * SESSION_GAP_MS
    book = msgspec.structs.replace(BOOK, ts_ms=later - 50)
    records = [BOOK, *prints(FIRST_MS, 20), book, *prints(later, 5_000)]
    _, events = told(records)
    (start,) = (each for each in events if isinstance(each, SessionStart))
    assert start.ts_ms == later - 50
    assert [each.ts_ms for each in start.prints] == list(range(later, later + SAMPLE_MS + 1, 100))
    assert max(each.ts_ms for each in events[: events.index(start)]) < later - 50
    stream = list(recorded_batches(events, make.bitcoin, 900, size=64))
    assert [each.next_trade_id for each in stream if isinstance(each, SessionStart)] == [920]
    assert {type(each).__name__ for each in stream} == {"Batch", "SessionStart"}


def test_a_session_too_short_to_look_ahead_in_is_followed_by_the_next() -> None:
    """Nothing of what was looked at is lost."""
    begins = [FIRST_MS + 3 * SESSION_GAP_MS * k for k in range(4)]
    teller, events = told([each for begin in begins for each in prints(begin, 7)])
    assert [each.ts_ms for each in events if isinstance(each, SessionStart)] == begins[1:]
    assert sum(isinstance(each, MarketTrade) for each in events) == 28
    assert teller.sessions == 4


def test_events_come_in_time_order() -> None:
    """As the kernels want them."""
    _, events = told([BOOK, *prints(FIRST_MS, 300)])
    times = [each.ts_ms for each in events]
    assert times == sorted(times)


def test_the_past_is_closed_candles_trades_and_polls(make: Make) -> None:
    """Nothing in it is at or after the opening."""
    history = GeneratedMarket(7, ["BTCUSDT"], FIRST_MS).history("BTCUSDT")
    candles, trades, polls = past_of(history, make.bitcoin)
    shorter = past_of(history, make.bitcoin, 101)[1]
    assert [each.agg_id for each in shorter] == list(range(1, 101))
    renumbered = past_of(history, make.bitcoin, 900_000)[1]
    assert (len(renumbered), renumbered[-1].agg_id) == (len(trades), 899_999)
    assert [each.px for each in shorter] == [each.px for each in renumbered[-100:]]
    assert all(each.open_ms + each.interval.ms <= FIRST_MS for each in candles)
    assert {each.interval.value for each in candles} == {"1m", "3m", "5m", "15m"}
    assert [each.agg_id for each in trades] == list(range(1, len(history.trades) + 1))
    assert max(each.ts_ms for each in (*trades, *polls)) < FIRST_MS + 1
    last = next(each for each in reversed(candles) if each.interval.value == "1m")
    assert Decimal(str(last.close)) % make.bitcoin.tick_size == 0
