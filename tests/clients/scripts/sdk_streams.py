"""Binance's own SDK: market and user streams through its strict models, and the WebSocket API."""

import asyncio
import logging

from sdk_venue import pointed
from venue import SYMBOL, at, say, tell, until

PATIENCE_S = 60
LOWER = SYMBOL.lower()
PUBLIC = {
    "aggregate_trade_streams": {"symbol": LOWER},
    "kline_candlestick_streams": {"symbol": LOWER, "interval": "1m"},
    "continuous_contract_kline_candlestick_streams": {"pair": LOWER, "contract_type": "perpetual", "interval": "1m"},
    "mark_price_stream": {"symbol": LOWER, "update_speed": "1s"},
    "mark_price_stream_for_all_market": {"update_speed": "1s"},
    "individual_symbol_ticker_streams": {"symbol": LOWER},
    "individual_symbol_mini_ticker_stream": {"symbol": LOWER},
    "all_market_tickers_streams": {},
    "all_market_mini_tickers_stream": {},
    "diff_book_depth_streams": {"symbol": LOWER, "update_speed": "100ms"},
    "partial_book_depth_streams": {"symbol": LOWER, "levels": 5, "update_speed": "100ms"},
    "rpi_diff_book_depth_streams": {"symbol": LOWER},
    "individual_symbol_book_ticker_streams": {"symbol": LOWER},
    "all_book_tickers_stream": {},
}


class Ear(logging.Handler):
    """Remembers what the SDK complains about: a message that does not fit a model is dropped with a log line."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.complaints = []

    def emit(self, record):
        self.complaints.append(record.getMessage()[:300])


async def heard(claim, what):
    """Wait without blocking the loop."""
    await asyncio.to_thread(until, claim, what, PATIENCE_S)


async def market(client):
    """One message, parsed, of every public stream."""
    streams = client.websocket_streams
    await streams.create_connection()
    kinds = {}
    for name, parameters in PUBLIC.items():
        stream = await getattr(streams, name)(**parameters)
        stream.on("message", lambda message, name=name: kinds.setdefault(name, type(message).__name__))
    await heard(lambda: len(kinds) == len(PUBLIC), "all streams")
    return {"silent": sorted(set(PUBLIC) - set(kinds)), "raw": [name for name, kind in kinds.items() if kind == "dict"]}


async def user(client):
    """The words of the user stream, each fit for its model."""
    streams, rest = client.websocket_streams, client.rest_api
    events = []
    key = rest.start_user_data_stream().data().listen_key
    stream = await streams.user_data(key)
    stream.on("message", events.append)

    def kinds():
        return [type(getattr(event, "actual_instance", event)).__name__ for event in events]

    limit = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "time_in_force": "GTC", "quantity": 0.002}
    price = at(0.97)
    placed = rest.new_order(**limit, price=price).data()
    rest.modify_order(symbol=SYMBOL, side="BUY", order_id=placed.order_id, quantity=0.003, price=price, modify_id=5)
    rest.cancel_order(symbol=SYMBOL, order_id=placed.order_id)
    rest.new_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity=0.002)
    stop = rest.new_algo_order(
        algo_type="CONDITIONAL",
        symbol=SYMBOL,
        side="SELL",
        type="STOP_MARKET",
        trigger_price=at(0.95),
        close_position="true",
    ).data()
    rest.cancel_algo_order(algo_id=stop.algo_id)
    rest.change_initial_leverage(symbol=SYMBOL, leverage=11)
    rest.new_order(symbol=SYMBOL, side="SELL", type="MARKET", quantity=0.002, reduce_only="true")
    await heard(lambda: sum("AccountUpdate" in kind for kind in kinds()) >= 2, "both account updates")
    return {"kinds": sorted(set(kinds())), "first": kinds()[:3]}


async def api(client):
    """Orders and account over the WebSocket API."""
    connection = await client.websocket_api.create_connection()
    price = at(0.97)
    limit = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "time_in_force": "GTC", "quantity": 0.002}

    async def ask(name, **parameters):
        answer = (await getattr(connection, name)(**parameters)).data()
        return answer if isinstance(answer, dict) else getattr(answer, "actual_instance", answer).result

    placed = await ask("new_order", **limit, price=price)
    read = await ask("query_order", symbol=SYMBOL, order_id=placed.order_id)
    modified = await ask(
        "modify_order", symbol=SYMBOL, side="BUY", order_id=placed.order_id, quantity=0.003, price=price
    )
    canceled = await ask("cancel_order", symbol=SYMBOL, order_id=placed.order_id)
    stop = await ask(
        "new_algo_order",
        algo_type="CONDITIONAL",
        symbol=SYMBOL,
        side="SELL",
        type="STOP_MARKET",
        trigger_price=at(0.95),
        quantity=0.002,
        reduce_only="true",
    )
    unstopped = await ask("cancel_algo_order", algo_id=stop.algo_id)
    reads = {}
    for name, parameters in {
        "account_information": {},
        "account_information_v2": {},
        "futures_account_balance": {},
        "futures_account_balance_v2": {},
        "position_information": {},
        "position_information_v2": {},
        "order_book": {"symbol": SYMBOL},
        "symbol_order_book_ticker": {"symbol": SYMBOL},
        "symbol_price_ticker": {"symbol": SYMBOL},
        "start_user_data_stream": {},
        "keepalive_user_data_stream": {},
        "close_user_data_stream": {},
    }.items():
        answer = await ask(name, **parameters)
        reads[name] = isinstance(answer, dict) and "error" in answer
    refused = await ask("new_order", **{**limit, "time_in_force": "GTX"}, price=at(1.01))
    limits = (await connection.new_order(**limit, price=price)).rate_limits
    client.rest_api.cancel_all_open_orders(symbol=SYMBOL)
    await connection.close_connection(close_session=True)
    return {
        "placed": placed.status,
        "read": read.status,
        "modified": modified.orig_qty,
        "canceled": canceled.status,
        "stop": [stop.algo_status, unstopped.code],
        "unread": [name for name, failed in reads.items() if failed],
        "refused": refused,
        "limits": [row.limit for row in limits],
    }


async def main():
    """Everything, in order."""
    ear = Ear()
    logging.getLogger().addHandler(ear)
    client = pointed()
    found = {}
    for part in (market, user):
        say(part.__name__)
        found[part.__name__] = await part(client)
    found["complaints"] = list(ear.complaints)
    await client.websocket_streams.close_connection(close_session=True)
    say("api")
    found["api"] = await api(client)
    tell(found)


asyncio.run(main())
