"""The single door to the exchange: sessions of symbols, gate, journal, orders, protection, reconciliation (S3).

Pure: an event goes in, effects come out, in the order in which the shell must carry them out.
1. Nothing opens a position but `Entries`, and nothing leaves before its intent is durable.
2. After every event each touched symbol is looked at as a whole (`_settle`), so no path can forget a duty.
3. Reductions are never vetoed; without a journal they still leave, unless it is proven that a newer executor was
   announced: then nothing is decided any more (ADR 0007).
"""

import enum
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from vortex.domain.commands import (
    Flatten,
    Halt,
    LiftHalt,
    OperatorCommand,
    RaiseFence,
    Reconcile,
    SymbolCommand,
)
from vortex.domain.effects import Effect, TellBreaker
from vortex.domain.events import ApiSampled, ExecutorUp, TradeClosed
from vortex.domain.instruments import Instrument
from vortex.domain.orders import Leg
from vortex.domain.outcomes import (
    AccountReported,
    BalanceTaken,
    CommitFailed,
    Committed,
    LinkDown,
    SnapshotFailed,
    SnapshotTaken,
    TimerFired,
    UsageReported,
    UserStreamDown,
    UserStreamUp,
    VenueOutcome,
)
from vortex.domain.records import ClosedTrade, JournalSnapshot
from vortex.engine.accounts import Accounts
from vortex.engine.answers import Answers
from vortex.engine.desk import Desk
from vortex.engine.duties import Duties
from vortex.engine.entries import Doors, Entries
from vortex.engine.executor_view import answer_key, as_event, order_row, position_row
from vortex.engine.flattening import Flattening
from vortex.engine.ledger import Ledger
from vortex.engine.order_book import OrderBook
from vortex.engine.protection import Protection
from vortex.engine.reconciler import Reconciler, Round
from vortex.engine.sessions import Sessions
from vortex.engine.trades import Trades
from vortex.execution.settings import ExecutionSettings
from vortex.kernel.clock import MS, Clock
from vortex.ports import PermitReader

FILLS_OVERLAP_MS = 60_000
RETOLD_MAX = 64
"""Closed trades that a breaker is told again by a new executor."""


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
        replaced: Callable[[], bool],
        settings: ExecutionSettings | None = None,
        fee_rates: Mapping[str, tuple[Decimal, Decimal]] | None = None,
        predecessor_dead: bool = False,
        venue_ms: Callable[[], int] | None = None,
    ) -> None:
        """`replaced` says True only on proof that a newer executor was announced; who cannot tell says False."""
        self._replaced = replaced
        self._settings = settings if settings is not None else ExecutionSettings()
        self._symbols = symbols
        self._closed_before = sorted(journal.closed, key=lambda trade: trade.close_seq)[-RETOLD_MAX:]
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
        self._reconciler.fills_from_ms = self._first_fills_ms(journal)
        self._answers = Answers(self._desk, self._ledger, self._orders, self._trades, self._entries, self._reconciler)
        self._sessions = Sessions(
            self._desk,
            self._ledger,
            self._orders,
            self._trades,
            self._accounts,
            self._entries,
            self._reconciler,
            self._doors,
        )
        self._duties = Duties(
            self._desk,
            self._ledger,
            self._orders,
            self._trades,
            self._accounts,
            self._protection,
            self._reconciler,
            self._doors,
        )
        self._stream_losses = 0

    def _first_fills_ms(self, journal: JournalSnapshot) -> int:
        """From when on fills are news: what came before the journal's last one is counted, or is another's history."""
        opened = [row.opened_ms - self._settings.clock_uncertainty_ms for row in journal.trades]
        if not journal.last_fill_ms:
            first = self._desk.stamp_ms() - FILLS_OVERLAP_MS
            return min(first, *opened) if opened else first
        if not journal.recent_fill_ids:
            return journal.last_fill_ms + 1
        return (
            min(journal.last_fill_ms - FILLS_OVERLAP_MS, *opened) if opened else journal.last_fill_ms - FILLS_OVERLAP_MS
        )

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
        self._trades.bury_phantoms()
        if not self._predecessor_dead:
            self._reconciler.begin(Round("early look", ""))  # the guard must not take a living stop for a missing one
        self._desk.set_timer("open", 1 if self._predecessor_dead else wait)
        self._duties.begin()
        for order in self._orders.orders.values():
            if order.unsettled:
                self._desk.set_timer(f"ask/{order.spec.client_order_id}", wait)
        for symbol in self._trades.open:
            self._entries.revive(symbol)
            self._desk.touch(symbol)
        return self._settle()

    def from_symbol(self, symbol: str, epoch: int, command: SymbolCommand) -> list[Effect]:
        """A command of a symbol's session, in order. Older incarnations are turned away (promise 3)."""
        if self._is_over():
            return self._desk.drain()
        self._sessions.take(symbol, epoch, command)
        return self._settle()

    def from_operator(self, command: OperatorCommand) -> list[Effect]:
        """A command of a person, of the tree, or of the breaker in an emergency."""
        if self._is_over():
            return self._desk.drain()
        match command:
            case Reconcile(request_id=request_id, symbol=symbol, dry_run=dry_run):
                self._reconciler.begin(Round("request", symbol, request_id, dry_run))
            case Flatten(request_id=request_id, why=why, symbol=symbol, latch=latch):
                if latch and symbol:
                    self._doors.latched[symbol] = self._sessions.newest(symbol)
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
                self._sessions.raise_fence(role, epoch)
        return self._settle()

    def handle(self, event: VenueOutcome | ApiSampled) -> list[Effect]:
        """An answer of journal or exchange, news of the user stream, a timer."""
        if self._is_over():
            return self._desk.drain()
        self._measure(event)
        match event:
            case Committed():
                self._ledger.committed(event)
            case CommitFailed():
                self._ledger.failed(event)
            case TimerFired(key=key):
                self._timer(key)
            case LinkDown(role=role):
                self._sessions.link_down(role)
            case SnapshotTaken() | SnapshotFailed() | BalanceTaken():
                self._facts(event)
            case UserStreamUp() | UserStreamDown() | AccountReported() | UsageReported() | ApiSampled():
                self._account_news(event)
            case _:
                self._answers.take(event)
        return self._settle()

    def _facts(self, event: SnapshotTaken | SnapshotFailed | BalanceTaken) -> None:
        match event:
            case SnapshotTaken():
                self._reconciler.taken(event)
            case SnapshotFailed():
                self._reconciler.failed(event)
            case BalanceTaken(balance=balance):
                self._accounts.take(balance)
                self._accounts.announce(list(self._sessions.attached))

    def _account_news(
        self, event: UserStreamUp | UserStreamDown | AccountReported | UsageReported | ApiSampled
    ) -> None:
        match event:
            case UserStreamUp():
                self._accounts.stream_restarted()
                losses = self._stream_losses
                self._reconciler.begin(
                    Round("user stream up", "", quick=True, then=lambda seen: self._stream_up(losses, seen))
                )
            case UserStreamDown(reason=reason):
                self._doors.user_stream_up = False
                self._stream_losses += 1
                self._entries.cancel_entries("user stream down")
                self._duties.go_blind()
                self._desk.alert("warning", f"user stream down: {reason}")
            case AccountReported():
                self._account(event)
            case UsageReported(weight_1m=weight, orders_10s=orders_10s, orders_1m=orders_1m):
                self._desk.throttle.told(self._desk.mono_ms, weight, orders_10s, orders_1m)
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

    def _is_over(self) -> bool:
        """Fenced by the journal, or replaced: whoever slept finds out at its first event, journal or not."""
        if not self._ledger.fenced and self._replaced():
            self._ledger.fence("a newer executor was announced")
        return self._ledger.fenced

    # --- news of the account ---

    def _account(self, event: AccountReported) -> None:
        """The stream's word on positions: a difference that stands is looked into."""
        self._accounts.reported(event)
        for position in event.positions:
            if position.symbol in self._desk.instruments and position.qty_lots != self._trades.position(
                position.symbol
            ):
                self._desk.set_timer(f"look/{position.symbol}", self._settings.second_look_ms)

    # --- time ---

    def _timer(self, key: str) -> None:
        parts = (
            self._ledger.timer,
            self._orders.timer,
            self._entries.timer,
            self._answers.timer,
            self._protection.timer,
            self._reconciler.timer,
            self._flattening.timer,
            self._duties.timer,
        )
        if any(part(key) for part in parts):
            return
        if key == "open":
            self._reconciler.begin(Round("start", "", quick=True, then=lambda _: self._open_doors()))
        else:
            self._desk.audit("timer.unknown", key=key)

    def _open_doors(self) -> None:
        """The first comparison is done: serve."""
        if self._doors.serving:
            return
        self._doors.serving = True
        self._desk.audit("executor.serving", epoch=self._desk.epoch)
        self._sessions.open_waiting()

    def _stream_up(self, losses_then: int, seen: SnapshotTaken) -> None:
        """Compared since it came up, unless it was lost again meanwhile."""
        if losses_then != self._stream_losses:
            return
        self._doors.user_stream_up = True
        horizon = seen.asked_mono_ns - self._settings.recent_ms * MS
        for symbol in self._trades.open:  # what was recent was left out of the comparison: a stop may have died unheard
            if any(order.touched_ns > horizon for order in self._trades.orders_of(symbol)):
                self._desk.set_timer(f"look/{symbol}", self._settings.recent_ms)
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
            self._sessions.show(symbol)
        self._ledger.flush()
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
        self._accounts.announce(list(self._sessions.attached))

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
            self._desk.throttle.rate.failed(self._desk.mono_ms)

    # --- for people ---

    def view(self) -> dict[str, Any]:
        """Everything a status screen shows of the executor."""
        return {
            "state": self.state.value,
            "epoch": self._desk.epoch,
            "halted": self._doors.halted,
            "user_stream_up": self._doors.user_stream_up,
            "attached": dict(self._sessions.attached),
            "positions": [position_row(self._desk, self._trades, symbol) for symbol in sorted(self._trades.open)],
            "orders": [order_row(order) for order in self._orders.open_of("")],
            "account": self._accounts.view(),
            "reconciliation": self._reconciler.view(),
            "protection": self._protection.view(),
            "denials": dict(sorted(self._entries.denials.items())),
            "refused_transitions": dict(sorted(self._orders.illegal.items())),
            "journal": {"available": self._ledger.available, "backlog": self._ledger.backlog},
            "throttle": self._desk.throttle.view(self._desk.mono_ms),
            "close_seq": self._trades.close_seq,
        }
