"""A market made of recorded files, moved onto the exchange's clock; what the files lack is derived, and said to be."""

import dataclasses
import math
import zlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import chain
from pathlib import Path

import msgspec
import numpy as np

from vortex.adapters.recorded.layouts import Kind
from vortex.adapters.recorded.past import RecordedPast
from vortex.adapters.recorded.plan import Plan, fast_of, plans_of
from vortex.adapters.recorded.reel import Reel
from vortex.adapters.recorded.units import Units
from vortex.exchange.generator import GeneratedMarket
from vortex.exchange.generator_profile import profile_of
from vortex.exchange.generator_symbol import deep_profile
from vortex.exchange.history import MINUTE_MS, History
from vortex.exchange.history_fit import fitted
from vortex.exchange.instruments import DEFAULT_INSTRUMENTS, Instrument
from vortex.exchange.market_events import MarketEvent
from vortex.exchange.replay import Replay
from vortex.exchange.replay_records import TradeRecord
from vortex.kernel.errors import ConfigError

REBUILT = frozenset({Kind.DEPTH_DIFF, Kind.MERGED, Kind.RAW_WS})
"""Recordings of the whole book: nothing has to be imagined behind it."""

LONG_PAUSE_MS, PAUSE_MS = 600_000, 60_000
"""A pause longer than the first, of all symbols together, lasts as long as the second."""

SAMPLE_MS = 5 * MINUTE_MS
"""How much of a recording is looked at to make the derived past as lively as it is."""

SAMPLE_GRID_MS = 10_000
SESSION_APART_MS = 3_600_000
"""Symbols whose recordings begin within this of each other keep their distance in time; others all begin at once."""


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
        self._plans = plans_of(paths, symbols, self._units, candles_too=True)
        if all(plan.made_of for plan in self._plans):
            for plan in self._plans:
                plan.first_ms += start_ms % MINUTE_MS  # so that recorded minutes are minutes of the exchange
        self._start_ms = start_ms
        self._loop = loop
        self._seed = seed
        earliest = min(plan.first_ms for plan in self._plans)
        self._reels: list[Reel] = []
        self._gaps: list[str] = []
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
            found[reel.plan.symbol] = [*reel.plan.derived, *lost, *(f"gap skipped: {each}" for each in self._gaps)]
        return found

    @property
    def unused(self) -> dict[str, list[Path]]:
        """Files that were understood and left aside, because others tell the same or nothing here needs them."""
        return {plan.symbol: list(plan.unused) for plan in self._plans}

    @property
    def refused(self) -> dict[str, dict[str, int]]:
        """Rows that were left out or mended so far, per symbol and reason; of a looping recording its first round."""
        return {reel.plan.symbol: dict(reel.plan.refused + reel.replay.mended) for reel in self._reels}

    @property
    def recorded_span(self) -> tuple[int, int]:
        """First and last print of the recordings in their own time, ms. Reads the trades once, in a stream."""
        first = min(plan.first_ms for plan in self._plans)
        last = first
        for plan in self._plans:
            for record in fast_of(plan, self._units[plan.symbol]):
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
        told: list[list[MarketEvent]] = [[] for _ in self._reels]
        stop_ms = 0
        while stop_ms < to_ms:
            next_ms = self._next_ms()
            stop_ms = to_ms if next_ms is None else min(to_ms, next_ms + PAUSE_MS)
            for reel, events in zip(self._reels, told, strict=True):
                events += reel.play(stop_ms, loop=self._loop)
            self._skip_pause()
            for reel, events in zip(self._reels, told, strict=True):
                events += reel.rest(stop_ms)
        events = list(chain.from_iterable(told))
        events.sort(key=lambda event: event.ts_ms)
        return events

    def _next_ms(self) -> int | None:
        return min((reel.next_ms for reel in self._reels if reel.next_ms is not None), default=None)

    def _skip_pause(self) -> None:
        """Where nothing was recorded of any symbol for long, a minute passes instead."""
        next_ms = self._next_ms()
        last_ms = max(reel.last_ms for reel in self._reels)
        if next_ms is None or next_ms - last_ms <= LONG_PAUSE_MS:
            return
        shift_ms = self._reels[0].replay.shift_ms
        times = (datetime.fromtimestamp((at - shift_ms) / 1_000, UTC) for at in (last_ms, next_ms))
        self._gaps.append(" to ".join(f"{each:%Y-%m-%d %H:%M:%S}" for each in times))
        for reel in self._reels:
            reel.skip(next_ms - last_ms - PAUSE_MS, last_ms + PAUSE_MS)

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
        profile = profile_of(at_price)
        generated = GeneratedMarket(self._seed, [plan.symbol], self._start_ms, {plan.symbol: at_price})
        past = generated.history(plan.symbol)
        history = fitted(past, first.px_ticks, liveliness_of(sample, past))
        history = RecordedPast(plan, units, instrument, self._start_ms, shift_ms).joined(history, first.px_ticks)
        rebuilt = {each.kind for each in plan.book} & REBUILT
        deep = None if rebuilt else deep_profile(profile, zlib.crc32(plan.symbol.encode()))
        self._histories[plan.symbol] = msgspec.structs.replace(history, deep=deep)
        self._reels.append(Reel(plan, units, Replay(profile, self._seed, shift_ms, self._start_ms)))


def _sample(plan: Plan, units: Units) -> list[TradeRecord]:
    """The prints of the first minutes."""
    found: list[TradeRecord] = []
    for record in fast_of(plan, units):
        if isinstance(record, TradeRecord) and record.ts_ms >= plan.first_ms:
            found.append(record)
        if found and record.ts_ms > found[0].ts_ms + SAMPLE_MS:
            break
    if not found:
        raise ConfigError(f"{plan.symbol}: the recording holds no trades")
    return found


def liveliness_of(sample: Sequence[TradeRecord], past: History) -> float:
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
