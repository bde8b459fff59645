"""Every strength that the specification leaves open, in one place: bounded in [0, 1], monotone, without units.

docs/signals.md lists the forms and the reasons.
"""

from vortex.market.jit import compiled


@compiled
def ramp(value: float, low: float, high: float) -> float:
    """0 up to `low`, 1 from `high`, straight between."""
    if high <= low:
        return 1.0 if value >= high else 0.0
    return min(1.0, max(0.0, (value - low) / (high - low)))


@compiled
def unit(value: float) -> float:
    """Clamped to [0, 1]."""
    return min(1.0, max(0.0, value))


@compiled
def imbalance_strength(imbalance: float, enter: float, velocity: float, strong: float, cvd_share: float) -> float:
    """E1: half at the entering imbalance, full at twice that; up to 0.1 for velocity, 0.15 for CVD on its side."""
    side = 1.0 if imbalance > 0.0 else -1.0
    base = unit(0.5 * abs(imbalance) / enter)
    faster = 0.1 * ramp(side * velocity, 0.0, 2.0 * strong)
    traded = 0.15 * ramp(side * cvd_share, 0.0, 0.5)
    return unit(base + faster + traded)


@compiled
def breakout_strength(wall_over_mean: float, factor: float) -> float:
    """E1-6: wall/mean normalized; half for the smallest wall, near 1 for a giant."""
    return wall_over_mean / (wall_over_mean + factor)


@compiled
def flow_conviction(spoof_ratio: float, alarm: float, against_cvd: float, divergence_against: bool) -> float:
    """E1-7: falls from 1 to 0.4 as spoofs go from the alarm to all; a CVD against it costs 0.3, a divergence 0.2."""
    conviction = 1.0 - 0.6 * ramp(spoof_ratio, alarm, 1.0)
    conviction *= 1.0 - 0.3 * ramp(against_cvd, 0.0, 0.5)
    return conviction * 0.8 if divergence_against else conviction


@compiled
def aggressor_vote(ratio: float, bearish: float, bullish: float) -> float:
    """E2-2 signed: 0 between the thresholds, 0.5 at one, 1 when one side trades alone."""
    if ratio > bullish:
        return 0.5 + 0.5 * ramp(ratio, bullish, 1.0)
    if ratio < bearish:
        return -0.5 - 0.5 * ramp(1.0 - ratio, 1.0 - bearish, 1.0)
    return 0.0


@compiled
def streak_vote(streak: int, least: int, among: int) -> float:
    """E2-3 signed: nothing below the least streak, then streak/among."""
    return streak / among if abs(streak) >= least else 0.0


@compiled
def tick_activity(velocity_ratio: float, awake: float, very: float, spike_ratio: float, spike: float) -> float:
    """How much a tick vote counts: 0.7 in a calm market, up to 1.3 when it is very awake and volume spikes."""
    return 0.7 + 0.4 * ramp(velocity_ratio, 0.5 * awake, very) + 0.2 * ramp(spike_ratio, 1.0, spike)


@compiled
def trend_vote(distance_pct: float, least: float, fresh_cross: int, macd: int, growing: int, vwap: int) -> float:
    """E3 trend, signed: EMA distance (0.5 at the least trend, 0.8 at five times it) plus cross, MACD and VWAP side."""
    side = 0.0
    if distance_pct > least:
        side = 0.5 + 0.3 * ramp(distance_pct, least, 5.0 * least)
    elif distance_pct < -least:
        side = -0.5 - 0.3 * ramp(-distance_pct, least, 5.0 * least)
    vote = side + 0.15 * fresh_cross + 0.15 * macd * (1.0 if growing != 0 else 0.6) + 0.1 * vwap
    return min(1.0, max(-1.0, vote))


@compiled
def reversion_vote(rsi: float, low: float, high: float, bb_zone: int, divergence: int, extended: float) -> float:
    """E3 reversion, signed: RSI beyond its zone, outer band, divergence, and distance from VWAP, all pulling back."""
    vote = 0.6 * ramp(low - rsi, 0.0, 10.0) - 0.6 * ramp(rsi - high, 0.0, 10.0)
    outside = rsi < low or rsi > high
    if outside:
        vote -= 0.3 * bb_zone
        vote -= 0.1 * ramp(abs(extended), 0.5, 2.0) * (1.0 if extended > 0.0 else -1.0)
    vote += 0.25 * divergence
    return min(1.0, max(-1.0, vote))


@compiled
def crowd_vote(long_share: float, crowd_long: float, crowd_short: float) -> float:
    """E4-2 signed, contrarian: 0.5 at the threshold, 1 ten points beyond it."""
    if long_share > crowd_long:
        return -0.5 - 0.5 * ramp(long_share, crowd_long, crowd_long + 0.10)
    if 1.0 - long_share > crowd_short:
        return 0.5 + 0.5 * ramp(1.0 - long_share, crowd_short, crowd_short + 0.10)
    return 0.0


@compiled
def funding_vote(rate: float, high: float, low: float, near: bool, factor: float) -> float:
    """E4-3 signed, contrarian: 0.4 at the threshold, 0.8 at three times it, times the factor near settlement."""
    vote = 0.0
    if rate > high:
        vote = -0.4 - 0.4 * ramp(rate, high, 3.0 * high)
    elif rate < low:
        vote = 0.4 + 0.4 * ramp(-rate, -low, -3.0 * low)
    if near:
        vote *= factor
    return min(1.0, max(-1.0, vote))
