"""The living nodes of the tree: where each child stands, and the few questions asked of it."""

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field

from vortex.kernel.rng import Rng
from vortex.supervision.policy import Patience, Window
from vortex.supervision.spec import ChildSpec, Restart, SupervisorSpec


class Status(enum.StrEnum):
    """Where one child stands."""

    IDLE = "idle"  # down, to be started when its turn comes
    DELAYED = "delayed"  # down, waiting out its backoff
    STARTING = "starting"
    RECOVERING = "recovering"  # at work, not ready yet
    RUNNING = "running"
    KILLING = "killing"  # condemned; death not confirmed yet
    STOPPING = "stopping"
    DONE = "done"  # ended and not coming back by itself
    SET_ASIDE = "set_aside"  # quarantined or parked


DOWN = frozenset({Status.IDLE, Status.DELAYED, Status.DONE, Status.SET_ASIDE})
SETTLED = frozenset({Status.RUNNING, Status.DONE, Status.SET_ASIDE})


@dataclass(slots=True, eq=False)
class Leaf:
    """One child process. `marked` means it must go down because of a sibling or the supervisor above."""

    spec: ChildSpec
    parent: "Branch"
    window: Window
    patience: Patience
    status: Status = Status.IDLE
    token: int = 0
    marked: bool = False
    leaving: bool = False  # removed from a dynamic supervisor once it is down
    ordered: bool = False  # its end was asked for, so it is not counted
    restarts: int = 0
    running_since_ns: int = 0
    why: str = ""

    @property
    def name(self) -> str:
        return self.spec.role

    @property
    def restart(self) -> Restart:
        return self.spec.restart

    @property
    def significant(self) -> bool:
        return self.spec.significant

    @property
    def down(self) -> bool:
        return self.status in DOWN

    @property
    def done(self) -> bool:
        return self.status is Status.DONE

    @property
    def settled(self) -> bool:
        """Whether those that depend on it may start: it is ready, or it is not going to be."""
        return self.status in SETTLED

    def reset(self) -> None:
        """Begin anew under a new incarnation of the supervisor."""
        self.status = Status.IDLE
        self.window.clear()
        self.patience.clear()
        self.why = ""


@dataclass(slots=True, eq=False)
class Branch:
    """One supervisor. `ending` is why it gives up by itself; `closing` that its parent has sent it down."""

    spec: SupervisorSpec
    parent: "Branch | None"
    window: Window
    aside: Window | None
    own: Window  # its own restarts, when its parent counts per child
    children: "list[Leaf | Branch]" = field(default_factory=list)
    active: bool = False
    closing: bool = False
    marked: bool = False
    ended: bool = False
    ending: str = ""
    restarts: int = 0

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def restart(self) -> Restart:
        return self.spec.restart

    @property
    def significant(self) -> bool:
        return self.spec.significant

    @property
    def down(self) -> bool:
        return not self.active and all(child.down for child in self.children)

    @property
    def done(self) -> bool:
        return self.ended

    @property
    def settled(self) -> bool:
        """Ready at once when dynamic, else when every child is."""
        if self.ended:
            return True
        return self.active and not self.falling and (self.spec.dynamic or all(c.settled for c in self.children))

    @property
    def falling(self) -> bool:
        """Whether it is on its way down, for whatever reason."""
        return self.closing or bool(self.ending)

    def open(self) -> None:
        """Become a new incarnation: old failures are forgotten and children start from their specs."""
        self.active, self.closing, self.ended, self.ending = True, False, False, ""
        self.window.clear()
        if self.aside is not None:
            self.aside.clear()
        for child in self.children:
            if isinstance(child, Leaf):
                child.reset()
            else:
                child.ended = False


Node = Leaf | Branch


def grow(spec: SupervisorSpec, parent: Branch | None, rng: Rng) -> Branch:
    """Build the living tree from its specification."""
    branch = Branch(
        spec=spec,
        parent=parent,
        window=Window(spec.intensity),
        aside=None if spec.escalate_after is None else Window(spec.escalate_after),
        own=Window(spec.intensity if parent is None else parent.spec.intensity),
    )
    for child in spec.children:
        branch.children.append(
            grow(child, branch, rng) if isinstance(child, SupervisorSpec) else leaf(child, branch, rng)
        )
    return branch


def leaf(spec: ChildSpec, parent: Branch, rng: Rng) -> Leaf:
    """One child under its supervisor, with its own stream of chance for jitter."""
    return Leaf(spec, parent, Window(parent.spec.intensity), Patience(spec.backoff, rng.fork(spec.role)))


def leaves(branch: Branch) -> Iterator[Leaf]:
    """Every child process below, in start order."""
    for child in branch.children:
        if isinstance(child, Leaf):
            yield child
        else:
            yield from leaves(child)


def branches(branch: Branch) -> Iterator[Branch]:
    """This supervisor and every one below, parents first."""
    yield branch
    for child in branch.children:
        if isinstance(child, Branch):
            yield from branches(child)


def doomed(branch: Branch | None) -> bool:
    """Whether this supervisor or one above is going down, so that nothing below it is restarted for its own sake."""
    while branch is not None:
        if branch.falling or branch.marked:
            return True
        branch = branch.parent
    return False
