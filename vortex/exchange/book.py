"""The book of the market outside, as sorted levels that takers of this exchange can eat.

The near part is what the market tells about every 100 ms; queues are followed only there. Behind its edge may stand
deep levels, which are a function of the price and hold until somebody eats them.
"""

from bisect import bisect_left
from collections.abc import Sequence

from vortex.exchange.deep_book import SHOWN_LEVELS_MAX, DeepLevels
from vortex.exchange.market_events import Bands, Levels


class BookSide:
    """One side, best first; `sign` is the way prices go from the touch: -1 for bids, 1 for asks."""

    __slots__ = ("_levels", "bands", "deep", "eaten", "edge", "sign")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self._levels: Sequence[tuple[int, int]] = ()
        self.deep: DeepLevels | None = None
        self.bands: Bands = ()
        self.edge = 0
        """The worst price of the near part as it was told; deep levels lie beyond."""
        self.eaten: dict[int, int] = {}
        """What takers have eaten of deep levels since the market last told its book, by price."""

    def replace(self, levels: Levels) -> None:
        """Take over a whole new near part."""
        self._levels = levels
        if levels:
            self.edge = levels[-1][0]
        if self.eaten:
            self.eaten = {}

    def __len__(self) -> int:
        return len(self._levels)

    def level(self, position: int) -> tuple[int, int]:
        """Price and quantity of the n-th best near level."""
        return self._levels[position]

    def levels(self, limit: int) -> list[tuple[int, int]]:
        """The best levels as (price, quantity), deep ones included."""
        near = list(self._levels[:limit])
        missing = min(limit, SHOWN_LEVELS_MAX) - len(near)
        return near + self._behind(missing) if missing > 0 and self.deep is not None else near

    def near(self) -> dict[int, int]:
        """Quantities of the near part by price."""
        return dict(self._levels)

    @property
    def best(self) -> int | None:
        """The best price, or None when this side is empty."""
        if self._levels:
            return self._levels[0][0]
        behind = self._behind(1)
        return behind[0][0] if behind else None

    @property
    def worst(self) -> int | None:
        """The worst near price."""
        return self._levels[-1][0] if self._levels else None

    def quantity_at(self, px: int) -> int:
        """Lots resting at exactly this price in the near part."""
        at = self._place(px)
        return self._levels[at][1] if at >= 0 else 0

    def visible(self, px: int) -> bool:
        """Does this price lie within the near part of the book, so that absence means emptiness?"""
        return bool(self._levels) and self.sign * (px - self._levels[-1][0]) <= 0

    def take(self, px: int, lots: int) -> int:
        """Eat up to `lots` at one price; return what was eaten."""
        at = self._place(px)
        if at < 0:
            return self._take_deep(px, lots)
        there = self._levels[at][1]
        eaten = min(lots, there)
        left = ((px, there - eaten),) if there > eaten else ()
        self._levels = (*self._levels[:at], *left, *self._levels[at + 1 :])
        return eaten

    def _take_deep(self, px: int, lots: int) -> int:
        if self.deep is None or self.sign * (px - self.edge) <= 0:
            return 0
        before = self.eaten.get(px, 0)
        eaten = min(lots, deep_lots(self.deep, self.bands, self.sign, px) - before)
        self.eaten[px] = before + eaten
        return eaten

    def _place(self, px: int) -> int:
        """Where in the near part this price is, -1 when it is not there."""
        sign, levels = self.sign, self._levels
        at = bisect_left(levels, sign * px, key=lambda level: sign * level[0])
        return at if at < len(levels) and levels[at][0] == px else -1

    def _behind(self, limit: int) -> list[tuple[int, int]]:
        """The best deep levels that nobody has eaten."""
        deep, sign, eaten = self.deep, self.sign, self.eaten
        if deep is None or not self.edge:
            return []
        found = deep.beyond(sign, self.edge, min(limit + len(eaten), SHOWN_LEVELS_MAX))
        if not self.bands and not eaten:
            return [(px, int(lots)) for px, lots in found]
        left = [(px, deep_lots(deep, self.bands, sign, px) - eaten.get(px, 0)) for px, _ in found]
        return [level for level in left if level[1] > 0][:limit]


def deep_lots(deep: DeepLevels, bands: Bands, sign: int, px: int) -> int:
    """Quantity of the deep level at a price, by the factor of its band; zero where there is none."""
    lots = deep.lots_at(px)
    if not bands or not lots:
        return int(lots)
    factor = next((factor for end, factor in bands if sign * (px - end) <= 0), bands[-1][1])
    return max(1, int(lots * factor))


class Book:
    """Bids and asks of strangers."""

    __slots__ = ("asks", "bids")

    def __init__(self) -> None:
        self.bids = BookSide(-1)
        self.asks = BookSide(1)

    def replace(self, bids: Levels, asks: Levels) -> None:
        """Take over a whole new state of the near part."""
        self.bids.replace(bids)
        self.asks.replace(asks)

    def deepen(self, deep: DeepLevels) -> None:
        """Let these levels stand behind the near part."""
        self.bids.deep = self.asks.deep = deep

    def band(self, bids: Bands, asks: Bands) -> None:
        """How full the deep levels are from now on."""
        self.bids.bands, self.asks.bands = bids, asks

    def side_of(self, side: int) -> BookSide:
        """The side an order of this direction rests on."""
        return self.bids if side == 1 else self.asks

    def opposite_of(self, side: int) -> BookSide:
        """The side an order of this direction takes from."""
        return self.asks if side == 1 else self.bids
