"""Field names and JSON types of every REST answer, as the documentation has them; text stays text, numbers numbers."""

from typing import Any

import pytest

from tests.exchange.test_shapes import shape

DAY = (
    "symbol:s priceChange:s priceChangePercent:s weightedAvgPrice:s lastPrice:s lastQty:s openPrice:s highPrice:s "
    "lowPrice:s volume:s quoteVolume:s openTime:i closeTime:i firstId:i lastId:i count:i"
)
RATIO = "symbol:s longShortRatio:s longAccount:s shortAccount:s timestamp:i"
PUBLIC: dict[str, str] = {
    "/fapi/v1/ping": "",
    "/fapi/v1/time": "serverTime:i",
    "/fapi/v1/exchangeInfo": "timezone:s serverTime:i futuresType:s rateLimits:l exchangeFilters:l assets:l symbols:l",
    "/fapi/v1/depth": "lastUpdateId:i E:i T:i bids:l asks:l",
    "/fapi/v1/rpiDepth": "lastUpdateId:i E:i T:i bids:l asks:l",
    "/fapi/v1/trades": "id:i price:s qty:s quoteQty:s time:i isBuyerMaker:b isRPITrade:b",
    "/fapi/v1/historicalTrades": "id:i price:s qty:s quoteQty:s time:i isBuyerMaker:b isRPITrade:b",
    "/fapi/v1/aggTrades": "a:i p:s q:s nq:s f:i l:i T:i m:b",
    "/fapi/v1/premiumIndex": "symbol:s markPrice:s indexPrice:s estimatedSettlePrice:s lastFundingRate:s "
    "interestRate:s nextFundingTime:i time:i",
    "/fapi/v1/fundingRate": "symbol:s fundingRate:s fundingTime:i markPrice:s rateType:s",
    "/fapi/v1/openInterest": "openInterest:s symbol:s time:i",
    "/fapi/v1/ticker/24hr": DAY,
    "/fapi/v1/ticker/price": "symbol:s price:s time:i",
    "/fapi/v2/ticker/price": "symbol:s price:s time:i",
    "/fapi/v1/ticker/bookTicker": "symbol:s bidPrice:s bidQty:s askPrice:s askQty:s time:i lastUpdateId:i",
    "/fapi/v1/constituents": "symbol:s time:i constituents:l",
    "/fapi/v1/symbolAdlRisk": "symbol:s adlRisk:s updateTime:i",
    "/fapi/v1/insuranceBalance": "symbols:l assets:l",
    "/fapi/v1/tradingSchedule": "updateTime:i marketSchedules:d",
    "/futures/data/openInterestHist": "symbol:s sumOpenInterest:s sumOpenInterestValue:s CMCCirculatingSupply:s "
    "timestamp:i",
    "/futures/data/globalLongShortAccountRatio": RATIO,
    "/futures/data/topLongShortAccountRatio": RATIO,
    "/futures/data/topLongShortPositionRatio": RATIO,
    "/futures/data/takerlongshortRatio": "buySellRatio:s buyVol:s sellVol:s timestamp:i",
    "/futures/data/basis": "pair:s contractType:s indexPrice:s futuresPrice:s basis:s basisRate:s "
    "annualizedBasisRate:s timestamp:i",
}
ORDER_LIMIT = "rateLimitType:s interval:s intervalNum:i limit:i"
ACCOUNT: dict[str, str] = {
    "/fapi/v1/accountConfig": "feeTier:i canTrade:b canDeposit:b canWithdraw:b dualSidePosition:b updateTime:i "
    "multiAssetsMargin:b tradeGroupId:i",
    "/fapi/v1/symbolConfig": "symbol:s marginType:s isAutoAddMargin:b leverage:i maxNotionalValue:s",
    "/fapi/v1/leverageBracket": "symbol:s brackets:l",
    "/fapi/v1/commissionRate": "symbol:s makerCommissionRate:s takerCommissionRate:s rpiCommissionRate:s",
    "/fapi/v1/income": "symbol:s incomeType:s income:s asset:s info:s time:i tranId:i tradeId:s",
    "/fapi/v1/positionSide/dual": "dualSidePosition:b",
    "/fapi/v1/multiAssetsMargin": "multiAssetsMargin:b",
    "/fapi/v1/feeBurn": "feeBurn:b",
    "/fapi/v1/rateLimit/order": ORDER_LIMIT,
    "/fapi/v1/adlQuantile": "symbol:s adlQuantile:d",
    "/fapi/v1/apiTradingStatus": "indicators:d updateTime:i",
    "/fapi/v1/orderAmendment": "amendmentId:i symbol:s pair:s orderId:i clientOrderId:s time:i amendment:d "
    "priceMatch:s",
    "/fapi/v1/positionMargin/history": "symbol:s type:i deltaType:s amount:s asset:s time:i positionSide:s",
}
DONE = "code:i msg:s"
ACTS: list[tuple[str, str, dict[str, Any], str]] = [
    ("POST", "/fapi/v1/leverage", {"leverage": 10}, "leverage:i maxNotionalValue:s symbol:s"),
    ("POST", "/fapi/v1/marginType", {"marginType": "ISOLATED"}, DONE),
    ("POST", "/fapi/v1/positionSide/dual", {"dualSidePosition": "true"}, DONE),
    ("POST", "/fapi/v1/multiAssetsMargin", {"multiAssetsMargin": "true"}, DONE),
    ("POST", "/fapi/v1/feeBurn", {"feeBurn": "false"}, DONE),
    ("POST", "/fapi/v1/countdownCancelAll", {"countdownTime": 0}, "symbol:s countdownTime:s"),
    ("DELETE", "/fapi/v1/allOpenOrders", {}, DONE),
    ("DELETE", "/fapi/v1/algoOpenOrders", {}, DONE),
    ("POST", "/fapi/v1/listenKey", {}, "listenKey:s"),
]


def first(body: Any) -> dict[str, Any]:
    """The answer, or its first row."""
    assert body != []
    row: dict[str, Any] = body[0] if isinstance(body, list) else body
    return row


@pytest.fixture(scope="module")
def lived() -> Any:
    """An exchange with a past: candles, funding, statistics, a trade, an amended order and a moved margin."""
    from tests.exchange.conftest import START_MS, Stand
    from vortex.exchange.market_events import BookState, OpenInterestState, RatioState

    stand = Stand()
    for symbol in ("ETHUSDT", "BNBUSDT"):
        stand.venue.on_market(BookState(START_MS, symbol, ((300_000, 50),), ((300_001, 50),)), START_MS)
    stand.trade(800_000, 5, sold=True)
    due = stand.venue.floor.listing("BTCUSDT").next_funding_ms
    stand.mark(80_000.0)
    stand.tick(due - stand.now)
    stand.mark(80_000.0)
    stand.venue.on_market(OpenInterestState(stand.now, "BTCUSDT", 5_000), stand.now)
    stand.venue.on_market(RatioState(stand.now, "BTCUSDT", 0.5, 0.6, 0.4, 0.5), stand.now)
    stand.tick(600_000)
    stand.book()
    stand.ask_for("POST", "/fapi/v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
    stand.market("BUY")
    stand.ask_for("POST", "/fapi/v1/positionMargin", symbol="BTCUSDT", amount=5, type=1)
    order = stand.order().body["orderId"]
    change = {"symbol": "BTCUSDT", "side": "BUY", "orderId": order, "quantity": "0.020", "price": "79000"}
    assert stand.ask_for("PUT", "/fapi/v1/order", **change).status == 200
    stand.order_id = order
    return stand


@pytest.mark.parametrize(("path", "wanted"), PUBLIC.items())
def test_public_answers_have_their_fields(lived: Any, path: str, wanted: str) -> None:
    """With a symbol: one object, or rows of one kind."""
    answer = lived.ask_for(
        "GET", path, symbol="BTCUSDT", pair="BTCUSDT", contractType="PERPETUAL", period="5m", interval="1m"
    )
    assert shape(first(answer.body)) == set(wanted.split())


@pytest.mark.parametrize(("path", "wanted"), ACCOUNT.items())
def test_account_answers_have_their_fields(lived: Any, path: str, wanted: str) -> None:
    """Reads of an account that has lived."""
    answer = lived.ask_for("GET", path, symbol="BTCUSDT", orderId=lived.order_id)
    assert shape(first(answer.body)) == set(wanted.split())


@pytest.mark.parametrize(("method", "path", "params", "wanted"), ACTS, ids=[f"{row[0]} {row[1]}" for row in ACTS])
def test_acts_are_confirmed_in_their_own_words(
    stand: Any, method: str, path: str, params: dict[str, Any], wanted: str
) -> None:
    """Settings and cancels."""
    assert shape(first(stand.ask_for(method, path, symbol="BTCUSDT", **params).body)) == set(wanted.split())


def test_moving_margin_is_confirmed_with_a_number(lived: Any) -> None:
    """`amount` is a number here and text everywhere else."""
    body = lived.ask_for("POST", "/fapi/v1/positionMargin", symbol="BTCUSDT", amount=5, type=1).body
    assert shape(body) == {"amount:f", "code:i", "msg:s", "type:i"}


def test_one_cancel_of_a_conditional_order_answers_with_a_code_as_text(stand: Any) -> None:
    """The documentation's own oddity (4.3)."""
    placed = stand.algo("SELL", quantity="0.010").body["algoId"]
    body = stand.ask_for("DELETE", "/fapi/v1/algoOrder", algoId=placed).body
    assert shape(body) == {"algoId:i", "clientAlgoId:s", "code:s", "msg:s"}


@pytest.mark.parametrize(
    "path", ["klines", "continuousKlines", "markPriceKlines", "indexPriceKlines", "premiumIndexKlines"]
)
@pytest.mark.parametrize("interval", ["1m", "1d", "1M"])
def test_candle_rows_have_twelve_places(lived: Any, path: str, interval: str) -> None:
    """Times and counts are numbers, all else is text (3.2)."""
    params = {"symbol": "BTCUSDT", "pair": "BTCUSDT", "contractType": "PERPETUAL", "interval": interval}
    row = lived.ask_for("GET", f"/fapi/v1/{path}", **params).body[-1]
    kinds = "".join("i" if isinstance(each, int) else "s" if isinstance(each, str) else "?" for each in row)
    assert kinds == "isssssisisss"


def test_the_trading_status_counts_orders_that_ended_unfilled(stand: Any) -> None:
    """UFR, IFER and GCR over ten minutes, per symbol; filled orders lower them, old ones do not count."""
    for _ in range(3):
        placed = stand.order().body["orderId"]
        stand.ask_for("DELETE", "/fapi/v1/order", symbol="BTCUSDT", orderId=placed)
    stand.market("BUY")
    stand.order(timeInForce="IOC", price="79000")

    def values() -> dict[str, float]:
        body = stand.ask_for("GET", "/fapi/v1/apiTradingStatus", symbol="BTCUSDT").body
        rows = body["indicators"]["BTCUSDT"]
        wanted = {"isLocked:b", "plannedRecoverTime:i", "indicator:s", "value:f", "triggerValue:f"}
        assert [shape(row) for row in rows] == [wanted] * 3
        return {row["indicator"]: row["value"] for row in rows}

    assert values() == {"UFR": 0.8, "IFER": 1.0, "GCR": 1.0}
    stand.tick(600_001)
    assert values() == {"UFR": 0.0, "IFER": 0.0, "GCR": 0.0}
    every = stand.ask_for("GET", "/fapi/v1/apiTradingStatus").body["indicators"]
    assert sorted(every) == ["BNBUSDT", "BTCUSDT", "ETHUSDT"]
