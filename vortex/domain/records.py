"""What the executor makes durable before and after it acts. One commit is one list of these, all or nothing."""

from decimal import Decimal

from vortex.domain.message import Message
from vortex.domain.orders import OrderSpec, OrderState, VenueFill
from vortex.domain.plans import TradePlan

CLOSED_KEPT = 1_000
"""Finished trades that filled on which risk looks back (quarter-Kelly, S2-1): before a restart as after it."""


class TradeOpened(Message, frozen=True, kw_only=True):
    """The plan, before any of its orders leaves. `adopted` marks a position that we did not open."""

    plan: TradePlan
    ts_ms: int
    adopted: bool = False


class OrderIntended(Message, frozen=True, kw_only=True):
    """An order that is about to leave (promise 1)."""

    spec: OrderSpec
    ts_ms: int


class OrderChanged(Message, frozen=True, kw_only=True):
    """An order's new state."""

    client_order_id: str
    state: OrderState
    executed_lots: int
    venue_order_id: int
    ts_ms: int
    reason: str = ""


class FillRecorded(Message, frozen=True, kw_only=True):
    """A fill; (symbol, venue_trade_id) is unique, a second record of it is dropped by the journal."""

    fill: VenueFill
    trade_no: int
    fee_cash: int


class TradeFinished(Message, frozen=True, kw_only=True):
    """The trade's end. Money in quote units."""

    symbol: str
    trade_no: int
    close_seq: int
    exit_reason: str
    pnl_gross: Decimal
    fees: Decimal
    pnl_net: Decimal
    entry_px: Decimal
    exit_px: Decimal
    maker_fills: int
    taker_fills: int
    entry_ms: int
    exit_ms: int


class DifferenceFound(Message, frozen=True, kw_only=True):
    """One reconciliation difference and the rule that settled it (S3-9); goes to the audit log."""

    kind: str
    symbol: str
    key: str
    ours: str
    theirs: str
    rule: str
    resolved: bool
    ts_ms: int


class EquityTaken(Message, frozen=True, kw_only=True):
    """A sample of the account in quote units."""

    ts_ms: int
    equity: Decimal
    wallet: Decimal
    margin_used: Decimal


Record = TradeOpened | OrderIntended | OrderChanged | FillRecorded | TradeFinished | DifferenceFound | EquityTaken


class ClosedTrade(Message, frozen=True, kw_only=True):
    """A finished trade as the journal remembers it, enough to rebuild breaker and risk state."""

    symbol: str
    trade_no: int
    close_seq: int
    exit_reason: str
    pnl_gross: Decimal
    fees: Decimal
    pnl_net: Decimal
    entry_ms: int
    exit_ms: int


class JournalTrade(Message, frozen=True, kw_only=True):
    """An unfinished trade as the journal has it."""

    plan: TradePlan
    adopted: bool
    opened_ms: int
    orders: tuple["JournalOrder", ...]
    fills: tuple[VenueFill, ...]


class JournalOrder(Message, frozen=True, kw_only=True):
    """One of an unfinished trade's orders."""

    spec: OrderSpec
    state: OrderState
    executed_lots: int
    venue_order_id: int
    update_ms: int


class JournalSnapshot(Message, frozen=True, kw_only=True):
    """Everything a new executor loads: what is open, and the recent past that risk and breakers need.

    `last_trade_no` per symbol; `closed` are the trades finished in the last 24 h plus the last `CLOSED_KEPT` that
    filled, by `close_seq`; `leftover_orders` holds non-terminal orders of finished trades (to be swept).
    `recent_fill_ids` are the exchange's fill numbers per symbol of the last ten minutes before `last_fill_ms`; without
    them a successor reads fills only from after `last_fill_ms` on, so as not to count one twice.
    """

    trades: tuple[JournalTrade, ...]
    leftover_orders: tuple[JournalOrder, ...]
    last_trade_no: dict[str, int]
    last_close_seq: int
    closed: tuple[ClosedTrade, ...]
    last_fill_ms: int
    day_open_equity: Decimal | None = None
    recent_fill_ids: dict[str, tuple[int, ...]] = {}
