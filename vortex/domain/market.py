"""What the market says, decoded once at the edge (E0-1, E0-3). Prices and quantities are float64: signals only."""

import enum

from vortex.domain.message import Message


class Interval(enum.StrEnum):
    """Candle intervals the house keeps (P-2)."""

    M1 = "1m"
    M3 = "3m"
    M5 = "5m"
    M15 = "15m"

    @property
    def ms(self) -> int:
        """Length in milliseconds."""
        return {"1m": 60_000, "3m": 180_000, "5m": 300_000, "15m": 900_000}[self.value]


class MarketEvent(Message, frozen=True, kw_only=True):
    """Common head: exchange event time in ms, and our receive stamp in unix ns (0 in replay)."""

    symbol: str
    ts_ms: int
    recv_ns: int = 0


class Trade(MarketEvent, frozen=True, kw_only=True):
    """One aggregate trade. `agg_id` is contiguous per symbol; `ts_ms` is the trade time."""

    agg_id: int
    px: float
    qty: float
    buyer_is_maker: bool


class Depth(MarketEvent, frozen=True, kw_only=True):
    """The top 20 levels, best first, as (price, quantity). `prev_update_id` chains to the event before."""

    first_update_id: int
    final_update_id: int
    prev_update_id: int
    bids: tuple[tuple[float, float], ...]
    asks: tuple[tuple[float, float], ...]


class BestQuote(MarketEvent, frozen=True, kw_only=True):
    """Best bid and ask (bookTicker)."""

    update_id: int
    bid_px: float
    bid_qty: float
    ask_px: float
    ask_qty: float


class Candle(MarketEvent, frozen=True, kw_only=True):
    """One candle; `closed` is the exchange's word that it will not change. `ts_ms` is the event time."""

    interval: Interval
    open_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    quote_volume: float
    trades: int
    taker_buy_volume: float
    closed: bool


class MarkPrice(MarketEvent, frozen=True, kw_only=True):
    """Mark and index price, estimated funding rate (a fraction, 0.0001 = 0.01 %), next settlement in ms."""

    mark_px: float
    index_px: float
    funding_rate: float
    next_funding_ms: int


class Liquidation(MarketEvent, frozen=True, kw_only=True):
    """A forced order (forceOrder): `side` is the side of the liquidation order, SELL when longs are liquidated."""

    side: str
    px: float
    qty: float


class OpenInterest(MarketEvent, frozen=True, kw_only=True):
    """Open interest in base units."""

    quantity: float


class AccountRatio(MarketEvent, frozen=True, kw_only=True):
    """Share of accounts that are long, 0..1, of all accounts or of the top traders."""

    long_share: float
    top_traders: bool


MarketMessage = Trade | Depth | BestQuote | Candle | MarkPrice | Liquidation | OpenInterest | AccountRatio
