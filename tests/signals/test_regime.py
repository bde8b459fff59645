"""E5: volatility percentiles, phases, spread, correlation, and the multipliers that follow."""

import math
from itertools import pairwise

import numpy as np
import pytest
import talib
from hypothesis import given
from hypothesis import strategies as st

from vortex.domain.market import BestQuote, Interval
from vortex.domain.signals import Engine
from vortex.signals.correlation import CorrelationWatch, pearson
from vortex.signals.layout import params_of
from vortex.signals.regime import Phase, VolPhase
from vortex.signals.regime_kernel import judge_regime
from vortex.signals.settings import CorrelationSettings, SignalSettings


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


def plainly_read(three, px: float):
    """Phase, range and volatility of closed 3m candles and a price, by TA-Lib and lists (E5-1, E5-2)."""
    high, low, close = (np.array([getattr(c, name) for c in three]) for name in ("high", "low", "close"))
    atr, adx = talib.ATR(high, low, close, 14), talib.ADX(high, low, close, 14)[-1]
    averages = talib.EMA(close, 9)
    slope_pct = (averages[-1] - averages[-6]) / 5 / px * 100
    top, bottom, margin = max(high[-20:-10]), min(low[-20:-10]), atr[-1] / 4
    stayed = all(bottom - margin <= value <= top + margin for value in [*close[-10:], px])
    in_range = stayed and top - bottom <= 4 * atr[-1]
    trends = adx > 25 and abs(slope_pct) > 0.005
    phase = Phase.TRENDING if trends else Phase.RANGING if adx >= 20 or in_range else Phase.CHOPPY
    shares = np.percentile((atr / close * 100)[-480:][-len(three) + 14 :], (20, 80, 95))
    rank = int(np.searchsorted(shares, atr[-1] / px * 100, side="right"))
    return phase, in_range, (VolPhase.LOW, VolPhase.NORMAL, VolPhase.HIGH, VolPhase.EXTREME)[rank], adx


def test_the_regime_is_what_a_plain_reading_of_the_candles_says(build) -> None:
    """E5-1, E5-2 on random walks of random length, calm ones that end lively and the other way round."""
    rng, seen = np.random.default_rng(1), set()
    for seed in range(16):
        candles = build.history(3 * int(rng.integers(115, 533)), seed)
        px = float(100.0 * np.exp(rng.normal(0.0, 1e-3)))
        _, regime = regime_of(build, candles, px)
        phase, in_range, vol, adx = plainly_read([c for c in candles if c.interval is Interval.M3], px)
        assert (regime.phase, regime.in_range, regime.vol_phase) == (phase, in_range, vol), seed
        assert regime.adx == pytest.approx(adx, rel=1e-9)
        seen.add((phase, in_range))
    assert {phase for phase, _ in seen} == {Phase.TRENDING, Phase.RANGING, Phase.CHOPPY}
    assert {in_range for _, in_range in seen} == {True, False}


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
        said.append(watch.risk_off)
    assert not any(said[:200])
    assert any(said[240:320])
    assert not said[-1]


def parting_candles(build, minutes: int, parts_at: int) -> list:
    """Minutes of two markets that move together until they part."""
    rng = np.random.default_rng(2)
    px = {"BTCUSDT": 100.0, "ETHUSDT": 10.0}
    found = []
    for minute in range(minutes):
        common = rng.normal(0.0, 1e-3)
        for symbol in px:
            px[symbol] *= math.exp(rng.normal(0.0, 1e-3) if minute >= parts_at else common)
            found.append(build.candle(build.start_ms + minute * 60_000, (px[symbol],) * 4, symbol=symbol))
    return found


@pytest.mark.parametrize("lead", [0, 5])
def test_markets_that_part_are_noticed_whoever_asks(build, lead: int) -> None:
    """E5-4 is judged every five minutes, not when somebody looks; one market may be told some minutes ahead."""
    candles = parting_candles(build, 260, 150)
    if lead:  # a symbol's own minutes come as they close, the other's are polled
        keys = {id(c): c.open_ms + (lead * 60_000 - 30_000 if c.symbol == "ETHUSDT" else 0) for c in candles}
        candles = sorted(candles, key=lambda c: keys[id(c)])
    asked, alone = (build.board(symbol="SOLUSDT") for _ in range(2))
    for candle in candles:
        asked.refer(candle)
        alone.refer(candle)
        asked.regime(candle.ts_ms)
    now_ms = candles[-1].ts_ms
    assert asked.regime(now_ms).risk_off
    assert alone.regime(now_ms).risk_off


def test_a_restart_does_not_forget_that_markets_parted(build) -> None:
    """The history tells the new process."""
    board = build.board(symbol="SOLUSDT")
    candles = parting_candles(build, 260, 150)
    board.warm_up(candles)
    assert board.regime(candles[-1].ts_ms).risk_off


def test_without_references_it_is_never_risk_off(build) -> None:
    """A symbol may lack the other's candles."""
    watch = CorrelationWatch(CorrelationSettings())
    assert not watch.risk_off
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


@pytest.mark.parametrize(
    ("vol", "expected"),
    [
        (VolPhase.LOW, (0.8, 0.8, 10)),
        (VolPhase.NORMAL, (1.0, 1.0, 12)),
        (VolPhase.HIGH, (1.3, 1.3, 8)),
    ],
)
def test_each_volatility_phase_has_its_multipliers(build, vol: VolPhase, expected: tuple) -> None:
    """E5-1, E5-5: LOW -20 % and leverage -2, HIGH +30 %."""
    board = build.board()
    said = board._state[0]["regime"]
    said["vol"], said["phase"], said["warm"] = list(VolPhase).index(vol), list(Phase).index(Phase.TRENDING), 1
    regime = board._reader.regime(0, risk_off=False)
    assert (regime.tp_multiplier, regime.sl_multiplier, regime.leverage_max) == expected
    assert regime.tradeable
    assert board._reader.regime(0, risk_off=True).size_multiplier == 0.5
    said["phase"] = list(Phase).index(Phase.CHOPPY)
    assert board._reader.regime(0, risk_off=True).size_multiplier == 0.5, "never below half"


@pytest.mark.parametrize(
    ("atr", "vol"),
    [
        (20.79, VolPhase.LOW),
        (20.81, VolPhase.NORMAL),
        (80.19, VolPhase.NORMAL),
        (80.21, VolPhase.HIGH),
        (95.04, VolPhase.HIGH),
        (95.06, VolPhase.EXTREME),
    ],
)
def test_volatility_changes_its_phase_at_its_percentiles(build, atr: float, vol: VolPhase) -> None:
    """E5-1: 20th, 80th and 95th of readings 1 to 100 are 20.8, 80.2 and 95.05."""
    state, params = _judged_state(build, atr_pct=atr, adx=30.0)
    judge_regime(state[0], params[0], 1_000)
    assert list(VolPhase)[state[0]["regime"]["vol"]] is vol


@pytest.mark.parametrize(
    ("atr", "adx", "boosts"),
    [
        (50.0, 10.0, (1.0, 1.0, 1.0, 1.0)),
        (50.0, 30.0, (1.0, 1.0, 1.25, 1.0)),
        (50.0, 22.0, (1.0, 1.0, 1.0, 1.25)),
        (90.0, 10.0, (1.15, 1.15, 1.0, 1.0)),
        (90.0, 30.0, (1.15, 1.15, 1.25, 1.0)),
    ],
)
def test_the_regime_moves_the_weights_and_they_still_sum_to_one(build, atr, adx, boosts) -> None:
    """S1-1, E5-1, E5-2: base weights 0.35, 0.25, 0.20, 0.12 times the boosts, normalized."""
    state, params = _judged_state(build, atr_pct=atr, adx=adx)
    judge_regime(state[0], params[0], 1_000)
    raw = np.array([0.35, 0.25, 0.20, 0.12]) * boosts
    assert state[0]["regime"]["weight"] == pytest.approx(raw / raw.sum())


def _judged_state(build, *, atr_pct: float, adx: float):
    """A state whose last hundred readings of ATR were 1 to 100 % and which slopes upwards; price 1."""
    board = build.board()
    state = board._state.copy()
    three, frame = state[0]["indicators"][1], state[0]["frames"][1]
    three["seen"] = three["bars"] = frame["n"] = 114
    three["atr_pct_ring"][:114] = [math.nan] * 14 + [float(k) for k in np.random.default_rng(1).permutation(100) + 1]
    three["ema9_ring"][113] = 1.0
    three["atr"], three["adx"] = atr_pct / 100.0, adx
    frame["high"][:114], frame["low"][:114], frame["close"][:114] = 9.0, 0.1, 5.0
    state[0]["tape"]["last_px"] = 1.0
    return state, params_of(SignalSettings())


def test_twice_the_usual_spread_is_flagged(build) -> None:
    """E5-3: more than twice the mean of the last hundred."""
    board = build.board()
    said = board._state[0]["regime"]
    said["spread_mean"], said["spread_pct"] = 0.002, 0.004
    assert not board._reader.regime(0, risk_off=False).spread_flagged
    said["spread_pct"] = 0.0041
    assert board._reader.regime(0, risk_off=False).spread_flagged
    said["spread_mean"] = 0.0
    assert not board._reader.regime(0, risk_off=False).spread_flagged


@pytest.mark.parametrize(("ask", "fits"), [(10_001.5, True), (10_001.51, False)])
def test_a_spread_is_the_askers_distance_over_the_bid(build, ask: float, fits: bool) -> None:
    """E5-3: 0.015 % itself still trades."""
    board = build.board()
    board.apply(quote(build, 1, 10_000.0, ask))
    board.refresh(build.start_ms + 1_000)
    regime = board.regime(build.start_ms + 1_000)
    assert regime.current_spread == pytest.approx((ask - 10_000.0) / 100.0)
    assert regime.spread_ok is fits


def _watched(build, minutes):
    """A watch that was told of these minutes (open, first, second)."""
    watch = CorrelationWatch(CorrelationSettings())
    for at, first, second in minutes:
        for symbol, px in (("BTCUSDT", first), ("ETHUSDT", second)):
            watch.take(build.candle(at, (px,) * 4, symbol=symbol))
    return watch


def test_correlation_is_numpys_of_ten_minute_returns(build) -> None:
    """E5-4 against a plain computation over the last hour."""
    rng = np.random.default_rng(5)
    first = 100 * np.exp(np.cumsum(rng.normal(0.0, 1e-3, 120)))
    second = 10 * np.exp(np.cumsum(rng.normal(0.0, 1e-3, 120))) * first / 100
    begin = build.start_ms - build.start_ms % 300_000
    watch = _watched(build, [(begin + k * 60_000, first[k], second[k]) for k in range(120)])
    one, other = (np.log(px[10:] / px[:-10])[-60:] for px in (first, second))
    assert watch.value == pytest.approx(np.corrcoef(one, other)[0, 1], abs=1e-9)


def test_it_does_not_matter_how_far_one_market_is_told_ahead(build) -> None:
    """The minutes closed at the round five minutes are judged: as they close, or the other's five at a time."""
    rng = np.random.default_rng(6)
    px = np.exp(np.cumsum(rng.normal(0.0, 1e-3, (200, 2)), axis=0))
    begin = build.start_ms - build.start_ms % 300_000
    prompt, polled = CorrelationWatch(CorrelationSettings()), CorrelationWatch(CorrelationSettings())
    values = []
    for k in range(200):
        pair = [
            build.candle(begin + k * 60_000, (float(px[k, n]),) * 4, symbol=symbol)
            for n, symbol in enumerate(("BTCUSDT", "ETHUSDT"))
        ]
        for candle in pair:
            prompt.take(candle)
        polled.take(pair[0])
        values.append((pair[1], prompt.value))
        if k % 5 == 3:
            for candle, _ in values[-5:]:
                polled.take(candle)
            assert polled.value == prompt.value
    assert len({value for _, value in values}) > 30


def test_a_long_silence_forgets_the_risk(build) -> None:
    """E5-4: another day's parting says nothing of today."""
    watch = CorrelationWatch(CorrelationSettings())
    watch.risk_off = True
    for at in (0, 60_000, 600_000):
        watch.take(build.candle(build.start_ms + at, (1.0,) * 4))
    assert watch.risk_off, "a short hole keeps it"
    watch.take(build.candle(build.start_ms + 86_400_000, (1.0,) * 4))
    assert not watch.risk_off
