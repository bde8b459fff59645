"""The durable journal of the simulation: survives every crash, fences old epochs, fails and falls silent on demand.

1. A commit is all or nothing, and is refused under an epoch older than the newest one taken.
2. What was made durable stays: a crash of its writer, or a lost answer, takes nothing back.
3. A fill is recorded once, whoever reports it again; a client order id names one intent for ever.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from msgspec.structs import replace

from vortex.domain.orders import OrderSpec, OrderState, VenueFill
from vortex.domain.plans import TradePlan
from vortex.domain.reasons import ExitReason
from vortex.domain.records import (
    CLOSED_KEPT,
    ClosedTrade,
    DifferenceFound,
    EquityTaken,
    FillRecorded,
    JournalOrder,
    JournalSnapshot,
    JournalTrade,
    OrderChanged,
    OrderIntended,
    Record,
    TradeFinished,
    TradeOpened,
)
from vortex.kernel.errors import Fenced, JournalUnavailable, LocalViolation

DAY_MS = 86_400_000
NO_FILL = ExitReason.NO_FILL.value
RECENT_FILLS_MS = 600_000


@dataclass(slots=True)
class KeptOrder:
    """One order's row; `intended_ns` is when the intent became durable."""

    spec: OrderSpec
    intended_ns: int
    state: OrderState = OrderState.INTENDED
    executed_lots: int = 0
    venue_order_id: int = 0
    update_ms: int = 0


@dataclass(slots=True)
class KeptTrade:
    """One trade's row."""

    plan: TradePlan
    adopted: bool
    opened_ms: int
    finished: TradeFinished | None = None
    fills: list[VenueFill] = field(default_factory=list)


class SimJournal:
    """PostgreSQL's part, played in memory: the same semantics, without the latency (the host adds that)."""

    def __init__(self, *, fencing: bool = True) -> None:
        self._fencing = fencing
        self.orders: dict[str, KeptOrder] = {}
        self.trades: dict[tuple[str, int], KeptTrade] = {}
        self.plans: dict[str, list[TradePlan]] = {}
        self.fills: dict[tuple[str, int], FillRecorded] = {}
        self.differences: list[DifferenceFound] = []
        self.closed: list[TradeFinished] = []
        self.breaker_state: str | None = None
        self.epochs: dict[str, int] = {}
        self.available = True
        self.trouble_ns = -(10**18)
        """When a commit was last refused, slow or left unanswered."""
        self.commits = 0
        self.fenced = 0
        self._day_open: dict[int, Decimal] = {}

    def take_epoch(self, role: str) -> int:
        """The next incarnation of a role; from this moment the older ones are fenced. JournalUnavailable when away."""
        if not self.available:
            raise JournalUnavailable("the journal is away")
        self.epochs[role] = self.epochs.get(role, 0) + 1
        return self.epochs[role]

    def commit(self, epoch: int, records: Sequence[Record], now_ns: int) -> None:
        """Make these durable, all or nothing; Fenced under an older executor epoch, JournalUnavailable when away."""
        if not self.available:
            self.trouble_ns = now_ns
        self._admit("executor", epoch)
        self._check(records)
        for record in records:
            self._apply(record, now_ns)
        self.commits += 1

    def save_breaker(self, epoch: int, state_json: str) -> None:
        """Make the breaker's state durable, fenced like a commit."""
        self._admit("breaker", epoch)
        self.breaker_state = state_json

    def snapshot(self, symbols: Sequence[str], now_ms: int) -> JournalSnapshot:
        """What a new executor loads; JournalUnavailable when away."""
        if not self.available:
            raise JournalUnavailable("the journal is away")
        wanted = set(symbols)
        trades, leftovers = [], []
        for (symbol, trade_no), trade in sorted(self.trades.items()):
            if symbol not in wanted:
                continue
            orders = self._orders_of(symbol, trade_no)
            if trade.finished is None:
                trades.append(
                    JournalTrade(
                        plan=trade.plan,
                        adopted=trade.adopted,
                        opened_ms=trade.opened_ms,
                        orders=tuple(_row(order) for order in orders),
                        fills=tuple(trade.fills),
                    )
                )
            else:
                leftovers += [_row(order) for order in orders if not order.state.is_terminal]
        last_trade_no: dict[str, int] = {}
        for symbol, trade_no in self.trades:
            last_trade_no[symbol] = max(trade_no, last_trade_no.get(symbol, 0))
        return JournalSnapshot(
            trades=tuple(trades),
            leftover_orders=tuple(leftovers),
            last_trade_no=last_trade_no,
            last_close_seq=max((trade.close_seq for trade in self.closed), default=0),
            closed=self._recently_closed(now_ms),
            last_fill_ms=max((kept.fill.ts_ms for kept in self.fills.values()), default=0),
            day_open_equity=self._day_open.get(now_ms // DAY_MS),
            recent_fill_ids=self._recent_fill_ids(),
        )

    def has_intent(self, spec: OrderSpec) -> bool:
        """Is exactly this order durable?"""
        kept = self.orders.get(spec.client_order_id)
        return kept is not None and replace(kept.spec, why="") == replace(spec, why="")

    def _admit(self, role: str, epoch: int) -> None:
        if not self.available:
            raise JournalUnavailable("the journal is away")
        if self._fencing and epoch < self.epochs.get(role, 0):
            self.fenced += 1
            raise Fenced(f"{role}: epoch {epoch} is older than {self.epochs[role]}")

    def _check(self, records: Sequence[Record]) -> None:
        """Refuse the whole batch before any of it is applied; LocalViolation when it contradicts what is there."""
        opened: set[tuple[str, int]] = set()
        intended: set[str] = set()
        for record in records:
            match record:
                case OrderIntended(spec=spec):
                    self._check_same(spec)
                    intended.add(spec.client_order_id)
                case TradeOpened(plan=plan):
                    before = self.trades.get((plan.symbol, plan.trade_no))
                    if before is not None and before.plan != plan:
                        raise LocalViolation(f"{plan.symbol} trade {plan.trade_no} was opened before, otherwise")
                    opened.add((plan.symbol, plan.trade_no))
                case OrderChanged(client_order_id=name):
                    if name not in intended and name not in self.orders:
                        raise LocalViolation(f"{name} changed before it was intended")
                case FillRecorded() | TradeFinished():
                    symbol = record.fill.symbol if isinstance(record, FillRecorded) else record.symbol
                    if (symbol, record.trade_no) not in opened and (symbol, record.trade_no) not in self.trades:
                        raise LocalViolation(f"{symbol} trade {record.trade_no} was never opened")
                case _:
                    pass

    def _check_same(self, spec: OrderSpec) -> None:
        kept = self.orders.get(spec.client_order_id)
        if kept is not None and replace(kept.spec, why="") != replace(spec, why=""):
            raise LocalViolation(f"{spec.client_order_id} was intended before, as another order")

    def _apply(self, record: Record, now_ns: int) -> None:
        match record:
            case TradeOpened():
                key = (record.plan.symbol, record.plan.trade_no)
                if key not in self.trades:
                    self.trades[key] = KeptTrade(record.plan, record.adopted, record.ts_ms)
                    self.plans.setdefault(record.plan.symbol, []).append(record.plan)
            case OrderIntended():
                self.orders.setdefault(
                    record.spec.client_order_id, KeptOrder(record.spec, now_ns, update_ms=record.ts_ms)
                )
            case OrderChanged():
                self._change(record)
            case FillRecorded():
                self._record_fill(record)
            case TradeFinished():
                self._finish(record)
            case DifferenceFound():
                self.differences.append(record)
            case EquityTaken():
                self._day_open.setdefault(record.ts_ms // DAY_MS, record.equity)

    def _change(self, record: OrderChanged) -> None:
        kept = self.orders[record.client_order_id]
        kept.state = record.state
        kept.executed_lots = record.executed_lots
        kept.venue_order_id = record.venue_order_id or kept.venue_order_id
        kept.update_ms = record.ts_ms

    def _record_fill(self, record: FillRecorded) -> None:
        key = (record.fill.symbol, record.fill.venue_trade_id)
        if key not in self.fills:
            self.fills[key] = record
            self.trades[(record.fill.symbol, record.trade_no)].fills.append(record.fill)

    def _finish(self, record: TradeFinished) -> None:
        trade = self.trades[(record.symbol, record.trade_no)]
        if trade.finished is None:
            trade.finished = record
            self.closed.append(record)

    def _orders_of(self, symbol: str, trade_no: int) -> list[KeptOrder]:
        return [kept for kept in self.orders.values() if kept.spec.symbol == symbol and kept.spec.trade_no == trade_no]

    def _recent_fill_ids(self) -> dict[str, tuple[int, ...]]:
        """The exchange's fill numbers of the last ten minutes before the last fill."""
        last_ms = max((kept.fill.ts_ms for kept in self.fills.values()), default=0)
        recent: dict[str, list[int]] = {}
        for (symbol, trade_id), kept in self.fills.items():
            if kept.fill.ts_ms >= last_ms - RECENT_FILLS_MS:
                recent.setdefault(symbol, []).append(trade_id)
        return {symbol: tuple(ids) for symbol, ids in recent.items()}

    def _recently_closed(self, now_ms: int) -> tuple[ClosedTrade, ...]:
        ordered = sorted(self.closed, key=lambda trade: trade.close_seq)
        counted = {trade.close_seq for trade in [t for t in ordered if t.exit_reason != NO_FILL][-CLOSED_KEPT:]}
        chosen = [trade for trade in ordered if trade.exit_ms >= now_ms - DAY_MS or trade.close_seq in counted]
        return tuple(
            ClosedTrade(
                symbol=trade.symbol,
                trade_no=trade.trade_no,
                close_seq=trade.close_seq,
                exit_reason=trade.exit_reason,
                pnl_gross=trade.pnl_gross,
                fees=trade.fees,
                pnl_net=trade.pnl_net,
                entry_ms=trade.entry_ms,
                exit_ms=trade.exit_ms,
            )
            for trade in chosen
        )


def _row(kept: KeptOrder) -> JournalOrder:
    return JournalOrder(
        spec=kept.spec,
        state=kept.state,
        executed_lots=kept.executed_lots,
        venue_order_id=kept.venue_order_id,
        update_ms=kept.update_ms,
    )
