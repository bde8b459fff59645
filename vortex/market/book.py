"""The order book: top-20 snapshots checked at the door, remembered level by level (E0-2, E0-8, E1-7)."""

import math

from vortex.domain.market import LEVELS
from vortex.market.jit import Rec, compiled
from vortex.market.layout import LARGEST, Refusal

ACCEPTED = -1
ROUNDING = 1e-9
"""What is left of a growth below this share of the level is an error of subtraction."""


@compiled
def check_snapshot(rows: Rec) -> int:
    """ACCEPTED, or the Refusal of a (20, 4) snapshot of bid px, bid qty, ask px, ask qty; a zero price ends a side."""
    for side in range(2):
        ended = False
        last = 0.0
        for i in range(LEVELS):
            px = rows[i, 2 * side]
            qty = rows[i, 2 * side + 1]
            if not (abs(px) <= LARGEST and abs(qty) <= LARGEST):
                finite = math.isfinite(px) and math.isfinite(qty)
                return Refusal.OUT_OF_RANGE.value if finite else Refusal.NOT_A_NUMBER.value
            if px == 0.0 and qty == 0.0:
                ended = True
                continue
            if px <= 0.0 or qty <= 0.0:
                return Refusal.NOT_POSITIVE.value
            if ended or (i > 0 and (px >= last if side == 0 else px <= last)):
                return Refusal.UNSORTED.value
            last = px
    if rows[0, 0] == 0.0 or rows[0, 2] == 0.0:
        return Refusal.EMPTY.value if rows[0, 0] == rows[0, 2] else Refusal.ONE_SIDED.value
    if rows[0, 0] >= rows[0, 2]:
        return Refusal.CROSSED.value
    return ACCEPTED


@compiled
def take_snapshot(book: Rec, rows: Rec, ts_ms: int, update_id: int, prev_id: int, young_ms: int) -> None:
    """Replace the book by a checked snapshot, keeping the one before in `old_*` and each level's young growth."""
    if book.readings > 0 and prev_id != book.update_id:
        book.gaps += 1
    book.increments = 0
    for side in range(2):
        for i in range(LEVELS):
            book.old_px[side, i] = book.px[side, i]
            book.old_qty[side, i] = book.qty[side, i]
            book.old_grown_ms[side, i] = book.grown_ms[side, i]
            book.old_grown_qty[side, i] = book.grown_qty[side, i]
            book.px[side, i] = rows[i, 2 * side]
            book.qty[side, i] = rows[i, 2 * side + 1]
        _carry_growth(book, side, ts_ms, young_ms)
    book.bids = _filled(book.px[0])
    book.asks = _filled(book.px[1])
    book.ts_ms = ts_ms
    book.update_id = update_id
    book.readings += 1
    take_best(book, ts_ms, update_id, rows[0, 0], rows[0, 2])


@compiled
def is_fresh(book: Rec, update_id: int) -> bool:
    """Whether best quotes under this id are not older than those that we have."""
    return bool(update_id >= book.best_id or book.best_bid <= 0.0)


@compiled
def take_best(book: Rec, ts_ms: int, update_id: int, bid: float, ask: float) -> bool:
    """Move the best quotes forward; an older update changes nothing."""
    if not is_fresh(book, update_id):
        return False
    book.best_id = update_id
    book.best_ms = max(ts_ms, book.best_ms)
    book.best_bid = bid
    book.best_ask = ask
    return True


@compiled
def _carry_growth(book: Rec, side: int, ts_ms: int, young_ms: int) -> None:
    """A level that is new or larger grew now; one that is not keeps the stamp of its last growth (E1-7).

    What a level loses is taken from its growth first. Growth younger than `young_ms` is added to, so that a little more
    does not make what came just before it look old; its stamp moves when what comes is at least as much. In the first
    snapshot, and beyond the old book's last level, nothing is known to be new.
    """
    sign = -1.0 if side == 0 else 1.0
    old = 0
    known = _filled(book.old_px[side])
    for i in range(LEVELS):
        px = book.px[side, i]
        qty = book.qty[side, i]
        book.grown_ms[side, i] = 0
        book.grown_qty[side, i] = 0.0
        if px == 0.0 or known == 0:
            continue
        while old < known and sign * book.old_px[side, old] < sign * px:
            old += 1
        if old < known and book.old_px[side, old] == px:
            if qty > book.old_qty[side, old]:
                more = qty - book.old_qty[side, old]
                young = book.old_grown_qty[side, old] if ts_ms - book.old_grown_ms[side, old] < young_ms else 0.0
                book.increments += 1
                book.grown_ms[side, i] = ts_ms if more >= young else book.old_grown_ms[side, old]
                book.grown_qty[side, i] = more + young
            else:
                book.grown_ms[side, i] = book.old_grown_ms[side, old]
                left = book.old_grown_qty[side, old] - (book.old_qty[side, old] - qty)
                book.grown_qty[side, i] = left if left > ROUNDING * qty else 0.0
        elif old < known or known < LEVELS:
            book.increments += 1
            book.grown_ms[side, i] = ts_ms
            book.grown_qty[side, i] = qty


@compiled
def quantity_at(book: Rec, side: int, px: float) -> float:
    """Quantity resting at a price on a side, 0 when the level is not in the book."""
    for i in range(LEVELS):
        if book.px[side, i] == px:
            return float(book.qty[side, i])
    return 0.0


@compiled
def imbalance(book: Rec, levels: int) -> float:
    """(B - A)/(B + A) over the summed quantities of the first levels (E1-1)."""
    bids = 0.0
    asks = 0.0
    for i in range(levels):
        bids += book.qty[0, i]
        asks += book.qty[1, i]
    total = bids + asks
    return (bids - asks) / total if total > 0.0 else 0.0


@compiled
def micro_price(book: Rec) -> float:
    """(bid A1 + ask B1)/(A1 + B1): the mid leaning towards the thinner queue (E1-8)."""
    bid_qty = book.qty[0, 0]
    ask_qty = book.qty[1, 0]
    total = bid_qty + ask_qty
    return (book.px[0, 0] * ask_qty + book.px[1, 0] * bid_qty) / total if total > 0.0 else 0.0


@compiled
def _filled(px: Rec) -> int:
    """How many levels a side has."""
    for i in range(LEVELS):
        if px[i] == 0.0:
            return i
    return LEVELS
