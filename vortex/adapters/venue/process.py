"""The exchange as a process: runs until it is told to stop, and says on standard output where it listens."""

import asyncio
import json
import signal
import sys

import uvloop

from vortex.adapters.venue.server import serve
from vortex.adapters.venue.settings import VenueSettings


def run(settings: VenueSettings) -> None:
    """Serve until SIGTERM or SIGINT; one JSON line {"rest", "ws", "pid"} when ready. OSError when it cannot listen."""
    uvloop.run(_run(settings))


async def _run(settings: VenueSettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def ready(message: dict[str, object]) -> None:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()

    await serve(settings, ready, stop)
