"""The simulated exchange as a service of the launcher: a process of its own, on a port that survives its restarts."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from vortex.kernel.errors import ConfigError

START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 5.0


class VenueService:
    """`python -m vortex.adapters.venue`, behind the same face as the databases."""

    name = "venue"
    embedded = True

    def __init__(self, home: Path, arguments: Sequence[str]) -> None:
        self._log = home / "log" / "venue.log"
        self._arguments = list(arguments)
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0
        self.rest = ""
        self.ws = ""

    @property
    def pid(self) -> int | None:
        """Of the living process."""
        return self._process.pid if self._process is not None and self.alive() else None

    @property
    def dsn(self) -> str:
        """Its REST address."""
        return self.rest

    def start(self, progress: Callable[[str], None]) -> None:
        """Start it and wait until it answers; the port of the first start is kept for later ones."""
        progress("starting the simulated exchange")
        self._log.parent.mkdir(parents=True, exist_ok=True)
        said_before = self._log.stat().st_size if self._log.exists() else 0
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", "vortex.adapters.venue", "--port", str(self._port), *self._arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                env={key: value for key, value in os.environ.items() if not key.startswith("VORTEX_")},
            )
        said = self._first_line()
        try:
            words = json.loads(said)
            self.rest, self.ws = words["rest"], words["ws"]
            self._port = int(self.rest.rpartition(":")[2].strip("/"))
        except (ValueError, KeyError) as error:
            self.stop()
            raise ConfigError(f"the simulated exchange did not start: {self._complaint(said_before)}") from error

    def stop(self) -> None:
        """SIGTERM, then SIGKILL."""
        process = self._process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_TIMEOUT_S)
        if process.stdout is not None:
            process.stdout.close()
        self._process = None

    def alive(self) -> bool:
        """Whether its process lives."""
        return self._process is not None and self._process.poll() is None

    def _complaint(self, said_before: int) -> str:
        """Its own last words, which name what is wrong with its settings."""
        with self._log.open(errors="replace") as log:
            log.seek(said_before)
            lines = log.read().strip().splitlines()
        return lines[-1] if lines else f"it said nothing; see {self._log}"

    def _first_line(self) -> bytes:
        assert self._process is not None
        assert self._process.stdout is not None
        readable, _, _ = select.select([self._process.stdout], [], [], START_TIMEOUT_S)
        return self._process.stdout.readline() if readable else b""
