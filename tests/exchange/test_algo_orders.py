"""Conditional orders: placing, triggering, ending, and the guard they give a position."""

from typing import Any

import pytest

from vortex.exchange.events import UserEvent


def algo_states(events: list[Any]) -> list[str]:
    """Statuses of the ALGO_UPDATE events."""
    return [
        event.payload["o"]["X"]
        for event in events
        if isinstance(event, UserEvent) and event.payload["e"] == "ALGO_UPDATE"
    ]


def kinds(events: list[Any]) -> list[str]:
    """Event types of user events, with the status of algo updates."""
    return [
        event.payload["e"] + (f" {event.payload['o']['X']}" if event.payload["e"] == "ALGO_UPDATE" else "")
        for event in events
        if isinstance(event, UserEvent)
    ]


def test_a_stop_triggers_into_an_order_with_its_own_client_id(stand: Any) -> None:
    """TRIGGERING, the child's events, TRIGGERED with the child's id, FINISHED last (4.3)."""
    stand.market("BUY")
    stand.algo(clientAlgoId="stop-1")
    events = stand.trade(789_000, 5, sold=True)
    assert kinds(events) == [
        "ALGO_UPDATE TRIGGERING",
        "ORDER_TRADE_UPDATE",
        "TRADE_LITE",
        "ORDER_TRADE_UPDATE",
        "ACCOUNT_UPDATE",
        "ALGO_UPDATE TRIGGERED",
        "ALGO_UPDATE FINISHED",
    ]
    assert events[1].payload["o"]["c"] == "stop-1"
    assert events[5].payload["o"]["ai"] == str(events[1].payload["o"]["i"])
    assert stand.held() == 0


def test_the_fill_is_found_by_the_childs_order_id(stand: Any) -> None:
    """userTrades knows `actualOrderId`, never the algoId (T30)."""
    stand.market("BUY")
    algo_id = stand.algo().body["algoId"]
    stand.trade(789_000, 5, sold=True)
    parent = stand.ask_for("GET", "/fapi/v1/algoOrder", algoId=algo_id).body
    trades = stand.ask_for("GET", "/fapi/v1/userTrades", symbol="BTCUSDT", orderId=parent["actualOrderId"]).body
    assert (parent["algoStatus"], len(trades)) == ("FINISHED", 1)


@pytest.mark.parametrize(
    ("side", "kind", "trigger"),
    [
        ("SELL", "STOP_MARKET", "80500"),
        ("BUY", "STOP_MARKET", "79500"),
        ("SELL", "TAKE_PROFIT_MARKET", "79500"),
        ("BUY", "TAKE_PROFIT_MARKET", "80500"),
    ],
)
def test_an_order_past_its_trigger_is_refused(stand: Any, side: str, kind: str, trigger: str) -> None:
    """-2021, on all four sides of the price."""
    answer = stand.algo(side, type=kind, triggerPrice=trigger, quantity="0.010")
    assert answer.body["code"] == -2021
    assert stand.account.algos_by_id == {}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"algoType": "TWAP"}, -1130),
        ({"type": "LIMIT"}, -1116),
        ({"triggerPrice": None}, -1102),
        ({"triggerPrice": "79000.15"}, -4014),
        ({"closePosition": "true", "reduceOnly": "true"}, -4138),
        ({"closePosition": None, "quantity": None}, -1102),
        ({"type": "STOP", "quantity": "0.010", "closePosition": None}, -1102),
        ({"type": "TRAILING_STOP_MARKET", "triggerPrice": None, "quantity": "0.01", "callbackRate": "21"}, -1130),
        ({"type": "TRAILING_STOP_MARKET", "triggerPrice": None, "quantity": "0.01"}, -1102),
        ({"workingType": "INDEX"}, -1130),
        ({"clientAlgoId": "no blanks"}, -4015),
    ],
)
def test_each_bad_conditional_order_has_its_code(stand: Any, change: dict[str, Any], code: int) -> None:
    """Parameters per type; nothing is recorded."""
    answer = stand.algo(**change)
    assert answer.body["code"] == code
    assert stand.account.algos_by_id == {}


def test_at_most_200_conditional_orders_over_all_symbols(stand: Any) -> None:
    """The 201st is refused with -4045 (T29)."""
    for _ in range(200):
        assert stand.algo(quantity="0.010", reduceOnly="true").status == 200
    assert stand.algo(quantity="0.010", reduceOnly="true").body["code"] == -4045


def test_a_stop_without_margin_is_rejected_at_its_trigger(stand: Any) -> None:
    """No margin check before the trigger; the rejection is only told by ALGO_UPDATE (T28)."""
    stand.algo("BUY", triggerPrice="80100", quantity="50.000")
    events = stand.trade(801_000, 5, sold=False)
    assert algo_states(events) == ["TRIGGERING", "REJECTED"]
    assert events[-1].payload["o"]["rm"] == "Margin is insufficient."
    assert stand.held() == 0


def test_close_position_without_a_position_expires(stand: Any) -> None:
    """There is nothing to close."""
    stand.algo()
    assert algo_states(stand.trade(789_000, 5, sold=True)) == ["TRIGGERING", "EXPIRED"]


def test_regular_endpoints_do_not_touch_conditional_orders(stand: Any) -> None:
    """allOpenOrders leaves them, algoOpenOrders takes them (T25)."""
    stand.algo()
    stand.ask_for("DELETE", "/fapi/v1/allOpenOrders", symbol="BTCUSDT")
    assert len(stand.ask_for("GET", "/fapi/v1/openAlgoOrders").body) == 1
    stand.ask_for("DELETE", "/fapi/v1/algoOpenOrders", symbol="BTCUSDT")
    assert stand.ask_for("GET", "/fapi/v1/openAlgoOrders").body == []


def test_a_canceled_order_answers_with_a_string_code(stand: Any) -> None:
    """DELETE algoOrder says "200" as text; the second time it is unknown."""
    algo_id = stand.algo().body["algoId"]
    answer = stand.ask_for("DELETE", "/fapi/v1/algoOrder", algoId=algo_id)
    assert (answer.body["code"], answer.body["msg"]) == ("200", "success")
    assert stand.ask_for("DELETE", "/fapi/v1/algoOrder", algoId=algo_id).body["code"] == -2011


def test_a_cancel_during_the_trigger_is_refused(new_stand: Any) -> None:
    """Between TRIGGERING and TRIGGERED the parent cannot be canceled (-4117, T31)."""
    stand = new_stand(algo_trigger_ms=50)
    stand.market("BUY")
    algo_id = stand.algo().body["algoId"]
    assert algo_states(stand.trade(789_000, 5, sold=True)) == ["TRIGGERING"]
    assert stand.ask_for("DELETE", "/fapi/v1/algoOrder", algoId=algo_id).body["code"] == -4117
    assert algo_states(stand.tick(50)) == ["TRIGGERED", "FINISHED"]


def test_a_mark_price_stop_ignores_the_last_price(stand: Any) -> None:
    """MARK_PRICE looks at the mark alone."""
    stand.market("BUY")
    stand.algo(workingType="MARK_PRICE")
    assert algo_states(stand.trade(789_000, 5, sold=True)) == []
    assert algo_states(stand.mark(78_999.0))[0] == "TRIGGERING"


def test_a_trailing_stop_follows_the_best_price(stand: Any) -> None:
    """1 % behind the highest price since its activation; two NEW events when an activation price is given."""
    stand.market("BUY")
    placed = stand.algo(
        type="TRAILING_STOP_MARKET",
        triggerPrice=None,
        quantity="0.010",
        reduceOnly="true",
        callbackRate="1",
        activatePrice="80500",
    )
    assert algo_states(placed.events) == ["NEW"]
    activated = stand.trade(805_000, 5, sold=False)
    assert (algo_states(activated), activated[0].payload["o"]["ia"]) == (["NEW"], True)
    assert algo_states(stand.trade(810_000, 5, sold=False)) == []
    assert algo_states(stand.trade(801_901, 5, sold=True)) == []
    assert algo_states(stand.trade(801_900, 5, sold=True)) == ["TRIGGERING", "TRIGGERED", "FINISHED"]


def test_a_stop_limit_becomes_a_resting_order(stand: Any) -> None:
    """STOP with a price turns into a LIMIT; the parent is FINISHED when that ends."""
    stand.market("BUY")
    stand.algo(type="STOP", closePosition=None, quantity="0.010", price="80100", reduceOnly="true", clientAlgoId="sl")
    assert algo_states(stand.trade(789_000, 5, sold=True)) == ["TRIGGERING", "TRIGGERED"]
    child = stand.ask_for("GET", "/fapi/v1/openOrder", symbol="BTCUSDT", origClientOrderId="sl").body
    assert (child["type"], child["price"], child["reduceOnly"]) == ("LIMIT", "80100.00", True)
    ended = stand.ask_for("DELETE", "/fapi/v1/order", symbol="BTCUSDT", origClientOrderId="sl")
    assert algo_states(ended.events) == ["FINISHED"]


def test_gte_orders_end_with_the_position(stand: Any) -> None:
    """GTE_GTC lives only while a position exists."""
    stand.market("BUY")
    stand.algo(timeInForce="GTE_GTC")
    assert algo_states(stand.market("SELL", reduceOnly="true").events) == ["EXPIRED"]


def test_the_ledger_counts_the_time_without_a_working_stop(stand: Any) -> None:
    """From the fill to the stop, and again from its cancel to the close."""
    stand.market("BUY")
    stand.tick(300)
    algo_id = stand.algo().body["algoId"]
    stand.tick(5_000)
    stand.ask_for("DELETE", "/fapi/v1/algoOrder", algoId=algo_id)
    stand.tick(200)
    stand.market("SELL", reduceOnly="true")
    stand.tick(1_000)
    record = stand.venue.ledger()["positions"][0]
    assert record["unprotected_ms"] == 500
    assert record["longest_unprotected_ms"] == 300
    assert record["closed_ms"] - record["opened_ms"] == 5_500


def test_a_stop_that_covers_half_leaves_the_position_underprotected(stand: Any) -> None:
    """Some stop is better than none, and the ledger tells both apart; a take-profit is no guard at all."""
    stand.market("BUY", "0.020")
    stand.algo(quantity="0.010", reduceOnly="true")
    stand.tick(100)
    stand.algo("SELL", type="TAKE_PROFIT_MARKET", triggerPrice="81000")
    stand.tick(100)
    record = stand.venue.ledger()["positions"][0]
    assert (record["unprotected_ms"], record["underprotected_ms"]) == (0, 200)
