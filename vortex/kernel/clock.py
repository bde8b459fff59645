"""Time is an input. Stamps use `unix`, durations use `mono`, and mypy keeps the two apart."""

import time
from typing import NewType, Protocol

Nanos = NewType("Nanos", int)
"""Nanoseconds since the Unix epoch. May jump when the system clock is set."""

Mono = NewType("Mono", int)
"""Nanoseconds of a clock that never runs backwards. Comparable on one machine only."""

US = 1_000
MS = 1_000_000
SECOND = 1_000_000_000


class Clock(Protocol):
    """What the house asks of time."""

    def unix(self) -> Nanos:
        """Wall time, for stamps that other machines read."""
        ...

    def mono(self) -> Mono:
        """Monotonic time, for durations, timers and leases."""
        ...


class SystemClock:
    """The machine's own clocks. CLOCK_MONOTONIC is shared by all processes of one machine."""

    def unix(self) -> Nanos:
        return Nanos(time.time_ns())

    def mono(self) -> Mono:
        return Mono(time.monotonic_ns())


class ManualClock:
    """Virtual time. Moves only when told to, and never backwards."""

    def __init__(self, start_ns: int = 0) -> None:
        self._now_ns = start_ns

    def unix(self) -> Nanos:
        return Nanos(self._now_ns)

    def mono(self) -> Mono:
        return Mono(self._now_ns)

    def advance(self, delta_ns: int) -> None:
        assert delta_ns >= 0, f"time cannot go backwards: {delta_ns}"
        self._now_ns += delta_ns

    def advance_to(self, when_ns: int) -> None:
        self.advance(when_ns - self._now_ns)
