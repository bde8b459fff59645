"""How tests speak to the command line: within this process, or as a process of its own where something is started."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil
from click.testing import Result
from typer.testing import CliRunner

from cli.main import app

PROGRAM = Path(sys.executable).with_name("vortex")
LIMIT_S = 180


def bare_environment(home: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """Ours without any of the operator's settings, and these."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("VORTEX_", "RAY_"))}
    return ours | {"VORTEX_HOME": str(home)} | dict(settings)


def said(home: Path, *arguments: str, **settings: str) -> Result:
    """A command that must not get as far as starting anything, run in this process."""
    gone = {name: None for name in os.environ if name.startswith("VORTEX_")}
    return CliRunner().invoke(app, list(arguments), env={**gone, "VORTEX_HOME": str(home), **settings})


def run(home: Path, *arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    """A command as a process of its own, without a terminal."""
    return subprocess.run(
        [PROGRAM, *arguments],
        env=bare_environment(home, settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def assert_nothing_runs(home: Path) -> None:
    """No process works in, listens in or names the state directory, and no record of a system is there."""
    assert not (home / "run" / "cluster.json").exists()
    assert [path for path in home.rglob("*") if path.is_socket()] == []
    assert [line for line in _command_lines() if str(home) in line] == []


def _command_lines() -> list[str]:
    lines: list[str] = []
    for process in psutil.process_iter():
        try:
            lines.append(" ".join([process.cwd(), *process.cmdline()]))
        except (psutil.Error, OSError):
            continue
    return lines
