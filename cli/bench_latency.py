"""`vortex bench latency`: from the socket read of a market event to the last byte of the order that it caused."""

from typing import Annotated, Any

import psutil
import typer
from rich.table import Table

from cli.bench import lives, private_system, show
from cli.failures import explained, out, print_json
from cli.options import Json
from cli.reading import mirrored_views

QUICKLY: dict[str, object] = {
    **lives("max_hold_ms", 300),
    **lives("entry_timeout_ms", 500),
    "execution.weight_1m_limit": 100_000,
    "execution.orders_1m_limit": 100_000,
}
"""What is measured are entries, so they should follow one another: about one a second, which is what our own limit of
bursts lets through."""


@explained
def latency(
    *,
    seconds: Annotated[float, typer.Option(help="Measure for at most so long.", min=1.0)] = 60.0,
    orders: Annotated[int, typer.Option(help="End earlier after so many orders.", min=1)] = 1_000,
    speed: Annotated[float, typer.Option(help="Market time per real time; more makes a busier market.", min=0.1)] = 1.0,
    rehearse_ms: Annotated[int, typer.Option(help="`market.rehearse_ms`; 0 rehearses nothing.", min=0)] = 4,
    json: Json = False,
) -> None:
    """Time every stage between tick and order in a trading system (docs/performance.md).

    Boots a system of its own with the drill profile and the simulated exchange; what runs already is not touched.

    Example: vortex bench latency --seconds 60 --json
    """
    from supervisors.bench_latency import Watch

    chosen = {**QUICKLY, "venue.speed": speed, "market.rehearse_ms": rehearse_ms}
    with private_system(0, chosen, ["--no-limits"]) as (loaded, _):
        load_before = psutil.getloadavg()[0]
        result: dict[str, Any] = Watch(lambda: mirrored_views(loaded), show).run(seconds, orders)
        result["about"] = {
            "speed": speed,
            "rehearse_ms": rehearse_ms,
            "cores": psutil.cpu_count(),
            "load": [load_before, psutil.getloadavg()[0]],
        }
    if json:
        print_json(result)
    else:
        print_tables(result)


def print_tables(result: dict[str, Any]) -> None:
    """The way of an order, stage by stage, and what single events cost, in µs."""
    way = Table("tick to order, µs", "p50", "p99", box=None, header_style="dim")
    for stage, p50 in result["stages_us"].items():
        way.add_row(stage, cell(p50), cell(result["stages_p99_us"][stage]))
    total = result["tick_to_order_us"]
    way.add_row("whole way", cell(total["p50"]), cell(total["p99"]), style="bold")
    live = Table("in the symbol's process, µs", "p50", "p99", "count", box=None, header_style="dim")
    for name, row in result["live_us"].items():
        live.add_row(name, cell(row["p50"]), cell(row["p99"]), f"{row['count']:,}")
    out.print(way)
    out.print(live)
    out.print(
        f"{result['orders']} orders timed (p90 {cell(total['p90'])}, p999 {cell(total['p999'])} µs), "
        f"{result['orders_by_clock']} more led to by time, {result['denied']} entries denied; "
        f"{result['events_per_s']:,.0f} market events a second; "
        f"load {result['about']['load'][1]:.1f} on {result['about']['cores']} cores",
        soft_wrap=True,
    )


def cell(us: float | None) -> str:
    """ "12.3", a dash where nothing was seen."""
    return "–" if us is None else f"{us:,.1f}"
