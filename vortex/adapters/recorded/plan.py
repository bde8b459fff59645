"""Chooses, symbol by symbol, which of the given files tell the trades, the book and the rest."""

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from vortex.adapters.recorded.candles import joined, length_of, prints_of
from vortex.adapters.recorded.files import SUFFIXES
from vortex.adapters.recorded.layouts import Kind, Layout, layout_of
from vortex.adapters.recorded.reading import candles_of, raw_symbols, records_of
from vortex.adapters.recorded.slow import PRICE_KINDS, SLOW_KINDS
from vortex.adapters.recorded.units import Units
from vortex.exchange.generator_draws import Draws
from vortex.exchange.history import DAY_MS, MINUTE_MS, Candle
from vortex.exchange.replay_records import ReplayRecord, TradeRecord
from vortex.kernel.errors import ConfigError

TRADE_KINDS = (Kind.AGG_TRADES, Kind.TRADES, Kind.MERGED, Kind.RAW_WS)
BOOK_KINDS = (Kind.TOP_LEVELS, Kind.DEPTH_DIFF, Kind.MERGED, Kind.RAW_WS, Kind.BOOK_TICKER)
CANDLE_PAST_MS = 2 * DAY_MS
"""How much of a symbol that has candles only is kept for its past."""

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
    made_of: list[tuple[int, Layout]] = field(default_factory=list)
    """Candles (length in ms, file) that stand for the trades of a symbol without any."""
    refused: Counter[str] = field(default_factory=Counter)
    """Rows that were left out on purpose, by reason."""


def expanded(paths: Sequence[Path]) -> list[Path]:
    """The files themselves, and those inside folders, in name order; each once, however often it is named."""
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
    return list({path.resolve(): path for path in found}.values())


def _readable(path: Path) -> bool:
    return path.name.lower().endswith(SUFFIXES)


def plans_of(
    paths: Sequence[Path], symbols: Sequence[str] | None, units: dict[str, Units], *, candles_too: bool = False
) -> list[Plan]:
    """One plan per symbol that has trades, or with `candles_too` candles; in the wanted order, or that of the files.

    Without named symbols those that cannot be played are left out, and the first plan says so in `derived`.
    """
    by_symbol: dict[str, list[Layout]] = {}
    for path in expanded(paths):
        layout = layout_of(path)
        names = raw_symbols(path) if layout.kind is Kind.RAW_WS else {layout.symbol}
        if names == {""} and symbols is not None and len(symbols) == 1:
            names = set(symbols)
        for name in sorted(names):
            by_symbol.setdefault(name, []).append(layout)
    wanted = list(symbols) if symbols else [name for name in by_symbol if name in units]
    if "" in by_symbol and (not wanted or len(by_symbol) == 1):
        path = by_symbol[""][0].path
        raise ConfigError(f"{path}: the name tells no symbol; name it like BTCUSDT-{path.name}, or name one symbol")
    missing = [name for name in wanted if name not in by_symbol or name not in units]
    if missing or not wanted:
        raise ConfigError(
            f"no recording of a listed contract for {missing or 'any symbol'}; the files name {sorted(by_symbol)}"
        )
    enough = (*TRADE_KINDS, Kind.KLINES) if candles_too else TRADE_KINDS
    playable = [name for name in wanted if any(each.kind in enough for each in by_symbol[name])]
    if symbols or not playable:
        playable = wanted
    plans = [_plan(symbol, by_symbol[symbol], units[symbol], candles_too=candles_too) for symbol in playable]
    for name in wanted:
        if name not in playable:
            kinds = ", ".join(sorted({each.kind.value for each in by_symbol[name]}))
            plans[0].derived.append(f"left out: {name} has no trades, only {kinds}")
    if candles_too:
        _begin_together(plans, units)
    return plans


def _plan(symbol: str, layouts: list[Layout], units: Units, *, candles_too: bool) -> Plan:
    by_kind: dict[Kind, list[Layout]] = {}
    for layout in layouts:
        by_kind.setdefault(layout.kind, []).append(layout)
    trades = next((by_kind[kind] for kind in TRADE_KINDS if kind in by_kind), None)
    klines = by_kind.get(Kind.KLINES, [])
    if trades is None and not (candles_too and klines):
        found = ", ".join(sorted(kind.value for kind in by_kind))
        raise ConfigError(f"{symbol}: a market needs recorded trades (aggTrades, trades or raw-ws); found {found}")
    plan = Plan(symbol, trades or [], [], klines=klines)
    if trades is None:
        plan.made_of = _shortest(klines, units)
        plan.first_ms = next(candles_of(plan.made_of[0][1], units)).open_ms
        plan.derived.append("trades: made from candles, which they add up to")
    else:
        plan.trades = _by_time(symbol, trades, units, TradeRecord)
        plan.first_ms = _first(symbol, plan.trades[0], units, TradeRecord)
    plan.book = _book_layouts(plan, by_kind, units)
    plan.slow = [each for kind in SLOW_KINDS for each in _by_time(symbol, by_kind.get(kind, []), units, None)]
    used = {each.path for each in (*plan.trades, *plan.book, *plan.slow, *plan.klines)}
    plan.unused = [each.path for each in layouts if each.path not in used]
    _say_what_is_derived(plan)
    return plan


def _shortest(klines: list[Layout], units: Units) -> list[tuple[int, Layout]]:
    """The files of the shortest candles, in time order."""
    lengths = [(length_of(each), each) for each in klines]
    shortest = min(length_ms for length_ms, _ in lengths)
    found = [(length_ms, each) for length_ms, each in lengths if length_ms == shortest]
    return sorted(found, key=lambda each: next(candles_of(each[1], units)).open_ms)


def _begin_together(plans: list[Plan], units: dict[str, Units]) -> None:
    """Symbols made of candles begin with those that have trades if they can, else after two days of their own."""
    traded = [plan.first_ms for plan in plans if plan.trades]
    for plan in plans:
        if plan.made_of:
            runs = _runs(plan, units[plan.symbol])
            with_them = [at for at in traded[:1] for first, last in runs if first < at < last]
            first, last = max(runs, key=lambda run: run[1] - run[0])
            alone = first + min(CANDLE_PAST_MS, (last - first) // 2 // MINUTE_MS * MINUTE_MS)
            plan.first_ms = with_them[0] if with_them else alone


def _runs(plan: Plan, units: Units) -> list[tuple[int, int]]:
    """Begin and end of every unbroken row of the candles that stand for trades."""
    runs: list[tuple[int, int]] = []
    for length_ms, layout in plan.made_of:
        for candle in candles_of(layout, units):
            end_ms = candle.open_ms + length_ms
            if runs and candle.open_ms <= runs[-1][1]:
                runs[-1] = (runs[-1][0], max(runs[-1][1], end_ms))
            else:
                runs.append((candle.open_ms, end_ms))
    return runs


def is_minutes(layout: Layout, units: Units) -> bool:
    """Whether a klines file holds one-minute candles; only those make all the others."""
    rows = candles_of(layout, units)
    first, second = next(rows, None), next(rows, None)
    return first is not None and second is not None and second.open_ms - first.open_ms == MINUTE_MS


def _book_layouts(plan: Plan, by_kind: dict[Kind, list[Layout]], units: Units) -> list[Layout]:
    """The best telling of the book that is of the trades' session."""
    begins = [_first(plan.symbol, each, units, TradeRecord) for each in plan.trades] or [plan.first_ms]
    for kind in BOOK_KINDS:
        near = [
            each
            for each in by_kind.get(kind, [])
            if min(abs(_first(plan.symbol, each, units, None) - begin) for begin in begins) < SAME_SESSION_MS
        ]
        if near:
            found = _by_time(plan.symbol, near, units, None)
            return found + (by_kind.get(Kind.DEPTH_SNAPSHOT, []) if kind is Kind.DEPTH_DIFF else [])
    return []


def _say_what_is_derived(plan: Plan) -> None:
    kinds = {each.kind for each in plan.book}
    slow = {each.kind for each in plan.slow}
    if not kinds:
        shaped = ", as deep as the recorded bookDepth" if Kind.BOOK_DEPTH in slow else ""
        plan.derived.append(f"book: imagined round the trades{shaped}")
    elif kinds == {Kind.TOP_LEVELS}:
        plan.derived.append("book: top levels recorded, levels behind them imagined")
    elif kinds == {Kind.BOOK_TICKER}:
        plan.derived.append("book: best prices recorded, levels behind them imagined")
    elif kinds == {Kind.DEPTH_DIFF}:
        plan.derived.append("book: from differences without a snapshot, so levels never touched are missing")
    if not any(each.kind is Kind.METRICS for each in plan.slow):
        plan.derived.append("open interest and ratios: follow the recorded price")
    if not any(each.kind is Kind.FUNDING for each in plan.slow):
        plan.derived.append("funding: follows the recorded price")
    missing = [PRICE_KINDS[kind] for kind in (Kind.MARK_PRICE, Kind.INDEX_PRICE) if kind not in slow]
    if missing:
        plan.derived.append(f"{' and '.join(missing)}: follows the smoothed middle of the book")


Wanted = type[TradeRecord] | None


def _first(symbol: str, layout: Layout, units: Units, wanted: Wanted) -> int:
    """Time of the first record (of the wanted type) in a file."""
    for record in records_of(layout, symbol, units):
        if wanted is None or isinstance(record, wanted):
            return record.ts_ms
    raise ConfigError(f"{layout.path}: holds nothing for {symbol}")


def _by_time(symbol: str, layouts: list[Layout], units: Units, wanted: Wanted) -> list[Layout]:
    return sorted(layouts, key=lambda each: _first(symbol, each, units, wanted))


def stream_of(plan: Plan, units: Units, refused: Counter[str] | None = None) -> Iterator[ReplayRecord]:
    """All records of a plan by time, streamed; rows left out on purpose are counted in `refused`."""
    streams = [fast_of(plan, units, refused), slow_of(plan, units)]
    return heapq.merge(*streams, key=lambda record: record.ts_ms)


def fast_of(plan: Plan, units: Units, refused: Counter[str] | None = None) -> Iterator[ReplayRecord]:
    """Trades, books and forced orders by time."""
    counted = Counter[str]() if refused is None else refused
    if plan.made_of:
        draws = Draws(0, f"{plan.symbol}/candles")
        trades: Iterator[ReplayRecord] = prints_of(plan.made_of, units, draws, plan.first_ms)
    elif {each.path for each in plan.trades} == {each.path for each in plan.book}:
        return chain.from_iterable(records_of(each, plan.symbol, units) for each in plan.trades)
    else:
        trades = _only(plan, plan.trades, units, counted, trades=True)
    snapshots = [each for each in plan.book if each.kind is Kind.DEPTH_SNAPSHOT]
    book = _only(plan, [each for each in plan.book if each not in snapshots], units, counted, trades=False)
    whole = [records_of(each, plan.symbol, units) for each in snapshots]
    return heapq.merge(trades, book, *whole, key=lambda record: record.ts_ms)


def slow_of(plan: Plan, units: Units) -> Iterator[ReplayRecord]:
    """What is recorded all day long, by time; where files of a kind overlap the earlier one counts."""
    kinds = dict.fromkeys(each.kind for each in plan.slow)
    streams = [_one_kind(plan, [each for each in plan.slow if each.kind is kind], units) for kind in kinds]
    return heapq.merge(*streams, key=lambda record: record.ts_ms)


def _one_kind(plan: Plan, layouts: list[Layout], units: Units) -> Iterator[ReplayRecord]:
    last = 0
    for layout in layouts:
        for record in records_of(layout, plan.symbol, units):
            if record.ts_ms > last:
                last = record.ts_ms
                yield record


def _only(
    plan: Plan, layouts: list[Layout], units: Units, refused: Counter[str], *, trades: bool
) -> Iterator[ReplayRecord]:
    """The records of several files one after another, trades only or all else; time never falls, no id comes twice."""
    last = last_id = 0
    for number, layout in enumerate(layouts):
        for record in records_of(layout, plan.symbol, units):
            if isinstance(record, TradeRecord) is not trades:
                continue
            if record.ts_ms < last:
                refused["later than what follows it" if number == 0 else "told by an earlier file"] += 1
                continue
            if isinstance(record, TradeRecord) and record.last_id > 0:
                if record.last_id == last_id or (number and record.last_id < last_id):
                    refused["trade told twice"] += 1
                    continue
                last_id = record.last_id
            last = record.ts_ms
            yield record


def minutes_of(plan: Plan, units: Units, from_ms: int, to_ms: int) -> list[Candle]:
    """Recorded minutes that open in [from_ms, to_ms), out of candles of every length, without holes up to the last."""
    found = joined([(length_of(each), each) for each in plan.klines], units, from_ms, to_ms)
    run: list[Candle] = []
    at = to_ms - MINUTE_MS
    while at in found:
        run.append(found[at])
        at -= MINUTE_MS
    return run[::-1]
