"""Server processes: under which user they run, how they are started, recognized, and stopped.

1. A process is identified by pid and start time, so a recycled pid is never signaled.
2. Servers start in their own session with a clean environment: Ctrl-C is not theirs, and neither are our secrets.
3. Nothing here kills by name: only what we started, or what works in a data directory of ours.
"""

import contextlib
import os
import pwd
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import psutil

from vortex.kernel.errors import ConfigError

BECOME = Path(__file__).with_name("become.py")

# A dedicated account wins when the operator has made one; nobody exists everywhere.
UNPRIVILEGED = ("vortex", "nobody")

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C", "LC_ALL": "C", "TZ": "UTC"}


class Identity(msgspec.Struct, frozen=True):
    """The user a server runs as. `dropped` says that it differs from ours, which happens under root alone."""

    uid: int
    gid: int
    dropped: bool


def server_identity() -> Identity:
    """Ourselves, or an unprivileged account when we are root (PostgreSQL refuses root, and Redis needs no more)."""
    if os.geteuid() != 0:
        return Identity(os.geteuid(), os.getegid(), dropped=False)
    for name in UNPRIVILEGED:
        with contextlib.suppress(KeyError):
            account = pwd.getpwnam(name)
            return Identity(account.pw_uid, account.pw_gid, dropped=True)
    raise ConfigError("the embedded servers do not run as root and there is no user 'nobody'; run as an ordinary user")


def command_as(identity: Identity, argv: Sequence[str]) -> list[str]:
    """The same command, run under an identity."""
    if not identity.dropped:
        return list(argv)
    return [sys.executable, "-I", "-S", str(BECOME), str(identity.uid), str(identity.gid), *argv]


class ServerProcess:
    """One server process that we started or adopted."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process

    @classmethod
    def spawn(cls, argv: Sequence[str], identity: Identity, log: Path) -> "ServerProcess":
        """Start a server in its own session, its output appended to `log`."""
        command = command_as(identity, argv)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            pid = os.posix_spawn(
                command[0],
                command,
                ENVIRONMENT,
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, output, 1),
                    (os.POSIX_SPAWN_DUP2, output, 2),
                ],
                setsid=True,
            )
        finally:
            os.close(output)
        return cls(psutil.Process(pid))

    @property
    def pid(self) -> int:
        return self._process.pid

    def alive(self) -> bool:
        """Still running; a dead child of ours is reaped on the way."""
        try:
            if self._process.status() != psutil.STATUS_ZOMBIE:
                return self._process.is_running()
        except psutil.NoSuchProcess:
            return False
        with contextlib.suppress(ChildProcessError):  # another's child: its parent reaps it
            os.waitpid(self.pid, os.WNOHANG)
        return False

    def stop(self, steps: Sequence[tuple[signal.Signals, float]]) -> None:
        """Signal in growing severity, waiting the given seconds after each, until the process is gone."""
        for number, patience_s in steps:
            if not self.alive():
                return
            with contextlib.suppress(psutil.NoSuchProcess):
                self._process.send_signal(number)
            with contextlib.suppress(psutil.TimeoutExpired, psutil.NoSuchProcess):
                self._process.wait(patience_s)


def working_in(directory: Path) -> Iterator[ServerProcess]:
    """Every process whose working directory is one of our data directories (both servers change to theirs)."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and Path(process.cwd()) == directory:
                yield ServerProcess(process)
