"""Snapshots at the door, and quotes that only move forward (E0-8)."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.domain.market import LEVELS
from vortex.market.book import ACCEPTED, check_snapshot, take_best, take_snapshot
from vortex.market.layout import BOOK, Refusal


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


def test_a_break_in_the_chain_of_updates_is_counted_and_the_snapshot_taken_all_the_same() -> None:
    """E0-8: the first one follows nothing; every later one follows the one before."""
    book = np.zeros(1, BOOK)
    for update_id, prev_id in ((10, 5), (20, 10), (30, 15), (40, 30), (50, 41), (60, 50)):
        take_snapshot(book[0], snapshot(levels=5), update_id, update_id, prev_id, 500)
    assert (book[0]["gaps"], book[0]["readings"], book[0]["update_id"], book[0]["ts_ms"]) == (2, 6, 60, 60)
    assert (book[0]["bids"], book[0]["asks"]) == (5, 5)


def test_the_best_quotes_are_the_freshest_of_both_streams() -> None:
    """By update id; an older one changes nothing, and time never goes back."""
    book = np.zeros(1, BOOK)
    take_snapshot(book[0], snapshot(), 100, 10, 5, 500)
    assert (book[0]["best_bid"], book[0]["best_ask"], book[0]["best_id"]) == (100.0, 100.1, 10)
    assert take_best(book[0], 90, 11, 99.9, 100.2)
    assert (book[0]["best_bid"], book[0]["best_ask"], book[0]["best_ms"], book[0]["best_id"]) == (99.9, 100.2, 100, 11)
    assert not take_best(book[0], 200, 10, 1.0, 2.0)
    assert take_best(book[0], 200, 11, 99.8, 100.1)
    assert (book[0]["best_bid"], book[0]["best_ask"], book[0]["best_ms"], book[0]["best_id"]) == (99.8, 100.1, 200, 11)


def grown(*books: tuple[int, np.ndarray]) -> np.void:
    """The book after these snapshots, by their times."""
    book = np.zeros(1, BOOK)
    for number, (ts_ms, rows) in enumerate(books, 1):
        take_snapshot(book[0], rows, ts_ms, number, number - 1, 500)
    return book[0]


def with_best_bid(qty: float, levels: int = LEVELS) -> np.ndarray:
    """A regular book with so much at the best bid."""
    rows = snapshot(levels=levels)
    rows[0, 1] = qty
    return rows


@pytest.mark.parametrize(
    ("later", "ms", "qty"),
    [
        ([], 0, 0.0),  # nothing is known to be new in the first
        ([(100, 8.0)], 100, 3.0),
        ([(100, 8.0), (200, 8.0)], 100, 3.0),
        ([(100, 8.0), (200, 6.0)], 100, 1.0),  # what it loses is taken from its growth first
        ([(100, 8.0), (200, 4.0)], 100, 0.0),
        ([(100, 8.0), (200, 9.0)], 100, 4.0),  # a little more is as old as the larger part
        ([(100, 8.0), (200, 11.0)], 200, 6.0),
        ([(100, 8.0), (600, 9.0)], 600, 1.0),  # what is half a second old is no part of it any more
    ],
)
def test_a_level_knows_how_much_of_it_is_new_and_since_when(
    later: list[tuple[int, float]], ms: int, qty: float
) -> None:
    """E1-7: five at first."""
    book = grown((0, with_best_bid(5.0)), *[(at_ms, with_best_bid(quantity)) for at_ms, quantity in later])
    assert (book["grown_ms"][0, 0], book["grown_qty"][0, 0]) == (ms, pytest.approx(qty))
    assert book["grown_qty"][1].max() == 0.0


def test_levels_that_grew_are_counted_one_by_one() -> None:
    """E1-7: what spoofs are compared with; what shrank is none."""
    rows = snapshot()
    rows[:3, 1] += 1.0
    rows[7, 3] += 1.0
    rows[9, 3] -= 0.5
    assert grown((0, snapshot()), (100, rows))["increments"] == 4


@pytest.mark.parametrize("side", [0, 1])
def test_a_new_level_is_all_new_but_not_one_that_comes_into_sight(side: int) -> None:
    """E1-7: beyond the old book's last level nothing was known; a book with fewer than twenty has nothing beyond."""
    better = np.round(snapshot(100.0, 100.3), 6)
    moved = np.round(snapshot(100.1, 100.2), 6)  # each side has a better best, and loses its last from sight
    book = grown((0, better), (100, moved))
    assert (book["grown_ms"][side, 0], book["grown_qty"][side, 0]) == (100, 1.0)
    assert book["grown_qty"][side, 1:].max() == 0.0
    assert book["increments"] == 2
    back = grown((0, better), (100, moved), (200, better))
    assert back["grown_qty"][side].max() == 0.0
    assert back["increments"] == 0
    thin = grown((0, snapshot(levels=5)), (100, snapshot(levels=7)))
    assert list(thin["grown_qty"][side, :8]) == [0.0] * 5 + [1.0] * 2 + [0.0]
    assert thin["increments"] == 4
