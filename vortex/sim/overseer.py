"""The supervisor's shell in simulation: carries out what the real tree decides, with epochs, hangs, zombies, rebirth.

1. A role has at most one process that is not disowned; each incarnation takes its epoch before it starts.
2. A death is reported when it is seen; a process that is believed dead is reported lost and may live on as a zombie.
3. The supervisor itself may die: its successor adopts whoever lives and starts whoever does not.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from vortex.kernel.clock import MS
from vortex.kernel.errors import JournalUnavailable
from vortex.kernel.rng import Rng
from vortex.sim.journal import SimJournal
from vortex.sim.process import Life, Process
from vortex.sim.story import Story
from vortex.sim.world import World
from vortex.supervision import events as ev
from vortex.supervision.liveness import Liveness, ProcessState, Sample
from vortex.supervision.spec import ExitReason, SupervisorSpec
from vortex.supervision.tree import Tree

SWEEP_MS = 50
SEEN_DEAD_MS = 6
REBIRTH_MS = 400
START_MS = (15, 600)

Spawn = Callable[[str, int, bool], Process]
"""(role, epoch, predecessor's death confirmed) → the running process; raises JournalUnavailable when it cannot load."""


@dataclass(slots=True)
class Overseer:
    """Owns the tree while it lives, and what outlives it: the registry of who runs where."""

    world: World
    story: Story
    journal: SimJournal
    spec: SupervisorSpec
    rng: Rng
    spawn: Spawn
    raise_fence: Callable[[str, int], None]
    quarantine: Callable[[str, str], None]
    gone: Callable[[str], None]
    """The word to the others that a role has lost its process."""
    zombie_percent: int = 0
    tree: Tree | None = None
    lives: int = 0
    gave_up: int = 0
    restarts: int = 0
    zombies: int = 0
    registry: dict[str, Process] = field(default_factory=dict)
    ready: set[str] = field(default_factory=set)
    set_aside: set[str] = field(default_factory=set)
    _tokens: dict[Process, int] = field(default_factory=dict)
    """Process → the token under which this tree knows it."""

    def boot(self) -> None:
        """Begin a life: the first, or one after a death."""
        self.lives += 1
        self.tree = Tree(self.spec, self.rng.fork(f"tree/{self.lives}"))
        self._tokens.clear()
        adopted = tuple(
            (role, role in self.ready)
            for role in self.tree.roles()
            if role in self.registry and self.registry[role].alive and not self.registry[role].disowned
        )
        self.story.tell("supervisor", "supervisor.booted", f"adopted={','.join(role for role, _ in adopted) or '-'}")
        # Tokens first: the tree counts an adopted child as its first incarnation.
        effects = self.tree.handle(
            ev.Boot(adopted=adopted, set_aside=tuple(sorted(self.set_aside))), self.world.clock.mono()
        )
        for role, _ in adopted:
            self._tokens[self.registry[role]] = self.tree.token(role)
            if self.registry[role].life is Life.STOPPED:
                self._watch(self.registry[role])
        self._carry_out(effects)

    def die(self) -> None:
        """The supervisor's own death; a successor comes."""
        if self.tree is None:
            return
        self.tree = None
        self.story.tell("supervisor", "supervisor.died")
        self.world.after(REBIRTH_MS * MS, self.boot)

    def restart_house(self) -> None:
        """A person starts everything anew after the tree had given up."""
        for process in self.registry.values():
            if process.alive and not process.disowned:
                process.disowned = True
                process.die("stopped")
        self.ready.clear()
        self.set_aside.clear()
        self.boot()

    def reported_ready(self, process: Process) -> None:
        """A process says that it serves."""
        if self.registry.get(process.role) is not process or process.role in self.ready or not process.alive:
            return
        self.ready.add(process.role)
        token = self._tokens.get(process)
        if token is not None:
            self._tell(ev.ChildReady(process.role, token))

    # Undertaker

    def died(self, process: Process, why: str) -> None:
        """A death, seen by pidfd a few milliseconds later; a disowned one is nobody's business."""
        if process.disowned or self.registry.get(process.role) is not process:
            return
        self.ready.discard(process.role)
        reason = ExitReason.SHUTDOWN if why in ("fenced", "stopped") else ExitReason.CRASHED
        self.world.after(SEEN_DEAD_MS * MS, lambda: self._exited(process, reason, why))

    def stopped(self, process: Process) -> None:
        """A stop begins; from now on the sweeps look at it."""
        if not process.disowned:
            self._watch(process)

    # Carrying out

    def _tell(self, event: ev.TreeEvent) -> None:
        if self.tree is not None:
            self._carry_out(self.tree.handle(event, self.world.clock.mono()))

    def _carry_out(self, effects: list[ev.TreeEffect]) -> None:
        tree = self.tree
        for effect in effects:
            match effect:
                case ev.Start(spec, token):
                    delay = self.rng.randint(*START_MS) * MS
                    self._later(tree, delay, self._starter(spec.role, token))
                case ev.Kill(role, token, why):
                    self._kill(role, token, why)
                case ev.Stop(role, token, timeout_ms, _):
                    self._stop(role, token, timeout_ms)
                case ev.Delay(role, token, delay_ms):
                    self._later(tree, delay_ms * MS, self._teller(ev.TimerFired(role, token)))
                case ev.Quarantine(role, why):
                    self.set_aside.add(role)
                    self.story.tell("supervisor", "child.quarantined", f"role={role} why={why}")
                    self.quarantine(role, why)
                case ev.GiveUp(why):
                    self.gave_up += 1
                    self.story.tell("supervisor", "supervisor.gave_up", why)
                case ev.Escalate(supervisor, why):
                    self.story.tell("supervisor", "supervisor.escalated", f"{supervisor}: {why}")
                case _:
                    pass

    def _later(self, tree: Tree | None, delay_ns: int, action: Callable[[], None]) -> None:
        """What a supervisor had planned dies with it."""
        self.world.after(delay_ns, lambda: action() if self.tree is tree else None)

    def _teller(self, event: ev.TreeEvent) -> Callable[[], None]:
        return lambda: self._tell(event)

    def _starter(self, role: str, token: int) -> Callable[[], None]:
        return lambda: self._start(role, token)

    def _start(self, role: str, token: int) -> None:
        before = self.registry.get(role)
        confirmed = before is None or before.life is Life.DEAD
        try:
            epoch = self.journal.take_epoch(role)
            self.story.tell("supervisor", "child.started", f"role={role} epoch={epoch} confirmed={confirmed}")
            if role.startswith("symbol:"):
                self.raise_fence(role, epoch)
            process = self.spawn(role, epoch, confirmed)
        except JournalUnavailable as err:
            self._later(self.tree, 200 * MS, self._teller(ev.StartFailed(role, token, str(err))))
            return
        self.restarts += before is not None
        if not process.alive:
            self.registry[role] = process
            self._tokens[process] = token
            self._tell(ev.StartFailed(role, token, "died while starting"))
            return
        self._tell(ev.ChildStarted(role, token))
        if role in self.ready:
            self._tell(ev.ChildReady(role, token))

    def enroll(self, process: Process) -> None:
        """Put a newborn into the registry, before its first event."""
        self.registry[process.role] = process
        self.ready.discard(process.role)
        if self.tree is not None:
            self._tokens[process] = self.tree.token(process.role)

    def _known(self, role: str, token: int) -> Process | None:
        process = self.registry.get(role)
        return process if process is not None and self._tokens.get(process) == token else None

    def _kill(self, role: str, token: int, why: str) -> None:
        process = self._known(role, token)
        if process is None or not process.alive:
            self._later(self.tree, MS, self._teller(ev.ChildExited(role, token, ExitReason.CRASHED, why)))
            return
        if process.life is Life.STOPPED and self.rng.chance(self.zombie_percent, 100):
            process.disowned = True
            self.zombies += 1
            self.ready.discard(role)
            self.story.tell(process.name, "process.disowned", why)
            self._later(self.tree, 100 * MS, lambda: self._lost(role, token, why))
            return
        process.die(f"killed: {why}")

    def _lost(self, role: str, token: int, why: str) -> None:
        self.gone(role)
        self._tell(ev.ChildExited(role, token, ExitReason.LOST, why))

    def _stop(self, role: str, token: int, timeout_ms: int) -> None:
        process = self._known(role, token)
        if process is None or not process.alive:
            self._later(self.tree, MS, self._teller(ev.ChildExited(role, token, ExitReason.SHUTDOWN)))
        elif process.life is Life.STOPPED:
            self._later(self.tree, timeout_ms * MS, lambda: process.die("killed: did not stop"))
        else:
            self._later(self.tree, 10 * MS, lambda: process.die("stopped"))

    def _exited(self, process: Process, reason: ExitReason, why: str) -> None:
        token = self._tokens.get(process)
        if self.tree is not None and token is not None and self.registry.get(process.role) is process:
            self.gone(process.role)
            self._tell(ev.ChildExited(process.role, token, reason, why))

    def _watch(self, process: Process) -> None:
        """Sweep a silent process with the real judge until it beats again or must die."""
        if self.tree is None:
            return
        judge = Liveness(next(leaf for leaf in self.spec.leaves() if leaf.role == process.role).limits)
        tree, beat_ns = self.tree, self.world.clock.mono()
        token = self._tokens.get(process, -1)

        def look() -> None:
            if self.tree is not tree or process.life is not Life.STOPPED or process.disowned:
                return
            sample = Sample(self.world.clock.mono(), beat_ns, 0, ProcessState.STOPPED)
            verdict = judge.judge(sample)
            if verdict.must_die:
                self._tell(ev.HangSeen(process.role, token, verdict.why))
            else:
                self.world.after(SWEEP_MS * MS, look)

        look()
