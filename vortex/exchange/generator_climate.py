"""The weather that all symbols share: quiet, normal and high volatility; trends and ranges.

Both are Markov chains over ticks of 30 s, so that days of it cost little and the past and the live market
come from the same chain.
"""

import math
from enum import Enum

from vortex.exchange.generator_draws import Draws

CLIMATE_TICK_STEPS = 300
"""Steps of 100 ms between two ticks of the chain."""

_STICKY_TICKS = {"QUIET": 24.0, "NORMAL": 40.0, "HIGH": 32.0, "STORM": 20.0}
"""Mean length of a volatility regime in ticks: 12, 20, 16 and 10 minutes."""


LEAN_TURNS, WITH_LEAN = 0.06, 0.8
"""Per trend: the chance that the day turns, and the share of trends that go its way."""


class Vol(Enum):
    """A volatility regime and what it does to the standard deviation and to the pace of trading."""

    QUIET = (0.6, 0.55)
    NORMAL = (1.0, 1.0)
    HIGH = (1.65, 1.7)
    STORM = (3.2, 2.4)

    @property
    def sigma(self) -> float:
        """Factor on the standard deviation of returns."""
        return self.value[0]

    @property
    def pace(self) -> float:
        """Factor on the rate of trades."""
        return self.value[1]


_OTHER = {Vol.QUIET: Vol.HIGH, Vol.HIGH: Vol.QUIET}


class Climate:
    """The current regime. `trend` is signed strength in -1..1; zero means a range."""

    def __init__(self, draws: Draws) -> None:
        self._draws = draws
        self.vol = Vol.NORMAL
        self.trend = 0.0
        self.lean = 1.0  # the way of the day: most trends go that way
        self.chapter = 0  # counts trends and ranges, so that a symbol knows when to drop a new anchor
        self.planned: list[tuple[float, int]] = []  # (trend along the day's way, ticks) before chance takes over
        self._vol_left = 40
        self._chapter_left = 0
        self._wander = 0.0

    @property
    def sigma(self) -> float:
        """Factor on volatility: the regime's, wandering a little."""
        return self.vol.sigma * math.exp(self._wander)

    def tick(self) -> None:
        """Go on by 30 s."""
        draws = self._draws
        self._wander += -0.08 * self._wander + 0.03 * draws.normal()
        self._vol_left -= 1
        if self._vol_left <= 0:
            self._turn_vol()
        self._chapter_left -= 1
        if self._chapter_left <= 0:
            self._turn_chapter()

    def settle_vol(self, vol: Vol, ticks: int) -> None:
        """Fix the volatility regime for a while."""
        self.vol, self._vol_left, self._wander = vol, ticks, 0.0

    def plan(self, chapters: list[tuple[float, int]]) -> None:
        """Begin a new chapter at the next tick: these, as (trend along the way of the day, ticks), then chance."""
        self.planned, self._chapter_left = list(chapters), 0

    def _turn_vol(self) -> None:
        turn = self._draws.uniform()
        if self.vol is Vol.NORMAL:
            self.vol = Vol.HIGH if turn < 0.58 else Vol.QUIET
        else:
            self.vol = Vol.NORMAL if turn < 0.75 or self.vol is Vol.STORM else _OTHER[self.vol]
        mean = _STICKY_TICKS[self.vol.name]
        self._vol_left = max(6, round(-mean * math.log(1.0 - self._draws.uniform())))

    def _turn_chapter(self) -> None:
        draws = self._draws
        self.chapter += 1
        if self.planned:
            trend, self._chapter_left = self.planned.pop(0)
            self.trend = trend * self.lean
            return
        if self.trend != 0.0 and draws.chance(0.65):
            self.trend = 0.0
        else:
            if draws.chance(LEAN_TURNS):
                self.lean = -self.lean
            self.trend = draws.between(0.55, 1.0) * (self.lean if draws.chance(WITH_LEAN) else -self.lean)
        self._chapter_left = round(draws.between(20, 80))
