"""Kernels compile, are cached where they can be, and their cache knows what it was made from."""

import numpy as np

from vortex.market import jit, tape
from vortex.market.layout import TAPE
from vortex.signals import precompile


def test_precompiling_says_nothing_when_kernels_are_cached() -> None:
    """An empty string, or the one reason why not."""
    message = precompile()
    assert message == jit.cache_message()
    assert message == "" or "no cache can be written" in message


def test_a_kernel_changes_its_record_in_place() -> None:
    """State is shared memory, not a return value."""
    rows = np.zeros(1, TAPE)
    tape.push_trade(rows[0], 1, 1_000, 100.0, 2.0, 0)
    assert (rows[0]["n"], rows[0]["cvd"], rows[0]["last_px"]) == (1, 2.0, 100.0)


def test_without_a_place_for_a_cache_a_kernel_still_works(monkeypatch) -> None:
    """The message tells why, and the function does its work."""
    real = jit.njit

    def refusing(*args, **kwargs):
        if kwargs.get("cache"):
            raise RuntimeError("no locator available")
        return real(*args, **kwargs)

    monkeypatch.setattr(jit, "njit", refusing)
    monkeypatch.setattr(jit, "_messages", [])
    twice = jit.compiled(_twice)
    assert twice(2.0) == 4.0
    assert "no locator available" in jit.cache_message()


def _twice(value: float) -> float:
    return 2.0 * value
