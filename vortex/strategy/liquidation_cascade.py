"""Strategy C, liquidation cascade: price pushed into a cluster of forced orders (section 6)."""

from vortex.market.jit import Rec, compiled
from vortex.signals.regime_kernel import HIGH, NORMAL

CASCADE_CONDITIONS = (
    "C.trigger.proximity",
    "C.trigger.spike",
    "C.trigger.momentum",
    "C.confirm",
    "C.filter.volatility",
)
"""By bit, the lowest first."""


@compiled
def cascade_failures(state: Rec, limits: Rec, side: int) -> int:
    """Bits of the triggers, confirmations and filters that do not hold; 0 when C may be taken."""
    p = limits.cascade
    vol = state.regime.vol
    failed = 0
    if not state.sentiment.proximity > p.proximity:
        failed |= 1
    if state.tick.volume_spike == 0 and p.need_spike != 0:
        failed |= 2
    if not _heads_for_cluster(state, side) and p.need_momentum != 0:
        failed |= 4
    if cascade_confirmations(state) < p.confirm_min:
        failed |= 8
    if vol != NORMAL and vol != HIGH and p.need_normal_or_high != 0:
        failed |= 16
    return failed


@compiled
def cascade_confirmations(state: Rec) -> int:
    """How many hold: open interest falls; a big trade; a wall was eaten."""
    count = 0
    if state.sentiment.oi_change_pct < 0.0:
        count += 1
    if state.tick.big_trade != 0:
        count += 1
    if state.flow.breakout != 0:
        count += 1
    return count


@compiled
def _heads_for_cluster(state: Rec, side: int) -> bool:
    """The cluster lies on our side, E1 or E2 pushes that way and neither pushes back."""
    flow = state.flow.direction
    tick = state.tick.direction
    pushed = flow == side or tick == side
    return bool(state.sentiment.nearest_side == side and pushed and flow != -side and tick != -side)
