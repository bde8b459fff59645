"""E5, regime: volatility against its own day, trend phase, spread, and the weights that follow (E5-1 … E5-3, E5-5)."""

import math

from vortex.market.jit import Rec, compiled
from vortex.market.layout import CANDLES, M3
from vortex.signals.indicators import ADX_FIRST, WILDER, latest, percentile
from vortex.signals.technical import ema9_slope

UNKNOWN, TRENDING, RANGING, CHOPPY = range(4)
LOW, NORMAL, HIGH, EXTREME = range(1, 5)
SPREADS = 100
"""Spreads of depth updates that the mean is taken of (E5-3)."""
SLOPE_CANDLES = 5
"""3m candles over which the EMA9 slope is measured (E3-2, E5-2)."""


@compiled
def note_spread(state: Rec, params: Rec) -> None:
    """Keep the spread of the newest quotes among the last 100 (E5-3)."""
    regime = state.regime
    _read_spread(state, params)
    at = regime.spread_n % SPREADS
    regime.spread_ring[at] = regime.spread_pct
    regime.spread_n += 1
    count = min(regime.spread_n, SPREADS)
    total = 0.0
    for i in range(count):
        total += regime.spread_ring[i]
    regime.spread_mean = total / count


@compiled
def _read_spread(state: Rec, params: Rec) -> None:
    book = state.book
    state.regime.spread_pct = spread_of(book.best_bid, book.best_ask)
    state.regime.spread_ok = 1 if state.regime.spread_pct <= params.regime.spread_max_pct else 0


@compiled
def spread_of(bid: float, ask: float) -> float:
    """(ask - bid)/bid in % of the freshest quotes; above 0.015 % nothing is entered (E5-3)."""
    return (ask - bid) / bid * 100.0


@compiled
def is_tradeable(warm: bool, vol: int, extreme_blocks: bool) -> bool:
    """Whether E5 lets anything be entered: it is warm, and its volatility is not EXTREME (E5-5)."""
    return bool(warm and not (vol == EXTREME and extreme_blocks))


@compiled
def judge_spread(state: Rec, params: Rec) -> None:
    """The current spread alone; cheap enough for every cycle."""
    if state.book.best_bid > 0.0:
        _read_spread(state, params)
    else:
        state.regime.spread_ok = 0


@compiled
def judge_regime(state: Rec, params: Rec, now_ms: int) -> None:
    """Volatility phase, trend phase and weights at an instant; 3m indicators must be up to date."""
    regime = state.regime
    p = params.regime
    three = state.indicators[M3]
    regime.at_ms = now_ms
    regime.phase = UNKNOWN
    regime.vol = UNKNOWN
    px = state.tape.last_px
    if three.bars >= ADX_FIRST and px > 0.0:
        _judge_volatility(regime, three, p, px)
        _judge_phase(state, three, p, px)
    regime.warm = 1 if regime.phase != UNKNOWN and regime.vol != UNKNOWN else 0
    _weigh(state, p)


@compiled
def _judge_volatility(regime: Rec, three: Rec, p: Rec, px: float) -> None:
    """ATR(14) of 3m over the price, in %, against the 20th, 80th and 95th percentile of its last 24 h (E5-1).

    Below the first LOW, below the second NORMAL, below the third HIGH, else EXTREME.
    """
    if regime.seen != three.seen:
        regime.seen = three.seen
        history = latest(three.atr_pct_ring, three.seen, min(p.history_candles, CANDLES, three.bars - WILDER))
        regime.history = len(history)
        if len(history) > 0:
            regime.p_low = percentile(history, p.low_percentile)
            regime.p_high = percentile(history, p.high_percentile)
            regime.p_extreme = percentile(history, p.extreme_percentile)
    regime.atr_pct = three.atr / px * 100.0
    if regime.history < p.history_min:
        return
    if regime.atr_pct < regime.p_low:
        regime.vol = LOW
    elif regime.atr_pct < regime.p_high:
        regime.vol = NORMAL
    elif regime.atr_pct < regime.p_extreme:
        regime.vol = HIGH
    else:
        regime.vol = EXTREME


@compiled
def _judge_phase(state: Rec, three: Rec, p: Rec, px: float) -> None:
    """The first that holds: ADX above 25 with a clear slope trends; from 20 up, or inside its range, it ranges; else
    it is choppy (E5-2)."""
    regime = state.regime
    regime.adx = three.adx
    regime.slope_pct = ema9_slope(three, SLOPE_CANDLES) / px * 100.0
    regime.in_range = 1 if _is_in_range(state.frames[M3], three.atr, p, px) else 0
    if three.adx > p.trending_adx and abs(regime.slope_pct) > p.clear_slope_pct:
        regime.phase = TRENDING
    elif three.adx >= p.choppy_adx or regime.in_range != 0:
        regime.phase = RANGING
    else:
        regime.phase = CHOPPY


@compiled
def _is_in_range(frame: Rec, atr: float, p: Rec, px: float) -> bool:
    """Whether there is a range and the price is inside it (E5-2).

    The older half of the last `range_candles` closed 3m candles draws the range: its high and low, at most
    `range_width_atr` ATR apart. Every close of the newer half, and the price now, lie in it or at most
    `range_margin_atr` ATR beyond: the edges are where a return to the mean begins.
    """
    first = frame.n - p.range_candles
    if first < 0 or atr <= 0.0:
        return False
    drawn = first + p.range_candles // 2
    high = 0.0
    low = math.inf
    for i in range(first, drawn):
        high = max(high, frame.high[i % CANDLES])
        low = min(low, frame.low[i % CANDLES])
    if high - low > p.range_width_atr * atr:
        return False
    margin = p.range_margin_atr * atr
    for i in range(drawn, frame.n):
        if not low - margin <= frame.close[i % CANDLES] <= high + margin:
            return False
    return bool(low - margin <= px <= high + margin)


@compiled
def _weigh(state: Rec, p: Rec) -> None:
    """Base weights after learning, boosted by the regime and normalised to 1 over E1 to E4 (S1-1)."""
    regime = state.regime
    total = 0.0
    for i in range(4):
        weight = state.cycle.weight[i]
        if i < 2 and regime.vol == HIGH:
            weight *= p.high_flow_boost
        if i == 2 and regime.phase == TRENDING:
            weight *= p.trending_technical_boost
        if i == 3 and regime.phase == RANGING:
            weight *= p.ranging_sentiment_boost
        regime.weight[i] = weight
        total += weight
    for i in range(4):
        regime.weight[i] = regime.weight[i] / total if total > 0.0 else 0.25
