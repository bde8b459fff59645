"""What recorded files hold, whatever their layout: plain records in the recording's own time, in ticks and lots."""

from typing import TypeAlias

import msgspec

from vortex.exchange.market_events import Levels


class TradeRecord(msgspec.Struct, frozen=True, gc=False):
    """One aggregated trade, or when `single` one fill; ids of the exchange's fills, -1 where none are recorded."""

    ts_ms: int
    px_ticks: int
    qty_lots: int
    buyer_is_maker: bool
    first_id: int = -1
    last_id: int = -1
    single: bool = False


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
    """The rate of the next settlement, known from `ts_ms` on; `due_ms` is when it is settled, 0 when unknown."""

    ts_ms: int
    rate: float
    due_ms: int = 0


class MarkRecord(msgspec.Struct, frozen=True, gc=False):
    """A candle of the mark price, the index price, or the premium (a fraction): what it begins and ends with."""

    ts_ms: int
    what: str  # mark, index or premium
    end_ms: int
    opened: float
    closed: float


class ShapeRecord(msgspec.Struct, frozen=True, gc=False):
    """How much the whole book holds: (percent from the middle, lots up to there) pairs per side, nearest first."""

    ts_ms: int
    bids: tuple[tuple[float, float], ...]
    asks: tuple[tuple[float, float], ...]


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
    | MarkRecord
    | ShapeRecord
)
SLOW_RECORDS = (MetricRecord, FundingRecord, MarkRecord, ShapeRecord)
"""What is recorded all day long, whether or not somebody recorded trades meanwhile."""
