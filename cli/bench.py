"""`vortex bench`: measures on this machine, with a system of its own."""

import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
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
from supervisors import cluster_file
from vortex.settings import Loaded, load

if TYPE_CHECKING:
    from supervisors.launcher import LaunchPlan

PATIENCE = 1_000
"""Restarts are what is measured: none of them may count towards giving up."""
KINDS = "executor,symbol,breaker,root"
STANDBYS = 2
HOLD_MS = 4_000
"""Positions are closed after this, so that entries follow one another and the next one is not awaited for long."""
STRATEGIES = ("momentum", "reversion", "cascade")

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

    from supervisors.bench_recovery import Bench, Exchange, chosen_kinds, protection, summary, weights
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
        seen = bench.run(wanted, rounds, freeze=freeze)
        results: dict[str, Any] = summary(seen)
        about = {
            "rounds": rounds,
            "standbys": standbys,
            "cores": psutil.cpu_count(),
            "load": psutil.getloadavg()[1],
            "weights": weights(seen),
            **protection(exchange),
        }
    if json:
        print_json({**results, "about": about})
    else:
        print_table(results, about)


@contextmanager
def private_system(
    standbys: int, settings: Mapping[str, object] | None = None, exchange: Sequence[str] = ()
) -> Iterator[tuple[Loaded, cluster_file.ClusterFile]]:
    """A drilling system with an exchange and a state directory of its own, gone afterwards, interrupted or not.

    `settings` are dotted paths on top of the profile, `exchange` are arguments of the simulated exchange.
    """
    from cli.launch import launch_plan, venue_arguments
    from supervisors.daemonize import detach
    from supervisors.ending import end_system
    from supervisors.launcher import Launcher
    from supervisors.venue_service import VenueService

    home = Path(tempfile.mkdtemp(prefix="v7-bench-"))
    try:
        (home / "vortex.toml").touch()  # so that no file of the operator's is read
        flags = {"profile": "drill", "ray.standbys": standbys, **lives("max_hold_ms", HOLD_MS), **(settings or {})}
        loaded = load({"VORTEX_HOME": str(home)}, flags=flags)
        plan = patient(launch_plan(loaded))
        if exchange:
            own = VenueService(home, [*venue_arguments(loaded.settings), *exchange])
            plan = replace(plan, services=[own if one.name == own.name else one for one in plan.services])
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # the system must not outlive us
        try:
            detach(lambda progress: Launcher(plan, progress).run(), home / "log" / "launcher.log", show_step)
            yield loaded, cluster_file.living(home)
        finally:
            end_system(home)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def lives(name: str, ms: int) -> dict[str, object]:
    """One duration of every strategy's risk settings, by dotted path."""
    return {f"risk.{strategy}.{name}": ms for strategy in STRATEGIES}


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
    table = Table("killed", "detect", "restart", "reconciled", "trading", "weight", box=None, header_style="dim")
    for kind, measures in results.items():
        weight = about["weights"][kind].get("total", 0.0)
        table.add_row(kind, *(cell(measures[name]) for name in measures), f"{weight:,.0f}")
    out.print(table)
    out.print(
        f"ms after the signal, p50 / p99 of {about['rounds']} rounds; request weight of one recovery, mean; "
        f"{about['positions']} positions, at most {about['unprotected_max_ms']} ms without a stop; "
        f"{about['orders']} orders, {about['duplicate_order_ids']} duplicate ids; "
        f"load {about['load']:.1f} on {about['cores']} cores"
    )


def cell(percentiles: dict[str, float | None]) -> str:
    """ "12 / 30", a dash where nothing was seen."""
    return " / ".join("–" if value is None else f"{value:,.0f}" for value in percentiles.values())
