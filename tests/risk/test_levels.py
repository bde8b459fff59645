"""Levels: where each strategy enters, stops and takes profit, on the grid and on the right side (S2-3, S3-1)."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.domain.orders import Side
from vortex.domain.reasons import DenyCode
from vortex.domain.signals import Strategy
from vortex.risk.levels import Levels, entry_ticks, plan_levels
from vortex.risk.settings import DRILL_RISK, RiskSettings

PLAIN = RiskSettings()
A, B, C = Strategy.MOMENTUM_RIDE, Strategy.MEAN_REVERSION, Strategy.LIQUIDATION_CASCADE


def test_entries_improve_the_best_price_by_a_tick_and_never_cross() -> None:
    """S3-1: with a spread of one tick the best price itself."""
    tick = Decimal("0.1")
    assert entry_ticks(Side.BUY, 100.0, 100.5, tick) == 1_001
    assert entry_ticks(Side.SELL, 100.0, 100.5, tick) == 1_004
    assert entry_ticks(Side.BUY, 100.0, 100.2, tick) == 1_001
    assert entry_ticks(Side.SELL, 100.0, 100.2, tick) == 1_001
    assert entry_ticks(Side.BUY, 100.0, 100.1, tick) == 1_000
    assert entry_ticks(Side.SELL, 100.0, 100.1, tick) == 1_001


def test_momentum_stops_at_eight_tenths_and_takes_at_thirteen(risk_build) -> None:
    """A: SL 0.8 ATR, TP1 1.3 ATR, trail 0.5 ATR, each with its multiplier."""
    view = risk_build.view(tp_multiplier=1.3, sl_multiplier=1.2)
    buy = plan_levels(Side.BUY, A, view, risk_build.instrument(), PLAIN)
    assert buy == Levels(entry=600_001, stop=600_001 - 1_920, take=600_001 + 3_380, trail=1_000)
    sell = plan_levels(Side.SELL, A, view, risk_build.instrument(), PLAIN)
    assert sell == Levels(entry=600_004, stop=600_004 + 1_920, take=600_004 - 3_380, trail=1_000)


def test_reversion_goes_back_to_vwap_or_the_middle_whichever_is_nearer(risk_build) -> None:
    """B: the whole position closes there; no trail."""
    view = risk_build.view(best_bid=59_790.0, best_ask=59_790.5)
    buy = plan_levels(Side.BUY, B, view, risk_build.instrument(), PLAIN)
    assert isinstance(buy, Levels)
    assert (buy.entry, buy.take, buy.trail) == (597_901, 601_000, 0)
    assert buy.stop == 597_901 - 2_000
    nearer = risk_build.view(best_bid=59_790.0, best_ask=59_790.5, vwap=59_900.0)
    assert plan_levels(Side.BUY, B, nearer, risk_build.instrument(), PLAIN).take == 599_000


def test_reversion_waits_at_the_band_when_the_price_is_inside(risk_build) -> None:
    """B enters at the outer band, its stop lies outside it."""
    buy = plan_levels(Side.BUY, B, risk_build.view(), risk_build.instrument(), PLAIN)
    assert isinstance(buy, Levels)
    assert buy.entry == 598_000
    sell = plan_levels(Side.SELL, B, risk_build.view(vwap=60_050.0), risk_build.instrument(), PLAIN)
    assert isinstance(sell, Levels)
    assert (sell.entry, sell.take) == (604_000, 601_000)


def test_reversion_without_a_mean_ahead_is_refused_but_not_in_a_drill(risk_build) -> None:
    """B needs somewhere to return to."""
    view = risk_build.view(best_bid=59_700.0, best_ask=59_700.5, vwap=59_000.0, bb_middle=59_100.0)
    assert plan_levels(Side.BUY, B, view, risk_build.instrument(), PLAIN) is DenyCode.BAD_LEVELS
    assert isinstance(plan_levels(Side.BUY, B, view, risk_build.instrument(), DRILL_RISK), Levels)


def test_a_cascade_aims_beyond_the_cluster(risk_build) -> None:
    """C: TP1 one ATR beyond it, stop as far as the near side of it, at least half an ATR."""
    view = risk_build.view(cluster=59_850.0)
    sell = plan_levels(Side.SELL, C, view, risk_build.instrument(), PLAIN)
    assert sell == Levels(entry=600_004, stop=600_004 + 1_504, take=598_500 - 2_000, trail=1_400)
    at_it = plan_levels(Side.SELL, C, risk_build.view(cluster=60_000.4), risk_build.instrument(), PLAIN)
    assert at_it == Levels(entry=600_004, stop=600_004 + 1_000, take=600_004 - 2_000, trail=1_400)


def test_stops_and_targets_of_reversions_and_cascades_have_their_multipliers(risk_build) -> None:
    """S2-3: slm and tpm are E5's; a mean to return to has none."""
    view = risk_build.view(cluster=60_000.4, sl_multiplier=1.3, tp_multiplier=1.5)
    buy = plan_levels(Side.BUY, B, view, risk_build.instrument(), PLAIN)
    assert buy == Levels(entry=598_000, stop=598_000 - 2_600, take=601_000, trail=0)
    sell = plan_levels(Side.SELL, C, view, risk_build.instrument(), PLAIN)
    assert sell == Levels(entry=600_004, stop=600_004 + 1_300, take=600_004 - 3_000, trail=1_400)


def test_a_cascade_without_a_cluster_has_distances_from_the_entry(risk_build) -> None:
    """C in a drill, which asks for no cluster: half an ATR and one ATR, with their multipliers."""
    view = risk_build.view(cluster=0.0, sl_multiplier=1.2, tp_multiplier=1.3)
    buy = plan_levels(Side.BUY, C, view, risk_build.instrument(), PLAIN)
    assert buy == Levels(entry=600_001, stop=600_001 - 1_200, take=600_001 + 2_600, trail=1_400)
    sell = plan_levels(Side.SELL, C, view, risk_build.instrument(), PLAIN)
    assert sell == Levels(entry=600_004, stop=600_004 + 1_200, take=600_004 - 2_600, trail=1_400)


@pytest.mark.parametrize(
    ("side", "quotes", "entry", "stop"),
    [
        (Side.BUY, {}, 598_000, 595_000),
        (Side.BUY, {"best_bid": 59_790.0, "best_ask": 59_790.5}, 597_901, 595_000),
        (Side.SELL, {"vwap": 60_050.0}, 604_000, 607_000),
        (Side.SELL, {"best_bid": 60_410.0, "best_ask": 60_410.5}, 604_104, 607_000),
    ],
)
def test_a_reversion_stops_outside_the_band_by_its_buffer(risk_build, side, quotes, entry, stop) -> None:
    """B: measured from the band and not from the entry; a buffer above one ATR makes it the wider of the two."""
    settings = msgspec.structs.replace(PLAIN, band_buffer_atr=1.5)
    levels = plan_levels(side, B, risk_build.view(**quotes), risk_build.instrument(), settings)
    assert isinstance(levels, Levels)
    assert (levels.entry, levels.stop) == (entry, stop)


def test_prices_between_ticks_are_rounded_towards_less_risk(risk_build) -> None:
    """S2-2: stops and targets towards the entry, quotes and bands away from crossing."""
    instrument, odd = risk_build.instrument(), risk_build.view(atr=200.03, best_bid=60_000.04, best_ask=60_000.46)
    buy = plan_levels(Side.BUY, A, odd, instrument, PLAIN)
    assert buy == Levels(entry=600_001, stop=598_401, take=602_601, trail=1_000)
    sell = plan_levels(Side.SELL, A, odd, instrument, PLAIN)
    assert sell == Levels(entry=600_004, stop=601_604, take=597_404, trail=1_000)
    band = risk_build.view(bb_lower=59_799.96, bb_upper=60_400.04, vwap=60_050.0)
    assert plan_levels(Side.BUY, B, band, instrument, PLAIN).entry == 597_999
    assert plan_levels(Side.SELL, B, band, instrument, PLAIN).entry == 604_001


@pytest.mark.parametrize(
    ("side", "limits", "fits"),
    [
        (Side.BUY, {"max_price": Decimal("60260.1")}, True),
        (Side.BUY, {"max_price": Decimal("60260.05")}, False),
        (Side.BUY, {"min_price": Decimal("59840.1")}, True),
        (Side.BUY, {"min_price": Decimal("59840.15")}, False),
        (Side.SELL, {"min_price": Decimal("59740.4")}, True),
        (Side.SELL, {"min_price": Decimal("59740.45")}, False),
        (Side.SELL, {"max_price": Decimal("60160.4")}, True),
        (Side.SELL, {"max_price": Decimal("60160.35")}, False),
    ],
)
def test_every_level_lies_within_the_exchanges_prices(risk_build, side, limits, fits) -> None:
    """The highest and the lowest price themselves are allowed."""
    levels = plan_levels(side, A, risk_build.view(), risk_build.instrument(**limits), PLAIN)
    assert isinstance(levels, Levels) if fits else levels is DenyCode.BAD_LEVELS


def test_a_mean_at_the_entry_itself_is_not_ahead(risk_build) -> None:
    """B returns to the other one then."""
    view = risk_build.view(vwap=59_800.0)
    assert plan_levels(Side.BUY, B, view, risk_build.instrument(), PLAIN).take == 601_000


def test_of_several_levels_the_nearest_ahead_is_the_target(risk_build) -> None:
    """E3-8, for both sides; one at the entry itself is not in the way."""
    view = risk_build.view(resistances=(60_000.1, 60_150.0, 60_200.0), supports=(60_000.4, 59_900.0, 59_850.0))
    assert plan_levels(Side.BUY, A, view, risk_build.instrument(), PLAIN).take == 601_500
    assert plan_levels(Side.SELL, A, view, risk_build.instrument(), PLAIN).take == 599_000


def test_a_level_on_the_way_pulls_the_target_in(risk_build) -> None:
    """E3-8."""
    view = risk_build.view(resistances=(60_150.0, 60_200.0, 0.0, 0.0, 0.0), supports=(59_900.0, 0.0, 0.0, 0.0, 0.0))
    assert plan_levels(Side.BUY, A, view, risk_build.instrument(), PLAIN).take == 601_500
    assert plan_levels(Side.SELL, A, view, risk_build.instrument(), PLAIN).take == 599_000
    beyond = risk_build.view(resistances=(61_000.0, 0.0, 0.0, 0.0, 0.0))
    assert plan_levels(Side.BUY, A, beyond, risk_build.instrument(), PLAIN).take == 600_001 + 2_600


def test_without_volatility_or_quotes_there_are_no_levels(risk_build) -> None:
    """Codes, not exceptions."""
    instrument = risk_build.instrument()
    assert plan_levels(Side.BUY, A, risk_build.view(atr=0.0), instrument, PLAIN) is DenyCode.NO_ATR
    assert plan_levels(Side.BUY, A, risk_build.view(best_bid=0.0), instrument, PLAIN) is DenyCode.BAD_LEVELS
    for bid in (60_000.5, 60_001.0):  # locked, crossed
        view = risk_build.view(best_bid=bid)
        assert plan_levels(Side.BUY, A, view, instrument, PLAIN) is DenyCode.BAD_LEVELS
    small = risk_build.instrument(max_price=Decimal(60_100))
    assert plan_levels(Side.BUY, A, risk_build.view(), small, PLAIN) is DenyCode.BAD_LEVELS


@pytest.mark.property
@given(
    side=st.sampled_from(Side),
    strategy=st.sampled_from(Strategy),
    bid=st.integers(10_000, 1_000_000),
    spread=st.integers(1, 50),
    atr=st.floats(0.01, 5_000.0),
    band=st.floats(0.9, 1.1),
    width=st.floats(0.0, 0.05),
    vwap=st.floats(0.9, 1.1),
    cluster=st.floats(0.98, 1.02),
    level=st.floats(0.98, 1.02),
)
def test_stop_and_target_surround_the_entry_and_round_towards_less_risk(
    risk_build, side, strategy, bid, spread, atr, band, width, vwap, cluster, level
) -> None:
    """Whatever the market, levels are ordered, never cross the book, or are refused."""
    px = bid / 10
    view = risk_build.view(
        best_bid=px,
        best_ask=(bid + spread) / 10,
        atr=atr,
        bb_middle=px * band,
        bb_upper=px * band * (1 + width),
        bb_lower=px * band * (1 - width),
        vwap=px * vwap,
        cluster=px * cluster,
        resistances=(px * level, 0.0, 0.0, 0.0, 0.0),
        supports=(px * level, 0.0, 0.0, 0.0, 0.0),
    )
    levels = plan_levels(side, strategy, view, risk_build.instrument(), PLAIN)
    if isinstance(levels, DenyCode):
        assert levels is DenyCode.BAD_LEVELS
        return
    assert side.sign * levels.stop < side.sign * levels.entry < side.sign * levels.take
    assert levels.entry < bid + spread if side is Side.BUY else levels.entry > bid
    assert levels.trail >= (0 if strategy is Strategy.MEAN_REVERSION else 1)
    if strategy is Strategy.MOMENTUM_RIDE:
        assert abs(levels.entry - levels.stop) * 0.1 <= 0.8 * atr + 1e-6
