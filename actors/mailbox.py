"""One role's inbox: letters of each conversation in order, letters of replaced senders thrown away (ADR 0003)."""

from collections import Counter

from vortex.domain.envelope import Envelope
from vortex.kernel.resequencer import Resequencer


class Mailbox:
    """Puts letters in order per sender's incarnation and conversation."""

    def __init__(self) -> None:
        self._current: dict[str, tuple[int, str, Resequencer[Envelope]]] = {}
        self.counts: Counter[str] = Counter()

    def offer(self, envelope: Envelope) -> list[Envelope]:
        """Take one letter; return those now in order. Raises GapTooWide when a letter was lost for good."""
        known = self._current.get(envelope.sender)
        if known is not None and envelope.epoch < known[0]:
            self.counts["stale"] += 1
            return []
        if known is None or (envelope.epoch, envelope.session) != known[:2]:
            known = (envelope.epoch, envelope.session, Resequencer[Envelope]())
            self._current[envelope.sender] = known
        ready = known[2].offer(envelope.seq, envelope)
        self.counts["received"] += len(ready)
        return ready

    @property
    def waiting(self) -> int:
        """Letters held back for an earlier one."""
        return sum(box.waiting for _, _, box in self._current.values())
