"""Conversations with symbols: attaching, what each may ask for, and showing them what is (S3-9, promise 3)."""

from vortex.domain.commands import Attach, CancelOrder, EnterTrade, FinishTrade, SubmitOrder, SymbolCommand
from vortex.domain.events import Attached, ExecutorUp
from vortex.domain.orders import OrderState
from vortex.domain.reasons import DenyCode
from vortex.domain.records import OrderIntended
from vortex.engine.accounts import Accounts
from vortex.engine.desk import Desk
from vortex.engine.entries import Doors, Entries
from vortex.engine.ledger import Ledger
from vortex.engine.order_book import Order, OrderBook
from vortex.engine.reconciler import Reconciler, Round
from vortex.engine.trades import Trades
from vortex.execution.fencing import Fence
from vortex.execution.order_events import Withheld
from vortex.kernel.errors import Fenced
from vortex.risk.gate import approve_reduction


class Sessions:
    """One session per symbol, for its newest incarnation."""

    def __init__(
        self,
        desk: Desk,
        ledger: Ledger,
        orders: OrderBook,
        trades: Trades,
        accounts: Accounts,
        entries: Entries,
        reconciler: Reconciler,
        doors: Doors,
    ) -> None:
        self._desk, self._ledger, self._orders, self._trades = desk, ledger, orders, trades
        self._accounts, self._entries, self._reconciler, self._doors = accounts, entries, reconciler, doors
        self._fence = Fence()
        self.attached: dict[str, int] = {}
        self._waiting: dict[str, int] = {}

    # --- the way in ---

    def take(self, symbol: str, epoch: int, command: SymbolCommand) -> None:
        """A command of a symbol, in order; older incarnations are turned away."""
        try:
            self._fence.admit(f"symbol:{symbol}", epoch)
        except Fenced as err:
            self._entries.denials[DenyCode.STALE_EPOCH.value] += 1
            self._desk.audit("session.fenced", symbol=symbol, epoch=epoch, what=str(err))
            return
        match command:
            case Attach():
                self._attach(symbol, epoch)
            case EnterTrade():
                self._enter(symbol, epoch, command)
            case SubmitOrder():
                self._submit(symbol, command)
            case CancelOrder():
                self._cancel(symbol, command)
            case FinishTrade(trade_no=trade_no, exit_reason=reason):
                self._finish(symbol, trade_no, reason)

    def raise_fence(self, role: str, epoch: int) -> None:
        """A role has a new incarnation; older sessions and leases are over."""
        self._fence.raise_to(role, epoch)
        if role == "breaker":
            self._doors.breaker_epoch_min = max(self._doors.breaker_epoch_min, epoch)
        symbol = role.removeprefix("symbol:")
        if symbol != role and self.attached.get(symbol, epoch) < epoch:
            del self.attached[symbol]

    def link_down(self, role: str) -> None:
        """The process behind a role is gone."""
        self.attached.pop(role.removeprefix("symbol:"), None)

    # --- attaching ---

    def _attach(self, symbol: str, epoch: int) -> None:
        """Open a session once the symbol has been compared with the exchange."""
        self.attached.pop(symbol, None)
        if self._doors.latched.get(symbol, epoch) < epoch:
            del self._doors.latched[symbol]  # a new incarnation, started on purpose
        if symbol not in self._desk.instruments:
            self._desk.alert("error", f"{symbol} cannot be traded: no instrument")
            return
        under_way = symbol in self._waiting
        self._waiting[symbol] = epoch
        if self._doors.serving and not under_way:  # the comparison of the first asking serves the second
            self._reconciler.begin(Round("attach", symbol, then=lambda _: self._open(symbol)))

    def open_waiting(self) -> None:
        """The executor serves: open what has waited."""
        for symbol in list(self._waiting):
            self._open(symbol)

    def _open(self, symbol: str) -> None:
        epoch = self._waiting.pop(symbol, None)
        if epoch is None or epoch < self._fence.newest(f"symbol:{symbol}"):
            return
        self.attached[symbol] = epoch
        self._desk.audit("session.opened", symbol=symbol, epoch=epoch)
        self._trades.resync(symbol)

    def newest(self, symbol: str) -> int:
        """The newest incarnation heard of."""
        return self._fence.newest(f"symbol:{symbol}")

    def show(self, symbol: str) -> None:
        """Everything known of a symbol, to its session."""
        if symbol not in self.attached:
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

    # --- what a symbol may ask for ---

    def _enter(self, symbol: str, epoch: int, command: EnterTrade) -> None:
        plan = command.plan
        if self.attached.get(symbol) != epoch or plan.symbol != symbol:
            self._entries.deny(plan, DenyCode.SYMBOL_UNRECONCILED)
            if symbol not in self._waiting:
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
        self._ledger.insist((record,), lambda: self._send(order, stamp))

    def _send(self, order: Order, stamp_ms: int) -> None:
        if order.facts.cancel_wanted and order.state is OrderState.INTENDED:
            self._orders.apply(order, Withheld("given up before it left"))
            return
        self._orders.dispatch(approve_reduction(order.spec), stamp_ms)

    def _cancel(self, symbol: str, command: CancelOrder) -> None:
        order = self._orders.get(command.client_order_id)
        if order is None or order.spec.symbol != symbol:
            self._trades.resync(symbol)
        elif order.state is OrderState.INTENDED and order.spec.opens:
            self._orders.apply(order, Withheld(command.why))
        else:
            self._orders.cancel(order, command.why)

    def _finish(self, symbol: str, trade_no: int, reason: str) -> None:
        book = self._trades.open.get(symbol)
        if book is None or book.plan.trade_no != trade_no or not self._trades.is_flat(symbol):
            self._trades.resync(symbol)
            return
        self._trades.finish(symbol, reason)
