"""The WebSocket API without its wire: sessions, signatures, budgets, faults."""

import json
from decimal import Decimal
from typing import Any

import pytest

from tests.exchange.signing import MAKERS, Signer, ed25519_key, hmac_key, rsa_key, signed
from vortex.exchange.conversation import Asked, Conversation
from vortex.exchange.gate import FaultAnswer
from vortex.exchange.limits import LimitRules
from vortex.exchange.market_events import BookState
from vortex.exchange.refusal import Refusal
from vortex.exchange.venue import Venue, VenueRules

START_MS = 1_794_000_000_000
ORDER = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.010",
    "price": "79000",
}


class Line:
    """A conversation with an exchange of its own."""

    def __init__(self, *signers: Signer, tell_limits: bool = True, **rules: Any) -> None:
        self.venue = Venue(("BTCUSDT",), START_MS, rules=VenueRules(**rules))
        self.venue.open_account("main", {"USDT": Decimal(10_000)})
        for signer in signers:
            self.venue.add_key(signer.key)
        bids, asks = tuple((800_000 - at, 1_000) for at in range(9)), tuple((800_001 + at, 1_000) for at in range(9))
        self.venue.on_market(BookState(START_MS, "BTCUSDT", bids, asks), START_MS)
        self.talk = Conversation(self.venue, "127.0.0.1", START_MS, tell_limits=tell_limits)

    def say(self, method: str, params: dict[str, Any] | None = None, number: Any = 7) -> Any:
        """One request and its reply; None when the reply is lost."""
        text = json.dumps({"id": number, "method": method, "params": params or {}})
        outcome = self.talk.hear(text, START_MS)
        if not isinstance(outcome, Asked):
            return outcome
        return self.talk.reply(outcome, self.venue.execute(outcome.admitted, START_MS + outcome.admitted.wait_ms))


@pytest.mark.parametrize("kind", MAKERS)
def test_each_kind_of_key_signs_messages(kind: str) -> None:
    """Parameters sorted by name; hex or base64 (6)."""
    signer = MAKERS[kind]()
    line = Line(signer)
    assert line.say("order.place", signed(signer, START_MS, **ORDER))["status"] == 200
    forged = {**signed(signer, START_MS, **ORDER), "quantity": "0.020"}
    assert line.say("order.place", forged)["error"]["code"] == -1022


def test_after_a_logon_key_and_signature_may_be_left_out() -> None:
    """The timestamp may not; a logout ends it (6)."""
    signer = ed25519_key()
    line = Line(signer)
    bare = {**ORDER, "timestamp": START_MS}
    assert line.say("order.place", bare)["error"]["code"] == -2014
    logon = line.say("session.logon", signed(signer, START_MS))
    assert logon["status"] == 200
    assert logon["result"] == {
        "apiKey": signer.key.key,
        "authorizedSince": START_MS,
        "connectedSince": START_MS,
        "returnRateLimits": True,
        "serverTime": START_MS,
    }
    assert line.say("order.place", bare)["status"] == 200
    assert line.say("order.place", ORDER)["error"]["code"] == -1102
    assert line.say("order.place", {**ORDER, "timestamp": START_MS - 60_000})["error"]["code"] == -1021
    assert line.say("userDataStream.start")["status"] == 200
    assert line.say("session.logout")["result"]["apiKey"] is None
    assert line.say("order.place", bare)["error"]["code"] == -2014


def test_a_request_may_still_be_signed_with_another_key() -> None:
    """A key that is named is the one that counts."""
    owner, other = ed25519_key(), hmac_key(can_trade=False)
    line = Line(owner, other)
    line.say("session.logon", signed(owner, START_MS))
    assert line.say("order.place", signed(other, START_MS, **ORDER))["error"]["code"] == -2015
    assert line.say("v2/account.balance", {"apiKey": other.key.key, "timestamp": START_MS})["error"]["code"] == -1102


@pytest.mark.parametrize("signer", [hmac_key(), rsa_key()], ids=["hmac", "rsa"])
def test_only_ed25519_keys_log_on(signer: Signer) -> None:
    """-4056 names the kind."""
    line = Line(signer)
    reply = line.say("session.logon", signed(signer, START_MS))
    assert (reply["status"], reply["error"]["code"]) == (400, -4056)
    assert reply["error"]["msg"] == f"{signer.key.kind} API key is not supported."
    assert line.say("session.status")["result"]["apiKey"] is None


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"signature": "AAAA"}, -1022),
        ({"signature": ""}, -1102),
        ({"timestamp": START_MS - 9_000}, -1021),
        ({"apiKey": "u" * 64}, -2015),
        ({"apiKey": "?"}, -2014),
    ],
)
def test_a_bad_logon_is_refused_and_leaves_the_session_as_it_was(change: dict[str, Any], code: int) -> None:
    """Key, time, signature."""
    signer = ed25519_key()
    line = Line(signer)
    reply = line.say("session.logon", {**signed(signer, START_MS), **change})
    assert reply["error"]["code"] == code
    assert line.say("session.status")["result"]["authorizedSince"] is None


def test_a_revoked_key_is_logged_off_with_a_message_of_no_id() -> None:
    """id null, 401, -2015; later requests are strangers'."""
    signer = ed25519_key()
    line = Line(signer)
    line.say("session.logon", signed(signer, START_MS))
    assert line.talk.revoked() is None
    line.venue.revoke_key(signer.key.key)
    told = line.talk.revoked()
    assert told is not None
    assert (told["id"], told["status"], told["error"]["code"]) == (None, 401, -2015)
    assert line.talk.revoked() is None
    assert line.say("order.place", {**ORDER, "timestamp": START_MS})["error"]["code"] == -2014


def test_the_connection_and_every_method_cost_their_weight() -> None:
    """Five for the handshake, two for session methods, REST weights for the rest; order methods nothing (6)."""
    signer = hmac_key()
    line = Line(signer)

    def used() -> int:
        return line.venue.gate.used_weight("127.0.0.1")

    assert used() == 5
    for method, params, weight in [
        ("session.status", {}, 2),
        ("time", {}, 1),
        ("depth", {"symbol": "BTCUSDT", "limit": 1000}, 20),
        ("ticker.price", {}, 2),
        ("v2/account.status", signed(signer, START_MS), 5),
        ("order.place", signed(signer, START_MS, **ORDER), 0),
        ("order.status", signed(signer, START_MS, symbol="BTCUSDT", orderId=1), 1),
        ("userDataStream.start", {"apiKey": signer.key.key}, 1),
    ]:
        before = used()
        line.say(method, params)
        assert used() - before == weight, method


def test_replies_tell_the_budget_that_they_used() -> None:
    """Orders theirs, everything else request weight; never when it is not wanted."""
    signer = hmac_key()
    line = Line(signer)
    placed = line.say("order.place", signed(signer, START_MS, **ORDER))["rateLimits"]
    assert [(row["rateLimitType"], row["interval"], row["count"]) for row in placed] == [
        ("ORDERS", "SECOND", 1),
        ("ORDERS", "MINUTE", 1),
    ]
    refused = line.say("order.place", signed(signer, START_MS, **{**ORDER, "price": "1"}))["rateLimits"]
    assert [row["count"] for row in refused] == [2, 2]
    (weight,) = line.say("time")["rateLimits"]
    assert (weight["rateLimitType"], weight["limit"], weight["count"]) == ("REQUEST_WEIGHT", 2400, 6)
    assert "rateLimits" not in line.say("time", {"returnRateLimits": False})
    assert "rateLimits" not in Line(tell_limits=False).say("time")


def test_too_much_weight_is_refused_on_this_door_too() -> None:
    """429 with -1003, and no further connection."""
    line = Line(limits=LimitRules(weight_per_minute=7))
    assert [line.say("time")["status"] for _ in range(3)] == [200, 200, 429]
    with pytest.raises(Refusal) as caught:
        Conversation(line.venue, "127.0.0.1", START_MS)
    assert caught.value.status == 429


@pytest.mark.parametrize("number", [1, "text", None, 1.5, True])
def test_the_number_of_a_request_comes_back_as_it_was(number: Any) -> None:
    """Any JSON scalar."""
    assert Line().say("time", number=number)["id"] == number


@pytest.mark.parametrize("text", ["{", "[]", '"x"', "", '{"id":1,"method":5}', '{"id":1,"method":"fly"}'])
def test_what_is_no_request_is_answered(text: str) -> None:
    """With an error, and the connection lives on."""
    line = Line()
    reply: Any = line.talk.hear(text, START_MS)
    assert (reply["status"], "error" in reply, "rateLimits" in reply) == (400, True, True)
    assert line.say("ping")["status"] == 200


FAULTS: list[tuple[dict[str, Any], Any]] = [
    ({"kind": "error", "status": 503, "code": -1001}, (503, -1001)),
    ({"kind": "error", "code": -1008}, (503, -1008)),
    ({"kind": "error", "code": -1007, "executed": True}, (408, -1007)),
    ({"kind": "error", "status": 502, "body": "<html>"}, (502, -1000)),
    ({"kind": "ban"}, (418, -1003)),
    ({"kind": "maintenance"}, (503, -1016)),
    ({"kind": "reject_post_only"}, (400, -5022)),
    ({"kind": "clock_skew_ms", "value": 60_000}, (400, -1021)),
    ({"kind": "delay_ms", "value": 6_000}, (400, -5028)),
    ({"kind": "lost_response"}, None),
]


@pytest.mark.parametrize(
    ("spec", "expected"), FAULTS, ids=[f"{spec['kind']}-{spec.get('code', '')}" for spec, _ in FAULTS]
)
def test_faults_strike_this_door_as_they_strike_the_other(spec: dict[str, Any], expected: Any) -> None:
    """The same layers, the same codes; a lost reply does not come."""
    signer = hmac_key()
    line = Line(signer)
    line.venue.add_fault({"count": 1, **spec} if spec["kind"] != "clock_skew_ms" else spec, START_MS)
    reply = line.say("order.place", signed(signer, START_MS, **{**ORDER, "timeInForce": "GTX"}))
    if expected is None:
        assert reply is None
        assert len(line.venue.floor.accounts["main"].open_orders) == 1
    else:
        assert (reply["status"], reply["error"]["code"]) == expected
        assert bool(line.venue.floor.accounts["main"].open_orders) is spec.get("executed", False)


@pytest.mark.parametrize("kind", ["ban", "maintenance"])
def test_a_shut_door_refuses_the_connection_itself(kind: str) -> None:
    """No handshake under a ban or during maintenance."""
    line = Line()
    line.venue.add_fault({"kind": kind}, START_MS)
    with pytest.raises(FaultAnswer):
        Conversation(line.venue, "127.0.0.1", START_MS)


def test_session_methods_can_be_struck_by_their_name() -> None:
    """The path filter finds them under /ws-fapi/v1/."""
    signer = ed25519_key()
    line = Line(signer)
    line.venue.add_fault({"kind": "error", "path": "/ws-fapi/v1/session.logon", "count": 1}, START_MS)
    assert line.say("session.status")["status"] == 200
    assert line.say("session.logon", signed(signer, START_MS))["status"] == 503
    assert line.say("session.logon", signed(signer, START_MS))["status"] == 200
