"""binance-futures-connector: REST with everything in the query string, and its threaded sockets, one per route."""

import json
import threading
from functools import partial

from binance.error import ClientError, ServerError
from binance.um_futures import UMFutures
from binance.websocket.um_futures.websocket_client import UMFuturesWebsocketClient
from refusals import INJECTED, natural, sent, with_an_order
from venue import KEY, REST, SECRET, SYMBOL, WS, at, calm, fault, say, tell, until

ONE = [SYMBOL]
CALLS = {
    "ping": [],
    "time": [],
    "exchange_info": [],
    "depth": ONE,
    "trades": ONE,
    "historical_trades": ONE,
    "agg_trades": ONE,
    "klines": [SYMBOL, "1m"],
    "continuous_klines": [SYMBOL, "PERPETUAL", "1m"],
    "index_price_klines": [SYMBOL, "1m"],
    "mark_price_klines": [SYMBOL, "1m"],
    "mark_price": ONE,
    "funding_rate": ONE,
    "funding_info": [],
    "ticker_24hr_price_change": ONE,
    "ticker_price": ONE,
    "book_ticker": ONE,
    "open_interest": ONE,
    "open_interest_hist": [SYMBOL, "5m"],
    "top_long_short_position_ratio": [SYMBOL, "5m"],
    "long_short_account_ratio": [SYMBOL, "5m"],
    "top_long_short_account_ratio": [SYMBOL, "5m"],
    "taker_long_short_ratio": [SYMBOL, "5m"],
    "quarterly_contract_settlement_price": ONE,
    "index_info": [],
    "asset_Index": [],
    "index_price_constituents": ONE,
    "get_position_mode": [],
    "get_multi_asset_mode": [],
    "get_orders": [],
    "get_all_orders": ONE,
    "balance": [],
    "account": [],
    "get_position_risk": [],
    "get_account_trades": ONE,
    "get_income_history": [],
    "leverage_brackets": [],
    "adl_quantile": [],
    "force_orders": [],
    "api_trading_status": [],
    "commission_rate": ONE,
    "futures_account_configuration": [],
    "symbol_configuration": [],
    "query_user_rate_limit": [],
    "get_bnb_burn": [],
    "get_position_margin_history": ONE,
}


def orders(client):
    """Limit, modify, cancel, post-only, reduce-only, market, batches, countdown, settings."""
    price = at(0.97)
    limit = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": 0.002}
    placed = client.new_order(**limit, price=price)
    number = placed["orderId"]
    modified = client.modify_order(symbol=SYMBOL, side="BUY", orderId=number, quantity=0.003, price=price)
    read = client.query_order(symbol=SYMBOL, orderId=number)
    opened = client.get_open_orders(symbol=SYMBOL, orderId=number)
    canceled = client.cancel_order(symbol=SYMBOL, orderId=number)
    maker = client.new_order(**{**limit, "timeInForce": "GTX"}, price=price)
    everything = client.cancel_open_orders(symbol=SYMBOL)
    bought = client.new_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity=0.004, newOrderRespType="RESULT")
    sold = client.new_order(
        symbol=SYMBOL, side="SELL", type="MARKET", quantity=0.004, reduceOnly="true", newOrderRespType="RESULT"
    )
    row = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.002"}
    batch = client.new_batch_order([{**row, "price": str(price)}, {**row, "price": str(at(1.5))}])
    gone = client.cancel_batch_order(symbol=SYMBOL, orderIdList=[batch[0]["orderId"]], origClientOrderIdList=[])
    return {
        "placed": placed["status"],
        "modified": modified["origQty"],
        "read": [read["status"], opened["orderId"] == number],
        "canceled": canceled["status"],
        "maker": maker["timeInForce"],
        "everything": everything["code"],
        "market": [bought["status"], sold["status"]],
        "batch": [batch[0]["status"], batch[1]["code"], gone[0]["status"]],
        "countdown": client.countdown_cancel_order(symbol=SYMBOL, countdownTime=60_000)["countdownTime"],
        "off": client.countdown_cancel_order(symbol=SYMBOL, countdownTime=0)["countdownTime"],
        "leverage": client.change_leverage(symbol=SYMBOL, leverage=6)["leverage"],
        "test": client.new_order_test(**limit, price=price),
    }


def refused(call, *arguments, **named):
    """[class, code] of what a call raises."""
    try:
        call(*arguments, **named)
    except ClientError as error:
        return ["ClientError", error.error_code]
    except ServerError as error:
        return ["ServerError", error.status_code]
    return None


def refusals(client):
    """[wanted, [class, code]] of everything that can be refused."""
    found = []
    for code, method, path, parameters in natural():
        found.append([code, refused(client.sign_request, method, path, sent(parameters))])
    price = at(0.97)
    limit = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": 0.002}
    resting = client.new_order(**limit, price=price, newClientOrderId="resting-4")
    for code, method, path, parameters in with_an_order("resting-4", resting["orderId"], price):
        found.append([code, refused(client.sign_request, method, path, sent(parameters))])
    client.cancel_open_orders(symbol=SYMBOL)
    for code, status in INJECTED:
        fault(kind="error", code=code, status=status, count=1, path="/fapi/v1/order")
        found.append([f"{code}/{status}", refused(client.new_order, **limit, price=price)])
        calm()
    return found


class Listener:
    """One socket of the connector on one route; messages by their event name."""

    def __init__(self, route, combined=False):
        self.events = []
        self._lock = threading.Lock()
        self.socket = UMFuturesWebsocketClient(
            stream_url=f"{WS}/{route}", is_combined=combined, on_message=self._on_message
        )

    def _on_message(self, _socket, text):
        message = json.loads(text)
        data = message.get("data", message) if isinstance(message, dict) else message
        row = data[0] if isinstance(data, list) else data
        with self._lock:
            self.events.append(row.get("e", "reply"))

    def has(self, *names):
        """Have all of these been heard?"""
        with self._lock:
            return set(names) <= set(self.events)


def streams(client):
    """Market, public and user sockets."""
    market, public, private = Listener("market"), Listener("public", combined=True), Listener("private")
    market.socket.agg_trade(SYMBOL.lower())
    market.socket.mark_price(SYMBOL.lower(), speed=1)
    market.socket.kline(SYMBOL.lower(), interval="1m")
    market.socket.ticker(SYMBOL.lower())
    public.socket.book_ticker(SYMBOL.lower())
    public.socket.diff_book_depth(SYMBOL.lower(), speed=100)
    key = client.new_listen_key()["listenKey"]
    renewed = client.renew_listen_key(key)
    private.socket.user_data(listen_key=key)
    until(lambda: private.has("reply"), "the answer to SUBSCRIBE")
    client.new_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity=0.002)
    client.new_order(symbol=SYMBOL, side="SELL", type="MARKET", quantity=0.002, reduceOnly="true")
    wanted = {
        "market": (market, ("aggTrade", "markPriceUpdate", "kline", "24hrTicker")),
        "public": (public, ("bookTicker", "depthUpdate")),
        "private": (private, ("ORDER_TRADE_UPDATE", "TRADE_LITE", "ACCOUNT_UPDATE")),
    }
    found = {"renewed": renewed["listenKey"] == key}
    for name, (listener, events) in wanted.items():
        found[name] = bool(until(partial(listener.has, *events), f"{name}: {events}"))
        listener.socket.stop()
    client.close_listen_key(key)
    return found


def main():
    """Everything, in order."""
    client = UMFutures(key=KEY, secret=SECRET, base_url=REST, timeout=10)
    found = {"calls": {name: len(getattr(client, name)(*arguments)) for name, arguments in CALLS.items()}}
    for part in (orders, refusals, streams):
        say(part.__name__)
        found[part.__name__] = part(client)
    tell(found)


main()
