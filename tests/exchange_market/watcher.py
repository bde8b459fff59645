"""One trader beside one listed symbol: it hears what the venue would publish, decides, plans and waits for fills."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeVar

from vortex.domain.events import AccountView
from vortex.domain.instruments import Instrument
from vortex.domain.market import (
    AccountRatio,
    Candle,
    Depth,
    Interval,
    Liquidation,
    MarketMessage,
    MarkPrice,
    OpenInterest,
    Trade,
    packed_levels,
)
from vortex.domain.orders import Side
from vortex.domain.plans import TradePlan
from vortex.domain.signals import Action, Decision
from vortex.exchange.candles import Bar
from vortex.exchange.instruments import Instrument as Listed
from vortex.exchange.listing import Listing
from vortex.exchange.market_events import (
    BookState,
    Levels,
    LiquidationPrint,
    MarketEvent,
    MarketTrade,
    MarkState,
    OpenInterestState,
    RatioState,
)
from vortex.exchange.orders import BUY, SELL, Order
from vortex.risk.plan import plan_trade
from vortex.risk.settings import DEFAULT_RISK
from vortex.signals.board import GATE, SignalBoard
from vortex.signals.settings import DEFAULT_SIGNALS
from vortex.strategy.decision import Decider, DecisionContext
from vortex.strategy.settings import DEFAULT_DECISION

BOOT_MS = 20_000
"""How long a trader needs from the opening of the market to its first look at it."""

LOOK_MS = 1_000
"""Pause after a refused plan, as the symbol's brain keeps it."""

HISTORY_CANDLES, HISTORY_TRADES, HISTORY_POLLS = 500, 2_000, 13
INTEREST_POLL_MS, RATIO_POLL_MS, BOOK_LEVELS = 15_000, 30_000, 20
Point = TypeVar("Point", OpenInterestState, RatioState)

ACCOUNT = AccountView(
    equity=Decimal(10_000),
    available=Decimal(10_000),
    margin_used=Decimal(0),
    maker_rate=Decimal("0.0002"),
    taker_rate=Decimal("0.0005"),
    open_positions=0,
    pnl_today=Decimal(0),
    day_open_equity=Decimal(10_000),
    loss_streak=0,
    closed_trades=0,
    win_rate=0.0,
    payoff=0.0,
)


@dataclass(frozen=True, slots=True)
class Plan:
    """One plan and what became of it: NO_FILL, TARGET, STOP, TIME or OPEN."""

    symbol: str
    at_ms: int
    strategy: str
    side: str
    outcome: str


@dataclass(slots=True)
class Found:
    """What one symbol offered."""

    plans: list[Plan] = field(default_factory=list)
    decisions: Counter[str] = field(default_factory=Counter)
    refusals: Counter[tuple[str, str]] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    """Looks beyond the gate, by strategy and the items that did not hold."""


class Working:
    """A planned trade on its way: resting, filled, over."""

    def __init__(self, plan: TradePlan, listing: Listing, now_ms: int) -> None:
        self.plan = plan
        self._listing = listing
        self._entered_ms = 0
        self._give_up_ms = now_ms + plan.entry_timeout_ms
        side = BUY if plan.side is Side.BUY else SELL
        self._order = Order(
            order_id=plan.trade_no,
            account="",
            instrument=listing.instrument,
            client_id="",
            side=side,
            position_side="BOTH",
            kind="LIMIT",
            original_kind="LIMIT",
            time_in_force="GTX",
            px=plan.entry_px_ticks,
            lots=plan.qty_lots,
            reduce_only=False,
            close_position=False,
            stp="NONE",
            price_match="NONE",
            good_till_ms=0,
            created_ms=now_ms,
            updated_ms=now_ms,
        )
        listing.engine.rest(self._order)

    def outcome(self, now_ms: int, last_px: int) -> str:
        """How it ended, or nothing while it has not; at least half a fill is a position (S3-5)."""
        plan, way = self.plan, 1 if self.plan.side is Side.BUY else -1
        if not self._entered_ms:
            if self._order.open and now_ms < self._give_up_ms:
                return ""
            self._listing.engine.withdraw(self._order)
            if 2 * self._order.filled < self._order.lots:
                return "NO_FILL"
            self._entered_ms = now_ms
        if way * (last_px - plan.take_profit_px_ticks) >= 0:
            return "TARGET"
        if way * (last_px - plan.stop_px_ticks) <= 0:
            return "STOP"
        return "TIME" if now_ms >= self._entered_ms + plan.max_hold_ms else ""


class Watcher:
    """One symbol's board and trader beside the venue's listing of it."""

    def __init__(self, listing: Listing, start_ms: int) -> None:
        self.listing = listing
        self.found = Found()
        self.symbol = listing.instrument.symbol
        self.board = SignalBoard(DEFAULT_SIGNALS, traded(listing.instrument))
        self.decider = Decider(self.board, DEFAULT_DECISION)
        self._tick, self._step = float(listing.instrument.tick), float(listing.instrument.step)
        self._ready_ms = start_ms + BOOT_MS
        self._start_ms = start_ms
        self._pause_ms = self._reasons = 0
        self._working: Working | None = None
        self._planned = (0, "", "")

    def warm_up(self, others: Sequence[Listing], now_ms: int) -> None:
        """What the feed reads over REST before the first decision."""
        listing = self.listing
        candles = [
            self.candle(interval, bar, closed=bar.open_ms + interval.ms <= now_ms)
            for interval in Interval
            for bar in listing.candles.rows(interval.value, None, None, HISTORY_CANDLES)
        ]
        candles += [
            candle_of(other, Interval.M1, bar, closed=bar.open_ms + 60_000 <= now_ms)
            for other in others
            for bar in other.candles.rows("1m", None, None, HISTORY_CANDLES)
        ]
        trades = [
            self.trade(each.trade_id, each.ts_ms, each.px, each.lots, each.buyer_is_maker)
            for each in list(listing.tape)[-HISTORY_TRADES:]
        ]
        polls: list[MarketMessage] = [
            self._interest(point) for point in _known(listing.open_interest, now_ms)[-HISTORY_POLLS:]
        ]
        for point in _known(listing.ratios, now_ms)[-HISTORY_POLLS:]:
            polls += self._ratios(point)
        self.board.warm_up(candles, trades, polls)

    def hear(self, event: MarketEvent, last_id: int) -> None:
        """One event of the market, as the venue would publish it."""
        match event:
            case MarketTrade():
                lots, px = event.qty_lots, event.px_ticks
                self.listing.engine.market_trade(px, lots, event.buyer_is_maker, _ignore)
                self._take(self.trade(last_id, event.ts_ms, px, lots, event.buyer_is_maker))
            case BookState():
                self.listing.engine.market_book(event.bids, event.asks, _ignore)
                self._take(self._depth(event))
            case MarkState():
                self._take(
                    MarkPrice(
                        symbol=self.symbol,
                        ts_ms=event.ts_ms,
                        mark_px=event.mark,
                        index_px=event.index,
                        funding_rate=event.funding_rate,
                        next_funding_ms=event.next_funding_ms,
                    )
                )
            case LiquidationPrint():
                self._take(
                    Liquidation(
                        symbol=self.symbol,
                        ts_ms=event.ts_ms,
                        side=event.side,
                        px=event.px_ticks * self._tick,
                        qty=event.qty_lots * self._step,
                    )
                )
            case _:
                pass

    def _take(self, message: MarketMessage) -> None:
        self._reasons |= self.board.apply(message)

    def poll(self, now_ms: int) -> None:
        """The slow readings that are due (E0-3)."""
        listing = self.listing
        if (now_ms - self._start_ms) % INTEREST_POLL_MS == 0:
            self.board.apply(self._interest(OpenInterestState(now_ms, self.symbol, listing.open_interest_now)))
        if (now_ms - self._start_ms) % RATIO_POLL_MS == 0:
            for message in self._ratios(_known(listing.ratios, now_ms)[-1]):
                self.board.apply(message)

    def look(self, now_ms: int) -> None:
        """Let time pass, and decide when the score is worth it."""
        reasons = self._reasons | self.board.tick(now_ms + 1)  # a cycle is judged when something later than it is heard
        self._reasons = 0
        if self._working is not None:
            self._follow(self._working, now_ms)
        elif reasons & GATE and now_ms >= max(self._ready_ms, self._pause_ms):
            self._decide(now_ms)

    def finish(self) -> None:
        """The end of the watch: what still works stays open."""
        if self._working is not None:
            self._note("OPEN")

    def _decide(self, now_ms: int) -> None:
        context = DecisionContext(feed_warm=self.board.is_warm(now_ms))
        made = self.decider.explain(self.decider.decide(context, now_ms))
        if made.action is Action.NO_TRADE:
            self.found.failures[f"{made.strategy and made.strategy.value}: {' '.join(made.failed)}"] += 1
            return
        assert made.strategy is not None, "a trade has a strategy"
        self.found.decisions[made.strategy.value] += 1
        self._plan(made, made.strategy.value, now_ms)

    def _plan(self, made: Decision, strategy: str, now_ms: int) -> None:
        number = len(self.found.plans) + 1
        plan = plan_trade(made, self.board, self.board.instrument, ACCOUNT, DEFAULT_RISK, number, now_ms)
        if not isinstance(plan, TradePlan):
            self.found.refusals[strategy, plan.value] += 1
            self._pause_ms = now_ms + LOOK_MS
            return
        self._planned = (now_ms, strategy, plan.side.name)
        self._working = Working(plan, self.listing, now_ms)

    def _follow(self, working: Working, now_ms: int) -> None:
        ended = working.outcome(now_ms, self.listing.last_px)
        if ended:
            self._note(ended)
            self._pause_ms = now_ms + LOOK_MS

    def _note(self, outcome: str) -> None:
        at_ms, strategy, side = self._planned
        self.found.plans.append(Plan(self.symbol, at_ms, strategy, side, outcome))
        self._working = None

    def candle(self, interval: Interval, bar: Bar, *, closed: bool) -> Candle:
        """A candle of this symbol."""
        return candle_of(self.listing, interval, bar, closed=closed)

    def trade(self, trade_id: int, ts_ms: int, px: int, lots: int, sold: bool) -> Trade:
        """A print of this symbol."""
        return Trade(
            symbol=self.symbol,
            ts_ms=ts_ms,
            agg_id=trade_id,
            px=px * self._tick,
            qty=lots * self._step,
            buyer_is_maker=sold,
        )

    def _depth(self, book: BookState) -> Depth:
        number = self.listing.bump()
        return Depth(
            symbol=self.symbol,
            ts_ms=book.ts_ms,
            first_update_id=number,
            final_update_id=number,
            prev_update_id=number - 1,
            levels=packed_levels(self._levels(book.bids), self._levels(book.asks)),
        )

    def _levels(self, levels: Levels) -> tuple[tuple[float, float], ...]:
        tick, step = self._tick, self._step
        return tuple((px * tick, lots * step) for px, lots in levels[:BOOK_LEVELS])

    def _interest(self, point: OpenInterestState) -> OpenInterest:
        return OpenInterest(symbol=self.symbol, ts_ms=point.ts_ms, quantity=point.lots * self._step)

    def _ratios(self, point: RatioState) -> list[MarketMessage]:
        shares = ((point.global_long, False), (point.top_account_long, True))
        return [
            AccountRatio(symbol=self.symbol, ts_ms=point.ts_ms, long_share=share, top_traders=top)
            for share, top in shares
        ]


def traded(listed: Listed) -> Instrument:
    """The trader's view of a listed contract."""
    lots = int(listed.max_qty / listed.step)
    return Instrument(
        symbol=listed.symbol,
        base=listed.base,
        quote=listed.quote,
        tick_size=listed.tick,
        step_size=listed.step,
        min_price=listed.min_price,
        max_price=listed.max_price,
        min_lots=int(listed.min_qty / listed.step),
        max_lots=lots,
        market_max_lots=int(listed.market_max_qty / listed.step),
        min_notional=listed.min_notional,
    )


def candle_of(listing: Listing, interval: Interval, bar: Bar, *, closed: bool) -> Candle:
    """A candle of the listing as the stream says it."""
    tick, step = float(listing.instrument.tick), float(listing.instrument.step)
    return Candle(
        symbol=listing.instrument.symbol,
        ts_ms=bar.open_ms + interval.ms - 1 if closed else bar.open_ms,
        interval=interval,
        open_ms=bar.open_ms,
        open=bar.open * tick,
        high=bar.high * tick,
        low=bar.low * tick,
        close=bar.close * tick,
        volume=bar.volume * step,
        quote_volume=bar.quote * tick * step,
        trades=bar.trades,
        taker_buy_volume=bar.buy_volume * step,
        closed=closed,
    )


def _known(points: Iterable[Point], now_ms: int) -> list[Point]:
    return [point for point in points if point.ts_ms <= now_ms]


def _ignore(_order: Order, _lots: int, _px: int) -> None:
    """The order itself remembers its fills."""
