"""How the REST interface has been doing: latency of the last 30 s and failures in a row (EM-2, CB-11)."""

from collections import deque

from vortex.domain.events import ApiSampled

WINDOW_MS = 30_000
SAMPLES_MAX = 5_000


class ApiHealth:
    """Fed with the time each request left and how it ended; asked for a sample now and then."""

    def __init__(self) -> None:
        self._began_ns: dict[str, int] = {}
        self._taken: deque[tuple[int, float]] = deque(maxlen=SAMPLES_MAX)
        self.consecutive_failures = 0
        self.failures = 0

    def began(self, key: str, mono_ns: int) -> None:
        """A request leaves."""
        self._began_ns[key] = mono_ns

    def succeeded(self, key: str, mono_ns: int) -> None:
        """The exchange answered, be it yes or no."""
        self._end(key, mono_ns)
        self.consecutive_failures = 0

    def failed(self, key: str, mono_ns: int) -> None:
        """No answer, or one that says the exchange is unwell."""
        self._end(key, mono_ns)
        self.consecutive_failures += 1
        self.failures += 1

    def sample(self, mono_ns: int, ts_ms: int) -> ApiSampled:
        """p95 over the window, in ms; 0 when nothing was asked."""
        horizon = mono_ns - WINDOW_MS * 1_000_000
        while self._taken and self._taken[0][0] < horizon:
            self._taken.popleft()
        latencies = sorted(latency for _, latency in self._taken)
        p95 = latencies[min(len(latencies) - 1, len(latencies) * 95 // 100)] if latencies else 0.0
        return ApiSampled(ts_ms=ts_ms, p95_ms=p95, consecutive_failures=self.consecutive_failures)

    def _end(self, key: str, mono_ns: int) -> None:
        began = self._began_ns.pop(key, None)
        if began is not None:
            self._taken.append((mono_ns, (mono_ns - began) / 1e6))
