"""Before a start: are compiled kernels there, and of this version?"""

import os
from pathlib import Path

import pytest

from cli.launch import kernels_are_cached, warm_kernels
from vortex import signals

SECOND_NS = 1_000_000_000


def at(path: Path, second: int) -> Path:
    """A file last changed then."""
    path.parent.mkdir(exist_ok=True)
    path.touch()
    os.utime(path, ns=(second * SECOND_NS, second * SECOND_NS))
    return path


def test_kernels_of_an_older_version_are_not_counted_on(tmp_path: Path) -> None:
    """Else every process of the tree would compile them for itself at its first start after an upgrade."""
    source, other = at(tmp_path / "flow.py", 100), at(tmp_path / "tick.py", 90)
    assert not kernels_are_cached(tmp_path)
    at(tmp_path / "__pycache__" / "flow.judge-1.py311.nbi", 110)
    at(tmp_path / "__pycache__" / "tick.judge-1.py311.nbi", 95)
    assert kernels_are_cached(tmp_path)
    at(other, 120)
    assert not kernels_are_cached(tmp_path)
    at(tmp_path / "__pycache__" / "tick.judge-1.py311.nbi", 130)
    assert kernels_are_cached(tmp_path)
    at(source, 131)
    assert not kernels_are_cached(tmp_path)


def test_a_second_start_compiles_nothing() -> None:
    """Also where a source without kernels was the newest."""
    told: list[str] = []
    warm_kernels(lambda *words: told.append(words[-1]))
    if any("no cache" in text for text in told) or not any(Path(*signals.__path__).glob("__pycache__/*.nbi")):
        pytest.skip("no cache can be written beside the sources")
    told.clear()
    warm_kernels(lambda *words: told.append(words[-1]))
    assert told == []
