"""Market data over REST: warm-up, gap repair, and what no stream carries (E0-3, E0-5)."""

from collections.abc import Collection, Mapping
from typing import TypeVar

import msgspec

from vortex.adapters.binance import endpoints, rest_wire
from vortex.adapters.binance.rest import Params, RestClient
from vortex.domain.instruments import Instrument
from vortex.domain.market import AccountRatio, Candle, Interval, MarkPrice, OpenInterest, Trade
from vortex.kernel.errors import OutcomeUnknown, StaleData

T = TypeVar("T")

KLINES_MAX = 1_500
TRADES_MAX = 1_000
STATISTICS_MAX = 500

_KLINES = msgspec.json.Decoder(list[rest_wire.Kline], strict=False)
_AGG_TRADES = msgspec.json.Decoder(list[rest_wire.AggTrade], strict=False)
_PREMIUM = msgspec.json.Decoder(rest_wire.Premium, strict=False)
_OPEN_INTEREST = msgspec.json.Decoder(rest_wire.OpenInterestNow, strict=False)
_OPEN_INTEREST_HISTORY = msgspec.json.Decoder(list[rest_wire.OpenInterestPeriod], strict=False)
_RATIOS = msgspec.json.Decoder(list[rest_wire.RatioPeriod], strict=False)
_TICKERS = msgspec.json.Decoder(list[rest_wire.Ticker], strict=False)


class MarketReader:
    """Polls of public data. They fail with StaleData, NotSent or VenueRejected; `candles` and `agg_trades`, which
    belong to the exchange port, say OutcomeUnknown where the others say StaleData."""

    def __init__(self, rest: RestClient) -> None:
        self._rest = rest

    async def candles(self, symbol: str, interval: Interval, limit: int) -> list[Candle]:
        """The newest `limit` candles, oldest first; the last one is still open. Pages backwards."""
        asked_ms = self._rest.venue_ms()
        rows: list[rest_wire.Kline] = []
        params: dict[str, str | int] = {"symbol": symbol, "interval": interval.value}
        while len(rows) < limit:
            wanted = min(limit - len(rows), KLINES_MAX)
            page = await self._ask(endpoints.KLINES, {**params, "limit": wanted}, _KLINES)
            rows = page + rows
            if len(page) < wanted:
                break
            params["endTime"] = page[0].open_time - 1
        return [_candle(symbol, interval, row, asked_ms) for row in rows]

    async def agg_trades(self, symbol: str, from_id: int | None, limit: int) -> list[Trade]:
        """Up to `limit` trades from an aggregate id on, or the newest when it is None; oldest first."""
        if from_id is None:
            newest = await self._ask(
                endpoints.AGG_TRADES, {"symbol": symbol, "limit": min(limit, TRADES_MAX)}, _AGG_TRADES
            )
            while len(newest) < limit and newest and newest[0].id > 0:
                wanted = min(limit - len(newest), TRADES_MAX, newest[0].id)
                params: Params = {"symbol": symbol, "fromId": newest[0].id - wanted, "limit": wanted}
                page = await self._ask(endpoints.AGG_TRADES, params, _AGG_TRADES)
                older = [row for row in page if row.id < newest[0].id]
                if not older:
                    break
                newest = older + newest
            return [_trade(symbol, row) for row in newest]
        rows: list[rest_wire.AggTrade] = []
        while len(rows) < limit:
            wanted = min(limit - len(rows), TRADES_MAX)
            page = await self._ask(
                endpoints.AGG_TRADES, {"symbol": symbol, "fromId": from_id, "limit": wanted}, _AGG_TRADES
            )
            rows += page
            if len(page) < wanted:
                break
            from_id = page[-1].id + 1
        return [_trade(symbol, row) for row in rows]

    async def premium(self, symbol: str) -> MarkPrice:
        """Mark, index, estimated funding rate (E0-3)."""
        row = await self._rest.read(endpoints.PREMIUM_INDEX, {"symbol": symbol}, _PREMIUM)
        return MarkPrice(
            symbol=symbol,
            ts_ms=row.time,
            recv_ns=self._rest.clock.unix(),
            mark_px=row.mark_price,
            index_px=row.index_price,
            funding_rate=row.last_funding_rate,
            next_funding_ms=row.next_funding_time,
        )

    async def open_interest(self, symbol: str) -> OpenInterest:
        """Open interest now, base units (E0-3)."""
        row = await self._rest.read(endpoints.OPEN_INTEREST, {"symbol": symbol}, _OPEN_INTEREST)
        return OpenInterest(symbol=symbol, ts_ms=row.time, recv_ns=self._rest.clock.unix(), quantity=row.open_interest)

    async def open_interest_history(self, symbol: str, limit: int = 30, period: str = "5m") -> list[OpenInterest]:
        """Open interest at the end of each past period, oldest first; periods without trades are missing."""
        params: Params = {"symbol": symbol, "period": period, "limit": min(limit, STATISTICS_MAX)}
        rows = await self._rest.read(endpoints.OPEN_INTEREST_HISTORY, params, _OPEN_INTEREST_HISTORY)
        return [OpenInterest(symbol=symbol, ts_ms=row.timestamp, quantity=row.sum_open_interest) for row in rows]

    async def account_ratios(
        self, symbol: str, *, top_traders: bool, limit: int = 1, period: str = "5m"
    ) -> list[AccountRatio]:
        """Share of long accounts at the end of each period, oldest first (E0-3)."""
        call = endpoints.TOP_TRADERS_RATIO if top_traders else endpoints.ALL_ACCOUNTS_RATIO
        params: Params = {"symbol": symbol, "period": period, "limit": min(limit, STATISTICS_MAX)}
        rows = await self._rest.read(call, params, _RATIOS)
        return [
            AccountRatio(
                symbol=symbol,
                ts_ms=row.timestamp,
                recv_ns=self._rest.clock.unix(),
                long_share=row.long_account,
                top_traders=top_traders,
            )
            for row in rows
        ]

    async def top_volume_symbol(self, tradable: Mapping[str, Instrument], exclude: Collection[str]) -> str | None:
        """The tradable USDT perpetual with the largest 24 h quote volume, `exclude` left out (P-1)."""
        rows = await self._rest.read(endpoints.TICKER_24H, {}, _TICKERS)
        candidates = [
            row
            for row in rows
            if row.symbol not in exclude and row.symbol in tradable and tradable[row.symbol].quote == "USDT"
        ]
        return max(candidates, key=lambda row: row.quote_volume).symbol if candidates else None

    async def _ask(self, call: endpoints.Call, params: Params, decoder: msgspec.json.Decoder[list[T]]) -> list[T]:
        try:
            return await self._rest.read(call, params, decoder)
        except StaleData as err:
            raise OutcomeUnknown(str(err)) from err


def _candle(symbol: str, interval: Interval, row: rest_wire.Kline, asked_ms: int) -> Candle:
    """Closed when its time was over before we asked; the event time of an open one is when we asked."""
    return Candle(
        symbol=symbol,
        ts_ms=min(row.close_time, asked_ms),
        interval=interval,
        open_ms=row.open_time,
        open=row.open,
        high=row.high,
        low=row.low,
        close=row.close,
        volume=row.volume,
        quote_volume=row.quote_volume,
        trades=row.trades,
        taker_buy_volume=row.taker_buy_volume,
        closed=row.close_time < asked_ms,
    )


def _trade(symbol: str, row: rest_wire.AggTrade) -> Trade:
    return Trade(
        symbol=symbol, ts_ms=row.time, agg_id=row.id, px=row.px, qty=row.qty, buyer_is_maker=row.buyer_is_maker
    )
