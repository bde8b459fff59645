"""Indicators equal TA-Lib, on generated and on recorded candles (E3-1 … E3-7, E5-2)."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import talib

from vortex.domain.market import Candle, Interval

pytestmark = pytest.mark.golden
REL = 1e-9


def indicators_of(board, interval: int):
    """The record of one interval after everything closed was judged."""
    board.refresh(board.now_ms + 10_000)
    return board._state[0]["indicators"][interval]


def columns(candles: list[Candle]) -> dict[str, np.ndarray]:
    """Arrays of the candles."""
    return {name: np.array([getattr(c, name) for c in candles]) for name in ("high", "low", "close", "volume")}


def check_against_talib(state, data: dict[str, np.ndarray]) -> None:
    """Every indicator of the last closed candle."""
    close = data["close"]
    assert state["ema9"] == pytest.approx(talib.EMA(close, 9)[-1], rel=REL)
    assert state["ema21"] == pytest.approx(talib.EMA(close, 21)[-1], rel=REL)
    assert state["rsi"] == pytest.approx(talib.RSI(close, 14)[-1], rel=REL)
    _, _, histogram = talib.MACD(close, 12, 26, 9)
    scale = abs(close[-1])
    assert state["histogram"] == pytest.approx(histogram[-1], rel=REL, abs=REL * scale * 1e-3)
    assert state["atr"] == pytest.approx(talib.ATR(data["high"], data["low"], close, 14)[-1], rel=REL)
    assert state["adx"] == pytest.approx(talib.ADX(data["high"], data["low"], close, 14)[-1], rel=REL)


@pytest.mark.parametrize("count", [34, 35, 60, 333, 777])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_closed_candles_give_talibs_values_from_the_first_bar_on(build, count: int, seed: int) -> None:
    """Seeds and smoothing are TA-Lib's, so there is no unstable period to wait for."""
    candles = build.minutes(count, seed)
    board = build.board()
    board.warm_up(candles)
    data = columns(candles)
    check_against_talib(indicators_of(board, 0), data)


def test_bollinger_bands_are_talibs(build) -> None:
    """20 closes, two population sigmas (E3-5)."""
    candles = build.minutes(120, 5)
    board = build.board()
    board.warm_up(candles)
    board.refresh(board.now_ms + 10_000)
    upper, middle, lower = talib.BBANDS(columns(candles)["close"], 20, 2.0, 2.0)
    tech = board._state[0]["technical"]
    assert tech["bb_upper"] == pytest.approx(upper[-1], rel=REL)
    assert tech["bb_middle"] == pytest.approx(middle[-1], rel=REL)
    assert tech["bb_lower"] == pytest.approx(lower[-1], rel=REL)


def test_the_running_candle_counts_as_the_last_close(build) -> None:
    """RSI, EMA, MACD and bands with half a candle are TA-Lib's over the closes and the running price."""
    candles = build.minutes(200, 7)
    board = build.board()
    board.warm_up(candles)
    now = build.start_ms
    for i, px in enumerate((100.0, 100.4, 99.8, 100.3)):
        board.apply(build.trade(i + 1, now + 100 + i, px))
    board.refresh(now + 5_000)
    close = np.append(columns(candles)["close"], 100.3)
    tech = board._state[0]["technical"]
    assert tech["rsi"] == pytest.approx(talib.RSI(close, 14)[-1], rel=REL)
    assert tech["ema9"] == pytest.approx(talib.EMA(close, 9)[-1], rel=REL)
    assert tech["ema21"] == pytest.approx(talib.EMA(close, 21)[-1], rel=REL)
    assert tech["macd"] == pytest.approx(talib.MACD(close, 12, 26, 9)[2][-1], rel=1e-7)
    assert tech["bb_upper"] == pytest.approx(talib.BBANDS(close, 20, 2.0, 2.0)[0][-1], rel=REL)


@pytest.mark.parametrize("symbol", ["BTCUSDT", "ETHUSDT", "SOLUSDT"])
def test_recorded_minutes_give_talibs_values(build, shared_data: Path, symbol: str) -> None:
    """Real candles, more than the ring holds, fed one by one."""
    table = pq.read_table(shared_data / "market" / "klines" / f"{symbol}-1m-klines-20250504_20250531.parquet")
    rows = table.slice(0, 1_300).to_pydict()
    stamps = [int(np.datetime64(t, "ms").astype(np.int64)) if not isinstance(t, int) else t for t in rows["open_time"]]
    candles = [
        Candle(
            symbol=symbol,
            ts_ms=stamp + 60_000,
            interval=Interval.M1,
            open_ms=stamp,
            open=rows["open"][i],
            high=rows["high"][i],
            low=rows["low"][i],
            close=rows["close"][i],
            volume=rows["volume"][i],
            quote_volume=0.0,
            trades=0,
            taker_buy_volume=0.0,
            closed=True,
        )
        for i, stamp in enumerate(stamps)
    ]
    board = build.board(symbol=symbol)
    for candle in candles:
        board.apply(candle)
    assert board.counters()["candle_holes"] == 0
    check_against_talib(indicators_of(board, 0), columns(candles))


def test_a_revised_candle_is_as_if_it_had_come_right(build) -> None:
    """The exchange's later word on a closed candle rebuilds what was derived from ours (E0-7)."""
    candles = build.minutes(100, 9)
    wrong = build.candle(candles[-3].open_ms, (90.0, 91.0, 89.0, 90.5))
    board = build.board()
    for candle in [*candles[:-3], wrong, *candles[-2:]]:
        board.apply(candle)
    board.apply(candles[-3])
    assert board.counters()["candle_differences"] == 1
    check_against_talib(indicators_of(board, 0), columns(candles))
