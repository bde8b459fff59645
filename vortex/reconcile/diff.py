"""Compares what we believe with what the exchange says, and names every difference (S3-9, S3-10).

1. Pure and sorted: the same two sides give the same differences in the same order.
2. The recent is protected: what was touched after the exchange was asked, or shortly before, is left out.
3. A failed question never gets here: no information is not the same as nothing.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from vortex.domain.events import OrderRow
from vortex.domain.orders import Leg, OrderState, VenueOrder
from vortex.domain.outcomes import SnapshotTaken
from vortex.domain.plans import TradePlan
from vortex.reconcile.claim import claimed, names_trade


class Kind(enum.StrEnum):
    """Classes of difference, in the words of the spec."""

    MISSING_FILL = "missing_fill"
    UNRECORDED_ORDER = "unrecorded_order"
    ORPHAN_ORDER = "orphan_order"
    ONLY_STOP = "only_stop"
    UNKNOWN_POSITION = "unknown_position"
    HANGING_ORDER = "hanging_order"
    STATUS_MISMATCH = "status_mismatch"
    SIZE_MISMATCH = "size_mismatch"
    MISSING_STOP = "missing_stop"


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """One difference. `key` is a client order id, a fill's number, or the symbol."""

    kind: Kind
    symbol: str
    key: str
    ours: str
    theirs: str


@dataclass(frozen=True, slots=True)
class OurOrder:
    """One of our orders. `touched_ns` is when it last changed (monotonic); `of_open_trade` is false for leftovers."""

    row: OrderRow
    touched_ns: int
    of_open_trade: bool


@dataclass(frozen=True, slots=True)
class Ours:
    """Our side of the comparison. Positions in signed lots; `moved_ns` is when a symbol's fills last changed.

    `plans` are the open trades that may still have orders, by symbol, and `tag` begins the ids of our account.
    """

    orders: Mapping[str, OurOrder]
    positions: Mapping[str, int]
    moved_ns: Mapping[str, int]
    seen_fills: Mapping[str, frozenset[int]]
    plans: Mapping[str, TradePlan] = field(default_factory=dict)
    tag: str = ""


def diff(ours: Ours, theirs: SnapshotTaken, recent_ns: int) -> tuple[Difference, ...]:
    """Every difference that is old enough to be one."""
    horizon = theirs.asked_mono_ns - recent_ns
    found = [
        *_fills(ours, theirs),
        *_orders_of_theirs(ours, theirs, horizon),
        *_orders_of_ours(ours, theirs, horizon),
        *_positions(ours, theirs, horizon),
        *_stops(ours, theirs, horizon),
    ]
    return tuple(sorted(found))


def _covered(theirs: SnapshotTaken, symbol: str) -> bool:
    return theirs.symbol in ("", symbol)


def _fills(ours: Ours, theirs: SnapshotTaken) -> list[Difference]:
    """A fill is a fact however fresh it is."""
    return [
        Difference(Kind.MISSING_FILL, fill.symbol, str(fill.venue_trade_id), "", f"{fill.side.value} {fill.qty_lots}")
        for fill in theirs.fills
        if fill.venue_trade_id not in ours.seen_fills.get(fill.symbol, frozenset())
    ]


def _orders_of_theirs(ours: Ours, theirs: SnapshotTaken, horizon: int) -> list[Difference]:
    found = []
    for order in theirs.orders:
        mine = ours.orders.get(order.client_order_id)
        if mine is None:
            found.append(_unknown(ours, theirs, order))
        elif mine.touched_ns <= horizon and mine.row.state.is_terminal and not order.state.is_terminal:
            found.append(_mismatch(order, mine.row) if mine.of_open_trade else _orphan(order))
        elif mine.touched_ns <= horizon and not mine.of_open_trade and not mine.row.state.is_terminal:
            found.append(_orphan(order))
        elif mine.touched_ns <= horizon and mine.row.executed_lots < order.executed_lots:
            found.append(_mismatch(order, mine.row))
    return found


def _unknown(ours: Ours, theirs: SnapshotTaken, order: VenueOrder) -> Difference:
    """Not in our book: of an open trade all the same, or a stranger, or what stands between a position and its loss."""
    plan = ours.plans.get(order.symbol)
    if plan is None or names_trade(order.client_order_id, plan, ours.tag) is None:
        return _orphan(order)
    if claimed(order, plan, ours.tag) is not None:
        return _orphan(order, Kind.UNRECORDED_ORDER)
    held = next((each.qty_lots for each in theirs.positions if each.symbol == order.symbol), 0)
    others = (each for each in theirs.orders if each is not order and _is_stop(each, order.symbol, held))
    alone = _is_stop(order, order.symbol, held) and not any(
        each.client_order_id in ours.orders or claimed(each, plan, ours.tag) is not None for each in others
    )
    return _orphan(order, Kind.ONLY_STOP if alone else Kind.ORPHAN_ORDER)


def _is_stop(order: VenueOrder, symbol: str, held_lots: int) -> bool:
    """Whether it stands on the side on which it ends this position."""
    return order.symbol == symbol and order.is_algo and order.side.sign * held_lots < 0


def _orphan(order: VenueOrder, kind: Kind = Kind.ORPHAN_ORDER) -> Difference:
    return Difference(kind, order.symbol, order.client_order_id, "", order.state.value)


def _mismatch(order: VenueOrder, row: OrderRow) -> Difference:
    return Difference(
        Kind.STATUS_MISMATCH,
        order.symbol,
        order.client_order_id,
        f"{row.state.value} {row.executed_lots}",
        f"{order.state.value} {order.executed_lots}",
    )


def _orders_of_ours(ours: Ours, theirs: SnapshotTaken, horizon: int) -> list[Difference]:
    """Open here and not open there; unanswered ones are being asked about already."""
    listed = {order.client_order_id for order in theirs.orders}
    waiting = (OrderState.INTENDED, OrderState.SUBMITTED)
    return [
        Difference(Kind.HANGING_ORDER, mine.row.spec.symbol, key, mine.row.state.value, "not open")
        for key, mine in ours.orders.items()
        if _covered(theirs, mine.row.spec.symbol)
        and not mine.row.state.is_terminal
        and mine.row.state not in waiting
        and mine.touched_ns <= horizon
        and key not in listed
    ]


def _positions(ours: Ours, theirs: SnapshotTaken, horizon: int) -> list[Difference]:
    """Sum of fills against the exchange's position.

    A symbol with a fill in this snapshot that we had not counted is left for the next one: positions and fills are
    read one after the other, and nobody knows on which side of the fill the position was read.
    """
    fresh = {
        fill.symbol for fill in theirs.fills if fill.venue_trade_id not in ours.seen_fills.get(fill.symbol, frozenset())
    }
    held = {position.symbol: position.qty_lots for position in theirs.positions}
    symbols = {s for s in (ours.positions.keys() | held.keys()) if _covered(theirs, s)}
    found = []
    for symbol in sorted(symbols - fresh):
        mine, venue = ours.positions.get(symbol, 0), held.get(symbol, 0)
        if mine == venue or ours.moved_ns.get(symbol, 0) > horizon:
            continue
        kind = Kind.UNKNOWN_POSITION if mine == 0 else Kind.SIZE_MISMATCH
        found.append(Difference(kind, symbol, symbol, str(mine), str(venue)))
    return found


def _stops(ours: Ours, theirs: SnapshotTaken, horizon: int) -> list[Difference]:
    """A position there, and no stop of the right side there either."""
    found = []
    for position in theirs.positions:
        if position.qty_lots == 0 or ours.moved_ns.get(position.symbol, 0) > horizon:
            continue
        stopped = any(_is_stop(order, position.symbol, position.qty_lots) for order in theirs.orders)
        moving = any(
            mine.row.spec.leg is Leg.STOP
            and mine.row.spec.symbol == position.symbol
            and not mine.row.state.is_terminal
            and mine.touched_ns > horizon
            for mine in ours.orders.values()
        )
        if not stopped and not moving:
            found.append(Difference(Kind.MISSING_STOP, position.symbol, position.symbol, "", str(position.qty_lots)))
    return found
