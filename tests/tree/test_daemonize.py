"""A detached launcher: its first words reach the caller, its failures too, and it survives the caller's session."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tree.house import ROOT, eventually

PROGRAM = """
import os, sys, time
from pathlib import Path
from supervisors.daemonize import detach
from vortex.kernel.errors import Refused

home = Path(sys.argv[1])

def run(progress):
    if sys.argv[2] == "refuse":
        raise Refused("already running: pid 7")
    if sys.argv[2] == "die":
        os._exit(9)
    (home / "pid").write_text(f"{os.getpid()} {os.getsid(0)} {os.getppid()}")
    progress("services", "starting")
    progress("ready", "running")
    while not (home / "stop").exists():
        time.sleep(0.01)
    (home / "stopped").touch()
    return 0

try:
    sys.exit(detach(run, home / "log" / "launcher.log", lambda phase, text: print(phase, text)))
except Exception as error:
    print(type(error).__name__, error)
    sys.exit(1)
"""


def call(home: Path, how: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(home), how],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_caller_returns_at_ready_and_the_daemon_goes_on(tmp_path: Path) -> None:
    """Own session, no controlling terminal, progress relayed."""
    done = call(tmp_path, "serve")
    assert (done.returncode, done.stdout.splitlines()) == (0, ["services starting", "ready running"])
    pid, session, _ = map(int, (tmp_path / "pid").read_text().split())
    assert os.getsid(pid) == session != pid
    (tmp_path / "stop").touch()
    eventually(lambda: (tmp_path / "stopped").exists(), "the daemon at its end")


@pytest.mark.parametrize(("how", "words"), [("refuse", "Refused already running: pid 7"), ("die", "VortexError")])
def test_a_launcher_that_fails_tells_its_caller(tmp_path: Path, how: str, words: str) -> None:
    """The same exception as in the foreground; a silent death is told as one."""
    done = call(tmp_path, how)
    assert done.returncode == 1
    assert done.stdout.startswith(words)
