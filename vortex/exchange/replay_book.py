"""The book of a recording: rebuilt from snapshots and differences, taken from top levels, or imagined round trades."""

import zlib
from bisect import bisect_left, insort
from collections import Counter

from vortex.exchange.generator_ladder import Ladder
from vortex.exchange.generator_profile import DEEP_SHARE, STEP_MS, Profile
from vortex.exchange.market_events import Bands, Levels
from vortex.exchange.replay_records import (
    BookRecord,
    ChangeRecord,
    ShapeRecord,
    SnapshotRecord,
    TickerRecord,
    TradeRecord,
)

TOLD_LEVELS = 1_000
"""Levels of a side of a rebuilt book that are told: as many as the exchange shows."""

CROSSED = "book whose best prices cross"
ONE_SIDED = "book with an empty side"
STALE = "level crossed by a newer one"

FACTOR_RANGE = (0.01, 1_000.0)
FLOW_MEMORY = 0.93
"""How much of the recent taker flow is remembered from trade to trade; it tilts an imagined book."""


class ReplayBook:
    """The newest book known; `top()` is None until both sides are.

    Books do not cross, so that a recorded one that does is mended: a whole one is left out, of two levels that cross
    the older one goes. Each such row is counted in `mended`, by reason.
    """

    def __init__(self, profile: Profile, mended: Counter[str]) -> None:
        self._profile = profile
        self._mended = mended
        self._ladder = Ladder(profile, zlib.crc32(profile.symbol.encode()))
        self._bids, self._asks = _Side(-1), _Side(1)
        self._serial = 0
        self.shape: ShapeRecord | None = None
        self._fullness = 1.0, 1.0  # of imagined levels, bids and asks
        self._last_id = 0
        self._whole: BookRecord | None = None
        self._bid = self._ask = 0
        self._bid_lots = self._ask_lots = 0
        self._flow = 0.0
        self.imagined = True  # everything behind the touch, and without quotes the touch itself
        self.changed = False

    def heed(self, record: BookRecord | SnapshotRecord | ChangeRecord | TickerRecord) -> None:
        """Whatever a recording says of the book."""
        match record:
            case BookRecord():
                self.whole(record)
            case SnapshotRecord():
                self.snapshot(record)
            case ChangeRecord():
                self.change(record)
            case TickerRecord():
                self.ticker(record)

    def whole(self, record: BookRecord) -> None:
        """The top of the book in full."""
        if not (record.bids and record.asks):
            self._mended[ONE_SIDED] += 1
        elif record.bids[0][0] >= record.asks[0][0]:
            self._mended[CROSSED] += 1
        else:
            self._whole = record
            self.imagined = False
            self.changed = True

    def snapshot(self, record: SnapshotRecord) -> None:
        """Begin anew from a whole book."""
        self._bids, self._asks = _Side(-1), _Side(1)
        self._bids.fill(record.bids)
        self._asks.fill(record.asks)
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
        self._serial += 1
        own.put(record.px_ticks, record.qty_lots, self._serial)

    def ticker(self, record: TickerRecord) -> None:
        """The touch is known."""
        if record.bid >= record.ask:
            self._mended[CROSSED] += 1
            return
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
        if self.shape is not None:
            bid_lots = [max(1, int(lots * self._fullness[0])) for lots in bid_lots]
            ask_lots = [max(1, int(lots * self._fullness[1])) for lots in ask_lots]
        return (
            ((self._bid, self._bid_lots), *zip(bid_px, bid_lots, strict=True)),
            ((self._ask, self._ask_lots), *zip(ask_px, ask_lots, strict=True)),
        )

    def reshape(self, record: ShapeRecord) -> None:
        """Levels that have to be imagined are as full as this from now on."""
        self.shape = record

    def bands(self, last_px: int) -> tuple[Bands, Bands] | None:
        """Factors of the deep levels by price for the newest shape; None while no price is known."""
        touch = (self._whole.bids[0][0], self._whole.asks[0][0]) if self._whole else (self._bid, self._ask)
        if self.shape is None or not (touch[0] or last_px):
            return None
        bid, ask = touch if touch[0] else (last_px, last_px)
        bids, asks = self._banded(bid, -1, self.shape.bids), self._banded(ask, 1, self.shape.asks)
        self._fullness = (bids[0][1] if bids else 1.0), (asks[0][1] if asks else 1.0)
        return bids, asks

    def _banded(self, px: int, sign: int, marks: tuple[tuple[float, float], ...]) -> Bands:
        """What each stretch between two percentages holds, relative to what its levels ordinarily hold."""
        found: list[tuple[int, float]] = []
        usual = self._profile.density * DEEP_SHARE * self._profile.level_lots
        nearer = inside = 0.0
        for percent, lots in marks:
            ticks = px * (percent - nearer) / 100
            factor = max(0.0, lots - inside) / (ticks * usual)
            found.append((round(px * (1 + sign * percent / 100)), min(max(factor, FACTOR_RANGE[0]), FACTOR_RANGE[1])))
            nearer, inside = percent, lots
        return tuple(found)

    def _built(self) -> tuple[Levels, Levels] | None:
        """The rebuilt top. Where it crosses, the level that changed longer ago is stale: books do not cross."""
        bids, asks = self._bids, self._asks
        while bids and asks:
            if bids.best < asks.best:
                return bids.top(), asks.top()
            older = bids if bids.changed(bids.best) < asks.changed(asks.best) else asks
            older.put(older.best, 0, 0)
            self._mended[STALE] += 1
        return None


class _Side:
    """One side of a rebuilt book: quantities by price, and the prices in order."""

    def __init__(self, sign: int) -> None:
        self._sign = sign
        self._keys: list[int] = []  # sign times price, ascending: the best one first
        self._held: dict[int, tuple[int, int]] = {}  # key to lots and the serial number of the last change

    def __bool__(self) -> bool:
        return bool(self._keys)

    @property
    def best(self) -> int:
        """The best price; there must be one."""
        return self._sign * self._keys[0]

    def changed(self, px: int) -> int:
        """The serial number of the last change at a price that is held."""
        return self._held[self._sign * px][1]

    def fill(self, levels: Levels) -> None:
        """Hold these levels and no others."""
        self._held = {self._sign * px: (lots, 0) for px, lots in levels}
        self._keys = sorted(self._held)

    def put(self, px: int, lots: int, serial: int) -> None:
        """The quantity at a price is this now; zero removes it."""
        key = self._sign * px
        known = key in self._held
        if lots:
            self._held[key] = (lots, serial)
            if not known:
                insort(self._keys, key)
        elif known:
            del self._held[key]
            del self._keys[bisect_left(self._keys, key)]

    def top(self) -> Levels:
        """The best levels, best first."""
        sign, held = self._sign, self._held
        return tuple((sign * key, held[key][0]) for key in self._keys[:TOLD_LEVELS])
