"""What the market says, decoded once at the edge (E0-1, E0-3). Prices and quantities are float64: signals only."""

import enum
import struct
from collections.abc import Sequence
from itertools import chain
from operator import add

from vortex.domain.message import Message

LEVELS = 20
"""Levels of a book on either side (E0-1)."""
_BOOK = struct.Struct(f"={LEVELS * 4}d")
_NO_LEVEL = (0.0, 0.0)

Levels = Sequence[tuple[float, float]]
"""(price, quantity), best first."""


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
    """The top 20 levels, best first. `prev_update_id` chains to the event before.

    `levels` are those of `packed_levels`: packed once at the edge, the kernels take them as they are.
    """

    first_update_id: int
    final_update_id: int
    prev_update_id: int
    levels: bytes

    @property
    def bids(self) -> tuple[tuple[float, float], ...]:
        """(price, quantity), best first."""
        return self._side(0)

    @property
    def asks(self) -> tuple[tuple[float, float], ...]:
        """(price, quantity), best first."""
        return self._side(2)

    def _side(self, first: int) -> tuple[tuple[float, float], ...]:
        numbers = _BOOK.unpack(self.levels)
        pairs = list(zip(numbers[first::4], numbers[first + 1 :: 4], strict=True))
        while pairs and pairs[-1] == _NO_LEVEL:
            pairs.pop()
        return tuple(pairs)


def packed_levels(bids: Levels, asks: Levels) -> bytes:
    """20 rows of bid price, bid quantity, ask price, ask quantity as float64; 0 where there is no level."""
    if len(bids) != LEVELS or len(asks) != LEVELS:
        bids, asks = ([*side[:LEVELS], *[_NO_LEVEL] * (LEVELS - len(side))] for side in (bids, asks))
    return _BOOK.pack(*chain.from_iterable(map(add, bids, asks)))


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
