"""Which kind of recording a file is: told by its header, else by its name and the number of its columns."""

import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from vortex.adapters.recorded.files import LINE_SUFFIXES, WHOLE_SUFFIXES, head_of, suffix_of
from vortex.kernel.errors import ConfigError


class Kind(Enum):
    """What a file holds."""

    AGG_TRADES = "aggTrades"
    TRADES = "trades"
    BOOK_TICKER = "bookTicker"
    TOP_LEVELS = "depth20"
    DEPTH_DIFF = "depthDiff"
    DEPTH_SNAPSHOT = "depthSnapshot"
    RAW_WS = "raw-ws"
    MERGED = "merged"
    KLINES = "klines"
    FUNDING = "fundingRate"
    METRICS = "metrics"
    MARK_PRICE = "markPriceKlines"
    INDEX_PRICE = "indexPriceKlines"
    PREMIUM_INDEX = "premiumIndexKlines"
    BOOK_DEPTH = "bookDepth"


@dataclass(frozen=True, slots=True)
class Layout:
    """One file understood: its kind, its symbol as the name tells it, and where each column is."""

    path: Path
    kind: Kind
    symbol: str
    columns: dict[str, int]


_KLINE_NAMES = [
    "open_time",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "close_time",
    "quote_volume",
    "count",
    "taker_buy_volume",
    "taker_buy_quote_volume",
    "ignore",
]
_METRIC_NAMES = [
    "create_time",
    "symbol",
    "sum_open_interest",
    "sum_open_interest_value",
    "count_toptrader_long_short_ratio",
    "sum_toptrader_long_short_ratio",
    "count_long_short_ratio",
    "sum_taker_long_short_vol_ratio",
]
_TICKER_NAMES = [
    "update_id",
    "best_bid_price",
    "best_bid_qty",
    "best_ask_price",
    "best_ask_qty",
    "transaction_time",
    "event_time",
]

_ORDERS: dict[Kind, list[list[str]]] = {
    Kind.AGG_TRADES: [
        ["agg_trade_id", "price", "quantity", "first_trade_id", "last_trade_id", "transact_time", "is_buyer_maker"],
    ],
    Kind.TRADES: [["id", "price", "qty", "quote_qty", "time", "is_buyer_maker"]],
    Kind.BOOK_TICKER: [_TICKER_NAMES],
    Kind.KLINES: [_KLINE_NAMES, _KLINE_NAMES[:6]],
    Kind.METRICS: [_METRIC_NAMES],
    Kind.FUNDING: [["calc_time", "funding_interval_hours", "last_funding_rate"]],
    Kind.BOOK_DEPTH: [["timestamp", "percentage", "depth", "notional"]],
}
"""Column orders of the public dumps, for files without a header."""

_MARKS: list[tuple[Kind, set[str]]] = [
    (Kind.TOP_LEVELS, {"bid0_price", "bid0_qty", "ask0_price", "ask0_qty"}),
    (Kind.DEPTH_DIFF, {"side", "price", "qty", "final_update_id"}),
    (Kind.MERGED, {"StreamType", "IsAsk", "Price", "Quantity"}),
    (Kind.AGG_TRADES, {"price", "quantity", "transact_time", "is_buyer_maker"}),
    (Kind.TRADES, {"price", "qty", "time", "is_buyer_maker"}),
    (Kind.BOOK_TICKER, {"best_bid_price", "best_ask_price"}),
    (Kind.METRICS, {"create_time", "sum_open_interest"}),
    (Kind.FUNDING, {"calc_time", "last_funding_rate"}),
    (Kind.BOOK_DEPTH, {"timestamp", "percentage", "depth"}),
    (Kind.KLINES, {"open_time", "open", "high", "low", "close", "volume"}),
    (Kind.MARK_PRICE, {"open_time", "open", "high", "low", "close"}),
]
"""Columns that make a kind, most telling first."""

_PRICE_HINTS = [
    ("markprice", Kind.MARK_PRICE),
    ("indexprice", Kind.INDEX_PRICE),
    ("premiumindex", Kind.PREMIUM_INDEX),
]
"""Candles of these look like any others; the public dumps tell them apart by the folder."""

_NAME_HINTS = [
    ("aggtrades", Kind.AGG_TRADES),
    ("trades", Kind.TRADES),
    ("bookticker", Kind.BOOK_TICKER),
    ("fundingrate", Kind.FUNDING),
    ("metrics", Kind.METRICS),
    ("bookdepth", Kind.BOOK_DEPTH),
]
_INTERVAL = re.compile(r"(?:^|-)(?:klines?|\d+[mhd])(?:-|\.|_|$)")
_SYMBOL = re.compile(r"^([A-Z0-9]{5,20})(?:[-_.]|$)")


def layout_of(path: Path) -> Layout:
    """Understand one file, or say what was found and what is understood."""
    suffix = suffix_of(path)
    match = _SYMBOL.match(path.name)
    symbol = match.group(1) if match else ""
    if suffix in LINE_SUFFIXES:
        return Layout(path, Kind.RAW_WS, symbol, {})
    if suffix in WHOLE_SUFFIXES:
        return Layout(path, Kind.DEPTH_SNAPSHOT, symbol, {})
    head = head_of(path)
    if head.names:
        names = set(head.names)
        for kind, wanted in _MARKS:
            if wanted <= names:
                columns = {name: place for place, name in enumerate(head.names)}
                return Layout(path, _priced(path, kind), symbol, columns)
        raise ConfigError(
            f"{path}: the columns {', '.join(head.names[:12])} are of no known kind; "
            f"understood are {', '.join(kind.value for kind in Kind)}"
        )
    return Layout(path, *_by_name(path, symbol, len(head.first)))


def _priced(path: Path, kind: Kind) -> Kind:
    """Candles of mark, index or premium instead of trades, when file or folder is named after them."""
    if kind not in (Kind.KLINES, Kind.MARK_PRICE):
        return kind
    for name in (path.name.lower(), *(each.name.lower() for each in list(path.parents)[:3])):
        for hint, found in _PRICE_HINTS:
            if hint in name:
                return found
    return kind


def _by_name(path: Path, symbol: str, width: int) -> tuple[Kind, str, dict[str, int]]:
    """A file without a header: its name says the kind, the width of its rows must agree."""
    name = path.name.lower()
    kind = next((kind for hint, kind in _NAME_HINTS if hint in name), None)
    if kind is None and _INTERVAL.search(name):
        kind = Kind.KLINES
    if kind is None:
        raise ConfigError(
            f"{path}: no header, and the name does not tell the kind; expected a name like "
            f"BTCUSDT-aggTrades-2024-07-18.csv, with one of {', '.join(hint for hint, _ in _NAME_HINTS)}, 1m"
        )
    for order in _ORDERS[kind]:
        if len(order) == width:
            return _priced(path, kind), symbol, {column: place for place, column in enumerate(order)}
    widths = " or ".join(str(len(order)) for order in _ORDERS[kind])
    raise ConfigError(f"{path}: {width} columns without a header; {kind.value} has {widths}")
