"""One listed symbol seen from outside: engine, tape, candles, mark, funding and statistics."""

from collections import deque

from vortex.exchange.candles import Candles
from vortex.exchange.deep_book import DeepLevels
from vortex.exchange.history import Candle, FundingPoint, History, all_intervals
from vortex.exchange.instruments import QUOTE_SCALE, Instrument
from vortex.exchange.market_events import MarketTrade, MarkState, OpenInterestState, RatioState
from vortex.exchange.matching import Engine
from vortex.exchange.orders import BUY, SELL, Order
from vortex.exchange.shown_book import ShownSide
from vortex.exchange.tape import Print, Tape

__all__ = ["IDS_PER_MS", "PERIOD_MS", "Listing", "Print"]

STATISTICS_MAX = 20_000
IDS_PER_MS = 100
"""First ids grow with the start time, faster than any market hands them out: a restarted exchange repeats none."""
PERIOD_MS = 300_000


class Listing:
    """Everything public about one symbol."""

    def __init__(self, instrument: Instrument, start_ms: int) -> None:
        self.instrument = instrument
        self.engine = Engine(instrument)
        self.status = "TRADING"
        self.last_px = int(instrument.reference_price / instrument.tick)
        self.prints = Tape(start_ms * IDS_PER_MS)
        self.tape = self.prints.fills
        self.candles = Candles(start_ms, self.last_px)
        self.mark_candles = Candles(start_ms, self.last_px)
        self.index_candles = Candles(start_ms, self.last_px)
        self.mark_e8 = self.last_px * instrument.tick_e8
        self.index_e8 = self.mark_e8
        self.funding_rate = 0.0001
        self.next_funding_ms = (start_ms // 28_800_000 + 1) * 28_800_000
        self.funding: deque[FundingPoint] = deque(maxlen=STATISTICS_MAX)
        self.open_interest: deque[OpenInterestState] = deque(maxlen=STATISTICS_MAX)
        self.open_interest_now = 0
        self.ratios: deque[RatioState] = deque(maxlen=STATISTICS_MAX)
        self.update_id = 1_000_000
        self.book_ms = start_ms

    def load(self, history: History) -> None:
        """Begin where the market's past ends."""
        self.candles.load(history.candles, history.end_ms)
        self.mark_candles = self._priced(history, history.mark)
        self.index_candles = self._priced(history, history.index)
        for trade in history.trades:
            self.prints.aggregated(trade.ts_ms, trade.px_ticks, trade.qty_lots, trade.buyer_is_maker)
        self.prints.complete()
        if history.deep is not None:
            self.engine.book.deepen(DeepLevels(history.deep))
        self.last_px = self.candles.minute.close
        self.mark_e8 = self.index_e8 = self.last_px * self.instrument.tick_e8
        self.open_interest.extend(history.open_interest)
        recent = (*history.open_interest, *history.open_interest_recent)
        if recent:
            self.open_interest_now = recent[-1].lots
        self.ratios.extend(history.ratios)
        self.funding.extend(history.funding)

    @property
    def last_trade_id(self) -> int:
        """The id of the last fill."""
        return self.prints.last_id

    @last_trade_id.setter
    def last_trade_id(self, trade_id: int) -> None:
        self.prints.last_id = trade_id

    def _priced(self, history: History, known: tuple[Candle, ...]) -> Candles:
        """Candles of a price that is not traded: what is known of it, among the traded ones."""
        if not known:
            return self.candles.copy()
        minutes = {each.open_ms: each for each in (*history.candles["1m"], *known)}
        candles = Candles(history.end_ms, self.last_px)
        candles.load(all_intervals([minutes[at] for at in sorted(minutes)]), history.end_ms)
        return candles

    def record_trade(self, ts_ms: int, px: int, lots: int, buyer_is_maker: bool) -> Print:
        """Put a fill of an order of ours on the tape and into the candles; the caller has rolled them to now."""
        printed = self.prints.fill(ts_ms, px, lots, buyer_is_maker, own=True)
        return self._counted(printed)

    def record_market(self, event: MarketTrade) -> Print:
        """Put a trade of the market outside on the tape, as its source tells it: aggregated, or one fill."""
        ts_ms, px, lots, sold = event.ts_ms, event.px_ticks, event.qty_lots, event.buyer_is_maker
        if event.single:
            return self._counted(self.prints.fill(ts_ms, px, lots, sold, event.last_id))
        return self._counted(self.prints.aggregated(ts_ms, px, lots, sold, event.first_id, event.last_id))

    def _counted(self, printed: Print) -> Print:
        self.last_px = printed.px
        self.candles.minute.add(
            printed.px, printed.lots, not printed.buyer_is_maker, printed.trade_id, printed.first_id
        )
        return printed

    def record_mark(self, state: MarkState) -> None:
        """A new mark, index and funding estimate."""
        self.mark_e8 = round(state.mark * QUOTE_SCALE)
        self.index_e8 = round(state.index * QUOTE_SCALE)
        self.funding_rate = state.funding_rate
        if state.next_funding_ms > state.ts_ms:
            self.next_funding_ms = state.next_funding_ms
        tick = self.instrument.tick_e8
        for series, price in ((self.mark_candles, self.mark_e8), (self.index_candles, self.index_e8)):
            series.roll(state.ts_ms)
            series.minute.add(price // tick, 0, False, -1)

    def record_open_interest(self, state: OpenInterestState) -> None:
        """Open interest now; the series keeps one point per five minutes, stamped with the period's end."""
        self.open_interest_now = state.lots
        end_ms = _period_end(state.ts_ms)
        if self.open_interest and self.open_interest[-1].ts_ms >= end_ms:
            self.open_interest.pop()
        self.open_interest.append(OpenInterestState(end_ms, state.symbol, state.lots))

    def record_ratios(self, state: RatioState) -> None:
        """Long/short shares; the series keeps one point per five minutes."""
        end_ms = _period_end(state.ts_ms)
        if self.ratios and self.ratios[-1].ts_ms >= end_ms:
            self.ratios.pop()
        self.ratios.append(
            RatioState(
                end_ms,
                state.symbol,
                state.global_long,
                state.top_account_long,
                state.top_position_long,
                state.taker_buy_share,
            )
        )

    def bump(self) -> int:
        """A new id for a change of the published book."""
        self.update_id += 1
        return self.update_id

    def levels(self, side: int, limit: int, *, rpi: bool = False) -> list[tuple[int, int]]:
        """The published book: strangers' levels with our resting orders among them, best first; RPI orders if asked."""
        outside = self.engine.book.side_of(side).levels(limit)
        ours = self._ours(side, rpi=rpi)
        if not ours:
            return outside
        merged = dict(outside)
        for order in ours:
            merged[order.px] = merged.get(order.px, 0) + order.left
        return sorted(merged.items(), key=lambda level: -side * level[0])[:limit]

    def shown(self, side: int, *, rpi: bool = False) -> ShownSide:
        """What a reader of depth differences sees of one side now."""
        return ShownSide(self.engine.book.side_of(side), self._ours(side, rpi=rpi))

    def _ours(self, side: int, *, rpi: bool) -> list[Order]:
        """Our resting orders; of the RPI ones, those that do not cross the other side."""
        ours = self.engine.resting[side]
        if not rpi or not self.engine.retail[side]:
            return ours
        return [*ours, *(order for order in self.engine.retail[side] if not self.engine.crosses(side, order.px))]

    def touch(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Best bid and best ask as (price, lots); zeros for an empty side."""
        bids, asks = self.levels(BUY, 1), self.levels(SELL, 1)
        return (bids[0] if bids else (0, 0)), (asks[0] if asks else (0, 0))


def _period_end(ts_ms: int) -> int:
    """The end of the five-minute period that this reading belongs to."""
    return -(-ts_ms // PERIOD_MS) * PERIOD_MS
