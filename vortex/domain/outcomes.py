"""What comes back to an engine from its own shell: answers of journal, exchange, timers and links."""

from vortex.domain.message import Message
from vortex.domain.orders import VenueBalance, VenueFill, VenueOrder, VenuePosition


class Committed(Message, frozen=True, kw_only=True):
    """The batch is durable."""

    batch: int


class CommitFailed(Message, frozen=True, kw_only=True):
    """The batch is not durable. `fenced` means a newer executor lives."""

    batch: int
    fenced: bool
    reason: str


class SendAccepted(Message, frozen=True, kw_only=True):
    """The exchange acknowledged the order."""

    client_order_id: str
    order: VenueOrder


class SendRefused(Message, frozen=True, kw_only=True):
    """The exchange's definite no."""

    client_order_id: str
    code: int
    reason: str


class SendDeferred(Message, frozen=True, kw_only=True):
    """It provably never left (throttle, connection refused); may be sent again under the same id."""

    client_order_id: str
    retry_after_ms: int
    reason: str


class SendUnknown(Message, frozen=True, kw_only=True):
    """Timeout, 5xx, lost connection: ask for the id, never send again."""

    client_order_id: str
    reason: str


class CancelDone(Message, frozen=True, kw_only=True):
    """The exchange confirmed the cancel."""

    client_order_id: str


class CancelRefused(Message, frozen=True, kw_only=True):
    """-2011, -4117 …: the order is not open (any more); its truth must be asked."""

    client_order_id: str
    code: int
    reason: str


class CancelUnknown(Message, frozen=True, kw_only=True):
    """No answer to the cancel, or it did not leave."""

    client_order_id: str
    reason: str


class QueryAnswered(Message, frozen=True, kw_only=True):
    """What the exchange says of one id; `order` is None for a definite not-found."""

    client_order_id: str
    order: VenueOrder | None
    fills: tuple[VenueFill, ...] = ()


class QueryFailed(Message, frozen=True, kw_only=True):
    """No information. Never read as not-found."""

    client_order_id: str
    reason: str


class SnapshotTaken(Message, frozen=True, kw_only=True):
    """The exchange's facts. `asked_mono_ns` is when the first read left: later events win over it."""

    token: int
    symbol: str
    orders: tuple[VenueOrder, ...]
    positions: tuple[VenuePosition, ...]
    balance: VenueBalance
    fills: tuple[VenueFill, ...]
    taken_ms: int
    asked_mono_ns: int


class BalanceTaken(Message, frozen=True, kw_only=True):
    """Answer to ReadBalance."""

    token: int
    balance: VenueBalance


class SnapshotFailed(Message, frozen=True, kw_only=True):
    """No information. Never read as flat."""

    token: int
    reason: str


class OrderReported(Message, frozen=True, kw_only=True):
    """User stream: an order's new description."""

    order: VenueOrder


class FillReported(Message, frozen=True, kw_only=True):
    """User stream: a fill, with the order's description after it."""

    fill: VenueFill
    order: VenueOrder


class AccountReported(Message, frozen=True, kw_only=True):
    """User stream: changed positions and wallet (partial: only what changed)."""

    positions: tuple[VenuePosition, ...]
    wallet: str | None
    reason: str
    ts_ms: int


class UserStreamUp(Message, frozen=True, kw_only=True):
    """(Re)connected; everything in between is lost and must be reconciled."""


class UserStreamDown(Message, frozen=True, kw_only=True):
    """No account events until further notice."""

    reason: str


class UsageReported(Message, frozen=True, kw_only=True):
    """What the exchange's response headers say of its limits (S3-7); -1 where a reply did not say."""

    weight_1m: int
    orders_10s: int
    orders_1m: int


class TimerFired(Message, frozen=True, kw_only=True):
    """A timer set by the engine."""

    key: str


class LinkDown(Message, frozen=True, kw_only=True):
    """The process behind a role is gone (supervisor's word); its sessions are over."""

    role: str


VenueOutcome = (
    Committed
    | CommitFailed
    | SendAccepted
    | SendRefused
    | SendDeferred
    | SendUnknown
    | CancelDone
    | CancelRefused
    | CancelUnknown
    | QueryAnswered
    | QueryFailed
    | SnapshotTaken
    | BalanceTaken
    | SnapshotFailed
    | OrderReported
    | FillReported
    | AccountReported
    | UserStreamUp
    | UserStreamDown
    | UsageReported
    | TimerFired
    | LinkDown
)
