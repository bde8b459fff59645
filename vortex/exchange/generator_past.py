"""The generated past: six days of candles, open interest and ratios from the same weather, 30 s at a time."""

import math
from dataclasses import dataclass, field

from vortex.exchange.generator_climate import CLIMATE_TICK_STEPS, Climate
from vortex.exchange.generator_crowd import FUNDING_MS, Crowd
from vortex.exchange.generator_draws import Draws, total
from vortex.exchange.generator_profile import STEP_MS, Profile, own_trend
from vortex.exchange.generator_story import Pressure, Story
from vortex.exchange.generator_stretch import Movement, wave, zeal
from vortex.exchange.generator_tape import RANGE_STEPS, SHARED, TREND_DRIFT, WAVE_DRIFT
from vortex.exchange.history import MINUTE_MS, Candle, FundingPoint
from vortex.exchange.market_events import OpenInterestState, RatioState

TICK_MS = CLIMATE_TICK_STEPS * STEP_MS
TICKS_PER_MINUTE = MINUTE_MS // TICK_MS
FIVE_MINUTES_MS = 5 * MINUTE_MS

FINE_TO_COARSE = 1.32
"""Standard deviation of the value over 30 s, relative to independent steps: pressure makes moves persist."""


@dataclass(frozen=True, slots=True)
class Weather:
    """One tick of the shared past."""

    sigma: float
    pace: float
    trend: float
    chapter: int
    factor: float
    pressure: Pressure


@dataclass(slots=True)
class Past:
    """One symbol's past in relative prices: the last one is 1."""

    end_ms: int
    prices: list[float] = field(default_factory=list)
    activity: list[float] = field(default_factory=list)
    buys: list[float] = field(default_factory=list)
    sigmas: list[float] = field(default_factory=list)
    interest: list[OpenInterestState] = field(default_factory=list)
    ratios: list[RatioState] = field(default_factory=list)
    funding: list[tuple[int, float, int]] = field(default_factory=list)

    @property
    def first_ms(self) -> int:
        """Time of the first price."""
        return self.end_ms - (len(self.prices) - 1) * TICK_MS


def shared_past(climate: Climate, story: Story, draws: Draws, first_step: int, ticks: int) -> list[Weather]:
    """Let the shared weather and story run through the past."""
    past: list[Weather] = []
    for each in range(ticks):
        climate.tick()
        pressure = story.over(first_step + each * CLIMATE_TICK_STEPS, CLIMATE_TICK_STEPS, climate.trend)
        past.append(
            Weather(
                climate.sigma,
                climate.vol.pace,
                climate.trend,
                climate.chapter,
                draws.normal(),
                pressure,
            )
        )
    return past


@dataclass(frozen=True, slots=True)
class Walker:
    """What one symbol needs to walk through the shared weather."""

    profile: Profile
    crowd: Crowd
    story: Story
    draws: Draws


def symbol_past(weather: list[Weather], walker: Walker, first_step: int, end_ms: int) -> Past:
    """One symbol's walk through the shared weather up to `end_ms`, starting at `first_step`."""
    past = Past(end_ms)
    past.prices.append(1.0)
    first_ms = end_ms - len(weather) * TICK_MS
    price = anchor = 1.0
    chapter = -1
    movement = Movement()
    for index, each in enumerate(weather):
        step = first_step + index * CLIMATE_TICK_STEPS
        pressure = each.pressure
        if pressure.kind == "calm":
            pressure = walker.story.over(step, CLIMATE_TICK_STEPS, own_trend(walker.profile, each.trend))
        else:
            walker.story.wait(CLIMATE_TICK_STEPS)
        if each.chapter != chapter:
            chapter, anchor = each.chapter, price
        sigma = walker.profile.sigma_step * each.sigma * _ROOT
        price *= 1.0 + _move(each, pressure, sigma, movement.lead, walker)
        if pressure.kind == "calm" and each.trend == 0.0:
            price += (anchor - price) * CLIMATE_TICK_STEPS / RANGE_STEPS
        high, low = max(price, past.prices[-1]), min(price, past.prices[-1])
        movement.take(first_ms + index * TICK_MS, high, low, price)
        walker.story.lead = movement.lead
        move = (price / past.prices[-1] - 1.0) / sigma
        past.prices.append(price)
        past.sigmas.append(sigma)
        _trade_through(past, each.pace * pressure.rate, move, walker.draws)
        walker.crowd.feel(each.trend, pressure, CLIMATE_TICK_STEPS)
        _ask_the_crowd(past, walker.crowd, first_ms + (index + 1) * TICK_MS)
    return past


_ROOT = math.sqrt(CLIMATE_TICK_STEPS)


def _move(weather: Weather, pressure: Pressure, sigma: float, lead: float, walker: Walker) -> float:
    """Relative price move over one tick."""
    noise = math.sqrt(SHARED) * weather.factor + math.sqrt(1 - SHARED) * walker.draws.normal()
    follows = walker.profile.follows
    drift = weather.trend * follows * TREND_DRIFT * zeal(weather.trend, lead) + pressure.drift
    drift += (1.0 - follows if weather.trend else 1.0) * WAVE_DRIFT * wave(lead)
    return sigma * (drift * _ROOT + FINE_TO_COARSE * noise)


def _trade_through(past: Past, usual: float, move: float, draws: Draws) -> None:
    """How busy the tick was, relative to a calm one, and the share of taker buys."""
    past.activity.append(usual * (0.6 + 0.5 * abs(move)) * math.exp(0.25 * draws.normal()))
    share = 0.5 + 0.22 * math.tanh(move) + 0.05 * draws.normal()
    past.buys.append(min(0.95, max(0.05, share)))


def _ask_the_crowd(past: Past, crowd: Crowd, ts_ms: int) -> None:
    """Five-minute points of open interest and ratios, and each settlement of funding."""
    if ts_ms % FIVE_MINUTES_MS < TICK_MS:
        at = ts_ms // FIVE_MINUTES_MS * FIVE_MINUTES_MS
        past.interest.append(crowd.open_interest(at))
        past.ratios.append(crowd.ratios(at, past.buys[-1], 1.0 - past.buys[-1]))
    if ts_ms % FUNDING_MS < TICK_MS:
        past.funding.append((ts_ms // FUNDING_MS * FUNDING_MS, crowd.funding_rate(), len(past.prices) - 1))


def past_minutes(past: Past, last_ticks: float, draws: Draws) -> list[tuple[int, int, int, int]]:
    """Open, high, low and close of each minute; the last close is `last_ticks`, extremes those of a Brownian bridge."""
    scale = last_ticks / past.prices[-1]
    prices = [price * scale for price in past.prices]
    minutes: list[tuple[int, int, int, int]] = []
    for start in range(0, len(prices) - 1, TICKS_PER_MINUTE):
        high, low = prices[start], prices[start]
        for each in range(start, start + TICKS_PER_MINUTE):
            top, bottom = _bridge(prices[each], prices[each + 1], past.sigmas[each], draws)
            high, low = max(high, top), min(low, bottom)
        opened, closed = round(prices[start]), round(prices[start + TICKS_PER_MINUTE])
        minutes.append((opened, max(round(high), opened, closed), max(1, min(round(low), opened, closed)), closed))
    return minutes


def past_candles(
    past: Past, minutes: list[tuple[int, int, int, int]], volume_per_activity: float, trades_per_activity: float
) -> list[Candle]:
    """One-minute candles of these prices."""
    candles: list[Candle] = []
    for index, (opened, high, low, closed) in enumerate(minutes):
        ticks = range(index * TICKS_PER_MINUTE, (index + 1) * TICKS_PER_MINUTE)
        activity = total(past.activity[each] for each in ticks)
        bought = total(past.activity[each] * past.buys[each] for each in ticks)
        middle = (opened + closed + high + low) // 4
        volume = max(1, int(activity * volume_per_activity))
        taker = min(volume, int(bought * volume_per_activity))
        candles.append(
            Candle(
                past.first_ms + index * MINUTE_MS,
                opened,
                high,
                low,
                closed,
                volume,
                volume * middle,
                max(1, int(activity * trades_per_activity)),
                taker,
                taker * middle,
            )
        )
    return candles


def past_funding(past: Past, last_price: float) -> tuple[FundingPoint, ...]:
    """Settlements with their mark price in quote units."""
    scale = last_price / past.prices[-1]
    return tuple(FundingPoint(ts_ms, rate, round(past.prices[index] * scale, 8)) for ts_ms, rate, index in past.funding)


def _bridge(start: float, end: float, sigma: float, draws: Draws) -> tuple[float, float]:
    """Highest and lowest price of a Brownian path between two ends, each drawn from its exact law."""
    variance = (sigma * start) ** 2
    gap = (end - start) ** 2
    up = math.sqrt(gap - 2 * variance * math.log(1.0 - draws.uniform()))
    down = math.sqrt(gap - 2 * variance * math.log(1.0 - draws.uniform()))
    return (start + end + up) / 2, (start + end - down) / 2
