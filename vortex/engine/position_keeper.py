"""Runs one trade's position machine in its symbol: time, history, and the executor's word against our own."""

from collections import Counter, deque
from dataclasses import dataclass
from typing import Any

from vortex.domain.effects import Audit, Effect, TellExecutor
from vortex.domain.events import OpenTrade
from vortex.domain.orders import Leg
from vortex.domain.plans import TradePlan
from vortex.execution.position import Position, PositionState
from vortex.execution.position_events import EntryTimedOut, HoldEnded, Resumed, RetryDue
from vortex.execution.position_fsm import PositionMachine, open_position, rebuild
from vortex.execution.settings import ExecutionSettings
from vortex.kernel.clock import MS, Clock
from vortex.kernel.fsm import IllegalTransition

HISTORY_MAX = 256
ENTERING = frozenset({PositionState.PENDING_ENTRY, PositionState.ENTRY_SENT, PositionState.PARTIAL_FILL})
HELD = frozenset(
    {
        PositionState.PARTIAL_FILL,
        PositionState.ENTRY_CANCELING,
        PositionState.ACTIVE,
        PositionState.TP1_HIT,
        PositionState.TRAILING,
    }
)


@dataclass(frozen=True, slots=True)
class Transition:
    """One step of the history."""

    ts_ms: int
    before: PositionState
    event: str
    after: PositionState


class PositionKeeper:
    """At most one trade at a time."""

    def __init__(self, clock: Clock, settings: ExecutionSettings) -> None:
        self._clock, self._settings = clock, settings
        self._machine: PositionMachine | None = None
        self._paused_ns = 0
        self.history: deque[Transition] = deque(maxlen=HISTORY_MAX)
        self.refused: Counter[str] = Counter()

    @property
    def state(self) -> PositionState | None:
        """Where the trade stands; None without one."""
        return None if self._machine is None else self._machine.state

    @property
    def position(self) -> Position | None:
        """The trade; None without one."""
        return None if self._machine is None else self._machine.data

    @property
    def trade_no(self) -> int:
        """Number of the trade; 0 without one."""
        return 0 if self._machine is None else self._machine.data.plan.trade_no

    def open(self, plan: TradePlan) -> None:
        """A new trade, just asked for."""
        assert self._machine is None, "one trade at a time"
        self._machine = open_position(plan, self._settings)
        self._note(PositionState.PENDING_ENTRY, "Opened", PositionState.PENDING_ENTRY)

    def adopt(self, trade: OpenTrade) -> list[Effect]:
        """Take the executor's word for what is, and do what is missing."""
        before = self.state
        trailed = 0 if self._machine is None else self._machine.data.trailed_ms
        wish = "" if self._machine is None else self._machine.data.close_why
        same = self.trade_no == trade.plan.trade_no
        machine = rebuild(trade, self._settings, trailed_ms=trailed if same else 0, close_why=wish if same else "")
        self._machine = machine
        self._note(before or machine.state, "Rebuilt", machine.state)
        return self.handle(Resumed())

    def drop(self) -> None:
        """The trade is over and recorded, or never was."""
        self._machine = None

    def handle(self, event: object) -> list[Effect]:
        """Feed one event; what the executor must be told, and the step for the audit log."""
        machine = self._machine
        if machine is None:
            return []
        before = machine.state
        try:
            wanted = machine.handle(event)
        except IllegalTransition as err:
            self.refused[str(err)] += 1
            return [Audit(kind="position.refused_transition", detail={"what": str(err)})]
        effects: list[Effect] = [TellExecutor(command=command) for command in wanted]
        if before is not machine.state:
            step = self._note(before, type(event).__name__, machine.state)
            effects.append(_audit(machine.data.plan, step))
        return effects

    def due(self) -> object | None:
        """The event that time has made due, if any (S3-1, S3-4)."""
        machine = self._machine
        if machine is None:
            return None
        now, position = self._clock.unix() // MS, machine.data
        plan = position.plan
        if position.close_paused:
            return self._retry()
        self._paused_ns = 0
        if machine.state in HELD and position.opened_ms:
            limit = min(plan.max_hold_ms, self._settings.hold_limit_ms)
            if now >= position.opened_ms + limit:
                return HoldEnded()
        if machine.state in ENTERING and position.entry is not None and now >= plan.decided_ms + plan.entry_timeout_ms:
            return EntryTimedOut()
        return None

    def view(self) -> dict[str, Any] | None:
        """For the status screen; None without a trade."""
        if self._machine is None:
            return None
        position = self._machine.data
        stops = position.living_stops()
        return {
            "state": self._machine.state.value,
            "trade_no": position.plan.trade_no,
            "side": position.plan.side.value,
            "strategy": position.plan.strategy.value,
            "lots": position.signed_net,
            "entry_ticks": position.break_even_ticks if position.entered else None,
            "stop_ticks": stops[-1].spec.trigger_ticks if stops else None,
            "target_ticks": position.plan.take_profit_px_ticks,
            "target_filled": position.target_filled,
            "opened_ms": position.opened_ms or None,
            "stops": len(position.rows(Leg.STOP)),
            "adopted": position.adopted,
            "history": [[step.ts_ms, step.before.value, step.event, step.after.value] for step in self.history][-20:],
        }

    def _retry(self) -> object | None:
        """A close that did not take is tried again after a pause."""
        now = self._clock.mono()
        if not self._paused_ns:
            self._paused_ns = now
        if now - self._paused_ns < self._settings.close_retry_ms * MS:
            return None
        self._paused_ns = 0
        return RetryDue()

    def _note(self, before: PositionState, event: str, after: PositionState) -> Transition:
        step = Transition(self._clock.unix() // MS, before, event, after)
        self.history.append(step)
        return step


def _audit(plan: TradePlan, step: Transition) -> Audit:
    return Audit(
        kind="position.moved",
        detail={
            "symbol": plan.symbol,
            "trade_no": plan.trade_no,
            "before": step.before.value,
            "event": step.event,
            "after": step.after.value,
        },
    )
