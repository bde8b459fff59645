"""What `vortex doctor` asks of the machine: settings, disk, memory, limits, ports, and who runs already."""

import os
import resource
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import psutil

from cli.doctor_rows import Row, fail, ok, warn
from cli.launch import account_name, head_settings
from supervisors import cluster_file
from supervisors.cluster_file import ClusterFile
from supervisors.head import check_ports
from supervisors.instance_lock import InstanceLock
from vortex.adapters.embedded.directories import FREE_BYTES_MIN, socket_place, unwritable
from vortex.adapters.embedded.postgres_server import SOCKET_NAME as POSTGRES_SOCKET
from vortex.adapters.embedded.redis_server import SOCKET_NAME as REDIS_SOCKET
from vortex.kernel.errors import ConfigError
from vortex.settings import Loaded, Secrets, Settings

GIB = 1 << 30
JOURNAL_BYTES = GIB
"""A fresh cluster, its write-ahead log, and a month of decisions and a week of snapshots of two symbols."""
OTHER_LOGS = 4
"""Processes that write logs beside the symbols': root, breaker, executor, recorder."""
MEMORY_NEEDED, MEMORY_WANTED = GIB, 5 * GIB // 2
"""Two symbols take 1.9 GiB together (measured as proportional set size); each more takes 0.16."""
CORES_WANTED = 2
FILES_NEEDED, FILES_WANTED = 512, 4_096
"""PostgreSQL's checkpointer holds the most, 260; Ray asks for as many as it may have."""
PYTHONS = ((3, 11), (3, 14))
GIB_TEXT = "set VORTEX_HOME to a larger disk"


def settings_row(loaded: Loaded) -> Row:
    """They have loaded, so they are consistent; what is left to say is where they came from."""
    settings = loaded.settings
    changed = sum(not origin.startswith("profile ") for origin in loaded.origins.values())
    file = loaded.config_file or "no file"
    seen = f"profile {settings.profile}, venue {settings.venue.kind}, {', '.join(settings.symbols)}"
    seen += f"; {changed} given, {file}"
    if settings.venue.kind == "live" and settings.profile != "conservative":
        return warn("settings", seen, "the first weeks with real money are meant for --profile conservative")
    return ok("settings", seen)


def home_row(home: Path) -> Row:
    """The state directory, or the place where the first start makes it; nothing is made for the question."""
    try:
        for part, name in (("postgres", POSTGRES_SOCKET), ("redis", REDIS_SOCKET)):
            socket_place(home / part, name)
        place = nearest(home)
        if place != home:
            if not (place.is_dir() and os.access(place, os.W_OK | os.X_OK)):
                return fail("home", f"{home} cannot be made in {place}", "mend its permissions or set VORTEX_HOME")
            return ok("home", f"{home}, which the first start makes")
        with tempfile.TemporaryFile(dir=home) as probe:
            probe.write(bytes(4096))
    except (OSError, ConfigError) as error:
        said = unwritable(home, error) if isinstance(error, OSError) else error
        seen, _, mend = str(said).partition(": ")
        return fail("home", seen, mend)
    return ok("home", f"{home}, writable")


def nearest(path: Path) -> Path:
    """The path itself, or the nearest of its parents that is there."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def disk_row(settings: Settings, free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free) -> Row:
    """Room for the journal and for all logs at their largest."""
    free = free_bytes(nearest(settings.home_path))
    logs = settings.logs.file_mb * settings.logs.files * (len(settings.symbols) + OTHER_LOGS) << 20
    wanted = JOURNAL_BYTES + logs
    seen = f"{free / GIB:,.1f} GiB free"
    if free < FREE_BYTES_MIN:
        return fail("disk", seen, f"the start needs {FREE_BYTES_MIN >> 20} MiB: free some, or {GIB_TEXT}")
    if free < wanted:
        mend = f"journal and logs may grow to {wanted / GIB:,.1f} GiB: free some, {GIB_TEXT}, or lower logs.file_mb"
        return warn("disk", seen, mend)
    return ok("disk", seen)


def files_row(limits: Callable[[], tuple[int, int]] = lambda: resource.getrlimit(resource.RLIMIT_NOFILE)) -> Row:
    """Open files per process: the hard limit counts, because the house raises its own."""
    soft, hard = limits()
    most = sys.maxsize if hard == resource.RLIM_INFINITY else hard
    seen = f"{soft:,} open files a process, may be raised to {'any number' if most == sys.maxsize else f'{hard:,}'}"
    mend = f"raise it: `ulimit -Hn {FILES_WANTED}` as root, or LimitNOFILE= of the service"
    if most < FILES_NEEDED:
        return fail("files", seen, mend)
    return warn("files", seen, mend) if most < FILES_WANTED else ok("files", seen)


def memory_row(
    facts: ClusterFile | None, available: Callable[[], int] = lambda: int(psutil.virtual_memory().available)
) -> Row:
    """What is left for us; a system that runs has taken its share already."""
    left = available()
    seen = f"{left / GIB:,.1f} GiB available"
    if facts is not None:
        mend = "end what else takes memory: the kernel ends processes when there is none left"
        return ok("memory", seen) if left >= MEMORY_NEEDED // 2 else warn("memory", seen, mend)
    if left < MEMORY_NEEDED:
        return fail("memory", seen, f"two symbols need {MEMORY_WANTED / GIB:.1f} GiB: free some")
    if left < MEMORY_WANTED:
        return warn("memory", seen, f"two symbols want {MEMORY_WANTED / GIB:.1f} GiB: free some, or trade fewer")
    return ok("memory", seen)


def cores_row(count: Callable[[], int] = lambda: len(os.sched_getaffinity(0))) -> Row:
    """Cores this process may use, and how busy they are."""
    cores, load = count(), os.getloadavg()[0]
    seen = f"{cores} cores, load {load:.1f}"
    if cores < CORES_WANTED:
        return warn("cores", seen, f"at least {CORES_WANTED}: with one, everything waits for everything")
    return ok("cores", seen)


def python_row(version: tuple[int, int] = sys.version_info[:2]) -> Row:
    """The interpreter against what the house is tested with."""
    seen = f"Python {version[0]}.{version[1]}"
    if PYTHONS[0] <= version < PYTHONS[1]:
        return ok("python", seen)
    return fail("python", seen, "use Python 3.11, 3.12 or 3.13")


def ports_row(settings: Settings, facts: ClusterFile | None) -> Row:
    """Ports that the settings name are free, or the running system's own."""
    named = {"ray.port": settings.ray.port, "ray.dashboard_port": settings.ray.dashboard_port}
    wanted = {name: port for name, port in named.items() if port}
    if facts is not None:
        ours = {"ray.port": facts.ports.get("port", 0), "ray.dashboard_port": facts.ports.get("dashboard-port", 0)}
        other = [name for name, port in wanted.items() if port != ours[name]]
        seen = f"Ray has {ours['ray.port']} and following, its dashboard {ours['ray.dashboard_port']}"
        if other:
            return warn("ports", seen, f"{' and '.join(other)} of these settings differ: they hold after a restart")
        return ok("ports", seen)
    if not wanted:
        return ok("ports", "none named: Ray takes free ones on loopback, the rest needs none")
    try:
        check_ports(head_settings(settings))
    except ConfigError as error:
        seen, _, mend = str(error).partition("; ")
        return fail("ports", seen, mend or "choose another port, or 0 for any free ones")
    return ok("ports", f"free: {', '.join(f'{name} {port}' for name, port in wanted.items())}")


def instance_row(settings: Settings, keys: Secrets, facts: ClusterFile | None, *, starting: bool) -> Row:
    """Who holds the lock of this state directory, or of this account from another one."""
    holder = InstanceLock(settings.home_path, account_name(settings, keys)).holder()
    if not holder:
        return leftovers_row(cluster_file.read(settings.home_path / "run"))
    who, _, how = holder.partition("; ")
    mend = how or "end that process"
    if "on this account" in who:
        who += " from another state directory"
    if starting:
        return fail("instance", f"already running: {who}", mend)
    if facts is None:
        return warn("instance", f"held by {who}, which is not up here", f"wait until it is, or {mend}")
    return ok("instance", f"running here: launcher pid {facts.launcher.pid}, {facts.state}")


def leftovers_row(left: ClusterFile | None) -> Row:
    """What a launcher that was killed has left, which may still trade."""
    orphans = [fact.name for fact in left.processes if fact.alive] if left is not None else []
    if left is None or not orphans:
        return ok("instance", f"nothing runs here (on {socket.gethostname()})")
    seen = f"launcher pid {left.launcher.pid} died and left {len(orphans)} processes: {', '.join(orphans)}"
    return warn(
        "instance", seen, "`vortex start` ends them and goes on; `vortex kill --yes` ends them and closes all positions"
    )
