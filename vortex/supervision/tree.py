"""The whole supervision tree as one pure machine: events in, effects out, no clock, no process, no Ray.

1. It converges instead of following scripts: events change where nodes stand, then `_settle` brings each supervisor
   one step nearer to what it wants. Going down is last first, coming up is first first, each step waits for the other.
2. A dependent starts only when everything before it under its supervisor is ready (rest_for_one, one_for_all).
3. An incarnation is dead when `ChildExited` says so, and only then has it a successor.
4. However children crash, no window of a supervisor ever holds more restarts than its intensity allows.
"""

from collections.abc import Callable
from typing import assert_never

from vortex.kernel.clock import MS
from vortex.kernel.errors import LocalViolation
from vortex.kernel.rng import Rng
from vortex.supervision import events as ev
from vortex.supervision.nodes import Branch, Leaf, Node, Status, branches, doomed, grow, leaf, leaves
from vortex.supervision.policy import affected, comes_back
from vortex.supervision.rows import Counts, Phase, Row, count, row
from vortex.supervision.spec import (
    AutoShutdown,
    ExitReason,
    OnExceeded,
    Restart,
    Strategy,
    SupervisorSpec,
)

# A sibling that goes down only to come back must not keep the failed child waiting: crash-only roles lose nothing.
SIBLING_STOP_MS = 500


class Tree:
    """The one authority on restarts. Feed it events in the order they happened; carry out its effects in order."""

    def __init__(self, spec: SupervisorSpec, rng: Rng) -> None:
        self._rng = rng
        self._root = grow(spec, None, rng)
        self._leaves = {child.name: child for child in leaves(self._root)}
        self._branches = {branch.name: branch for branch in branches(self._root)}
        assert len(self._leaves) == sum(1 for _ in leaves(self._root)), "roles must be unique"
        self._out: list[ev.TreeEffect] = []
        self._now_ns = 0
        self._mode = "keep"
        self.stopping = False
        self.stopped = False
        self.gave_up = ""

    def handle(self, event: ev.TreeEvent, now_ns: int) -> list[ev.TreeEffect]:
        """Apply one event at a monotonic time and return what to do, in order."""
        self._now_ns, self._out = now_ns, []
        self._apply(event)
        if not self.stopped:
            self._settle(self._root)
        return self._out

    # ---- questions

    def token(self, role: str) -> int:
        """The current incarnation of a role as the tree counts them."""
        return self._leaves[role].token

    def status(self, role: str) -> Status:
        """Where a role stands."""
        return self._leaves[role].status

    def roles(self) -> list[str]:
        """Every role, in start order."""
        return [child.name for child in leaves(self._root)]

    def parent(self, role: str) -> str:
        """The supervisor of a role."""
        return self._leaves[role].parent.name

    def ready(self) -> bool:
        """Whether every child that is wanted is at work; one set aside makes the house degraded, not unready."""
        return self._root.active and not self.stopping and all(c.settled for c in self._leaves.values())

    def set_aside(self) -> list[str]:
        """Roles that were quarantined or parked."""
        return [c.name for c in leaves(self._root) if c.status is Status.SET_ASIDE]

    def restarts(self) -> dict[str, int]:
        """How often each node came back by itself; those that never did are left out."""
        nodes: list[Node] = [*self._branches.values(), *self._leaves.values()]
        return {node.name: node.restarts for node in nodes if node.restarts}

    def which_children(self, supervisor: str) -> list[Row]:
        """The direct children of a supervisor, in start order."""
        return [row(child, self._phase()) for child in self._branches[supervisor].children]

    def count_children(self, supervisor: str) -> Counts:
        """How many children a supervisor has and how many of them live."""
        return count(self._branches[supervisor])

    def rows(self) -> list[Row]:
        """Every node: supervisors first, parents before children, then the processes in start order."""
        nodes: list[Node] = [*branches(self._root), *leaves(self._root)]
        return [row(node, self._phase()) for node in nodes]

    def _phase(self) -> Phase:
        if self.gave_up:
            return Phase.GAVE_UP
        return Phase.STOPPING if self.stopping or self.stopped else Phase.SERVING

    # ---- events

    def _apply(self, event: ev.TreeEvent) -> None:
        match event:
            case ev.Boot():
                self._boot(event)
            case ev.ChildStarted() | ev.ChildReady():
                self._risen(event)
            case ev.ChildExited(role, token, reason, detail):
                self._fallen(role, token, reason, detail, retryable=True)
            case ev.StartFailed(role, token, detail, retryable):
                self._fallen(role, token, ExitReason.CRASHED, f"start failed: {detail}", retryable=retryable)
            case ev.HangSeen(role, token, why):
                self._condemn(role, token, why)
            case ev.TimerFired(role, token):
                child = self._current(role, token)
                if child is not None and child.status is Status.DELAYED:
                    child.status = Status.IDLE
            case ev.AddChild() | ev.RemoveChild() | ev.RestartChild() | ev.StopTree():
                self._wish(event)
            case _:
                assert_never(event)

    def _boot(self, event: ev.Boot) -> None:
        self._root.open()
        for name, count_before in event.restarts:
            node = self._leaves.get(name) or self._branches.get(name)
            if node is not None:
                node.restarts = count_before
        for role in event.set_aside:
            if role in self._leaves:
                self._leaves[role].status = Status.SET_ASIDE
        for role, is_ready in event.adopted:
            child = self._leaves[role]
            child.token += 1
            child.status = Status.RUNNING if is_ready else Status.RECOVERING
            child.running_since_ns = self._now_ns
            above: Branch | None = child.parent
            while above is not None:
                above.active = True
                above = above.parent
            self._record("child.adopted", child)

    def _risen(self, event: ev.ChildStarted | ev.ChildReady) -> None:
        child = self._current(event.role, event.token)
        if child is None:
            return
        if isinstance(event, ev.ChildStarted) and child.status is Status.STARTING:
            child.status = Status.RECOVERING
            self._record("child.started", child)
        elif isinstance(event, ev.ChildReady) and child.status is Status.RECOVERING:
            child.status = Status.RUNNING
            child.running_since_ns = self._now_ns
            self._record("child.ready", child)

    def _condemn(self, role: str, token: int, why: str) -> None:
        child = self._current(role, token)
        if child is None or child.down or child.status is Status.KILLING:
            return
        self._record("child.hung", child, why)
        self._out.append(ev.Kill(role, token, why))
        child.status, child.why = Status.KILLING, why

    def _fallen(self, role: str, token: int, reason: ExitReason, detail: str, *, retryable: bool) -> None:
        child = self._current(role, token)
        if child is None or child.down:
            return
        was_running = child.status in (Status.RUNNING, Status.KILLING) and child.running_since_ns > 0
        healthy_ms = (self._now_ns - child.running_since_ns) // MS if was_running else 0
        # A child that was told to stop did so, whatever its last breath looked like.
        ordered, child.ordered = child.ordered, False
        child.status, child.running_since_ns = Status.IDLE, 0
        child.why = detail
        self._record("child.exited", child, reason.value, detail)
        if child.leaving:
            self._forget(child)
        elif not ordered and not child.marked and not doomed(child.parent):
            self._ended(child, reason, detail, healthy_ms, retryable=retryable)

    def _wish(self, event: ev.AddChild | ev.RemoveChild | ev.RestartChild | ev.StopTree) -> None:
        match event:
            case ev.AddChild(supervisor, spec):
                branch = self._branches[supervisor]
                if not branch.spec.dynamic or spec.role in self._leaves:
                    raise LocalViolation(f"{supervisor} cannot take {spec.role}")
                if len(branch.children) >= branch.spec.max_children:
                    raise LocalViolation(f"{supervisor} has its {branch.spec.max_children} children")
                child = leaf(spec, branch, self._rng)
                branch.children.append(child)
                self._leaves[spec.role] = child
            case ev.RemoveChild(role):
                child = self._leaves[role]
                child.leaving = True
                if child.down:
                    self._forget(child)
                else:
                    self._lower(child)
            case ev.RestartChild(role):
                child = self._leaves[role]
                child.window.clear()
                child.patience.clear()
                if child.down:
                    child.status = Status.IDLE
                elif child.status in (Status.RUNNING, Status.RECOVERING):
                    child.ordered = True
                    child.status = Status.KILLING
                    self._out.append(ev.Kill(role, child.token, "restart asked for"))
            case ev.StopTree(mode):
                self.stopping, self._mode, self._root.closing = True, mode, True
            case _:
                assert_never(event)

    # ---- policy

    def _ended(self, node: Node, reason: ExitReason, why: str, healthy_ms: int, *, retryable: bool) -> None:
        """A node ended by itself: decide whether it and its siblings come back."""
        parent = node.parent
        assert parent is not None, "the root has nobody above it"
        if not comes_back(node.restart, reason):
            self._retire(node, parent)
            return
        if isinstance(node, Leaf):
            window = node.window if parent.spec.per_child else parent.window
        else:
            window = node.own if parent.spec.per_child else parent.window
        if not retryable or not window.admit(self._now_ns):
            self._exceeded(node, parent, why)
            return
        node.restarts += 1
        position = parent.children.index(node)
        for index in affected(parent.spec.strategy, position, len(parent.children)):
            if index != position:
                parent.children[index].marked = True
        if isinstance(node, Leaf):
            delay_ms = node.patience.next_delay_ms(healthy_ms)
            if delay_ms:
                node.status = Status.DELAYED
                self._out.append(ev.Delay(node.name, node.token, delay_ms))

    def _retire(self, node: Node, parent: Branch) -> None:
        if isinstance(node, Leaf):
            node.status = Status.DONE
        else:
            node.ended = True
        if parent.spec.auto_shutdown is AutoShutdown.NEVER or not node.significant:
            return
        significant = [child for child in parent.children if child.significant]
        if parent.spec.auto_shutdown is AutoShutdown.ANY or all(child.done for child in significant):
            parent.ending = f"{node.name} was significant and is done"

    def _exceeded(self, node: Node, parent: Branch, why: str) -> None:
        if isinstance(node, Leaf) and parent.spec.on_exceeded is not OnExceeded.ESCALATE:
            node.status, node.why = Status.SET_ASIDE, why
            if parent.spec.on_exceeded is OnExceeded.PARK:
                self._record("child.parked", node, why)
                self._out.append(ev.Alert(ev.Level.WARNING, node.name, f"parked: {why}"))
                return
            self._record("child.quarantined", node, why)
            self._out.append(ev.Quarantine(node.name, why))
            self._out.append(ev.Alert(ev.Level.CRITICAL, node.name, f"quarantined: {why}"))
            if parent.aside is None or parent.aside.admit(self._now_ns):
                return
            why = f"too many quarantines, the last {node.name}"
        parent.ending = why or f"{node.name} exceeded the restart intensity"
        self._out.append(ev.Escalate(parent.name, parent.ending))
        self._record("supervisor.escalated", parent, parent.ending)
        self._out.append(ev.Alert(ev.Level.CRITICAL, parent.name, f"gave up: {parent.ending}"))
        if parent is self._root:
            self.gave_up = parent.ending
            self._out.append(ev.GiveUp(parent.ending))

    # ---- convergence

    def _settle(self, branch: Branch) -> None:
        if branch.falling:
            self._settle_down(branch)
            return
        if not branch.active:
            return
        for child in list(branch.children):
            if isinstance(child, Branch):
                self._settle(child)
        if branch.falling:  # a child's end just took this supervisor down as well
            self._settle_down(branch)
            return
        if self._in_reverse(branch, self._lower_marked):
            self._raise_all(branch)

    def _settle_down(self, branch: Branch) -> None:
        if not self._in_reverse(branch, self._lower):
            return
        why, ordered = branch.ending, branch.closing
        branch.active, branch.closing, branch.ending = False, False, ""
        if branch.parent is None:
            self.stopped = True
            self._out.append(ev.Stopped())
        elif why and not ordered and not branch.marked and not doomed(branch.parent):
            # As in OTP, a supervisor that gives up exits with reason shutdown.
            self._ended(branch, ExitReason.SHUTDOWN, why, 0, retryable=True)

    def _in_reverse(self, branch: Branch, lower: Callable[[Node], bool]) -> bool:
        """Apply to the children, last first; independent children need not wait for each other."""
        order = list(reversed(branch.children))
        if branch.spec.strategy is Strategy.ONE_FOR_ONE:
            lowered = [lower(child) for child in order]
            return all(lowered)
        return all(lower(child) for child in order)

    def _lower_marked(self, node: Node) -> bool:
        """Bring a marked node down; True when it needs no more waiting for."""
        if not node.marked:
            return True
        if not self._lower(node):
            return False
        node.marked = False
        return True

    def _lower(self, node: Node) -> bool:
        """Send a node down, once; True when it is."""
        if isinstance(node, Branch):
            if not node.down and not node.closing:
                node.closing = True
            if node.closing:
                self._settle_down(node)
            return node.down
        if node.down:
            self._rest(node)
            return True
        if node.status in (Status.STARTING, Status.RECOVERING, Status.RUNNING):
            self._dismiss(node)
        return False

    def _rest(self, child: Leaf) -> None:
        if child.restart is Restart.TEMPORARY and child.token:
            child.status = Status.DONE
        elif child.status is not Status.SET_ASIDE:
            child.status = Status.IDLE
            child.token += 1  # a timer that still runs for it is stale

    def _dismiss(self, child: Leaf) -> None:
        if child.status is Status.STARTING or child.spec.shutdown_ms is None:
            self._out.append(ev.Kill(child.name, child.token, "dismissed"))
        else:
            final = self.stopping or bool(self.gave_up) or child.leaving
            timeout_ms = child.spec.shutdown_ms if final else min(child.spec.shutdown_ms, SIBLING_STOP_MS)
            self._out.append(ev.Stop(child.name, child.token, timeout_ms, self._mode if final else "restart"))
        child.status, child.ordered = Status.STOPPING, True

    def _raise_all(self, branch: Branch) -> None:
        gated = branch.spec.strategy is not Strategy.ONE_FOR_ONE
        for child in branch.children:
            if isinstance(child, Leaf):
                if child.status is Status.IDLE:
                    child.token += 1
                    child.status = Status.STARTING
                    self._out.append(ev.Start(child.spec, child.token))
            elif not child.active and not child.ended:
                child.open()
                self._record("supervisor.started", child)
                self._settle(child)
            if gated and not child.settled:
                return

    # ---- small things

    def _current(self, role: str, token: int) -> Leaf | None:
        child = self._leaves.get(role)
        return child if child is not None and child.token == token else None

    def _forget(self, child: Leaf) -> None:
        child.parent.children.remove(child)
        del self._leaves[child.name]

    def _record(self, kind: str, node: Node, reason: str = "", detail: str = "") -> None:
        supervisor = "" if node.parent is None else node.parent.name
        self._out.append(ev.Record(kind, node.name, supervisor, reason, detail))
