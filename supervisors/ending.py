"""Ends a system that belongs to one command, in whatever state it is: up, coming up, or never come."""

import os
import re
import signal
import time
from pathlib import Path

from actors import processes
from supervisors import attach, cluster_file
from vortex.kernel.clock import SECOND, SystemClock
from vortex.kernel.errors import NotRunning

APPEAR_S = 1.0
"""A launcher that was just forked writes its pid within milliseconds."""
END_S = 90.0
POLL_S = 0.02


def end_system(home: Path) -> None:
    """Flatten and stop what runs in `home` and wait until its launcher has gone; nothing there is fine.

    An interrupt meanwhile is ignored: the system must not outlive the command. Raises NotRunning when it does not end.
    """
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        facts = cluster_file.read(home / "run")
        if facts is not None and facts.state == "ready" and facts.launcher.alive:
            attach.stop(home, "flatten")
            return
        pid = _launcher_pid(home)
        started = processes.started_ticks(pid) if pid else 0
        if not started:
            return
        os.kill(pid, signal.SIGTERM)
        _await_end(pid, started)
    finally:
        signal.signal(signal.SIGINT, before)


def _launcher_pid(home: Path) -> int:
    """Who holds the lock of this state directory; 0 when nobody ever took it."""
    lock = home / "run" / "launcher.lock"
    clock = SystemClock()
    deadline_ns = clock.mono() + int(APPEAR_S * SECOND)
    while clock.mono() < deadline_ns:
        said = re.match(r"pid (\d+)", lock.read_text()) if lock.exists() else None
        if said is not None:
            return int(said[1])
        time.sleep(POLL_S)
    return 0


def _await_end(pid: int, started: int) -> None:
    clock = SystemClock()
    deadline_ns = clock.mono() + int(END_S * SECOND)
    while processes.same_process(pid, started):
        if clock.mono() > deadline_ns:
            raise NotRunning(f"the launcher (pid {pid}) did not end within {END_S:.0f} s")
        time.sleep(POLL_S)
