"""The audit log: append-only, chained by hashes, verified on demand (D-2)."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from vortex.adapters.postgres.link import Link
from vortex.domain.effects import Audit
from vortex.kernel.clock import MS, Clock, SystemClock

_APPEND = """
    INSERT INTO audit_log (stream, ts, kind, who, epoch, detail)
    SELECT $1, ms_to_time((e->>'ts_ms')::bigint), e->>'kind', e->>'who', (e->>'epoch')::bigint, e->'detail'
    FROM jsonb_array_elements($2) WITH ORDINALITY AS entries (e, place) ORDER BY place
"""
_TAIL = """
    SELECT stream, seq, time_to_ms(ts) AS ts_ms, kind, who, epoch, detail::text AS detail
    FROM audit_log WHERE $2::text IS NULL OR kind LIKE $2 ORDER BY ts DESC, stream, seq DESC LIMIT $1
"""


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What to append: what happened, when, who says so under which epoch, and all that was known (BYB-3)."""

    ts_ms: int
    kind: str
    who: str
    epoch: int = 0
    detail: Mapping[str, Any] = {}


class AuditRow(AuditEntry, frozen=True, kw_only=True):
    """An entry and its place in the log."""

    stream: str
    seq: int


class BrokenLink(msgspec.Struct, frozen=True, kw_only=True):
    """Where a chain does not hold, and how that shows."""

    stream: str
    seq: int
    problem: str


class AuditStore:
    """Appends to one stream ("recorder", "cli", …). Streams are chained apart, so no writer waits for another."""

    def __init__(self, dsn: str, stream: str = "recorder", clock: Clock | None = None) -> None:
        self._link = Link(dsn, f"audit-{stream}")
        self._stream = stream
        self._clock = clock or SystemClock()

    async def append(self, entries: Sequence[AuditEntry | Audit]) -> None:
        """Append in order, all or none. A bare Audit is stamped now, and with the stream as its source."""
        if entries:
            full = [entry if isinstance(entry, AuditEntry) else self._stamped(entry) for entry in entries]
            await self._link.value(_APPEND, self._stream, msgspec.json.encode(full).decode())

    async def tail(self, limit: int = 100, kind: str | None = None) -> list[AuditRow]:
        """The newest entries of all streams, newest first; `kind` may hold % as a wildcard."""
        rows = await self._link.rows(_TAIL, limit, kind)
        return [
            AuditRow(
                stream=row["stream"],
                seq=row["seq"],
                ts_ms=row["ts_ms"],
                kind=row["kind"],
                who=row["who"],
                epoch=row["epoch"],
                detail=msgspec.json.decode(row["detail"]),
            )
            for row in rows
        ]

    async def verify(self) -> list[BrokenLink]:
        """Every place where a chain is broken: a row altered, removed or inserted. Empty when all is well."""
        rows = await self._link.rows("SELECT stream, seq, problem FROM audit_verify()")
        return [BrokenLink(**dict(row)) for row in rows]

    async def close(self) -> None:
        """Give the connection back."""
        await self._link.close()

    def _stamped(self, audit: Audit) -> AuditEntry:
        now_ms = self._clock.unix() // MS
        return AuditEntry(ts_ms=now_ms, kind=audit.kind, who=self._stream, detail=audit.detail)
