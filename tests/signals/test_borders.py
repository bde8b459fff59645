"""E3, E4 and E5 at the very borders where they change their word, and one step beyond."""

import numpy as np
import pytest

from vortex.domain.market import AccountRatio, Interval, Liquidation, OpenInterest
from vortex.domain.signals import Direction, Engine
from vortex.market.layout import CANDLES, M1, M3
from vortex.signals import technical
from vortex.signals.correlation import CorrelationWatch
from vortex.signals.layout import INDICATORS, STATE, params_of
from vortex.signals.regime import VOL_PHASES, VolPhase
from vortex.signals.regime_kernel import judge_regime
from vortex.signals.settings import CorrelationSettings, SignalSettings

# E3


def test_a_cross_is_fresh_for_three_minutes(build) -> None:
    """E3-1: with the vote of nothing else, 0.15 is just a direction."""
    board = build.board()
    board.warm_up(build.history(1_500, 4))
    state, params = board._state[0], board._params[0]
    tech, minute = state["technical"], state["indicators"][M1]
    tech["rsi"], tech["bb_zone"], tech["divergence"], tech["vwap_pct"], tech["context"] = 50.0, 0, 0, 0.0, 0
    tech["vwap_side"], tech["macd_momentum"], tech["ema9"], tech["ema21"] = 0, 0, 100.0, 100.0
    for age, direction in ((0, 1), (2, 1), (3, 0)):
        minute["crossed"], minute["crossed_at"] = 1, minute["bars"] - age
        tech["direction"] = 0
        technical._vote(tech, minute, 100.0, params["technical"])
        assert tech["direction"] == direction, age


def test_a_slope_is_of_just_so_many_candles() -> None:
    """E3-2, E5-2: the closed EMA now less that of five candles ago, per candle."""
    indicators = np.zeros(1, INDICATORS)[0]
    indicators["ema9_ring"] = np.arange(CANDLES) ** 2.0
    for seen in (CANDLES, CANDLES + 3):
        indicators["seen"] = seen
        now, then = (((seen - 1 - back) % CANDLES) ** 2.0 for back in (0, 5))
        assert technical.ema9_slope(indicators, 5) == (now - then) / 5.0


def test_the_context_compares_with_five_candles_ago(build) -> None:
    """E3-2: up against the fifth, down against the fourth and the sixth."""
    board = build.board()
    state, params = board._state[0], board._params[0]
    three = state["indicators"][M3]
    three["bars"] = three["seen"] = 20
    three["ema9_ring"][:20] = 10.0
    three["ema9_ring"][[13, 14, 15, 19]] = 12.0, 10.0, 12.0, 11.0
    technical._read_context(state["technical"], three, params["technical"])
    assert state["technical"]["context"] == 1
    three["bars"] = 13
    technical._read_context(state["technical"], three, params["technical"])
    assert state["technical"]["context"] == 0, "the EMA of five candles ago was still being seeded"


def test_the_distance_from_vwap_is_a_percentage_of_vwap(build) -> None:
    """E3-6."""
    board = build.board()
    board.warm_up(build.history(1_500, 4))
    board.apply(build.trade(1, build.start_ms + 10, 150.0, 1e-6))
    board.refresh(build.start_ms + 5_000)
    said = board.signal(Engine.TECHNICAL, build.start_ms + 5_000).fields
    assert said["vwap"] < 110.0
    assert said["vwap_distance_pct"] == pytest.approx((150.0 / said["vwap"] - 1.0) * 100.0, rel=1e-12)


def test_a_swing_is_beyond_two_candles_on_either_side() -> None:
    """E3-8: one that is level with a neighbor is none."""
    for neighbor in (-2, -1, 1, 2):
        values = np.full(CANDLES, 10.0)
        values[50] = 12.0
        assert technical.is_swing(values, 50, 1.0)
        values[50 + neighbor] = 12.0
        assert not technical.is_swing(values, 50, 1.0)


@pytest.mark.parametrize(
    ("before", "now", "growing", "momentum"),
    [(1.0, 2.0, True, "UP"), (2.0, 1.0, False, "UP"), (-2.0, 1.0, True, "UP"), (-2.0, -3.0, True, "DOWN")],
)
def test_macd_accelerates_when_it_grows_or_turns(
    build, before: float, now: float, growing: bool, momentum: str
) -> None:
    """E3-4: a change of sign is a shift of momentum, however small; closed, and with the running candle as the last."""
    board = build.board()
    board.warm_up(build.minutes(100, 2))
    state, params = board._state[0], board._params[0]
    tech, minute, frame = state["technical"], state["indicators"][M1], state["frames"][M1]
    minute["histogram_before"], minute["histogram"] = before, now
    technical._read_running(tech, minute, frame, 100.0, params["technical"])
    assert (bool(tech["macd_growing"]), tech["macd_momentum"]) == (growing, 1 if momentum == "UP" else -1)
    minute["histogram_before"], minute["histogram"] = 1_000.0 * now, before
    minute["ema12"], minute["ema26"] = 50.0, 50.0
    frame["forming"], frame["now_close"] = 1, 50.0
    minute["signal"] = -now / 0.8  # the next signal is 0.8 of it, and the histogram what is missing to zero
    technical._read_running(tech, minute, frame, 50.0, params["technical"])
    assert tech["macd"] == pytest.approx(now)
    assert (bool(tech["macd_growing"]), tech["macd_momentum"]) == (growing, 1 if momentum == "UP" else -1)


def test_vwap_joins_long_candles_and_minutes_without_a_seam(build) -> None:
    """E3-6: 500 minutes from a round three minutes on, and before them every 3m candle of the day, the last one too."""
    day_ms = build.start_ms - build.start_ms % 86_400_000
    minutes = [
        build.candle(day_ms + 60_000 * i, (100.0, 101.0 + i % 5, 99.0 - i % 3, 100.0 + i % 2), 1.0 + i % 11)
        for i in range(900)
    ]
    threes = [
        build.candle(day_ms + 180_000 * i, (100.0, 105.0 + i % 7, 95.0 - i % 2, 100.0), 9.0 + i % 4, Interval.M3)
        for i in range(-100, 300)
    ]
    held = minutes[399 : 399 + 500]
    board = build.board()
    board.warm_up([*held, *(c for c in threes if c.open_ms + 180_000 <= held[-1].open_ms + 60_000)])
    board.refresh(board.now_ms + 2_000)
    counted = [*held, *(c for c in threes if day_ms <= c.open_ms < held[0].open_ms)]
    expected = sum((c.high + c.low + c.close) / 3 * c.volume for c in counted) / sum(c.volume for c in counted)
    assert board.signal(Engine.TECHNICAL, board.now_ms).fields["vwap"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("between", "side"), [(37, 1), (38, 0)])
def test_a_divergence_is_between_swings_of_the_last_forty_candles(between: int, side: int) -> None:
    """E3-3: a lower low on a higher RSI; both swings have their two candles on either side within them or before."""
    state = np.zeros(1, STATE)
    frame, minute = state[0]["frames"][M1], state[0]["indicators"][M1]
    frame["n"] = minute["bars"] = minute["seen"] = 200
    frame["high"], frame["low"], minute["rsi_ring"] = 11.0, 10.0, 40.0
    newest, older = 197, 197 - between
    frame["low"][[older, newest]] = 9.0, 8.0
    minute["rsi_ring"][[older, newest]] = 25.0, 30.0
    assert technical._divergence(frame, minute, 40) == side
    minute["rsi_ring"][newest] = 25.0
    assert technical._divergence(frame, minute, 40) == 0, "the same RSI is no divergence"


@pytest.mark.parametrize(("age", "counts"), [(198, True), (199, False)])
def test_levels_are_of_the_last_two_hundred_five_minute_candles(build, age: int, counts: bool) -> None:
    """E3-8: the oldest two only stand beside a swing."""
    fives = [
        build.candle(build.start_ms - 300_000 * k, (100.0, 101.0, 99.0, 100.0), 1.0, Interval.M5)
        for k in range(260, 0, -1)
    ]
    fives[-age] = build.candle(fives[-age].open_ms, (100.0, 107.0, 99.0, 100.0), 1.0, Interval.M5)
    board = build.board()
    board.warm_up([*fives, *build.minutes(100, 1)])
    board.refresh(build.start_ms + 5_000)
    said = board.signal(Engine.TECHNICAL, build.start_ms + 5_000).fields
    assert said["nearest_resistance"] == (107.0 if counts else 0.0)


def test_vwap_begins_with_the_first_trade_of_the_day(build) -> None:
    """E3-6: yesterday's minutes are held, and do not count any more."""
    midnight = build.start_ms - build.start_ms % 86_400_000
    minutes = [build.candle(midnight - 60_000 * k, (100.0, 101.0, 99.0, 100.0), 5.0) for k in range(100, 0, -1)]
    board = build.board()
    board.warm_up(minutes)
    board.apply(build.trade(1, midnight - 60_000 + 59_999, 90.0, 3.0))
    board.apply(build.trade(2, midnight, 150.0, 2.0))
    board.apply(build.trade(3, midnight + 500, 156.0, 1.0))
    board.tick(midnight + 1_001)
    said = board.signal(Engine.TECHNICAL, midnight + 1_000).fields
    assert said["vwap"] == pytest.approx((156.0 + 150.0 + 156.0) / 3.0)


@pytest.mark.parametrize(("candles", "known"), [(119, True), (118, False)])
def test_a_squeeze_is_known_with_a_hundred_widths(build, candles: int, known: bool) -> None:
    """E3-5: the first has twenty closes."""
    board = build.board()
    board.warm_up(build.minutes(candles, 5))
    board.refresh(build.start_ms + 5_000)
    assert (board._state[0]["indicators"][M1]["squeeze_below"] > 0.0) == known


@pytest.mark.parametrize(("px", "zone"), [(101.0, "MIDDLE"), (101.001, "UPPER"), (99.0, "MIDDLE"), (98.999, "LOWER")])
def test_a_price_on_the_band_is_not_outside(build, px: float, zone: str) -> None:
    """E3-5: closes of 99.5 and 100.5 in turn have a sigma of one half."""
    board = build.board()
    board.warm_up(
        [build.candle(build.start_ms - 60_000 * k, (100.0, 102.0, 98.0, 99.5 + k % 2)) for k in range(100, 0, -1)]
    )
    state, params = board._state[0], board._params[0]
    tech = state["technical"]
    technical._read_running(tech, state["indicators"][M1], state["frames"][M1], px, params["technical"])
    assert (tech["bb_lower"], tech["bb_middle"], tech["bb_upper"]) == (99.0, 100.0, 101.0)
    assert tech["bb_zone"] == {"MIDDLE": 0, "UPPER": 1, "LOWER": -1}[zone]


# E4


def sentiment(build, readings, at_ms: int):
    """E4 after (ms, open interest, price) and trades just before them."""
    board = build.board()
    for i, (ms, quantity, px) in enumerate(readings):
        board.apply(build.trade(i + 1, build.start_ms + ms - 1, px, 1.0 + i))
        board.apply(OpenInterest(symbol="BTCUSDT", ts_ms=build.start_ms + ms, quantity=quantity))
    board.apply(AccountRatio(symbol="BTCUSDT", ts_ms=build.start_ms + at_ms - 500, long_share=0.5, top_traders=False))
    board.tick(build.start_ms + at_ms + 1)
    assert board.cycle_ms == build.start_ms + at_ms
    return board


@pytest.mark.parametrize(
    ("at_ms", "change"), [(300_000, 20.0), (299_000, 20.0), (301_000, 20.0), (315_000, 1200 / 11 - 100)]
)
def test_open_interest_is_compared_with_the_reading_of_five_minutes_ago(build, at_ms: int, change: float) -> None:
    """E4-1: one that is just five minutes old is it; with none so old, the oldest."""
    readings = [(0, 1_000.0, 100.0), (15_000, 1_100.0, 100.0), (290_000, 1_200.0, 100.0)]
    board = sentiment(build, readings, at_ms)
    assert board.signal(Engine.SENTIMENT, board.cycle_ms).fields["oi_change_pct"] == pytest.approx(change)


@pytest.mark.parametrize(
    ("quantity", "meaning"), [(1_000.5, "NONE"), (1_000.51, "REAL_BUYING"), (999.49, "SHORT_COVER")]
)
def test_open_interest_counts_as_changed_beyond_a_twentieth_of_a_percent(build, quantity: float, meaning: str) -> None:
    """E4-1 while the price rises."""
    board = sentiment(build, [(0, 1_000.0, 100.0), (300_000, quantity, 101.0)], 301_000)
    assert board.signal(Engine.SENTIMENT, board.cycle_ms).fields["oi_interpretation"] == meaning


def test_positions_were_opened_at_the_price_of_the_last_rise_alone(build) -> None:
    """E4-4: volume-weighted over its readings; a fall ends a rise, and the next one begins anew."""
    readings = [
        (1_000 * k, oi, px) for k, (oi, px) in enumerate([(10, 50.0), (11, 60.0), (10, 70.0), (11, 80.0), (12, 90.0)])
    ]
    board = sentiment(build, readings, 10_000)
    said = board._state[0]["sentiment"]
    assert said["average_entry"] == pytest.approx((4.0 * 80.0 + 5.0 * 90.0) / 9.0)


@pytest.mark.parametrize(
    ("share", "top", "direction"), [(0.5, 0.65, 0), (0.5, 0.661, 1), (0.5, 0.35, 0), (0.5, 0.339, -1)]
)
def test_top_traders_alone_speak_from_six_points_beyond_their_threshold(build, share, top, direction) -> None:
    """E4-6: up to 0.25 within ten points, and 0.15 is a direction."""
    board = sentiment(build, [(0, 1_000.0, 100.0), (15_000, 1_000.0, 100.0)], 16_000)
    now = build.start_ms + 16_000
    for ratio, is_top in ((share, False), (top, True)):
        board.apply(AccountRatio(symbol="BTCUSDT", ts_ms=now, long_share=ratio, top_traders=is_top))
    board._state[0]["sentiment"]["funding_ms"] = now
    board.tick(now + 1_001)
    assert board.signal(Engine.SENTIMENT, now + 1_000).direction == Direction(direction)
    board.apply(OpenInterest(symbol="BTCUSDT", ts_ms=now + 600_000, quantity=1_000.0))
    board.apply(AccountRatio(symbol="BTCUSDT", ts_ms=now + 600_000, long_share=share, top_traders=False))
    board.tick(now + 601_001)
    said = board.signal(Engine.SENTIMENT, now + 601_000)
    assert (said.warm, said.direction) == (True, Direction.NEUTRAL), "what top traders did ten minutes ago is over"


@pytest.mark.parametrize(("late_ms", "warm"), [(300_000, True), (301_000, False)])
def test_open_interest_is_heard_for_five_minutes(build, late_ms: int, warm: bool) -> None:
    """A poll that fails so long leaves E4 without a word."""
    board = sentiment(build, [(0, 1_000.0, 100.0), (15_000, 1_000.0, 100.0)], 14_000 + late_ms)
    board._state[0]["sentiment"]["funding_ms"] = 1
    board.tick(build.start_ms + 15_001 + late_ms)
    assert board.signal(Engine.SENTIMENT, board.cycle_ms).warm is warm


@pytest.mark.parametrize(("age_ms", "counts"), [(60_000, True), (61_000, False)])
def test_a_forced_order_refines_the_map_for_a_minute(build, age_ms: int, counts: bool) -> None:
    """E4-4: and while the price falls towards it, E4-5."""
    board = sentiment(build, [(0, 1_000.0, 100.0), (15_000, 1_000.0, 100.0)], 16_000)
    forced_ms = build.start_ms + 17_000
    board.apply(Liquidation(symbol="BTCUSDT", ts_ms=forced_ms, side="SELL", px=99.0, qty=1.0))
    board.apply(build.trade(3, forced_ms + age_ms - 20_000, 100.0))
    board.apply(build.trade(4, forced_ms + age_ms - 1_000, 99.1))
    board.tick(forced_ms + age_ms + 1)
    said = board.signal(Engine.SENTIMENT, board.cycle_ms).fields
    assert said["nearest_liq_cluster"] == pytest.approx(99.0 if counts else 100.0 * (1 - 0.95 / 25))


@pytest.mark.parametrize(("age_ms", "side"), [(30_000, "BELOW"), (29_999, "ABOVE")])
def test_momentum_is_of_thirty_seconds(build, age_ms: int, side: str) -> None:
    """E4-5: against the last price before them; it was 99 once, then 101, and is 100."""
    board = sentiment(build, [(0, 1_000.0, 100.0), (15_000, 1_000.0, 99.0)], 16_000)
    at_ms = build.start_ms + 50_000
    for i, (ms, px) in enumerate([(at_ms - age_ms, 101.0), (at_ms - 100, 100.0)]):
        board.apply(build.trade(3 + i, ms, px))
    board.tick(at_ms + 1)
    assert board.signal(Engine.SENTIMENT, at_ms).fields["liq_side"] == side


@pytest.mark.parametrize(("quantity", "px", "vote"), [(1_010.0, 101.0, 0.2), (1_010.0, 99.0, -0.2), (990.0, 99.0, 0.0)])
def test_open_interest_that_rises_reinforces_the_price(build, quantity: float, px: float, vote: float) -> None:
    """E4-1: REAL_BUYING for LONG, SHORTS_STACKING for SHORT, alone just a direction; a fall of it says nothing here."""
    board = sentiment(build, [(0, 1_000.0, 100.0), (300_000, quantity, px)], 301_000)
    board._state[0]["sentiment"]["funding_ms"] = 1
    board.tick(board.cycle_ms + 1_101)
    said = board.signal(Engine.SENTIMENT, board.cycle_ms)
    assert said.direction * said.strength == pytest.approx(vote)


# E5


def test_parting_is_below_a_half_after_above_eight_tenths() -> None:
    """E5-4: neither the one nor the other at its border."""
    watch = CorrelationWatch(CorrelationSettings())
    said = []
    for value in (0.8, 0.4, 0.81, 0.5, 0.499, 0.7, 0.8, 0.81, 0.6, 0.49, None, 0.49):
        watch._decide(value)
        said.append(watch.risk_off)
    assert said == [False, False, False, False, True, True, True, False, False, True, True, True]


@pytest.mark.parametrize(("atr", "vol"), [(0.99, VolPhase.LOW), (1.0, VolPhase.EXTREME)])
def test_volatility_at_a_percentile_is_above_it(atr: float, vol: VolPhase) -> None:
    """E5-1: below p20 LOW, below p80 NORMAL, below p95 HIGH, else EXTREME; here all three are 1 %."""
    state, params = np.zeros(1, STATE), params_of(SignalSettings())
    three = state[0]["indicators"][M3]
    three["bars"] = three["seen"] = CANDLES
    three["atr_pct_ring"], three["atr"] = 1.0, atr
    state[0]["tape"]["last_px"] = 100.0
    judge_regime(state[0], params[0], 1_000)
    assert VOL_PHASES[state[0]["regime"]["vol"]] is vol


@pytest.mark.parametrize(("readings", "warm"), [(100, True), (99, False)])
def test_volatility_is_ranked_among_a_hundred_readings_at_least(build, readings: int, warm: bool) -> None:
    """E5-1: 3m candles with an ATR of their own; fourteen true ranges are needed for the first."""
    threes = [c for c in build.history(1_500, 1) if c.interval is Interval.M3]
    board = build.board()
    board.warm_up(threes[-(readings + 14) :])
    board.apply(build.trade(1, build.start_ms + 10, 100.0))
    board.refresh(build.start_ms + 1_000)
    assert board.regime(build.start_ms + 1_000).warm is warm
