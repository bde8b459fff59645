"""What the public dumps tell all day long: open interest and ratios, funding, mark and index candles, book depth."""

from collections.abc import Callable, Iterator
from typing import Any

from vortex.adapters.recorded.candles import length_of
from vortex.adapters.recorded.files import rows
from vortex.adapters.recorded.layouts import Kind, Layout
from vortex.adapters.recorded.units import Place, Units, ms_of
from vortex.exchange.replay_records import FundingRecord, MarkRecord, MetricRecord, ReplayRecord, ShapeRecord
from vortex.kernel.errors import ConfigError

HOUR_MS = 3_600_000
USUAL_FUNDING_HOURS = 8.0
PRICE_KINDS = {Kind.MARK_PRICE: "mark", Kind.INDEX_PRICE: "index", Kind.PREMIUM_INDEX: "premium"}
SLOW_KINDS = (Kind.METRICS, Kind.FUNDING, *PRICE_KINDS, Kind.BOOK_DEPTH)


def slow_records(layout: Layout, units: Units) -> Iterator[ReplayRecord]:
    """All records of one such file; its rows must be in time order. A reading that is blank is left out."""
    if layout.kind is Kind.BOOK_DEPTH:
        yield from _ordered(layout, _shapes(layout, units))
        return
    if layout.kind in PRICE_KINDS:
        parse = _prices(layout)
    else:
        parse = (_metrics if layout.kind is Kind.METRICS else _funding)(layout.columns, units)
    yield from _ordered(layout, _parsed(layout, parse))


def _parsed(layout: Layout, parse: Callable[[list[Any]], ReplayRecord | None]) -> Iterator[ReplayRecord]:
    for number, values in rows(layout.path):
        with Place(layout.path, number):
            record = parse(values)
        if record is not None:
            yield record


def _ordered(layout: Layout, records: Iterator[ReplayRecord]) -> Iterator[ReplayRecord]:
    last = 0
    for record in records:
        if record.ts_ms < last:
            raise ConfigError(
                f"{layout.path}: time runs back from {last} to {record.ts_ms}; the file must be in time order"
            )
        last = record.ts_ms
        yield record


def _metrics(at: dict[str, int], units: Units) -> Callable[[list[Any]], ReplayRecord | None]:
    def share(row: list[Any], name: str) -> float:
        ratio = float(row[at[name]] or 1.0) if name in at else 1.0
        return ratio / (1.0 + ratio)

    def parse(row: list[Any]) -> ReplayRecord | None:
        interest = row[at["sum_open_interest"]]
        if interest is None or interest == "":
            return None
        return MetricRecord(
            ms_of(row[at["create_time"]]),
            units.qty(interest),
            share(row, "count_long_short_ratio"),
            share(row, "count_toptrader_long_short_ratio"),
            share(row, "sum_toptrader_long_short_ratio"),
            share(row, "sum_taker_long_short_vol_ratio"),
        )

    return parse


def _funding(at: dict[str, int], _units: Units) -> Callable[[list[Any]], ReplayRecord | None]:
    hours_at = at.get("funding_interval_hours")

    def parse(row: list[Any]) -> ReplayRecord:
        due_ms = ms_of(row[at["calc_time"]])
        hours = float(row[hours_at]) if hours_at is not None else USUAL_FUNDING_HOURS
        return FundingRecord(due_ms - int(hours * HOUR_MS), float(row[at["last_funding_rate"]]), due_ms)

    return parse


def _prices(layout: Layout) -> Callable[[list[Any]], ReplayRecord | None]:
    at, what, length_ms = layout.columns, PRICE_KINDS[layout.kind], length_of(layout)

    def parse(row: list[Any]) -> ReplayRecord:
        open_ms = ms_of(row[at["open_time"]])
        opened, closed = float(row[at["open"]]), float(row[at["close"]])
        if what != "premium" and not (opened > 0 and closed > 0):
            raise ValueError(f"prices {opened} and {closed} are not above zero")
        return MarkRecord(open_ms, what, open_ms + length_ms, opened, closed)

    return parse


def _shapes(layout: Layout, units: Units) -> Iterator[ReplayRecord]:
    """Rows of one moment make one shape; (percentage, depth) with negative percentages for bids."""
    at = layout.columns
    now_ms, marks = 0, dict[float, float]()
    for number, row in rows(layout.path):
        with Place(layout.path, number):
            ts_ms = ms_of(row[at["timestamp"]])
            percent, lots = float(row[at["percentage"]]), float(units.qty(row[at["depth"]]))
            if percent == 0:
                raise ValueError("a percentage of zero is on neither side")
        if ts_ms != now_ms and marks:
            yield _shape(now_ms, marks)
            marks = {}
        now_ms = ts_ms
        marks[percent] = lots
    if marks:
        yield _shape(now_ms, marks)


def _shape(ts_ms: int, marks: dict[float, float]) -> ShapeRecord:
    bids = sorted((-percent, lots) for percent, lots in marks.items() if percent < 0)
    asks = sorted((percent, lots) for percent, lots in marks.items() if percent > 0)
    return ShapeRecord(ts_ms, tuple(bids), tuple(asks))
