"""REST market data: everything that needs no signature (sheet 3)."""

from collections.abc import Iterable
from typing import Any

from vortex.exchange.candles import INTERVALS_MS, Bar, Candles, kline_row
from vortex.exchange.floor import Floor
from vortex.exchange.instruments import Instrument, money_text, money_trim
from vortex.exchange.listing import PERIOD_MS, Listing, Print
from vortex.exchange.orders import BUY, CONDITIONAL_TYPES, SELL
from vortex.exchange.params import Params, limit, optional, required, whole, window
from vortex.exchange.publisher import day_row
from vortex.exchange.refusal import Refusal
from vortex.exchange.rules import instrument_of

DEPTH_LIMITS = (5, 10, 20, 50, 100, 500, 1000)
STATISTICS_PERIODS = ("5m", "15m", "30m", "1h", "2h", "4h", "6h", "12h", "1d")
STATISTICS_DAYS_MS = 30 * 86_400_000
Body = dict[str, Any]


class MarketData:
    """Answers from the public state of the floor."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    def _listing(self, params: Params, name: str = "symbol") -> Listing:
        if name == "pair":
            found = self._floor.listings.get(required(params, "pair"))
            if found is None:
                raise Refusal(-1121)
            return found
        return self._floor.listing(instrument_of(self._floor.instruments, params).symbol)

    def _one_or_all(self, params: Params) -> tuple[bool, list[Listing]]:
        if optional(params, "symbol") is None:
            return False, list(self._floor.listings.values())
        return True, [self._listing(params)]

    def ping(self, _params: Params) -> Body:
        return {}

    def time(self, _params: Params) -> Body:
        return {"serverTime": self._floor.now_ms}

    def exchange_info(self, _params: Params) -> Body:
        limits = self._floor.rules.limits
        return {
            "timezone": "UTC",
            "serverTime": self._floor.now_ms,
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
            "symbols": [_symbol_info(listing) for listing in self._floor.listings.values()],
        }

    def depth(self, params: Params) -> Body:
        listing = self._listing(params)
        levels = whole(params, "limit", 500)
        if levels not in DEPTH_LIMITS:
            raise Refusal(-4021)
        # A snapshot lies strictly inside the interval of the next diff event, so that the documented
        # rule U <= lastUpdateId <= u always finds its first event.
        snapshot_id = listing.bump()
        self._floor.snapshots.add(listing.instrument.symbol)
        instrument = listing.instrument
        return {
            "lastUpdateId": snapshot_id,
            "E": self._floor.now_ms,
            "T": listing.book_ms,
            "bids": _levels(instrument, listing.levels(BUY, levels)),
            "asks": _levels(instrument, listing.levels(SELL, levels)),
        }

    def trades(self, params: Params) -> list[Body]:
        listing = self._listing(params)
        wanted = limit(params, 500, 1000)
        tape = listing.tape
        rows = [tape[at] for at in range(max(0, len(tape) - wanted), len(tape))]
        return [_trade(listing.instrument, each) for each in rows]

    def historical_trades(self, params: Params) -> list[Body]:
        listing = self._listing(params)
        wanted = limit(params, 100, 500)
        from_id = whole(params, "fromId")
        rows: Iterable[Print] = listing.tape
        if from_id is not None:
            rows = [each for each in rows if each.trade_id >= from_id][:wanted]
        else:
            rows = list(rows)[-wanted:]
        return [_trade(listing.instrument, each) for each in rows]

    def agg_trades(self, params: Params) -> list[Body]:
        listing = self._listing(params)
        wanted = limit(params, 500, 1000)
        start, end = window(params, 3_600_000)
        from_id = whole(params, "fromId")
        tape = listing.tape
        if from_id is None and start is None and end is None:
            rows = [tape[at] for at in range(max(0, len(tape) - wanted), len(tape))]
        else:
            rows = [
                each
                for each in tape
                if (from_id is None or each.trade_id >= from_id)
                and (start is None or each.ts_ms >= start)
                and (end is None or each.ts_ms <= end)
            ]
            rows = rows[:wanted] if from_id is not None or start is not None else rows[-wanted:]
        return [_agg_trade(listing.instrument, each) for each in rows]

    def klines(self, params: Params) -> list[list[object]]:
        listing = self._listing(params)
        return self._candle_rows(listing, listing.candles, params)

    def continuous_klines(self, params: Params) -> list[list[object]]:
        if required(params, "contractType") != "PERPETUAL":
            raise Refusal(-1130, "contractType")
        listing = self._listing(params, "pair")
        return self._candle_rows(listing, listing.candles, params)

    def mark_klines(self, params: Params) -> list[list[object]]:
        listing = self._listing(params)
        return self._candle_rows(listing, listing.mark_candles, params, volumes=False)

    def index_klines(self, params: Params) -> list[list[object]]:
        listing = self._listing(params, "pair")
        return self._candle_rows(listing, listing.index_candles, params, volumes=False)

    def premium_klines(self, params: Params) -> list[list[object]]:
        """Mark over index, minus one, per candle."""
        listing = self._listing(params)
        interval, length, start, end, wanted = self._candle_query(params)
        marks = listing.mark_candles.rows(interval, start, end, wanted)
        indexes = {bar.open_ms: bar for bar in listing.index_candles.rows(interval, start, end, wanted)}
        rows: list[list[object]] = []
        for mark in marks:
            index = indexes.get(mark.open_ms, mark)
            pairs = (
                (mark.open, index.open),
                (mark.high, index.high),
                (mark.low, index.low),
                (mark.close, index.close),
            )
            premiums = [above / below - 1 for above, below in pairs]
            ordered = (premiums[0], max(premiums), min(premiums), premiums[3])
            prices = [f"{each:.8f}" for each in ordered]
            rows.append([mark.open_ms, *prices, "0", mark.open_ms + length - 1, "0", mark.trades, "0", "0", "0"])
        return rows

    def _candle_query(self, params: Params) -> tuple[str, int, int | None, int | None, int]:
        interval = required(params, "interval")
        length = INTERVALS_MS.get(interval)
        if length is None:
            raise Refusal(-1120)
        start, end = window(params)
        return interval, length, start, end, limit(params, 500, 1500)

    def _candle_rows(
        self, listing: Listing, candles: Candles, params: Params, *, volumes: bool = True
    ) -> list[list[object]]:
        interval, length, start, end, wanted = self._candle_query(params)
        candles.roll(self._floor.now_ms)
        bars = candles.rows(interval, start, end, wanted)
        if not volumes:
            bars = [Bar(bar.open_ms, bar.open, bar.high, bar.low, bar.close, trades=bar.trades) for bar in bars]
        return [kline_row(listing.instrument, bar, length) for bar in bars]

    def premium_index(self, params: Params) -> Body | list[Body]:
        single, listings = self._one_or_all(params)
        rows: list[Body] = [
            {
                "symbol": listing.instrument.symbol,
                "markPrice": money_text(listing.mark_e8),
                "indexPrice": money_text(listing.index_e8),
                "estimatedSettlePrice": money_text(listing.mark_e8),
                "lastFundingRate": f"{listing.funding_rate:.8f}",
                "interestRate": "0.00010000",
                "nextFundingTime": listing.next_funding_ms,
                "time": self._floor.now_ms,
            }
            for listing in listings
        ]
        return rows[0] if single else rows

    def funding_rate(self, params: Params) -> list[Body]:
        _, listings = self._one_or_all(params)
        start, end = window(params)
        wanted = limit(params, 100, 1000)
        rows = [
            {
                "symbol": listing.instrument.symbol,
                "fundingRate": f"{point.rate:.8f}",
                "fundingTime": point.ts_ms,
                "markPrice": f"{point.mark:.8f}",
                "rateType": "Regular",
            }
            for listing in listings
            for point in listing.funding
            if (start is None or point.ts_ms >= start) and (end is None or point.ts_ms <= end)
        ]
        rows.sort(key=lambda row: int(str(row["fundingTime"])))
        return rows[:wanted] if start is not None else rows[-wanted:]

    def funding_info(self, _params: Params) -> list[Body]:
        return []

    def open_interest(self, params: Params) -> Body:
        listing = self._listing(params)
        return {
            "openInterest": listing.instrument.qty_text(listing.open_interest_now),
            "symbol": listing.instrument.symbol,
            "time": self._floor.now_ms,
        }

    def ticker_day(self, params: Params) -> Body | list[Body]:
        single, listings = self._one_or_all(params)
        rows = [day_row(listing, self._floor.now_ms) for listing in listings]
        return rows[0] if single else rows

    def ticker_price(self, params: Params) -> Body | list[Body]:
        single, listings = self._one_or_all(params)
        rows: list[Body] = [
            {
                "symbol": listing.instrument.symbol,
                "price": listing.instrument.px_text(listing.last_px),
                "time": self._floor.now_ms,
            }
            for listing in listings
        ]
        return rows[0] if single else rows

    def ticker_book(self, params: Params) -> Body | list[Body]:
        single, listings = self._one_or_all(params)
        rows = []
        for listing in listings:
            instrument = listing.instrument
            (bid, bid_lots), (ask, ask_lots) = listing.touch()
            rows.append(
                {
                    "symbol": instrument.symbol,
                    "bidPrice": instrument.px_text(bid),
                    "bidQty": instrument.qty_text(bid_lots),
                    "askPrice": instrument.px_text(ask),
                    "askQty": instrument.qty_text(ask_lots),
                    "time": listing.book_ms,
                    "lastUpdateId": listing.update_id,
                }
            )
        return rows[0] if single else rows

    # --- statistics: /futures/data ---------------------------------------------------------------------------

    def _statistics(self, params: Params) -> tuple[Listing, int, int | None, int | None, int]:
        listing = self._listing(params)
        period = required(params, "period")
        if period not in STATISTICS_PERIODS:
            raise Refusal(-1130, "period")
        start, end = window(params)
        now = self._floor.now_ms
        if start is not None and start < now - STATISTICS_DAYS_MS:
            raise Refusal(-1130, "startTime")
        return listing, INTERVALS_MS[period], start, end, limit(params, 30, 500)

    def open_interest_history(self, params: Params) -> list[Body]:
        listing, length, start, end, wanted = self._statistics(params)
        instrument, closes = listing.instrument, _closes(listing)
        points = _chosen(listing.open_interest, length, start, end, wanted, self._floor.now_ms)
        return [
            {
                "symbol": instrument.symbol,
                "sumOpenInterest": money_text(int(instrument.qty(point.lots) * 100_000_000)),
                "sumOpenInterestValue": money_text(
                    point.lots * closes.get(point.ts_ms, listing.last_px) * instrument.unit_value
                ),
                "CMCCirculatingSupply": "0.00000000",
                "timestamp": point.ts_ms,
            }
            for point in points
        ]

    def global_ratio(self, params: Params) -> list[Body]:
        return self._ratio(params, "global_long")

    def top_account_ratio(self, params: Params) -> list[Body]:
        return self._ratio(params, "top_account_long")

    def top_position_ratio(self, params: Params) -> list[Body]:
        return self._ratio(params, "top_position_long")

    def _ratio(self, params: Params, name: str) -> list[Body]:
        listing, length, start, end, wanted = self._statistics(params)
        rows = []
        for point in _chosen(listing.ratios, length, start, end, wanted, self._floor.now_ms):
            share = min(max(float(getattr(point, name)), 0.0001), 0.9999)
            rows.append(
                {
                    "symbol": listing.instrument.symbol,
                    "longShortRatio": f"{share / (1 - share):.4f}",
                    "longAccount": f"{share:.4f}",
                    "shortAccount": f"{1 - share:.4f}",
                    "timestamp": point.ts_ms,
                }
            )
        return rows

    def taker_ratio(self, params: Params) -> list[Body]:
        """Taker volumes from the candles themselves; the timestamp is the start of the period."""
        listing, length, start, end, wanted = self._statistics(params)
        interval = required(params, "period")
        bars = [
            bar
            for bar in listing.candles.rows(interval, start, end, wanted + 1)
            if bar.open_ms + length <= self._floor.now_ms
        ]
        rows = []
        for bar in bars[-wanted:]:
            sold = bar.volume - bar.buy_volume
            rows.append(
                {
                    "buySellRatio": f"{bar.buy_volume / sold:.4f}" if sold else "0.0000",
                    "buyVol": listing.instrument.qty_text(bar.buy_volume),
                    "sellVol": listing.instrument.qty_text(sold),
                    "timestamp": bar.open_ms,
                }
            )
        return rows


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


def _levels(instrument: Instrument, levels: list[tuple[int, int]]) -> list[list[str]]:
    return [[instrument.px_text(px), instrument.qty_text(lots)] for px, lots in levels]


def _trade(instrument: Instrument, printed: Print) -> Body:
    return {
        "id": printed.trade_id,
        "price": instrument.px_text(printed.px),
        "qty": instrument.qty_text(printed.lots),
        "quoteQty": money_trim(printed.px * printed.lots * instrument.unit_value),
        "time": printed.ts_ms,
        "isBuyerMaker": printed.buyer_is_maker,
        "isRPITrade": False,
    }


def _agg_trade(instrument: Instrument, printed: Print) -> Body:
    quantity = instrument.qty_text(printed.lots)
    return {
        "a": printed.trade_id,
        "p": instrument.px_text(printed.px),
        "q": quantity,
        "nq": quantity,
        "f": printed.trade_id,
        "l": printed.trade_id,
        "T": printed.ts_ms,
        "m": printed.buyer_is_maker,
    }


def _chosen(
    points: Iterable[Any], length_ms: int, start: int | None, end: int | None, wanted: int, now_ms: int
) -> list[Any]:
    """Five-minute points that end a period of this length and are known by now; the newest unless a start is given."""
    rows = [
        point
        for point in points
        if point.ts_ms % length_ms == 0
        and point.ts_ms <= now_ms
        and (start is None or point.ts_ms >= start)
        and (end is None or point.ts_ms <= end)
    ]
    return rows[:wanted] if start is not None else rows[-wanted:]


def _closes(listing: Listing) -> dict[int, int]:
    """The price at the end of each five-minute period."""
    return {bar.open_ms + PERIOD_MS: bar.close for bar in listing.candles.rows("5m", None, None, 10_000)}
