"""Plays the world for a Tree: carries out its effects at once, or keeps them until a test says so."""

from collections import deque
from collections.abc import Iterable

from vortex.kernel.clock import MS
from vortex.kernel.rng import Rng
from vortex.supervision import events as ev
from vortex.supervision.spec import ExitReason, SupervisorSpec
from vortex.supervision.tree import Tree


class World:
    """A tree whose children start, get ready and end exactly when asked. `log` holds what it did, in order."""

    def __init__(self, spec: SupervisorSpec, *, held: Iterable[str] = ()) -> None:
        self.tree = Tree(spec, Rng(7, "test"))
        self.now_ns = 0
        self.held = set(held)  # roles whose children never get ready by themselves
        self.log: list[tuple[str, str]] = []
        self.seen: list[ev.TreeEffect] = []
        self.timers: list[tuple[int, ev.Delay]] = []

    def boot(self) -> "World":
        self.tell(ev.Boot())
        return self

    def tell(self, event: ev.TreeEvent) -> None:
        waiting = deque(self.tree.handle(event, self.now_ns))
        while waiting:
            effect = waiting.popleft()
            self.seen.append(effect)
            for answer in self.answers(effect):
                waiting.extend(self.tree.handle(answer, self.now_ns))

    def answers(self, effect: ev.TreeEffect) -> list[ev.TreeEvent]:
        match effect:
            case ev.Start(spec, token):
                self.log.append(("start", spec.role))
                begun = ev.ChildStarted(spec.role, token)
                return [begun] if spec.role in self.held else [begun, ev.ChildReady(spec.role, token)]
            case ev.Stop(role, token, _, mode):
                self.log.append((f"stop {mode}", role))
                return [ev.ChildExited(role, token, ExitReason.SHUTDOWN)]
            case ev.Kill(role, token):
                self.log.append(("kill", role))
                return [ev.ChildExited(role, token, ExitReason.CRASHED)]
            case ev.Delay(_, _, delay_ms):
                self.timers.append((self.now_ns + delay_ms * MS, effect))
        return []

    def advance(self, ms: int) -> None:
        """Let time pass and due timers fire, in order."""
        end = self.now_ns + ms * MS
        while due := sorted((when, n) for n, (when, _) in enumerate(self.timers) if when <= end):
            when, index = due[0]
            _, delay = self.timers.pop(index)
            self.now_ns = max(self.now_ns, when)
            self.tell(ev.TimerFired(delay.role, delay.token))
        self.now_ns = end

    def end(self, role: str, reason: ExitReason = ExitReason.CRASHED, why: str = "boom") -> None:
        """The current incarnation of a role ends by itself."""
        self.tell(ev.ChildExited(role, self.tree.token(role), reason, why))

    def state(self, name: str) -> str:
        return next(row.state for row in self.tree.rows() if row.name == name)

    def forget(self) -> None:
        """Start a new page of the log."""
        self.log.clear()
        self.seen.clear()

    def effects(self, kind: type) -> list[ev.TreeEffect]:
        return [effect for effect in self.seen if isinstance(effect, kind)]
