"""The trading floor: what every part of the exchange shares - listings, accounts, counters, ledger, outbox."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from vortex.exchange.account import Account
from vortex.exchange.collateral import Collateral
from vortex.exchange.events import Outbound, Payload, StreamEvent, UserEvent
from vortex.exchange.faults import FaultBook
from vortex.exchange.instruments import QUOTE_SCALE, Instrument
from vortex.exchange.insurance import Fund
from vortex.exchange.ledger import Ledger
from vortex.exchange.limits import LimitRules
from vortex.exchange.listing import IDS_PER_MS, Listing
from vortex.kernel.rng import Rng


@dataclass(frozen=True, slots=True)
class VenueRules:
    """How this exchange behaves where the real one leaves a choice."""

    limits: LimitRules = field(default_factory=LimitRules)
    algo_orders_max: int = 200
    algo_trigger_ms: int = 0
    """How long a conditional order stays TRIGGERING; a cancel in between is refused with -4117."""
    reject_excess_reduce_only: bool = False
    """Refuse a reduce-only order larger than the position (-2022) instead of cutting it."""
    legacy_fields: bool = False
    """Put avgPrice and cumQuote into order responses, as before 2026-06-30."""
    recv_window_stretch: float = 1.0
    """Multiplies recvWindow, for an exchange clock that runs faster than the wall's."""
    client_clock: str = "either"
    """Whose time a timestamp must agree with: "exchange", "wall", or "either"; all one at speed 1."""
    strict_parameters: bool = False
    """Refuse parameters that nobody reads (-1104) instead of ignoring them in silence as the real exchange does."""
    listen_key_ms: int = 3_600_000
    margin_call_ratio: float = 0.8
    liquidation: bool = True
    liquidation_step_ms: int = 100
    """Time between two steps of a liquidation; meanwhile the account's orders are refused with -2023."""
    insurance_fund: int = 1_000_000
    """What the insurance fund begins with, in whole USDT. A loss beyond the fund deleverages the other side."""
    depth_levels: int = 1000


FIRST_ALGO_ID = 4_000_000_000_000_000
"""Ids of conditional orders are a family of their own (reference: 16 digits)."""


@dataclass(slots=True)
class Counters:
    """Ids the exchange hands out; all increase, also over restarts of the exchange, and stay below 2^53."""

    order_id: int
    algo_id: int
    transfer_id: int

    @classmethod
    def starting_at(cls, start_ms: int) -> "Counters":
        """The first ids of an exchange that opens at this time."""
        first = start_ms * IDS_PER_MS
        return cls(order_id=first, algo_id=FIRST_ALGO_ID + first, transfer_id=first)

    def next_order(self) -> int:
        self.order_id += 1
        return self.order_id

    def next_algo(self) -> int:
        self.algo_id += 1
        return self.algo_id

    def next_transfer(self) -> int:
        self.transfer_id += 1
        return self.transfer_id


@dataclass(slots=True)
class Floor:
    """Shared state. `now_ms` is the exchange's clock at the event being handled."""

    listings: dict[str, Listing]
    instruments: Mapping[str, Instrument]
    rules: VenueRules
    faults: FaultBook
    rng: Rng
    counters: Counters
    accounts: dict[str, Account] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=Ledger)
    outbox: list[Outbound] = field(default_factory=list)
    marks_e8: dict[str, int] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)
    """Symbols whose published book changed since the publisher last looked."""
    snapshots: set[str] = field(default_factory=set)
    """Symbols of which somebody took a book snapshot since the publisher last looked."""
    now_ms: int = 0
    fund: Fund = field(init=False)
    collateral: Collateral = field(init=False)

    def __post_init__(self) -> None:
        self.fund = Fund.of(self.rules.insurance_fund * QUOTE_SCALE)
        self.collateral = Collateral(self.listings)

    def tell(self, account: str, payload: Payload) -> None:
        """Queue a user event."""
        self.outbox.append(UserEvent(account, payload))

    def publish(self, stream: str, payload: object) -> None:
        """Queue a public stream event."""
        self.outbox.append(StreamEvent(stream, payload))

    def listing(self, symbol: str) -> Listing:
        """The listing of a known symbol."""
        return self.listings[symbol]

    def bnb_price_e8(self) -> int:
        """Mark price of BNB, 0 when it is not listed."""
        return self.marks_e8.get("BNBUSDT", 0)
