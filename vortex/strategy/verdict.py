"""S1 as one kernel: the checklist, the sums of the strategies and their conditions, from the state of the engines.

Compiled because it runs at every cycle that is worth a look, and mostly says no: in Python it took 18 µs with warm
caches and 150 after a sleep. Words for what it found are added outside (decision.py).
"""

from vortex.market.jit import Rec, compiled
from vortex.signals.regime_kernel import RANGING, TRENDING, is_tradeable
from vortex.signals.sentiment import LONG_LIQ, SHORT_COVER
from vortex.strategy.liquidation_cascade import cascade_failures
from vortex.strategy.mean_reversion import reversion_failures
from vortex.strategy.momentum_ride import momentum_failures

CHECKLIST = (
    "score",
    "agreement",
    "order_flow_opposite",
    "regime",
    "spread",
    "opposite_position",
    "open_positions",
    "breaker",
    "score_stable",
    "feed_warm",
)
"""The items of S1-2 in the order of the specification; by bit, the lowest first."""


@compiled
def judge_entry(
    states: Rec,
    paramses: Rec,
    limitses: Rec,
    verdicts: Rec,
    position: int,
    open_positions: int,
    breaker_closed: int,
    feed_warm: int,
) -> None:
    """Write the verdict on an entry at the last cycle's score; the state is only read."""
    state = states[0]
    limits = limitses[0]
    verdict = verdicts[0]
    score = state.cycle.score
    side = 1 if score > 0.0 else -1
    verdict.score = score
    verdict.side = side
    verdict.agree = engines_agreeing(state, side)
    failed = check_market(state, paramses[0], limits, side, verdict.agree)
    if position == -side:
        failed |= 32
    if open_positions >= limits.positions_max:
        failed |= 64
    if breaker_closed == 0:
        failed |= 128
    if feed_warm == 0:
        failed |= 512
    verdict.failed = failed
    sum_strategies(state, limits, verdict.tenths)
    verdict.best = best_of(verdict.tenths)
    verdict.unmet[0] = momentum_failures(state, limits, side)
    verdict.unmet[1] = reversion_failures(state, limits, side)
    verdict.unmet[2] = cascade_failures(state, limits, side)


@compiled
def engines_agreeing(state: Rec, side: int) -> int:
    """How many of E1 to E4 point to a side (S1-2)."""
    count = 0
    if state.flow.direction == side:
        count += 1
    if state.tick.direction == side:
        count += 1
    if state.technical.direction == side:
        count += 1
    if state.sentiment.direction == side:
        count += 1
    return count


@compiled
def check_market(state: Rec, params: Rec, limits: Rec, side: int, agree: int) -> int:
    """Bits of those items of S1-2 that the market decides and that do not hold."""
    cycle = state.cycle
    regime = state.regime
    failed = 0
    if not abs(cycle.score) > limits.score_min:
        failed |= 1
    if agree < limits.agree_min:
        failed |= 2
    if state.flow.direction == -side and limits.allow_opposite_flow == 0:
        failed |= 4
    if not is_tradeable(regime.warm != 0, regime.vol, params.regime.extreme_blocks != 0):
        failed |= 8
    if regime.spread_ok == 0:
        failed |= 16
    if not (cycle.jump <= limits.jump_max and (cycle.stable != 0 or limits.need_settled == 0)):
        failed |= 256
    return failed


@compiled
def sum_strategies(state: Rec, limits: Rec, tenths: Rec) -> None:
    """The three sums of S1-3, in tenths so that 0.4 is 0.4.

    Open interest that falls while the price moves against those who leave, longs or shorts, is a liquidation.
    """
    phase = state.regime.phase
    flow = state.flow
    tick = state.tick
    tech = state.technical
    said = state.sentiment
    tenths[0] = (
        4 * (tick.velocity_ratio > limits.velocity_ratio)
        + 3 * (abs(tick.streak) >= limits.streak)
        + 2 * (flow.strength > limits.flow_strength)
        + 1 * (phase == TRENDING)
        - 3 * (phase == RANGING)
    )
    extreme_rsi = tech.warm != 0 and not limits.rsi_low <= tech.rsi <= limits.rsi_high
    tenths[1] = (
        4 * extreme_rsi
        + 3 * (tech.bb_zone != 0)
        + 2 * (abs(flow.imbalance) > limits.imbalance)
        + 1 * (phase == RANGING)
        - 3 * (phase == TRENDING)
    )
    tenths[2] = (
        5 * (said.proximity > limits.proximity)
        + 3 * (tick.spike_ratio > limits.spike_ratio)
        + 2 * (said.interpretation == LONG_LIQ or said.interpretation == SHORT_COVER)
    )


@compiled
def best_of(tenths: Rec) -> int:
    """Index of the highest sum; A before B before C when equal (S1-3)."""
    best = 0
    for k in range(1, 3):
        if tenths[k] > tenths[best]:
            best = k
    return best
