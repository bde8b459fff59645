"""The levels behind the touch, as a function of price and time instead of a stored book.

Whether a price holds an order, and how much, is hashed from (symbol, price, epoch). Every price has epochs of
its own, 1.5 to 12 s long, so a level stands for seconds and then changes: what a depth reader sees persists,
and nothing has to be kept or evolved.
"""

import numpy as np
from numpy.typing import NDArray

from vortex.exchange.generator_profile import VISIBLE_LEVELS, Profile

MIX_1 = np.uint64(0x9E3779B97F4A7C15)
_MIX_2 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_3 = np.uint64(0x94D049BB133111EB)
_SHIFT_A, _SHIFT_B, _SHIFT_C = np.uint64(30), np.uint64(27), np.uint64(31)
UNIT = 2.0**-53
"""Makes a number in [0, 1) of 53 bits."""

_TABLE = 2_048
"""Quantiles of the level sizes; fine enough that no two neighbours look alike."""

SIZE_SPREAD = 1.15
"""Standard deviation of the logarithm of a level's quantity. Recorded books have more, but then every book is
full of walls by the usual rule of five times the mean, and a wall says nothing."""


def mixed(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A well-spread hash of each word (the finalizer of splitmix64)."""
    words = (words ^ (words >> _SHIFT_A)) * _MIX_2
    words = (words ^ (words >> _SHIFT_B)) * _MIX_3
    return words ^ (words >> _SHIFT_C)


class Ladder:
    """Levels of one symbol on both sides, for any touch and any step."""

    def __init__(self, profile: Profile, salt: int) -> None:
        self._salt = np.uint64(salt & 0xFFFFFFFFFFFFFFFF)
        self._density = profile.density
        self._window = int(VISIBLE_LEVELS / profile.density * 1.35) + 8
        normal = np.random.Generator(np.random.PCG64(salt & 0xFFFFFFFF)).standard_normal(_TABLE)
        self._sizes = np.exp(SIZE_SPREAD * normal) * profile.level_lots
        steps = np.arange(1, self._window + 1, dtype=np.int64)
        self._below, self._above = -steps, steps
        # Liquidity thickens away from the touch, and the first levels are crowded by those who queue late.
        rank = steps * profile.density
        self._shape = 0.75 + 1.6 / (1.0 + rank) + 0.35 * np.log1p(rank / 6.0)

    def behind(self, bid: int, ask: int, step: int) -> tuple[list[int], list[int], list[int], list[int]]:
        """Prices and lots behind the best bid, then behind the best ask, best first."""
        window = self._window
        prices = np.concatenate((bid + self._below, ask + self._above))
        own = mixed(prices.astype(np.uint64) * MIX_1 ^ self._salt)
        life = 15 + ((own >> np.uint64(12)) % np.uint64(105)).astype(np.int64)
        epoch = (step + 10_000_000 + (own >> np.uint64(40)).astype(np.int64) % life) // life
        word = mixed(own + epoch.astype(np.uint64) * MIX_1)
        here = (word >> np.uint64(11)).astype(np.float64) * UNIT < self._density
        lots = self._sizes[(word & np.uint64(_TABLE - 1)).astype(np.int64)]
        bid_here, ask_here = here[:window], here[window:]
        bid_lots = np.maximum(lots[:window] * self._shape, 1.0)[bid_here][: VISIBLE_LEVELS - 1]
        ask_lots = np.maximum(lots[window:] * self._shape, 1.0)[ask_here][: VISIBLE_LEVELS - 1]
        bid_px = prices[:window][bid_here][: VISIBLE_LEVELS - 1]
        ask_px = prices[window:][ask_here][: VISIBLE_LEVELS - 1]
        return (
            bid_px.tolist(),
            bid_lots.astype(np.int64).tolist(),
            ask_px.tolist(),
            ask_lots.astype(np.int64).tolist(),
        )
