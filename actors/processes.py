"""Facts and acts about operating-system processes: titles, parents' deaths, pidfds, /proc, signals by identity.

A process is named by its pid and its start time together, so that a recycled pid is never mistaken for it.
"""

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

from setproctitle import setproctitle

from vortex.supervision.liveness import ProcessState

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)

_STATES = {
    "R": ProcessState.RUNNABLE,
    "S": ProcessState.ASLEEP,
    "I": ProcessState.ASLEEP,
    "D": ProcessState.WAITING,
    "T": ProcessState.STOPPED,
    "t": ProcessState.STOPPED,
}


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent dies; exit at once if the parent is dead already.

    A Ray worker would otherwise outlive its raylet by up to a minute and go on acting.
    """
    parent = os.getppid()
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def become_subreaper() -> None:
    """Adopt orphaned descendants, so that daemons started by a short-lived command become our own children."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def set_title(title: str) -> None:
    """What `ps` shows, for example vortex:symbol:BTCUSDT#7.

    In a Ray worker the title's memory belongs to Ray's own writer; any other finds no place and does nothing.
    """
    raylet = sys.modules.get("ray._raylet")
    getattr(raylet, "setproctitle", setproctitle)(title)


def started_ticks(pid: int) -> int:
    """Start time of a process in clock ticks since boot; 0 when it does not exist or is a zombie."""
    fields = _stat_fields(f"/proc/{pid}/stat")
    if not fields or fields[0] in ("Z", "X"):
        return 0
    return int(fields[19])


def same_process(pid: int, started: int) -> bool:
    """Whether this very incarnation of the pid still lives."""
    return pid > 0 and started > 0 and started_ticks(pid) == started


def look_at_thread(pid: int, tid: int) -> tuple[ProcessState, int]:
    """State and CPU nanoseconds of one thread; GONE when it is no more."""
    folder = f"/proc/{pid}/task/{tid or pid}"
    fields = _stat_fields(f"{folder}/stat")
    if not fields:
        return ProcessState.GONE, 0
    state = _STATES.get(fields[0], ProcessState.GONE)
    try:
        cpu_ns = int(Path(f"{folder}/schedstat").read_text().split()[0])
    except (OSError, IndexError, ValueError):
        tick_ns = 1_000_000_000 // os.sysconf("SC_CLK_TCK")  # kernels without schedstat count in ticks
        cpu_ns = (int(fields[11]) + int(fields[12])) * tick_ns
    return state, cpu_ns


def kill_same(pid: int, started: int, signum: int = signal.SIGKILL) -> bool:
    """Signal this very incarnation; False when it is gone already."""
    if not same_process(pid, started):
        return False
    try:
        os.kill(pid, signum)
    except ProcessLookupError:
        return False
    return True


def open_pidfd(pid: int) -> int | None:
    """A descriptor that becomes readable when the process dies; None when it is dead already."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None


def reap(pid: int) -> None:
    """Take the exit status of a dead child, so that nobody mistakes the zombie for the living."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def descendants_of(pid: int) -> list[int]:
    """Children, grandchildren and so on, zombies left out."""
    parents: dict[int, list[int]] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            fields = _stat_fields(f"/proc/{entry.name}/stat")
            if fields and fields[0] != "Z":
                parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found: list[int] = []
    waiting = [pid]
    while waiting:
        below = parents.get(waiting.pop(), [])
        found += below
        waiting += below
    return sorted(found)


def command_line(pid: int) -> list[str]:
    """The arguments a process was started with; empty when it is gone."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return []
    return [part.decode(errors="replace") for part in raw.split(b"\0") if part]


def _stat_fields(path: str) -> list[str]:
    """Fields of a stat file from the third on; the name, which may hold spaces, ends at the last parenthesis."""
    try:
        text = Path(path).read_text()
    except OSError:
        return []
    return text[text.rfind(")") + 2 :].split()


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0):
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}): {os.strerror(number)}")
