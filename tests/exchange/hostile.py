"""Values and requests that no client should send: the material of the fuzz tests."""

import json
from typing import Any
from urllib.parse import urlencode

from hypothesis import strategies as st

from tests.exchange.conftest import START_MS

SECRET = "s" * 64
KEY = "k" * 64
STATUSES = {200, 400, 401, 403, 404, 408, 418, 429, 503}
"""What the exchange documents; anything else is an accident."""

NASTY_NUMBERS = [
    *("NaN", "nan", "-nan", "inf", "-inf", "Infinity", "-Infinity", "sNaN", "1e999", "-1e999", "1e-999", "9" * 20),
    *("9" * 5_000, "-1", "-0", "0", "0.0", "00000000001", "1e5", "1E5", "1e", "1.", ".5", "+1", " 1", "1 ", "1_000"),
    *("0x10", "1,5", "²", "٣", "१", "½", "1\x00", "true", "2147483648", "9223372036854775808", "1e308", "--1", "1-1"),
    *("0." + "0" * 30 + "1", "79000." + "1" * 40, "99999999999999999999.99999999999999999999", "1e20", "5e-324"),
]
NASTY_TEXTS = [
    *(
        "",
        " ",
        "\x00",
        "\ud800",
        "null",
        "None",
        "undefined",
        "[]",
        "{}",
        "[[[[",
        "%00",
        "%",
        "&",
        "=",
        "\n",
        "x" * 9_000,
    ),
    *(
        "'; DROP TABLE orders;--",
        "<script>",
        "../../etc/passwd",
        "__class__",
        "-",
        "btcusdt",
        "BTCUSDT,ETHUSDT",
        "NOPE",
    ),
    *("BTCUSDT ", "BUY", "SELL", "LONG", "SHORT", "BOTH", "GTC", "\U0001f600", "{}{}{}", "%s%s%s", "\\", '"'),
]
LISTS = [
    *("[]", "[1]", "[null]", "[[]]", "[{}]", '["a"]', "[" * 5_000, "[1,2,3,4,5,6,7,8,9,10,11]", '[{"symbol":1}]'),
    *('{"a":1}', "[true]", '[{"symbol":"BTCUSDT","side":"BUY","type":"MARKET","quantity":NaN}]', '"text"', "5", "[-1]"),
    *("[1e999]", "[" + "9" * 5_000 + "]", '["\\ud800"]', '[{"symbol":"BTCUSDT","orderId":1e5,"side":null}]'),
    json.dumps([{"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "1e999"}] * 5),
    json.dumps([{"symbol": "BTCUSDT", "side": {"a": []}, "type": "MARKET", "quantity": ["0.01"]}]),
    json.dumps([{"symbol": "BTCUSDT", "orderId": 10**30, "side": "BUY", "price": True, "quantity": None}]),
]
GOOD: dict[str, list[str]] = {
    "symbol": ["BTCUSDT", "ETHUSDT"],
    "pair": ["BTCUSDT"],
    "side": ["BUY", "SELL"],
    "type": ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET", "1", "2"],
    "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
    "quantity": ["0.010", "0.001", "1"],
    "price": ["79000", "80100", "79999.9"],
    "stopPrice": ["79000"],
    "triggerPrice": ["79000", "81000"],
    "activatePrice": ["81000"],
    "callbackRate": ["1", "0.5"],
    "workingType": ["MARK_PRICE", "CONTRACT_PRICE"],
    "priceMatch": ["NONE", "QUEUE", "OPPONENT_5"],
    "priceProtect": ["true", "FALSE"],
    "closePosition": ["true", "false"],
    "reduceOnly": ["true", "false"],
    "positionSide": ["BOTH", "LONG", "SHORT"],
    "newOrderRespType": ["ACK", "RESULT"],
    "selfTradePreventionMode": ["EXPIRE_TAKER", "EXPIRE_BOTH"],
    "goodTillDate": [str(START_MS + 700_000), str(START_MS)],
    "newClientOrderId": ["a", "b"],
    "origClientOrderId": ["a", "b", "nobody"],
    "clientAlgoId": ["c", "d"],
    "algoType": ["CONDITIONAL"],
    "algoId": ["1", "4000000000000001"],
    "orderId": ["1", str(START_MS * 100 + 1)],
    "modifyId": ["7"],
    "countdownTime": ["0", "60000"],
    "batchOrders": LISTS,
    "orderIdList": ["[1,2]", *LISTS],
    "origClientOrderIdList": ['["a"]', *LISTS],
    "leverage": ["1", "20", "125"],
    "marginType": ["ISOLATED", "CROSSED"],
    "amount": ["10", "0.5"],
    "dualSidePosition": ["true", "false"],
    "multiAssetsMargin": ["true", "false"],
    "feeBurn": ["true", "false"],
    "interval": ["1m", "1w", "1M"],
    "contractType": ["PERPETUAL"],
    "period": ["5m", "1d"],
    "limit": ["1", "5", "500", "1500"],
    "fromId": ["1", str(START_MS * 100)],
    "startTime": ["0", str(START_MS)],
    "endTime": ["0", str(START_MS)],
    "incomeType": ["FUNDING_FEE"],
    "autoCloseType": ["LIQUIDATION", "ADL"],
    "recvWindow": ["5000", "60000"],
    "listenKey": ["a" * 64],
}
"""Sensible values by name, so that fuzzed requests get past the first checks."""

NEEDED = {
    "/fapi/v1/order": ("symbol", "side", "type", "quantity", "price", "timeInForce"),
    "/fapi/v1/order/test": ("symbol", "side", "type", "quantity", "price", "timeInForce"),
    "/fapi/v1/algoOrder": ("algoType", "symbol", "side", "type", "quantity", "triggerPrice"),
    "/fapi/v1/batchOrders": ("batchOrders", "symbol"),
    "/fapi/v1/positionMargin": ("symbol", "amount", "type"),
    "/fapi/v1/leverage": ("symbol", "leverage"),
    "/fapi/v1/marginType": ("symbol", "marginType"),
    "/fapi/v1/countdownCancelAll": ("symbol", "countdownTime"),
    "/fapi/v1/positionSide/dual": ("dualSidePosition",),
    "/fapi/v1/multiAssetsMargin": ("multiAssetsMargin",),
    "/fapi/v1/feeBurn": ("feeBurn",),
}
KNOWN_TO = {
    "/fapi/v1/order": (
        "orderId",
        "goodTillDate",
        "priceMatch",
        "newClientOrderId",
        "reduceOnly",
        "modifyId",
        "stopPrice",
    ),
    "/fapi/v1/algoOrder": ("price", "activatePrice", "callbackRate", "closePosition", "clientAlgoId", "algoId"),
    "/fapi/v1/batchOrders": ("orderIdList", "origClientOrderIdList"),
    "/fapi/v1/allOpenOrders": ("symbol",),
    "/fapi/v1/income": ("incomeType",),
    "/fapi/v1/forceOrders": ("autoCloseType",),
    "/fapi/v1/openAlgoOrders": ("algoId", "algoType"),
    "/fapi/v1/allAlgoOrders": ("algoId",),
    "/fapi/v1/userTrades": ("orderId",),
    "/fapi/v1/allOrders": ("orderId",),
}
STAMPS = ("recvWindow", "timestamp")
PAGES = ("limit", "fromId", "startTime", "endTime")
USUAL = ("symbol", "pair", "interval", "contractType", "period")

hostile = st.one_of(
    st.sampled_from(NASTY_NUMBERS), st.sampled_from(NASTY_TEXTS), st.sampled_from(LISTS), st.text(max_size=40)
)


@st.composite
def requests(draw: Any, method: str, path: str) -> dict[str, str]:
    """A request that would do, with a few of its values replaced, left out or added."""
    names = NEEDED.get(path, USUAL) if method != "GET" else (*USUAL, "orderId", "limit")
    params = {name: draw(st.sampled_from(GOOD[name])) for name in names if draw(st.integers(0, 9))}
    for name in draw(st.lists(st.sampled_from(sorted(GOOD)), max_size=3)):
        params[name] = draw(st.one_of(st.sampled_from(GOOD[name]), hostile))
    for name in draw(st.lists(st.sampled_from(sorted(params)), max_size=2)) if params else []:
        params[name] = draw(hostile)
    return params | draw(st.dictionaries(st.text(max_size=8), hostile, max_size=1))


def encoded(params: dict[str, str]) -> bytes:
    """As a query; what cannot be text on the wire is sent as it is."""
    return urlencode(params, errors="surrogatepass").encode()


json_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**30), 10**30),
        st.floats(),
        st.text(max_size=12),
        st.sampled_from([*NASTY_NUMBERS, *NASTY_TEXTS]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=6,
)
"""Anything that JSON can say, and the NaN and Infinity that it cannot."""
