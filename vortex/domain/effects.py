"""What an engine asks of its own shell. The shell carries them out in order and decides nothing."""

from vortex.domain.commands import (
    Attach,
    CancelOrder,
    EnterTrade,
    FinishTrade,
    OperatorCommand,
    SubmitOrder,
)
from vortex.domain.events import BreakerEvent, SymbolEvent
from vortex.domain.lease import Lease
from vortex.domain.message import Message
from vortex.domain.orders import OrderSpec
from vortex.domain.records import Record
from vortex.domain.signals import Decision


class Commit(Message, frozen=True, kw_only=True):
    """Make these durable; the answer is Committed or CommitFailed with the same batch (journal before wire)."""

    batch: int
    records: tuple[Record, ...]


class SendOrder(Message, frozen=True, kw_only=True):
    """Put an order on the wire. `stamp_ms` is the exchange-clock timestamp taken before the commit (decision 5)."""

    spec: OrderSpec
    stamp_ms: int


class SendCancel(Message, frozen=True, kw_only=True):
    """Cancel on the wire."""

    client_order_id: str
    symbol: str
    is_algo: bool


class QueryOrder(Message, frozen=True, kw_only=True):
    """Ask the exchange for one client order id (S3-6)."""

    client_order_id: str
    symbol: str
    is_algo: bool


class TakeSnapshot(Message, frozen=True, kw_only=True):
    """Read orders, algo orders, positions, balance and fills since `since_ms`; empty symbol means the account.

    `quick` allows leaving out orders of symbols that are neither ours nor held, if those were listed within a minute.
    """

    token: int
    symbol: str
    since_ms: int
    quick: bool = False


class ReadBalance(Message, frozen=True, kw_only=True):
    """Read the balance alone, cheaper than a snapshot; the answer is BalanceTaken or SnapshotFailed."""

    token: int


class ArmDeadMan(Message, frozen=True, kw_only=True):
    """Refresh (or with 0 disarm) the exchange's countdown for a symbol (S3-8)."""

    symbol: str
    countdown_ms: int


class SetLeverage(Message, frozen=True, kw_only=True):
    """Set a symbol's leverage before an entry."""

    symbol: str
    leverage: int


class SetTimer(Message, frozen=True, kw_only=True):
    """Call back with TimerFired(key) after `delay_ms`; the same key replaces the earlier timer."""

    key: str
    delay_ms: int


class CancelTimer(Message, frozen=True, kw_only=True):
    """Forget a timer; unknown keys are fine."""

    key: str


class TellSymbol(Message, frozen=True, kw_only=True):
    """Executor to one symbol's session."""

    symbol: str
    event: SymbolEvent


class TellBreaker(Message, frozen=True, kw_only=True):
    """Executor to breaker."""

    event: BreakerEvent


class TellExecutor(Message, frozen=True, kw_only=True):
    """Symbol to executor, within its session."""

    command: Attach | EnterTrade | SubmitOrder | CancelOrder | FinishTrade


class Instruct(Message, frozen=True, kw_only=True):
    """Breaker to executor: a command of operator rank, such as closing everything (EM-2, EM-4)."""

    command: OperatorCommand


class GrantLease(Message, frozen=True, kw_only=True):
    """Breaker: publish this lease (shared page, and push)."""

    lease: Lease


class SaveBreaker(Message, frozen=True, kw_only=True):
    """Breaker: make its state durable before the lease that follows from it."""

    state_json: str
    event: str
    reason: str


class Audit(Message, frozen=True, kw_only=True):
    """A fact for the audit log and the screens; loss is tolerated (it is not the journal)."""

    kind: str
    detail: dict[str, str | int | float | bool | None]


class Alert(Message, frozen=True, kw_only=True):
    """Tell a person."""

    level: str
    text: str


class Answer(Message, frozen=True, kw_only=True):
    """Reply to an operator's request (reconcile, flatten)."""

    request_id: str
    body_json: str


class DecisionMade(Message, frozen=True, kw_only=True):
    """A decision with all its inputs, for people (S1-5): the trade it became, the code that refused it, or neither
    where the decision itself is a no.

    Said again with a code when the gate denies what was asked for; the later word on a decision counts.
    """

    decision: Decision
    trade_no: int = 0
    refused: str = ""


class Exit(Message, frozen=True, kw_only=True):
    """The engine cannot go on (fenced, contract broken): the shell ends the process."""

    reason: str


Effect = (
    Commit
    | SendOrder
    | SendCancel
    | QueryOrder
    | TakeSnapshot
    | ReadBalance
    | ArmDeadMan
    | SetLeverage
    | SetTimer
    | CancelTimer
    | TellSymbol
    | TellBreaker
    | TellExecutor
    | Instruct
    | GrantLease
    | SaveBreaker
    | Audit
    | Alert
    | DecisionMade
    | Answer
    | Exit
)
