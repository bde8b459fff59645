"""Keys of the three kinds, and requests signed with them as clients do."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from vortex.exchange.auth import ApiKey, sign
from vortex.exchange.gate import Admitted, RawRequest, Response
from vortex.exchange.venue import Venue

SECRET = "s" * 64
_ED25519 = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
_RSA = generate_private_key(public_exponent=65_537, key_size=2_048)


@dataclass(frozen=True)
class Signer:
    """A key, and what its owner signs with."""

    key: ApiKey
    sign: Callable[[bytes], str]


def _pem(private: Any) -> str:
    return str(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


def hmac_key(**rights: Any) -> Signer:
    """The kind most clients use."""
    return Signer(ApiKey("h" * 64, SECRET, **rights), lambda payload: sign(SECRET, payload))


def rsa_key(**rights: Any) -> Signer:
    """RSASSA-PKCS1-v1_5 with SHA-256, base64."""

    def signature(payload: bytes) -> str:
        return base64.b64encode(_RSA.sign(payload, PKCS1v15(), SHA256())).decode()

    return Signer(ApiKey("r" * 64, public_key=_pem(_RSA), **rights), signature)


def ed25519_key(**rights: Any) -> Signer:
    """Ed25519, base64."""

    def signature(payload: bytes) -> str:
        return base64.b64encode(_ED25519.sign(payload)).decode()

    return Signer(ApiKey("e" * 64, public_key=_pem(_ED25519), **rights), signature)


MAKERS = {"hmac": hmac_key, "rsa": rsa_key, "ed25519": ed25519_key}


def ask(
    venue: Venue, signer: Signer, method: str, path: str, now: int, *, address: str = "127.0.0.1", **params: Any
) -> Response:
    """A signed REST request with everything in the query."""
    text = urlencode({**params, "timestamp": now})
    query = f"{text}&signature={quote(signer.sign(text.encode()), safe='')}"
    outcome = venue.receive(RawRequest(method, path, query.encode(), api_key=signer.key.key, address=address), now)
    return venue.execute(outcome, now) if isinstance(outcome, Admitted) else outcome


def signed(signer: Signer, now: int, **params: Any) -> dict[str, Any]:
    """Parameters of a signed WebSocket API request."""
    named = {**params, "apiKey": signer.key.key, "timestamp": now}
    payload = "&".join(f"{name}={named[name]}" for name in sorted(named))
    return {**named, "signature": signer.sign(payload.encode())}
