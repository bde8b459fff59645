"""What moves a position besides the events of its orders: time, price and the wish to be out."""

from dataclasses import dataclass

from vortex.domain.commands import CancelOrder, FinishTrade, SubmitOrder
from vortex.domain.events import (
    CancelRejected,
    EntryDenied,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderInDoubt,
    OrderRejected,
    OrderTriggered,
)
from vortex.domain.reasons import ExitReason


@dataclass(frozen=True, slots=True)
class EntryTimedOut:
    """The entry has rested long enough (S3-1)."""


@dataclass(frozen=True, slots=True)
class HoldEnded:
    """The position has been held long enough (S3-4)."""


@dataclass(frozen=True, slots=True)
class CloseRequested:
    """Out at market, for this reason (EM-1, operator)."""

    reason: ExitReason


@dataclass(frozen=True, slots=True)
class RetryDue:
    """A market close that did not take may be tried again; a stop that triggered has had its time."""


@dataclass(frozen=True, slots=True)
class PriceMoved:
    """A trade price, in ticks, while a stop trails (S3-3)."""

    px_ticks: int
    now_ms: int


@dataclass(frozen=True, slots=True)
class Resumed:
    """Rebuilt from journal and exchange: whatever is missing is done now."""


POSITION_EVENTS: tuple[type, ...] = (
    EntryDenied,
    OrderAccepted,
    OrderRejected,
    OrderFilled,
    OrderCanceled,
    OrderExpired,
    OrderTriggered,
    OrderInDoubt,
    CancelRejected,
    EntryTimedOut,
    HoldEnded,
    CloseRequested,
    RetryDue,
    PriceMoved,
    Resumed,
)

PositionEffect = SubmitOrder | CancelOrder | FinishTrade
