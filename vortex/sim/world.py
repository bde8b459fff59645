"""Virtual time: a clock that moves only from one due event to the next; hours pass in seconds and repeat exactly.

1. Events happen in order of time; equal times keep the order in which they were planned.
2. Nothing happens at a moment that was not planned: the world is a heap, and the heap is all of the future.
3. Chance comes from one seed, forked by the name of the concern, so that adding a concern never disturbs another.
"""

import heapq
from collections.abc import Callable

from vortex.kernel.clock import MS, ManualClock
from vortex.kernel.rng import Rng

START_NS = 1_767_260_000 * 1_000_000_000
"""Virtual epoch, unix ns: 2026-01-01 09:33:20 UTC, far from midnight, so that no short run meets a change of day."""


class Planned:
    """One future event; `cancel` makes it a no-op."""

    __slots__ = ("action", "canceled")

    def __init__(self, action: Callable[[], None]) -> None:
        self.action = action
        self.canceled = False

    def cancel(self) -> None:
        """Never let it happen."""
        self.canceled = True


class World:
    """One seed's universe: its clock, its chance, and everything that is still to happen."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.clock = ManualClock(START_NS)
        self.rng = Rng(seed, "world")
        self.steps = 0
        self._heap: list[tuple[int, int, Planned]] = []
        self._planned = 0

    @property
    def now_ns(self) -> int:
        """Virtual unix time in ns."""
        return self.clock.unix()

    @property
    def now_ms(self) -> int:
        """Virtual unix time in ms."""
        return self.clock.unix() // MS

    @property
    def elapsed_ms(self) -> int:
        """Virtual time since the beginning, in ms."""
        return (self.clock.unix() - START_NS) // MS

    def at(self, when_ns: int, action: Callable[[], None]) -> Planned:
        """Plan an event; a moment that has passed means now."""
        planned = Planned(action)
        self._planned += 1
        heapq.heappush(self._heap, (max(when_ns, self.now_ns), self._planned, planned))
        return planned

    def after(self, delay_ns: int, action: Callable[[], None]) -> Planned:
        """Plan an event `delay_ns` from now."""
        return self.at(self.now_ns + delay_ns, action)

    def step(self, until_ns: int) -> bool:
        """Let the next event at or before `until_ns` happen; False, with time at `until_ns`, when there is none."""
        while self._heap and self._heap[0][0] <= until_ns:
            when, _, planned = heapq.heappop(self._heap)
            if planned.canceled:
                continue
            self.clock.advance_to(when)
            self.steps += 1
            planned.action()
            return True
        self.clock.advance_to(max(until_ns, self.now_ns))
        return False
