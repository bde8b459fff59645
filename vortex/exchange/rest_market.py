"""REST market data: everything that needs no signature (sheet 3)."""

from collections.abc import Iterable
from typing import Any

from vortex.exchange.candles import INTERVALS, Bar, Candles, ends_ms, kline_row
from vortex.exchange.exchange_info import exchange_info
from vortex.exchange.floor import Floor
from vortex.exchange.instruments import Instrument, money_text, money_trim
from vortex.exchange.listing import Listing, Print
from vortex.exchange.orders import BUY, SELL
from vortex.exchange.params import Params, limit, optional, required, whole, window
from vortex.exchange.public_payloads import day_row
from vortex.exchange.refusal import Refusal
from vortex.exchange.rules import instrument_of

DEPTH_LIMITS = (5, 10, 20, 50, 100, 500, 1000)
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
        return exchange_info(self._floor)

    def depth(self, params: Params) -> Body:
        return self._depth(params, DEPTH_LIMITS, 500, rpi=False)

    def rpi_depth(self, params: Params) -> Body:
        return self._depth(params, (1000,), 1000, rpi=True)

    def _depth(self, params: Params, limits: tuple[int, ...], default: int, *, rpi: bool) -> Body:
        listing = self._listing(params)
        levels = whole(params, "limit", default)
        if levels not in limits:
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
            "bids": _levels(instrument, listing.levels(BUY, levels, rpi=rpi)),
            "asks": _levels(instrument, listing.levels(SELL, levels, rpi=rpi)),
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
        tape = listing.prints.trades
        if from_id is None and start is None and end is None:
            rows = [tape[at] for at in range(max(0, len(tape) - wanted), len(tape))]
        else:
            rows = [
                each
                for each in tape
                if (from_id is None or each.agg_id >= from_id)
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
        interval, start, end, wanted = self._candle_query(params)
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
            rows.append(
                [mark.open_ms, *prices, "0", ends_ms(interval, mark.open_ms) - 1, "0", mark.trades, "0", "0", "0"]
            )
        return rows

    def _candle_query(self, params: Params) -> tuple[str, int | None, int | None, int]:
        interval = required(params, "interval")
        if interval not in INTERVALS:
            raise Refusal(-1120)
        start, end = window(params)
        return interval, start, end, limit(params, 500, 1500)

    def _candle_rows(
        self, listing: Listing, candles: Candles, params: Params, *, volumes: bool = True
    ) -> list[list[object]]:
        interval, start, end, wanted = self._candle_query(params)
        candles.roll(self._floor.now_ms)
        bars = candles.rows(interval, start, end, wanted)
        if not volumes:
            bars = [Bar(bar.open_ms, bar.open, bar.high, bar.low, bar.close, trades=bar.trades) for bar in bars]
        return [kline_row(listing.instrument, bar, interval) for bar in bars]

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
        "isRPITrade": printed.rpi_lots > 0,
    }


def _agg_trade(instrument: Instrument, printed: Print) -> Body:
    return {
        "a": printed.agg_id,
        "p": instrument.px_text(printed.px),
        "q": instrument.qty_text(printed.lots),
        "nq": instrument.qty_text(printed.lots - printed.rpi_lots),
        "f": printed.first_id,
        "l": printed.trade_id,
        "T": printed.ts_ms,
        "m": printed.buyer_is_maker,
    }
