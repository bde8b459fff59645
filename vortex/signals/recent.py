"""The market of the last minutes as messages: trades, book and candles for screens and the mirror (E0-2, D-1)."""

import numpy as np
from numpy.typing import NDArray

from vortex.domain.market import Candle, Depth, Interval, Trade, packed_levels
from vortex.market.layout import CANDLES, TAPE_MASK, TAPE_SIZE
from vortex.signals.events import FRAME_OF

TRADES = 2_000
"""How many trades others may ask for (E0-2)."""


class RecentMarket:
    """A look at one symbol's record."""

    def __init__(self, symbol: str, state: NDArray[np.void]) -> None:
        self._symbol = symbol
        self._state = state[0]

    def trades(self, count: int = TRADES) -> list[Trade]:
        """The newest trades, oldest first. Ids are counted back from the newest, over gaps too."""
        tape = self._state["tape"]
        n, last_id = int(tape["n"]), int(tape["last_id"])
        at = np.arange(max(0, n - min(count, TAPE_SIZE - 1)), n)
        before = np.where(at > 0, tape["volume"][(at - 1) & TAPE_MASK], 0.0)
        ids = (last_id - (n - 1 - at)).tolist()
        at &= TAPE_MASK
        columns = (tape["ts"][at], tape["px"][at], tape["volume"][at] - before, tape["side"][at] < 0)
        return [
            Trade(symbol=self._symbol, ts_ms=ts_ms, agg_id=agg_id, px=px, qty=qty, buyer_is_maker=maker)
            for agg_id, ts_ms, px, qty, maker in zip(ids, *(column.tolist() for column in columns), strict=True)
        ]

    def book(self) -> Depth | None:
        """The newest accepted snapshot, None before the first."""
        book = self._state["book"]
        if not book["readings"]:
            return None
        sides = []
        for side, filled in enumerate((int(book["bids"]), int(book["asks"]))):
            pairs = zip(book["px"][side][:filled].tolist(), book["qty"][side][:filled].tolist(), strict=True)
            sides.append(tuple(pairs))
        ident = int(book["update_id"])
        return Depth(
            symbol=self._symbol,
            ts_ms=int(book["ts_ms"]),
            first_update_id=ident,
            final_update_id=ident,
            prev_update_id=ident,
            levels=packed_levels(*sides),
        )

    def candles(self, interval: Interval, count: int = CANDLES) -> list[Candle]:
        """The newest closed candles of an interval, oldest first, without holes."""
        frame = self._state["frames"][FRAME_OF[interval]]
        n = int(frame["n"])
        at = np.arange(max(0, n - min(count, CANDLES)), n) % CANDLES
        columns = (frame[name][at].tolist() for name in ("open_ms", "open", "high", "low", "close", "volume"))
        return [
            Candle(
                symbol=self._symbol,
                ts_ms=open_ms + interval.ms,
                interval=interval,
                open_ms=open_ms,
                open=open_px,
                high=high,
                low=low,
                close=close,
                volume=volume,
                quote_volume=volume * close,
                trades=0,
                taker_buy_volume=0.0,
                closed=True,
            )
            for open_ms, open_px, high, low, close, volume in zip(*columns, strict=True)
        ]
