"""A running toy house for the tests of the tree: start it, look at it, hurt it, and see it whole again."""

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from actors import processes
from supervisors import attach, cluster_file
from vortex.supervision.registry import TreeRecord

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
DEADLINE_S = 120.0


def eventually(claim: Callable[[], Any], what: str, limit_s: float = DEADLINE_S) -> Any:
    """The first truthy answer of `claim`; fails with `what` when none comes in time. Errors count as no."""
    end = time.monotonic() + limit_s
    last: BaseException | None = None
    while time.monotonic() < end:
        try:
            if found := claim():
                return found
        except Exception as error:
            last = error
        time.sleep(0.005)
    raise AssertionError(f"never: {what}") from last


class LauncherProcess:
    """The real launcher as a process of its own, as it will be in life."""

    def __init__(self, home: Path, **options: Any) -> None:
        self.home = home
        home.mkdir(parents=True, exist_ok=True)
        path = os.pathsep.join([str(ROOT), str(HERE)])
        environment = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
        environment |= {"PYTHONPATH": path, "TOY_OPTIONS": json.dumps(options)}
        self._log = (home / "launcher.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "toy_launcher.py"), str(home)],
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment,
            start_new_session=True,
        )
        self.words: list[list[str]] = []

    def await_ready(self) -> None:
        """Read its progress up to `ready`; fail with its own words otherwise."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.words.append(json.loads(line))
            if self.words[-1][0] == "ready":
                return
        raise AssertionError(f"no launcher: {self.words}\n{(self.home / 'launcher.log').read_text()[-3000:]}")

    def end(self) -> int:
        """SIGTERM, wait, return the exit code; by force and by recorded pids if it hangs."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(DEADLINE_S)
        finally:
            self.close()

    def close(self) -> None:
        if self.process.poll() is None:
            everyone = processes.descendants_of(self.process.pid)
            self.process.kill()
            for pid in everyone:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._log.close()


class House:
    """The tree of a running launcher, over Ray."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.connect()
        self._loop = asyncio.new_event_loop()

    def connect(self) -> None:
        self._root = attach.connect(self.home)

    def disconnect(self) -> None:
        attach.disconnect()

    def close(self) -> None:
        self._loop.close()
        self.disconnect()

    def do(self, work: Any) -> Any:
        return self._loop.run_until_complete(asyncio.wait_for(work, DEADLINE_S))

    @property
    def root(self) -> Any:
        return self._root

    def status(self, *, views: bool = False) -> dict[str, Any]:
        """The root's word, asked again while the root itself is being reborn."""

        def ask() -> Any:
            return self.do(self._status(views))

        return eventually(ask, "a root that answers")

    async def _status(self, views: bool) -> dict[str, Any]:
        return await self._root.handle.status.remote(views=views)

    def row(self, name: str) -> dict[str, Any]:
        return next(row for row in self.status()["tree"] if row["name"] == name)

    def pids(self) -> dict[str, int]:
        """Pid of every child that plays a role."""
        kinds = ("supervisor", "standby")
        return {row["name"]: row["pid"] for row in self.status()["tree"] if row["kind"] not in kinds}

    def restarts(self) -> dict[str, int]:
        """How often each node of the tree came back."""
        return {row["name"]: row["restarts"] for row in self.status()["tree"] if row["kind"] != "standby"}

    def saved_restarts(self) -> dict[str, int]:
        """The same, as the registry keeps it for the next root; nodes that never came back are left out."""
        rows = self._registered("SELECT value FROM flags WHERE key = 'restarts'")
        return dict(json.loads(rows[0][0])) if rows else {}

    def history(self, role: str) -> list[tuple[str, int]]:
        """Kind and epoch of everything recorded of a role, oldest first."""
        rows = self._registered("SELECT row FROM events ORDER BY n")
        records = [msgspec.msgpack.decode(row[0], type=TreeRecord) for row in rows]
        return [(record.kind, record.epoch) for record in records if record.role == role]

    def _registered(self, query: str) -> list[Any]:
        with contextlib.closing(sqlite3.connect(self.home / "registry.db", timeout=5)) as database:
            return database.execute(query).fetchall()

    def all_running(self) -> bool:
        return all(row["state"] == "running" for row in self.status()["tree"])

    def settle(self) -> None:
        """Everything runs, and a standby is warm."""
        eventually(
            lambda: self.all_running() and any(r["kind"] == "standby" for r in self.status()["tree"]),
            "a whole house with a standby",
        )

    def replaced(self, before: dict[str, Any]) -> dict[str, Any]:
        """The role's new row: running under a larger epoch in another process."""

        def claim() -> Any:
            row = self.row(before["name"])
            new = row["state"] == "running" and row["epoch"] > before["epoch"] and row["pid"] != before["pid"]
            return row if new else None

        return eventually(claim, f"{before['name']} replaced, last {before}")

    def order(self, role: str, **words: Any) -> Any:
        """Tell a toy what to do; the answer."""
        return json.loads(self.do(self._root.command(role, msgspec.msgpack.encode(words))))

    def facts(self) -> cluster_file.ClusterFile:
        return cluster_file.living(self.home)


@contextlib.contextmanager
def running_house(home: Path, **options: Any) -> Iterator[House]:
    """A house from start to orderly stop."""
    launcher = LauncherProcess(home, **options)
    try:
        launcher.await_ready()
        house = House(home)
        try:
            yield house
        finally:
            house.close()
        assert launcher.end() == 0, (home / "launcher.log").read_text()[-3000:]
    finally:
        launcher.close()
