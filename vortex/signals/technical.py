"""E3, technical: where the running minute stands against the closed candles, once a second (E3-1 … E3-9).

Closes are judged with the running candle as the last one; ranges (ATR, ADX, swings) use closed candles only, because
half a candle has half a range.
"""

import math

from vortex.market.jit import Rec, compiled
from vortex.market.layout import CANDLES, M1, M3, M5
from vortex.signals.indicators import (
    DAY_MS,
    SIGNAL_FIRST,
    WILDER,
    bollinger,
    next_average,
    strength_index,
    take_closed,
)
from vortex.signals.layout import LEVELS_KEPT, SWINGS
from vortex.signals.strength import reversion_vote, trend_vote, unit


@compiled
def take_candles(state: Rec, params: Rec) -> None:
    """Bring all indicators up to their last closed candle. What was derived from a revised one is old."""
    p = params.technical
    if state.frames[M3].revised != 0:
        state.regime.seen = -1
    if state.frames[M5].revised != 0:
        state.technical.swings_seen = -1
    minute = state.indicators[M1]
    anew = minute.bars == 0 or state.frames[M1].revised != 0
    for k in range(4):
        moved = take_closed(state.indicators[k], state.frames[k], p.squeeze_percentile, p.squeeze_history)
        if moved and k == M1:
            if anew:
                _complete_day(minute, state.frames[M1], state.frames[M3])
            minute.divergence = _divergence(state.frames[M1], minute, p.divergence_candles)


@compiled
def _complete_day(minute: Rec, frame: Rec, three: Rec) -> None:
    """Add to VWAP what was traded today before the oldest minute that is held, from the longer 3m candles (E3-6).

    500 minutes are a third of a day, and VWAP begins at 00:00 UTC: after a warm-up, or when a revised candle makes the
    sums begin anew, the morning would be missing.
    """
    first_ms = frame.open_ms[max(0, frame.n - CANDLES) % CANDLES]
    if first_ms // DAY_MS != minute.vwap_day:
        return
    for i in range(max(0, three.n - CANDLES), three.n):
        at = i % CANDLES
        if three.open_ms[at] // DAY_MS == minute.vwap_day and three.open_ms[at] + three.interval_ms <= first_ms:
            typical = (three.high[at] + three.low[at] + three.close[at]) / 3.0
            minute.vwap_value += typical * three.volume[at]
            minute.vwap_volume += three.volume[at]


@compiled
def judge_technical(state: Rec, params: Rec, now_ms: int) -> None:
    """All of E3-9 at an instant."""
    p = params.technical
    tech = state.technical
    take_candles(state, params)
    tech.at_ms = now_ms
    tech.direction = 0
    tech.strength = 0.0
    minute = state.indicators[M1]
    frame = state.frames[M1]
    px = state.tape.last_px if state.tape.n > 0 else 0.0
    if px <= 0.0 and frame.n > 0:
        px = frame.close[(frame.n - 1) % CANDLES]
    tech.warm = (
        1
        if minute.bars >= max(p.warm_candles, SIGNAL_FIRST)
        and state.indicators[M3].bars >= max(p.warm_candles_3m, WILDER + 1)
        and px > 0.0
        else 0
    )
    tech.atr = minute.atr if minute.bars > WILDER else 0.0
    if minute.bars < SIGNAL_FIRST or px <= 0.0:
        return
    _read_running(tech, minute, frame, px, p)
    _read_context(tech, state.indicators[M3], p)
    _read_levels(tech, state.frames[M5], px, p.swing_candles)
    if tech.warm != 0:
        _vote(tech, minute, px, p)


@compiled
def _read_running(tech: Rec, minute: Rec, frame: Rec, px: float, p: Rec) -> None:
    """Averages, RSI, MACD, bands and VWAP with the running candle as the last."""
    running = frame.forming != 0
    close = frame.now_close if running else frame.close[(frame.n - 1) % CANDLES]
    last = frame.close[(frame.n - 1) % CANDLES]
    tech.ema9 = next_average(minute.ema9, close, 9) if running else minute.ema9
    tech.ema21 = next_average(minute.ema21, close, 21) if running else minute.ema21
    distance_pct = trend_distance(tech.ema9, tech.ema21, px)
    tech.trend = 1 if distance_pct > p.trend_distance_pct else (-1 if distance_pct < -p.trend_distance_pct else 0)
    before = minute.histogram_before
    histogram = minute.histogram
    tech.rsi = minute.rsi
    if running:
        change = close - last
        gain = (minute.gain * (WILDER - 1) + max(change, 0.0)) / WILDER
        loss = (minute.loss * (WILDER - 1) + max(-change, 0.0)) / WILDER
        tech.rsi = strength_index(gain, loss)
        ema12, ema26 = next_average(minute.ema12, close, 12), next_average(minute.ema26, close, 26)
        before = histogram
        histogram = macd_histogram(ema12, ema26, next_average(minute.signal, ema12 - ema26, 9))
    tech.rsi_zone = 1 if tech.rsi > p.rsi_high else (-1 if tech.rsi < p.rsi_low else 0)
    tech.divergence = minute.divergence
    tech.macd = histogram
    tech.macd_momentum = 1 if histogram > 0.0 else (-1 if histogram < 0.0 else 0)
    tech.macd_growing = 1 if abs(histogram) > abs(before) or histogram * before < 0.0 else 0
    upper, middle, lower = bollinger(frame, frame.n if running else frame.n - 1, close)
    tech.bb_upper = upper
    tech.bb_middle = middle
    tech.bb_lower = lower
    tech.bb_width = (upper - lower) / middle
    tech.bb_zone = 1 if px > upper else (-1 if px < lower else 0)
    tech.squeeze = 1 if tech.bb_width < minute.squeeze_below else 0
    _read_vwap(tech, minute, frame, px, running)


@compiled
def trend_distance(fast: float, slow: float, px: float) -> float:
    """(EMA9 - EMA21)/price in % on 1m closes, the running one included; a trend beyond 0.02 % (E3-1)."""
    return (fast - slow) / px * 100.0


@compiled
def macd_histogram(ema12: float, ema26: float, signal: float) -> float:
    """EMA12 - EMA26 less its EMA9, quote units, on 1m closes; its sign is momentum, its growth acceleration (E3-4)."""
    return (ema12 - ema26) - signal


@compiled
def _read_vwap(tech: Rec, minute: Rec, frame: Rec, px: float, running: bool) -> None:
    """Sum of (high + low + close)/3 times volume over volume, 1m candles since 00:00 UTC, the running one in it (E3-6).

    Quote units; the price itself until something has traded. The distance is % of VWAP.
    """
    value = minute.vwap_value
    volume = minute.vwap_volume
    if running:
        if frame.now_open_ms // DAY_MS != minute.vwap_day:
            value = 0.0
            volume = 0.0
        value += (frame.now_high + frame.now_low + frame.now_close) / 3.0 * frame.now_volume
        volume += frame.now_volume
    tech.vwap = value / volume if volume > 0.0 else px
    tech.vwap_pct = (px - tech.vwap) / tech.vwap * 100.0
    tech.vwap_side = 1 if px > tech.vwap else (-1 if px < tech.vwap else 0)


@compiled
def _read_context(tech: Rec, three: Rec, p: Rec) -> None:
    """Sign of the slope of the 3m EMA9 over five closed candles: +1, 0, -1 (E3-2)."""
    tech.context = 0
    if three.bars < 9 + p.context_periods:
        return
    slope = ema9_slope(three, p.context_periods)
    tech.context = 1 if slope > 0.0 else (-1 if slope < 0.0 else 0)


@compiled
def ema9_slope(indicators: Rec, periods: int) -> float:
    """Change of the closed EMA9 per candle over so many candles."""
    last = indicators.ema9_ring[(indicators.seen - 1) % CANDLES]
    return float((last - indicators.ema9_ring[(indicators.seen - 1 - periods) % CANDLES]) / periods)


@compiled
def _vote(tech: Rec, minute: Rec, px: float, p: Rec) -> None:
    """Trend and reversion in one number: the more extreme the stretch, the more reversion counts."""
    fresh = minute.crossed if minute.crossed != 0 and minute.bars - minute.crossed_at < p.cross_candles else 0
    trend = trend_vote(
        trend_distance(tech.ema9, tech.ema21, px),
        p.trend_distance_pct,
        fresh,
        tech.macd_momentum,
        tech.macd_growing,
        tech.vwap_side,
    )
    back = reversion_vote(
        tech.rsi, p.rsi_low, p.rsi_high, tech.bb_zone, tech.divergence, tech.vwap_pct / p.extended_pct
    )
    vote = trend * (1.0 - abs(back)) + back
    if vote * tech.context > 0.0:
        vote *= p.context_with
    elif vote * tech.context < 0.0:
        vote *= p.context_against
    if abs(vote) >= p.direction_floor:
        tech.direction = 1 if vote > 0.0 else -1
        tech.strength = unit(abs(vote))


@compiled
def is_swing(values: Rec, index: int, sign: float) -> bool:
    """Whether a candle is higher (sign +1) or lower (sign -1) than the two on either side (E3-8)."""
    here = sign * values[index % CANDLES]
    return bool(
        here > sign * values[(index - 1) % CANDLES]
        and here > sign * values[(index - 2) % CANDLES]
        and here > sign * values[(index + 1) % CANDLES]
        and here > sign * values[(index + 2) % CANDLES]
    )


@compiled
def _divergence(frame: Rec, minute: Rec, candles: int) -> int:
    """The last two swings disagree with RSI: higher high on lower RSI is -1, lower low on higher RSI is +1 (E3-3)."""
    first = max(frame.n - candles, frame.n - minute.bars + WILDER, 2)
    found = 0
    found_at = -1
    for sign in (1.0, -1.0):
        values = frame.high if sign > 0.0 else frame.low
        newest = -1
        for i in range(frame.n - 3, first - 1, -1):
            if not is_swing(values, i, sign):
                continue
            if newest < 0:
                newest = i
                continue
            px_beyond = sign * (values[newest % CANDLES] - values[i % CANDLES]) > 0.0
            rsi_short = sign * (minute.rsi_ring[newest % CANDLES] - minute.rsi_ring[i % CANDLES]) < 0.0
            if px_beyond and rsi_short and newest > found_at:
                found = -1 if sign > 0.0 else 1
                found_at = newest
            break
    return found


@compiled
def _read_levels(tech: Rec, five: Rec, px: float, candles: int) -> None:
    """The five nearest swing highs above and swing lows below the price, and how far the nearest are in % (E3-8).

    0 where there are fewer.
    """
    if tech.swings_seen != five.n or five.n == 0:
        _find_swings(tech, five, candles)
    for k in range(LEVELS_KEPT):
        floor = px if k == 0 else tech.resistance[k - 1]
        tech.resistance[k] = _next_above(tech.highs, tech.high_count, floor) if floor > 0.0 else 0.0
        ceiling = px if k == 0 else tech.support[k - 1]
        tech.support[k] = _next_below(tech.lows, tech.low_count, ceiling) if ceiling > 0.0 else 0.0
    tech.resistance_pct = (tech.resistance[0] - px) / px * 100.0 if tech.resistance[0] > 0.0 else 0.0
    tech.support_pct = (px - tech.support[0]) / px * 100.0 if tech.support[0] > 0.0 else 0.0


@compiled
def _find_swings(tech: Rec, five: Rec, candles: int) -> None:
    tech.swings_seen = five.n
    tech.high_count = 0
    tech.low_count = 0
    first = max(five.n - candles, five.n - CANDLES, 0) + 2
    for i in range(first, five.n - 2):
        if is_swing(five.high, i, 1.0) and tech.high_count < SWINGS:
            tech.highs[tech.high_count] = five.high[i % CANDLES]
            tech.high_count += 1
        if is_swing(five.low, i, -1.0) and tech.low_count < SWINGS:
            tech.lows[tech.low_count] = five.low[i % CANDLES]
            tech.low_count += 1


@compiled
def _next_above(values: Rec, count: int, px: float) -> float:
    best = math.inf
    for i in range(count):
        if px < values[i] < best:
            best = values[i]
    return best if math.isfinite(best) else 0.0


@compiled
def _next_below(values: Rec, count: int, px: float) -> float:
    best = 0.0
    for i in range(count):
        if best < values[i] < px:
            best = values[i]
    return best
