"""Turns parameters into the exact bytes that are signed and sent."""

import hmac
from collections.abc import Mapping
from urllib.parse import quote

import msgspec


class Credentials(msgspec.Struct, frozen=True):
    """An API key pair. The secret never appears in a repr, so it cannot reach a log by accident."""

    key: str
    secret: str

    def __repr__(self) -> str:
        return "Credentials(key='***', secret='***')"


def encode(params: Mapping[str, str | int]) -> str:
    """Percent-encoded UTF-8 query in the given order; encoded before signing, as sent."""
    return "&".join(f"{quote(name, safe='')}={quote(str(value), safe='')}" for name, value in params.items())


def signature(secret: str, payload: str) -> str:
    """Lower-case hex HMAC-SHA256 of the payload."""
    return hmac.digest(secret.encode(), payload.encode(), "sha256").hex()


def signed(secret: str, params: Mapping[str, str | int]) -> str:
    """Encoded query with its signature last."""
    payload = encode(params)
    return f"{payload}&signature={signature(secret, payload)}"
