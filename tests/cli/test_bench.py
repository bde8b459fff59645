"""What `vortex bench recovery` makes of its rounds."""

import pytest

from supervisors.bench_recovery import MEASURES, Round, chosen_kinds, summary
from vortex.kernel.errors import ConfigError


def of(kind: str, **measures: float | None) -> Round:
    """One death; what is not said was not seen."""
    return Round(kind=kind, role=kind, **(dict.fromkeys(MEASURES) | measures))


def test_percentiles_are_measured_values_by_nearest_rank() -> None:
    """With few rounds the p99 is the worst of them, never something in between."""
    rounds = [of("executor", detect_ms=float(ms)) for ms in (30, 10, 20, 40)]
    assert summary(rounds)["executor"]["detect_ms"] == {"p50": 20.0, "p99": 40.0}


def test_a_step_that_was_not_seen_is_missing_not_zero() -> None:
    """One unseen step leaves the others; nothing seen leaves nothing."""
    rounds = [of("root", restart_ms=5.0), of("root")]
    seen = summary(rounds)["root"]
    assert seen["restart_ms"] == {"p50": 5.0, "p99": 5.0}
    assert seen["trading_ms"] == {"p50": None, "p99": None}


def test_every_kind_has_the_promised_measures() -> None:
    """Names are contracts."""
    seen = summary([of("symbol"), of("symbol_stopped")])
    assert {kind: tuple(measures) for kind, measures in seen.items()} == {
        "symbol": ("detect_ms", "restart_ms", "reconciled_ms", "trading_ms"),
        "symbol_stopped": ("detect_ms", "restart_ms", "reconciled_ms", "trading_ms"),
    }


@pytest.mark.parametrize("text", ["", "actor", "executor,actors"])
def test_kinds_are_known_or_refused(text: str) -> None:
    """The message names those that there are."""
    with pytest.raises(ConfigError, match="executor, symbol, breaker, root"):
        chosen_kinds(text)
