"""Health of the REST API over the last 30 s, from every request's latency and fate (EM-2, CB-11)."""

from collections import deque

from vortex.adapters.binance.rest import RestSample
from vortex.domain.events import ApiSampled
from vortex.kernel.clock import MS, SECOND, Clock

WINDOW_NS = 30 * SECOND
SAMPLES_MAX = 2_000
EVERY_NS = 1 * SECOND


class ApiHealth:
    """Feed it each request; it says at most once a second how things stand."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._window: deque[tuple[int, int]] = deque(maxlen=SAMPLES_MAX)
        self._failures = 0
        self._said_ns = 0

    def take(self, sample: RestSample) -> ApiSampled | None:
        """A summary when one is due, or at once when a request failed."""
        now = self._clock.mono()
        self._window.append((now, sample.elapsed_ns))
        self._failures = 0 if sample.healthy else self._failures + 1
        if sample.healthy and now - self._said_ns < EVERY_NS:
            return None
        self._said_ns = now
        while self._window and now - self._window[0][0] > WINDOW_NS:
            self._window.popleft()
        elapsed = sorted(ns for _, ns in self._window)
        p95 = elapsed[min(len(elapsed) - 1, len(elapsed) * 95 // 100)]
        return ApiSampled(ts_ms=self._clock.unix() // MS, p95_ms=p95 / MS, consecutive_failures=self._failures)
