"""A book travels in the kernels' own layout and reads back as it was said."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.domain.market import LEVELS, Depth, packed_levels

NUMBERS = st.floats(min_value=1e-8, max_value=1e8)
SIDES = st.lists(st.tuples(NUMBERS, NUMBERS), max_size=LEVELS)


def book(bids: list[tuple[float, float]], asks: list[tuple[float, float]]) -> Depth:
    """A book with these levels."""
    return Depth(
        symbol="BTCUSDT",
        ts_ms=1,
        first_update_id=1,
        final_update_id=1,
        prev_update_id=0,
        levels=packed_levels(bids, asks),
    )


@pytest.mark.property
@given(SIDES, SIDES)
def test_what_is_packed_is_read_back(bids: list[tuple[float, float]], asks: list[tuple[float, float]]) -> None:
    """Any number of levels on either side, none included, to the last bit."""
    packed = book(bids, asks)
    assert (packed.bids, packed.asks) == (tuple(bids), tuple(asks))
    rows = np.frombuffer(packed.levels).reshape(LEVELS, 4)
    for k in range(LEVELS):
        assert tuple(rows[k, :2]) == (bids[k] if k < len(bids) else (0.0, 0.0))
        assert tuple(rows[k, 2:]) == (asks[k] if k < len(asks) else (0.0, 0.0))


def test_more_levels_than_there_is_room_for_are_left_out() -> None:
    """The twenty best count."""
    many = [(100.0 - k, 1.0) for k in range(LEVELS + 5)]
    assert book(many, []).bids == tuple(many[:LEVELS])
    assert book([], many).asks == tuple(many[:LEVELS])
