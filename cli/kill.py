"""`vortex kill`: EM-5. Latch the veto, cancel everything, close everything, prove it from the exchange, end the tree.

Every step is tried whatever became of the one before, and each has a way that needs nothing of the tree:
the latch is written into the journal's database, orders and positions are ended from this very process. Only what the
exchange itself says decides the exit code.
"""

import asyncio
import os
import sys
import threading
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.failures import FAILED, explained, out, print_json, say
from cli.keys import with_keys
from cli.latch import latch_cold, latch_warm
from cli.options import Config, Home, Json, load_settings
from cli.reading import running_settings
from supervisors import attach, cluster_file, leftovers
from supervisors.cluster_file import ClusterFile
from vortex.kernel.errors import NotRunning, Refused, VortexError
from vortex.settings import Loaded, Settings

if TYPE_CHECKING:
    from cli.direct import Flatness

CONNECT_LIMIT_S = 10.0
"""Ray without its control plane keeps a caller waiting; positions must not wait with it."""
TREE_LIMIT_S = 45.0

Steps = dict[str, dict[str, Any]]


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
    settings = loaded.settings if facts is None else running_settings(loaded, facts)
    if settings.venue.kind == "sim" and not settings.venue.rest_url:
        raise NotRunning(f"no system runs in {settings.home_path}, and none left anything behind")
    if not yes:
        confirm()
    steps: Steps = {"latch": tried(lambda: latch_warm(loaded, reason))}
    if facts is not None and facts.launcher.alive:
        end_living(loaded, settings, reason, steps)
    else:
        end_dead(loaded, settings, reason, facts, steps)
    flat = is_flat(steps)
    if json:
        print_json({"flat": flat, "steps": steps})
    else:
        for name, step in steps.items():
            out.print(f"{name:>9}  {'ok' if step['ok'] else 'failed'}  {step.get('answer') or step.get('error') or ''}")
        out.print("[green]flat, no open order[/green]" if flat else "[bold red]NOT verified flat[/bold red]")
    if not flat:
        say("look at the account by hand now: positions may be open")
    leave(0 if flat else FAILED)


def confirm() -> None:
    """A person's word, where there is a person."""
    if not sys.stdin.isatty():
        raise Refused("this closes all positions: confirm with --yes")
    if not typer.confirm("Cancel all orders, close all positions and stop?"):
        raise Refused("not confirmed")


def end_living(loaded: Loaded, settings: Settings, reason: str, steps: Steps) -> None:
    """The tree is asked first; whatever it did, the exchange is then asked and told from here.

    A tree that did not acknowledge may still send entries, so it is looked again once it is gone. An embedded exchange
    goes with it.
    """
    steps["tree"] = within(CONNECT_LIMIT_S + TREE_LIMIT_S, lambda: ask_tree(loaded, reason))
    steps["exchange"] = flatten(loaded, settings)
    steps["stop"] = tried(lambda: end_tree(loaded))
    acknowledged = steps["tree"]["ok"] and all(step["ok"] for step in steps["tree"]["answer"].values())
    if not acknowledged and loaded.settings.venue.rest_url == settings.venue.rest_url:
        steps["exchange"] = flatten(loaded, settings)


def end_dead(loaded: Loaded, settings: Settings, reason: str, facts: ClusterFile | None, steps: Steps) -> None:
    """No launcher: its orphans, which may still trade, are ended first, the servers only after the last question.

    The latch may need a server to be started, which takes seconds, so then it comes last.
    """
    if facts is not None:
        steps["tree"] = tried(lambda: f"ended {leftovers.end_tree(facts)} processes left behind")
    steps["exchange"] = flatten(loaded, settings)
    steps["stop"] = tried(lambda: f"ended {leftovers.clean(settings.home_path / 'run')} servers left behind")
    if not steps["latch"]["ok"]:
        steps["latch"] = tried(lambda: latch_cold(loaded, reason))


def flatten(loaded: Loaded, settings: Settings) -> dict[str, Any]:
    """Directly against the exchange, from this process."""
    from cli.direct import flatten_directly  # brings the exchange's client along; the help must not wait for it

    return tried(lambda: asyncio.run(flatten_directly(settings, with_keys(loaded), told)))


def is_flat(steps: Steps) -> bool:
    """What the exchange said last."""
    verdict: Flatness | None = steps["exchange"].get("answer")
    return verdict is not None and verdict.flat


def tried(step: Any) -> dict[str, Any]:
    """Run a step; its failure is a fact, not an end."""
    try:
        return {"ok": True, "answer": step()}
    except (VortexError, OSError, TimeoutError) as error:
        return {"ok": False, "error": f"{type(error).__name__}: {error}"}
    except Exception as error:  # noqa: BLE001 - Ray raises its own family; no step may keep the next from running
        return {"ok": False, "error": f"{type(error).__name__}: {error}"}


def within(limit_s: float, step: Any) -> dict[str, Any]:
    """The same, but a step that hangs is left behind in its thread."""
    done: list[dict[str, Any]] = []
    thread = threading.Thread(target=lambda: done.append(tried(step)), name="step", daemon=True)
    thread.start()
    thread.join(limit_s)
    return done[0] if done else {"ok": False, "error": f"no answer within {limit_s:.0f} s"}


def leave(code: int) -> None:
    """End with the code, even when a step still hangs in its thread and would keep the interpreter from ending."""
    if any(thread.name == "step" for thread in threading.enumerate()):
        sys.stdout.flush()
        os._exit(code)
    if code:
        raise typer.Exit(code)


def told(text: str) -> None:
    """Progress of the long step."""
    out.print(f"[dim]{'exchange':>9}[/dim]  {text}", highlight=False)


def ask_tree(loaded: Loaded, reason: str) -> dict[str, Any]:
    """The orderly way: breaker latches, executor flattens."""
    root = attach.connect(loaded.settings.home_path)
    try:
        return asyncio.run(asyncio.wait_for(root.kill(reason), TREE_LIMIT_S))
    finally:
        attach.disconnect()


def end_tree(loaded: Loaded) -> str:
    """Stop in order; the launcher uses force when that does not work."""
    attach.stop(loaded.settings.home_path, "keep")
    return "stopped in order"
