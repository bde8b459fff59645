"""Dump and restore with PostgreSQL's own tools: from the wheel beside the embedded server, else from the PATH."""

import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from vortex.adapters.embedded.postgres_server import newest_binaries
from vortex.adapters.embedded.processes import ENVIRONMENT
from vortex.kernel.errors import ConfigError


def backup(dsn: str, target: Path) -> None:
    """Write the whole database to one compressed file, 0600, complete or not at all."""
    partial = target.with_name(target.name + ".partial")
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        _run("pg_dump", ["--format=custom", "--no-owner", "--no-privileges"], dsn, stdout=file.fileno())
    partial.replace(target)


def restore(dsn: str, source: Path) -> None:
    """Replace the database's content by a backup's, in one transaction: on failure nothing has changed."""
    if not source.is_file():
        raise ConfigError(f"there is no backup at {source}")
    flags = ["--clean", "--if-exists", "--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error"]
    with source.open("rb") as file:
        _run("pg_restore", [*flags, "--dbname", _database(dsn)], dsn, stdin=file.fileno())


def _run(tool: str, flags: list[str], dsn: str, stdin: int | None = None, stdout: int | None = None) -> None:
    done = subprocess.run(  # noqa: S603 - our own tool, our own flags; the connection travels in the environment
        [str(_tool(tool)), *flags],
        env={**ENVIRONMENT, **_environment(dsn)},
        stdin=subprocess.DEVNULL if stdin is None else stdin,
        stdout=subprocess.DEVNULL if stdout is None else stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        reason = done.stderr.strip().splitlines()
        raise ConfigError(f"{tool} failed: {reason[0] if reason else 'no reason given'}")


def _tool(name: str) -> Path:
    beside = newest_binaries() / name
    if beside.is_file():
        return beside
    found = shutil.which(name)
    if found is None:
        raise ConfigError(f"{name} is neither in the wheel nor on the PATH")
    return Path(found)


def _database(dsn: str) -> str:
    return unquote(urlsplit(dsn).path.lstrip("/"))


def _environment(dsn: str) -> dict[str, str]:
    """The connection as libpq's variables, so that a password never stands on a command line."""
    parts = urlsplit(dsn)
    options = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    wanted = {
        "PGHOST": options.get("host", parts.hostname or ""),
        "PGPORT": options.get("port", str(parts.port or "")),
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
        "PGDATABASE": _database(dsn),
        "PGSSLMODE": options.get("sslmode", ""),
    }
    return {key: value for key, value in wanted.items() if value}
