"""A seeded market in the kernels' layout, with a history before it, for measurements and tests; simple statistics."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vortex.domain.market import LEVELS, Candle, Interval
from vortex.market.layout import CANDLE, EVENT, Kind


class GeneratedMarket(NamedTuple):
    """Arrays for `SignalBoard.apply_batch`."""

    events: NDArray[np.void]
    books: NDArray[np.float64]
    candles: NDArray[np.void]


def generate_market(
    count: int,
    seed: int,
    *,
    trades_per_depth: int = 14,
    start_ms: int = 1_700_000_000_000,
    depth_ms: int = 100,
    px: float = 60_000.0,
    tick: float = 0.1,
) -> GeneratedMarket:
    """`count` events: a depth snapshot every `depth_ms`, `trades_per_depth` trades between two of them.

    The mid walks at random in ticks with slowly turning drift; aggressors follow the drift more often than not.
    """
    rng = np.random.default_rng(seed)
    cycle = trades_per_depth + 1
    books_n = (count + cycle - 1) // cycle
    drift = np.sin(np.arange(books_n) / 600.0 + rng.uniform(0.0, 6.0)) * 0.3
    steps = np.rint(rng.normal(drift, 1.5))
    mid_ticks = np.maximum(1_000, round(px / tick) + np.cumsum(steps)).astype(np.int64)

    events = np.zeros(books_n * cycle, EVENT)
    at = np.arange(len(events))
    book_of, place = at // cycle, at % cycle
    is_depth = place == 0
    events["ts_ms"] = start_ms + book_of * depth_ms + place * depth_ms // cycle
    events["kind"] = np.where(is_depth, Kind.DEPTH, Kind.TRADE)
    events["ref"] = np.where(is_depth, book_of, 0)
    events["id"] = np.where(is_depth, book_of + 1, at - book_of)
    events["prev_id"] = np.where(is_depth, book_of, 0)
    buys = rng.random(len(events)) < 0.5 + np.repeat(drift, cycle)
    events["flag"] = np.where(is_depth, 0, ~buys)
    trade_px = (np.repeat(mid_ticks, cycle) + np.where(buys, 1, 0)) * tick
    events["px"] = np.where(is_depth, 0.0, trade_px)
    events["qty"] = np.where(is_depth, 0.0, rng.lognormal(-3.0, 1.2, len(events)))

    books = np.empty((books_n, LEVELS, 4))
    depths = np.arange(LEVELS)
    books[:, :, 0] = (mid_ticks[:, None] - depths) * tick
    books[:, :, 2] = (mid_ticks[:, None] + 1 + depths) * tick
    lean = np.exp(np.clip(drift * 2.0 + rng.normal(0.0, 0.3, books_n), -2.0, 2.0))[:, None]
    books[:, :, 1] = rng.lognormal(0.0, 0.8, (books_n, LEVELS)) * lean
    books[:, :, 3] = rng.lognormal(0.0, 0.8, (books_n, LEVELS)) / lean
    return GeneratedMarket(np.ascontiguousarray(events[:count]), books, np.zeros(1, CANDLE))


def generate_history(
    symbol: str, end_ms: int, seed: int, *, px: float = 60_000.0, minutes: int = 1_500
) -> list[Candle]:
    """Closed candles of all intervals that end at `end_ms` (rounded down to the minute) at the price `px`."""
    rng = np.random.default_rng(seed)
    end_ms -= end_ms % Interval.M1.ms
    walk = np.cumsum(rng.normal(0.0, 5e-4, minutes))
    closes = px * np.exp(walk - walk[-1])
    wicks = np.abs(rng.normal(0.0, 2.5e-4, (minutes, 2)))
    volumes = rng.uniform(1.0, 9.0, minutes)
    rows: list[Candle] = []
    for i in range(minutes):
        first, last = float(closes[max(0, i - 1)]), float(closes[i])
        high, low = max(first, last) * (1.0 + float(wicks[i, 0])), min(first, last) * (1.0 - float(wicks[i, 1]))
        open_ms = end_ms - (minutes - i) * Interval.M1.ms
        rows.append(_candle(symbol, Interval.M1, open_ms, (first, high, low, last), float(volumes[i])))
    longer = [candle for interval in (Interval.M3, Interval.M5, Interval.M15) for candle in _grouped(rows, interval)]
    return rows + longer


def _grouped(minutes: list[Candle], interval: Interval) -> list[Candle]:
    """Whole longer candles made of minutes."""
    groups: dict[int, list[Candle]] = {}
    for minute in minutes:
        groups.setdefault(minute.open_ms - minute.open_ms % interval.ms, []).append(minute)
    return [
        _candle(
            parts[0].symbol,
            interval,
            open_ms,
            (parts[0].open, max(p.high for p in parts), min(p.low for p in parts), parts[-1].close),
            math.fsum(p.volume for p in parts),
        )
        for open_ms, parts in groups.items()
        if len(parts) * Interval.M1.ms == interval.ms
    ]


def _candle(
    symbol: str, interval: Interval, open_ms: int, values: tuple[float, float, float, float], volume: float
) -> Candle:
    first, high, low, last = values
    return Candle(
        symbol=symbol,
        ts_ms=open_ms + interval.ms,
        interval=interval,
        open_ms=open_ms,
        open=first,
        high=high,
        low=low,
        close=last,
        volume=volume,
        quote_volume=volume * last,
        trades=1,
        taker_buy_volume=volume / 2.0,
        closed=True,
    )
