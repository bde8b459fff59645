"""Locks, servers and files of the launcher, without Ray."""

import json
import os
import threading
from pathlib import Path

import pytest

from supervisors import cluster_file, services
from supervisors.cluster_file import ClusterFile, ProcessFact
from supervisors.instance_lock import InstanceLock
from supervisors.services import Services
from tests.tree.house import eventually
from vortex.adapters.embedded.service import Progress
from vortex.kernel.errors import ConfigError, NotRunning, Refused


class FakeServer:
    """A server that dies when told to."""

    embedded = True
    dsn = "nowhere"

    def __init__(self, name: str, *, broken: bool = False) -> None:
        self.name, self.broken, self.living = name, broken, False
        self.starts, self.stops = 0, 0
        self.pid: int | None = None

    def start(self, progress: Progress) -> None:
        if self.broken:
            raise ConfigError(f"{self.name} cannot start: no space left")
        self.starts += 1
        self.living = True

    def stop(self) -> None:
        self.stops += 1
        self.living = False

    def alive(self) -> bool:
        return self.living


def nothing(phase: str, message: str) -> None:
    pass


def test_a_dead_server_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """And counted, and the cluster file is told to change."""
    monkeypatch.setattr(services, "WATCH_S", 0.01)
    server, changed = FakeServer("postgres"), threading.Event()
    group = Services([server], nothing, changed.set)
    group.start()
    group.watch()
    server.living = False
    eventually(lambda: changed.is_set() and server.living, "the server back")
    assert group.facts()["postgres"]["restarts"] == 1
    group.stop()
    assert (server.starts, server.stops) == (2, 1)


def test_one_server_that_cannot_start_is_told_and_all_are_stopped() -> None:
    """Its own words reach the caller."""
    good, bad = FakeServer("redis"), FakeServer("postgres", broken=True)
    group = Services([bad, good], nothing, lambda: None)
    with pytest.raises(ConfigError, match="no space left"):
        group.start()
    group.stop()
    assert not good.living


def test_a_home_has_one_launcher(tmp_path: Path) -> None:
    """Refused names the pid and the way out; after a release the home is free."""
    first = InstanceLock(tmp_path)
    first.take()
    with pytest.raises(Refused, match=rf"pid {os.getpid()} .*vortex stop"):
        InstanceLock(tmp_path).take()
    first.release()
    second = InstanceLock(tmp_path)
    second.take()
    second.release()


def test_an_account_has_one_system_whatever_its_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the lock's file does not name the account."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    first = InstanceLock(tmp_path / "one", "key-of-the-account")
    first.take()
    second = InstanceLock(tmp_path / "two", "key-of-the-account")
    with pytest.raises(Refused, match="on this account"):
        second.take()
    other = InstanceLock(tmp_path / "two", "another")  # the refused one let go of its home, too
    other.take()
    for lock in (first, other):
        lock.release()
    assert not list((tmp_path / "state").rglob("*key-of*"))


def facts(pid: int, started: int) -> ClusterFile:
    launcher = ProcessFact(name="launcher", pid=pid, started=started)
    empty: dict[str, dict[str, str | int | bool | None]] = {}
    return ClusterFile(
        state="ready",
        boot_id="b",
        launcher=launcher,
        address="127.0.0.1:1",
        namespace="vortex",
        ports={},
        token_path="t",
        temp_dir="d",
        page="p",
        dashboard_url="",
        processes=(launcher,),
        services=empty,
    )


def test_a_cluster_file_of_the_dead_is_not_a_system(tmp_path: Path) -> None:
    """A recycled pid does not fool it: the start time differs."""
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    cluster_file.write(run_dir, facts(os.getpid(), 1))
    with pytest.raises(NotRunning):
        cluster_file.living(tmp_path)
    assert json.loads((run_dir / "cluster.json").read_text())["boot_id"] == "b"
    (run_dir / "cluster.json").write_text("{half")
    assert cluster_file.read(run_dir) is None
