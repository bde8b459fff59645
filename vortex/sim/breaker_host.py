"""The breaker's shell in simulation: its memory is saved before a looser lease follows from it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from vortex.domain.commands import BreakerCommand
from vortex.domain.effects import (
    CancelTimer,
    Effect,
    Exit,
    GrantLease,
    Instruct,
    SaveBreaker,
    SetTimer,
)
from vortex.domain.events import BreakerEvent
from vortex.domain.outcomes import TimerFired
from vortex.kernel.errors import Fenced, JournalUnavailable
from vortex.sim.journal import SimJournal
from vortex.sim.lines import Body, Ears, Lines
from vortex.sim.page import NodePage
from vortex.sim.process import Process
from vortex.sim.story import Story


class Breaker(Protocol):
    """What the host needs of the engine (vortex.engine.breaker.BreakerEngine)."""

    def start(self) -> list[Effect]: ...
    def handle(self, event: BreakerEvent | BreakerCommand | TimerFired) -> list[Effect]: ...


@dataclass(slots=True)
class BreakerHost:
    """One incarnation."""

    process: Process
    engine: Breaker
    story: Story
    journal: SimJournal
    page: NodePage
    lines: Lines
    serving: Callable[[Process], None]
    _verdict: str = ""

    def begin(self) -> None:
        """Listen and judge."""
        self.process.carry_out = self.carry_out
        self.lines.enroll(Ears(self.process, self._hear, lambda role: self.lines.hang_up(self.process, role)))
        self._turn("start", self.engine.start)
        if self.process.alive:
            self.serving(self.process)

    def command(self, command: BreakerCommand) -> None:
        """A person commands."""
        self._turn(type(command).__name__, lambda: self.engine.handle(command))

    def _turn(self, what: str, event: Callable[[], list[Effect]]) -> None:
        if self.process.alive:
            self.process.handle(what, event)

    def _hear(self, sender: Process, message: Body) -> None:
        event: BreakerEvent = message  # type: ignore[assignment]  # the engine refuses other bodies
        self._turn(type(message).__name__, lambda: self.engine.handle(event))

    def carry_out(self, effect: Effect, late: bool) -> None:
        """One effect; a failed save or a refused pen ends the process."""
        process = self.process
        try:
            match effect:
                case GrantLease(lease=lease):
                    verdict = f"allows={lease.allows} through={lease.judged_through} {'+'.join(lease.reasons)}"
                    if verdict != self._verdict:
                        self._verdict = verdict
                        self.story.tell(process.name, "lease.granted", verdict)
                    self.page.publish(lease)
                case SaveBreaker(state_json=state, event=event):
                    self.journal.save_breaker(process.epoch, state)
                    self.story.tell(process.name, "breaker.saved", event)
                case SetTimer(key=key, delay_ms=delay_ms):
                    rung = TimerFired(key=key)
                    process.set_timer(key, delay_ms, lambda: self._turn(key, lambda: self.engine.handle(rung)))
                case CancelTimer(key=key):
                    process.cancel_timer(key)
                case Instruct(command=command):
                    self.lines.tell(process, "executor", command)
                case Exit(reason=reason):
                    process.die(reason)
                case _:
                    self.story.counts[f"effect.{type(effect).__name__}"] += 1
        except Fenced:
            process.die("fenced")
        except JournalUnavailable as err:
            process.die(f"could not save: {err}")
