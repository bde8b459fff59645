"""The breaker's durable state, and the kill latch that works with the whole tree dead (CB-13, EM-5)."""

import msgspec

from vortex.adapters.postgres.link import Link
from vortex.kernel.clock import MS, Clock, SystemClock


class StoredBreaker(msgspec.Struct, frozen=True, kw_only=True):
    """What a reborn breaker finds. A `kill_reason` overrules the state: it starts latched."""

    state_json: str | None
    kill_reason: str | None


class BreakerEventRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the breaker's history."""

    ts_ms: int
    epoch: int
    event: str
    reason: str


class BreakerStore:
    """Saves under the breaker's fence; the latch needs no fence, because it only ever forbids."""

    def __init__(self, dsn: str, clock: Clock | None = None) -> None:
        self._link = Link(dsn, "breaker")
        self._clock = clock or SystemClock()

    async def load(self) -> StoredBreaker:
        """The last saved state and the latch; both None on a new database."""
        rows = await self._link.rows("SELECT state::text AS state, kill_reason FROM breaker_state")
        if not rows:
            return StoredBreaker(state_json=None, kill_reason=None)
        return StoredBreaker(state_json=rows[0]["state"], kill_reason=rows[0]["kill_reason"])

    async def save(self, epoch: int, state_json: str, event: str, reason: str) -> None:
        """Make the state durable, and unless `event` is empty, the event with it. Fenced under an older epoch."""
        await self._link.value(
            "SELECT breaker_save($1, $2, $3, $4, $5)", epoch, state_json, event, reason, self._now_ms()
        )

    async def latch_kill(self, reason: str) -> None:
        """Forbid trading until an operator clears it; stays through every restart and every later save."""
        await self._link.value("SELECT breaker_latch($1, $2)", reason or "unexplained", self._now_ms())

    async def clear_kill(self) -> None:
        """Lift the latch; the operator's reason is audited by the breaker that resumes."""
        await self._link.value("SELECT breaker_latch(NULL, $1)", self._now_ms())

    async def events(self, limit: int = 50) -> list[BreakerEventRow]:
        """The newest events, newest first."""
        rows = await self._link.rows(
            "SELECT time_to_ms(ts) AS ts_ms, epoch, event, reason FROM breaker_events ORDER BY id DESC LIMIT $1", limit
        )
        return [BreakerEventRow(**dict(row)) for row in rows]

    async def close(self) -> None:
        """Give the connection back."""
        await self._link.close()

    def _now_ms(self) -> int:
        return self._clock.unix() // MS
