"""`vortex bench latency`: what it makes of two looks, and one short run that ends cleanly."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from actors.times import LIVE, STAGES, TOTAL, Timings
from cli.bench_latency import print_tables
from supervisors.bench_latency import report
from tests.cli.commands import PROGRAM, bare_environment
from vortex.kernel.clock import SECOND, US, ManualClock

RUN_S = 240
INTERRUPTIBLE = (
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
)
"""Tests that run in the background of a shell inherit interrupts that are ignored; the command must hear its own."""


def views_of(executor: Timings, symbol: Timings, untimed: int, denied: int) -> dict[str, Any]:
    """What the two roles show, as it comes out of the mirror."""
    shown = {
        "executor": {"timings": {**executor.view(), "untimed": untimed}, "denials": {"RATE_LIMIT": denied}},
        "symbol:BTCUSDT": {"timings": symbol.view()},
        "root": {"tree": []},
    }
    return json.loads(json.dumps(shown))


def two_looks() -> tuple[dict[str, Any], dict[str, Any]]:
    """Before and after two seconds in which one order took 10 µs a stage and 100 events 2 µs each."""
    clock = ManualClock(SECOND)
    executor, symbol = Timings((TOTAL, *STAGES), clock), Timings(LIVE, clock)
    executor.of[TOTAL].record(5 * SECOND)
    symbol.of["decode"].record(SECOND)
    first = views_of(executor, symbol, untimed=4, denied=1)
    clock.advance(2 * SECOND)
    executor.of[TOTAL].record(90 * US)
    for stage in STAGES:
        executor.of[stage].record(10 * US)
    for _ in range(100):
        symbol.of["decode"].record(2 * US)
        symbol.of["trade"].record(3 * US)
    return first, views_of(executor, symbol, untimed=7, denied=3)


def test_the_document_has_the_promised_keys_and_leaves_out_what_came_before() -> None:
    """Names are contracts; the slow first order was before the first look."""
    document = report(*two_looks())
    assert set(document) >= {"tick_to_order_us", "stages_us", "live_us", "events_per_s", "orders"}
    assert set(document["tick_to_order_us"]) == {"p50", "p90", "p99", "p999"}
    contract = {"decode", "feed", "engines", "decision", "risk", "permit", "journal", "send"}
    assert set(document["stages_us"]) == contract | {"hop", "record"}
    assert document["tick_to_order_us"]["p999"] == pytest.approx(90, rel=0.02)
    assert document["stages_us"]["journal"] == pytest.approx(10, rel=0.02)
    assert document["live_us"]["trade"]["p50"] == pytest.approx(3, rel=0.02)
    assert document["live_us"]["depth"] == {"p50": None, "p99": None, "count": 0}
    assert (document["orders"], document["orders_by_clock"], document["denied"]) == (1, 3, 2)
    assert document["events_per_s"] == 50.0


def test_the_tables_name_every_stage(capsys: pytest.CaptureFixture[str]) -> None:
    """What was never seen is a dash."""
    print_tables({**report(*two_looks()), "about": {"load": [1.0, 1.0], "cores": 2}})
    said = capsys.readouterr().out
    assert all(stage in said for stage in (*STAGES, *LIVE))
    assert "–" in said


@contextmanager
def started(home: Path, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """The command with a temporary directory of its own, below which its private system lives."""
    home.mkdir()
    bench = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, PROGRAM, "bench", "latency", *arguments],
        env=bare_environment(home, {"TMPDIR": str(home)}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield bench
    finally:
        bench.terminate()
        bench.communicate(timeout=RUN_S)


def assert_nothing_left(home: Path) -> None:
    """Neither a process that names the directory nor a file in it."""
    lines = []
    for process in psutil.process_iter():
        try:
            lines.append(" ".join([process.cwd(), *process.cmdline()]))
        except (psutil.Error, OSError):
            continue
    assert [line for line in lines if str(home) in line] == []
    assert list(home.iterdir()) == []


@pytest.mark.e2e
@pytest.mark.timeout(300)
@pytest.mark.xdist_group("e2e")
def test_a_short_run_times_orders_of_a_whole_system(tmp_path: Path) -> None:
    """Every stage of a real order, and the cost of real events, from a system that is gone afterwards."""
    home = tmp_path / "h"
    with started(home, "--seconds", "30", "--orders", "1", "--json") as bench:
        said, told = bench.communicate(timeout=RUN_S)
    assert bench.returncode == 0, told
    document = json.loads(said)
    assert document["orders"] >= 1
    assert all(document["stages_us"][stage] is not None for stage in STAGES)
    assert document["live_us"]["trade"]["count"] > 0
    assert_nothing_left(home)


@pytest.mark.e2e
@pytest.mark.timeout(300)
@pytest.mark.xdist_group("e2e")
def test_an_interrupt_while_it_boots_leaves_nothing_behind(tmp_path: Path) -> None:
    """Ctrl-C ends the command with 130, and with it the half-born system."""
    home = tmp_path / "h"
    with started(home) as bench:
        assert bench.stderr is not None
        for line in bench.stderr:
            if "starting Ray" in line:
                break
        os.kill(bench.pid, signal.SIGINT)
        bench.communicate(timeout=RUN_S)
    assert bench.returncode == 130
    assert_nothing_left(home)
