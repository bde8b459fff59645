"""What recorded files hold, whatever their layout: plain records in the recording's own time, in ticks and lots."""

from typing import TypeAlias

import msgspec

from vortex.exchange.market_events import Levels


class TradeRecord(msgspec.Struct, frozen=True, gc=False):
    """One print."""

    ts_ms: int
    px_ticks: int
    qty_lots: int
    buyer_is_maker: bool


class BookRecord(msgspec.Struct, frozen=True, gc=False):
    """The top of the book in full."""

    ts_ms: int
    bids: Levels
    asks: Levels


class SnapshotRecord(msgspec.Struct, frozen=True, gc=False):
    """A whole book, after which changes numbered above `last_id` apply."""

    ts_ms: int
    last_id: int
    bids: Levels
    asks: Levels


class ChangeRecord(msgspec.Struct, frozen=True, gc=False):
    """One level of a depth difference: the new quantity, zero to remove it."""

    ts_ms: int
    last_id: int
    is_ask: bool
    px_ticks: int
    qty_lots: int


class TickerRecord(msgspec.Struct, frozen=True, gc=False):
    """Best prices and their quantities."""

    ts_ms: int
    bid: int
    bid_lots: int
    ask: int
    ask_lots: int


class MetricRecord(msgspec.Struct, frozen=True, gc=False):
    """Open interest in lots and the long shares, every five minutes in the public dumps."""

    ts_ms: int
    interest_lots: int
    global_long: float
    top_account_long: float
    top_position_long: float
    taker_buy_share: float


class FundingRecord(msgspec.Struct, frozen=True, gc=False):
    """A settlement."""

    ts_ms: int
    rate: float


class ForcedRecord(msgspec.Struct, frozen=True, gc=False):
    """A liquidation order as the venue announced it."""

    ts_ms: int
    side: str
    px_ticks: int
    qty_lots: int


ReplayRecord: TypeAlias = (
    TradeRecord
    | BookRecord
    | SnapshotRecord
    | ChangeRecord
    | TickerRecord
    | MetricRecord
    | FundingRecord
    | ForcedRecord
)
