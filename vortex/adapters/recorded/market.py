"""A market made of recorded files, moved onto the exchange's clock; what the files lack is derived, and said to be."""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np

from vortex.adapters.recorded.plan import Plan, minutes_of, plans_of, stream_of
from vortex.adapters.recorded.reading import Units
from vortex.exchange.generator import HISTORY_DAYS, GeneratedMarket
from vortex.exchange.generator_profile import STEP_MS, profile_of
from vortex.exchange.history import DAY_MS, MINUTE_MS, Candle, History
from vortex.exchange.history_fit import fitted, recorded_minutes, with_minutes
from vortex.exchange.instruments import DEFAULT_INSTRUMENTS, Instrument
from vortex.exchange.market_events import MarketEvent
from vortex.exchange.replay import Replay
from vortex.exchange.replay_records import FundingRecord, MetricRecord, ReplayRecord, TradeRecord
from vortex.kernel.errors import ConfigError

SAMPLE_MS = 5 * MINUTE_MS
"""How much of a recording is looked at to make the derived past as lively as it is."""

SAMPLE_GRID_MS = 10_000
SESSION_APART_MS = 3_600_000
"""Symbols whose recordings begin within this of each other keep their distance in time; others all begin at once."""


class _Reel:
    """One symbol's recording, wound forward, and back again at its end when it loops."""

    def __init__(self, plan: Plan, units: Units, replay: Replay) -> None:
        self.plan = plan
        self.replay = replay
        self._units = units
        self._records = self._wound(self.plan.first_ms)
        self._next = next(self._records, None)
        self.rounds = 1
        self._last_ms = 0

    def advance(self, to_ms: int, *, loop: bool) -> list[MarketEvent]:
        """Events up to `to_ms` of the exchange."""
        events: list[MarketEvent] = []
        while self._next is not None:
            at = self._next.ts_ms + self.replay.shift_ms
            if at > to_ms:
                break
            events += self.replay.take(self._next)
            self._last_ms = at
            self._next = next(self._records, None)
            if self._next is None and loop:
                self._rewind()
        return events + self.replay.until(to_ms)

    def _rewind(self) -> None:
        """Begin anew where the recording ended: in time a step later, in price with the last print."""
        replay = self.replay
        self._records = self._wound(self.plan.first_ms)
        first = next((each for each in self._wound(self.plan.first_ms) if isinstance(each, TradeRecord)), None)
        assert first is not None, "a plan has trades"
        replay.shift_ms = self._last_ms + STEP_MS - self.plan.first_ms
        replay.shift_ticks = _continued(replay.last_px, first.px_ticks)
        replay.restart()
        self.rounds += 1
        self._next = next(self._records, None)

    def _wound(self, from_ms: int) -> Iterator[ReplayRecord]:
        """The stream from the first print on; a book that began earlier is brought up to that moment."""
        for record in stream_of(self.plan, self._units):
            if record.ts_ms >= from_ms:
                yield record
            elif not isinstance(record, TradeRecord | MetricRecord | FundingRecord):
                yield msgspec.structs.replace(record, ts_ms=from_ms)


def _continued(last_px: int, first_px: int) -> int:
    """The shift that joins two rounds, unless rounds have carried the price far from where it was recorded."""
    shift = last_px - first_px
    return shift if abs(shift) < first_px // 2 else 0


class RecordedMarket:
    """Recorded files as a MarketSource."""

    def __init__(
        self,
        paths: Sequence[Path],
        symbols: Sequence[str] | None,
        start_ms: int,
        instruments: Mapping[str, Instrument] = DEFAULT_INSTRUMENTS,
        *,
        loop: bool = True,
        seed: int = 7,
    ) -> None:
        self._units = {name: Units(each) for name, each in instruments.items()}
        self._plans = plans_of(paths, symbols, self._units)
        self._start_ms = start_ms
        self._loop = loop
        self._seed = seed
        earliest = min(plan.first_ms for plan in self._plans)
        self._reels: list[_Reel] = []
        self._histories: dict[str, History] = {}
        for plan in self._plans:
            together = plan.first_ms - earliest < SESSION_APART_MS
            shift = start_ms - (earliest if together else plan.first_ms)
            self._open(plan, instruments[plan.symbol], shift)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Symbols with recorded trades."""
        return tuple(plan.symbol for plan in self._plans)

    @property
    def start_ms(self) -> int:
        """When live events begin, in the exchange's time."""
        return self._start_ms

    @property
    def derived(self) -> dict[str, list[str]]:
        """What is not in the recording and had to be made, per symbol."""
        found: dict[str, list[str]] = {}
        for reel in self._reels:
            lost = ["book: imagined from where its recording ends"] if reel.replay.books_lost else []
            found[reel.plan.symbol] = [*reel.plan.derived, *lost]
        return found

    @property
    def unused(self) -> dict[str, list[Path]]:
        """Files that were understood and left aside, because others tell the same or nothing here needs them."""
        return {plan.symbol: list(plan.unused) for plan in self._plans}

    @property
    def recorded_span(self) -> tuple[int, int]:
        """First and last print of the recordings in their own time, ms. Reads the trades once, in a stream."""
        first = min(plan.first_ms for plan in self._plans)
        last = first
        for plan in self._plans:
            for record in stream_of(plan, self._units[plan.symbol]):
                if isinstance(record, TradeRecord):
                    last = max(last, record.ts_ms)
        return first, last

    @property
    def rounds(self) -> dict[str, int]:
        """How often each recording has been begun."""
        return {reel.plan.symbol: reel.rounds for reel in self._reels}

    def history(self, symbol: str) -> History:
        """What happened to `symbol` before the opening."""
        return self._histories[symbol]

    def advance(self, to_ms: int) -> list[MarketEvent]:
        """All events not told yet with ts_ms <= to_ms, in time order, symbols in their order."""
        events: list[MarketEvent] = []
        for reel in self._reels:
            events += reel.advance(to_ms, loop=self._loop)
        events.sort(key=lambda event: event.ts_ms)
        return events

    def impulse(self, symbol: str, jump_pct: float) -> None:
        """From the next book state on, prices of `symbol` stand `jump_pct` percent elsewhere."""
        if symbol not in self.symbols or not -50.0 <= jump_pct <= 100.0:
            raise ConfigError(f"cannot move {symbol} by {jump_pct} %: not traded here, or not within -50..100")
        self._reels[self.symbols.index(symbol)].replay.jump(jump_pct)

    def _open(self, plan: Plan, instrument: Instrument, shift_ms: int) -> None:
        units = self._units[plan.symbol]
        sample = _sample(plan, units)
        first = sample[0]
        at_price = dataclasses.replace(instrument, reference_price=instrument.tick * Decimal(first.px_ticks))
        replay = Replay(profile_of(at_price), self._seed, shift_ms, self._start_ms)
        self._reels.append(_Reel(plan, units, replay))
        generated = GeneratedMarket(self._seed, [plan.symbol], self._start_ms, {plan.symbol: at_price})
        past = generated.history(plan.symbol)
        history = fitted(past, first.px_ticks, _liveliness(sample, past))
        minutes = self._recorded_minutes(plan, units, first.ts_ms)
        if minutes:
            joined = recorded_minutes(minutes, self._start_ms, first.px_ticks, history)
            history = with_minutes(history, joined, history.trades)
            plan.derived.append(f"past: {len(minutes)} recorded minutes, older ones and the last prints generated")
        else:
            plan.derived.append("past: generated, ending at the first recorded price")
        self._histories[plan.symbol] = history

    def _recorded_minutes(self, plan: Plan, units: Units, first_ms: int) -> list[Candle]:
        """Recorded candles of the days before the recording, on the exchange's clock."""
        to_ms = first_ms // MINUTE_MS * MINUTE_MS
        shift = self._start_ms // MINUTE_MS * MINUTE_MS - to_ms
        found = minutes_of(plan, units, to_ms - HISTORY_DAYS * DAY_MS, to_ms)
        return [msgspec.structs.replace(each, open_ms=each.open_ms + shift) for each in found]


def _sample(plan: Plan, units: Units) -> list[TradeRecord]:
    """The prints of the first minutes."""
    found: list[TradeRecord] = []
    for record in stream_of(plan, units):
        if isinstance(record, TradeRecord):
            found.append(record)
        if found and record.ts_ms > found[0].ts_ms + SAMPLE_MS:
            break
    if not found:
        raise ConfigError(f"{plan.symbol}: the recording holds no trades")
    return found


def _liveliness(sample: list[TradeRecord], past: History) -> float:
    """Volatility of the recording relative to the generated past, per minute."""
    times = np.array([each.ts_ms for each in sample])
    px = np.array([each.px_ticks for each in sample], dtype=np.float64)
    edges = np.arange(times[0], times[-1] + 1, SAMPLE_GRID_MS)
    if len(edges) < 6:
        return 1.0
    moves = np.diff(np.log(px[np.searchsorted(times, edges, side="right") - 1]))
    closes = np.array([each.close_ticks for each in past.candles["1m"]], dtype=np.float64)
    usual = float(np.diff(np.log(closes)).std())
    lively = float(moves.std()) * math.sqrt(MINUTE_MS / SAMPLE_GRID_MS) / usual
    return min(3.0, max(0.05, lively))
