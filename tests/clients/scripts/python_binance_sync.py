"""python-binance, synchronous: market endpoints, account, orders, batches, conditional orders, exceptions."""

from binance.exceptions import BinanceAPIException, BinanceRequestException
from python_binance_venue import VenueClient
from refusals import INJECTED, natural, sent, with_an_order
from venue import KEY, SECRET, SYMBOL, at, calm, fault, say, tell

ONE = {"symbol": SYMBOL}
FIVE = {"symbol": SYMBOL, "period": "5m"}
ROWS = {"symbol": SYMBOL, "interval": "1m", "limit": 5}
MARKET = {
    "futures_ping": {},
    "futures_time": {},
    "futures_exchange_info": {},
    "futures_order_book": ONE,
    "futures_rpi_depth": ONE,
    "futures_recent_trades": ONE,
    "futures_historical_trades": ONE,
    "futures_aggregate_trades": ONE,
    "futures_klines": ROWS,
    "futures_mark_price_klines": ROWS,
    "futures_index_price_klines": {"pair": SYMBOL, "interval": "1m"},
    "futures_premium_index_klines": ROWS,
    "futures_continuous_klines": {"pair": SYMBOL, "contractType": "PERPETUAL", "interval": "1m"},
    "futures_mark_price": ONE,
    "futures_funding_rate": ONE,
    "futures_v1_get_funding_info": {},
    "futures_top_longshort_account_ratio": FIVE,
    "futures_top_longshort_position_ratio": FIVE,
    "futures_global_longshort_ratio": FIVE,
    "futures_taker_longshort_ratio": FIVE,
    "futures_ticker": {},
    "futures_symbol_ticker": {},
    "futures_orderbook_ticker": {},
    "futures_index_price_constituents": ONE,
    "futures_open_interest": ONE,
    "futures_index_info": {},
    "futures_open_interest_hist": FIVE,
    "futures_symbol_adl_risk": {},
    "futures_v1_get_asset_index": {},
}
ACCOUNT = {
    "futures_leverage_bracket": {},
    "futures_account_balance": {},
    "futures_account": {},
    "futures_position_information": {},
    "futures_account_trades": ONE,
    "futures_income_history": {},
    "futures_get_position_mode": {},
    "futures_get_multi_assets_mode": {},
    "futures_account_config": {},
    "futures_symbol_config": {},
    "futures_api_trading_status": {},
    "futures_commission_rate": ONE,
    "futures_adl_quantile_estimate": {},
    "futures_position_margin_history": ONE,
    "futures_get_all_orders": ONE,
    "futures_get_all_algo_orders": ONE,
    "futures_get_open_algo_orders": {},
    "futures_v1_get_fee_burn": {},
    "futures_v1_get_rate_limit_order": {},
    "futures_stream_get_listen_key": {},
}


def refused(call, *arguments, **named):
    """[class, code, status] of what a call raises."""
    try:
        call(*arguments, **named)
    except BinanceAPIException as error:
        return [type(error).__name__, error.code, error.status_code]
    except Exception as error:
        return [type(error).__name__, None, None]
    return None


def by_path(client, method, path, parameters):
    """A request by its path."""
    return client._request_futures_api(method.lower(), path.removeprefix("/fapi/v1/"), True, data=sent(parameters))


def orders(client):
    """Limit, modify, cancel, post-only, reduce-only, market."""
    price = at(0.97)
    limit = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": 0.002}
    placed = client.futures_create_order(**limit, price=price)
    modified = client.futures_modify_order(
        symbol=SYMBOL, side="BUY", orderId=placed["orderId"], quantity=0.003, price=price
    )
    read = client.futures_get_order(symbol=SYMBOL, orderId=placed["orderId"])
    listed = len(client.futures_get_open_orders(symbol=SYMBOL))
    canceled = client.futures_cancel_order(symbol=SYMBOL, orderId=placed["orderId"])
    maker = client.futures_create_order(**{**limit, "timeInForce": "GTX"}, price=price)
    client.futures_cancel_all_open_orders(symbol=SYMBOL)
    named = client.futures_limit_buy_order(symbol=SYMBOL, timeInForce="GTC", quantity=0.002, price=price)
    client.futures_cancel_order(symbol=SYMBOL, origClientOrderId=named["clientOrderId"])
    bought = client.futures_create_order(
        symbol=SYMBOL, side="BUY", type="MARKET", quantity=0.004, newOrderRespType="RESULT"
    )
    reducing = client.futures_create_order(
        symbol=SYMBOL, side="SELL", type="LIMIT", timeInForce="GTC", quantity=0.010, price=at(1.02), reduceOnly="true"
    )
    client.futures_cancel_all_open_orders(symbol=SYMBOL)
    held = [row["positionAmt"] for row in client.futures_position_information(symbol=SYMBOL)]
    sold = client.futures_create_order(
        symbol=SYMBOL, side="SELL", type="MARKET", quantity=0.004, reduceOnly="true", newOrderRespType="RESULT"
    )
    return {
        "placed": [placed["status"], "avgPrice" in placed],
        "modified": [modified["origQty"], modified["pair"]],
        "read": [read["status"], read["time"] > 0, read["avgPrice"]],
        "listed": listed,
        "canceled": canceled["status"],
        "maker": maker["timeInForce"],
        "bought": [bought["status"], bought["executedQty"]],
        "reducing": [reducing["origQty"], reducing["reduceOnly"]],
        "held": held,
        "sold": sold["status"],
        "flat": client.futures_position_information(symbol=SYMBOL),
        "trades": len(client.futures_account_trades(symbol=SYMBOL)),
        "test": client.futures_create_test_order(**limit, price=price),
    }


def stops(client):
    """Conditional orders: the client itself sends them to the algo endpoints."""
    stop = client.futures_create_order(
        symbol=SYMBOL, side="SELL", type="STOP_MARKET", stopPrice=at(0.96), closePosition="true"
    )
    trailing = client.futures_create_order(
        symbol=SYMBOL, side="SELL", type="TRAILING_STOP_MARKET", quantity=0.002, callbackRate=1.5
    )
    listed = client.futures_get_open_algo_orders(symbol=SYMBOL)
    read = client.futures_get_algo_order(algoId=stop["algoId"])
    canceled = client.futures_cancel_algo_order(algoId=stop["algoId"])
    client.futures_cancel_all_algo_open_orders(symbol=SYMBOL)
    return {
        "stop": [stop["algoStatus"], stop["closePosition"]],
        "trailing": trailing["callbackRate"],
        "listed": len(listed),
        "read": [read["algoStatus"], read["actualOrderId"]],
        "canceled": canceled["code"],
        "left": client.futures_get_open_algo_orders(symbol=SYMBOL),
    }


def batches(client):
    """Numbers and strings inside the JSON, one refusal, and a cancel by list."""
    good = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    placed = client.futures_place_batch_order(
        batchOrders=[
            {**good, "quantity": "0.002", "price": str(at(0.97))},
            {**good, "quantity": 0.003, "price": at(0.97)},
            {**good, "quantity": "0.002", "price": str(at(1.01)), "timeInForce": "GTX"},
        ]
    )
    ids = [row["orderId"] for row in placed if "orderId" in row]
    canceled = client.futures_cancel_orders(symbol=SYMBOL, orderidlist=ids)
    return {
        "placed": [row.get("status", row.get("code")) for row in placed],
        "canceled": [row["status"] for row in canceled],
        "countdown": client.futures_countdown_cancel_all(symbol=SYMBOL, countdownTime=60_000),
        "off": client.futures_countdown_cancel_all(symbol=SYMBOL, countdownTime=0)["countdownTime"],
    }


def refusals(client):
    """[wanted code, [class, code, status]] of everything that can be refused."""
    found = [[code, refused(by_path, client, method, path, parameters)] for code, method, path, parameters in natural()]
    price = at(0.97)
    limit = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.002"}
    resting = client.futures_create_order(**limit, price=price, newClientOrderId="resting-2")
    for code, method, path, parameters in with_an_order("resting-2", resting["orderId"], price):
        found.append([code, refused(by_path, client, method, path, parameters)])
    client.futures_cancel_all_open_orders(symbol=SYMBOL)
    for code, status in INJECTED:
        fault(kind="error", code=code, status=status, count=1, path="/fapi/v1/order")
        found.append([code, refused(client.futures_create_order, **limit, price=price)])
        calm()
    return found


def wire(client):
    """A page instead of JSON, a wrong secret, a wrong clock."""
    found = {}
    fault(kind="error", status=503, body="<html>nothing here</html>", count=1)
    found["page"] = refused(client.futures_time)
    fault(kind="error", status=200, body="<html>hello</html>", executed=True, count=1, path="/fapi/v1/time")
    found["page_with_status_200"] = refused(client.futures_time)
    calm()
    fault(kind="clock_skew_ms", value=60_000)
    found["clock"] = refused(client.futures_account)
    calm()
    client.API_SECRET = "wrong"
    found["secret"] = refused(client.futures_account)
    client.API_SECRET = SECRET
    return found


def main():
    """Everything, in order."""
    client = VenueClient(KEY, SECRET)
    found = {"calls": {}}
    for name, parameters in {**MARKET, **ACCOUNT}.items():
        found["calls"][name] = len(getattr(client, name)(**parameters))
    for part in (orders, stops, batches, refusals, wire):
        say(part.__name__)
        found[part.__name__] = part(client)
    found["documented"] = [BinanceAPIException.__name__, BinanceRequestException.__name__]
    client.close_connection()
    tell(found)


main()
