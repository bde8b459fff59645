"""The bounded inbox and the waiting series."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.adapters.binance.backoff import STEPS_MS, Backoff
from vortex.adapters.binance.inbox import Inbox
from vortex.kernel.rng import Rng


@pytest.mark.property
@given(st.integers(0, 2**32))
def test_waits_grow_to_their_bound_and_never_exceed_their_step(seed):
    """1, 2, 4, 8, 16, 30, 30 s, each at most a quarter shorter (E0-4)."""
    backoff = Backoff(Rng(seed))
    for step_ms in (*STEPS_MS, STEPS_MS[-1]):
        assert step_ms * 3 // 4 <= backoff.next_ms() <= step_ms
    backoff.reset()
    assert backoff.next_ms() <= STEPS_MS[0]


@pytest.mark.property
@given(
    actions=st.lists(st.sampled_from(["put", "drain", "hold", "release"]), max_size=60),
    capacity=st.one_of(st.none(), st.integers(1, 5)),
)
def test_frames_come_out_in_order_and_every_missing_one_was_counted(actions, capacity):
    """Whatever the reader does: order kept, handled + waiting + dropped = put, and nothing dropped without a bound."""
    handled: list[int] = []
    inbox = Inbox(lambda stamp, _: handled.append(stamp), capacity)
    put = 0
    for action in actions:
        if action == "put":
            put += 1
            inbox.put(put, b"")
        else:
            getattr(inbox, action)()
        assert capacity is None or inbox.waiting <= capacity
    assert handled == sorted(handled)
    assert len(handled) + inbox.waiting + inbox.dropped == put
    assert capacity is not None or inbox.dropped == 0


def test_the_oldest_is_dropped_first():
    """Stale market data is worth less than fresh (E0-4)."""
    handled: list[int] = []
    inbox = Inbox(lambda stamp, _: handled.append(stamp), 2)
    inbox.hold()
    for stamp in (1, 2, 3):
        inbox.put(stamp, b"")
    inbox.release()
    assert handled == [2, 3]
    assert inbox.dropped == 1
