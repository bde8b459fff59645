"""A seeded market: the same seed tells the same story, however large the steps it is asked for."""

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from vortex.exchange.generator_climate import CLIMATE_TICK_STEPS, Climate, Vol
from vortex.exchange.generator_crowd import Crowd
from vortex.exchange.generator_draws import Draws
from vortex.exchange.generator_past import TICK_MS, Walker, Weather, shared_past, symbol_past
from vortex.exchange.generator_profile import STEP_MS, profile_of
from vortex.exchange.generator_story import OWN_ODDS, SHARED_ODDS, Story
from vortex.exchange.generator_symbol import GeneratedSymbol
from vortex.exchange.history import DAY_MS, MINUTE_MS, History
from vortex.exchange.instruments import DEFAULT_INSTRUMENTS, Instrument
from vortex.exchange.market_events import MarketEvent
from vortex.kernel.errors import ConfigError

HISTORY_DAYS = 6
"""Five hundred candles of 15 minutes are 5.2 days."""

WARMUP_MS = 15 * MINUTE_MS
"""How much of the past is traded print by print."""

SHARED_PAUSE_S = (90.0, 240.0)
OWN_PAUSE_S = (25.0, 80.0)
OPENING = ["burst", "cascade", "cascade"]
OWN_OPENING = ["burst", "burst"]
"""The first episodes: whoever has just started sees a burst within a minute and a cascade within a few."""

OWN_FIRST_S = (45.0, 75.0)
QUIET_S = (600.0, 600.0)
RALLY_STEP = -1_500
"""Two and a half minutes before the opening each symbol walks to where no level is near, so that bursts find room."""

PLOT = [(0.35, 480), (1.0, 42), (0.0, 90), (0.8, 50)]
"""The market has risen or fallen for four hours and opens 15 minutes into a stronger trend the same way, which goes on
for 6; a range of 45 minutes follows. (Strength along the way of the day, ticks of 30 s.)"""

PLOT_BEFORE_TICKS = 480 + 30
CALM_BEFORE_TICKS = 3_200
STORM_BEFORE_TICKS, STORM_TICKS = 1_800, 240
"""A calm day with a storm in it, 15 hours before the opening: the opening is lively, but the day has seen worse."""

VOL_BEFORE_TICKS, VOL_TICKS = 120, 360
"""High volatility from an hour before the opening until two hours after it."""

LAG_STEPS_MAX = 5
"""Shared episodes reach the second and later symbols up to half a second after the first."""


class GeneratedMarket:
    """The seeded generator as a MarketSource."""

    def __init__(
        self,
        seed: int,
        symbols: Sequence[str],
        start_ms: int,
        instruments: Mapping[str, Instrument] = DEFAULT_INSTRUMENTS,
    ) -> None:
        unknown = [symbol for symbol in symbols if symbol not in instruments]
        if unknown or not symbols or len(set(symbols)) != len(symbols):
            raise ConfigError(f"symbols must be distinct and listed; not so: {unknown or list(symbols)}")
        self._symbols = tuple(symbols)
        self._start_ms = start_ms
        self._seed = seed
        begin_ms = (start_ms - WARMUP_MS) // MINUTE_MS * MINUTE_MS
        first_step = -math.ceil((start_ms - begin_ms) / STEP_MS)
        self._climate = Climate(Draws(seed, "climate"))
        self._story = Story(Draws(seed, "story"), SHARED_PAUSE_S, SHARED_ODDS)
        self._factor = Draws(seed, "factor")
        weather, before = self._past_weather(first_step, begin_ms)
        self._parts = [self._symbol(instruments[symbol], weather, before, begin_ms) for symbol in symbols]
        self._lags = [int(LAG_STEPS_MAX * Draws(seed, f"{name}/lag").uniform()) for name in symbols]
        self._lags[0] = 0
        self._recent = deque([self._story.now] * (LAG_STEPS_MAX + 1), maxlen=LAG_STEPS_MAX + 1)
        self._step = first_step
        self._waiting: list[MarketEvent] = []
        self._told_ms = start_ms - 1
        self._warm_up()
        self._histories = {part.profile.symbol: part.history(start_ms) for part in self._parts}

    @property
    def symbols(self) -> tuple[str, ...]:
        """The generated symbols, in the given order."""
        return self._symbols

    @property
    def start_ms(self) -> int:
        """When live events begin."""
        return self._start_ms

    @property
    def seed(self) -> int:
        """The number that is the story."""
        return self._seed

    def history(self, symbol: str) -> History:
        """What happened to `symbol` before the opening."""
        return self._histories[symbol]

    def advance(self, to_ms: int) -> list[MarketEvent]:
        """All events not told yet with ts_ms <= to_ms, in time order."""
        events = self._waiting
        while self._start_ms + self._step * STEP_MS <= to_ms:
            events += self._live_step()
        split = len(events)
        while split and events[split - 1].ts_ms > to_ms:
            split -= 1
        self._waiting = events[split:]
        return events[:split]

    def impulse(self, symbol: str, jump_pct: float) -> None:
        """From the next book state on, prices of `symbol` stand `jump_pct` percent elsewhere."""
        if symbol not in self._symbols or not -50.0 <= jump_pct <= 100.0:
            raise ConfigError(f"cannot move {symbol} by {jump_pct} %: not traded here, or not within -50..100")
        self._parts[self._symbols.index(symbol)].tape.jump(1.0 + jump_pct / 100.0)

    def _past_weather(self, first_step: int, begin_ms: int) -> tuple[list[Weather], int]:
        """The shared past, and the step at which it begins."""
        ticks = (HISTORY_DAYS * DAY_MS - WARMUP_MS) // TICK_MS
        begin_step = first_step - ticks * CLIMATE_TICK_STEPS
        self._story.open(begin_step, (10.0, 60.0), [])
        opening = ticks + WARMUP_MS // TICK_MS
        storm_over = opening - STORM_BEFORE_TICKS + STORM_TICKS
        climate, weather = self._climate, list[Weather]()
        turns: list[tuple[int, Callable[[], None]]] = [
            (opening - CALM_BEFORE_TICKS, lambda: climate.settle_vol(Vol.NORMAL, CALM_BEFORE_TICKS)),
            (opening - STORM_BEFORE_TICKS, lambda: climate.settle_vol(Vol.STORM, STORM_TICKS)),
            (storm_over, lambda: climate.settle_vol(Vol.NORMAL, STORM_BEFORE_TICKS)),
            (opening - PLOT_BEFORE_TICKS, lambda: climate.plan(PLOT)),
            (opening - VOL_BEFORE_TICKS, lambda: climate.settle_vol(Vol.HIGH, VOL_TICKS)),
            (ticks, lambda: None),
        ]
        for at, turn in turns:
            weather += self._run_past(begin_step + len(weather) * CLIMATE_TICK_STEPS, at - len(weather))
            turn()
        return weather, begin_step

    def _run_past(self, step: int, ticks: int) -> list[Weather]:
        return shared_past(self._climate, self._story, self._factor, step, ticks)

    def _symbol(self, instrument: Instrument, weather: list[Weather], step: int, begin_ms: int) -> GeneratedSymbol:
        profile = profile_of(instrument)
        name = profile.symbol
        story = Story(Draws(self._seed, f"{name}/story"), OWN_PAUSE_S, OWN_ODDS)
        story.open(step, (10.0, 200.0), [])
        crowd = Crowd(profile, Draws(self._seed, f"{name}/crowd"))
        walker = Walker(profile, crowd, story, Draws(self._seed, f"{name}/past"))
        past = symbol_past(weather, walker, step, begin_ms)
        return GeneratedSymbol(profile, self._seed, story, crowd, past)

    def _warm_up(self) -> None:
        while self._step < 0:
            if self._step == RALLY_STEP:
                self._story.open(self._step, QUIET_S, [])
                for part in self._parts:
                    part.tell(self._step, (1.0, 2.0), ["rally"])
            ts_ms = self._start_ms + self._step * STEP_MS
            factor = self._shared_step()
            for part, lag in zip(self._parts, self._lags, strict=True):
                part.warm(self._step, ts_ms, self._climate, self._recent[-1 - lag], factor)
            self._step += 1
        self._story.open(0, (26.0, 38.0), OPENING)
        for part in self._parts:
            part.tell(0, OWN_FIRST_S, OWN_OPENING)

    def _live_step(self) -> list[MarketEvent]:
        ts_ms = self._start_ms + self._step * STEP_MS
        factor = self._shared_step()
        events: list[MarketEvent] = []
        for part, lag in zip(self._parts, self._lags, strict=True):
            events += part.live(self._step, ts_ms, self._climate, self._recent[-1 - lag], factor)
        if len(self._parts) > 1:
            events.sort(key=lambda event: event.ts_ms)
        self._step += 1
        return events

    def _shared_step(self) -> float:
        """Weather and story of the step; returns the shared factor."""
        if self._step % CLIMATE_TICK_STEPS == 0:
            self._climate.tick()
        self._recent.append(self._story.at(self._step, self._climate.trend))
        return self._factor.normal()
