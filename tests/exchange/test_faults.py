"""Faults strike where they belong, as often as told, and are written down."""

from typing import Any

import pytest

from vortex.exchange.faults import FaultBook
from vortex.exchange.refusal import Refusal
from vortex.kernel.rng import Rng


def test_a_lost_response_was_executed(stand: Any) -> None:
    """The order exists, the answer does not."""
    stand.venue.add_fault({"kind": "lost_response", "count": 1, "path": "/fapi/v1/order"}, stand.now)
    answer = stand.order(newClientOrderId="ghost")
    assert answer.lost
    assert stand.account.orders_by_client_id[("BTCUSDT", "ghost")].status == "NEW"
    assert not stand.order().lost


@pytest.mark.parametrize("executed", [False, True])
def test_an_error_hides_whether_the_order_was_executed(stand: Any, executed: bool) -> None:
    """The same 503 body in both cases (T11)."""
    stand.venue.add_fault({"kind": "error", "status": 503, "count": 1, "executed": executed}, stand.now)
    answer = stand.order(newClientOrderId="maybe")
    assert (answer.status, answer.body["code"]) == (503, -1000)
    assert ("BTCUSDT", "maybe") in stand.account.orders_by_client_id or not executed
    assert (len(stand.account.orders_by_id) == 1) is executed


def test_an_error_may_carry_any_body(stand: Any) -> None:
    """A gateway's HTML, or a code of the exchange."""
    stand.venue.add_fault({"kind": "error", "status": 502, "body": "<html>", "count": 1}, stand.now)
    assert stand.order().text == "<html>"
    stand.venue.add_fault({"kind": "error", "status": 503, "code": -1008, "count": 1}, stand.now)
    assert stand.order().body["code"] == -1008


def test_system_protection_spares_what_reduces(stand: Any) -> None:
    """-1008 refuses an opening order and lets reductions and cancels pass (T43); Retry-After when asked for."""
    stand.market("BUY")
    spec = {"kind": "error", "status": 503, "code": -1008, "retry_after_s": 2}
    stand.venue.add_fault(spec, stand.now)
    refused = stand.market("BUY")
    assert (refused.status, refused.body["code"], refused.headers["Retry-After"]) == (503, -1008, "2")
    assert stand.ask_for("DELETE", "/fapi/v1/allOpenOrders", symbol="BTCUSDT").status == 200
    assert stand.market("SELL", reduceOnly="true").status == 200
    assert stand.held() == 0


def test_filters_by_method_path_and_symbol(stand: Any) -> None:
    """Only what matches is struck."""
    spec = {"kind": "error", "method": "DELETE", "path": "/fapi/v1/order", "symbol": "BTCUSDT"}
    stand.venue.add_fault(spec, stand.now)
    assert stand.order().status == 200
    assert stand.ask_for("DELETE", "/fapi/v1/order", symbol="ETHUSDT", orderId=1).body["code"] == -2011
    assert stand.ask_for("DELETE", "/fapi/v1/order", symbol="BTCUSDT", orderId=1).status == 503


def test_a_fault_begins_and_ends(stand: Any) -> None:
    """`after_ms` and `duration_ms` are exchange time."""
    stand.venue.add_fault({"kind": "maintenance", "after_ms": 100, "duration_ms": 50}, stand.now)
    assert stand.order().status == 200
    stand.tick(100)
    assert (stand.order().status, stand.order().body["code"]) == (503, -1016)
    stand.tick(50)
    assert stand.order().status == 200


def test_a_ban_answers_418(stand: Any) -> None:
    """The text says until when."""
    stand.venue.add_fault({"kind": "ban", "duration_ms": 1_000}, stand.now)
    answer = stand.ask_for("GET", "/fapi/v1/time")
    assert answer.status == 418
    assert str(stand.now + 1_000) in answer.body["msg"]


def test_a_partial_fill_takes_a_share_and_the_rest_later(stand: Any) -> None:
    """Half now; a marketable remainder is met by the next book."""
    stand.venue.add_fault({"kind": "partial_fill", "value": 0.5, "count": 1}, stand.now)
    stand.order(price="80001")
    assert stand.held() == 5
    stand.book()
    assert stand.held() == 10


def test_post_only_may_be_refused_for_no_reason(stand: Any) -> None:
    """-5022 although nothing crosses."""
    stand.venue.add_fault({"kind": "reject_post_only", "count": 1}, stand.now)
    assert stand.order(timeInForce="GTX").body["code"] == -5022
    assert stand.order(timeInForce="GTX").status == 200


def test_a_skewed_clock_refuses_honest_timestamps(stand: Any) -> None:
    """The exchange believes it is ten seconds later, and says so itself."""
    stand.venue.add_fault({"kind": "clock_skew_ms", "value": 10_000.0}, stand.now)
    assert stand.ask_for("GET", "/fapi/v1/time").body == {"serverTime": stand.now + 10_000}
    assert stand.order(timestamp=stand.now).body["code"] == -1021
    assert stand.order(timestamp=stand.now + 10_000).status == 200


def test_a_price_gap_moves_the_market_once(stand: Any) -> None:
    """The market source is told, for one symbol or for all."""
    moved: list[tuple[str, float]] = []
    stand.venue._impulse = lambda symbol, percent: moved.append((symbol, percent))
    stand.venue.add_fault({"kind": "price_gap_pct", "value": -3.0, "symbol": "BTCUSDT"}, stand.now)
    stand.venue.add_fault({"kind": "price_gap_pct", "value": 1.0, "symbol": "ETHUSDT", "after_ms": 100}, stand.now)
    stand.tick(50)
    assert moved == [("BTCUSDT", -3.0)]
    stand.tick(100)
    assert moved == [("BTCUSDT", -3.0), ("ETHUSDT", 1.0)]


@pytest.mark.parametrize(
    "spec",
    [{}, {"kind": "gremlin"}, {"kind": "error", "statuses": 5}, {"kind": "error", "probability": 2.0}, {"kind": 5}],
)
def test_a_wrong_specification_is_refused(spec: dict[str, Any]) -> None:
    """Unknown fields and values are errors, never ignored."""
    with pytest.raises(Refusal):
        FaultBook(Rng(1)).add(spec, 0)


@pytest.mark.parametrize(
    "spec",
    [
        {"kind": "ban", "count": -1},
        {"kind": "ban", "duration_ms": -1},
        {"kind": "ban", "after_ms": -1},
        {"kind": "error", "retry_after_s": -1},
        {"kind": "delay_ms", "value": -1},
        {"kind": "visibility_lag_ms", "value": -0.5},
        {"kind": "partial_fill", "value": 1.1},
        {"kind": "liquidity_hole", "value": -0.1},
        {"kind": "price_gap_pct", "value": -50.1},
        {"kind": "price_gap_pct", "value": 100.1},
    ],
)
def test_a_fault_that_could_never_strike_is_refused(spec: dict[str, Any]) -> None:
    """Negative times and numbers, shares beyond the whole; only clocks and prices go backwards."""
    with pytest.raises(Refusal) as refused:
        FaultBook(Rng(1)).add(spec, 0)
    assert refused.value.code == -1130
    FaultBook(Rng(1)).add({"kind": "clock_skew_ms", "value": -9_000}, 0)


def test_chance_is_seeded() -> None:
    """The same seed strikes the same requests."""

    def pattern(seed: int) -> list[int]:
        book = FaultBook(Rng(seed))
        book.add({"kind": "error", "probability": 0.5}, 0)
        return [len(book.strike(frozenset({"error"}), 0)) for _ in range(64)]

    assert pattern(7) == pattern(7)
    assert pattern(7) != pattern(8)
    assert 0 < sum(pattern(7)) < 64


def test_faults_are_in_the_ledger(stand: Any) -> None:
    """What was installed, what struck, and which request it was."""
    stand.venue.add_fault({"kind": "lost_response", "count": 1}, stand.now)
    stand.order(newClientOrderId="ghost")
    ledger = stand.venue.ledger()
    assert [row["kind"] for row in ledger["faults"]["struck"]] == ["lost_response"]
    request = next(row for row in ledger["entries"] if row["kind"] == "request")
    assert (request["client_order_id"], request["faults"]) == ("ghost", ["lost_response"])
