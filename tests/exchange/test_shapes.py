"""The wire shapes that strict clients insist on: every key, and whether it is text, number or truth."""

from typing import Any

import pytest

from vortex.exchange.events import StreamEvent, UserEvent

KINDS = {str: "s", bool: "b", int: "i", float: "f", type(None): "0", list: "l", dict: "d"}

ORDER = (
    "orderId:i symbol:s status:s clientOrderId:s price:s origQty:s executedQty:s cumQty:s timeInForce:s type:s "
    "reduceOnly:b closePosition:b side:s positionSide:s stopPrice:s workingType:s priceProtect:b origType:s "
    "priceMatch:s selfTradePreventionMode:s goodTillDate:i updateTime:i"
)
QUERY = ORDER.replace(" cumQty:s", "") + " avgPrice:s cumQuote:s time:i"
ALGO = (
    "algoId:i clientAlgoId:s algoType:s orderType:s symbol:s side:s positionSide:s timeInForce:s quantity:s "
    "algoStatus:s triggerPrice:s price:s icebergQuantity:0 selfTradePreventionMode:s workingType:s priceMatch:s "
    "closePosition:b priceProtect:b reduceOnly:b createTime:i updateTime:i triggerTime:i goodTillDate:i"
)
ORDER_EVENT = (
    "s:s c:s S:s o:s f:s q:s p:s ap:s sp:s x:s X:s i:i l:s z:s L:s n:s N:s T:i t:i b:s a:s m:b R:b wt:s ot:s ps:s "
    "cp:b rp:s pP:b si:i ss:i V:s pm:s gtd:i er:s"
)
ALGO_EVENT = (
    "caid:s aid:i at:s o:s s:s S:s ps:s f:s q:s X:s ai:s tp:s p:s V:s wt:s pm:s cp:b pP:b R:b tt:i gtd:i rm:s ia:b"
)
POSITION_EVENT = "s:s pa:s ep:s bep:s cr:s up:s mt:s iw:s ps:s"
POSITION_V3 = (
    "symbol:s positionSide:s positionAmt:s entryPrice:s breakEvenPrice:s markPrice:s unRealizedProfit:s "
    "liquidationPrice:s isolatedMargin:s notional:s marginAsset:s isolatedWallet:s initialMargin:s maintMargin:s "
    "positionInitialMargin:s openOrderInitialMargin:s adl:i bidNotional:s askNotional:s updateTime:i"
)
POSITION_V2 = (
    "entryPrice:s breakEvenPrice:s marginType:s isAutoAddMargin:s isolatedMargin:s leverage:s liquidationPrice:s "
    "markPrice:s maxNotionalValue:s positionAmt:s notional:s isolatedWallet:s symbol:s unRealizedProfit:s "
    "positionSide:s updateTime:i"
)
TRADE = (
    "symbol:s pair:s id:i orderId:i side:s positionSide:s price:s qty:s quoteQty:s baseQty:s realizedPnl:s "
    "commission:s commissionAsset:s marginAsset:s time:i buyer:b maker:b"
)
ACCOUNT = (
    "totalInitialMargin:s totalMaintMargin:s totalWalletBalance:s totalUnrealizedProfit:s totalMarginBalance:s "
    "totalPositionInitialMargin:s totalOpenOrderInitialMargin:s totalCrossWalletBalance:s totalCrossUnPnl:s "
    "availableBalance:s maxWithdrawAmount:s assets:l positions:l"
)
BALANCE = (
    "accountAlias:s asset:s balance:s crossWalletBalance:s crossUnPnl:s availableBalance:s maxWithdrawAmount:s "
    "marginAvailable:b updateTime:i"
)


def shape(body: dict[str, Any]) -> set[str]:
    """Keys with the letter of their JSON type."""
    return {f"{name}:{KINDS[type(value)]}" for name, value in body.items()}


def test_orders_answer_in_the_shape_of_2026(stand: Any) -> None:
    """POST, DELETE without avgPrice and cumQuote; reads with them and `time`."""
    placed = stand.order(newClientOrderId="a").body
    assert shape(placed) == set(ORDER.split())
    query = {"symbol": "BTCUSDT", "origClientOrderId": "a"}
    assert shape(stand.ask_for("GET", "/fapi/v1/order", **query).body) == set(QUERY.split())
    assert shape(stand.ask_for("GET", "/fapi/v1/openOrders").body[0]) == set(QUERY.split())
    every = stand.ask_for("GET", "/fapi/v1/allOrders", symbol="BTCUSDT").body[0]
    assert shape(every) == set(QUERY.split()) | {"cumBase:s", "pair:s"}
    assert shape(stand.ask_for("DELETE", "/fapi/v1/order", **query).body) == set(ORDER.split())


def test_the_legacy_switch_brings_the_removed_fields_back(new_stand: Any) -> None:
    """For clients from before 2026-06-30."""
    body = new_stand(legacy_fields=True).market("BUY").body
    assert (body["avgPrice"], body["cumQuote"]) == ("80000.10", "800.001")


def test_conditional_orders_answer_in_their_own_shape(stand: Any) -> None:
    """POST; GET adds the child's fields; lists add the bracket's."""
    placed = stand.algo(clientAlgoId="a").body
    assert shape(placed) == set(ALGO.split())
    single = stand.ask_for("GET", "/fapi/v1/algoOrder", clientAlgoId="a").body
    assert shape(single) == set(ALGO.split()) | {"actualOrderId:s", "actualPrice:s", "tpOrderType:s"}
    listed = stand.ask_for("GET", "/fapi/v1/openAlgoOrders").body[0]
    extra = {"tpTriggerPrice:s", "tpPrice:s", "slTriggerPrice:s", "slPrice:s"}
    assert shape(listed) == shape(single) | extra


def test_user_events_have_every_key_that_decoders_require(stand: Any) -> None:
    """ORDER_TRADE_UPDATE in full on acceptance and fill, ACCOUNT_UPDATE, TRADE_LITE, ALGO_UPDATE."""
    events = {}
    for event in (*stand.market("BUY").events, *stand.algo().events):
        assert isinstance(event, UserEvent)
        events.setdefault(event.payload["e"], event.payload)
    assert shape(events["ORDER_TRADE_UPDATE"]["o"]) == set(ORDER_EVENT.split())
    assert shape(events["ALGO_UPDATE"]["o"]) == set(ALGO_EVENT.split())
    lite = "e:s E:i T:i s:s q:s p:s m:b c:s S:s L:s l:s t:i i:i"
    assert shape(events["TRADE_LITE"]) == set(lite.split())
    update = events["ACCOUNT_UPDATE"]["a"]
    assert shape(update["B"][0]) == {"a:s", "wb:s", "cw:s", "bc:s"}
    assert shape(update["P"][0]) == set(POSITION_EVENT.split())


def test_account_reads_have_their_shapes(stand: Any) -> None:
    """Account, balance, positions and trades, versions two and three."""
    stand.market("BUY")
    assert shape(stand.ask_for("GET", "/fapi/v3/account").body) == set(ACCOUNT.split())
    old = "feeTier:i feeBurn:b tradeGroupId:i canTrade:b canDeposit:b canWithdraw:b updateTime:i multiAssetsMargin:b"
    assert shape(stand.ask_for("GET", "/fapi/v2/account").body) == set(ACCOUNT.split()) | set(old.split())
    assert shape(stand.ask_for("GET", "/fapi/v3/balance").body[0]) == set(BALANCE.split())
    assert shape(stand.ask_for("GET", "/fapi/v3/positionRisk").body[0]) == set(POSITION_V3.split())
    assert shape(stand.ask_for("GET", "/fapi/v2/positionRisk").body[0]) == set(POSITION_V2.split())
    assert shape(stand.ask_for("GET", "/fapi/v1/userTrades", symbol="BTCUSDT").body[0]) == set(TRADE.split())
    bracket = stand.ask_for("GET", "/fapi/v1/leverageBracket", symbol="BTCUSDT").body[0]["brackets"][0]
    wanted = "bracket:i initialLeverage:i notionalCap:i notionalFloor:i maintMarginRatio:f cum:f"
    assert shape(bracket) == set(wanted.split())


@pytest.mark.parametrize(
    ("stream", "wanted"),
    [
        ("btcusdt@aggTrade", "e:s E:i s:s a:i p:s q:s nq:s f:i l:i T:i m:b st:i"),
        ("btcusdt@trade", "e:s E:i T:i s:s t:i p:s q:s X:s m:b"),
        ("btcusdt@bookTicker", "e:s u:i s:s ps:s b:s B:s a:s A:s T:i E:i st:i"),
        ("btcusdt@depth@100ms", "e:s E:i T:i s:s ps:s U:i u:i pu:i b:l a:l st:i"),
        ("btcusdt@depth5@100ms", "e:s E:i T:i s:s ps:s U:i u:i pu:i b:l a:l st:i"),
        ("btcusdt@markPrice@1s", "e:s E:i s:s p:s ap:s P:s i:s r:s T:i st:i"),
        ("btcusdt@kline_1m", "e:s E:i s:s k:d"),
        ("btcusdt@miniTicker", "e:s E:i s:s c:s o:s h:s l:s v:s q:s ps:s st:i"),
        (
            "btcusdt@ticker",
            "e:s E:i s:s p:s P:s w:s c:s Q:s o:s h:s l:s v:s q:s O:i C:i F:i L:i n:i ps:s st:i",
        ),
    ],
)
def test_public_messages_have_their_shapes(stand: Any, stream: str, wanted: str) -> None:
    """Prices and quantities are text, ids and times numbers."""
    stand.venue.subscribe(stream)
    events = stand.book(bid=799_999) + stand.trade(800_000, 5, sold=False) + stand.tick(2_000)
    messages = [event.payload for event in events if isinstance(event, StreamEvent)]
    assert messages
    for message in messages:
        assert shape(message) == set(wanted.split())


def test_exchange_info_lists_what_clients_look_for(stand: Any) -> None:
    """Limits, filters as text, conditional types, and no RPI in timeInForce."""
    info = stand.ask_for("GET", "/fapi/v1/exchangeInfo").body
    contract = next(row for row in info["symbols"] if row["symbol"] == "BTCUSDT")
    assert {row["filterType"] for row in contract["filters"]} == {
        "PRICE_FILTER",
        "LOT_SIZE",
        "MARKET_LOT_SIZE",
        "MAX_NUM_ORDERS",
        "MIN_NOTIONAL",
        "PERCENT_PRICE",
        "POSITION_RISK_CONTROL",
    }
    assert "TRAILING_STOP_MARKET" in contract["orderTypes"]
    assert contract["timeInForce"] == ["GTC", "IOC", "FOK", "GTX", "GTD"]
    assert {row["limit"] for row in info["rateLimits"]} == {2400, 1200, 300}
