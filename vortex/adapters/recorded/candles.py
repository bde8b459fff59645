"""Recorded candles of every interval: read, put into one row of minutes, and spelled out as prints where none are."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from vortex.adapters.recorded.files import rows
from vortex.adapters.recorded.layouts import Layout
from vortex.adapters.recorded.units import Place, Units, ms_of
from vortex.exchange.candle_paths import minutes_within, prints_within
from vortex.exchange.generator_draws import Draws
from vortex.exchange.history import MINUTE_MS, Candle
from vortex.exchange.replay_records import TradeRecord
from vortex.kernel.errors import ConfigError


def candles_of(layout: Layout, units: Units) -> Iterator[Candle]:
    """Candles of a klines file; what six columns do not tell is estimated: half the volume is taker-bought."""
    at = layout.columns
    for number, values in rows(layout.path):
        with Place(layout.path, number):
            yield _candle(at, values, units)


def _candle(at: dict[str, int], values: list[object], units: Units) -> Candle:
    opened, high, low, closed = (units.px(values[at[name]]) for name in ("open", "high", "low", "close"))
    if not low <= min(opened, closed) <= max(opened, closed) <= high:
        raise ValueError("high and low do not enclose open and close")
    volume = units.qty(values[at["volume"]]) if "volume" in at else 0
    bought = units.qty(values[at["taker_buy_volume"]]) if "taker_buy_volume" in at else volume // 2
    count = int(float(str(values[at["count"]]))) if "count" in at else max(1, volume // 50) if volume else 0
    middle = (opened + high + low + closed) // 4
    return Candle(
        ms_of(values[at["open_time"]]),
        opened,
        high,
        low,
        closed,
        volume,
        volume * middle,
        count,
        min(bought, volume),
        min(bought, volume) * middle,
    )


def length_of(layout: Layout) -> int:
    """How long the candles of a file are, ms: the smallest step between its first rows, else from open to close."""
    times: list[int] = []
    at = layout.columns["open_time"]
    for number, values in rows(layout.path):
        with Place(layout.path, number):
            times.append(ms_of(values[at]))
            if len(times) == 1 and "close_time" in layout.columns:
                closes_ms = ms_of(values[layout.columns["close_time"]])
                return round((closes_ms - times[0] + 1) / MINUTE_MS) * MINUTE_MS
        if len(times) == 10:
            break
    steps = [later - earlier for earlier, later in pairwise(times) if later > earlier]
    if not steps:
        raise ConfigError(f"{layout.path}: one candle and no close_time do not tell how long the candles are")
    return min(steps)


def joined(layouts: Sequence[tuple[int, Layout]], units: Units, from_ms: int, to_ms: int) -> dict[int, Candle]:
    """Minutes that open in [from_ms, to_ms), by opening time: the shortest candles that tell of each."""
    found: dict[int, Candle] = {}
    for length_ms, layout in sorted(layouts, key=lambda each: (each[0], str(each[1].path))):
        for candle in candles_of(layout, units):
            if candle.open_ms + length_ms <= from_ms or candle.open_ms >= to_ms or candle.open_ms % MINUTE_MS:
                continue
            for minute in minutes_within(candle, length_ms):
                if from_ms <= minute.open_ms < to_ms:
                    found.setdefault(minute.open_ms, minute)
    return found


def prints_of(layouts: Sequence[tuple[int, Layout]], units: Units, draws: Draws, from_ms: int) -> Iterator[TradeRecord]:
    """Prints that would have made the candles after `from_ms`, by time; of overlapping files the earlier counts."""
    last_ms = 0
    for length_ms, layout in layouts:
        for candle in candles_of(layout, units):
            if candle.open_ms >= last_ms:
                last_ms = candle.open_ms + length_ms
                if last_ms > from_ms:
                    yield from prints_within(candle, length_ms, draws)
