"""What the engines, the checklist and the strategies said over a replay: counts and distributions of its samples."""

from collections import Counter
from collections.abc import Mapping

import msgspec

from vortex.domain.signals import Action, Decision, Direction, Strategy
from vortex.signals.board import SignalBoard
from vortex.signals.regime import Phase, Regime, VolPhase
from vortex.sim.replay_report import Distribution, Spread
from vortex.strategy.decision import CONDITIONS, NO_STRATEGY, VOTERS, Verdict, names_of
from vortex.strategy.settings import DecisionSettings
from vortex.strategy.verdict import CHECKLIST

SCORE_BINS = 40
"""Bars over [-1, 1]; strengths take the upper half."""


class EngineReport(msgspec.Struct, frozen=True, kw_only=True):
    """One voting engine. Strength is that of the samples with a direction, in bars of equal width over [0, 1]."""

    directions: dict[str, int]
    labels: dict[str, int]
    cold: int
    strength: Spread
    strength_bins: list[int]
    conviction: Spread


class StrategyReport(msgspec.Struct, frozen=True, kw_only=True):
    """One strategy, judged at every sample for the side of the score, whether or not it was the best.

    `scores` counts samples by score; `scored` is how often it reached the least, `best` how often it was the argmax
    and reached it, `held` how often trigger, confirm and filter all held, `qualified` both of these together.
    """

    scores: dict[str, int]
    scored: int
    best: int
    held: int
    qualified: int
    conditions_failed: dict[str, int]


class RegimeReport(msgspec.Struct, frozen=True, kw_only=True):
    """E5: how often each phase was, and how often it stood in the way."""

    phases: dict[str, int]
    volatility: dict[str, int]
    not_tradeable: int
    spread_wide: int
    risk_off: int
    in_range: int


class SignalReport(msgspec.Struct, frozen=True, kw_only=True):
    """All samples of one symbol.

    `failed_alone` counts the samples in which this item and no other failed, `failed_beyond_gate` those in which it
    failed although the score was beyond the gate.
    """

    symbol: str
    samples: int
    warm: int
    engines: dict[str, EngineReport]
    regime: RegimeReport
    score: Spread
    score_bins: list[int]
    gate: float
    beyond_gate: int
    failed: dict[str, int]
    failed_alone: dict[str, int]
    failed_beyond_gate: dict[str, int]
    strategy_min: float
    strategies: dict[str, StrategyReport]
    trades: int


class EngineTally:
    """Counts what one voting engine says."""

    def __init__(self) -> None:
        self._directions: Counter[str] = Counter()
        self._labels: Counter[str] = Counter()
        self._cold = 0
        self._strength, self._conviction = Distribution(), Distribution()

    def add(self, direction: Direction, label: str, strength: float, conviction: float, *, warm: bool) -> None:
        """Count one sample; an engine that is not warm has no direction."""
        self._directions[direction.name] += 1
        self._labels[label] += 1
        self._cold += not warm
        if direction is not Direction.NEUTRAL:
            self._strength.add(strength)
            self._conviction.add(conviction)

    def report(self) -> EngineReport:
        """The counts so far."""
        return EngineReport(
            directions={side.name: self._directions[side.name] for side in reversed(Direction)},
            labels=dict(sorted(self._labels.items())),
            cold=self._cold,
            strength=self._strength.spread(),
            strength_bins=self._strength.histogram(SCORE_BINS)[SCORE_BINS // 2 :],
            conviction=self._conviction.spread(),
        )


class StrategyTally:
    """Counts how far one strategy gets."""

    def __init__(self) -> None:
        self._scores: Counter[int] = Counter()
        self._counts: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()

    def add(self, score: float, failures: tuple[str, ...], *, enough: bool, best: bool) -> None:
        """Count one sample: the score, what of its own conditions failed, whether it reached the least and won."""
        self._scores[round(10 * score)] += 1
        self._failed.update(failures)
        self._counts["scored"] += enough
        self._counts["best"] += enough and best
        self._counts["held"] += not failures
        self._counts["qualified"] += enough and best and not failures

    def report(self) -> StrategyReport:
        """The counts so far."""
        return StrategyReport(
            scores={f"{tenths / 10:.1f}": count for tenths, count in sorted(self._scores.items())},
            scored=self._counts["scored"],
            best=self._counts["best"],
            held=self._counts["held"],
            qualified=self._counts["qualified"],
            conditions_failed=dict(sorted(self._failed.items())),
        )


class SignalTally:
    """A watcher of a replay's samples; it reads the board and changes nothing."""

    def __init__(self, symbol: str, settings: DecisionSettings) -> None:
        self._symbol = symbol
        self._settings = settings
        self._samples = self._trades = 0
        self._failed: Counter[str] = Counter()
        self._alone: Counter[str] = Counter()
        self._beyond: Counter[str] = Counter()
        self._score = Distribution()
        self._engines = {engine: EngineTally() for engine in VOTERS}
        self._strategies = {strategy: StrategyTally() for strategy in Strategy}
        self._phases: Counter[str] = Counter()
        self._volatility: Counter[str] = Counter()
        self._regime: Counter[str] = Counter()

    def __call__(self, board: SignalBoard, verdict: Verdict, decision: Decision) -> None:
        """Count one sample."""
        score = decision.final_score
        self._samples += 1
        self._score.add(score)
        self._trades += decision.action is not Action.NO_TRADE
        items = [item for item in decision.failed if "." not in item]
        self._failed.update(items)
        if "score" not in items:
            self._beyond.update(items)
        if len(items) == 1:
            self._alone[items[0]] += 1
        for signal in decision.signals:
            if signal.engine in self._engines:
                tally = self._engines[signal.engine]
                tally.add(signal.direction, signal.label, signal.strength, signal.conviction, warm=signal.warm)
        self._count_regime(board.regime(decision.ts_ms))
        self._count_strategies(verdict)

    def _count_regime(self, regime: Regime) -> None:
        self._phases[regime.phase.value] += 1
        self._volatility[regime.vol_phase.value] += 1
        self._regime["not_tradeable"] += not regime.tradeable
        self._regime["spread_wide"] += not regime.spread_ok
        self._regime["risk_off"] += regime.risk_off
        self._regime["in_range"] += regime.in_range

    def _count_strategies(self, verdict: Verdict) -> None:
        """All three at every sample: the decision itself only names what the best one lacks."""
        for k, tally in enumerate(self._strategies.values()):
            score = verdict.tenths[k] / 10
            tally.add(
                score,
                names_of(verdict.unmet[k], CONDITIONS[k]),
                enough=score >= self._settings.strategy_min,
                best=k == verdict.best,
            )

    def report(self) -> SignalReport:
        """The counts so far."""
        return SignalReport(
            symbol=self._symbol,
            samples=self._samples,
            warm=self._samples - self._failed["feed_warm"],
            engines={engine.value: tally.report() for engine, tally in self._engines.items()},
            regime=RegimeReport(
                phases={phase.value: self._phases[phase.value] for phase in Phase},
                volatility={vol.value: self._volatility[vol.value] for vol in VolPhase},
                not_tradeable=self._regime["not_tradeable"],
                spread_wide=self._regime["spread_wide"],
                risk_off=self._regime["risk_off"],
                in_range=self._regime["in_range"],
            ),
            score=self._score.spread(),
            score_bins=self._score.histogram(SCORE_BINS),
            gate=self._settings.score_min,
            beyond_gate=self._samples - self._failed["score"],
            failed=_by_item(self._failed),
            failed_alone=_by_item(self._alone),
            failed_beyond_gate=_by_item(self._beyond),
            strategy_min=self._settings.strategy_min,
            strategies={strategy.value: tally.report() for strategy, tally in self._strategies.items()},
            trades=self._trades,
        )


def _by_item(counts: Mapping[str, int]) -> dict[str, int]:
    """In the order of the checklist, with zeros; then whatever else there is, by name."""
    known = (*CHECKLIST, NO_STRATEGY)
    return {item: counts.get(item, 0) for item in (*known, *sorted(set(counts) - set(known)))}


def share(count: int, total: int) -> float:
    """A part of a whole between 0 and 1; of nothing, nothing."""
    return count / total if total else 0.0
