"""What becomes of regular orders, and what the user stream says about it."""

from typing import Any

import pytest

from vortex.exchange.events import UserEvent

BUY_PX = 790_000


def told(events: list[Any]) -> list[tuple[str, str, str]]:
    """(event type, execution, status) of user events."""
    rows = []
    for event in events:
        if isinstance(event, UserEvent):
            body = event.payload.get("o", {})
            rows.append((event.payload["e"], body.get("x", ""), body.get("X", "")))
    return rows


def orders_told(events: list[Any]) -> list[tuple[str, str, str]]:
    """(execution, status, expiry reason) of ORDER_TRADE_UPDATE events."""
    return [
        (event.payload["o"]["x"], event.payload["o"]["X"], event.payload["o"]["er"])
        for event in events
        if isinstance(event, UserEvent) and event.payload["e"] == "ORDER_TRADE_UPDATE"
    ]


def test_a_resting_limit_order_is_told_as_new_and_changes_no_balance(stand: Any) -> None:
    """Acceptance sends one ORDER_TRADE_UPDATE and no ACCOUNT_UPDATE (11.2-1)."""
    response = stand.order(newClientOrderId="first")
    assert response.status == 200
    assert response.body["status"] == "NEW"
    assert response.body["clientOrderId"] == "first"
    assert told(response.events) == [("ORDER_TRADE_UPDATE", "NEW", "NEW")]


def test_a_market_order_is_told_as_new_then_trade_lite_trade_and_account(stand: Any) -> None:
    """NEW comes before any fill, each fill is three messages with one trade id (11.2-2)."""
    response = stand.market("BUY")
    assert told(response.events) == [
        ("ORDER_TRADE_UPDATE", "NEW", "NEW"),
        ("TRADE_LITE", "", ""),
        ("ORDER_TRADE_UPDATE", "TRADE", "FILLED"),
        ("ACCOUNT_UPDATE", "", ""),
    ]
    lite, full = response.events[1].payload, response.events[2].payload
    assert lite["t"] == full["o"]["t"] != 0
    assert response.body["status"] == "FILLED"
    assert "avgPrice" not in response.body


def test_an_ack_says_new_even_when_the_order_is_filled(stand: Any) -> None:
    """ACK is the default answer and never tells of fills (4.2)."""
    response = stand.order(type="MARKET")
    assert (response.body["status"], response.body["executedQty"]) == ("NEW", "0.000")
    assert stand.held() == 10


def test_a_market_order_eats_level_after_level_and_its_rest_expires(stand: Any) -> None:
    """Twenty levels of one lot cannot fill thirty; the remainder expires with reason 9."""
    stand.book(lots=1)
    response = stand.market("BUY", "0.030")
    assert orders_told(response.events)[-1] == ("EXPIRED", "EXPIRED", "9")
    assert stand.held() == 20


@pytest.mark.parametrize(("tif", "code"), [("GTX", -5022), ("FOK", -5021)])
def test_post_only_and_fill_or_kill_failures_leave_no_trace(stand: Any, tif: str, code: int) -> None:
    """They are REST errors: nothing recorded, nothing told (0.2-7)."""
    response = stand.order(timeInForce=tif, price="80100", quantity="0.100" if tif == "GTX" else "30.000")
    if tif == "FOK":
        stand.account.deposit("USDT", 10**15)
        response = stand.order(timeInForce=tif, price="80000.5", quantity="30.000")
    assert (response.status, response.body["code"]) == (400, code)
    assert response.events == []
    assert stand.account.orders_by_id == {}


def test_an_ioc_remainder_expires_with_reason_2(stand: Any) -> None:
    """IOC takes what is there at its price and ends."""
    stand.book(lots=4)
    response = stand.order(timeInForce="IOC", price="80000.1", newOrderRespType="RESULT")
    assert orders_told(response.events)[-1] == ("EXPIRED", "EXPIRED", "2")
    assert response.body["executedQty"] == "0.004"


def test_a_limit_order_that_crosses_takes_and_rests_the_remainder(stand: Any) -> None:
    """A marketable GTC order fills at the book's prices and the rest becomes a maker."""
    stand.book(lots=4)
    stand.order(price="80000.1")
    order = next(iter(stand.account.open_orders.values()))
    assert (order.status, order.filled, order.left) == ("PARTIALLY_FILLED", 4, 6)
    events = stand.trade(800_001, 100, sold=True)
    assert orders_told(events) == [("TRADE", "FILLED", "0")]
    assert stand.account.fills[-1].maker


def test_cancel_is_told_and_the_second_cancel_is_unknown(stand: Any) -> None:
    """DELETE answers CANCELED once, then -2011."""
    placed = stand.order(newClientOrderId="mine").body
    first = stand.ask_for("DELETE", "/fapi/v1/order", symbol="BTCUSDT", origClientOrderId="mine")
    assert first.body["status"] == "CANCELED"
    assert orders_told(first.events) == [("CANCELED", "CANCELED", "0")]
    again = stand.ask_for("DELETE", "/fapi/v1/order", symbol="BTCUSDT", orderId=placed["orderId"])
    assert again.body["code"] == -2011


def test_a_client_id_is_unique_among_open_orders_only(stand: Any) -> None:
    """The same id is refused while open (-4116) and accepted after the end (T12)."""
    stand.order(newClientOrderId="same")
    assert stand.order(newClientOrderId="same").body["code"] == -4116
    stand.ask_for("DELETE", "/fapi/v1/order", symbol="BTCUSDT", origClientOrderId="same")
    assert stand.order(newClientOrderId="same").status == 200


def test_a_query_by_client_id_finds_the_newest_order(stand: Any) -> None:
    """Once an id is used again the newest order answers."""
    stand.order(newClientOrderId="same")
    stand.ask_for("DELETE", "/fapi/v1/order", symbol="BTCUSDT", origClientOrderId="same")
    second = stand.order(newClientOrderId="same").body["orderId"]
    found = stand.ask_for("GET", "/fapi/v1/order", symbol="BTCUSDT", origClientOrderId="same").body
    assert found["orderId"] == second
    assert {"avgPrice", "cumQuote", "time"} <= found.keys()


def test_reduce_only_is_cut_to_the_position(stand: Any) -> None:
    """The stored quantity is what the position allows (T16a); the NEW event tells it."""
    stand.market("BUY")
    response = stand.market("SELL", "0.050", reduceOnly="true")
    assert response.events[0].payload["o"]["q"] == "0.010"
    assert stand.held() == 0


def test_reduce_only_may_be_refused_instead_of_cut(new_stand: Any) -> None:
    """The switch that turns the cut into -2022."""
    stand = new_stand(reject_excess_reduce_only=True)
    stand.market("BUY")
    assert stand.market("SELL", "0.050", reduceOnly="true").body["code"] == -2022


def test_surplus_reduce_only_orders_expire_when_the_position_shrinks(stand: Any) -> None:
    """Worst price first, with reason 4 (11.2-4)."""
    stand.market("BUY", "0.020")
    near = stand.order("SELL", price="81000", reduceOnly="true").body["orderId"]
    far = stand.order("SELL", price="82000", reduceOnly="true").body["orderId"]
    response = stand.market("SELL", "0.010", reduceOnly="true")
    assert ("EXPIRED", "EXPIRED", "4") in orders_told(response.events)
    orders = stand.account.orders_by_id
    assert (orders[near].status, orders[far].status) == ("NEW", "EXPIRED")


@pytest.mark.parametrize(
    ("mode", "maker", "taker"),
    [
        ("EXPIRE_MAKER", "EXPIRED_IN_MATCH", "FILLED"),
        ("EXPIRE_TAKER", "NEW", "EXPIRED_IN_MATCH"),
        ("EXPIRE_BOTH", "EXPIRED_IN_MATCH", "EXPIRED_IN_MATCH"),
    ],
)
def test_self_trade_prevention_follows_the_takers_mode(stand: Any, mode: str, maker: str, taker: str) -> None:
    """An account never trades with itself; the taker's mode says who goes."""
    resting = stand.order(price="80000").body["orderId"]
    stand.book(bid=799_990)
    response = stand.order(
        "SELL", price="79999", selfTradePreventionMode=mode, newOrderRespType="RESULT", timeInForce="IOC"
    )
    orders = stand.account.orders_by_id
    assert orders[resting].status == maker
    assert orders[response.body["orderId"]].status == taker


def test_modify_moves_the_order_to_the_back_of_the_queue(stand: Any) -> None:
    """PUT keeps id and loses priority; the stream says AMENDMENT with the caller's modifyId."""
    first = stand.order(price="79999.5").body["orderId"]
    stand.order(price="79999.5", quantity="0.020")
    changed = stand.ask_for(
        "PUT",
        "/fapi/v1/order",
        symbol="BTCUSDT",
        side="BUY",
        orderId=first,
        quantity="0.011",
        price="79999.5",
        modifyId=17,
    )
    assert (changed.body["orderId"], changed.body["modifyId"]) == (first, 17)
    assert orders_told(changed.events) == [("AMENDMENT", "NEW", "0")]
    assert changed.events[0].payload["o"]["M"] == "17"
    queue = stand.venue.floor.listing("BTCUSDT").engine.resting[1]
    assert [order.order_id for order in queue][-1] == first


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"quantity": "0.010", "price": "79000"}, -5027),
        ({"quantity": "0.010"}, -1102),
        ({"quantity": "0.0105", "price": "79000"}, -1111),
        ({"quantity": "0.001", "price": "40000"}, -5029),
        ({"quantity": "0.010", "price": "78000", "reduceOnly": "true"}, -5047),
    ],
)
def test_a_refused_modify_changes_nothing(stand: Any, change: dict[str, str], code: int) -> None:
    """Every documented refusal of PUT order leaves the order as it was."""
    placed = stand.order().body
    answer = stand.ask_for("PUT", "/fapi/v1/order", symbol="BTCUSDT", side="BUY", orderId=placed["orderId"], **change)
    assert answer.body["code"] == code
    order = stand.account.orders_by_id[placed["orderId"]]
    assert (order.px, order.lots, order.status) == (BUY_PX, 10, "NEW")


def test_a_post_only_order_that_would_cross_after_a_modify_is_canceled(stand: Any) -> None:
    """It must never become a taker."""
    placed = stand.order(timeInForce="GTX").body
    stand.ask_for(
        "PUT",
        "/fapi/v1/order",
        symbol="BTCUSDT",
        side="BUY",
        orderId=placed["orderId"],
        quantity="0.010",
        price="80010",
    )
    assert stand.account.orders_by_id[placed["orderId"]].status == "CANCELED"
    assert stand.held() == 0


def test_good_till_date_orders_expire(stand: Any) -> None:
    """GTD needs a date at least ten minutes ahead and ends there."""
    assert stand.order(timeInForce="GTD").body["code"] == -5040
    stand.order(timeInForce="GTD", goodTillDate=stand.now + 601_000)
    events = stand.tick(602_000)
    assert orders_told(events) == [("EXPIRED", "EXPIRED", "0")]


def test_the_dead_mans_switch_cancels_regular_orders_and_leaves_stops(stand: Any) -> None:
    """countdownCancelAll is per symbol, and conditional orders stay (T44)."""
    stand.order()
    stand.algo(quantity="0.010", reduceOnly="true")
    answer = stand.ask_for("POST", "/fapi/v1/countdownCancelAll", symbol="BTCUSDT", countdownTime=5_000)
    assert answer.body == {"symbol": "BTCUSDT", "countdownTime": "5000"}
    stand.tick(4_000)
    assert len(stand.account.open_orders) == 1
    stand.tick(1_000)
    assert (len(stand.account.open_orders), len(stand.account.open_algos)) == (0, 1)


def test_a_batch_answers_each_element_in_order(stand: Any) -> None:
    """Good and bad elements stand side by side under HTTP 200."""
    rows = (
        '[{"symbol":"BTCUSDT","side":"BUY","type":"LIMIT","timeInForce":"GTC","quantity":0.01,"price":79000},'
        '{"symbol":"BTCUSDT","side":"BUY","type":"STOP_MARKET","quantity":"0.01"}]'
    )
    answer = stand.ask_for("POST", "/fapi/v1/batchOrders", batchOrders=rows)
    assert answer.status == 200
    assert answer.body[0]["status"] == "NEW"
    assert answer.body[1]["code"] == -4120
    canceled = stand.ask_for(
        "DELETE", "/fapi/v1/batchOrders", symbol="BTCUSDT", orderidlist=f"[{answer.body[0]['orderId']}, 5]"
    )
    assert [row.get("status", row.get("code")) for row in canceled.body] == ["CANCELED", -2011]


def test_price_match_takes_the_price_from_the_book(stand: Any) -> None:
    """QUEUE joins the own side, OPPONENT_5 reaches five levels into the other."""
    joined = stand.order(priceMatch="QUEUE").body
    assert joined["price"] == "80000.00"
    reached = stand.order(priceMatch="OPPONENT_5", newOrderRespType="RESULT").body
    assert reached["price"] == "80000.50"
    assert stand.order(priceMatch="QUEUE", price="79000").body["code"] == -1128


def test_hedge_mode_keeps_long_and_short_apart(stand: Any) -> None:
    """Two positions of one symbol, the short one negative; reduceOnly is not accepted there."""
    assert stand.ask_for("POST", "/fapi/v1/positionSide/dual", dualSidePosition="true").status == 200
    assert stand.market("BUY").body["code"] == -4061
    stand.market("BUY", positionSide="LONG")
    stand.market("SELL", "0.020", positionSide="SHORT")
    assert (stand.held("LONG"), stand.held("SHORT")) == (10, -20)
    assert stand.market("SELL", positionSide="LONG", reduceOnly="true").body["code"] == -1106
    assert stand.market("SELL", "0.020", positionSide="LONG").body["code"] == -2022
    stand.market("SELL", "0.010", positionSide="LONG")
    assert (stand.held("LONG"), stand.held("SHORT")) == (0, -20)
    rows = stand.ask_for("GET", "/fapi/v3/positionRisk").body
    assert [(row["positionSide"], row["positionAmt"]) for row in rows] == [("SHORT", "-0.020")]
    assert stand.venue.conservation()["main"]["fills"] == 0


def test_a_halted_symbol_expires_its_orders_and_takes_no_new_ones(stand: Any) -> None:
    """A symbol that stops trading ends its orders with reason 7."""
    stand.order()
    events = stand.venue.set_status("BTCUSDT", "SETTLING", stand.now)
    assert orders_told(events) == [("EXPIRED", "EXPIRED", "7")]
    assert stand.order().body["code"] == -4140
