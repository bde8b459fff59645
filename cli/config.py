"""`vortex config`: the settings in force, where each came from, and where files are looked for."""

import os
from typing import Annotated

import typer
from rich.table import Table

from cli.failures import explained, out, print_json
from cli.options import Config, Home, Json, Profile, load_settings
from vortex.settings import locate as config_places
from vortex.settings import show as shown_settings

app = typer.Typer(no_args_is_help=True, help="Show, check and locate settings.")


@app.command()
@explained
def show(
    *,
    changed: Annotated[bool, typer.Option("--changed", help="Only what differs from the defaults.")] = False,
    config: Config = None,
    home: Home = None,
    profile: Profile = None,
    json: Json = False,
) -> None:
    """The settings in force and the origin of each value; secrets are masked.

    Example: vortex config show --profile drill --changed
    """
    rows = [
        row for row in shown_settings(load_settings(config, home, profile)) if not changed or row.origin != "default"
    ]
    if json:
        print_json({row.path: {"value": row.value, "origin": row.origin} for row in rows})
        return
    table = Table("setting", "value", "origin", box=None, header_style="dim")
    for row in rows:
        table.add_row(row.path, "–" if row.value is None else str(row.value), row.origin)
    out.print(table)


@app.command()
@explained
def check(*, config: Config = None, home: Home = None, profile: Profile = None) -> None:
    """Exit 0 when the settings are good, 2 with the reason when not.

    Example: vortex config check --config vortex.toml
    """
    loaded = load_settings(config, home, profile)
    out.print(f"settings are good: profile {loaded.settings.profile}, venue {loaded.settings.venue.kind}")


@app.command()
@explained
def locate(*, home: Home = None, json: Json = False) -> None:
    """Where configuration files are looked for, first match wins.

    Example: vortex config locate
    """
    surroundings = {**os.environ, **({"VORTEX_HOME": home} if home else {})}
    places = [{"path": str(path), "exists": path.is_file()} for path in config_places(surroundings)]
    if json:
        print_json(places)
        return
    for place in places:
        out.print(f"{'*' if place['exists'] else ' '} {place['path']}", soft_wrap=True)
