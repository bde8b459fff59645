"""Open trades and their fills: what we hold in each symbol, how a trade ends, and positions we did not open.

1. Our position in a symbol is the sum of the fills of its open trade; without a trade it is zero.
2. A fill is counted once, whoever reports it (S3-9).
3. A fill that belongs to nothing opens an adopted trade; money never moves outside a trade.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from vortex.domain.events import OpenTrade, TradeClosed
from vortex.domain.orders import Leg, OrderSpec, Side, VenueFill, VenueOrder
from vortex.domain.plans import TradePlan
from vortex.domain.reasons import ExitReason
from vortex.domain.records import (
    FillRecorded,
    JournalSnapshot,
    JournalTrade,
    OrderIntended,
    Record,
    TradeFinished,
    TradeOpened,
)
from vortex.domain.signals import Strategy
from vortex.engine.desk import Desk
from vortex.engine.ledger import Ledger
from vortex.engine.order_book import Order, OrderBook
from vortex.execution.client_order_ids import parse_id, symbol_key
from vortex.execution.earnings import earned, fee_cash
from vortex.execution.order_events import FillSeen
from vortex.execution.position import Position, exit_reason, of_trade

ALIGN_UNIT = 1_000
"""An alignment's number is minus (its time in ms times this, plus the last digits of the position)."""
SEEN_MAX = 20_000
"""Fill numbers remembered per symbol: days of trading, far more than any answer of the exchange goes back."""


@dataclass(slots=True)
class OpenBook:
    """One open trade. `committing` counts the fills that its end was computed from; -1 before that."""

    plan: TradePlan
    opened_ms: int
    adopted: bool = False
    fills: list[tuple[VenueFill, int]] = field(default_factory=list)
    finishing: str = ""
    committing: int = -1

    @property
    def net_lots(self) -> int:
        """Signed lots held."""
        return sum(fill.side.sign * fill.qty_lots for fill, _ in self.fills)


class Trades:
    """All trades that are not finished."""

    def __init__(self, desk: Desk, ledger: Ledger, orders: OrderBook) -> None:
        self._desk, self._ledger, self._orders = desk, ledger, orders
        self.open: dict[str, OpenBook] = {}
        self.next_trade_no: dict[str, int] = {}
        self.close_seq = 0
        self._closed_events: list[TradeClosed] = []
        self._stale_views: dict[str, None] = {}
        self.moved_ns: dict[str, int] = {}
        self._seen: dict[str, dict[int, None]] = {}
        self._aligned_ms: dict[str, int] = {}
        self._phantoms: list[JournalTrade] = []

    # --- reading ---

    def position(self, symbol: str) -> int:
        """Signed lots that we believe to hold."""
        book = self.open.get(symbol)
        return 0 if book is None else book.net_lots

    def orders_of(self, symbol: str) -> list[Order]:
        """Orders of the open trade."""
        book = self.open.get(symbol)
        return [] if book is None else self._orders.of_trade(symbol, book.plan.trade_no)

    def trade(self, symbol: str) -> OpenTrade | None:
        """The open trade as a symbol needs it."""
        book = self.open.get(symbol)
        if book is None:
            return None
        rows = tuple(order.row() for order in self.orders_of(symbol))
        fills = tuple(fill for fill, _ in book.fills)
        return OpenTrade(plan=book.plan, orders=rows, fills=fills, adopted=book.adopted)

    def as_position(self, symbol: str) -> Position:
        """The open trade as the position machine reads it."""
        trade = self.trade(symbol)
        assert trade is not None, f"{symbol} has no trade"
        return of_trade(trade, self._desk.settings)

    def number_for(self, symbol: str) -> int:
        """The number the next trade of a symbol must carry."""
        return self.next_trade_no.get(symbol, 1)

    def has_seen(self, symbol: str, venue_trade_id: int) -> bool:
        """Whether a fill has been counted."""
        return venue_trade_id in self._seen.get(symbol, ())

    def seen_fills(self) -> dict[str, frozenset[int]]:
        """Numbers of all counted fills."""
        return {symbol: frozenset(ids) for symbol, ids in self._seen.items()}

    # --- opening ---

    def load(self, journal: JournalSnapshot) -> None:
        """Take over what a predecessor left."""
        self.close_seq = journal.last_close_seq
        self.next_trade_no = {symbol: number + 1 for symbol, number in journal.last_trade_no.items()}
        for symbol, ids in journal.recent_fill_ids.items():
            self._seen.setdefault(symbol, {}).update(dict.fromkeys(ids))
            self._remember_alignments(symbol, ids)
        for row in self._real_trades(journal):
            symbol = row.plan.symbol
            book = OpenBook(row.plan, row.opened_ms, adopted=row.adopted)
            self.open[symbol] = book
            self.next_trade_no[symbol] = max(self.number_for(symbol), row.plan.trade_no + 1)
            revived = {order.spec.client_order_id: self._orders.revive(order) for order in row.orders}
            for fill in row.fills:
                self._seen.setdefault(symbol, {})[fill.venue_trade_id] = None
                self._remember_alignments(symbol, (fill.venue_trade_id,))
                book.fills.append((fill, self._fee(fill)))
                order = revived.get(fill.client_order_id)
                if order is not None:
                    self._orders.recount(order, fill)
            for known in row.orders:
                order = revived[known.spec.client_order_id]
                if order.state.is_terminal and not known.state.is_terminal:
                    self._ledger.record(self._orders.changed(order))
            if book.fills:
                self._watch_hold(book, self._desk.now_ms - book.fills[0][0].ts_ms)
        for leftover in journal.leftover_orders:
            self._orders.revive(leftover, leftover=True).notices_to = False

    def _remember_alignments(self, symbol: str, ids: tuple[int, ...]) -> None:
        """Numbers that we have given say when they aligned the position."""
        for number in ids:
            if number < 0:
                self._aligned_ms[symbol] = max(self._aligned_ms.get(symbol, 0), -number // ALIGN_UNIT)

    def _real_trades(self, journal: JournalSnapshot) -> list[JournalTrade]:
        """One trade per symbol is the law; an older unfilled one was given up when the journal did not answer."""
        newest: dict[str, JournalTrade] = {}
        for row in sorted(journal.trades, key=lambda row: (bool(row.fills), row.plan.trade_no)):
            before = newest.get(row.plan.symbol)
            if before is not None:
                self._phantoms.append(before)
            newest[row.plan.symbol] = row
        return list(newest.values())

    def bury_phantoms(self) -> None:
        """Record the end of trades that never began; their orders never left, and are asked for all the same."""
        for row in self._phantoms:
            for order in row.orders:
                self._orders.revive(order).notices_to = False
            book = OpenBook(row.plan, row.opened_ms, adopted=row.adopted, finishing=ExitReason.NO_FILL.value)
            self._record_end(book, then=self._closed_events.append)
        self._phantoms.clear()

    def begin(self, plan: TradePlan, *, adopted: bool = False) -> TradeOpened:
        """Open a trade and use up its number; the record is the caller's to commit."""
        assert plan.symbol not in self.open, f"{plan.symbol} has a trade"
        self.next_trade_no[plan.symbol] = plan.trade_no + 1
        self.open[plan.symbol] = OpenBook(plan, self._desk.now_ms, adopted=adopted)
        return TradeOpened(plan=plan, ts_ms=self._desk.now_ms, adopted=adopted)

    def reserve(self, symbol: str, client_order_id: str) -> None:
        """The exchange shows an id of ours: its trade number is used, whatever the journal knows of it (promise 2)."""
        parsed = parse_id(client_order_id)
        if parsed is None or parsed.tag != self._desk.settings.account_tag or parsed.symbol_key != symbol_key(symbol):
            return
        book = self.open.get(symbol)
        if book is None or book.plan.trade_no != parsed.trade_no:
            self.next_trade_no[symbol] = max(self.number_for(symbol), parsed.trade_no + 1)

    def take_order(self, spec: OrderSpec, described: VenueOrder) -> None:
        """An order of the open trade that stands at the exchange and was in no book: from now on it is in ours."""
        book = self.open[spec.symbol]
        self._ledger.record(OrderIntended(spec=spec, ts_ms=self._desk.now_ms))
        order = self._orders.add(spec)
        order.notices_to = False  # its symbol is shown everything instead
        for fill, _ in book.fills:
            if fill.client_order_id == spec.client_order_id:
                self._orders.recount(order, fill)
        self._orders.describe(described)
        order.notices_to = True
        self._desk.audit("order.taken", client_order_id=spec.client_order_id, symbol=spec.symbol)
        self._desk.alert("warning", f"{spec.symbol}: {spec.client_order_id} stood at the exchange and was in no book")
        self.resync(spec.symbol)

    # --- fills ---

    def take_fill(self, fill: VenueFill) -> bool:
        """Count a fill once; False when it was known. A fill that no trade expects is adopted (S3-9)."""
        seen = self._seen.setdefault(fill.symbol, {})
        if fill.venue_trade_id in seen:
            return False
        seen[fill.venue_trade_id] = None
        if len(seen) > SEEN_MAX:
            del seen[next(iter(seen))]
        order = self._orders.find(fill.symbol, fill.client_order_id, fill.venue_order_id)
        if order is not None and self._orders.precedes(order, fill.ts_ms):
            order = None
        if fill.venue_trade_id > 0 and fill.ts_ms <= self._aligned_ms.get(fill.symbol, 0):
            self._note_covered(fill, order)
            return False
        book = self.open.get(fill.symbol)
        records: list[Record] = []
        if book is None:
            records.append(self.begin(self._adopting_plan(fill), adopted=True))
            book = self.open[fill.symbol]
            self._desk.alert("error", f"{fill.symbol}: a fill without a trade was adopted ({fill.client_order_id})")
        self.moved_ns[fill.symbol] = self._desk.mono_ns
        if not book.fills:
            self._watch_hold(book)
        fee = self._fee(fill)
        book.fills.append((fill, fee))
        self._ledger.record(*records, FillRecorded(fill=fill, trade_no=book.plan.trade_no, fee_cash=fee))
        ours = order is not None and order.spec.trade_no == book.plan.trade_no
        if order is not None:
            order.notices_to = ours
            self._orders.apply(order, FillSeen(fill))
        if not ours:
            self._desk.audit("fill.foreign", symbol=fill.symbol, client_order_id=fill.client_order_id)
            self.resync(fill.symbol)
        self._desk.touch(fill.symbol)
        return True

    def align(self, symbol: str, theirs_lots: int, px_ticks: int, ts_ms: int) -> None:
        """Book the difference to the exchange's position as a fill of its own: the exchange is the truth for what is.

        The number is negative, so that it can never be one of the exchange's, and a function of what it settles.
        """
        delta = theirs_lots - self.position(symbol)
        assert delta != 0, "nothing to align"
        self._aligned_ms[symbol] = ts_ms
        self.take_fill(
            VenueFill(
                symbol=symbol,
                venue_trade_id=-(ts_ms * ALIGN_UNIT + abs(theirs_lots) % ALIGN_UNIT),
                venue_order_id=0,
                client_order_id="reconciled",
                side=Side.BUY if delta > 0 else Side.SELL,
                qty_lots=abs(delta),
                px_ticks=px_ticks,
                fee=Decimal(0),
                fee_asset=self._desk.instrument(symbol).quote,
                realized_pnl=Decimal(0),
                is_maker=False,
                ts_ms=ts_ms,
            )
        )

    def _note_covered(self, fill: VenueFill, order: Order | None) -> None:
        """A fill of before an alignment is in the aligned position already; only its order learns of it."""
        self._desk.audit("fill.covered", symbol=fill.symbol, client_order_id=fill.client_order_id)
        if order is not None:
            told, order.notices_to = order.notices_to, False
            self._orders.apply(order, FillSeen(fill))
            order.notices_to = told
            self.resync(fill.symbol)

    def _watch_hold(self, book: OpenBook, held_ms: int = 0) -> None:
        """The executor's own limit of the holding time, a little after the symbol's (S3-4)."""
        settings = self._desk.settings
        limit = min(book.plan.max_hold_ms, settings.hold_limit_ms) + settings.hold_orphan_grace_ms
        self._desk.set_timer(f"hold/{book.plan.symbol}", limit - held_ms)

    def _fee(self, fill: VenueFill) -> int:
        maker, taker = self._desk.fee_rates(fill.symbol)
        return fee_cash(fill, self._desk.instrument(fill.symbol), maker, taker)

    def _adopting_plan(self, fill: VenueFill) -> TradePlan:
        """Levels for a position we did not open: a stop at the set distance, a target twice as far."""
        distance = max(1, int(fill.px_ticks * self._desk.settings.adopted_stop_percent / 100))
        sign = fill.side.sign
        return TradePlan(
            symbol=fill.symbol,
            trade_no=self.number_for(fill.symbol),
            side=fill.side,
            strategy=Strategy.MOMENTUM_RIDE,
            qty_lots=fill.qty_lots,
            entry_px_ticks=fill.px_ticks,
            stop_px_ticks=max(1, fill.px_ticks - sign * distance),
            take_profit_px_ticks=max(1, fill.px_ticks + 2 * sign * distance),
            trail_ticks=0,
            take_profit_share=100,
            entry_timeout_ms=0,
            max_hold_ms=self._desk.settings.hold_limit_ms,
            leverage=1,
            confidence=0.0,
            final_score=0.0,
            size_usdt=Decimal(0),
            decided_ms=self._desk.now_ms,
        )

    # --- ending ---

    def entry_over(self, symbol: str) -> bool:
        """Nothing can open the symbol's trade any further."""
        entries = [order for order in self.orders_of(symbol) if order.spec.leg is Leg.ENTRY]
        return all(order.state.is_terminal and not order.facts.fills_missing for order in entries)

    def is_flat(self, symbol: str) -> bool:
        """Over and holding nothing."""
        return self.position(symbol) == 0 and self.entry_over(symbol)

    def finish(self, symbol: str, reason: str) -> None:
        """Begin the end of a flat trade: sweep its orders, then record it."""
        book = self.open[symbol]
        book.finishing = book.finishing or reason
        self.advance_finish(symbol)

    def natural_reason(self, symbol: str) -> str:
        """How the trade ended, by its fills."""
        return exit_reason(self.as_position(symbol)).value

    def advance_finish(self, symbol: str) -> None:
        """Sweep what is left; when nothing is, make the end durable (S3-5)."""
        book = self.open.get(symbol)
        if book is None or not book.finishing or book.committing >= 0:
            return
        if not self.is_flat(symbol):
            book.finishing = ""
            return
        alive = [order for order in self.orders_of(symbol) if not order.state.is_terminal or order.facts.fills_missing]
        for order in alive:
            self._orders.cancel(order, "leftover")
        if any(not order.state.is_terminal or order.facts.fills_missing for order in alive):
            return
        book.committing = len(book.fills)
        self._record_end(book, then=lambda event: self._closed(book, event))

    def _record_end(self, book: OpenBook, then: Callable[[TradeClosed], None]) -> None:
        """Compute what the trade earned, number its end, make it durable, then say so."""
        self.close_seq += 1
        plan, seq = book.plan, self.close_seq
        result = earned(book.fills, plan.side, self._desk.instrument(plan.symbol))
        record = TradeFinished(
            symbol=plan.symbol,
            trade_no=plan.trade_no,
            close_seq=seq,
            exit_reason=book.finishing,
            pnl_gross=result.pnl_gross,
            fees=result.fees,
            pnl_net=result.pnl_net,
            entry_px=result.entry_px,
            exit_px=result.exit_px,
            maker_fills=result.maker_fills,
            taker_fills=result.taker_fills,
            entry_ms=result.entry_ms or book.opened_ms,
            exit_ms=result.exit_ms or self._desk.now_ms,
        )
        event = TradeClosed(
            trade_no=plan.trade_no,
            symbol=plan.symbol,
            close_seq=seq,
            closed_ms=record.exit_ms,
            pnl_gross=result.pnl_gross,
            fees=result.fees,
            pnl_net=result.pnl_net,
            exit_reason=book.finishing,
            hold_ms=max(0, result.exit_ms - result.entry_ms) if result.entry_ms else 0,
        )
        self._ledger.require((record,), lambda: then(event))

    def _closed(self, book: OpenBook, event: TradeClosed) -> None:
        """The end is durable: the slot is free and everybody may know."""
        symbol = book.plan.symbol
        del self.open[symbol]
        for order in self._orders.of_trade(symbol, book.plan.trade_no):
            order.notices_to = False
        self._closed_events.append(event)
        self._desk.tell_symbol(symbol, event)
        self._desk.audit(
            "trade.closed",
            symbol=symbol,
            trade_no=book.plan.trade_no,
            reason=book.finishing,
            pnl_net=str(event.pnl_net),
        )
        for fill, _ in book.fills[book.committing :]:
            self._seen[symbol].pop(fill.venue_trade_id, None)
            self.take_fill(fill)
        self._desk.touch(symbol)

    # --- what the executor does once per event ---

    def take_closed(self) -> list[TradeClosed]:
        """Trades that have ended since the last time."""
        closed, self._closed_events = self._closed_events, []
        return closed

    def take_stale_views(self) -> list[str]:
        """Symbols whose view of things must be shown anew."""
        stale = list(self._stale_views)
        self._stale_views.clear()
        return stale

    def resync(self, symbol: str) -> None:
        """Ask for the symbol to be shown everything anew (the executor does it once per event)."""
        self._stale_views[symbol] = None
