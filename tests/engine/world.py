"""A tiny world for executor tests: an in-memory journal, a scripted exchange, and a clock that moves by hand."""

from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec

from vortex.domain.commands import SymbolCommand
from vortex.domain.effects import (
    Alert,
    Answer,
    ArmDeadMan,
    Audit,
    CancelTimer,
    Commit,
    DecisionMade,
    Effect,
    Exit,
    QueryOrder,
    ReadBalance,
    SendCancel,
    SendOrder,
    SetLeverage,
    SetTimer,
    TakeSnapshot,
    TellBreaker,
    TellExecutor,
    TellSymbol,
)
from vortex.domain.events import SymbolEvent
from vortex.domain.instruments import Instrument
from vortex.domain.lease import Lease
from vortex.domain.market import Trade as MarketTrade
from vortex.domain.orders import (
    OrderKind,
    OrderSpec,
    OrderState,
    Side,
    VenueBalance,
    VenueFill,
    VenueOrder,
    VenuePosition,
)
from vortex.domain.outcomes import (
    AccountReported,
    BalanceTaken,
    CancelDone,
    CancelRefused,
    CommitFailed,
    Committed,
    FillReported,
    OrderReported,
    QueryAnswered,
    SendAccepted,
    SendRefused,
    SendUnknown,
    SnapshotTaken,
    TimerFired,
    UserStreamUp,
)
from vortex.domain.plans import TradePlan
from vortex.domain.records import (
    ClosedTrade,
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
from vortex.domain.signals import Action, Decision, Strategy
from vortex.engine.executor import ExecutorEngine
from vortex.engine.symbol import SymbolEngine
from vortex.execution.settings import ExecutionSettings
from vortex.kernel.clock import MS, ManualClock
from vortex.signals.board import GATE

START_MS = 1_790_000_000_000
BTC = Instrument(
    symbol="BTCUSDT",
    base="BTC",
    quote="USDT",
    tick_size=Decimal("0.1"),
    step_size=Decimal("0.001"),
    min_price=Decimal("0.1"),
    max_price=Decimal(10_000_000),
    min_lots=1,
    max_lots=1_000_000,
    market_max_lots=100_000,
    min_notional=Decimal(5),
)
ETH = msgspec.structs.replace(BTC, symbol="ETHUSDT", base="ETH")
INSTRUMENTS = {"BTCUSDT": BTC, "ETHUSDT": ETH}


def a_plan(**changes: Any) -> TradePlan:
    """A long of 100 lots at 50 000.0 with levels of strategy A."""
    plan = TradePlan(
        symbol="BTCUSDT",
        trade_no=1,
        side=Side.BUY,
        strategy=Strategy.MOMENTUM_RIDE,
        qty_lots=100,
        entry_px_ticks=500_000,
        stop_px_ticks=499_000,
        take_profit_px_ticks=501_500,
        trail_ticks=500,
        take_profit_share=60,
        entry_timeout_ms=5_000,
        max_hold_ms=300_000,
        leverage=10,
        confidence=80.0,
        final_score=0.7,
        size_usdt=Decimal(5_000),
        decided_ms=START_MS,
    )
    return msgspec.structs.replace(plan, **changes)


class MemoryJournal:
    """Keeps records and can rebuild what a successor loads."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.down = False
        self.epoch = 1

    def commit(self, epoch: int, commit: Commit) -> Committed | CommitFailed:
        if epoch < self.epoch:
            return CommitFailed(batch=commit.batch, fenced=True, reason="older epoch")
        if self.down:
            return CommitFailed(batch=commit.batch, fenced=False, reason="down")
        self.records.extend(commit.records)
        return Committed(batch=commit.batch)

    def of(self, kind: type) -> list[Any]:
        return [record for record in self.records if isinstance(record, kind)]

    def load(self) -> JournalSnapshot:
        opened = {(r.plan.symbol, r.plan.trade_no): r for r in self.of(TradeOpened)}
        finished = {(r.symbol, r.trade_no): r for r in self.of(TradeFinished)}
        orders: dict[str, JournalOrder] = {}
        for record in self.records:
            if isinstance(record, OrderIntended):
                orders[record.spec.client_order_id] = JournalOrder(
                    spec=record.spec,
                    state=OrderState.INTENDED,
                    executed_lots=0,
                    venue_order_id=0,
                    update_ms=record.ts_ms,
                )
            elif isinstance(record, OrderChanged) and record.client_order_id in orders:
                orders[record.client_order_id] = msgspec.structs.replace(
                    orders[record.client_order_id],
                    state=record.state,
                    executed_lots=record.executed_lots,
                    venue_order_id=record.venue_order_id,
                    update_ms=record.ts_ms,
                )
        fills: dict[tuple[str, int], FillRecorded] = {}
        for record in self.of(FillRecorded):
            fills.setdefault((record.fill.symbol, record.fill.venue_trade_id), record)
        trades = []
        for (symbol, number), record in opened.items():
            if (symbol, number) in finished:
                continue
            trades.append(
                JournalTrade(
                    plan=record.plan,
                    adopted=record.adopted,
                    opened_ms=record.ts_ms,
                    orders=tuple(o for o in orders.values() if o.spec.symbol == symbol and o.spec.trade_no == number),
                    fills=tuple(f.fill for f in fills.values() if f.fill.symbol == symbol and f.trade_no == number),
                )
            )
        last: dict[str, int] = {}
        for symbol, number in opened:
            last[symbol] = max(number, last.get(symbol, 0))
        return JournalSnapshot(
            trades=tuple(trades),
            leftover_orders=tuple(
                o for o in orders.values() if (o.spec.symbol, o.spec.trade_no) in finished and not o.state.is_terminal
            ),
            last_trade_no=last,
            last_close_seq=max((r.close_seq for r in finished.values()), default=0),
            closed=tuple(
                ClosedTrade(
                    symbol=r.symbol,
                    trade_no=r.trade_no,
                    close_seq=r.close_seq,
                    exit_reason=r.exit_reason,
                    pnl_gross=r.pnl_gross,
                    fees=r.fees,
                    pnl_net=r.pnl_net,
                    entry_ms=r.entry_ms,
                    exit_ms=r.exit_ms,
                )
                for r in finished.values()
            ),
            last_fill_ms=max((f.fill.ts_ms for f in fills.values()), default=0),
            recent_fill_ids={
                symbol: tuple(f.fill.venue_trade_id for f in fills.values() if f.fill.symbol == symbol)
                for symbol in {f.fill.symbol for f in fills.values()}
            },
        )


@dataclass
class VenueSide:
    """The exchange, scripted: accepts everything unless told otherwise, and fills when asked to."""

    clock: ManualClock
    orders: dict[str, VenueOrder] = field(default_factory=dict)
    fills: list[VenueFill] = field(default_factory=list)
    positions: dict[str, int] = field(default_factory=dict)
    px_ticks: int = 500_000
    wallet: Decimal = Decimal(10_000)
    refuse: dict[str, int] = field(default_factory=dict)
    """Leg letter to code: refuse the next order of that leg."""
    swallow: dict[str, str] = field(default_factory=dict)
    """Leg letter to "executed" or "lost": no answer to the next order of that leg."""
    requests: list[OrderSpec] = field(default_factory=list)
    silent_stream: bool = False
    _ids: int = 0

    @property
    def now_ms(self) -> int:
        return self.clock.unix() // MS

    def submit(self, spec: OrderSpec) -> list[object]:
        self.requests.append(spec)
        leg = spec.leg.value
        if leg in self.refuse:
            code = self.refuse.pop(leg)
            return [SendRefused(client_order_id=spec.client_order_id, code=code, reason="scripted")]
        how = self.swallow.pop(leg, "")
        if how == "lost":
            return [SendUnknown(client_order_id=spec.client_order_id, reason="timeout")]
        known = self.orders.get(spec.client_order_id)
        if known is not None and not known.state.is_terminal:
            return [SendRefused(client_order_id=spec.client_order_id, code=-4116, reason="duplicate")]
        if spec.reduce_only and not spec.is_algo and self.positions.get(spec.symbol, 0) * spec.side.sign >= 0:
            return [SendRefused(client_order_id=spec.client_order_id, code=-2022, reason="reduce only")]
        self._ids += 1
        order = VenueOrder(
            client_order_id=spec.client_order_id,
            symbol=spec.symbol,
            venue_order_id=self._ids,
            side=spec.side,
            kind=spec.kind,
            state=OrderState.ACCEPTED,
            qty_lots=spec.qty_lots,
            executed_lots=0,
            px_ticks=spec.px_ticks,
            trigger_ticks=spec.trigger_ticks,
            avg_px=Decimal(0),
            reduce_only=spec.reduce_only,
            close_position=spec.close_position,
            is_algo=spec.is_algo,
            update_ms=self.now_ms,
        )
        self.orders[spec.client_order_id] = order
        answer = SendAccepted(client_order_id=spec.client_order_id, order=order)
        if how == "executed":
            answer_or_not: list[object] = [SendUnknown(client_order_id=spec.client_order_id, reason="timeout")]
            return answer_or_not
        events: list[object] = [answer, OrderReported(order=order)]
        if spec.kind is OrderKind.MARKET:
            events += self.fill(spec.client_order_id)
        return events

    def cancel(self, client_order_id: str) -> list[object]:
        order = self.orders.get(client_order_id)
        if order is None or order.state.is_terminal:
            return [CancelRefused(client_order_id=client_order_id, code=-2011, reason="unknown order")]
        return [CancelDone(client_order_id=client_order_id), *self.end(client_order_id, OrderState.CANCELED)]

    def end(self, client_order_id: str, state: OrderState, reason: str = "") -> list[object]:
        order = msgspec.structs.replace(self.orders[client_order_id], state=state, update_ms=self.now_ms, reason=reason)
        self.orders[client_order_id] = order
        return [OrderReported(order=order)]

    def fill(self, client_order_id: str, lots: int = 0, px_ticks: int = 0) -> list[object]:
        order = self.orders[client_order_id]
        held = self.positions.get(order.symbol, 0)
        whole = order.qty_lots or abs(held)
        lots = lots or whole - order.executed_lots
        if order.reduce_only or order.close_position:
            lots = min(lots, abs(held))
        self._ids += 1
        px = px_ticks or order.px_ticks or (order.trigger_ticks if order.is_algo else self.px_ticks)
        executed = order.executed_lots + lots
        done = executed >= whole or order.close_position
        self.positions[order.symbol] = held + order.side.sign * lots
        order = msgspec.structs.replace(
            order,
            executed_lots=executed,
            state=OrderState.FILLED if done else OrderState.PARTIALLY_FILLED,
            update_ms=self.now_ms,
            child_order_id=self._ids * 10 if order.is_algo else 0,
        )
        self.orders[client_order_id] = order
        fill = VenueFill(
            symbol=order.symbol,
            venue_trade_id=self._ids,
            venue_order_id=order.venue_order_id,
            client_order_id=client_order_id,
            side=order.side,
            qty_lots=lots,
            px_ticks=px,
            fee=Decimal("0.01"),
            fee_asset="USDT",
            realized_pnl=Decimal(0),
            is_maker=order.kind is OrderKind.LIMIT,
            ts_ms=self.now_ms,
        )
        self.fills.append(fill)
        events: list[object] = [
            FillReported(fill=fill, order=order),
            AccountReported(
                positions=(self._position(order.symbol),),
                wallet=str(self.wallet),
                reason="ORDER",
                ts_ms=self.now_ms,
            ),
        ]
        return [] if self.silent_stream else events

    def trigger(self, client_order_id: str) -> list[object]:
        order = msgspec.structs.replace(self.orders[client_order_id], child_order_id=99_999, update_ms=self.now_ms)
        self.orders[client_order_id] = order
        return [OrderReported(order=order)]

    def foreign_fill(self, symbol: str, side: Side, lots: int, px_ticks: int) -> None:
        """A position that was opened elsewhere, unseen."""
        self.positions[symbol] = self.positions.get(symbol, 0) + side.sign * lots
        self.px_ticks = px_ticks

    def _position(self, symbol: str) -> VenuePosition:
        return VenuePosition(
            symbol=symbol,
            qty_lots=self.positions.get(symbol, 0),
            entry_px=INSTRUMENTS[symbol].price(self.px_ticks),
            update_ms=self.now_ms,
        )

    def balance(self) -> VenueBalance:
        return VenueBalance(
            wallet=self.wallet,
            margin_balance=self.wallet,
            available=self.wallet,
            initial_margin=Decimal(0),
            ts_ms=self.now_ms,
        )

    def query(self, client_order_id: str) -> QueryAnswered:
        order = self.orders.get(client_order_id)
        fills = tuple(f for f in self.fills if f.client_order_id == client_order_id)
        return QueryAnswered(client_order_id=client_order_id, order=order, fills=fills)

    def snapshot(self, effect: TakeSnapshot) -> SnapshotTaken:
        wanted = [s for s in INSTRUMENTS if effect.symbol in ("", s)]
        return SnapshotTaken(
            token=effect.token,
            symbol=effect.symbol,
            orders=tuple(o for o in self.orders.values() if o.symbol in wanted and not o.state.is_terminal),
            positions=tuple(self._position(s) for s in wanted if self.positions.get(s, 0)),
            balance=self.balance(),
            fills=tuple(f for f in self.fills if f.symbol in wanted and f.ts_ms >= effect.since_ms),
            taken_ms=self.now_ms,
            asked_mono_ns=self.clock.mono(),
        )


class Permit:
    """A lease that is always fresh unless told otherwise."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.allows = True
        self.judged_through = 1_000_000
        self.gone = False

    def read(self) -> Lease | None:
        if self.gone:
            return None
        return Lease(
            epoch=1,
            allows=self.allows,
            judged_through=self.judged_through,
            expires_mono_ns=self.clock.mono() + 1_000 * MS,
        )


@dataclass
class FromSymbol:
    symbol: str
    epoch: int
    command: SymbolCommand


@dataclass
class ToSymbol:
    symbol: str
    event: SymbolEvent


class FlatBoard:
    """Signals that say nothing; prices as told."""

    score = 0.9
    last_px = 50_000.0
    want = False
    failed: tuple[str, ...] = ()

    def apply(self, message: Any) -> int:
        if isinstance(message, MarketTrade):
            self.last_px = message.px
        return 0

    def tick(self, now_ms: int) -> int:
        return GATE if self.want else 0

    def is_warm(self, now_ms: int) -> bool:
        return True

    def signals(self, now_ms: int) -> tuple[()]:
        return ()


class Trader:
    """A real symbol engine with a scripted board, decision and plan."""

    def __new__(cls, world: "World", symbol: str = "BTCUSDT", **plan: Any) -> Any:
        board = FlatBoard()

        def decide(context: Any, now_ms: int) -> Decision:
            board.want = False
            return Decision(
                symbol=symbol,
                ts_ms=now_ms,
                action=Action.NO_TRADE if board.failed else Action.LONG,
                strategy=Strategy.MOMENTUM_RIDE,
                confidence=80.0,
                final_score=0.9,
                engines_agree=4,
                failed=board.failed,
                reason=f"not because of {board.failed}" if board.failed else "scripted",
            )

        def planning(decision: Any, instrument: Any, account: Any, trade_no: int, now_ms: int) -> TradePlan:
            return a_plan(symbol=symbol, trade_no=trade_no, decided_ms=now_ms, **plan)

        engine = SymbolEngine(
            symbol=symbol,
            epoch=world.symbol_epoch,
            clock=world.clock,
            board=board,
            decide=decide,
            plan=planning,
            settings=world.settings,
        )
        world.symbols[symbol] = engine
        engine.on_feed(True)
        world.drive(symbol, engine.start())
        world.boards[symbol] = board
        return engine


class World:
    """One executor with everything around it. Effects are carried out at once, in order."""

    def __init__(self, settings: ExecutionSettings | None = None) -> None:
        self.clock = ManualClock(START_MS * MS)
        self.journal = MemoryJournal()
        self.venue = VenueSide(self.clock)
        self.permit = Permit(self.clock)
        self.settings = settings or ExecutionSettings()
        self.told: list[tuple[str, SymbolEvent]] = []
        self.breaker: list[object] = []
        self.audits: list[Audit] = []
        self.decisions: list[DecisionMade] = []
        self.alerts: list[Alert] = []
        self.answers: list[Answer] = []
        self.exits: list[Exit] = []
        self.dead_man: dict[str, int] = {}
        self.wire: list[tuple[str, str]] = []
        self.timers: dict[str, int] = {}
        self.symbols: dict[str, Any] = {}
        self.boards: dict[str, FlatBoard] = {}
        self.symbol_epoch = 1
        self.commands: list[SymbolCommand] = []
        self.queue: deque[Any] = deque()
        self.busy = False
        self.crash_after: int | None = None
        self.done_effects = 0
        self.epoch = 0
        self.announced = 0
        """The newest executor on the node's page."""
        self.executor: ExecutorEngine
        self.boot()

    # --- life ---

    def boot(self, *, predecessor_dead: bool = True) -> None:
        """Start a new incarnation from the journal."""
        self.epoch += 1
        self.journal.epoch = self.epoch
        self.timers.clear()
        self.executor = ExecutorEngine(
            epoch=self.epoch,
            clock=self.clock,
            journal=self.journal.load(),
            instruments=INSTRUMENTS,
            symbols=tuple(INSTRUMENTS),
            permit=self.permit,
            replaced=lambda: self.announced > self.epoch,
            settings=self.settings,
            predecessor_dead=predecessor_dead,
        )
        self.run(self.executor.start())

    def ready(self) -> None:
        """Serving, with the user stream up."""
        self.advance(2)
        self.feed(UserStreamUp())

    def feed(self, *events: Any) -> None:
        for event in events:
            self.run(self.executor.handle(event))

    def command(self, command: SymbolCommand, symbol: str = "BTCUSDT", epoch: int = 1) -> None:
        self.run(self.executor.from_symbol(symbol, epoch, command))

    def operator(self, command: Any) -> None:
        self.run(self.executor.from_operator(command))

    def run(self, effects: list[Effect]) -> None:
        """Carry out effects; whatever comes back is handled after them, in order."""
        for effect in effects:
            self.queue.extend(self._do(effect))
        if self.busy:
            return
        self.busy = True
        try:
            while self.queue:
                self._turn(self.queue.popleft())
        finally:
            self.busy = False

    def _turn(self, event: Any) -> None:
        if isinstance(event, FromSymbol):
            effects = self.executor.from_symbol(event.symbol, event.epoch, event.command)
        elif isinstance(event, ToSymbol):
            effects = []
            trader = self.symbols.get(event.symbol)
            if trader is not None:
                self.perform(event.symbol, trader.on_executor(event.event))
        else:
            effects = self.executor.handle(event)
        for effect in effects:
            self.queue.extend(self._do(effect))

    def perform(self, symbol: str, effects: list[Effect]) -> None:
        """Carry out what a symbol's engine asks for."""
        for effect in effects:
            if isinstance(effect, TellExecutor):
                self.queue.append(FromSymbol(symbol, self.symbol_epoch, effect.command))
                self.commands.append(effect.command)
            elif isinstance(effect, Audit):
                self.audits.append(effect)
            elif isinstance(effect, Alert):
                self.alerts.append(effect)
            elif isinstance(effect, DecisionMade):
                self.decisions.append(effect)
            else:
                raise TypeError(f"unexpected effect of a symbol: {effect}")

    def drive(self, symbol: str, effects: list[Effect]) -> None:
        """Carry out a symbol's effects and everything that follows."""
        self.perform(symbol, effects)
        self.run([])

    def _do(self, effect: Effect) -> list[Any]:
        self.done_effects += 1
        if self.crash_after is not None and self.done_effects > self.crash_after:
            raise Crash
        match effect:
            case Commit():
                return [self.journal.commit(self.epoch, effect)]
            case SendOrder(spec=spec):
                intents = {r.spec.client_order_id for r in self.journal.of(OrderIntended)}
                if not self.journal.down:
                    assert spec.client_order_id in intents, "promise 1"
                self.wire.append(("send", spec.client_order_id))
                return self.venue.submit(spec)
            case SendCancel(client_order_id=key):
                self.wire.append(("cancel", key))
                return self.venue.cancel(key)
            case QueryOrder(client_order_id=key):
                self.wire.append(("query", key))
                return [self.venue.query(key)]
            case TakeSnapshot():
                return [self.venue.snapshot(effect)]
            case ReadBalance(token=token):
                return [BalanceTaken(token=token, balance=self.venue.balance())]
            case _:
                return self._note(effect)

    def _note(self, effect: Effect) -> list[Any]:
        """What needs no answer."""
        match effect:
            case SetTimer(key=key, delay_ms=delay):
                self.timers[key] = self.clock.mono() + delay * MS
            case CancelTimer(key=key):
                self.timers.pop(key, None)
            case TellSymbol(symbol=symbol, event=event):
                self.told.append((symbol, event))
                return [ToSymbol(symbol, event)]
            case TellBreaker(event=event):
                self.breaker.append(event)
            case Audit() | Alert() | Answer() | Exit():
                boxes = {Audit: self.audits, Alert: self.alerts, Answer: self.answers, Exit: self.exits}
                boxes[type(effect)].append(effect)
            case ArmDeadMan(symbol=symbol, countdown_ms=countdown):
                self.dead_man[symbol] = countdown
            case SetLeverage() | TellExecutor():
                pass
            case _:
                raise AssertionError(f"unexpected effect {effect}")
        return []

    def advance(self, ms: int) -> None:
        """Let time pass, firing timers at their moment."""
        end = self.clock.mono() + ms * MS
        while True:
            due = sorted((at, key) for key, at in self.timers.items() if at <= end)
            if not due:
                break
            at, key = due[0]
            del self.timers[key]
            self.clock.advance(max(0, at - self.clock.mono()))
            self.feed(TimerFired(key=key))
        self.clock.advance(end - self.clock.mono())

    def live(self, ms: int) -> None:
        """Let time pass with every symbol cycling every 100 ms."""
        for _ in range(ms // 100):
            self.advance(100)
            for symbol, trader in list(self.symbols.items()):
                self.drive(symbol, trader.on_cycle())

    def price(self, px: float, symbol: str = "BTCUSDT") -> None:
        """One trade on the tape."""
        event = MarketTrade(symbol=symbol, ts_ms=self.venue.now_ms, agg_id=1, px=px, qty=1.0, buyer_is_maker=False)
        self.venue.px_ticks = int(Decimal(repr(px)) / BTC.tick_size)
        self.drive(symbol, self.symbols[symbol].on_market(event))

    def want(self, symbol: str = "BTCUSDT") -> None:
        """Let the symbol decide to enter at its next cycle."""
        self.boards[symbol].want = True
        self.drive(symbol, self.symbols[symbol].on_cycle())

    def state(self, symbol: str = "BTCUSDT") -> str | None:
        """State of the symbol's position machine."""
        view = self.symbols[symbol].view()["position"]
        return None if view is None else str(view["state"])

    def events(self, kind: type) -> list[Any]:
        return [event for _, event in self.told if isinstance(event, kind)]


class Crash(Exception):
    """The process died here."""
