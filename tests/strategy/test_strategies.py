"""Section 6: triggers (all), confirmations (two), filters (all) of A, B and C, each by itself."""

import pytest

from vortex.domain.signals import Direction
from vortex.signals.regime import Phase, VolPhase
from vortex.strategy.liquidation_cascade import cascade_failures
from vortex.strategy.mean_reversion import reversion_failures
from vortex.strategy.momentum_ride import momentum_failures
from vortex.strategy.settings import CascadeSettings, MomentumSettings, ReversionSettings

B_LONG = {"rsi": 24.0, "bb_zone": "LOWER", "imbalance": 0.41, "cvd_divergence_side": 1.0}
C_SHORT = {
    "liq_proximity": 0.8,
    "liq_side": "BELOW",
    "volume_spike": True,
    "oi_change_pct": -0.1,
    "big_trade": True,
    "directions": (-1, -1, 0, 0),
}


@pytest.mark.parametrize(
    ("name", "changes", "regime"),
    [
        ("A.trigger.velocity", {"velocity_ratio": 2.0}, {}),
        ("A.trigger.streak", {"streak": 7.0}, {}),
        ("A.trigger.streak", {"streak_side": -1.0}, {}),
        ("A.trigger.spike", {"spike_ratio": 2.5}, {}),
        ("A.filter.choppy", {}, {"phase": Phase.CHOPPY}),
        ("A.filter.extreme", {}, {"vol_phase": VolPhase.EXTREME}),
    ],
)
def test_momentum_names_what_is_missing(make, name: str, changes: dict, regime: dict) -> None:
    """A: one thing fails at a time."""
    assert momentum_failures(make.evidence(), MomentumSettings()) == ()
    assert momentum_failures(make.evidence(regime=regime, **changes), MomentumSettings()) == (name,)


@pytest.mark.parametrize("confirmed", range(5))
def test_momentum_wants_two_of_four_confirmations(make, confirmed: int) -> None:
    """Imbalance, CVD slope, EMA trend, a free way."""
    good = [{"imbalance": 0.3}, {"cvd_slope": 0.1}, {"ema_trend": "BULLISH"}, {"nearest_resistance": 100.06}]
    bad = [{"imbalance": 0.25}, {"cvd_slope": -0.1}, {"ema_trend": "NEUTRAL"}, {"nearest_resistance": 100.04}]
    changes = {k: v for i in range(4) for k, v in (good if i < confirmed else bad)[i].items()}
    failures = momentum_failures(make.evidence(**changes), MomentumSettings())
    assert failures == (() if confirmed >= 2 else ("A.confirm",))


def test_a_level_behind_the_price_is_not_in_the_way(make) -> None:
    """For SHORT it is the support that counts."""
    short = make.evidence(Direction.SHORT, imbalance=0.0, cvd_slope=-1.0, nearest_resistance=100.01, streak_side=-1.0)
    assert momentum_failures(short, MomentumSettings()) == ()
    blocked = make.evidence(Direction.SHORT, imbalance=0.0, cvd_slope=-1.0, nearest_support=99.99, streak_side=-1.0)
    assert momentum_failures(blocked, MomentumSettings()) == ("A.confirm",)


@pytest.mark.parametrize(
    ("name", "changes", "regime"),
    [
        ("B.trigger.rsi", {"rsi": 25.0}, {}),
        ("B.trigger.band", {"bb_zone": "MIDDLE"}, {}),
        ("B.trigger.band", {"bb_zone": "UPPER"}, {}),
        ("B.confirm", {"imbalance": -0.5}, {}),
        ("B.confirm", {"cvd_divergence_side": -1.0}, {}),
        ("B.filter.ranging", {}, {"phase": Phase.TRENDING}),
        ("B.filter.ranging", {}, {"phase": Phase.CHOPPY}),
        ("B.filter.extreme", {}, {"phase": Phase.RANGING, "vol_phase": VolPhase.EXTREME}),
    ],
)
def test_reversion_names_what_is_missing(make, name: str, changes: dict, regime: dict) -> None:
    """B: one thing fails at a time."""
    ranging = {"phase": Phase.RANGING}
    assert reversion_failures(make.evidence(regime=ranging, **B_LONG), ReversionSettings()) == ()
    evidence = make.evidence(regime=ranging | regime, **(B_LONG | changes))
    assert reversion_failures(evidence, ReversionSettings()) == (name,)


def test_reversion_sells_at_the_upper_band(make) -> None:
    """The mirror: RSI above 75, upper band, confirmations for SHORT."""
    changes = {"rsi": 76.0, "bb_zone": "UPPER", "imbalance": -0.5, "rsi_divergence_side": -1.0}
    evidence = make.evidence(Direction.SHORT, regime={"phase": Phase.RANGING}, **changes)
    assert reversion_failures(evidence, ReversionSettings()) == ()


@pytest.mark.parametrize(
    ("name", "changes", "regime"),
    [
        ("C.trigger.proximity", {"liq_proximity": 0.70}, {}),
        ("C.trigger.spike", {"volume_spike": False}, {}),
        ("C.trigger.momentum", {"liq_side": "ABOVE"}, {}),
        ("C.trigger.momentum", {"directions": (0, 0, -1, -1)}, {}),
        ("C.trigger.momentum", {"directions": (1, -1, -1, -1)}, {}),
        ("C.confirm", {"big_trade": False}, {}),
        ("C.confirm", {"oi_change_pct": 0.1}, {}),
        ("C.filter.volatility", {}, {"vol_phase": VolPhase.LOW}),
        ("C.filter.volatility", {}, {"vol_phase": VolPhase.EXTREME}),
    ],
)
def test_cascade_names_what_is_missing(make, name: str, changes: dict, regime: dict) -> None:
    """C: one thing fails at a time."""
    assert cascade_failures(make.evidence(Direction.SHORT, **C_SHORT), CascadeSettings()) == ()
    evidence = make.evidence(Direction.SHORT, regime=regime, **(C_SHORT | changes))
    assert cascade_failures(evidence, CascadeSettings()) == (name,)


def test_an_eaten_wall_confirms_a_cascade(make) -> None:
    """Two of three."""
    changes = C_SHORT | {"big_trade": False, "wall_absorbed": True}
    assert cascade_failures(make.evidence(Direction.SHORT, **changes), CascadeSettings()) == ()
