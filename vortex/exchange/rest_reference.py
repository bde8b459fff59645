"""REST reference data that traders look at and seldom need: index constituents, insurance fund, ADL risk, basis (3)."""

from typing import Any

from vortex.exchange.candles import INTERVALS_MS
from vortex.exchange.floor import Floor
from vortex.exchange.instruments import QUOTE_SCALE, money_text
from vortex.exchange.listing import Listing
from vortex.exchange.params import Params, limit, optional, required, window
from vortex.exchange.refusal import Refusal
from vortex.exchange.rest_statistics import STATISTICS_PERIODS
from vortex.exchange.rules import instrument_of

FUND_AT_START = 1_000_000 * QUOTE_SCALE
ASSETS = {"USDTUSD": "", "BNBUSD": "BNBUSDT"}
"""Index symbols of the margin assets, and the contract whose index prices them."""
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
        """What the fund holds after it has paid for bankrupt accounts."""
        paid = sum(account.insurance_total for account in self._floor.accounts.values())
        asset = {"asset": "USDT", "marginBalance": money_text(FUND_AT_START - paid), "updateTime": self._floor.now_ms}
        body = {"symbols": list(self._floor.listings), "assets": [asset]}
        if optional(params, "symbol") is None:
            return [body]
        instrument_of(self._floor.instruments, params)
        return body

    def adl_risk(self, params: Params) -> Body | list[Body]:
        """Nobody is deleveraged here."""
        rows: list[Body] = [
            {"symbol": symbol, "adlRisk": "low", "updateTime": self._floor.now_ms} for symbol in self._floor.listings
        ]
        if optional(params, "symbol") is None:
            return rows
        wanted = instrument_of(self._floor.instruments, params).symbol
        return next(row for row in rows if row["symbol"] == wanted)

    def asset_index(self, params: Params) -> Body | list[Body]:
        """Prices of the margin assets in dollars, with the buffers of the multi-assets mode."""
        rows = [self._asset(name, contract) for name, contract in ASSETS.items() if self._priced(contract)]
        wanted = optional(params, "symbol")
        if wanted is None:
            return rows
        found = next((row for row in rows if row["symbol"] == wanted), None)
        if found is None:
            raise Refusal(-1121)
        return found

    def _priced(self, contract: str) -> bool:
        return not contract or contract in self._floor.listings

    def _asset(self, name: str, contract: str) -> Body:
        price = self._floor.listing(contract).index_e8 if contract else QUOTE_SCALE
        buffer = 5 if contract else 0
        low, high = money_text(price * (100 - buffer) // 100), money_text(price * (100 + buffer) // 100)
        margin = f"{buffer / 100:.8f}"
        return {
            "symbol": name,
            "time": self._floor.now_ms,
            "index": money_text(price),
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
