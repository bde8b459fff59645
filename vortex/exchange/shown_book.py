"""What a reader of depth differences knows of one side, and what has changed since: cost follows the change."""

from collections.abc import Iterable

from vortex.exchange.book import BookSide, deep_lots
from vortex.exchange.deep_book import SHOWN_LEVELS_MAX
from vortex.exchange.orders import Order


class ShownSide:
    """One side of the published book at one moment: near levels, what stands behind them, our orders among both."""

    __slots__ = ("bands", "deep", "eaten", "edge", "near", "ours", "reach", "sign", "thin")

    def __init__(self, side: BookSide, ours: Iterable[Order]) -> None:
        self.sign = side.sign
        self.near = side.near()
        self.edge = side.edge
        self.deep = side.deep
        self.bands = side.bands
        self.eaten = dict(side.eaten) if side.eaten else side.eaten
        self.ours: dict[int, int] = {}
        for order in ours:
            self.ours[order.px] = self.ours.get(order.px, 0) + order.left
        self.reach = self.thin = 0
        """The last price that a reader knows, and the one from which what is left is thin; zero before the first."""

    def lots_at(self, px: int) -> int:
        """Lots at a price, zero when there are none."""
        lots = self.near.get(px, 0)
        if not lots and self.deep is not None and self.sign * (px - self.edge) > 0:
            lots = deep_lots(self.deep, self.bands, self.sign, px) - self.eaten.get(px, 0)
        return lots + self.ours.get(px, 0) if self.ours else lots

    def changed_since(self, before: "ShownSide") -> set[int]:
        """Prices whose quantity a reader of `before` must be told; now and then one that holds what it held."""
        found = {px for px, _ in self.near.items() ^ before.near.items()}
        if self.ours or before.ours:
            found |= {px for px, _ in self.ours.items() ^ before.ours.items()}
        if self.deep is None:
            return found
        return found | self._uncovered(before) | self._extended(before)

    def _uncovered(self, before: "ShownSide") -> set[int]:
        """Prices of deep levels that one of the two moments shows and the other covers, eats or fills otherwise."""
        found: set[int] = set()
        if self.edge != before.edge and before.edge:
            found.update(self._between(self.edge, before.edge))
        if self.eaten or before.eaten:
            found |= {*self.eaten, *before.eaten}
        if self.bands != before.bands and before.reach:
            found.update(self._between(self.edge, before.reach))
        return found

    def _extended(self, before: "ShownSide") -> set[int]:
        """Deep levels to tell because what is left of the known ones became thin; a snapshot tells the first."""
        sign = self.sign
        self.reach, self.thin = before.reach, before.thin
        if (self.reach and sign * (self.edge - self.thin) <= 0) or not self.edge:
            return set()
        assert self.deep is not None, "asked only of a side with deep levels"
        behind = [px for px, _ in self.deep.beyond(sign, self.edge, SHOWN_LEVELS_MAX)]
        if not behind:
            return set()
        last, self.reach, self.thin = self.reach, behind[-1], behind[len(behind) // 2]
        if not last and before.edge:
            return set()
        return {px for px in behind if sign * (px - last) > 0} if last else set(behind)

    def _between(self, one: int, other: int) -> list[int]:
        """Prices of deep levels from one place to another."""
        assert self.deep is not None, "asked only of a side with deep levels"
        return self.deep.between(min(one, other), max(one, other))
