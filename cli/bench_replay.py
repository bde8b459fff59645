"""`vortex bench replay`: how fast recorded or generated events go through engines, decision, risk and fills."""

from pathlib import Path
from typing import Annotated

import typer

from cli.failures import explained, out, print_json
from cli.options import Json, Profile, load_settings
from cli.replay import tell
from vortex.kernel.clock import SystemClock

EVENTS = 2_000_000


@explained
def replay(
    *,
    data: Annotated[Path | None, typer.Option(help="Recorded files or a folder.", show_default=False)] = None,
    events: Annotated[int, typer.Option(help="Generated events, 14 trades to one book.", min=1_000)] = EVENTS,
    profile: Profile = None,
    json: Json = False,
) -> None:
    """Replay as fast as possible on one core, without samples of the checklist. `seconds` leaves out making the events.

    Example: vortex bench replay --events 2000000 --json
    """
    from cli.replay_run import Run, replay_settings

    run = Run(replay_settings(load_settings(None, None, profile).settings, 0), SystemClock(), tell)
    if data is not None:
        run.recorded([data], None)
    else:
        run.generated(events)
    result = run.result()
    document = {
        "events": result.events,
        "seconds": result.seconds,
        "events_per_s": result.events_per_s,
        "peak_rss_mb": result.peak_rss_mb,
        "orders": result.orders,
        "engines_seconds": result.engines_seconds,
        "engines_events_per_s": result.engines_events_per_s,
        "read_seconds": result.read_seconds,
        "decisions": result.decisions,
        "hash": result.hash,
    }
    if json:
        print_json(document)
        return
    out.print(
        f"{result.events:,} events in {result.seconds:.2f} s: {result.events_per_s:,.0f} events/s, "
        f"{result.engines_events_per_s:,.0f} through feed, engines and score alone; making them "
        f"{result.read_seconds:.2f} s; {result.decisions:,} decisions, {result.orders:,} orders; "
        f"peak {result.peak_rss_mb:.0f} MB",
        soft_wrap=True,
    )
