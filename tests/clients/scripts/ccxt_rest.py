"""ccxt, synchronous: markets, every market endpoint, account, and the life of every kind of order."""

import itertools

import ccxt
from ccxt_venue import BTC, SYMBOL, pointed
from venue import at, best, error_of, tell

PUBLIC = {
    "ping": {},
    "time": {},
    "exchangeInfo": {},
    "depth": {"symbol": SYMBOL, "limit": 20},
    "rpiDepth": {"symbol": SYMBOL},
    "trades": {"symbol": SYMBOL, "limit": 5},
    "historicalTrades": {"symbol": SYMBOL, "limit": 5},
    "aggTrades": {"symbol": SYMBOL, "limit": 5},
    "klines": {"symbol": SYMBOL, "interval": "1m", "limit": 5},
    "continuousKlines": {"pair": SYMBOL, "contractType": "PERPETUAL", "interval": "1m", "limit": 5},
    "markPriceKlines": {"symbol": SYMBOL, "interval": "1m", "limit": 5},
    "indexPriceKlines": {"pair": SYMBOL, "interval": "1m", "limit": 5},
    "premiumIndexKlines": {"symbol": SYMBOL, "interval": "1m", "limit": 5},
    "premiumIndex": {"symbol": SYMBOL},
    "fundingRate": {"symbol": SYMBOL},
    "fundingInfo": {},
    "openInterest": {"symbol": SYMBOL},
    "ticker/24hr": {"symbol": SYMBOL},
    "ticker/price": {"symbol": SYMBOL},
    "ticker/bookTicker": {"symbol": SYMBOL},
    "constituents": {"symbol": SYMBOL},
    "insuranceBalance": {},
    "symbolAdlRisk": {"symbol": SYMBOL},
    "assetIndex": {},
    "indexInfo": {},
    "tradingSchedule": {},
}
STATISTICS = {
    "openInterestHist": {"symbol": SYMBOL, "period": "5m"},
    "globalLongShortAccountRatio": {"symbol": SYMBOL, "period": "5m"},
    "topLongShortAccountRatio": {"symbol": SYMBOL, "period": "5m"},
    "topLongShortPositionRatio": {"symbol": SYMBOL, "period": "5m"},
    "takerlongshortRatio": {"symbol": SYMBOL, "period": "5m"},
    "basis": {"pair": SYMBOL, "contractType": "PERPETUAL", "period": "5m"},
    "delivery-price": {"pair": SYMBOL},
}
PRIVATE = {
    "allOrders": {"symbol": SYMBOL},
    "openOrders": {"symbol": SYMBOL},
    "userTrades": {"symbol": SYMBOL},
    "leverageBracket": {},
    "positionMargin/history": {"symbol": SYMBOL},
    "positionSide/dual": {},
    "income": {},
    "commissionRate": {"symbol": SYMBOL},
    "rateLimit/order": {},
    "apiTradingStatus": {},
    "multiAssetsMargin": {},
    "feeBurn": {},
    "accountConfig": {},
    "symbolConfig": {},
    "adlQuantile": {},
    "forceOrders": {"symbol": SYMBOL},
    "openAlgoOrders": {},
    "allAlgoOrders": {"symbol": SYMBOL},
}


def raw_endpoints(exchange):
    """Every endpoint by its own name: how much comes back."""
    found = {}
    for family, paths in (("fapiPublic", PUBLIC), ("fapiData", STATISTICS), ("fapiPrivate", PRIVATE)):
        for path, parameters in paths.items():
            found[f"{family}/{path}"] = len(exchange.request(path, [family], "GET", dict(parameters)))
    for path in ("account", "balance", "positionRisk"):
        for version in ("V2", "V3"):
            found[f"fapiPrivate{version}/{path}"] = len(exchange.request(path, [f"fapiPrivate{version}"], "GET", {}))
    found["fapiPublicV2/ticker/price"] = len(exchange.request("ticker/price", ["fapiPublicV2"], "GET", {}))
    return found


def unified_market(exchange):
    """What ccxt makes of the market."""
    book = exchange.fetch_order_book(BTC, 20)
    ticker = exchange.fetch_ticker(BTC)
    history = exchange.fetch_ohlcv(BTC, "1m", limit=1500)
    day = exchange.fetch_ohlcv(BTC, "1h", limit=30)
    return {
        "crossed": book["bids"][0][0] >= book["asks"][0][0],
        "levels": [len(book["bids"]), len(book["asks"])],
        "ticker": {name: ticker[name] for name in ("symbol", "last", "high", "low", "baseVolume")},
        "tickers": sorted(exchange.fetch_tickers()),
        "bids_asks": sorted(exchange.fetch_bids_asks()),
        "last_prices": sorted(exchange.fetch_last_prices()),
        "mark": exchange.fetch_mark_price(BTC)["markPrice"],
        "candles": [len(history), all(b[0] - a[0] == 60_000 for a, b in itertools.pairwise(history))],
        "hours": len(day),
        "mark_candles": len(exchange.fetch_mark_ohlcv(BTC, "1m", limit=10)),
        "index_candles": len(exchange.fetch_index_ohlcv(BTC, "1m", limit=10)),
        "premium_candles": len(exchange.fetch_premium_index_ohlcv(BTC, "1m", limit=10)),
        "trades": len(exchange.fetch_trades(BTC, limit=50)),
        "funding": exchange.fetch_funding_rate(BTC)["fundingRate"],
        "funding_all": sorted(exchange.fetch_funding_rates()),
        "funding_history": len(exchange.fetch_funding_rate_history(BTC)),
        "open_interest": exchange.fetch_open_interest(BTC)["openInterestAmount"],
        "open_interest_history": len(exchange.fetch_open_interest_history(BTC, "5m")),
        "ratio_history": len(exchange.fetch_long_short_ratio_history(BTC, "5m")),
        "time": exchange.fetch_time() > 0,
        "server_status": exchange.fetch_funding_intervals() is not None,
    }


def account(exchange):
    """What ccxt makes of a fresh account, and its settings."""
    leverage = exchange.set_leverage(10, BTC)
    tiers = exchange.fetch_leverage_tiers([BTC])[BTC]
    found = {
        "usdt": exchange.fetch_balance()["USDT"]["total"],
        "positions": exchange.fetch_positions(),
        "leverage": leverage["leverage"],
        "leverages": exchange.fetch_leverages()[BTC]["longLeverage"],
        "margin_mode": exchange.fetch_margin_mode(BTC)["marginMode"],
        "hedged": exchange.fetch_position_mode(BTC)["hedged"],
        "tiers": [len(tiers), tiers[0]["maxLeverage"], tiers[0]["maintenanceMarginRate"]],
        "fee": exchange.fetch_trading_fee(BTC)["taker"],
    }
    exchange.set_position_mode(True)
    found["hedged_then"] = exchange.fetch_position_mode(BTC)["hedged"]
    exchange.set_position_mode(False)
    exchange.set_margin_mode("isolated", BTC)
    found["margin_mode_then"] = exchange.fetch_margin_mode(BTC)["marginMode"]
    return found


def isolated(exchange):
    """Open an isolated position, move margin, close it, go back to cross."""
    exchange.create_order(BTC, "market", "buy", 0.002)
    before = exchange.fetch_positions([BTC])[0]["collateral"]
    exchange.add_margin(BTC, 5)
    after = exchange.fetch_positions([BTC])[0]["collateral"]
    exchange.reduce_margin(BTC, 2)
    moves = exchange.fetch_margin_adjustment_history(BTC)
    exchange.create_order(BTC, "market", "sell", 0.002, params={"reduceOnly": True})
    exchange.set_margin_mode("cross", BTC)
    return {"added": round(after - before), "moves": [[move["type"], move["amount"]] for move in moves]}


def limit_orders(exchange):
    """Place, read, edit, cancel."""
    placed = exchange.create_order(BTC, "limit", "buy", 0.002, at(0.97))
    read = exchange.fetch_order(placed["id"], BTC)
    edited = exchange.edit_order(placed["id"], BTC, "limit", "buy", 0.003, at(0.965))
    listed = exchange.fetch_open_orders(BTC)
    canceled = exchange.cancel_order(placed["id"], BTC)
    amended = exchange.request("orderAmendment", ["fapiPrivate"], "GET", {"symbol": SYMBOL, "orderId": placed["id"]})
    return {
        "placed": [placed["status"], placed["type"], placed["amount"]],
        "read": [read["status"], read["filled"], read["timestamp"] is not None],
        "edited": [edited["id"] == placed["id"], edited["amount"], edited["price"] < placed["price"]],
        "listed": [order["id"] for order in listed] == [placed["id"]],
        "canceled": canceled["status"],
        "amendments": len(amended),
        "after": exchange.fetch_open_orders(BTC),
        "history": [order["status"] for order in exchange.fetch_orders(BTC) if order["id"] == placed["id"]],
    }


def special_orders(exchange):
    """Post-only, IOC, FOK, reduce-only, market; and what the account says of the fills."""
    maker = exchange.create_order(BTC, "limit", "buy", 0.002, at(0.97), {"postOnly": True})
    exchange.cancel_order(maker["id"], BTC)
    ioc = exchange.create_order(BTC, "limit", "buy", 0.002, at(0.97), {"timeInForce": "IOC"})
    fok = exchange.create_order(BTC, "limit", "buy", 0.002, at(1.005), {"timeInForce": "FOK"})
    bought = exchange.create_order(BTC, "market", "buy", 0.004)
    held = exchange.fetch_positions([BTC])[0]
    reducing = exchange.create_order(BTC, "limit", "sell", 0.006, at(1.02), {"reduceOnly": True})
    cut = exchange.fetch_order(reducing["id"], BTC)
    exchange.cancel_all_orders(BTC)
    sold = exchange.create_order(BTC, "market", "sell", 0.010, params={"reduceOnly": True})
    trades = exchange.fetch_my_trades(BTC)
    incomes = {row["incomeType"] for row in exchange.request("income", ["fapiPrivate"], "GET", {})}
    read = exchange.fetch_order(bought["id"], BTC)
    return {
        "post_only": [maker["status"], maker["postOnly"]],
        "ioc": ioc["status"],
        "fok": [fok["status"], fok["filled"]],
        "market": [bought["status"], bought["filled"], bought["average"]],
        "read": [read["average"] > 0, read["cost"] > 0],
        "held": [held["side"], held["contracts"], held["entryPrice"] > 0, held["liquidationPrice"] is not None],
        "reduce_only": [cut["reduceOnly"], cut["amount"]],
        "sold": [sold["status"], sold["filled"]],
        "flat": exchange.fetch_positions([BTC]),
        "my_trades": [len(trades) >= 3, {trade["takerOrMaker"] for trade in trades} == {"taker"}],
        "fees": all(trade["fee"]["cost"] > 0 and trade["fee"]["currency"] == "USDT" for trade in trades),
        "incomes": sorted(incomes),
        "closed": {order["status"] for order in exchange.fetch_closed_orders(BTC)} <= {"closed"},
        "ledger": len(exchange.fetch_ledger("USDT")) > 0,
    }


def conditional_orders(exchange):
    """Stop, take-profit, stop-limit, trailing: placed, read, canceled; and one that fires."""
    exchange.create_order(BTC, "market", "buy", 0.004)
    low, high = at(0.97), at(1.03)
    placed = {
        "stop": exchange.create_order(BTC, "market", "sell", 0.002, None, {"stopLossPrice": low}),
        "profit": exchange.create_order(BTC, "market", "sell", 0.002, None, {"takeProfitPrice": high}),
        "stop_limit": exchange.create_order(BTC, "limit", "sell", 0.002, at(0.968), {"triggerPrice": low}),
        "trailing": exchange.create_order(
            BTC, "market", "sell", 0.002, None, {"trailingPercent": 1, "reduceOnly": True}
        ),
        "closing": exchange.create_order(
            BTC, "STOP_MARKET", "sell", None, None, {"stopPrice": at(0.96), "closePosition": True}
        ),
    }
    listed = exchange.fetch_open_orders(BTC, params={"trigger": True})
    read = exchange.fetch_order(placed["stop"]["id"], BTC, {"trigger": True})
    canceled = exchange.cancel_order(placed["stop"]["id"], BTC, {"trigger": True})
    untouched = exchange.fetch_open_orders(BTC)
    exchange.cancel_all_orders(BTC, {"trigger": True})
    left = exchange.fetch_open_orders(BTC, params={"trigger": True})
    exchange.create_order(BTC, "market", "sell", 0.004, params={"reduceOnly": True})
    history = exchange.fetch_orders(BTC, params={"trigger": True})
    mine = {order["id"] for order in placed.values()}
    return {
        "placed": {name: [order["status"], order["info"]["orderType"]] for name, order in placed.items()},
        "listed": sorted(order["id"] for order in listed) == sorted(order["id"] for order in placed.values()),
        "read": [read["status"], read["triggerPrice"] == low],
        "canceled": canceled["id"] == placed["stop"]["id"],
        "not_among_regular": untouched,
        "left": left,
        "history": sorted({order["status"] for order in history if order["id"] in mine}),
    }


def hedge(exchange):
    """Both sides at once: positions apart, no reduceOnly, the side closes."""
    exchange.set_position_mode(True)
    exchange.create_order(BTC, "market", "buy", 0.002, params={"positionSide": "LONG"})
    exchange.create_order(BTC, "market", "sell", 0.003, params={"positionSide": "SHORT"})
    held = sorted([row["side"], row["contracts"], row["hedged"]] for row in exchange.fetch_positions([BTC]))
    refused = error_of(
        exchange.create_order, BTC, "market", "sell", 0.002, None, {"positionSide": "LONG", "reduceOnly": "false"}
    )
    unsided = error_of(exchange.create_order, BTC, "market", "buy", 0.002)
    exchange.create_order(BTC, "market", "sell", 0.002, params={"positionSide": "LONG"})
    exchange.create_order(BTC, "market", "buy", 0.003, params={"positionSide": "SHORT"})
    flat = exchange.fetch_positions([BTC]) == []
    exchange.set_position_mode(False)
    return {"held": held, "refused": refused, "unsided": unsided, "flat": flat}


def batches(exchange):
    """Several at once, one of them refused; then several canceled at once."""
    price = at(0.97)
    wanted = [
        {"symbol": BTC, "type": "limit", "side": "buy", "amount": 0.002, "price": price},
        {"symbol": BTC, "type": "limit", "side": "buy", "amount": 0.003, "price": price},
        {
            "symbol": BTC,
            "type": "limit",
            "side": "buy",
            "amount": 0.002,
            "price": best()[1] + 10,
            "params": {"postOnly": True},
        },
    ]
    placed = exchange.create_orders(wanted)
    ids = [order["id"] for order in placed if order["id"]]
    edited = exchange.edit_orders(
        [{"id": ids[0], "symbol": BTC, "type": "limit", "side": "buy", "amount": 0.004, "price": price}]
    )
    canceled = exchange.cancel_orders(ids, BTC)
    return {
        "placed": [[order["status"], order["amount"], order["info"].get("code")] for order in placed],
        "edited": edited[0]["amount"],
        "canceled": [order["status"] for order in canceled],
        "left": exchange.fetch_open_orders(BTC),
    }


def main():
    """Everything, in order."""
    exchange = pointed(ccxt.binanceusdm)
    markets = exchange.load_markets()
    market = markets[BTC]
    tell(
        {
            "markets": sorted(markets),
            "market": {name: market[name] for name in ("id", "type", "linear", "active", "contractSize", "precision")},
            "minimum": market["limits"]["cost"]["min"],
            "raw": raw_endpoints(exchange),
            "unified": unified_market(exchange),
            "account": account(exchange),
            "isolated": isolated(exchange),
            "limit": limit_orders(exchange),
            "special": special_orders(exchange),
            "conditional": conditional_orders(exchange),
            "hedge": hedge(exchange),
            "batch": batches(exchange),
            "dead_man": exchange.request(
                "countdownCancelAll", ["fapiPrivate"], "POST", {"symbol": SYMBOL, "countdownTime": 60000}
            ),
            "dead_man_off": exchange.request(
                "countdownCancelAll", ["fapiPrivate"], "POST", {"symbol": SYMBOL, "countdownTime": 0}
            ),
        }
    )


main()
