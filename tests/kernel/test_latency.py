"""Histograms of durations: percentiles within their bucket, and sums of parts equal to the whole."""

import math

from hypothesis import given
from hypothesis import strategies as st

from vortex.kernel.latency import BUCKETS, LONGEST_NS, STEPS, Histogram, merged, middle_ns

DURATIONS = st.integers(0, LONGEST_NS)
MANY = st.lists(DURATIONS, min_size=1, max_size=200)


def of(*durations: int) -> Histogram:
    """A histogram of these."""
    histogram = Histogram()
    for ns in durations:
        histogram.record(ns)
    return histogram


@given(MANY, st.floats(0.001, 1.0))
def test_a_percentile_is_the_measured_one_within_half_a_bucket(durations: list[int], share: float) -> None:
    """Nearest rank among the durations themselves, off by no more than the law says."""
    exact = sorted(durations)[max(1, math.ceil(share * len(durations))) - 1]
    (found,) = of(*durations).percentiles_ns(share)
    assert abs(found - exact) <= exact / (2 * STEPS) + 1


@given(st.integers(0, 2 * STEPS - 1))
def test_very_short_durations_are_exact(ns: int) -> None:
    """Below 64 ns every duration has a bucket of its own."""
    assert of(ns).percentiles_ns(0.5) == [ns]


@given(MANY, MANY)
def test_merging_is_hearing_both(one: list[int], other: list[int]) -> None:
    """Counts and buckets of the merged are those of the concatenated."""
    together, whole = merged([of(*one), of(*other)]), of(*one, *other)
    assert (together.pairs(), together.count) == (whole.pairs(), len(one) + len(other))


@given(MANY, MANY)
def test_a_later_look_less_an_earlier_one_is_what_came_between(before: list[int], after: list[int]) -> None:
    """So a measurement can leave out what went before it."""
    assert of(*before, *after).since(of(*before).pairs()).pairs() == of(*after).pairs()


@given(MANY)
def test_buckets_travel_as_pairs(durations: list[int]) -> None:
    """A histogram made of another one's pairs counts the same."""
    sent = of(*durations)
    received = Histogram([list(pair) for pair in sent.pairs()])
    assert (received.pairs(), received.count) == (sent.pairs(), sent.count)


@given(st.integers(0, BUCKETS - 1))
def test_every_bucket_holds_its_own_middle(bucket: int) -> None:
    """The way there and back ends in the same bucket."""
    assert of(middle_ns(bucket)).pairs() == [(bucket, 1)]


def test_what_cannot_be_is_kept_within_bounds() -> None:
    """A clock that was set back counts as nothing, a week as the longest there is."""
    histogram = of(-5, 7 * 24 * 3_600 * 10**9)
    assert histogram.pairs() == [(0, 1), (BUCKETS - 1, 1)]


def test_an_empty_histogram_says_zero() -> None:
    """Nothing was counted, nothing is made up."""
    assert Histogram().percentiles_ns(0.5, 0.999) == [0, 0]
