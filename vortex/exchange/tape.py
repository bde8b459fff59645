"""The public tape of one symbol: every fill, and the aggregated trades that are made of them.

The exchange merges consecutive fills of one price and one taker side for 100 ms from the first, whose time the
aggregated trade keeps. A market whose prints are aggregated already is taken at its word.
"""

from collections import deque

import msgspec

TAPE_MAX = 100_000
MERGE_MS = 100
"""A fill so long after the first begins another aggregated trade."""


class Print(msgspec.Struct, gc=False, eq=False):
    """One fill, or an aggregated trade: then `trade_id` is its last fill and `first_id` its first."""

    trade_id: int
    ts_ms: int
    px: int
    lots: int
    buyer_is_maker: bool
    first_id: int = -1
    agg_id: int = -1
    rpi_lots: int = 0
    """What of it was traded against RPI orders."""

    def __post_init__(self) -> None:
        if self.first_id < 0:
            self.first_id = self.trade_id


class Tape:
    """Fills and aggregated trades, newest last, with the ids that both are given."""

    def __init__(self, first_id: int) -> None:
        self.fills: deque[Print] = deque(maxlen=TAPE_MAX)
        self.trades: deque[Print] = deque(maxlen=TAPE_MAX)
        """Aggregated trades that are complete; the open one is not among them."""
        self.last_id = first_id
        self._last_agg_id = first_id
        self._shift: int | None = None
        self._open: Print | None = None
        self._hurried = False
        self._complete: list[Print] = []

    def aggregated(
        self, ts_ms: int, px: int, lots: int, buyer_is_maker: bool, first_id: int = -1, last_id: int = -1
    ) -> Print:
        """A trade that its source has aggregated; ids of the source are kept but for a shift."""
        if self._open is not None:
            self.close()
        first, last = self._ids(first_id, last_id)
        self._last_agg_id += 1
        self.last_id = last
        printed = Print(last, ts_ms, px, lots, buyer_is_maker, first, self._last_agg_id)
        self.fills.append(printed)
        self.trades.append(printed)
        self._complete.append(printed)
        return printed

    def fill(
        self, ts_ms: int, px: int, lots: int, buyer_is_maker: bool, trade_id: int = -1, *, own: bool = False
    ) -> Print:
        """One fill, which joins the open aggregated trade or begins another; the house's `own` are not kept waiting."""
        self._hurried |= own
        _, self.last_id = self._ids(trade_id, trade_id)
        printed = Print(self.last_id, ts_ms, px, lots, buyer_is_maker)
        self.fills.append(printed)
        merged = self._open
        if (
            merged is not None
            and merged.px == px
            and merged.buyer_is_maker == buyer_is_maker
            and ts_ms - merged.ts_ms < MERGE_MS
        ):
            merged.lots += lots
            merged.trade_id = self.last_id
            return printed
        self.close()
        self._last_agg_id += 1
        self._open = Print(self.last_id, ts_ms, px, lots, buyer_is_maker, self.last_id, self._last_agg_id)
        return printed

    def met_rpi(self, printed: Print, lots: int) -> None:
        """So much of a trade was traded against RPI orders; the open aggregated trade knows it too."""
        printed.rpi_lots += lots
        if self._open is not None and self._open.trade_id == printed.trade_id:
            self._open.rpi_lots += lots

    def close(self) -> None:
        """Nothing more joins the open aggregated trade."""
        if self._open is not None:
            self.trades.append(self._open)
            self._complete.append(self._open)
            self._open = None

    def settle(self) -> None:
        """A request of ours is done: do not wait for others to join its fills."""
        if self._hurried:
            self._hurried = False
            self.close()

    def expire(self, now_ms: int) -> None:
        """Close the open aggregated trade when its time is over."""
        if self._open is not None and now_ms - self._open.ts_ms >= MERGE_MS:
            self.close()

    def complete(self) -> list[Print]:
        """Aggregated trades completed since the last call, in their order."""
        done = self._complete
        if done:
            self._complete = []
        return done

    def _ids(self, first: int, last: int) -> tuple[int, int]:
        """Ids of the source, moved up where the exchange's own trades or another round of a recording need room."""
        if first < 0 or last < first:
            return self.last_id + 1, self.last_id + 1
        if self._shift is None or first + self._shift <= self.last_id:
            self._shift = self.last_id + 1 - first
        return first + self._shift, last + self._shift
