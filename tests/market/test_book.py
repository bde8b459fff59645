"""Snapshots at the door, and quotes that only move forward (E0-8)."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.domain.market import LEVELS
from vortex.market.book import ACCEPTED, check_snapshot
from vortex.market.layout import Refusal


def snapshot(bid: float = 100.0, ask: float = 100.1, levels: int = LEVELS) -> np.ndarray:
    """A regular book of so many levels."""
    rows = np.zeros((LEVELS, 4))
    for i in range(levels):
        rows[i] = (bid - 0.1 * i, 1.0, ask + 0.1 * i, 1.0)
    return rows


@pytest.mark.parametrize("levels", [1, 5, LEVELS])
def test_a_regular_book_passes_with_any_number_of_levels(levels: int) -> None:
    """Thin symbols have fewer than twenty."""
    assert check_snapshot(snapshot(levels=levels)) == ACCEPTED


def test_crossed_and_locked_books_are_refused() -> None:
    """Bid at or above ask."""
    assert check_snapshot(snapshot(100.1, 100.1)) == Refusal.CROSSED
    assert check_snapshot(snapshot(100.2, 100.1)) == Refusal.CROSSED


def test_empty_and_one_sided_books_are_told_apart() -> None:
    """A side without a level cannot be traded on."""
    assert check_snapshot(np.zeros((LEVELS, 4))) == Refusal.EMPTY
    for side in (slice(0, 2), slice(2, 4)):
        rows = snapshot()
        rows[:, side] = 0.0
        assert check_snapshot(rows) == Refusal.ONE_SIDED


@pytest.mark.parametrize(
    ("value", "refusal"),
    [(math.nan, Refusal.NOT_A_NUMBER), (math.inf, Refusal.NOT_A_NUMBER), (-1.0, Refusal.NOT_POSITIVE)],
)
@pytest.mark.parametrize("column", range(4))
def test_numbers_that_are_none_are_refused_anywhere(value: float, refusal: Refusal, column: int) -> None:
    """Any level, price or quantity."""
    for at in (0, 7, LEVELS - 1):
        rows = snapshot()
        rows[at, column] = value
        assert check_snapshot(rows) == refusal


@pytest.mark.property
@given(st.permutations(range(LEVELS)), st.booleans())
def test_only_the_sorted_order_passes(order: list[int], bids: bool) -> None:
    """Best first, no level twice."""
    rows = snapshot()
    side = slice(0, 2) if bids else slice(2, 4)
    rows[:, side] = rows[order, side]
    expected = ACCEPTED if order == list(range(LEVELS)) else None
    verdict = check_snapshot(rows)
    assert (verdict == ACCEPTED) == (expected == ACCEPTED)
    rows = snapshot()
    rows[5, side] = rows[4, side]
    assert check_snapshot(rows) == Refusal.UNSORTED
