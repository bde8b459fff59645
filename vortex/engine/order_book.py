"""Our orders, alive and lately ended: their machines, what the journal must know of them, and questions in doubt.

1. An order is registered before it is sent, so that news of it is never foreign (T35).
2. Every change of state is journaled and, for the running trade, told to its symbol.
3. An order in flight is watched: no answer in time means a question, never a second sending (S3-6, S3-10).
"""

from collections import Counter
from dataclasses import dataclass, field

from vortex.domain.effects import QueryOrder, SendCancel, SendOrder
from vortex.domain.events import OrderRow
from vortex.domain.orders import Leg, OrderSpec, OrderState, VenueFill, VenueOrder
from vortex.domain.outcomes import QueryAnswered
from vortex.domain.records import JournalOrder, OrderChanged
from vortex.engine.desk import Desk
from vortex.engine.ledger import Ledger
from vortex.execution.order_events import (
    Absent,
    CancelAsked,
    CancelDeclined,
    Dispatched,
    FillSeen,
    OrderFacts,
    WentUnknown,
    as_event,
)
from vortex.execution.order_fsm import OrderMachine, new_order, revived_order
from vortex.kernel.clock import MS
from vortex.kernel.fsm import IllegalTransition
from vortex.risk.gate import Approved

ENDED_KEPT_MAX = 2_000
"""Ended orders stay for a while, because late news of them still arrives."""


@dataclass(slots=True, eq=False)
class Order:
    """One order of ours with its bookkeeping. Times on the monotonic clock, in ns; 0 means never."""

    machine: OrderMachine
    touched_ns: int
    stamp_ms: int = 0
    questions: int = 0
    asking: bool = False
    suspected: bool = False
    doubted_ns: int = 0
    absent_count: int = 0
    absent_first_ns: int = 0
    triggered_ns: int = 0
    notices_to: bool = True
    """Of an open trade, so that its symbol hears of it; ended trades only wait for late news."""

    @property
    def spec(self) -> OrderSpec:
        """What was asked for."""
        return self.machine.data.spec

    @property
    def state(self) -> OrderState:
        """Where it stands."""
        return self.machine.state

    @property
    def facts(self) -> OrderFacts:
        """What is known of it."""
        return self.machine.data

    @property
    def unsettled(self) -> bool:
        """Needs watching: unanswered, being canceled, in doubt, hanging, or with fills missing."""
        return self.state.is_in_flight or self.facts.fills_missing or (self.suspected and not self.state.is_terminal)

    def row(self) -> OrderRow:
        """As symbols and people see it: a wish to cancel shows at once, an end only after its last fill."""
        wished = self.facts.cancel_wanted and not self.state.is_terminal
        wished = wished or (self.state.is_terminal and self.facts.fills_missing)
        return OrderRow(
            spec=self.spec,
            state=OrderState.PENDING_CANCEL if wished else self.state,
            executed_lots=self.facts.filled_lots,
            venue_order_id=self.facts.venue_order_id,
            update_ms=self.facts.update_ms,
            triggered=self.facts.triggered,
        )


@dataclass(slots=True)
class OrderBook:
    """All orders by client order id."""

    desk: Desk
    ledger: Ledger
    orders: dict[str, Order] = field(default_factory=dict)
    illegal: Counter[str] = field(default_factory=Counter)
    resurrected: int = 0
    _by_trade: dict[tuple[str, int], list[Order]] = field(default_factory=dict)
    _alive: dict[str, Order] = field(default_factory=dict)
    _by_venue_id: dict[tuple[str, int], str] = field(default_factory=dict)

    # --- reading ---

    def get(self, client_order_id: str) -> Order | None:
        """An order of ours, or None."""
        return self.orders.get(client_order_id)

    def find(self, symbol: str, client_order_id: str, venue_order_id: int) -> Order | None:
        """By client order id, or by the exchange's number of the order or of its child."""
        order = self.orders.get(client_order_id)
        if order is not None or venue_order_id == 0:
            return order
        return self.orders.get(self._by_venue_id.get((symbol, venue_order_id), ""))

    def of_trade(self, symbol: str, trade_no: int) -> list[Order]:
        """Orders of one trade, oldest first."""
        return list(self._by_trade.get((symbol, trade_no), ()))

    def open_of(self, symbol: str) -> list[Order]:
        """Orders of a symbol that have not ended; an empty symbol means all."""
        return [order for order in self._alive.values() if symbol in ("", order.spec.symbol)]

    def attempts(self, symbol: str, trade_no: int, leg: Leg) -> int:
        """The number of the next order of a leg; some before it may be in no book."""
        return max((o.spec.attempt + 1 for o in self.of_trade(symbol, trade_no) if o.spec.leg is leg), default=0)

    # --- coming and going ---

    def add(self, spec: OrderSpec) -> Order:
        """Register an order that is about to be journaled."""
        assert spec.client_order_id not in self.orders, f"{spec.client_order_id} exists"
        order = Order(new_order(spec), self.desk.mono_ns)
        self._enroll(order)
        self._forget_old()
        return order

    def revive(self, row: JournalOrder, *, leftover: bool = False) -> Order:
        """An order as the journal left it; what it executed without a journaled fill is missing and will be asked for.

        A leftover's trade is finished and its fills are not at hand, so nothing is missed there.
        """
        facts = OrderFacts(
            row.spec,
            executed_lots=0 if leftover else row.executed_lots,
            filled_lots=0,
            venue_order_id=row.venue_order_id,
            update_ms=row.update_ms if row.venue_order_id else 0,
            announced=row.state.is_terminal and (leftover or row.executed_lots == 0),
            cancel_wanted=row.state is OrderState.PENDING_CANCEL,
        )
        order = Order(revived_order(row.state, facts), 0)
        self._enroll(order)
        self._index(order)
        if order.state is OrderState.IN_DOUBT:
            order.doubted_ns = self.desk.mono_ns
        return order

    def recount(self, order: Order, fill: VenueFill) -> None:
        """Count a journaled fill while reviving, without announcing it."""
        order.machine.handle(FillSeen(fill))
        self._count_alive(order)

    def _enroll(self, order: Order) -> None:
        spec = order.spec
        self.orders[spec.client_order_id] = order
        self._by_trade.setdefault((spec.symbol, spec.trade_no), []).append(order)
        self._count_alive(order)

    def _count_alive(self, order: Order) -> None:
        if order.state.is_terminal:
            self._alive.pop(order.spec.client_order_id, None)
        else:
            self._alive[order.spec.client_order_id] = order

    def _forget(self, order: Order) -> None:
        spec, facts = order.spec, order.facts
        del self.orders[spec.client_order_id]
        self.ledger.forget_order(spec.client_order_id)
        for number in (facts.venue_order_id, facts.child_order_id):
            self._by_venue_id.pop((spec.symbol, number), None)
        siblings = self._by_trade[(spec.symbol, spec.trade_no)]
        siblings.remove(order)
        if not siblings:
            del self._by_trade[(spec.symbol, spec.trade_no)]

    def _forget_old(self) -> None:
        if len(self.orders) <= ENDED_KEPT_MAX:
            return
        for order in self.orders.values():
            if order.state.is_terminal and not order.notices_to and not order.facts.fills_missing:
                self._forget(order)
                return

    def _index(self, order: Order) -> None:
        for number in (order.facts.venue_order_id, order.facts.child_order_id):
            if number:
                self._by_venue_id[(order.spec.symbol, number)] = order.spec.client_order_id

    # --- what happens to an order ---

    def dispatch(self, approved: Approved, stamp_ms: int) -> None:
        """Put approved orders on the wire, in their order."""
        for spec in approved.specs:
            order = self.orders[spec.client_order_id]
            if order.state is not OrderState.INTENDED:
                continue
            order.stamp_ms = stamp_ms
            self.apply(order, Dispatched(), journal=False)
            self.desk.emit(SendOrder(spec=spec, stamp_ms=stamp_ms))

    def apply(self, order: Order, event: object, *, journal: bool = True) -> None:
        """Feed one event to an order's machine and do what follows from its change."""
        before, facts_before = order.state, order.facts
        try:
            notices = order.machine.handle(event)
        except IllegalTransition as err:
            self.illegal[str(err)] += 1
            self.desk.audit("order.refused_transition", client_order_id=order.spec.client_order_id, what=str(err))
            return
        order.touched_ns = self.desk.mono_ns
        self._count_alive(order)
        if before.is_terminal and not order.state.is_terminal:
            self.resurrected += 1
            self.desk.alert("error", f"{order.spec.client_order_id} lives although it was {before.value}")
        if order.facts.triggered and not order.triggered_ns:
            order.triggered_ns = self.desk.mono_ns
        if order.state is OrderState.IN_DOUBT and not order.doubted_ns:
            order.doubted_ns = self.desk.mono_ns
        self._index(order)
        moved = before is not order.state or facts_before.executed_lots != order.facts.executed_lots
        if journal and moved:
            self.ledger.record(self.changed(order))
        if order.notices_to:
            for notice in notices:
                self.desk.tell_symbol(order.spec.symbol, notice)
        self._watch(order, before)
        self.desk.touch(order.spec.symbol)

    def changed(self, order: Order) -> OrderChanged:
        """The order's state as a journal record."""
        return OrderChanged(
            client_order_id=order.spec.client_order_id,
            state=order.state,
            executed_lots=order.facts.executed_lots,
            venue_order_id=order.facts.venue_order_id,
            ts_ms=self.desk.now_ms,
            reason=order.facts.reason,
        )

    def describe(self, described: VenueOrder) -> Order | None:
        """Apply the exchange's description if it is one of ours and not older than what we know."""
        order = self.find(described.symbol, described.client_order_id, described.venue_order_id)
        if order is None:
            return None
        if self._is_earlier_life(order, described):
            return order
        ends = described.state.is_terminal
        fresher = described.update_ms > order.facts.update_ms
        child = described.child_order_id != 0 or (order.spec.is_algo and not described.is_algo)
        triggers = child and not order.facts.triggered
        news = fresher or triggers or described.executed_lots > order.facts.executed_lots
        if order.state.is_terminal and not news:
            return order
        if news or ends or order.state.is_in_flight or order.state is OrderState.INTENDED:
            self.apply(order, as_event(described))
        return order

    def _is_earlier_life(self, order: Order, described: VenueOrder) -> bool:
        """An order that had this id before ours: one with a smaller number, since the exchange numbers upwards, or one
        that had ended before ours was signed."""
        known = order.facts.venue_order_id
        same_space = described.is_algo == order.spec.is_algo
        if same_space and 0 < described.venue_order_id < known:
            return True
        return described.state.is_terminal and self.precedes(order, described.update_ms)

    def precedes(self, order: Order, ts_ms: int) -> bool:
        """Whether the exchange's word of that moment cannot be of our order, which was signed later: a predecessor had
        sent another under this id without the journal (ADR 0007)."""
        signed_ms = order.stamp_ms - self.desk.settings.clock_uncertainty_ms
        return order.facts.venue_order_id == 0 and 0 < ts_ms < signed_ms

    def cancel(self, order: Order, why: str) -> None:
        """Ask for the end of an order and see it through."""
        if order.state.is_terminal or order.facts.cancel_wanted:
            return
        self.desk.audit("order.cancel_asked", client_order_id=order.spec.client_order_id, why=why)
        self.apply(order, CancelAsked())
        if order.state is OrderState.PENDING_CANCEL:
            self._send_cancel(order)

    def cancel_declined(self, order: Order, reason: str) -> None:
        """The cancel was refused or lost: ask what the order is now."""
        self.apply(order, CancelDeclined(reason))
        self.ask(order)

    def _send_cancel(self, order: Order) -> None:
        spec = order.spec
        is_algo = spec.is_algo and not order.facts.triggered
        self.desk.emit(SendCancel(client_order_id=spec.client_order_id, symbol=spec.symbol, is_algo=is_algo))

    # --- questions ---

    def _watch(self, order: Order, before: OrderState) -> None:
        """Set or drop the timer after which we ask."""
        key = f"ask/{order.spec.client_order_id}"
        if order.facts.cancel_wanted and order.state in (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED):
            self.apply(order, CancelAsked())
            self._send_cancel(order)
            return
        if not order.unsettled:
            if before.is_in_flight or order.questions:
                self.desk.cancel_timer(key)
            order.questions, order.doubted_ns, order.absent_count = 0, 0, 0
            return
        if before is not order.state or order.facts.fills_missing:
            order.questions = 0
            self.desk.set_timer(key, self._pause(order))

    def _pause(self, order: Order) -> int:
        settings = self.desk.settings
        if order.state is OrderState.SUBMITTED:
            return settings.answer_limit_ms
        return settings.query_delays_ms[min(order.questions, len(settings.query_delays_ms) - 1)]

    def ask(self, order: Order) -> None:
        """Ask the exchange about one order, once at a time."""
        if order.asking:
            return
        order.asking = True
        order.questions += 1
        spec = order.spec
        self.desk.emit(QueryOrder(client_order_id=spec.client_order_id, symbol=spec.symbol, is_algo=spec.is_algo))

    def timer(self, key: str) -> bool:
        """A watched order has been quiet for too long; True when the timer was ours."""
        if not key.startswith("ask/"):
            return False
        order = self.orders.get(key.removeprefix("ask/"))
        if order is None or not order.unsettled:
            return True
        if order.state is OrderState.SUBMITTED:
            self.apply(order, WentUnknown("no answer in time"))
        self.ask(order)
        return True

    def suspect(self, order: Order) -> None:
        """The exchange does not list it among the open ones: ask until it has been found or given up (S3-10)."""
        order.suspected = True
        self.ask(order)

    def answered(self, order: Order, event: QueryAnswered) -> None:
        """The exchange has spoken of an order we asked about. Fills are counted by the caller before this."""
        order.asking = False
        if event.order is None or self._is_earlier_life(order, event.order):
            self._not_found(order)
        else:
            order.absent_count, order.suspected = 0, False
            self.describe(event.order)
        self._again(order)

    def no_answer(self, order: Order) -> None:
        """No information; ask again in a while."""
        order.asking = False
        self._again(order)

    def _again(self, order: Order) -> None:
        if not order.unsettled:
            return
        if order.questions == len(self.desk.settings.query_delays_ms) + 1:
            self.desk.alert("warning", f"{order.spec.client_order_id} is still {order.state.value}, asking on")
        if order.state is OrderState.PENDING_CANCEL and not order.facts.fills_missing and order.absent_count == 0:
            self._send_cancel(order)
        self.desk.set_timer(f"ask/{order.spec.client_order_id}", self._pause(order))

    def _not_found(self, order: Order) -> None:
        """Count definite not-founds; several, spread widely enough, mean that it is not there (T11)."""
        now = self.desk.mono_ns
        if order.absent_count == 0:
            order.absent_first_ns = now
        order.absent_count += 1
        settings = self.desk.settings
        window = settings.absent_after_opening_ms if order.spec.opens else settings.absent_after_ms
        if order.absent_count < settings.absent_answers_min or now - order.absent_first_ns < window * MS:
            return
        if order.state is OrderState.IN_DOUBT or order.state in (
            OrderState.ACCEPTED,
            OrderState.PARTIALLY_FILLED,
            OrderState.PENDING_CANCEL,
        ):
            self.apply(order, Absent("not found at the exchange"))
