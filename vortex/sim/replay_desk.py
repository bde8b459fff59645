"""One symbol of a replay: the kernels, the decision and the risk of live trading, with simulated fills."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal

import msgspec
import numpy as np
from numpy.typing import NDArray

from vortex.domain.events import AccountView
from vortex.domain.instruments import Instrument
from vortex.domain.market import Candle
from vortex.domain.plans import TradePlan
from vortex.domain.reasons import DenyCode
from vortex.domain.signals import Action, Decision, Direction, Engine, Strategy
from vortex.exchange.history import History
from vortex.kernel.clock import Clock
from vortex.market.layout import Kind
from vortex.risk.plan import plan_trade
from vortex.risk.settings import RiskSettings
from vortex.signals.advance import GATE, TIMER, TOUCH
from vortex.signals.board import NO_WATCH_HIGH, SignalBoard
from vortex.signals.settings import SignalSettings
from vortex.sim.replay_fills import FillSettings, Print, Shown, ShownBook, SimulatedTrade, Stage
from vortex.sim.replay_report import Distribution, SymbolReport, TradeBook
from vortex.sim.replay_rows import Batch, past_of
from vortex.sim.replay_source import SESSION_GAP_MS
from vortex.strategy.decision import VOTERS, Decider, DecisionContext, Verdict
from vortex.strategy.settings import DecisionSettings

EQUITY = Decimal(10_000)
"""Every trade is sized on the same account, so that trades can be compared."""
SAMPLE_MS = 1_000
NEVER_MS = 1 << 62
ENCODER = msgspec.msgpack.Encoder()
HASHED_AT_ONCE = 65_536
"""Bytes of records that wait to be hashed together."""

Watcher = Callable[[SignalBoard, Verdict, Decision], None]
"""Looks at a sample: the board at that moment, the verdict and the decision that followed. It must change nothing."""


class ReplaySettings(msgspec.Struct, frozen=True, kw_only=True):
    """The sections of the settings in force that a replay uses; `sample_ms` 0 takes no samples."""

    signals: SignalSettings
    decision: DecisionSettings
    risk: RiskSettings
    fills: FillSettings
    entry_pause_ms: int = 1_000
    sample_ms: int = SAMPLE_MS


def fixed_account(fills: FillSettings) -> AccountView:
    """Ten thousand of equity and the account's rates; nothing open, nothing lost."""
    return AccountView(
        equity=EQUITY,
        available=EQUITY,
        margin_used=Decimal(0),
        maker_rate=fills.maker_rate,
        taker_rate=fills.taker_rate,
        open_positions=0,
        pnl_today=Decimal(0),
        day_open_equity=EQUITY,
        loss_streak=0,
        closed_trades=0,
        win_rate=0.0,
        payoff=0.0,
    )


class ReplayDesk:
    """Takes batches of one symbol's events in time order; what it does is the same however they are cut.

    The hash covers every decision with all its inputs, the plan or the refusal that followed, and every closed trade.
    """

    def __init__(
        self, instrument: Instrument, settings: ReplaySettings, clock: Clock, watcher: Watcher | None = None
    ) -> None:
        """The clock only measures how long the kernels take: `kernel_ns`. The watcher sees every sample."""
        self._watcher = watcher
        self._clock = clock
        self.kernel_ns = 0
        self.board = SignalBoard(settings.signals, instrument)
        self.decider = Decider(self.board, settings.decision)
        self._instrument = instrument
        self._tick, self._step = float(instrument.tick_size), float(instrument.step_size)
        self._settings = settings
        self._account = fixed_account(settings.fills)
        self._trade: SimulatedTrade | None = None
        self._armed: tuple[int | None, int | None, int, int] | None = None
        self._book = TradeBook()
        self._hash = hashlib.sha256()
        self._said = bytearray()
        self._shown_version = (-1, -1)
        self._shown_book = ShownBook((), ())
        self._pause_until_ms = 0
        self._references: Iterator[Candle] = iter(())
        self._reference: Candle | None = None
        self._sample_ms = 0 if settings.sample_ms else NEVER_MS
        self._first_ms = self._heard_ms = self._market_ms = 0
        self._events = self._market_trades = self._orders = self._trade_no = 0
        self._counts: dict[str, Counter[str]] = {
            name: Counter() for name in ("decisions", "refused", "entries", "samples")
        }
        self._failed: Counter[tuple[str, ...]] = Counter()
        self._sample_failed: Counter[str] = Counter()
        self._strategies: dict[str, Counter[str]] = {name: Counter() for name in ("best", "scored", "qualified")}
        self._score = Distribution()
        self._strength = {engine: Distribution() for engine in VOTERS}
        self._direction: dict[Engine, Counter[str]] = {engine: Counter() for engine in VOTERS}

    def warm_up(self, history: History) -> int:
        """Take the past; the id of the first trade to come."""
        candles, trades, polls = past_of(history, self._instrument)
        self.board.warm_up(candles, trades, polls)
        return len(trades) + 1

    def begin_session(self, history: History, next_trade_id: int) -> None:
        """Another session: what is open ends with the old one, and the new one has its own past (E0-5)."""
        if self._trade is not None:
            self._trade.end(self.board.now_ms, self._shown())
            self._settle(self._trade, self.board.now_ms)
        self.board.warm_up(*past_of(history, self._instrument, next_trade_id))
        self._arm(again=True)

    def refer_to(self, candles: Iterable[Candle]) -> None:
        """Closed minutes of the reference symbols in time order, taken as they close in the market's time (E5-4)."""
        self._references = iter(candles)
        self._reference = next(self._references, None)

    def _hear_references(self, now_ms: int) -> None:
        while self._reference is not None and self._reference.ts_ms <= now_ms:
            self.board.refer(self._reference)
            self._reference = next(self._references, None)

    def feed(self, batch: Batch) -> None:
        """Consume all events of a batch."""
        events, books, candles = batch
        if not len(events):
            return
        if not self._events:
            self._first_ms = int(events[0]["ts_ms"])
            self._arm()
        self._events += len(events)
        self._pass_time(events["ts_ms"])
        self._market_trades += int(np.count_nonzero(events["kind"] == Kind.TRADE))
        at, end, board, mono = 0, len(events), self.board, self._clock.mono
        while at < end:
            began = mono()
            at = board.apply_batch(events, books, candles, at)
            self.kernel_ns += mono() - began
            reasons = board.reasons
            if reasons & TOUCH:
                self._touched(events[at - 1])
            elif reasons:
                self._cycle(reasons)

    def finish(self) -> SymbolReport:
        """Close what is open and say what was found."""
        if self._trade is not None:
            self._trade.end(self.board.now_ms, self._shown())
            self._settle(self._trade, self.board.now_ms)
        return self._report()

    def _pass_time(self, times: NDArray[np.int64]) -> None:
        """Market time is what passes within sessions, not between them."""
        steps = np.diff(times, prepend=self._heard_ms or times[0])
        self._market_ms += int(steps[(steps > 0) & (steps <= SESSION_GAP_MS)].sum())
        self._heard_ms = int(times[-1])

    # --- interesting moments ---

    def _touched(self, row: np.void) -> None:
        """A print at a price that the open trade waits for."""
        trade = self._trade
        if trade is None:
            return
        px, lots = round(float(row["px"]) / self._tick), max(1, round(float(row["qty"]) / self._step))
        ts_ms = int(row["ts_ms"])
        trade.on_print(Print(ts_ms, px, lots, bool(row["flag"])), self._shown())
        self._settle(trade, ts_ms)
        self._arm()

    def _cycle(self, reasons: int) -> None:
        """A cycle that is worth a look: a due trade, a sample, a score above the gate."""
        now_ms = self.board.cycle_ms
        self._hear_references(now_ms)
        trade = self._trade
        if trade is not None and now_ms >= trade.due_ms:
            trade.on_time(now_ms, self._shown(), round(self.board.last_px / self._tick))
            self._settle(trade, now_ms)
        if now_ms >= self._sample_ms:
            self._sample(now_ms)
        if reasons & GATE and self._trade is None and now_ms >= self._pause_until_ms:
            self._consider(now_ms)
        self._arm(again=bool(reasons & TIMER))

    def _arm(self, *, again: bool = False) -> None:
        """Tell the kernels when and at which prices to stop next, if that is news; a timer that went off is `again`."""
        trade = self._trade
        low, high = (None, None) if trade is None else trade.watched
        due_ms = self._sample_ms if trade is None else min(self._sample_ms, trade.due_ms)
        quiet_ms = self._pause_until_ms if trade is None else NEVER_MS
        if (low, high, due_ms, quiet_ms) == self._armed and not again:
            return
        self._armed = (low, high, due_ms, quiet_ms)
        self.board.keep_quiet(quiet_ms)
        self.board.watch(
            0.0 if low is None else (low + 0.5) * self._tick,
            NO_WATCH_HIGH if high is None else (high - 0.5) * self._tick,
        )
        self.board.wake_at(0 if due_ms == NEVER_MS else max(1, due_ms))

    def _shown(self) -> ShownBook:
        version = self.board.book_version
        if version != self._shown_version:
            book = self.board.recent().book()
            sides = ((), ()) if book is None else (self._levels(book.bids), self._levels(book.asks))
            self._shown_version, self._shown_book = version, ShownBook(*sides)
        return self._shown_book

    def _levels(self, side: tuple[tuple[float, float], ...]) -> Shown:
        return tuple((round(px / self._tick), round(qty / self._step)) for px, qty in side)

    # --- decision and trade ---

    def _consider(self, now_ms: int) -> None:
        _, decision = self._decide(now_ms)
        self._note(decision)
        trading = decision.action is not Action.NO_TRADE and decision.strategy is not None
        self._counts["decisions"][str(decision.strategy) if trading else Action.NO_TRADE.value] += 1
        self._failed[decision.failed] += 1
        if not trading:
            return
        plan = plan_trade(
            decision, self.board, self._instrument, self._account, self._settings.risk, self._trade_no + 1, now_ms
        )
        if isinstance(plan, DenyCode):
            self._said += plan.value.encode()
            self._counts["refused"][plan.value] += 1
            self._pause_until_ms = now_ms + self._settings.entry_pause_ms
            return
        self._enter(plan, now_ms)

    def _enter(self, plan: TradePlan, now_ms: int) -> None:
        self._note(plan)
        self._trade_no += 1
        self._counts["entries"]["sent"] += 1
        self._trade = SimulatedTrade(plan, self._instrument, self._shown(), self._settings.fills, now_ms)

    def _settle(self, trade: SimulatedTrade, now_ms: int) -> None:
        """Book a trade that is over."""
        if trade.stage is not Stage.OVER:
            return
        self._orders += trade.orders
        self._trade = None
        self._pause_until_ms = now_ms + self._settings.entry_pause_ms
        if trade.closed is None:
            self._counts["entries"]["rejected" if trade.rejected else "unfilled"] += 1
            return
        self._note(trade.closed)
        self._book.add(trade.closed)

    def _decide(self, now_ms: int) -> tuple[Verdict, Decision]:
        held = Direction.NEUTRAL if self._trade is None else Direction(self._trade.plan.side.sign)
        context = DecisionContext(
            position=held, open_positions=int(self._trade is not None), feed_warm=self.board.is_warm(now_ms)
        )
        verdict = self.decider.judge(context)
        return verdict, self.decider.explain(self.decider.conclude(verdict, now_ms))

    def _note(self, record: msgspec.Struct) -> None:
        said = self._said
        ENCODER.encode_into(record, said, -1)
        if len(said) > HASHED_AT_ONCE:
            self._hash.update(said)
            said.clear()

    # --- statistics ---

    def _sample(self, now_ms: int) -> None:
        """The whole checklist at a round moment, whatever the score: how often does each item stand in the way?"""
        period = self._settings.sample_ms
        self._sample_ms = now_ms - now_ms % period + period
        verdict, decision = self._decide(now_ms)
        failed = decision.failed
        self._counts["samples"]["taken"] += 1
        self._counts["samples"]["warm"] += "feed_warm" not in failed
        self._sample_failed.update(failed)
        name = Strategy(decision.strategy).value if decision.strategy is not None else ""
        self._strategies["best"][name] += 1
        if "strategy" not in failed:
            self._strategies["scored"][name] += 1
            self._strategies["qualified"][name] += not any(item.startswith(f"{name}.") for item in failed)
        if self._watcher is not None:
            self._watcher(self.board, verdict, decision)
        self._score.add(decision.final_score)
        for signal in decision.signals:
            if signal.engine in self._strength:
                self._strength[signal.engine].add(signal.strength)
                self._direction[signal.engine][signal.direction.name] += 1

    def _report(self) -> SymbolReport:
        self._hash.update(self._said)
        self._said.clear()
        last_ms = self.board.now_ms
        counts = self._counts
        return SymbolReport(
            symbol=self._instrument.symbol,
            first_ms=self._first_ms,
            last_ms=last_ms,
            market_ms=self._market_ms,
            events=self._events,
            market_trades=self._market_trades,
            orders=self._orders,
            decisions=counts["decisions"].total(),
            decisions_by=dict(sorted(counts["decisions"].items())),
            failed=_ranked(_each_item(self._failed)),
            refused=_ranked(counts["refused"]),
            entries=counts["entries"]["sent"],
            entries_rejected=counts["entries"]["rejected"],
            entries_unfilled=counts["entries"]["unfilled"],
            figures=self._book.figures(self._market_ms),
            samples=counts["samples"]["taken"],
            samples_warm=counts["samples"]["warm"],
            sample_failed=_ranked(self._sample_failed),
            sample_strategy_best=_ranked(self._strategies["best"]),
            sample_strategy_scored=_ranked(self._strategies["scored"]),
            sample_strategy_qualified=_ranked(self._strategies["qualified"]),
            score=self._score.spread(),
            strength={engine.value: each.spread() for engine, each in self._strength.items()},
            direction={engine.value: dict(sorted(each.items())) for engine, each in self._direction.items()},
            input_refused=self.board.refusals(),
            counters=self.board.counters(),
            recent_trades=list(self._book.recent),
            hash=self._hash.hexdigest(),
        )


def _each_item(counter: Counter[tuple[str, ...]]) -> Counter[str]:
    """How often each item failed, from how often each set of them did."""
    items: Counter[str] = Counter()
    for failed, count in counter.items():
        for item in failed:
            items[item] += count
    return items


def _ranked(counter: Counter[str]) -> dict[str, int]:
    """Most frequent first; equal ones by name, so that it never depends on the order of arrival."""
    return dict(sorted(counter.items(), key=lambda item: (-item[1], item[0])))
