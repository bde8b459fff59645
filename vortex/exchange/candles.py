"""Candles of every interval, kept from trades at constant cost: each trade touches only the open minute."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from vortex.exchange.history import Candle
from vortex.exchange.instruments import Instrument, money_trim

MINUTE_MS = 60_000
_WEEK_START_MS = 4 * 86_400_000
_MINUTES: Mapping[str, int] = {
    "1m": 1,
    "3m": 3,
    "5m": 5,
    "15m": 15,
    "30m": 30,
    "1h": 60,
    "2h": 120,
    "4h": 240,
    "6h": 360,
    "8h": 480,
    "12h": 720,
    "1d": 1440,
    "3d": 4320,
    "1w": 10080,
}
INTERVALS_MS: Mapping[str, int] = {name: minutes * MINUTE_MS for name, minutes in _MINUTES.items()}
"""Intervals of a fixed length."""
MONTH = "1M"
INTERVALS = (*INTERVALS_MS, MONTH)
"""Every interval, shortest first; a month is as long as the calendar says, in UTC."""
CLOSED_MAX = 20_160
TRIMMED = 1_000


def open_of(interval_ms: int, ts_ms: int) -> int:
    """When the candle that holds this instant opens; weeks begin on Monday."""
    offset = _WEEK_START_MS if interval_ms == INTERVALS_MS["1w"] else 0
    return (ts_ms - offset) // interval_ms * interval_ms + offset


def opens_ms(interval: str, ts_ms: int) -> int:
    """When the candle of this interval that holds this instant opens."""
    if interval != MONTH:
        return open_of(INTERVALS_MS[interval], ts_ms)
    year, month = _month_of(ts_ms)
    return _month_ms(year, month)


def ends_ms(interval: str, open_ms: int) -> int:
    """When the candle that opened then is over: the opening of the next one."""
    if interval != MONTH:
        return open_ms + INTERVALS_MS[interval]
    year, month = _month_of(open_ms)
    return _month_ms(year + month // 12, month % 12 + 1)


def _month_of(ts_ms: int) -> tuple[int, int]:
    moment = datetime.fromtimestamp(ts_ms / 1000, UTC)
    return moment.year, moment.month


def _month_ms(year: int, month: int) -> int:
    return int(datetime(year, month, 1, tzinfo=UTC).timestamp()) * 1000


@dataclass(slots=True)
class Bar:
    """One candle in ticks and lots; quote volumes in ticks times lots."""

    open_ms: int
    open: int
    high: int
    low: int
    close: int
    volume: int = 0
    quote: int = 0
    trades: int = 0
    buy_volume: int = 0
    buy_quote: int = 0
    first_id: int = -1
    last_id: int = -1

    def add(self, px: int, lots: int, taker_buy: bool, trade_id: int, first_id: int = -1) -> None:
        """Take in one trade, or an aggregated one that is made of the fills from `first_id` on."""
        first = trade_id if first_id < 0 else first_id
        if self.trades == 0:
            self.open = self.high = self.low = px
            self.first_id = first
        else:
            self.high = max(self.high, px)
            self.low = min(self.low, px)
        self.close = px
        self.volume += lots
        self.quote += px * lots
        self.trades += trade_id - first + 1
        self.last_id = trade_id
        if taker_buy:
            self.buy_volume += lots
            self.buy_quote += px * lots

    def merged(self, later: "Bar") -> "Bar":
        """This candle continued by a later one."""
        return Bar(
            self.open_ms,
            self.open,
            max(self.high, later.high),
            min(self.low, later.low),
            later.close,
            self.volume + later.volume,
            self.quote + later.quote,
            self.trades + later.trades,
            self.buy_volume + later.buy_volume,
            self.buy_quote + later.buy_quote,
            self.first_id if self.first_id >= 0 else later.first_id,
            later.last_id if later.last_id >= 0 else self.last_id,
        )


def _bar(candle: Candle) -> Bar:
    return Bar(
        candle.open_ms,
        candle.open_ticks,
        candle.high_ticks,
        candle.low_ticks,
        candle.close_ticks,
        candle.volume_lots,
        candle.quote_tick_lots,
        candle.trades,
        candle.taker_buy_lots,
        candle.taker_buy_quote_tick_lots,
    )


class _Series:
    """Closed candles of one interval, and the part of the open one that closed minutes already tell."""

    def __init__(self, interval: str) -> None:
        self.interval = interval
        self.closed: list[Bar] = []
        """Without holes."""
        self.partial: Bar | None = None
        self._ends_ms = 0
        """When the partial candle is over."""

    def minute_closed(self, minute: Bar) -> Bar | None:
        """Take in a closed minute; return the candle that it completed, if any."""
        if self.partial is None:
            self.partial = Bar(opens_ms(self.interval, minute.open_ms), *_values(minute))
            self._ends_ms = ends_ms(self.interval, self.partial.open_ms)
        else:
            self.partial = self.partial.merged(minute)
        if minute.open_ms + MINUTE_MS < self._ends_ms:
            return None
        done, self.partial = self.partial, None
        self.closed.append(done)
        if len(self.closed) >= CLOSED_MAX + TRIMMED:
            del self.closed[:TRIMMED]
        return done

    def resumes_ms(self, minutes: list[Bar]) -> int:
        """Where minutes continue the closed rows; a past candle that they tell only in part is left out."""
        if self.closed:
            return ends_ms(self.interval, self.closed[-1].open_ms)
        if not minutes:
            return 0
        first_ms, opened_ms = minutes[0].open_ms, opens_ms(self.interval, minutes[0].open_ms)
        ended_ms = ends_ms(self.interval, opened_ms)
        return first_ms if opened_ms == first_ms or minutes[-1].open_ms < ended_ms else ended_ms

    def between(self, start_ms: int | None, end_ms: int | None, limit: int) -> list[Bar]:
        """Closed candles by open time: the first `limit` from a start, else the last `limit`."""
        if not self.closed:
            return []
        high = len(self.closed) if end_ms is None else bisect_right(self.closed, end_ms, key=_opened)
        if start_ms is None:
            return self.closed[max(0, high - limit) : high]
        low = bisect_left(self.closed, start_ms, key=_opened)
        return self.closed[low : min(high, low + limit)]

    def copy(self) -> "_Series":
        """The same candles, to be continued separately; closed ones never change and are shared."""
        twin = _Series(self.interval)
        twin.closed, twin.partial, twin._ends_ms = list(self.closed), self.partial, self._ends_ms  # its own kind
        return twin


def _opened(bar: Bar) -> int:
    return bar.open_ms


def _values(bar: Bar) -> tuple[int, ...]:
    return (
        bar.open,
        bar.high,
        bar.low,
        bar.close,
        bar.volume,
        bar.quote,
        bar.trades,
        bar.buy_volume,
        bar.buy_quote,
        bar.first_id,
        bar.last_id,
    )


class Candles:
    """All candle series of one symbol."""

    def __init__(self, start_ms: int, px: int) -> None:
        self.minute = Bar(open_of(MINUTE_MS, start_ms), px, px, px, px)
        self._series = {name: _Series(name) for name in INTERVALS}
        self._day: Bar | None = None

    def load(self, candles: Mapping[str, tuple[Candle, ...]], end_ms: int) -> None:
        """Begin with history: minutes rebuild the open candles, longer rows fill the past."""
        minutes = [_bar(candle) for candle in candles.get("1m", ())]
        if not minutes:
            return
        if minutes[-1].open_ms + MINUTE_MS > end_ms:
            self.minute = minutes.pop()
        else:
            close = minutes[-1].close
            self.minute = Bar(minutes[-1].open_ms + MINUTE_MS, close, close, close, close)
        for name, series in self._series.items():
            series.closed = [_bar(row) for row in candles.get(name, ()) if ends_ms(name, row.open_ms) <= end_ms]
            from_ms = series.resumes_ms(minutes)
            for minute in minutes:
                if minute.open_ms >= from_ms:
                    series.minute_closed(minute)

    def copy(self) -> "Candles":
        """The same past, to be continued separately."""
        twin = Candles(self.minute.open_ms, self.minute.close)
        twin.minute = replace(self.minute)
        twin._series = {name: series.copy() for name, series in self._series.items()}  # its own kind
        return twin

    def roll(self, now_ms: int) -> list[tuple[str, Bar]]:
        """Close every minute that has passed; return the candles that ended, shortest interval first."""
        ended: list[tuple[str, Bar]] = []
        while now_ms >= self.minute.open_ms + MINUTE_MS:
            minute = self.minute
            for name, series in self._series.items():
                done = series.minute_closed(minute)
                if done is not None:
                    ended.append((name, done))
            close = minute.close
            self.minute = Bar(minute.open_ms + MINUTE_MS, close, close, close, close)
            self._day = None
        return ended

    def live(self, interval: str) -> Bar:
        """The open candle of an interval."""
        if interval == "1m":
            return self.minute
        series = self._series[interval]
        if series.partial is None:
            return Bar(opens_ms(interval, self.minute.open_ms), *_values(self.minute))
        return series.partial.merged(self.minute)

    def rows(self, interval: str, start_ms: int | None, end_ms: int | None, limit: int) -> list[Bar]:
        """Candles by open time, ascending, the open one last; the newest `limit` unless a start is given."""
        live = self.live(interval)
        found = self._series[interval].between(start_ms, end_ms, limit)
        if (start_ms is None or live.open_ms >= start_ms) and (end_ms is None or live.open_ms <= end_ms):
            found = [*found, live]
        return found[:limit] if start_ms is not None else found[-limit:]

    def last_day(self) -> Bar:
        """The last 24 hours as one candle."""
        if self._day is None:
            bars = self._series["1m"].closed[-1439:]
            if bars:
                day = bars[0]
                for bar in bars[1:]:
                    day = day.merged(bar)
                self._day = day
        return self.minute if self._day is None else self._day.merged(self.minute)


def kline_row(instrument: Instrument, bar: Bar, interval: str) -> list[object]:
    """One row of GET /fapi/v1/klines."""
    return [
        bar.open_ms,
        instrument.px_text(bar.open),
        instrument.px_text(bar.high),
        instrument.px_text(bar.low),
        instrument.px_text(bar.close),
        instrument.qty_text(bar.volume),
        ends_ms(interval, bar.open_ms) - 1,
        money_trim(bar.quote * instrument.unit_value),
        bar.trades,
        instrument.qty_text(bar.buy_volume),
        money_trim(bar.buy_quote * instrument.unit_value),
        "0",
    ]
