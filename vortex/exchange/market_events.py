"""What a market says: trades, book states, marks, liquidations, open interest and ratios.

Prices are integer ticks and quantities integer lots of the instrument; times are unix milliseconds of the
exchange's clock. Ids and sequence numbers are not here: whoever publishes the events numbers them.
"""

from typing import TypeAlias

import msgspec

Levels: TypeAlias = tuple[tuple[int, int], ...]
"""(px_ticks, qty_lots) pairs, best price first, every quantity above zero."""


class MarketTrade(msgspec.Struct, frozen=True, gc=False):
    """One print of the public tape. `buyer_is_maker` means that a seller took.

    It is an aggregated trade, unless `single`: then it is one fill, and whoever publishes merges it with others.
    Ids are those of a recording, -1 where there are none.
    """

    ts_ms: int
    symbol: str
    px_ticks: int
    qty_lots: int
    buyer_is_maker: bool
    first_id: int = -1
    last_id: int = -1
    single: bool = False


class BookState(msgspec.Struct, frozen=True, gc=False):
    """The whole visible book, replacing the one before; about every 100 ms."""

    ts_ms: int
    symbol: str
    bids: Levels
    asks: Levels


class MarkState(msgspec.Struct, frozen=True, gc=False):
    """Mark and index price in quote units, and the funding rate as a fraction for the next settlement."""

    ts_ms: int
    symbol: str
    mark: float
    index: float
    funding_rate: float
    next_funding_ms: int


class LiquidationPrint(msgspec.Struct, frozen=True, gc=False):
    """A forced order that was filled. `side` is the side of that order: SELL closes a long."""

    ts_ms: int
    symbol: str
    side: str
    px_ticks: int
    qty_lots: int
    limit_ticks: int = 0
    """The order's own price where it differs from the average it was filled at."""


class OpenInterestState(msgspec.Struct, frozen=True, gc=False):
    """Open interest in lots."""

    ts_ms: int
    symbol: str
    lots: int


class RatioState(msgspec.Struct, frozen=True, gc=False):
    """Shares in 0..1: long accounts of all and of top traders, long positions of top traders, taker buys."""

    ts_ms: int
    symbol: str
    global_long: float
    top_account_long: float
    top_position_long: float
    taker_buy_share: float


Bands: TypeAlias = tuple[tuple[int, float], ...]
"""(px_ticks, factor) pairs, away from the touch: levels up to that price hold so many times the ordinary quantity."""


class DeepState(msgspec.Struct, frozen=True, gc=False):
    """How full the levels far behind the touch are, until told anew; the last factor holds for all beyond."""

    ts_ms: int
    symbol: str
    bids: Bands
    asks: Bands


MarketEvent: TypeAlias = (
    MarketTrade | BookState | MarkState | LiquidationPrint | OpenInterestState | RatioState | DeepState
)
