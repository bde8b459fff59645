"""Whatever bytes arrive, the exchange answers in its own shape, and a refusal changes nothing."""

import pickle
from collections import deque
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchange.conftest import MID, START_MS
from tests.exchange.hostile import (
    GOOD,
    KEY,
    KNOWN_TO,
    LISTS,
    NASTY_NUMBERS,
    NASTY_TEXTS,
    NEEDED,
    PAGES,
    SECRET,
    STAMPS,
    STATUSES,
    USUAL,
    encoded,
    hostile,
    requests,
)
from vortex.adapters.venue.settings import UNLIMITED
from vortex.exchange.auth import ApiKey, sign
from vortex.exchange.floor import VenueRules
from vortex.exchange.gate import Admitted, RawRequest, Response
from vortex.exchange.instruments import Instrument
from vortex.exchange.market_events import BookState, MarketTrade
from vortex.exchange.venue import Venue

pytestmark = pytest.mark.property


def fresh() -> Venue:
    """An exchange with a book, an account with a position and an order, and no limits."""
    venue = Venue(("BTCUSDT", "ETHUSDT"), START_MS, rules=VenueRules(limits=UNLIMITED))
    venue.open_account("main", {"USDT": Decimal(100_000)})
    venue.add_key(ApiKey(KEY, SECRET))
    bids = tuple((MID - at, 1_000) for at in range(20))
    asks = tuple((MID + 1 + at, 1_000) for at in range(20))
    for symbol in ("BTCUSDT", "ETHUSDT"):
        venue.on_market(BookState(START_MS, symbol, bids, asks), START_MS)
        venue.on_market(MarketTrade(START_MS, symbol, MID, 10, True), START_MS)
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.010"}
    assert venue.request("main", "POST", "/fapi/v1/order", order, START_MS).ok
    resting = {**order, "type": "LIMIT", "timeInForce": "GTC", "price": "79000", "newClientOrderId": "a"}
    assert venue.request("main", "POST", "/fapi/v1/order", resting, START_MS).ok
    assert venue.request("main", "GET", "/fapi/v2/account", {}, START_MS).ok  # settings are made on first use
    return venue


STATE_MAX = 40_000
ENDPOINTS = sorted(fresh().gate._endpoints)
NAMES = [" ".join(endpoint) for endpoint in ENDPOINTS]


def state(venue: Venue) -> bytes:
    """Everything that a refused request must leave alone: money, orders, books, ids."""
    floor = venue.floor
    markets = [(each.engine, each.status, each.last_trade_id, len(each.tape)) for each in floor.listings.values()]
    return pickle.dumps([floor.accounts, floor.counters, floor.marks_e8, floor.outbox, markets])


def same(one: bytes, other: bytes) -> bool:
    """Do two states say the same? Their bytes may differ in which equal strings are one object."""
    return one == other or plain(pickle.loads(one)) == plain(pickle.loads(other))


def plain(value: Any) -> Any:
    """Nested values without any objects, and without the number of the book, which every snapshot raises."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple, deque)):
        return [plain(each) for each in value]
    if isinstance(value, Instrument):
        return value.symbol
    names = {*getattr(value, "__dict__", ()), *getattr(type(value), "__slots__", ())} - {"update_id"}
    return [type(value).__name__, {name: plain(getattr(value, name)) for name in names}] if names else value


def ask(venue: Venue, raw: RawRequest) -> Response:
    """Through the door and, when it opens, the engine."""
    outcome = venue.receive(raw, START_MS)
    return venue.execute(outcome, START_MS) if isinstance(outcome, Admitted) else outcome


def check_answer(answer: Response) -> Response:
    """What holds about every answer: a documented status, and a code with its text when it is a no."""
    assert answer.status in STATUSES
    if answer.status == 200:
        assert msgspec.json.encode(answer.body)
        return answer
    assert set(answer.body) == {"code", "msg"}, answer.body
    assert isinstance(answer.body["code"], int)
    assert answer.body["code"] < 0
    assert isinstance(answer.body["msg"], str)
    assert answer.events == []
    return answer


def check(venue: Venue, raw: RawRequest) -> Response:
    """One request: a proper answer, and nothing changed when it is refused."""
    before = state(venue)
    answer = check_answer(ask(venue, raw))
    assert answer.status == 200 or same(state(venue), before), "refused, and yet something changed"
    return answer


def signed(method: str, path: str, params: dict[str, str], *, in_body: bool) -> RawRequest:
    """The request of a client that knows its key, whatever else it knows."""
    payload = encoded({"timestamp": str(START_MS), **params})
    payload += b"&signature=" + sign(SECRET, payload).encode()
    query, body = (b"", payload) if in_body else (payload, b"")
    return RawRequest(method, path, query, body, KEY)


@pytest.fixture(scope="module")
def venue() -> Venue:
    """One exchange for all examples: what an accepted one leaves behind makes the next ones richer."""
    return fresh()


@pytest.mark.parametrize(("method", "path"), ENDPOINTS, ids=NAMES)
@settings(max_examples=30)
@given(data=st.data(), in_body=st.booleans())
def test_signed_nonsense_is_refused_in_the_exchanges_own_words(
    venue: Venue, method: str, path: str, data: st.DataObject, in_body: bool
) -> None:
    """Valid requests with a few values replaced: NaN, huge and negative numbers, foreign digits, lists, nothing."""
    check(venue, signed(method, path, data.draw(requests(method, path)), in_body=in_body))


@pytest.mark.parametrize(("method", "path"), ENDPOINTS, ids=NAMES)
def test_every_parameter_takes_every_wrong_value(method: str, path: str) -> None:
    """One wrong value at a time in a request that would do otherwise: nothing is left to chance.

    Reading changes nothing at all, whatever is read; writing changes nothing when it is refused.
    """
    venue = fresh()
    before = state(venue)
    usual = {name: GOOD[name][0] for name in NEEDED.get(path, USUAL)}
    for name in sorted({*usual, *KNOWN_TO.get(path, ()), *STAMPS, *(PAGES if method == "GET" else ())}):
        for value in (*NASTY_NUMBERS, *NASTY_TEXTS, *LISTS):
            raw = signed(method, path, {**usual, name: value}, in_body=False)
            answer = check_answer(ask(venue, raw))
            if method != "GET" and answer.status == 200:
                before = state(venue)
                if len(before) > STATE_MAX:  # it has grown by what was accepted
                    venue = fresh()
                    before = state(venue)
            elif method != "GET":
                assert same(state(venue), before), f"refused, and yet something changed: {raw.query[:200]!r}"
    assert same(state(venue), before), "reading changed something"


@settings(max_examples=300)
@given(
    endpoint=st.sampled_from(ENDPOINTS),
    method=st.one_of(st.none(), st.sampled_from(["PATCH", "HEAD", "TRACE", "get", ""])),
    query=st.binary(max_size=200),
    body=st.binary(max_size=200),
    key=st.one_of(st.none(), st.just(KEY), st.text(max_size=80)),
    content=st.sampled_from(["", "application/json", "application/x-www-form-urlencoded", "text/\x00"]),
)
def test_any_bytes_in_query_and_body_are_answered(
    venue: Venue, endpoint: tuple[str, str], method: str | None, query: bytes, body: bytes, key: str, content: str
) -> None:
    """Nothing about them needs to be text, encoded, or a pair."""
    check(venue, RawRequest(method or endpoint[0], endpoint[1], query, body, key, content_type=content))


@settings(max_examples=150)
@given(path=st.text(max_size=60), name=hostile, value=hostile)
def test_unknown_paths_are_404_with_a_code(venue: Venue, path: str, name: str, value: str) -> None:
    """No page of HTML, no traceback, whatever the path."""
    answer = check(venue, signed("GET", "/unknown/" + path, {name: value}, in_body=False))
    assert (answer.status, answer.body["code"]) == (404, -5000)


@settings(max_examples=150)
@given(
    signature=st.one_of(st.text(max_size=70), st.text("0123456789abcdef", min_size=64, max_size=64)),
    timestamp=st.one_of(hostile, st.just(str(START_MS))),
    window=st.one_of(hostile, st.none()),
)
def test_wrong_signatures_and_times_never_reach_the_engine(
    venue: Venue, signature: str, timestamp: str, window: str | None
) -> None:
    """An order with a signature that is not its own is an order that was never placed."""
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01", "timestamp": timestamp}
    order |= {} if window is None else {"recvWindow": window}
    payload = encoded(order)
    if signature.lower() == sign(SECRET, payload):
        return
    raw = RawRequest("POST", "/fapi/v1/order", payload + b"&" + encoded({"signature": signature}), b"", KEY)
    answer = check(venue, raw)
    assert answer.status in (400, 401)


@settings(max_examples=300)
@given(account=st.sampled_from(["main", "nobody", ""]), endpoint=st.sampled_from(ENDPOINTS), data=st.data())
def test_direct_requests_never_raise(
    venue: Venue, account: str, endpoint: tuple[str, str], data: st.DataObject
) -> None:
    """The way of the simulation, past the door: the same promise."""
    answer = venue.request(account, *endpoint, data.draw(requests(*endpoint)), START_MS)
    assert answer.status in STATUSES
    if not answer.ok:
        assert set(answer.body) == {"code", "msg"}


def test_after_all_of_it_the_books_still_balance(venue: Venue) -> None:
    """Runs in any order with the others: no example may have cost or made money."""
    assert all(error == 0 for account in venue.conservation().values() for error in account.values())
