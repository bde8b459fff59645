"""S1: each item of the checklist by name, strategy sums, confidence, and what a decision carries along."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategy.conftest import NOW_MS
from vortex.domain.signals import Action, Decision, Direction, Engine, Strategy
from vortex.signals.board import SignalBoard
from vortex.signals.regime import Phase, VolPhase
from vortex.signals.sentiment import LONG_LIQ, REAL_BUYING, SHORT_COVER
from vortex.strategy.decision import CONDITIONS, Decider, DecisionContext, confidence, is_plain
from vortex.strategy.limits import LIMITS, limits_of
from vortex.strategy.settings import DEFAULT_DECISION, DRILL_DECISION, DecisionSettings
from vortex.strategy.verdict import CHECKLIST, best_of, sum_strategies

PLAIN = DecisionSettings()


def decided(board: SignalBoard, settings: DecisionSettings = PLAIN, **context: object) -> Decision:
    """The decision on a board."""
    return Decider(board, settings).decide(DecisionContext(**context), NOW_MS)


def test_a_clean_momentum_ride_is_taken(make) -> None:
    """Everything holds: action, strategy, agreement, confidence."""
    decision = decided(make.board())
    assert (decision.action, decision.strategy, decision.failed) == (Action.LONG, Strategy.MOMENTUM_RIDE, ())
    assert decision.engines_agree == 3
    assert decision.confidence == pytest.approx(70.0)
    assert decision.ts_ms == NOW_MS


def test_a_record_has_all_inputs_and_the_reason(make) -> None:
    """What was decided stays; the five engines and who spoke for it come along (S1-5)."""
    decider = Decider(make.board(), PLAIN)
    plain = decider.decide(DecisionContext(), NOW_MS)
    whole = decider.explain(plain)
    assert plain.signals == ()
    assert [signal.engine for signal in whole.signals] == list(Engine)
    assert "LONG A: ORDER_FLOW" in whole.reason
    assert "SENTIMENT" not in whole.reason, "it has no direction"
    names = [name for name in Decision.__struct_fields__ if name not in ("signals", "reason")]
    assert all(getattr(plain, name) == getattr(whole, name) for name in names)


def test_the_mirror_is_short(make) -> None:
    """A negative score with everything on the other side."""
    board = make.board(score=-0.7, directions=(-1, -1, -1, 0), imbalance=-0.5, cvd_slope=-1.0, trend=-1, streak=-10)
    assert decided(board).action is Action.SHORT


@pytest.mark.parametrize(
    ("item", "board", "context"),
    [
        ("score", {"score": 0.55}, {}),
        ("score", {"score": math.nan, "directions": (-1, -1, -1, 0), "streak": -10, "cvd_slope": -1.0}, {}),
        ("agreement", {"directions": (1, 1, 0, 0)}, {}),
        ("agreement", {"directions": (1, 1, -1, 0)}, {}),
        ("order_flow_opposite", {"directions": (-1, 1, 1, 1)}, {}),
        ("regime", {"regime_warm": False}, {}),
        ("spread", {"spread_ok": 0}, {}),
        ("opposite_position", {}, {"position": Direction.SHORT}),
        ("open_positions", {}, {"open_positions": 2}),
        ("breaker", {}, {"breaker_closed": False}),
        ("score_stable", {"jump": 0.31}, {}),
        ("score_stable", {"jump": math.nan}, {}),
        ("score_stable", {"settled": 0}, {}),
        ("feed_warm", {}, {"feed_warm": False}),
        ("A.trigger.velocity", {"velocity_ratio": 2.0}, {}),
    ],
)
def test_each_failed_item_stops_the_trade_by_its_name(make, item: str, board: dict, context: dict) -> None:
    """S1-2: one item fails, that one is named, and nothing else."""
    decision = decided(make.board(**board), **context)
    assert decision.action is Action.NO_TRADE
    assert decision.failed == (item,)
    assert decision.reason.endswith(f"not because of {item}")


def test_all_failed_items_are_named_together(make) -> None:
    """Not only the first."""
    board = make.board(score=0.1, directions=(-1, 0, 0, 0), jump=1.0, vol=VolPhase.EXTREME, spread_ok=0)
    context = {"position": Direction.SHORT, "open_positions": 9, "breaker_closed": False, "feed_warm": False}
    failed = decided(board, **context).failed
    assert failed == (*CHECKLIST, "A.filter.extreme")


def test_at_the_gate_is_not_above_it(make) -> None:
    """|score| > 0.55."""
    assert decided(make.board(score=0.55)).failed == ("score",)
    assert decided(make.board(score=0.5501)).action is Action.LONG


def test_a_jump_of_just_the_most_is_no_jump(make) -> None:
    """S1-2: no jump > 0.3."""
    assert decided(make.board(jump=0.3)).action is Action.LONG


CALM = {"velocity_ratio": 1.0, "streak": 0, "spike_ratio": 1.0}
REVERTING = CALM | {"rsi": 24.0, "bb_zone": -1, "cvd_divergence": 1, "phase": Phase.RANGING}
FALLING = CALM | {
    "score": -0.7,
    "directions": (-1, -1, -1, 0),
    "proximity": 0.8,
    "liq_side": -1,
    "interpretation": LONG_LIQ,
    "oi_change_pct": -0.1,
    "big_trade": 1,
}


@pytest.mark.parametrize(
    ("board", "strategy", "lacking", "item"),
    [
        (REVERTING, Strategy.MEAN_REVERSION, {"cvd_divergence": 0}, "B.confirm"),
        (FALLING, Strategy.LIQUIDATION_CASCADE, {"volume_spike": 0}, "C.trigger.spike"),
    ],
)
def test_reversions_and_cascades_are_taken_and_named_too(
    make, board: dict, strategy: Strategy, lacking: dict, item: str
) -> None:
    """S1-3: the best strategy's own conditions decide, whichever it is."""
    taken = decided(make.board(**board))
    assert (taken.strategy, taken.failed) == (strategy, ())
    assert taken.action is (Action.SHORT if board is FALLING else Action.LONG)
    assert decided(make.board(**(board | lacking))).failed == (item,)


def test_a_position_of_the_same_direction_is_no_hedge(make) -> None:
    """Only the opposite one is forbidden."""
    assert decided(make.board(), position=Direction.LONG, open_positions=1).action is Action.LONG


def test_no_strategy_above_the_least_score_is_no_trade(make) -> None:
    """S1-3: below 0.4."""
    board = make.board(velocity_ratio=1.0, spike_ratio=1.0, phase=Phase.CHOPPY)
    assert decided(board, DecisionSettings(flow_strength=0.9)).failed == ("strategy",)


def test_deciding_changes_nothing(make) -> None:
    """The state is read only, and a second look says the same."""
    board = make.board()
    before = board.state.tobytes()
    first = decided(board)
    assert decided(board) == first
    assert board.state.tobytes() == before


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (10, 2 - 3, 3)),
        ({"phase": Phase.RANGING}, (4 + 3 + 2 - 3, 2 + 1, 3)),
        ({"velocity_ratio": 2.0, "streak": 7, "phase": Phase.CHOPPY}, (2, 2, 3)),
        ({"streak": -8, "phase": Phase.CHOPPY}, (9, 2, 3)),
        ({"rsi": 24.9, "bb_zone": -1, "imbalance": -0.41, "phase": Phase.RANGING}, (6, 4 + 3 + 2 + 1, 3)),
        ({"rsi": 75.1, "imbalance": 0.40, "spike_ratio": 2.0, "phase": Phase.CHOPPY}, (9, 4, 0)),
        ({"rsi": 25.0, "phase": Phase.CHOPPY}, (9, 2, 3)),
        ({"rsi": 75.0, "phase": Phase.CHOPPY}, (9, 2, 3)),
        ({"proximity": 0.71, "interpretation": LONG_LIQ}, (10, -1, 10)),
        ({"proximity": 0.70, "interpretation": SHORT_COVER, "spike_ratio": 1.0}, (10, -1, 2)),
        ({"proximity": 0.71, "interpretation": REAL_BUYING, "spike_ratio": 1.0}, (10, -1, 5)),
    ],
)
def test_strategy_sums_are_those_of_the_specification(make, changes: dict, expected: tuple[int, int, int]) -> None:
    """S1-3, in tenths."""
    assert make.sums(sum_strategies, **changes) == expected


def test_an_rsi_that_is_not_known_yet_is_no_extreme(make) -> None:
    """S1-3: a cold E3 says 0, and 0 is below 25."""
    board = make.board(rsi=0.0, phase=Phase.CHOPPY)
    tenths = np.zeros(3, np.int64)
    for warm, sum_of_b in ((1, 4 + 2), (0, 2)):
        board.state[0]["technical"]["warm"] = warm
        sum_strategies(board.state[0], limits_of(PLAIN)[0], tenths)
        assert tenths[1] == sum_of_b


def test_a_drill_enters_against_the_flow_and_while_the_score_settles(make) -> None:
    """Its switches turn these two items off, and only for it."""
    board = make.board(directions=(-1, 1, 1, 1), settled=0)
    assert decided(board, DRILL_DECISION).failed == ()
    assert decided(board).failed == ("order_flow_opposite", "score_stable")


def test_a_flow_of_just_the_strength_adds_nothing(make) -> None:
    """S1-3: E1 strength > 0.60."""
    assert make.sums(sum_strategies, DecisionSettings(flow_strength=0.79))[0] == 10
    assert make.sums(sum_strategies, DecisionSettings(flow_strength=0.8))[0] == 8


@pytest.mark.parametrize(
    ("tenths", "best"),
    [((10, -1, 10), 0), ((3, 3, 3), 0), ((1, 4, 4), 1), ((1, 4, 5), 2), ((-3, -3, 0), 2), ((-3, -1, -2), 1)],
)
def test_the_best_strategy_is_the_highest_sum(tenths: tuple[int, int, int], best: int) -> None:
    """argmax; A before B before C when equal."""
    assert best_of(np.array(tenths)) == best


def test_the_verdict_tells_of_all_three_strategies(make) -> None:
    """For statistics: the decision itself names only what the best one lacks."""
    verdict = Decider(make.board(), PLAIN).judge(DecisionContext())
    assert (verdict.side, verdict.agree, verdict.failed, verdict.best) == (1, 3, 0, 0)
    assert verdict.tenths == (10, -1, 3)
    assert verdict.unmet[0] == 0 < verdict.unmet[1]
    assert all(unmet < 1 << len(names) for unmet, names in zip(verdict.unmet, CONDITIONS, strict=True))


@pytest.mark.parametrize("settings", [DEFAULT_DECISION, DRILL_DECISION])
def test_kernels_read_every_threshold_of_the_settings(settings: DecisionSettings) -> None:
    """Under the same names, true as 1."""
    limits = limits_of(settings)[0]
    for name in LIMITS.names:
        value = getattr(settings, name)
        if LIMITS[name].names is None:
            assert limits[name] == value
            continue
        assert LIMITS[name].names == value.__struct_fields__
        assert all(limits[name][part] == getattr(value, part) for part in LIMITS[name].names)


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
    decision = decided(make.board(directions=(1, 1, 1, 1)))
    assert decision.engines_agree == 4
    assert decision.confidence == pytest.approx(77.0)


@pytest.mark.parametrize(
    ("board", "context", "plain"),
    [
        ({}, {}, False),
        ({"velocity_ratio": 2.0}, {}, False),
        ({"velocity_ratio": 1.0, "spike_ratio": 1.0, "phase": Phase.CHOPPY, "streak": 1}, {}, False),
        ({"score": 0.5}, {}, True),
        ({"velocity_ratio": 2.0}, {"feed_warm": False}, True),
    ],
)
def test_a_plain_no_is_what_the_checklist_says(make, board: dict, context: dict, plain: bool) -> None:
    """Trades, and what only the strategies refuse, are not (S1-5)."""
    assert is_plain(decided(make.board(**board), **context)) is plain
