"""Who talks to whom: the sessions between executor, symbols and breaker, opened, broken and fenced as the shells do it.

1. A symbol's session begins with Attach; what it says outside a session goes nowhere, and it is told to attach anew.
2. A session lives as long as both of its incarnations, and no longer than its first lost message.
3. A receiver that has heard from a newer incarnation of a role no longer listens to an older one.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from vortex.domain.commands import Attach, OperatorCommand, SymbolCommand
from vortex.domain.events import BreakerEvent, SymbolEvent
from vortex.sim.faults import Swarm
from vortex.sim.network import Network
from vortex.sim.post import Session
from vortex.sim.process import Process
from vortex.sim.story import Story
from vortex.sim.world import World

Body = SymbolCommand | OperatorCommand | SymbolEvent | BreakerEvent


@dataclass(slots=True)
class Ears:
    """What one living process does with mail: take a message, and learn that the line to a role has broken."""

    process: Process
    hear: Callable[[Process, Body], None]
    line_broken: Callable[[str], None]
    newest: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Lines:
    """All sessions of the house."""

    world: World
    story: Story
    network: Network
    swarm: Swarm
    ears: dict[str, Ears] = field(default_factory=dict)
    broken: int = 0
    _sessions: dict[tuple[Process, str], Session] = field(default_factory=dict)
    """(sender, receiver's role) → the open conversation."""

    def enroll(self, ears: Ears) -> None:
        """A new incarnation listens; from now on it is who answers under its role."""
        self.ears[ears.process.role] = ears

    def tell(self, sender: Process, role: str, message: Body) -> None:
        """Send one message to whoever holds a role."""
        session = self._open_session(sender, role, anew=isinstance(message, Attach))
        if session is None:
            self.story.tell(sender.name, "mail.unsent", f"to={role} {type(message).__name__}")
            return
        session.send(message)

    def hang_up(self, sender: Process, role: str) -> None:
        """Forget the conversation with a role; the next message begins another."""
        session = self._sessions.pop((sender, role), None)
        if session is not None:
            session.close()

    def _open_session(self, sender: Process, role: str, *, anew: bool) -> Session | None:
        key = (sender, role)
        if anew:
            self.hang_up(sender, role)
        session = self._sessions.get(key)
        if session is not None and (session.open or sender.role.startswith("symbol:")):
            return session
        ears = self.ears.get(role)
        if ears is None or not ears.process.alive or (sender.role.startswith("symbol:") and not anew):
            return None
        link = self.network.link(f"{sender.role}>{role}", self.swarm.mail_weather())
        session = Session(
            f"{sender.name}>{ears.process.name}",
            self.world,
            link,
            ears.process,
            partial(self._deliver, sender, ears),
            partial(self._break, sender, ears),
        )
        self._sessions[key] = session
        return session

    def _deliver(self, sender: Process, ears: Ears, message: Body) -> None:
        if sender.epoch < ears.newest.get(sender.role, 0):
            self.story.tell(ears.process.name, "mail.refused", f"from={sender.name} {type(message).__name__}")
            return
        ears.newest[sender.role] = sender.epoch
        ears.hear(sender, message)

    def _break(self, sender: Process, ears: Ears) -> None:
        """A message went unconfirmed: both sides learn that the conversation is over."""
        self.broken += 1
        self.story.tell(sender.name, "session.broken", f"to={ears.process.name}")
        own = self.ears.get(sender.role)
        if own is not None and own.process is sender and sender.alive:
            own.line_broken(ears.process.role)
        if ears.process.alive and self.ears.get(ears.process.role) is ears:
            ears.line_broken(sender.role)
