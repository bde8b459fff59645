"""Ended orders are found for three days without a fill, for ninety with one, and then let go (sheet 4.2, 4.3)."""

import gc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.exchange.conftest import START_MS, SYMBOL, Stand
from vortex.exchange.orders import Order
from vortex.exchange.retention import DAY_MS, KEPT_MS, LOOKS_MAX, UNFILLED_KEPT_MS, Shelf, is_gone

ORDER, ALGO = "/fapi/v1/order", "/fapi/v1/algoOrder"


def jump(stand: Stand, ms: int) -> None:
    """The clock goes on and the exchange is not told of it by a tick: reads alone must know."""
    stand.now += ms


def later(stand: Stand, ms: int) -> None:
    """As if so much time had passed: the orders grow old, because months of empty candles would take seconds."""
    for each in (*stand.account.orders_by_id.values(), *stand.account.algos_by_id.values()):
        each.created_ms -= ms
    stand.tick(0)


def found(stand: Stand, **named: Any) -> dict[str, Any]:
    """What a query by one id says."""
    answer = stand.ask_for("GET", ORDER, symbol=SYMBOL, **named)
    assert answer.status == 200 or answer.body["code"] == -2013
    return answer.body


def canceled(stand: Stand, **params: Any) -> int:
    """An order that was placed and taken back; its id."""
    placed = stand.order(**params).body["orderId"]
    assert stand.ask_for("DELETE", ORDER, symbol=SYMBOL, orderId=placed).status == 200
    return int(placed)


def listed(stand: Stand) -> list[int]:
    """Ids that allOrders tells, asked for from the beginning."""
    start, rows = START_MS, []
    while start <= stand.now:
        end = min(start + 6 * DAY_MS, stand.now)
        rows += stand.ask_for("GET", "/fapi/v1/allOrders", symbol=SYMBOL, startTime=start, endTime=end).body
        start = end + 1
    return [row["orderId"] for row in rows]


@pytest.mark.parametrize("ticked", [False, True], ids=["read alone", "cleared"])
def test_an_order_canceled_without_a_fill_is_found_for_three_days(stand, ticked: bool) -> None:
    """From when it was made, to the millisecond, by both of its ids and in the list, cleared or not."""
    order_id = canceled(stand, newClientOrderId="gone")
    (stand.tick if ticked else lambda ms: jump(stand, ms))(UNFILLED_KEPT_MS)
    for named in ({"orderId": order_id}, {"origClientOrderId": "gone"}):
        assert found(stand, **named)["status"] == "CANCELED"
    assert listed(stand) == [order_id]
    (stand.tick if ticked else lambda ms: jump(stand, ms))(1)
    for named in ({"orderId": order_id}, {"origClientOrderId": "gone"}):
        assert found(stand, **named) == {"code": -2013, "msg": "Order does not exist."}
    assert listed(stand) == []
    assert (stand.account.orders_by_id == {}) is ticked


def test_the_age_counts_from_when_it_was_made_and_not_from_its_end(stand) -> None:
    """An order canceled on its fourth day is not found from that moment on."""
    placed = stand.order().body["orderId"]
    later(stand, 4 * DAY_MS)
    assert found(stand, orderId=placed)["status"] == "NEW"
    assert stand.ask_for("DELETE", ORDER, symbol=SYMBOL, orderId=placed).body["status"] == "CANCELED"
    assert found(stand, orderId=placed)["code"] == -2013
    assert stand.ask_for("DELETE", ORDER, symbol=SYMBOL, orderId=placed).body["code"] == -2011
    later(stand, 86 * DAY_MS + 1)
    assert stand.account.orders_by_id == {}


def test_a_filled_order_and_one_filled_in_part_are_found_for_ninety_days(stand) -> None:
    """A fill is worth remembering."""
    whole = stand.market("BUY").body["orderId"]
    resting = stand.order(price="80000.0").body["orderId"]
    stand.book(bid=799_990, ask=799_991, lots=4, levels=1)
    stand.ask_for("DELETE", ORDER, symbol=SYMBOL, orderId=resting)
    for order_id in (whole, resting):
        assert float(found(stand, orderId=order_id)["executedQty"]) > 0
    later(stand, KEPT_MS)
    for order_id in (whole, resting):
        assert found(stand, orderId=order_id)["orderId"] == order_id
    later(stand, 1)
    for order_id in (whole, resting):
        assert found(stand, orderId=order_id)["code"] == -2013
    assert stand.account.orders_by_id == {}
    assert stand.account.orders_by_client_id == {}
    assert len(stand.account.fills) >= 2  # userTrades have their own memory


def test_an_open_order_is_never_forgotten(stand) -> None:
    """However old: it can still trade, and be canceled."""
    placed = stand.order(newClientOrderId="patient").body["orderId"]
    for _ in range(3):
        later(stand, 50 * DAY_MS)
    assert found(stand, orderId=placed)["status"] == "NEW"
    assert [row["orderId"] for row in stand.ask_for("GET", "/fapi/v1/openOrders").body] == [placed]
    assert stand.order(newClientOrderId="patient").body["code"] == -4116
    stand.trade(780_000, 1_000, sold=True)
    assert stand.account.orders_by_id[placed].status == "FILLED"
    stand.tick(1)
    assert stand.account.orders_by_id == {}


def test_an_id_used_again_names_the_newer_order_also_when_the_older_one_goes(stand) -> None:
    """Forgetting the first must not take the second one's name, nor forbid to use it a third time."""
    first = canceled(stand, newClientOrderId="twice")
    stand.tick(2 * DAY_MS)
    second = canceled(stand, newClientOrderId="twice")
    stand.tick(DAY_MS + 1)
    assert found(stand, orderId=first)["code"] == -2013
    assert found(stand, origClientOrderId="twice")["orderId"] == second
    stand.tick(2 * DAY_MS)
    assert found(stand, origClientOrderId="twice")["code"] == -2013
    third = stand.order(newClientOrderId="twice").body["orderId"]
    assert found(stand, origClientOrderId="twice")["orderId"] == third
    assert stand.account.orders_by_client_id == {(SYMBOL, "twice"): stand.account.orders_by_id[third]}


def test_conditional_orders_are_forgotten_by_the_same_rule(stand) -> None:
    """Canceled: three days. Waiting: never. Their names may be used again as before."""
    stand.market("BUY")
    stand.algo(clientAlgoId="stays", triggerPrice="70000")
    stand.algo(clientAlgoId="goes", triggerPrice="71000", closePosition=None, quantity="0.010", reduceOnly="true")
    assert stand.ask_for("DELETE", ALGO, clientAlgoId="goes").status == 200
    stand.tick(UNFILLED_KEPT_MS)
    assert stand.ask_for("GET", ALGO, clientAlgoId="goes").body["algoStatus"] == "CANCELED"
    jump(stand, 1)
    rows = stand.ask_for("GET", "/fapi/v1/allAlgoOrders", symbol=SYMBOL, startTime=START_MS).body
    assert [row["clientAlgoId"] for row in rows] == ["stays"]
    assert stand.ask_for("GET", ALGO, clientAlgoId="goes").body["code"] == -2013
    assert stand.ask_for("DELETE", ALGO, clientAlgoId="goes").body["code"] == -2011
    later(stand, 100 * DAY_MS)
    assert set(stand.account.algos_by_client_id) == {"stays"}
    assert len(stand.account.algos_by_id) == 1
    assert stand.ask_for("GET", ALGO, clientAlgoId="stays").body["algoStatus"] == "NEW"


def test_a_triggered_order_is_kept_while_its_child_works(stand) -> None:
    """A resting child that ends after a hundred days still finishes its parent."""
    stand.market("BUY")
    stand.algo(
        type="TAKE_PROFIT",
        clientAlgoId="parent",
        triggerPrice="80100",
        price="82000",
        closePosition=None,
        quantity="0.010",
        reduceOnly="true",
    )
    stand.trade(801_000, 1, sold=False)
    (child,) = stand.account.open_orders.values()
    later(stand, 100 * DAY_MS)
    assert stand.ask_for("GET", ALGO, clientAlgoId="parent").body["algoStatus"] == "TRIGGERED"
    assert stand.ask_for("DELETE", ORDER, symbol=SYMBOL, orderId=child.order_id).status == 200
    stand.tick(1)
    assert stand.ask_for("GET", ALGO, clientAlgoId="parent").body["code"] == -2013
    assert (stand.account.algos_by_id, stand.account.algos_by_client_id) == ({}, {})


def test_a_long_heavy_run_keeps_three_days_of_orders_and_no_more(stand) -> None:
    """Memory follows the rate of orders, not the age of the exchange; no object of a forgotten one is left."""
    most = 0
    for quarter in range(60):
        for each in range(25):
            canceled(stand, newClientOrderId=f"heavy-{quarter}-{each}")
        stand.tick(DAY_MS // 4)
        most = max(most, len(stand.account.orders_by_id))
    assert most <= 25 * (4 * 3 + 1)
    gc.collect()
    # By exact type: isinstance asks a dead weak proxy, which any library of this process may hold, and raises.
    # By name: other tests of this process may hold orders of their own.
    alive = [each for each in gc.get_objects() if type(each) is Order and each.client_id.startswith("heavy-")]
    assert 0 < len(alive) <= most + 25


def test_a_jump_of_the_clock_is_paid_for_in_steps(stand) -> None:
    """No tick looks at more than its share, and reads are right in between."""
    ids = [canceled(stand) for _ in range(LOOKS_MAX + 500)]
    stand.tick(10 * DAY_MS)
    assert len(stand.account.orders_by_id) == 500
    assert found(stand, orderId=ids[-1])["code"] == -2013
    assert listed(stand) == []
    stand.tick(1)
    assert stand.account.orders_by_id == {}


STATUSES = ("NEW", "PARTIALLY_FILLED", "FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH", "REJECTED")
ages = st.one_of(
    st.integers(0, 100 * DAY_MS),
    st.sampled_from([UNFILLED_KEPT_MS, KEPT_MS]).flatmap(lambda at: st.integers(at - 2, at + 2)),
)


@pytest.mark.property
@given(st.lists(st.tuples(ages, st.sampled_from(STATUSES), st.integers(0, 1)), max_size=40), st.integers(1, 60))
def test_what_is_cleared_is_what_is_gone(rows: list[tuple[int, str, int]], steps: int) -> None:
    """Cleared in however many steps: each gone order exactly once, no other ever, whatever ends meanwhile."""
    stand = Stand()
    order = stand.account.orders_by_id[stand.order().body["orderId"]]
    shelf: Shelf[Order] = Shelf()
    made = []
    for age, status, filled in sorted(rows, key=lambda row: -row[0]):
        each = type(order)(**{name: getattr(order, name) for name in Order.__slots__})
        each.created_ms, each.status, each.filled = START_MS - age, status, filled
        made.append(each)
        shelf.put(each)
    cleared = [each for step in range(steps) for each in shelf.cleared(START_MS - (steps - 1 - step))]
    assert len(set(map(id, cleared))) == len(cleared)
    for each in made:
        old = START_MS - each.created_ms
        ended = each.status not in ("NEW", "PARTIALLY_FILLED")
        unfilled = each.status in ("CANCELED", "EXPIRED", "EXPIRED_IN_MATCH") and not each.filled
        assert is_gone(each, START_MS) is (ended and old > (3 * DAY_MS if unfilled else 90 * DAY_MS))
        assert (each in cleared) is is_gone(each, START_MS)
    for each in made:
        each.status = "CANCELED"
    cleared += shelf.cleared(START_MS + KEPT_MS + 1)
    cleared += shelf.cleared(START_MS + KEPT_MS + 1)
    assert set(map(id, cleared)) == set(map(id, made))
    assert len(cleared) == len(made)
