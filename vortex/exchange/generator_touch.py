"""The best prices of one symbol: queues, spread, walls and spoofs, and what a sweep leaves behind."""

import math
from bisect import bisect_left
from dataclasses import dataclass
from operator import neg

from vortex.exchange.generator_draws import Draws
from vortex.exchange.generator_ladder import Ladder
from vortex.exchange.generator_profile import Profile
from vortex.exchange.market_events import Levels

LEAN = 0.75
"""How strongly pressure tilts the two queues; gives the recorded spread of the top-ten imbalance."""


@dataclass(slots=True)
class Resting:
    """A large order behind the touch. `up` is the ask side. Spoofs leave before anybody reaches them."""

    up: bool
    px: int
    lots: int
    until: int
    firm: bool


class Touch:
    """Best bid and ask with their queues; bid < ask always, every queue holds at least one lot."""

    def __init__(self, profile: Profile, ladder: Ladder, draws: Draws, mid: float) -> None:
        self._profile = profile
        self._ladder = ladder
        self._draws = draws
        self.lean = 0.0  # which way the queues tilt, in standard deviations
        self.spread = 1
        self._wide_until = 0
        self.bid = math.floor(mid)
        self.ask = self.bid + 1
        self.bid_lots = self.ask_lots = max(1, int(profile.touch_lots))
        self._resting: list[Resting] = []
        self._next_spoof = self._next_wall = 0
        self.held_up = self.held_down = False  # the touch itself is a wall
        self._behind: tuple[list[int], list[int], list[int], list[int]] | None = None

    @property
    def mid(self) -> float:
        """Middle of the best prices, ticks."""
        return (self.bid + self.ask) / 2

    def center(self, mid: float, step: int, share: float) -> None:
        """Put the touch around `mid` with the present spread; fresh queues hold `share` of the ordinary."""
        self._leave_walls(step)
        self.bid = math.floor(mid - self.spread / 2 + 0.5)
        self.ask = self.bid + self.spread
        draws, ordinary = self._draws, self._profile.touch_lots * share
        tilt = math.exp(LEAN * self.lean)
        self.bid_lots = max(1, int(ordinary * tilt * draws.between(0.5, 1.5)))
        self.ask_lots = max(1, int(ordinary / tilt * draws.between(0.5, 1.5)))
        self._meet_walls()

    def breathe(self, step: int, lean: float) -> None:
        """One step of queue life: orders join and leave, walls and spoofs appear, the spread widens or heals."""
        draws = self._draws
        self.lean = lean
        if draws.uniform() < 0.3:
            self.bid_lots = self._drawn_to(self.bid_lots, LEAN * lean, self.held_down)
        if draws.uniform() < 0.3:
            self.ask_lots = self._drawn_to(self.ask_lots, -LEAN * lean, self.held_up)
        if step >= self._next_spoof:
            self._spoof(step)
        if step >= self._next_wall:
            self._build_wall(step)
        if self.spread > 1 and step >= self._wide_until:
            self.spread = 1
            self.center(self.mid, step, 0.3)

    def widen(self, ticks: int, steps: int, step: int) -> None:
        """Let the makers step back for a while."""
        if ticks > self.spread:
            self.spread = ticks
            self._wide_until = step + steps
            self.center(self.mid, step, 0.25)

    def behind(self, step: int) -> tuple[list[int], list[int], list[int], list[int]]:
        """Levels behind the touch (bid px, bid lots, ask px, ask lots), walls and spoofs included."""
        if self._behind is None:
            self._behind = self._ladder.behind(self.bid, self.ask, step)
            if self._resting:
                self._lay_resting(self._behind)
        return self._behind

    def begin(self, step: int) -> None:
        """A new step: forget what was computed for the last one and drop what has expired."""
        self._behind = None
        if self._resting and any(each.until <= step for each in self._resting):
            self._resting = [each for each in self._resting if each.until > step]

    def book(self, step: int) -> tuple[Levels, Levels]:
        """The visible book, best first."""
        bid_px, bid_lots, ask_px, ask_lots = self.behind(step)
        bids = ((self.bid, self.bid_lots), *zip(bid_px, bid_lots, strict=True))
        asks = ((self.ask, self.ask_lots), *zip(ask_px, ask_lots, strict=True))
        return bids, asks

    def wall_price(self, up: bool, target: int) -> int | None:
        """The nearest firm wall on the way to `target`, if there is one."""
        prices = [each.px for each in self._resting if each.firm and each.up is up]
        if up:
            return min((px for px in prices if self.ask < px <= target), default=None)
        return max((px for px in prices if target <= px < self.bid), default=None)

    def _drawn_to(self, lots: int, tilt: float, held: bool) -> int:
        if held:
            return lots
        aim = self._profile.touch_lots * math.exp(tilt + 0.45 * self._draws.normal())
        return max(1, int(lots + 0.4 * (aim - lots)))

    def _spoof(self, step: int) -> None:
        draws = self._draws
        self._next_spoof = step + int(draws.between(40, 260))
        up = draws.chance(0.5)
        distance = int(draws.between(3, 14) / self._profile.density)
        lots = max(2, int(self._profile.touch_lots * draws.between(0.8, 2.0)))
        px = self.ask + distance if up else self.bid - distance
        self._resting.append(Resting(up, px, lots, step + int(draws.between(2, 5)), firm=False))

    def _build_wall(self, step: int) -> None:
        draws = self._draws
        self._next_wall = step + int(draws.between(250, 1_500))
        up = draws.chance(0.5)
        distance = int(draws.between(8, 26) / self._profile.density)
        lots = max(3, int(self._profile.touch_lots * draws.between(2.5, 6.0)))
        px = self.ask + distance if up else self.bid - distance
        self._resting.append(Resting(up, px, lots, step + int(draws.between(100, 600)), firm=True))

    def _leave_walls(self, step: int) -> None:
        """The touch is about to move: a wall that was at it stays behind for a while."""
        if self.held_up:
            self._resting.append(Resting(True, self.ask, self.ask_lots, step + 60, firm=True))
        if self.held_down:
            self._resting.append(Resting(False, self.bid, self.bid_lots, step + 60, firm=True))

    def _meet_walls(self) -> None:
        """A wall at the new touch becomes its queue; one that was crossed is gone."""
        self.held_up = self.held_down = False
        kept: list[Resting] = []
        for each in self._resting:
            crossed = each.px < self.ask if each.up else each.px > self.bid
            at_touch = each.px == (self.ask if each.up else self.bid)
            if at_touch and each.firm:
                self._hold(each)
            elif not crossed and not at_touch:
                kept.append(each)
        self._resting = kept

    def _hold(self, wall: Resting) -> None:
        if wall.up:
            self.held_up, self.ask_lots = True, wall.lots
        else:
            self.held_down, self.bid_lots = True, wall.lots

    def _lay_resting(self, levels: tuple[list[int], list[int], list[int], list[int]]) -> None:
        for each in self._resting:
            prices, lots = levels[2:] if each.up else levels[:2]
            place = bisect_left(prices, each.px) if each.up else bisect_left(prices, -each.px, key=neg)
            if place == len(prices):
                continue
            if prices[place] == each.px:
                lots[place] += each.lots
            else:
                prices.insert(place, each.px)
                lots.insert(place, each.lots)
                prices.pop()
                lots.pop()
