"""Orders as the exchange keeps them: regular ones in the engine and conditional ones in the algo service."""

import re
from dataclasses import dataclass, field

from vortex.exchange.instruments import Instrument

BUY, SELL = 1, -1
SIDE_NAMES = {BUY: "BUY", SELL: "SELL"}
SIDES = {"BUY": BUY, "SELL": SELL}

OPEN_STATUSES = frozenset({"NEW", "PARTIALLY_FILLED"})
ALGO_OPEN_STATUSES = frozenset({"NEW", "TRIGGERING"})
CONDITIONAL_TYPES = frozenset({"STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"})
STOP_TYPES = frozenset({"STOP", "STOP_MARKET", "TRAILING_STOP_MARKET"})
TIMES_IN_FORCE = frozenset({"GTC", "IOC", "FOK", "GTX", "GTD", "RPI", "GTE_GTC"})
RPI = "RPI"
"""Retail price improvement: post-only, unseen in the ordinary book, met by takers from outside the API alone."""
CLIENT_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")


@dataclass(slots=True, eq=False)
class Order:
    """One order of the matching engine. Prices in ticks (0 for MARKET), quantities in lots."""

    order_id: int
    account: str
    instrument: Instrument
    client_id: str
    side: int
    position_side: str
    kind: str
    original_kind: str
    time_in_force: str
    px: int
    lots: int
    reduce_only: bool
    close_position: bool
    stp: str
    price_match: str
    good_till_ms: int
    created_ms: int
    updated_ms: int
    working_type: str = "CONTRACT_PRICE"
    price_protect: bool = False
    stop_px: int = 0
    algo_id: int = 0
    status: str = "NEW"
    filled: int = 0
    filled_ticks_lots: int = 0
    modifications: int = 0
    expiry_reason: str = "0"
    ahead: int = 0
    """Lots of strangers queued before this order at its price."""
    level_seen: int = -1
    """Lots of strangers last known at this price; -1 while the level lies beyond the visible book."""
    arrival: int = 0
    """Time priority among our own resting orders."""
    forced: str = ""
    """Why the exchange itself sent it, LIQUIDATION or ADL; empty for orders of the account's owner."""

    @property
    def symbol(self) -> str:
        return self.instrument.symbol

    @property
    def left(self) -> int:
        """Lots still to fill."""
        return self.lots - self.filled

    @property
    def open(self) -> bool:
        return self.status in OPEN_STATUSES


@dataclass(slots=True, eq=False)
class AlgoOrder:
    """One conditional order. It lives outside the book until its trigger (sheet 4.3)."""

    algo_id: int
    account: str
    instrument: Instrument
    client_id: str
    side: int
    position_side: str
    kind: str
    time_in_force: str
    lots: int
    px: int
    trigger_px: int
    working_type: str
    price_match: str
    close_position: bool
    price_protect: bool
    reduce_only: bool
    stp: str
    good_till_ms: int
    created_ms: int
    updated_ms: int
    activate_px: int = 0
    callback_rate_bps: int = 0
    """Trailing distance in basis points of the extreme."""
    active: bool = False
    extreme_e8: int = 0
    """Best working price since activation, in 1e-8."""
    status: str = "NEW"
    trigger_ms: int = 0
    triggering_since_ms: int = 0
    child: Order | None = None
    failure: str = ""

    @property
    def symbol(self) -> str:
        return self.instrument.symbol

    @property
    def open(self) -> bool:
        return self.status in ALGO_OPEN_STATUSES

    @property
    def is_stop(self) -> bool:
        """Does it cut losses? Take-profits do not protect a position."""
        return self.kind in STOP_TYPES


@dataclass(slots=True)
class Fill:
    """One fill of one order, as userTrades and the user stream report it."""

    trade_id: int
    order: Order
    lots: int
    px: int
    maker: bool
    ts_ms: int
    realized: int
    commission: int
    commission_asset: str
    buyer: bool = field(init=False)

    def __post_init__(self) -> None:
        self.buyer = self.order.side == BUY
