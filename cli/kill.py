"""`vortex kill`: EM-5. Latch the veto, cancel everything, close everything, prove it from the exchange, end the tree.

Every step is tried whatever became of the one before, and each has a way that needs nothing of the tree:
the latch is written into the journal's database, orders and positions are ended from this very process. Only what the
exchange itself says decides the exit code.
"""

import asyncio
from typing import Annotated, Any

import typer

from cli.direct import Flatness, flatten_directly
from cli.failures import FAILED, explained, out, print_json, say
from cli.launch import with_keys
from cli.options import Config, Home, Json, load_settings
from cli.reading import running_settings
from supervisors import attach, cluster_file, leftovers
from vortex.adapters.embedded.postgres_server import EmbeddedPostgres
from vortex.adapters.postgres.breaker_store import BreakerStore
from vortex.kernel.clock import SystemClock
from vortex.kernel.errors import NotRunning, Refused, VortexError
from vortex.settings import Loaded

TREE_LIMIT_S = 45.0
LATCH_LIMIT_S = 5.0


@explained
def kill(
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    reason: Annotated[str, typer.Option("--reason", help="Kept in the audit log.")] = "operator",
    config: Config = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Stop trading now: veto latched, all orders canceled, all positions closed, verified; then the tree is stopped.

    Works with the tree half or wholly dead. Exit 0 only when the exchange says flat.

    Example: vortex kill --yes --reason "news"
    """
    loaded = load_settings(config, home)
    facts = cluster_file.read(loaded.settings.home_path / "run")
    if facts is None:
        raise NotRunning(f"no system runs in {loaded.settings.home_path}, and none left anything behind")
    if not yes and not typer.confirm("Cancel all orders, close all positions and stop?"):
        raise Refused("not confirmed")
    steps: dict[str, Any] = {"latch": tried(lambda: asyncio.run(latch(loaded, reason)))}
    if facts.launcher.alive:
        steps["tree"] = tried(lambda: ask_tree(loaded, reason))
    flatness = tried(lambda: asyncio.run(flatten_directly(running_settings(loaded, facts), with_keys(loaded), told)))
    steps["exchange"] = flatness
    steps["stop"] = tried(lambda: end_tree(loaded, alive=facts.launcher.alive))
    verdict = flatness.get("answer")
    flat = isinstance(verdict, Flatness) and verdict.flat
    if json:
        print_json({"flat": flat, "steps": steps})
    else:
        for name, step in steps.items():
            out.print(f"{name:>9}  {'ok' if step['ok'] else 'failed'}  {step.get('answer') or step.get('error') or ''}")
        out.print("[green]flat, no open order[/green]" if flat else "[bold red]NOT verified flat[/bold red]")
    if not flat:
        say("look at the account by hand now: positions may be open")
        raise typer.Exit(FAILED)


def tried(step: Any) -> dict[str, Any]:
    """Run a step; its failure is a fact, not an end."""
    try:
        return {"ok": True, "answer": step()}
    except (VortexError, OSError, TimeoutError) as error:
        return {"ok": False, "error": f"{type(error).__name__}: {error}"}
    except Exception as error:  # noqa: BLE001 - Ray raises its own family; no step may keep the next from running
        return {"ok": False, "error": f"{type(error).__name__}: {error}"}


def told(text: str) -> None:
    """Progress of the long step."""
    out.print(f"[dim]{'exchange':>9}[/dim]  {text}", highlight=False)


async def latch(loaded: Loaded, reason: str) -> str:
    """Write the veto where every breaker, now or later, will find it."""
    dsn = with_keys(loaded).postgres or EmbeddedPostgres(loaded.settings.home_path, loaded.settings.database).dsn
    store = BreakerStore(dsn)
    try:
        await asyncio.wait_for(store.latch_kill(reason), LATCH_LIMIT_S)
    finally:
        await store.close()
    return f"latched at {SystemClock().unix()}"


def ask_tree(loaded: Loaded, reason: str) -> dict[str, Any]:
    """The orderly way: breaker latches, executor flattens."""
    root = attach.connect(loaded.settings.home_path)
    try:
        return asyncio.run(asyncio.wait_for(root.kill(reason), TREE_LIMIT_S))
    finally:
        attach.disconnect()


def end_tree(loaded: Loaded, *, alive: bool) -> str:
    """Stop in order, or clean up what a dead launcher left."""
    home = loaded.settings.home_path
    if alive:
        attach.stop(home, "keep")
        return "stopped in order"
    return f"ended {leftovers.clean(home / 'run')} processes left behind"
