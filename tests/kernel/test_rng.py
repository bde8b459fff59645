"""Seeded chance."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.kernel.rng import Rng

pytestmark = pytest.mark.property


@given(st.integers(), st.text(max_size=10))
def test_a_stream_is_a_function_of_seed_and_path(seed: int, name: str) -> None:
    """Same seed, same name, same numbers."""
    assert Rng(seed).fork(name).random() == Rng(seed).fork(name).random()


@given(st.integers())
def test_siblings_do_not_disturb_each_other(seed: int) -> None:
    """Drawing from one child leaves the other as it was."""
    alone = Rng(seed).fork("b").random()
    root = Rng(seed)
    root.fork("a").random()
    root.random()
    assert root.fork("b").random() == alone


@given(st.integers())
def test_a_stream_survives_pickling_where_it_stood(seed: int) -> None:
    """A stream sent to another process goes on, it does not start over."""
    rng = Rng(seed)
    rng.random()
    copy = pickle.loads(pickle.dumps(rng))
    assert copy.random() == rng.random()


def test_chance_is_exact_at_its_ends() -> None:
    """Never means never, and always means always."""
    rng = Rng(1)
    assert not any(rng.chance(0, 10) for _ in range(100))
    assert all(rng.chance(10, 10) for _ in range(100))
