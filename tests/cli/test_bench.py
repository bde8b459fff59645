"""What the measurements of `vortex bench` make of what they have seen."""

import json
from pathlib import Path

import pytest

from cli.venue_load import percentiles
from supervisors.bench_recovery import MEASURES, Round, chosen_kinds, summary
from supervisors.recovery_weight import mean_weights, weight_by_path
from tests.cli.commands import run, said
from vortex.kernel.clock import MS
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


def test_latencies_are_measured_values_up_to_the_worst() -> None:
    """Nearest rank: of ten values the p90 is the ninth, and everything above is the tenth."""
    assert percentiles(float(ms) for ms in (10, 1, 9, 2, 8, 3, 7, 4, 6, 5)) == {
        "p50": 5.0,
        "p90": 9.0,
        "p99": 10.0,
        "p99.9": 10.0,
        "max": 10.0,
    }
    assert percentiles([]) == {}


@pytest.mark.parametrize("option", [["--symbols", "0"], ["--symbols", "99"], ["--orders-per-s", "0"], ["--speed", "0"]])
def test_loads_that_make_no_sense_are_refused(tmp_path: Path, option: list[str]) -> None:
    """Before anything is started."""
    assert said(tmp_path, "bench", "venue", *option).exit_code == 2


@pytest.mark.venue
def test_the_load_on_the_exchange_counts_what_was_asked_of_it(tmp_path: Path) -> None:
    """A small one: every order answered and told, every stream heard, the exchange gone afterwards.

    How fast it was is for the machine to say.
    """
    asked = ("--orders-per-s", "20", "--symbols", "1", "--speed", "5", "--seconds", "6")
    result = run(tmp_path, "bench", "venue", *asked, "--json")
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)
    assert document["refused"] == 0
    assert document["orders"] > 0
    assert document["user_events"]["missing"] == 0
    assert document["user_events"]["received"] == document["user_events"]["expected"]
    assert set(document["market"]["by_stream_per_s"]) == {
        "aggTrade",
        "bookTicker",
        "depth20@100ms",
        "kline_1m",
        "markPrice",
    }
    assert set(document["latency_ms"]) == {"p50", "p90", "p99", "p99.9", "max"}


def request(second: float, path: str, weight: int) -> dict[str, object]:
    """One request of the exchange's record, so long after the signal."""
    return {"time": 1_000_000 + int(second * 1_000), "method": "GET", "path": path, "weight": weight}


def test_the_weight_of_a_recovery_is_what_was_asked_right_after_the_signal() -> None:
    """Neither what came before nor what came much later, and free requests do not count."""
    asked = [
        request(-0.1, "/before", 40),
        request(0.0, "/a", 40),
        request(1.0, "/a", 40),
        request(2.9, "/b", 5),
        request(2.0, "/order", 0),
        request(3.0, "/later", 40),
    ]
    assert weight_by_path(asked, 1_000_000 * MS) == {"GET /a": 80, "GET /b": 5}


def test_mean_weights_begin_with_their_sum_and_the_dearest_path() -> None:
    """A path that only one recovery asked for counts as much less."""
    assert list(mean_weights([{"GET /b": 1, "GET /a": 80}, {"GET /b": 1}]).items()) == [
        ("total", 41.0),
        ("GET /a", 40.0),
        ("GET /b", 1.0),
    ]
    assert mean_weights([]) == {}
