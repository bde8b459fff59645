"""The single door to the exchange: sessions of symbols, gate, journal, orders, protection, reconciliation (S3).

Pure: an event goes in, effects come out, in the order in which the shell must carry them out.
1. Nothing opens a position but `Entries`, and nothing leaves before its intent is durable.
2. After every event each touched symbol is looked at as a whole (`_settle`), so no path can forget a duty.
3. Reductions are never vetoed; without a journal they still leave.
"""

import enum
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from vortex.domain.commands import (
    Attach,
    CancelOrder,
    EnterTrade,
    FinishTrade,
    Flatten,
    Halt,
    LiftHalt,
    OperatorCommand,
    RaiseFence,
    Reconcile,
    SubmitOrder,
    SymbolCommand,
)
from vortex.domain.effects import Effect, TellBreaker
from vortex.domain.events import ApiSampled, Attached, ExecutorUp, TradeClosed
from vortex.domain.instruments import Instrument
from vortex.domain.orders import Leg, OrderState, VenueFill
from vortex.domain.outcomes import (
    AccountReported,
    BalanceTaken,
    CancelDone,
    CancelRefused,
    CancelUnknown,
    CommitFailed,
    Committed,
    FillReported,
    LinkDown,
    OrderReported,
    QueryAnswered,
    QueryFailed,
    SendAccepted,
    SendDeferred,
    SendRefused,
    SendUnknown,
    SnapshotFailed,
    SnapshotTaken,
    TimerFired,
    UsageReported,
    UserStreamDown,
    UserStreamUp,
    VenueOutcome,
)
from vortex.domain.reasons import DenyCode, ExitReason
from vortex.domain.records import ClosedTrade, JournalSnapshot, OrderIntended
from vortex.engine.accounts import Accounts
from vortex.engine.desk import Desk
from vortex.engine.entries import Doors, Entries
from vortex.engine.flattening import Flattening
from vortex.engine.ledger import Ledger
from vortex.engine.order_book import Order, OrderBook
from vortex.engine.protection import Protection
from vortex.engine.reconciler import Reconciler, Round
from vortex.engine.trades import Trades
from vortex.execution.fencing import Fence
from vortex.execution.order_events import Deferred, Refused, WentUnknown, Withheld
from vortex.execution.settings import ExecutionSettings
from vortex.kernel.clock import Clock
from vortex.kernel.errors import Fenced
from vortex.ports import PermitReader
from vortex.risk.gate import approve_reduction

DUPLICATE_ID = -4116
NOT_TAKEN = frozenset({-1021, -5028})
"""Refused for its age alone: it provably did nothing and may be sent again under the same id."""
REDUCE_ONLY_REJECTED = -2022


class ExecutorState(enum.StrEnum):
    """RECOVERING until the first clean comparison; HALTED takes no entries; FENCED does nothing any more."""

    RECOVERING = "RECOVERING"
    SERVING = "SERVING"
    HALTED = "HALTED"
    FENCED = "FENCED"


class ExecutorEngine:
    """The executor's brain. See the module's laws."""

    def __init__(  # noqa: PLR0913  (the wiring of the whole executor, all by keyword)
        self,
        *,
        epoch: int,
        clock: Clock,
        journal: JournalSnapshot,
        instruments: Mapping[str, Instrument],
        symbols: tuple[str, ...],
        permit: PermitReader,
        settings: ExecutionSettings | None = None,
        fee_rates: Mapping[str, tuple[Decimal, Decimal]] | None = None,
        predecessor_dead: bool = False,
        venue_ms: Callable[[], int] | None = None,
    ) -> None:
        self._settings = settings if settings is not None else ExecutionSettings()
        self._symbols = symbols
        self._closed_before = sorted(journal.closed, key=lambda trade: trade.close_seq)
        self._predecessor_dead = predecessor_dead
        self._desk = Desk(
            epoch=epoch,
            clock=clock,
            settings=self._settings,
            instruments=instruments,
            fee_rates=fee_rates or {},
            venue_ms=venue_ms,
        )
        self._doors = Doors(unreconciled=set(symbols))
        self._ledger = Ledger(self._desk)
        self._orders = OrderBook(self._desk, self._ledger)
        self._trades = Trades(self._desk, self._ledger, self._orders)
        self._trades.load(journal)
        self._accounts = Accounts(self._desk, self._ledger, self._trades, permit, journal)
        self._entries = Entries(
            self._desk, self._ledger, self._orders, self._trades, self._accounts, permit, self._doors
        )
        self._protection = Protection(self._desk, self._ledger, self._orders, self._trades)
        self._reconciler = Reconciler(
            self._desk, self._ledger, self._orders, self._trades, self._accounts, self._protection, self._doors
        )
        self._flattening = Flattening(
            self._desk, self._orders, self._trades, self._entries, self._protection, self._reconciler
        )
        back = 60_000 if journal.recent_fill_ids else -1
        self._reconciler.fills_from_ms = max(0, journal.last_fill_ms - back) if journal.last_fill_ms else 0
        self._fence = Fence()
        self._attached: dict[str, int] = {}
        self._waiting: dict[str, int] = {}
        self._failures_seen = 0

    # --- the four ways in ---

    def start(self) -> list[Effect]:
        """Wait out the fence, then compare with the exchange; meanwhile no entry passes (decision 5)."""
        wait = self._settings.receive_window_ms + self._settings.clock_uncertainty_ms
        self._desk.audit("executor.recovering", epoch=self._desk.epoch, trades=len(self._trades.open))
        self._desk.emit(TellBreaker(event=ExecutorUp(epoch=self._desk.epoch)))
        for trade in self._closed_before:
            self._desk.emit(TellBreaker(event=as_event(trade)))
        for symbol in self._symbols:
            self._desk.tell_symbol(symbol, ExecutorUp(epoch=self._desk.epoch))
        self._desk.set_timer("open", 1 if self._predecessor_dead else wait)
        self._desk.set_timer("reconcile", self._settings.reconcile_every_ms)
        self._desk.set_timer("account", self._settings.account_every_ms)
        for order in self._orders.open_of(""):
            if order.unsettled:
                self._desk.set_timer(f"ask/{order.spec.client_order_id}", wait)
        for symbol in self._trades.open:
            self._desk.touch(symbol)
        return self._settle()

    def from_symbol(self, symbol: str, epoch: int, command: SymbolCommand) -> list[Effect]:
        """A command of a symbol's session, in order. Older incarnations are turned away (promise 3)."""
        if self.state is ExecutorState.FENCED:
            return []
        try:
            self._fence.admit(f"symbol:{symbol}", epoch)
        except Fenced as err:
            self._entries.denials[DenyCode.STALE_EPOCH.value] += 1
            self._desk.audit("session.fenced", symbol=symbol, epoch=epoch, what=str(err))
            return self._settle()
        match command:
            case Attach():
                self._attach(symbol, epoch)
            case EnterTrade():
                self._enter(symbol, epoch, command)
            case SubmitOrder():
                self._submit(symbol, command)
            case CancelOrder(client_order_id=client_order_id, why=why):
                order = self._orders.get(client_order_id)
                if order is not None and order.spec.symbol == symbol:
                    self._cancel(order, why)
            case FinishTrade(trade_no=trade_no, exit_reason=reason):
                self._finish(symbol, trade_no, reason)
        return self._settle()

    def from_operator(self, command: OperatorCommand) -> list[Effect]:
        """A command of a person, of the tree, or of the breaker in an emergency."""
        match command:
            case Reconcile(request_id=request_id, symbol=symbol, dry_run=dry_run):
                self._reconciler.begin(Round("request", symbol, request_id, dry_run))
            case Flatten(request_id=request_id, why=why, symbol=symbol, latch=latch):
                if latch and symbol:
                    self._doors.latched.add(symbol)
                elif latch:
                    self._doors.halted = self._doors.halted or f"flatten: {why}"
                self._flattening.begin(request_id, symbol, why)
            case Halt(why=why, cancel_entries=cancel_entries):
                self._doors.halted = why
                self._desk.alert("warning", f"halted: {why}")
                if cancel_entries:
                    self._entries.cancel_entries(why)
            case LiftHalt(why=why):
                self._doors.halted = ""
                self._doors.latched.clear()
                self._desk.audit("executor.halt_lifted", why=why)
            case RaiseFence(role=role, epoch=epoch):
                self._raise_fence(role, epoch)
        return self._settle()

    def handle(self, event: VenueOutcome | ApiSampled) -> list[Effect]:
        """An answer of journal or exchange, news of the user stream, a timer."""
        if self.state is ExecutorState.FENCED:
            return []
        self._measure(event)
        match event:
            case Committed():
                self._ledger.committed(event)
            case CommitFailed():
                self._ledger.failed(event)
            case TimerFired(key=key):
                self._timer(key)
            case LinkDown(role=role):
                self._attached.pop(role.removeprefix("symbol:"), None)
            case SnapshotTaken() | SnapshotFailed() | BalanceTaken():
                self._facts(event)
            case UserStreamUp() | UserStreamDown() | AccountReported() | UsageReported() | ApiSampled():
                self._account_news(event)
            case _:
                self._order_news(event)
        return self._settle()

    def _facts(self, event: SnapshotTaken | SnapshotFailed | BalanceTaken) -> None:
        match event:
            case SnapshotTaken():
                self._reconciler.taken(event)
            case SnapshotFailed():
                self._reconciler.failed(event)
            case BalanceTaken(balance=balance):
                self._accounts.take(balance)
                self._accounts.announce(list(self._attached))

    def _account_news(
        self, event: UserStreamUp | UserStreamDown | AccountReported | UsageReported | ApiSampled
    ) -> None:
        match event:
            case UserStreamUp():
                self._accounts.stream_restarted()
                self._reconciler.begin(Round("user stream up", "", then=lambda _: self._stream_up()))
            case UserStreamDown(reason=reason):
                self._doors.user_stream_up = False
                self._desk.alert("warning", f"user stream down: {reason}")
            case AccountReported():
                self._account(event)
            case UsageReported(weight_1m=weight, orders_10s=orders_10s, orders_1m=orders_1m):
                self._desk.throttle.told(self._desk.now_ms, weight, orders_10s, orders_1m)
            case ApiSampled():
                self._desk.emit(TellBreaker(event=event))

    @property
    def state(self) -> ExecutorState:
        """Where the executor stands."""
        if self._ledger.fenced:
            return ExecutorState.FENCED
        if not self._doors.serving:
            return ExecutorState.RECOVERING
        return ExecutorState.HALTED if self._doors.halted else ExecutorState.SERVING

    # --- news of orders ---

    def _order_news(self, event: VenueOutcome) -> None:
        match event:
            case OrderReported(order=described):
                self._orders.describe(described)
            case FillReported(fill=fill, order=described):
                self._orders.describe(described)
                self._take_fill(fill)
            case QueryAnswered(client_order_id=client_order_id, fills=fills):
                order = self._orders.get(client_order_id)
                if order is not None:
                    if event.order is not None:
                        self._orders.describe(event.order)
                    for fill in fills:
                        self._take_fill(fill)
                    self._orders.answered(order, event)
            case QueryFailed(client_order_id=client_order_id):
                order = self._orders.get(client_order_id)
                if order is not None:
                    self._orders.no_answer(order)
            case _:
                self._answer_to_request(event)

    def _answer_to_request(self, event: VenueOutcome) -> None:
        match event:
            case SendAccepted(order=described):
                self._orders.describe(described)
            case SendRefused(client_order_id=client_order_id, code=code, reason=reason):
                self._refused(client_order_id, code, reason)
            case SendDeferred(client_order_id=client_order_id, retry_after_ms=retry_ms, reason=reason):
                self._deferred(client_order_id, retry_ms, reason)
            case SendUnknown(client_order_id=client_order_id, reason=reason):
                order = self._orders.get(client_order_id)
                if order is not None:
                    self._orders.apply(order, WentUnknown(reason))
            case (
                CancelRefused(client_order_id=client_order_id, reason=reason)
                | CancelUnknown(client_order_id=client_order_id, reason=reason)
            ):
                order = self._orders.get(client_order_id)
                if order is not None:
                    self._orders.cancel_declined(order, reason)
            case CancelDone():
                pass  # the order's own end follows on the user stream, or is asked for
            case _:
                raise AssertionError(f"no handler for {type(event).__name__}")

    def _refused(self, client_order_id: str, code: int, reason: str) -> None:
        order = self._orders.get(client_order_id)
        if order is None:
            return
        if code in NOT_TAKEN:
            self._deferred(client_order_id, 0, reason)
        elif code == DUPLICATE_ID:
            self._orders.apply(order, WentUnknown(f"{code}: {reason}"))
            self._orders.ask(order)
        else:
            self._orders.apply(order, Refused(code, reason))
            if code == REDUCE_ONLY_REJECTED:
                self._reconciler.begin(Round("reduce-only refused", order.spec.symbol))

    def _deferred(self, client_order_id: str, retry_ms: int, reason: str) -> None:
        """Provably not sent: back to intended, and out again while it still makes sense."""
        order = self._orders.get(client_order_id)
        if order is None:
            return
        self._orders.apply(order, Deferred(reason))
        if order.state is OrderState.INTENDED:
            self._desk.throttle.block(self._desk.now_ms, retry_ms)
            self._desk.set_timer(f"resend/{client_order_id}", max(50, retry_ms))

    def _resend(self, order: Order) -> None:
        """Under the same id, after a commit under this epoch that makes its new timestamp good (decision 5)."""
        if order.state is not OrderState.INTENDED:
            return
        spec, stamp = order.spec, self._desk.stamp_ms()
        entry_alive = self._entries.working_entry(spec.symbol) is not None
        belongs = spec.opens or (spec.leg is Leg.STOP and self._trades.position(spec.symbol) == 0 and entry_alive)
        if belongs and not self._entries.may_resend(order):
            self._orders.apply(order, Withheld("too late to send again"))
            return
        if spec.opens:
            record = self._orders.changed(order)
            self._ledger.gate(
                (record,),
                then=lambda: self._send_again(order, stamp),
                lost=lambda reason: self._orders.apply(order, Withheld(reason)),
            )
            return
        self._ledger.insist((self._orders.changed(order),), lambda: self._send_reduction(order, stamp))

    def _send_again(self, order: Order, stamp_ms: int) -> None:
        if self._entries.may_resend(order):
            self._entries.dispatch_again(order, stamp_ms)
        elif order.state is OrderState.INTENDED:
            self._orders.apply(order, Withheld("too late to send again"))

    def _send_reduction(self, order: Order, stamp_ms: int) -> None:
        self._orders.dispatch(approve_reduction(order.spec), stamp_ms)

    def _take_fill(self, fill: VenueFill) -> None:
        if fill.symbol in self._desk.instruments:
            self._trades.take_fill(fill)

    def _account(self, event: AccountReported) -> None:
        """The stream's word on positions: a difference that stands is looked into."""
        self._accounts.reported(event)
        for position in event.positions:
            if position.symbol in self._desk.instruments and position.qty_lots != self._trades.position(
                position.symbol
            ):
                self._desk.set_timer(f"look/{position.symbol}", self._settings.second_look_ms)

    # --- sessions ---

    def _attach(self, symbol: str, epoch: int) -> None:
        """Open a session once the symbol has been compared with the exchange."""
        self._attached.pop(symbol, None)
        self._doors.latched.discard(symbol)
        if self._desk.instruments.get(symbol) is None:
            self._desk.alert("error", f"{symbol} cannot be traded: no instrument")
            return
        self._waiting[symbol] = epoch
        if self._doors.serving:
            self._reconciler.begin(Round("attach", symbol, then=lambda _: self._open_session(symbol)))

    def _open_session(self, symbol: str) -> None:
        epoch = self._waiting.pop(symbol, None)
        if epoch is None or epoch < self._fence.newest(f"symbol:{symbol}"):
            return
        self._attached[symbol] = epoch
        self._desk.audit("session.opened", symbol=symbol, epoch=epoch)
        self._trades.resync(symbol)

    def _show(self, symbol: str) -> None:
        """Everything known of a symbol, to its session."""
        if symbol not in self._attached:
            return
        self._desk.tell_symbol(
            symbol,
            Attached(
                symbol=symbol,
                instrument=self._desk.instrument(symbol),
                next_trade_no=self._trades.number_for(symbol),
                trade=self._trades.trade(symbol),
                account=self._accounts.view_for(symbol),
            ),
        )

    def _enter(self, symbol: str, epoch: int, command: EnterTrade) -> None:
        plan = command.plan
        if self._attached.get(symbol) != epoch or plan.symbol != symbol:
            self._entries.deny(plan, DenyCode.SYMBOL_UNRECONCILED)
            self._desk.tell_symbol(symbol, ExecutorUp(epoch=self._desk.epoch))
            return
        self._entries.enter(plan)

    def _submit(self, symbol: str, command: SubmitOrder) -> None:
        """A reduction: never vetoed, journaled first, sent in any case."""
        spec = command.spec
        book = self._trades.open.get(symbol)
        stale = book is None or book.plan.trade_no != spec.trade_no or book.committing >= 0
        if spec.opens or stale or spec.symbol != symbol:
            self._desk.audit("order.out_of_place", client_order_id=spec.client_order_id, why=command.why)
            self._trades.resync(symbol)
            return
        known = self._orders.get(spec.client_order_id)
        if known is not None:
            if known.spec != spec or known.state.is_terminal:
                self._trades.resync(symbol)
            return
        order, stamp = self._orders.add(spec), self._desk.stamp_ms()
        record = OrderIntended(spec=spec, ts_ms=self._desk.now_ms)
        self._ledger.insist((record,), lambda: self._send_reduction(order, stamp))

    def _cancel(self, order: Order, why: str) -> None:
        if order.state is OrderState.INTENDED:
            self._orders.apply(order, Withheld(why))
        else:
            self._orders.cancel(order, why)

    def _finish(self, symbol: str, trade_no: int, reason: str) -> None:
        book = self._trades.open.get(symbol)
        if book is None or book.plan.trade_no != trade_no or not self._trades.is_flat(symbol):
            self._trades.resync(symbol)
            return
        self._trades.finish(symbol, reason)

    def _raise_fence(self, role: str, epoch: int) -> None:
        self._fence.raise_to(role, epoch)
        if role == "breaker":
            self._doors.breaker_epoch_min = max(self._doors.breaker_epoch_min, epoch)
        symbol = role.removeprefix("symbol:")
        if symbol != role and self._attached.get(symbol, epoch) < epoch:
            del self._attached[symbol]

    # --- time ---

    def _timer(self, key: str) -> None:
        parts = (
            self._ledger.timer,
            self._orders.timer,
            self._entries.timer,
            self._protection.timer,
            self._reconciler.timer,
            self._flattening.timer,
        )
        if any(part(key) for part in parts):
            return
        kind, _, rest = key.partition("/")
        match kind:
            case "open":
                self._reconciler.begin(Round("start", "", then=lambda _: self._open_doors()))
            case "reconcile":
                self._reconciler.begin(Round("timer", ""))
                self._desk.set_timer("reconcile", self._settings.reconcile_every_ms)
            case "account":
                self._accounts.ask()
                sample = self._desk.api.sample(self._desk.mono_ns, self._desk.now_ms)
                self._desk.emit(TellBreaker(event=sample))
                self._desk.set_timer("account", self._settings.account_every_ms)
            case "resend":
                order = self._orders.get(rest)
                if order is not None:
                    self._resend(order)
            case "hold":
                if self._trades.position(rest) != 0:
                    self._desk.alert("warning", f"{rest}: held past its limit, closing at market")
                    self._protection.close(rest, ExitReason.TIMEOUT)
                    self._desk.set_timer(key, self._settings.hold_orphan_grace_ms)
            case "orphan":
                self._finish_orphan(rest)
            case _:
                self._desk.audit("timer.unknown", key=key)

    def _finish_orphan(self, symbol: str) -> None:
        """A flat trade that its symbol has not finished: finish it by what its fills say."""
        book = self._trades.open.get(symbol)
        if book is not None and not book.finishing and self._trades.is_flat(symbol):
            self._trades.finish(symbol, self._trades.natural_reason(symbol))
            self._trades.resync(symbol)

    def _open_doors(self) -> None:
        """The first comparison is done: serve."""
        if self._doors.serving:
            return
        self._doors.serving = True
        self._desk.audit("executor.serving", epoch=self._desk.epoch)
        for symbol in list(self._waiting):
            self._open_session(symbol)

    def _stream_up(self) -> None:
        self._doors.user_stream_up = True
        self._desk.audit("stream.up")

    # --- after every event ---

    def _settle(self) -> list[Effect]:
        """Look at every touched symbol until nothing new comes of it, then hand the effects out."""
        for _ in range(100):
            touched = self._desk.take_touched()
            if not touched:
                break
            for symbol in touched:
                self._review(symbol)
        else:
            raise AssertionError("a symbol is never done with")
        for closed in self._trades.take_closed():
            self._after_close(closed)
        for symbol in self._trades.take_stale_views():
            self._show(symbol)
        return self._desk.drain()

    def _review(self, symbol: str) -> None:
        self._entries.review(symbol)
        book = self._trades.open.get(symbol)
        if book is not None and book.adopted and book.net_lots and not self._has_stop(symbol):
            self._protection.place_stop(symbol)
        self._protection.review(symbol)
        if book is None:
            return
        if book.finishing:
            self._trades.advance_finish(symbol)
        elif self._trades.is_flat(symbol):
            self._desk.set_timer(f"orphan/{symbol}", self._settings.finish_orphan_ms)

    def _has_stop(self, symbol: str) -> bool:
        return any(order.spec.leg is Leg.STOP for order in self._trades.orders_of(symbol))

    def _after_close(self, closed: TradeClosed) -> None:
        """The slot is free: tell the breaker, refresh the figures, tell the symbols."""
        self._accounts.closed(
            ClosedTrade(
                symbol=closed.symbol,
                trade_no=closed.trade_no,
                close_seq=closed.close_seq,
                exit_reason=closed.exit_reason,
                pnl_gross=closed.pnl_gross,
                fees=closed.fees,
                pnl_net=closed.pnl_net,
                entry_ms=closed.closed_ms - closed.hold_ms,
                exit_ms=closed.closed_ms,
            )
        )
        self._desk.emit(TellBreaker(event=closed))
        for key in (f"hold/{closed.symbol}", f"orphan/{closed.symbol}", f"entry/{closed.symbol}"):
            self._desk.cancel_timer(key)
        self._accounts.ask()
        self._accounts.announce(list(self._attached))

    def _measure(self, event: object) -> None:
        """Health of the interface: an answer is a success even when it says no; silence is a failure."""
        key, good = answer_key(event)
        if not key:
            return
        if good:
            self._desk.api.succeeded(key, self._desk.mono_ns)
            self._desk.throttle.rate.succeeded()
        else:
            self._desk.api.failed(key, self._desk.mono_ns)
            self._desk.throttle.rate.failed(self._desk.now_ms)

    # --- for people ---

    def view(self) -> dict[str, Any]:
        """Everything a status screen shows of the executor."""
        return {
            "state": self.state.value,
            "epoch": self._desk.epoch,
            "halted": self._doors.halted,
            "user_stream_up": self._doors.user_stream_up,
            "attached": dict(self._attached),
            "positions": [self._position_row(symbol) for symbol in sorted(self._trades.open)],
            "orders": [_order_row(order) for order in self._orders.open_of("")],
            "account": self._accounts.view(),
            "reconciliation": self._reconciler.view(),
            "protection": self._protection.view(),
            "denials": dict(sorted(self._entries.denials.items())),
            "refused_transitions": dict(sorted(self._orders.illegal.items())),
            "journal": {"available": self._ledger.available, "backlog": self._ledger.backlog},
            "throttle": self._desk.throttle.view(self._desk.now_ms),
            "close_seq": self._trades.close_seq,
        }

    def _position_row(self, symbol: str) -> dict[str, Any]:
        book = self._trades.open[symbol]
        position = self._trades.as_position(symbol)
        instrument = self._desk.instrument(symbol)
        return {
            "symbol": symbol,
            "trade_no": book.plan.trade_no,
            "side": book.plan.side.value,
            "strategy": book.plan.strategy.value,
            "quantity": str(instrument.quantity(book.net_lots)),
            "entry_px": str(instrument.price(position.break_even_ticks)) if position.entered else None,
            "adopted": book.adopted,
            "finishing": book.finishing,
            "opened_ms": position.opened_ms,
        }


def _order_row(order: Order) -> dict[str, Any]:
    return {
        "client_order_id": order.spec.client_order_id,
        "symbol": order.spec.symbol,
        "leg": order.spec.leg.name.lower(),
        "side": order.spec.side.value,
        "kind": order.spec.kind.value,
        "state": order.state.value,
        "qty_lots": order.spec.qty_lots,
        "filled_lots": order.facts.filled_lots,
        "px_ticks": order.spec.px_ticks,
        "trigger_ticks": order.spec.trigger_ticks,
    }


def as_event(trade: ClosedTrade) -> TradeClosed:
    """A finished trade of the journal, as the news it was: a breaker that missed it is told again."""
    return TradeClosed(
        trade_no=trade.trade_no,
        symbol=trade.symbol,
        close_seq=trade.close_seq,
        closed_ms=trade.exit_ms,
        pnl_gross=trade.pnl_gross,
        fees=trade.fees,
        pnl_net=trade.pnl_net,
        exit_reason=trade.exit_reason,
        hold_ms=max(0, trade.exit_ms - trade.entry_ms),
    )


def answer_key(event: object) -> tuple[str, bool]:
    """Which request an outcome answers, and whether the interface did its part; empty for anything else."""
    match event:
        case SendAccepted(client_order_id=key) | SendRefused(client_order_id=key):
            return f"send/{key}", True
        case SendUnknown(client_order_id=key) | SendDeferred(client_order_id=key):
            return f"send/{key}", False
        case CancelDone(client_order_id=key) | CancelRefused(client_order_id=key):
            return f"cancel/{key}", True
        case CancelUnknown(client_order_id=key):
            return f"cancel/{key}", False
        case QueryAnswered(client_order_id=key):
            return f"query/{key}", True
        case QueryFailed(client_order_id=key):
            return f"query/{key}", False
        case BalanceTaken(token=token):
            return f"read/{token}", True
        case SnapshotTaken(token=token):
            return f"snapshot/{token}", True
        case SnapshotFailed(token=token):
            return f"snapshot/{token}", False
        case _:
            return "", False
