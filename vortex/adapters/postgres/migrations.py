"""Brings a database to a schema revision and back, with the migrations in the top-level folder `alembic`."""

from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

import vortex
from alembic import command
from vortex.adapters.postgres.tables import metadata
from vortex.kernel.errors import ConfigError

# Two processes that migrate at once take turns on this advisory lock ("vortex7" as a number).
LOCK_KEY = 0x766F727465783700


def scripts() -> Path:
    """The migrations: beside the packages in a checkout, inside the package when installed from a wheel."""
    package = Path(vortex.__file__).parent
    for folder in (package.parent / "alembic", package / "_alembic"):
        if (folder / "env.py").is_file():
            return folder
    raise ConfigError(f"no migrations beside {package}: the installation is incomplete")


def upgrade(dsn: str, revision: str = "head") -> None:
    """Apply migrations up to a revision. Idempotent; ConfigError when the database refuses."""
    _run(dsn, lambda config: command.upgrade(config, revision))


def downgrade(dsn: str, revision: str) -> None:
    """Undo migrations down to a revision ("base" for all, "-1" for the last). Data of undone tables is gone."""
    _run(dsn, lambda config: command.downgrade(config, revision))


def current(dsn: str) -> str | None:
    """The revision a database is at; None for an empty one."""
    with _engine(dsn).connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def head() -> str:
    """The newest revision there is."""
    newest = ScriptDirectory(str(scripts())).get_current_head()
    assert newest is not None, "the folder of migrations is empty"
    return newest


def knows(revision: str) -> bool:
    """Whether a revision is one of ours; a newer program's is not."""
    return any(script.revision == revision for script in ScriptDirectory(str(scripts())).walk_revisions())


def drift(dsn: str) -> list[Any]:
    """What autogenerate would still change: empty when migrations and tables agree."""
    with _engine(dsn).connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "compare_server_default": True,
                "include_name": lambda name, kind, _: not (kind == "table" and name.startswith("market_snapshots_")),
            },
        )
        return list(compare_metadata(context, metadata))


def _engine(dsn: str) -> sqlalchemy.Engine:
    return sqlalchemy.create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(dsn, connect_timeout=5), poolclass=NullPool
    )


def _run(dsn: str, step: Any) -> None:
    config = Config()
    config.set_main_option("script_location", str(scripts()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    try:
        with psycopg.connect(dsn, connect_timeout=5, autocommit=True) as guard, _engine(dsn).connect() as connection:
            guard.execute("SELECT pg_advisory_lock(%s)", (LOCK_KEY,))
            config.attributes["connection"] = connection
            step(config)
    except (CommandError, SQLAlchemyError, psycopg.Error) as err:
        raise ConfigError(f"the database schema could not be changed: {str(err).splitlines()[0]}") from err
