"""The status document is whole whatever is missing, and says plainly how things stand."""

from typing import Any

import pytest

from vortex.readmodel.status import build_status, overall_state

ROW = {"name": "executor", "kind": "executor", "parent": "trading", "state": "running", "restarts": 0}
KEYS = {
    "version", "venue", "state", "since", "tree", "symbols", "breaker", "account", "positions", "orders",
    "reconciliation", "services",
}  # fmt: skip


def document(**given: Any) -> dict[str, Any]:
    """A status document from little."""
    empty: dict[str, Any] = {"about": {"now_ms": 61_000}, "tree": [ROW], "views": {}, "services": {}}
    return build_status(**{**empty, **given})


def test_every_promised_key_is_there_with_no_view_at_all() -> None:
    """A silent process empties its part; it does not remove it."""
    seen = document()
    assert seen.keys() >= KEYS
    assert seen["account"].keys() >= {"equity", "balance", "margin_used", "pnl_today", "fees_today"}
    assert seen["reconciliation"].keys() >= {"last_run", "differences", "unresolved"}


def test_a_breaker_that_does_not_answer_is_shown_as_a_veto() -> None:
    """No answer is a no, on the screen as in the gate."""
    assert document()["breaker"]["state"] == "latched"
    assert document()["state"] == "running"


@pytest.mark.parametrize(
    ("states", "restarts", "breaker", "expected"),
    [
        (("running", "running"), 0, "closed", "running"),
        (("running", "running"), 0, "latched", "halted"),
        (("running", "recovering"), 0, "closed", "starting"),
        (("running", "recovering"), 1, "closed", "degraded"),
        (("running", "failed"), 0, "closed", "degraded"),
        (("stopped", "stopped"), 0, "closed", "stopped"),
        ((), 0, "closed", "stopped"),
    ],
)
def test_one_word_for_the_whole(states: tuple[str, ...], restarts: int, breaker: str, expected: str) -> None:
    """The worst child decides; a first start is no degradation."""
    tree = [{**ROW, "state": state, "restarts": restarts} for state in states]
    assert overall_state(tree, {"state": breaker}, stopping=False) == expected
    assert overall_state(tree, {"state": breaker}, stopping=True) == "stopping"


def test_a_position_is_told_with_what_its_symbol_knows() -> None:
    """Quantity and entry are the executor's, stop, target and price the symbol's."""
    row = {"symbol": "BTCUSDT", "trade_no": 3, "quantity": "-0.5", "entry_px": "100.0", "opened_ms": 1_000}
    symbol = {
        "feed": {"price": 98.0},
        "instrument": {"tick_size": "0.1"},
        "position": {"trade_no": 3, "stop_ticks": 1_010, "target_ticks": 970, "state": "ACTIVE"},
    }
    [seen] = document(views={"executor": {"positions": [row]}, "symbol:BTCUSDT": symbol})["positions"]
    assert (seen["stop_price"], seen["target_price"]) == ("101.0", "97.0")
    assert (seen["unrealized_pnl"], seen["state"], seen["age_s"]) == (1.0, "ACTIVE", 60)


def test_levels_of_another_trade_are_not_shown() -> None:
    """A symbol that already leads the next trade says nothing of this one."""
    row = {"symbol": "BTCUSDT", "trade_no": 3, "quantity": "1", "entry_px": "100"}
    symbol = {"position": {"trade_no": 4, "stop_ticks": 1}, "instrument": {"tick_size": "0.1"}}
    [seen] = document(views={"executor": {"positions": [row]}, "symbol:BTCUSDT": symbol})["positions"]
    assert seen["stop_price"] is None


def test_stage_timers_are_shown_without_their_buckets() -> None:
    """Percentiles are for people; buckets are for the bench, which reads the view itself."""
    row = {"count": 3, "p50_us": 2.0, "p99_us": 4.0, "longest_us": 4.1, "buckets": [[1, 3]]}
    seen = document(views={"symbol:BTCUSDT": {"timings": {"at_ns": 5, "trade": row}}})["symbols"]["BTCUSDT"]
    assert seen["timings"] == {"trade": {"count": 3, "p50_us": 2.0, "p99_us": 4.0, "longest_us": 4.1}}
