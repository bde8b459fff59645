"""Builders shared by the tests of signals: an instrument, messages, a history of candles, recorded sessions."""

import functools
import gzip
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from vortex.domain.instruments import Instrument
from vortex.domain.market import Candle, Depth, Interval, Trade, packed_levels
from vortex.signals.board import SignalBoard
from vortex.signals.settings import SignalSettings

START_MS = 1_700_000_000_000 - 1_700_000_000_000 % 900_000


class Build:
    """Builders of what tests feed in."""

    start_ms = START_MS

    def instrument(self, symbol: str = "BTCUSDT") -> Instrument:
        return Instrument(
            symbol=symbol,
            base=symbol[:-4],
            quote="USDT",
            tick_size=Decimal("0.1"),
            step_size=Decimal("0.001"),
            min_price=Decimal("0.1"),
            max_price=Decimal(10_000_000),
            min_lots=1,
            max_lots=10_000_000,
            market_max_lots=10_000_000,
            min_notional=Decimal(100),
        )

    def board(self, settings: SignalSettings | None = None, symbol: str = "BTCUSDT") -> SignalBoard:
        return SignalBoard(settings or SignalSettings(), self.instrument(symbol))

    def trade(self, agg_id: int, ts_ms: int, px: float, qty: float = 1.0, *, sell: bool = False) -> Trade:
        return Trade(symbol="BTCUSDT", ts_ms=ts_ms, agg_id=agg_id, px=px, qty=qty, buyer_is_maker=sell)

    def depth(
        self, update_id: int, ts_ms: int, bids: Sequence[tuple[float, float]], asks: Sequence[tuple[float, float]]
    ) -> Depth:
        return Depth(
            symbol="BTCUSDT",
            ts_ms=ts_ms,
            first_update_id=update_id,
            final_update_id=update_id,
            prev_update_id=update_id - 1,
            levels=packed_levels(bids, asks),
        )

    def ladder(
        self, best: float, side: int, quantities: Sequence[float] = (1.0,) * 20, step: float = 0.1
    ) -> list[tuple[float, float]]:
        """Levels away from the best price: side -1 downwards (bids), +1 upwards (asks)."""
        return [(round(best + side * step * i, 8), quantity) for i, quantity in enumerate(quantities)]

    def candle(
        self,
        open_ms: int,
        values: tuple[float, float, float, float],
        volume: float = 1.0,
        interval: Interval = Interval.M1,
        *,
        symbol: str = "BTCUSDT",
        closed: bool = True,
    ) -> Candle:
        open_px, high, low, close = values
        return Candle(
            symbol=symbol,
            ts_ms=open_ms + interval.ms,
            interval=interval,
            open_ms=open_ms,
            open=open_px,
            high=high,
            low=low,
            close=close,
            volume=volume,
            quote_volume=volume * close,
            trades=1,
            taker_buy_volume=volume / 2,
            closed=closed,
        )

    def minutes(self, count: int, seed: int, *, px: float = 100.0, sigma: float = 5e-4) -> list[Candle]:
        """One-minute candles that end where START_MS begins, walking at random to `px`."""
        rng = np.random.default_rng(seed)
        closes = np.exp(np.cumsum(rng.normal(0.0, sigma, count)))
        closes *= px / closes[-1]
        candles = []
        for i in range(count):
            open_px = closes[i - 1] if i else closes[0]
            spread = abs(rng.normal(0.0, sigma / 2, 2))
            high, low = max(open_px, closes[i]) * (1 + spread[0]), min(open_px, closes[i]) * (1 - spread[1])
            values = float(open_px), float(high), float(low), float(closes[i])
            candles.append(self.candle(START_MS - (count - i) * 60_000, values, float(rng.uniform(1.0, 9.0))))
        return candles

    @functools.cache  # noqa: B019  # one builder per session
    def history(self, count: int = 1_500, seed: int = 1, *, px: float = 100.0, sigma: float = 5e-4) -> list[Candle]:
        """Minutes and the longer candles made of them."""
        minutes = self.minutes(count, seed, px=px, sigma=sigma)
        candles = list(minutes)
        for interval in (Interval.M3, Interval.M5, Interval.M15):
            groups: dict[int, list[Candle]] = {}
            for minute in minutes:
                groups.setdefault(minute.open_ms - minute.open_ms % interval.ms, []).append(minute)
            for open_ms, parts in groups.items():
                if len(parts) * 60_000 < interval.ms:
                    continue
                values = (
                    parts[0].open,
                    max(part.high for part in parts),
                    min(part.low for part in parts),
                    parts[-1].close,
                )
                candles.append(self.candle(open_ms, values, sum(part.volume for part in parts), interval))
        return candles

    def recorded_trades(self, data: Path, symbol: str, limit: int) -> list[Trade]:
        """The first aggregate trades of the recorded 2024 session."""
        path = data / "market" / "l2_20240718" / f"{symbol}-aggTrades-20240718T2357_20240719T0005.csv.gz"
        with gzip.open(path, "rt") as lines:
            next(lines)
            rows = [line.strip().split(",") for line, _ in zip(lines, range(limit), strict=False)]
        return [
            Trade(
                symbol=symbol,
                ts_ms=int(row[5]),
                agg_id=int(row[0]),
                px=float(row[1]),
                qty=float(row[2]),
                buyer_is_maker=row[6].lower() == "true",
            )
            for row in rows
        ]


@pytest.fixture(scope="session")
def build() -> Build:
    """The builders."""
    return Build()
