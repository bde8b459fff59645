"""One symbol's brain: market to signals to decision to plan, and the position machine that leads the trade.

1. Nothing is entered unless attached to a reconciled executor, on a trusted and warm feed, with no trade open.
2. What the executor says is the truth of orders; a doubt about it is settled by attaching anew.
3. The path of a market event is short: apply it, look at the watched prices, decide only when the kernels ask for it.
"""

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Protocol

from vortex.domain.commands import Attach, EnterTrade
from vortex.domain.effects import Alert, Audit, DecisionMade, Effect, TellExecutor
from vortex.domain.events import (
    AccountChanged,
    AccountView,
    Attached,
    EntryDenied,
    ExecutorUp,
    PositionReconciled,
    SymbolEvent,
    TradeClosed,
)
from vortex.domain.instruments import Instrument
from vortex.domain.market import MarketMessage, Trade
from vortex.domain.outcomes import TimerFired
from vortex.domain.plans import TradePlan
from vortex.domain.reasons import DenyCode, ExitReason
from vortex.domain.signals import Action, Decision, Direction, Signal
from vortex.engine.position_keeper import PositionKeeper
from vortex.execution.position import OVER, PositionState
from vortex.execution.position_events import CloseRequested, PriceMoved, Resumed
from vortex.execution.settings import ExecutionSettings
from vortex.kernel.clock import MS, Clock
from vortex.risk.plan import plan_trade
from vortex.risk.settings import RiskSettings
from vortex.signals.board import GATE, SignalBoard
from vortex.strategy.decision import Decider, DecisionContext, is_plain
from vortex.strategy.settings import DecisionSettings

FIRST_MESSAGE_FACTOR = 3
"""A process that has just started may wait three times as long for its first market message."""


class Board(Protocol):
    """What the brain needs of its signals (vortex.signals.board.SignalBoard)."""

    def apply(self, message: MarketMessage) -> int: ...
    def tick(self, now_ms: int) -> int: ...
    def is_warm(self, now_ms: int) -> bool: ...
    def signals(self, now_ms: int) -> tuple[Signal, ...]: ...

    @property
    def score(self) -> float: ...
    @property
    def last_px(self) -> float: ...


Decide = Callable[[DecisionContext, int], Decision]
Explain = Callable[[Decision], Decision]
"""Adds the engines' signals to a decision to trade, before the board hears anything new."""
Plan = Callable[[Decision, Instrument, AccountView, int, int], TradePlan | DenyCode]
"""(decision, instrument, account, trade number, now in ms)"""


class SymbolEngine:
    """Feed it market events, cycles and the executor's words; tell the executor what it returns."""

    def __init__(
        self,
        *,
        symbol: str,
        epoch: int,
        clock: Clock,
        board: Board,
        decide: Decide,
        plan: Plan,
        explain: Explain = lambda decision: decision,
        settings: ExecutionSettings | None = None,
    ) -> None:
        self._symbol, self._epoch, self._clock = symbol, epoch, clock
        self._board, self._decide, self._explain, self._plan = board, decide, explain, plan
        self._settings = settings if settings is not None else ExecutionSettings()
        self._keeper = PositionKeeper(clock, self._settings)
        self._attached: Attached | None = None
        self._account: AccountView | None = None
        self._next_trade_no = 0
        self._asked_ns = 0
        self._trusted = self._lost = False
        self._seen_ns = self._trusted_ns = clock.mono()
        self._seen_any = self._heard = False
        self._pause_until_ns = 0
        self._gap_until_ns = 0
        self._px = 0.0
        self._last: Decision | None = None
        self._made: DecisionMade | None = None
        self._said: str | None = None
        self.refusals: Counter[str] = Counter()

    @property
    def attached(self) -> bool:
        """Whether the executor has opened our session."""
        return self._attached is not None

    # --- the ways in ---

    def start(self) -> list[Effect]:
        """Ask for a session."""
        return [self._attach()]

    def on_market(self, event: MarketMessage) -> list[Effect]:
        """One market event."""
        self._heard = True
        reasons = self._board.apply(event)
        effects: list[Effect] = []
        if isinstance(event, Trade) and event.symbol == self._symbol:
            effects = self._on_price(event)
        if reasons & GATE:
            effects += self._consider()
        return effects

    def on_cycle(self) -> list[Effect]:
        """Every 100 ms: let time pass for signals and position, and decide (S1-1)."""
        now_ns = self._clock.mono()
        if self._heard:
            self._heard, self._seen_any, self._seen_ns = False, True, now_ns
        if self._trusted:
            self._trusted_ns = now_ns
        effects: list[Effect] = []
        if self._attached is None:
            effects += self._keep_asking(now_ns)
        elif self._keeper.state is not None:
            effects += self._watch_feed(now_ns)
            due = self._keeper.due()
            if due is not None:
                effects += self._keeper.handle(due)
        if self._board.tick(self._now_ms) & GATE:
            effects += self._consider()
        return effects

    def on_feed(self, up: bool) -> list[Effect]:
        """The feed is trusted (connected, complete, warm) or is not."""
        self._trusted = up
        if up:
            self._lost = False
        else:
            self._px = 0.0
        return []

    def on_feed_alive(self) -> None:
        """Messages wait behind a repair: what they say is not known yet, but the feed is not silent."""
        self._heard = True

    def on_feed_lost(self) -> list[Effect]:
        """A connection has been silent or away for too long (E0-6). Until the feed is trusted again neither the other
        connection nor a reading over REST is a sign of its life; the next cycle acts on it (EM-1)."""
        self._lost = True
        return []

    def on_timer(self, event: TimerFired) -> list[Effect]:
        """The brain sets no timers: cycles are its clock."""
        return [Audit(kind="timer.unknown", detail={"key": event.key})]

    def on_executor(self, event: SymbolEvent) -> list[Effect]:
        """The executor's word."""
        match event:
            case ExecutorUp():
                return self._executor_reborn()
            case Attached():
                return self._take_truth(event)
            case AccountChanged(account=account):
                self._account = account
                return []
            case EntryDenied():
                return self._denied(event)
            case TradeClosed():
                return self._closed(event)
            case PositionReconciled(qty_lots=lots):
                return [Audit(kind="position.reconciled", detail={"symbol": self._symbol, "lots": lots})]
            case _:
                return self._order_event(event)

    # --- session ---

    def _attach(self) -> Effect:
        self._asked_ns = self._clock.mono()
        return TellExecutor(command=Attach(symbol=self._symbol))

    def _keep_asking(self, now_ns: int) -> list[Effect]:
        return [self._attach()] if now_ns - self._asked_ns >= self._settings.attach_retry_ms * MS else []

    def _executor_reborn(self) -> list[Effect]:
        """Its predecessor's session is over, and a wish it may not have heard is void."""
        self._attached = None
        if self._keeper.state is PositionState.PENDING_ENTRY:
            self._keeper.drop()
        return [self._attach()]

    def _take_truth(self, event: Attached) -> list[Effect]:
        """The executor's view replaces ours, but for an entry that it has not heard of yet."""
        unheard = (
            event.trade is None
            and self._attached is not None
            and self._keeper.state is PositionState.PENDING_ENTRY
            and self._keeper.trade_no == event.next_trade_no
        )
        self._attached, self._account = event, event.account
        self._next_trade_no = event.next_trade_no
        if unheard:
            return []
        if event.trade is None:
            self._keeper.drop()
            return []
        return self._keeper.adopt(event.trade)

    def _denied(self, event: EntryDenied) -> list[Effect]:
        self.refusals[event.code] += 1
        self._pause()
        if event.trade_no != self._keeper.trade_no:
            return []
        effects = self._keeper.handle(event)
        if self._keeper.state in OVER:
            self._keeper.drop()
        made = self._made
        if made is not None and made.trade_no == event.trade_no:  # it opened nothing: the number will be another's
            effects = [*effects, DecisionMade(decision=made.decision, refused=event.code)]
        return effects

    def _closed(self, event: TradeClosed) -> list[Effect]:
        self._next_trade_no = max(self._next_trade_no, event.trade_no + 1)
        if event.trade_no == self._keeper.trade_no:
            self._keeper.drop()
            self._pause()
        return []

    def _order_event(self, event: SymbolEvent) -> list[Effect]:
        """News of an order we do not know means that our view is old."""
        position = self._keeper.position
        key = getattr(event, "client_order_id", "")
        if position is None or all(row.spec.client_order_id != key for row in position.orders):
            stale = self.attached and self._clock.mono() - self._asked_ns >= self._settings.attach_retry_ms * MS
            return [self._attach()] if stale else []
        return self._keeper.handle(event)

    # --- position ---

    def _on_price(self, event: Trade) -> list[Effect]:
        """Trailing (S3-3) and price gaps (EM-3)."""
        effects: list[Effect] = []
        if self._jumped(event.px):
            self._gap_until_ns = self._clock.mono() + self._settings.price_gap_pause_ms * MS
            effects.append(Alert(level="warning", text=f"{self._symbol}: the price jumped to {event.px}"))
            effects += self._keeper.handle(Resumed())
        position, instrument = self._keeper.position, self._instrument
        if self._keeper.state is PositionState.TRAILING and position is not None and instrument is not None:
            now = self._now_ms
            if now >= position.trailed_ms + self._settings.trail_every_ms:
                ticks = int(Decimal(repr(event.px)) / instrument.tick_size)
                effects += self._keeper.handle(PriceMoved(ticks, now))
        return effects

    def _jumped(self, px: float) -> bool:
        """Between two trades in a row; a repaired gap in the feed is no jump."""
        before, self._px = self._px, px
        return before > 0 and abs(px - before) * 100 > self._settings.price_gap_pct * before

    def _watch_feed(self, now_ns: int) -> list[Effect]:
        """EM-1: blind for too long with something at stake, because nothing comes or because no repair succeeds."""
        state = self._keeper.state
        if state is None or state is PositionState.CLOSING or state in OVER:
            return []
        limit = self._settings.feed_lost_ms * (1 if self._seen_any else FIRST_MESSAGE_FACTOR) * MS
        lost = now_ns - self._seen_ns > limit or (self._lost and self._seen_any)
        if not lost and now_ns - self._trusted_ns <= self._settings.feed_blind_ms * MS:
            return []
        what = "feed lost" if lost else "feed not mended"
        alert = Alert(level="critical", text=f"{self._symbol}: {what} with a trade open, closing at market")
        return [alert, *self._keeper.handle(CloseRequested(ExitReason.EMERGENCY))]

    # --- decision ---

    def _consider(self) -> list[Effect]:
        """Decide, plan, ask (S1, S2)."""
        instrument, account = self._instrument, self._account
        if not self._may_enter() or instrument is None or account is None:
            return []
        now = self._now_ms
        context = DecisionContext(
            position=Direction.NEUTRAL,
            open_positions=account.open_positions,
            breaker_closed=account.entries_allowed,
            feed_warm=self._board.is_warm(now),
        )
        decision = self._decide(context, now)
        self._last = decision
        if decision.action is Action.NO_TRADE:
            return self._nearly(decision)
        self._last = decision = self._explain(decision)
        plan = self._plan(decision, instrument, account, self._next_trade_no, now)
        if isinstance(plan, DenyCode):
            self.refusals[plan.value] += 1
            self._pause()
            return [DecisionMade(decision=decision, refused=plan.value)]
        self._keeper.open(plan)
        self._made = DecisionMade(decision=decision, trade_no=plan.trade_no)
        # The order before its record: putting a message on the wire to the recorder costs 0.2 ms.
        return [TellExecutor(command=EnterTrade(plan=plan)), self._made]

    def _nearly(self, decision: Decision) -> list[Effect]:
        """A no that the checklist did not say is recorded, once for as long as it says the same (S1-5)."""
        before, self._said = self._said, None
        if is_plain(decision):
            return []
        self._said = decision.reason
        if self._said == before:
            return []
        self._last = decision = self._explain(decision)
        return [DecisionMade(decision=decision)]

    def _may_enter(self) -> bool:
        now = self._clock.mono()
        calm = now >= self._pause_until_ns and now >= self._gap_until_ns
        return self._trusted and self.attached and self._keeper.state is None and calm

    def _pause(self) -> None:
        self._pause_until_ns = self._clock.mono() + self._settings.entry_pause_ms * MS

    @property
    def _instrument(self) -> Instrument | None:
        return None if self._attached is None else self._attached.instrument

    @property
    def _now_ms(self) -> int:
        return self._clock.unix() // MS

    # --- for people ---

    def view(self) -> dict[str, Any]:
        """Feed, signals, last decision and position."""
        now = self._now_ms
        return {
            "feed": {
                "trusted": self._trusted,
                "warm": self._board.is_warm(now),
                "silent_ms": (self._clock.mono() - self._seen_ns) // MS,
                "price": self._board.last_px,
            },
            "attached": self.attached,
            "signals": {signal.engine.value: _signal_row(signal) for signal in self._board.signals(now)},
            "decision": {"score": self._board.score, **_decision_row(self._last)},
            "refusals": dict(sorted(self.refusals.items())),
            "refused_transitions": dict(sorted(self._keeper.refused.items())),
            "position": self._position_row(),
        }

    def _position_row(self) -> dict[str, Any] | None:
        """The keeper's view, with prices, quantity and running profit in quote units."""
        row, instrument = self._keeper.view(), self._instrument
        if row is None or instrument is None:
            return row
        prices = {
            name: float(instrument.price(ticks))
            for name, ticks in (
                ("entry_px", row["entry_ticks"]),
                ("stop_px", row["stop_ticks"]),
                ("target_px", row["target_ticks"]),
            )
            if isinstance(ticks, int)
        }
        quantity = float(instrument.quantity(row["lots"]))
        running = (self._board.last_px - prices["entry_px"]) * quantity if "entry_px" in prices else 0.0
        return {**row, **prices, "quantity": quantity, "pnl": running}


def _unwatched(step: str) -> None:
    del step


def standard_symbol(
    *,
    symbol: str,
    epoch: int,
    clock: Clock,
    board: SignalBoard,
    decision: DecisionSettings,
    risk: RiskSettings,
    execution: ExecutionSettings,
    stepped: Callable[[str], None] = _unwatched,
) -> SymbolEngine:
    """The brain with the house's own decision and risk. Both judge at the kernels' last cycle, as replay does.

    `stepped` hears "decided", "explained" and "planned" as each is done, for the shell's timers.
    """
    decider = Decider(board, decision)

    def deciding(context: DecisionContext, now_ms: int) -> Decision:
        made = decider.decide(context, board.cycle_ms or now_ms)
        stepped("decided")
        return made

    def explaining(made: Decision) -> Decision:
        made = decider.explain(made)
        stepped("explained")
        return made

    def planning(
        made: Decision, instrument: Instrument, account: AccountView, trade_no: int, now_ms: int
    ) -> TradePlan | DenyCode:
        cap = 100.0 if account.risk_cap_pct is None else float(account.risk_cap_pct)
        plan = plan_trade(made, board, instrument, account, risk, trade_no, board.cycle_ms or now_ms, cap)
        stepped("planned")
        return plan

    return SymbolEngine(
        symbol=symbol,
        epoch=epoch,
        clock=clock,
        board=board,
        decide=deciding,
        plan=planning,
        explain=explaining,
        settings=execution,
    )


def _signal_row(signal: Signal) -> dict[str, Any]:
    return {
        "direction": signal.direction.name,
        "label": signal.label,
        "strength": signal.strength,
        "conviction": signal.conviction,
        "warm": signal.warm,
        "fields": signal.fields,
    }


def _decision_row(decision: Decision | None) -> dict[str, Any]:
    if decision is None:
        return {"action": "NO_TRADE", "failed": []}
    return {
        "action": decision.action.value,
        "strategy": decision.strategy.value if decision.strategy is not None else None,
        "confidence": decision.confidence,
        "engines_agree": decision.engines_agree,
        "failed": list(decision.failed),
        "reason": decision.reason,
        "ts_ms": decision.ts_ms,
    }
