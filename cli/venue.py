"""`vortex venue`: the simulated exchange alone, for any Binance USDT-M client."""

from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cli.failures import explained
from vortex.adapters.venue.keys import Keyring, load_keys
from vortex.adapters.venue.settings import BALANCE_MAX, DEFAULT_SEED, UNLIMITED, VenueSettings
from vortex.exchange.floor import VenueRules
from vortex.kernel.errors import ConfigError


class ClientClock(StrEnum):
    """Whose time counts."""

    EXCHANGE = "exchange"
    WALL = "wall"
    EITHER = "either"


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
    symbols: Annotated[str, typer.Option(help="Comma-separated; BTCUSDT,ETHUSDT, or those of the files.")] = "",
    seed: Annotated[int, typer.Option(help="Seed of the generated market.", min=0)] = DEFAULT_SEED,
    speed: Annotated[float, typer.Option(help="Exchange time per real time.", min=0.01, max=1000)] = 1.0,
    balance: Annotated[str, typer.Option(help="USDT of every account at the start.")] = "10000",
    fault_seed: Annotated[int, typer.Option(help="Seed of the faults' chances.", min=0)] = 1,
    keys: Annotated[Path | None, typer.Option(help="TOML or JSON file with the API keys that are let in.")] = None,
    client_clock: Annotated[
        ClientClock, typer.Option(help="Whose time a request's timestamp must agree with.")
    ] = ClientClock.EITHER,
    strict_parameters: Annotated[bool, typer.Option(help="Refuse parameters that nobody reads (-1104).")] = False,
    any_route: Annotated[bool, typer.Option(help="Unrouted stream paths carry every stream.")] = False,
    no_limits: Annotated[bool, typer.Option(help="No request weight or order count is too much.")] = False,
) -> None:
    """Serve Binance's REST and WebSocket protocol on loopback until interrupted.

    Example: vortex venue serve --port 8700 --seed 7 --speed 2
    """
    from vortex.adapters.venue.process import run  # a server's weight is for this command alone

    known = VenueSettings()
    ring = Keyring(known.keys, {}) if keys is None else load_keys(keys)
    named = tuple(part.strip() for part in symbols.split(",") if part.strip())
    settings = VenueSettings(
        host=host,
        port=port,
        symbols=named or (() if data else known.symbols),
        seed=seed,
        speed=speed,
        data=tuple(str(path) for path in data or ()),
        keys=ring.keys,
        balances=ring.balances,
        balance=_money(balance),
        fault_seed=fault_seed,
        route_fidelity=not any_route,
        rules=VenueRules(
            client_clock=client_clock.value,
            strict_parameters=strict_parameters,
            limits=UNLIMITED if no_limits else known.rules.limits,
        ),
    )
    try:
        run(settings)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host}:{port} ({error.strerror or error}): choose another --port, 0 takes a free one"
        ) from error


def _money(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or not 0 <= amount <= BALANCE_MAX:
        raise ConfigError(f"--balance is an amount of USDT from 0 to {BALANCE_MAX:,}, not {text!r}")
    return amount
