"""The exchange's clock seen from here: the sample with the shortest round trip says the most about it."""

from collections.abc import Iterable

import msgspec

from vortex.kernel.clock import MS, Mono


class ClockSample(msgspec.Struct, frozen=True):
    """One question for the time: when it left, when the answer came (ns, monotonic), and what it said (ms)."""

    sent_ns: Mono
    received_ns: Mono
    server_ms: int

    @property
    def round_trip_ns(self) -> int:
        """How long the answer took."""
        return self.received_ns - self.sent_ns


class ClockOffset(msgspec.Struct, frozen=True):
    """Exchange unix time minus our monotonic clock, and by how much it may be wrong.

    It rides on the monotonic clock, so setting the machine's wall clock does not move order timestamps.
    """

    offset_ns: int
    error_ns: int

    def venue_ms(self, mono_ns: int) -> int:
        """Exchange time in ms at a moment of our monotonic clock."""
        return (mono_ns + self.offset_ns) // MS


def estimate(samples: Iterable[ClockSample]) -> ClockOffset:
    """The offset by the shortest round trip. The server's ms is a truncated one, hence the half millisecond."""
    best = min(samples, key=lambda sample: sample.round_trip_ns)
    middle_ns = (best.sent_ns + best.received_ns) // 2
    return ClockOffset(best.server_ms * MS + MS // 2 - middle_ns, best.round_trip_ns // 2 + MS // 2)
