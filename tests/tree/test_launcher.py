"""The machine side: one system per home and account, nothing left behind, whatever is killed."""

import contextlib
import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from actors import processes
from supervisors import attach, cluster_file
from supervisors.head import TEMP_PATH_CHARS_MAX
from tests.tree.house import HERE, ROOT, House, LauncherProcess, eventually
from tests.tree.toy_roles import FileRegistry

pytestmark = [pytest.mark.ray, pytest.mark.chaos, pytest.mark.timeout(900)]


def family(pid: int) -> dict[int, int]:
    """Its descendants, each with the moment of its birth: a pid alone may be somebody else's when it is asked."""
    return {each: processes.started_ticks(each) for each in processes.descendants_of(pid)}


def alive(everyone: dict[int, int]) -> dict[int, int]:
    """Those that still live."""
    return {pid: born for pid, born in everyone.items() if processes.same_process(pid, born)}


def test_one_run_from_start_to_stop_keeps_all_its_promises(tmp_path: Path) -> None:
    """Loopback only, private token, second start refused, quarantine alone, reverse stop, and nothing left."""
    home = tmp_path / "a-home-whose-path-is-much-too-long-for-the-unix-sockets-that-ray-wants-to-put-below-it"
    launcher = LauncherProcess(home)
    try:
        launcher.await_ready()
        everyone = family(launcher.process.pid)
        facts = cluster_file.living(home)
        assert facts.state == "ready"
        assert len(facts.temp_dir) <= TEMP_PATH_CHARS_MAX
        assert stat.S_IMODE(Path(facts.token_path).stat().st_mode) == 0o600
        assert_loopback_only(everyone)
        assert_second_start_is_refused(home)
        house = House(home)
        house.settle()
        assert_crash_loop_is_quarantined_alone(house)
        everyone |= family(launcher.process.pid)
        house.close()
        assert launcher.end() == 0
    finally:
        launcher.close()
    assert alive(everyone) == {}
    assert not Path(facts.temp_dir).exists()
    assert sorted(path.name for path in (home / "run").iterdir()) == ["launcher.lock"]
    stops = [line.split()[1:] for line in (home / "crash" / "stops").read_text().splitlines()]
    assert [role for role, _ in stops if role != "symbol:BTCUSDT"] == [
        "recorder",
        "symbol:ETHUSDT",
        "executor",
        "breaker",
    ]


def assert_loopback_only(everyone: dict[int, int]) -> None:
    """No socket of ours listens to the network."""
    listening = []
    for pid in everyone:
        with contextlib.suppress(psutil.NoSuchProcess):  # helpers of Ray come and go
            process = psutil.Process(pid)
            name = process.name()
            listening += [(name, each.laddr) for each in process.net_connections("inet") if is_open_to_all(each)]
    assert listening == []


def is_open_to_all(connection: Any) -> bool:
    """Somebody from outside could connect."""
    inside = connection.laddr and connection.laddr.ip.removeprefix("::ffff:") in ("127.0.0.1", "::1")
    return connection.status == psutil.CONN_LISTEN and not inside


def assert_second_start_is_refused(home: Path) -> None:
    """It names the pid and how to stop it."""
    done = subprocess.run(
        [sys.executable, str(HERE / "toy_launcher.py"), str(home)],
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{HERE}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 4
    assert "Refused: already running: pid" in done.stdout
    assert "vortex stop" in done.stdout


def assert_crash_loop_is_quarantined_alone(house: House) -> None:
    """A symbol that crashes at every birth is set aside after five restarts; the executor is told to flatten it."""
    others = {role: pid for role, pid in house.pids().items() if role != "symbol:BTCUSDT"}
    (house.home / "crash" / "symbol_BTCUSDT").touch()
    os.kill(house.row("symbol:BTCUSDT")["pid"], signal.SIGKILL)
    eventually(lambda: house.row("symbol:BTCUSDT")["state"] == "failed", "quarantine")
    assert house.row("symbol:BTCUSDT")["restarts"] == 5
    assert {role: pid for role, pid in house.pids().items() if role != "symbol:BTCUSDT"} == others
    received = [kind for sender, _, kind in house.order("executor", do="received") if sender == "root"]
    assert "Flatten BTCUSDT" in received
    registry = FileRegistry(str(house.home / "registry.db"))
    eventually(lambda: "child.quarantined" in [event.kind for event in registry.events()], "the quarantine on record")
    (house.home / "crash" / "symbol_BTCUSDT").unlink()
    house.do(house.root.restart("symbol:BTCUSDT"))
    eventually(lambda: house.row("symbol:BTCUSDT")["state"] == "running", "back after an operator's word")


def test_what_a_killed_launcher_leaves_the_next_one_cleans_and_the_cli_stops_that(tmp_path: Path) -> None:
    """kill -9 of the launcher: the tree trades on; a new start ends it by recorded pids and boots; attach.stop
    reaches it through the page, without Ray, and every role is told `flatten`."""
    first = LauncherProcess(tmp_path)
    orphans: dict[int, int] = {}
    try:
        first.await_ready()
        orphans = family(first.process.pid)
        first.process.kill()
        first.process.wait()
        survivors = alive(orphans)
        assert len(survivors) > 5
        second = LauncherProcess(tmp_path)
        try:
            second.await_ready()
            assert alive(survivors) == {}
            attach.stop(tmp_path, "flatten", timeout_s=60)
            assert second.process.wait(60) == 0
        finally:
            second.close()
    finally:
        for pid, born in orphans.items():
            processes.kill_same(pid, born)
        first.close()
    stops = [line.split()[2] for line in (tmp_path / "crash" / "stops").read_text().splitlines()]
    assert stops == ["flatten"] * 5


def test_a_start_that_fails_cleans_up_and_says_why(tmp_path: Path) -> None:
    """A registry that cannot be opened: no process and no file stays."""
    launcher = LauncherProcess(tmp_path, registry="toy_roles:no_such_thing")
    try:
        assert launcher.process.stdout is not None
        words = [msgspec.json.decode(line) for line in launcher.process.stdout]
        assert words[-1][0] == "failed"
        assert launcher.process.wait(60) == 4
        assert not (tmp_path / "run" / "cluster.json").exists()
    finally:
        launcher.close()


def test_ports_already_in_use_are_avoided() -> None:
    """A listener on any interface counts."""
    from supervisors.head import PORT_BLOCK, free_port_block

    base = free_port_block("somewhere")
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", base + 3))
        squatter.listen()
        assert abs(free_port_block("somewhere") - base) >= PORT_BLOCK
