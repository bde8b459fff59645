"""The exchange's clock estimated from questions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.adapters.binance.clock_offset import ClockSample, estimate
from vortex.kernel.clock import MS

legs = st.tuples(st.integers(0, 300 * MS), st.integers(0, 300 * MS))


@pytest.mark.property
@given(
    truth_ns=st.integers(-(10**18), 10**18),
    start_ns=st.integers(0, 10**15),
    legs=st.lists(legs, min_size=1, max_size=9),
)
def test_the_estimate_is_never_off_by_more_than_it_says(truth_ns, start_ns, legs):
    """However asymmetric the legs, half the shortest round trip bounds the error."""
    samples, sent_ns = [], start_ns
    for there_ns, back_ns in legs:
        server_ms = (sent_ns + there_ns + truth_ns) // MS
        received_ns = sent_ns + there_ns + back_ns
        samples.append(ClockSample(sent_ns, received_ns, server_ms))
        sent_ns = received_ns
    offset = estimate(samples)
    assert abs(offset.offset_ns - truth_ns) <= offset.error_ns + 1


@pytest.mark.property
@given(round_trips=st.lists(st.integers(1, 10**9), min_size=2, max_size=9))
def test_the_fastest_answer_counts(round_trips):
    """A slow answer among fast ones changes nothing."""
    samples = [ClockSample(0, trip, 1_000) for trip in round_trips]
    assert estimate(samples) == estimate([min(samples, key=lambda sample: sample.round_trip_ns)])
