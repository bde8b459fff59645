"""A desk does the same however its events are cut, and something else when they differ."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.replay.conftest import Make
from vortex.signals.board import SignalBoard
from vortex.sim.replay_report import SymbolReport
from vortex.sim.replay_rows import Batch

EVENTS = 12_000
MAKE = Make()
WHOLE = MAKE.batches(EVENTS)


def cut(batches: list[Batch], at: list[int]) -> list[Batch]:
    """The same events in other pieces."""
    pieces = []
    for events, books, candles in batches:
        edges = [0, *sorted({each for each in at if 0 < each < len(events)}), len(events)]
        pieces += [Batch(events[a:b], books, candles) for a, b in pairwise(edges)]
    return pieces


@pytest.fixture(scope="module")
def whole() -> SymbolReport:
    """The reference."""
    return MAKE.replayed(WHOLE)


@pytest.mark.property
@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, EVENTS - 1), max_size=40))
def test_batches_of_any_size_say_the_same(at: list[int]) -> None:
    """Decisions, trades, samples and the hash."""
    assert MAKE.replayed(cut(WHOLE, at)) == MAKE.replayed(WHOLE)


def test_one_by_one_says_the_same(whole: SymbolReport) -> None:
    """As in live trading."""
    assert MAKE.replayed(cut(WHOLE, list(range(1, EVENTS)))) == whole


def test_a_lively_market_is_traded(whole: SymbolReport) -> None:
    """With the drill profile the counts are not empty, and they add up."""
    assert whole.figures.trades > 0
    assert whole.entries == whole.figures.trades + whole.entries_unfilled + whole.entries_rejected
    assert whole.decisions == sum(whole.decisions_by.values())
    assert whole.decisions - whole.decisions_by.get("NO_TRADE", 0) == whole.entries + sum(whole.refused.values())
    assert whole.samples == whole.score.count > 50
    assert sum(whole.direction["e1"].values()) == whole.samples
    assert whole.input_refused == {}


def test_another_market_has_another_hash(whole: SymbolReport) -> None:
    """The hash is of what was decided."""
    assert MAKE.replayed(MAKE.batches(EVENTS, seed=2)).hash != whole.hash


def test_samples_change_nothing(whole: SymbolReport) -> None:
    """Looking is not deciding."""
    unseen = MAKE.replayed(WHOLE, MAKE.settings(sample_ms=0))
    assert (unseen.hash, unseen.figures, unseen.samples) == (whole.hash, whole.figures, 0)


def test_stopping_only_where_something_could_be_entered_changes_nothing(
    whole: SymbolReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cycles with a trade open or within a pause decide nothing, so the kernels need not stop for them."""
    monkeypatch.setattr(SignalBoard, "keep_quiet", lambda board, until_ms: None)
    assert MAKE.replayed(WHOLE) == whole


def test_generated_stretches_join() -> None:
    """Ids, times and prices go on from one stretch to the next; prices are on the grid."""
    first, second = MAKE.batches(150_000 + 300)
    for kind in (1, 2):
        last, following = (rows[rows["kind"] == kind] for rows in (first.events, second.events))
        assert following["id"][0] == last["id"][-1] + 1
        assert following["ts_ms"][0] >= last["ts_ms"][-1]
    assert abs(second.books[0, 0, 0] - first.books[-1, 0, 0]) < 10.0
    assert np.array_equal(second.books[:, :, 0], np.round(second.books[:, :, 0], 1))
