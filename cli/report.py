"""`vortex report`: what the signals say on recordings and on the generated market, in tables, pictures and JSON."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.table import Table

from cli.failures import explained, out, print_json
from cli.options import Config, Json, Profile, load_settings
from cli.replay import tell
from vortex.kernel.clock import SystemClock

if TYPE_CHECKING:  # the kernels bring the compiler along; the other commands do without
    from cli.signal_runs import Row
    from vortex.signals.settings import SignalSettings

HOURS = 2.0
SEED = 7

app = typer.Typer(no_args_is_help=True, help="Reports with pictures.")


@app.callback()
def report() -> None:
    """Reports with pictures."""


@app.command()
@explained
def signals(
    paths: Annotated[list[Path], typer.Argument(help="Recordings: a file, or a folder of one session, each.")],
    *,
    out_folder: Annotated[
        Path | None, typer.Option("--out", help="Draw SVG pictures into this folder.", show_default=False)
    ] = None,
    docs: Annotated[
        Path | None, typer.Option("--docs", help="Rewrite the generated section of this page.", show_default=False)
    ] = None,
    hours: Annotated[float, typer.Option(help="Generated market to compare with; 0 for none.", min=0.0)] = HOURS,
    seed: Annotated[int, typer.Option(help="Seed of the generated market.", min=0)] = SEED,
    profile: Profile = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Distribution of every engine, how often each item of the checklist fails, how often each strategy qualifies.

    Minutes of a path without trades are the past of recordings soon after them. The same input gives the same output.

    Example: vortex report signals recordings/BTCUSDT --out docs/img --docs docs/signals.md
    """
    from cli.plots import need_matplotlib
    from cli.replay_run import replay_settings
    from cli.signal_runs import generated_rows, recorded_rows
    from cli.signal_tables import check_markers, rewrite, section
    from vortex.sim.replay_desk import SAMPLE_MS

    loaded = load_settings(config, None, profile)
    settings = replay_settings(loaded.settings, SAMPLE_MS)
    if docs is not None:
        check_markers(docs)
    pictures: list[Path] = []
    if out_folder is not None:
        need_matplotlib()
        out_folder.mkdir(parents=True, exist_ok=True)
        pictures += draw_forms(settings.signals, out_folder)
    clock = SystemClock()
    rows = recorded_rows(paths, settings, clock, tell)
    if hours > 0.0:
        rows += generated_rows(hours, seed, settings, clock, tell)
    if out_folder is not None:
        pictures += draw_rows(rows, out_folder)
    if docs is not None:
        rewrite(docs, section(rows, f"Profile `{loaded.settings.profile}`, one sample per second of market time."))
    if json:
        names = [path.name for path in pictures]
        print_json({"profile": loaded.settings.profile, "recordings": msgspec.to_builtins(rows), "pictures": names})
        return
    print_rows(rows)
    for path in pictures:
        out.print(str(path), soft_wrap=True, highlight=False)


def draw_forms(settings: "SignalSettings", folder: Path) -> list[Path]:
    """The forms of all engines; the pictures drawn."""
    from cli import plot_forms
    from vortex.signals.forms import forms

    drawn: list[Path] = []
    for engine, panels in forms(settings).items():
        drawn.append(folder / f"signals-{engine}.svg")
        plot_forms.draw_forms(engine, panels, drawn[-1])
    return drawn


def draw_rows(rows: "Sequence[Row]", folder: Path) -> list[Path]:
    """What the recordings said; the pictures drawn."""
    from cli import plot_signals

    drawn: list[Path] = []
    for name, draw in (
        ("directions", plot_signals.draw_directions),
        ("strengths", plot_signals.draw_strengths),
        ("scores", plot_signals.draw_scores),
        ("checklist", plot_signals.draw_checklist),
        ("strategies", plot_signals.draw_strategies),
    ):
        drawn.append(folder / f"signals-{name}.svg")
        draw(rows, drawn[-1])
    return drawn


def print_rows(rows: "Sequence[Row]") -> None:
    """A summary for a person; the tables in full are for the document, the counts for JSON."""
    from vortex.sim.replay_signals import share

    table = Table("recording", "warm", "gate", "A", "B", "C", "fails most", box=None, header_style="dim")
    for row in rows:
        signals = row.signals
        item, count = max(signals.failed.items(), key=lambda each: each[1])
        table.add_row(
            f"{row.key} {row.label}",
            f"{share(signals.warm, signals.samples):.0%}",
            f"{share(signals.beyond_gate, signals.samples):.1%}",
            *(f"{share(strategy.qualified, signals.samples):.2%}" for strategy in signals.strategies.values()),
            f"{item} {share(count, signals.samples):.0%}",
        )
    out.print(table)
    out.print(
        f"Shares of {sum(row.signals.samples for row in rows):,} samples, one per second: all engines warm, score "
        "beyond the gate, strategy qualifies, item of the checklist that fails most.",
        soft_wrap=True,
    )
