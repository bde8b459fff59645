"""What can happen to one order, as triggers of its state machine; and what we hold about it meanwhile."""

from dataclasses import dataclass

from vortex.domain.events import (
    CancelRejected,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderInDoubt,
    OrderRejected,
    OrderTriggered,
)
from vortex.domain.orders import OrderSpec, OrderState, VenueFill, VenueOrder


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """Everything known of one order beside its state.

    `executed_lots` is the exchange's count, `filled_lots` the sum of the fills we hold; the end of an order is
    announced only when the second has caught up with the first.
    """

    spec: OrderSpec
    executed_lots: int = 0
    filled_lots: int = 0
    venue_order_id: int = 0
    child_order_id: int = 0
    update_ms: int = 0
    cancel_wanted: bool = False
    triggered: bool = False
    announced: bool = False
    code: int = 0
    reason: str = ""

    @property
    def fills_missing(self) -> bool:
        """The exchange executed more than the fills we have seen."""
        return self.filled_lots < self.executed_lots


@dataclass(frozen=True, slots=True)
class Dispatched:
    """Journaled, past the gate, handed to the wire."""


@dataclass(frozen=True, slots=True)
class Withheld:
    """Never sent: the gate closed between intent and sending, or the journal did not take the intent."""

    reason: str


@dataclass(frozen=True, slots=True)
class Deferred:
    """Provably never left; the same id may be sent again."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The exchange's definite no."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class WentUnknown:
    """Neither yes nor no."""

    reason: str


@dataclass(frozen=True, slots=True)
class Absent:
    """Several definite not-founds, spread over long enough: it never arrived."""

    reason: str


@dataclass(frozen=True, slots=True)
class CancelAsked:
    """Somebody wants it gone."""


@dataclass(frozen=True, slots=True)
class CancelDeclined:
    """The cancel did not take, or nobody knows; the order's truth is being asked."""

    reason: str


@dataclass(frozen=True, slots=True)
class SaysOpen:
    """The exchange describes it as working, partly filled or not."""

    order: VenueOrder


@dataclass(frozen=True, slots=True)
class SaysFilled:
    """The exchange describes it as done."""

    order: VenueOrder


@dataclass(frozen=True, slots=True)
class SaysCanceled:
    """The exchange describes it as canceled."""

    order: VenueOrder


@dataclass(frozen=True, slots=True)
class SaysExpired:
    """The exchange describes it as ended by itself."""

    order: VenueOrder


@dataclass(frozen=True, slots=True)
class SaysRejected:
    """The exchange describes it as refused after it was taken (a conditional order at its trigger)."""

    order: VenueOrder


@dataclass(frozen=True, slots=True)
class FillSeen:
    """A fill that was not counted before."""

    fill: VenueFill


ORDER_EVENTS: tuple[type, ...] = (
    Dispatched,
    Withheld,
    Deferred,
    Refused,
    WentUnknown,
    Absent,
    CancelAsked,
    CancelDeclined,
    SaysOpen,
    SaysFilled,
    SaysCanceled,
    SaysExpired,
    SaysRejected,
    FillSeen,
)

OrderNotice = (
    OrderAccepted
    | OrderRejected
    | OrderFilled
    | OrderCanceled
    | OrderExpired
    | OrderTriggered
    | OrderInDoubt
    | CancelRejected
)

Says = SaysOpen | SaysFilled | SaysCanceled | SaysExpired | SaysRejected


def as_event(order: VenueOrder) -> Says:
    """A description by the exchange as the trigger it is."""
    match order.state:
        case OrderState.FILLED:
            return SaysFilled(order)
        case OrderState.CANCELED:
            return SaysCanceled(order)
        case OrderState.EXPIRED:
            return SaysExpired(order)
        case OrderState.REJECTED | OrderState.DENIED:
            return SaysRejected(order)
        case _:
            return SaysOpen(order)
