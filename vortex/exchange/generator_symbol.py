"""One generated symbol: its tape and its crowd, from a warm-up before the opening into live time."""

from vortex.exchange.generator_climate import Climate
from vortex.exchange.generator_crowd import Crowd
from vortex.exchange.generator_draws import Draws
from vortex.exchange.generator_past import TICKS_PER_MINUTE, Past, past_candles, past_funding
from vortex.exchange.generator_profile import Profile
from vortex.exchange.generator_story import Pressure, Story
from vortex.exchange.generator_stretch import Stretch
from vortex.exchange.generator_tape import Tape
from vortex.exchange.history import History, all_intervals, minute_candles
from vortex.exchange.market_events import (
    BookState,
    LiquidationPrint,
    MarketEvent,
    MarketTrade,
    OpenInterestState,
)

MARK_STEPS = 10
INTEREST_STEPS = 50
RATIO_STEPS = 150
STRETCH_STEPS = 10
STRETCH_MINUTES = 120
RECENT_INTEREST_STEPS = 150
"""Open interest is read every 15 s by whoever watches it; the recent history has the same grain."""


class Warmup:
    """What was traded between the coarse past and the opening."""

    def __init__(self, begin_ms: int, previous_close: int) -> None:
        self.begin_ms = begin_ms
        self.previous_close = previous_close
        self.trades: list[MarketTrade] = []
        self.interest: list[OpenInterestState] = []
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
        self.tape = Tape(profile, Draws(seed, f"{name}/tape"), salt, profile.start_ticks)
        self._stretch = Stretch()
        scale = profile.start_ticks / past.prices[-1]
        for price in past.prices[-1 : -TICKS_PER_MINUTE * STRETCH_MINUTES : -TICKS_PER_MINUTE][::-1]:
            self._stretch.close(price * scale)
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

    def open(self, planned: list[str]) -> None:
        """The opening: what was going on ends, and something new begins within two minutes."""
        self._story.open(0, (50.0, 100.0), planned)

    def history(self, start_ms: int) -> History:
        """Everything before the opening."""
        warmup = self.warmup
        recent = minute_candles(warmup.trades, warmup.previous_close, warmup.begin_ms, start_ms)
        activity = max(1.0, warmup.activity)
        volume = sum(each.qty_lots for each in warmup.trades) / activity
        count = len(warmup.trades) / activity
        ticks = 300.0  # steps of activity in one tick of the coarse past
        draws = Draws(self._seed, f"{self.profile.symbol}/bridge")
        coarse = past_candles(self._past, self.profile.start_ticks, volume * ticks, count * ticks, draws)
        minutes = coarse + recent
        return History(
            symbol=self.profile.symbol,
            end_ms=start_ms,
            candles=all_intervals(minutes),
            trades=tuple(warmup.trades),
            open_interest=tuple(self._past.interest),
            open_interest_recent=tuple(warmup.interest),
            ratios=tuple(self._past.ratios),
            funding=past_funding(self._past, self.profile.start_ticks * self.profile.tick),
        )

    def _pressure(self, step: int, ts_ms: int, climate: Climate, shared: Pressure) -> Pressure:
        """The shared episode while there is one, the own standing still meanwhile; an overshoot goes its way."""
        story = self._story
        if step % STRETCH_STEPS == 0:
            self._stretch.follow(ts_ms, self.tape.touch.mid)
            story.stretched, story.way = self._stretch.side(), self._stretch.way()
        if shared.kind == "calm" or story.now.kind == "overshoot":
            return story.at(step, climate.trend)
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


def _merged(trades: list[MarketTrade], forced: list[LiquidationPrint]) -> list[MarketEvent]:
    """Trades and notices of forced orders by time; the notice follows its print."""
    if not forced:
        return list(trades)
    merged: list[MarketEvent] = [*trades, *forced]
    merged.sort(key=lambda event: event.ts_ms)
    return merged
