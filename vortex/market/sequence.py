"""Checks that nothing is missing, repeated or from the future, before a message may change anything (E0-8)."""

import enum
from collections import Counter
from collections.abc import Callable

import msgspec

from vortex.domain.market import BestQuote, Candle, Depth, MarketMessage, Trade

AHEAD_MAX_MS = 1_000
"""An event stamped later than our idea of the exchange's clock by more than this is not believed."""


class Verdict(enum.Enum):
    """What a message is to its stream."""

    IN_ORDER = "in order"
    REPEATED = "repeated"
    GAP = "gap"
    AHEAD = "ahead of the clock"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict; for a gap `missing_from` and `missing_to` are the first and last id that never came."""

    verdict: Verdict
    missing_from: int = 0
    missing_to: int = 0

    @property
    def usable(self) -> bool:
        """Whether the message may be applied."""
        return self.verdict in (Verdict.IN_ORDER, Verdict.GAP)


IN_ORDER = Finding(verdict=Verdict.IN_ORDER)
REPEATED = Finding(verdict=Verdict.REPEATED)
AHEAD = Finding(verdict=Verdict.AHEAD)


class SequenceWatch:
    """Follows the ids of one symbol's streams. Trades: contiguous. Depth: `pu` equals the previous `u`.

    A gap in trades must be backfilled; a gap in depth20 is healed by the snapshot itself and only counted.
    """

    def __init__(self, ahead_max_ms: int = AHEAD_MAX_MS) -> None:
        self._ahead_max_ms = ahead_max_ms
        self.counts: Counter[tuple[str, Verdict]] = Counter()
        self._believed_ms = 0
        self._last_trade_id = 0
        self._last_depth_id = 0
        self._last_quote_id = 0

    def forget(self) -> None:
        """Start anew after a reconnect; counts stay. The last trade id stays too, so that the hole is seen."""
        self._last_depth_id = 0
        self._last_quote_id = 0

    @property
    def last_trade_id(self) -> int:
        """Newest aggregate trade id seen, 0 before the first."""
        return self._last_trade_id

    def filled(self, last_trade_id: int) -> None:
        """A backfill has brought the tape up to this id."""
        self._last_trade_id = max(self._last_trade_id, last_trade_id)

    def check(self, message: MarketMessage, now_ms: Callable[[], int]) -> Finding:
        """Judge a message by its ids and stamp.

        `now_ms` is our idea of the exchange's clock; it is asked only when what it said last does not allow the stamp.
        """
        if message.ts_ms > self._believed_ms:
            self._believed_ms = now_ms() + self._ahead_max_ms
        if message.ts_ms > self._believed_ms:
            finding = AHEAD
        elif isinstance(message, Trade):
            finding = self._trade(message)
        elif isinstance(message, Depth):
            finding = self._depth(message)
        else:
            finding = self._other(message)
        if finding is not IN_ORDER:
            self.counts[(type(message).__name__, finding.verdict)] += 1
        return finding

    def _other(self, message: MarketMessage) -> Finding:
        match message:
            case BestQuote():
                if message.update_id <= self._last_quote_id:
                    return REPEATED
                self._last_quote_id = message.update_id
                return IN_ORDER
            case Candle():
                return IN_ORDER if message.open_ms <= message.ts_ms else AHEAD
            case _:
                return IN_ORDER

    def _trade(self, trade: Trade) -> Finding:
        last = self._last_trade_id
        if trade.agg_id <= last:
            return REPEATED
        self._last_trade_id = trade.agg_id
        if last and trade.agg_id != last + 1:
            return Finding(verdict=Verdict.GAP, missing_from=last + 1, missing_to=trade.agg_id - 1)
        return IN_ORDER

    def _depth(self, depth: Depth) -> Finding:
        last = self._last_depth_id
        if depth.final_update_id <= last:
            return REPEATED
        self._last_depth_id = depth.final_update_id
        if last and depth.prev_update_id != last:
            return Finding(verdict=Verdict.GAP, missing_from=last + 1, missing_to=depth.prev_update_id)
        return IN_ORDER
