"""`vortex sim`: the whole house in one process under virtual time and seeded faults."""

import json
import time
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:  # the simulation brings the compiler along; the other commands do without
    from vortex.sim.runner import Outcome

SEED_DEFAULT = 1


def sim_command(
    seed: Annotated[int | None, typer.Option(help="Run this one seed.", min=0)] = None,
    seeds: Annotated[str | None, typer.Option(help="Run a range of seeds, both ends included: 1..300.")] = None,
    trace: Annotated[bool, typer.Option("--trace", help="One aligned line per event (docs/simulation.md).")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per seed.")] = False,
) -> None:
    """Simulate seeded faults. Exit 0, 127 crash, 128 no convergence, 129 broken promise, by the first seed to fail.

    Example: vortex sim --seeds 1..300
    """
    if seed is not None and seeds is not None:
        raise typer.BadParameter("give --seed or --seeds, not both")
    first = SEED_DEFAULT if seed is None else seed
    wanted = range(first, first + 1) if seeds is None else _range(seeds)
    began = time.perf_counter()
    outcomes = [_one(number, trace=trace, as_json=as_json, alone=len(wanted) == 1) for number in wanted]
    if not as_json and len(wanted) > 1:
        _sum_up(outcomes, time.perf_counter() - began)
    failed = next((outcome for outcome in outcomes if not outcome.ok), None)
    if failed is not None:
        raise typer.Exit(failed.exit_code)


def _sum_up(outcomes: "list[Outcome]", seconds: float) -> None:
    """How fast it went, and which faults were drawn, really happened, and how often."""
    from vortex.sim.coverage import coverage

    typer.echo(f"{len(outcomes)} seeds in {seconds:.1f} s ({round(len(outcomes) / seconds * 3_600)} an hour)")
    typer.echo(f"{'fault':<32} {'enabled':>8} {'fired':>8} {'times':>8}")
    for row in coverage((outcome.faults, outcome.counts) for outcome in outcomes):
        typer.echo(f"{row.fault:<32} {row.enabled:>8} {row.fired:>8} {row.times:>8}")


def _one(seed: int, *, trace: bool, as_json: bool, alone: bool) -> "Outcome":
    """Run one seed and say what happened; its number comes first, so that even a crash of ours can be repeated."""
    from vortex.sim.runner import explain, run_seed

    if not as_json:
        typer.echo(f"SEED={seed}", nl=alone)
        if not alone:
            typer.echo(" ", nl=False)
    outcome = run_seed(seed, typer.echo if trace else None)
    if as_json:
        typer.echo(json.dumps(outcome.as_json()))
    elif not outcome.ok:
        typer.echo(explain(outcome))
    else:
        typer.echo(
            f"ok digest={outcome.digest} events={outcome.steps} fills={outcome.counts['fills']}"
            f" trades={outcome.counts['trades']} restarts={outcome.counts['restarts']}"
            f" healed={outcome.healed_ms}ms unprotected_max={outcome.unprotected_longest_ms}ms"
        )
    return outcome


def _range(text: str) -> range:
    """ "1..300" as a range with both ends."""
    first, dots, last = text.partition("..")
    if not dots or not first.isdigit() or not last.isdigit() or int(last) < int(first):
        raise typer.BadParameter(f"--seeds {text}: expected A..B with A <= B")
    return range(int(first), int(last) + 1)
