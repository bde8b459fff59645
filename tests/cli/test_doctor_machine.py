"""What the doctor says of the machine and of Ray: thresholds from both sides, and what stands in the way."""

import os
import socket
from pathlib import Path

import msgspec
import pytest

from actors import processes
from cli import doctor_machine as machine
from cli.doctor_ray import beats_row, cluster_row, import_row
from cli.doctor_rows import Row
from supervisors import cluster_file
from supervisors.cluster_file import ClusterFile, ProcessFact
from supervisors.instance_lock import InstanceLock
from vortex.adapters.beats import BeatsPage
from vortex.adapters.embedded.directories import FREE_BYTES_MIN
from vortex.kernel.clock import MS, Mono, SystemClock
from vortex.settings import Settings, load

GIB = machine.GIB


def settings(home: Path, **given: object) -> Settings:
    """Settings with this state directory."""
    return load({"VORTEX_HOME": str(home)}, flags=given).settings


def instance(home: Path, *, starting: bool) -> Row:
    """Who runs in that state directory."""
    return machine.instance_row(settings(home), load({}).secrets, None, starting=starting)


@pytest.mark.parametrize(
    ("free", "verdict"), [(FREE_BYTES_MIN - 1, "FAIL"), (FREE_BYTES_MIN, "WARN"), (3 * GIB, "WARN"), (5 * GIB, "OK")]
)
def test_the_disk_must_hold_the_journal_and_should_hold_all_logs(tmp_path: Path, free: int, verdict: str) -> None:
    """Below the start's own threshold it fails; the mend names the sizes and the way out."""
    row = machine.disk_row(settings(tmp_path), lambda path: free)
    assert row.verdict == verdict
    assert "GiB free" in row.seen
    assert ("VORTEX_HOME" in row.mend) == (verdict != "OK")


def test_smaller_logs_need_less_room(tmp_path: Path) -> None:
    """The wish follows the settings."""
    small = settings(tmp_path, **{"logs.file_mb": 1, "logs.files": 1})
    assert machine.disk_row(small, lambda path: 2 * GIB).verdict == "OK"


@pytest.mark.parametrize(("left", "verdict"), [(GIB // 2, "FAIL"), (2 * GIB, "WARN"), (8 * GIB, "OK")])
def test_memory_is_judged_by_what_two_symbols_take(left: int, verdict: str) -> None:
    """Before the start."""
    assert machine.memory_row(None, lambda: left).verdict == verdict


@pytest.mark.parametrize(
    ("limits", "verdict"), [((256, 256), "FAIL"), ((1024, 2048), "WARN"), ((1024, 65_536), "OK"), ((1024, -1), "OK")]
)
def test_the_hard_limit_of_files_counts(limits: tuple[int, int], verdict: str) -> None:
    """A low soft limit is raised by the house itself; -1 is no limit."""
    assert machine.files_row(lambda: limits).verdict == verdict


@pytest.mark.parametrize(
    ("version", "verdict"), [((3, 10), "FAIL"), ((3, 11), "OK"), ((3, 13), "OK"), ((3, 14), "FAIL")]
)
def test_the_interpreter_is_one_that_the_house_knows(version: tuple[int, int], verdict: str) -> None:
    """The same bounds as in pyproject.toml."""
    assert machine.python_row(version).verdict == verdict


def test_one_core_is_few() -> None:
    """A warning, not a no."""
    assert (machine.cores_row(lambda: 1).verdict, machine.cores_row(lambda: 2).verdict) == ("WARN", "OK")


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    """With the setting that names it."""
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        port = squatter.getsockname()[1]
        row = machine.ports_row(settings(tmp_path, **{"ray.dashboard_port": port}), None)
    assert row.verdict == "FAIL"
    assert f"ray.dashboard_port: port {port} is in use" in row.seen
    assert "set 0" in row.mend


def test_no_named_port_cannot_be_taken(tmp_path: Path) -> None:
    """Free ones are picked."""
    assert machine.ports_row(settings(tmp_path), None).verdict == "OK"


def test_a_home_that_is_not_there_yet_is_not_made_for_the_question(tmp_path: Path) -> None:
    """Its parent must let it be made."""
    home = tmp_path / "a" / "home"
    assert machine.home_row(home).verdict == "OK"
    assert not home.parent.exists()


def test_a_file_in_the_way_of_the_home_is_found(tmp_path: Path) -> None:
    """The mend is to go elsewhere."""
    (tmp_path / "file").touch()
    row = machine.home_row(tmp_path / "file" / "home")
    assert row.verdict == "FAIL"
    assert "VORTEX_HOME" in row.mend


def test_the_holder_of_the_lock_is_told_and_stands_in_the_way_of_a_start(tmp_path: Path) -> None:
    """A lock that nobody holds any more says nothing; asking makes no directory."""
    home = tmp_path / "home"
    assert instance(home, starting=True).verdict == "OK"
    assert not home.exists()
    lock = InstanceLock(home)
    lock.take()
    try:
        rows = {starting: instance(home, starting=starting) for starting in (False, True)}
    finally:
        lock.release()
    assert (rows[False].verdict, rows[True].verdict) == ("WARN", "FAIL")
    assert "already running: pid" in rows[True].seen
    assert "vortex stop" in rows[True].mend
    assert instance(home, starting=True).verdict == "OK"


def test_what_a_killed_launcher_left_is_told(tmp_path: Path) -> None:
    """It may still trade; once it is gone, nothing runs."""
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    us = ProcessFact(name="raylet", pid=os.getpid(), started=processes.started_ticks(os.getpid()))
    for left, verdict in (((us,), "WARN"), ((msgspec.structs.replace(us, started=1),), "OK")):
        cluster_file.write(run_dir, facts_of(tmp_path, *left))
        row = instance(tmp_path, starting=False)
        assert row.verdict == verdict
        assert ("raylet" in row.seen) == (verdict == "WARN")


def facts_of(home: Path, *left: ProcessFact) -> ClusterFile:
    """A system whose launcher is no more."""
    return ClusterFile(
        state="ready",
        boot_id="1",
        launcher=ProcessFact(name="launcher", pid=1, started=1),
        address="127.0.0.1:1",
        namespace="vortex",
        ports={"port": 15_000, "dashboard-port": 15_003},
        token_path="",
        temp_dir="",
        page=str(home / "run" / "beats"),
        dashboard_url="",
        processes=left,
        services={},
    )


def test_ports_of_a_running_system_are_its_own(tmp_path: Path) -> None:
    """Those of other settings hold after a restart."""
    facts = facts_of(tmp_path)
    same = machine.ports_row(settings(tmp_path, **{"ray.port": 15_000}), facts)
    other = machine.ports_row(settings(tmp_path, **{"ray.port": 16_000}), facts)
    assert (same.verdict, other.verdict) == ("OK", "WARN")
    assert "ray.port" in other.mend


@pytest.mark.parametrize(
    ("age_ms", "state", "verdict"),
    [(5, "running", "OK"), (5, "starting", "WARN"), (1_500, "running", "WARN"), (10_000, "running", "FAIL")],
)
def test_the_root_is_judged_by_its_last_beat(tmp_path: Path, age_ms: int, state: str, verdict: str) -> None:
    """The page is read without Ray."""
    facts = facts_of(tmp_path)
    (tmp_path / "run").mkdir()
    with BeatsPage(Path(facts.page)) as page:
        page.set_root_state(state)
        page.claim(1, Mono(SystemClock().mono() - age_ms * MS))
        row = beats_row(facts)
    assert row.verdict == verdict
    assert f"the root is {state}" in row.seen


def test_a_page_that_is_gone_is_a_failure_and_none_before_the_start_is_not(tmp_path: Path) -> None:
    """And asking does not make one."""
    facts = facts_of(tmp_path)
    assert (beats_row(facts).verdict, beats_row(None).verdict) == ("FAIL", "OK")
    assert not Path(facts.page).exists()


def test_a_dead_daemon_of_ray_is_named(tmp_path: Path) -> None:
    """Without asking the rest of it, which would wait."""
    facts = facts_of(tmp_path, ProcessFact(name="gcs_server", pid=1, started=1))
    row = cluster_row(load({"VORTEX_HOME": str(tmp_path)}), facts)
    assert row.verdict == "WARN"
    assert "gcs_server died" in row.seen


@pytest.mark.parametrize(("broken", "verdict"), [("", "OK"), ("raise ImportError('no such wheel')", "FAIL")])
def test_ray_is_imported_by_a_process_of_its_own(tmp_path: Path, broken: str, verdict: str) -> None:
    """What keeps it from being imported is told in its last words."""
    (tmp_path / "ray.py").write_text(f"__version__ = '0'\n{broken}")
    row = import_row({**os.environ, "PYTHONPATH": str(tmp_path)})
    assert row.verdict == verdict
    assert verdict == "OK" or "no such wheel" in row.seen


def test_real_money_is_begun_with_the_conservative_profile(tmp_path: Path) -> None:
    """The ramp of the first weeks is a profile; another one is a warning."""
    verdicts = {
        profile: machine.settings_row(load({}, flags={"venue.kind": "live", "profile": profile})).verdict
        for profile in ("conservative", "default")
    }
    assert verdicts == {"conservative": "OK", "default": "WARN"}


def test_every_row_has_a_mend_or_needs_none(tmp_path: Path) -> None:
    """On this very machine."""
    here = settings(tmp_path)
    rows = [
        machine.python_row(),
        machine.cores_row(),
        machine.memory_row(None),
        machine.files_row(),
        machine.home_row(tmp_path),
        machine.disk_row(here),
        machine.ports_row(here, None),
    ]
    assert [msgspec.to_builtins(row) for row in rows if (row.verdict == "OK") == bool(row.mend)] == []
