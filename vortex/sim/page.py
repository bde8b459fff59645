"""What the executor reads in shared memory: the breaker's lease, and the newest executor that was announced."""

from collections.abc import Callable

from vortex.domain.lease import Lease
from vortex.kernel.errors import Fenced


class NodePage:
    """The node's shared page, reduced to what matters here (a PermitReader). Every process sees a write at once."""

    def __init__(self, published: Callable[[Lease], None]) -> None:
        self._published = published
        self._lease: Lease | None = None
        self._fence = 0
        self.newest_executor = 0

    def raise_fence(self, epoch: int) -> None:
        """A new breaker was born: leases of older ones are void, their pens refused."""
        self._fence = max(self._fence, epoch)

    def announce_executor(self, epoch: int) -> None:
        """A new executor is about to begin: older ones are replaced."""
        self.newest_executor = max(self.newest_executor, epoch)

    def publish(self, lease: Lease) -> None:
        """Put a lease in force; Fenced when its breaker was replaced."""
        if lease.epoch < self._fence:
            raise Fenced(f"breaker epoch {lease.epoch} is older than {self._fence}")
        self._lease = lease
        self._published(lease)

    def read(self) -> Lease | None:
        """The lease in force, expired or not."""
        lease = self._lease
        return lease if lease is not None and lease.epoch >= self._fence else None
