"""What people and learning ask of the past: trades, orders, equity, daily figures and the KPIs of section 9."""

from decimal import Decimal
from typing import Any

import msgspec

from vortex.adapters.postgres.link import Link
from vortex.domain.records import EquityTaken


class TradeRow(msgspec.Struct, frozen=True, kw_only=True):
    """One trade as people read it. Prices in quote units, money net of all fees, times in unix ms."""

    id: int
    symbol: str
    trade_no: int
    state: str
    adopted: bool
    side: str
    strategy: str
    size_usdt: Decimal
    leverage: int
    entry_price: Decimal | None
    exit_price: Decimal | None
    sl_price: Decimal | None
    tp1_price: Decimal | None
    pnl_gross: Decimal | None
    fee_total: Decimal | None
    pnl_net: Decimal | None
    confidence: float
    final_score: float
    hold_duration_sec: Decimal | None
    exit_reason: str | None
    maker_fills: int | None
    taker_fills: int | None
    opened_ms: int
    entry_ms: int | None
    exit_ms: int | None


class WorkingOrderRow(msgspec.Struct, frozen=True, kw_only=True):
    """An order that the journal believes to be alive."""

    client_order_id: str
    symbol: str
    trade_no: int
    leg: str
    side: str
    kind: str
    state: str
    qty_lots: int
    executed_lots: int
    px_ticks: int
    trigger_ticks: int
    price: Decimal | None
    trigger_price: Decimal | None
    quantity: Decimal | None
    venue_order_id: int
    updated_ms: int


class DayRow(msgspec.Struct, frozen=True, kw_only=True):
    """One UTC day, `day` as YYYY-MM-DD."""

    day: str
    trades: int
    no_fills: int
    wins: int
    losses: int
    pnl_gross: Decimal
    fee_total: Decimal
    pnl_net: Decimal
    maker_fills: int
    taker_fills: int


class Kpis(msgspec.Struct, frozen=True, kw_only=True):
    """Section 9 over a span of finished trades. Ratios are fractions; None where nothing has happened yet."""

    trades: int
    no_fills: int
    win_rate: Decimal | None
    fee_ratio: Decimal | None
    avg_hold_sec: Decimal | None
    profit_factor: Decimal | None
    max_drawdown: Decimal | None
    maker_rate: Decimal | None
    avg_reward_risk: Decimal | None
    no_fill_rate: Decimal | None
    expected_value: Decimal | None
    break_even_win_rate: Decimal | None
    pnl_net: Decimal


_TRADES = """
    SELECT id, symbol, trade_no, state, adopted, side, strategy, size_usdt, leverage, entry_price, exit_price,
           sl_price, tp1_price, pnl_gross, fee_total, pnl_net, confidence, final_score, hold_duration_sec,
           exit_reason, maker_fills, taker_fills, time_to_ms(opened_at) AS opened_ms,
           time_to_ms(entry_time) AS entry_ms, time_to_ms(exit_time) AS exit_ms
    FROM trades
    WHERE ($2::text IS NULL OR symbol = $2) AND ($3::text IS NULL OR state = $3)
    ORDER BY id DESC LIMIT $1
"""
_WORKING = """
    SELECT client_order_id, symbol, trade_no, leg, side, kind, state, qty_lots, executed_lots, px_ticks, trigger_ticks,
           price, trigger_price, quantity, venue_order_id, time_to_ms(updated_at) AS updated_ms
    FROM orders WHERE state NOT IN ('FILLED', 'CANCELED', 'EXPIRED', 'REJECTED', 'DENIED')
    ORDER BY symbol, trade_no, client_order_id
"""
_DAYS = """
    SELECT to_char(day, 'YYYY-MM-DD') AS day, trades, no_fills, wins, losses, pnl_gross, fee_total, pnl_net,
           maker_fills, taker_fills
    FROM daily_summary ORDER BY day DESC LIMIT $1
"""
_EQUITY = """
    SELECT time_to_ms(ts) AS ts_ms, equity, wallet, margin_used FROM equity_snapshots
    WHERE ts >= ms_to_time($1) ORDER BY ts DESC LIMIT $2
"""
_KPIS = """
    WITH span AS (
        SELECT * FROM trades WHERE state = 'CLOSED' AND exit_time >= ms_to_time($1)
    ), taken AS (
        SELECT * FROM span WHERE exit_reason <> 'NO_FILL'
    ), peaks AS (
        SELECT equity, max(equity) OVER (ORDER BY ts) AS peak FROM equity_snapshots WHERE ts >= ms_to_time($1)
    ), sums AS (
        SELECT count(*) AS trades,
               count(*) FILTER (WHERE pnl_net > 0) AS wins,
               sum(pnl_net) AS net,
               sum(fee_total) AS fees,
               sum(pnl_gross) FILTER (WHERE pnl_gross > 0) AS gross_profit,
               sum(pnl_net) FILTER (WHERE pnl_net > 0) AS profit,
               -sum(pnl_net) FILTER (WHERE pnl_net < 0) AS loss,
               avg(pnl_net) FILTER (WHERE pnl_net > 0) AS mean_win,
               -avg(pnl_net) FILTER (WHERE pnl_net < 0) AS mean_loss,
               avg(hold_duration_sec) AS hold,
               sum(maker_fills) AS maker,
               sum(maker_fills + taker_fills) AS all_fills
        FROM taken
    )
    SELECT trades::integer AS trades,
           (SELECT count(*) FROM span WHERE exit_reason = 'NO_FILL')::integer AS no_fills,
           wins::numeric / NULLIF(trades, 0) AS win_rate,
           fees / NULLIF(gross_profit, 0) AS fee_ratio,
           hold AS avg_hold_sec,
           profit / NULLIF(loss, 0) AS profit_factor,
           (SELECT max((peak - equity) / NULLIF(peak, 0)) FROM peaks) AS max_drawdown,
           maker::numeric / NULLIF(all_fills, 0) AS maker_rate,
           mean_win / NULLIF(mean_loss, 0) AS avg_reward_risk,
           (SELECT count(*) FILTER (WHERE exit_reason = 'NO_FILL')::numeric / NULLIF(count(*), 0) FROM span)
               AS no_fill_rate,
           net / NULLIF(trades, 0) AS expected_value,
           mean_loss / NULLIF(mean_win + mean_loss, 0) AS break_even_win_rate,
           COALESCE(net, 0) AS pnl_net
    FROM sums
"""


class History:
    """Read-only. Everything here may be asked while trading goes on."""

    def __init__(self, dsn: str) -> None:
        self._link = Link(dsn, "history")

    async def trades(self, limit: int = 50, symbol: str | None = None, state: str | None = None) -> list[TradeRow]:
        """The newest trades, newest first; `state` is OPEN or CLOSED."""
        return [TradeRow(**dict(row)) for row in await self._link.rows(_TRADES, limit, symbol, state)]

    async def working_orders(self) -> list[WorkingOrderRow]:
        """Orders that are not terminal."""
        return [WorkingOrderRow(**dict(row)) for row in await self._link.rows(_WORKING)]

    async def positions(self) -> dict[str, int]:
        """Signed lots per symbol as the fills add up, without the flat ones."""
        rows = await self._link.rows("SELECT symbol, qty_lots FROM positions WHERE qty_lots <> 0 ORDER BY symbol")
        return {row["symbol"]: row["qty_lots"] for row in rows}

    async def days(self, limit: int = 31) -> list[DayRow]:
        """Daily figures, newest first."""
        return [DayRow(**dict(row)) for row in await self._link.rows(_DAYS, limit)]

    async def equity(self, since_ms: int, limit: int = 10_000) -> list[EquityTaken]:
        """Samples of the account since a time, oldest first, the newest `limit` of them."""
        rows: list[Any] = await self._link.rows(_EQUITY, since_ms, limit)
        return [EquityTaken(**dict(row)) for row in reversed(rows)]

    async def kpis(self, since_ms: int) -> Kpis:
        """The KPIs over trades finished since a time (section 9)."""
        [row] = await self._link.rows(_KPIS, since_ms)
        return Kpis(**dict(row))

    async def close(self) -> None:
        """Give the connection back."""
        await self._link.close()
