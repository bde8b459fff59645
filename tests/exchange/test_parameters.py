"""The form of parameters: emptiness, blanks, characters, doubles, numbers of them, and names that nobody reads."""

from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest

from tests.exchange.signing import Signer, hmac_key
from vortex.exchange.gate import Admitted, RawRequest, Response
from vortex.exchange.market_events import BookState
from vortex.exchange.venue import Venue, VenueRules

START_MS = 1_794_000_000_000
GOOD = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.010&price=79000"


def exchange(**rules: Any) -> tuple[Venue, Signer]:
    """An exchange with a book and a key."""
    signer = hmac_key()
    venue = Venue(("BTCUSDT",), START_MS, rules=VenueRules(**rules))
    venue.open_account("main", {"USDT": Decimal(10_000)})
    venue.add_key(signer.key)
    bids, asks = tuple((800_000 - at, 1_000) for at in range(9)), tuple((800_001 + at, 1_000) for at in range(9))
    venue.on_market(BookState(START_MS, "BTCUSDT", bids, asks), START_MS)
    return venue, signer


def send(method: str, path: str, query: str, body: str = "", **rules: Any) -> Response:
    """A signed request with this query and body, as raw text."""
    venue, signer = exchange(**rules)
    query = f"{query}&timestamp={START_MS}" if query else f"timestamp={START_MS}"
    signature = signer.sign(query.encode() + body.encode())
    raw = RawRequest(method, path, f"{query}&signature={signature}".encode(), body.encode(), signer.key.key)
    outcome = venue.receive(raw, START_MS)
    return venue.execute(outcome, START_MS) if isinstance(outcome, Admitted) else outcome


@pytest.mark.parametrize(
    ("change", "code", "named"),
    [
        ("", None, ""),
        ("&newClientOrderId=", -1105, "newClientOrderId"),
        ("&nobodysParameter=", -1105, "nobodysParameter"),
        ("&reduceOnly=%20true", -1100, "reduceOnly"),
        ("&reduceOnly=true%0a", -1100, "reduceOnly"),
        ("&workingType=%22MARK%22", -1100, "workingType"),
        ("&priceMatch=\\x22QUEUE\\x22", -1100, "priceMatch"),
        ("&newOrderRespType=<b>", -1100, "newOrderRespType"),
        ("&symbol=BTCUSDT", -1101, ""),
        ("&price=79000&price=79000", -1101, ""),
        ("&nobodysParameter=5", None, ""),
        ("&newClientOrderId=has%20a%20blank", -4015, ""),
    ],
)
def test_the_form_of_an_order_is_checked(change: str, code: int | None, named: str) -> None:
    """One change to a good order; the message names the parameter."""
    answer = send("POST", "/fapi/v1/order", GOOD + change)
    assert answer.body.get("code") == code, answer.body
    assert named in answer.body.get("msg", "")


@pytest.mark.parametrize("name", ["symbol", "side", "type"])
def test_an_empty_mandatory_parameter_is_a_missing_one(name: str) -> None:
    """-1102 rather than -1105."""
    query = "&".join(part if not part.startswith(f"{name}=") else f"{name}=" for part in GOOD.split("&"))
    answer = send("POST", "/fapi/v1/order", query)
    assert (answer.body["code"], f"'{name}'" in answer.body["msg"]) == (-1102, True)


def test_once_in_the_query_and_once_in_the_body_is_allowed() -> None:
    """The query wins (4.1); twice in the body is twice."""
    answer = send("POST", "/fapi/v1/order", GOOD, "quantity=9999999")
    assert (answer.status, answer.body["origQty"]) == (200, "0.010")
    assert send("POST", "/fapi/v1/order", GOOD, "price=1&price=1").body["code"] == -1101


def test_too_many_parameters_are_too_many() -> None:
    """-1101, whatever they are called."""
    assert send("POST", "/fapi/v1/order", GOOD + "".join(f"&p{n}=1" for n in range(80))).body["code"] == -1101


@pytest.mark.parametrize(
    ("symbol", "code"),
    [("NOPEUSDT", -1121), ("btcusdt", -1121), ("BTC/USDT", -1100), (quote("币安人生USDT"), -1121), ("B" * 41, -1100)],
)
def test_symbols_have_their_letters(symbol: str, code: int) -> None:
    """Of any script, and no punctuation but dots, dashes and underscores."""
    assert send("GET", "/fapi/v1/depth", f"symbol={symbol}").body["code"] == code


def test_parameters_that_nobody_reads_are_ignored_unless_the_exchange_is_strict() -> None:
    """The misspelled `activationPrice` of T33: silent here as there, -1104 with --strict-parameters."""
    algo = (
        "algoType=CONDITIONAL&symbol=BTCUSDT&side=SELL&type=TRAILING_STOP_MARKET&quantity=0.010&callbackRate=1"
        "&activationPrice=99000"
    )
    silent = send("POST", "/fapi/v1/algoOrder", algo)
    assert (silent.status, float(silent.body["activatePrice"])) == (200, 0.0)
    strict = send("POST", "/fapi/v1/algoOrder", algo, strict_parameters=True)
    assert strict.body["code"] == -1104
    assert "read '8' parameter(s) but was sent '9'" in strict.body["msg"]
    assert send("POST", "/fapi/v1/algoOrder", algo.replace("activation", "activate"), strict_parameters=True).ok


@pytest.mark.parametrize("path", ["/fapi/v1/order", "/fapi/v1/algoOrder", "/fapi/v1/batchOrders"])
def test_a_strict_exchange_takes_what_is_documented(path: str) -> None:
    """Every known parameter of an order counts as read."""
    answer = send("DELETE", path, "symbol=BTCUSDT&orderid=5&recvWindow=5000", strict_parameters=True)
    assert answer.body["code"] == -1104
    known = {"/fapi/v1/order": "symbol=BTCUSDT&orderId=5", "/fapi/v1/algoOrder": "algoId=5"}
    known["/fapi/v1/batchOrders"] = "symbol=BTCUSDT&orderidlist=[5]"
    body = send("DELETE", path, f"{known[path]}&recvWindow=5000", strict_parameters=True).body
    assert (body[0] if isinstance(body, list) else body)["code"] == -2011


@pytest.mark.parametrize(
    ("ids", "code"),
    [
        ("orderIdList=[1,2]", -2011),
        ("orderidlist=[1,2]", -2011),
        ('origClientOrderIdList=["a","b"]', -2011),
        ('orderIdList=["1"]', -1130),
        ("orderIdList=[1.5]", -1130),
        ("orderIdList=[]", -1128),
        ("orderIdList=[1,2,3,4,5,6,7,8,9,10,11]", -1128),
        ("orderIdList=1", -1130),
        ("orderIdList=[\\x221\\x22]", -1130),
        ("orderIdList=", -1105),
        ("", -1128),
    ],
)
def test_lists_of_ids_have_their_form(ids: str, code: int) -> None:
    """Numbers in one, texts in the other, at most ten (4.2)."""
    body = send("DELETE", "/fapi/v1/batchOrders", f"symbol=BTCUSDT&{ids}".rstrip("&")).body
    assert (body[0] if isinstance(body, list) else body)["code"] == code


@pytest.mark.parametrize("value", ["5x", "1_000", " 5", "５", "9" * 30, "1e3", "0x5"])
def test_whole_numbers_are_plain_digits(value: str) -> None:
    """-1102 or -1100; Python's other ways of writing numbers are not the exchange's."""
    answer = send("GET", "/fapi/v1/order", f"symbol=BTCUSDT&orderId={quote(value)}")
    assert answer.body["code"] in (-1102, -1100)


def test_elements_of_a_batch_are_checked_one_by_one() -> None:
    """A bad one is refused in its place, the good one passes."""
    orders = (
        '[{"symbol":"BTCUSDT","side":"BUY","type":"LIMIT","timeInForce":"GTC","quantity":0.01,"price":"79000"},'
        '{"symbol":"BTCUSDT","side":"BUY","type":"LIMIT","timeInForce":"","quantity":"0.01","price":"79000"}]'
    )
    good, bad = send("POST", "/fapi/v1/batchOrders", f"batchOrders={quote(orders)}").body
    assert (good["status"], bad["code"]) == ("NEW", -1105)
