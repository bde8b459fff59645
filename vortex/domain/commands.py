"""Imperative messages: exactly one handler, and it may refuse."""

from vortex.domain.message import Message
from vortex.domain.orders import OrderSpec
from vortex.domain.plans import TradePlan


class Attach(Message, frozen=True, kw_only=True):
    """Symbol to executor: open a session; the answer is Attached with everything known of the symbol (S3-9)."""

    symbol: str


class EnterTrade(Message, frozen=True, kw_only=True):
    """Symbol to executor: journal the trade, place its stop and its post-only entry together (S3-1, S3-2).

    `trail` are monotonic ns of the sender's node: when the market event that led here was read, decoded, checked,
    judged by the engines, decided on, explained and planned. Empty when time led here. For measurement; nothing acts
    on it.
    """

    plan: TradePlan
    trail: tuple[int, ...] = ()


class SubmitOrder(Message, frozen=True, kw_only=True):
    """Symbol to executor: a reducing order of an existing trade (take-profit, new stop, market close)."""

    spec: OrderSpec
    why: str


class CancelOrder(Message, frozen=True, kw_only=True):
    """Symbol to executor: cancel one of our orders."""

    client_order_id: str
    why: str


class FinishTrade(Message, frozen=True, kw_only=True):
    """Symbol to executor: the position is closed; record the trade under this exit reason and sweep its leftovers."""

    symbol: str
    trade_no: int
    exit_reason: str


class Reconcile(Message, frozen=True, kw_only=True):
    """Operator or supervisor to executor: compare with the exchange now. Empty symbol means all (S3-9)."""

    request_id: str
    symbol: str = ""
    dry_run: bool = False


class Flatten(Message, frozen=True, kw_only=True):
    """Cancel everything and close everything, reduce-only (EM-5, quarantine). Empty symbol means all.

    With `latch`, no entry passes afterwards until LiftHalt (or, for one symbol, until it attaches anew).
    """

    request_id: str
    why: str
    symbol: str = ""
    latch: bool = True


class Halt(Message, frozen=True, kw_only=True):
    """No entries any more; with `cancel_entries`, resting ones are canceled (stop, give-up of the tree)."""

    why: str
    cancel_entries: bool = True


class LiftHalt(Message, frozen=True, kw_only=True):
    """Operator to executor: entries may pass the gate again after a Halt or a Flatten (`vortex resume`)."""

    why: str


class RaiseFence(Message, frozen=True, kw_only=True):
    """Supervisor to executor: this role now has this epoch; turn older ones away."""

    role: str
    epoch: int


class LatchKill(Message, frozen=True, kw_only=True):
    """Operator to breaker: CB-13."""

    reason: str


class ResumeTrading(Message, frozen=True, kw_only=True):
    """Operator to breaker: clear latched breakers (audited)."""

    reason: str


SymbolCommand = Attach | EnterTrade | SubmitOrder | CancelOrder | FinishTrade
OperatorCommand = Reconcile | Flatten | Halt | LiftHalt | RaiseFence
BreakerCommand = LatchKill | ResumeTrading
