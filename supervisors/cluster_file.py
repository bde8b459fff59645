"""run/cluster.json: how every other command finds the system, and how a new launcher finds what an old one left."""

import os
from pathlib import Path

import msgspec

from actors import processes
from vortex.domain.message import Message
from vortex.kernel.errors import NotRunning

FILE = "cluster.json"


class ProcessFact(Message, frozen=True, kw_only=True):
    """A process by pid and start time (clock ticks since boot)."""

    name: str
    pid: int
    started: int
    restarts: int = 0

    @property
    def alive(self) -> bool:
        """Whether this very process still lives."""
        return processes.same_process(self.pid, self.started)


class ClusterFile(Message, frozen=True, kw_only=True):
    """The facts of one running system. `state` is starting or ready; `services` hold pids and public addresses only."""

    state: str
    boot_id: str
    launcher: ProcessFact
    address: str
    namespace: str
    ports: dict[str, int]
    token_path: str
    temp_dir: str
    page: str
    dashboard_url: str
    processes: tuple[ProcessFact, ...]
    services: dict[str, dict[str, str | int | bool | None]]


def write(run_dir: Path, facts: ClusterFile) -> None:
    """Replace the file in one step, so that no reader sees half of it."""
    draft = run_dir / f".{FILE}.{os.getpid()}"
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(facts), indent=2))
    draft.chmod(0o600)
    draft.replace(run_dir / FILE)


def read(run_dir: Path) -> ClusterFile | None:
    """The facts, or None when there is no file or it is not readable as one."""
    try:
        return msgspec.json.decode((run_dir / FILE).read_bytes(), type=ClusterFile)
    except (OSError, msgspec.DecodeError):
        return None


def remove(run_dir: Path) -> None:
    """The system is no more."""
    (run_dir / FILE).unlink(missing_ok=True)


def living(home: Path) -> ClusterFile:
    """The facts of a system whose launcher lives; raise NotRunning when there is none."""
    facts = read(home / "run")
    if facts is None or not facts.launcher.alive:
        raise NotRunning(f"no system runs in {home}; start one with `vortex start`")
    return facts
