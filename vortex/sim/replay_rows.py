"""Turns the exchange's market events and history, in ticks and lots, into what the signals take."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vortex.domain.instruments import Instrument
from vortex.domain.market import LEVELS, AccountRatio, Candle, Interval, MarketMessage, OpenInterest, Trade
from vortex.exchange.history import Candle as PastCandle
from vortex.exchange.history import History
from vortex.exchange.market_events import (
    BookState,
    DeepState,
    LiquidationPrint,
    MarketEvent,
    MarketTrade,
    MarkState,
    OpenInterestState,
    RatioState,
)
from vortex.market.layout import CANDLE, CANDLES, EVENT, Kind

Row = tuple[int, int, int, int, int, int, float, float, float, float]


class Batch(NamedTuple):
    """Arrays for `SignalBoard.apply_batch`."""

    events: NDArray[np.void]
    books: NDArray[np.float64]
    candles: NDArray[np.void]


class Grid:
    """Ticks and lots to the floats that a decoder makes of the exchange's decimal text."""

    def __init__(self, instrument: Instrument) -> None:
        self.tick = instrument.tick_size.as_integer_ratio()
        self.step = instrument.step_size.as_integer_ratio()

    def px(self, ticks: int) -> float:
        """A price in quote units, rounded once."""
        return ticks * self.tick[0] / self.tick[1]

    def qty(self, lots: int) -> float:
        """A quantity in base units, rounded once."""
        return lots * self.step[0] / self.step[1]


class EventWriter:
    """Collects market events of one symbol and hands them out as arrays; numbers trades and books."""

    def __init__(self, instrument: Instrument, first_trade_id: int, size: int) -> None:
        self._grid = Grid(instrument)
        self._trade_id = first_trade_id
        self._book_id = 1
        self._rows: list[Row] = []
        self._books: NDArray[np.float64] = np.zeros((size, LEVELS, 4))
        self._filled = 0

    @property
    def next_trade_id(self) -> int:
        """What the next trade will be numbered."""
        return self._trade_id

    def put(self, event: MarketEvent) -> None:
        """Add one event; ratios of all accounts and of top traders are two rows."""
        grid = self._grid
        ts_ms = event.ts_ms
        match event:
            case MarketTrade():
                px, qty = grid.px(event.px_ticks), grid.qty(event.qty_lots)
                self._rows.append(
                    (Kind.TRADE, int(event.buyer_is_maker), 0, ts_ms, self._trade_id, 0, px, qty, 0.0, 0.0)
                )
                self._trade_id += 1
            case BookState():
                self._put_book(event)
            case MarkState():
                funding, due = event.funding_rate, event.next_funding_ms
                self._rows.append((Kind.MARK, 0, 0, ts_ms, due, 0, event.mark, funding, event.index, 0.0))
            case LiquidationPrint():
                px, qty = grid.px(event.px_ticks), grid.qty(event.qty_lots)
                longs = int(event.side == "SELL")
                self._rows.append((Kind.LIQUIDATION, longs, 0, ts_ms, 0, 0, px, qty, 0.0, 0.0))
            case OpenInterestState():
                self._rows.append((Kind.OPEN_INTEREST, 0, 0, ts_ms, 0, 0, 0.0, grid.qty(event.lots), 0.0, 0.0))
            case RatioState():
                for top, share in ((0, event.global_long), (1, event.top_account_long)):
                    self._rows.append((Kind.ACCOUNT_RATIO, top, 0, ts_ms, 0, 0, 0.0, share, 0.0, 0.0))
            case DeepState():
                pass  # the engines look at the levels near the touch

    def _put_book(self, event: BookState) -> None:
        at = self._filled
        levels = self._books[at]
        levels[:] = 0.0
        for side, pairs in ((0, event.bids[:LEVELS]), (2, event.asks[:LEVELS])):
            levels[: len(pairs), side : side + 2] = pairs
        self._filled += 1
        number = self._book_id
        self._rows.append((Kind.DEPTH, 0, at, event.ts_ms, number, number - 1, 0.0, 0.0, 0.0, 0.0))
        self._book_id += 1

    def batch(self) -> Batch:
        """What was put since the last batch. Its arrays are overwritten by the next one."""
        events = np.array(self._rows, EVENT)
        books = self._books[: max(1, self._filled)]
        for column, (over, under) in ((0, self._grid.tick), (1, self._grid.step)):
            side = books[:, :, column::2]
            side *= over
            side /= under
        self._rows = []
        self._filled = 0
        return Batch(events, books, np.zeros(1, CANDLE))


def past_of(
    history: History, instrument: Instrument, next_trade_id: int | None = None
) -> tuple[list[Candle], list[Trade], list[MarketMessage]]:
    """Closed candles, last trades and polls before the opening, for `SignalBoard.warm_up` (E0-5).

    Trades are numbered from 1, or so that `next_trade_id` follows the last one; what would be before 1 is left out.
    """
    past = history.trades
    if next_trade_id is not None:
        past = past[max(0, len(past) - next_trade_id + 1) :]
    first_id = 1 if next_trade_id is None else next_trade_id - len(past)
    grid, symbol = Grid(instrument), instrument.symbol
    candles = [
        _candle(symbol, grid, interval, each)
        for interval in Interval
        for each in history.candles[interval.value][-CANDLES - 1 :]
        if each.open_ms + interval.ms <= history.end_ms
    ]
    trades = [
        Trade(
            symbol=symbol,
            ts_ms=each.ts_ms,
            agg_id=number,
            px=grid.px(each.px_ticks),
            qty=grid.qty(each.qty_lots),
            buyer_is_maker=each.buyer_is_maker,
        )
        for number, each in enumerate(past, start=first_id)
    ]
    polls: list[MarketMessage] = [
        OpenInterest(symbol=symbol, ts_ms=each.ts_ms, quantity=grid.qty(each.lots))
        for each in history.open_interest_recent
    ]
    for ratio in history.ratios[-1:]:
        for top, share in ((False, ratio.global_long), (True, ratio.top_account_long)):
            polls.append(AccountRatio(symbol=symbol, ts_ms=ratio.ts_ms, long_share=share, top_traders=top))
    return candles, trades, polls


def _candle(symbol: str, grid: Grid, interval: Interval, each: PastCandle) -> Candle:
    return Candle(
        symbol=symbol,
        ts_ms=each.open_ms + interval.ms,
        interval=interval,
        open_ms=each.open_ms,
        open=grid.px(each.open_ticks),
        high=grid.px(each.high_ticks),
        low=grid.px(each.low_ticks),
        close=grid.px(each.close_ticks),
        volume=grid.qty(each.volume_lots),
        quote_volume=each.quote_tick_lots * grid.px(1) * grid.qty(1),
        trades=each.trades,
        taker_buy_volume=grid.qty(each.taker_buy_lots),
        closed=True,
    )
