"""What is made out of candles adds up to them: smaller candles, prints, and a market of a symbol without trades."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.exchange_market.dumps import AGG_HEADER, RECORDED_MS, START_MS, agg_trades, as_csv, of_kind
from vortex.adapters.recorded.market import RecordedMarket
from vortex.exchange.candle_paths import minutes_within, prints_within
from vortex.exchange.generator_draws import Draws
from vortex.exchange.history import MINUTE_MS, Candle, merge_candles, minute_candles
from vortex.exchange.market_events import MarketTrade
from vortex.exchange.venue import Venue
from vortex.kernel.errors import ConfigError

ALIGNED_MS = START_MS // 900_000 * 900_000


@st.composite
def candles(draw: st.DrawFn) -> Candle:
    """Any lawful candle with enough volume to touch its corners."""
    low = draw(st.integers(100, 10_000))
    high = low + draw(st.integers(0, 500))
    opened, closed = draw(st.integers(low, high)), draw(st.integers(low, high))
    volume = draw(st.integers(4, 100_000))
    bought = draw(st.integers(0, volume))
    return Candle(900_000 * 7, opened, high, low, closed, volume, 0, draw(st.integers(1, 5_000)), bought, 0)


@pytest.mark.property
@given(candle=candles(), minutes=st.sampled_from([1, 3, 5, 15, 60, 1440]))
def test_minutes_made_of_a_candle_merge_to_it(candle: Candle, minutes: int) -> None:
    """Open, extremes, close, volume, trades and taker volume."""
    parts = minutes_within(candle, minutes * MINUTE_MS)
    assert len(parts) == minutes
    whole = merge_candles(parts, candle.open_ms)
    for name in ("open_ticks", "high_ticks", "low_ticks", "close_ticks", "volume_lots", "trades"):
        assert getattr(whole, name) == getattr(candle, name)
    assert whole.taker_buy_lots <= candle.taker_buy_lots
    assert [part.open_ms - candle.open_ms for part in parts] == [place * MINUTE_MS for place in range(minutes)]
    assert all(part.low_ticks <= min(part.open_ticks, part.close_ticks) for part in parts)
    assert all(earlier.close_ticks == later.open_ticks for earlier, later in pairwise(parts))


@pytest.mark.property
@given(candle=candles(), minutes=st.sampled_from([1, 5]), seed=st.integers(0, 99))
def test_prints_made_of_a_candle_make_it(candle: Candle, minutes: int, seed: int) -> None:
    """In time order inside the candle, and their own candle is the one they came from."""
    prints = prints_within(candle, minutes * MINUTE_MS, Draws(seed, "test"))
    assert all(earlier.ts_ms <= later.ts_ms for earlier, later in pairwise(prints))
    assert all(0 <= each.ts_ms - candle.open_ms < minutes * MINUTE_MS for each in prints)
    trades = [MarketTrade(candle.open_ms, "X", each.px_ticks, each.qty_lots, each.buyer_is_maker) for each in prints]
    (made,) = minute_candles(trades, 1, candle.open_ms, candle.open_ms + MINUTE_MS)
    for name in ("open_ticks", "high_ticks", "low_ticks", "close_ticks", "volume_lots", "taker_buy_lots"):
        assert getattr(made, name) == getattr(candle, name)


def test_a_candle_without_volume_makes_no_prints() -> None:
    """Nobody traded."""
    assert prints_within(Candle(0, 5, 5, 5, 5, 0, 0, 0, 0, 0), MINUTE_MS, Draws(1, "test")) == []


def klines(folder: Path, symbol: str, interval_ms: int, first_ms: int, count: int) -> Path:
    """A wandering row of candles, with volume that tells them apart."""
    rows: list[list[Any]] = []
    for number in range(count):
        opened, closed = 3_000 + number % 50, 3_000 + (number + 1) % 50
        at = first_ms + number * interval_ms
        volume = 5 + number % 7
        row = [at, opened, max(opened, closed) + 3, min(opened, closed) - 2, closed, volume, at + interval_ms - 1]
        rows.append([*row, 0, 400, volume / 2, 0, 0])
    return as_csv(folder / f"{symbol}-{interval_ms // MINUTE_MS}m-{first_ms}", None, rows)


def test_a_symbol_with_candles_only_is_a_market(tmp_path: Path) -> None:
    """Its trades are made from the candles and said to be; the exchange closes exactly the recorded minutes."""
    first = ALIGNED_MS - 10 * 86_400_000
    klines(tmp_path, "ETHUSDT", MINUTE_MS, first, 4_000)
    market = RecordedMarket([tmp_path], None, START_MS, loop=False)
    assert "trades: made from candles, which they add up to" in market.derived["ETHUSDT"]
    venue = Venue(market.symbols, START_MS)
    history = market.history("ETHUSDT")
    venue.load(history)
    for event in market.advance(START_MS + 5 * MINUTE_MS):
        venue.on_market(event, event.ts_ms)
    venue.tick(START_MS + 5 * MINUTE_MS)
    bars = venue.floor.listing("ETHUSDT").candles.rows("1m", START_MS - START_MS % MINUTE_MS + MINUTE_MS, None, 4)
    begun = min(2880, 4000 // 2)
    for place, bar in enumerate(bars):
        number = begun + 1 + place
        opened, closed = 3_000 + number % 50, 3_000 + (number + 1) % 50
        assert (bar.open, bar.close) == (opened * 100, closed * 100)
        assert (bar.high, bar.low) == ((max(opened, closed) + 3) * 100, (min(opened, closed) - 2) * 100)
        assert bar.volume == (5 + number % 7) * 1_000


def test_beside_traded_symbols_candles_are_played_or_said_to_be_left_out(tmp_path: Path) -> None:
    """A folder is never refused because one symbol of it has no trades."""
    as_csv(tmp_path / "BTCUSDT-aggTrades-2024-07-18", AGG_HEADER, agg_trades())
    floor = RECORDED_MS // MINUTE_MS * MINUTE_MS
    klines(tmp_path, "ETHUSDT", MINUTE_MS, floor - 3_000 * MINUTE_MS, 3_100)
    as_csv(tmp_path / "SOLUSDT-fundingRate", ["calc_time", "last_funding_rate"], [[RECORDED_MS, 0.0001]])
    market = RecordedMarket([tmp_path], None, START_MS)
    assert market.symbols == ("BTCUSDT", "ETHUSDT")
    assert "left out: SOLUSDT has no trades, only fundingRate" in market.derived["BTCUSDT"]
    trades = of_kind(market.advance(START_MS + 30_000), MarketTrade)
    assert {trade.symbol for trade in trades} == {"BTCUSDT", "ETHUSDT"}
    with pytest.raises(ConfigError, match="SOLUSDT: a market needs recorded trades"):
        RecordedMarket([tmp_path], ["SOLUSDT"], START_MS)


def test_candles_of_every_interval_feed_the_past(tmp_path: Path) -> None:
    """Minutes where there are some, longer candles for the time before; the same interval shows the same candles."""
    shift = (START_MS - RECORDED_MS) % 900_000
    start_ms = START_MS - shift
    to_ms = RECORDED_MS // 900_000 * 900_000
    trades = as_csv(tmp_path / "BTCUSDT-aggTrades", AGG_HEADER, agg_trades())
    paths = [
        trades,
        klines(tmp_path, "BTCUSDT", 15 * MINUTE_MS, to_ms - 300 * 900_000, 300),
        klines(tmp_path, "BTCUSDT", MINUTE_MS, RECORDED_MS // MINUTE_MS * MINUTE_MS - 90 * MINUTE_MS, 91),
    ]
    market = RecordedMarket(paths, None, start_ms)
    history = market.history("BTCUSDT")
    (note,) = [each for each in market.derived["BTCUSDT"] if "recorded minutes" in each]
    assert int(note.split()[1]) >= 300 * 15
    quarters = {row.open_ms + RECORDED_MS - start_ms: row for row in history.candles["15m"]}
    for number in range(200):
        row = quarters[to_ms + (number - 300) * 900_000]
        opened, closed = 3_000 + number % 50, 3_000 + (number + 1) % 50
        assert (row.open_ticks, row.close_ticks, row.volume_lots) == (
            opened * 10,
            closed * 10,
            (5 + number % 7) * 1_000,
        )
