"""Comparing both sides: every class of difference, and the recent left in peace (S3-9, S3-10)."""

import dataclasses
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.execution.builders import a_plan, described
from vortex.domain.events import OrderRow
from vortex.domain.orders import (
    Leg,
    OrderKind,
    OrderSpec,
    OrderState,
    Side,
    TimeInForce,
    VenueBalance,
    VenueFill,
    VenueOrder,
    VenuePosition,
)
from vortex.domain.outcomes import SnapshotTaken
from vortex.execution.settings import ExecutionSettings
from vortex.reconcile.diff import Difference, Kind, OurOrder, Ours, diff
from vortex.reconcile.resolve import SETTLED, Action, resolve

ASKED_NS = 100_000_000_000
OLD_NS = 1
RECENT_NS = 1_000_000_000
STOP = OrderSpec(
    client_order_id="v7-BTCUSDT-1-S0",
    symbol="BTCUSDT",
    trade_no=1,
    leg=Leg.STOP,
    attempt=0,
    side=Side.SELL,
    kind=OrderKind.STOP_MARKET,
    time_in_force=TimeInForce.GTC,
    trigger_ticks=4_900,
    close_position=True,
)


def ours(orders: dict[str, OurOrder] | None = None, positions: dict[str, int] | None = None, **more: Any) -> Ours:
    return Ours(
        orders=orders or {},
        positions=positions or {},
        moved_ns=more.get("moved_ns", {}),
        seen_fills=more.get("seen_fills", {}),
    )


PLAN = a_plan()


def of_the_open_trade(orders: dict[str, OurOrder] | None = None) -> Ours:
    """Our side while the trade of PLAN holds ten lots."""
    mine = ours(orders, {"BTCUSDT": 10})
    return dataclasses.replace(mine, plans={"BTCUSDT": PLAN}, tag="v7")


def my_order(state: OrderState, touched_ns: int = OLD_NS, of_open_trade: bool = True, executed: int = 0) -> OurOrder:
    return OurOrder(OrderRow(spec=STOP, state=state, executed_lots=executed), touched_ns, of_open_trade)


def their_order(**changes: Any) -> VenueOrder:
    return described(STOP, **changes)


def their_position(lots: int, symbol: str = "BTCUSDT") -> VenuePosition:
    return VenuePosition(symbol=symbol, qty_lots=lots, entry_px=Decimal(500), update_ms=1)


def their_fill(number: int, lots: int = 5) -> VenueFill:
    return VenueFill(
        symbol="BTCUSDT",
        venue_trade_id=number,
        venue_order_id=1,
        client_order_id="x",
        side=Side.BUY,
        qty_lots=lots,
        px_ticks=5_000,
        fee=Decimal(0),
        fee_asset="USDT",
        realized_pnl=Decimal(0),
        is_maker=True,
        ts_ms=1,
    )


def theirs(**parts: Any) -> SnapshotTaken:
    zero = Decimal(0)
    return SnapshotTaken(
        token=1,
        symbol=parts.get("symbol", ""),
        orders=tuple(parts.get("orders", ())),
        positions=tuple(parts.get("positions", ())),
        balance=VenueBalance(wallet=zero, margin_balance=zero, available=zero, initial_margin=zero, ts_ms=1),
        fills=tuple(parts.get("fills", ())),
        taken_ms=1,
        asked_mono_ns=ASKED_NS,
    )


def kinds(found: tuple[Difference, ...]) -> list[Kind]:
    return [difference.kind for difference in found]


def test_equal_sides_have_no_difference() -> None:
    """A stopped position on both sides."""
    found = diff(
        ours({STOP.client_order_id: my_order(OrderState.ACCEPTED)}, {"BTCUSDT": 10}),
        theirs(orders=[their_order()], positions=[their_position(10)]),
        RECENT_NS,
    )
    assert found == ()


@pytest.mark.parametrize(
    ("mine", "venue", "kind"),
    [
        (ours(), theirs(fills=[their_fill(1)]), Kind.MISSING_FILL),
        (ours(), theirs(orders=[their_order()]), Kind.ORPHAN_ORDER),
        (
            ours({STOP.client_order_id: my_order(OrderState.ACCEPTED, of_open_trade=False)}),
            theirs(orders=[their_order()]),
            Kind.ORPHAN_ORDER,
        ),
        (ours({STOP.client_order_id: my_order(OrderState.ACCEPTED)}), theirs(), Kind.HANGING_ORDER),
        (
            ours({STOP.client_order_id: my_order(OrderState.CANCELED)}),
            theirs(orders=[their_order()]),
            Kind.STATUS_MISMATCH,
        ),
        (
            ours({STOP.client_order_id: my_order(OrderState.ACCEPTED)}),
            theirs(orders=[their_order(executed_lots=3)]),
            Kind.STATUS_MISMATCH,
        ),
        (
            ours(),
            theirs(orders=[their_order(client_order_id="web_1")], positions=[their_position(9)]),
            Kind.UNKNOWN_POSITION,
        ),
        (
            ours(positions={"BTCUSDT": 4}),
            theirs(orders=[their_order()], positions=[their_position(9)]),
            Kind.SIZE_MISMATCH,
        ),
        (ours(positions={"BTCUSDT": 4}), theirs(), Kind.SIZE_MISMATCH),
        (ours(positions={"BTCUSDT": 9}), theirs(positions=[their_position(9)]), Kind.MISSING_STOP),
    ],
)
def test_every_class_is_found(mine: Ours, venue: SnapshotTaken, kind: Kind) -> None:
    """One example of each."""
    assert kind in kinds(diff(mine, venue, RECENT_NS))


def test_the_recent_is_left_in_peace() -> None:
    """Touched a moment before the question: the answer may be older than we are."""
    touched = ASKED_NS - RECENT_NS + 1
    mine = ours(
        {STOP.client_order_id: my_order(OrderState.ACCEPTED, touched_ns=touched)},
        {"BTCUSDT": 5},
        moved_ns={"BTCUSDT": touched},
    )
    assert diff(mine, theirs(), RECENT_NS) == ()


def test_a_symbol_with_a_new_fill_is_not_compared_by_quantity() -> None:
    """Positions and fills are read one after the other."""
    venue = theirs(fills=[their_fill(1)], positions=[])
    assert kinds(diff(ours(), venue, RECENT_NS)) == [Kind.MISSING_FILL]


def test_another_symbol_is_not_judged_by_a_snapshot_of_one() -> None:
    """A snapshot says nothing of what it did not ask for."""
    mine = ours({STOP.client_order_id: my_order(OrderState.ACCEPTED)}, {"BTCUSDT": 5})
    assert diff(mine, theirs(symbol="ETHUSDT"), RECENT_NS) == ()


def test_a_counted_fill_is_not_missing() -> None:
    """Deduplicated by the exchange's number."""
    mine = ours(positions={"BTCUSDT": 5}, seen_fills={"BTCUSDT": frozenset({1})})
    venue = theirs(fills=[their_fill(1)], positions=[their_position(5)], orders=[their_order(client_order_id="w")])
    assert Kind.MISSING_FILL not in kinds(diff(mine, venue, RECENT_NS))


@pytest.mark.property
@given(
    st.dictionaries(st.sampled_from(["A", "B", "C"]), st.integers(-5, 5)),
    st.dictionaries(st.sampled_from(["A", "B", "C"]), st.integers(-5, 5)),
)
def test_quantities_differ_exactly_where_they_differ(mine: dict[str, int], venue: dict[str, int]) -> None:
    """Sorted, and complete in both directions."""
    snapshot = theirs(positions=[their_position(lots, symbol) for symbol, lots in venue.items()])
    found = [d for d in diff(ours(positions=mine), snapshot, RECENT_NS) if d.kind is not Kind.MISSING_STOP]
    assert list(found) == sorted(found)
    assert {d.symbol for d in found} == {s for s in mine.keys() | venue.keys() if mine.get(s, 0) != venue.get(s, 0)}


@pytest.mark.parametrize(
    ("listed", "found"),
    [
        ([their_order()], [Kind.UNRECORDED_ORDER]),
        ([their_order(trigger_ticks=4_950)], [Kind.UNRECORDED_ORDER]),
        ([their_order(trigger_ticks=4_800)], [Kind.ONLY_STOP]),
        (
            [their_order(trigger_ticks=4_800), their_order(client_order_id="v7-BTCUSDT-1-S1")],
            [Kind.ORPHAN_ORDER, Kind.UNRECORDED_ORDER],
        ),
        ([their_order(trigger_ticks=4_800), their_order(client_order_id="web_1")], [Kind.ONLY_STOP, Kind.ORPHAN_ORDER]),
        ([their_order(client_order_id="v7-BTCUSDT-2-S0")], [Kind.ORPHAN_ORDER]),
        ([their_order(side=Side.BUY, trigger_ticks=5_300)], [Kind.MISSING_STOP, Kind.ORPHAN_ORDER]),
    ],
)
def test_an_unknown_order_of_the_open_trade_is_told_from_an_orphan(listed: list[VenueOrder], found: list[Kind]) -> None:
    """By id and terms; the last stop of a position is told from one that another stands beside."""
    seen = diff(of_the_open_trade(), theirs(orders=listed, positions=[their_position(10)]), RECENT_NS)
    assert sorted(kinds(seen)) == found


def test_a_stop_with_other_terms_may_go_once_a_known_one_stands() -> None:
    """The replacement is in our book."""
    known = {"v7-BTCUSDT-1-S1": my_order(OrderState.ACCEPTED)}
    listed = [their_order(trigger_ticks=4_800), their_order(client_order_id="v7-BTCUSDT-1-S1")]
    seen = diff(of_the_open_trade(known), theirs(orders=listed, positions=[their_position(10)]), RECENT_NS)
    assert [(each.kind, each.key) for each in seen] == [(Kind.ORPHAN_ORDER, STOP.client_order_id)]


@pytest.mark.parametrize(
    ("kind", "key", "looks", "action"),
    [
        (Kind.MISSING_FILL, "1", 1, Action.RECORD_FILL),
        (Kind.UNRECORDED_ORDER, "v7-BTCUSDT-1-S0", 1, Action.TAKE_ORDER),
        (Kind.ONLY_STOP, "v7-BTCUSDT-1-S0", 1, Action.AWAIT_STOP),
        (Kind.ORPHAN_ORDER, "v7-BTCUSDT-1-E0", 1, Action.CANCEL_ORDER),
        (Kind.ORPHAN_ORDER, "web_1", 1, Action.REPORT_ORDER),
        (Kind.ORPHAN_ORDER, "v8-BTCUSDT-1-E0", 1, Action.REPORT_ORDER),
        (Kind.HANGING_ORDER, "x", 1, Action.ASK_ORDER),
        (Kind.STATUS_MISMATCH, "x", 1, Action.TAKE_THEIR_WORD),
        (Kind.MISSING_STOP, "x", 1, Action.GUARD_POSITION),
        (Kind.UNKNOWN_POSITION, "x", 1, Action.LOOK_AGAIN),
        (Kind.UNKNOWN_POSITION, "x", 2, Action.ADOPT_POSITION),
        (Kind.SIZE_MISMATCH, "x", 1, Action.LOOK_AGAIN),
        (Kind.SIZE_MISMATCH, "x", 2, Action.ADOPT_POSITION),
    ],
)
def test_every_class_has_its_rule(kind: Kind, key: str, looks: int, action: Action) -> None:
    """docs/reconciliation.md, row by row."""
    resolution = resolve(Difference(kind, "BTCUSDT", key, "", ""), ExecutionSettings(), looks)
    assert resolution.action is action
    assert resolution.resolved == (action in SETTLED)


def test_an_unknown_position_may_be_closed_by_setting() -> None:
    """S3-9."""
    settings = ExecutionSettings(adopt_unknown=False)
    difference = Difference(Kind.UNKNOWN_POSITION, "BTCUSDT", "BTCUSDT", "0", "5")
    assert resolve(difference, settings, 2).action is Action.CLOSE_POSITION
