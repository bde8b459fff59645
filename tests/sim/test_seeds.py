"""Three hundred seeds keep every promise and settle, as many again with zombies and no journal; one seed, one story."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from vortex.kernel.rng import Rng
from vortex.sim.faults import Swarm, draw
from vortex.sim.runner import Run, explain, run_seed

pytestmark = pytest.mark.sim

ROOT = Path(__file__).resolve().parents[2]
SEEDS = 300
BATCHES = 10
PRINT_DIGEST = "from vortex.sim.runner import run_seed; print(*(run_seed(seed).digest for seed in (11, 12)))"


@pytest.mark.parametrize("batch", range(BATCHES))
def test_every_seed_keeps_its_promises_and_settles(batch: int) -> None:
    """Promises 1 to 9 after every event, promise 10 after healing; the message repeats the failure."""
    failed = [outcome for seed in range(1 + batch, SEEDS + 1, BATCHES) if not (outcome := run_seed(seed)).ok]
    assert not failed, "\n\n".join(explain(outcome) for outcome in failed)


def zombies_without_a_journal(seed: int) -> Swarm:
    """What the seed draws, and on top of it, always: stops that end as zombies, and a journal that is often away."""
    drawn = draw(Rng(seed, "swarm"))
    return replace(drawn, pause_per_10k=30, zombie_percent=90, journal_outage_every_ms=5_000)


@pytest.mark.parametrize("batch", range(BATCHES))
def test_every_seed_survives_zombies_that_no_journal_can_fence(batch: int) -> None:
    """The one weather in which only the node's page tells a woken process that it was replaced (ADR 0007)."""
    outcomes = [
        Run(seed, swarm=zombies_without_a_journal(seed), faults_ms=25_000).judge()
        for seed in range(1 + batch, SEEDS + 1, BATCHES)
    ]
    failed = [outcome for outcome in outcomes if not outcome.ok]
    assert not failed, "\n\n".join(f"{explain(outcome)}\nunder {outcome.faults}" for outcome in failed)
    assert sum(outcome.counts["process.disowned"] for outcome in outcomes) > 20


@pytest.mark.parametrize("seed", [1, 42, 300])
def test_the_same_seed_tells_the_same_story(seed: int) -> None:
    """Otherwise a failure could not be repeated."""
    first, second = run_seed(seed), run_seed(seed)
    assert (first.digest, first.steps) == (second.digest, second.steps)


def test_the_story_does_not_depend_on_the_hash_seed() -> None:
    """Nothing iterates a set where the order reaches an output."""
    digests = set()
    for hash_seed in ("0", "1", "4711"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", PRINT_DIGEST],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        digests.add(done.stdout)
    assert len(digests) == 1, digests


def test_different_seeds_tell_different_stories() -> None:
    """A digest that never changes would prove nothing."""
    assert len({run_seed(seed).digest for seed in (1, 2, 3)}) == 3
