"""Cleans what a launcher that was killed left behind, by recorded pids and start times, never by name.

The trading state is not touched: the new system recovers it by reconciliation.
"""

import shutil
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from actors import processes
from supervisors import cluster_file
from supervisors.cluster_file import ClusterFile, ProcessFact
from supervisors.head import TEMP_PREFIX
from vortex.kernel.clock import SECOND, SystemClock

POLITE_S = 1.0
FORCED_S = 5.0


def clean(run_dir: Path) -> int:
    """End every process of the former system and remove its files; returns how many processes were still there."""
    facts = cluster_file.read(run_dir)
    ended = 0
    if facts is not None:
        ended = _end_processes(facts.processes)
        temp_dir = Path(facts.temp_dir)
        if temp_dir.parent == run_dir or temp_dir.name.startswith(TEMP_PREFIX):
            shutil.rmtree(temp_dir, ignore_errors=True)
    for name in ("beats", "token"):
        (run_dir / name).unlink(missing_ok=True)
    cluster_file.remove(run_dir)
    return ended


def end_tree(facts: ClusterFile) -> int:
    """End Ray and the whole tree below it; the servers beside it stay. Returns how many processes there were."""
    return _end_processes([fact for fact in facts.processes if fact.name not in facts.services])


def _end_processes(facts: Sequence[ProcessFact]) -> int:
    """Workers first learn it from the raylet; whatever is left after a moment is ended by force."""
    living = [(fact.pid, fact.started) for fact in facts if fact.alive]
    below = [(pid, processes.started_ticks(pid)) for parent, _ in living for pid in processes.descendants_of(parent)]
    everyone = living + below
    for pid, started in living:
        processes.kill_same(pid, started, signal.SIGTERM)
    _wait(everyone, POLITE_S)
    for pid, started in everyone:
        processes.kill_same(pid, started)
    _wait(everyone, FORCED_S)
    return len(everyone)


def _wait(everyone: list[tuple[int, int]], limit_s: float) -> None:
    clock = SystemClock()
    deadline_ns = clock.mono() + int(limit_s * SECOND)
    while clock.mono() < deadline_ns and any(processes.same_process(pid, started) for pid, started in everyone):
        time.sleep(0.02)
