"""A trade before it exists: what the risk manager asks the executor to do, and how the position will be led."""

from decimal import Decimal

from vortex.domain.message import Message
from vortex.domain.orders import Side
from vortex.domain.signals import Strategy


class TradePlan(Message, frozen=True, kw_only=True):
    """An approved entry with its levels (S2-2 … S2-5, S3-1 … S3-4).

    Prices in ticks, quantity in lots, durations in ms. `trail_ticks` is 0 when the strategy closes at once (B).
    `take_profit_share` is the percentage of the filled quantity that TP1 closes (60 for A and C, 100 for B).
    """

    symbol: str
    trade_no: int
    side: Side
    strategy: Strategy
    qty_lots: int
    entry_px_ticks: int
    stop_px_ticks: int
    take_profit_px_ticks: int
    trail_ticks: int
    take_profit_share: int
    entry_timeout_ms: int
    max_hold_ms: int
    leverage: int
    confidence: float
    final_score: float
    size_usdt: Decimal
    decided_ms: int
    regime: str = ""
    vol_phase: str = ""
    signals_json: str = ""
