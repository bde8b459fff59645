"""E5-2 at its borders: which of trending, ranging and choppy holds, and what a range is."""

import numpy as np
import pytest
import talib
from hypothesis import given
from hypothesis import strategies as st

from vortex.domain.market import Interval
from vortex.market.layout import M3
from vortex.signals.layout import STATE, params_of
from vortex.signals.regime import PHASES, Phase
from vortex.signals.regime_kernel import judge_regime
from vortex.signals.settings import RegimeSettings, SignalSettings

CANDLES = 40
HALF = 10
"""Of the twenty candles that a range is made of, the older ten draw it and the newer ten must stay in it."""


def judged(
    *,
    adx: float = 15.0,
    slope_pct: float = 0.0,
    px: float = 100.0,
    half_width: float = 1.0,
    closes: tuple[float, ...] = (100.0,) * HALF,
    atr: float = 1.0,
    scale: float = 1.0,
    mirrored: bool = False,
) -> tuple[Phase, bool]:
    """Phase and `in_range` of a market whose older candles span 100 ± `half_width` and whose newer ones close so."""

    def seen(value: float) -> float:
        return (200.0 - value if mirrored else value) * scale

    state, params = np.zeros(1, STATE), params_of(SignalSettings())
    frame, three = state[0]["frames"][M3], state[0]["indicators"][M3]
    older = [(100.0 + half_width, 100.0 - half_width, 100.0)] * (CANDLES - HALF)
    newer = [(close + 0.1, close - 0.1, close) for close in closes]
    for at, (high, low, close) in enumerate(older + newer):
        frame["high"][at], frame["low"][at] = sorted((seen(high), seen(low)), reverse=True)
        frame["close"][at] = seen(close)
    frame["n"] = three["bars"] = three["seen"] = CANDLES
    three["adx"], three["atr"] = adx, atr * scale
    last = seen(px) * slope_pct / 100.0 * 5
    three["ema9_ring"][CANDLES - 1] = -last if mirrored else last
    state[0]["tape"]["last_px"] = seen(px)
    judge_regime(state[0], params[0], 1_000)
    regime = state[0]["regime"]
    return PHASES[regime["phase"]], bool(regime["in_range"])


NARROW, WIDE = 1.0, 3.0
"""Half widths of a range of two ATR, and of a stretch of six that is none."""
CLEAR = 0.0051


@pytest.mark.parametrize(
    ("adx", "slope_pct", "half_width", "phase"),
    [
        (25.01, CLEAR, WIDE, Phase.TRENDING),
        (25.01, -CLEAR, NARROW, Phase.TRENDING),
        (25.0, CLEAR, WIDE, Phase.RANGING),
        (40.0, 0.0049, WIDE, Phase.RANGING),
        (20.0, CLEAR, WIDE, Phase.RANGING),
        (20.0, 0.0, NARROW, Phase.RANGING),
        (19.99, CLEAR, NARROW, Phase.RANGING),
        (0.0, 0.0, NARROW, Phase.RANGING),
        (19.99, CLEAR, WIDE, Phase.CHOPPY),
        (0.0, 0.0, WIDE, Phase.CHOPPY),
    ],
)
def test_the_first_of_trending_ranging_choppy_that_holds(adx, slope_pct, half_width, phase) -> None:
    """Above 25 and sloped; from 20 up or inside a range; the rest."""
    assert judged(adx=adx, slope_pct=slope_pct, half_width=half_width)[0] is phase


def test_a_range_is_at_most_four_atr_wide() -> None:
    """Four itself still is one."""
    assert judged(half_width=2.0) == (Phase.RANGING, True)
    assert judged(half_width=2.0, atr=0.999) == (Phase.CHOPPY, False)


@pytest.mark.parametrize(("px", "inside"), [(101.25, True), (101.26, False), (98.75, True), (98.74, False)])
def test_the_price_may_be_a_quarter_atr_beyond_the_edge(px: float, inside: bool) -> None:
    """Strategy B acts at the edge of the range, where the price pokes through it."""
    assert judged(px=px)[1] is inside


@pytest.mark.parametrize("at", range(HALF))
def test_one_close_outside_ends_the_range(at: int) -> None:
    """The price has stayed in it; a wick alone does not end it."""
    closes = [100.0] * HALF
    closes[at] = 101.2
    assert judged(closes=tuple(closes))[1]
    closes[at] = 101.3
    assert not judged(closes=tuple(closes))[1]


def test_without_volatility_or_candles_there_is_no_range() -> None:
    """Nothing to measure by."""
    assert not judged(atr=0.0, half_width=0.0)[1]
    state, params = np.zeros(1, STATE), params_of(SignalSettings(regime=RegimeSettings(range_candles=60)))
    state[0]["indicators"][M3]["bars"] = state[0]["frames"][M3]["n"] = CANDLES
    state[0]["indicators"][M3]["atr"] = state[0]["tape"]["last_px"] = 1.0
    judge_regime(state[0], params[0], 1_000)
    assert not state[0]["regime"]["in_range"]


whole = st.integers(0, 4_000).map(lambda n: 98.0 + n / 1_024)


@pytest.mark.property
@given(
    adx=st.floats(0.0, 60.0),
    slope_pct=st.integers(-8, 8).map(lambda n: n / 1_000),
    px=whole,
    half_width=st.integers(0, 40).map(lambda n: n / 16),
    closes=st.lists(whole, min_size=HALF, max_size=HALF).map(tuple),
    power=st.integers(-20, 20),
)
def test_the_phase_has_no_unit_and_no_side(adx, slope_pct, px, half_width, closes, power) -> None:
    """Prices times a power of two, or reflected, rank the same."""
    market = {"adx": adx, "px": px, "half_width": half_width, "closes": closes}
    plain = judged(**market, slope_pct=slope_pct)
    assert judged(**market, slope_pct=slope_pct, scale=2.0**power) == plain
    if abs(abs(slope_pct) - 0.005) > 1e-9:
        assert judged(**market, slope_pct=slope_pct, mirrored=True)[1] == plain[1]
        assert judged(**market, slope_pct=slope_pct, mirrored=True)[0] is plain[0]


@pytest.mark.parametrize("seed", range(4))
def test_candles_one_by_one_and_all_at_once_give_the_same_phase(build, seed: int) -> None:
    """Incremental equals batch, through the board."""
    candles = build.history(600, seed)
    at_once, one_by_one = build.board(), build.board()
    at_once.warm_up(candles)
    for candle in sorted(candles, key=lambda c: (c.ts_ms, c.interval.ms)):
        one_by_one.apply(candle)
    said = []
    for board in (at_once, one_by_one):
        board.apply(build.trade(1, build.start_ms + 10, 100.0))
        board.refresh(build.start_ms + 1_000)
        regime = board.regime(build.start_ms + 1_000)
        said.append((regime.phase, regime.in_range, regime.adx))
    assert said[0] == said[1]


@pytest.mark.parametrize("seed", range(12))
def test_in_range_is_what_plain_arithmetic_says(build, seed: int) -> None:
    """Against NumPy on a walk, with TA-Lib's ATR."""
    candles = build.history(600, seed)
    board = build.board()
    board.warm_up(candles)
    board.apply(build.trade(1, build.start_ms + 10, 100.0))
    board.refresh(build.start_ms + 1_000)
    three = [c for c in candles if c.interval is Interval.M3]
    high, low, close = (np.array([getattr(c, name) for c in three]) for name in ("high", "low", "close"))
    atr = talib.ATR(high, low, close, 14)[-1]
    top, bottom = high[-20:-10].max(), low[-20:-10].min()
    stayed = np.append(close[-10:], 100.0)
    expected = top - bottom <= 4 * atr and stayed.min() >= bottom - atr / 4 and stayed.max() <= top + atr / 4
    regime = board.regime(build.start_ms + 1_000)
    assert regime.in_range == expected
    if regime.adx < 20.0:
        assert regime.phase is (Phase.RANGING if expected else Phase.CHOPPY)
