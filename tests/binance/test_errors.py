"""Classification of failures, row by row and for anything at all."""

import re
from pathlib import Path

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from hypothesis import given
from hypothesis import strategies as st

from vortex.adapters.binance.endpoints import Purpose
from vortex.adapters.binance.errors import (
    PAUSE_MAX_MS,
    TABLE,
    Failure,
    classify,
    find_row,
    read_failure,
    table_markdown,
)
from vortex.kernel.errors import NotSent, OutcomeUnknown, RateLimited, StaleData, VenueRejected

NOW_MS = 1_794_000_000_000
ROOT = Path(__file__).resolve().parents[2]
UNKNOWN_TEXT = "Unknown error, please check your request or try again later."
INTERNAL_TEXT = "Internal error; unable to process your request. Please try again."
BUSY_TEXT = "Request throttled by system-level protection. Reduce-only/close-position orders are exempt."


def refused_connection() -> aiohttp.ClientConnectorError:
    """What aiohttp raises when nobody listens."""
    key = ConnectionKey("127.0.0.1", 1, False, True, None, None, None)
    return aiohttp.ClientConnectorError(key, ConnectionRefusedError(111, "refused"))


ROWS = [
    ("refused connection", Failure(error=refused_connection()), NotSent),
    ("connect timeout", Failure(error=aiohttp.ConnectionTimeoutError()), NotSent),
    ("answer timeout", Failure(error=TimeoutError()), OutcomeUnknown),
    ("read timeout", Failure(error=aiohttp.SocketTimeoutError()), OutcomeUnknown),
    ("server hung up", Failure(error=aiohttp.ServerDisconnectedError()), OutcomeUnknown),
    ("reset", Failure(error=ConnectionResetError()), OutcomeUnknown),
    ("torn body", Failure(error=aiohttp.ClientPayloadError()), OutcomeUnknown),
    ("order limit", Failure(429, -1015, "Too many new orders"), RateLimited),
    ("ban", Failure(418, -1003, "Way too many requests"), RateLimited),
    ("weight", Failure(429, -1003, "Too many requests"), RateLimited),
    ("weight without body", Failure(429), RateLimited),
    ("weight as a 400", Failure(400, -1003, ""), RateLimited),
    ("system protection", Failure(503, -1008, BUSY_TEXT), RateLimited),
    ("503 unknown", Failure(503, None, UNKNOWN_TEXT), OutcomeUnknown),
    ("503 unknown with code", Failure(503, -1000, UNKNOWN_TEXT), OutcomeUnknown),
    ("503 service unavailable", Failure(503, None, "Service Unavailable."), RateLimited),
    ("503 internal error", Failure(503, -1001, INTERNAL_TEXT), RateLimited),
    ("503 anything else", Failure(503, None, "<html>"), OutcomeUnknown),
    ("502", Failure(502, None, "Bad Gateway"), OutcomeUnknown),
    ("500 with a definite code", Failure(500, -2019, "Margin is insufficient."), OutcomeUnknown),
    ("-1006", Failure(400, -1006, ""), OutcomeUnknown),
    ("-1007", Failure(408, -1007, ""), OutcomeUnknown),
    ("408", Failure(408), OutcomeUnknown),
    ("duplicate client id", Failure(400, -4116, "ClientOrderId is duplicated."), OutcomeUnknown),
    ("clock", Failure(400, -1021, "outside of the recvWindow"), VenueRejected),
    ("engine clock", Failure(400, -5028, ""), VenueRejected),
    ("post-only", Failure(400, -5022, "Post Only order will be rejected"), VenueRejected),
    ("margin", Failure(400, -2019, "Margin is insufficient."), VenueRejected),
    ("bad key", Failure(401, -2015, "Invalid API-key"), VenueRejected),
    ("firewall", Failure(403, None, "<html>"), RateLimited),
    ("4xx without code", Failure(404, None, "not here"), OutcomeUnknown),
    ("unreadable 200", Failure(200, None, "<html>"), OutcomeUnknown),
]


@pytest.mark.parametrize(("failure", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_an_order_that_failed_this_way_is_classified_so(failure, expected):
    """One line per documented failure of an order."""
    assert type(classify(failure, Purpose.ORDER, NOW_MS)) is expected


def test_every_row_of_the_table_is_reached_by_an_example():
    """A row that no example reaches is dead or shadowed by an earlier one."""
    assert {find_row(failure, Purpose.ORDER).why for _, failure, _ in ROWS} == {row.why for row in TABLE}


def test_a_duplicate_id_is_a_plain_refusal_for_anything_but_an_order():
    """Only an order can be alive under that id."""
    assert isinstance(classify(Failure(400, -4116, ""), Purpose.SETTING, NOW_MS), VenueRejected)


def test_a_failed_poll_is_stale_data():
    """Market data that could not be read must not be traded on, and is no doubt about an order."""
    assert isinstance(classify(Failure(502), Purpose.POLL, NOW_MS), StaleData)


@pytest.mark.parametrize(
    ("failure", "expected_ms"),
    [
        (Failure(429, -1003, "x", "7"), 7_000),
        (Failure(418, -1003, f"Way too many requests; IP banned until {NOW_MS + 90_000}."), 90_000),
        (Failure(418, -1003, "banned until 1111111111111"), 1),
        (Failure(429, -1003, "x", "soon"), 60_000),
        (Failure(418), 120_000),
        (Failure(429, -1015, "x"), 10_000),
        (Failure(429, -1003, "x", "99999999999999"), PAUSE_MAX_MS),
    ],
)
def test_the_pause_is_read_from_header_text_or_table(failure, expected_ms):
    """Retry-After is not documented for this API but may come; bans name their end in the text."""
    error = classify(failure, Purpose.READ, NOW_MS)
    assert isinstance(error, RateLimited)
    assert error.retry_after_ms == expected_ms


failures = st.builds(
    Failure,
    status=st.one_of(st.integers(0, 999), st.sampled_from([200, 400, 401, 403, 404, 408, 418, 429, 500, 502, 503])),
    code=st.one_of(st.none(), st.integers(-6_000, 300), st.sampled_from([-1003, -1008, -1015, -1021, -2013, -4116])),
    text=st.one_of(st.text(max_size=80), st.sampled_from([UNKNOWN_TEXT, INTERNAL_TEXT, "Service Unavailable."])),
    retry_after=st.text(max_size=30),
    error=st.one_of(
        st.none(),
        st.sampled_from([TimeoutError(), OSError(), ValueError(), aiohttp.ClientError()]),
    ),
)


@pytest.mark.property
@given(failure=failures, purpose=st.sampled_from(Purpose))
def test_any_failure_gets_exactly_one_class(failure, purpose):
    """Total: nothing escapes the tree of exceptions, and polls alone become StaleData."""
    error = classify(failure, purpose, NOW_MS, "GET /x")
    assert isinstance(error, NotSent | VenueRejected | OutcomeUnknown | StaleData)
    assert isinstance(error, StaleData) <= (purpose is Purpose.POLL)
    if isinstance(error, RateLimited):
        assert 1 <= error.retry_after_ms <= PAUSE_MAX_MS


@pytest.mark.property
@given(failure=failures, purpose=st.sampled_from(Purpose), status=st.integers(500, 599))
def test_a_5xx_is_never_a_definite_no(failure, purpose, status):
    """Whatever code it carries, the server's failure is not the exchange's word."""
    spoiled = Failure(status, failure.code, failure.text, failure.retry_after)
    assert not isinstance(classify(spoiled, purpose, NOW_MS), VenueRejected)


@pytest.mark.property
@given(status=st.integers(0, 999), body=st.binary(max_size=200))
def test_any_body_is_read(status, body):
    """Gateways answer in plain text, HTML, or nothing at all."""
    assert read_failure(status, body).status == status


def test_codes_may_be_text():
    """One endpoint sends its code as a string."""
    assert read_failure(400, b'{"code":"-2011","msg":"Unknown order sent."}').code == -2011


def test_the_documentation_shows_the_table_in_force():
    """docs/binance.md holds the generated table, word for word."""
    page = (ROOT / "docs" / "binance.md").read_text()
    found = re.search(r"<!-- classification -->\n(.*?)\n<!-- end -->", page, re.DOTALL)
    assert found is not None
    assert found.group(1) == table_markdown()
