"""One symbol's matching: our resting orders queue among strangers, takers eat the visible book.

Queue model (documented in docs/venue.md). An arriving order stands behind everything visible at its price. Trades
at that price consume the queue from its front: strangers ahead, then us, then strangers between our orders. When
the level shrinks without trades, the loss is spread evenly over the queue, so the share ahead of us leaves in
proportion. A trade beyond our price, or a book that has moved through it, fills us at our own price, never for
more than was really traded or shown there.
"""

from bisect import insort
from collections.abc import Callable
from typing import TypeAlias

from vortex.exchange.book import Book
from vortex.exchange.instruments import Instrument
from vortex.exchange.market_events import Levels
from vortex.exchange.orders import BUY, RPI, SELL, Order

RETAIL_EVERY = 4

MakerFilled: TypeAlias = Callable[[Order, int, int], None]
"""Called with (resting order, lots, price ticks) for each fill by the market outside."""

TakerTraded: TypeAlias = Callable[[int, int, Order | None], None]
"""Called with (price ticks, lots, resting order of ours or None for a stranger) for each trade of a taker."""

SelfTrade: TypeAlias = Callable[[Order], bool]
"""Called when a taker meets a resting order of its own account; True stops the taker."""


def _priority(order: Order) -> tuple[int, int]:
    """Best price first, then first come first served."""
    return (-order.side * order.px, order.arrival)


class Engine:
    """Our resting orders of one symbol beside the book of strangers."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.book = Book()
        self.resting: dict[int, list[Order]] = {BUY: [], SELL: []}
        self.retail: dict[int, list[Order]] = {BUY: [], SELL: []}
        """Resting RPI orders, which takers of the API never meet."""
        self._outside_trades = 0
        self._arrivals = 0

    def best(self, side: int) -> int | None:
        """The best price on a side, ours and strangers' together."""
        outside = self.book.side_of(side).best
        ours = self.resting[side]
        if not ours:
            return outside
        if outside is None:
            return ours[0].px
        return max(outside, ours[0].px) if side == BUY else min(outside, ours[0].px)

    def crosses(self, side: int, px: int) -> bool:
        """Would a limit order take liquidity on arrival?"""
        opposite = self.best(-side)
        return opposite is not None and side * (px - opposite) >= 0

    def takeable(self, side: int, limit_px: int, account: str) -> int:
        """Lots available up to a limit price, own orders excepted: what a FOK may count on."""
        total = sum(qty for px, qty in self.book.opposite_of(side).levels(1_000_000) if side * (limit_px - px) >= 0)
        for order in self.resting[-side]:
            if order.account != account and side * (limit_px - order.px) >= 0:
                total += order.left
        return total

    def rest(self, order: Order) -> None:
        """Queue an order at its price, behind everything visible there."""
        self._arrivals += 1
        order.arrival = self._arrivals
        if order.time_in_force == RPI:
            insort(self.retail[order.side], order, key=_priority)
            return
        side = self.book.side_of(order.side)
        if side.visible(order.px) or not len(side):
            order.level_seen = order.ahead = side.quantity_at(order.px)
        else:
            order.level_seen = -1
            earlier = (each.ahead for each in self.resting[order.side] if each.px == order.px)
            order.ahead = max(side.level(len(side) - 1)[1], *earlier, 0)
        insort(self.resting[order.side], order, key=_priority)

    def withdraw(self, order: Order) -> None:
        """Take an order off the book; unknown orders are ignored."""
        for held in (self.resting[order.side], self.retail[order.side]):
            if order in held:
                held.remove(order)

    def closing(self, side: int) -> list[Order]:
        """Every resting order of ours on a side, RPI orders behind the others."""
        return [*self.resting[side], *self.retail[side]]

    def take(self, order: Order, limit_px: int, lots_max: int, traded: TakerTraded, self_trade: SelfTrade) -> None:
        """Let an arriving order eat up to `lots_max` lots no worse than `limit_px`."""
        side, wanted = order.side, lots_max
        while wanted > 0:
            px = self.best(-side)
            if px is None or side * (limit_px - px) < 0:
                return
            wanted, stopped = self._take_level(order, px, wanted, traded, self_trade)
            if stopped:
                return

    def _take_level(
        self, order: Order, px: int, wanted: int, traded: TakerTraded, self_trade: SelfTrade
    ) -> tuple[int, bool]:
        """Eat one price level in queue order; return the lots still wanted and whether to stop."""
        outside = self.book.opposite_of(order.side)
        queue = [each for each in self.resting[-order.side] if each.px == px]
        eaten, stopped = 0, False
        for ours in queue:
            strangers = outside.take(px, min(wanted, max(0, ours.ahead - eaten)))
            if strangers:
                eaten, wanted = eaten + strangers, wanted - strangers
                traded(px, strangers, None)
            if wanted == 0 or stopped:
                break
            if not ours.open:
                continue
            if ours.account == order.account:
                stopped = self_trade(ours)
                continue
            lots = min(wanted, ours.left)
            wanted -= lots
            self._fill(ours, lots)
            traded(px, lots, ours)
        if wanted and not stopped:
            strangers = outside.take(px, wanted)
            if strangers:
                eaten, wanted = eaten + strangers, wanted - strangers
                traded(px, strangers, None)
        self._strangers_left(queue, eaten)
        return wanted, stopped

    def retail_trade(self, px: int, lots: int, buyer_is_maker: bool, filled: MakerFilled) -> int:
        """Let RPI orders improve a stranger's price, if one of their own kind traded; return the lots they took.

        Every `RETAIL_EVERY`-th trade outside is taken for one from the web site or the app.
        """
        side = BUY if buyer_is_maker else SELL
        self._outside_trades += 1
        if not self.retail[side] or self._outside_trades % RETAIL_EVERY:
            return 0
        budget = lots
        for order in [each for each in self.retail[side] if side * (each.px - px) >= 0]:
            if budget and order.open:
                budget -= self._fill_maker(order, min(budget, order.left), filled)
        return lots - budget

    def market_trade(self, px: int, lots: int, buyer_is_maker: bool, filled: MakerFilled) -> None:
        """A stranger traded outside: whoever of us stood in the way of it is filled first."""
        side = BUY if buyer_is_maker else SELL
        if not self.resting[side]:
            return
        budget = lots
        for order in [each for each in self.resting[side] if side * (each.px - px) > 0]:
            if budget and order.open:
                budget -= self._fill_maker(order, min(budget, order.left), filled)
        queue = [each for each in self.resting[side] if each.px == px]
        consumed = 0
        for order in queue:
            strangers = min(budget, max(0, order.ahead - consumed))
            consumed, budget = consumed + strangers, budget - strangers
            if budget and order.open:
                budget -= self._fill_maker(order, min(budget, order.left), filled)
        self._strangers_left(queue, consumed + budget)

    def market_book(self, bids: Levels, asks: Levels, filled: MakerFilled) -> None:
        """The book outside is now this. Queues shrink with their levels; crossed orders fill."""
        self.book.replace(bids, asks)
        for side in (BUY, SELL):
            if self.resting[side]:
                self._refresh_queues(side)
                self._fill_crossed(side, filled)

    def _refresh_queues(self, side: int) -> None:
        levels = self.book.side_of(side)
        for order in self.resting[side]:
            if not levels.visible(order.px):
                continue
            now, before = levels.quantity_at(order.px), order.level_seen
            if before < 0:
                order.ahead = now
            elif now < before:
                order.ahead = order.ahead * now // before
            order.ahead = min(order.ahead, now)
            order.level_seen = now

    def _fill_crossed(self, side: int, filled: MakerFilled) -> None:
        outside = self.book.side_of(-side)
        for order in list(self.resting[side]):
            while order.open and outside.best is not None and side * (order.px - outside.best) >= 0:
                lots = outside.take(outside.best, order.left)
                self._fill_maker(order, lots, filled)

    def _fill_maker(self, order: Order, lots: int, filled: MakerFilled) -> int:
        self._fill(order, lots)
        filled(order, lots, order.px)
        return lots

    def _fill(self, order: Order, lots: int) -> None:
        """Book a fill on a resting order at its own price."""
        assert 0 < lots <= order.left, f"fill of {lots} on {order.left} left"
        order.filled += lots
        order.filled_ticks_lots += lots * order.px
        order.status = "FILLED" if order.left == 0 else "PARTIALLY_FILLED"
        if order.left == 0:
            self.withdraw(order)

    @staticmethod
    def _strangers_left(queue: list[Order], consumed: int) -> None:
        """Trades took `consumed` lots of strangers from the front of a queue."""
        if consumed == 0:
            return
        for order in queue:
            order.ahead = max(0, order.ahead - consumed)
            if order.level_seen >= 0:
                order.level_seen = max(order.ahead, order.level_seen - consumed)
