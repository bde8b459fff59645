"""E3 beside the indicators: VWAP, squeeze, swings, divergence, context and warmth."""

import numpy as np
import pandas as pd
import pytest

from vortex.domain.signals import Direction, Engine


def warm_board(build, candles, px=None):
    """A board with this history, judged."""
    board = build.board()
    board.warm_up(candles)
    if px is not None:
        board.apply(build.trade(1, build.start_ms + 10, px))
    board.refresh(build.start_ms + 5_000)
    return board


def test_vwap_is_typical_price_weighted_since_midnight(build) -> None:
    """E3-6 against a pandas group-by of the UTC day."""
    candles = build.minutes(1_500, 3)
    board = warm_board(build, candles)
    frame = pd.DataFrame(
        {
            "day": [c.open_ms // 86_400_000 for c in candles],
            "value": [(c.high + c.low + c.close) / 3 * c.volume for c in candles],
            "volume": [c.volume for c in candles],
        }
    )
    today = frame[frame.day == frame.day.iloc[-1]]
    expected = today.value.sum() / today.volume.sum()
    assert board.signal(Engine.TECHNICAL, build.start_ms).fields["vwap"] == pytest.approx(expected, rel=1e-12)


def test_squeeze_is_the_twentieth_percentile_of_a_hundred_widths(build) -> None:
    """E3-5 against NumPy's percentile over rolling population bands."""
    for seed in range(6):
        candles = build.minutes(300, seed)
        board = warm_board(build, candles)
        close = pd.Series([c.close for c in candles])
        widths = (4 * close.rolling(20).std(ddof=0) / close.rolling(20).mean()).to_numpy()
        border = np.percentile(widths[-100:], 20)
        said = board.signal(Engine.TECHNICAL, build.start_ms).fields
        assert board._state[0]["indicators"][0]["squeeze_below"] == pytest.approx(border, rel=1e-9)
        assert said["bb_squeeze"] == (widths[-1] < border)


def test_levels_are_the_nearest_swings_of_two_hundred_five_minute_candles(build) -> None:
    """E3-8 against a plain search."""
    candles = build.history(1_500, 4)
    board = warm_board(build, candles, px=100.0)
    five = [c for c in candles if c.interval.value == "5m"][-200:]
    inner = range(2, len(five) - 2)
    around = lambda i: [j for j in range(i - 2, i + 3) if j != i]  # noqa: E731
    highs = sorted(five[i].high for i in inner if all(five[i].high > five[j].high for j in around(i)))
    lows = sorted((five[i].low for i in inner if all(five[i].low < five[j].low for j in around(i))), reverse=True)
    above = [px for px in highs if px > 100.0][:5]
    below = [px for px in lows if px < 100.0][:5]
    said = board.signal(Engine.TECHNICAL, build.start_ms).fields
    assert [said[f"resistance_{k + 1}"] for k in range(5)] == above + [0.0] * (5 - len(above))
    assert [said[f"support_{k + 1}"] for k in range(5)] == below + [0.0] * (5 - len(below))


def test_a_rising_market_is_long_and_its_mirror_short(build) -> None:
    """E3-1, E3-2, E3-4: trend, context and momentum agree."""
    rise = [build.candle(build.start_ms - (200 - i) * 60_000, _bar(100 + 0.02 * i)) for i in range(200)]
    fall = [build.candle(build.start_ms - (200 - i) * 60_000, _bar(100 - 0.02 * i)) for i in range(200)]
    for candles, direction, trend in ((rise, Direction.LONG, "BULLISH"), (fall, Direction.SHORT, "BEARISH")):
        said = warm_board(build, candles).signal(Engine.TECHNICAL, build.start_ms)
        assert said.fields["ema_trend"] == trend
        assert said.fields["context"] == ("UP" if direction is Direction.LONG else "DOWN")
        assert said.warm


def _bar(px: float) -> tuple[float, float, float, float]:
    """A small candle around a price, with an alternating close so that RSI is not extreme."""
    wiggle = 0.012 if round(px * 50) % 2 else -0.012
    return px, px + 0.03, px - 0.03, px + wiggle


def test_lower_low_on_higher_rsi_diverges_bullishly(build) -> None:
    """E3-3 on the last two swing lows."""
    closes = [100.0] * 40 + [99.0, 98.0, 96.0, 98.5, 99.5, 99.8, 99.4, 98.5, 97.5, 96.5, 95.9, 96.6, 97.0, 97.2]
    candles = []
    for i, close in enumerate(closes):
        wiggle = 0.05 if i % 2 else -0.05
        px = close + (wiggle if i < 40 else 0.0)
        values = (px, px + 0.02, px - 0.02, px)
        candles.append(build.candle(build.start_ms - (len(closes) - i) * 60_000, values))
    said = warm_board(build, candles).signal(Engine.TECHNICAL, build.start_ms)
    assert said.fields["rsi_divergence"] is True
    assert said.fields["rsi_divergence_side"] == 1.0


def test_too_few_candles_say_nothing(build) -> None:
    """Insufficient data is NEUTRAL, strength 0, not warm."""
    for count in (0, 1, 20, 33, 59):
        board = warm_board(build, build.minutes(count, 1) if count else [], px=100.0)
        said = board.signal(Engine.TECHNICAL, build.start_ms)
        assert (said.direction, said.strength, said.warm) == (Direction.NEUTRAL, 0.0, False)


def test_a_hole_in_the_candles_makes_it_cold_until_warmed_up_again(build) -> None:
    """E0-5: no judgment over a gap."""
    candles = build.history(400, 2)
    board = warm_board(build, candles, px=100.0)
    assert board.signal(Engine.TECHNICAL, board.now_ms).warm
    late = build.candle(build.start_ms + 20 * 60_000, (100.0, 100.1, 99.9, 100.0))
    board.apply(late)
    board.refresh(late.ts_ms + 1_000)
    assert not board.signal(Engine.TECHNICAL, late.ts_ms + 1_000).warm
    assert board.counters()["candle_holes"] >= 1
    board.warm_up(candles)
    board.refresh(build.start_ms + 7_000)
    assert board.signal(Engine.TECHNICAL, build.start_ms + 7_000).warm
