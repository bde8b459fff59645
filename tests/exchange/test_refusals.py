"""Every refusal of a new order has its code, comes in the documented sequence, and changes nothing."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

ROWS: list[tuple[dict[str, Any], int]] = [
    ({"symbol": None}, -1102),
    ({"side": None}, -1102),
    ({"side": "HOLD"}, -1117),
    ({"type": "ICEBERG"}, -1116),
    ({"timeInForce": "FOREVER"}, -1115),
    ({"symbol": "NOPEUSDT"}, -1121),
    ({"type": "STOP_MARKET", "stopPrice": "79000"}, -4120),
    ({"positionSide": "LONG"}, -4061),
    ({"positionSide": "UP"}, -4060),
    ({"reduceOnly": "maybe"}, -4062),
    ({"type": "MARKET", "price": "80000"}, -1106),
    ({"type": "MARKET", "timeInForce": "GTC"}, -1106),
    ({"price": None, "timeInForce": "GTC", "priceMatch": "BEST"}, -5037),
    ({"timeInForce": "GTD", "goodTillDate": "5"}, -5040),
    ({"selfTradePreventionMode": "NONE"}, -5039),
    ({"newClientOrderId": "has a blank"}, -4015),
    ({"newClientOrderId": "x" * 37}, -4015),
    ({"newOrderRespType": "FULL"}, -1136),
    ({"quantity": None}, -1102),
    ({"quantity": ""}, -1105),
    ({"quantity": "much"}, -1102),
    ({"quantity": "0.0105"}, -1111),
    ({"quantity": "1e-05"}, -1111),
    ({"quantity": "0.30000000000000004"}, -1111),
    ({"quantity": "0"}, -4003),
    ({"quantity": "-1"}, -4003),
    ({"quantity": "1001"}, -4005),
    ({"price": "79000.123"}, -1111),
    ({"price": "79000.15"}, -4014),
    ({"price": "0"}, -4001),
    ({"price": "100"}, -4013),
    ({"price": "5000000"}, -4002),
    ({"quantity": "0.001", "price": "45000"}, -4164),
    ({"price": "85000"}, -4016),
    ({"side": "SELL", "price": "75000"}, -4024),
    ({"reduceOnly": "true"}, -2022),
    ({"quantity": "3.000"}, -2019),
    ({"price": "80100", "timeInForce": "GTX"}, -5022),
]


@pytest.mark.parametrize(("change", "code"), ROWS)
def test_each_bad_order_has_its_code_and_leaves_no_trace(stand: Any, change: dict[str, Any], code: int) -> None:
    """One change to a good order, one code; books, orders and wallets stay as they were."""
    before = snapshot(stand)
    answer = stand.order(**change)
    assert (answer.status, answer.body["code"]) == (400, code)
    assert answer.events == []
    assert snapshot(stand) == before


def snapshot(stand: Any) -> tuple[Any, ...]:
    """Everything a refused request must not touch."""
    account = stand.account
    engine = stand.venue.floor.listing("BTCUSDT").engine
    return (
        dict(account.wallets),
        sorted(account.orders_by_id),
        sorted(account.open_algos),
        {key: (position.lots, position.cost) for key, position in account.positions.items() if position.lots},
        engine.book.bids.levels(100),
        engine.book.asks.levels(100),
        len(engine.resting[1]) + len(engine.resting[-1]),
        stand.venue.floor.counters.order_id,
    )


def test_order_test_checks_everything_and_records_nothing(stand: Any) -> None:
    """order/test answers {} or the refusal, and no order appears."""
    good = {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "0.01",
        "price": "79000",
    }
    assert stand.ask_for("POST", "/fapi/v1/order/test", **good).body == {}
    assert stand.ask_for("POST", "/fapi/v1/order/test", **{**good, "price": "79000.15"}).body["code"] == -4014
    assert stand.account.orders_by_id == {}


def test_a_position_above_the_leverage_bracket_is_refused(stand: Any) -> None:
    """At 125x a BTC position may not exceed 300 000 (-2027)."""
    stand.account.deposit("USDT", 10**15)
    stand.ask_for("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=125)
    assert stand.order(quantity="4.000").body["code"] == -2027
    assert stand.order(quantity="3.000").status == 200


def test_open_orders_of_a_symbol_are_limited(stand: Any) -> None:
    """The 201st open order of a symbol is refused (-2025)."""
    stand.account.deposit("USDT", 10**15)
    for _ in range(200):
        assert stand.order(quantity="0.001").status == 200
    assert stand.order(quantity="0.001").body["code"] == -2025


def test_a_market_order_needs_a_counterparty_near_the_mark(stand: Any) -> None:
    """With the best price beyond the take bound a MARKET order is refused (-4131)."""
    stand.book(bid=MARK_TICKS * 2, ask=MARK_TICKS * 2 + 1)
    assert stand.market("BUY").body["code"] == -4131


MARK_TICKS = 800_000


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "symbol",
                "side",
                "type",
                "quantity",
                "price",
                "timeInForce",
                "reduceOnly",
                "newClientOrderId",
                "stopPrice",
            ]
        ),
        st.text(max_size=12) | st.sampled_from(["BTCUSDT", "BUY", "SELL", "LIMIT", "MARKET", "GTC", "GTX", "0.01"]),
    )
)
@pytest.mark.property
def test_no_parameters_make_the_exchange_fail(params: dict[str, str]) -> None:
    """Any strings at all give an answer: an order or a code, never an exception, never lost money."""
    venue = STAND.venue
    answer = venue.request("main", "POST", "/fapi/v1/order", params, STAND.now)
    assert answer.status in (200, 400)
    assert set(venue.conservation()["main"].values()) == {0}


@pytest.fixture(autouse=True, scope="module")
def _shared(request: pytest.FixtureRequest) -> None:
    """One exchange for the generated requests: building one per example would be slow."""
    global STAND
    STAND = request.getfixturevalue("shared_stand")


STAND: Any = None
