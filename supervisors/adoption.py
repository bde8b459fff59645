"""What a reborn root does first: claim the living, end the orphans, and learn who is missing."""

import asyncio
import contextlib
import logging
from typing import Any

import ray

from actors import processes
from actors.clients import NAMESPACE, ShellClient, ShellReport
from supervisors.child import Child, end_actor, newborn
from vortex.kernel.clock import SystemClock
from vortex.supervision.registry import RegisteredChild
from vortex.supervision.spec import HeartbeatLimits

# Generous, because a starved machine answers late and killing a healthy child for that is worse than waiting.
ADOPT_TIMEOUT_S = 5.0

log = logging.getLogger("vortex.supervision")


class Found:
    """The outcome of looking around."""

    def __init__(self) -> None:
        self.children: list[Child] = []
        self.standbys: list[Child] = []


async def look_around(rows: list[RegisteredChild], root_epoch: int, node: str, limits: HeartbeatLimits) -> Found:
    """Adopt every living shell: with its row a child, without a role a standby, otherwise an orphan to be ended."""
    found = Found()
    by_shell = {row.shell: row for row in rows}
    named = [
        entry["name"] for entry in ray.util.list_named_actors(all_namespaces=True) if entry["namespace"] == NAMESPACE
    ]
    shells = sorted(name for name in named if name.startswith("shell-"))
    answers = await asyncio.gather(*(_adopt(name, root_epoch) for name in shells))
    alive: set[str] = set()
    for name, answer in zip(shells, answers, strict=True):
        if answer is None:
            _end(name, None, by_shell.get(name))
            continue
        client, report = answer
        alive.add(name)
        child = newborn(report, client, node, limits, SystemClock().mono())
        row = by_shell.get(name)
        if not report.role:
            found.standbys.append(child)
        elif row is not None and (row.role, row.epoch) == (report.role, report.epoch) and not _over(report):
            child.role, child.epoch = report.role, report.epoch
            found.children.append(child)
        else:
            log.warning("orphan.ended %s %s#%d", name, report.role, report.epoch)
            _end(name, client, row)
            child.kill()
    for row in rows:
        if row.shell not in alive and row.node == node:
            processes.kill_same(row.pid, row.pid_started)
    return found


async def _adopt(name: str, root_epoch: int) -> tuple[ShellClient, ShellReport] | None:
    try:
        handle: Any = ray.get_actor(name, namespace=NAMESPACE)
        client = ShellClient(handle)
        return client, await asyncio.wait_for(client.adopt(root_epoch), ADOPT_TIMEOUT_S)
    except Exception as error:  # noqa: BLE001 - dead, stopped or obeying a newer root: in no case ours
        log.warning("adoption.failed %s %s", name, error)
        return None


def _over(report: ShellReport) -> bool:
    return bool(report.over) or report.state in ("stopping", "failed", "ended")


def _end(name: str, client: ShellClient | None, row: RegisteredChild | None) -> None:
    if row is not None:
        processes.kill_same(row.pid, row.pid_started)
    with contextlib.suppress(Exception):
        end_actor(client or ShellClient(ray.get_actor(name, namespace=NAMESPACE)))
