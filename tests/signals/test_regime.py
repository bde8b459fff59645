"""E5: volatility percentiles, phases, spread, correlation, and the multipliers that follow."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.domain.market import BestQuote, Interval
from vortex.domain.signals import Engine
from vortex.signals.correlation import CorrelationWatch, pearson
from vortex.signals.regime import Phase, VolPhase
from vortex.signals.settings import CorrelationSettings


def regime_of(build, candles, px=100.0):
    """E5 after this history and one trade."""
    board = build.board()
    board.warm_up(candles)
    board.apply(build.trade(1, build.start_ms + 10, px))
    board.refresh(build.start_ms + 1_000)
    return board, board.regime(build.start_ms + 1_000)


def atr_pcts(candles) -> np.ndarray:
    """ATR(14) of the 3m candles in percent of their close, computed plainly."""
    three = [c for c in candles if c.interval is Interval.M3]
    spans = [max(c.high - c.low, abs(c.high - p.close), abs(c.low - p.close)) for p, c in pairwise(three)]
    atr = np.mean(spans[:14])
    out = [atr / three[14].close * 100]
    for span, candle in zip(spans[14:], three[15:], strict=True):
        atr = atr * 13 / 14 + span / 14
        out.append(atr / candle.close * 100)
    return np.array(out)


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_volatility_is_ranked_within_its_last_day(build, seed: int) -> None:
    """E5-1 against NumPy's percentiles of 480 readings."""
    candles = build.history(1_500, seed)
    board, regime = regime_of(build, candles)
    history = atr_pcts(candles)
    said = board._state[0]["regime"]
    day = history[-480:]
    for name, share in (("p_low", 20), ("p_high", 80), ("p_extreme", 95)):
        assert said[name] == pytest.approx(np.percentile(day, share), rel=1e-6)
    now = history[-1] * candles[-1].close / 100.0
    ranks = np.searchsorted([said["p_low"], said["p_high"], said["p_extreme"]], now, side="right")
    assert regime.vol_phase is (VolPhase.LOW, VolPhase.NORMAL, VolPhase.HIGH, VolPhase.EXTREME)[ranks]


def test_extreme_volatility_is_not_tradeable_and_low_tightens_everything(build) -> None:
    """E5-1's multipliers."""
    calm = build.history(1_500, 3)
    px = 100.0
    burst = list(calm)
    for i in range(len(calm) - 1, -1, -1):
        candle = calm[i]
        if candle.interval is Interval.M3 and candle.open_ms >= build.start_ms - 5 * 180_000:
            values = (candle.open, candle.high * 1.02, candle.low * 0.98, candle.close)
            burst[i] = build.candle(candle.open_ms, values, candle.volume, Interval.M3)
    _, regime = regime_of(build, burst, px)
    assert regime.vol_phase is VolPhase.EXTREME
    assert (regime.tradeable, regime.preferred_strategy) == (False, "NONE")


def test_a_steady_climb_trends_and_noise_does_not(build) -> None:
    """E5-2."""
    climb = []
    for candle in build.history(1_500, 5, sigma=2e-4):
        lift = math.exp((candle.open_ms - build.start_ms) / 60_000 * 4e-4)
        values = tuple(v * lift for v in (candle.open, candle.high, candle.low, candle.close))
        climb.append(build.candle(candle.open_ms, values, candle.volume, candle.interval))
    _, regime = regime_of(build, climb)
    assert regime.phase is Phase.TRENDING
    assert regime.weights[Engine.TECHNICAL] > 0.20 / 0.92
    assert sum(regime.weights.values()) == pytest.approx(1.0)
    phases = {regime_of(build, build.history(1_500, seed))[1].phase for seed in range(10)}
    assert Phase.CHOPPY in phases
    assert Phase.RANGING in phases


def test_choppy_halves_the_size(build) -> None:
    """E5-2's documented reduction."""
    for seed in range(10):
        _, regime = regime_of(build, build.history(1_500, seed))
        assert regime.size_multiplier == (0.5 if regime.phase is Phase.CHOPPY else 1.0)
        assert 5 <= regime.leverage_max <= 12


def quote(build, update_id: int, bid: float, ask: float) -> BestQuote:
    """A bookTicker."""
    return BestQuote(
        symbol="BTCUSDT",
        ts_ms=build.start_ms + update_id,
        update_id=update_id,
        bid_px=bid,
        bid_qty=1.0,
        ask_px=ask,
        ask_qty=1.0,
    )


def test_a_wide_spread_stops_entries_at_once(build) -> None:
    """E5-3: above 0.015 % of the bid, and twice the usual is flagged."""
    board = build.board()
    flat = [1.0] * 20
    for i in range(120):
        depth = build.depth(
            i + 1, build.start_ms + i, build.ladder(10_000.0, -1, flat), build.ladder(10_000.1, 1, flat)
        )
        board.apply(depth)
    board.refresh(build.start_ms + 500)
    regime = board.regime(build.start_ms + 500)
    assert regime.spread_ok
    assert regime.current_spread == pytest.approx(0.001, rel=1e-3)
    assert regime.spread_ratio == pytest.approx(1.0)
    board.apply(quote(build, 1_000, 10_000.0, 10_001.6))
    board.refresh(build.start_ms + 2_000)
    regime = board.regime(build.start_ms + 2_000)
    assert not regime.spread_ok
    assert regime.spread_ratio > 2.0


floats = st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=60)


@pytest.mark.property
@given(floats, st.integers(0, 1_000))
def test_pearson_is_numpys(xs: list[float], seed: int) -> None:
    """E5-4's formula."""
    ys = (np.random.default_rng(seed).normal(size=len(xs)) + 0.3 * np.array(xs)).tolist()
    ours = pearson(xs, ys)
    if np.std(xs) > 1e-6 and np.std(ys) > 1e-6:
        assert ours == pytest.approx(np.corrcoef(xs, ys)[0, 1], abs=1e-6)
    else:
        assert ours is None or -1.0 <= ours <= 1.0


def test_two_markets_that_part_are_risk_off_until_they_meet_again(build) -> None:
    """E5-4: below 0.5 after having been above 0.8 halves the size."""
    watch = CorrelationWatch(CorrelationSettings())
    rng = np.random.default_rng(1)
    said = []
    px = {"BTCUSDT": 100.0, "ETHUSDT": 10.0}
    for minute in range(600):
        common = rng.normal(0.0, 1e-3)
        apart = 200 <= minute < 300
        for symbol in px:
            move = rng.normal(0.0, 1e-3) if apart else common + rng.normal(0.0, 1e-4)
            px[symbol] *= math.exp(move)
            open_ms = build.start_ms + minute * 60_000
            watch.take(build.candle(open_ms, (px[symbol],) * 4, symbol=symbol))
        said.append(watch.judge(build.start_ms + (minute + 1) * 60_000))
    assert not any(said[:200])
    assert any(said[240:320])
    assert not said[-1]


def test_without_references_it_is_never_risk_off(build) -> None:
    """A symbol may lack the other's candles."""
    watch = CorrelationWatch(CorrelationSettings())
    assert not watch.judge(build.start_ms)
    assert watch.value is None


def test_the_board_takes_reference_candles_of_other_symbols(build) -> None:
    """E5-4 halves the size through `Regime.size_multiplier`."""
    board = build.board(symbol="SOLUSDT")
    rng = np.random.default_rng(2)
    px = {"BTCUSDT": 100.0, "ETHUSDT": 10.0}
    seen = set()
    for minute in range(260):
        common = rng.normal(0.0, 1e-3)
        for symbol in px:
            move = rng.normal(0.0, 1e-3) if minute >= 150 else common
            px[symbol] *= math.exp(move)
            open_ms = build.start_ms + minute * 60_000
            board.apply(build.candle(open_ms, (px[symbol],) * 4, symbol=symbol))
        seen.add(board.regime(build.start_ms + (minute + 1) * 60_000).risk_off)
    assert seen == {False, True}
