"""Entries: through the gate, into the journal, onto the wire together with their stop (S3-1, S3-2, decision 3).

1. Trade, entry and stop become durable in one commit; nothing leaves before it.
2. The veto is read again between commit and wire: after it no opening order is sent (promise 6).
3. While an entry works, the exchange's dead-man switch is armed; after it, disarmed.
"""

from collections import Counter
from dataclasses import dataclass, field

from vortex.domain.effects import ArmDeadMan, SetLeverage
from vortex.domain.events import EntryDenied
from vortex.domain.money import from_cash
from vortex.domain.orders import Leg, OrderState
from vortex.domain.plans import TradePlan
from vortex.domain.reasons import DenyCode, ExitReason
from vortex.domain.records import OrderIntended
from vortex.engine.accounts import Accounts
from vortex.engine.desk import Desk
from vortex.engine.ledger import Ledger
from vortex.engine.order_book import Order, OrderBook
from vortex.engine.trades import Trades
from vortex.execution.order_events import Withheld
from vortex.execution.specs import entry_spec, stop_spec
from vortex.execution.throttle import Cost
from vortex.ports import PermitReader
from vortex.risk.gate import Approved, EntryFacts, Permission, approve_again, approve_entry, permits

ENTRY_COST = Cost(orders=2)


@dataclass(slots=True)
class Doors:
    """What opens and shuts the door for entries. `latched` symbols stay shut for incarnations up to an epoch."""

    serving: bool = False
    user_stream_up: bool = False
    halted: str = ""
    latched: dict[str, int] = field(default_factory=dict)
    unreconciled: set[str] = field(default_factory=set)
    breaker_epoch_min: int = 0


class Entries:
    """Everything that may open a position."""

    def __init__(
        self,
        desk: Desk,
        ledger: Ledger,
        orders: OrderBook,
        trades: Trades,
        accounts: Accounts,
        permit: PermitReader,
        doors: Doors,
    ) -> None:
        self._desk, self._ledger, self._orders, self._trades = desk, ledger, orders, trades
        self._accounts, self._permit, self._doors = accounts, permit, doors
        self._leverage: dict[str, int] = {}
        self._armed: set[str] = set()
        self.denials: Counter[str] = Counter()

    # --- the gate ---

    def enter(self, plan: TradePlan) -> None:
        """Ask the gate; on yes, journal the trade and send its stop and entry."""
        tag = self._desk.settings.account_tag
        specs = (stop_spec(tag, plan, 0, plan.stop_px_ticks), entry_spec(tag, plan))
        verdict = approve_entry(plan, specs, self._facts(plan))
        if isinstance(verdict, DenyCode):
            self.deny(plan, verdict)
            return
        self._desk.throttle.entered(self._desk.mono_ms, ENTRY_COST)
        if self._leverage.get(plan.symbol) != plan.leverage:
            self._leverage[plan.symbol] = plan.leverage
            self._desk.emit(SetLeverage(symbol=plan.symbol, leverage=plan.leverage))
        stamp_ms, now_ms = self._desk.stamp_ms(), self._desk.now_ms
        opened = self._trades.begin(plan)
        for spec in specs:
            self._orders.add(spec)
        intents = tuple(OrderIntended(spec=spec, ts_ms=now_ms) for spec in specs)
        approved = verdict
        self._ledger.gate(
            (opened, *intents),
            then=lambda: self._send(plan, approved, stamp_ms),
            lost=lambda reason: self._lost(plan, reason),
        )

    def deny(self, plan: TradePlan, code: DenyCode) -> None:
        """Say no before the wire, count it, and show a symbol with a stale view what is."""
        self.denials[code.value] += 1
        self._desk.audit("entry.denied", symbol=plan.symbol, trade_no=plan.trade_no, code=code.value)
        self._desk.tell_symbol(plan.symbol, EntryDenied(symbol=plan.symbol, trade_no=plan.trade_no, code=code.value))
        if code in (DenyCode.TRADE_NO_USED, DenyCode.SYMBOL_BUSY):
            self._trades.resync(plan.symbol)

    def permission(self, symbol: str) -> Permission:
        """The veto as it stands this instant."""
        return Permission(
            lease=self._permit.read(),
            mono_ns=self._desk.mono_ns,
            breaker_epoch_min=self._doors.breaker_epoch_min,
            last_close_seq=self._trades.close_seq,
            halted=bool(self._doors.halted) or symbol in self._doors.latched,
        )

    def _facts(self, plan: TradePlan) -> EntryFacts:
        symbol, settings = plan.symbol, self._desk.settings
        instrument = self._desk.instrument(symbol)
        doubtful = any(order.state is OrderState.IN_DOUBT for order in self._orders.open_of(symbol))
        leftovers = symbol not in self._trades.open and bool(self._orders.open_of(symbol))
        return EntryFacts(
            permission=self.permission(symbol),
            serving=self._doors.serving,
            user_stream_up=self._doors.user_stream_up,
            journal_up=self._ledger.available,
            symbol_reconciled=symbol not in self._doors.unreconciled and not doubtful and not leftovers,
            symbol_busy=symbol in self._trades.open,
            slots_used=len(self._trades.open),
            slots_max=settings.max_positions,
            next_trade_no=self._trades.number_for(symbol),
            age_ms=self._desk.stamp_ms() - plan.decided_ms,
            age_max_ms=settings.intent_age_max_ms,
            has_budget=self._desk.throttle.admits_entry(self._desk.mono_ms, ENTRY_COST),
            equity=self._accounts.equity,
            margin_used=self._accounts.margin_used(),
            margin_share_max=settings.margin_share_max,
            notional=from_cash(instrument.notional(plan.entry_px_ticks, plan.qty_lots)),
            notional_cap=self._accounts.notional_cap(symbol),
            min_notional=instrument.min_notional,
            lots_allowed=instrument.min_lots <= plan.qty_lots <= instrument.max_lots,
        )

    # --- from intent to wire ---

    def _send(self, plan: TradePlan, approved: Approved, stamp_ms: int) -> None:
        """Durable. Read the veto once more, then send both."""
        denied = permits(self.permission(plan.symbol))
        stale = self._desk.stamp_ms() - plan.decided_ms > self._desk.settings.intent_age_max_ms
        if denied is None and stale:
            denied = DenyCode.STALE_INTENT
        given_up = any(order.state is not OrderState.INTENDED for order in self._approved_orders(approved))
        if denied is None and given_up:
            self._withhold(plan, "given up before it left")
            return
        if denied is not None:
            self.denials[denied.value] += 1
            self._withhold(plan, denied.value)
            return
        self._orders.dispatch(approved, stamp_ms)
        self._desk.set_timer(f"entry/{plan.symbol}", plan.entry_timeout_ms + self._desk.settings.entry_orphan_grace_ms)
        self._arm(plan.symbol)

    def _approved_orders(self, approved: Approved) -> list[Order]:
        found = (self._orders.get(spec.client_order_id) for spec in approved.specs)
        return [order for order in found if order is not None]

    def _lost(self, plan: TradePlan, reason: str) -> None:
        """The intent is not durable as far as anybody knows: nothing leaves, and the number is used up."""
        self._withhold(plan, reason)
        self._trades.finish(plan.symbol, ExitReason.NO_FILL.value)
        self._desk.audit("entry.not_journaled", symbol=plan.symbol, trade_no=plan.trade_no, reason=reason)
        self.deny(plan, DenyCode.JOURNAL_UNAVAILABLE)
        self._trades.resync(plan.symbol)

    def _withhold(self, plan: TradePlan, reason: str) -> None:
        for order in self._orders.of_trade(plan.symbol, plan.trade_no):
            if order.state is OrderState.INTENDED:
                self._orders.apply(order, Withheld(reason))

    def may_resend(self, order: Order) -> bool:
        """Whether an entry (or its stop) that never left may still leave under the same id."""
        book = self._trades.open.get(order.spec.symbol)
        if book is None or book.plan.trade_no != order.spec.trade_no:
            return False
        fresh = self._desk.stamp_ms() - book.plan.decided_ms <= self._desk.settings.intent_age_max_ms
        return fresh and not order.facts.cancel_wanted and permits(self.permission(order.spec.symbol)) is None

    def dispatch_again(self, order: Order, stamp_ms: int) -> None:
        """The same entry under the same id, let through by the gate a second time."""
        self._orders.dispatch(approve_again(order.spec, self.permission(order.spec.symbol)), stamp_ms)

    # --- while it rests ---

    def working_entry(self, symbol: str) -> Order | None:
        """The symbol's entry while it can still fill."""
        for order in self._trades.orders_of(symbol):
            if order.spec.leg is Leg.ENTRY and not order.state.is_terminal:
                return order
        return None

    def review(self, symbol: str) -> None:
        """An entry rests only while its stop does, and under an armed dead-man switch."""
        entry = self.working_entry(symbol)
        if entry is None:
            if symbol in self._armed:
                self._armed.discard(symbol)
                self._desk.cancel_timer(f"deadman/{symbol}")
                self._desk.emit(ArmDeadMan(symbol=symbol, countdown_ms=0))
            return
        if symbol not in self._armed and entry.state in (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED):
            self.revive(symbol)
        stops = [order for order in self._trades.orders_of(symbol) if order.spec.leg is Leg.STOP]
        if all(stop.state.is_terminal or stop.facts.triggered for stop in stops):
            self._cancel(entry, "its stop is gone")

    def revive(self, symbol: str) -> None:
        """Watch an entry that a predecessor left resting; disarm what it may have left armed for one that is over."""
        if self.working_entry(symbol) is None:
            self._desk.emit(ArmDeadMan(symbol=symbol, countdown_ms=0))
            return
        timeout_ms = self._trades.open[symbol].plan.entry_timeout_ms
        self._desk.set_timer(f"entry/{symbol}", timeout_ms + self._desk.settings.entry_orphan_grace_ms)
        self._arm(symbol)

    def cancel_entries(self, why: str, symbol: str = "") -> None:
        """Cancel what could still open something; an unsent entry is withheld."""
        for order in self._orders.open_of(symbol):
            if order.spec.opens:
                self._cancel(order, why)

    def _cancel(self, order: Order, why: str) -> None:
        if order.state is OrderState.INTENDED:
            self._orders.apply(order, Withheld(why))
        else:
            self._orders.cancel(order, why)

    def timer(self, key: str) -> bool:
        """Refresh the dead-man switch, or cancel an entry that its symbol has forgotten; True when ours."""
        kind, _, symbol = key.partition("/")
        if kind == "deadman":
            if self.working_entry(symbol) is not None:
                self._arm(symbol)
            return True
        if kind == "entry":
            entry = self.working_entry(symbol)
            if entry is not None:
                self._cancel(entry, "nobody canceled it at its timeout")
            return True
        return False

    def _arm(self, symbol: str) -> None:
        countdown = self._desk.settings.dead_man_ms
        self._armed.add(symbol)
        self._desk.emit(ArmDeadMan(symbol=symbol, countdown_ms=countdown))
        self._desk.set_timer(f"deadman/{symbol}", countdown // 3)
