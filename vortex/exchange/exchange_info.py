"""What is listed and under which rules: the body of GET /fapi/v1/exchangeInfo (sheet 3.1)."""

from typing import Any

from vortex.exchange.floor import Floor
from vortex.exchange.instruments import Instrument
from vortex.exchange.listing import Listing
from vortex.exchange.orders import CONDITIONAL_TYPES

Body = dict[str, Any]


def exchange_info(floor: Floor) -> Body:
    """The whole body."""
    limits = floor.rules.limits
    return {
        "timezone": "UTC",
        "serverTime": floor.now_ms,
        "futuresType": "U_MARGINED",
        "rateLimits": [
            _rate_limit("REQUEST_WEIGHT", "MINUTE", 1, limits.weight_per_minute),
            _rate_limit("ORDERS", "MINUTE", 1, limits.orders_per_minute),
            _rate_limit("ORDERS", "SECOND", 10, limits.orders_per_10s),
        ],
        "exchangeFilters": [],
        "assets": [
            {"asset": "USDT", "marginAvailable": True, "autoAssetExchange": "-10000"},
            {"asset": "BNB", "marginAvailable": True, "autoAssetExchange": "0"},
        ],
        "symbols": [_symbol_info(listing) for listing in floor.listings.values()],
    }


def _rate_limit(kind: str, interval: str, number: int, most: int) -> Body:
    return {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": most}


def _symbol_info(listing: Listing) -> Body:
    instrument = listing.instrument
    price, quantity = instrument.price_precision, instrument.quantity_precision
    return {
        "symbol": instrument.symbol,
        "pair": instrument.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": 4133404800000,
        "onboardDate": instrument.onboard_ms,
        "status": listing.status,
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": instrument.base,
        "quoteAsset": instrument.quote,
        "marginAsset": instrument.quote,
        "pricePrecision": price,
        "quantityPrecision": quantity,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [instrument.underlying_sub_type],
        "triggerProtect": f"{instrument.trigger_protect:.4f}",
        "liquidationFee": f"{instrument.liquidation_fee:.6f}",
        "marketTakeBound": str(instrument.market_take_bound),
        "maxMoveOrderLimit": 10000,
        "filters": _filters(instrument),
        "orderTypes": ["LIMIT", "MARKET", *sorted(CONDITIONAL_TYPES)],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
        "permissionSets": ["GRID", "COPY", "DCA", "PSB"],
    }


def _filters(instrument: Instrument) -> list[Body]:
    step, smallest = str(instrument.step), str(instrument.min_qty)
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": str(instrument.min_price),
            "maxPrice": str(instrument.max_price),
            "tickSize": str(instrument.tick),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": smallest,
            "maxQty": str(instrument.max_qty),
            "stepSize": step,
        },
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": smallest,
            "maxQty": str(instrument.market_max_qty),
            "stepSize": step,
        },
        {"filterType": "MAX_NUM_ORDERS", "limit": instrument.max_orders},
        {"filterType": "MIN_NOTIONAL", "notional": str(instrument.min_notional)},
        {
            "filterType": "PERCENT_PRICE",
            "multiplierUp": f"{instrument.percent_up:.4f}",
            "multiplierDown": f"{instrument.percent_down:.4f}",
            "multiplierDecimal": "4",
        },
        {"filterType": "POSITION_RISK_CONTROL", "positionControlSide": "NONE"},
    ]
