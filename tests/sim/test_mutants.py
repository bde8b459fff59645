"""The oracle is awake: deliberate defects are caught within a few seeds."""

import pytest

from vortex.sim.faults import Swarm
from vortex.sim.house import Mutant
from vortex.sim.runner import EXIT_BROKEN_PROMISE, EXIT_CRASH, Outcome, Run

pytestmark = pytest.mark.sim

SEEDS_MAX = 10


def first_caught(mutant: Mutant, swarm: Swarm | None = None) -> Outcome:
    """The first of the first seeds that notices."""
    for seed in range(1, SEEDS_MAX + 1):
        outcome = Run(seed, swarm=swarm, mutant=mutant).judge()
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
    """Nothing of a woken zombie leaves, but what it had decided to write contradicts what its successor wrote: a crash,
    a broken promise, or a house that never settles."""
    swarm = Swarm(pause_per_10k=60, zombie_percent=100)
    outcomes = [Run(seed, swarm=swarm, mutant=Mutant(no_fence=True)).judge() for seed in range(1, SEEDS_MAX + 1)]
    assert any(not outcome.ok for outcome in outcomes)


def test_a_house_without_any_fence_is_caught_at_once() -> None:
    """Neither journal nor page: a woken zombie and its successor both write, and both send."""
    swarm = Swarm(pause_per_10k=40, zombie_percent=90)
    mutant = Mutant(no_fence=True, no_announcement=True)
    outcomes = [Run(seed, swarm=swarm, mutant=mutant).judge() for seed in range(1, 4)]
    assert all(outcome.exit_code in (EXIT_BROKEN_PROMISE, EXIT_CRASH) for outcome in outcomes)


def test_a_supervisor_that_announces_no_executor_is_caught() -> None:
    """Without a journal nothing else tells a woken executor that it was replaced."""
    swarm = Swarm(pause_per_10k=60, zombie_percent=100, journal_outage_every_ms=3_000)
    assert "promise 3" in first_caught(Mutant(no_announcement=True), swarm).message


def test_a_shell_that_does_not_look_before_each_request_is_caught() -> None:
    """Stopped between decision and request for less than the exchange's window, and replaced meanwhile."""
    swarm = Swarm(pause_per_10k=150, zombie_percent=100)
    assert "promise 3" in first_caught(Mutant(blind_sender=True), swarm).message
