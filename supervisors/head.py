"""Our own Ray head: explicit loopback ports, token authentication, a short temporary folder, and nothing left behind.

`ray start` returns at once and leaves daemons; because the launcher is a subreaper they become its own children, so
it can wait for them, restart a dead GCS from the very same command line, and end them by pid. `ray stop` is never
used: it waits, and it ends every cluster of the machine.
"""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from actors import processes
from vortex.kernel.clock import SECOND, SystemClock
from vortex.kernel.errors import ConfigError

# A Unix socket's path may have 107 characters; Ray adds about 65 for session and socket names.
TEMP_PATH_CHARS_MAX = 40
TEMP_PREFIX = "v7-"
# Every process of the head inherits this, so that those whose parent died before them are known as ours.
MARK = "V7_HEAD"
PORT_BLOCK = 200
PORT_END = 65_536
_FIRST_PORT, _LAST_PORT = 15_000, 31_000  # below the kernel's ephemeral range
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 5.0

_FIXED = (
    "port",
    "node-manager-port",
    "object-manager-port",
    "dashboard-port",
    "dashboard-agent-listen-port",
    "dashboard-agent-grpc-port",
    "runtime-env-agent-port",
    "metrics-export-port",
    "ray-client-server-port",
)


@dataclass(frozen=True, slots=True)
class HeadSettings:
    """What may be chosen about the head. `rocksdb` keeps GCS state on disk, so that a dead GCS comes back whole.

    No actor of ours asks for CPUs: `cpus` is how many workers Ray starts side by side. `port` is the first of the
    ports Ray uses, `dashboard_port` its dashboard's; 0 picks free ones.
    """

    dashboard: bool = True
    object_store_bytes: int = 80 * 1024 * 1024
    cpus: int = field(default_factory=lambda: os.cpu_count() or 1)
    rocksdb: bool = True
    port: int = 0
    dashboard_port: int = 0
    resources: Mapping[str, float] = field(default_factory=lambda: {"exchange": 1.0})


@dataclass(frozen=True, slots=True)
class Daemon:
    """One of Ray's processes."""

    name: str
    pid: int
    started: int


class RayHead:
    """One head node, owned by this process."""

    def __init__(self, run_dir: Path, settings: HeadSettings, environment: Mapping[str, str]) -> None:
        self._run_dir = run_dir
        self._settings = settings
        self._base_environment = dict(environment)
        self._daemons: dict[str, Daemon] = {}
        self._command_lines: dict[str, tuple[list[str], dict[str, str]]] = {}
        self.ports: dict[str, int] = {}
        self.temp_dir: Path | None = None
        self.token_path = run_dir / "token"
        self.gcs_restarts = 0

    @property
    def address(self) -> str:
        """Where drivers connect."""
        return f"127.0.0.1:{self.ports['port']}"

    @property
    def dashboard_url(self) -> str:
        """Ray's own dashboard; empty when it is not included."""
        return f"http://127.0.0.1:{self.ports['dashboard-port']}" if self._settings.dashboard else ""

    @property
    def daemons(self) -> list[Daemon]:
        """Ray's processes, in the order they were found."""
        return list(self._daemons.values())

    def environment(self) -> dict[str, str]:
        """What every process of the cluster, and everyone who connects to it, must have in its environment."""
        return pinned_environment(self._base_environment) | {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(self.token_path),
            "RAY_ADDRESS": self.address,
        }

    def start(self) -> None:
        """Bring the head up; raise ConfigError with Ray's own words when it does not come."""
        self._run_dir.mkdir(parents=True, exist_ok=True)
        self._write_token()
        self.temp_dir = _short_temp_dir(self._run_dir)
        rocksdb = self._settings.rocksdb
        try:
            try:
                self._launch(rocksdb=rocksdb)
            except ConfigError:
                if not rocksdb:
                    raise
                self._end_daemons()
                self._launch(rocksdb=False)  # the embedded store is young; without it a dead GCS means a full reboot
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End every daemon and worker by pid, and remove the temporary folder."""
        self._end_daemons()
        if self.temp_dir is not None:
            shutil.rmtree(self.temp_dir, ignore_errors=True)
            self.temp_dir = None

    def dead(self) -> list[str]:
        """Names of daemons that are no more. A dead raylet must be reaped at once, or its workers think it lives."""
        for daemon in self._daemons.values():
            processes.reap(daemon.pid)
        return [d.name for d in self._daemons.values() if not processes.same_process(d.pid, d.started)]

    def revive_gcs(self) -> int:
        """Run a dead GCS again, by the same command line; its state is on disk. Returns the new pid."""
        arguments, environment = self._command_lines["gcs_server"]
        log = (self.log_dir() / "gcs_server.revived.log").open("ab")
        with log:
            process = subprocess.Popen(  # noqa: S603 - the command line of the process that just died
                arguments, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self.gcs_restarts += 1
        self._daemons["gcs_server"] = Daemon("gcs_server", process.pid, processes.started_ticks(process.pid))
        return process.pid

    def log_dir(self) -> Path:
        """Where Ray writes its logs."""
        assert self.temp_dir is not None, "the head is not up"
        return self.temp_dir / "session_latest" / "logs"

    # ---- inside

    def _launch(self, *, rocksdb: bool) -> None:
        assert self.temp_dir is not None
        base = self._first_port()
        self.ports = {name: base + offset for offset, name in enumerate(_FIXED)}
        if self._settings.dashboard_port:
            self.ports["dashboard-port"] = self._settings.dashboard_port
        environment = self.environment()
        environment.pop("RAY_ADDRESS")  # `ray start --head` must not look for another cluster
        environment[MARK] = str(self.temp_dir)
        environment["TMPDIR"] = str(self.temp_dir)  # the dashboard's helpers leave their sockets where they made them
        if rocksdb:
            environment |= {
                "RAY_gcs_storage": "rocksdb",
                "RAY_gcs_storage_path": str(self.temp_dir / "gcs"),
            }
        before = set(processes.descendants_of(os.getpid()))
        done = subprocess.run(  # noqa: S603 - built here, from numbers and our own paths
            self._arguments(base),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=START_TIMEOUT_S,
            check=False,
            start_new_session=True,
        )
        self._learn_daemons(before, environment)
        self._end_client_server()
        if done.returncode or "raylet" not in self._daemons or "gcs_server" not in self._daemons:
            raise ConfigError(f"Ray did not start: {done.stdout.decode(errors='replace').strip()[-2000:]}")

    def _first_port(self) -> int:
        """The start of our block of ports. One that the settings name is not looked for elsewhere when it is taken."""
        check_ports(self._settings)
        return self._settings.port or free_port_block(str(self._run_dir))

    def _arguments(self, base: int) -> list[str]:
        settings = self._settings
        resources = "{" + ", ".join(f'"{name}": {amount}' for name, amount in settings.resources.items()) + "}"
        return [
            sys.executable,
            "-m",
            "ray.scripts.scripts",
            "start",
            "--head",
            "--node-ip-address=127.0.0.1",
            *(f"--{name}={port}" for name, port in self.ports.items()),
            f"--min-worker-port={base + len(_FIXED)}",
            f"--max-worker-port={base + PORT_BLOCK - 1}",
            f"--temp-dir={self.temp_dir}",
            f"--plasma-directory={self.temp_dir}",
            f"--object-store-memory={settings.object_store_bytes}",
            f"--num-cpus={settings.cpus}",
            f"--resources={resources}",
            f"--include-dashboard={str(settings.dashboard).lower()}",
            "--dashboard-host=127.0.0.1",
            "--no-monitor",
            "--include-log-monitor=false",
            "--disable-usage-stats",
            "--log-style=record",
        ]

    def _learn_daemons(self, before: set[int], environment: dict[str, str]) -> None:
        for pid in processes.descendants_of(os.getpid()):
            if pid in before:
                continue
            arguments = processes.command_line(pid)
            name = _daemon_name(arguments)
            started = processes.started_ticks(pid)
            if name and started:
                self._daemons[name] = Daemon(name, pid, started)
                self._command_lines[name] = (arguments, _environment_of(pid) or environment)

    def _end_client_server(self) -> None:
        """Nobody here speaks Ray's client protocol: one process and one open port fewer."""
        daemon = self._daemons.pop("client_server", None)
        if daemon is not None:
            processes.kill_same(daemon.pid, daemon.started)
            _wait_gone([(daemon.pid, daemon.started)], STOP_TIMEOUT_S)

    def _end_daemons(self) -> None:
        """The raylet first, politely, so that it ends its workers; then whoever is left, by force."""
        raylet = self._daemons.get("raylet")
        mine = [(d.pid, d.started) for d in self._daemons.values()]
        mine += [(pid, processes.started_ticks(pid)) for pid in self._marked()]
        # The raylet has its workers below it, the dashboard its helpers, which do not end with it.
        mine += [(pid, processes.started_ticks(pid)) for parent, _ in mine for pid in processes.descendants_of(parent)]
        if raylet is not None:
            processes.kill_same(raylet.pid, raylet.started, signal.SIGTERM)
            _wait_gone([(raylet.pid, raylet.started)], 2.0)
        for pid, started in mine:
            processes.kill_same(pid, started)
        _wait_gone(mine, STOP_TIMEOUT_S)
        self._daemons.clear()

    def _marked(self) -> list[int]:
        """Our descendants that belong to this head: workers and agents, orphaned or not."""
        mark = str(self.temp_dir)
        return [pid for pid in processes.descendants_of(os.getpid()) if _environment_of(pid).get(MARK) == mark]

    def _write_token(self) -> None:
        fd = os.open(self.token_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "w") as file:
            file.write(secrets.token_hex(32))


def pinned_environment(base: Mapping[str, str]) -> dict[str, str]:
    """The environment Ray's daemons and workers run in; each value has its reason in docs/supervision.md."""
    environment = {key: value for key, value in base.items() if not key.startswith("RAY_")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # without cached bytecode every worker starts 2.4 times slower
    return environment | {
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_gcs_rpc_server_reconnect_timeout_s": "3600",
        "RAY_kill_worker_timeout_milliseconds": "500",
        "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",
        "RAY_health_check_initial_delay_ms": "1000",
        "RAY_health_check_period_ms": "1000",
        "RAY_health_check_timeout_ms": "1000",
        "RAY_health_check_failure_threshold": "3",
        "RAY_metrics_report_interval_ms": "1000",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_task_events_report_interval_ms": "0",
    }


def check_ports(settings: HeadSettings) -> None:
    """Raise ConfigError when a port that the settings name is in use; 0 names none."""
    wanted, dashboard = settings.port, settings.dashboard_port
    if dashboard and not _is_free(dashboard):
        raise ConfigError(f"ray.dashboard_port: port {dashboard} is in use; free it, or set 0 for any free one")
    if wanted + PORT_BLOCK > PORT_END:
        raise ConfigError(f"ray.port {wanted}: the {PORT_BLOCK} ports from there on must end below {PORT_END}")
    taken = [port for port in range(wanted, wanted + PORT_BLOCK) if not _is_free(port)] if wanted else []
    if taken:
        raise ConfigError(
            f"ray.port: port {taken[0]} is in use, and Ray needs the {PORT_BLOCK} from {wanted} on; "
            "free it, or set 0 for any free ones"
        )


def free_port_block(name: str) -> int:
    """The first port of a block nobody listens in; the search begins at a place that depends on `name`."""
    blocks = (_LAST_PORT - _FIRST_PORT) // PORT_BLOCK
    start = zlib.crc32(name.encode()) % blocks
    for step in range(blocks):
        base = _FIRST_PORT + (start + step) % blocks * PORT_BLOCK
        if all(_is_free(port) for port in range(base, base + PORT_BLOCK)):
            return base
    raise ConfigError(f"no {PORT_BLOCK} free ports in a row between {_FIRST_PORT} and {_LAST_PORT}")


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))  # a listener on any interface counts
        except OSError:
            return False
    return True


def _short_temp_dir(run_dir: Path) -> Path:
    inside = run_dir / "ray"
    if len(str(inside)) <= TEMP_PATH_CHARS_MAX:
        shutil.rmtree(inside, ignore_errors=True)
        inside.mkdir(mode=0o700)
        return inside
    made = Path(tempfile.mkdtemp(prefix=TEMP_PREFIX))
    if len(str(made)) > TEMP_PATH_CHARS_MAX:
        made.rmdir()
        made = Path(tempfile.mkdtemp(prefix=TEMP_PREFIX, dir="/tmp"))  # a Unix socket's path must be short
    return made


def _daemon_name(arguments: list[str]) -> str:
    for argument in arguments[:4]:
        file = Path(argument).name
        if file in ("gcs_server", "raylet"):
            return file
        if file in ("dashboard.py", "agent.py", "main.py"):
            return f"{Path(argument).parent.name}/{file}"
        if file == "ray.util.client.server":
            return "client_server"
    return ""


def _environment_of(pid: int) -> dict[str, str]:
    with contextlib.suppress(OSError):
        raw = Path(f"/proc/{pid}/environ").read_bytes()
        pairs = (part.decode(errors="surrogateescape").partition("=") for part in raw.split(b"\0") if part)
        return {key: value for key, _, value in pairs}
    return {}


def _wait_gone(mine: list[tuple[int, int]], timeout_s: float) -> None:
    clock = SystemClock()
    deadline_ns = clock.mono() + int(timeout_s * SECOND)
    while clock.mono() < deadline_ns:
        for pid, _ in mine:
            processes.reap(pid)
        if not any(processes.same_process(pid, started) for pid, started in mine):
            return
        time.sleep(0.02)
