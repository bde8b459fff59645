"""Levels far behind the touch, as a function of the price alone: they stand still while the market walks over them.

What a source tells of its book about every 100 ms is the part near the touch. A reader of depth sees hundreds of
levels behind that. Whether a price holds an order there, and how much, is hashed from (symbol, price): nothing is
told, kept or moved as long as nobody looks, a step of the market covers or uncovers just the levels that it
crosses, and every reader finds the same.
"""

from bisect import bisect_left, bisect_right

import numpy as np

from vortex.exchange.generator_ladder import MIX_1, UNIT, mixed
from vortex.exchange.history import DeepProfile

SHOWN_LEVELS_MAX = 1_000
"""Levels of one side that anybody is shown or can take, those near the touch included."""

CHUNK_TICKS = 1_024
CHUNKS_KEPT = 64
SIZE_SPREAD = 1.6
"""Standard deviation of the logarithm of a quantity: far from the touch sizes differ more than near it."""

ROUND_TICKS = ((10, 1.6), (100, 2.5), (1_000, 4.0))
"""People like round prices: what rests at multiples of so many ticks is so many times larger."""

_SIZE_SALT = np.uint64(0xD6E8FEB86659FD93)
_TABLE = 4_096
_NORMALS = np.random.Generator(np.random.PCG64(1)).standard_normal(_TABLE)
_SIZES = np.exp(SIZE_SPREAD * _NORMALS - SIZE_SPREAD**2 / 2)
"""Quantiles of the sizes, with a mean of one."""


class DeepLevels:
    """All levels of one symbol at their ordinary quantities; a price holds the same on either side."""

    def __init__(self, profile: DeepProfile) -> None:
        self._profile = profile
        self._salt = np.uint64(profile.salt & 0xFFFFFFFFFFFFFFFF)
        self._chunks: dict[int, _Chunk] = {}

    def lots_at(self, px: int) -> float:
        """The ordinary quantity at a price; zero where there is no level."""
        return self._chunk(px // CHUNK_TICKS).held.get(px, 0.0)

    def beyond(self, sign: int, px: int, limit: int) -> list[tuple[int, float]]:
        """The first `limit` levels worse than `px`, best first; `sign` is -1 for bids and 1 for asks."""
        found: list[tuple[int, float]] = []
        number = px // CHUNK_TICKS
        while len(found) < limit and number >= 0:
            chunk = self._chunk(number)
            prices, sizes = chunk.prices, chunk.sizes
            if sign > 0:
                at = bisect_right(prices, px)
                found += zip(prices[at:], sizes[at:], strict=True)
            else:
                at = bisect_left(prices, px)
                found += zip(prices[:at][::-1], sizes[:at][::-1], strict=True)
            number += sign
        return found[:limit]

    def between(self, low: int, high: int) -> list[int]:
        """Prices in low..high, both included, that hold a level."""
        found: list[int] = []
        for number in range(low // CHUNK_TICKS, high // CHUNK_TICKS + 1):
            prices = self._chunk(number).prices
            found += prices[bisect_left(prices, low) : bisect_right(prices, high)]
        return found

    def _chunk(self, number: int) -> "_Chunk":
        known = self._chunks.get(number)
        if known is None:
            if len(self._chunks) >= CHUNKS_KEPT:
                self._chunks.clear()
            known = self._chunks[number] = self._made(number)
        return known

    def _made(self, number: int) -> "_Chunk":
        prices = np.arange(max(1, number * CHUNK_TICKS), (number + 1) * CHUNK_TICKS, dtype=np.int64)
        word = mixed(prices.astype(np.uint64) * MIX_1 ^ self._salt)
        here = (word >> np.uint64(11)).astype(np.float64) * UNIT < self._profile.density
        prices = prices[here]
        size = mixed(word[here] ^ _SIZE_SALT)
        lots = _SIZES[(size & np.uint64(_TABLE - 1)).astype(np.int64)] * self._profile.lots
        for ticks, factor in ROUND_TICKS:
            lots[prices % ticks == 0] *= factor
        return _Chunk(prices.tolist(), np.maximum(lots, 1.0).tolist())


class _Chunk:
    """One stretch of prices: those that hold a level, ascending, and what they hold."""

    __slots__ = ("held", "prices", "sizes")

    def __init__(self, prices: list[int], sizes: list[float]) -> None:
        self.prices = prices
        self.sizes = sizes
        self.held = dict(zip(prices, sizes, strict=True))
