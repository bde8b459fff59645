"""Restoring order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.kernel.resequencer import GapTooWide, Resequencer


@pytest.mark.property
@given(st.permutations(range(1, 30)), st.lists(st.integers(1, 29), max_size=20))
def test_any_shuffle_with_repeats_comes_out_once_and_in_order(shuffled: list[int], repeats: list[int]) -> None:
    """Whatever the network does short of losing a message, the mailbox reads the sender's own order."""
    box: Resequencer[int] = Resequencer()
    out: list[int] = []
    for n in [*shuffled[:10], *repeats, *shuffled[10:]]:
        out += box.offer(n, n)
    assert out == list(range(1, 30))
    assert box.waiting == 0


def test_a_gap_that_never_closes_is_a_fault_and_not_a_leak() -> None:
    """The mailbox holds a bounded number of early messages."""
    box: Resequencer[int] = Resequencer(held_max=3)
    for n in (2, 3, 4):
        assert box.offer(n, n) == []
    with pytest.raises(GapTooWide, match="waiting for 1"):
        box.offer(5, 5)
