"""ccxt.pro: market streams, the user stream, and orders over the WebSocket API."""

import asyncio

import ccxt.pro
from ccxt_venue import BTC, pointed
from venue import at, calm, control, fault, say, tell
from venue import until as until_true

PATIENCE_S = 60


async def soon(waiting):
    """With patience, but not for ever."""
    return await asyncio.wait_for(waiting, PATIENCE_S)


async def until(watch, claim):
    """Watch until what is seen fits."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            seen = await watch()
            if found := claim(seen):
                return found


async def book(exchange):
    """A local book over many updates: never crossed, its number only grows, and it agrees with a snapshot."""
    numbers, crossed = [], False
    for _ in range(25):
        seen = await soon(exchange.watch_order_book(BTC))
        numbers.append(seen["nonce"])
        crossed = crossed or seen["bids"][0][0] >= seen["asks"][0][0]
    return {"crossed": crossed, "grows": numbers == sorted(numbers) and numbers[-1] > numbers[0]}


async def lost_book_event(exchange):
    """A gap in the diffs: the client notices, and comes back by itself or by being asked again."""
    fault(kind="drop_event", stream="@depth", count=1)
    outcome = "unnoticed"
    for _ in range(40):
        try:
            await soon(exchange.watch_order_book(BTC))
        except ccxt.ChecksumError:
            outcome = "noticed"
            break
    calm()
    again = await soon(exchange.watch_order_book(BTC))
    return [outcome, again["bids"][0][0] < again["asks"][0][0]]


async def market(exchange):
    """One message, at least, of every public stream."""
    candle, ticker, tickers, bids_asks, mark, marks, trades, several = await asyncio.gather(
        soon(exchange.watch_ohlcv(BTC, "1m")),
        soon(exchange.watch_ticker(BTC)),
        soon(exchange.watch_tickers([BTC, "ETH/USDT:USDT"])),
        soon(exchange.watch_bids_asks([BTC])),
        soon(exchange.watch_mark_price(BTC)),
        soon(exchange.watch_mark_prices()),
        soon(exchange.watch_trades(BTC)),
        soon(exchange.watch_trades_for_symbols([BTC, "ETH/USDT:USDT"])),
    )
    return {
        "candle": len(candle[-1]),
        "ticker": ticker["last"] > 0,
        "tickers": set(tickers) <= {BTC, "ETH/USDT:USDT"},
        "bids_asks": bids_asks[BTC]["bid"] < bids_asks[BTC]["ask"],
        "mark": mark["markPrice"] > 0,
        "marks": len(marks) > 0,
        "trades": trades[-1]["price"] > 0 and trades[-1]["side"] in ("buy", "sell"),
        "several": len(several) > 0,
    }


def _listening(exchange):
    return any("listenKey" in url and each.connected.done() for url, each in list(exchange.clients.items()))


async def user(exchange):
    """Orders, fills, balance and position as the user stream tells them."""
    first = asyncio.ensure_future(exchange.watch_orders(BTC))
    await asyncio.to_thread(until_true, lambda: _listening(exchange), "the user socket")
    balances = asyncio.ensure_future(exchange.watch_balance())
    positions = asyncio.ensure_future(exchange.watch_positions([BTC]))
    fills = asyncio.ensure_future(exchange.watch_my_trades(BTC))
    await asyncio.sleep(0.5)
    resting = await exchange.create_order(BTC, "limit", "buy", 0.002, at(0.97))
    seen = [_told((await soon(first))[-1])]
    await exchange.edit_order(resting["id"], BTC, "limit", "buy", 0.003, at(0.97))
    seen.append(_told((await soon(exchange.watch_orders(BTC)))[-1]))
    await exchange.cancel_order(resting["id"], BTC)
    seen.append(_told((await soon(exchange.watch_orders(BTC)))[-1]))
    taken = await exchange.create_order(BTC, "market", "buy", 0.002)
    closed = await until(
        lambda: exchange.watch_orders(BTC),
        lambda orders: [each for each in orders if each["id"] == taken["id"] and each["status"] == "closed"],
    )
    fill = (await soon(fills))[-1]
    balance = await soon(balances)
    position = await until(lambda: _after(positions, exchange), lambda rows: [row for row in rows if row["contracts"]])
    await exchange.create_order(BTC, "market", "sell", 0.002, params={"reduceOnly": True})
    flat = await until(
        lambda: exchange.watch_positions([BTC]), lambda rows: [row for row in rows if not row["contracts"]]
    )
    return {
        "resting": seen,
        "closed": [closed[-1]["status"], closed[-1]["filled"], closed[-1]["average"] > 0],
        "fill": [fill["amount"], fill["takerOrMaker"], fill["fee"]["currency"], fill["fee"]["cost"] > 0],
        "balance": 0 < balance["USDT"]["total"] < 10_001,
        "position": [position[-1]["side"], position[-1]["contracts"]],
        "flat": len(flat) > 0,
    }


def _told(order):
    """Its state now: the client goes on changing the same object."""
    return [order["status"], order["amount"]]


async def _after(first, exchange):
    return first.result() if first.done() else await exchange.watch_positions([BTC])


async def stops(exchange):
    """A stop is placed over REST, told over the user stream, and canceled."""
    placed = await exchange.create_order(BTC, "market", "sell", 0.002, None, {"triggerPrice": at(0.96)})
    told = await until(
        lambda: exchange.watch_orders(BTC),
        lambda orders: [_told(each) for each in orders if each["id"] == placed["id"]],
    )
    await exchange.cancel_order(placed["id"], BTC, {"trigger": True})
    gone = await until(
        lambda: exchange.watch_orders(BTC),
        lambda orders: [each for each in orders if each["id"] == placed["id"] and each["status"] == "canceled"],
    )
    return [told[-1][0], gone[-1]["status"]]


async def fired_stop(exchange):
    """A stop that fires: the market is moved, the stream tells the fill, the position is gone, the stop is closed."""
    await exchange.create_order(BTC, "market", "buy", 0.002)
    options = {"triggerPrice": at(0.99), "reduceOnly": True}
    placed = await exchange.create_order(BTC, "market", "sell", 0.002, None, options)
    control("POST", "/sim/v1/market", {"symbol": "BTCUSDT", "jump_pct": -2})
    filled = await until(
        lambda: exchange.watch_orders(BTC),
        lambda orders: [_told(each) for each in orders if each["side"] == "sell" and each["filled"]],
    )
    read = await exchange.fetch_order(placed["id"], BTC, {"trigger": True})
    trades = await exchange.fetch_my_trades(BTC, params={"orderId": read["info"]["actualOrderId"]})
    flat = await exchange.fetch_positions([BTC]) == []
    return [filled[-1], read["status"], read["info"]["algoStatus"], sum(trade["amount"] for trade in trades), flat]


async def api(exchange):
    """Orders and account over the WebSocket API."""
    placed = await soon(exchange.create_order_ws(BTC, "limit", "buy", 0.002, at(0.97)))
    read = await soon(exchange.fetch_order_ws(placed["id"], BTC))
    edited = await soon(exchange.edit_order_ws(placed["id"], BTC, "limit", "buy", 0.003, at(0.965)))
    canceled = await soon(exchange.cancel_order_ws(placed["id"], BTC))
    stop = await soon(exchange.create_order_ws(BTC, "market", "sell", 0.002, None, {"triggerPrice": at(0.96)}))
    unstopped = await soon(exchange.cancel_order_ws(stop["id"], BTC, {"trigger": True}))
    bought = await soon(exchange.create_order_ws(BTC, "market", "buy", 0.002))
    positions = await soon(exchange.fetch_positions_ws([BTC]))
    sold = await soon(exchange.create_order_ws(BTC, "market", "sell", 0.002, None, {"reduceOnly": True}))
    found = {
        "placed": placed["status"],
        "read": read["status"],
        "edited": edited["amount"],
        "canceled": canceled["status"],
        "stop": [stop["status"], unstopped["id"] == stop["id"]],
        "market": [bought["status"], sold["status"]],
        "positions": [row["contracts"] for row in positions if row["contracts"]],
        "balance": (await soon(exchange.fetch_balance_ws({"type": "future"})))["USDT"]["total"] > 0,
        "ticker": (await soon(exchange.fetch_ticker_ws(BTC)))["bid"] > 0,
        "depth": len((await soon(exchange.fetch_order_book_ws(BTC)))["bids"]) > 0,
        "refused": {},
    }
    crossing = {"postOnly": True}
    calls = {
        "-5022": lambda: exchange.create_order_ws(BTC, "limit", "buy", 0.002, at(1.01), crossing),
        "-2022": lambda: exchange.create_order_ws(BTC, "market", "sell", 0.002, None, {"reduceOnly": True}),
        "-2011": lambda: exchange.cancel_order_ws("1", BTC),
        "-2019": lambda: exchange.create_order_ws(BTC, "limit", "buy", 20, at(0.97)),
    }
    for code, call in calls.items():
        try:
            await soon(call())
        except Exception as error:
            found["refused"][code] = [type(error).__name__, code in str(error)]
    return found


async def main():
    """Everything, in order."""
    exchange = pointed(ccxt.pro.binanceusdm)
    try:
        await exchange.load_markets()
        found = {}
        for part in (book, lost_book_event, market, user, stops, fired_stop, api):
            say(part.__name__)
            found[part.__name__] = await asyncio.wait_for(part(exchange), 2 * PATIENCE_S)
        tell(found)
    finally:
        await exchange.close()


asyncio.run(main())
