"""Past-tense messages: things that happened, for any number of listeners."""

from decimal import Decimal

from vortex.domain.instruments import Instrument
from vortex.domain.message import Message
from vortex.domain.orders import OrderSpec, OrderState, VenueFill
from vortex.domain.plans import TradePlan


class OrderRow(Message, frozen=True, kw_only=True):
    """One of our orders as the executor's book has it. `triggered`: a stop whose market order is on its way."""

    spec: OrderSpec
    state: OrderState
    executed_lots: int
    venue_order_id: int = 0
    update_ms: int = 0
    triggered: bool = False


class OpenTrade(Message, frozen=True, kw_only=True):
    """A trade that is not finished: its plan, its orders, its fills. The position FSM is rebuilt from this alone."""

    plan: TradePlan
    orders: tuple[OrderRow, ...]
    fills: tuple[VenueFill, ...]
    adopted: bool = False


class AccountView(Message, frozen=True, kw_only=True):
    """What sizing needs, in quote units; rates are fractions (P-5).

    `win_rate` and `payoff` (mean win over mean loss, 0 without a loss) come from closed trades (S2-1). The last two
    repeat the breaker's lease, so that a symbol does not ask for what the gate would deny; the gate alone decides.
    """

    equity: Decimal
    available: Decimal
    margin_used: Decimal
    maker_rate: Decimal
    taker_rate: Decimal
    open_positions: int
    pnl_today: Decimal
    day_open_equity: Decimal
    loss_streak: int
    closed_trades: int
    win_rate: float
    payoff: float
    entries_allowed: bool = True
    risk_cap_pct: Decimal | None = None


class Attached(Message, frozen=True, kw_only=True):
    """Executor to symbol: the session is open and the symbol is reconciled; here is all there is to know."""

    symbol: str
    instrument: Instrument
    next_trade_no: int
    trade: OpenTrade | None
    account: AccountView


class AccountChanged(Message, frozen=True, kw_only=True):
    """Executor to symbol: fresh account figures for sizing."""

    account: AccountView


class EntryDenied(Message, frozen=True, kw_only=True):
    """Executor to symbol: the gate said no before the wire; `code` is a DenyCode."""

    symbol: str
    trade_no: int
    code: str


class OrderAccepted(Message, frozen=True, kw_only=True):
    """The exchange has it."""

    client_order_id: str


class OrderRejected(Message, frozen=True, kw_only=True):
    """The exchange's definite no; `code` is its number (-5022 for a post-only that would cross)."""

    client_order_id: str
    code: int
    reason: str


class OrderFilled(Message, frozen=True, kw_only=True):
    """Part or all of an order was filled."""

    client_order_id: str
    fill: VenueFill
    leaves_lots: int


class OrderCanceled(Message, frozen=True, kw_only=True):
    """Canceled; `executed_lots` says how much had filled before."""

    client_order_id: str
    executed_lots: int


class OrderExpired(Message, frozen=True, kw_only=True):
    """Ended by the exchange without our asking."""

    client_order_id: str
    executed_lots: int
    reason: str


class OrderTriggered(Message, frozen=True, kw_only=True):
    """A stop's condition was met; its market order follows."""

    client_order_id: str


class CancelRejected(Message, frozen=True, kw_only=True):
    """The cancel did not take; the order's true end arrives as its own event."""

    client_order_id: str
    reason: str


class OrderInDoubt(Message, frozen=True, kw_only=True):
    """The outcome is unknown; the executor is asking. Nothing may be sent in its place."""

    client_order_id: str


class PositionReconciled(Message, frozen=True, kw_only=True):
    """The exchange's position of the symbol differs from the fills; ours was set to `qty_lots` (S3-9)."""

    symbol: str
    qty_lots: int


class TradeClosed(Message, frozen=True, kw_only=True):
    """A trade is finished and recorded. Money in quote units, net of all fees. Feeds breaker and learner."""

    trade_no: int
    symbol: str
    close_seq: int
    closed_ms: int
    pnl_gross: Decimal
    fees: Decimal
    pnl_net: Decimal
    exit_reason: str
    hold_ms: int


class AccountSampled(Message, frozen=True, kw_only=True):
    """Executor to breaker: equity and exposure now (CB-1, CB-5, CB-10, EM-4)."""

    ts_ms: int
    equity: Decimal
    wallet: Decimal
    day_open_equity: Decimal
    unexplained: Decimal


class ApiSampled(Message, frozen=True, kw_only=True):
    """Executor to breaker: health of the REST API over the last 30 s (EM-2)."""

    ts_ms: int
    p95_ms: float
    consecutive_failures: int


class ExecutorUp(Message, frozen=True, kw_only=True):
    """Executor to breaker and symbols: a new epoch serves; sessions must be opened anew."""

    epoch: int


SymbolEvent = (
    Attached
    | AccountChanged
    | EntryDenied
    | OrderAccepted
    | OrderRejected
    | OrderFilled
    | OrderCanceled
    | OrderExpired
    | OrderTriggered
    | CancelRejected
    | OrderInDoubt
    | PositionReconciled
    | TradeClosed
    | ExecutorUp
)
BreakerEvent = TradeClosed | AccountSampled | ApiSampled | ExecutorUp
