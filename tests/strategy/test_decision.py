"""S1: each item of the checklist by name, strategy scores, confidence, and the short way out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.domain.signals import Action, Direction, Engine, Strategy
from vortex.signals.regime import Phase
from vortex.strategy.decision import DecisionContext, best_strategy, confidence, decide, strategy_scores
from vortex.strategy.settings import DecisionSettings

PLAIN = DecisionSettings()


def test_a_clean_momentum_ride_is_taken(make) -> None:
    """Everything holds: action, strategy, agreement, confidence, a reason, and all inputs."""
    decision = decide(make.board(), DecisionContext(), PLAIN, 123)
    assert (decision.action, decision.strategy, decision.failed) == (Action.LONG, Strategy.MOMENTUM_RIDE, ())
    assert decision.engines_agree == 3
    assert decision.confidence == pytest.approx(70.0)
    assert decision.ts_ms == 123
    assert len(decision.signals) == 5
    assert "LONG A" in decision.reason


def test_the_mirror_is_short(make) -> None:
    """A negative score with everything on the other side."""
    board = make.board(
        score=-0.7,
        directions=(-1, -1, -1, 0),
        imbalance=-0.5,
        cvd_slope=-1.0,
        ema_trend="BEARISH",
        streak_side=-1.0,
    )
    assert decide(board, DecisionContext(), PLAIN, 0).action is Action.SHORT


@pytest.mark.parametrize(
    ("item", "board", "context"),
    [
        ("agreement", {"directions": (1, 1, 0, 0)}, {}),
        ("agreement", {"directions": (1, 1, -1, 0)}, {}),
        ("order_flow_opposite", {"directions": (-1, 1, 1, 1)}, {}),
        ("regime", {"regime": {"tradeable": False}}, {}),
        ("spread", {"regime": {"spread_ok": False}}, {}),
        ("opposite_position", {}, {"position": Direction.SHORT}),
        ("open_positions", {}, {"open_positions": 2}),
        ("breaker", {}, {"breaker_closed": False}),
        ("score_stable", {"jump": 0.31}, {}),
        ("score_stable", {"settled": False}, {}),
        ("feed_warm", {}, {"feed_warm": False}),
        ("A.trigger.velocity", {"velocity_ratio": 2.0, "bb_zone": "MIDDLE"}, {}),
    ],
)
def test_each_failed_item_stops_the_trade_by_its_name(make, item: str, board: dict, context: dict) -> None:
    """S1-2: one item fails, that one is named, and nothing else."""
    decision = decide(make.board(**board), DecisionContext(**context), PLAIN, 0)
    assert decision.action is Action.NO_TRADE
    assert decision.failed == (item,)


def test_all_failed_items_are_named_together(make) -> None:
    """Not only the first."""
    board = make.board(score=0.1, directions=(-1, 0, 0, 0), jump=1.0, regime={"tradeable": False, "spread_ok": False})
    context = DecisionContext(position=Direction.SHORT, open_positions=9, breaker_closed=False, feed_warm=False)
    failed = decide(board, context, PLAIN, 0, explain=True).failed
    assert failed[:10] == (
        "score",
        "agreement",
        "order_flow_opposite",
        "regime",
        "spread",
        "opposite_position",
        "open_positions",
        "breaker",
        "score_stable",
        "feed_warm",
    )


def test_at_the_gate_is_not_above_it_and_costs_no_look(make) -> None:
    """|score| > 0.55; a plain NO_TRADE reads no engine."""
    board = make.board(score=0.55)
    decision = decide(board, DecisionContext(), PLAIN, 0)
    assert (decision.action, decision.failed, board.looked) == (Action.NO_TRADE, ("score",), 0)
    assert decide(make.board(score=0.5501), DecisionContext(), PLAIN, 0).action is Action.LONG


def test_a_position_of_the_same_direction_is_no_hedge(make) -> None:
    """Only the opposite one is forbidden."""
    context = DecisionContext(position=Direction.LONG, open_positions=1)
    assert decide(make.board(), context, PLAIN, 0).action is Action.LONG


def test_no_strategy_above_the_least_score_is_no_trade(make) -> None:
    """S1-3: below 0.4."""
    board = make.board(velocity_ratio=1.0, spike_ratio=1.0, regime={"phase": Phase.CHOPPY})
    decision = decide(board, DecisionContext(), DecisionSettings(flow_strength=0.9), 0)
    assert decision.failed == ("strategy",)


@pytest.mark.parametrize(
    ("changes", "regime", "expected"),
    [
        ({}, {}, (1.0, 0.2 - 0.3, 0.3)),
        ({}, {"phase": Phase.RANGING}, (0.4 + 0.3 + 0.2 - 0.3, 0.2 + 0.1, 0.3)),
        ({"velocity_ratio": 2.0, "streak": 7.0}, {"phase": Phase.CHOPPY}, (0.2, 0.2, 0.3)),
        (
            {"rsi": 24.9, "bb_zone": "LOWER", "imbalance": -0.41},
            {"phase": Phase.RANGING},
            (0.6, 0.4 + 0.3 + 0.2 + 0.1, 0.3),
        ),
        ({"rsi": 75.1, "imbalance": 0.40, "spike_ratio": 2.0}, {"phase": Phase.CHOPPY}, (0.9, 0.4, 0.0)),
        ({"liq_proximity": 0.71, "oi_interpretation": "LONG_LIQ"}, {}, (1.0, -0.1, 1.0)),
        ({"liq_proximity": 0.70, "oi_interpretation": "SHORT_COVER", "spike_ratio": 1.0}, {}, (1.0, -0.1, 0.2)),
    ],
)
def test_strategy_scores_are_the_sums_of_the_specification(make, changes, regime, expected) -> None:
    """S1-3."""
    scores = strategy_scores(make.evidence(regime=regime, **changes), PLAIN)
    assert tuple(scores[s] for s in Strategy) == pytest.approx(expected)


def test_the_best_strategy_is_the_highest_sum(make) -> None:
    """argmax; A wins a tie."""
    tie = make.evidence(liq_proximity=0.8, oi_interpretation="LONG_LIQ")
    assert best_strategy(tie, PLAIN) == (Strategy.MOMENTUM_RIDE, pytest.approx(1.0))
    reversion = make.evidence(velocity_ratio=0.0, rsi=20.0, bb_zone="LOWER", regime={"phase": Phase.RANGING})
    assert best_strategy(reversion, PLAIN)[0] is Strategy.MEAN_REVERSION
    cascade = make.evidence(velocity_ratio=0.0, streak=0.0, liq_proximity=0.9)
    assert best_strategy(cascade, PLAIN)[0] is Strategy.LIQUIDATION_CASCADE


@pytest.mark.property
@given(st.floats(-1.0, 1.0), st.integers(0, 4), st.floats(-0.3, 1.0))
def test_confidence_is_its_formula_between_zero_and_a_hundred(score: float, agree: int, clarity: float) -> None:
    """S1-4."""
    here = confidence(score, agree, clarity)
    assert 0.0 <= here <= 100.0
    raw = abs(score) * (1 + 0.1 * (agree - 3)) * clarity * 100
    assert here == pytest.approx(min(100.0, max(0.0, raw)))
    assert confidence(score, 4, max(0.0, clarity)) >= confidence(score, 3, max(0.0, clarity))


def test_engines_that_agree_are_those_of_the_scores_side(make) -> None:
    """E1 to E4; E5 does not vote."""
    decision = decide(make.board(directions=(1, 1, 1, 1)), DecisionContext(), PLAIN, 0)
    assert decision.engines_agree == 4
    assert decision.confidence == pytest.approx(77.0)
    assert Engine.REGIME in {signal.engine for signal in decision.signals}
