"""Who is asking: API keys with rights and addresses, signatures of three kinds, and the time window of a request."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import TypeAlias
from urllib.parse import quote, urlencode

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from vortex.exchange.refusal import Refusal

AHEAD_MS = 1_000
RECV_WINDOW_MS = 5_000
RECV_WINDOW_MAX_MS = 60_000
HMAC_KEY, RSA_KEY, ED25519_KEY = "HMAC_SHA256", "RSA", "ED25519"
ANYWHERE = ("0.0.0.0/0", "::/0")
"""An allow-list that names every address."""
_SIGNATURE = re.compile(rb"(?:^|&)signature=[^&]*")
_KEY_FORMAT = re.compile(r"[A-Za-z0-9]{8,128}")

PublicKey: TypeAlias = RSAPublicKey | Ed25519PublicKey
Reading: TypeAlias = tuple[int, float]
"""What a clock shows (unix ms), and by how much the time window is stretched around it."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key: either an HMAC secret or a public key in PEM. The rights are those of the exchange's settings page."""

    key: str
    secret: str = field(default="", repr=False)
    account: str = "main"
    can_trade: bool = True
    can_withdraw: bool = False
    can_read: bool = True
    public_key: str = field(default="", repr=False)
    addresses: tuple[str, ...] = ANYWHERE
    """Addresses or networks that may use it; empty means that nobody restricted it."""
    name: str = ""

    def __post_init__(self) -> None:
        """Exactly one means of checking signatures; ValueError says what is wrong, never with the secret."""
        if bool(self.secret) == bool(self.public_key):
            raise ValueError("a key has either a secret or a public_key")
        if _KEY_FORMAT.fullmatch(self.key) is None:
            raise ValueError("key is 8 to 128 letters and digits")
        if self.public_key:
            public_key(self.public_key)
        for each in self.addresses:
            ip_network(each)

    @property
    def kind(self) -> str:
        """How it signs."""
        if self.secret:
            return HMAC_KEY
        return RSA_KEY if isinstance(public_key(self.public_key), RSAPublicKey) else ED25519_KEY

    @property
    def ip_restricted(self) -> bool:
        """Is there an allow-list?"""
        return bool(self.addresses)

    def allows(self, address: str) -> bool:
        """May this network address use the key? An unknown address may not use a restricted one."""
        return not self.addresses or self.addresses == ANYWHERE or _within(self.addresses, address)


@lru_cache(maxsize=1_024)
def _within(networks: tuple[str, ...], address: str) -> bool:
    try:
        asking = ip_address(address)
    except ValueError:
        return False
    return any(asking in ip_network(each) for each in networks)


@lru_cache(maxsize=1_024)
def public_key(pem: str) -> PublicKey:
    """An RSA or Ed25519 public key; ValueError when it is neither."""
    try:
        loaded = load_pem_public_key(pem.encode())
    except ValueError:
        raise ValueError("public_key is not PEM (SubjectPublicKeyInfo)") from None
    if isinstance(loaded, RSAPublicKey | Ed25519PublicKey):
        return loaded
    raise ValueError("public_key is neither RSA nor Ed25519")


def unsigned(raw: bytes) -> bytes:
    """The raw query or body without its signature parameter."""
    stripped = _SIGNATURE.sub(b"", raw)
    return stripped[1:] if stripped.startswith(b"&") else stripped


def sign(secret: str, payload: bytes) -> str:
    """HMAC-SHA256 in lower-case hex."""
    return hmac.new(secret.encode(), payload, hashlib.sha256).hexdigest()


def find_key(keys: Mapping[str, ApiKey], sent: str | None, address: str = "127.0.0.1") -> ApiKey:
    """The key of a request; -2014 when absent or malformed, -2015 when unknown or from a foreign address."""
    if not sent or _KEY_FORMAT.fullmatch(sent) is None:
        raise Refusal(-2014)
    found = keys.get(sent)
    if found is None or not found.allows(address):
        raise Refusal(-2015)
    return found


def verified(key: ApiKey, payload: bytes, sent: str) -> bool:
    """Is this the key's signature of these bytes? Hex in any case for HMAC, base64 for RSA and Ed25519."""
    if key.secret:
        # Bytes, because text outside ASCII cannot be compared in constant time.
        return hmac.compare_digest(sign(key.secret, payload).encode(), sent.lower().encode("utf-8", "replace"))
    try:
        signature = base64.b64decode(sent.encode("ascii", "replace"), validate=True)
        checker = public_key(key.public_key)
        if isinstance(checker, RSAPublicKey):
            checker.verify(signature, payload, PKCS1v15(), SHA256())
        else:
            checker.verify(signature, payload)
    except (InvalidSignature, binascii.Error):
        return False
    return True


def check_signature(key: ApiKey, raw_query: bytes, raw_body: bytes, sent: str) -> None:
    """Query then body as sent, without the signature and without a joint; -1022 otherwise."""
    if not verified(key, unsigned(raw_query) + unsigned(raw_body), sent):
        raise Refusal(-1022)


def check_signed_params(key: ApiKey, params: Mapping[str, str]) -> None:
    """The WebSocket API's form: parameters sorted by name, joined, without the signature.

    Some clients sign the values as they are, others percent-encoded; both are let in (6).
    """
    named = [(name, params[name]) for name in sorted(params) if name != "signature"]
    sent = params.get("signature", "")
    spellings = dict.fromkeys(
        (
            "&".join(f"{name}={value}" for name, value in named),
            urlencode(named),
            urlencode(named, quote_via=quote),
        )
    )
    if not any(verified(key, each.encode(), sent) for each in spellings):
        raise Refusal(-1022)


def check_time(params: Mapping[str, str], now_ms: int, stretch: float, code: int = -1021) -> None:
    """Accept iff timestamp < now + 1000 and now - timestamp <= recvWindow; `stretch` scales both (venue speed)."""
    check_times(params, ((now_ms, stretch),), code)


def check_times(params: Mapping[str, str], clocks: Iterable[Reading], code: int = -1021) -> None:
    """`check_time` by any of several clocks: one that agrees is enough. The text is the first clock's."""
    sent = params.get("timestamp", "")
    if not sent:
        raise Refusal(-1102, "timestamp")
    window_text = params.get("recvWindow", str(RECV_WINDOW_MS))
    try:
        timestamp, window = int(sent), float(window_text)
    except ValueError:
        raise Refusal(-1102, "timestamp") from None
    if not 0 < window <= RECV_WINDOW_MAX_MS:
        raise Refusal(-1130, "recvWindow")
    early: bool | None = None
    for now_ms, stretch in clocks:
        ahead = timestamp >= now_ms + AHEAD_MS * stretch
        if not ahead and now_ms - timestamp <= window * stretch:
            return
        early = ahead if early is None else early
    if early:
        raise Refusal(code, message="Timestamp for this request was 1000ms ahead of the server's time.")
    raise Refusal(code)
