"""Replays recordings one by one, and hours of the generated market, and hands back what their signals said."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from cli.replay_run import GENERATED_START_MS, Run
from vortex.adapters.recorded.layouts import Kind, Layout, layout_of
from vortex.adapters.recorded.plan import TRADE_KINDS, expanded, is_minutes, plans_of
from vortex.adapters.recorded.reading import Units, candles_of
from vortex.exchange.generator import HISTORY_DAYS, GeneratedMarket
from vortex.exchange.history import DAY_MS
from vortex.exchange.instruments import DEFAULT_INSTRUMENTS
from vortex.kernel.clock import Clock
from vortex.kernel.errors import ConfigError
from vortex.sim.replay_desk import ReplayDesk, ReplaySettings
from vortex.sim.replay_report import SymbolReport
from vortex.sim.replay_rows import EventWriter
from vortex.sim.replay_signals import SignalReport, SignalTally
from vortex.sim.words import instrument_of

PAST_MS = HISTORY_DAYS * DAY_MS
"""How far back candles still count as the past of a recording."""
GENERATED_SYMBOLS = ("BTCUSDT", "ETHUSDT")
GENERATED_STEP_MS = 10_000
BOOKS_PER_STEP = 1_024
"""More than a step holds; one comes every 100 ms."""
HOUR_MS = 3_600_000
FULL_HOUR_MIN = 60.0

Tell = Callable[[str], None]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One symbol of one recording, or of the generated market.

    `key` is the short name of tables and pictures, `label` the long one, `source` the given path's last part.
    `decisions` are those a live symbol would have made, `refused` what risk said to those that were for a trade.
    """

    key: str
    label: str
    source: str
    generated: bool
    minutes: float
    events: int
    decisions: int
    refused: dict[str, int]
    trades: int
    hash: str
    derived: list[str]
    signals: SignalReport


def recorded_rows(paths: Sequence[Path], settings: ReplaySettings, clock: Clock, tell: Tell) -> list[Row]:
    """Every path is one recording: a file, or a folder of one session. Raises ConfigError.

    A path without trades is no recording; its minutes are the past of recordings that begin in or soon after them.
    """
    layouts = {path: [layout_of(each) for each in expanded([path])] for path in paths}
    markets = [path for path in paths if any(layout.kind in TRADE_KINDS for layout in layouts[path])]
    if not markets:
        raise ConfigError("nothing to replay: a recording needs trades (aggTrades, trades or raw-ws)")
    units = {name: Units(contract) for name, contract in DEFAULT_INSTRUMENTS.items()}
    beside = [layout for path in paths if path not in markets for layout in layouts[path]]
    candles = [
        (layout, _span(layout, units[layout.symbol]))
        for layout in beside
        if layout.kind is Kind.KLINES and layout.symbol in units and is_minutes(layout, units[layout.symbol])
    ]
    references = {settings.signals.correlation.first, settings.signals.correlation.second}
    found: list[Row] = []
    for path in markets:
        plans = plans_of([path], None, units)
        symbols = [plan.symbol for plan in plans]
        wanted = references.union(symbols)
        near = [
            layout.path
            for layout, (first_ms, last_ms) in candles
            if layout.symbol in wanted and any(first_ms <= plan.first_ms <= last_ms + PAST_MS for plan in plans)
        ]
        tell(f"{path.name}, after {', '.join(each.name for each in near)}:" if near else f"{path.name}:")
        found += _recording([path, *near], symbols, settings, clock, tell, first=len(found) + 1)
    return found


def _span(layout: Layout, units: Units) -> tuple[int, int]:
    """First and last opening time in a file of candles."""
    times = [candle.open_ms for candle in candles_of(layout, units)]
    return min(times), max(times)


def _recording(
    paths: Sequence[Path], symbols: Sequence[str], settings: ReplaySettings, clock: Clock, tell: Tell, first: int
) -> Iterator[Row]:
    """The symbols of one recording, replayed together."""
    tallies: dict[str, SignalTally] = {}

    def watch(symbol: str) -> SignalTally:
        return tallies.setdefault(symbol, SignalTally(symbol, settings.decision))

    run = Run(settings, clock, tell, watch)
    run.recorded(paths, symbols)
    result = run.result()
    for number, (symbol, report) in enumerate(result.symbols.items(), start=first):
        yield _row(
            f"R{number}",
            f"{_base(symbol)} {_day(report.first_ms)}",
            paths[0].name,
            report,
            result.derived[symbol],
            tallies[symbol].report(),
        )


def generated_rows(hours: float, seed: int, settings: ReplaySettings, clock: Clock, tell: Tell) -> list[Row]:
    """The market of the simulated exchange, as `vortex start` trades on it, replayed like a recording."""
    tell(f"generating and replaying {hours:g} h of market, seed {seed}")
    market = GeneratedMarket(seed, GENERATED_SYMBOLS, GENERATED_START_MS)
    desks: dict[str, ReplayDesk] = {}
    tallies: dict[str, SignalTally] = {}
    writers: dict[str, EventWriter] = {}
    for symbol in GENERATED_SYMBOLS:
        instrument = instrument_of(DEFAULT_INSTRUMENTS[symbol])
        tallies[symbol] = SignalTally(symbol, settings.decision)
        desks[symbol] = ReplayDesk(instrument, settings, clock, tallies[symbol])
        writers[symbol] = EventWriter(instrument, desks[symbol].warm_up(market.history(symbol)), BOOKS_PER_STEP)
    end_ms = GENERATED_START_MS + round(hours * HOUR_MS)
    for to_ms in range(GENERATED_START_MS, end_ms, GENERATED_STEP_MS):
        for event in market.advance(min(to_ms + GENERATED_STEP_MS, end_ms)):
            writers[event.symbol].put(event)
        for symbol, desk in desks.items():
            desk.feed(writers[symbol].batch())
    return [
        _row(
            f"G{number}",
            f"{_base(symbol)} generated",
            f"generated, seed {seed}",
            desk.finish(),
            ["everything", "correlation of the reference symbols: left out"],
            tallies[symbol].report(),
            generated=True,
        )
        for number, (symbol, desk) in enumerate(desks.items(), start=1)
    ]


def _row(
    key: str,
    label: str,
    source: str,
    report: SymbolReport,
    derived: list[str],
    signals: SignalReport,
    *,
    generated: bool = False,
) -> Row:
    return Row(
        key=key,
        label=f"{label}, {_length(report.market_ms)}",
        source=source,
        generated=generated,
        minutes=round(report.market_ms / 60_000, 3),
        events=report.events,
        decisions=report.decisions,
        refused=report.refused,
        trades=report.figures.trades,
        hash=report.hash,
        derived=derived,
        signals=signals,
    )


def _base(symbol: str) -> str:
    return symbol.removesuffix("USDT")


def _day(ts_ms: int) -> str:
    return datetime.fromtimestamp(ts_ms / 1_000, UTC).strftime("%Y-%m-%d")


def _length(span_ms: int) -> str:
    """Seconds, minutes or hours, whichever says it shortest."""
    minutes = span_ms / 60_000
    if minutes < 1.0:
        return f"{span_ms / 1_000:.0f} s"
    return f"{minutes:.0f} min" if minutes < 2 * FULL_HOUR_MIN else f"{minutes / FULL_HOUR_MIN:.3g} h"
