"""The oracle is awake: two deliberate defects are caught, by the promise they break, within a few seeds."""

import pytest

from vortex.sim.house import Mutant
from vortex.sim.runner import EXIT_BROKEN_PROMISE, Outcome, Run

pytestmark = pytest.mark.sim

SEEDS_MAX = 10


def first_caught(mutant: Mutant) -> Outcome:
    """The first of the first seeds that notices."""
    for seed in range(1, SEEDS_MAX + 1):
        outcome = Run(seed, mutant=mutant).judge()
        if outcome.exit_code == EXIT_BROKEN_PROMISE:
            return outcome
    pytest.fail(f"{SEEDS_MAX} seeds did not notice {mutant}")


def test_an_executor_without_a_gate_is_caught() -> None:
    """A permit that always says yes sends an entry under a veto, or past a lapsed lease."""
    assert "promise 6" in first_caught(Mutant(gate_open=True)).message


def test_a_shell_that_sends_before_it_commits_is_caught() -> None:
    """Journal after wire leaves orders that a reborn executor would not know."""
    assert "promise 1" in first_caught(Mutant(journal_after_wire=True)).message
