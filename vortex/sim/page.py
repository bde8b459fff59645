"""The breaker's lease as the executor reads it: one shared page, one pen, and a fence for pens that were replaced."""

from collections.abc import Callable

from vortex.domain.lease import Lease
from vortex.kernel.errors import Fenced


class LeasePage:
    """The shared page of memory, reduced to what matters here (a PermitReader)."""

    def __init__(self, published: Callable[[Lease], None]) -> None:
        self._published = published
        self._lease: Lease | None = None
        self._fence = 0

    def raise_fence(self, epoch: int) -> None:
        """A new breaker was born: leases of older ones are void, their pens refused."""
        self._fence = max(self._fence, epoch)

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
