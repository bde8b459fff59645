"""`vortex db`: schema and data of the journal."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from cli.failures import explained, out
from cli.keys import with_keys
from cli.options import Config, Home, load_settings
from supervisors import cluster_file
from vortex.adapters.embedded.postgres_server import EmbeddedPostgres
from vortex.kernel.errors import NotRunning, Refused
from vortex.settings import Loaded

app = typer.Typer(no_args_is_help=True, help="Upgrade, downgrade, back up and restore the journal.")


@contextmanager
def database(loaded: Loaded, *, alone: bool) -> Iterator[str]:
    """The journal's DSN; an embedded server is started for the while when no system runs.

    `alone` refuses while a system runs: its tables must not change under it.
    """
    running = True
    try:
        cluster_file.living(loaded.settings.home_path)
    except NotRunning:
        running = False
    if running and alone:
        raise Refused("a system is running here; stop it first with `vortex stop`")
    dsn = with_keys(loaded).postgres
    server = EmbeddedPostgres(loaded.settings.home_path, loaded.settings.database)
    if dsn is not None or running:
        yield dsn or server.dsn
        return
    server.start(lambda text: None)
    try:
        yield server.dsn
    finally:
        server.stop()


@app.command()
@explained
def upgrade(
    *,
    revision: Annotated[str, typer.Option(help="Target revision.")] = "head",
    config: Config = None,
    home: Home = None,
) -> None:
    """Bring the schema up to date.

    Example: vortex db upgrade
    """
    with database(load_settings(config, home), alone=True) as dsn:
        from vortex.adapters.postgres import migrations

        migrations.upgrade(dsn, revision)
        out.print(f"schema at {migrations.current(dsn)}")


@app.command()
@explained
def downgrade(
    *,
    revision: Annotated[str, typer.Option(help="Target revision, for example -1 or base.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: a downgrade may drop data.")] = False,
    config: Config = None,
    home: Home = None,
) -> None:
    """Take the schema back; data of the dropped tables is lost.

    Example: vortex db downgrade --revision -1 --yes
    """
    if not yes and not typer.confirm("A downgrade may drop data. Go on?"):
        raise Refused("not confirmed")
    with database(load_settings(config, home), alone=True) as dsn:
        from vortex.adapters.postgres import migrations

        migrations.downgrade(dsn, revision)
        out.print(f"schema at {migrations.current(dsn)}")


@app.command()
@explained
def backup(
    *, target: Annotated[Path, typer.Argument(help="File to write.")], config: Config = None, home: Home = None
) -> None:
    """Write the whole journal to one compressed file; works while trading.

    Example: vortex db backup vortex.dump
    """
    with database(load_settings(config, home), alone=False) as dsn:
        from vortex.adapters.postgres import backup as dumps

        dumps.backup(dsn, target)
    out.print(f"{target} ({target.stat().st_size:,} bytes)")


@app.command()
@explained
def restore(
    *,
    source: Annotated[Path, typer.Argument(help="A file that `vortex db backup` wrote.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: what is there is replaced.")] = False,
    config: Config = None,
    home: Home = None,
) -> None:
    """Replace the journal by a backup.

    Example: vortex db restore vortex.dump --yes
    """
    if not yes and not typer.confirm("This replaces the journal. Go on?"):
        raise Refused("not confirmed")
    with database(load_settings(config, home), alone=True) as dsn:
        from vortex.adapters.postgres import backup as dumps

        dumps.restore(dsn, source)
    out.print("restored")
