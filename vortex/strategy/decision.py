"""S1: one number from four engines, a checklist, the best strategy, and a decision with its reasons (S1-1 … S1-5)."""

import msgspec

from vortex.domain.signals import Action, Decision, Direction, Engine, Strategy
from vortex.signals.board import SignalBoard
from vortex.signals.regime import Phase
from vortex.strategy.evidence import Evidence
from vortex.strategy.liquidation_cascade import cascade_failures
from vortex.strategy.mean_reversion import reversion_failures
from vortex.strategy.momentum_ride import momentum_failures
from vortex.strategy.settings import DecisionSettings

VOTERS = (Engine.ORDER_FLOW, Engine.TICK, Engine.TECHNICAL, Engine.SENTIMENT)
_FLOW, _TICK, _TECHNICAL, _SENTIMENT = VOTERS
_NAMES = {engine: engine.name for engine in VOTERS}
_ACTIONS = {Direction.LONG: Action.LONG, Direction.SHORT: Action.SHORT}
_SIDES = {Direction.LONG: "LONG", Direction.SHORT: "SHORT"}
_NO_TRADE = Action.NO_TRADE
LIQUIDATIONS = ("LONG_LIQ", "SHORT_COVER")
"""Open interest falling with the price moving against those who leave: longs, or shorts (S1-3)."""


class DecisionContext(msgspec.Struct, frozen=True, kw_only=True):
    """What the decision needs beside the signals. Learned weights and reliabilities are the board's (`board.learn`)."""

    position: Direction = Direction.NEUTRAL
    open_positions: int = 0
    breaker_closed: bool = True
    feed_warm: bool = True


def decide(
    board: SignalBoard, context: DecisionContext, settings: DecisionSettings, now_ms: int, *, explain: bool = False
) -> Decision:
    """Trade or not, which way, by which strategy, and why not.

    With a score below the gate nothing else is looked at, unless `explain` asks for the whole checklist.
    """
    score = board.score
    if not explain and abs(score) <= settings.score_min:
        return Decision(
            symbol=board.instrument.symbol,
            ts_ms=now_ms,
            action=_NO_TRADE,
            strategy=None,
            confidence=0.0,
            final_score=score,
            engines_agree=0,
            failed=("score",),
            reason="score below the gate",
        )
    side = Direction.LONG if score > 0.0 else Direction.SHORT
    signals, regime = board.look(now_ms)
    evidence = Evidence(
        signals={signal.engine: signal for signal in signals}, regime=regime, px=board.last_px, side=side
    )
    agree = sum([evidence.agrees(engine) for engine in VOTERS])
    failed = _checklist(board, evidence, context, settings, agree)
    strategy, clarity = best_strategy(evidence, settings)
    if clarity < settings.strategy_min:
        failed += ("strategy",)
    else:
        failed += strategy_failures(strategy, evidence, settings)
    action = _ACTIONS[side] if not failed else _NO_TRADE
    return Decision(
        symbol=board.instrument.symbol,
        ts_ms=now_ms,
        action=action,
        strategy=strategy,
        confidence=confidence(score, agree, clarity),
        final_score=score,
        engines_agree=agree,
        failed=failed,
        reason=_reason(evidence, strategy, failed),
        signals=signals,
    )


def confidence(score: float, agree: int, clarity: float) -> float:
    """|score| (1 + 0.1 (agree - 3)) best strategy score 100, clamped to 0 … 100 (S1-4)."""
    return min(100.0, max(0.0, abs(score) * (1.0 + 0.1 * (agree - 3)) * clarity * 100.0))


def _checklist(
    board: SignalBoard, evidence: Evidence, context: DecisionContext, settings: DecisionSettings, agree: int
) -> tuple[str, ...]:
    """Names of the items of S1-2 that do not hold, in the order of the specification."""
    stable = board.score_jump <= settings.jump_max and (board.score_settled or not settings.need_settled)
    items = {
        "score": abs(board.score) > settings.score_min,
        "agreement": agree >= settings.agree_min,
        "order_flow_opposite": not evidence.opposes(Engine.ORDER_FLOW) or settings.allow_opposite_flow,
        "regime": evidence.regime.tradeable,
        "spread": evidence.regime.spread_ok,
        "opposite_position": context.position != -evidence.side,
        "open_positions": context.open_positions < settings.positions_max,
        "breaker": context.breaker_closed,
        "score_stable": stable,
        "feed_warm": context.feed_warm,
    }
    return tuple([name for name, holds in items.items() if not holds])


def strategy_scores(evidence: Evidence, settings: DecisionSettings) -> dict[Strategy, float]:
    """The three sums of S1-3, added up in tenths so that 0.4 is 0.4."""
    phase, signals = evidence.regime.phase, evidence.signals
    tick, said = evidence.numbers(_TICK), evidence.numbers(_SENTIMENT)
    rsi = evidence.numbers(_TECHNICAL)["rsi"]
    extreme_rsi = signals[_TECHNICAL].warm and not settings.rsi_low <= rsi <= settings.rsi_high
    ride = (
        4 * (tick["velocity_ratio"] > settings.velocity_ratio)
        + 3 * (tick["streak"] >= settings.streak)
        + 2 * (signals[_FLOW].strength > settings.flow_strength)
        + 1 * (phase is Phase.TRENDING)
        - 3 * (phase is Phase.RANGING)
    )
    reversion = (
        4 * extreme_rsi
        + 3 * (evidence.texts(_TECHNICAL)["bb_zone"] != "MIDDLE")
        + 2 * (abs(evidence.numbers(_FLOW)["imbalance"]) > settings.imbalance)
        + 1 * (phase is Phase.RANGING)
        - 3 * (phase is Phase.TRENDING)
    )
    cascade = (
        5 * (said["liq_proximity"] > settings.proximity)
        + 3 * (tick["spike_ratio"] > settings.spike_ratio)
        + 2 * (evidence.texts(_SENTIMENT)["oi_interpretation"] in LIQUIDATIONS)
    )
    return {
        Strategy.MOMENTUM_RIDE: ride / 10,
        Strategy.MEAN_REVERSION: reversion / 10,
        Strategy.LIQUIDATION_CASCADE: cascade / 10,
    }


def best_strategy(evidence: Evidence, settings: DecisionSettings) -> tuple[Strategy, float]:
    """The highest score and whose it is; A before B before C when equal."""
    scores = strategy_scores(evidence, settings)
    best = max(scores, key=lambda strategy: scores[strategy])
    return best, scores[best]


def strategy_failures(strategy: Strategy, evidence: Evidence, settings: DecisionSettings) -> tuple[str, ...]:
    """What of the strategy's own trigger, confirm and filter does not hold."""
    match strategy:
        case Strategy.MOMENTUM_RIDE:
            return momentum_failures(evidence, settings.momentum)
        case Strategy.MEAN_REVERSION:
            return reversion_failures(evidence, settings.reversion)
        case Strategy.LIQUIDATION_CASCADE:
            return cascade_failures(evidence, settings.cascade)


def _reason(evidence: Evidence, strategy: Strategy, failed: tuple[str, ...]) -> str:
    """One line for a person."""
    voices = " + ".join(
        [
            f"{name} {signal.label} {signal.strength:.2f}"
            for engine, name in _NAMES.items()
            if (signal := evidence.signals[engine]).direction is evidence.side
        ]
    )
    summary = f"{_SIDES[evidence.side]} {strategy}: {voices or 'no engine'} in {evidence.regime.reason}"
    return f"{summary}; not because of {', '.join(failed)}" if failed else summary
