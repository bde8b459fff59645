"""The real tree under real signals: whoever dies or hangs is replaced by a larger epoch, and nobody else notices."""

import contextlib
import os
import signal
from collections.abc import Iterator

import pytest
from ray.exceptions import RayActorError

from actors import processes
from tests.tree.house import House, eventually, running_house
from vortex.kernel.errors import VortexError

pytestmark = [pytest.mark.ray, pytest.mark.chaos, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One house for the module, patient enough for all its faults."""
    with running_house(tmp_path_factory.mktemp("house"), patience=100) as running:
        yield running


@pytest.mark.parametrize("name", ["symbol:BTCUSDT", "executor", "recorder"])
def test_a_killed_child_is_replaced_by_the_standby(house: House, name: str) -> None:
    """SIGKILL: a larger epoch takes over in the warm process, the others keep their pids."""
    house.settle()
    before, pids = house.row(name), house.pids()
    standby = next(row for row in house.status()["tree"] if row["kind"] == "standby")
    os.kill(before["pid"], signal.SIGKILL)
    after = house.replaced(before)
    assert after["pid"] == standby["pid"]
    assert after["restarts"] == before["restarts"] + 1
    others = {role: pid for role, pid in house.pids().items() if role != name}
    assert others == {role: pid for role, pid in pids.items() if role != name}


def test_a_killed_breaker_takes_the_executor_along(house: House) -> None:
    """Rest for one: both have new epochs, the symbols do not."""
    house.settle()
    breaker, executor, symbol = house.row("breaker"), house.row("executor"), house.row("symbol:BTCUSDT")
    os.kill(breaker["pid"], signal.SIGKILL)
    house.replaced(breaker)
    house.replaced(executor)
    assert house.row("symbol:BTCUSDT")["pid"] == symbol["pid"]


def test_a_stopped_child_is_killed_and_replaced(house: House) -> None:
    """SIGSTOP: the process is dead, not waiting to wake up as a zombie writer."""
    house.settle()
    before = house.row("symbol:ETHUSDT")
    started = processes.started_ticks(before["pid"])
    os.kill(before["pid"], signal.SIGSTOP)
    house.replaced(before)
    assert not processes.same_process(before["pid"], started)


@pytest.mark.parametrize("mischief", ["raise", "spin", "block", "exit", "segfault", "end"])
def test_every_other_way_to_end_is_mended_too(house: House, mischief: str) -> None:
    """An exception, a busy loop, a blocked loop, os._exit, a segfault, a run that just returns."""
    house.settle()
    before = house.row("symbol:ETHUSDT")
    with contextlib.suppress(RayActorError):  # some answers die with their process
        house.order("symbol:ETHUSDT", do=mischief)
    house.replaced(before)


def test_a_long_turn_of_the_loop_is_forgiven(house: House) -> None:
    """Half a second asleep in the loop is suspect, not dead."""
    house.settle()
    before = house.row("symbol:ETHUSDT")

    def suspected() -> bool:
        """Whoever looks too rarely misses it: then it sleeps once more."""
        house.order("symbol:ETHUSDT", do="long_turn", seconds=0.5)
        return any(house.row("symbol:ETHUSDT")["state"] == "suspect" for _ in range(100))

    eventually(suspected, "suspicion")
    eventually(lambda: house.row("symbol:ETHUSDT")["state"] == "running", "absolution")
    assert house.row("symbol:ETHUSDT")["pid"] == before["pid"]


def test_every_process_is_titled_by_what_it_does(house: House) -> None:
    """`ps` shows roles and epochs, though Ray writes titles of its own."""
    house.settle()
    for row in house.status()["tree"]:
        if row["kind"] == "supervisor":
            title = f"vortex:root#{row['epoch']}"
        elif row["kind"] == "standby":
            title = "vortex:shell-"
        else:
            title = f"vortex:{row['name']}#{row['epoch']}"
        eventually(lambda row=row, title=title: _title(row["pid"]).startswith(title), f"{row['name']} titled {title}")


def test_a_death_is_recorded_under_the_epoch_of_who_died(house: House) -> None:
    """Neither under the successor's nor under none."""
    house.settle()
    before = house.row("recorder")
    os.kill(before["pid"], signal.SIGKILL)
    after = house.replaced(before)
    eventually(lambda: ("child.ready", after["epoch"]) in house.history("recorder"), "the successor on record")
    about = house.history("recorder")
    assert ("child.exited", before["epoch"]) in about
    assert ("child.exited", after["epoch"]) not in about
    assert all(epoch > 0 for _, epoch in about)


def test_a_killed_root_is_reborn_and_adopts_every_child(house: House) -> None:
    """The children work on; the new root has a larger epoch, and knows their old pids and how often each came back."""
    house.settle()
    worn = house.row("executor")
    os.kill(worn["pid"], signal.SIGKILL)
    house.replaced(worn)
    house.settle()
    root, pids = house.row("root"), house.pids()
    counts = house.restarts()
    assert counts["executor"] == worn["restarts"] + 1
    eventually(lambda: house.saved_restarts().get("executor") == counts["executor"], "the count on record")
    os.kill(root["pid"], signal.SIGKILL)
    eventually(lambda: house.row("root")["epoch"] > root["epoch"], "a reborn root")
    eventually(house.all_running, "a whole house")
    assert house.pids() == pids
    assert house.restarts() == counts | {"root": root["restarts"] + 1}
    before = house.row("symbol:BTCUSDT")
    os.kill(before["pid"], signal.SIGKILL)
    house.replaced(before)  # it watches those it adopted


def test_a_child_that_died_with_the_root_is_found_missing(house: House) -> None:
    """Both at once: the rest is adopted, the dead one started anew."""
    house.settle()
    root, before, pids = house.row("root"), house.row("executor"), house.pids()
    os.kill(root["pid"], signal.SIGKILL)
    os.kill(before["pid"], signal.SIGKILL)
    house.replaced(before)
    assert {r: p for r, p in house.pids().items() if r != "executor"} == {
        r: p for r, p in pids.items() if r != "executor"
    }


def test_a_hung_root_is_replaced_by_the_launcher(house: House) -> None:
    """SIGSTOP on the root: the page goes unclaimed, the launcher kills it, Ray brings it back."""
    house.settle()
    root, pids = house.row("root"), house.pids()
    os.kill(root["pid"], signal.SIGSTOP)
    eventually(lambda: not processes.started_ticks(root["pid"]), "the hung root killed")
    eventually(lambda: house.row("root")["epoch"] > root["epoch"], "a reborn root")
    eventually(house.all_running, "a whole house")
    assert house.pids() == pids


def test_a_killed_gcs_comes_back_and_recovery_works_meanwhile(house: House) -> None:
    """The control plane is re-run from its disk state; a child killed during the gap is replaced."""
    house.settle()
    gcs = next(fact for fact in house.facts().processes if fact.name == "gcs_server")
    before = house.row("symbol:BTCUSDT")
    os.kill(gcs.pid, signal.SIGKILL)
    os.kill(before["pid"], signal.SIGKILL)
    house.replaced(before)
    eventually(lambda: any(f.name == "gcs_server" and f.pid != gcs.pid for f in house.facts().processes), "a new GCS")
    house.settle()  # needs the GCS: a standby is born


def test_letters_arrive_once_and_in_order(house: House) -> None:
    """A thousand letters from a symbol to the executor, through async actors that reorder (ADR 0003)."""
    house.settle()
    house.order("symbol:BTCUSDT", do="send", to="executor", count=500)
    epoch = house.row("symbol:BTCUSDT")["epoch"]

    def arrived() -> list[int]:
        found = house.order("executor", do="received")
        return [seq for sender, seq, kind in found if sender == "symbol:BTCUSDT" and kind == "ExecutorUp"]

    eventually(lambda: len(arrived()) >= 500, f"all letters of epoch {epoch}")
    assert arrived()[-500:] == list(range(arrived()[-500], arrived()[-500] + 500))


def test_the_breakers_lease_reaches_the_executor_and_dies_with_its_epoch(house: House) -> None:
    """Granted on the page, read by the executor, outlawed when the breaker is replaced."""
    house.settle()
    breaker = house.row("breaker")
    house.order("breaker", do="grant", allows=True)
    assert house.order("executor", do="permit") == [breaker["epoch"], True, 7]
    os.kill(breaker["pid"], signal.SIGKILL)
    house.replaced(breaker)
    eventually(lambda: house.row("executor")["state"] == "running", "the executor back")
    assert house.order("executor", do="permit") is None


def test_every_executor_is_announced_on_the_page(house: House) -> None:
    """Whoever maps the page sees the newest one's epoch, that of a role that was never replaced included."""
    house.settle()
    executor = house.row("executor")
    assert house.order("symbol:BTCUSDT", do="newest_executor") == executor["epoch"]
    os.kill(executor["pid"], signal.SIGSTOP)
    house.replaced(executor)
    newest = house.row("executor")["epoch"]
    assert newest > executor["epoch"]
    assert house.order("executor", do="newest_executor") == newest


def test_history_and_views_are_there_for_people(house: House) -> None:
    """Status rows have the contract's keys, and each child its view."""
    house.settle()
    status = house.status(views=True)
    keys = {"name", "kind", "parent", "state", "pid", "node", "epoch", "restarts", "last_heartbeat_ms", "uptime_s"}
    assert all(keys <= row.keys() for row in status["tree"])
    assert set(house.pids()) == set(status["views"])
    assert [row["name"] for row in status["tree"]][:4] == ["root", "trading", "symbols", "faces"]


def test_a_command_to_nobody_is_refused(house: House) -> None:
    """NotRunning, not silence."""
    with pytest.raises(VortexError):
        house.order("symbol:DOGEUSDT", do="raise")


def test_symbols_can_be_added_and_removed(house: House) -> None:
    """While everything else works on."""
    house.settle()
    house.do(house.root.add_symbol("SOLUSDT"))
    eventually(lambda: house.row("symbol:SOLUSDT")["state"] == "running", "the new symbol at work")
    pid = house.row("symbol:SOLUSDT")["pid"]
    house.do(house.root.remove_symbol("SOLUSDT"))
    eventually(lambda: "symbol:SOLUSDT" not in house.pids(), "the symbol gone")
    eventually(lambda: not processes.started_ticks(pid), "its process gone")


def test_a_dead_raylet_means_a_new_head_and_a_new_tree(house: House) -> None:
    """No worker outlives it; every role comes back under a larger epoch."""
    house.settle()
    epochs = {row["name"]: row["epoch"] for row in house.status()["tree"] if row["kind"] != "standby"}
    workers = [(pid, processes.started_ticks(pid)) for pid in house.pids().values()]
    facts = house.facts()
    raylet = next(fact for fact in facts.processes if fact.name == "raylet")
    house.disconnect()
    os.kill(raylet.pid, signal.SIGKILL)
    eventually(lambda: not any(processes.same_process(*worker) for worker in workers), "the workers gone", limit_s=30)
    eventually(lambda: house.facts().boot_id != facts.boot_id and house.facts().state == "ready", "a new boot")
    house.connect()
    house.settle()
    again = {row["name"]: row["epoch"] for row in house.status()["tree"] if row["kind"] != "standby"}
    assert all(again[name] > epoch for name, epoch in epochs.items())


def test_a_child_nobody_looks_after_is_told_so(house: House) -> None:
    """Root and launcher frozen for 15 s: children learn that they are alone, and later that they are not."""
    house.settle()
    root, launcher = house.row("root")["pid"], house.facts().launcher.pid
    pids = house.pids()
    log = house.home / "crash" / "alone"
    log.unlink(missing_ok=True)
    os.kill(launcher, signal.SIGSTOP)
    os.kill(root, signal.SIGSTOP)
    try:
        eventually(lambda: log.exists() and log.read_text().count("True") >= len(pids), "loneliness")
    finally:
        os.kill(root, signal.SIGCONT)
        os.kill(launcher, signal.SIGCONT)
    eventually(lambda: log.read_text().count("False") >= len(pids), "company again")
    eventually(house.all_running, "a whole house")
    assert house.pids() == pids


def _title(pid: int) -> str:
    return " ".join(processes.command_line(pid))
