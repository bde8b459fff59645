"""`vortex`: the command line."""

import io
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from cli import bench, config, db, operate, report, venue
from cli.bench_engines import engines
from cli.bench_latency import latency
from cli.bench_replay import replay as bench_replay
from cli.bench_venue import venue as bench_venue
from cli.doctor import doctor
from cli.kill import kill
from cli.replay import replay
from cli.sim import sim_command
from cli.start import start
from cli.status import status

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help="VORTEX-7: supervised short-term trading of Binance USDT-M perpetual futures.",
)


def show_version(wanted: bool) -> None:
    """Print the version and end."""
    if wanted:
        typer.echo(version("vortex7"))
        raise typer.Exit


@app.callback()
def main(
    _version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """VORTEX-7: supervised short-term trading of Binance USDT-M perpetual futures."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # where "→" and "…" cannot be written, "?" is better than no answer


app.command()(start)
app.command()(status)
app.command()(operate.reconcile)
app.command()(kill)
app.command()(operate.stop)
app.command()(operate.resume)
app.command()(doctor)
app.command()(replay)
app.command("sim")(sim_command)
app.add_typer(venue.app, name="venue")
bench.app.command()(engines)
bench.app.command()(latency)
bench.app.command("replay")(bench_replay)
bench.app.command("venue")(bench_venue)
app.add_typer(bench.app, name="bench")
app.add_typer(report.app, name="report")
app.add_typer(config.app, name="config")
app.add_typer(db.app, name="db")
