"""Binance's own SDK: every REST call it has for trading, each answer parsed by its strict models."""

from binance_common.utils import send_request
from refusals import INJECTED, natural, sent, with_an_order
from sdk_venue import pointed
from venue import SYMBOL, at, calm, fault, say, tell

ONE = {"symbol": SYMBOL}
FIVE = {"symbol": SYMBOL, "period": "5m"}
ROWS = {"symbol": SYMBOL, "interval": "1m"}
MARKET = {
    "test_connectivity": {},
    "check_server_time": {},
    "exchange_information": {},
    "order_book": ONE,
    "rpi_order_book": ONE,
    "recent_trades_list": ONE,
    "old_trades_lookup": ONE,
    "compressed_aggregate_trades_list": ONE,
    "kline_candlestick_data": ROWS,
    "continuous_contract_kline_candlestick_data": {"pair": SYMBOL, "contract_type": "PERPETUAL", "interval": "1m"},
    "index_price_kline_candlestick_data": {"pair": SYMBOL, "interval": "1m"},
    "mark_price_kline_candlestick_data": ROWS,
    "premium_index_kline_data": ROWS,
    "mark_price": ONE,
    "get_funding_rate_history": ONE,
    "get_funding_rate_info": {},
    "ticker24hr_price_change_statistics": ONE,
    "symbol_price_ticker": ONE,
    "symbol_price_ticker_v2": ONE,
    "symbol_order_book_ticker": ONE,
    "open_interest": ONE,
    "open_interest_statistics": FIVE,
    "long_short_ratio": FIVE,
    "top_trader_long_short_ratio_accounts": FIVE,
    "top_trader_long_short_ratio_positions": FIVE,
    "taker_buy_sell_volume": FIVE,
    "basis": {"pair": SYMBOL, "contract_type": "PERPETUAL", "period": "5m"},
    "quarterly_contract_settlement_price": {"pair": SYMBOL},
    "composite_index_symbol_information": {},
    "asset_index": {"symbol": "USDTUSD"},
    "query_index_price_constituents": ONE,
    "query_insurance_fund_balance_snapshot": {},
    "adl_risk": ONE,
    "trading_schedule": {},
}
MARKET_ALL = (
    "mark_price",
    "ticker24hr_price_change_statistics",
    "symbol_price_ticker",
    "symbol_price_ticker_v2",
    "symbol_order_book_ticker",
    "asset_index",
    "adl_risk",
)
ACCOUNT = {
    "account_information_v2": {},
    "account_information_v3": {},
    "futures_account_balance_v2": {},
    "futures_account_balance_v3": {},
    "futures_account_configuration": {},
    "futures_trading_quantitative_rules_indicators": {},
    "get_bnb_burn_status": {},
    "get_current_multi_assets_mode": {},
    "get_current_position_mode": {},
    "get_income_history": {},
    "notional_and_leverage_brackets": {},
    "query_user_rate_limit": {},
    "symbol_configuration": {},
    "user_commission_rate": ONE,
    "account_trade_list": ONE,
    "all_orders": ONE,
    "current_all_algo_open_orders": {},
    "current_all_open_orders": {},
    "get_position_margin_change_history": ONE,
    "position_adl_quantile_estimation": {},
    "position_information_v2": {},
    "position_information_v3": {},
    "query_all_algo_orders": ONE,
    "users_force_orders": ONE,
}


def read(api, name, parameters):
    """None when the answer fits the SDK's model, else why it does not."""
    try:
        getattr(api, name)(**parameters).data()
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:300]}"
    return None


def plain(answer):
    """The fields of an answer under the names of the wire."""
    data = answer.data()
    return [row.to_dict() for row in data] if isinstance(data, list) else data.to_dict()


def orders(api):
    """Limit, modify, cancel, post-only, reduce-only, market, conditional, batches; reads while something is open."""
    price = at(0.97)
    limit = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "time_in_force": "GTC", "quantity": 0.002}
    placed = plain(api.new_order(**limit, price=price))
    number = placed["orderId"]
    modified = plain(api.modify_order(symbol=SYMBOL, side="BUY", order_id=number, quantity=0.003, price=price))
    bought = plain(
        api.new_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity=0.004, new_order_resp_type="RESULT")
    )
    stop = plain(
        api.new_algo_order(
            algo_type="CONDITIONAL",
            symbol=SYMBOL,
            side="SELL",
            type="STOP_MARKET",
            trigger_price=at(0.95),
            close_position="true",
        )
    )
    trailing = plain(
        api.new_algo_order(
            algo_type="CONDITIONAL",
            symbol=SYMBOL,
            side="SELL",
            type="TRAILING_STOP_MARKET",
            quantity=0.002,
            callback_rate=2.5,
            reduce_only="true",
        )
    )
    reads = {name: read(api, name, parameters) for name, parameters in ACCOUNT.items()}
    reads["query_order"] = read(api, "query_order", {**ONE, "order_id": number})
    reads["query_current_open_order"] = read(api, "query_current_open_order", {**ONE, "order_id": number})
    reads["get_order_modify_history"] = read(api, "get_order_modify_history", {**ONE, "order_id": number})
    reads["query_algo_order"] = read(api, "query_algo_order", {"algo_id": stop["algoId"]})
    reads["test_order"] = read(api, "test_order", {**limit, "price": price})
    canceled_algo = plain(api.cancel_algo_order(algo_id=stop["algoId"]))
    all_algos = plain(api.cancel_all_algo_open_orders(symbol=SYMBOL))
    canceled = plain(api.cancel_order(symbol=SYMBOL, order_id=number))
    maker = plain(api.new_order(**{**limit, "time_in_force": "GTX"}, price=price))
    everything = plain(api.cancel_all_open_orders(symbol=SYMBOL))
    sold = plain(
        api.new_order(
            symbol=SYMBOL, side="SELL", type="MARKET", quantity=0.004, reduce_only="true", new_order_resp_type="RESULT"
        )
    )
    row = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.002"}
    placed_batch = plain(api.place_multiple_orders([{**row, "price": str(price)}, {**row, "price": str(at(1.5))}]))
    modified_batch = plain(
        api.modify_multiple_orders(
            [
                {
                    "symbol": SYMBOL,
                    "side": "BUY",
                    "orderId": placed_batch[0]["orderId"],
                    "quantity": "0.003",
                    "price": price,
                }
            ]
        )
    )
    canceled_batch = plain(api.cancel_multiple_orders(symbol=SYMBOL, order_id_list=[placed_batch[0]["orderId"]]))
    countdown = plain(api.auto_cancel_all_open_orders(symbol=SYMBOL, countdown_time=60_000))
    api.auto_cancel_all_open_orders(symbol=SYMBOL, countdown_time=0)
    return {
        "placed": [placed["status"], "avgPrice" in placed],
        "modified": modified["origQty"],
        "bought": [bought["status"], bought["executedQty"]],
        "stop": [stop["algoStatus"], stop["closePosition"]],
        "trailing": trailing["callbackRate"],
        "misread": {name: why for name, why in reads.items() if why},
        "reads": len(reads),
        "canceled_algo": canceled_algo["code"],
        "all_algos": all_algos["code"],
        "canceled": canceled["status"],
        "maker": maker["timeInForce"],
        "everything": everything["code"],
        "sold": sold["status"],
        "batch": [placed_batch[0]["status"], placed_batch[1]["code"], modified_batch[0]["origQty"]],
        "canceled_batch": canceled_batch[0]["status"],
        "countdown": countdown["countdownTime"],
    }


def settings(api):
    """Leverage, margin mode, position mode, fee burn, isolated margin, listen key."""
    found = {"leverage": plain(api.change_initial_leverage(symbol=SYMBOL, leverage=9))["leverage"]}
    found["margin"] = plain(api.change_margin_type(symbol=SYMBOL, margin_type="ISOLATED"))["code"]
    api.new_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity=0.002)
    moved = plain(api.modify_isolated_position_margin(symbol=SYMBOL, amount=3, type="1"))
    found["moved"] = [moved["amount"], moved["type"]]
    found["moves"] = read(api, "get_position_margin_change_history", ONE)
    api.new_order(symbol=SYMBOL, side="SELL", type="MARKET", quantity=0.002, reduce_only="true")
    api.change_margin_type(symbol=SYMBOL, margin_type="CROSSED")
    api.change_initial_leverage(symbol=SYMBOL, leverage=20)
    found["mode"] = plain(api.change_position_mode(dual_side_position="true"))["code"]
    api.change_position_mode(dual_side_position="false")
    found["burn"] = plain(api.toggle_bnb_burn_on_futures_trade(fee_burn="false"))["code"]
    api.toggle_bnb_burn_on_futures_trade(fee_burn="true")
    found["multi"] = plain(api.change_multi_assets_mode(multi_assets_margin="true"))["code"]
    api.change_multi_assets_mode(multi_assets_margin="false")
    key = plain(api.start_user_data_stream())["listenKey"]
    found["listen"] = [len(key), plain(api.keepalive_user_data_stream())["listenKey"] == key]
    api.close_user_data_stream()
    return found


def refused(call, *arguments, **named):
    """[class, code] of what a call raises."""
    try:
        call(*arguments, **named)
    except Exception as error:
        return [type(error).__name__, getattr(error, "status_code", None)]
    return None


def by_path(api, method, path, parameters):
    """A request by its path, the way every method of the SDK sends it."""
    return send_request(
        api._session, api.configuration, method, path, payload=sent(parameters), is_signed=True, signer=api._signer
    ).data()


def refusals(api):
    """[wanted, [class, code]] of everything that can be refused."""
    found = [[code, refused(by_path, api, method, path, parameters)] for code, method, path, parameters in natural()]
    price = at(0.97)
    limit = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "time_in_force": "GTC", "quantity": 0.002}
    resting = plain(api.new_order(**limit, price=price, new_client_order_id="resting-3"))
    for code, method, path, parameters in with_an_order("resting-3", resting["orderId"], price):
        found.append([code, refused(by_path, api, method, path, parameters)])
    api.cancel_all_open_orders(symbol=SYMBOL)
    for code, status in INJECTED:
        fault(kind="error", code=code, status=status, count=1, path="/fapi/v1/order")
        found.append([f"{code}/{status}", refused(api.new_order, **limit, price=price)])
        calm()
    return found


def wire(api):
    """Wrong paths, keys, secrets, and no answer."""
    found = {"path": refused(by_path, api, "GET", "/fapi/v1/nothing", {})}
    found["secret"] = refused(pointed(api_secret="wrong").rest_api.account_information_v3)
    found["key"] = refused(pointed(api_key="x" * 64).rest_api.account_information_v3)
    fault(kind="clock_skew_ms", value=60_000)
    found["clock"] = refused(api.account_information_v3)
    calm()
    fault(kind="lost_response", count=1, path="/fapi/v3/account")
    found["lost"] = refused(pointed(timeout=300).rest_api.account_information_v3)
    calm()
    return found


def main():
    """Everything, in order."""
    api = pointed().rest_api
    calls = [*MARKET.items(), *((name, {}) for name in MARKET_ALL)]
    misread = [[name, why] for name, parameters in calls if (why := read(api, name, parameters))]
    found = {"market": len(calls), "misread": misread}
    for part in (settings, orders, refusals, wire):
        say(part.__name__)
        found[part.__name__] = part(api)
    tell(found)


main()
