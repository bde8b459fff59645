"""S1: one number from four engines, a checklist, the best strategy, and a decision with its reasons (S1-1 … S1-5)."""

import struct
from functools import lru_cache

import msgspec
import numpy as np

from vortex.domain.signals import Action, Decision, Direction, Engine, Signal, Strategy
from vortex.market.jit import entry_of
from vortex.signals.board import SignalBoard
from vortex.signals.regime import Regime
from vortex.strategy.limits import VERDICT, limits_of
from vortex.strategy.liquidation_cascade import CASCADE_CONDITIONS
from vortex.strategy.mean_reversion import REVERSION_CONDITIONS
from vortex.strategy.momentum_ride import MOMENTUM_CONDITIONS
from vortex.strategy.settings import DecisionSettings
from vortex.strategy.verdict import CHECKLIST, judge_entry

VOTERS = (Engine.ORDER_FLOW, Engine.TICK, Engine.TECHNICAL, Engine.SENTIMENT)
STRATEGIES = tuple(Strategy)
CONDITIONS = (MOMENTUM_CONDITIONS, REVERSION_CONDITIONS, CASCADE_CONDITIONS)
"""What A, B and C ask for, by bit of `Verdict.unmet`."""
NO_STRATEGY = "strategy"
"""The item after the checklist: the best strategy's sum reaches the least (S1-3)."""
WORDINGS = 4_096
"""Sets of failed items whose wording is kept."""
_ACTIONS = {1: Action.LONG, -1: Action.SHORT}
_SIDES = {1: "LONG", -1: "SHORT"}
_NO_TRADE = Action.NO_TRADE
_PLAIN = frozenset(CHECKLIST)
_UNPACK = struct.Struct("=d10q").unpack_from
assert VERDICT.itemsize == struct.calcsize("=d10q"), "VERDICT has no padding"


class DecisionContext(msgspec.Struct, frozen=True, kw_only=True):
    """What the decision needs beside the signals. Learned weights and reliabilities are the board's (`board.learn`)."""

    position: Direction = Direction.NEUTRAL
    open_positions: int = 0
    breaker_closed: bool = True
    feed_warm: bool = True


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The kernel's word: side of the score, engines on that side, bits of CHECKLIST and CONDITIONS that fail.

    `tenths` are the sums of A, B and C in tenths, `best` the index of the highest (S1-3).
    """

    score: float
    side: int
    agree: int
    failed: int
    best: int
    tenths: tuple[int, int, int]
    unmet: tuple[int, int, int]


class Decider:
    """Decides on one board. Twice the same state gives twice the same decision; the board is not changed."""

    def __init__(self, board: SignalBoard, settings: DecisionSettings) -> None:
        self._board, self._settings = board, settings
        verdict = np.zeros(1, VERDICT)
        self._fixed = (board.state, board.params, limits_of(settings), verdict)
        self._judge = entry_of(judge_entry, *self._fixed, 0, 0, 0, 0)
        self._bytes = verdict.view(np.uint8).data
        self._symbol = board.instrument.symbol

    def judge(self, context: DecisionContext) -> Verdict:
        """Checklist and strategies at the board's last cycle."""
        self._judge(
            *self._fixed, context.position, context.open_positions, int(context.breaker_closed), int(context.feed_warm)
        )
        score, side, agree, failed, best, a, b, c, unmet_a, unmet_b, unmet_c = _UNPACK(self._bytes)
        return Verdict(
            score=score,
            side=side,
            agree=agree,
            failed=failed,
            best=best,
            tenths=(a, b, c),
            unmet=(unmet_a, unmet_b, unmet_c),
        )

    def decide(self, context: DecisionContext, now_ms: int) -> Decision:
        """Trade or not, which way, by which strategy, and every item that stands in the way.

        Without the engines' signals: most decisions are a no that nobody will read. `explain` adds them.
        """
        return self.conclude(self.judge(context), now_ms)

    def conclude(self, found: Verdict, now_ms: int) -> Decision:
        """The decision that follows from a verdict."""
        clarity = found.tenths[found.best] / 10
        enough = clarity >= self._settings.strategy_min
        failed, reason = _wording(found.side, found.best, found.failed, enough, found.unmet[found.best])
        return Decision(
            symbol=self._symbol,
            ts_ms=now_ms,
            action=_NO_TRADE if failed else _ACTIONS[found.side],
            strategy=STRATEGIES[found.best],
            confidence=confidence(found.score, found.agree, clarity),
            final_score=found.score,
            engines_agree=found.agree,
            failed=failed,
            reason=reason,
        )

    def explain(self, decision: Decision) -> Decision:
        """The same decision with all its inputs and a reason that names them; before the board hears anything new."""
        signals, regime = self._board.look(decision.ts_ms)
        reason = _reason(decision, signals, regime)
        return msgspec.structs.replace(decision, signals=signals, reason=reason)


def is_plain(decision: Decision) -> bool:
    """A no that the checklist says (S1-2). Other decisions are recorded: trades, and a no of the strategies (S1-5)."""
    return not _PLAIN.isdisjoint(decision.failed)


def confidence(score: float, agree: int, clarity: float) -> float:
    """|score| (1 + 0.1 (agree - 3)) best strategy score 100, clamped to 0 … 100 (S1-4)."""
    return min(100.0, max(0.0, abs(score) * (1.0 + 0.1 * (agree - 3)) * clarity * 100.0))


def names_of(bits: int, names: tuple[str, ...]) -> tuple[str, ...]:
    """The names whose bits are set, in their order."""
    return tuple([name for k, name in enumerate(names) if bits >> k & 1])


@lru_cache(WORDINGS)
def _wording(side: int, best: int, items: int, enough: bool, unmet: int) -> tuple[tuple[str, ...], str]:
    """All that fails by name, the checklist first, and one line for a person."""
    failed = names_of(items, CHECKLIST)
    failed += names_of(unmet, CONDITIONS[best]) if enough else (NO_STRATEGY,)
    summary = f"{_SIDES[side]} {STRATEGIES[best]}"
    return failed, f"{summary}: not because of {', '.join(failed)}" if failed else summary


def _reason(decision: Decision, signals: tuple[Signal, ...], regime: Regime) -> str:
    """One line for a person."""
    side = 1 if decision.final_score > 0.0 else -1
    voices = " + ".join(
        [f"{signal.engine.name} {signal.label} {signal.strength:.2f}" for signal in signals if signal.direction == side]
    )
    summary = f"{_SIDES[side]} {decision.strategy}: {voices or 'no engine'} in {regime.reason}"
    return f"{summary}; not because of {', '.join(decision.failed)}" if decision.failed else summary
