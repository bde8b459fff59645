"""What the executor does because time has passed, whoever else is alive: compare, sample, end what nobody ends."""

from vortex.domain.effects import TellBreaker
from vortex.domain.orders import OrderState
from vortex.domain.reasons import ExitReason
from vortex.engine.accounts import Accounts
from vortex.engine.desk import Desk
from vortex.engine.entries import Doors
from vortex.engine.ledger import Ledger
from vortex.engine.order_book import OrderBook
from vortex.engine.protection import Protection
from vortex.engine.reconciler import Reconciler, Round
from vortex.engine.trades import Trades
from vortex.kernel.clock import MS


class Duties:
    """The executor's own clockwork."""

    def __init__(
        self,
        desk: Desk,
        ledger: Ledger,
        orders: OrderBook,
        trades: Trades,
        accounts: Accounts,
        protection: Protection,
        reconciler: Reconciler,
        doors: Doors,
    ) -> None:
        self._desk, self._ledger, self._orders = desk, ledger, orders
        self._trades, self._accounts = trades, accounts
        self._protection, self._reconciler, self._doors = protection, reconciler, doors

    def begin(self) -> None:
        """Wind it up."""
        self._desk.set_timer("reconcile", self._desk.settings.reconcile_every_ms)
        self._desk.set_timer("account", self._desk.settings.account_every_ms)
        self._desk.set_timer("fence", self._desk.settings.fence_check_ms)

    def go_blind(self) -> None:
        """The user stream is down: from now on what we hold is read every few seconds."""
        self._desk.set_timer("blind", self._desk.settings.account_every_ms)

    def timer(self, key: str) -> bool:
        """Do what is due; True when the timer was ours."""
        kind, _, symbol = key.partition("/")
        match kind:
            case "reconcile":
                self._reconciler.begin(Round("timer", ""))
                self._desk.set_timer(key, self._desk.settings.reconcile_every_ms)
            case "account":
                self._sample()
            case "fence":
                self._show_epoch()
            case "blind":
                self._look()
            case "hold":
                self._end_holding(symbol)
            case "orphan":
                self._finish_orphan(symbol)
            case _:
                return False
        return True

    def _sample(self) -> None:
        """Account and interface, for the breaker (CB-1, CB-10, CB-11)."""
        self._accounts.ask()
        self._desk.emit(TellBreaker(event=self._desk.api.sample(self._desk.mono_ns, self._desk.now_ms)))
        self._desk.set_timer("account", self._desk.settings.account_every_ms)

    def _show_epoch(self) -> None:
        """Say again what the journal knows of an order: under an old epoch it refuses, and then this process ends."""
        settings = self._desk.settings
        self._desk.set_timer("fence", settings.fence_check_ms)
        if not self._ledger.available or self._ledger.quiet_ns() < settings.fence_check_ms * MS:
            return
        for order in self._orders.open_of("")[:1]:
            if order.state is not OrderState.INTENDED:
                self._ledger.record(self._orders.changed(order))

    def _look(self) -> None:
        if self._doors.user_stream_up:
            return
        for symbol in list(self._trades.open):
            self._reconciler.begin(Round("blind", symbol))
        self.go_blind()

    def _end_holding(self, symbol: str) -> None:
        """The symbol should have closed it long ago (S3-4)."""
        if self._trades.position(symbol) == 0:
            return
        self._desk.alert("warning", f"{symbol}: held past its limit, closing at market")
        self._protection.close(symbol, ExitReason.TIMEOUT)
        self._desk.set_timer(f"hold/{symbol}", self._desk.settings.hold_orphan_grace_ms)

    def _finish_orphan(self, symbol: str) -> None:
        """A flat trade that its symbol has not finished: finish it by what its fills say."""
        book = self._trades.open.get(symbol)
        if book is not None and not book.finishing and self._trades.is_flat(symbol):
            self._trades.finish(symbol, self._trades.natural_reason(symbol))
            self._trades.resync(symbol)
