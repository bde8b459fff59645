"""E5, regime: volatility against its own day, trend phase, spread, and the weights that follow (E5-1 … E5-3, E5-5)."""

import math

from vortex.market.jit import Rec, compiled
from vortex.market.layout import CANDLES, M3
from vortex.signals.indicators import ADX_FIRST, WILDER, latest, percentile
from vortex.signals.technical import ema9_slope

UNKNOWN, TRENDING, RANGING, CHOPPY = range(4)
LOW, NORMAL, HIGH, EXTREME = range(1, 5)
SPREADS = 100


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
    state.regime.spread_pct = (book.best_ask - book.best_bid) / book.best_bid * 100.0
    state.regime.spread_ok = 1 if state.regime.spread_pct <= params.regime.spread_max_pct else 0


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
    """ATR in percent of price against the percentiles of its last 24 h (E5-1)."""
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
    """ADX above 25 with a clear slope trends; from 20 up it ranges; below it is choppy (E5-2)."""
    regime = state.regime
    frame = state.frames[M3]
    regime.adx = three.adx
    regime.slope_pct = ema9_slope(three, 5) / px * 100.0
    high = 0.0
    low = math.inf
    for i in range(max(0, frame.n - p.range_candles), frame.n):
        high = max(high, frame.high[i % CANDLES])
        low = min(low, frame.low[i % CANDLES])
    regime.in_range = 1 if low <= px <= high else 0
    if three.adx > p.trending_adx and abs(regime.slope_pct) > p.clear_slope_pct:
        regime.phase = TRENDING
    elif three.adx >= p.choppy_adx:
        regime.phase = RANGING
    else:
        regime.phase = CHOPPY


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
