"""Decisions with their inputs and what became of them, written in batches off the hot path (S1-5)."""

from collections.abc import Sequence

import msgspec

from vortex.adapters.postgres.link import Link
from vortex.domain.effects import DecisionMade

_APPEND = """
    WITH entries AS (
        SELECT made, place, made->'decision' AS d FROM jsonb_array_elements($1) WITH ORDINALITY AS e (made, place)),
    denied AS (
        UPDATE decisions SET trade_no = NULL, refused = made->>'refused' FROM entries
        WHERE made->>'refused' <> '' AND trade_no IS NOT NULL
          AND symbol = d->>'symbol' AND ts = ms_to_time((d->>'ts_ms')::bigint)
        RETURNING place)
    INSERT INTO decisions (
        ts, symbol, action, strategy, confidence, final_score, engines_agree, failed, reason, signals, trade_no,
        refused)
    SELECT ms_to_time((d->>'ts_ms')::bigint), d->>'symbol', d->>'action', d->>'strategy', (d->>'confidence')::float8,
           (d->>'final_score')::float8, (d->>'engines_agree')::integer, d->'failed', d->>'reason', d->'signals',
           NULLIF((made->>'trade_no')::bigint, 0), made->>'refused'
    FROM entries WHERE place NOT IN (SELECT place FROM denied)
    ORDER BY place
"""
_RECENT = """
    SELECT jsonb_build_object(
        'type', 'DecisionMade', 'trade_no', COALESCE(trade_no, 0), 'refused', refused,
        'decision', jsonb_build_object(
            'type', 'Decision', 'symbol', symbol, 'ts_ms', time_to_ms(ts), 'action', action, 'strategy', strategy,
            'confidence', confidence, 'final_score', final_score, 'engines_agree', engines_agree, 'failed', failed,
            'reason', reason, 'signals', signals))::text AS made
    FROM decisions
    WHERE ($2::text IS NULL OR symbol = $2) AND ($3::bigint IS NULL OR trade_no = $3)
    ORDER BY ts DESC, id DESC LIMIT $1
"""
_PRUNE = "WITH gone AS (DELETE FROM decisions WHERE ts < ms_to_time($1) RETURNING 1) SELECT count(*) FROM gone"


class DecisionStore:
    """Appends, reads back, forgets after a while."""

    def __init__(self, dsn: str) -> None:
        self._link = Link(dsn, "decisions")

    async def append(self, decisions: Sequence[DecisionMade]) -> None:
        """Keep these, all or none. A refusal of a decision that is kept already takes its trade number away."""
        if decisions:
            last = {(made.decision.symbol, made.decision.ts_ms): made for made in decisions}
            await self._link.value(_APPEND, msgspec.json.encode(list(last.values())).decode())

    async def recent(
        self, limit: int = 100, symbol: str | None = None, trade_no: int | None = None
    ) -> list[DecisionMade]:
        """The newest decisions, newest first, exactly as they were made; with a symbol and a trade number, why it was
        opened."""
        rows = await self._link.rows(_RECENT, limit, symbol, trade_no)
        return [msgspec.json.decode(row["made"], type=DecisionMade) for row in rows]

    async def prune(self, before_ms: int) -> int:
        """Forget decisions older than this; how many that were."""
        return int(await self._link.value(_PRUNE, before_ms))

    async def close(self) -> None:
        """Give the connection back."""
        await self._link.close()
