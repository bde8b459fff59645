"""Section 6: triggers (all), confirmations (two), filters (all) of A, B and C, each by itself."""

import pytest

from vortex.signals.regime import Phase, VolPhase
from vortex.strategy.decision import names_of
from vortex.strategy.liquidation_cascade import CASCADE_CONDITIONS, cascade_failures
from vortex.strategy.mean_reversion import REVERSION_CONDITIONS, reversion_failures
from vortex.strategy.momentum_ride import MOMENTUM_CONDITIONS, momentum_failures
from vortex.strategy.settings import DRILL_DECISION

LONG, SHORT = 1, -1
UPPER, LOWER = 1, -1
ABOVE, BELOW = 1, -1
B_LONG = {"rsi": 24.0, "bb_zone": LOWER, "imbalance": 0.41, "cvd_divergence": 1, "phase": Phase.RANGING}
C_SHORT = {
    "proximity": 0.8,
    "liq_side": BELOW,
    "volume_spike": 1,
    "oi_change_pct": -0.1,
    "big_trade": 1,
    "directions": (-1, -1, 0, 0),
}


def momentum(make, side: int = LONG, **changes: object) -> tuple[str, ...]:
    """Names of what A lacks."""
    return names_of(make.judged(momentum_failures, side=side, **changes), MOMENTUM_CONDITIONS)


def reversion(make, side: int = LONG, **changes: object) -> tuple[str, ...]:
    """Names of what B lacks."""
    return names_of(make.judged(reversion_failures, side=side, **changes), REVERSION_CONDITIONS)


def cascade(make, side: int = SHORT, **changes: object) -> tuple[str, ...]:
    """Names of what C lacks."""
    return names_of(make.judged(cascade_failures, side=side, **changes), CASCADE_CONDITIONS)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("A.trigger.velocity", {"velocity_ratio": 2.0}),
        ("A.trigger.velocity", {"velocity_ratio": float("nan")}),
        ("A.trigger.streak", {"streak": 7}),
        ("A.trigger.streak", {"streak": -10}),
        ("A.trigger.spike", {"spike_ratio": 2.5}),
        ("A.filter.choppy", {"phase": Phase.CHOPPY}),
        ("A.filter.extreme", {"vol": VolPhase.EXTREME}),
    ],
)
def test_momentum_names_what_is_missing(make, name: str, changes: dict) -> None:
    """A: one thing fails at a time."""
    assert momentum(make) == ()
    assert momentum(make, **changes) == (name,)


@pytest.mark.parametrize("confirmed", range(5))
def test_momentum_wants_two_of_four_confirmations(make, confirmed: int) -> None:
    """Imbalance, CVD slope, EMA trend, a free way."""
    good = [{"imbalance": 0.3}, {"cvd_slope": 0.1}, {"trend": 1}, {"resistance": 100.06}]
    bad = [{"imbalance": 0.25}, {"cvd_slope": -0.1}, {"trend": 0}, {"resistance": 100.04}]
    changes = {k: v for i in range(4) for k, v in (good if i < confirmed else bad)[i].items()}
    assert momentum(make, **changes) == (() if confirmed >= 2 else ("A.confirm",))


def test_a_level_behind_the_price_is_not_in_the_way(make) -> None:
    """For SHORT it is the support that counts."""
    short = {"imbalance": 0.0, "cvd_slope": -1.0, "streak": -10}
    assert momentum(make, SHORT, resistance=100.01, **short) == ()
    assert momentum(make, SHORT, support=99.99, **short) == ("A.confirm",)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("B.trigger.rsi", {"rsi": 25.0}),
        ("B.trigger.rsi", {"rsi": float("nan")}),
        ("B.trigger.band", {"bb_zone": 0}),
        ("B.trigger.band", {"bb_zone": UPPER}),
        ("B.confirm", {"imbalance": -0.5}),
        ("B.confirm", {"cvd_divergence": -1}),
        ("B.confirm", {"cvd_divergence": 0}),
        ("B.filter.ranging", {"phase": Phase.TRENDING}),
        ("B.filter.ranging", {"phase": Phase.CHOPPY}),
        ("B.filter.extreme", {"vol": VolPhase.EXTREME}),
    ],
)
def test_reversion_names_what_is_missing(make, name: str, changes: dict) -> None:
    """B: one thing fails at a time."""
    assert reversion(make, **B_LONG) == ()
    assert reversion(make, **(B_LONG | changes)) == (name,)


def test_reversion_sells_at_the_upper_band(make) -> None:
    """The mirror: RSI above 75, upper band, confirmations for SHORT."""
    changes = {"rsi": 76.0, "bb_zone": UPPER, "imbalance": -0.5, "rsi_divergence": -1}
    assert reversion(make, SHORT, phase=Phase.RANGING, **changes) == ()


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("C.trigger.proximity", {"proximity": 0.70}),
        ("C.trigger.proximity", {"proximity": float("nan")}),
        ("C.trigger.spike", {"volume_spike": 0}),
        ("C.trigger.momentum", {"liq_side": ABOVE}),
        ("C.trigger.momentum", {"directions": (0, 0, -1, -1)}),
        ("C.trigger.momentum", {"directions": (1, -1, -1, -1)}),
        ("C.trigger.momentum", {"directions": (-1, 1, -1, -1)}),
        ("C.confirm", {"big_trade": 0}),
        ("C.confirm", {"oi_change_pct": 0.1}),
        ("C.filter.volatility", {"vol": VolPhase.LOW}),
        ("C.filter.volatility", {"vol": VolPhase.EXTREME}),
    ],
)
def test_cascade_names_what_is_missing(make, name: str, changes: dict) -> None:
    """C: one thing fails at a time."""
    assert cascade(make, **C_SHORT) == ()
    assert cascade(make, **(C_SHORT | changes)) == (name,)


def test_what_just_reaches_a_limit_counts_as_the_specification_says(make) -> None:
    """Streak >= 8 is reached at 8; whatever is to be above a limit, or to fall, is not when it stands there."""
    assert momentum(make, streak=8) == ()
    trend_alone = {"trend": 1, "imbalance": 0.0, "cvd_slope": -0.1, "resistance": 100.04}
    for at_limit in ({"imbalance": 0.25}, {"cvd_slope": 0.0}):
        assert momentum(make, **(trend_alone | at_limit)) == ("A.confirm",)
    assert momentum(make, **(trend_alone | {"resistance": 100.06})) == (), "the way is free"
    sell = {"bb_zone": UPPER, "cvd_divergence": -1, "rsi_divergence": -1, "phase": Phase.RANGING}
    assert reversion(make, SHORT, rsi=75.0, **sell) == ("B.trigger.rsi",)
    assert reversion(make, **(B_LONG | {"imbalance": 0.40})) == ("B.confirm",)
    assert cascade(make, **(C_SHORT | {"oi_change_pct": 0.0})) == ("C.confirm",)
    assert cascade(make, **(C_SHORT | {"vol": VolPhase.HIGH})) == ()


@pytest.mark.parametrize("directions", [(-1, 0, 0, 0), (0, -1, 0, 0)])
def test_order_flow_or_ticks_alone_push_towards_a_cluster(make, directions: tuple[int, ...]) -> None:
    """C: E1/E2 momentum; the other one may be neutral."""
    assert cascade(make, **(C_SHORT | {"directions": directions})) == ()


NOT_CONFIRMED_A = {"imbalance": 0.0, "cvd_slope": 0.0, "trend": 0, "resistance": 100.01}
NOT_CONFIRMED_B = {"imbalance": 0.0, "cvd_divergence": 0, "rsi_divergence": 0}
NOT_CONFIRMED_C = {"oi_change_pct": 0.0, "big_trade": 0, "breakout": 0}


@pytest.mark.parametrize("only", [{"imbalance": 0.3}, {"cvd_slope": 0.1}, {"trend": 1}, {"resistance": 0.0}])
def test_no_confirmation_of_momentum_is_enough_alone(make, only: dict) -> None:
    """A: two of four, whichever the first is."""
    assert momentum(make, **(NOT_CONFIRMED_A | only)) == ("A.confirm",)


@pytest.mark.parametrize("only", [{"imbalance": 0.5}, {"cvd_divergence": 1}, {"rsi_divergence": 1}])
def test_no_confirmation_of_reversion_is_enough_alone(make, only: dict) -> None:
    """B: two of three, whichever the first is."""
    assert reversion(make, **(B_LONG | NOT_CONFIRMED_B | only)) == ("B.confirm",)


@pytest.mark.parametrize("only", [{"oi_change_pct": -0.1}, {"big_trade": 1}, {"breakout": 1}])
def test_no_confirmation_of_a_cascade_is_enough_alone(make, only: dict) -> None:
    """C: two of three, whichever the first is."""
    assert cascade(make, **(C_SHORT | NOT_CONFIRMED_C | only)) == ("C.confirm",)


def test_everything_that_is_missing_is_named(make) -> None:
    """Not only the first or the last (S1-2); a phase is one thing, so that CHOPPY and EXTREME fail together."""
    wild = {"phase": Phase.CHOPPY, "vol": VolPhase.EXTREME}
    no_burst = {"velocity_ratio": 1.0, "streak": 0, "spike_ratio": 1.0}
    assert momentum(make, **(NOT_CONFIRMED_A | no_burst | wild)) == MOMENTUM_CONDITIONS
    assert reversion(make, **(NOT_CONFIRMED_B | wild)) == REVERSION_CONDITIONS
    assert cascade(make, **(NOT_CONFIRMED_C | {"volume_spike": 0} | wild)) == CASCADE_CONDITIONS


def test_an_eaten_wall_confirms_a_cascade(make) -> None:
    """Two of three."""
    assert cascade(make, **(C_SHORT | {"big_trade": 0, "breakout": 1})) == ()


@pytest.mark.parametrize("kernel", [momentum_failures, reversion_failures, cascade_failures])
@pytest.mark.parametrize("side", [LONG, SHORT])
def test_the_drill_asks_for_nothing(make, kernel, side: int) -> None:
    """Its switches turn every condition off, for both sides, whatever the engines say."""
    against = {
        "directions": (-side, -side, -side, -side),
        "imbalance": -side * 0.9,
        "cvd_slope": -side,
        "streak": -9 * side,
    }
    wild = {"phase": Phase.CHOPPY, "vol": VolPhase.EXTREME, "volume_spike": 0, "rsi": 50.0}
    assert make.judged(kernel, DRILL_DECISION, side, **against, **wild) == 0
