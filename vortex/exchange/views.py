"""REST bodies of orders, trades, positions and balances, field by field (sheet 4.2 to 4.5, 12)."""

from typing import Any

from vortex.exchange.account import Account, Income
from vortex.exchange.adl import quantile
from vortex.exchange.instruments import QUOTE_SCALE, Instrument, money_text, money_trim
from vortex.exchange.liquidation_price import liquidation_price_e8
from vortex.exchange.margin import Summary, SymbolMargin
from vortex.exchange.orders import SIDE_NAMES, AlgoOrder, Fill, Order

Body = dict[str, Any]


def order_body(order: Order, *, fresh: bool = False) -> Body:
    """What POST, PUT and DELETE answer; `fresh` is the ACK form: NEW and nothing filled, whatever happened since."""
    instrument = order.instrument
    filled = 0 if fresh else order.filled
    return {
        "orderId": order.order_id,
        "symbol": order.symbol,
        "status": "NEW" if fresh else order.status,
        "clientOrderId": order.client_id,
        "price": instrument.px_text(order.px),
        "origQty": instrument.qty_text(order.lots),
        "executedQty": instrument.qty_text(filled),
        "cumQty": instrument.qty_text(filled),
        "timeInForce": order.time_in_force,
        "type": order.kind,
        "reduceOnly": order.reduce_only,
        "closePosition": order.close_position,
        "side": SIDE_NAMES[order.side],
        "positionSide": order.position_side,
        "stopPrice": instrument.px_text(order.stop_px),
        "workingType": order.working_type,
        "priceProtect": order.price_protect,
        "origType": order.original_kind,
        "priceMatch": order.price_match,
        "selfTradePreventionMode": order.stp,
        "goodTillDate": order.good_till_ms,
        "updateTime": order.updated_ms,
    }


def order_query(order: Order) -> Body:
    """What the read endpoints answer: the same with average price, quote value and creation time."""
    instrument = order.instrument
    body = order_body(order)
    del body["cumQty"]
    body["avgPrice"] = _average(instrument, order.filled_ticks_lots, order.filled)
    body["cumQuote"] = money_trim(order.filled_ticks_lots * instrument.unit_value)
    body["time"] = order.created_ms
    return body


def _average(instrument: Instrument, ticks_lots: int, lots: int) -> str:
    """Average price with at least the published decimals."""
    if lots == 0:
        return instrument.px_text(0)
    text = instrument.average_text(ticks_lots, lots)
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.ljust(instrument.price_precision, '0')}"


def algo_body(algo: AlgoOrder) -> Body:
    """What POST algoOrder answers."""
    instrument = algo.instrument
    body: Body = {
        "algoId": algo.algo_id,
        "clientAlgoId": algo.client_id,
        "algoType": "CONDITIONAL",
        "orderType": algo.kind,
        "symbol": algo.symbol,
        "side": SIDE_NAMES[algo.side],
        "positionSide": algo.position_side,
        "timeInForce": algo.time_in_force,
        "quantity": instrument.qty_text(algo.lots),
        "algoStatus": algo.status,
        "triggerPrice": instrument.px_text(algo.trigger_px),
        "price": instrument.px_text(algo.px),
        "icebergQuantity": None,
        "selfTradePreventionMode": algo.stp,
        "workingType": algo.working_type,
        "priceMatch": algo.price_match,
        "closePosition": algo.close_position,
        "priceProtect": algo.price_protect,
        "reduceOnly": algo.reduce_only,
        "createTime": algo.created_ms,
        "updateTime": algo.updated_ms,
        "triggerTime": algo.trigger_ms,
        "goodTillDate": algo.good_till_ms,
    }
    if algo.kind == "TRAILING_STOP_MARKET":
        body["activatePrice"] = instrument.px_text(algo.activate_px)
        body["callbackRate"] = money_trim(algo.callback_rate_bps * 1_000_000)
    return body


def algo_query(algo: AlgoOrder, *, listed: bool = False) -> Body:
    """What GET algoOrder answers, and with `listed` a row of the list forms."""
    body = algo_body(algo)
    child, instrument = algo.child, algo.instrument
    body["actualOrderId"] = "" if child is None else str(child.order_id)
    average = (0, 0) if child is None else (child.filled_ticks_lots, child.filled)
    body["actualPrice"] = _average(instrument, *average)
    if child is not None:
        body["actualType"] = child.kind
        body["actualQty"] = instrument.qty_text(child.filled)
    body["tpOrderType"] = ""
    if listed:
        for name in ("tpTriggerPrice", "tpPrice", "slTriggerPrice", "slPrice"):
            body[name] = instrument.px_text(0)
    return body


def trade_body(fill: Fill) -> Body:
    """One row of userTrades."""
    order, instrument = fill.order, fill.order.instrument
    return {
        "symbol": order.symbol,
        "pair": order.symbol,
        "id": fill.trade_id,
        "orderId": order.order_id,
        "side": SIDE_NAMES[order.side],
        "positionSide": order.position_side,
        "price": instrument.px_text(fill.px),
        "qty": instrument.qty_text(fill.lots),
        "quoteQty": money_trim(fill.px * fill.lots * instrument.unit_value),
        "baseQty": "0",
        "realizedPnl": money_text(fill.realized),
        "commission": money_text(fill.commission),
        "commissionAsset": fill.commission_asset,
        "marginAsset": "USDT",
        "time": fill.ts_ms,
        "buyer": fill.buyer,
        "maker": fill.maker,
    }


def income_body(row: Income) -> Body:
    """One row of the income history."""
    return {
        "symbol": row.symbol,
        "incomeType": row.kind,
        "income": money_text(row.amount),
        "asset": row.asset,
        "info": row.info,
        "time": row.ts_ms,
        "tranId": row.transfer_id,
        "tradeId": row.trade_id,
    }


def _asset_rows(account: Account, summary: Summary) -> list[Body]:
    """Every asset in its own units. Under multi-assets all of them carry the dollars that are free."""
    rows = []
    for asset in ["USDT", *sorted(each for each in account.wallets if each != "USDT")]:
        wallet = account.wallets.get(asset, 0)
        own = asset == "USDT"
        available, withdrawable = _free(account, summary, asset, wallet)
        rows.append(
            {
                "asset": asset,
                "walletBalance": money_text(wallet),
                "unrealizedProfit": money_text(summary.unrealized if own else 0),
                "marginBalance": money_text(wallet + summary.unrealized if own else wallet),
                "maintMargin": money_text(summary.maintenance if own else 0),
                "initialMargin": money_text(summary.position_initial + summary.open_order_initial if own else 0),
                "positionInitialMargin": money_text(summary.position_initial if own else 0),
                "openOrderInitialMargin": money_text(summary.open_order_initial if own else 0),
                "crossWalletBalance": money_text(wallet - summary.wallet + summary.cross_wallet if own else wallet),
                "crossUnPnl": money_text(summary.cross_unrealized if own else 0),
                "availableBalance": money_text(available),
                "maxWithdrawAmount": money_text(withdrawable),
                "updateTime": account.updated_ms,
            }
        )
    return rows


def _free(account: Account, summary: Summary, asset: str, wallet: int) -> tuple[int, int]:
    """What of an asset can be used for orders, and withdrawn."""
    if not account.multi_assets or account.collateral is None:
        return (summary.available, summary.max_withdraw) if asset == "USDT" else (wallet, wallet)
    rate = account.collateral.bid_rate_e8(asset)
    if rate == 0:
        return 0, max(0, wallet)
    usable, removable = (dollars * QUOTE_SCALE // rate for dollars in (summary.available, summary.max_withdraw))
    return usable, max(0, min(wallet, removable))


def _totals(summary: Summary) -> Body:
    return {
        "totalInitialMargin": money_text(summary.position_initial + summary.open_order_initial),
        "totalMaintMargin": money_text(summary.maintenance),
        "totalWalletBalance": money_text(summary.wallet),
        "totalUnrealizedProfit": money_text(summary.unrealized),
        "totalMarginBalance": money_text(summary.margin_balance),
        "totalPositionInitialMargin": money_text(summary.position_initial),
        "totalOpenOrderInitialMargin": money_text(summary.open_order_initial),
        "totalCrossWalletBalance": money_text(summary.cross_wallet),
        "totalCrossUnPnl": money_text(summary.cross_unrealized),
        "availableBalance": money_text(summary.available),
        "maxWithdrawAmount": money_text(summary.max_withdraw),
    }


def account_v3(account: Account, summary: Summary) -> Body:
    """GET /fapi/v3/account."""
    positions = [
        {
            "symbol": row.position.instrument.symbol,
            "positionSide": row.position.side,
            "positionAmt": row.position.instrument.qty_text(row.position.lots),
            "unrealizedProfit": money_text(row.unrealized),
            "isolatedMargin": money_text(_isolated_margin(row)),
            "notional": money_text(row.notional),
            "isolatedWallet": money_text(row.position.isolated_wallet),
            "initialMargin": money_text(row.initial),
            "maintMargin": money_text(row.maintenance),
            "updateTime": row.position.updated_ms,
        }
        for row in summary.rows
    ]
    return {**_totals(summary), "assets": _asset_rows(account, summary), "positions": positions}


def _isolated_margin(row: SymbolMargin) -> int:
    return row.position.isolated_wallet + row.unrealized if row.isolated else 0


def account_v2(account: Account, summary: Summary, every: list[SymbolMargin]) -> Body:
    """GET /fapi/v2/account: every symbol, and the account's rights and modes."""
    positions = [
        {
            "symbol": row.position.instrument.symbol,
            "initialMargin": money_text(row.initial),
            "maintMargin": money_text(row.maintenance),
            "unrealizedProfit": money_text(row.unrealized),
            "positionInitialMargin": money_text(row.position_initial),
            "openOrderInitialMargin": money_text(row.open_order_initial),
            "leverage": str(row.leverage),
            "isolated": row.isolated,
            "entryPrice": money_trim(row.position.entry_e8()),
            "breakEvenPrice": money_trim(row.position.break_even_e8()),
            "maxNotional": str(row.position.instrument.max_notional(row.leverage)),
            "positionSide": row.position.side,
            "positionAmt": row.position.instrument.qty_text(row.position.lots),
            "notional": money_trim(row.notional),
            "isolatedWallet": money_trim(row.position.isolated_wallet),
            "bidNotional": money_trim(row.bid_notional),
            "askNotional": money_trim(row.ask_notional),
            "updateTime": row.position.updated_ms,
        }
        for row in every
    ]
    assets = [
        {**row, "marginAvailable": _margin_available(account, row["asset"])} for row in _asset_rows(account, summary)
    ]
    rights = account_config(account)
    rights["feeBurn"] = account.fee_burn
    del rights["dualSidePosition"]
    return {**rights, **_totals(summary), "assets": assets, "positions": positions}


def account_config(account: Account) -> Body:
    """GET /fapi/v1/accountConfig."""
    return {
        "feeTier": 0,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": True,
        "dualSidePosition": account.hedge_mode,
        "updateTime": 0,
        "multiAssetsMargin": account.multi_assets,
        "tradeGroupId": -1,
    }


def _margin_available(account: Account, asset: str) -> bool:
    """May it serve as margin in multi-assets mode?"""
    return account.collateral is None or asset in account.collateral.assets


def balances(account: Account, summary: Summary) -> list[Body]:
    """GET /fapi/v2/balance and v3/balance."""
    return [
        {
            "accountAlias": f"sim{account.name}",
            "asset": row["asset"],
            "balance": row["walletBalance"],
            "crossWalletBalance": row["crossWalletBalance"],
            "crossUnPnl": row["crossUnPnl"],
            "availableBalance": row["availableBalance"],
            "maxWithdrawAmount": row["maxWithdrawAmount"],
            "marginAvailable": _margin_available(account, row["asset"]),
            "updateTime": row["updateTime"],
        }
        for row in _asset_rows(account, summary)
    ]


def position_risk_v3(account: Account, summary: Summary, row: SymbolMargin) -> Body:
    """One row of GET /fapi/v3/positionRisk."""
    position = row.position
    return {
        "symbol": position.instrument.symbol,
        "positionSide": position.side,
        "positionAmt": position.instrument.qty_text(position.lots),
        "entryPrice": money_trim(position.entry_e8()) if position.lots else "0.0",
        "breakEvenPrice": money_trim(position.break_even_e8()) if position.lots else "0.0",
        "markPrice": money_text(row.mark_e8),
        "unRealizedProfit": money_text(row.unrealized),
        "liquidationPrice": money_trim(liquidation_price_e8(account, position, summary)),
        "isolatedMargin": money_trim(_isolated_margin(row)),
        "notional": money_text(row.notional),
        "marginAsset": "USDT",
        "isolatedWallet": money_trim(position.isolated_wallet),
        "initialMargin": money_text(row.initial),
        "maintMargin": money_text(row.maintenance),
        "positionInitialMargin": money_text(row.position_initial),
        "openOrderInitialMargin": money_trim(row.open_order_initial),
        "adl": quantile(summary, row),
        "bidNotional": money_trim(row.bid_notional),
        "askNotional": money_trim(row.ask_notional),
        "updateTime": position.updated_ms,
    }


def position_risk_v2(account: Account, summary: Summary, row: SymbolMargin) -> Body:
    """One row of GET /fapi/v2/positionRisk."""
    v3 = position_risk_v3(account, summary, row)
    wanted = (
        "symbol",
        "positionSide",
        "positionAmt",
        "entryPrice",
        "breakEvenPrice",
        "markPrice",
        "unRealizedProfit",
        "liquidationPrice",
        "isolatedMargin",
        "notional",
        "isolatedWallet",
        "updateTime",
    )
    body = {name: v3[name] for name in wanted}
    body["marginType"] = "isolated" if row.isolated else "cross"
    body["isAutoAddMargin"] = "false"
    body["leverage"] = str(row.leverage)
    body["maxNotionalValue"] = str(row.position.instrument.max_notional(row.leverage))
    return body


def symbol_config(account: Account, instrument: Instrument) -> Body:
    """One row of GET /fapi/v1/symbolConfig."""
    setting = account.setting(instrument.symbol)
    return {
        "symbol": instrument.symbol,
        "marginType": "ISOLATED" if setting.isolated else "CROSSED",
        "isAutoAddMargin": False,
        "leverage": setting.leverage,
        "maxNotionalValue": str(instrument.max_notional(setting.leverage)),
    }


def leverage_brackets(instrument: Instrument) -> Body:
    """One row of GET /fapi/v1/leverageBracket."""
    return {
        "symbol": instrument.symbol,
        "brackets": [
            {
                "bracket": rung.number,
                "initialLeverage": rung.initial_leverage,
                "notionalCap": rung.notional_cap,
                "notionalFloor": rung.notional_floor,
                "maintMarginRatio": float(rung.maint_margin_ratio),
                "cum": float(rung.cum),
            }
            for rung in instrument.brackets
        ],
    }
