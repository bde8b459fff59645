"""Budgets hold for entries, never for reductions (S3-7)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.execution.settings import ExecutionSettings
from vortex.execution.throttle import AdaptiveRate, Cost, Throttle, WindowCount

ENTRY = Cost(orders=2)


def a_throttle(**settings: float) -> Throttle:
    return Throttle(ExecutionSettings(**settings))


def test_entries_leave_a_reserve() -> None:
    """A quarter of the budget belongs to reductions."""
    throttle = a_throttle(orders_10s_limit=8, entry_reserve=0.25)
    for _ in range(2):
        assert throttle.admits_entry(0, ENTRY)
        throttle.spend(0, ENTRY)
    throttle.spend(0, ENTRY)
    assert not throttle.admits_entry(1_500, ENTRY)
    assert throttle.admits_entry(10_001, ENTRY)


def test_the_exchanges_own_count_is_believed_when_it_is_worse() -> None:
    """Another program spends from the same budget (T41)."""
    throttle = a_throttle()
    throttle.told(0, 1_700, -1, -1)
    assert not throttle.admits_entry(1, ENTRY)
    assert throttle.admits_entry(60_001, ENTRY)


def test_a_reply_that_does_not_say_is_ignored() -> None:
    """-1 in the header."""
    throttle = a_throttle()
    throttle.told(0, -1, -1, -1)
    assert throttle.admits_entry(1, ENTRY)


def test_entries_come_in_bursts_of_ten_at_most() -> None:
    """Twenty requests in ten seconds."""
    throttle = a_throttle()
    for second in range(10):
        assert throttle.admits_entry(second * 900, ENTRY)
        throttle.entered(second * 900, ENTRY)
    assert not throttle.admits_entry(9_000, ENTRY)
    assert throttle.admits_entry(10_001, ENTRY)


def test_a_block_keeps_entries_away_until_its_end() -> None:
    """The exchange said when to come back."""
    throttle = a_throttle()
    throttle.block(0, 5_000)
    assert not throttle.admits_entry(4_999, ENTRY)
    assert throttle.admits_entry(5_000, ENTRY)


def test_the_rate_halves_on_errors_and_is_whole_after_half_a_minute() -> None:
    """1 to 50 requests a second."""
    rate = AdaptiveRate()
    rate.failed(0)
    assert rate.at(0) == 25.0
    rate.succeeded()
    assert rate.at(0) == 26.25
    for _ in range(20):
        rate.failed(0)
    assert rate.at(0) == 1.0
    assert rate.at(30_000) == 50.0


@pytest.mark.property
@given(st.lists(st.tuples(st.integers(0, 2_000), st.integers(1, 5)), max_size=50))
def test_a_window_counts_exactly_what_is_in_it(spends: list[tuple[int, int]]) -> None:
    """Against the naive sum."""
    window, now, kept = WindowCount(1_000, 100), 0, []
    for gap, cost in spends:
        now += gap
        window.spend(now, cost)
        kept.append((now, cost))
        assert window.used(now) == sum(c for at, c in kept if at > now - 1_000)
