"""Mail between processes as the real shells carry it: numbered within a session, put back in order, broken when lost.

A message that its receiver does not confirm in time ends the session: both sides are told, and a new conversation
begins with everything known. So a lost message is a broken session, never a silent hole (ADR 0003).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from vortex.kernel.clock import MS
from vortex.kernel.resequencer import Resequencer
from vortex.sim.network import Link
from vortex.sim.process import Process
from vortex.sim.world import World

CONFIRM_MS = 400
"""How long a sender waits for the confirmation of one message."""


@dataclass(slots=True, eq=False)
class Session:
    """One conversation of two incarnations, one direction. `broken` is called once, on whichever side notices."""

    name: str
    world: World
    link: Link
    receiver: Process
    deliver: Callable[[Any], None]
    broken: Callable[[], None]
    open: bool = True
    _sent: int = 0
    _heard: int = 0
    _order: Resequencer[Any] = field(default_factory=Resequencer)

    def send(self, message: Any) -> None:
        """Number and send one message; a closed session drops it."""
        if not self.open:
            return
        self._sent += 1
        seq = self._sent
        self.link.send(lambda: self._arrive(seq, message))
        self.world.after(CONFIRM_MS * MS, lambda: self._confirm(seq))

    def close(self) -> None:
        """End it without telling anybody."""
        self.open = False

    def _arrive(self, seq: int, message: Any) -> None:
        if not self.open or not self.receiver.alive:
            return
        for ready in self._order.offer(seq, message):
            self._heard += 1
            self.deliver(ready)

    def _confirm(self, seq: int) -> None:
        if self.open and self._heard < seq:
            self.open = False
            self.broken()
