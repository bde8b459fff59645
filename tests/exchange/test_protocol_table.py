"""Paths, weights, order costs and mandatory parameters, compared with tables transcribed from the documentation."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.exchange.test_shapes import shape
from vortex.exchange.conversation import METHODS, SESSION_METHODS
from vortex.exchange.parameters import KNOWN
from vortex.exchange.refusal import TEXTS
from vortex.exchange.streams import parse

ROOT = Path(__file__).resolve().parents[2]

HOUSE_PATHS = {"/api/v3/ping", "/api/v3/time"}
"""Not of this API, but asked by a client before it trades."""

MARKET = """
GET /fapi/v1/ping 1 none -
GET /fapi/v1/time 1 none -
GET /fapi/v1/exchangeInfo 1 none -
GET /fapi/v1/depth 10 none symbol
GET /fapi/v1/rpiDepth 20 none symbol
GET /fapi/v1/trades 5 none symbol
GET /fapi/v1/historicalTrades 200 key symbol
GET /fapi/v1/aggTrades 20 none symbol
GET /fapi/v1/klines 5 none symbol,interval
GET /fapi/v1/continuousKlines 5 none pair,contractType,interval
GET /fapi/v1/indexPriceKlines 5 none pair,interval
GET /fapi/v1/markPriceKlines 5 none symbol,interval
GET /fapi/v1/premiumIndexKlines 5 none symbol,interval
GET /fapi/v1/premiumIndex 10 none -
GET /fapi/v1/fundingRate 0 none -
GET /fapi/v1/fundingInfo 0 none -
GET /fapi/v1/openInterest 1 none symbol
GET /fapi/v1/ticker/24hr 40 none -
GET /fapi/v1/ticker/price 2 none -
GET /fapi/v2/ticker/price 2 none -
GET /fapi/v1/ticker/bookTicker 5 none -
GET /fapi/v1/constituents 2 none symbol
GET /fapi/v1/assetIndex 10 none -
GET /fapi/v1/insuranceBalance 1 none -
GET /fapi/v1/symbolAdlRisk 1 none -
GET /fapi/v1/indexInfo 1 none -
GET /fapi/v1/tradingSchedule 5 none -
GET /futures/data/openInterestHist 0 none symbol,period
GET /futures/data/globalLongShortAccountRatio 0 none symbol,period
GET /futures/data/topLongShortAccountRatio 0 none symbol,period
GET /futures/data/topLongShortPositionRatio 0 none symbol,period
GET /futures/data/takerlongshortRatio 0 none symbol,period
GET /futures/data/basis 0 none pair,contractType,period
GET /futures/data/delivery-price 0 none pair
"""
ORDERS = """
POST /fapi/v1/order 0 trade symbol,side,type 1/1
POST /fapi/v1/order/test 0 trade symbol,side,type
GET /fapi/v1/order 1 signed symbol
PUT /fapi/v1/order 0 trade symbol,side,quantity 1/1
DELETE /fapi/v1/order 1 trade symbol
POST /fapi/v1/batchOrders 5 trade batchOrders 5/1
PUT /fapi/v1/batchOrders 5 trade batchOrders 5/1
DELETE /fapi/v1/batchOrders 1 trade symbol
DELETE /fapi/v1/allOpenOrders 1 trade symbol
POST /fapi/v1/countdownCancelAll 10 trade symbol,countdownTime
GET /fapi/v1/openOrder 1 signed symbol
GET /fapi/v1/openOrders 40 signed -
GET /fapi/v1/allOrders 5 signed -
GET /fapi/v1/userTrades 5 signed symbol
GET /fapi/v1/orderAmendment 1 signed symbol
GET /fapi/v1/forceOrders 50 signed -
GET /fapi/v1/rateLimit/order 1 signed -
POST /fapi/v1/algoOrder 0 trade algoType,symbol,side,type 1/1
GET /fapi/v1/algoOrder 1 signed -
DELETE /fapi/v1/algoOrder 1 trade -
DELETE /fapi/v1/algoOpenOrders 1 trade symbol
GET /fapi/v1/openAlgoOrders 40 signed -
GET /fapi/v1/allAlgoOrders 5 signed symbol
"""
ACCOUNT = """
GET /fapi/v3/account 5 signed -
GET /fapi/v2/account 5 signed -
GET /fapi/v3/balance 5 signed -
GET /fapi/v2/balance 5 signed -
GET /fapi/v3/positionRisk 5 signed -
GET /fapi/v2/positionRisk 5 signed -
GET /fapi/v1/accountConfig 5 signed -
GET /fapi/v1/symbolConfig 5 signed -
GET /fapi/v1/leverageBracket 1 signed -
POST /fapi/v1/leverage 1 trade symbol,leverage
POST /fapi/v1/marginType 1 trade symbol,marginType
GET /fapi/v1/positionSide/dual 30 signed -
POST /fapi/v1/positionSide/dual 1 trade dualSidePosition
GET /fapi/v1/multiAssetsMargin 30 signed -
POST /fapi/v1/multiAssetsMargin 1 trade multiAssetsMargin
POST /fapi/v1/positionMargin 1 trade symbol,amount,type
GET /fapi/v1/positionMargin/history 1 signed symbol
GET /fapi/v1/feeBurn 30 signed -
POST /fapi/v1/feeBurn 1 trade feeBurn
GET /fapi/v1/commissionRate 20 signed symbol
GET /fapi/v1/income 30 signed -
GET /fapi/v1/adlQuantile 5 signed -
GET /fapi/v1/apiTradingStatus 10 signed -
POST /fapi/v1/listenKey 1 key -
PUT /fapi/v1/listenKey 1 key -
DELETE /fapi/v1/listenKey 1 key -
"""
ABSENT = """
GET /fapi/v1/income/asyn 1000 signed -
GET /fapi/v1/income/asyn/id 10 signed -
GET /fapi/v1/order/asyn 1000 signed -
GET /fapi/v1/order/asyn/id 10 signed -
GET /fapi/v1/trade/asyn 1000 signed -
GET /fapi/v1/trade/asyn/id 10 signed -
GET /fapi/v1/pmAccountInfo 5 signed -
GET /fapi/v1/convert/exchangeInfo 20 none -
GET /fapi/v1/convert/orderStatus 50 signed -
POST /fapi/v1/convert/getQuote 50 trade -
POST /fapi/v1/convert/acceptQuote 200 trade -
POST /fapi/v1/stock/contract 50 trade -
"""
"""What is documented and not simulated: refused in so many words."""


def rows(text: str) -> list[list[str]]:
    """Method, path, weight without a symbol, security, mandatory parameters, order costs."""
    return [[*line.split(), "0/0"][:6] for line in text.splitlines() if line]


EVERY = rows(MARKET + ORDERS + ACCOUNT + ABSENT)
WITH_SYMBOL = {
    "premiumIndex": 1,
    "ticker/24hr": 1,
    "ticker/price": 1,
    "ticker/bookTicker": 2,
    "assetIndex": 1,
    "openOrders": 1,
    "openAlgoOrders": 1,
    "forceOrders": 20,
    "apiTradingStatus": 1,
}
"""Weights that fall when a symbol is named."""


@pytest.fixture(scope="module")
def endpoints(shared_stand: Any) -> dict[tuple[str, str], Any]:
    """What the exchange serves."""
    return dict(shared_stand.venue.gate._endpoints)


def test_exactly_the_documented_paths_are_served(endpoints: dict[tuple[str, str], Any]) -> None:
    """Nothing is missing, nothing is invented."""
    documented = {(method, path) for method, path, *_ in EVERY}
    assert {key for key in endpoints if key[1] not in HOUSE_PATHS} == documented


@pytest.mark.parametrize("row", EVERY, ids=lambda row: f"{row[0]} {row[1]}")
def test_weight_security_and_order_cost_are_the_documented_ones(
    endpoints: dict[tuple[str, str], Any], row: list[str]
) -> None:
    """IP weight without optional parameters; counts on the 10-second and 1-minute order limits."""
    method, path, weight, security, _, orders = row
    served = endpoints[(method, path)]
    assert served.weight({}) == int(weight)
    assert served.security == security
    assert served.orders == tuple(int(each) for each in orders.split("/"))


@pytest.mark.parametrize(("name", "weight"), WITH_SYMBOL.items())
def test_one_symbol_is_cheaper_than_all(endpoints: dict[tuple[str, str], Any], name: str, weight: int) -> None:
    """The second number of the documentation's `1 / 40`."""
    served = [endpoint for (_, path), endpoint in endpoints.items() if path.endswith(f"/{name}")]
    assert {endpoint.weight({"symbol": "BTCUSDT"}) for endpoint in served} == {weight}


@pytest.mark.parametrize(
    ("path", "limit", "weight"),
    [
        ("/fapi/v1/depth", 5, 2),
        ("/fapi/v1/depth", 50, 2),
        ("/fapi/v1/depth", 100, 5),
        ("/fapi/v1/depth", 500, 10),
        ("/fapi/v1/depth", 1000, 20),
        ("/fapi/v1/klines", 99, 1),
        ("/fapi/v1/klines", 100, 2),
        ("/fapi/v1/klines", 499, 2),
        ("/fapi/v1/klines", 500, 5),
        ("/fapi/v1/klines", 1000, 5),
        ("/fapi/v1/klines", 1001, 10),
    ],
)
def test_weights_grow_with_the_limit(endpoints: dict[tuple[str, str], Any], path: str, limit: int, weight: int) -> None:
    """Depth and candles."""
    assert endpoints[("GET", path)].weight({"limit": str(limit)}) == weight


@pytest.mark.parametrize(
    ("path", "pool"),
    [
        ("/fapi/v1/fundingRate", "funding"),
        ("/fapi/v1/fundingInfo", "funding"),
        ("/futures/data/openInterestHist", "statistics"),
        ("/futures/data/basis", "statistics"),
        ("/fapi/v1/depth", "weight"),
    ],
)
def test_some_endpoints_have_a_budget_of_their_own(endpoints: dict[tuple[str, str], Any], path: str, pool: str) -> None:
    """500 and 1000 calls in five minutes (7.1)."""
    assert endpoints[("GET", path)].pool == pool


@pytest.mark.parametrize("row", rows(MARKET + ORDERS + ACCOUNT), ids=lambda row: f"{row[0]} {row[1]}")
def test_the_mandatory_parameters_are_the_documented_ones(row: list[str]) -> None:
    """As the table of known parameters has them."""
    method, path, _, _, mandatory, _ = row
    assert KNOWN[(method, path)].required == tuple(name for name in mandatory.split(",") if name != "-")


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [(row[0], row[1], name) for row in rows(MARKET + ORDERS + ACCOUNT) for name in row[4].split(",") if name != "-"],
)
def test_each_mandatory_parameter_is_missed(shared_stand: Any, method: str, path: str, name: str) -> None:
    """-1102 names it, whether it is absent or empty."""
    good = {
        "symbol": "BTCUSDT",
        "pair": "BTCUSDT",
        "contractType": "PERPETUAL",
        "interval": "1m",
        "period": "5m",
        "side": "BUY",
        "type": "STOP_MARKET" if "algo" in path else "LIMIT",
        "timeInForce": "GTC",
        "quantity": "0.010",
        "price": "79000",
        "algoType": "CONDITIONAL",
        "amount": "5",
        "leverage": "20",
        "marginType": "CROSSED",
        "countdownTime": "0",
        "orderIdList": "[1]",
    }
    if path.endswith("positionMargin"):
        good["type"] = "1"
    if path == "/fapi/v1/order" and method == "PUT":
        good["orderId"] = shared_stand.order(newClientOrderId=None).body["orderId"]
    wanted = {each: good[each] for each in KNOWN[(method, path)].required if each in good and each != name}
    if path in ("/fapi/v1/order", "/fapi/v1/order/test"):
        wanted |= {each: good[each] for each in ("timeInForce", "quantity", "price", "orderId") if each in good}
        wanted.pop(name, None)
    absent = shared_stand.ask_for(method, path, **wanted)
    empty = shared_stand.ask_for(method, path, **wanted, **{name: ""})
    assert (absent.body["code"], empty.body["code"]) == (-1102, -1102), (absent.body, empty.body)


@pytest.mark.parametrize("row", rows(ABSENT), ids=lambda row: f"{row[0]} {row[1]}")
def test_what_is_not_simulated_says_so(shared_stand: Any, row: list[str]) -> None:
    """-1020, never an invented success."""
    answer = shared_stand.ask_for(row[0], row[1])
    assert (answer.status, answer.body["code"]) == (400, -1020)


CALLS = """
order.place POST /fapi/v1/order
order.modify PUT /fapi/v1/order
order.cancel DELETE /fapi/v1/order
order.status GET /fapi/v1/order
algoOrder.place POST /fapi/v1/algoOrder
algoOrder.cancel DELETE /fapi/v1/algoOrder
account.status GET /fapi/v2/account
v2/account.status GET /fapi/v3/account
account.balance GET /fapi/v2/balance
v2/account.balance GET /fapi/v3/balance
account.position GET /fapi/v2/positionRisk
v2/account.position GET /fapi/v3/positionRisk
depth GET /fapi/v1/depth
ticker.price GET /fapi/v1/ticker/price
ticker.book GET /fapi/v1/ticker/bookTicker
userDataStream.start POST /fapi/v1/listenKey
userDataStream.ping PUT /fapi/v1/listenKey
userDataStream.stop DELETE /fapi/v1/listenKey
ping GET /fapi/v1/ping
time GET /fapi/v1/time
"""


def test_the_methods_of_the_websocket_api_are_the_documented_ones() -> None:
    """Each stands for a REST request, so its weight and order cost are that request's (6)."""
    documented = {line.split()[0]: tuple(line.split()[1:]) for line in CALLS.strip().splitlines()}
    assert dict(METHODS) == documented
    assert SESSION_METHODS == ("session.logon", "session.status", "session.logout")


STREAMS = """
btcusdt@aggTrade market 0
btcusdt@trade public 0
btcusdt@depth public 250
btcusdt@depth@100ms public 100
btcusdt@depth@500ms public 500
btcusdt@depth@0ms public 0
btcusdt@depth5 public 250
btcusdt@depth10@500ms public 500
btcusdt@depth20@100ms public 100
btcusdt@rpiDepth@500ms public 500
btcusdt@bookTicker public 0
!bookTicker public 5000
btcusdt@kline_1m market 250
btcusdt@kline_1M market 250
btcusdt_perpetual@continuousKline_1M market 250
btcusdt@markPrice market 3000
btcusdt@markPrice@1s market 1000
!markPrice@arr market 3000
!markPrice@arr@1s market 1000
btcusdt@forceOrder market 0
!forceOrder@arr market 0
btcusdt@ticker market 2000
!ticker@arr market 1000
btcusdt@miniTicker market 2000
!miniTicker@arr market 1000
!contractInfo market 0
!assetIndex@arr market 1000
usdtusd@assetIndex market 1000
"""


@pytest.mark.parametrize("line", STREAMS.strip().splitlines())
def test_each_stream_has_its_route_and_pace(line: str) -> None:
    """Name, route, and milliseconds between two messages; 0 speaks when something happens."""
    name, route, period = line.split()
    stream = parse(name)
    assert stream is not None
    assert (stream.route, stream.period_ms) == (route, int(period))


@pytest.mark.parametrize("name", ["btcusdt@compositeIndex", "tradingSession", "btcusdt@kline_1s", "BTCUSDT@aggTrade"])
def test_streams_of_what_is_not_listed_are_accepted_and_silent(shared_stand: Any, name: str) -> None:
    """No composite index and no trading session exists here; the subscription is acknowledged all the same."""
    assert shared_stand.venue.subscribe(name) is None


CODES = """
-1000 -1001 -1002 -1003 -1006 -1007 -1008 -1015 -1016 -1020 -1021 -1022 -1023 -1100 -1101 -1102 -1104 -1105 -1106 -1109
-1111 -1112 -1114 -1115 -1116 -1117 -1118 -1119 -1120 -1121 -1125 -1127 -1128 -1130 -1136 -2010 -2011 -2013 -2014 -2015
-2018 -2019 -2020 -2021 -2022 -2023 -2024 -2025 -2026 -2027 -2028 -4000 -4001 -4002 -4003 -4004 -4005 -4006 -4007 -4013
-4014 -4015 -4016 -4021 -4023 -4024 -4028 -4045 -4046 -4047 -4048 -4050 -4051 -4054 -4055 -4056 -4059 -4060 -4061 -4062
-4067 -4068 -4082 -4083 -4087 -4088 -4109 -4116 -4117 -4118 -4120 -4131 -4135 -4136 -4137 -4138 -4140 -4141 -4142 -4161
-4164 -4167 -4168 -4171 -4183 -4184 -4192 -4202 -4209 -4210 -4211 -4400 -4403 -4531 -5021 -5022 -5024 -5025 -5026 -5027
-5028 -5029 -5037 -5038 -5039 -5040 -5041 -5047
"""


def test_each_code_comes_by_itself_or_is_listed_as_coming_on_demand() -> None:
    """The codes that a trading system meets (7.3), against the sources and the list in docs/venue.md."""
    sources = [*(ROOT / "vortex" / "exchange").glob("*.py")]
    raised = {
        int(code)
        for path in sources
        if path.name != "refusal.py"
        for code in re.findall(r"(?<![\w.])(-[1-5]\d{3})\b", path.read_text())
    }
    text = (ROOT / "docs" / "venue.md").read_text()
    section = text.split("### Codes that come only on demand")[1].split("By themselves these never come:")[1]
    section = section.split("Readers that do not keep up")[0]
    listed = {int(code) for code in re.findall(r"(?<!\()-[1-5]\d{3}", section)}
    documented = {int(code) for code in CODES.split()}
    assert documented - raised - listed == set()
    assert {code for code in documented if code in TEXTS} >= documented & raised


def test_a_halted_contract_is_told_with_its_brackets(stand: Any) -> None:
    """!contractInfo speaks when a status changes."""
    stand.venue.subscribe("!contractInfo")
    (event,) = stand.venue.set_status("BTCUSDT", "SETTLING", stand.now)
    assert shape(event.payload) == {"e:s", "E:i", "s:s", "ct:s", "dt:i", "ot:i", "cs:s", "bks:l", "st:i"}
    assert (event.payload["cs"], event.payload["e"]) == ("SETTLING", "contractInfo")
    assert shape(event.payload["bks"][0]) == {"bs:i", "bnf:i", "bnc:i", "mmr:f", "cf:f", "mi:i", "ma:i"}
    first, second = event.payload["bks"][:2]
    assert first["mi"] == second["ma"] + 1


def test_margin_assets_are_told_one_by_one_and_together(stand: Any) -> None:
    """assetIndexUpdate, as an object and as an array."""
    for name in ("usdtusd@assetIndex", "!assetIndex@arr", "nopeusd@assetIndex"):
        stand.venue.subscribe(name)
    told = {event.stream: event.payload for event in stand.tick(1_000)}
    wanted = {"e:s", "E:i", "s:s", "i:s", "b:s", "a:s", "B:s", "A:s", "q:s", "g:s", "Q:s", "G:s"}
    assert shape(told["usdtusd@assetIndex"]) == wanted
    assert [shape(row) for row in told["!assetIndex@arr"]] == [wanted] * len(told["!assetIndex@arr"])
    assert "nopeusd@assetIndex" not in told


@pytest.mark.parametrize(
    ("status", "new", "amended"), [("SETTLING", -4140, -5024), ("CLOSE", -4141, -5024), ("TRADING", None, None)]
)
def test_a_symbol_that_does_not_trade_refuses_orders_in_words_of_its_own(
    stand: Any, status: str, new: int | None, amended: int | None
) -> None:
    """Closed, halted, and for amendments."""
    order = stand.order().body["orderId"]
    stand.venue.floor.listing("BTCUSDT").status = status
    change = {"symbol": "BTCUSDT", "side": "BUY", "orderId": order, "quantity": "0.020", "price": "79000"}
    assert stand.ask_for("PUT", "/fapi/v1/order", **change).body.get("code") == amended
    assert stand.order().body.get("code") == new


@pytest.mark.parametrize(
    ("side", "params", "code"),
    [
        ("SELL", {"type": "STOP", "triggerPrice": "79000", "price": "79000"}, None),
        ("SELL", {"type": "STOP", "triggerPrice": "79000", "price": "75000"}, -4184),
        ("BUY", {"type": "STOP", "triggerPrice": "81000", "price": "86000"}, -4183),
        ("SELL", {"type": "STOP", "triggerPrice": "0", "price": "79000"}, -4006),
        ("SELL", {"type": "STOP", "triggerPrice": "9000000", "price": "79000"}, -4007),
    ],
)
def test_prices_of_conditional_orders_have_codes_of_their_own(
    stand: Any, side: str, params: dict[str, str], code: int | None
) -> None:
    """Trigger price, and limit price against it."""
    assert stand.algo(side, quantity="0.010", **params).body.get("code") == code
