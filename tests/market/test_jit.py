"""Kernels compile, are cached where they can be, and their cache knows what it was made from."""

import subprocess
import sys

import numpy as np
from numba.core.runtime import _nrt_python, rtsys

from tests.signals.conftest import Build
from vortex.market import jit, tape
from vortex.market.layout import TAPE
from vortex.signals.generated import generate_market
from vortex.strategy import precompile


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


def test_the_entry_of_a_kernel_does_what_the_kernel_does() -> None:
    """It only leaves out the look at its arguments."""
    called, entered = np.zeros(1, TAPE), np.zeros(1, TAPE)
    tape.push_trade(called[0], 1, 1_000, 100.0, 2.0, 0)
    jit.entry_of(tape.push_trade, entered[0], 1, 1_000, 100.0, 2.0, 0)(entered[0], 1, 1_000, 100.0, 2.0, 0)
    assert called.tobytes() == entered.tobytes()


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


def test_events_and_cycles_allocate_nothing() -> None:
    """Of ten seconds of trades, books and cycles a call makes no more than a call without any: its own arguments.

    Stretches in which a candle closes are left out: then percentiles are sorted.
    """
    build = Build()
    board = build.board()
    board.warm_up(build.history(600, 1))
    market = generate_market(60 * 150, 9, start_ms=build.start_ms + 61_000, px=100.0, tick=0.01)
    _nrt_python.memsys_enable_stats()

    def allocations(events) -> int:
        """Of one call, or of as many as it takes, in units of a call without events."""
        before, at, calls = rtsys.get_allocation_stats().alloc, 0, 0
        while calls == 0 or at < len(events):
            at = board.apply_batch(events, market.books, market.candles, at)
            calls += 1
        return (rtsys.get_allocation_stats().alloc - before) // calls

    idle, quiet = allocations(market.events[:0].copy()), 0
    for first in range(0, len(market.events), 1_500):
        events = market.events[first : first + 1_500].copy()
        closed = board._state[0]["frames"]["n"].sum()
        made = allocations(events)
        if board._state[0]["frames"]["n"].sum() == closed:
            quiet += 1
            assert made == idle
    assert quiet >= 3


def test_a_second_process_compiles_nothing() -> None:
    """Warm start: every kernel that the first one left in the cache is loaded from it."""
    words = (
        "from vortex.strategy import precompile; precompile();"
        "from vortex.signals.advance import advance, judge_at;"
        "print(*(sum(k.stats.cache_misses.values()) for k in (advance, judge_at)));"
        "print(*(sum(k.stats.cache_hits.values()) for k in (advance, judge_at)))"
    )
    precompile()
    said = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True).stdout.split()
    misses, hits = [int(word) for word in said[:2]], [int(word) for word in said[2:]]
    if not jit.cache_message():
        assert misses == [0, 0]
        assert min(hits) >= 1
