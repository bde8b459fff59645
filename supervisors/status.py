"""The rows of the status contract: what the tree knows of each node beside what its page slot says."""

import os
from typing import Any

from supervisors.child import Child
from supervisors.keeper import Keeper
from vortex.kernel.clock import MS, SECOND


def tree_rows(keeper: Keeper, root_restarts: int, born_ns: int) -> list[dict[str, Any]]:
    """Every supervisor, child and standby. The four supervisors live in the root's process and carry its pid."""
    now = keeper.clock.mono()
    rows: list[dict[str, Any]] = []
    for row in keeper.tree.rows():
        shown: dict[str, Any] = {"name": row.name, "kind": row.kind, "parent": row.parent or None, "state": row.state}
        if row.kind == "supervisor":
            shown |= {
                "pid": os.getpid(),
                "node": keeper.pool.node,
                "epoch": keeper.root_epoch,
                "restarts": row.restarts + (root_restarts if row.name == "root" else 0),
                "last_heartbeat_ms": (now - keeper.page.claimed_ns()) // MS,
                "uptime_s": (now - born_ns) // SECOND,
            }
        else:
            shown |= _process(keeper, keeper.children.get(row.name), now) | {"restarts": row.restarts}
            shown["state"] = _seen_state(keeper, row.name, row.state)
        if row.why:
            shown["why"] = row.why
        rows.append(shown)
    for number, standby in enumerate(keeper.pool.standbys):
        rows.append(
            {"name": f"standby:{number}", "kind": "standby", "parent": "root", "state": "running", "restarts": 0}
            | _process(keeper, standby, now)
        )
    return rows


def _process(keeper: Keeper, child: Child | None, now: int) -> dict[str, Any]:
    if child is None:
        return {"pid": None, "node": None, "epoch": None, "last_heartbeat_ms": None, "uptime_s": None}
    beat_ns = keeper.page.read(child.report.slot).beat_ns if child.local else 0
    return {
        "pid": child.pid,
        "node": child.report.node,
        "epoch": child.epoch or None,
        "last_heartbeat_ms": (now - beat_ns) // MS if beat_ns else None,
        "uptime_s": (now - child.since_ns) // SECOND,
    }


def _seen_state(keeper: Keeper, role: str, state: str) -> str:
    """What its own slot adds: a running child may be suspect, degraded, or recovering anew."""
    child = keeper.children.get(role)
    if child is None or state != "running":
        return state
    if child.suspect:
        return "suspect"
    seen = keeper.page.read(child.report.slot).state if child.local else state
    return seen if seen in ("degraded", "recovering") else state
