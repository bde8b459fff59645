"""Kernels compile, are cached where they can be, and their cache knows what it was made from."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pytest
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


SOURCE = "def thrice(value):\n    return 3.0 * value\n"


def thrice_of(folder: Path) -> Any:
    """A kernel whose module and cache are in this folder, as a new process would have it."""
    path = folder / "thrice.py"
    if not path.exists():
        path.write_text(SOURCE)
    spec = spec_from_file_location("thrice", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return jit.compiled(module.thrice)


def cached(folder: Path, ending: str) -> Path:
    """The one file of the kernel's cache with this ending."""
    (found,) = (folder / "__pycache__").glob(f"*.{ending}")
    return found


def _emptied_index(folder: Path) -> None:
    cached(folder, "nbi").write_bytes(b"")


def _cut_code(folder: Path) -> None:
    code = cached(folder, "nbc")
    code.write_bytes(code.read_bytes()[:1_000])


def _hole_in_code(folder: Path) -> None:
    code = cached(folder, "nbc")
    body = bytearray(code.read_bytes())
    middle = len(body) // 2
    body[middle : middle + 256] = bytes(256)
    code.write_bytes(body)


@pytest.mark.parametrize("damage", [_emptied_index, _cut_code, _hole_in_code])
def test_a_damaged_cache_is_compiled_anew_and_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: Callable[[Path], None]
) -> None:
    """What a power failure leaves behind neither ends a process nor is run; the next one finds a good cache again."""
    monkeypatch.setattr(jit, "_messages", [])
    assert thrice_of(tmp_path)(2.0) == 6.0
    assert jit.cache_message() == ""
    damage(tmp_path)
    again = thrice_of(tmp_path)
    assert again(2.0) == 6.0
    assert sum(again.stats.cache_hits.values()) == 0
    assert "cache was damaged" in jit.cache_message()
    healed = thrice_of(tmp_path)
    assert healed(2.0) == 6.0
    assert sum(healed.stats.cache_hits.values()) == 1


def test_a_cache_that_can_no_longer_be_written_is_said_and_costs_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk or a folder that is gone shows only when the code is kept."""
    monkeypatch.setattr(jit, "_messages", [])
    kernel = thrice_of(tmp_path)
    shutil.rmtree(tmp_path / "__pycache__")
    (tmp_path / "__pycache__").write_text("in the way")
    assert kernel(2.0) == 6.0
    assert "no cache can be written" in jit.cache_message()


def test_code_of_another_source_is_never_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that is killed between the new index and the new code leaves the old code under another name."""
    monkeypatch.setattr(jit, "_messages", [])
    assert thrice_of(tmp_path)(2.0) == 6.0
    old = cached(tmp_path, "nbc")
    (tmp_path / "thrice.py").write_text(SOURCE.replace("3.0", "30.0"))
    changed = thrice_of(tmp_path)
    monkeypatch.setattr(changed._cache._cache_file, "_save_data", lambda *_: None)
    assert changed(2.0) == 60.0
    assert old.exists()
    assert thrice_of(tmp_path)(2.0) == 60.0


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
