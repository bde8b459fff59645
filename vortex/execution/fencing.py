"""Turns away messages of dead incarnations (architecture, decision 5)."""

from vortex.kernel.errors import Fenced


class Fence:
    """Knows the newest epoch of each role and admits no older one."""

    def __init__(self) -> None:
        self._newest: dict[str, int] = {}
        self.refused = 0

    def admit(self, role: str, epoch: int) -> None:
        """Let the message pass, or raise Fenced when a newer incarnation of its sender is known."""
        newest = self._newest.get(role, epoch)
        if epoch < newest:
            self.refused += 1
            raise Fenced(f"{role}: epoch {epoch} is older than {newest}")
        self._newest[role] = epoch

    def raise_to(self, role: str, epoch: int) -> None:
        """Learn of a new incarnation before it has spoken."""
        self._newest[role] = max(epoch, self._newest.get(role, epoch))

    def newest(self, role: str) -> int:
        """The newest epoch known of a role; 0 when it has never been heard of."""
        return self._newest.get(role, 0)
