"""Every fault, one by one: it strikes at its own layer, as often as told, and the ledger says so."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from vortex.exchange.event_faults import EventFaults
from vortex.exchange.events import StreamEvent, UserEvent
from vortex.exchange.faults import EVENT_KINDS, KINDS, SOCKET_KINDS

Case: TypeAlias = Callable[[Any], None]
ROOT = Path(__file__).resolve().parents[2]
ORDER = "/fapi/v1/order"


def put(stand: Any, **spec: Any) -> None:
    """Install a fault."""
    stand.venue.add_fault(spec, stand.now)


def lost_response(stand: Any) -> None:
    """Executed, never answered."""
    put(stand, kind="lost_response", count=1, path=ORDER)
    assert stand.order().lost
    assert len(stand.account.open_orders) == 1


def error(stand: Any) -> None:
    """In both meanings: executed and not."""
    put(stand, kind="error", count=1)
    assert (stand.order().status, len(stand.account.open_orders)) == (503, 0)
    put(stand, kind="error", count=1, executed=True)
    assert (stand.order().status, len(stand.account.open_orders)) == (503, 1)


def delay_ms(stand: Any) -> None:
    """Between engine and answer; before the engine it is the door that holds the request."""
    put(stand, kind="delay_ms", count=1, value=300, executed=True)
    assert stand.order().delay_ms == 300
    assert stand.order().delay_ms == 0


def ban(stand: Any) -> None:
    """418, with the header when it is asked for."""
    put(stand, kind="ban", duration_ms=1_000, retry_after_s=1)
    answer = stand.order()
    assert (answer.status, answer.body["code"], answer.headers) == (418, -1003, {"Retry-After": "1"})


def maintenance(stand: Any) -> None:
    """503 -1016, for a while."""
    put(stand, kind="maintenance", duration_ms=50)
    assert stand.order().body["code"] == -1016
    stand.tick(50)
    assert stand.order().status == 200


def reject_post_only(stand: Any) -> None:
    """-5022 though nothing crosses; other orders pass."""
    put(stand, kind="reject_post_only", count=1)
    assert stand.order().status == 200
    assert stand.order(timeInForce="GTX").body["code"] == -5022


def partial_fill(stand: Any) -> None:
    """A share now."""
    put(stand, kind="partial_fill", count=1, value=0.3)
    stand.market("BUY")
    assert stand.held() == 3


def reject_trigger(stand: Any) -> None:
    """The stop is REJECTED when it triggers; the position stays open, and the stream says why."""
    stand.market("BUY")
    stand.algo(clientAlgoId="stop")
    put(stand, kind="reject_trigger", count=1, symbol="BTCUSDT")
    events = stand.trade(789_999, 1, sold=True)
    told = [each.payload["o"] for each in events if isinstance(each, UserEvent) and each.payload["e"] == "ALGO_UPDATE"]
    assert [row["X"] for row in told] == ["TRIGGERING", "REJECTED"]
    assert told[-1]["rm"] == "Margin is insufficient."
    assert stand.held() == 10


def visibility_lag_ms(stand: Any) -> None:
    """Reads do not know a new order for a while; canceling it works all the same."""
    put(stand, kind="visibility_lag_ms", value=500)
    stand.order(newClientOrderId="new")
    stand.algo("SELL", quantity="0.010", clientAlgoId="stop")
    query = {"symbol": "BTCUSDT", "origClientOrderId": "new"}
    for path in (ORDER, "/fapi/v1/openOrder"):
        assert stand.ask_for("GET", path, **query).body["code"] == -2013
    assert stand.ask_for("GET", "/fapi/v1/algoOrder", clientAlgoId="stop").body["code"] == -2013
    for path in ("openOrders", "allOrders", "openAlgoOrders", "allAlgoOrders"):
        assert stand.ask_for("GET", f"/fapi/v1/{path}", symbol="BTCUSDT").body == []
    stand.tick(500)
    assert stand.ask_for("GET", ORDER, **query).status == 200
    assert stand.ask_for("GET", "/fapi/v1/algoOrder", clientAlgoId="stop").status == 200
    stand.order(newClientOrderId="newer")
    assert stand.ask_for("DELETE", ORDER, symbol="BTCUSDT", origClientOrderId="newer").status == 200


def clock_skew_ms(stand: Any) -> None:
    """Honest timestamps are refused; the exchange says its wrong time itself."""
    put(stand, kind="clock_skew_ms", value=-9_000)
    assert stand.ask_for("GET", "/fapi/v1/time").body == {"serverTime": stand.now - 9_000}
    refused = stand.order(timestamp=stand.now)
    assert (refused.body["code"], "ahead" in refused.body["msg"]) == (-1021, True)


def price_gap_pct(stand: Any) -> None:
    """Once, and only when its time has come."""
    moved: list[tuple[str, float]] = []
    stand.venue._impulse = lambda symbol, percent: moved.append((symbol, percent))
    put(stand, kind="price_gap_pct", value=-4.0, symbol="BTCUSDT", after_ms=10)
    stand.tick(5)
    stand.tick(5)
    stand.tick(5)
    assert moved == [("BTCUSDT", -4.0)]


def liquidity_hole(stand: Any) -> None:
    """Thin, then empty, then whole again; one symbol only."""
    put(stand, kind="liquidity_hole", value=0.01, symbol="BTCUSDT", duration_ms=100)
    stand.book(lots=1_000)
    assert stand.ask_for("GET", "/fapi/v1/depth", symbol="BTCUSDT", limit=5).body["bids"][0][1] == "0.010"
    stand.tick(100)
    put(stand, kind="liquidity_hole", symbol="BTCUSDT", duration_ms=100)
    stand.book()
    assert stand.ask_for("GET", "/fapi/v1/depth", symbol="BTCUSDT", limit=5).body["bids"] == []
    assert stand.market("SELL").body["code"] == -1112
    stand.tick(100)
    stand.book()
    assert stand.market("SELL").status == 200


def expire_listen_key(stand: Any) -> None:
    """With its event, or without a word."""
    for silently, told in ((False, 1), (True, 0)):
        stand.ask_for("POST", "/fapi/v1/listenKey")
        put(stand, kind="expire_listen_key", silently=silently, after_ms=1)
        events = stand.tick(1)
        assert [each.payload["e"] for each in events if isinstance(each, UserEvent)] == ["listenKeyExpired"] * told
        assert stand.ask_for("PUT", "/fapi/v1/listenKey").body["code"] == -1125


def passed(stand: Any, events: Iterable[Any], wall_ms: int = 0, through: EventFaults | None = None) -> list[Any]:
    """What reaches the readers."""
    way = EventFaults(stand.venue.floor.faults) if through is None else through
    return [told for event in events for told in way.pass_on(event, stand.now, wall_ms)]


def depth(last: int) -> StreamEvent:
    """One message of a chain of single steps."""
    return StreamEvent("btcusdt@depth@100ms", {"e": "depthUpdate", "U": last, "u": last, "pu": last - 1})


def user(name: str, number: int) -> UserEvent:
    """A user event of which only type and number matter."""
    return UserEvent("main", {"e": name, "n": number, "o": {"s": "BTCUSDT"}})


def drop_event(stand: Any) -> None:
    """A user event that never comes."""
    put(stand, kind="drop_event", stream="ORDER_TRADE_UPDATE", symbol="BTCUSDT", count=1)
    assert [each.payload["n"] for each in passed(stand, [user("ORDER_TRADE_UPDATE", n) for n in (1, 2)])] == [2]


def duplicate_event(stand: Any) -> None:
    """The same message twice."""
    put(stand, kind="duplicate_event", stream="ORDER_TRADE_UPDATE", count=1)
    assert [each.payload["n"] for each in passed(stand, [user("ORDER_TRADE_UPDATE", n) for n in (1, 2)])] == [1, 1, 2]


def reorder_event(stand: Any) -> None:
    """Overtaken by the next message for the same reader, or told after a second."""
    put(stand, kind="reorder_event", stream="ORDER_TRADE_UPDATE", count=2)
    way = EventFaults(stand.venue.floor.faults)
    events = [user("ORDER_TRADE_UPDATE", 1), user("ACCOUNT_UPDATE", 2), user("ORDER_TRADE_UPDATE", 3)]
    assert [each.payload["n"] for each in passed(stand, events, through=way)] == [2, 1]
    assert way.due(stand.now + 999, 0) == []
    assert [each.payload["n"] for each in way.due(stand.now + 1_000, 0)] == [3]


def delay_event(stand: Any) -> None:
    """Late by wall time; those of its own kind wait behind it, others pass."""
    put(stand, kind="delay_event", stream="ORDER_TRADE_UPDATE", value=200, count=1)
    way = EventFaults(stand.venue.floor.faults)
    events = [user("ORDER_TRADE_UPDATE", 1), user("ACCOUNT_UPDATE", 2), user("ORDER_TRADE_UPDATE", 3)]
    assert [each.payload["n"] for each in passed(stand, events, 1_000, way)] == [2]
    assert way.due(stand.now, 1_199) == []
    assert [each.payload["n"] for each in way.due(stand.now, 1_200)] == [1, 3]
    assert [each.payload["n"] for each in passed(stand, [user("ORDER_TRADE_UPDATE", 4)], 1_200, way)] == [4]


def depth_gap(stand: Any) -> None:
    """`pu` does not meet the `u` before, though no message is missing."""
    put(stand, kind="depth_gap", symbol="BTCUSDT", count=1)
    told = passed(stand, [depth(8), depth(9)])
    assert [(each.payload["pu"], each.payload["u"]) for each in told] == [(8, 8), (8, 9)]
    assert all(each.payload["U"] <= each.payload["u"] for each in told)


CASES: list[Case] = [
    lost_response,
    error,
    delay_ms,
    ban,
    maintenance,
    reject_post_only,
    partial_fill,
    reject_trigger,
    visibility_lag_ms,
    clock_skew_ms,
    price_gap_pct,
    liquidity_hole,
    expire_listen_key,
    drop_event,
    duplicate_event,
    reorder_event,
    delay_event,
    depth_gap,
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_the_fault_does_what_it_says_and_is_written_down(stand: Any, case: Case) -> None:
    """Its story, then its strikes in the ledger with its number and time."""
    case(stand)
    ledger = stand.venue.ledger(kind="fault")
    struck = [row for row in ledger["entries"] if row.get("struck") == case.__name__]
    assert struck
    assert all(row["fault_id"] >= 1 and row["time"] <= stand.now for row in struck)
    assert [row["kind"] for row in ledger["faults"]["struck"]].count(case.__name__) == len(struck)


def test_every_fault_has_its_case() -> None:
    """Those of sockets are tried on real sockets, in the tests of the server."""
    assert {case.__name__ for case in CASES} == KINDS - SOCKET_KINDS
    assert {"drop_event", "duplicate_event", "reorder_event", "delay_event", "depth_gap"} == EVENT_KINDS


def test_every_fault_is_documented() -> None:
    """A row of its own in the fault table of docs/venue.md."""
    text = (ROOT / "docs" / "venue.md").read_text()
    table = text[text.index("| kind | what happens | fields |") :]
    rows = re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} >= KINDS


@pytest.mark.parametrize(
    ("code", "status"),
    [(-1000, 400), (-1001, 503), (-1003, 429), (-1006, 503), (-1007, 408), (-1008, 503), (-1015, 429), (-1021, 400)],
)
def test_an_error_of_a_code_has_the_status_of_that_code(stand: Any, code: int, status: int) -> None:
    """Unless the fault names another."""
    put(stand, kind="error", code=code, count=1)
    answer = stand.order()
    assert (answer.status, answer.body["code"]) == (status, code)
    put(stand, kind="error", code=code, status=500, count=1)
    assert stand.order().status == 500


def test_too_many_requests_come_with_and_without_the_header(stand: Any) -> None:
    """The real exchange does not document Retry-After; some gateways send it (7.1)."""
    put(stand, kind="error", code=-1003, count=1)
    assert stand.order().headers == {}
    put(stand, kind="error", code=-1003, count=1, retry_after_s=7)
    assert stand.order().headers == {"Retry-After": "7"}


def test_faults_of_another_symbol_pass_by(stand: Any) -> None:
    """For requests, events and the market alike."""
    for kind in ("error", "drop_event", "liquidity_hole", "reject_trigger"):
        put(stand, kind=kind, symbol="ETHUSDT")
    stand.book()
    assert stand.market("BUY").status == 200
    assert len(passed(stand, [depth(1), user("ORDER_TRADE_UPDATE", 1)])) == 2


def test_the_same_seed_strikes_the_same_messages(new_stand: Any) -> None:
    """Chance is drawn from the fault seed alone."""

    def pattern() -> list[int]:
        stand = new_stand()
        put(stand, kind="drop_event", probability=0.5)
        return [each.payload["n"] for each in passed(stand, [user("ORDER_TRADE_UPDATE", n) for n in range(64)])]

    assert pattern() == pattern()
    assert 0 < len(pattern()) < 64


@pytest.mark.parametrize(
    ("orders", "status"),
    [
        ('[{"symbol":"BTCUSDT","reduceOnly":"true"},{"symbol":"BTCUSDT","reduceOnly":true}]', 200),
        ('[{"symbol":"BTCUSDT","reduceOnly":"true"},{"symbol":"BTCUSDT"}]', 503),
        ("[]", 503),
        ("{", 503),
    ],
)
def test_system_protection_spares_batches_that_only_reduce(stand: Any, orders: str, status: int) -> None:
    """All elements must; what is spared goes on to its own checks (7.2)."""
    put(stand, kind="error", code=-1008)
    assert stand.ask_for("POST", "/fapi/v1/batchOrders", batchOrders=orders).status == status
