"""`python -m vortex.adapters.venue --port 8700`: a simulated exchange of its own, for any Binance USDT-M client.

Prints one JSON line {"rest", "ws", "pid"} when it is ready; SIGTERM and SIGINT stop it cleanly.
"""

import argparse
import asyncio
import json
import signal
import sys
from decimal import Decimal

import uvloop

from vortex.adapters.venue.server import serve
from vortex.adapters.venue.settings import VenueSettings
from vortex.kernel.errors import ConfigError


def _settings() -> VenueSettings:
    known = VenueSettings()
    parser = argparse.ArgumentParser(prog="python -m vortex.adapters.venue", description=__doc__)
    parser.add_argument("--host", default=known.host)
    parser.add_argument("--port", type=int, default=known.port, help="0 takes a free port")
    parser.add_argument("--symbols", help=f"comma-separated; {','.join(known.symbols)}, or those of the files")
    parser.add_argument("--seed", type=int, default=known.seed)
    parser.add_argument("--speed", type=float, default=known.speed)
    parser.add_argument("--data", action="append", default=[], help="recorded file; may be repeated")
    parser.add_argument("--balance", type=Decimal, default=known.balance, help="USDT at the start")
    parser.add_argument("--fault-seed", type=int, default=known.fault_seed)
    parser.add_argument("--any-route", action="store_true", help="unrouted stream paths carry every stream")
    chosen = parser.parse_args()
    return VenueSettings(
        host=chosen.host,
        port=chosen.port,
        symbols=tuple(chosen.symbols.split(",")) if chosen.symbols else () if chosen.data else known.symbols,
        seed=chosen.seed,
        speed=chosen.speed,
        data=tuple(chosen.data),
        balance=chosen.balance,
        fault_seed=chosen.fault_seed,
        route_fidelity=not chosen.any_route,
    )


async def _run(settings: VenueSettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def ready(message: dict[str, object]) -> None:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()

    await serve(settings, ready, stop)


def main() -> int:
    """Run until told to stop; 2 when the settings are wrong."""
    try:
        uvloop.run(_run(_settings()))
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"cannot listen: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
