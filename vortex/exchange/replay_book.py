"""The book of a recording: rebuilt from snapshots and differences, taken from top levels, or imagined round trades."""

import heapq
import zlib

from vortex.exchange.generator_ladder import Ladder
from vortex.exchange.generator_profile import STEP_MS, VISIBLE_LEVELS, Profile
from vortex.exchange.market_events import Levels
from vortex.exchange.replay_records import (
    BookRecord,
    ChangeRecord,
    SnapshotRecord,
    TickerRecord,
    TradeRecord,
)

FLOW_MEMORY = 0.93
"""How much of the recent taker flow is remembered from trade to trade; it tilts an imagined book."""


class ReplayBook:
    """The newest book known; `top()` is None until both sides are."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._ladder = Ladder(profile, zlib.crc32(profile.symbol.encode()))
        self._bids: dict[int, tuple[int, int]] = {}  # px to lots and the serial number of the last change
        self._asks: dict[int, tuple[int, int]] = {}
        self._serial = 0
        self._last_id = 0
        self._whole: BookRecord | None = None
        self._bid = self._ask = 0
        self._bid_lots = self._ask_lots = 0
        self._flow = 0.0
        self.imagined = True  # everything behind the touch, and without quotes the touch itself
        self.changed = False

    def whole(self, record: BookRecord) -> None:
        """The top of the book in full."""
        if record.bids and record.asks and record.bids[0][0] < record.asks[0][0]:
            self._whole = record
            self.imagined = False
            self.changed = True

    def snapshot(self, record: SnapshotRecord) -> None:
        """Begin anew from a whole book."""
        self._bids = {px: (lots, 0) for px, lots in record.bids}
        self._asks = {px: (lots, 0) for px, lots in record.asks}
        self._last_id = record.last_id
        self.imagined = False
        self.changed = True

    def change(self, record: ChangeRecord) -> None:
        """One level is different now."""
        if record.last_id < self._last_id:
            return
        own = self._asks if record.is_ask else self._bids
        self.changed = True
        self.imagined = False
        if record.qty_lots:
            self._serial += 1
            own[record.px_ticks] = (record.qty_lots, self._serial)
        else:
            own.pop(record.px_ticks, None)

    def ticker(self, record: TickerRecord) -> None:
        """The touch is known."""
        if record.bid < record.ask:
            self._bid, self._ask = record.bid, record.ask
            self._bid_lots, self._ask_lots = max(1, record.bid_lots), max(1, record.ask_lots)
            self.changed = True

    def around(self, trade: TradeRecord) -> None:
        """Imagine the touch so that this print is at it."""
        spread = min(max(1, self._ask - self._bid), 1 if self._profile.density >= 1 else 3) if self._bid else 1
        if trade.buyer_is_maker:
            self._bid = trade.px_ticks
            self._ask = min(self._ask, self._bid + spread) if self._ask > self._bid else self._bid + spread
        else:
            self._ask = trade.px_ticks
            self._bid = max(self._bid, self._ask - spread) if 0 < self._bid < self._ask else self._ask - spread
        push = min(1.0, trade.qty_lots / self._profile.touch_lots + 0.1)
        self._flow = FLOW_MEMORY * self._flow + (-push if trade.buyer_is_maker else push)
        tilt = max(-0.9, min(0.9, 0.35 * self._flow))
        self._bid_lots = max(1, int(self._profile.touch_lots * (1 + tilt)))
        self._ask_lots = max(1, int(self._profile.touch_lots * (1 - tilt)))
        self.changed = True

    def top(self, ts_ms: int) -> tuple[Levels, Levels] | None:
        """The visible levels, best first."""
        if self._whole is not None:
            return self._whole.bids, self._whole.asks
        if self._bids and self._asks:
            return self._built()
        if not self._bid:
            return None
        bid_px, bid_lots, ask_px, ask_lots = self._ladder.behind(self._bid, self._ask, ts_ms // STEP_MS)
        return (
            ((self._bid, self._bid_lots), *zip(bid_px, bid_lots, strict=True)),
            ((self._ask, self._ask_lots), *zip(ask_px, ask_lots, strict=True)),
        )

    def _built(self) -> tuple[Levels, Levels] | None:
        """The rebuilt top. Where it crosses, the level that changed longer ago is stale: books do not cross."""
        while self._bids and self._asks:
            bids = heapq.nlargest(VISIBLE_LEVELS, self._bids)
            asks = heapq.nsmallest(VISIBLE_LEVELS, self._asks)
            if bids[0] < asks[0]:
                return (
                    tuple((px, self._bids[px][0]) for px in bids),
                    tuple((px, self._asks[px][0]) for px in asks),
                )
            if self._bids[bids[0]][1] < self._asks[asks[0]][1]:
                del self._bids[bids[0]]
            else:
                del self._asks[asks[0]]
        return None
