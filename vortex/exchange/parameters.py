"""Which parameters each endpoint reads, and the checks of their form that come before their meaning (4.1, 7.3)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from vortex.exchange.params import Params
from vortex.exchange.refusal import Refusal

PARAMETERS_MAX = 64
PLAIN_MAX = 40
EVERYWHERE = frozenset({"timestamp", "recvWindow", "signature", "apiKey", "returnRateLimits"})
_LISTS = frozenset({"batchorders", "orderidlist", "origclientorderidlist"})
_OWN_RULE = frozenset({"newClientOrderId", "origClientOrderId", "clientAlgoId"})
"""Names whose form has a code of its own (-4015)."""
_ILLEGAL = re.compile(r"[\x00-\x1f\x7f\"\\<>]|^\s|\s$")
_SYMBOL = re.compile(r"[\w.-]{1,40}")
"""Letters of any script: some contracts have Chinese names."""


@dataclass(frozen=True, slots=True)
class Known:
    """The parameters of one endpoint."""

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()

    def reads(self, name: str) -> bool:
        """Is this parameter looked at? The cancel lists come in any case."""
        return name in EVERYWHERE or name in self.required or name in self.optional or name.lower() in _LISTS


_ROWS: Mapping[str, str] = {
    "GET /api/v3/ping": "|",
    "GET /api/v3/time": "|",
    "GET /fapi/v1/ping": "|",
    "GET /fapi/v1/time": "|",
    "GET /fapi/v1/exchangeInfo": "|",
    "GET /fapi/v1/depth": "symbol|limit",
    "GET /fapi/v1/rpiDepth": "symbol|limit",
    "GET /fapi/v1/trades": "symbol|limit",
    "GET /fapi/v1/historicalTrades": "symbol|limit fromId",
    "GET /fapi/v1/aggTrades": "symbol|fromId startTime endTime limit",
    "GET /fapi/v1/klines": "symbol interval|startTime endTime limit",
    "GET /fapi/v1/continuousKlines": "pair contractType interval|startTime endTime limit",
    "GET /fapi/v1/markPriceKlines": "symbol interval|startTime endTime limit",
    "GET /fapi/v1/indexPriceKlines": "pair interval|startTime endTime limit",
    "GET /fapi/v1/premiumIndexKlines": "symbol interval|startTime endTime limit",
    "GET /fapi/v1/premiumIndex": "|symbol",
    "GET /fapi/v1/fundingRate": "|symbol startTime endTime limit",
    "GET /fapi/v1/fundingInfo": "|",
    "GET /fapi/v1/openInterest": "symbol|",
    "GET /fapi/v1/ticker/24hr": "|symbol",
    "GET /fapi/v1/ticker/price": "|symbol",
    "GET /fapi/v2/ticker/price": "|symbol",
    "GET /fapi/v1/ticker/bookTicker": "|symbol",
    "GET /fapi/v1/constituents": "symbol|",
    "GET /fapi/v1/insuranceBalance": "|symbol",
    "GET /fapi/v1/symbolAdlRisk": "|symbol",
    "GET /fapi/v1/assetIndex": "|symbol",
    "GET /fapi/v1/indexInfo": "|symbol",
    "GET /fapi/v1/tradingSchedule": "|",
    "GET /futures/data/delivery-price": "pair|",
    "GET /futures/data/basis": "pair contractType period|limit startTime endTime",
    "GET /futures/data/openInterestHist": "symbol period|limit startTime endTime",
    "GET /futures/data/globalLongShortAccountRatio": "symbol period|limit startTime endTime",
    "GET /futures/data/topLongShortAccountRatio": "symbol period|limit startTime endTime",
    "GET /futures/data/topLongShortPositionRatio": "symbol period|limit startTime endTime",
    "GET /futures/data/takerlongshortRatio": "symbol period|limit startTime endTime",
    "POST /fapi/v1/order": "symbol side type|positionSide timeInForce reduceOnly quantity price newClientOrderId "
    "newOrderRespType priceMatch selfTradePreventionMode goodTillDate closePosition stopPrice",
    "POST /fapi/v1/order/test": "symbol side type|positionSide timeInForce reduceOnly quantity price newClientOrderId "
    "newOrderRespType priceMatch selfTradePreventionMode goodTillDate closePosition stopPrice activationPrice "
    "callbackRate workingType priceProtect",
    "PUT /fapi/v1/order": "symbol side quantity|price orderId origClientOrderId priceMatch modifyId reduceOnly "
    "positionSide",
    "GET /fapi/v1/order": "symbol|orderId origClientOrderId",
    "DELETE /fapi/v1/order": "symbol|orderId origClientOrderId",
    "POST /fapi/v1/batchOrders": "batchOrders|",
    "PUT /fapi/v1/batchOrders": "batchOrders|",
    "DELETE /fapi/v1/batchOrders": "symbol|orderIdList origClientOrderIdList",
    "DELETE /fapi/v1/allOpenOrders": "symbol|",
    "POST /fapi/v1/countdownCancelAll": "symbol countdownTime|",
    "GET /fapi/v1/openOrder": "symbol|orderId origClientOrderId",
    "GET /fapi/v1/openOrders": "|symbol",
    "GET /fapi/v1/allOrders": "|symbol orderId startTime endTime limit",
    "GET /fapi/v1/userTrades": "symbol|orderId startTime endTime fromId limit",
    "GET /fapi/v1/orderAmendment": "symbol|orderId origClientOrderId startTime endTime limit",
    "GET /fapi/v1/forceOrders": "|symbol autoCloseType startTime endTime limit",
    "GET /fapi/v1/rateLimit/order": "|",
    "POST /fapi/v1/algoOrder": "algoType symbol side type|positionSide timeInForce quantity price triggerPrice "
    "workingType priceMatch closePosition priceProtect reduceOnly activatePrice callbackRate clientAlgoId "
    "newOrderRespType selfTradePreventionMode goodTillDate",
    "GET /fapi/v1/algoOrder": "|algoId clientAlgoId",
    "DELETE /fapi/v1/algoOrder": "|algoId clientAlgoId",
    "DELETE /fapi/v1/algoOpenOrders": "symbol|",
    "GET /fapi/v1/openAlgoOrders": "|algoType symbol algoId",
    "GET /fapi/v1/allAlgoOrders": "symbol|algoId startTime endTime limit",
    "GET /fapi/v3/account": "|",
    "GET /fapi/v2/account": "|",
    "GET /fapi/v3/balance": "|",
    "GET /fapi/v2/balance": "|",
    "GET /fapi/v3/positionRisk": "|symbol",
    "GET /fapi/v2/positionRisk": "|symbol",
    "GET /fapi/v1/accountConfig": "|",
    "GET /fapi/v1/symbolConfig": "|symbol",
    "GET /fapi/v1/leverageBracket": "|symbol",
    "GET /fapi/v1/commissionRate": "symbol|",
    "GET /fapi/v1/income": "|symbol incomeType startTime endTime limit",
    "GET /fapi/v1/adlQuantile": "|symbol",
    "GET /fapi/v1/apiTradingStatus": "|symbol",
    "POST /fapi/v1/leverage": "symbol leverage|",
    "POST /fapi/v1/marginType": "symbol marginType|",
    "POST /fapi/v1/positionMargin": "symbol amount type|positionSide",
    "GET /fapi/v1/positionMargin/history": "symbol|type startTime endTime limit",
    "GET /fapi/v1/positionSide/dual": "|",
    "POST /fapi/v1/positionSide/dual": "dualSidePosition|",
    "GET /fapi/v1/multiAssetsMargin": "|",
    "POST /fapi/v1/multiAssetsMargin": "multiAssetsMargin|",
    "GET /fapi/v1/feeBurn": "|",
    "POST /fapi/v1/feeBurn": "feeBurn|",
    "POST /fapi/v1/listenKey": "|listenKey",
    "PUT /fapi/v1/listenKey": "|listenKey",
    "DELETE /fapi/v1/listenKey": "|listenKey",
}


def _known(row: str) -> Known:
    required, _, optional = row.partition("|")
    return Known(tuple(required.split()), tuple(optional.split()))


KNOWN: Mapping[tuple[str, str], Known] = {
    (name.split()[0], name.split()[1]): _known(row) for name, row in _ROWS.items()
}
"""Parameters by (method, path)."""


class Request(Protocol):
    """What is checked: a request that has passed the door."""

    method: str
    path: str
    params: Params
    doubled: bool


def check_form(request: Request, *, strict: bool = False) -> None:
    """Number, emptiness, characters and, when `strict`, names that nobody reads; -1101, -1102, -1105, -1100, -1104.

    The real exchange ignores unknown names in silence (T33), which is how a misspelled `activationPrice` gets lost.
    """
    params, known = request.params, KNOWN.get((request.method, request.path))
    if request.doubled:
        raise Refusal(-1101)
    if len(params) > PARAMETERS_MAX:
        raise Refusal(-1101, message=f"Too many parameters; expected '{PARAMETERS_MAX}' and received '{len(params)}'.")
    required = () if known is None else known.required
    check_values(params, required)
    for name in required:
        if name not in params:
            raise Refusal(-1102, name)
    if strict and known is not None:
        read = sum(1 for name in params if known.reads(name))
        if read < len(params):
            raise Refusal(-1104, read, len(params))


def check_values(params: Params, required: tuple[str, ...] = ()) -> None:
    """No value is empty (-1102 for a mandatory one, else -1105) or has stray blanks and control characters (-1100)."""
    for name, value in params.items():
        if value.isalnum() and len(value) <= PLAIN_MAX:
            continue  # the usual case, and quick
        if value == "":
            raise Refusal(-1102 if name in required else -1105, name)
        if name.lower() in _LISTS or name in _OWN_RULE:
            continue
        if _ILLEGAL.search(value) or (name in ("symbol", "pair") and _SYMBOL.fullmatch(value) is None):
            raise Refusal(-1100, name)
