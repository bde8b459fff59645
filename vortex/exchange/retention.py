"""How long the exchange finds an order that has ended, and how it forgets it: in small steps, the oldest first.

Reads go by `is_gone`, so that what they say does not depend on when memory is cleared.
"""

from collections import deque
from typing import Generic, TypeVar

from vortex.exchange.orders import AlgoOrder, Order

DAY_MS = 86_400_000
UNFILLED_KEPT_MS = 3 * DAY_MS
"""Canceled or expired without any fill, counted from when the order was made."""
KEPT_MS = 90 * DAY_MS
"""Any other order that has ended."""
UNFILLED_ENDINGS = frozenset({"CANCELED", "EXPIRED", "EXPIRED_IN_MATCH"})
LOOKS_MAX = 1_000
"""Orders of a family looked at in one step, so that a jump of the clock stops nobody."""

Placed = TypeVar("Placed", Order, AlgoOrder)


def is_gone(placed: Order | AlgoOrder, now_ms: int) -> bool:
    """Whether nobody finds it any more (exchange ms). What is open, or has an open child, is never gone."""
    age = now_ms - placed.created_ms
    if age <= UNFILLED_KEPT_MS or placed.open:
        return False
    own = placed if isinstance(placed, Order) else placed.child
    if own is not None and own.open:
        return False
    unfilled = placed.status in UNFILLED_ENDINGS and (own is None or own.filled == 0)
    return age > (UNFILLED_KEPT_MS if unfilled else KEPT_MS)


class Shelf(Generic[Placed]):
    """One account's orders of one family in the order they were made. Each is looked at twice in its life: when it is
    too old to be found unfilled, and when it is too old altogether; an open one again and again after that."""

    def __init__(self) -> None:
        self._young: deque[Placed] = deque()
        self._old: deque[Placed] = deque()

    def put(self, placed: Placed) -> None:
        """A new one."""
        self._young.append(placed)

    def cleared(self, now_ms: int) -> list[Placed]:
        """Those that are gone by now and were not named before, at most `LOOKS_MAX` of them."""
        gone: list[Placed] = []
        for _ in range(min(LOOKS_MAX, len(self._young) + len(self._old))):
            if self._young and now_ms - self._young[0].created_ms > UNFILLED_KEPT_MS:
                placed = self._young.popleft()
            elif self._old and now_ms - self._old[0].created_ms > KEPT_MS:
                placed = self._old.popleft()
            else:
                break
            (gone if is_gone(placed, now_ms) else self._old).append(placed)
        return gone
