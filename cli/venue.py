"""`vortex venue`: the simulated exchange alone, for any Binance USDT-M client."""

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from cli.failures import explained
from vortex.adapters.venue.settings import VenueSettings
from vortex.kernel.errors import ConfigError

app = typer.Typer(no_args_is_help=True, help="The simulated exchange.")


@app.callback()
def venue() -> None:
    """The simulated exchange."""


@app.command()
@explained
def serve(
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free port.", min=0, max=65_535)] = 8700,
    data: Annotated[list[Path] | None, typer.Option(help="Recorded file or folder; may be repeated.")] = None,
    symbols: Annotated[str, typer.Option(help="Comma-separated.")] = "BTCUSDT,ETHUSDT",
    seed: Annotated[int, typer.Option(help="Seed of the generated market.", min=0)] = 7,
    speed: Annotated[float, typer.Option(help="Exchange time per real time.", min=0.01, max=1000)] = 1.0,
) -> None:
    """Serve Binance's REST and WebSocket protocol on loopback until interrupted.

    Example: vortex venue serve --port 8700 --seed 7 --speed 2
    """
    settings = VenueSettings(
        host=host,
        port=port,
        symbols=tuple(part.strip() for part in symbols.split(",") if part.strip()),
        seed=seed,
        speed=speed,
        data=tuple(str(path) for path in data or ()),
    )
    try:
        asyncio.run(_serve(settings))
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host}:{port} ({error.strerror or error}): choose another --port, 0 takes a free one"
        ) from error


async def _serve(settings: VenueSettings) -> None:
    from vortex.adapters.venue.server import serve as serve_venue  # a server's weight is for this command alone

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def ready(message: dict[str, object]) -> None:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()

    await serve_venue(settings, ready, stop)
