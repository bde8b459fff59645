"""Orders as we mean them and as the exchange reports them, in ticks and lots."""

import enum
from decimal import Decimal

from vortex.domain.message import Message


class Side(enum.StrEnum):
    """Side of an order."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def sign(self) -> int:
        """+1 for BUY, -1 for SELL."""
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> "Side":
        """The other side."""
        return Side.SELL if self is Side.BUY else Side.BUY


class Leg(enum.StrEnum):
    """What an order is for within its trade."""

    ENTRY = "E"
    STOP = "S"
    TAKE_PROFIT = "T"
    CLOSE = "C"


class OrderKind(enum.StrEnum):
    """Order types the house sends. STOP_MARKET travels as an algo order (reference: conditional orders)."""

    LIMIT = "LIMIT"
    MARKET = "MARKET"
    STOP_MARKET = "STOP_MARKET"


class TimeInForce(enum.StrEnum):
    """GTX is post-only."""

    GTC = "GTC"
    GTX = "GTX"
    IOC = "IOC"


class OrderState(enum.StrEnum):
    """States of an order. In flight = SUBMITTED, PENDING_CANCEL, IN_DOUBT."""

    INTENDED = "INTENDED"
    SUBMITTED = "SUBMITTED"
    ACCEPTED = "ACCEPTED"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    PENDING_CANCEL = "PENDING_CANCEL"
    IN_DOUBT = "IN_DOUBT"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"
    DENIED = "DENIED"

    @property
    def is_terminal(self) -> bool:
        """No further life, though a late fill is still counted."""
        return self in TERMINAL

    @property
    def is_in_flight(self) -> bool:
        """Sent or being changed, and not yet answered."""
        return self in IN_FLIGHT


TERMINAL = frozenset(
    {OrderState.FILLED, OrderState.CANCELED, OrderState.EXPIRED, OrderState.REJECTED, OrderState.DENIED}
)
IN_FLIGHT = frozenset({OrderState.SUBMITTED, OrderState.PENDING_CANCEL, OrderState.IN_DOUBT})


class OrderSpec(Message, frozen=True, kw_only=True):
    """One order exactly as it would be sent.

    `qty_lots` is 0 for a closePosition stop; `px_ticks` is 0 for MARKET and STOP_MARKET; `trigger_ticks` is 0
    except for stops. `client_order_id` is a function of (account, symbol, trade, leg, attempt) (S3-6).
    `why` never travels to the exchange: it is the exit reason or the cause the order serves, kept with the intent
    so that a reborn process knows why a position is being closed.
    """

    client_order_id: str
    symbol: str
    trade_no: int
    leg: Leg
    attempt: int
    side: Side
    kind: OrderKind
    time_in_force: TimeInForce
    qty_lots: int = 0
    px_ticks: int = 0
    trigger_ticks: int = 0
    reduce_only: bool = False
    close_position: bool = False
    why: str = ""

    @property
    def is_algo(self) -> bool:
        """Lives in the exchange's conditional-order service."""
        return self.kind is OrderKind.STOP_MARKET

    @property
    def opens(self) -> bool:
        """May increase exposure: everything that is neither reduce-only nor closePosition."""
        return not (self.reduce_only or self.close_position)


class VenueOrder(Message, frozen=True, kw_only=True):
    """An order as the exchange describes it, from REST or the user stream.

    `venue_order_id` is the algoId for a conditional order; `child_order_id` is the order its trigger created.
    `state` is already ours: a conditional order that has triggered stays ACCEPTED with `child_order_id` set until its
    child has ended, then it is FILLED when anything was executed and EXPIRED otherwise.
    `update_ms` orders two descriptions of the same order.
    """

    client_order_id: str
    symbol: str
    venue_order_id: int
    side: Side
    kind: OrderKind
    state: OrderState
    qty_lots: int
    executed_lots: int
    px_ticks: int
    trigger_ticks: int
    avg_px: Decimal
    reduce_only: bool
    close_position: bool
    is_algo: bool
    update_ms: int
    child_order_id: int = 0
    reason: str = ""


class VenueFill(Message, frozen=True, kw_only=True):
    """One fill. Deduplicated by (symbol, venue_trade_id) (S3-9). `fee` is in `fee_asset`, positive when paid."""

    symbol: str
    venue_trade_id: int
    venue_order_id: int
    client_order_id: str
    side: Side
    qty_lots: int
    px_ticks: int
    fee: Decimal
    fee_asset: str
    realized_pnl: Decimal
    is_maker: bool
    ts_ms: int


class VenuePosition(Message, frozen=True, kw_only=True):
    """A one-way position: signed lots, entry price in quote units."""

    symbol: str
    qty_lots: int
    entry_px: Decimal
    update_ms: int


class VenueBalance(Message, frozen=True, kw_only=True):
    """Quote-asset account figures in quote units (single-asset mode)."""

    wallet: Decimal
    margin_balance: Decimal
    available: Decimal
    initial_margin: Decimal
    ts_ms: int
