"""One process of the house as the simulation sees it: it handles one event at a time, and may die or stop anywhere.

1. A dead process does nothing more: its timers and mail are gone, what it had put on the wire is not.
2. A stopped process keeps its mail, its timers and the effects it had not carried out; when it wakes it goes on
   exactly where it was, knowing nothing of what happened meanwhile.
"""

import enum
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from vortex.domain.effects import Effect
from vortex.kernel.clock import MS
from vortex.kernel.rng import Rng
from vortex.sim.faults import Swarm
from vortex.sim.story import Story
from vortex.sim.world import Planned, World


class Life(enum.Enum):
    """Where a process is."""

    RUNNING = "running"
    STOPPED = "stopped"
    DEAD = "dead"


class Undertaker(Protocol):
    """Who is told when a process dies or stops."""

    def died(self, process: "Process", why: str) -> None: ...
    def stopped(self, process: "Process") -> None: ...


@dataclass(slots=True)
class Dice:
    """The chance of dying and stopping, shared by all processes; `armed` is False once the world heals."""

    rng: Rng
    swarm: Swarm
    armed: bool = True
    crash_at: int | None = None
    """Die exactly at the n-th boundary (for exhaustive crash tests); counted from 1."""
    boundaries: int = 0
    crash_at_commit: int | None = None
    """Die exactly when the n-th commit has become durable and before its writer knows; counted from 1."""
    commits: int = 0

    def crash_after_commit(self) -> bool:
        """Does the writer die between a commit and its answer?"""
        self.commits += 1
        return self.armed and self.commits == self.crash_at_commit

    def crash(self) -> bool:
        """Does the process die here?"""
        self.boundaries += 1
        if self.crash_at is not None:
            return self.armed and self.boundaries == self.crash_at
        return self.armed and self.swarm.crash_per_10k > 0 and self.rng.chance(self.swarm.crash_per_10k, 10_000)

    def stop(self) -> bool:
        """Does the process stop here for a while?"""
        return self.armed and self.swarm.pause_per_10k > 0 and self.rng.chance(self.swarm.pause_per_10k, 10_000)

    def nap_ns(self) -> int:
        """How long a stopped process stays stopped when nobody ends it."""
        return self.rng.randint(20, 3_000) * MS


@dataclass(slots=True, eq=False)
class Process:
    """One incarnation of one role. `carry_out` performs one effect; `late` says that it was decided before a stop."""

    role: str
    epoch: int
    world: World
    story: Story
    dice: Dice
    undertaker: Undertaker
    carry_out: Callable[[Effect, bool], None]
    life: Life = Life.RUNNING
    disowned: bool = False
    """Its supervisor believes it dead; it lives on."""
    timers: dict[str, Planned] = field(default_factory=dict)
    _backlog: deque[Callable[[], None]] = field(default_factory=deque)
    _undone: deque[Effect] = field(default_factory=deque)

    @property
    def name(self) -> str:
        """Role and epoch, as trace lines show them."""
        return f"{self.role}#{self.epoch}"

    @property
    def alive(self) -> bool:
        """Not dead; perhaps stopped."""
        return self.life is not Life.DEAD

    def handle(self, what: str, event: Callable[[], Sequence[Effect]]) -> None:
        """One turn of its loop: let the engine decide, then carry the effects out."""
        if self.life is Life.DEAD:
            return
        if self.life is Life.STOPPED:
            self._backlog.append(lambda: self.handle(what, event))
            return
        if self.dice.crash():
            self.die(f"crashed before {what}")
            return
        self._perform(event(), late=False)

    def _perform(self, effects: Sequence[Effect], *, late: bool) -> None:
        for position, effect in enumerate(effects):
            if position and self.dice.crash():
                self.die(f"crashed before {type(effect).__name__}")
            elif self.dice.stop():
                self._undone.extend(effects[position:])
                self.stop()
            if self.life is not Life.RUNNING:
                return
            self.carry_out(effect, late)

    def die(self, why: str) -> None:
        """End at once."""
        if self.life is Life.DEAD:
            return
        self.life = Life.DEAD
        for planned in self.timers.values():
            planned.cancel()
        self.timers.clear()
        self._backlog.clear()
        self._undone.clear()
        self.story.tell(self.name, "process.crashed" if why.startswith("crashed") else "process.died", why)
        self.undertaker.died(self, why)

    def stop(self) -> None:
        """Freeze here; wake after a nap, unless somebody ends it first."""
        self.life = Life.STOPPED
        nap = self.dice.nap_ns()
        self.story.tell(self.name, "process.stopped", f"for={nap // MS}ms")
        self.world.after(nap, self.wake)
        self.undertaker.stopped(self)

    def wake(self) -> None:
        """Go on where it was: first the effects left over, then the mail."""
        if self.life is not Life.STOPPED:
            return
        self.life = Life.RUNNING
        self.story.tell(self.name, "process.woke", "disowned" if self.disowned else "")
        undone, self._undone = list(self._undone), deque()
        self._perform(undone, late=True)
        while self._backlog and self.life is Life.RUNNING:
            self._backlog.popleft()()

    def set_timer(self, key: str, delay_ms: int, fired: Callable[[], None]) -> None:
        """Plan a timer; the same key replaces the earlier one."""
        self.cancel_timer(key)

        def ring() -> None:
            self.timers.pop(key, None)
            fired()

        self.timers[key] = self.world.after(delay_ms * MS, ring)

    def cancel_timer(self, key: str) -> None:
        """Forget a timer."""
        planned = self.timers.pop(key, None)
        if planned is not None:
            planned.cancel()
