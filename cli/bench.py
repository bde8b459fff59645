"""`vortex bench`: measures on this machine, with a system of its own."""

import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import psutil
import typer
from rich.table import Table

from cli.failures import err, explained, out, print_json
from cli.options import Json
from supervisors import attach, cluster_file
from vortex.settings import Loaded, load

if TYPE_CHECKING:
    from supervisors.launcher import LaunchPlan

PATIENCE = 1_000
"""Restarts are what is measured: none of them may count towards giving up."""
KINDS = "executor,symbol,breaker,root"
STANDBYS = 2
HOLD_MS = 4_000
"""Positions are closed after this, so that entries follow one another and the next one is not awaited for long."""
HOLDS = ("risk.momentum.max_hold_ms", "risk.reversion.max_hold_ms", "risk.cascade.max_hold_ms")

app = typer.Typer(no_args_is_help=True, help="Measure on this machine.")


@app.callback()
def bench() -> None:
    """Measure on this machine."""


@app.command()
@explained
def recovery(
    *,
    rounds: Annotated[int, typer.Option(help="Deaths of every kind.", min=1)] = 20,
    kinds: Annotated[str, typer.Option(help="Comma-separated kinds of actors.")] = KINDS,
    standbys: Annotated[int, typer.Option(help="Warm processes kept ready.", min=0)] = STANDBYS,
    freeze: Annotated[bool, typer.Option(help="Also stop processes without killing them (SIGSTOP).")] = True,
    json: Json = False,
) -> None:
    """Kill and freeze each kind of actor of a trading system and time its return (docs/reliability.md).

    Boots a system of its own with the drill profile and the simulated exchange; what runs already is not touched.

    Example: vortex bench recovery --rounds 20 --kinds executor,symbol
    """
    import psycopg

    from supervisors.bench_recovery import Bench, Exchange, chosen_kinds, protection, summary
    from vortex.adapters.beats import BeatsPage

    wanted = chosen_kinds(kinds)
    with (
        private_system(standbys) as (loaded, facts),
        BeatsPage(Path(facts.page)) as page,
        psycopg.connect(journal_dsn(loaded), autocommit=True) as journal,
    ):
        exchange = Exchange(str(facts.services["venue"]["rest"]))
        raylet = next(fact.pid for fact in facts.processes if fact.name == "raylet")
        bench = Bench(page, exchange, journal, raylet, loaded.settings.symbols, standbys, show)
        results: dict[str, Any] = summary(bench.run(wanted, rounds, freeze=freeze))
        about = {
            "rounds": rounds,
            "standbys": standbys,
            "cores": psutil.cpu_count(),
            "load": psutil.getloadavg()[1],
            **protection(exchange),
        }
    if json:
        print_json({**results, "about": about})
    else:
        print_table(results, about)


@contextmanager
def private_system(standbys: int) -> Iterator[tuple[Loaded, cluster_file.ClusterFile]]:
    """A drilling system with an exchange and a state directory of its own, gone afterwards."""
    from cli.launch import launch_plan
    from supervisors.daemonize import detach
    from supervisors.launcher import Launcher

    home = Path(tempfile.mkdtemp(prefix="v7-bench-"))
    try:
        (home / "vortex.toml").touch()  # so that no file of the operator's is read
        holds = dict.fromkeys(HOLDS, HOLD_MS)
        loaded = load({"VORTEX_HOME": str(home)}, flags={"profile": "drill", "ray.standbys": standbys, **holds})
        plan = patient(launch_plan(loaded))
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # the system must not outlive us
        detach(lambda progress: Launcher(plan, progress).run(), home / "log" / "launcher.log", show_step)
        try:
            yield loaded, cluster_file.living(home)
        finally:
            attach.stop(home, "flatten")
    finally:
        shutil.rmtree(home, ignore_errors=True)


def patient(plan: "LaunchPlan") -> "LaunchPlan":
    """The same plan for a tree that bears any number of restarts."""
    return replace(
        plan, root_config=lambda *facts: msgspec.structs.replace(plan.root_config(*facts), patience=PATIENCE)
    )


def journal_dsn(loaded: Loaded) -> str:
    """Where the private system keeps its history."""
    from vortex.adapters.embedded.postgres_server import EmbeddedPostgres

    return EmbeddedPostgres(loaded.settings.home_path, loaded.settings.database).dsn


def show(text: str) -> None:
    """Progress, on standard error, so that standard output is the result alone."""
    err.print(f"[dim]{text}[/dim]", highlight=False, soft_wrap=True)


def show_step(phase: str, text: str) -> None:
    """One line of the boot."""
    show(f"{phase:>9}  {text}")


def print_table(results: dict[str, Any], about: dict[str, Any]) -> None:
    """p50 and p99 side by side, in ms."""
    table = Table("killed", "detect", "restart", "reconciled", "trading", box=None, header_style="dim")
    for kind, measures in results.items():
        table.add_row(kind, *(cell(measures[name]) for name in measures))
    out.print(table)
    out.print(
        f"ms after the signal, p50 / p99 of {about['rounds']} rounds; {about['positions']} positions, at most "
        f"{about['unprotected_max_ms']} ms without a stop; {about['orders']} orders, "
        f"{about['duplicate_order_ids']} duplicate ids; load {about['load']:.1f} on {about['cores']} cores"
    )


def cell(percentiles: dict[str, float | None]) -> str:
    """ "12 / 30", a dash where nothing was seen."""
    return " / ".join("–" if value is None else f"{value:,.0f}" for value in percentiles.values())
