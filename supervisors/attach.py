"""Reaching a running system from another process: connect to its Ray, create its root, ask it to stop.

Ray decides at import whether it may listen on loopback only, so the environment is set before Ray is imported, and
this module imports it late. Run as a program it creates the root: a launcher that is no Ray driver survives a raylet.
"""

import logging
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from supervisors import cluster_file
from supervisors.head import pinned_environment
from vortex.adapters.beats import BeatsPage
from vortex.kernel.clock import SECOND, SystemClock
from vortex.kernel.errors import NotRunning

if TYPE_CHECKING:
    from actors.clients import RootClient

NAMESPACE = "vortex"
POLL_S = 0.02


def connect(home: Path) -> "RootClient":
    """Connect this process to the system in `home` and return its root; raise NotRunning when there is none.

    Call `disconnect` at the end. One process connects to one system in its life.
    """
    facts = cluster_file.living(home)
    _connect(facts.address, facts.token_path)
    from actors.clients import RootClient

    try:
        return RootClient.find()
    except ValueError as error:
        disconnect()
        raise NotRunning("the supervision tree is not up yet") from error


def disconnect() -> None:
    """Leave Ray; the system goes on."""
    import ray

    ray.shutdown()


def stop(home: Path, mode: str, timeout_s: float = 120.0) -> None:
    """Ask the tree to stop (`keep` or `flatten`) and wait until the launcher has gone; needs no connection to Ray."""
    facts = cluster_file.living(home)
    with BeatsPage(Path(facts.page)) as page:
        page.wish_stop(mode)
        clock = SystemClock()
        deadline_ns = clock.mono() + int(timeout_s * SECOND)
        while facts.launcher.alive:
            if clock.mono() > deadline_ns:
                raise NotRunning(f"the launcher (pid {facts.launcher.pid}) did not end within {timeout_s:.0f} s")
            time.sleep(POLL_S)


def connection_environment(base: Mapping[str, str], token_path: str) -> dict[str, str]:
    """What a process needs in its environment before it imports Ray."""
    return pinned_environment(base) | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": token_path}


def _connect(address: str, token_path: str) -> None:
    wanted = connection_environment(os.environ, token_path)
    for key in set(os.environ) - set(wanted):
        del os.environ[key]
    os.environ.update(wanted)
    import ray
    from ray import _raylet as compiled  # has no type stubs
    from ray._private import ray_constants

    # In case Ray was imported before the environment was right, or spoke to another system before.
    ray_constants.ENABLE_RAY_CLUSTER = False
    native: Any = compiled
    native.Config.initialize("")
    native.AuthenticationTokenLoader.instance().reset_cache()
    ray.init(address=address, namespace=NAMESPACE, log_to_driver=False, logging_level=logging.ERROR)


def create_root(config: bytes) -> None:
    """Create the root on the cluster this process is connected to, and wait until it has booted."""
    import ray

    from actors.clients import ROOT_NAME
    from supervisors.root import Root

    handle: Any = (
        ray.remote(Root)
        .options(
            name=ROOT_NAME,
            namespace=NAMESPACE,
            lifetime="detached",
            num_cpus=0,
            max_restarts=-1,
            max_task_retries=0,
            max_concurrency=1_000,
        )
        .remote(config)
    )
    ray.get(handle.ping.remote(), timeout=60)


class CreateRoot(msgspec.Struct, frozen=True):
    """What the creating process reads from its standard input, as one JSON line."""

    address: str
    token_path: str
    config: bytes


def main() -> int:
    """Wait for one CreateRoot on standard input, then create the root and leave it to itself."""
    import supervisors.root  # noqa: F401 - the slow part, done while the head is still starting

    line = sys.stdin.buffer.readline()
    if not line:
        return 1
    order = msgspec.json.decode(line, type=CreateRoot)
    _connect(order.address, order.token_path)
    create_root(order.config)
    return 0


if __name__ == "__main__":
    sys.exit(main())
