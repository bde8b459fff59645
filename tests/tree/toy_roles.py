"""Roles that do what a test tells them to, and a registry in one SQLite file: what the tree needs, without trading."""

import asyncio
import json
import os
import signal
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from actors.role import PeerInfo, RoleContext
from vortex.domain.envelope import Envelope
from vortex.domain.events import ExecutorUp
from vortex.domain.lease import Lease
from vortex.kernel.errors import ConfigError, Fenced, Refused
from vortex.supervision.registry import RegisteredChild, TreeRecord


class ToyRole:
    """Beats, counts, and misbehaves on command: {"do": NAME, …} calls `do_NAME`."""

    def __init__(self, ctx: RoleContext) -> None:
        self.ctx = ctx
        settings = json.loads(ctx.settings_json)
        crash_dir = Path(settings["crash_dir"])
        self.state = "recovering"
        self._crash = crash_dir / ctx.role.replace(":", "_")
        if (crash_dir / f"{self._crash.name}.config").exists():
            raise ConfigError("a wrong setting")
        self._over: asyncio.Event = asyncio.Event()
        self._failure: BaseException | None = None
        self.received: list[tuple[str, int, str]] = []
        self.alone: list[bool] = []
        self.stopped = ""

    async def run(self) -> None:
        if self._crash.exists():
            raise RuntimeError("told to crash at birth")
        self.state = "running"
        self.ctx.slot.set_state("running")
        await self._over.wait()
        if self._failure is not None:
            raise self._failure

    async def stop(self, mode: str) -> None:
        self.stopped = mode
        marks = Path(json.loads(self.ctx.settings_json)["crash_dir"]) / "stops"
        with marks.open("a") as file:
            file.write(f"{time.monotonic_ns()} {self.ctx.role} {mode}\n")

    def receive(self, envelope: Envelope) -> None:
        text = getattr(envelope.body, "symbol", "")
        self.received.append((envelope.sender, envelope.seq, f"{type(envelope.body).__name__} {text}".strip()))
        self.ctx.slot.progressed()

    async def ask(self, body: bytes) -> str:
        order = msgspec.msgpack.decode(body)
        deed = getattr(self, f"do_{order.pop('do')}", None)
        if deed is None:
            raise Refused(f"not a toy's command: {order}")
        return json.dumps(deed(**order))

    def do_raise(self) -> None:
        self._failure = RuntimeError("told to raise")
        self._over.set()

    def do_end(self) -> None:
        self._over.set()

    def do_spin(self) -> None:
        asyncio.get_running_loop().call_later(0.05, _spin)

    def do_block(self) -> None:
        asyncio.get_running_loop().call_later(0.05, time.sleep, 60)

    def do_long_turn(self, seconds: float) -> None:
        asyncio.get_running_loop().call_later(0.02, time.sleep, seconds)

    def do_exit(self) -> None:
        os._exit(3)

    def do_segfault(self) -> None:
        os.kill(os.getpid(), signal.SIGSEGV)

    def do_send(self, to: str, count: int) -> list[bool]:
        return [self.ctx.mail.send(to, ExecutorUp(epoch=n)) for n in range(count)]

    def do_grant(self, allows: bool) -> None:
        assert self.ctx.grant is not None
        until = self.ctx.clock.mono() + 10**9
        self.ctx.grant.publish(Lease(epoch=self.ctx.epoch, allows=allows, judged_through=7, expires_mono_ns=until))

    def do_permit(self) -> list[object] | None:
        lease = self.ctx.permits.read()
        return None if lease is None else [lease.epoch, lease.allows, lease.judged_through]

    def do_newest_executor(self) -> int:
        return self.ctx.newest_executor()

    def do_received(self) -> list[tuple[str, int, str]]:
        return self.received

    def peers_changed(self, table: Mapping[str, PeerInfo]) -> None:
        pass

    def unclaimed(self, alone: bool) -> None:
        self.alone.append(alone)
        with (self._crash.parent / "alone").open("a") as file:
            file.write(f"{self.ctx.role} {alone}\n")

    def view(self) -> dict[str, Any]:
        held = [{"symbol": "anything"}] if (self._crash.parent / "open").exists() else []
        seen = {"received": len(self.received), "alone": self.alone}
        return seen | {"state": "SERVING", "positions": held, "orders": []}


def _spin() -> None:
    while True:
        pass


class FileRegistry:
    """The Registry protocol over SQLite: durable across the root's death, enough for one writer at a time."""

    def __init__(self, path: str) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, timeout=5)
        self._db.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
            "CREATE TABLE IF NOT EXISTS epochs(role TEXT PRIMARY KEY, epoch INT);"
            "CREATE TABLE IF NOT EXISTS children(role TEXT PRIMARY KEY, epoch INT, row BLOB);"
            "CREATE TABLE IF NOT EXISTS events(n INTEGER PRIMARY KEY, row BLOB);"
            "CREATE TABLE IF NOT EXISTS flags(key TEXT PRIMARY KEY, value TEXT);"
        )

    async def bump_epoch(self, role: str) -> int:
        self._db.execute("INSERT INTO epochs VALUES(?, 1) ON CONFLICT(role) DO UPDATE SET epoch = epoch + 1", (role,))
        return int(self._db.execute("SELECT epoch FROM epochs WHERE role = ?", (role,)).fetchone()[0])

    async def put(self, child: RegisteredChild) -> None:
        found = self._db.execute("SELECT epoch FROM children WHERE role = ?", (child.role,)).fetchone()
        if found is not None and found[0] > child.epoch:
            raise Fenced(f"{child.role}#{child.epoch} is older than {found[0]}")
        self._db.execute(
            "INSERT OR REPLACE INTO children VALUES(?, ?, ?)",
            (child.role, child.epoch, msgspec.msgpack.encode(child)),
        )

    async def load(self) -> list[RegisteredChild]:
        rows = self._db.execute("SELECT row FROM children ORDER BY role").fetchall()
        return [msgspec.msgpack.decode(row[0], type=RegisteredChild) for row in rows]

    async def remove(self, role: str) -> None:
        self._db.execute("DELETE FROM children WHERE role = ?", (role,))

    async def record(self, event: TreeRecord) -> None:
        self._db.execute("INSERT INTO events(row) VALUES(?)", (msgspec.msgpack.encode(event),))

    async def get_state(self, key: str) -> str | None:
        found = self._db.execute("SELECT value FROM flags WHERE key = ?", (key,)).fetchone()
        return None if found is None else str(found[0])

    async def set_state(self, key: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO flags VALUES(?, ?)", (key, value))

    async def close(self) -> None:
        self._db.close()

    def events(self) -> list[TreeRecord]:
        """The history so far, for assertions."""
        rows = self._db.execute("SELECT row FROM events ORDER BY n").fetchall()
        return [msgspec.msgpack.decode(row[0], type=TreeRecord) for row in rows]


async def toy_choice(settings_json: str, exclude: tuple[str, ...]) -> str:
    """The most traded symbol is what a file says."""
    chosen = Path(json.loads(settings_json)["crash_dir"]) / "choice"
    symbol = chosen.read_text()
    assert symbol not in exclude, "a symbol cannot have two places"
    return symbol


async def open_registry(settings_json: str) -> FileRegistry:
    """What RootConfig.registry names in the tests."""
    return FileRegistry(json.loads(settings_json)["registry"])
