"""What a reader of depth differences knows of one side, and what has changed since: cost follows the change."""

from collections.abc import Iterable

from vortex.exchange.book import BookSide, deep_lots
from vortex.exchange.deep_book import SHOWN_LEVELS_MAX
from vortex.exchange.orders import Order


class ShownSide:
    """One side of the published book at one moment: near levels, what stands behind them, our orders among both."""

    __slots__ = ("bands", "deep", "eaten", "edge", "near", "ours", "reach", "sign", "sure", "thin")

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
        self.reach = self.sure = self.thin = 0
        """The last price that any reader knows, the last that all know, and the one from which what is left is thin;
        zero before the first."""

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
        self.reach, self.sure, self.thin = before.reach, before.sure, before.thin
        if (self.reach and sign * (self.edge - self.thin) <= 0) or not self.edge:
            return set()
        assert self.deep is not None, "asked only of a side with deep levels"
        behind = [px for px, _ in self.deep.beyond(sign, self.edge, SHOWN_LEVELS_MAX)]
        if not behind:
            return set()
        last, self.sure, self.thin = self.sure, behind[-1], behind[len(behind) // 2]
        self.reach = sign * max(sign * self.reach, sign * self.sure) if self.reach else self.sure
        if not last and before.edge:
            return set()
        return {px for px in behind if sign * (px - last) > 0} if last else set(behind)

    def begun(self) -> None:
        """Somebody starts from this moment: of what stands far away he knows no more than a snapshot tells."""
        if self.deep is None or not self.reach:
            return
        sign, told = self.sign, max(1, SHOWN_LEVELS_MAX - len(self.near) - len(self.ours))
        behind = [px for px, _ in self.deep.beyond(sign, self.edge, told)]
        if behind:
            self.sure = sign * min(sign * self.sure, sign * behind[-1])
            self.thin = sign * min(sign * self.thin, sign * behind[len(behind) // 2])

    def _between(self, one: int, other: int) -> list[int]:
        """Prices of deep levels from one place to another."""
        assert self.deep is not None, "asked only of a side with deep levels"
        return self.deep.between(min(one, other), max(one, other))
