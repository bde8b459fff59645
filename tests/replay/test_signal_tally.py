"""What is counted of a replay's samples adds up, agrees with the replay's own report, and changes nothing."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.replay.conftest import START_MS, Make
from vortex.domain.signals import Direction, Strategy
from vortex.kernel.clock import SystemClock
from vortex.signals.board import SignalBoard
from vortex.signals.generated import generate_history
from vortex.sim.replay_desk import ReplayDesk
from vortex.sim.replay_report import BINS, Distribution, SymbolReport
from vortex.sim.replay_signals import EngineTally, SignalReport, SignalTally, StrategyTally, share
from vortex.strategy.decision import NO_STRATEGY, Decider, DecisionContext
from vortex.strategy.settings import DecisionSettings
from vortex.strategy.verdict import CHECKLIST

EVENTS = 45_000
DIRECTIONS = st.sampled_from(list(Direction))


def tallied(make: Make, profile: str = "default", *, watched: bool = True) -> tuple[SymbolReport, SignalReport]:
    """A generated market through a desk that is watched, or not."""
    settings = make.settings(profile)
    tally = SignalTally("BTCUSDT", settings.decision)
    desk = ReplayDesk(make.bitcoin, settings, SystemClock(), tally if watched else None)
    desk.board.warm_up(generate_history("BTCUSDT", START_MS, seed=4))
    for batch in make.batches(EVENTS, seed=3):
        desk.feed(batch)
    return desk.finish(), tally.report()


@pytest.mark.parametrize("profile", ["default", "drill"])
def test_counts_agree_with_the_report_of_the_replay(make: Make, profile: str) -> None:
    """Two ways to count the same samples."""
    replay, signals = tallied(make, profile)
    assert signals.samples == replay.samples > 250
    assert signals.warm == replay.samples_warm
    assert signals.score == replay.score
    assert {item: count for item, count in signals.failed.items() if count} == {
        item: count for item, count in replay.sample_failed.items() if "." not in item
    }
    for engine, directions in replay.direction.items():
        assert {side: count for side, count in signals.engines[engine].directions.items() if count} == directions
    for name, strategy in signals.strategies.items():
        assert strategy.best == replay.sample_strategy_scored.get(name, 0)
        assert strategy.qualified == replay.sample_strategy_qualified.get(name, 0)


def test_shares_sum_to_one(make: Make) -> None:
    """Every sample is in exactly one part of each whole."""
    _, signals = tallied(make)
    whole = signals.samples
    for engine in signals.engines.values():
        assert sum(engine.directions.values()) == sum(engine.labels.values()) == whole
        assert engine.cold <= engine.directions["NEUTRAL"]
        assert sum(engine.strength_bins) == engine.strength.count == whole - engine.directions["NEUTRAL"]
    for parts in (signals.regime.phases, signals.regime.volatility):
        assert sum(share(count, whole) for count in parts.values()) == pytest.approx(1.0)
    assert sum(signals.score_bins) == whole
    for strategy in signals.strategies.values():
        assert sum(strategy.scores.values()) == whole
        reached = sum(n for score, n in strategy.scores.items() if float(score) >= signals.strategy_min)
        assert strategy.qualified <= strategy.best <= strategy.scored == reached
        assert strategy.qualified <= strategy.held
    bins = signals.score_bins
    assert sum(bins[:8] + bins[32:]) <= signals.beyond_gate <= sum(bins[:10] + bins[30:])
    assert all(
        count <= min(signals.failed[item], signals.beyond_gate) for item, count in signals.failed_beyond_gate.items()
    )
    assert signals.failed_beyond_gate["score"] == 0
    assert all(signals.failed_alone[item] <= count for item, count in signals.failed.items())
    assert sum(signals.failed_alone.values()) <= whole - signals.trades


def test_watching_changes_no_decision(make: Make) -> None:
    """The hash is that of a replay that nobody watches."""
    watched, _ = tallied(make, "drill")
    alone, empty = tallied(make, "drill", watched=False)
    assert watched == alone
    assert watched.orders > 0
    assert (empty.samples, empty.failed, empty.score_bins) == (0, dict.fromkeys(empty.failed, 0), [0] * 40)


def test_the_checklist_is_that_of_the_decision(make: Make) -> None:
    """A decision on an empty board fails nearly everything, and no item is unknown here."""
    board = SignalBoard(make.settings().signals, make.bitcoin)
    context = DecisionContext(position=Direction.LONG, open_positions=9, breaker_closed=False, feed_warm=False)
    failed = Decider(board, DecisionSettings()).decide(context, START_MS).failed
    items = [item for item in failed if "." not in item]
    assert len(items) >= 8
    order = (*CHECKLIST, NO_STRATEGY)
    assert [item for item in order if item in items] == items


@pytest.mark.property
@given(st.lists(st.floats(-1.0, 1.0), max_size=100), st.sampled_from([2, 20, 40, 250]))
def test_histograms_count_everything_once(values: list[float], bins: int) -> None:
    """And each number where it belongs, to half a cell."""
    distribution = Distribution()
    for value in values:
        distribution.add(value)
    found = distribution.histogram(bins)
    assert len(found) == bins
    assert sum(found) == len(values)
    for edge in range(bins + 1):
        at = edge * 2.0 / bins - 1.0
        below = sum(found[:edge])
        assert (
            sum(value < at - 1.0 / BINS for value in values)
            <= below
            <= sum(value <= at + 1.0 / BINS for value in values)
        )


@pytest.mark.property
@given(st.lists(st.tuples(DIRECTIONS, st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.booleans()), max_size=60))
def test_an_engine_is_counted_once_per_sample(said: list[tuple[Direction, float, float, bool]]) -> None:
    """Only samples with a direction have a strength and a conviction."""
    tally = EngineTally()
    for direction, strength, conviction, warm in said:
        tally.add(direction, direction.name.lower(), strength, conviction, warm=warm)
    report = tally.report()
    voiced = [row for row in said if row[0] is not Direction.NEUTRAL]
    assert sum(report.directions.values()) == sum(report.labels.values()) == len(said)
    assert report.cold == sum(not warm for *_, warm in said)
    assert sum(report.strength_bins) == report.strength.count == report.conviction.count == len(voiced)
    assert list(report.directions) == ["LONG", "NEUTRAL", "SHORT"]


@pytest.mark.property
@given(
    st.lists(
        st.tuples(st.integers(-3, 10), st.sets(st.sampled_from(["A.confirm", "A.trigger.spike"])), st.booleans()),
        max_size=60,
    )
)
def test_a_strategy_qualifies_only_when_all_is_there(said: list[tuple[int, set[str], bool]]) -> None:
    """Score, argmax and conditions."""
    tally = StrategyTally()
    for tenths, failures, best in said:
        tally.add(tenths / 10, tuple(sorted(failures)), enough=tenths >= 4, best=best)
    report = tally.report()
    assert sum(report.scores.values()) == len(said)
    assert report.scored == sum(tenths >= 4 for tenths, *_ in said)
    assert report.held == sum(not failures for _, failures, _ in said)
    assert report.qualified == sum(tenths >= 4 and best and not failures for tenths, failures, best in said)
    scores = [float(score) for score in report.scores]
    assert all(before < after for before, after in pairwise(scores))


@given(st.integers(0, 10_000), st.integers(0, 10_000))
@pytest.mark.property
def test_a_share_is_between_nothing_and_all(count: int, more: int) -> None:
    """And the parts of a whole make it."""
    whole = count + more
    assert 0.0 <= share(count, whole) <= 1.0
    assert share(count, whole) + share(more, whole) == pytest.approx(1.0 if whole else 0.0)


def test_every_strategy_is_counted(make: Make) -> None:
    """Not only the best one."""
    _, signals = tallied(make)
    assert list(signals.strategies) == [strategy.value for strategy in Strategy]
    for name, strategy in signals.strategies.items():
        assert strategy.conditions_failed
        assert all(item.startswith(f"{name}.") for item in strategy.conditions_failed)
