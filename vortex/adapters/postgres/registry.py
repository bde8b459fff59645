"""The supervisors' durable memory over PostgreSQL (supervision/registry.py)."""

from typing import Any

from vortex.adapters.postgres.link import Link
from vortex.kernel.errors import Fenced
from vortex.supervision.registry import RegisteredChild, TreeRecord

_BUMP = """
    INSERT INTO role_epochs AS r (role, epoch)
    VALUES ($1, COALESCE((SELECT epoch FROM actor_registry WHERE role = $1), 0) + 1)
    ON CONFLICT (role) DO UPDATE SET epoch = GREATEST(r.epoch + 1, EXCLUDED.epoch), bumped_at = now()
    RETURNING epoch
"""
_PUT = """
    INSERT INTO actor_registry AS a (role, shell, epoch, pid, pid_started, node, slot)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (role) DO UPDATE SET
        shell = EXCLUDED.shell, epoch = EXCLUDED.epoch, pid = EXCLUDED.pid, pid_started = EXCLUDED.pid_started,
        node = EXCLUDED.node, slot = EXCLUDED.slot, updated_at = now()
    WHERE a.epoch <= EXCLUDED.epoch
    RETURNING a.epoch
"""
_LOAD = "SELECT role, shell, epoch, pid, pid_started, node, slot FROM actor_registry ORDER BY role"
_RECORD = """
    INSERT INTO supervision_events (ts, kind, role, supervisor, epoch, reason, detail)
    VALUES (ms_to_time($1), $2, $3, $4, $5, $6, $7)
"""
_EVENTS = """
    SELECT time_to_ms(ts) AS ts_ms, kind, role, supervisor, epoch, reason, detail
    FROM supervision_events ORDER BY id DESC LIMIT $1
"""
_SET = """
    INSERT INTO system_state (key, value) VALUES ($1, $2)
    ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value, updated_at = now()
"""


class PostgresRegistry:
    """Registry. Every method is one statement and durable when it returns."""

    def __init__(self, dsn: str) -> None:
        self._link = Link(dsn, "registry")

    async def bump_epoch(self, role: str) -> int:
        """The next epoch of a role. Waits for a commit under the old one to end; the next of those fails."""
        return int(await self._link.value(_BUMP, role))

    async def epoch(self, role: str) -> int:
        """The newest epoch of a role, 0 when it never lived."""
        return int(await self._link.value("SELECT epoch FROM role_epochs WHERE role = $1", role) or 0)

    async def put(self, child: RegisteredChild) -> None:
        """Insert or replace a row; Fenced when a larger epoch is there."""
        kept = await self._link.value(
            _PUT, child.role, child.shell, child.epoch, child.pid, child.pid_started, child.node, child.slot
        )
        if kept is None:
            raise Fenced(f"{child.role}: a row with an epoch newer than {child.epoch} is registered")

    async def load(self) -> list[RegisteredChild]:
        """All rows, ordered by role."""
        return [_child(row) for row in await self._link.rows(_LOAD)]

    async def remove(self, role: str) -> None:
        """Forget a role's row; its epoch counter stays."""
        await self._link.value("DELETE FROM actor_registry WHERE role = $1", role)

    async def record(self, event: TreeRecord) -> None:
        """Append to the history of the tree."""
        await self._link.value(
            _RECORD, event.ts_ms, event.kind, event.role, event.supervisor, event.epoch, event.reason, event.detail
        )

    async def events(self, limit: int = 100) -> list[TreeRecord]:
        """The newest events of the tree, newest first."""
        return [TreeRecord(**dict(row)) for row in await self._link.rows(_EVENTS, limit)]

    async def get_state(self, key: str) -> str | None:
        """A durable flag; None when never set or cleared."""
        value: str | None = await self._link.value("SELECT value FROM system_state WHERE key = $1", key)
        return value

    async def set_state(self, key: str, value: str) -> None:
        """Set a durable flag; an empty value clears it."""
        if value:
            await self._link.value(_SET, key, value)
        else:
            await self._link.value("DELETE FROM system_state WHERE key = $1", key)

    async def close(self) -> None:
        """Give the connection back."""
        await self._link.close()


def _child(row: Any) -> RegisteredChild:
    return RegisteredChild(**dict(row))
