"""`vortex doctor` as an operator runs it, and the gate that real money stands behind."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.doctor import EXCHANGE_ROWS, require_health
from cli.doctor_stores import POSTGRES_ROWS
from tests.cli.commands import PROGRAM, assert_nothing_runs, bare_environment, run, said
from tests.e2e.system import Exchange, System, eventually
from vortex.settings import load

pytestmark = [pytest.mark.venue, pytest.mark.timeout(600), pytest.mark.xdist_group("doctor")]

MACHINE_ROWS = ("settings", "python", "cores", "memory", "files", "home", "disk", "ports", "instance")
ROWS = [*MACHINE_ROWS, *POSTGRES_ROWS, "redis", "ray", "heartbeats", *EXCHANGE_ROWS]
SAFE_KEY = "safekey000000000000000000000000000000001"
KEYS = f"""
[[keys]]
key = "{SAFE_KEY}"
secret = "the-secret-of-the-safe-one"
account = "safe"
ip = ["127.0.0.1"]
[[keys]]
key = "unsafekey0000000000000000000000000000002"
secret = "the-secret-of-the-unsafe-one"
account = "unsafe"
rights = ["read", "trade", "withdraw"]
"""
UNSAFE = {
    "VORTEX_VENUE__API_KEY": "unsafekey0000000000000000000000000000002",
    "VORTEX_VENUE__API_SECRET": "the-secret-of-the-unsafe-one",
}


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """A simulated exchange that stands for a real one."""
    file = tmp_path_factory.mktemp("keys") / "keys.toml"
    file.write_text(KEYS)
    running = Exchange("--keys", str(file))
    try:
        yield running
    finally:
        running.close()


def at(exchange: Exchange) -> dict[str, str]:
    """Settings that name it."""
    return {"VORTEX_VENUE__REST_URL": exchange.rest, "VORTEX_VENUE__WS_URL": exchange.ws}


def rows_of(done: "subprocess.CompletedProcess[str]") -> dict[str, dict[str, Any]]:
    """The checks by name; every row is whole."""
    document = json.loads(done.stdout)
    assert set(document) == {"venue", "checks", "verdict"}
    for check in document["checks"]:
        assert {"name", "verdict", "seen", "mend"} <= set(check) <= {"name", "verdict", "seen", "mend", "ms"}
        assert check["verdict"] in ("OK", "WARN", "FAIL", "SKIP")
        assert check["seen"]
    assert (done.returncode == 1) == (document["verdict"] == "FAIL")
    return {check["name"]: check for check in document["checks"]}


def test_before_the_first_start_everything_is_looked_at_and_nothing_is_left(tmp_path: Path) -> None:
    """With servers and an exchange of its own, which are gone afterwards."""
    home = tmp_path / "home"
    done = run(home, "doctor", "--json", TMPDIR=str(tmp_path))
    rows = rows_of(done)
    assert list(rows) == ROWS
    assert [row for row in rows.values() if row["verdict"] in ("FAIL", "SKIP")] == []
    assert "started for the while" in rows["exchange rest"]["seen"]
    assert "verified gone" in rows["order round trip"]["seen"]
    assert done.returncode == 0
    assert not home.exists()
    assert list(tmp_path.iterdir()) == []
    assert_nothing_runs(tmp_path)


def test_what_an_earlier_failure_keeps_from_being_seen_is_skipped(tmp_path: Path, exchange: Exchange) -> None:
    """An unknown symbol ends the private exchange's start; every row is there all the same, and the exit code is 1."""
    done = run(tmp_path / "home", "doctor", "--json", "--symbols", "NOSUCHUSDT")
    rows = rows_of(done)
    assert sorted(rows) == sorted(ROWS)
    assert rows["exchange rest"]["verdict"] == "FAIL"
    assert "NOSUCHUSDT" in rows["exchange rest"]["seen"]
    assert {rows[name]["verdict"] for name in EXCHANGE_ROWS[1:]} == {"SKIP"}
    assert done.returncode == 1


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_key_that_may_withdraw_fails_live_and_no_secret_is_printed(
    tmp_path: Path, exchange: Exchange, form: tuple[str, ...]
) -> None:
    """P-7, as a table and as JSON."""
    done = run(tmp_path / "home", "doctor", "--venue", "live", *form, **at(exchange), **UNSAFE)
    assert done.returncode == 1, done.stderr
    assert "key rights" in done.stdout
    assert "FAIL" in done.stdout
    assert [word for word in UNSAFE.values() if word in done.stdout + done.stderr] == []


def test_real_money_is_not_traded_before_the_doctor_has_passed(tmp_path: Path, exchange: Exchange) -> None:
    """Exit 4 with the check and its mend; nothing has been started, no order sent, no secret told."""
    home, since = tmp_path / "home", exchange.sequence()
    done = run(home, "start", "--venue", "live", "--yes", "--detach", **at(exchange), **UNSAFE)
    assert done.returncode == 4, done.stdout + done.stderr
    assert "the doctor refuses venue live: key rights:" in done.stderr
    assert "take away its right to withdraw" in done.stderr
    assert "venue.allow_unsafe_key" in done.stderr
    assert "starting Ray" not in done.stdout
    assert [word for word in UNSAFE.values() if word in done.stdout + done.stderr] == []
    assert exchange.entries("order", since) == []
    assert not (home / "postgres").exists()
    assert_nothing_runs(home)


def test_a_safe_key_passes_the_gate_without_an_order(tmp_path: Path, exchange: Exchange) -> None:
    """Everything was looked at before the launcher may begin, and the state directory is still not there."""
    home, since = tmp_path / "home", exchange.sequence()
    steps: list[str] = []
    safe = {"VORTEX_VENUE__API_KEY": SAFE_KEY, "VORTEX_VENUE__API_SECRET": "the-secret-of-the-safe-one"}
    flags = {"venue.kind": "live", "profile": "conservative"}
    loaded = load({"VORTEX_HOME": str(home), **at(exchange), **safe}, flags=flags)
    require_health(loaded, lambda phase, text: steps.append(f"{phase}: {text}"))
    assert steps[-1] == f"doctor: {len(ROWS)} checks, none failed"
    assert exchange.entries("order", since) == []
    assert not home.exists()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"VORTEX_VENUE__KIND": "paper"}, "venue paper is not built yet"),
        ({"VORTEX_VENUE__REST_URL": "localhost"}, "venue.rest_url"),
        ({"VORTEX_VENUE__SPED": "2"}, "venue.speed"),
    ],
)
def test_settings_that_are_wrong_end_it_as_elsewhere(tmp_path: Path, settings: dict[str, str], words: str) -> None:
    """Exit 2 and one message."""
    result = said(tmp_path / "home", "doctor", **settings)
    assert result.exit_code == 2
    assert words in result.stderr
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_end_on_the_way_leaves_nothing_behind(tmp_path: Path, number: int) -> None:
    """Servers for the while are ended with it."""
    home = tmp_path / "home"
    doctor = subprocess.Popen(
        ["env", "--default-signal=INT", str(PROGRAM), "doctor", "--json"],
        env=bare_environment(home, {"TMPDIR": str(tmp_path)}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )

    def serving() -> bool:
        """For a moment only."""
        assert doctor.poll() is None, doctor.communicate()
        return any(tmp_path.glob("v7-doctor-*/postgres/data/postmaster.pid"))

    try:
        eventually(serving, "a server for the while", pause_s=0.01)
        os.kill(doctor.pid, number)
    finally:
        doctor.communicate(timeout=180)
    assert doctor.returncode != 0
    assert list(tmp_path.iterdir()) == []
    assert_nothing_runs(tmp_path)


def pids(system: System) -> dict[str, int]:
    """Who plays which role; standbys come and go."""
    return {row["name"]: row["pid"] for row in system.status()["tree"] if row["kind"] != "standby"}


@pytest.mark.e2e
@pytest.mark.xdist_group("e2e")
def test_a_running_system_is_looked_at_and_trades_on() -> None:
    """Its own servers, tree and exchange are asked; the doctor's order is gone and the tree is the same."""
    with_everything = Exchange()
    system = System(with_everything)
    try:
        system.start()
        before = pids(system)
        rows = rows_of(system.vortex("doctor", "--json"))
        assert {name: row["seen"] for name, row in rows.items() if row["verdict"] in ("FAIL", "SKIP")} == {}
        assert "running here: launcher pid" in rows["instance"]["seen"]
        assert "embedded, running" in rows["postgres"]["seen"]
        assert "processes and supervisors" in rows["ray"]["seen"]
        assert rows["heartbeats"]["seen"].startswith("the root is running")
        assert pids(system) == before
        assert [name for name in with_everything.working_orders() if "vortex-doctor" in name] == []
        system.must("stop", "--flatten")
    finally:
        system.close()
        with_everything.close()
