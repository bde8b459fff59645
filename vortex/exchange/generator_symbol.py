"""One generated symbol: its tape and its crowd, from a warm-up before the opening into live time."""

from vortex.exchange.generator_climate import Climate
from vortex.exchange.generator_crowd import Crowd
from vortex.exchange.generator_draws import Draws
from vortex.exchange.generator_past import FIVE_MINUTES_MS, Past, past_candles, past_funding, past_minutes
from vortex.exchange.generator_profile import DEEP_SHARE, STEP_MS, Profile, own_trend
from vortex.exchange.generator_story import Pressure, Story
from vortex.exchange.generator_stretch import FRESH_MINUTES, Stretch
from vortex.exchange.generator_tape import Tape
from vortex.exchange.history import MINUTE_MS, DeepProfile, History, all_intervals, minute_candles
from vortex.exchange.market_events import (
    BookState,
    LiquidationPrint,
    MarketEvent,
    MarketTrade,
    OpenInterestState,
    RatioState,
)

MARK_STEPS = 10
INTEREST_STEPS = 50
RATIO_STEPS = 150
STRETCH_STEPS = 10
RECENT_INTEREST_STEPS = 150
"""Open interest is read every 15 s by whoever watches it; the recent history has the same grain."""


class Warmup:
    """What was traded between the coarse past and the opening."""

    def __init__(self, begin_ms: int, previous_close: int) -> None:
        self.begin_ms = begin_ms
        self.previous_close = previous_close
        self.trades: list[MarketTrade] = []
        self.interest: list[OpenInterestState] = []
        self.points: list[OpenInterestState] = []
        self.ratios: list[RatioState] = []
        self.activity = 0.0


class GeneratedSymbol:
    """One symbol of the generated market, moved one step of 100 ms at a time."""

    def __init__(self, profile: Profile, seed: int, story: Story, crowd: Crowd, past: Past) -> None:
        self.profile = profile
        self._seed = seed
        self._story = story
        self._crowd = crowd
        self._past = past
        name = profile.symbol
        salt = int(Draws(seed, f"{name}/salt").uniform() * 2**53)
        self.deep = deep_profile(profile, salt)
        self.tape = Tape(profile, Draws(seed, f"{name}/tape"), salt, profile.start_ticks)
        self._stretch = Stretch()
        self._minutes = past_minutes(past, profile.start_ticks, Draws(seed, f"{name}/bridge"))
        first_ms = past.end_ms - FRESH_MINUTES * MINUTE_MS
        for index, (_, high, low, close) in enumerate(self._minutes[-FRESH_MINUTES:]):
            self._stretch.close(first_ms + index * MINUTE_MS, high, low, close)
        self.warmup = Warmup(past.end_ms, round(profile.start_ticks))

    def warm(self, step: int, ts_ms: int, climate: Climate, shared: Pressure, factor: float) -> None:
        """One step before the opening: trades are kept for the history, books are not built."""
        pressure = self._pressure(step, ts_ms, climate, shared)
        self.tape.prepare(step, climate, pressure)
        trades, _ = self.tape.trade(step, ts_ms, climate, pressure, factor)
        warmup = self.warmup
        warmup.trades += [each for each in trades if each.ts_ms >= warmup.begin_ms]
        warmup.activity += climate.vol.pace * pressure.rate
        self._crowd.feel(climate.trend, pressure, 1)
        if step % RECENT_INTEREST_STEPS == 0:
            warmup.interest.append(self._crowd.open_interest(ts_ms))
        if ts_ms >= warmup.begin_ms + STEP_MS and ts_ms % FIVE_MINUTES_MS < STEP_MS:
            at_ms = ts_ms // FIVE_MINUTES_MS * FIVE_MINUTES_MS
            warmup.points.append(self._crowd.open_interest(at_ms))
            warmup.ratios.append(self._crowd.ratios(at_ms, self.tape.bought, self.tape.sold))

    def live(self, step: int, ts_ms: int, climate: Climate, shared: Pressure, factor: float) -> list[MarketEvent]:
        """One step of the live market, in time order."""
        pressure = self._pressure(step, ts_ms, climate, shared)
        self.tape.prepare(step, climate, pressure)
        events = list[MarketEvent]()
        bids, asks = self.tape.touch.book(step)
        events.append(BookState(ts_ms, self.profile.symbol, bids, asks))
        self._slow_events(step, ts_ms, events)
        trades, forced = self.tape.trade(step, ts_ms, climate, pressure, factor)
        self._crowd.feel(climate.trend, pressure, 1)
        events += _merged(trades, forced)
        return events

    def tell(self, step: int, first_s: tuple[float, float], planned: list[str]) -> None:
        """What was going on ends; after a pause the planned episodes begin."""
        self._story.open(step, first_s, planned)

    def history(self, start_ms: int) -> History:
        """Everything before the opening."""
        warmup = self.warmup
        recent = minute_candles(warmup.trades, warmup.previous_close, warmup.begin_ms, start_ms)
        activity = max(1.0, warmup.activity)
        volume = sum(each.qty_lots for each in warmup.trades) / activity
        count = len(warmup.trades) / activity
        ticks = 300.0  # steps of activity in one tick of the coarse past
        minutes = past_candles(self._past, self._minutes, volume * ticks, count * ticks) + recent
        return History(
            symbol=self.profile.symbol,
            end_ms=start_ms,
            candles=all_intervals(minutes),
            trades=tuple(warmup.trades),
            open_interest=(*self._past.interest, *warmup.points),
            open_interest_recent=tuple(warmup.interest),
            ratios=(*self._past.ratios, *warmup.ratios),
            funding=past_funding(self._past, self.profile.start_ticks * self.profile.tick),
            deep=self.deep,
        )

    def _pressure(self, step: int, ts_ms: int, climate: Climate, shared: Pressure) -> Pressure:
        """The shared episode while there is one, the own standing still meanwhile; an overshoot goes its way."""
        story = self._story
        if step % STRETCH_STEPS == 0:
            self._stretch.follow(ts_ms, self.tape.touch.mid)
            story.view = self._stretch.view(ts_ms)
            if story.view is not None:
                self.tape.lead = story.lead = story.view.lead
        if shared.kind == "calm" or story.now.kind == "overshoot":
            return story.at(step, own_trend(self.profile, climate.trend))
        story.wait(1)
        return shared

    def _slow_events(self, step: int, ts_ms: int, events: list[MarketEvent]) -> None:
        tape, crowd = self.tape, self._crowd
        if step % MARK_STEPS == 0:
            events.append(crowd.mark(ts_ms, tape.touch.mid))
        if step % INTEREST_STEPS == 0:
            events.append(crowd.open_interest(ts_ms))
        if step % RATIO_STEPS == 0:
            events.append(crowd.ratios(ts_ms, tape.bought, tape.sold))


def deep_profile(profile: Profile, salt: int) -> DeepProfile:
    """What stands behind the visible levels of a symbol like this."""
    return DeepProfile(salt, profile.density, DEEP_SHARE * profile.level_lots)


def _merged(trades: list[MarketTrade], forced: list[LiquidationPrint]) -> list[MarketEvent]:
    """Trades and notices of forced orders by time; the notice follows its print."""
    if not forced:
        return list(trades)
    merged: list[MarketEvent] = [*trades, *forced]
    merged.sort(key=lambda event: event.ts_ms)
    return merged
