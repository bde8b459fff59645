"""REST statistics: open interest, long/short ratios, taker volumes, under /futures/data (sheet 3)."""

from collections.abc import Iterable
from typing import Any

from vortex.exchange.candles import INTERVALS_MS
from vortex.exchange.floor import Floor
from vortex.exchange.instruments import money_text
from vortex.exchange.listing import PERIOD_MS, Listing
from vortex.exchange.params import Params, limit, required, window
from vortex.exchange.refusal import Refusal
from vortex.exchange.rules import instrument_of

STATISTICS_PERIODS = ("5m", "15m", "30m", "1h", "2h", "4h", "6h", "12h", "1d")
STATISTICS_DAYS_MS = 30 * 86_400_000
Body = dict[str, Any]


class Statistics:
    """Answers from the statistics series of the floor."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    def _statistics(self, params: Params) -> tuple[Listing, int, int | None, int | None, int]:
        listing = self._floor.listing(instrument_of(self._floor.instruments, params).symbol)
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
