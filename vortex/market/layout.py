"""The fixed layout of all that a symbol knows of its market: numpy records with named fields."""

import enum

import numpy as np

from vortex.domain.market import LEVELS

LARGEST = 1e15
"""No price or quantity is larger; beyond it sums of products would run out of the range of numbers."""
TAPE_SIZE = 16_384
"""Trades kept for windows up to 60 s; a power of two, so that an index wraps with a mask."""
TAPE_MASK = TAPE_SIZE - 1
CANDLES = 500
"""Closed candles kept per interval (E0-2)."""
WINDOWS_MS = (1_000, 3_000, 5_000, 10_000, 15_000, 20_000, 25_000, 30_000, 60_000)
W1, W3, W5, W10, W15, W20, W25, W30, W60 = range(9)
INTERVALS_MS = (60_000, 180_000, 300_000, 900_000)
M1, M3, M5, M15 = range(4)


class Kind(enum.IntEnum):
    """What one row of an event array is."""

    TRADE = 1
    DEPTH = 2
    QUOTE = 3
    CANDLE = 4
    MARK = 5
    LIQUIDATION = 6
    OPEN_INTEREST = 7
    ACCOUNT_RATIO = 8
    CLOCK = 9


class Refusal(enum.IntEnum):
    """Why an input was refused at the door; the state is untouched and the refusal is counted."""

    NOT_A_NUMBER = 0
    NOT_POSITIVE = 1
    CROSSED = 2
    ONE_SIDED = 3
    EMPTY = 4
    UNSORTED = 5
    DUPLICATE = 6
    BACKWARDS = 7
    BAD_CANDLE = 8
    OUT_OF_RANGE = 9
    UNKNOWN_KIND = 10


EVENT = np.dtype(
    [
        ("kind", "i4"),  # Kind
        ("flag", "i4"),  # TRADE: buyer is maker. LIQUIDATION: longs are liquidated. ACCOUNT_RATIO: top traders
        ("ref", "i8"),  # DEPTH: row of `books`. CANDLE: row of `candles`
        ("ts_ms", "i8"),
        ("id", "i8"),  # TRADE: aggregate id. DEPTH: final update id. QUOTE: update id. MARK: next funding, ms
        ("prev_id", "i8"),  # DEPTH: previous update id
        ("px", "f8"),  # QUOTE: best bid. MARK: mark price
        ("qty", "f8"),  # QUOTE: bid quantity. MARK: funding rate. ACCOUNT_RATIO: long share. OPEN_INTEREST: contracts
        ("px2", "f8"),  # QUOTE: best ask. MARK: index price
        ("qty2", "f8"),  # QUOTE: ask quantity
    ]
)
"""One market event. Depth and candles live in side tables that `ref` points into."""

CANDLE = np.dtype(
    [
        ("interval", "i8"),  # M1, M3, M5, M15
        ("open_ms", "i8"),
        ("open", "f8"),
        ("high", "f8"),
        ("low", "f8"),
        ("close", "f8"),
        ("volume", "f8"),
        ("taker_buy", "f8"),
        ("closed", "i8"),
    ]
)

TAPE = np.dtype(
    [
        ("n", "i8"),  # trades pushed since the start
        ("last_id", "i8"),
        ("last_ms", "i8"),
        ("first_ms", "i8"),
        ("last_px", "f8"),
        ("gaps", "i8"),  # missing aggregate ids
        ("tail", "i8", (9,)),  # first index inside each of WINDOWS_MS
        ("ts", "i8", (TAPE_SIZE,)),
        ("px", "f8", (TAPE_SIZE,)),
        ("side", "i1", (TAPE_SIZE,)),
        ("volume", "f8", (TAPE_SIZE,)),  # running sums up to and including the trade
        ("delta", "f8", (TAPE_SIZE,)),
        ("cvd", "f8"),
        ("cvd_period", "i8"),
        ("big_ms", "i8"),
        ("big_side", "i8"),
        ("interval_notional", "f8"),  # since the last open-interest poll (E4-4)
        ("interval_volume", "f8"),
    ]
)

BOOK = np.dtype(
    [
        ("ts_ms", "i8"),
        ("update_id", "i8"),
        ("readings", "i8"),
        ("gaps", "i8"),
        ("bids", "i8"),
        ("asks", "i8"),
        ("increments", "i8"),  # levels that are new or larger than in the snapshot before
        ("px", "f8", (2, LEVELS)),  # [0] bids, [1] asks, best first
        ("qty", "f8", (2, LEVELS)),
        ("grown_ms", "i8", (2, LEVELS)),  # when the level last grew, and by how much (E1-7)
        ("grown_qty", "f8", (2, LEVELS)),
        ("old_px", "f8", (2, LEVELS)),
        ("old_qty", "f8", (2, LEVELS)),
        ("old_grown_ms", "i8", (2, LEVELS)),
        ("old_grown_qty", "f8", (2, LEVELS)),
        ("best_id", "i8"),  # freshest of depth and bookTicker
        ("best_ms", "i8"),
        ("best_bid", "f8"),
        ("best_ask", "f8"),
    ]
)

FRAME = np.dtype(
    [
        ("interval_ms", "i8"),
        ("n", "i8"),  # closed candles without a hole before them
        ("open_ms", "i8", (CANDLES,)),
        ("open", "f8", (CANDLES,)),
        ("high", "f8", (CANDLES,)),
        ("low", "f8", (CANDLES,)),
        ("close", "f8", (CANDLES,)),
        ("volume", "f8", (CANDLES,)),
        ("confirmed", "i1", (CANDLES,)),  # -1 ours, begun in the middle; 0 ours; 1 the exchange's
        ("differences", "i8"),
        ("holes", "i8"),
        ("revised", "i8"),  # an old candle was replaced: derived values must be rebuilt
        ("forming", "i8"),  # 0 none, 1 whole, 2 started in the middle
        ("now_open_ms", "i8"),
        ("now_told_ms", "i8"),  # of when the exchange's running candle is, 0 when it is all ours
        ("now_open", "f8"),
        ("now_high", "f8"),
        ("now_low", "f8"),
        ("now_close", "f8"),
        ("now_volume", "f8"),
    ]
)
