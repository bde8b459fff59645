"""Keys, signatures, time windows, limits: what stands before the engine."""

from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.exchange.auth import ApiKey, check_time, sign, unsigned
from vortex.exchange.gate import Admitted, RawRequest, Response
from vortex.exchange.refusal import Refusal
from vortex.exchange.venue import Venue

START_MS = 1_794_000_000_000
KEY = ApiKey("k" * 64, "s" * 64)
READ_ONLY = ApiKey("r" * 64, "q" * 64, can_trade=False)


@pytest.fixture
def venue() -> Venue:
    """An exchange with two keys to one account."""
    made = Venue(("BTCUSDT",), START_MS)
    made.open_account("main", {"USDT": Decimal(1_000)})
    made.add_key(KEY)
    made.add_key(READ_ONLY)
    return made


def ask(
    venue: Venue,
    method: str,
    path: str,
    params: dict[str, Any],
    *,
    key: ApiKey = KEY,
    now: int = START_MS,
    body: bool = False,
) -> Response:
    """A signed request, its parameters in the query or in the body."""
    text = urlencode({"timestamp": now, **params})
    signed = f"{text}&signature={sign(key.secret, text.encode())}".encode()
    raw = RawRequest(method, path, b"" if body else signed, signed if body else b"", key.key)
    outcome = venue.receive(raw, now)
    return venue.execute(outcome, now) if isinstance(outcome, Admitted) else outcome


def test_the_published_signature_vector_holds() -> None:
    """The documentation's example, the only order of parameters that gives its digest (4.1)."""
    secret = "2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9"
    payload = (
        b"symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC"
        b"&recvWindow=5000&timestamp=1591702613943"
    )
    assert sign(secret, payload) == "3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9"


@given(st.lists(st.sampled_from(["a=1", "b=%20x", "signature=zz", "c=[1,2]"]), max_size=5))
@pytest.mark.property
def test_removing_the_signature_removes_nothing_else(parts: list[str]) -> None:
    """Wherever it stands, the other bytes stay as sent."""
    kept = "&".join(part for part in parts if not part.startswith("signature="))
    assert unsigned("&".join(parts).encode()).decode() == kept


@pytest.mark.parametrize("body", [False, True])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_parameters_may_come_in_the_query_or_in_the_body(venue: Venue, method: str, body: bool) -> None:
    """python-binance sends the parameters of DELETE in the body (9.3-1)."""
    answer = ask(venue, method, "/fapi/v1/order", {"symbol": "BTCUSDT", "orderId": 5}, body=body)
    assert answer.body["code"] == (-2013 if method == "GET" else -2011)


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"api_key": None}, 401, -2014),
        ({"api_key": "u" * 64}, 401, -2015),
        ({"query": b"timestamp=1794000000000&signature=" + b"0" * 64}, 400, -1022),
        ({"query": b"timestamp=1794000000000"}, 400, -1102),
        ({"query": b"signature=00"}, 400, -1102),
        ({"path": "/fapi/v1/nothing"}, 404, -5000),
    ],
)
def test_each_failure_before_the_engine_has_its_code(
    venue: Venue, change: dict[str, Any], status: int, code: int
) -> None:
    """Key, time, signature, path."""
    raw = RawRequest("GET", "/fapi/v3/account", api_key=KEY.key)
    for name, value in change.items():
        setattr(raw, name, value)
    outcome = venue.receive(raw, START_MS)
    assert isinstance(outcome, Response)
    assert (outcome.status, outcome.body["code"]) == (status, code)


def test_a_key_without_the_right_reads_and_does_not_trade(venue: Venue) -> None:
    """-2015 on orders, success on reads; its restrictions say so."""
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}
    assert ask(venue, "POST", "/fapi/v1/order", order, key=READ_ONLY).body["code"] == -2015
    assert ask(venue, "GET", "/fapi/v3/account", {}, key=READ_ONLY).status == 200
    rights = ask(venue, "GET", "/sapi/v1/account/apiRestrictions", {}, key=READ_ONLY).body
    assert (rights["enableFutures"], rights["enableWithdrawals"]) == (False, False)


@pytest.mark.parametrize(
    ("offset", "window", "accepted"),
    [(0, 5_000, True), (999, 5_000, True), (1_000, 5_000, False), (-1_000, 1_000, True), (-1_001, 1_000, False)],
)
def test_the_time_window_is_exact(offset: int, window: int, accepted: bool) -> None:
    """timestamp < now + 1000 and now - timestamp <= recvWindow (4.1)."""
    params = {"timestamp": str(START_MS + offset), "recvWindow": str(window)}
    if accepted:
        check_time(params, START_MS, 1.0)
    else:
        with pytest.raises(Refusal) as caught:
            check_time(params, START_MS, 1.0)
        assert caught.value.code == -1021


def test_the_engine_looks_at_the_time_again(venue: Venue) -> None:
    """An order that waited too long between door and engine is refused with -5028."""
    venue.add_fault({"kind": "delay_ms", "value": 6_000.0, "path": "/fapi/v1/order"}, START_MS)
    text = urlencode({"timestamp": START_MS, "symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"})
    query = f"{text}&signature={sign(KEY.secret, text.encode())}".encode()
    admitted = venue.receive(RawRequest("POST", "/fapi/v1/order", query, api_key=KEY.key), START_MS)
    assert isinstance(admitted, Admitted)
    assert admitted.wait_ms == 6_000
    answer = venue.execute(admitted, START_MS + admitted.wait_ms)
    assert answer.body["code"] == -5028


def test_the_stretch_scales_the_window_for_a_fast_clock(venue: Venue) -> None:
    """At ten times speed a second of the client is ten of the exchange."""
    params = {"timestamp": str(START_MS), "recvWindow": "1000"}
    check_time(params, START_MS + 9_999, 10.0)
    with pytest.raises(Refusal):
        check_time(params, START_MS + 10_001, 10.0)


def test_weight_is_counted_refused_and_finally_banned(venue: Venue) -> None:
    """2400 a minute, then 429 with -1003, then 418 for going on; a new minute forgives unless banned."""
    raw = RawRequest("GET", "/fapi/v1/ticker/24hr")
    outcomes = [venue.receive(raw, START_MS) for _ in range(60)]
    assert all(isinstance(each, Admitted) for each in outcomes)
    over = venue.receive(raw, START_MS)
    assert isinstance(over, Response)
    assert (over.status, over.body["code"]) == (429, -1003)
    assert isinstance(venue.receive(raw, START_MS + 60_000), Admitted)
    statuses = []
    for _ in range(100):
        each = venue.receive(raw, START_MS + 60_000)
        statuses.append(each.status if isinstance(each, Response) else 200)
    assert statuses[-1] == 418
    banned = venue.receive(raw, START_MS + 120_000)
    assert isinstance(banned, Response)
    assert banned.status == 418


def test_orders_are_counted_per_account(venue: Venue) -> None:
    """300 in ten seconds, then 429 with -1015; the headers count."""
    for _ in range(300):
        answer = ask(venue, "POST", "/fapi/v1/order", {"symbol": "BTCUSDT"})
    assert answer.headers["X-MBX-ORDER-COUNT-10S"] == "300"
    over = ask(venue, "POST", "/fapi/v1/order", {"symbol": "BTCUSDT"})
    assert (over.status, over.body["code"]) == (429, -1015)
    assert ask(venue, "POST", "/fapi/v1/order", {"symbol": "BTCUSDT"}, now=START_MS + 10_000).status == 400


def test_used_weight_is_in_every_answer(venue: Venue) -> None:
    """X-MBX-USED-WEIGHT-1M grows by the weight of each request."""
    first = int(ask(venue, "GET", "/fapi/v3/account", {}).headers["X-MBX-USED-WEIGHT-1M"])
    second = int(ask(venue, "GET", "/fapi/v3/account", {}).headers["X-MBX-USED-WEIGHT-1M"])
    assert second - first == 5


def test_one_listen_key_per_account_lives_an_hour(venue: Venue) -> None:
    """POST gives the same key, PUT extends it, silence ends it with an event, DELETE at once (5.1)."""
    first = venue.request("main", "POST", "/fapi/v1/listenKey", {}, START_MS).body["listenKey"]
    assert len(first) == 64
    assert venue.request("main", "POST", "/fapi/v1/listenKey", {}, START_MS).body["listenKey"] == first
    venue.request("main", "PUT", "/fapi/v1/listenKey", {}, START_MS + 3_000_000)
    assert venue.tick(START_MS + 6_599_999) == []
    ended: Any = venue.tick(START_MS + 6_600_000)
    assert [(each.payload["e"], each.payload["listenKey"]) for each in ended] == [("listenKeyExpired", first)]
    answer = venue.request("main", "PUT", "/fapi/v1/listenKey", {}, START_MS + 6_600_001)
    assert answer.body["code"] == -1125
