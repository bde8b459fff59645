"""The executor's journal over PostgreSQL: one call per commit, and everything a new executor must know (S3-6, D-2)."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from vortex.adapters.postgres.encoding import encode_batch
from vortex.adapters.postgres.link import Link
from vortex.domain.instruments import Instrument
from vortex.domain.orders import Leg, OrderKind, OrderSpec, OrderState, Side, TimeInForce, VenueFill
from vortex.domain.plans import TradePlan
from vortex.domain.records import (
    CLOSED_KEPT,
    ClosedTrade,
    JournalOrder,
    JournalSnapshot,
    JournalTrade,
    Record,
)
from vortex.kernel.clock import MS, Clock, SystemClock

DAY_MS = 86_400_000

RECENT_FILLS_MS = 600_000
"""Fills of this long before the last one are named one by one, so that none is counted twice."""

_COMMIT = "SELECT journal_commit($1, $2)"

_OPEN_TRADES = """
    SELECT symbol, trade_no, plan::text AS plan, adopted, time_to_ms(opened_at) AS opened_ms
    FROM trades WHERE state = 'OPEN' AND symbol = ANY($1) ORDER BY symbol, trade_no
"""
# Two questions in one, each answered from a small partial index however long the past has become.
_ORDERS = """
    WITH wanted AS (
        SELECT client_order_id, false AS of_open_trade FROM orders
        WHERE symbol = ANY($1) AND state NOT IN ('FILLED', 'CANCELED', 'EXPIRED', 'REJECTED', 'DENIED')
        UNION ALL
        SELECT o.client_order_id, true FROM trades t CROSS JOIN LATERAL (
            SELECT client_order_id FROM orders WHERE symbol = t.symbol AND trade_no = t.trade_no OFFSET 0
        ) AS o
        WHERE t.symbol = ANY($1) AND t.state = 'OPEN'
    )
    SELECT o.*, time_to_ms(o.updated_at) AS update_ms, w.of_open_trade
    FROM (SELECT client_order_id, bool_or(of_open_trade) AS of_open_trade FROM wanted GROUP BY client_order_id) w
    JOIN orders o USING (client_order_id)
    ORDER BY o.symbol, o.trade_no, o.intended_at, o.client_order_id
"""
# OFFSET 0 keeps the planner to this order, also on the first day, when it has no statistics yet.
_FILLS = """
    SELECT f.*, time_to_ms(f.ts) AS ts_ms
    FROM trades t CROSS JOIN LATERAL (
        SELECT * FROM fills WHERE symbol = t.symbol AND trade_no = t.trade_no OFFSET 0
    ) AS f
    WHERE t.state = 'OPEN' AND t.symbol = ANY($1) ORDER BY f.symbol, f.trade_no, f.ts, f.venue_trade_id
"""
_LAST_TRADE_NO = """
    SELECT symbol, trade_no FROM (
        SELECT s.symbol, GREATEST(
            (SELECT max(trade_no) FROM trades t WHERE t.symbol = s.symbol),
            (SELECT max(trade_no) FROM orders o WHERE o.symbol = s.symbol)) AS trade_no
        FROM unnest($1::text[]) AS s (symbol)
    ) AS used WHERE trade_no IS NOT NULL ORDER BY symbol
"""
_CLOSED = """
    WITH wanted AS (
        SELECT close_seq FROM trades WHERE exit_time >= ms_to_time($1)
        UNION
        (SELECT close_seq FROM trades WHERE close_seq IS NOT NULL AND exit_reason <> 'NO_FILL'
         ORDER BY close_seq DESC LIMIT $2)
    )
    SELECT t.symbol, t.trade_no, t.close_seq, t.exit_reason, t.pnl_gross, t.fee_total, t.pnl_net,
           time_to_ms(t.entry_time) AS entry_ms, time_to_ms(t.exit_time) AS exit_ms
    FROM wanted JOIN trades t USING (close_seq) ORDER BY close_seq
"""
_MARKS = """
    SELECT (SELECT COALESCE(max(close_seq), 0) FROM trades) AS last_close_seq,
           (SELECT COALESCE(time_to_ms(max(ts)), 0) FROM fills) AS last_fill_ms,
           (SELECT equity FROM equity_snapshots WHERE ts >= ms_to_time($1) AND ts < ms_to_time($2)
            ORDER BY ts LIMIT 1) AS day_open_equity
"""
_RECENT_FILLS = """
    SELECT symbol, array_agg(venue_trade_id ORDER BY venue_trade_id) AS ids FROM fills
    WHERE ts >= (SELECT max(ts) FROM fills) - make_interval(secs => $1 / 1000.0) GROUP BY symbol ORDER BY symbol
"""
_INSTRUMENTS = "SELECT spec::text AS spec FROM instruments"
_LEARN = """
    INSERT INTO instruments (symbol, spec)
    SELECT value->>'symbol', value FROM jsonb_array_elements($1)
    ON CONFLICT (symbol) DO UPDATE SET spec = EXCLUDED.spec, updated_at = now()
    WHERE instruments.spec <> EXCLUDED.spec
"""


class PostgresJournal:
    """JournalPort. `commit` is one round trip and one flush; repeating a commit whose answer was lost is harmless."""

    def __init__(self, dsn: str, clock: Clock | None = None) -> None:
        self._link = Link(dsn, "journal")
        self._clock = clock or SystemClock()
        self._instruments: dict[str, Instrument] = {}

    async def commit(self, epoch: int, records: Sequence[Record]) -> None:
        """Make the records durable, all or none, in order.

        Fenced under an older epoch; JournalUnavailable when it is unknown whether they are durable; LocalViolation
        when they contradict what is there (a used client order id, a fill of a trade never opened).
        """
        if records:
            await self._link.value(_COMMIT, epoch, encode_batch(records, self._instruments))

    async def load(self, symbols: Sequence[str]) -> JournalSnapshot:
        """What is open in these symbols, and the account's recent past. One consistent instant."""
        wanted = list(symbols)
        now_ms = self._clock.unix() // MS
        midnight_ms = now_ms - now_ms % DAY_MS
        trades, orders, fills, numbers, closed, marks, recent, specs = await self._link.rows_of(
            (_OPEN_TRADES, (wanted,)),
            (_ORDERS, (wanted,)),
            (_FILLS, (wanted,)),
            (_LAST_TRADE_NO, (wanted,)),
            (_CLOSED, (now_ms - DAY_MS, CLOSED_KEPT)),
            (_MARKS, (midnight_ms, midnight_ms + DAY_MS)),
            (_RECENT_FILLS, (RECENT_FILLS_MS,)),
            (_INSTRUMENTS, ()),
        )
        for row in specs:
            instrument = msgspec.json.decode(row["spec"], type=Instrument)
            self._instruments.setdefault(instrument.symbol, instrument)
        orders_of: defaultdict[tuple[str, int], list[Any]] = defaultdict(list)
        fills_of: defaultdict[tuple[str, int], list[Any]] = defaultdict(list)
        for row in orders:
            orders_of[_key(row)].append(row)
        for row in fills:
            fills_of[_key(row)].append(row)
        return JournalSnapshot(
            trades=tuple(_trade(row, orders_of[_key(row)], fills_of[_key(row)]) for row in trades),
            leftover_orders=tuple(_order(row) for row in orders if not row["of_open_trade"]),
            last_trade_no={row["symbol"]: row["trade_no"] for row in numbers},
            last_close_seq=marks[0]["last_close_seq"],
            closed=tuple(_closed(row) for row in closed),
            last_fill_ms=marks[0]["last_fill_ms"],
            day_open_equity=marks[0]["day_open_equity"],
            recent_fill_ids={row["symbol"]: tuple(row["ids"]) for row in recent},
        )

    async def learn(self, instruments: Mapping[str, Instrument]) -> None:
        """Remember the grids, so that records also say prices and quantities in quote and base units."""
        self._instruments.update(instruments)
        await self._link.value(_LEARN, msgspec.json.encode(list(instruments.values())).decode())

    async def close(self) -> None:
        """Give the connection back."""
        await self._link.close()


def _key(row: Any) -> tuple[str, int]:
    return row["symbol"], row["trade_no"]


def _trade(row: Any, orders: Sequence[Any], fills: Sequence[Any]) -> JournalTrade:
    return JournalTrade(
        plan=msgspec.json.decode(row["plan"], type=TradePlan),
        adopted=row["adopted"],
        opened_ms=row["opened_ms"],
        orders=tuple(_order(order) for order in orders),
        fills=tuple(_fill(fill) for fill in fills),
    )


def _order(row: Any) -> JournalOrder:
    spec = OrderSpec(
        client_order_id=row["client_order_id"],
        symbol=row["symbol"],
        trade_no=row["trade_no"],
        leg=Leg(row["leg"]),
        attempt=row["attempt"],
        side=Side(row["side"]),
        kind=OrderKind(row["kind"]),
        time_in_force=TimeInForce(row["time_in_force"]),
        qty_lots=row["qty_lots"],
        px_ticks=row["px_ticks"],
        trigger_ticks=row["trigger_ticks"],
        reduce_only=row["reduce_only"],
        close_position=row["close_position"],
        why=row["why"],
    )
    return JournalOrder(
        spec=spec,
        state=OrderState(row["state"]),
        executed_lots=row["executed_lots"],
        venue_order_id=row["venue_order_id"],
        update_ms=row["update_ms"],
    )


def _fill(row: Any) -> VenueFill:
    return VenueFill(
        symbol=row["symbol"],
        venue_trade_id=row["venue_trade_id"],
        venue_order_id=row["venue_order_id"],
        client_order_id=row["client_order_id"],
        side=Side(row["side"]),
        qty_lots=row["qty_lots"],
        px_ticks=row["px_ticks"],
        fee=row["fee"],
        fee_asset=row["fee_asset"],
        realized_pnl=row["realized_pnl"],
        is_maker=row["is_maker"],
        ts_ms=row["ts_ms"],
    )


def _closed(row: Any) -> ClosedTrade:
    return ClosedTrade(
        symbol=row["symbol"],
        trade_no=row["trade_no"],
        close_seq=row["close_seq"],
        exit_reason=row["exit_reason"],
        pnl_gross=row["pnl_gross"],
        fees=row["fee_total"],
        pnl_net=row["pnl_net"],
        entry_ms=row["entry_ms"],
        exit_ms=row["exit_ms"],
    )
