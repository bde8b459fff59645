"""Turns market messages into rows of the kernels' fixed layout, one at a time or many."""

import struct
from collections.abc import Iterable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from vortex.domain.market import (
    LEVELS,
    AccountRatio,
    BestQuote,
    Candle,
    Depth,
    Interval,
    Liquidation,
    MarketMessage,
    MarkPrice,
    OpenInterest,
    Trade,
)
from vortex.market.layout import CANDLE, EVENT, M1, M3, M5, M15, Kind

FRAME_OF = {Interval.M1: M1, Interval.M3: M3, Interval.M5: M5, Interval.M15: M15}

_EVENT = struct.Struct("=2i4q4d")
"""EVENT's layout: half the time of assigning a tuple, for what comes most often."""
_pack, _SIZE = _EVENT.pack_into, _EVENT.size
_TRADE, _DEPTH, _QUOTE, _CLOCK = (int(kind) for kind in (Kind.TRADE, Kind.DEPTH, Kind.QUOTE, Kind.CLOCK))
assert EVENT.itemsize == _SIZE, "EVENT has no padding"
_BOOK_SIZE = LEVELS * 4 * 8
_Rarer: TypeAlias = BestQuote | Candle | MarkPrice | Liquidation | OpenInterest | AccountRatio


class EventRows:
    """Preallocated rows for `size` events with as many books and candles beside them."""

    def __init__(self, size: int) -> None:
        self.events: NDArray[np.void] = np.zeros(size, EVENT)
        self.books: NDArray[np.float64] = np.zeros((size, LEVELS, 4))
        self.candles: NDArray[np.void] = np.zeros(size, CANDLE)
        self._event_bytes = self.events.view(np.uint8).data.cast("B")
        self._book_bytes = self.books.view(np.uint8).data.cast("B")

    def put(self, at: int, message: MarketMessage) -> None:
        """Write one message into row `at`, with its book or candle in the same row of the side table."""
        if isinstance(message, Trade):
            maker, px, qty = message.buyer_is_maker, message.px, message.qty
            _pack(self._event_bytes, at * _SIZE, _TRADE, maker, 0, message.ts_ms, message.agg_id, 0, px, qty, 0.0, 0.0)
        elif isinstance(message, Depth):
            ts_ms, ident, before = message.ts_ms, message.final_update_id, message.prev_update_id
            _pack(self._event_bytes, at * _SIZE, _DEPTH, 0, at, ts_ms, ident, before, 0.0, 0.0, 0.0, 0.0)
            self._book_bytes[at * _BOOK_SIZE : (at + 1) * _BOOK_SIZE] = message.levels
        else:
            self._put_rarer(at, message)

    def _put_rarer(self, at: int, message: _Rarer) -> None:
        match message:
            case BestQuote():
                _pack(
                    self._event_bytes,
                    at * _SIZE,
                    _QUOTE,
                    0,
                    0,
                    message.ts_ms,
                    message.update_id,
                    0,
                    message.bid_px,
                    message.bid_qty,
                    message.ask_px,
                    message.ask_qty,
                )
            case Candle():
                self._put_candle(at, message)
            case MarkPrice():
                self.events[at] = (
                    Kind.MARK,
                    0,
                    0,
                    message.ts_ms,
                    message.next_funding_ms,
                    0,
                    message.mark_px,
                    message.funding_rate,
                    message.index_px,
                    0.0,
                )
            case Liquidation():
                longs = int(message.side == "SELL")
                self.events[at] = (Kind.LIQUIDATION, longs, 0, message.ts_ms, 0, 0, message.px, message.qty, 0.0, 0.0)
            case OpenInterest():
                self.events[at] = (Kind.OPEN_INTEREST, 0, 0, message.ts_ms, 0, 0, 0.0, message.quantity, 0.0, 0.0)
            case AccountRatio():
                top = int(message.top_traders)
                self.events[at] = (Kind.ACCOUNT_RATIO, top, 0, message.ts_ms, 0, 0, 0.0, message.long_share, 0.0, 0.0)

    def put_clock(self, at: int, now_ms: int) -> None:
        """Write the passing of time."""
        _pack(self._event_bytes, at * _SIZE, _CLOCK, 0, 0, now_ms, 0, 0, 0.0, 0.0, 0.0, 0.0)

    def _put_candle(self, at: int, candle: Candle) -> None:
        self.events[at] = (Kind.CANDLE, 0, at, candle.ts_ms, 0, 0, 0.0, 0.0, 0.0, 0.0)
        self.candles[at] = (
            FRAME_OF[candle.interval],
            candle.open_ms,
            candle.open,
            candle.high,
            candle.low,
            candle.close,
            candle.volume,
            candle.taker_buy_volume,
            candle.closed,
        )


def rows_of(messages: Iterable[MarketMessage]) -> EventRows:
    """All messages as one batch."""
    every = list(messages)
    rows = EventRows(max(1, len(every)))
    for at, message in enumerate(every):
        rows.put(at, message)
    rows.events = rows.events[: len(every)]
    return rows
