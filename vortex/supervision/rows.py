"""The tree as people see it: one row per node, in the words of the status contract."""

import enum
from dataclasses import dataclass
from typing import assert_never

from vortex.supervision.nodes import Branch, Leaf, Node, Status, doomed


class Phase(enum.Enum):
    """What the whole tree is about."""

    SERVING = enum.auto()
    STOPPING = enum.auto()
    GAVE_UP = enum.auto()


@dataclass(frozen=True, slots=True)
class Row:
    """One node. `state` is one of starting, recovering, running, degraded, restarting, stopped, failed."""

    name: str
    kind: str
    parent: str
    state: str
    restarts: int
    why: str = ""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many children a supervisor has, after OTP's count_children."""

    specs: int
    active: int
    supervisors: int
    workers: int


def row(node: Node, phase: Phase) -> Row:
    """Describe one node."""
    parent = "" if node.parent is None else node.parent.name
    if isinstance(node, Leaf):
        return Row(node.name, node.spec.kind, parent, _leaf_state(node, phase), node.restarts, node.why)
    return Row(node.name, "supervisor", parent, _branch_state(node, phase), node.restarts, node.ending)


def count(branch: Branch) -> Counts:
    """Count the direct children of a supervisor."""
    supervisors = sum(isinstance(child, Branch) for child in branch.children)
    return Counts(
        specs=len(branch.children),
        active=sum(not child.down for child in branch.children),
        supervisors=supervisors,
        workers=len(branch.children) - supervisors,
    )


def _leaf_state(child: Leaf, phase: Phase) -> str:
    match child.status:
        case Status.IDLE | Status.STARTING:
            if phase is not Phase.SERVING or doomed(child.parent):
                return "stopped"
            return "restarting" if child.restarts else "starting"
        case Status.RECOVERING:
            return "recovering"
        case Status.RUNNING:
            return "running"
        case Status.DELAYED | Status.KILLING:
            return "restarting"
        case Status.STOPPING | Status.DONE:
            return "stopped"
        case Status.SET_ASIDE:
            return "failed"
        case _:
            assert_never(child.status)


def _branch_state(branch: Branch, phase: Phase) -> str:
    if phase is Phase.GAVE_UP and branch.parent is None:
        return "failed"
    if not branch.active or branch.falling:
        if phase is not Phase.SERVING or branch.ended:
            return "stopped"
        return "restarting" if branch.restarts or branch.falling else "starting"
    states = {row(child, phase).state for child in branch.children}
    if states <= {"running"}:
        return "running"
    return "starting" if states <= {"running", "starting", "recovering"} else "degraded"
