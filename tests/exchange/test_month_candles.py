"""Candles of a month: as long as the calendar says, on REST and on streams."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.exchange.candles import INTERVALS, MONTH, Candles, ends_ms, opens_ms
from vortex.exchange.events import StreamEvent
from vortex.exchange.history import Candle

MINUTE = 60_000


def ms(*date: int) -> int:
    """A moment in UTC."""
    return int(datetime(*date, tzinfo=UTC).timestamp()) * 1000  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("moment", "opened", "ended"),
    [
        ((2026, 11, 20, 13, 45), (2026, 11, 1), (2026, 12, 1)),
        ((2026, 12, 31, 23, 59), (2026, 12, 1), (2027, 1, 1)),
        ((2028, 2, 29), (2028, 2, 1), (2028, 3, 1)),
        ((2026, 1, 1), (2026, 1, 1), (2026, 2, 1)),
    ],
)
def test_a_month_begins_on_its_first_day(
    moment: tuple[int, ...], opened: tuple[int, ...], ended: tuple[int, ...]
) -> None:
    """In UTC, leap years and years' ends included."""
    assert opens_ms(MONTH, ms(*moment)) == ms(*opened)
    assert ends_ms(MONTH, ms(*opened)) == ms(*ended)


@given(st.integers(0, 4_102_444_800_000), st.sampled_from(INTERVALS))
@pytest.mark.property
def test_every_moment_lies_in_exactly_one_candle(moment: int, interval: str) -> None:
    """And candles follow each other without a hole."""
    opened = opens_ms(interval, moment)
    ended = ends_ms(interval, opened)
    assert opened <= moment < ended
    assert opens_ms(interval, ended) == ended
    assert opens_ms(interval, ended - 1) == opened


def test_a_month_closes_once_at_its_end() -> None:
    """With what was traded in it; the next one begins empty."""
    candles = Candles(ms(2026, 11, 30, 23, 58), 100)
    candles.minute.add(110, 5, True, 1)
    ended = candles.roll(ms(2026, 12, 1))
    months = [bar for interval, bar in ended if interval == MONTH]
    assert [(bar.open_ms, bar.high, bar.volume) for bar in months] == [(ms(2026, 11, 1), 110, 5)]
    assert (candles.live(MONTH).open_ms, candles.live(MONTH).volume) == (ms(2026, 12, 1), 0)
    assert [bar.open_ms for bar in candles.rows(MONTH, None, None, 10)] == [ms(2026, 11, 1), ms(2026, 12, 1)]
    assert [bar.open_ms for bar in candles.rows(MONTH, ms(2026, 11, 2), None, 10)] == [ms(2026, 12, 1)]


def test_history_tells_the_open_month_and_leaves_out_a_past_one_that_it_knows_in_part() -> None:
    """Two days around the turn of a month: only the new month is told."""

    def minutes(start: int, end: int) -> tuple[Candle, ...]:
        return tuple(Candle(at, 100, 101, 99, 100, 2, 200, 1, 1, 100) for at in range(start, end, MINUTE))

    turned = Candles(0, 1)
    turned.load({"1m": minutes(ms(2026, 10, 31), ms(2026, 11, 2))}, ms(2026, 11, 2))
    (month,) = turned.rows(MONTH, None, None, 10)
    assert (month.open_ms, month.trades) == (ms(2026, 11, 1), 1_440)
    within = Candles(0, 1)
    within.load({"1m": minutes(ms(2026, 11, 18), ms(2026, 11, 20))}, ms(2026, 11, 20))
    (month,) = within.rows(MONTH, None, None, 10)
    assert (month.open_ms, month.trades) == (ms(2026, 11, 1), 2_880)


def test_the_month_is_served_and_streamed(stand: Any) -> None:
    """REST, kline and continuousKline with the calendar's close time."""
    for name in ("btcusdt@kline_1M", "btcusdt_perpetual@continuousKline_1M"):
        stand.venue.subscribe(name)
    stand.trade(800_000, 5, sold=True)
    told = {event.stream: event.payload for event in stand.tick(250) if isinstance(event, StreamEvent)}
    opened = opens_ms(MONTH, stand.now)
    candle = told["btcusdt@kline_1M"]["k"]
    assert (candle["t"], candle["T"], candle["i"]) == (opened, ends_ms(MONTH, opened) - 1, "1M")
    assert told["btcusdt_perpetual@continuousKline_1M"]["e"] == "continuous_kline"
    rows = stand.ask_for("GET", "/fapi/v1/klines", symbol="BTCUSDT", interval="1M").body
    assert (rows[-1][0], rows[-1][6]) == (opened, ends_ms(MONTH, opened) - 1)
