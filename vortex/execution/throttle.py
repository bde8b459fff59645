"""Keeps requests inside the exchange's limits: token buckets fed by its headers, and an adaptive rate (S3-7).

1. Reductions and cancels are never held back; they spend what is there and more.
2. An entry needs its budget and leaves a reserve untouched.
3. Our count and the exchange's are both believed: the worse one decides.
"""

from collections import deque
from dataclasses import dataclass

from vortex.execution.settings import ExecutionSettings

RATE_MIN = 1.0
RATE_MAX = 50.0
RATE_ON_ERROR = 0.5
RATE_ON_SUCCESS = 1.05
RATE_RECOVERY_MS = 30_000
BURST_MAX = 20
BURST_WINDOW_MS = 10_000


class WindowCount:
    """How much was spent in a sliding window, by our own count and by the exchange's word."""

    def __init__(self, window_ms: int, limit: int) -> None:
        self.window_ms = window_ms
        self.limit = limit
        self._spent: deque[tuple[int, int]] = deque()
        self._sum = 0
        self._told = 0
        self._told_until_ms = 0

    def spend(self, now_ms: int, cost: int) -> None:
        """Count a request."""
        self._spent.append((now_ms, cost))
        self._sum += cost

    def told(self, now_ms: int, used: int) -> None:
        """The exchange's own count; negative means it did not say."""
        if used >= 0:
            self._told, self._told_until_ms = used, now_ms + self.window_ms

    def used(self, now_ms: int) -> int:
        """The larger of both counts."""
        while self._spent and self._spent[0][0] <= now_ms - self.window_ms:
            self._sum -= self._spent.popleft()[1]
        return max(self._sum, self._told if now_ms < self._told_until_ms else 0)

    def allows(self, now_ms: int, cost: int, reserve: float) -> bool:
        """Whether this much more leaves the reserve untouched."""
        return self.used(now_ms) + cost <= self.limit * (1 - reserve)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a request costs on each limit."""

    orders: int = 0
    weight: int = 0


class AdaptiveRate:
    """Requests per second that we allow ourselves: halved by errors, grown by success, whole again after 30 s."""

    def __init__(self) -> None:
        self._rate = RATE_MAX
        self._floor_at_error = RATE_MAX
        self._error_ms = 0

    def succeeded(self) -> None:
        """One good answer."""
        self._rate = min(RATE_MAX, self._rate * RATE_ON_SUCCESS)

    def failed(self, now_ms: int) -> None:
        """One failure that speaks of the exchange's health or our rate."""
        self._rate = max(RATE_MIN, self.at(now_ms) * RATE_ON_ERROR)
        self._floor_at_error, self._error_ms = self._rate, now_ms

    def at(self, now_ms: int) -> float:
        """The rate now; it grows back in a straight line over the recovery time."""
        share = min(1.0, max(0, now_ms - self._error_ms) / RATE_RECOVERY_MS)
        return max(self._rate, self._floor_at_error + (RATE_MAX - self._floor_at_error) * share)


class Throttle:
    """All budgets of one account and address."""

    def __init__(self, settings: ExecutionSettings) -> None:
        self._reserve = settings.entry_reserve
        self._orders_10s = WindowCount(10_000, settings.orders_10s_limit)
        self._orders_1m = WindowCount(60_000, settings.orders_1m_limit)
        self._weight_1m = WindowCount(60_000, settings.weight_1m_limit)
        self._last_second = WindowCount(1_000, int(RATE_MAX))
        self._entry_burst = WindowCount(BURST_WINDOW_MS, BURST_MAX)
        self._blocked_until_ms = 0
        self.rate = AdaptiveRate()

    def spend(self, now_ms: int, cost: Cost) -> None:
        """Count what leaves, whether or not there is budget: reductions always leave."""
        self._orders_10s.spend(now_ms, cost.orders)
        self._orders_1m.spend(now_ms, cost.orders)
        self._weight_1m.spend(now_ms, cost.weight)
        self._last_second.spend(now_ms, 1)

    def admits_entry(self, now_ms: int, cost: Cost) -> bool:
        """Whether an entry's requests may leave; the burst of entries is counted here and only here."""
        if now_ms < self._blocked_until_ms:
            return False
        return (
            self._orders_10s.allows(now_ms, cost.orders, self._reserve)
            and self._orders_1m.allows(now_ms, cost.orders, self._reserve)
            and self._weight_1m.allows(now_ms, cost.weight, self._reserve)
            and self._last_second.used(now_ms) + cost.orders <= max(cost.orders, self.rate.at(now_ms))
            and self._entry_burst.allows(now_ms, cost.orders, 0.0)
        )

    def entered(self, now_ms: int, cost: Cost) -> None:
        """An entry was let through."""
        self._entry_burst.spend(now_ms, cost.orders)

    def told(self, now_ms: int, weight_1m: int, orders_10s: int, orders_1m: int) -> None:
        """What the response headers say."""
        self._weight_1m.told(now_ms, weight_1m)
        self._orders_10s.told(now_ms, orders_10s)
        self._orders_1m.told(now_ms, orders_1m)

    def block(self, now_ms: int, for_ms: int) -> None:
        """The exchange said when to come back; entries stay away until then."""
        self._blocked_until_ms = max(self._blocked_until_ms, now_ms + for_ms)

    def view(self, now_ms: int) -> dict[str, float]:
        """Used budgets, for the status screen."""
        return {
            "weight_1m": self._weight_1m.used(now_ms),
            "orders_10s": self._orders_10s.used(now_ms),
            "orders_1m": self._orders_1m.used(now_ms),
            "rate": round(self.rate.at(now_ms), 1),
        }
