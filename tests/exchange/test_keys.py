"""Keys of three kinds, their rights and addresses, and the file they come from."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.exchange.signing import MAKERS, SECRET, Signer, ask, ed25519_key, hmac_key, rsa_key
from vortex.adapters.venue.keys import load_keys
from vortex.exchange.auth import ApiKey
from vortex.exchange.venue import Venue
from vortex.kernel.errors import ConfigError

START_MS = 1_794_000_000_000
ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}


def venue_with(*signers: Signer) -> Venue:
    """An exchange that lets these keys in."""
    venue = Venue(("BTCUSDT",), START_MS)
    venue.open_account("main", {"USDT": Decimal(1_000)})
    for signer in signers:
        venue.add_key(signer.key)
    return venue


@pytest.mark.parametrize("kind", MAKERS)
def test_each_kind_of_key_signs_rest_requests(kind: str) -> None:
    """HMAC in hex, RSA and Ed25519 in base64, over the bytes as sent (4.1)."""
    signer = MAKERS[kind]()
    venue = venue_with(signer)
    assert ask(venue, signer, "GET", "/fapi/v3/account", START_MS).status == 200
    answer = ask(venue, signer, "DELETE", "/fapi/v1/order", START_MS, symbol="BTCUSDT", orderId=5)
    assert answer.body["code"] == -2011


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("wrong", ["", "zz", "AAAA", "ü", "A" * 88, "0" * 64])
def test_a_wrong_signature_of_any_kind_is_refused(kind: str, wrong: str) -> None:
    """-1022, or -1102 when there is none."""
    signer = MAKERS[kind]()
    forged = Signer(signer.key, lambda _payload: wrong)
    answer = ask(venue_with(signer), forged, "GET", "/fapi/v3/account", START_MS)
    assert (answer.status, answer.body["code"]) == (400, -1022 if wrong else -1102)


@pytest.mark.parametrize("kind", MAKERS)
def test_a_signature_covers_every_byte(kind: str) -> None:
    """The same signature does not fit other parameters."""
    signer = MAKERS[kind]()
    other = Signer(signer.key, lambda payload: signer.sign(payload + b"0"))
    assert ask(venue_with(signer), other, "GET", "/fapi/v3/account", START_MS).body["code"] == -1022


@pytest.mark.parametrize(
    ("rights", "read", "trade"),
    [({}, 200, 400), ({"can_trade": False}, 200, 401), ({"can_read": False}, 401, 400)],
)
def test_rights_are_kept(rights: dict[str, Any], read: int, trade: int) -> None:
    """-2015 for what the key may not; the order itself fails only for want of a book."""
    signer = hmac_key(**rights)
    venue = venue_with(signer)
    assert ask(venue, signer, "GET", "/fapi/v3/account", START_MS).status == read
    answer = ask(venue, signer, "POST", "/fapi/v1/order", START_MS, **ORDER)
    assert (answer.status, answer.body["code"] == -2015) == (trade, trade == 401)


@pytest.mark.parametrize(
    ("addresses", "asking", "status"),
    [
        ((), "203.0.113.9", 200),
        (("127.0.0.1",), "127.0.0.1", 200),
        (("127.0.0.1",), "127.0.0.2", 401),
        (("10.0.0.0/8", "::1"), "10.3.4.5", 200),
        (("10.0.0.0/8", "::1"), "::1", 200),
        (("10.0.0.0/8",), "not an address", 401),
    ],
)
def test_the_allow_list_is_kept(addresses: tuple[str, ...], asking: str, status: int) -> None:
    """A key used from elsewhere is as good as unknown (-2015), for signed and unsigned requests alike."""
    signer = ed25519_key(addresses=addresses)
    venue = venue_with(signer)
    answer = ask(venue, signer, "GET", "/fapi/v3/account", START_MS, address=asking)
    assert answer.status == status
    assert ask(venue, signer, "POST", "/fapi/v1/listenKey", START_MS, address=asking).status == status


def test_restrictions_tell_what_the_key_may_do() -> None:
    """GET /sapi/v1/account/apiRestrictions, for any kind of key."""
    signer = rsa_key(can_trade=False, can_withdraw=True, addresses=("127.0.0.1",))
    body = ask(venue_with(signer), signer, "GET", "/sapi/v1/account/apiRestrictions", START_MS).body
    assert (body["ipRestrict"], body["enableReading"]) == (True, True)
    assert (body["enableFutures"], body["enableWithdrawals"]) == (False, True)
    free = hmac_key(addresses=())
    open_to_all = ask(venue_with(free), free, "GET", "/sapi/v1/account/apiRestrictions", START_MS).body
    assert open_to_all["ipRestrict"] is False


def test_a_revoked_key_is_unknown() -> None:
    """By its name or by itself."""
    signer = hmac_key(name="mine")
    venue = venue_with(signer)
    assert venue.revoke_key("nobody's") is None
    assert venue.revoke_key("mine") is signer.key
    assert ask(venue, signer, "GET", "/fapi/v3/account", START_MS).body["code"] == -2015


def test_secrets_do_not_show() -> None:
    """Neither in the representation of a key nor in what is said about a bad one."""
    assert SECRET not in repr(hmac_key().key)
    with pytest.raises(ValueError, match="either") as caught:
        ApiKey("k" * 64, SECRET, public_key="x")
    assert SECRET not in str(caught.value)


TOML = f"""
[[keys]]
name = "desk"
key = "{"d" * 64}"
secret = "{SECRET}"
rights = ["read", "trade"]
ip = ["127.0.0.1"]
balance = 2500

[[keys]]
key = "{"w" * 64}"
public_key_file = "watcher.pem"
account = "other"
rights = ["read"]
balance = {{ USDT = "10.5", BNB = 3 }}
"""


def test_a_key_file_brings_keys_rights_and_balances(tmp_path: Path) -> None:
    """TOML, with a public key in a file beside it."""
    (tmp_path / "watcher.pem").write_text(ed25519_key().key.public_key)
    path = tmp_path / "keys.toml"
    path.write_text(TOML)
    ring = load_keys(path)
    desk, watcher = ring.keys
    assert (desk.name, desk.kind, desk.account, desk.addresses) == ("desk", "HMAC_SHA256", "main", ("127.0.0.1",))
    assert (watcher.kind, watcher.account, watcher.can_trade, watcher.ip_restricted) == (
        "ED25519",
        "other",
        False,
        False,
    )
    assert ring.balances == {
        "main": {"USDT": Decimal(2500)},
        "other": {"USDT": Decimal("10.5"), "BNB": Decimal(3)},
    }


def test_a_key_file_may_be_json(tmp_path: Path) -> None:
    """The same in JSON."""
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [{"key": "j" * 64, "public_key": rsa_key().key.public_key}]}))
    (key,) = load_keys(path).keys
    assert (key.kind, key.can_read, key.can_trade, key.can_withdraw) == ("RSA", True, True, False)


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ({}, "secret or a public_key"),
        ({"key": "k" * 64, "secret": SECRET, "public_key": "x"}, "secret or a public_key"),
        ({"key": "k", "secret": SECRET}, "8 to 128"),
        ({"key": "k" * 64, "secret": SECRET, "colour": "red"}, "unknown field colour"),
        ({"key": "k" * 64, "secret": SECRET, "rights": ["fly"]}, "rights are"),
        ({"key": "k" * 64, "secret": SECRET, "ip": ["nowhere"]}, "nowhere"),
        ({"key": "k" * 64, "secret": SECRET, "ip": "127.0.0.1"}, "ip is a list"),
        ({"key": "k" * 64, "secret": 5}, "secret is text"),
        ({"key": "k" * 64, "public_key": SECRET}, "not PEM"),
        ({"key": "k" * 64, "public_key_file": "missing.pem"}, "cannot read"),
        ({"key": "k" * 64, "secret": SECRET, "balance": -1}, "not negative"),
        ({"key": "k" * 64, "secret": SECRET, "balance": "plenty"}, "a number"),
    ],
)
def test_a_bad_entry_is_named_without_its_secret(tmp_path: Path, row: dict[str, Any], complaint: str) -> None:
    """File, entry and field; never what is signed with."""
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [{"name": "third", **row}]}))
    with pytest.raises(ConfigError, match=complaint) as caught:
        load_keys(path)
    assert "key 1 (third)" in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("text", ["", "keys = 5", "keys = []", f'[[keys]]\nsecret = "{SECRET}\n', "\x00"])
def test_a_file_that_is_no_key_file_is_refused(tmp_path: Path, text: str) -> None:
    """Also a broken line that holds a secret is not quoted."""
    path = tmp_path / "keys.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_keys(path)
    assert SECRET not in str(caught.value)


def test_two_keys_of_one_account_agree_on_its_balance(tmp_path: Path) -> None:
    """Otherwise nobody could say what it owns; and no key stands twice."""
    path = tmp_path / "keys.json"
    rows = [{"key": letter * 64, "secret": SECRET, "balance": number} for letter, number in (("a", 1), ("b", 2))]
    path.write_text(json.dumps(rows))
    with pytest.raises(ConfigError, match="another balance"):
        load_keys(path)
    path.write_text(json.dumps([rows[0], rows[0]]))
    with pytest.raises(ConfigError, match="twice"):
        load_keys(path)
