"""Virtual time."""

import pytest

from vortex.kernel.clock import ManualClock, SystemClock


def test_virtual_time_moves_only_when_told() -> None:
    """Reading the clock does not move it."""
    clock = ManualClock(5)
    assert (clock.unix(), clock.mono()) == (5, 5)
    clock.advance_to(9)
    assert (clock.unix(), clock.mono()) == (9, 9)


def test_virtual_time_never_runs_backwards() -> None:
    """Going back is a bug in the caller."""
    clock = ManualClock(5)
    with pytest.raises(AssertionError, match="backwards"):
        clock.advance_to(4)


def test_the_system_clock_is_monotonic() -> None:
    """Two readings are never in the wrong order."""
    clock = SystemClock()
    first = clock.mono()
    assert clock.mono() >= first
    assert clock.unix() > 1_600_000_000_000_000_000
