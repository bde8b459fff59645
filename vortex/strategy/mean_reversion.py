"""Strategy B, mean reversion: RSI and band at an extreme of a range, about to come back (section 6)."""

from vortex.market.jit import Rec, compiled
from vortex.signals.regime_kernel import EXTREME, RANGING

REVERSION_CONDITIONS = (
    "B.trigger.rsi",
    "B.trigger.band",
    "B.confirm",
    "B.filter.ranging",
    "B.filter.extreme",
)
"""By bit, the lowest first."""


@compiled
def reversion_failures(state: Rec, limits: Rec, side: int) -> int:
    """Bits of the triggers, confirmations and filters that do not hold; 0 when B may be taken."""
    p = limits.reversion
    rsi = state.technical.rsi
    regime = state.regime
    failed = 0
    if not (rsi < p.rsi_low if side > 0 else rsi > p.rsi_high):
        failed |= 1
    if state.technical.bb_zone != -side and p.need_band != 0:  # LONG at the lower band
        failed |= 2
    if reversion_confirmations(state, limits, side) < p.confirm_min:
        failed |= 4
    if regime.phase != RANGING and p.need_ranging != 0:
        failed |= 8
    if regime.vol == EXTREME and p.allow_extreme == 0:
        failed |= 16
    return failed


@compiled
def reversion_confirmations(state: Rec, limits: Rec, side: int) -> int:
    """How many hold: the book presses back our way; CVD and RSI diverge from price our way.

    The pressing side is the side that presses the price back: a book against the trade would fail the checklist's
    "order flow not opposite" and could never confirm anything.
    """
    flow = state.flow
    count = 0
    if flow.imbalance * side > limits.reversion.imbalance:
        count += 1
    if flow.cvd_divergence * side > 0:
        count += 1
    if state.technical.divergence * side > 0:
        count += 1
    return count
