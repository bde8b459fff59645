"""Messages of dead incarnations are turned away (promise 3)."""

import pytest

from vortex.execution.fencing import Fence
from vortex.kernel.errors import Fenced


def test_an_older_epoch_is_refused_and_counted() -> None:
    """Once a newer one has spoken."""
    fence = Fence()
    fence.admit("symbol:A", 3)
    fence.admit("symbol:A", 3)
    with pytest.raises(Fenced):
        fence.admit("symbol:A", 2)
    assert fence.refused == 1
    fence.admit("symbol:B", 1)


def test_a_raised_fence_holds_before_the_new_one_speaks() -> None:
    """The supervisor's word."""
    fence = Fence()
    fence.raise_to("symbol:A", 5)
    with pytest.raises(Fenced):
        fence.admit("symbol:A", 4)
    fence.raise_to("symbol:A", 2)
    assert fence.newest("symbol:A") == 5
