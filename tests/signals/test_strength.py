"""Strengths are bounded, monotone and symmetric; docs/signals.md promises it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.signals import strength

numbers = st.floats(-1e6, 1e6)
shares = st.floats(0.0, 1.0)
pytestmark = pytest.mark.property


@given(numbers, numbers, numbers)
def test_a_ramp_rises_from_zero_to_one(value: float, low: float, high: float) -> None:
    """And never falls."""
    here = strength.ramp(value, low, high)
    assert 0.0 <= here <= strength.ramp(value + 1.0, low, high) <= 1.0


@given(st.floats(-1.0, 1.0), st.floats(-10.0, 10.0), st.floats(-1.0, 1.0))
def test_flow_strength_grows_with_the_imbalance_and_has_no_side(imbalance: float, velocity: float, cvd: float) -> None:
    """E1: mirrored inputs give the same strength."""
    here = strength.imbalance_strength(imbalance, 0.3, velocity, 0.05, cvd)
    assert 0.0 <= here <= 1.0
    if imbalance != 0.0:
        assert here == pytest.approx(strength.imbalance_strength(-imbalance, 0.3, -velocity, 0.05, -cvd))
    assert here <= strength.imbalance_strength(math.copysign(1.0, imbalance), 0.3, velocity, 0.05, cvd) + 1e-12


@given(st.floats(5.0, 1e6))
def test_a_breakout_is_half_at_the_smallest_wall(ratio: float) -> None:
    """E1-6."""
    assert 0.5 <= strength.breakout_strength(ratio, 5.0) < 1.0 + 1e-9


@given(shares, st.floats(-1.0, 1.0), st.booleans())
def test_conviction_never_rises_with_spoofs(spoof: float, against: float, diverges: bool) -> None:
    """E1-7."""
    here = strength.flow_conviction(spoof, 0.5, against, diverges)
    assert 0.0 < here <= 1.0
    assert strength.flow_conviction(1.0, 0.5, against, diverges) <= here


@given(shares)
def test_aggressor_votes_mirror(ratio: float) -> None:
    """E2-2: what buyers are to LONG, sellers are to SHORT."""
    here = strength.aggressor_vote(ratio, 0.35, 0.65)
    assert -1.0 <= here <= 1.0
    assert here == pytest.approx(-strength.aggressor_vote(1.0 - ratio, 0.35, 0.65), abs=1e-9) or ratio in (0.35, 0.65)


@given(st.floats(-5.0, 5.0), st.integers(-1, 1), st.integers(-1, 1), st.integers(0, 1), st.integers(-1, 1))
def test_trend_votes_mirror_and_are_bounded(distance: float, cross: int, macd: int, growing: int, vwap: int) -> None:
    """E3."""
    here = strength.trend_vote(distance, 0.02, cross, macd, growing, vwap)
    assert -1.0 <= here <= 1.0
    assert here == pytest.approx(-strength.trend_vote(-distance, 0.02, -cross, -macd, growing, -vwap))


@given(st.floats(0.0, 100.0), st.integers(-1, 1), st.integers(-1, 1), st.floats(-10.0, 10.0))
def test_reversion_votes_mirror_and_are_bounded(rsi: float, zone: int, divergence: int, extended: float) -> None:
    """E3: 100 - RSI is RSI in the mirror."""
    here = strength.reversion_vote(rsi, 30.0, 70.0, zone, divergence, extended)
    assert -1.0 <= here <= 1.0
    there = strength.reversion_vote(100.0 - rsi, 30.0, 70.0, -zone, -divergence, -extended)
    assert here == pytest.approx(-there, abs=1e-9)


@given(shares, st.floats(-0.01, 0.01), st.booleans())
def test_crowd_and_funding_votes_are_contrarian_and_bounded(share: float, rate: float, near: bool) -> None:
    """E4-2, E4-3."""
    crowd = strength.crowd_vote(share, 0.70, 0.65)
    funding = strength.funding_vote(rate, 0.0003, -0.0001, near, 1.5)
    assert -1.0 <= crowd <= 1.0
    assert -1.0 <= funding <= 1.0
    assert crowd <= 0.0 or share < 0.35
    assert funding <= 0.0 or rate < -0.0001
