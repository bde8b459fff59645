"""`python -m vortex.adapters.venue --port 8700`: a simulated exchange of its own, for any Binance USDT-M client.

Prints one JSON line {"rest", "ws", "pid"} when it is ready; SIGTERM and SIGINT stop it cleanly.
"""

import argparse
import sys
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path

from vortex.adapters.venue.keys import Keyring, load_keys
from vortex.adapters.venue.process import run
from vortex.adapters.venue.settings import UNLIMITED, VenueSettings
from vortex.kernel.errors import ConfigError

CLIENT_CLOCKS = ("exchange", "wall", "either")
CLOCK_HELP = "whose time a request's timestamp must agree with when the exchange runs at another pace"


def _money(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not an amount of USDT") from error


def _settings() -> VenueSettings:
    known = VenueSettings()
    parser = argparse.ArgumentParser(prog="python -m vortex.adapters.venue", description=__doc__)
    parser.add_argument("--host", default=known.host)
    parser.add_argument("--port", type=int, default=known.port, help="0 takes a free port")
    parser.add_argument("--symbols", help=f"comma-separated; {','.join(known.symbols)}, or those of the files")
    parser.add_argument("--seed", type=int, default=known.seed)
    parser.add_argument("--speed", type=float, default=known.speed)
    parser.add_argument("--data", action="append", default=[], help="recorded file or folder; may be repeated")
    parser.add_argument("--balance", type=_money, default=known.balance, help="USDT at the start")
    parser.add_argument("--fault-seed", type=int, default=known.fault_seed)
    parser.add_argument("--any-route", action="store_true", help="unrouted stream paths carry every stream")
    parser.add_argument("--keys", type=Path, help="TOML or JSON file with the API keys that are let in")
    parser.add_argument("--client-clock", choices=CLIENT_CLOCKS, default=known.rules.client_clock, help=CLOCK_HELP)
    parser.add_argument("--strict-parameters", action="store_true", help="refuse parameters that nobody reads (-1104)")
    parser.add_argument("--no-limits", action="store_true", help="no request weight or order count is too much")
    chosen = parser.parse_args()
    ring = Keyring(known.keys, {}) if chosen.keys is None else load_keys(chosen.keys)
    rules = replace(
        known.rules,
        client_clock=chosen.client_clock,
        strict_parameters=chosen.strict_parameters,
        limits=UNLIMITED if chosen.no_limits else known.rules.limits,
    )
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
        keys=ring.keys,
        balances=ring.balances,
        rules=rules,
    )


def main() -> int:
    """Run until told to stop; 2 when the settings are wrong."""
    try:
        run(_settings())
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"cannot listen: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
