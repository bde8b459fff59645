"""Requests that the exchange must refuse, each with the code it must give, in the words every client can send."""

from venue import SYMBOL, at, best

LIMIT = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.002"}
MARKET = {"symbol": SYMBOL, "side": "BUY", "type": "MARKET", "quantity": "0.002"}
STOP = {
    "algoType": "CONDITIONAL",
    "symbol": SYMBOL,
    "side": "SELL",
    "type": "STOP_MARKET",
    "quantity": "0.002",
}
ORDER, ALGO = "/fapi/v1/order", "/fapi/v1/algoOrder"


def natural():
    """(code, method, path, parameters) of requests that fail by themselves on a flat account; 0 where one must not."""
    deep, high = at(0.97), at(1.03)
    resting = {**LIMIT, "price": str(deep)}
    return [
        (-1102, "POST", ORDER, {**LIMIT, "price": str(deep), "quantity": None}),
        (-1102, "POST", ORDER, {**resting, "timeInForce": None}),
        (-1106, "POST", ORDER, {**MARKET, "timeInForce": "GTC"}),
        (-1111, "POST", ORDER, {**LIMIT, "price": f"{deep}0001"}),
        (-1111, "POST", ORDER, {**resting, "quantity": "0.0021"}),
        (-1115, "POST", ORDER, {**resting, "timeInForce": "WHENEVER"}),
        (-1116, "POST", ORDER, {**resting, "type": "GUESS"}),
        (-1117, "POST", ORDER, {**resting, "side": "HOLD"}),
        (-1121, "POST", ORDER, {**resting, "symbol": "NOPEUSDT"}),
        (-1128, "POST", ORDER, {**resting, "priceMatch": "QUEUE"}),
        (-2011, "DELETE", ORDER, {"symbol": SYMBOL, "orderId": "1"}),
        (-2013, "GET", ORDER, {"symbol": SYMBOL, "orderId": "1"}),
        (-2019, "POST", ORDER, {**LIMIT, "price": str(deep), "quantity": "20"}),
        (-2022, "POST", ORDER, {**MARKET, "reduceOnly": "true"}),
        (-2021, "POST", ALGO, {**STOP, "triggerPrice": str(high)}),
        (0, "POST", "/fapi/v1/leverage", {"symbol": SYMBOL, "leverage": "125"}),
        (-2027, "POST", ORDER, {**LIMIT, "price": str(deep), "quantity": "10"}),
        (0, "POST", "/fapi/v1/leverage", {"symbol": SYMBOL, "leverage": "20"}),
        (-4003, "POST", ORDER, {**resting, "quantity": "0"}),
        (-4005, "POST", ORDER, {**resting, "quantity": "5000"}),
        (-4014, "POST", ORDER, {**LIMIT, "price": f"{deep:.1f}5"}),
        (-4015, "POST", ORDER, {**resting, "newClientOrderId": "a" * 40}),
        (-4016, "POST", ORDER, {**LIMIT, "price": str(at(1.5))}),
        (-4024, "POST", ORDER, {**LIMIT, "side": "SELL", "price": str(at(0.5))}),
        (-4028, "POST", "/fapi/v1/leverage", {"symbol": SYMBOL, "leverage": "500"}),
        (-4046, "POST", "/fapi/v1/marginType", {"symbol": SYMBOL, "marginType": "CROSSED"}),
        (-4059, "POST", "/fapi/v1/positionSide/dual", {"dualSidePosition": "false"}),
        (-4061, "POST", ORDER, {**resting, "positionSide": "LONG"}),
        (-4120, "POST", ORDER, {**STOP, "algoType": None, "stopPrice": str(deep)}),
        (-4137, "POST", ALGO, {**STOP, "triggerPrice": str(deep), "closePosition": "true"}),
        (-4164, "POST", ORDER, {**MARKET, "symbol": "ETHUSDT", "quantity": "0.001"}),
        (-4171, "POST", "/fapi/v1/multiAssetsMargin", {"multiAssetsMargin": "false"}),
        (-5021, "POST", ORDER, {**resting, "timeInForce": "FOK"}),
        (-5022, "POST", ORDER, {**LIMIT, "timeInForce": "GTX", "price": str(round(best()[1] * 1.001, 1))}),
        (-5039, "POST", ORDER, {**resting, "selfTradePreventionMode": "NEVER"}),
        (-5040, "POST", ORDER, {**resting, "timeInForce": "GTD"}),
    ]


def with_an_order(client_id, order_id, price):
    """Refusals that need an open order, a bid of 0.002 under this client id at this price."""
    same = {"symbol": SYMBOL, "side": "BUY", "orderId": str(order_id), "quantity": "0.002", "price": str(price)}
    return [
        (-4116, "POST", ORDER, {**LIMIT, "price": str(price), "newClientOrderId": client_id}),
        (-4067, "POST", "/fapi/v1/positionSide/dual", {"dualSidePosition": "true"}),
        (-4047, "POST", "/fapi/v1/marginType", {"symbol": SYMBOL, "marginType": "ISOLATED"}),
        (-5027, "PUT", ORDER, same),
        (-5047, "PUT", ORDER, {**same, "quantity": "0.003", "reduceOnly": "true"}),
    ]


INJECTED = [
    (-1000, 503),
    (-1001, 503),
    (-1003, 429),
    (-1003, 418),
    (-1006, 400),
    (-1007, 408),
    (-1008, 503),
    (-1015, 429),
    (-1016, 503),
    (-2010, 400),
    (-2018, 400),
    (-2025, 400),
    (-4045, 400),
    (-4118, 400),
    (-4131, 400),
    (-5028, 400),
]
"""(code, status) of refusals that need an overloaded or broken exchange; a fault provides it."""


def sent(parameters):
    """Without those that are left out."""
    return {name: value for name, value in parameters.items() if value is not None}
