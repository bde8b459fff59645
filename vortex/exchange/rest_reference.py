"""REST reference data that traders look at and seldom need: index constituents, insurance fund, ADL risk, basis (3)."""

from typing import Any

from vortex.exchange.adl import risk_of
from vortex.exchange.candles import INTERVALS_MS
from vortex.exchange.collateral import BPS, MarginAsset
from vortex.exchange.floor import Floor
from vortex.exchange.instruments import QUOTE_SCALE, money_text
from vortex.exchange.listing import Listing
from vortex.exchange.params import Params, limit, optional, required, window
from vortex.exchange.refusal import Refusal
from vortex.exchange.rest_statistics import STATISTICS_PERIODS
from vortex.exchange.rules import instrument_of

Body = dict[str, Any]


class Reference:
    """Answers from the public state of the floor."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    def constituents(self, params: Params) -> Body:
        """One spot market makes this exchange's index."""
        listing = self._floor.listing(instrument_of(self._floor.instruments, params).symbol)
        symbol = listing.instrument.symbol
        row = {"exchange": "binance", "symbol": symbol, "price": money_text(listing.index_e8), "weight": "1.00000000"}
        return {"symbol": symbol, "time": self._floor.now_ms, "constituents": [row]}

    def insurance_balance(self, params: Params) -> Body | list[Body]:
        """What the fund holds after fees, payments and takeovers."""
        held = money_text(self._floor.fund.balance)
        asset = {"asset": "USDT", "marginBalance": held, "updateTime": self._floor.now_ms}
        body = {"symbols": list(self._floor.listings), "assets": [asset]}
        if optional(params, "symbol") is None:
            return [body]
        instrument_of(self._floor.instruments, params)
        return body

    def adl_risk(self, params: Params) -> Body | list[Body]:
        """How near each symbol is to deleveraging; see `adl.risk_of`."""
        floor = self._floor
        rows: list[Body] = [
            {"symbol": symbol, "adlRisk": risk_of(floor, symbol), "updateTime": floor.now_ms}
            for symbol in floor.listings
        ]
        if optional(params, "symbol") is None:
            return rows
        wanted = instrument_of(self._floor.instruments, params).symbol
        return next(row for row in rows if row["symbol"] == wanted)

    def asset_index(self, params: Params) -> Body | list[Body]:
        """Prices of the margin assets in dollars, with the buffers of the multi-assets mode."""
        rows = [self._asset(asset) for asset in self._floor.collateral.assets.values()]
        wanted = optional(params, "symbol")
        if wanted is None:
            return rows
        found = next((row for row in rows if row["symbol"] == wanted), None)
        if found is None:
            raise Refusal(-1121)
        return found

    def _asset(self, asset: MarginAsset) -> Body:
        collateral = self._floor.collateral
        low, high = (money_text(rate(asset.name)) for rate in (collateral.bid_rate_e8, collateral.ask_rate_e8))
        margin = money_text(asset.haircut_bps * QUOTE_SCALE // BPS)
        return {
            "symbol": f"{asset.name}USD",
            "time": self._floor.now_ms,
            "index": money_text(collateral.index_e8(asset.name)),
            "bidBuffer": margin,
            "askBuffer": margin,
            "bidRate": low,
            "askRate": high,
            "autoExchangeBidBuffer": margin,
            "autoExchangeAskBuffer": margin,
            "autoExchangeBidRate": low,
            "autoExchangeAskRate": high,
        }

    def composite_indexes(self, _params: Params) -> list[Body]:
        """No composite index is listed."""
        return []

    def trading_schedule(self, _params: Params) -> Body:
        """Only contracts without sessions are listed."""
        return {"updateTime": self._floor.now_ms, "marketSchedules": {}}

    def delivery_prices(self, params: Params) -> list[Body]:
        """Perpetuals are never delivered."""
        self._of_pair(params)
        return []

    def basis(self, params: Params) -> list[Body]:
        """Contract price over index, at the end of each period."""
        listing = self._of_pair(params)
        if required(params, "contractType") != "PERPETUAL":
            raise Refusal(-1130, "contractType")
        period = required(params, "period")
        if period not in STATISTICS_PERIODS:
            raise Refusal(-1130, "period")
        start, end = window(params)
        wanted, length, tick = limit(params, 30, 500), INTERVALS_MS[period], listing.instrument.tick_e8
        indexes = {bar.open_ms: bar.close for bar in listing.index_candles.rows(period, start, end, wanted + 1)}
        rows: list[Body] = []
        for bar in listing.candles.rows(period, start, end, wanted + 1):
            index = indexes.get(bar.open_ms)
            if not index or bar.open_ms + length > self._floor.now_ms:
                continue
            rows.append(
                {
                    "indexPrice": money_text(index * tick),
                    "contractType": "PERPETUAL",
                    "basisRate": f"{bar.close / index - 1:.4f}",
                    "futuresPrice": listing.instrument.px_text(bar.close),
                    "annualizedBasisRate": "",
                    "basis": money_text((bar.close - index) * tick),
                    "pair": listing.instrument.symbol,
                    "timestamp": bar.open_ms,
                }
            )
        return rows[-wanted:]

    def _of_pair(self, params: Params) -> Listing:
        found = self._floor.listings.get(required(params, "pair"))
        if found is None:
            raise Refusal(-1121)
        return found
