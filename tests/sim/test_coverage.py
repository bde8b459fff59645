"""Every fault that is drawn really happens, and each has a counter that proves it."""

from collections import Counter
from dataclasses import fields

import pytest

from vortex.kernel.rng import Rng
from vortex.sim.coverage import FIRED_BY, coverage
from vortex.sim.faults import CALM, Swarm, draw
from vortex.sim.runner import run_seed

pytestmark = pytest.mark.sim


def test_every_fault_has_a_counter_and_a_page_in_the_book() -> None:
    """A new fault must say how it is proved to fire."""
    assert set(FIRED_BY) == {field.name for field in fields(Swarm)}


def test_half_of_the_seeds_have_each_fault() -> None:
    """Swarm: no fault is always on, none is forgotten. Zombies bring their stops along."""
    enabled: Counter[str] = Counter()
    for seed in range(1, 301):
        enabled.update(text.partition("=")[0] for text in draw(Rng(seed, "swarm")).described())
    assert set(enabled) == set(FIRED_BY) - {"stranger_every_ms"}
    assert all(100 <= count <= 240 for count in enabled.values()), enabled


def test_calm_weather_has_no_faults() -> None:
    """The default is off, so that a focused swarm names all that it does."""
    assert CALM.described() == []


def test_every_fault_fires() -> None:
    """Over two dozen seeds each fault has happened in many of those that had it."""
    rows = coverage((outcome.faults, outcome.counts) for outcome in map(run_seed, range(1, 25)))
    quiet = [row for row in rows if row.fired * 3 < row.enabled]
    assert not quiet, quiet
