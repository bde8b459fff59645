"""`vortex status`: the whole system on one page, once or live."""

import io
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from cli import render
from cli.failures import explained, out, print_json
from cli.options import Config, Home, Json, load_settings
from cli.reading import read_status

REFRESH_S = 0.5
PICTURE_COLUMNS = 150


@explained
def status(
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Keep showing until interrupted.")] = False,
    svg: Annotated[Path | None, typer.Option("--svg", help="Save the page as a picture.", show_default=False)] = None,
    config: Config = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """The tree, symbols, positions, breaker, account, reconciliation and services.

    Example: vortex status --json
    """
    loaded = load_settings(config, home)
    if json:
        print_json(read_status(loaded))
        return
    if svg is not None:
        paper = Console(record=True, width=PICTURE_COLUMNS, file=io.StringIO())
        paper.print(render.printed(read_status(loaded)))
        paper.save_svg(str(svg), title="vortex status")
        return
    if not watch:
        out.print(render.printed(read_status(loaded)))
        return
    with Live(console=out, screen=out.is_terminal, auto_refresh=False) as live:
        while True:
            live.update(render.screen(read_status(loaded)), refresh=True)
            time.sleep(REFRESH_S)
