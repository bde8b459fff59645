"""`vortex reconcile`, `stop` and `resume`: an operator's words to a running system."""

import asyncio
import json as jsonlib
import os
from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table

from cli.failures import DIFFERENCES, UNRESOLVED, explained, out, print_json
from cli.latch import lift
from cli.options import Config, Home, Json, load_settings
from supervisors import attach, cluster_file
from vortex.domain.commands import BreakerCommand, LiftHalt, OperatorCommand, Reconcile, ResumeTrading
from vortex.kernel.clock import SystemClock
from vortex.kernel.errors import ConfigError, NotRunning, Refused
from vortex.settings import Loaded

COMMAND_LIMIT_S = 90.0


def order(loaded: Loaded, *steps: tuple[str, OperatorCommand | BreakerCommand]) -> list[dict[str, Any]]:
    """Put commands to roles of the running tree, in order; their answers as documents."""
    root = attach.connect(loaded.settings.home_path)

    async def put() -> list[str]:
        return [
            await asyncio.wait_for(root.command(role, msgspec.msgpack.encode(body)), COMMAND_LIMIT_S)
            for role, body in steps
        ]

    try:
        return [jsonlib.loads(answer) for answer in asyncio.run(put())]
    except TimeoutError as error:
        raise NotRunning(f"no answer within {COMMAND_LIMIT_S:.0f} s") from error
    finally:
        attach.disconnect()


@explained
def reconcile(
    *,
    symbol: Annotated[str, typer.Option("--symbol", help="Only this symbol.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Compare only, change nothing.")] = False,
    config: Config = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Compare orders, positions, fills and balances with the exchange now (S3-9).

    Exit 0 clean, 5 differences found and all resolved, 6 some unresolved.

    Example: vortex reconcile --symbol BTCUSDT --dry-run
    """
    loaded = load_settings(config, home)
    request = f"cli-{os.getpid()}-{SystemClock().mono()}"
    [report] = order(loaded, ("executor", Reconcile(request_id=request, symbol=symbol, dry_run=dry_run)))
    if "error" in report:
        raise Refused(str(report["error"]))
    if json:
        print_json(report)
    else:
        print_report(report)
    if report["unresolved"]:
        raise typer.Exit(UNRESOLVED)
    if report["differences"]:
        raise typer.Exit(DIFFERENCES)


def print_report(report: dict[str, Any]) -> None:
    """Each difference with its class and the rule that settled it."""
    if not report["differences"]:
        out.print("exchange and journal agree")
        return
    table = Table("kind", "symbol", "key", "ours", "theirs", "rule", "resolved", box=None, header_style="dim")
    for row in report["differences"]:
        table.add_row(
            *(str(row.get(key, "")) for key in ("kind", "symbol", "key", "ours", "theirs", "rule")),
            "yes" if row.get("resolved") else "[red]no[/red]",
        )
    out.print(table)


@explained
def stop(
    *,
    flatten: Annotated[bool, typer.Option("--flatten", help="Close open positions first.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave positions to their stops on the exchange.")] = False,
    config: Config = None,
    home: Home = None,
) -> None:
    """End the system in order. Without a flag the setting shutdown.on_stop decides.

    Example: vortex stop --keep
    """
    loaded = load_settings(config, home)
    if flatten and keep:
        raise ConfigError("--flatten and --keep exclude each other")
    mode = "flatten" if flatten else "keep" if keep else loaded.settings.shutdown.on_stop
    attach.stop(loaded.settings.home_path, mode)
    out.print(f"stopped ({mode})")


@explained
def resume(
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why it is safe to trade again; audited.")],
    config: Config = None,
    home: Home = None,
) -> None:
    """Clear latched breakers. With no system running, clears the latch that the next start would find.

    Example: vortex resume --reason "checked positions by hand"
    """
    if not reason.strip():
        raise ConfigError("--reason: say why it is safe to trade again")
    loaded = load_settings(config, home)
    try:
        cluster_file.living(loaded.settings.home_path)
    except NotRunning:
        lift(loaded)
        out.print("nothing is running; the latch in the journal is cleared for the next start")
        return
    order(loaded, ("breaker", ResumeTrading(reason=reason)), ("executor", LiftHalt(why=reason)))
    out.print("breakers cleared; trading resumes when their conditions hold")
