"""A seeded stream of trades and books in the kernels' layout, for measurements and tests; its statistics are simple."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vortex.market.layout import CANDLE, EVENT, LEVELS, Kind


class GeneratedMarket(NamedTuple):
    """Arrays for `SignalBoard.apply_batch`."""

    events: NDArray[np.void]
    books: NDArray[np.float64]
    candles: NDArray[np.void]


def generate_market(
    count: int,
    seed: int,
    *,
    trades_per_depth: int = 14,
    start_ms: int = 1_700_000_000_000,
    depth_ms: int = 100,
    px: float = 60_000.0,
    tick: float = 0.1,
) -> GeneratedMarket:
    """`count` events: a depth snapshot every `depth_ms`, `trades_per_depth` trades between two of them.

    The mid walks at random in ticks with slowly turning drift; aggressors follow the drift more often than not.
    """
    rng = np.random.default_rng(seed)
    cycle = trades_per_depth + 1
    books_n = (count + cycle - 1) // cycle
    drift = np.sin(np.arange(books_n) / 600.0 + rng.uniform(0.0, 6.0)) * 0.3
    steps = np.rint(rng.normal(drift, 1.5))
    mid_ticks = np.maximum(1_000, round(px / tick) + np.cumsum(steps)).astype(np.int64)

    events = np.zeros(books_n * cycle, EVENT)
    at = np.arange(len(events))
    book_of, place = at // cycle, at % cycle
    is_depth = place == 0
    events["ts_ms"] = start_ms + book_of * depth_ms + place * depth_ms // cycle
    events["kind"] = np.where(is_depth, Kind.DEPTH, Kind.TRADE)
    events["ref"] = np.where(is_depth, book_of, 0)
    events["id"] = np.where(is_depth, book_of + 1, at - book_of)
    events["prev_id"] = np.where(is_depth, book_of, 0)
    buys = rng.random(len(events)) < 0.5 + np.repeat(drift, cycle)
    events["flag"] = np.where(is_depth, 0, ~buys)
    trade_px = (np.repeat(mid_ticks, cycle) + np.where(buys, 1, 0)) * tick
    events["px"] = np.where(is_depth, 0.0, trade_px)
    events["qty"] = np.where(is_depth, 0.0, rng.lognormal(-3.0, 1.2, len(events)))

    books = np.empty((books_n, LEVELS, 4))
    depths = np.arange(LEVELS)
    books[:, :, 0] = (mid_ticks[:, None] - depths) * tick
    books[:, :, 2] = (mid_ticks[:, None] + 1 + depths) * tick
    lean = np.exp(np.clip(drift * 2.0 + rng.normal(0.0, 0.3, books_n), -2.0, 2.0))[:, None]
    books[:, :, 1] = rng.lognormal(0.0, 0.8, (books_n, LEVELS)) * lean
    books[:, :, 3] = rng.lognormal(0.0, 0.8, (books_n, LEVELS)) / lean
    return GeneratedMarket(np.ascontiguousarray(events[:count]), books, np.zeros(1, CANDLE))
