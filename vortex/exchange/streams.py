"""Names of public streams: what each asks for, which route carries it, how often it speaks (sheet 1.1, 2)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from vortex.exchange.candles import INTERVALS

PUBLIC, MARKET, PRIVATE = "public", "market", "private"

_DEPTH = re.compile(r"(?:depth(5|10|20)?|(rpiDepth))(?:@(0|100|250|500)ms)?")
_MARK = re.compile(r"markPrice(@1s)?")
_KLINE = re.compile(r"kline_(\w+)")
_ALL: Mapping[str, tuple[str, str, int]] = {
    "!bookTicker": ("all_book_tickers", PUBLIC, 5_000),
    "!markPrice@arr": ("all_marks", MARKET, 3_000),
    "!markPrice@arr@1s": ("all_marks", MARKET, 1_000),
    "!ticker@arr": ("all_tickers", MARKET, 1_000),
    "!miniTicker@arr": ("all_mini_tickers", MARKET, 1_000),
    "!forceOrder@arr": ("all_liquidations", MARKET, 0),
    "!contractInfo": ("contract_info", MARKET, 0),
    "!assetIndex@arr": ("all_asset_indexes", MARKET, 1_000),
}
_SIMPLE: Mapping[str, tuple[str, int]] = {
    "aggTrade": (MARKET, 0),
    "trade": (PUBLIC, 0),
    "bookTicker": (PUBLIC, 0),
    "forceOrder": (MARKET, 0),
    "ticker": (MARKET, 2_000),
    "miniTicker": (MARKET, 2_000),
    "assetIndex": (MARKET, 1_000),
}


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream. `period_ms` is 0 for streams that speak when something happens."""

    name: str
    kind: str
    symbol: str
    route: str
    period_ms: int
    levels: int = 0
    interval: str = ""
    rpi: bool = False
    """Does this book show RPI orders?"""


def parse(name: str) -> Stream | None:
    """The stream of this name, or None when there is no such stream (a real venue acknowledges it and is silent)."""
    whole_market = _ALL.get(name)
    if whole_market is not None:
        kind, route, period = whole_market
        return Stream(name, kind, "", route, period)
    symbol, joint, what = name.partition("@")
    if not joint or symbol != symbol.lower():
        return None
    symbol = symbol.upper()
    simple = _SIMPLE.get(what)
    if simple is not None:
        return Stream(name, what, symbol, simple[0], simple[1])
    depth = _DEPTH.fullmatch(what)
    if depth is not None:
        period = int(depth[3]) if depth[3] else 500 if depth[2] else 250
        if depth[1]:
            return Stream(name, "partial_depth", symbol, PUBLIC, period or 100, int(depth[1]))
        return Stream(name, "depth", symbol, PUBLIC, period, rpi=bool(depth[2]))
    mark = _MARK.fullmatch(what)
    if mark is not None:
        return Stream(name, "markPrice", symbol, MARKET, 1_000 if mark[1] else 3_000)
    kline = _KLINE.fullmatch(what)
    if kline is not None and kline[1] in INTERVALS:
        return Stream(name, "kline", symbol, MARKET, 250, interval=kline[1])
    if what.startswith("continuousKline_") and symbol.endswith("_PERPETUAL"):
        interval = what.removeprefix("continuousKline_")
        if interval in INTERVALS:
            pair = symbol.removesuffix("_PERPETUAL")
            return Stream(name, "continuous_kline", pair, MARKET, 250, interval=interval)
    return None
