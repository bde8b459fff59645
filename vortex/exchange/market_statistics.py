"""What a market looks like in numbers, so that a generated one can be held against a recorded one.

Returns are relative changes in basis points. Depth is the quote value of a level, so that years and symbols compare.
"""

import math
from collections import defaultdict
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vortex.exchange.instruments import Instrument
from vortex.exchange.market_events import BookState, MarketEvent, MarketTrade
from vortex.exchange.market_source import MarketSource
from vortex.exchange.tape import MERGE_MS

Floats = NDArray[np.float64]
CHUNK_MS = 60_000
DEPTH_RANKS = (1, 2, 3, 6, 10, 20)
NOT_KNOWN = float("nan")


@dataclass(frozen=True, slots=True)
class MarketStatistics:
    """Stylized facts of one symbol over one span; NaN where the source cannot know."""

    seconds: float
    trades_per_s: float
    same_ms_share: float  # trades that share their millisecond with the one before
    gap_dispersion: float  # standard deviation of inter-arrival times over their mean
    count_dispersion_1s: float  # variance over mean of trades per second
    busiest_second: float
    sign_acf_1: float
    sign_acf_10: float
    sign_acf_50: float
    size_median: float  # quote units
    size_mean: float
    size_p99: float
    size_tail: float  # Hill exponent of the largest 2 %
    sigma_1s_bps: float
    sigma_10s_bps: float
    sigma_60s_bps: float
    kurtosis_100ms: float
    kurtosis_1s: float
    kurtosis_10s: float
    acf_abs_1: float  # of absolute 1 s returns
    acf_abs_10: float
    acf_return_1: float
    range_1m_pct: float  # mean high-low of a minute
    spread_mean: float  # ticks
    spread_p99: float
    still_share: float  # 100 ms in which the middle did not move
    jump_bps: float  # mean move of the middle when it moves
    depth: tuple[float, ...]  # mean quote value at DEPTH_RANKS
    imbalance_std: float  # of the top ten levels
    imbalance_acf_1s: float
    imbalance_leads_1s: float  # correlation with the return of the next second
    imbalance_leads_5s: float

    def rows(self) -> list[tuple[str, str]]:
        """Name and printed value of every number."""
        rows: list[tuple[str, str]] = []
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, tuple):
                rows += [(f"depth_{rank}", _printed(part)) for rank, part in zip(DEPTH_RANKS, value, strict=True)]
            else:
                rows.append((each.name, _printed(value)))
        return rows


def _printed(value: float) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:,.0f}" if abs(value) >= 999.5 else f"{value:.3g}"


@dataclass(slots=True)
class Observed:
    """Plain arrays of one symbol's trades and books."""

    trade_ms: list[int]
    px: list[int]
    lots: list[int]
    sign: list[int]
    book_ms: list[int]
    bid: list[int]
    ask: list[int]
    imbalance: list[float]
    depth_sum: list[float]
    depth_count: list[int]


def observe(events: list[MarketEvent], seen: dict[str, Observed]) -> None:
    """Add events to what was seen of each symbol."""
    for event in events:
        if isinstance(event, MarketTrade):
            into = seen[event.symbol]
            if event.single and _joins(event, into):
                into.lots[-1] += event.qty_lots
                continue
            into.trade_ms.append(event.ts_ms)
            into.px.append(event.px_ticks)
            into.lots.append(event.qty_lots)
            into.sign.append(-1 if event.buyer_is_maker else 1)
        elif isinstance(event, BookState):
            _observe_book(event, seen[event.symbol])


def _joins(fill: MarketTrade, into: Observed) -> bool:
    """Would the exchange merge this fill with the trade before it?"""
    return (
        bool(into.px)
        and into.px[-1] == fill.px_ticks
        and (into.sign[-1] < 0) == fill.buyer_is_maker
        and fill.ts_ms - into.trade_ms[-1] < MERGE_MS
    )


def _observe_book(book: BookState, into: Observed) -> None:
    into.book_ms.append(book.ts_ms)
    into.bid.append(book.bids[0][0])
    into.ask.append(book.asks[0][0])
    bid = sum(lots for _, lots in book.bids[:10])
    ask = sum(lots for _, lots in book.asks[:10])
    into.imbalance.append((bid - ask) / (bid + ask))
    for place, rank in enumerate(DEPTH_RANKS):
        for side in (book.bids, book.asks):
            if len(side) >= rank:
                into.depth_sum[place] += side[rank - 1][1] * side[rank - 1][0]
                into.depth_count[place] += 1


def measure(source: MarketSource, instruments: dict[str, Instrument], span_ms: int) -> dict[str, MarketStatistics]:
    """Statistics per symbol over the next `span_ms` of the source; the source moves on by that much."""
    ranks = len(DEPTH_RANKS)
    seen: dict[str, Observed] = defaultdict(
        lambda: Observed([], [], [], [], [], [], [], [], [0.0] * ranks, [0] * ranks)
    )
    for done in range(0, span_ms, CHUNK_MS):
        observe(source.advance(source.start_ms + min(done + CHUNK_MS, span_ms)), seen)
    return {symbol: statistics_of(seen[symbol], instruments[symbol]) for symbol in source.symbols}


def statistics_of(seen: Observed, instrument: Instrument) -> MarketStatistics:
    """All numbers of one symbol; at least a minute of trades is needed."""
    times = np.array(seen.trade_ms, dtype=np.int64)
    px = np.array(seen.px, dtype=np.float64)
    value = px * np.array(seen.lots, dtype=np.float64) * float(instrument.tick * instrument.step)
    sign = np.array(seen.sign, dtype=np.float64)
    gaps = np.diff(times).astype(np.float64)
    seconds = float(times[-1] - times[0]) / 1_000
    counts = np.bincount((times - times[0]) // 1_000).astype(np.float64)
    by = {grid: _returns(times, px, grid) for grid in (100, 1_000, 10_000, 60_000)}
    book = _book_numbers(seen, instrument)
    return MarketStatistics(
        seconds=seconds,
        trades_per_s=len(times) / seconds,
        same_ms_share=float((gaps == 0).mean()),
        gap_dispersion=float(gaps.std() / gaps.mean()),
        count_dispersion_1s=float(counts.var() / counts.mean()),
        busiest_second=float(counts.max()),
        sign_acf_1=_acf(sign, 1),
        sign_acf_10=_acf(sign, 10),
        sign_acf_50=_acf(sign, 50),
        size_median=float(np.median(value)),
        size_mean=float(value.mean()),
        size_p99=float(np.quantile(value, 0.99)),
        size_tail=_hill(value),
        sigma_1s_bps=_spread_of(by[1_000]),
        sigma_10s_bps=_spread_of(by[10_000]),
        sigma_60s_bps=_spread_of(by[60_000]),
        kurtosis_100ms=_kurtosis(by[100]),
        kurtosis_1s=_kurtosis(by[1_000]),
        kurtosis_10s=_kurtosis(by[10_000]),
        acf_abs_1=_acf(np.abs(by[1_000]), 1),
        acf_abs_10=_acf(np.abs(by[1_000]), 10),
        acf_return_1=_acf(by[1_000], 1),
        range_1m_pct=_range_pct(times, px),
        **book,
    )


def _returns(times: NDArray[np.int64], px: Floats, grid_ms: int) -> Floats:
    """Returns between the last prices at the ends of equal stretches, basis points."""
    edges = np.arange(times[0], times[-1] + 1, grid_ms)
    last = px[np.searchsorted(times, edges, side="right") - 1]
    moves: Floats = np.diff(np.log(last)) * 1e4
    return moves


def _spread_of(series: Floats) -> float:
    return float(series.std()) if len(series) >= 3 else NOT_KNOWN


def _acf(series: Floats, lag: int) -> float:
    if len(series) < lag + 10 or not series.var():
        return NOT_KNOWN
    centered = series - series.mean()
    return float((centered[:-lag] * centered[lag:]).mean() / (centered * centered).mean())


def _kurtosis(series: Floats) -> float:
    if len(series) < 30 or not series.var():
        return NOT_KNOWN
    centered = series - series.mean()
    return float((centered**4).mean() / (centered**2).mean() ** 2)


def _hill(value: Floats) -> float:
    ordered = np.sort(value)
    tail = ordered[-max(10, len(ordered) // 50) :]
    return float(1.0 / np.log(tail[1:] / tail[0]).mean())


def _range_pct(times: NDArray[np.int64], px: Floats) -> float:
    minute = (times - times[0]) // 60_000
    starts = np.flatnonzero(np.diff(minute, prepend=-1))
    high, low = np.maximum.reduceat(px, starts), np.minimum.reduceat(px, starts)
    return float(((high - low) / px[starts]).mean() * 100)


def _book_numbers(seen: Observed, instrument: Instrument) -> dict[str, Any]:
    if len(seen.book_ms) < 100:
        blank = dict.fromkeys(_BOOK_FIELDS, NOT_KNOWN)
        return {**blank, "depth": (NOT_KNOWN,) * len(DEPTH_RANKS)}
    bid, ask = np.array(seen.bid, dtype=np.float64), np.array(seen.ask, dtype=np.float64)
    mid, spread = (bid + ask) / 2, ask - bid
    lean = np.array(seen.imbalance)
    moves = np.abs(np.diff(np.log(mid))) * 1e4
    unit = float(instrument.tick * instrument.step)
    return {
        "spread_mean": float(spread.mean()),
        "spread_p99": float(np.quantile(spread, 0.99)),
        "still_share": float((moves == 0).mean()),
        "jump_bps": float(moves[moves > 0].mean()) if (moves > 0).any() else 0.0,
        "depth": tuple(
            total * unit / count if count else NOT_KNOWN
            for total, count in zip(seen.depth_sum, seen.depth_count, strict=True)
        ),
        "imbalance_std": float(lean.std()),
        "imbalance_acf_1s": _acf(lean, 10),
        "imbalance_leads_1s": _leads(lean, mid, 10),
        "imbalance_leads_5s": _leads(lean, mid, 50),
    }


_BOOK_FIELDS = (
    "spread_mean",
    "spread_p99",
    "still_share",
    "jump_bps",
    "imbalance_std",
    "imbalance_acf_1s",
    "imbalance_leads_1s",
    "imbalance_leads_5s",
)


def _leads(lean: Floats, mid: Floats, states: int) -> float:
    """Correlation of the lean now with the return over the next `states` book states."""
    ahead = np.log(mid[states:] / mid[:-states])
    if not ahead.var() or not lean.var():
        return NOT_KNOWN
    return float(np.corrcoef(lean[:-states], ahead)[0, 1])
