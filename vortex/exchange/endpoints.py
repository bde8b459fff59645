"""The table of REST endpoints: who may call, what it costs, who answers (sheet 3, 4)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from vortex.exchange.account import Account
from vortex.exchange.params import Params
from vortex.exchange.refusal import Refusal
from vortex.exchange.rest_account import AccountDesk
from vortex.exchange.rest_market import MarketData
from vortex.exchange.rest_reference import Reference
from vortex.exchange.rest_statistics import Statistics
from vortex.exchange.rest_trade import Trading

LIMIT_DEFAULT, LIMIT_DIGITS = 500, 10
NONE, KEY, SIGNED, TRADE = "none", "key", "signed", "trade"

Weight: TypeAlias = Callable[[Params], int]
PublicHandler: TypeAlias = Callable[[Params], Any]
AccountHandler: TypeAlias = Callable[[Account, Params], Any]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method and path. `orders` counts on the 10-second and 1-minute order limits."""

    security: str
    weight: Weight
    answer: AccountHandler
    orders: tuple[int, int] = (0, 0)
    pool: str = "weight"
    engine_time_check: bool = False


def _fixed(weight: int) -> Weight:
    return lambda _params: weight


def _one_or_all(one: int, every: int) -> Weight:
    return lambda params: one if params.get("symbol") else every


def _limit(params: Params) -> int:
    """How much is asked for; what is no number costs what the default costs, and is refused later."""
    text = params.get("limit", "")
    return int(text) if text.isdecimal() and len(text) < LIMIT_DIGITS else LIMIT_DEFAULT


def _depth(params: Params) -> int:
    levels = _limit(params)
    return 2 if levels <= 50 else 5 if levels <= 100 else 10 if levels <= 500 else 20


def _klines(params: Params) -> int:
    rows = _limit(params)
    return 1 if rows < 100 else 2 if rows < 500 else 5 if rows <= 1000 else 10


def _public(weight: Weight, answer: PublicHandler, pool: str = "weight", security: str = NONE) -> Endpoint:
    return Endpoint(security, weight, lambda _account, params: answer(params), pool=pool)


def _read(weight: int | Weight, answer: AccountHandler) -> Endpoint:
    return Endpoint(SIGNED, _fixed(weight) if isinstance(weight, int) else weight, answer)


def _act(weight: int, answer: AccountHandler, orders: tuple[int, int] = (0, 0), *, engine: bool = False) -> Endpoint:
    return Endpoint(TRADE, _fixed(weight), answer, orders, engine_time_check=engine)


def table(
    market: MarketData, reference: Reference, statistics: Statistics, trading: Trading, account: AccountDesk
) -> dict[tuple[str, str], Endpoint]:
    """Every endpoint by (method, path)."""
    return {
        **_market(market),
        **_reference(reference),
        **_statistics(statistics),
        **_orders(trading),
        **_account(account),
        **_absent(),
    }


def _unsupported(_account: Account, _params: Params) -> Any:
    """What this exchange does not offer is refused in so many words."""
    raise Refusal(-1020)


def _absent() -> dict[tuple[str, str], Endpoint]:
    """Documented endpoints of what is not simulated: downloads, conversion, portfolio margin, shares (4.4)."""
    signed = {"pmAccountInfo": 5, "convert/orderStatus": 50}
    for history in ("income", "order", "trade"):
        signed |= {f"{history}/asyn": 1000, f"{history}/asyn/id": 10}
    acts = {"convert/getQuote": 50, "convert/acceptQuote": 200, "stock/contract": 50}
    return {
        ("GET", "/fapi/v1/convert/exchangeInfo"): Endpoint(NONE, _fixed(20), _unsupported),
        **{("GET", f"/fapi/v1/{name}"): _read(weight, _unsupported) for name, weight in signed.items()},
        **{("POST", f"/fapi/v1/{name}"): _act(weight, _unsupported) for name, weight in acts.items()},
    }


def _market(market: MarketData) -> dict[tuple[str, str], Endpoint]:
    rows: dict[str, Endpoint] = {
        "/fapi/v1/ping": _public(_fixed(1), market.ping),
        "/fapi/v1/time": _public(_fixed(1), market.time),
        "/api/v3/ping": _public(_fixed(1), market.ping),
        "/api/v3/time": _public(_fixed(1), market.time),
        "/fapi/v1/exchangeInfo": _public(_fixed(1), market.exchange_info),
        "/fapi/v1/depth": _public(_depth, market.depth),
        "/fapi/v1/rpiDepth": _public(_fixed(20), market.rpi_depth),
        "/fapi/v1/trades": _public(_fixed(5), market.trades),
        "/fapi/v1/historicalTrades": _public(_fixed(200), market.historical_trades, security=KEY),
        "/fapi/v1/aggTrades": _public(_fixed(20), market.agg_trades),
        "/fapi/v1/klines": _public(_klines, market.klines),
        "/fapi/v1/continuousKlines": _public(_klines, market.continuous_klines),
        "/fapi/v1/markPriceKlines": _public(_klines, market.mark_klines),
        "/fapi/v1/indexPriceKlines": _public(_klines, market.index_klines),
        "/fapi/v1/premiumIndexKlines": _public(_klines, market.premium_klines),
        "/fapi/v1/premiumIndex": _public(_one_or_all(1, 10), market.premium_index),
        "/fapi/v1/fundingRate": _public(_fixed(0), market.funding_rate, "funding"),
        "/fapi/v1/fundingInfo": _public(_fixed(0), market.funding_info, "funding"),
        "/fapi/v1/openInterest": _public(_fixed(1), market.open_interest),
        "/fapi/v1/ticker/24hr": _public(_one_or_all(1, 40), market.ticker_day),
        "/fapi/v1/ticker/price": _public(_one_or_all(1, 2), market.ticker_price),
        "/fapi/v2/ticker/price": _public(_one_or_all(1, 2), market.ticker_price),
        "/fapi/v1/ticker/bookTicker": _public(_one_or_all(2, 5), market.ticker_book),
    }
    return {("GET", path): endpoint for path, endpoint in rows.items()}


def _reference(reference: Reference) -> dict[tuple[str, str], Endpoint]:
    rows: dict[str, Endpoint] = {
        "/fapi/v1/constituents": _public(_fixed(2), reference.constituents),
        "/fapi/v1/insuranceBalance": _public(_fixed(1), reference.insurance_balance),
        "/fapi/v1/symbolAdlRisk": _public(_fixed(1), reference.adl_risk),
        "/fapi/v1/assetIndex": _public(_one_or_all(1, 10), reference.asset_index),
        "/fapi/v1/indexInfo": _public(_fixed(1), reference.composite_indexes),
        "/fapi/v1/tradingSchedule": _public(_fixed(5), reference.trading_schedule),
        "/futures/data/delivery-price": _public(_fixed(0), reference.delivery_prices, "statistics"),
        "/futures/data/basis": _public(_fixed(0), reference.basis, "statistics"),
    }
    return {("GET", path): endpoint for path, endpoint in rows.items()}


def _statistics(statistics: Statistics) -> dict[tuple[str, str], Endpoint]:
    rows = {
        "openInterestHist": statistics.open_interest_history,
        "globalLongShortAccountRatio": statistics.global_ratio,
        "topLongShortAccountRatio": statistics.top_account_ratio,
        "topLongShortPositionRatio": statistics.top_position_ratio,
        "takerlongshortRatio": statistics.taker_ratio,
    }
    return {("GET", f"/futures/data/{name}"): _public(_fixed(0), answer, "statistics") for name, answer in rows.items()}


def _orders(trading: Trading) -> dict[tuple[str, str], Endpoint]:
    one, batch = (1, 1), (5, 1)
    return {
        ("POST", "/fapi/v1/order"): _act(0, trading.place, one, engine=True),
        ("PUT", "/fapi/v1/order"): _act(0, trading.modify, one, engine=True),
        ("GET", "/fapi/v1/order"): _read(1, trading.query),
        ("DELETE", "/fapi/v1/order"): _act(1, trading.cancel),
        ("POST", "/fapi/v1/order/test"): _act(0, trading.test),
        ("POST", "/fapi/v1/batchOrders"): _act(5, trading.place_batch, batch, engine=True),
        ("PUT", "/fapi/v1/batchOrders"): _act(5, trading.modify_batch, batch, engine=True),
        ("DELETE", "/fapi/v1/batchOrders"): _act(1, trading.cancel_batch),
        ("DELETE", "/fapi/v1/allOpenOrders"): _act(1, trading.cancel_all),
        ("POST", "/fapi/v1/countdownCancelAll"): _act(10, trading.countdown),
        ("GET", "/fapi/v1/openOrder"): _read(1, trading.open_order),
        ("GET", "/fapi/v1/openOrders"): _read(_one_or_all(1, 40), trading.open_orders),
        ("GET", "/fapi/v1/allOrders"): _read(5, trading.all_orders),
        ("GET", "/fapi/v1/userTrades"): _read(5, trading.user_trades),
        ("GET", "/fapi/v1/orderAmendment"): _read(1, trading.amendments),
        ("GET", "/fapi/v1/forceOrders"): _read(_one_or_all(20, 50), trading.force_orders),
        ("POST", "/fapi/v1/algoOrder"): _act(0, trading.place_algo, one),
        ("GET", "/fapi/v1/algoOrder"): _read(1, trading.query_algo),
        ("DELETE", "/fapi/v1/algoOrder"): _act(1, trading.cancel_algo),
        ("DELETE", "/fapi/v1/algoOpenOrders"): _act(1, trading.cancel_all_algos),
        ("GET", "/fapi/v1/openAlgoOrders"): _read(_one_or_all(1, 40), trading.open_algos),
        ("GET", "/fapi/v1/allAlgoOrders"): _read(5, trading.all_algos),
    }


def _account(desk: AccountDesk) -> dict[tuple[str, str], Endpoint]:
    listen = "/fapi/v1/listenKey"
    return {
        ("GET", "/fapi/v3/account"): _read(5, desk.account_v3),
        ("GET", "/fapi/v2/account"): _read(5, desk.account_v2),
        ("GET", "/fapi/v3/balance"): _read(5, desk.balance),
        ("GET", "/fapi/v2/balance"): _read(5, desk.balance),
        ("GET", "/fapi/v3/positionRisk"): _read(5, desk.positions_v3),
        ("GET", "/fapi/v2/positionRisk"): _read(5, desk.positions_v2),
        ("GET", "/fapi/v1/accountConfig"): _read(5, desk.config),
        ("GET", "/fapi/v1/symbolConfig"): _read(5, desk.symbol_config),
        ("GET", "/fapi/v1/leverageBracket"): _read(1, desk.brackets),
        ("GET", "/fapi/v1/commissionRate"): _read(20, desk.commission),
        ("GET", "/fapi/v1/income"): _read(30, desk.income),
        ("GET", "/fapi/v1/adlQuantile"): _read(5, desk.adl_quantile),
        ("GET", "/fapi/v1/apiTradingStatus"): _read(_one_or_all(1, 10), desk.trading_status),
        ("GET", "/fapi/v1/rateLimit/order"): _read(1, desk.order_limits),
        ("POST", "/fapi/v1/leverage"): _act(1, desk.set_leverage),
        ("POST", "/fapi/v1/marginType"): _act(1, desk.set_margin_type),
        ("POST", "/fapi/v1/positionMargin"): _act(1, desk.set_position_margin),
        ("GET", "/fapi/v1/positionMargin/history"): _read(1, desk.position_margin_history),
        ("GET", "/fapi/v1/positionSide/dual"): _read(30, desk.position_mode),
        ("POST", "/fapi/v1/positionSide/dual"): _act(1, desk.set_position_mode),
        ("GET", "/fapi/v1/multiAssetsMargin"): _read(30, desk.multi_assets),
        ("POST", "/fapi/v1/multiAssetsMargin"): _act(1, desk.set_multi_assets),
        ("GET", "/fapi/v1/feeBurn"): _read(30, desk.fee_burn),
        ("POST", "/fapi/v1/feeBurn"): _act(1, desk.set_fee_burn),
        ("POST", listen): Endpoint(KEY, _fixed(1), desk.listen),
        ("PUT", listen): Endpoint(KEY, _fixed(1), desk.keep_listening),
        ("DELETE", listen): Endpoint(KEY, _fixed(1), desk.stop_listening),
    }
