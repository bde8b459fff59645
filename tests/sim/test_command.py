"""`vortex sim`: exit codes, the seed first, one JSON object per seed."""

import json
from collections import Counter

import pytest
import typer
from typer.testing import CliRunner

from cli import sim
from vortex.sim import runner
from vortex.sim.runner import EXIT_BROKEN_PROMISE, Outcome

pytestmark = pytest.mark.sim

app = typer.Typer()
app.command()(sim.sim_command)


def outcome(seed: int, exit_code: int = 0) -> Outcome:
    """What a run would have said."""
    message = "promise 6 broken" if exit_code else ""
    return Outcome(seed, exit_code, "d" * 16, message, 9, 1_000, 10, 0, ["crash_per_10k=3"], Counter(fills=2))


def test_a_seed_is_printed_before_it_runs() -> None:
    """Even a crash of the simulation itself can be repeated."""
    result = CliRunner().invoke(app, ["--seed", "5"])
    assert result.output.startswith("SEED=5\n")
    assert "digest=" in result.output
    assert result.exit_code == 0


def test_the_first_failure_gives_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """129 for a broken promise, with the seed and the command that repeats it."""
    monkeypatch.setattr(runner, "run_seed", lambda seed, sink: outcome(seed, EXIT_BROKEN_PROMISE if seed == 3 else 0))
    result = CliRunner().invoke(app, ["--seeds", "1..4"])
    assert result.exit_code == EXIT_BROKEN_PROMISE
    assert "SEED=3 broken promise" in result.output
    assert "vortex sim --seed 3 --trace" in result.output


def test_json_is_one_object_per_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else is printed, so that it can be piped."""
    monkeypatch.setattr(runner, "run_seed", lambda seed, sink: outcome(seed))
    result = CliRunner().invoke(app, ["--seeds", "1..3", "--json"])
    rows = [json.loads(line) for line in result.output.splitlines()]
    assert [row["seed"] for row in rows] == [1, 2, 3]
    assert rows[0]["repeat"] == "vortex sim --seed 1 --trace"


def test_a_trace_has_one_line_per_event_under_its_columns() -> None:
    """Aligned: the columns begin where the header says."""
    result = CliRunner().invoke(app, ["--seed", "2", "--trace"])
    lines = result.output.splitlines()
    header = next(line for line in lines if "who" in line and "detail" in line)
    what = header.index("what")
    events = lines[lines.index(header) + 1 : -1]
    assert len(events) > 100
    assert all(line[what - 1] == " " and line[what] != " " for line in events[:50])


@pytest.mark.parametrize("arguments", [["--seeds", "9..1"], ["--seeds", "x"], ["--seed", "1", "--seeds", "1..2"]])
def test_a_wrong_range_is_a_usage_error(arguments: list[str]) -> None:
    """Exit 2, as every usage error."""
    assert CliRunner().invoke(app, arguments).exit_code == 2
