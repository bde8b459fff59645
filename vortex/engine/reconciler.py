"""Runs comparisons with the exchange and carries out their rules (S3-9): on start, attach, reconnect, timer, request.

1. A symbol is open for entries only after a comparison that left nothing of it unresolved (CB-12).
2. A difference in quantity is acted on when it is seen again; everything else at once.
3. A failed snapshot is no information; it is asked for again.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from vortex.domain.effects import Answer, SendCancel, TakeSnapshot
from vortex.domain.events import PositionReconciled
from vortex.domain.orders import OrderState, VenueOrder
from vortex.domain.outcomes import SnapshotFailed, SnapshotTaken
from vortex.domain.reasons import ExitReason
from vortex.domain.records import DifferenceFound
from vortex.engine.accounts import Accounts
from vortex.engine.desk import Desk
from vortex.engine.entries import Doors
from vortex.engine.ledger import Ledger
from vortex.engine.order_book import OrderBook
from vortex.engine.protection import Protection
from vortex.engine.trades import Trades
from vortex.kernel.clock import MS
from vortex.reconcile.claim import claimed
from vortex.reconcile.diff import Difference, Kind, OurOrder, Ours, diff
from vortex.reconcile.resolve import Action, Resolution, resolve

FAILED_RETRY_MS = 500
KEPT_MAX = 50
FILLS_BACK_MS = 600_000
"""How far back fills are read again after a comparison of the whole account."""


@dataclass(slots=True)
class Round:
    """One comparison under way: why, and who waits for it. A quick one follows others of the same account so closely
    that foreign orders in foreign symbols need not be listed again."""

    why: str
    symbol: str
    request_id: str = ""
    dry_run: bool = False
    quick: bool = False
    then: Callable[[SnapshotTaken], None] | None = None


@dataclass(slots=True)
class _Report:
    """What the last rounds found, for people."""

    last_run_ms: int = 0
    differences: int = 0
    unresolved: int = 0
    rounds: int = 0
    found: list[dict[str, str | bool]] = field(default_factory=list)


class Reconciler:
    """All comparisons of one executor."""

    def __init__(
        self,
        desk: Desk,
        ledger: Ledger,
        orders: OrderBook,
        trades: Trades,
        accounts: Accounts,
        protection: Protection,
        doors: Doors,
    ) -> None:
        self._desk, self._ledger, self._orders, self._trades = desk, ledger, orders, trades
        self._accounts, self._protection, self._doors = accounts, protection, doors
        self._rounds: dict[int, Round] = {}
        self._token = 0
        self._looks: dict[Difference, tuple[int, int]] = {}
        self.fills_from_ms = 0
        self.report = _Report()

    def begin(self, round_: Round) -> None:
        """Ask the exchange for its side."""
        self._token += 1
        self._rounds[self._token] = round_
        self._desk.emit(
            TakeSnapshot(token=self._token, symbol=round_.symbol, since_ms=self.fills_from_ms, quick=round_.quick)
        )

    def failed(self, event: SnapshotFailed) -> None:
        """No information: ask again, for the same reason."""
        round_ = self._rounds.pop(event.token, None)
        if round_ is not None:
            self._desk.audit("reconcile.failed", why=round_.why, symbol=round_.symbol, reason=event.reason)
            self._token += 1
            self._rounds[self._token] = round_
            self._desk.set_timer(f"again/{self._token}", FAILED_RETRY_MS)

    def timer(self, key: str) -> bool:
        """Another try or another look; True when the timer was ours."""
        kind, _, rest = key.partition("/")
        if kind == "again":
            round_ = self._rounds.pop(int(rest), None)
            if round_ is not None:
                self.begin(round_)
            return True
        if kind == "look":
            self.begin(Round("second look", rest))
            return True
        return False

    def taken(self, snapshot: SnapshotTaken) -> None:
        """Compare, act, answer."""
        round_ = self._rounds.pop(snapshot.token, None)
        if round_ is None:
            return
        found = diff(self._ours(snapshot.orders), snapshot, self._desk.settings.recent_ms * MS)
        resolutions = [self._resolve(difference, snapshot.asked_mono_ns) for difference in found]
        if not round_.dry_run:
            self._apply_descriptions(snapshot)
            for resolution in resolutions:
                self._act(resolution, snapshot)
            self._forget_looks(found, snapshot.symbol)
            self._accounts.take(snapshot.balance)
            if not snapshot.symbol:
                self.fills_from_ms = max(self.fills_from_ms, snapshot.taken_ms - FILLS_BACK_MS)
            self._mark(snapshot.symbol, resolutions)
        self._note(round_, resolutions)
        if round_.then is not None:
            round_.then(snapshot)

    # --- our side ---

    def _ours(self, listed: tuple[VenueOrder, ...]) -> Ours:
        """Our open orders, and those that the exchange lists."""
        keys = {order.spec.client_order_id: None for order in self._orders.open_of("")}
        keys |= {order.client_order_id: None for order in listed if order.client_order_id in self._orders.orders}
        orders = {key: self._our_order(key) for key in keys}
        return Ours(
            orders=orders,
            positions={symbol: self._trades.position(symbol) for symbol in self._trades.open},
            moved_ns=self._trades.moved_ns,
            seen_fills=self._trades.seen_fills(),
            plans={s: book.plan for s, book in self._trades.open.items() if not book.finishing and book.committing < 0},
            tag=self._desk.settings.account_tag,
        )

    def _our_order(self, key: str) -> OurOrder:
        order = self._orders.orders[key]
        book = self._trades.open.get(order.spec.symbol)
        current = book is not None and book.plan.trade_no == order.spec.trade_no
        return OurOrder(order.row(), order.touched_ns, current)

    # --- rules ---

    def _resolve(self, difference: Difference, asked_ns: int) -> Resolution:
        """A look counts only when the exchange was asked a while after the look before it: its reads may lag."""
        looks, judged_ns = self._looks.get(difference, (0, 0))
        if not looks or asked_ns >= judged_ns + self._desk.settings.second_look_ms * MS:
            looks += 1
            if difference.kind in (Kind.UNKNOWN_POSITION, Kind.SIZE_MISMATCH):
                self._looks[difference] = (looks, self._desk.mono_ns)
        return resolve(difference, self._desk.settings, looks)

    def _forget_looks(self, found: tuple[Difference, ...], symbol: str) -> None:
        still = set(found)
        self._looks = {d: n for d, n in self._looks.items() if d in still or symbol not in ("", d.symbol)}

    def _apply_descriptions(self, snapshot: SnapshotTaken) -> None:
        """Facts first: fills, then what the exchange says of our open orders."""
        for described in snapshot.orders:
            self._trades.reserve(described.symbol, described.client_order_id)
        for fill in snapshot.fills:
            self._trades.reserve(fill.symbol, fill.client_order_id)
        for fill in snapshot.fills:
            if fill.symbol in self._desk.instruments and self._trades.take_fill(fill):
                self._desk.set_timer(f"look/{fill.symbol}", self._desk.settings.second_look_ms)
        for described in snapshot.orders:
            order = self._orders.get(described.client_order_id)
            if order is not None and order.touched_ns <= snapshot.asked_mono_ns:
                self._orders.describe(described)

    def _act(self, resolution: Resolution, snapshot: SnapshotTaken) -> None:
        difference, symbol = resolution.difference, resolution.difference.symbol
        match resolution.action:
            case Action.TAKE_ORDER:
                self._take_order(resolution, snapshot.orders)
            case Action.CANCEL_ORDER:
                self._cancel(resolution, snapshot.orders)
            case Action.REPORT_ORDER:
                self._desk.alert("warning", f"{symbol}: an order that is not ours is open: {difference.key}")
            case Action.ASK_ORDER:
                order = self._orders.get(difference.key)
                if order is not None:
                    self._orders.suspect(order)
            case Action.LOOK_AGAIN | Action.AWAIT_STOP:
                self._trades.resync(symbol)  # a symbol that sees its stop missing places another
                self._ask_unsettled(symbol)
                self._desk.set_timer(f"look/{symbol}", self._desk.settings.second_look_ms)
            case Action.ADOPT_POSITION:
                self.adopt(symbol, snapshot)
            case Action.CLOSE_POSITION:
                self.adopt(symbol, snapshot)
                self._protection.close(symbol, ExitReason.EMERGENCY)
            case Action.RECORD_FILL | Action.TAKE_THEIR_WORD | Action.GUARD_POSITION:
                self._desk.touch(symbol)

    def _cancel(self, resolution: Resolution, listed: tuple[VenueOrder, ...]) -> None:
        """An order that should not be there. One that we do not know, or that is over in our books, is canceled under
        a commit of this epoch only: for an executor that was replaced it would be the order of its successor."""
        key = resolution.difference.key
        order = self._orders.get(key)
        if order is not None and not order.state.is_terminal:
            self._orders.cancel(order, "reconciliation")
            return
        for described in listed:
            if described.client_order_id == key:
                cancel = SendCancel(client_order_id=key, symbol=described.symbol, is_algo=described.is_algo)
                self._ledger.require((_record(resolution, self._desk.now_ms),), partial(self._desk.emit, cancel))

    def _take_order(self, resolution: Resolution, listed: tuple[VenueOrder, ...]) -> None:
        """An order of the open trade that the journal does not know. It is in the book at once, so that nobody uses its
        id for another order while the journal takes it."""
        symbol, key = resolution.difference.symbol, resolution.difference.key
        book = self._trades.open.get(symbol)
        described = next((order for order in listed if order.client_order_id == key), None)
        if book is None or described is None or self._orders.get(key) is not None:
            return
        spec = claimed(described, book.plan, self._desk.settings.account_tag)
        if spec is None:
            return
        if spec.opens and self._doors.halted:
            self._cancel(resolution, listed)
            return
        self._trades.take_order(spec, described)

    def _ask_unsettled(self, symbol: str) -> None:
        """A difference in quantity is most often a fill that we missed: ask for every order that may have had one."""
        for order in self._orders.open_of(symbol):
            if order.state not in (OrderState.INTENDED, OrderState.SUBMITTED):
                self._orders.ask(order)

    def adopt(self, symbol: str, snapshot: SnapshotTaken) -> None:
        """Set our position to the exchange's, as a fill of its own."""
        if symbol not in self._desk.instruments:
            self._desk.alert(
                "critical", f"{symbol}: a position in an instrument that we do not know; see to it by hand"
            )
            return
        theirs = next((p for p in snapshot.positions if p.symbol == symbol), None)
        lots = 0 if theirs is None else theirs.qty_lots
        if lots == self._trades.position(symbol):
            return
        book = self._trades.open.get(symbol)
        px_ticks = 0 if book is None else book.plan.entry_px_ticks
        if theirs is not None and theirs.entry_px > 0:
            px_ticks = int((theirs.entry_px / self._desk.instrument(symbol).tick_size).to_integral_value())
        self._trades.align(symbol, lots, px_ticks, snapshot.taken_ms)
        self._desk.tell_symbol(symbol, PositionReconciled(symbol=symbol, qty_lots=lots))
        self._desk.alert("error", f"{symbol}: position taken over from the exchange: {lots} lots")

    # --- outcome ---

    def _mark(self, symbol: str, resolutions: list[Resolution]) -> None:
        """Open or shut symbols by what is left unresolved (CB-12)."""
        shut = {r.difference.symbol for r in resolutions if not r.resolved}
        covered = {symbol} if symbol else set(self._doors.unreconciled)
        self._doors.unreconciled -= covered - shut
        self._doors.unreconciled |= shut

    def _note(self, round_: Round, resolutions: list[Resolution]) -> None:
        now = self._desk.now_ms
        rows: list[dict[str, str | bool]] = [_row(resolution) for resolution in resolutions]
        for resolution in resolutions:
            if not round_.dry_run:
                self._ledger.record(_record(resolution, now))
        unresolved = sum(not resolution.resolved for resolution in resolutions)
        self.report.last_run_ms, self.report.rounds = now, self.report.rounds + 1
        self.report.differences, self.report.unresolved = len(rows), unresolved
        self.report.found = [*rows, *self.report.found][:KEPT_MAX]
        self._desk.audit(
            "reconcile.done", why=round_.why, symbol=round_.symbol, differences=len(rows), unresolved=unresolved
        )
        if round_.request_id:
            body = json.dumps({"differences": rows, "unresolved": unresolved, "dry_run": round_.dry_run})
            self._desk.emit(Answer(request_id=round_.request_id, body_json=body))

    def view(self) -> dict[str, object]:
        """For the status screen."""
        return {
            "last_run": self.report.last_run_ms,
            "differences": self.report.differences,
            "unresolved": self.report.unresolved,
            "rounds": self.report.rounds,
            "recent": list(self.report.found),
            "unreconciled": sorted(self._doors.unreconciled),
        }


def _row(resolution: Resolution) -> dict[str, str | bool]:
    difference = resolution.difference
    return {
        "kind": difference.kind.value,
        "symbol": difference.symbol,
        "key": difference.key,
        "ours": difference.ours,
        "theirs": difference.theirs,
        "rule": resolution.action.value,
        "resolved": resolution.resolved,
    }


def _record(resolution: Resolution, now_ms: int) -> DifferenceFound:
    difference = resolution.difference
    return DifferenceFound(
        kind=difference.kind.value,
        symbol=difference.symbol,
        key=difference.key,
        ours=difference.ours,
        theirs=difference.theirs,
        rule=resolution.action.value,
        resolved=resolution.resolved,
        ts_ms=now_ms,
    )
