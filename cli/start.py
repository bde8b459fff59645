"""`vortex start`: boots everything and shows it live; with `--detach` returns once the tree is healthy."""

import sys
import threading
from collections import deque
from pathlib import Path
from typing import Annotated

import typer
from rich.live import Live

from cli import render
from cli.failures import REFUSED, explained, out, say
from cli.options import Config, Home, Profile, Symbols, Venue, load_settings
from cli.reading import read_status
from supervisors.daemonize import detach as run_detached
from supervisors.launcher import Launcher, LaunchPlan, Progress
from vortex.kernel.errors import NotRunning, Refused
from vortex.settings import Loaded

REFRESH_S = 0.5
LOG_LINE_S = 5.0
EVENTS_KEPT = 6


@explained
def start(
    *,
    venue: Venue = None,
    symbols: Symbols = None,
    profile: Profile = None,
    config: Config = None,
    home: Home = None,
    data: Annotated[
        list[Path] | None, typer.Option("--data", help="Recorded market data for the simulated exchange; repeatable.")
    ] = None,
    speed: Annotated[
        float | None, typer.Option("--speed", help="Market time per real time, simulated exchange only.", min=0.01)
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Seed of the generated market.", min=0)] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Return once healthy; the system goes on.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before trading with real money.")] = False,
) -> None:
    """Boot services, Ray and the tree, then trade. Ctrl-C stops gracefully.

    Example: vortex start --profile drill --symbols BTCUSDT,ETHUSDT
    """
    loaded = load_settings(
        config,
        home,
        profile,
        symbols=symbols,
        venue__kind=venue,
        venue__speed=speed,
        venue__seed=seed,
        venue__data=[str(path) for path in data] if data else None,
    )
    confirm_live(loaded, yes=yes)
    from cli.launch import launch_plan  # what a start needs, the other commands must not wait for

    plan = launch_plan(loaded)
    if detach:
        run_detached(lambda progress: launch(loaded, plan, progress), plan.home / "log" / "launcher.log", show_step)
        facts = f"VORTEX_HOME={plan.home}" if loaded.origins.get("home") else ""
        out.print(f"running; look with `{facts} vortex status`, stop with `{facts} vortex stop`".replace("` ", "`"))
        return
    raise typer.Exit(Foreground(loaded, plan).run())


def confirm_live(loaded: Loaded, *, yes: bool) -> None:
    """Real money needs a person's word."""
    if loaded.settings.venue.kind != "live" or yes:
        return
    if not sys.stdin.isatty():
        raise Refused("venue live trades with real money: confirm with --yes")
    if not typer.confirm("This trades with real money. Go on?"):
        raise typer.Exit(REFUSED)


def launch(loaded: Loaded, plan: LaunchPlan, progress: Progress) -> int:
    """The launcher's life; with real money only once the doctor has passed everything."""
    if loaded.settings.venue.kind == "live":
        from cli.doctor import require_health

        require_health(loaded, progress)
    return Launcher(plan, progress).run()


def show_step(phase: str, text: str) -> None:
    """One line of progress."""
    out.print(f"[dim]{phase:>9}[/dim]  {text}", highlight=False)


class Foreground:
    """The launcher in this process, with a screen beside it that only reads."""

    def __init__(self, loaded: Loaded, plan: LaunchPlan) -> None:
        self._loaded = loaded
        self._plan = plan
        self._events: deque[str] = deque(maxlen=EVENTS_KEPT)
        self._ready = threading.Event()
        self._over = threading.Event()
        self._live = out.is_terminal

    def run(self) -> int:
        """Serve until stopped; the launcher's exit code."""
        screen = threading.Thread(target=self._show, name="screen", daemon=True)
        screen.start()
        try:
            return launch(self._loaded, self._plan, self._progress)
        finally:
            self._over.set()
            self._ready.set()
            screen.join(timeout=2)

    def _progress(self, phase: str, text: str) -> None:
        self._events.append(f"{phase}: {text}")
        if phase == "ready":
            self._ready.set()
        if phase == "stopping":
            self._over.set()
        if not self._live or not self._ready.is_set() or self._over.is_set():
            show_step(phase, text)

    def _show(self) -> None:
        self._ready.wait()
        if self._over.is_set():
            return
        if self._live:
            self._show_screen()
        else:
            self._show_lines()

    def _show_screen(self) -> None:
        with Live(console=out, screen=True, auto_refresh=False) as live:
            while not self._over.wait(REFRESH_S):
                try:
                    live.update(render.screen(read_status(self._loaded), tuple(self._events)), refresh=True)
                except NotRunning as error:
                    self._events.append(str(error))

    def _show_lines(self) -> None:
        while not self._over.wait(LOG_LINE_S):
            try:
                out.print(render.log_line(read_status(self._loaded)), highlight=False, soft_wrap=True)
            except NotRunning as error:
                say(str(error))
