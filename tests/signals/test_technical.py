"""E3 beside the indicators: VWAP, squeeze, swings, divergence, context and warmth."""

import numpy as np
import pandas as pd
import pytest

from vortex.domain.market import Interval
from vortex.domain.signals import Direction, Engine
from vortex.signals import technical as kernel


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


def late_in_the_day(build, minutes: int) -> tuple[list, float, float]:
    """Candles of the last `minutes` of a day and the longer ones of all of it; VWAP and price at its end."""
    whole = build.history(1_500, 6, sigma=3e-3)
    end = build.start_ms - build.start_ms % 86_400_000
    shift = end - 60_000 - max(c.open_ms for c in whole if c.interval.value == "1m")
    shift -= shift % 900_000
    moved = [
        build.candle(c.open_ms + shift, (c.open, c.high, c.low, c.close), c.volume, c.interval)
        for c in whole
        if c.open_ms + shift + c.interval.ms <= end
    ]
    last = max(c.open_ms for c in moved if c.interval.value == "1m")
    day = [c for c in moved if c.interval.value == "1m" and c.open_ms >= end - 86_400_000]
    vwap = sum((c.high + c.low + c.close) / 3 * c.volume for c in day) / sum(c.volume for c in day)
    held = [c for c in moved if c.interval.value != "1m" or c.open_ms > last - minutes * 60_000]
    return held, vwap, day[-1].close


def vwap_of(board) -> float:
    """What E3 says of it."""
    board.refresh(board.now_ms + 5_000)
    return board.signal(Engine.TECHNICAL, board.now_ms).fields["vwap"]


def test_vwap_is_of_the_whole_day_when_only_its_end_is_held_minute_by_minute(build) -> None:
    """E3-6 at 23:45 UTC after a warm-up with 500 minutes: the morning comes from the 3m candles."""
    candles, expected, _ = late_in_the_day(build, 500)
    board = build.board()
    board.warm_up(candles)
    assert vwap_of(board) == pytest.approx(expected, rel=1e-4)
    only_minutes = build.board()
    only_minutes.warm_up([c for c in candles if c.interval.value == "1m"])
    assert abs(vwap_of(only_minutes) / expected - 1) > 3e-4, "the morning was different"


def test_a_revised_candle_does_not_forget_the_morning(build) -> None:
    """E3-6, E0-7: sums that begin anew are completed again."""
    candles, expected, _ = late_in_the_day(build, 1_500)
    board = build.board()
    board.warm_up(candles)
    assert vwap_of(board) == pytest.approx(expected, rel=1e-12)
    minute = [c for c in candles if c.interval.value == "1m"][-5]
    board.apply(build.candle(minute.open_ms, (minute.open, minute.high, minute.low, minute.close), minute.volume + 1.0))
    assert board.counters()["candle_differences"] == 1
    assert vwap_of(board) == pytest.approx(expected, rel=1e-4)


def test_the_three_minute_slope_weighs_the_vote(build) -> None:
    """E3-2: times 1.2 with it, 0.7 against it."""
    board = warm_board(build, build.history(1_500, 4), px=100.0)
    state, params = board._state[0], board._params[0]
    tech, minute = state["technical"], state["indicators"][0]
    minute["crossed"] = 0
    tech["rsi"], tech["bb_zone"], tech["divergence"], tech["vwap_pct"] = 50.0, 0, 0, 0.0
    tech["vwap_side"], tech["macd_momentum"], tech["ema9"], tech["ema21"] = 0, 0, 100.04, 100.0
    strengths = {}
    for context in (0, 1, -1):
        tech["context"] = context
        kernel._vote(tech, minute, 100.0, params["technical"])
        strengths[context] = tech["strength"]
    assert strengths[0] == pytest.approx(0.5 + 0.3 * (0.04 - 0.02) / 0.08)
    assert strengths[1] == pytest.approx(1.2 * strengths[0])
    assert strengths[-1] == pytest.approx(0.7 * strengths[0])


def test_distances_to_the_nearest_levels_are_percent_of_the_price(build) -> None:
    """E3-8; 0 where there is no level."""
    said = warm_board(build, build.history(1_500, 4), px=100.0).signal(Engine.TECHNICAL, build.start_ms).fields
    assert said["resistance_distance_pct"] == pytest.approx(said["nearest_resistance"] - 100.0)
    assert said["support_distance_pct"] == pytest.approx(100.0 - said["nearest_support"])
    bare = warm_board(build, build.minutes(60, 1), px=100.0).signal(Engine.TECHNICAL, build.start_ms).fields
    assert bare["nearest_resistance"] in (0.0, bare["resistance_1"])
    far = warm_board(build, build.history(1_500, 4), px=1_000.0).signal(Engine.TECHNICAL, build.start_ms).fields
    assert (far["nearest_resistance"], far["resistance_distance_pct"]) == (0.0, 0.0)
    assert far["support_distance_pct"] > 80.0


@pytest.mark.parametrize("interval", [Interval.M3, Interval.M5])
def test_what_longer_candles_say_follows_the_exchanges_word_at_once(build, interval: Interval) -> None:
    """E0-7: levels (E3-8) and volatility ranks (E5-1) are at once those of the right candle."""
    candles = build.history(1_500, 4, sigma=1e-3)
    longer = [c for c in candles if c.interval is interval]
    right = longer[-3]
    peak = max(c.high for c in longer[-200:]) * 1.05
    wrong = build.candle(right.open_ms, (right.open, peak, right.low, right.close), right.volume, interval)
    boards = []
    for told in (wrong, right):
        board = warm_board(build, [told if c is right else c for c in candles], px=100.0)
        board.apply(right)
        board.refresh(build.start_ms + 6_000)
        boards.append(board)
    mended, plain = (
        (
            board.signal(Engine.TECHNICAL, board.cycle_ms).fields,
            board.regime(board.cycle_ms),
            [float(board._state[0]["regime"][name]) for name in ("p_low", "p_high", "p_extreme", "adx")],
        )
        for board in boards
    )
    assert mended[2] == pytest.approx(plain[2], rel=1e-9)
    assert mended[1].vol_phase is plain[1].vol_phase
    levels = [f"{side}_{k}" for side in ("resistance", "support") for k in range(1, 6)]
    assert [mended[0][name] for name in levels] == [plain[0][name] for name in levels]
