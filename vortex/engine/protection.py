"""Watches that no position is without a working stop for longer than the limit, whoever is alive (S3-2, promise 9).

1. The clock starts with the first fill that no working stop covers, and time without one is measured.
2. Past the limit the position is closed at market by the executor itself.
3. A triggered stop counts as protection only for a short grace.
"""

from dataclasses import dataclass

from vortex.domain.orders import Leg, OrderState
from vortex.domain.reasons import ExitReason
from vortex.domain.records import OrderIntended
from vortex.engine.desk import Desk
from vortex.engine.ledger import Ledger
from vortex.engine.order_book import Order, OrderBook
from vortex.engine.trades import Trades
from vortex.execution.client_order_ids import ATTEMPT_MAX
from vortex.execution.position import WORKING, closing_reason
from vortex.execution.specs import close_spec, stop_spec
from vortex.kernel.clock import MS
from vortex.risk.gate import approve_reduction

CLOSES_PER_PACE = 8
"""So many closes leave at one pace; the next ones wait longer."""


@dataclass(slots=True)
class _Exposure:
    """Since when a position is bare, and what it has cost so far."""

    since_ns: int = 0
    total_ns: int = 0
    longest_ns: int = 0
    closes: int = 0
    given_up: int = 0
    """Number of the trade for which no close is left to try."""


class Protection:
    """The guard of every symbol's stop, and the executor's own market closes."""

    def __init__(self, desk: Desk, ledger: Ledger, orders: OrderBook, trades: Trades) -> None:
        self._desk, self._ledger, self._orders, self._trades = desk, ledger, orders, trades
        self._exposures: dict[str, _Exposure] = {}

    def review(self, symbol: str) -> None:
        """Start, stop or go on measuring after anything has happened to a symbol."""
        exposure = self._exposures.setdefault(symbol, _Exposure())
        bare = self._trades.position(symbol) != 0 and not self._is_protected(symbol)
        now = self._desk.mono_ns
        if bare and not exposure.since_ns:
            exposure.since_ns = now
            self._desk.set_timer(f"guard/{symbol}", self._desk.settings.protection_limit_ms)
        elif not bare and exposure.since_ns:
            self._covered(symbol, exposure, now)
        self._watch_trigger(symbol)

    def timer(self, key: str) -> bool:
        """The limit has passed; True when the timer was ours."""
        if key.startswith("trigger/"):
            self._desk.touch(key.removeprefix("trigger/"))
            return True
        if not key.startswith("guard/"):
            return False
        symbol = key.removeprefix("guard/")
        exposure = self._exposures.get(symbol)
        if exposure is None or not exposure.since_ns or self._trades.position(symbol) == 0:
            return True
        left_ns = exposure.since_ns + self._desk.settings.protection_limit_ms * MS - self._desk.mono_ns
        if left_ns > 0:
            self._desk.set_timer(key, -(-left_ns // MS))
            return True
        if exposure.given_up != self._trades.open[symbol].plan.trade_no:
            self._desk.alert("critical", f"{symbol}: no working stop, closing at market")
        self.close(symbol, ExitReason.EMERGENCY)
        self._desk.set_timer(key, self._retry_ms(symbol))
        return True

    def close(self, symbol: str, reason: ExitReason) -> None:
        """Close what is held with one reduce-only market order; nothing while one is on its way."""
        lots = self._trades.position(symbol)
        book = self._trades.open.get(symbol)
        if lots == 0 or book is None or self._close_in_flight(symbol):
            return
        own = closing_reason(self._trades.as_position(symbol))
        attempt = self._orders.attempts(symbol, book.plan.trade_no, Leg.CLOSE)
        if attempt > ATTEMPT_MAX:
            self._give_up(symbol, book.plan.trade_no)
            return
        largest = self._desk.instrument(symbol).market_max_lots
        lots = max(-largest, min(largest, lots))
        spec = close_spec(self._desk.settings.account_tag, book.plan, attempt, lots, (own or reason).value)
        self._exposures.setdefault(symbol, _Exposure()).closes += 1
        self._send(self._orders.add(spec))

    def _retry_ms(self, symbol: str) -> int:
        """Closes that the exchange goes on refusing leave ever more slowly: a trade has ids for 256 of them, which so
        last for a quarter of an hour instead of a minute."""
        book = self._trades.open.get(symbol)
        tried = 0 if book is None else self._orders.attempts(symbol, book.plan.trade_no, Leg.CLOSE)
        return self._desk.settings.close_retry_ms * (1 + tried // CLOSES_PER_PACE)

    def _give_up(self, symbol: str, trade_no: int) -> None:
        exposure = self._exposures.setdefault(symbol, _Exposure())
        if exposure.given_up != trade_no:
            exposure.given_up = trade_no
            text = f"{symbol}: the exchange refused {ATTEMPT_MAX + 1} closes; close the position by hand"
            self._desk.alert("critical", text)

    def place_stop(self, symbol: str) -> None:
        """The first stop of an adopted position."""
        book = self._trades.open[symbol]
        spec = stop_spec(self._desk.settings.account_tag, book.plan, 0, book.plan.stop_px_ticks)
        self._send(self._orders.add(spec))

    def view(self) -> dict[str, object]:
        """Longest and total time without a working stop, in ms, per symbol and over all."""
        longest = max((e.longest_ns for e in self._exposures.values()), default=0)
        total = sum(e.total_ns for e in self._exposures.values())
        return {
            "max_unprotected_ms": longest / MS,
            "total_unprotected_ms": total / MS,
            "emergency_closes": sum(e.closes for e in self._exposures.values()),
            "bare_now": sorted(symbol for symbol, e in self._exposures.items() if e.since_ns),
        }

    def _send(self, order: Order) -> None:
        """Intent first, then the wire; the symbol is shown the order it did not ask for."""
        spec, stamp = order.spec, self._desk.stamp_ms()
        record = OrderIntended(spec=spec, ts_ms=self._desk.now_ms)
        self._ledger.insist((record,), lambda: self._orders.dispatch(approve_reduction(spec), stamp))
        self._trades.resync(spec.symbol)

    def _covered(self, symbol: str, exposure: _Exposure, now: int) -> None:
        bare_ns = now - exposure.since_ns
        exposure.since_ns = 0
        exposure.total_ns += bare_ns
        exposure.longest_ns = max(exposure.longest_ns, bare_ns)
        self._desk.cancel_timer(f"guard/{symbol}")
        self._desk.audit("position.unprotected", symbol=symbol, ms=bare_ns / MS)

    def _is_protected(self, symbol: str) -> bool:
        lots = self._trades.position(symbol)
        return any(self._protects(order, lots) for order in self._trades.orders_of(symbol))

    def _protects(self, order: Order, lots: int) -> bool:
        """A working stop on the right side, or one whose market order has just left."""
        if order.spec.leg is not Leg.STOP or order.spec.side.sign * lots > 0:
            return False
        if order.facts.triggered and not order.state.is_terminal:
            return self._desk.mono_ns - order.triggered_ns < self._desk.settings.trigger_grace_ms * MS
        enough = order.spec.close_position or order.spec.qty_lots >= abs(lots)
        return order.state in WORKING and enough

    def _watch_trigger(self, symbol: str) -> None:
        for order in self._trades.orders_of(symbol):
            fresh = order.triggered_ns == self._desk.mono_ns
            if order.facts.triggered and fresh and not order.state.is_terminal:
                self._desk.set_timer(f"trigger/{symbol}", self._desk.settings.trigger_grace_ms + 1)

    def _close_in_flight(self, symbol: str) -> bool:
        """A close that is unanswered or working: two would only take each other's lots."""
        closes = [order for order in self._trades.orders_of(symbol) if order.spec.leg is Leg.CLOSE]
        return any(not order.state.is_terminal or order.state is OrderState.INTENDED for order in closes)
