"""The tape of one symbol: a hidden value moves, pressure builds, orders arrive, and the touch follows in sweeps.

1. A value nobody sees walks with the weather, the story and a shared factor. The touch follows it in jumps.
2. Pressure leads: it tilts the queues and the signs of trades at once, and the value half a second later.
3. Every print is at a price of the book that stood at the beginning of its step.
"""

import math
from collections import deque

from vortex.exchange.generator_climate import Climate
from vortex.exchange.generator_draws import Draws
from vortex.exchange.generator_ladder import Ladder
from vortex.exchange.generator_profile import STEP_MS, STEPS_PER_MINUTE, Profile
from vortex.exchange.generator_story import Pressure
from vortex.exchange.generator_stretch import wave, zeal
from vortex.exchange.generator_touch import Touch
from vortex.exchange.market_events import LiquidationPrint, MarketTrade

SHARED = 0.62
"""Share of a step's variance that all symbols have in common."""

LEAD = 0.06
"""Drift of the value per standard deviation of pressure, in standard deviations of a step."""

LEAD_STEPS = 5
TREND_DRIFT = 0.28 / math.sqrt(STEPS_PER_MINUTE)
"""A full trend moves 0.28 standard deviations of a minute per minute."""

WAVE_DRIFT = 0.5 / math.sqrt(STEPS_PER_MINUTE)
RANGE_STEPS = 6_000.0
"""How slowly a range pulls back, steps."""

SWEEP_SIGMAS = 1.9
"""How far the value runs ahead of the touch before somebody sweeps, in standard deviations of a step."""

SWEPT_SHARE_MAX = 0.9
"""Share of the levels passed in a sweep that trade, at most; the others were canceled in time."""

ANSWERED = 0.3
"""Chance, in calm times, that a print of a sweep is met by one of the other side at the old price."""

PRINTS_PER_SWEEP = 24
LIQUIDATION_BPS = (3.0, 10.0)
"""The limit of a forced order lies this far beyond the touch: it is the bankruptcy price of the account."""


class Tape:
    """Trades, forced orders and the touch of one symbol, step by step."""

    def __init__(self, profile: Profile, draws: Draws, salt: int, value: float) -> None:
        self.profile = profile
        self._draws = draws
        self.value = value
        self.anchor = value
        self.touch = Touch(profile, Ladder(profile, salt), draws, value)
        self.sigma = profile.sigma_step
        self.bought = self.sold = 1.0  # decaying taker volumes, for the taker share
        self._slow = self._fast = self._wander = self._excited = 0.0
        self._leads: deque[float] = deque([0.0] * LEAD_STEPS, maxlen=LEAD_STEPS)
        self._leans: deque[float] = deque([0.0] * LEAD_STEPS, maxlen=LEAD_STEPS)
        self._last_up = True
        self._calm = 1.0
        self._patience = 1.0
        self._swept = 1.0
        self.lead = 0.0  # what everybody sees of the trend
        self._jumped = False
        self._chapter = -1

    @property
    def lean(self) -> float:
        """Pressure as it stands, about a standard normal number outside episodes."""
        return self._leans[-1]

    def jump(self, factor: float) -> None:
        """A scripted move: value and anchor stand elsewhere from now on, the touch from the next step on."""
        self.value *= factor
        self.anchor *= factor
        self._jumped = True

    def prepare(self, step: int, climate: Climate, pressure: Pressure) -> None:
        """Bring the book to the state that stands at the beginning of this step."""
        self.touch.begin(step)
        if self._jumped:
            self._jumped = False
            self.touch.center(self.value, step, 0.3)
        if climate.chapter != self._chapter:
            self._chapter, self.anchor = climate.chapter, self.value
        self._feel(pressure, climate)
        ahead = (self.value - self.touch.mid) / (2.5 * self.sigma * self.value)
        self.touch.breathe(step, self.lean + 0.6 * ahead)

    def trade(
        self, step: int, ts_ms: int, climate: Climate, pressure: Pressure, factor: float
    ) -> tuple[list[MarketTrade], list[LiquidationPrint]]:
        """What prints during this step, in time order, against the prepared book."""
        self._move(climate, pressure, factor)
        trades, last_ms = self._touch_trades(ts_ms, climate, pressure)
        forced = self._forced(trades, last_ms, pressure)
        self._calm = 1.0 - min(1.0, abs(pressure.bias))
        self._swept = pressure.swept
        self._sweep(step, trades, max(last_ms, ts_ms + int(STEP_MS * self._draws.uniform())))
        self._excited = min(6.0, 0.9 * self._excited + 0.03 * len(trades))
        self._remember(trades)
        return trades, forced

    def _feel(self, pressure: Pressure, climate: Climate) -> None:
        draws = self._draws
        self._slow += -0.005 * self._slow + 0.1 * draws.normal()
        self._fast += -0.04 * self._fast + 0.283 * draws.normal()
        own = 0.55 * self._slow + 0.75 * self._fast
        self._leads.append(own)
        self._leans.append(own + 0.2 * climate.trend + pressure.pressure)

    def _move(self, climate: Climate, pressure: Pressure, factor: float) -> None:
        draws = self._draws
        self._wander += -0.002 * self._wander + 0.016 * draws.normal()
        self.sigma = self.profile.sigma_step * climate.sigma * math.exp(self._wander)
        noise = math.sqrt(SHARED) * factor + math.sqrt(1 - SHARED) * draws.normal()
        if draws.uniform() < 0.012:
            noise *= 3.0
        follows = self.profile.follows
        drift = climate.trend * follows * TREND_DRIFT * zeal(climate.trend, self.lead) + pressure.drift
        ranging = 1.0 - follows if climate.trend else 1.0
        drift += LEAD * self._leads[0] + ranging * WAVE_DRIFT * wave(self.lead)
        self.value *= 1.0 + self.sigma * (drift + 0.8 * noise)
        if pressure.kind == "calm" and climate.trend == 0.0:
            self.value += (self.anchor - self.value) / RANGE_STEPS

    def _touch_trades(self, ts_ms: int, climate: Climate, pressure: Pressure) -> tuple[list[MarketTrade], int]:
        draws, touch, trades = self._draws, self.touch, list[MarketTrade]()
        usual = self.profile.rate_step * climate.vol.pace * pressure.rate
        count = self._poisson(min(20.0, usual * (0.7 + self._excited)))
        if not count:
            return trades, ts_ms
        buys = 0.5 + 0.5 * math.tanh(2.3 * pressure.bias * abs(pressure.bias) + 0.6 * self._leans[0])
        keep = 0.15 + 0.7 * abs(pressure.bias)
        moments = sorted(int(STEP_MS * draws.uniform()) for _ in range(count))
        moment = moments[0]
        for each in moments:
            if draws.uniform() > 0.35:
                moment = each
            if draws.uniform() > keep:
                self._last_up = draws.uniform() < buys
            up = self._last_up
            lots = self._take(up, self._size(pressure.size))
            px = touch.ask if up else touch.bid
            trades.append(MarketTrade(ts_ms + moment, self.profile.symbol, px, lots, not up))
        return trades, ts_ms + moment

    def _take(self, up: bool, wanted: int) -> int:
        """Take from the queue at the touch, never all of it: what moves the price is the sweep."""
        touch = self.touch
        queue = touch.ask_lots if up else touch.bid_lots
        held = touch.held_up if up else touch.held_down
        lots = max(1, min(wanted * (6 if held else 1), int(0.7 * queue)))
        left = max(1, queue - lots)
        if up:
            touch.ask_lots = left
        else:
            touch.bid_lots = left
        return lots

    def _size(self, factor: float) -> int:
        draws = self._draws
        lots = self.profile.trade_lots * factor * math.exp(1.5 * draws.normal())
        if draws.uniform() < 0.04:
            lots = self.profile.trade_lots * 25.0 * factor * (1.0 - draws.uniform()) ** -0.77
        return max(1, int(lots))

    def _poisson(self, mean: float) -> int:
        floor, product, count = math.exp(-mean), self._draws.uniform(), 0
        while product > floor:
            product *= self._draws.uniform()
            count += 1
        return count

    def _forced(self, trades: list[MarketTrade], last_ms: int, pressure: Pressure) -> list[LiquidationPrint]:
        """Perhaps a forced order in the direction of the story: a large print and its public notice."""
        draws = self._draws
        if not pressure.liquidation_chance or not draws.chance(pressure.liquidation_chance):
            return []
        up = pressure.bias > 0
        lots = self._take(up, int(self.profile.touch_lots * min(1.5, pressure.size) * draws.between(0.1, 0.6)) + 1)
        px = self.touch.ask if up else self.touch.bid
        beyond = max(1, int(px * draws.between(*LIQUIDATION_BPS) * 1e-4))
        symbol = self.profile.symbol
        trades.append(MarketTrade(last_ms, symbol, px, lots, not up))
        limit = px + beyond if up else px - beyond
        return [LiquidationPrint(last_ms, symbol, "BUY" if up else "SELL", limit, lots)]

    def _sweep(self, step: int, trades: list[MarketTrade], ts_ms: int) -> None:
        """If the value has run away from the touch, take the levels between and stand at the new price."""
        touch, draws = self.touch, self._draws
        gap = self.value - touch.mid
        up = gap > 0
        held = touch.held_up if up else touch.held_down
        limit = max(0.75, SWEEP_SIGMAS * self._patience * self.sigma * self.value)
        if abs(gap) < limit * (2.5 if held else 1.0):
            return
        target = touch.mid + gap * draws.between(0.75, 1.05)
        wall = touch.wall_price(up, math.ceil(target) if up else math.floor(target))
        if wall is not None:
            target = wall - touch.spread / 2 if up else wall + touch.spread / 2
        if abs(target - touch.mid) >= 0.5:
            self._print_sweep(step, trades, ts_ms, up, target)
            self._patience = 0.4 - 0.6 * math.log(1.0 - draws.uniform())
            touch.held_up, touch.held_down = touch.held_up and not up, touch.held_down and up
            touch.center(target, step, 0.4)
            self._thin(step)

    def _print_sweep(self, step: int, trades: list[MarketTrade], ts_ms: int, up: bool, target: float) -> None:
        touch, draws, symbol = self.touch, self._draws, self.profile.symbol
        levels = touch.behind(step)
        prices, depth = levels[2:] if up else levels[:2]
        queue = touch.ask_lots if up else touch.bid_lots
        near, far = (touch.ask, touch.bid) if up else (touch.bid, touch.ask)
        first = max(1, int(0.8 * self._swept * queue * draws.uniform() ** 3))
        trades.append(MarketTrade(ts_ms, symbol, near, first, not up))
        end = target if up else -target
        share, answered = self._swept * SWEPT_SHARE_MAX * draws.uniform() ** 1.5, ANSWERED * self._calm
        printed = 0
        for px, resting in zip(prices, depth, strict=True):
            if (px if up else -px) >= end or printed == PRINTS_PER_SWEEP:
                break
            if draws.uniform() < share:
                lots = max(1, int(resting * draws.uniform() ** 3))
                trades.append(MarketTrade(ts_ms, symbol, px, lots, not up))
                printed += 1
                if draws.uniform() < answered:
                    trades.append(MarketTrade(ts_ms, symbol, far, self._take(not up, self._size(1.0)), up))

    def _thin(self, step: int) -> None:
        """Sometimes makers hesitate after a sweep, and seldom they leave for seconds."""
        turn = self._draws.uniform()
        if turn < 0.05:
            ticks = 1 + int(self.value * self._draws.between(1e-7, 1.2e-5))
            self.touch.widen(ticks, int(self._draws.between(1, 4)), step)
        elif turn < 0.053:
            ticks = 1 + int(self.value * self._draws.between(5e-5, 2.2e-4))
            self.touch.widen(ticks, int(self._draws.between(8, 35)), step)

    def _remember(self, trades: list[MarketTrade]) -> None:
        self.bought *= 0.999_67
        self.sold *= 0.999_67
        for each in trades:
            if each.buyer_is_maker:
                self.sold += each.qty_lots
            else:
                self.bought += each.qty_lots
