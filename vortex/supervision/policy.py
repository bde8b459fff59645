"""Restart policy as small pure functions: who goes down together, how often is too often, how long to wait.

Semantics follow OTP's supervisor: a temporary child never counts and never takes others down; a transient child
counts only after an abnormal end; one restart of a group counts once.
"""

from collections import deque
from collections.abc import Sequence
from typing import assert_never

from vortex.kernel.clock import MS
from vortex.kernel.rng import Rng
from vortex.supervision.spec import Backoff, ExitReason, Intensity, Restart, Strategy


def comes_back(restart: Restart, reason: ExitReason) -> bool:
    """Whether a child of this restart type is restarted after this end."""
    match restart:
        case Restart.PERMANENT:
            return True
        case Restart.TRANSIENT:
            return reason.abnormal
        case Restart.TEMPORARY:
            return False
        case _:
            assert_never(restart)


def affected(strategy: Strategy, index: int, count: int) -> Sequence[int]:
    """Positions of the siblings that are restarted together with the child at `index`, itself included."""
    match strategy:
        case Strategy.ONE_FOR_ONE:
            return range(index, index + 1)
        case Strategy.REST_FOR_ONE:
            return range(index, count)
        case Strategy.ONE_FOR_ALL:
            return range(count)
        case _:
            assert_never(strategy)


class Window:
    """Restarts within a sliding period; the law is that no window ever holds more than `intensity.restarts`."""

    def __init__(self, intensity: Intensity) -> None:
        self._intensity = intensity
        self._times: deque[int] = deque()

    def admit(self, now_ns: int) -> bool:
        """Count one restart now and return True, or return False when it would be one too many."""
        oldest = now_ns - self._intensity.period_ms * MS
        while self._times and self._times[0] < oldest:
            self._times.popleft()
        if len(self._times) >= self._intensity.restarts:
            return False
        self._times.append(now_ns)
        return True

    def clear(self) -> None:
        """Forget: the supervisor is a new incarnation."""
        self._times.clear()


class Patience:
    """The waiting time before each restart of one child."""

    def __init__(self, backoff: Backoff, rng: Rng) -> None:
        self._backoff = backoff
        self._rng = rng
        self.failures = 0

    def next_delay_ms(self, healthy_ms: int) -> int:
        """Count one failure after `healthy_ms` of good work; return how long to wait before the restart."""
        if healthy_ms >= self._backoff.reset_after_ms:
            self.failures = 0
        self.failures += 1
        if self.failures == 1:
            return 0
        doublings = min(self.failures - 2, 30)
        flat = min(self._backoff.step_ms << doublings, self._backoff.max_ms)
        spread = int(flat * self._backoff.jitter)
        return flat + (self._rng.randint(-spread, spread) if spread else 0)

    def clear(self) -> None:
        """Forget earlier failures."""
        self.failures = 0
