"""Turns one symbol's recorded records into market events of the exchange's clock, and derives what is missing.

1. Books are told at most every 100 ms, and only when they changed; an imagined one also before a print it contradicts.
2. Marks are told every second, open interest every 5 s and ratios every 15 s, unless the recording has them.
"""

import math
from collections import Counter, deque

from vortex.exchange.generator_crowd import Crowd
from vortex.exchange.generator_draws import Draws
from vortex.exchange.generator_profile import STEP_MS, Profile
from vortex.exchange.generator_story import CALM
from vortex.exchange.market_events import (
    BookState,
    DeepState,
    Levels,
    LiquidationPrint,
    MarketEvent,
    MarketTrade,
    OpenInterestState,
    RatioState,
)
from vortex.exchange.replay_book import ReplayBook
from vortex.exchange.replay_marks import ReplayMarks
from vortex.exchange.replay_records import (
    ForcedRecord,
    FundingRecord,
    MarkRecord,
    MetricRecord,
    ReplayRecord,
    ShapeRecord,
    TradeRecord,
)

BOOK_SILENCE_MS = 5_000
"""Prints without any word of the book for so long: its recording has ended, and it must be imagined from here."""

MARK_MS, INTEREST_MS, RATIO_MS = 1_000, 5_000, 15_000
TREND_WINDOW_S = 600
TREND_PCT = 0.6
"""A move of this size in ten minutes makes the derived crowd take it for a full trend."""


class Replay:
    """One symbol. Records come in time order; `shift_ms` and `shift_ticks` move them onto the exchange."""

    def __init__(self, profile: Profile, seed: int, shift_ms: int, start_ms: int) -> None:
        self._profile = profile
        self._symbol = profile.symbol
        self.shift_ms = shift_ms
        self.shift_ticks = 0
        self.mended: Counter[str] = Counter()
        """Recorded rows that made the book cross, by what was done about them; a round told again counts no more."""
        self._counting = self.mended
        self._book = ReplayBook(profile, self._counting)
        self._crowd = Crowd(profile, Draws(seed, f"{profile.symbol}/replay"))
        self._recorded_crowd = False
        self._book_ms = start_ms
        self.books_lost = 0  # how often the recording of the book ended before that of the trades
        self._marks = ReplayMarks()
        self._shape_waits = False  # for a price
        self._next_ms = start_ms
        self._last_px = 0
        self._told_bid = self._told_ask = 0
        self._bought = self._sold = 1.0
        self._seconds: deque[int] = deque(maxlen=TREND_WINDOW_S)
        self._moved = False

    def know(self, record: MetricRecord | FundingRecord | MarkRecord | ShapeRecord) -> None:
        """Something from before the beginning that still holds; nothing is told."""
        match record:
            case MetricRecord():
                self._recorded_crowd = True
            case ShapeRecord():
                self._book.reshape(record)
                self._shape_waits = True
            case _:
                self._marks.take(record, self.shift_ms)

    @property
    def last_px(self) -> int:
        """The last print in ticks of the exchange, zero before the first."""
        return self._last_px

    def jump(self, jump_pct: float) -> None:
        """Everything from now on stands so much higher or lower."""
        top = self._book.top(self._next_ms)
        reference = self._last_px or (top[0][0][0] + self.shift_ticks if top else 0)
        self.shift_ticks += round(reference * jump_pct / 100)
        self._moved = True

    def restart(self) -> None:
        """The recording begins again: differences no longer fit the book that was built."""
        self._counting = Counter()
        self._renew_book()

    def _renew_book(self) -> None:
        shape = self._book.shape
        self._book = ReplayBook(self._profile, self._counting)
        if shape is not None:
            self._book.reshape(shape)
            self._shape_waits = True

    def until(self, to_ms: int) -> list[MarketEvent]:
        """What the passing of time alone brings, up to and including `to_ms` of the exchange."""
        events: list[MarketEvent] = []
        while self._next_ms <= to_ms:
            ts_ms = self._next_ms
            if self._book.changed or self._moved:
                self._tell_book(ts_ms, events)
            if ts_ms % MARK_MS < STEP_MS:
                self._tell_crowd(ts_ms, events)
            self._next_ms += STEP_MS
        return events

    def take(self, record: ReplayRecord) -> list[MarketEvent]:
        """The events of one record, after those that time alone brought before it."""
        ts_ms = record.ts_ms + self.shift_ms
        events = self.until(ts_ms - 1)
        match record:
            case TradeRecord():
                self._trade(ts_ms, record, events)
            case ForcedRecord():
                px = record.px_ticks + self.shift_ticks
                events.append(LiquidationPrint(ts_ms, self._symbol, record.side, px, record.qty_lots))
            case MetricRecord():
                self._metric(ts_ms, record, events)
            case FundingRecord() | MarkRecord():
                self._marks.take(record, self.shift_ms)
            case ShapeRecord():
                self._book.reshape(record)
                self._shape_waits = True
                self._tell_shape(ts_ms, events)
            case _:
                self._book_ms = ts_ms
                self._book.heed(record)
        return events

    def _trade(self, ts_ms: int, record: TradeRecord, events: list[MarketEvent]) -> None:
        if not self._book.imagined and ts_ms > self._book_ms + BOOK_SILENCE_MS:
            self._renew_book()
            self.books_lost += 1
        book = self._book
        if book.imagined:
            book.around(record)
        if self._shape_waits:
            self._tell_shape(ts_ms, events)
        px = record.px_ticks + self.shift_ticks
        if book.changed and (px > self._told_bid if record.buyer_is_maker else px < self._told_ask):
            self._tell_book(ts_ms, events)
        self._last_px = px
        self._bought *= 0.9997
        self._sold *= 0.9997
        if record.buyer_is_maker:
            self._sold += record.qty_lots
        else:
            self._bought += record.qty_lots
        first, last = record.first_id, record.last_id
        sold, lots = record.buyer_is_maker, record.qty_lots
        events.append(MarketTrade(ts_ms, self._symbol, px, lots, sold, first, last, record.single))

    def _tell_book(self, ts_ms: int, events: list[MarketEvent]) -> None:
        self._book.changed = self._moved = False
        top = self._book.top(ts_ms)
        if top is None or top[1][0][0] <= top[0][0][0]:
            return
        bids, asks = (self._shifted(side) for side in top)
        self._told_bid, self._told_ask = bids[0][0], asks[0][0]
        events.append(BookState(ts_ms, self._symbol, bids, asks))

    def _tell_shape(self, ts_ms: int, events: list[MarketEvent]) -> None:
        """Deep levels are as full as the recorded shape says, from where the book stands now."""
        bands = self._book.bands(self._last_px - self.shift_ticks if self._last_px else 0)
        if bands is not None:
            self._shape_waits = False
            bids, asks = (tuple((px + self.shift_ticks, factor) for px, factor in side) for side in bands)
            events.append(DeepState(ts_ms, self._symbol, bids, asks))

    def _shifted(self, side: Levels) -> Levels:
        if not self.shift_ticks:
            return side
        return tuple((px + self.shift_ticks, lots) for px, lots in side)

    def _tell_crowd(self, ts_ms: int, events: list[MarketEvent]) -> None:
        top = self._book.top(ts_ms)
        if top is None and not self._last_px:
            return
        mid = (top[0][0][0] + top[1][0][0]) / 2 + self.shift_ticks if top else float(self._last_px)
        self._seconds.append(int(mid))
        trend = math.tanh((mid / self._seconds[0] - 1.0) * 100 / TREND_PCT)
        self._crowd.feel(trend, CALM, MARK_MS // STEP_MS)
        events.append(self._marks.at(self._crowd.mark(ts_ms, mid), self.shift_ticks * self._profile.tick))
        if self._recorded_crowd:
            return
        if ts_ms % INTEREST_MS < STEP_MS:
            events.append(self._crowd.open_interest(ts_ms))
        if ts_ms % RATIO_MS < STEP_MS:
            events.append(self._crowd.ratios(ts_ms, self._bought, self._sold))

    def _metric(self, ts_ms: int, record: MetricRecord, events: list[MarketEvent]) -> None:
        self._recorded_crowd = True
        events.append(OpenInterestState(ts_ms, self._symbol, record.interest_lots))
        events.append(
            RatioState(
                ts_ms,
                self._symbol,
                record.global_long,
                record.top_account_long,
                record.top_position_long,
                record.taker_buy_share,
            )
        )
