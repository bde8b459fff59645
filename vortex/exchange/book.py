"""The visible book of the market outside, as sorted levels that takers of this exchange can eat."""

from bisect import bisect_left

from vortex.exchange.market_events import Levels


class BookSide:
    """One side, best first. Keys grow away from the touch: -price for bids, price for asks."""

    __slots__ = ("_keys", "_quantities", "sign")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self._keys: list[int] = []
        self._quantities: list[int] = []

    def replace(self, levels: Levels) -> None:
        """Take over a whole new side."""
        sign = self.sign
        self._keys = [sign * px for px, _ in levels]
        self._quantities = [qty for _, qty in levels]

    def __len__(self) -> int:
        return len(self._keys)

    def level(self, position: int) -> tuple[int, int]:
        """Price and quantity of the n-th best level."""
        return self.sign * self._keys[position], self._quantities[position]

    def levels(self, limit: int) -> list[tuple[int, int]]:
        """The best levels as (price, quantity)."""
        sign = self.sign
        return [(sign * key, qty) for key, qty in zip(self._keys[:limit], self._quantities[:limit], strict=True)]

    @property
    def best(self) -> int | None:
        """The best price, or None when this side is empty."""
        return self.sign * self._keys[0] if self._keys else None

    @property
    def worst(self) -> int | None:
        """The worst visible price."""
        return self.sign * self._keys[-1] if self._keys else None

    def quantity_at(self, px: int) -> int:
        """Lots resting at exactly this price."""
        key = self.sign * px
        at = bisect_left(self._keys, key)
        return self._quantities[at] if at < len(self._keys) and self._keys[at] == key else 0

    def visible(self, px: int) -> bool:
        """Does this price lie within the visible part of the book, so that absence means emptiness?"""
        return bool(self._keys) and self.sign * px <= self._keys[-1]

    def take(self, px: int, lots: int) -> int:
        """Eat up to `lots` at one price; return what was eaten."""
        key = self.sign * px
        at = bisect_left(self._keys, key)
        if at >= len(self._keys) or self._keys[at] != key:
            return 0
        eaten = min(lots, self._quantities[at])
        self._quantities[at] -= eaten
        if self._quantities[at] == 0:
            del self._keys[at]
            del self._quantities[at]
        return eaten


class Book:
    """Bids and asks of strangers."""

    __slots__ = ("asks", "bids")

    def __init__(self) -> None:
        self.bids = BookSide(-1)
        self.asks = BookSide(1)

    def replace(self, bids: Levels, asks: Levels) -> None:
        """Take over a whole new state."""
        self.bids.replace(bids)
        self.asks.replace(asks)

    def side_of(self, side: int) -> BookSide:
        """The side an order of this direction rests on."""
        return self.bids if side == 1 else self.asks

    def opposite_of(self, side: int) -> BookSide:
        """The side an order of this direction takes from."""
        return self.asks if side == 1 else self.bids
