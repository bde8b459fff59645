"""The oracle is awake: deliberate defects are caught within a few seeds."""

import pytest

from vortex.sim.faults import Swarm
from vortex.sim.house import Mutant
from vortex.sim.runner import EXIT_BROKEN_PROMISE, EXIT_CRASH, Outcome, Run

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


def test_a_journal_that_admits_old_epochs_is_caught() -> None:
    """Without the fence a woken zombie and its successor both write, and both send."""
    swarm = Swarm(pause_per_10k=40, zombie_percent=90)
    outcomes = [Run(seed, swarm=swarm, mutant=Mutant(no_fence=True)).judge() for seed in range(1, 4)]
    assert all(outcome.exit_code in (EXIT_BROKEN_PROMISE, EXIT_CRASH) for outcome in outcomes)
