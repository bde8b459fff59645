"""`vortex bench venue`: how much trading and streaming the simulated exchange bears beside a client of its own."""

import asyncio
import gc
import json as text
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.failures import err, explained, out, print_json
from cli.options import Json
from vortex.exchange.instruments import DEFAULT_INSTRUMENTS
from vortex.kernel.errors import VortexError

if TYPE_CHECKING:
    from cli.venue_load import Plan

ORDERS_PER_S = 300
P99_MS = 20.0
BALANCE = "100000000"
BOOT_S = 120.0


@explained
def venue(
    *,
    orders_per_s: Annotated[int, typer.Option(help="Order requests sent per second, half of them cancels.", min=2)] = (
        ORDERS_PER_S
    ),
    symbols: Annotated[
        int, typer.Option(help="Markets listed and listened to.", min=1, max=len(DEFAULT_INSTRUMENTS))
    ] = 5,
    speed: Annotated[float, typer.Option(help="Exchange time per real time.", min=0.1, max=1000)] = 20.0,
    seconds: Annotated[float, typer.Option(help="How long is measured.", min=1)] = 30.0,
    seed: Annotated[int, typer.Option(help="Seed of the generated market.", min=0)] = 1,
    json: Json = False,
) -> None:
    """Trade at a fixed rate on an exchange of its own process while listening to every market (docs/venue.md).

    Requests leave on a schedule that waits for no answer, so latency counts from when each was due.

    Example: vortex bench venue --orders-per-s 300 --symbols 5 --speed 20 --json
    """
    import uvloop

    from cli.venue_load import Plan

    listed = tuple(DEFAULT_INSTRUMENTS)[:symbols]
    plan = Plan(symbols=listed, orders_per_s=orders_per_s, speed=speed, seconds=seconds)
    document = uvloop.run(_measure(plan, seed))
    if json:
        print_json(document)
    else:
        _print(document)


async def _measure(plan: "Plan", seed: int) -> dict[str, Any]:
    import psutil

    from cli.venue_load import Load

    async with _exchange(plan, seed) as ready:
        gc.collect()
        gc.freeze()  # pauses of this client are none of the exchange's
        return await Load(plan, ready["rest"], ready["ws"], psutil.Process(ready["pid"])).run()


@asynccontextmanager
async def _exchange(plan: "Plan", seed: int) -> AsyncIterator[dict[str, Any]]:
    """An exchange in a process of its own that counts no limits, gone afterwards."""
    err.print(f"[dim]starting an exchange with {', '.join(plan.symbols)}[/dim]", highlight=False, soft_wrap=True)
    options = ["--symbols", ",".join(plan.symbols), "--speed", str(plan.speed), "--seed", str(seed)]
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "vortex.adapters.venue", "--port", "0", "--no-limits", "--balance", BALANCE, *options],
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(BOOT_S):
            line = await process.stdout.readline()
        if not line:
            raise VortexError("the exchange did not start; what it said stands above")
        yield text.loads(line)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


def _print(document: dict[str, Any]) -> None:
    """The figures, each with its budget where there is one."""
    market, client = document["market"], document["client"]
    wanted = document["asked"]

    def line(name: str, value: str) -> None:
        out.print(f"{name:<16}{value}", highlight=False, soft_wrap=True)

    line("orders", f"{document['orders_per_s']:,.0f}/s of {wanted['orders_per_s']:,}, {document['refused']} refused")
    for name in ("latency", "place", "cancel"):
        figures = document[f"{name}_ms"]
        budget = f"   (budget: p99 < {P99_MS:.0f})" if name == "latency" else ""
        line(f"{name} ms", "  ".join(f"{key} {value:.1f}" for key, value in figures.items()) + budget)
    events = document["user_events"]
    line("user events", f"{events['received']:,} received, {events['missing']} missing of {events['expected']:,}")
    line("streams", f"{market['messages_per_s']:,.0f} messages/s, {market['megabytes_per_s']:.1f} MB/s")
    late = f"{market['lag_ms_max']:,.0f} ms of its time late at most"
    line("market speed", f"{market['speed_held']:.2f} held of {wanted['speed']:g}, {late}")
    used = f"{document['venue']['cpu_percent']:.0f} % of a core, {document['venue']['rss_mb']:.0f} MB"
    beside = f"client {client['cpu_percent']:.0f} %; load {client['load']:.1f} on {client['cores']} cores"
    line("exchange", f"{used}; {beside}")
