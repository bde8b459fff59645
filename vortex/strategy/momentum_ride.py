"""Strategy A, momentum ride: a burst of trades, streak and volume, confirmed by book, CVD and trend (section 6)."""

from vortex.market.jit import Rec, compiled
from vortex.signals.regime_kernel import CHOPPY, EXTREME

MOMENTUM_CONDITIONS = (
    "A.trigger.velocity",
    "A.trigger.streak",
    "A.trigger.spike",
    "A.confirm",
    "A.filter.choppy",
    "A.filter.extreme",
)
"""By bit, the lowest first."""


@compiled
def momentum_failures(state: Rec, limits: Rec, side: int) -> int:
    """Bits of the triggers, confirmations and filters that do not hold; 0 when A may be taken."""
    p = limits.momentum
    tick = state.tick
    regime = state.regime
    failed = 0
    if not tick.velocity_ratio > p.velocity_ratio:
        failed |= 1
    if not (tick.streak * side >= p.streak or p.streak == 0):  # the length of the run of trades on our side
        failed |= 2
    if not tick.spike_ratio > p.spike_ratio:
        failed |= 4
    if momentum_confirmations(state, limits, side) < p.confirm_min:
        failed |= 8
    if regime.phase == CHOPPY and p.allow_choppy == 0:
        failed |= 16
    if regime.vol == EXTREME and p.allow_extreme == 0:
        failed |= 32
    return failed


@compiled
def momentum_confirmations(state: Rec, limits: Rec, side: int) -> int:
    """How many hold: imbalance, CVD slope and EMA trend on the same side; no level close ahead."""
    flow = state.flow
    count = 0
    if flow.imbalance * side > limits.momentum.imbalance:
        count += 1
    if flow.cvd_slope * side > 0.0:
        count += 1
    if state.technical.trend == side:
        count += 1
    if _way_is_free(state, side, limits.momentum.level_distance_pct):
        count += 1
    return count


@compiled
def _way_is_free(state: Rec, side: int, distance_pct: float) -> bool:
    """No resistance (support for SHORT) within the distance ahead of the price."""
    px = state.tape.last_px
    level = state.technical.resistance[0] if side > 0 else state.technical.support[0]
    if level <= 0.0 or px <= 0.0:
        return True
    return bool(abs(level - px) / px * 100.0 >= distance_pct)
