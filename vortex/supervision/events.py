"""What the tree is told and what it asks for. `token` names one incarnation as the tree counts them; older ones
are stale and ignored, so a late report of a dead child can never harm its successor."""

import enum
from dataclasses import dataclass

from vortex.supervision.spec import ChildSpec, ExitReason


@dataclass(frozen=True, slots=True)
class Boot:
    """Begin. `adopted` are roles found alive (role → ready?), `set_aside` those a former life had quarantined,
    `restarts` what it had counted, by name."""

    adopted: tuple[tuple[str, bool], ...] = ()
    set_aside: tuple[str, ...] = ()
    restarts: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class ChildStarted:
    """The process has its role and works; it may still be recovering."""

    role: str
    token: int


@dataclass(frozen=True, slots=True)
class ChildReady:
    """It reports running (or degraded): those that depend on it may start."""

    role: str
    token: int


@dataclass(frozen=True, slots=True)
class ChildExited:
    """The incarnation's death is confirmed (or, for LOST, its fences have run out)."""

    role: str
    token: int
    reason: ExitReason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class StartFailed:
    """It never came to work and its process is gone. Not `retryable`: a wrong setting, which repeats for ever."""

    role: str
    token: int
    detail: str
    retryable: bool = True


@dataclass(frozen=True, slots=True)
class HangSeen:
    """Liveness judged it hung or stopped: it must be killed."""

    role: str
    token: int
    why: str


@dataclass(frozen=True, slots=True)
class TimerFired:
    """A delay asked for with `Delay` is over."""

    role: str
    token: int


@dataclass(frozen=True, slots=True)
class AddChild:
    """Give a dynamic supervisor one more child."""

    supervisor: str
    child: ChildSpec


@dataclass(frozen=True, slots=True)
class RemoveChild:
    """Stop a dynamic child and forget it."""

    role: str


@dataclass(frozen=True, slots=True)
class RestartChild:
    """An operator's wish: restart a running child, or bring back one that was set aside. Not counted."""

    role: str


@dataclass(frozen=True, slots=True)
class StopTree:
    """End everything in reverse order; `mode` is handed to the children ("keep", "flatten")."""

    mode: str = "keep"


TreeEvent = (
    Boot
    | ChildStarted
    | ChildReady
    | ChildExited
    | StartFailed
    | HangSeen
    | TimerFired
    | AddChild
    | RemoveChild
    | RestartChild
    | StopTree
)


@dataclass(frozen=True, slots=True)
class Start:
    """Take a new epoch for the role and start it; answer ChildStarted, then ChildReady, or StartFailed."""

    spec: ChildSpec
    token: int


@dataclass(frozen=True, slots=True)
class Kill:
    """End this incarnation at once and confirm its death; answer ChildExited."""

    role: str
    token: int
    why: str


@dataclass(frozen=True, slots=True)
class Stop:
    """End this incarnation politely within `timeout_ms`, then by force; answer ChildExited."""

    role: str
    token: int
    timeout_ms: int
    mode: str


@dataclass(frozen=True, slots=True)
class Delay:
    """Answer TimerFired after this long."""

    role: str
    token: int
    delay_ms: int


@dataclass(frozen=True, slots=True)
class Quarantine:
    """This symbol is set aside: its risk must be closed by the executor."""

    role: str
    why: str


@dataclass(frozen=True, slots=True)
class Escalate:
    """A supervisor gave up and told its parent."""

    supervisor: str
    why: str


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The root gave up: cancel entries, keep stops or flatten, halt."""

    why: str


class Level(enum.StrEnum):
    """How loud an alert is."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Alert:
    """Tell a person."""

    level: Level
    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Record:
    """Keep this in the tree's history."""

    kind: str
    role: str
    supervisor: str
    reason: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Stopped:
    """Every child is down and the tree is closed."""


TreeEffect = Start | Kill | Stop | Delay | Quarantine | Escalate | GiveUp | Alert | Record | Stopped
