"""Every command explains itself, and looking at the help is quick."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from cli.main import app
from tests.cli.commands import said

HEAVY = ("numba", "ray", "sqlalchemy", "alembic", "aiohttp", "pyarrow")


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that does something, with its name."""
    if not hasattr(command, "commands"):
        yield path, command
        return
    for name, inside in command.commands.items():
        yield from leaves(inside, (*path, name))


COMMANDS = dict(leaves(typer.main.get_command(app)))


@pytest.mark.parametrize("name", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_an_example(tmp_path: Path, name: tuple[str, ...]) -> None:
    """And the example is of this very command."""
    result = said(tmp_path, *name, "--help")
    assert result.exit_code == 0
    assert f"Example: vortex {' '.join(name)}" in " ".join(result.output.split())


def test_the_promised_commands_are_there() -> None:
    """Names are contracts."""
    promised = {
        "start",
        "status",
        "reconcile",
        "kill",
        "stop",
        "resume",
        "doctor",
        "sim",
        "venue serve",
        "bench recovery",
    }
    promised |= {f"config {name}" for name in ("show", "check", "locate")}
    promised |= {f"db {name}" for name in ("upgrade", "downgrade", "backup", "restore")}
    assert {" ".join(name) for name in COMMANDS} >= promised


def test_the_command_line_loads_nothing_that_most_commands_do_not_need() -> None:
    """Compilers, databases and Ray cost seconds; they are loaded by the commands that use them."""
    loaded = subprocess.run(
        [sys.executable, "-c", "import cli.main, sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    ).stdout.split()
    assert set(loaded) & set(HEAVY) == set()
