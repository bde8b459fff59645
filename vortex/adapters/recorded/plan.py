"""Chooses, symbol by symbol, which of the given files tell the trades, the book and the rest."""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from vortex.adapters.recorded.files import SUFFIXES
from vortex.adapters.recorded.layouts import Kind, Layout, layout_of
from vortex.adapters.recorded.reading import Units, candles_of, raw_symbols, records_of
from vortex.exchange.history import MINUTE_MS, Candle
from vortex.exchange.replay_records import ReplayRecord, TradeRecord
from vortex.kernel.errors import ConfigError

TRADE_KINDS = (Kind.AGG_TRADES, Kind.TRADES, Kind.MERGED, Kind.RAW_WS)
BOOK_KINDS = (Kind.TOP_LEVELS, Kind.DEPTH_DIFF, Kind.MERGED, Kind.RAW_WS, Kind.BOOK_TICKER)
SLOW_KINDS = (Kind.METRICS, Kind.FUNDING)
SAME_SESSION_MS = 3_600_000
"""Streams that begin further apart than this are not of one session."""


@dataclass(slots=True)
class Plan:
    """What is read for one symbol. `derived` names what is made up, `unused` the files left aside."""

    symbol: str
    trades: list[Layout]
    book: list[Layout]
    slow: list[Layout] = field(default_factory=list)
    klines: list[Layout] = field(default_factory=list)
    derived: list[str] = field(default_factory=list)
    unused: list[Path] = field(default_factory=list)
    first_ms: int = 0


def expanded(paths: Sequence[Path]) -> list[Path]:
    """The files themselves, and those inside folders, in name order."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = [each for each in sorted(path.rglob("*")) if each.is_file() and _readable(each)]
            if not inside:
                raise ConfigError(f"{path}: no recorded files inside; known endings are {', '.join(SUFFIXES)}")
            found += inside
        elif path.exists():
            found.append(path)
        else:
            raise ConfigError(f"{path}: no such file or folder")
    return found


def _readable(path: Path) -> bool:
    return path.name.lower().endswith(SUFFIXES)


def plans_of(paths: Sequence[Path], symbols: Sequence[str] | None, units: dict[str, Units]) -> list[Plan]:
    """One plan per symbol that has trades; symbols in the wanted order, or in that of the files."""
    by_symbol: dict[str, list[Layout]] = {}
    for path in expanded(paths):
        layout = layout_of(path)
        names = raw_symbols(path) if layout.kind is Kind.RAW_WS else {layout.symbol}
        if names == {""} and symbols is not None and len(symbols) == 1:
            names = set(symbols)
        for name in sorted(names):
            by_symbol.setdefault(name, []).append(layout)
    wanted = list(symbols) if symbols else [name for name in by_symbol if name in units]
    missing = [name for name in wanted if name not in by_symbol or name not in units]
    if missing or not wanted:
        raise ConfigError(
            f"no recording of a listed contract for {missing or 'any symbol'}; the files name {sorted(by_symbol)}"
        )
    return [_plan(symbol, by_symbol[symbol], units[symbol]) for symbol in wanted]


def _plan(symbol: str, layouts: list[Layout], units: Units) -> Plan:
    by_kind: dict[Kind, list[Layout]] = {}
    for layout in layouts:
        by_kind.setdefault(layout.kind, []).append(layout)
    trades = next((by_kind[kind] for kind in TRADE_KINDS if kind in by_kind), None)
    if trades is None:
        found = ", ".join(sorted(kind.value for kind in by_kind))
        raise ConfigError(f"{symbol}: a market needs recorded trades (aggTrades, trades or raw-ws); found {found}")
    plan = Plan(symbol, trades, [])
    plan.trades = _by_time(symbol, trades, units, TradeRecord)
    plan.first_ms = _first(symbol, plan.trades[0], units, TradeRecord)
    plan.book = _book_layouts(plan, by_kind, units)
    plan.slow = [each for kind in SLOW_KINDS for each in by_kind.get(kind, [])]
    plan.klines = [each for each in by_kind.get(Kind.KLINES, []) if is_minutes(each, units)]
    used = {each.path for each in (*plan.trades, *plan.book, *plan.slow, *plan.klines)}
    plan.unused = [each.path for each in layouts if each.path not in used]
    _say_what_is_derived(plan)
    return plan


def is_minutes(layout: Layout, units: Units) -> bool:
    """Whether a klines file holds one-minute candles; only those make all the others."""
    rows = candles_of(layout, units)
    first, second = next(rows, None), next(rows, None)
    return first is not None and second is not None and second.open_ms - first.open_ms == MINUTE_MS


def _book_layouts(plan: Plan, by_kind: dict[Kind, list[Layout]], units: Units) -> list[Layout]:
    """The best telling of the book that is of the trades' session."""
    for kind in BOOK_KINDS:
        near = [
            each
            for each in by_kind.get(kind, [])
            if abs(_first(plan.symbol, each, units, None) - plan.first_ms) < SAME_SESSION_MS
        ]
        if near:
            found = _by_time(plan.symbol, near, units, None)
            return found + (by_kind.get(Kind.DEPTH_SNAPSHOT, []) if kind is Kind.DEPTH_DIFF else [])
    return []


def _say_what_is_derived(plan: Plan) -> None:
    kinds = {each.kind for each in plan.book}
    if not kinds:
        plan.derived.append("book: imagined round the trades")
    elif kinds == {Kind.BOOK_TICKER}:
        plan.derived.append("book: best prices recorded, levels behind them imagined")
    elif kinds == {Kind.DEPTH_DIFF}:
        plan.derived.append("book: from differences without a snapshot, so levels never touched are missing")
    if not any(each.kind is Kind.METRICS for each in plan.slow):
        plan.derived.append("open interest and ratios: follow the recorded price")
    if not any(each.kind is Kind.FUNDING for each in plan.slow):
        plan.derived.append("funding: follows the recorded price")
    plan.derived.append("mark and index: the smoothed middle of the book")


Wanted = type[TradeRecord] | None


def _first(symbol: str, layout: Layout, units: Units, wanted: Wanted) -> int:
    """Time of the first record (of the wanted type) in a file."""
    for record in records_of(layout, symbol, units):
        if wanted is None or isinstance(record, wanted):
            return record.ts_ms
    raise ConfigError(f"{layout.path}: holds nothing for {symbol}")


def _by_time(symbol: str, layouts: list[Layout], units: Units, wanted: Wanted) -> list[Layout]:
    return sorted(layouts, key=lambda each: _first(symbol, each, units, wanted))


def stream_of(plan: Plan, units: Units) -> Iterator[ReplayRecord]:
    """All records of a plan by time, streamed."""
    if {each.path for each in plan.trades} == {each.path for each in plan.book}:
        return chain.from_iterable(records_of(each, plan.symbol, units) for each in plan.trades)
    streams = [_only(plan, plan.trades, units, trades=True)]
    snapshots = [each for each in plan.book if each.kind is Kind.DEPTH_SNAPSHOT]
    streams.append(_only(plan, [each for each in plan.book if each not in snapshots], units, trades=False))
    streams += [records_of(each, plan.symbol, units) for each in (*snapshots, *plan.slow)]
    return heapq.merge(*streams, key=lambda record: record.ts_ms)


def _only(plan: Plan, layouts: list[Layout], units: Units, *, trades: bool) -> Iterator[ReplayRecord]:
    """The records of several files one after another, trades only or all else; clamped so that time never falls."""
    last = 0
    for layout in layouts:
        for record in records_of(layout, plan.symbol, units):
            if isinstance(record, TradeRecord) is trades and record.ts_ms >= last:
                last = record.ts_ms
                yield record


def minutes_of(plan: Plan, units: Units, from_ms: int, to_ms: int) -> list[Candle]:
    """Recorded one-minute candles that open in [from_ms, to_ms), without holes up to the last."""
    found: dict[int, Candle] = {}
    for layout in plan.klines:
        for candle in candles_of(layout, units):
            if from_ms <= candle.open_ms < to_ms:
                found[candle.open_ms] = candle
    run: list[Candle] = []
    at = to_ms - MINUTE_MS
    while at in found:
        run.append(found[at])
        at -= MINUTE_MS
    return run[::-1]
