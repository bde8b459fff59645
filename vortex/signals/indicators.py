"""Indicators over closed candles, one step per candle: EMA, RSI, MACD, ATR, ADX, VWAP, Bollinger (E3-1 … E3-7, E5-2).

Seeds and smoothing follow TA-Lib, so that every value equals it from its first bar on. A flat market has RSI 50.
"""

import math

import numpy as np

from vortex.market.jit import Rec, compiled
from vortex.market.layout import CANDLES

DAY_MS = 86_400_000
BOLLINGER = 20
MACD_FIRST = 26
SIGNAL_FIRST = 34
WILDER = 14
ADX_FIRST = 28


@compiled
def take_closed(state: Rec, frame: Rec, squeeze_percentile: float, squeeze_history: int) -> bool:
    """Bring a frame's indicators up to its last closed candle; rebuild them when an old candle was revised."""
    if frame.revised != 0:
        frame.revised = 0
        state.bars = 0
        state.seen = max(0, frame.n - CANDLES)
    moved = state.seen < frame.n
    while state.seen < frame.n:
        step(state, frame, state.seen)
        state.seen += 1
    if moved:
        state.squeeze_below = _percentile_of_widths(state, squeeze_history, squeeze_percentile)
    return bool(moved)


@compiled
def step(state: Rec, frame: Rec, index: int) -> None:
    """Take one closed candle, the next after those taken before."""
    at = index % CANDLES
    before = (index - 1) % CANDLES
    if state.bars == 0:
        _clear(state)
    state.bars += 1
    close = frame.close[at]
    _averages(state, frame, index)
    if state.bars > 1:
        _relative_strength(state, close - frame.close[before])
        _ranges(
            state,
            frame.high[at],
            frame.low[at],
            frame.high[before],
            frame.low[before],
            frame.close[before],
        )
    _vwap(state, frame.open_ms[at], (frame.high[at] + frame.low[at] + close) / 3.0, frame.volume[at])
    state.ema9_ring[at] = state.ema9
    state.rsi_ring[at] = state.rsi
    state.atr_pct_ring[at] = state.atr / close * 100.0 if state.bars > WILDER else math.nan
    state.width_ring[at] = math.nan
    if state.bars >= BOLLINGER:
        upper, middle, lower = bollinger(frame, index, close)
        state.width_ring[at] = (upper - lower) / middle


@compiled
def _clear(state: Rec) -> None:
    state.ema9 = state.ema21 = state.ema12 = state.ema26 = 0.0
    state.sum9 = state.sum21 = state.sum26 = 0.0
    state.signal = state.signal_sum = state.histogram = state.histogram_before = 0.0
    state.gain = state.loss = 0.0
    state.rsi = 50.0
    state.atr = state.plus_dm = state.minus_dm = state.true_range = state.dx_sum = state.adx = 0.0
    state.vwap_day = -1
    state.crossed = 0
    state.crossed_at = 0


@compiled
def next_average(average: float, close: float, period: int) -> float:
    """One step of an EMA with k = 2/(n+1) (E3-1)."""
    k = 2.0 / (period + 1.0)
    return average + k * (close - average)


@compiled
def _averages(state: Rec, frame: Rec, index: int) -> None:
    """EMA 9/21 and MACD 12/26/9, each seeded by a simple mean as TA-Lib does."""
    close = frame.close[index % CANDLES]
    bars = state.bars
    above = 1 if state.ema9 > state.ema21 else -1
    state.sum9 += close if bars <= 9 else 0.0
    state.sum21 += close if bars <= 21 else 0.0
    state.sum26 += close if bars <= MACD_FIRST else 0.0
    state.ema9 = state.sum9 / min(bars, 9) if bars <= 9 else next_average(state.ema9, close, 9)
    state.ema21 = state.sum21 / min(bars, 21) if bars <= 21 else next_average(state.ema21, close, 21)
    if bars > 21 and above != (1 if state.ema9 > state.ema21 else -1):
        state.crossed = -above
        state.crossed_at = bars
    if bars < MACD_FIRST:
        return
    if bars == MACD_FIRST:
        state.ema26 = state.sum26 / MACD_FIRST
        state.ema12 = 0.0
        for i in range(index - 11, index + 1):
            state.ema12 += frame.close[i % CANDLES] / 12.0
    else:
        state.ema12 = next_average(state.ema12, close, 12)
        state.ema26 = next_average(state.ema26, close, 26)
    macd = state.ema12 - state.ema26
    state.histogram_before = state.histogram
    if bars <= SIGNAL_FIRST:
        state.signal_sum += macd
        state.signal = state.signal_sum / 9.0
    else:
        state.signal = next_average(state.signal, macd, 9)
    if bars >= SIGNAL_FIRST:
        state.histogram = macd - state.signal


@compiled
def _relative_strength(state: Rec, change: float) -> None:
    """Wilder's averages of gains and losses (E3-3)."""
    changes = state.bars - 1
    gain = max(change, 0.0)
    loss = max(-change, 0.0)
    if changes <= WILDER:
        state.gain += gain / WILDER
        state.loss += loss / WILDER
    else:
        state.gain = (state.gain * (WILDER - 1) + gain) / WILDER
        state.loss = (state.loss * (WILDER - 1) + loss) / WILDER
    if changes >= WILDER:
        state.rsi = strength_index(state.gain, state.loss)


@compiled
def strength_index(gain: float, loss: float) -> float:
    """RSI(14): 100 gain/(gain + loss) of Wilder's averages of 1m closes, 0 to 100; 50 when nothing moved (E3-3)."""
    total = gain + loss
    return 100.0 * gain / total if total > 0.0 else 50.0


@compiled
def _ranges(state: Rec, high: float, low: float, old_high: float, old_low: float, old_close: float) -> None:
    """ATR (E3-7) and ADX (E5-2), both with Wilder smoothing."""
    spans = state.bars - 1
    span = max(high - low, abs(high - old_close), abs(low - old_close))
    state.atr = next_range(state.atr, span, spans)
    up = high - old_high
    down = old_low - low
    plus = up if up > 0.0 and up > down else 0.0
    minus = down if down > 0.0 and down > up else 0.0
    if spans < WILDER:
        state.plus_dm += plus
        state.minus_dm += minus
        state.true_range += span
        return
    state.plus_dm += plus - state.plus_dm / WILDER
    state.minus_dm += minus - state.minus_dm / WILDER
    state.true_range += span - state.true_range / WILDER
    total = state.plus_dm + state.minus_dm
    known = state.true_range > 0.0 and total > 0.0
    directional = 100.0 * abs(state.plus_dm - state.minus_dm) / total if known else 0.0
    if state.bars <= ADX_FIRST:
        state.dx_sum += directional
        state.adx = state.dx_sum / WILDER if state.bars == ADX_FIRST else 0.0
    elif known:
        state.adx = (state.adx * (WILDER - 1) + directional) / WILDER


@compiled
def next_range(atr: float, span: float, spans: int) -> float:
    """One step of Wilder's ATR(14): ATR 13/14 + TR/14, quote units; the first 14 true ranges are averaged (E3-7)."""
    return atr + span / WILDER if spans <= WILDER else (atr * (WILDER - 1) + span) / WILDER


@compiled
def _vwap(state: Rec, open_ms: int, typical: float, volume: float) -> None:
    """Sums of typical price times volume since 00:00 UTC (E3-6)."""
    day = open_ms // DAY_MS
    if day != state.vwap_day:
        state.vwap_day = day
        state.vwap_value = 0.0
        state.vwap_volume = 0.0
    state.vwap_value += typical * volume
    state.vwap_volume += volume


@compiled
def bollinger(frame: Rec, index: int, close: float) -> tuple[float, float, float]:
    """Mean of 20 closes ending with `close` at `index`, two population sigmas above and below; quote units (E3-5)."""
    total = close
    for i in range(index - BOLLINGER + 1, index):
        total += frame.close[i % CANDLES]
    middle = total / BOLLINGER
    squares = (close - middle) ** 2
    for i in range(index - BOLLINGER + 1, index):
        squares += (frame.close[i % CANDLES] - middle) ** 2
    sigma = math.sqrt(squares / BOLLINGER)
    return middle + 2.0 * sigma, middle, middle - 2.0 * sigma


@compiled
def percentile(values: Rec, share: float) -> float:
    """Percentile with linear interpolation between the sorted values, as NumPy's default."""
    ordered = np.sort(values)
    rank = share / 100.0 * (len(ordered) - 1)
    low = math.floor(rank)
    high = min(low + 1, len(ordered) - 1)
    return float(ordered[low] + (ordered[high] - ordered[low]) * (rank - low))


@compiled
def latest(ring: Rec, seen: int, count: int) -> Rec:
    """The last `count` entries of a candle ring, oldest first, without those that are not numbers."""
    out = np.empty(count)
    kept = 0
    for i in range(max(0, seen - count), seen):
        value = ring[i % CANDLES]
        if not math.isnan(value):
            out[kept] = value
            kept += 1
    return out[:kept]


@compiled
def _percentile_of_widths(state: Rec, history: int, share: float) -> float:
    """The 20th percentile of the last 100 widths (upper - lower)/middle: below it bands are squeezed (E3-5).

    0 until there is a full history.
    """
    widths = latest(state.width_ring, state.seen, min(history, state.bars))
    return percentile(widths, share) if len(widths) >= history else 0.0
