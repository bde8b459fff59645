"""Signing: the documented vector, and that what is signed is what is sent."""

import hmac
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.adapters.binance.signing import Credentials, encode, signature, signed

SECRET = "2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9"
PARAMS = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "quantity": 1,
    "price": 9000,
    "timeInForce": "GTC",
    "recvWindow": 5000,
    "timestamp": 1591702613943,
}


def test_the_documented_vector_gives_the_documented_signature():
    """The exchange publishes one payload with its digest."""
    assert signature(SECRET, encode(PARAMS)) == "3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9"


def test_the_signature_comes_last():
    """The exchange recommends it, and some gateways insist."""
    query = signed(SECRET, PARAMS)
    assert query.rpartition("&")[2].startswith("signature=")


@pytest.mark.property
@given(
    st.dictionaries(
        st.text(min_size=1, max_size=12), st.one_of(st.integers(), st.text(max_size=30)), min_size=1, max_size=8
    )
)
def test_whatever_is_encoded_is_read_back_and_verifies(params):
    """For any parameters: decoding gives them back, and a server signing the raw bytes finds the same digest."""
    query = signed("secret", params)
    payload, _, found = query.rpartition("&signature=")
    assert dict(parse_qsl(payload, keep_blank_values=True, strict_parsing=True)) == {
        name: str(value) for name, value in params.items()
    }
    assert payload.isascii()
    assert hmac.digest(b"secret", payload.encode(), "sha256").hex() == found


def test_a_secret_does_not_show_in_a_repr():
    """Logs print reprs."""
    assert "hush" not in repr(Credentials("public-key", "hush"))
