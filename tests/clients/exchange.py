"""A simulated exchange as a process of its own, and client scripts run against it in their own environments."""

import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.clients.environments import interpreter_of
from vortex.adapters.venue.settings import DEFAULT_KEY, DEFAULT_SECRET

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = Path(__file__).resolve().parent / "scripts"
START_LIMIT_S = 60.0
SCRIPT_LIMIT_S = 300.0
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "SYSTEMROOT")


class Exchange:
    """A running exchange."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "vortex.adapters.venue", "--port", "0", *arguments]
        self._held = contextlib.ExitStack()
        self._complaints = self._held.enter_context(tempfile.TemporaryFile("w+"))  # noqa: SIM115  # the stack closes it
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=self._complaints, text=True)
        assert self.process.stdout is not None, "a pipe was asked for"
        readable, _, _ = select.select([self.process.stdout], [], [], START_LIMIT_S)
        line = self.process.stdout.readline() if readable else ""
        if not line.startswith("{"):
            pytest.fail(f"the exchange did not start\n{self.close()[-4000:]}")
        words = json.loads(line)
        self.rest, self.ws = str(words["rest"]), str(words["ws"])

    def close(self) -> str:
        """End it; returns what it complained of."""
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        assert self.process.stdout is not None, "a pipe was asked for"
        self.process.stdout.close()
        with self._held:
            self._complaints.seek(0)
            return self._complaints.read()

    def ledger(self, kind: str) -> dict[str, Any]:
        """Its own record of one kind."""
        with urllib.request.urlopen(f"{self.rest}/sim/v1/ledger?kind={kind}", timeout=30) as answer:
            return dict(json.load(answer))

    def run(self, client: str, script: str) -> dict[str, Any]:
        """What a script of this client found out: the last line it prints that is an object."""
        said = self.execute(client, str(SCRIPTS / script))
        told = [line for line in said.splitlines() if line.startswith("{")]
        assert told, f"{script} told nothing"
        return dict(json.loads(told[-1]))

    def execute(self, client: str, *arguments: str) -> str:
        """What a client's Python prints; its environment is its own and knows nothing of ours."""
        environment = {name: os.environ[name] for name in KEPT if name in os.environ}
        environment |= {
            "VENUE_REST": self.rest,
            "VENUE_WS": self.ws,
            "VENUE_KEY": DEFAULT_KEY,
            "VENUE_SECRET": DEFAULT_SECRET,
        }
        command = [str(interpreter_of(client)), *arguments]
        started = subprocess.Popen(
            command, env=environment, cwd=SCRIPTS, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            said, complained = started.communicate(timeout=SCRIPT_LIMIT_S)
        except subprocess.TimeoutExpired:
            started.kill()
            _, complained = started.communicate()
            raise AssertionError(f"{client} never ended\n{complained[-4000:]}") from None
        assert started.returncode == 0, f"{client} failed\n{complained[-4000:]}"
        return said
