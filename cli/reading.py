"""Reads the running system: the published views first, the tree itself when the mirror is away (ADR 0008)."""

import asyncio
from importlib.metadata import version
from typing import Any

import msgspec
import psutil

from cli.keys import with_keys
from supervisors import cluster_file
from supervisors.cluster_file import ClusterFile
from vortex.adapters.embedded.redis_server import EmbeddedRedis
from vortex.adapters.mirror import MirrorReader
from vortex.kernel.clock import MS, SECOND, SystemClock
from vortex.kernel.errors import NotRunning
from vortex.readmodel.status import build_status
from vortex.settings import Loaded, Settings

STALE_MS = 3_000
"""Views are published four times a second; one older than this belongs to a process that is not well."""


def read_status(loaded: Loaded) -> dict[str, Any]:
    """The status document; raises NotRunning when no system runs in this state directory."""
    facts = cluster_file.living(loaded.settings.home_path)
    try:
        views = mirrored_views(loaded)
    except NotRunning:
        views = {}
    if "root" not in views:
        views = asked_views(loaded)
    root = views.pop("root", {})
    tree = [*root.get("tree", [])]
    return build_status(
        about={
            "now_ms": SystemClock().unix() // MS,
            "version": version("vortex7"),
            "venue": loaded.settings.venue.kind,
            "since": psutil.Process(facts.launcher.pid).create_time(),
        },
        tree=tree,
        views=views,
        services=services_of(facts),
        stopping=root.get("state") == "stopping",
    )


def running_settings(loaded: Loaded, facts: ClusterFile) -> Settings:
    """The settings with the address of the exchange that the running system uses."""
    venue = facts.services.get("venue", {})
    if not venue.get("rest"):
        return loaded.settings
    return msgspec.structs.replace(
        loaded.settings,
        venue=msgspec.structs.replace(loaded.settings.venue, rest_url=str(venue["rest"]), ws_url=str(venue["ws"])),
    )


def redis_url(loaded: Loaded) -> str:
    """Where the mirror of this state directory is."""
    return with_keys(loaded).redis or EmbeddedRedis(loaded.settings.home_path).dsn


def mirrored_views(loaded: Loaded) -> dict[str, Any]:
    """Every role's last published view; a root that is late is shown as such."""
    if not loaded.settings.mirror.enabled:
        raise NotRunning("the mirror is switched off")
    reader = MirrorReader(redis_url(loaded), loaded.settings.mirror.prefix)
    try:
        seen = reader.views()
    finally:
        reader.close()
    now_ms = SystemClock().unix() // MS
    views: dict[str, Any] = {}
    for role, view in seen.items():
        body = dict(view.view.get("view", {}))
        late_ms = now_ms - int(view.view.get("at_ms", 0))
        if role == "root" and late_ms > STALE_MS:
            body["tree"] = [late_row(row, late_ms) for row in body.get("tree", [])]
        views[role] = body
    return views


def late_row(row: dict[str, Any], late_ms: int) -> dict[str, Any]:
    """A supervisor that has not spoken for a while is being replaced; what it last said of the others still stands."""
    if row.get("kind") != "supervisor":
        return row
    return {**row, "state": "restarting", "last_heartbeat_ms": late_ms}


def asked_views(loaded: Loaded) -> dict[str, Any]:
    """The same from the tree itself, over Ray."""
    from supervisors import attach

    root = attach.connect(loaded.settings.home_path)
    try:
        status = asyncio.run(asyncio.wait_for(root.status(), 5))
    except TimeoutError as error:
        raise NotRunning("the supervision tree does not answer") from error
    finally:
        attach.disconnect()
    views = {role: seen.get("view", {}) for role, seen in status["views"].items()}
    return {**views, "root": {"tree": status["tree"], "state": status["state"]}}


def services_of(facts: ClusterFile) -> dict[str, dict[str, Any]]:
    """Launcher, servers and Ray, with their pids and restarts."""
    uptime_s = SystemClock().unix() / SECOND - psutil.Process(facts.launcher.pid).create_time()
    found: dict[str, dict[str, Any]] = {
        "launcher": {"pid": facts.launcher.pid, "state": "running", "restarts": 0, "uptime_s": int(uptime_s)}
    }
    for name, service in facts.services.items():
        alive = service.get("pid") is None or psutil.pid_exists(int(service["pid"] or 0))
        found[name] = {**service, "state": "running" if alive else "restarting"}
    found.setdefault("ray", {})
    found["ray"] |= {"dashboard_url": facts.dashboard_url, "address": facts.address}
    found["ray"]["processes"] = {fact.name: fact.pid for fact in facts.processes if fact.name not in facts.services}
    return found
