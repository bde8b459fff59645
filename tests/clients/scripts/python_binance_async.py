"""python-binance, asynchronous: futures sockets, the user socket, orders over the WebSocket API."""

import asyncio

from binance import FuturesDepthCacheManager, ThreadedWebsocketManager
from binance.exceptions import BinanceAPIException
from python_binance_venue import AsyncVenueClient, VenueSockets, readdress
from venue import KEY, SECRET, SYMBOL, at, say, signed, tell, until

PATIENCE_S = 60
LOWER = SYMBOL.lower()


async def hear(socket, wanted):
    """Messages of a socket until one fits."""
    async with asyncio.timeout(PATIENCE_S):
        async with socket as stream:
            while True:
                message = await stream.recv()
                if found := wanted(message):
                    return found


def named(message):
    """The event of a combined or raw message; arrays by their first row."""
    data = message.get("data", message)
    return data[0]["e"] if isinstance(data, list) else data["e"]


async def market(_client, sockets):
    """One message of every public socket."""
    channels = {
        "kline": sockets.kline_futures_socket(SYMBOL),
        "aggtrade": sockets.aggtrade_futures_socket(SYMBOL),
        "depth": sockets.futures_depth_socket(SYMBOL, depth="20"),
        "rpi_depth": sockets.futures_rpi_depth_socket(SYMBOL),
        "book": sockets.symbol_ticker_futures_socket(SYMBOL),
        "ticker": sockets.individual_symbol_ticker_futures_socket(SYMBOL),
        "tickers": sockets.all_ticker_futures_socket("!ticker@arr"),
        "many": sockets.futures_multiplex_socket([f"{LOWER}@markPrice@1s"]),
        "diffs": sockets.futures_multiplex_socket([f"{LOWER}@depth@100ms", f"{LOWER}@trade"], category="public"),
    }
    heard = await asyncio.gather(*(hear(socket, named) for socket in channels.values()))
    return dict(zip(channels, heard, strict=True))


async def user(client, sockets):
    """Acceptance, fills, account, a stop, leverage: in the words of the user stream."""
    events = []
    async with sockets.futures_user_socket() as stream:

        async def read(kind, count=1):
            async with asyncio.timeout(PATIENCE_S):
                while sum(1 for each in events if each["e"] == kind) < count:
                    events.append(await stream.recv())

        limit = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": 0.002}
        placed = await client.futures_create_order(**limit, price=at(0.97))
        await client.futures_modify_order(
            symbol=SYMBOL, side="BUY", orderId=placed["orderId"], quantity=0.003, price=at(0.97)
        )
        await client.futures_cancel_order(symbol=SYMBOL, orderId=placed["orderId"])
        await read("ORDER_TRADE_UPDATE", 3)
        first = [[each["o"]["x"], each["o"]["X"]] for each in events]
        events.clear()
        await client.futures_create_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity=0.002)
        await read("ACCOUNT_UPDATE")
        trip = [each["e"] for each in events]
        account = events[-1]["a"]
        events.clear()
        stop = await client.futures_create_order(
            symbol=SYMBOL, side="SELL", type="STOP_MARKET", stopPrice=at(0.96), closePosition="true"
        )
        await client.futures_cancel_algo_order(algoId=stop["algoId"])
        await read("ALGO_UPDATE", 2)
        algos = [each["o"]["X"] for each in events]
        events.clear()
        await client.futures_change_leverage(symbol=SYMBOL, leverage=7)
        await read("ACCOUNT_CONFIG_UPDATE")
        leverage = events[-1]["ac"]
        await client.futures_create_order(symbol=SYMBOL, side="SELL", type="MARKET", quantity=0.002, reduceOnly="true")
    return {
        "life": first,
        "trip": trip,
        "account": [account["m"], account["P"][0]["pa"], account["B"][0]["a"]],
        "algos": algos,
        "leverage": leverage,
    }


async def api(client, _sockets):
    """Requests over the WebSocket API; numbers travel as JSON numbers, and are signed as Python spells them."""
    limit = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": 0.002}
    price = float(round(at(0.97)))
    placed = await client.ws_futures_create_order(**limit, price=price)
    number = placed["orderId"]
    read = await client.ws_futures_get_order(symbol=SYMBOL, orderId=number)
    edited = await client.ws_futures_edit_order(symbol=SYMBOL, side="BUY", orderId=number, quantity=0.003, price=price)
    canceled = await client.ws_futures_cancel_order(symbol=SYMBOL, orderId=number)
    stop = await client.ws_futures_create_order(
        symbol=SYMBOL, side="SELL", type="STOP_MARKET", stopPrice=at(0.96), quantity=0.002, reduceOnly="true"
    )
    unstopped = await client.ws_futures_cancel_order(algoId=stop["algoId"])
    calls = {
        "depth": client.ws_futures_get_order_book(symbol=SYMBOL),
        "price": client.ws_futures_get_all_tickers(symbol=SYMBOL),
        "book": client.ws_futures_get_order_book_ticker(symbol=SYMBOL),
        "position": client.ws_futures_account_position(symbol=SYMBOL),
        "position_v2": client.ws_futures_v2_account_position(),
        "balance": client.ws_futures_account_balance(),
        "balance_v2": client.ws_futures_v2_account_balance(),
        "status": client.ws_futures_account_status(),
        "status_v2": client.ws_futures_v2_account_status(),
    }
    await client.ws_futures_create_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity=0.002)
    lengths = {name: len(await call) for name, call in calls.items()}
    await client.ws_futures_create_order(symbol=SYMBOL, side="SELL", type="MARKET", quantity=0.002, reduceOnly="true")
    refused = {}
    for code, parameters in {
        "-5022": {**limit, "timeInForce": "GTX", "price": at(1.01)},
        "-1111": {**limit, "price": price, "quantity": 0.00001},
        "-4014": {**limit, "price": price + 0.05},
        "-2022": {"symbol": SYMBOL, "side": "SELL", "type": "MARKET", "quantity": 0.002, "reduceOnly": "true"},
    }.items():
        try:
            await client.ws_futures_create_order(**parameters)
        except BinanceAPIException as error:
            refused[code] = error.code
    return {
        "placed": placed["status"],
        "read": read["status"],
        "edited": edited["origQty"],
        "canceled": canceled["status"],
        "stop": [stop["algoStatus"], unstopped["code"]],
        "empty": [name for name, length in lengths.items() if not length],
        "refused": refused,
    }


async def depth_cache(client, _sockets):
    """The client's own local book, kept from diffs and a snapshot."""
    async with asyncio.timeout(PATIENCE_S), FuturesDepthCacheManager(client, symbol=SYMBOL) as manager:
        for _ in range(5):
            book = await manager.recv()
    return [book.get_bids()[0][0] < book.get_asks()[0][0], len(book.get_bids()) >= 10]


def threaded():
    """Sockets with callbacks in a thread of their own, for programs without a loop."""
    heard = set()
    manager = ThreadedWebsocketManager(KEY, SECRET)
    manager.daemon = True  # it looks for its end every ten seconds only
    manager.start()
    try:
        manager.start_kline_futures_socket(lambda message: heard.add(message.get("e")), symbol=SYMBOL)
        manager.start_futures_user_socket(lambda message: heard.add(message.get("e")))
        manager.start_futures_depth_socket(lambda message: heard.add(message["data"]["e"]), symbol=SYMBOL)
        until(lambda: {"continuous_kline", "depthUpdate"} <= heard, "market messages in the thread")
        signed("POST", "/fapi/v1/order", symbol=SYMBOL, side="BUY", type="MARKET", quantity="0.002")
        signed("POST", "/fapi/v1/order", symbol=SYMBOL, side="SELL", type="MARKET", quantity="0.002", reduceOnly="true")
        until(lambda: "ACCOUNT_UPDATE" in heard, "the account in the thread")
    finally:
        manager.stop()
    return sorted(heard)


async def rest(client, _sockets):
    """The asynchronous REST client does what the synchronous one does."""
    price = at(0.97)
    placed = await client.futures_create_order(
        symbol=SYMBOL, side="BUY", type="LIMIT", timeInForce="GTX", quantity=0.002, price=price
    )
    canceled = await client.futures_cancel_order(symbol=SYMBOL, orderId=placed["orderId"])
    klines = await client.futures_historical_klines(SYMBOL, "1m", "6 hours ago UTC")
    return [placed["status"], canceled["status"], len(klines), (await client.futures_account())["canTrade"]]


async def main():
    """Everything, in order."""
    client = await AsyncVenueClient.create(KEY, SECRET)
    sockets = VenueSockets(client)
    found = {}
    try:
        for part in (rest, market, user, depth_cache, api):
            say(part.__name__)
            found[part.__name__] = await part(client, sockets)
    finally:
        await client.close_connection()
    return found


readdress()
everything = asyncio.run(main())
say("threaded")
everything["threaded"] = threaded()
tell(everything)
