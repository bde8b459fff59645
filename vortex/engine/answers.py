"""What the exchange says of our orders, by answer, by stream, by question: each word goes to the order it is about."""

from vortex.domain.orders import Leg, OrderState, VenueFill
from vortex.domain.outcomes import (
    CancelDone,
    CancelRefused,
    CancelUnknown,
    FillReported,
    OrderReported,
    QueryAnswered,
    QueryFailed,
    SendAccepted,
    SendDeferred,
    SendRefused,
    SendUnknown,
)
from vortex.engine.desk import Desk
from vortex.engine.entries import Entries
from vortex.engine.ledger import Ledger
from vortex.engine.order_book import Order, OrderBook
from vortex.engine.reconciler import Reconciler, Round
from vortex.engine.trades import Trades
from vortex.execution.order_events import Deferred, Refused, WentUnknown, Withheld
from vortex.risk.gate import approve_reduction

DUPLICATE_ID = -4116
NOT_TAKEN = frozenset({-1021, -5028})
"""Refused for its age alone: it provably did nothing and may be sent again under the same id."""
REDUCE_ONLY_REJECTED = -2022
RESEND_MIN_MS = 50

OrderNews = (
    SendAccepted
    | SendRefused
    | SendDeferred
    | SendUnknown
    | CancelDone
    | CancelRefused
    | CancelUnknown
    | QueryAnswered
    | QueryFailed
    | OrderReported
    | FillReported
)


class Answers:
    """Routes the exchange's words."""

    def __init__(
        self,
        desk: Desk,
        ledger: Ledger,
        orders: OrderBook,
        trades: Trades,
        entries: Entries,
        reconciler: Reconciler,
    ) -> None:
        self._desk, self._ledger, self._orders, self._trades = desk, ledger, orders, trades
        self._entries, self._reconciler = entries, reconciler

    def take(self, event: OrderNews) -> None:
        """One word about an order or a fill. Descriptions first, fills after them."""
        match event:
            case OrderReported(order=described):
                self._orders.describe(described)
            case FillReported(fill=fill, order=described):
                self._orders.describe(described)
                self._take_fill(fill)
            case SendAccepted(order=described):
                self._orders.describe(described)
            case CancelDone():
                pass  # the order's own end follows on the user stream, or is asked for
            case _:
                order = self._orders.get(event.client_order_id)
                if order is not None:
                    self._about(order, event)

    def _about(
        self,
        order: Order,
        event: SendRefused | SendDeferred | SendUnknown | CancelRefused | CancelUnknown | QueryAnswered | QueryFailed,
    ) -> None:
        match event:
            case SendRefused(code=code, reason=reason):
                self._refused(order, code, reason)
            case SendDeferred(retry_after_ms=retry_ms, reason=reason):
                self._deferred(order, retry_ms, reason)
            case SendUnknown(reason=reason):
                self._orders.apply(order, WentUnknown(reason))
            case CancelRefused(reason=reason) | CancelUnknown(reason=reason):
                self._orders.cancel_declined(order, reason)
            case QueryAnswered(fills=fills):
                if event.order is not None:
                    self._orders.describe(event.order)
                for fill in fills:
                    self._take_fill(fill)
                self._orders.answered(order, event)
            case QueryFailed():
                self._orders.no_answer(order)

    def timer(self, key: str) -> bool:
        """A deferred order may leave now; True when the timer was ours."""
        if not key.startswith("resend/"):
            return False
        order = self._orders.get(key.removeprefix("resend/"))
        if order is not None and order.state is OrderState.INTENDED:
            self._resend(order)
        return True

    def _take_fill(self, fill: VenueFill) -> None:
        if fill.symbol in self._desk.instruments:
            self._trades.take_fill(fill)

    def _refused(self, order: Order, code: int, reason: str) -> None:
        if code in NOT_TAKEN:
            self._deferred(order, 0, reason)
        elif code == DUPLICATE_ID:
            self._orders.apply(order, WentUnknown(f"{code}: {reason}"))
            self._orders.ask(order)
        else:
            self._orders.apply(order, Refused(code, reason))
            if code == REDUCE_ONLY_REJECTED:
                self._reconciler.begin(Round("reduce-only refused", order.spec.symbol))

    def _deferred(self, order: Order, retry_ms: int, reason: str) -> None:
        """Provably not sent: back to intended, and out again while it still makes sense."""
        self._orders.apply(order, Deferred(reason))
        if order.state is OrderState.INTENDED:
            self._desk.throttle.block(self._desk.mono_ms, retry_ms)
            self._desk.set_timer(f"resend/{order.spec.client_order_id}", max(RESEND_MIN_MS, retry_ms))

    def _resend(self, order: Order) -> None:
        """Under the same id, after a commit under this epoch that makes its new timestamp good (decision 5)."""
        spec, stamp = order.spec, self._desk.stamp_ms()
        if order.facts.cancel_wanted or (self._goes_with_entry(order) and not self._entries.may_resend(order)):
            self._orders.apply(order, Withheld("too late to send again"))
            return
        records = (self._orders.changed(order),)
        if spec.opens:
            self._ledger.gate(
                records,
                then=lambda: self._send_entry(order, stamp),
                lost=lambda reason: self._withhold(order, reason),
            )
        else:
            self._ledger.insist(records, lambda: self._orders.dispatch(approve_reduction(spec), stamp))

    def _goes_with_entry(self, order: Order) -> bool:
        """An entry, or the stop of one that has not filled yet: both need the gate again."""
        symbol = order.spec.symbol
        waiting = self._trades.position(symbol) == 0 and self._entries.working_entry(symbol) is not None
        return order.spec.opens or (order.spec.leg is Leg.STOP and waiting)

    def _send_entry(self, order: Order, stamp_ms: int) -> None:
        if self._entries.may_resend(order):
            self._entries.dispatch_again(order, stamp_ms)
        else:
            self._withhold(order, "too late to send again")

    def _withhold(self, order: Order, reason: str) -> None:
        if order.state is OrderState.INTENDED:
            self._orders.apply(order, Withheld(reason))
