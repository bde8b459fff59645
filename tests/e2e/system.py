"""The whole system as an operator meets it: its command line, the exchange's own record, its journal, its processes."""

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from actors import processes
from cli.reading import mirrored_views
from supervisors import cluster_file
from vortex.adapters.embedded.postgres_server import EmbeddedPostgres
from vortex.kernel.errors import VortexError
from vortex.readmodel.status import build_status
from vortex.settings import load

ROOT = Path(__file__).resolve().parent.parent.parent
VORTEX = [str(Path(sys.executable).with_name("vortex"))]
LIMIT_S = 120.0
ANSWER_S = 30.0
KEPT = ("PATH", "HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "LANG", "LC_ALL", "TZ")


def eventually(claim: Callable[[], Any], what: str, limit_s: float = LIMIT_S, *, pause_s: float = 0.1) -> Any:
    """The first truthy answer of `claim`; fails with `what` and the last answer when none comes in time."""
    end = time.monotonic() + limit_s
    last: Any = None
    while time.monotonic() < end:
        try:
            if last := claim():
                return last
        except (OSError, LookupError, StopIteration, ValueError, psycopg.Error, VortexError) as error:
            last = error
        time.sleep(pause_s)
    raise AssertionError(f"never: {what}; last: {last!r}")


class Exchange:
    """The simulated exchange as a process of its own, which survives whatever happens to the trader."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [*VORTEX, "venue", "serve", "--port", "0", *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self.process.stdout is not None
        readable, _, _ = select.select([self.process.stdout], [], [], LIMIT_S)
        line = self.process.stdout.readline() if readable else b""
        if not line.startswith(b"{"):
            self.close()
            pytest.fail(f"the exchange did not start within {LIMIT_S:.0f} s: {line!r}")
        words = json.loads(line)
        self.rest, self.ws = words["rest"], words["ws"]

    def close(self) -> None:
        """End it."""
        self.process.terminate()
        try:
            self.process.wait(ANSWER_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def ledger(self, kind: str, since: int = 0) -> dict[str, Any]:
        """Its own record of one kind, and every position's life."""
        return self._ask(f"/sim/v1/ledger?kind={kind}&since={since}&limit=10000")

    def entries(self, kind: str, since: int = 0) -> list[dict[str, Any]]:
        """The entries alone."""
        return list(self.ledger(kind, since)["entries"])

    def sequence(self) -> int:
        """The number of the newest entry."""
        return int(self.ledger("fault")["sequence"])

    def positions(self) -> list[dict[str, Any]]:
        """Every position from flat to flat."""
        return list(self.ledger("position")["positions"])

    def open_positions(self) -> list[dict[str, Any]]:
        """Those that are open now."""
        return [position for position in self.positions() if position["closed_ms"] is None]

    def working_orders(self) -> set[str]:
        """Client ids of plain and conditional orders whose last word is that they work."""
        last: dict[str, str] = {}
        for entry in sorted(self.entries("order") + self.entries("algo"), key=lambda entry: entry["seq"]):
            last[f"{entry['kind']} {entry['client_order_id']}"] = entry["status"]
        return {key for key, status in last.items() if status in ("NEW", "PARTIALLY_FILLED")}

    def jump(self, symbol: str, percent: float) -> None:
        """Move the market at once."""
        body = json.dumps({"symbol": symbol, "jump_pct": percent}).encode()
        urllib.request.urlopen(f"{self.rest}/sim/v1/market", data=body, timeout=ANSWER_S).close()

    def _ask(self, path: str) -> Any:
        with urllib.request.urlopen(self.rest + path, timeout=ANSWER_S) as answer:
            return json.load(answer)


class System:
    """One state directory, and the commands an operator gives."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        # Short, because the sockets of Ray and PostgreSQL live below it; private, so that what stays behind is ours.
        self.place = Path(tempfile.mkdtemp(prefix="v7e-", dir="/tmp"))
        self.home, self.temp = self.place / "home", self.place / "temp"
        self.temp.mkdir()
        self.environment = {name: os.environ[name] for name in KEPT if name in os.environ} | {
            "VORTEX_HOME": str(self.home),
            "VORTEX_VENUE__REST_URL": exchange.rest,
            "VORTEX_VENUE__WS_URL": exchange.ws,
            "VORTEX_PROFILE": "drill",
            "TMPDIR": str(self.temp),
            "PYTHONPATH": str(ROOT),
        }
        self.seen: dict[int, int] = {}

    def vortex(self, *arguments: str, limit_s: float = 240.0) -> "subprocess.CompletedProcess[str]":
        """Run one command to its end."""
        return subprocess.run(
            [*VORTEX, *arguments],
            cwd=self.place,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=limit_s,
            check=False,
        )

    def must(self, *arguments: str, codes: tuple[int, ...] = (0,)) -> str:
        """Run a command that must end with one of the codes; what it printed."""
        done = self.vortex(*arguments)
        assert done.returncode in codes, f"vortex {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def start(self) -> None:
        """Boot, detached, and remember every process of it."""
        self.must("start", "--detach")
        self.remember()

    def remember(self) -> None:
        """Note every process of the system that lives now, for the question what is left of it."""
        launcher = self.facts().launcher.pid
        self.seen |= {pid: processes.started_ticks(pid) for pid in [launcher, *processes.descendants_of(launcher)]}

    def alive(self) -> list[str]:
        """Command lines of the noted processes that still live, and of all others that carry our state directory."""
        noted = [pid for pid, started in self.seen.items() if processes.same_process(pid, started)]
        return [" ".join(processes.command_line(pid)) for pid in {*noted, *self._carriers()}]

    def _carriers(self) -> Iterator[int]:
        mark = f"VORTEX_HOME={self.home}".encode()
        for entry in os.scandir("/proc"):
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    if mark in Path(f"/proc/{entry.name}/environ").read_bytes().split(b"\0"):
                        yield int(entry.name)

    def facts(self) -> cluster_file.ClusterFile:
        """How the system says it can be found."""
        return cluster_file.living(self.home)

    def status(self) -> dict[str, Any]:
        """The status document, from the published views: the command itself costs half a second of CPU."""
        views = mirrored_views(load(self.environment))
        tree = views.pop("root")["tree"]
        return build_status(about={}, tree=tree, views=views, services={})

    def row(self, name: str) -> dict[str, Any]:
        """One row of the tree."""
        return next(row for row in self.status()["tree"] if row["name"] == name)

    def await_replacement(self, before: dict[str, Any]) -> dict[str, Any]:
        """The role's new row: running under a larger epoch in another process."""

        def claim() -> Any:
            row = self.row(before["name"])
            changed = row["state"] == "running" and row["pid"] != before["pid"]
            return row if changed and row["epoch"] > before["epoch"] else None

        return eventually(claim, f"{before['name']} replaced")

    def await_position(self) -> dict[str, Any]:
        """A position at the exchange."""
        return eventually(self.exchange.open_positions, "a position")[0]

    def await_trading(self, since: int) -> None:
        """An order that the exchange took after that entry of its record."""
        eventually(lambda: [e for e in self.exchange.entries("order", since) if e["execution"] == "NEW"], "an order")

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Ask the journal while its server runs."""
        dsn = EmbeddedPostgres(self.home, "vortex_sim").dsn
        with psycopg.connect(dsn, connect_timeout=int(ANSWER_S)) as connection:
            return connection.execute(statement).fetchall()

    def kill_everything(self) -> None:
        """As the loss of power would, but for the exchange: SIGKILL to every process of the system."""
        self.remember()
        for pid, started in self.seen.items():
            processes.kill_same(pid, started, signal.SIGKILL)
        eventually(lambda: not self.alive(), "everything dead")

    def close(self) -> None:
        """Whatever is still there is ended by recorded pid; the state directory goes."""
        with contextlib.suppress(Exception):
            self.remember()
        for pid, started in self.seen.items():
            processes.kill_same(pid, started)
        shutil.rmtree(self.place, ignore_errors=True)


def assert_order_ids_are_unique(exchange: Exchange) -> None:
    """No client order id was ever accepted twice, plain and conditional orders counted apart."""
    accepted = [
        (entry["path"], entry["client_order_id"])
        for entry in exchange.entries("request")
        if entry["method"] == "POST" and entry["path"].endswith(("/order", "/algoOrder")) and entry["status"] == 200
    ]
    assert accepted
    assert [key for key, count in Counter(accepted).items() if count > 1] == []


def assert_orders_are_journaled(system: System) -> None:
    """Whatever the exchange took from us is in the journal."""
    at_exchange = {
        entry["client_order_id"]
        for entry in system.exchange.entries("order") + system.exchange.entries("algo")
        if entry["client_order_id"].startswith("v7-")
    }
    journaled = {row[0] for row in system.query("SELECT client_order_id FROM orders")}
    assert at_exchange <= journaled, at_exchange - journaled


def assert_protected(exchange: Exchange, limit_ms: int) -> None:
    """No position of the exchange's record stood without a stop longer than the bound."""
    bare = [p for p in exchange.positions() if p["longest_unprotected_ms"] > limit_ms]
    assert bare == []
