"""E2, tick: velocity, aggressors, streaks, volume spikes and delta trend of the tape (E2-1 … E2-7)."""

from vortex.market.jit import Rec, compiled
from vortex.market.layout import W1, W3, W5, W10, W15, W20, W25, W30
from vortex.market.tape import delta_since, longest_run, volume_since
from vortex.signals.strength import aggressor_vote, streak_vote, tick_activity, unit

_FIVES = (W30, W25, W20, W15, W10, W5)


@compiled
def note_big_trade(tape: Rec, notional: float, buyer_is_maker: int, ts_ms: int, threshold: float) -> None:
    """Remember the newest trade whose price times quantity is above the threshold in USDT, and its aggressor (E2-5)."""
    if notional > threshold:
        tape.big_ms = ts_ms
        tape.big_side = -1 if buyer_is_maker != 0 else 1


@compiled
def velocity_ratio(tape: Rec) -> float:
    """Trades of the last second over the mean number per second of the last 30 s; no unit, 0 without trades (E2-1)."""
    count_30 = tape.n - tape.tail[W30]
    return float((tape.n - tape.tail[W1]) / (count_30 / 30.0)) if count_30 > 0 else 0.0


@compiled
def aggressor_ratio(tape: Rec) -> float:
    """Bought over all quantity of the last 5 s, 0 to 1; 0.5 without trades (E2-2)."""
    volume = volume_since(tape, tape.tail[W5])
    return unit(0.5 + 0.5 * delta_since(tape, tape.tail[W5]) / volume) if volume > 0.0 else 0.5


@compiled
def spike_ratio(tape: Rec) -> float:
    """Quantity of the last 3 s over a tenth of that of the last 30 s; 0 to 10, no unit (E2-4)."""
    volume_30 = volume_since(tape, tape.tail[W30])
    return min(10.0, volume_since(tape, tape.tail[W3]) / (volume_30 / 10.0)) if volume_30 > 0.0 else 0.0


@compiled
def judge_tick(state: Rec, params: Rec, now_ms: int) -> None:
    """All of E2-7 at an instant; windows of the tape must have been moved to it."""
    tape = state.tape
    tick = state.tick
    p = params.tick
    tick.velocity_ratio = velocity_ratio(tape)
    tick.aggressor_ratio = aggressor_ratio(tape)
    tick.streak = longest_run(tape, p.streak_among)
    tick.spike_ratio = spike_ratio(tape)
    tick.volume_spike = 1 if tick.spike_ratio > p.spike_ratio else 0
    tick.cascade = 1 if tick.spike_ratio > p.extreme_spike_ratio else 0
    tick.big_trade = 1 if tape.big_side != 0 and now_ms - tape.big_ms <= p.big_trade_hold_ms else 0
    tick.big_trade_side = tape.big_side if tick.big_trade != 0 else 0
    tick.delta_slope = _delta_slope(tape)
    _vote(tape, tick, p, now_ms)


@compiled
def _vote(tape: Rec, tick: Rec, p: Rec, now_ms: int) -> None:
    tick.warm = (
        1
        if tape.n >= p.warm_trades and now_ms - tape.first_ms >= p.warm_ms and now_ms - tape.last_ms <= p.silence_max_ms
        else 0
    )
    tick.direction = 0
    tick.strength = 0.0
    if tick.warm == 0:
        return
    vote = aggressor_vote(tick.aggressor_ratio, p.bearish_ratio, p.bullish_ratio)
    vote += streak_vote(tick.streak, p.streak_trades, p.streak_among)
    vote *= tick_activity(tick.velocity_ratio, p.awake_ratio, p.very_awake_ratio, tick.spike_ratio, p.spike_ratio)
    if abs(vote) >= p.direction_floor:
        tick.direction = 1 if vote > 0.0 else -1
        tick.strength = unit(abs(vote))


@compiled
def _delta_slope(tape: Rec) -> float:
    """Least-squares slope of the six 5 s deltas of the last 30 s, base units per second (E2-6).

    sum (i - 2.5) delta_i / sum (i - 2.5)^2 / 5 s, i = 0 (oldest) to 5; the deltas are bought minus sold quantity.
    """
    older = delta_since(tape, tape.tail[_FIVES[0]])
    slope = 0.0
    for i in range(6):
        newer = delta_since(tape, tape.tail[_FIVES[i + 1]]) if i < 5 else 0.0
        slope += (i - 2.5) * (older - newer)
        older = newer
    return slope / (17.5 * 5.0)
