"""The drawn curves are the functions themselves: bounded, monotone where promised, and E5's are its own output."""

import pytest

from vortex.signals import strength
from vortex.signals.forms import Curve, Panel, forms, regime_at
from vortex.signals.regime import Phase, VolPhase
from vortex.signals.settings import DEFAULT_SIGNALS, DRILL_SIGNALS, SignalSettings

PANELS = [(engine, panel) for engine, panels in forms(DEFAULT_SIGNALS).items() for panel in panels]
NAMES = [f"{engine} {panel.title}" for engine, panel in PANELS]


def rises(curve: Curve, sign: float) -> bool:
    """Whether a curve never falls, or with sign −1 never rises."""
    return all(sign * (after - before) >= -1e-12 for before, after in zip(curve.y, curve.y[1:], strict=False))


@pytest.mark.parametrize(("engine", "panel"), PANELS, ids=NAMES)
def test_every_form_is_bounded_and_drawn_from_left_to_right(engine: str, panel: Panel) -> None:
    """Votes within ±1, strengths and convictions within [0, 1]; each curve is named once."""
    bounds = {"strength": (0.0, 1.0), "conviction": (0.0, 1.0), "vote": (-1.0, 1.0)}
    low, high = bounds.get(panel.y, (0.0, 20.0))
    assert len({curve.name for curve in panel.curves}) == len(panel.curves)
    for curve in panel.curves:
        assert len(curve.x) == len(curve.y) > 10
        assert list(curve.x) == sorted(set(curve.x))
        assert low <= min(curve.y) <= max(curve.y) <= high, f"{engine} {curve.name}"


@pytest.mark.parametrize(
    ("engine", "panel"),
    [pair for pair in PANELS if pair[0] != "e5"],
    ids=[name for name in NAMES if not name.startswith("e5")],
)
def test_every_form_is_monotone(engine: str, panel: Panel) -> None:
    """Conviction, reversion, crowd and funding fall; all others rise."""
    falling = panel.y == "conviction" or panel.title == "Reversion vote" or engine == "e4"
    assert all(rises(curve, -1.0 if falling else 1.0) for curve in panel.curves)


def test_more_support_never_weakens() -> None:
    """Where a panel has several curves of one form, they lie in order."""
    velocity, share, _, conviction = forms(DEFAULT_SIGNALS)["e1"]
    activity = forms(DEFAULT_SIGNALS)["e2"][2]
    for panel, sign in ((velocity, 1.0), (share, 1.0), (activity, 1.0), (conviction, -1.0)):
        for under, over in zip(panel.curves, panel.curves[1:], strict=False):
            assert all(sign * (b - a) >= -1e-12 for a, b in zip(under.y, over.y, strict=True)), panel.title


def test_curves_are_the_very_functions() -> None:
    """Point by point, with the thresholds in force."""
    p = DEFAULT_SIGNALS.flow
    strong = forms(DEFAULT_SIGNALS)["e1"][0].curves[2]
    for x, y in zip(strong.x, strong.y, strict=True):
        assert y == strength.imbalance_strength(x, p.enter_imbalance, 2.0 * p.strong_velocity, p.strong_velocity, 0.0)


def test_other_settings_give_other_curves() -> None:
    """The pictures follow the profile."""
    assert forms(DRILL_SIGNALS)["e1"][0].quiet == (0.0, DRILL_SIGNALS.flow.enter_imbalance, "NEUTRAL")


@pytest.mark.parametrize(
    ("rank", "adx", "vol", "phase"),
    [
        (10.0, 15.0, VolPhase.LOW, Phase.CHOPPY),
        (50.0, 22.0, VolPhase.NORMAL, Phase.RANGING),
        (90.0, 30.0, VolPhase.HIGH, Phase.TRENDING),
        (97.0, 30.0, VolPhase.EXTREME, Phase.TRENDING),
    ],
)
def test_regimes_are_where_the_specification_puts_them(rank: float, adx: float, vol: VolPhase, phase: Phase) -> None:
    """E5-1 and E5-2 on the day that the pictures assume."""
    settings = SignalSettings()
    regime = regime_at(settings, rank, adx)
    assert (regime.vol_phase, regime.phase, regime.in_range) == (vol, phase, False)
    assert regime.tradeable is (vol is not VolPhase.EXTREME)
    assert sum(regime.weights.values()) == pytest.approx(1.0)
    assert regime_at(settings, rank, adx, risk_off=True).size_multiplier == 0.5
