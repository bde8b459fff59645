"""Child and supervisor specifications as data: how to start, watch, stop and restart (decision 5).

Times are milliseconds unless a name says otherwise. Nothing here knows how a child is really started.
"""

import enum
from collections.abc import Iterator
from dataclasses import dataclass, replace


class Restart(enum.StrEnum):
    """When a child that ended comes back."""

    PERMANENT = "permanent"  # always
    TRANSIENT = "transient"  # only after an abnormal end
    TEMPORARY = "temporary"  # never


class Strategy(enum.StrEnum):
    """Who else is restarted with a child that is."""

    ONE_FOR_ONE = "one_for_one"
    ONE_FOR_ALL = "one_for_all"
    REST_FOR_ONE = "rest_for_one"


class ExitReason(enum.StrEnum):
    """How an incarnation ended."""

    NORMAL = "normal"  # its work was done
    SHUTDOWN = "shutdown"  # it was asked to
    CRASHED = "crashed"  # exception, signal, hang, failed start
    LOST = "lost"  # its node is gone; death is inferred, not seen

    @property
    def abnormal(self) -> bool:
        """Whether a transient child comes back after it."""
        return self in (ExitReason.CRASHED, ExitReason.LOST)


class OnExceeded(enum.StrEnum):
    """What a supervisor does when its restarts exceed the intensity."""

    ESCALATE = "escalate"  # stop all children and tell the parent
    QUARANTINE = "quarantine"  # set that child aside; the executor flattens its symbol
    PARK = "park"  # set that child aside and report it


class AutoShutdown(enum.StrEnum):
    """Whether the end of significant children ends their supervisor."""

    NEVER = "never"
    ANY = "any_significant"
    ALL = "all_significant"


@dataclass(frozen=True, slots=True)
class Intensity:
    """At most `restarts` within any window of `period_ms`; one more is too many."""

    restarts: int
    period_ms: int


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits before restarts: the first is free, then `step_ms` doubling to `max_ms`, jittered, reset when healthy."""

    step_ms: int = 250
    max_ms: int = 30_000
    jitter: float = 0.2
    reset_after_ms: int = 120_000


@dataclass(frozen=True, slots=True)
class HeartbeatLimits:
    """When silence means trouble. The beat is one store per turn of the child's own event loop.

    `startup_factor` widens busy, blocked and starved while the child starts or recovers, when imports, compilation
    and loading are legitimate long turns of the loop.
    """

    beat_ms: int = 50
    suspect_ms: int = 100
    stopped_ms: int = 120  # process state T: nobody but a debugger or SIGSTOP does that
    busy_cpu_ms: int = 200  # CPU burnt by the loop's thread without a beat: it spins
    blocked_ms: int = 1_000  # asleep all the while: it waits for something that blocks the loop
    starved_ms: int = 5_000  # runnable but never run: the machine is overloaded
    startup_factor: int = 20


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """One process: what it is, when it comes back, how it is stopped, what it needs.

    `shutdown_ms` None is a brutal kill. `ready_timeout_ms` None waits for readiness as long as the child beats:
    an executor may recover for minutes while the exchange is down, and killing it would not help.
    """

    role: str
    kind: str
    restart: Restart = Restart.PERMANENT
    shutdown_ms: int | None = 5_000
    significant: bool = False
    backoff: Backoff = Backoff()
    limits: HeartbeatLimits = HeartbeatLimits()
    start_timeout_ms: int = 30_000
    ready_timeout_ms: int | None = None
    resources: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class SupervisorSpec:
    """A node of the tree that owns policy and no process.

    `per_child` counts restarts for each child apart. `escalate_after` bounds how many children may be set aside
    before the supervisor gives up itself. `template` makes the supervisor dynamic: children are added while it runs.
    """

    name: str
    strategy: Strategy
    intensity: Intensity
    children: tuple["ChildSpec | SupervisorSpec", ...] = ()
    on_exceeded: OnExceeded = OnExceeded.ESCALATE
    per_child: bool = False
    escalate_after: Intensity | None = None
    restart: Restart = Restart.PERMANENT
    significant: bool = False
    auto_shutdown: AutoShutdown = AutoShutdown.NEVER
    dynamic: bool = False
    max_children: int = 64

    def leaves(self) -> Iterator[ChildSpec]:
        """Every child spec below, in start order."""
        for child in self.children:
            if isinstance(child, ChildSpec):
                yield child
            else:
                yield from child.leaves()


@dataclass(frozen=True, slots=True)
class TreePlan:
    """What differs between one house and the next: its symbols, its faces, its patience."""

    symbols: tuple[str, ...]
    faces: tuple[str, ...] = ("recorder",)
    limits: HeartbeatLimits = HeartbeatLimits()
    executor_resources: tuple[tuple[str, float], ...] = ()
    shutdown_ms: int = 5_000
    symbols_max: int = 64
    patience: int = 1  # multiplies every intensity; any but 1 also restarts without waiting (drills)

    def intensity(self, restarts: int, period_ms: int) -> Intensity:
        """An intensity of the table, times the patience."""
        return Intensity(restarts * self.patience, period_ms)

    @property
    def backoff(self) -> Backoff:
        """The waits between restarts."""
        return Backoff() if self.patience == 1 else Backoff(step_ms=0)


def symbol_child(symbol: str, plan: TreePlan) -> ChildSpec:
    """The spec of one symbol's process."""
    return _child(f"symbol:{symbol}", "symbol", plan)


def _child(role: str, kind: str, plan: TreePlan) -> ChildSpec:
    return ChildSpec(role, kind, shutdown_ms=plan.shutdown_ms, limits=plan.limits, backoff=plan.backoff)


def house(plan: TreePlan) -> SupervisorSpec:
    """The supervision tree of the architecture page: root over trading, symbols and faces."""
    breaker = _child("breaker", "breaker", plan)
    executor = replace(
        _child("executor", "executor", plan),
        shutdown_ms=plan.shutdown_ms * 2,  # it drains what is in flight and reconciles once more
        resources=plan.executor_resources,
    )
    trading = SupervisorSpec(
        name="trading",
        strategy=Strategy.REST_FOR_ONE,
        intensity=plan.intensity(5, 30_000),
        children=(breaker, executor),
    )
    symbols = SupervisorSpec(
        name="symbols",
        strategy=Strategy.ONE_FOR_ONE,
        intensity=plan.intensity(5, 60_000),
        children=tuple(symbol_child(symbol, plan) for symbol in plan.symbols),
        on_exceeded=OnExceeded.QUARANTINE,
        per_child=True,
        escalate_after=plan.intensity(2, 60_000),  # the third quarantine within a minute is one too many
        dynamic=True,
        max_children=plan.symbols_max,
    )
    faces = SupervisorSpec(
        name="faces",
        strategy=Strategy.ONE_FOR_ONE,
        intensity=plan.intensity(10, 60_000),
        children=tuple(_child(face, face, plan) for face in plan.faces),
        on_exceeded=OnExceeded.PARK,
        per_child=True,
    )
    return SupervisorSpec(
        name="root",
        strategy=Strategy.REST_FOR_ONE,
        intensity=plan.intensity(5, 60_000),
        children=(trading, symbols, faces),
    )
