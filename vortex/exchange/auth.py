"""Who is asking: API keys with rights, HMAC signatures over the raw bytes, and the time window of a request."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from vortex.exchange.refusal import Refusal

AHEAD_MS = 1_000
RECV_WINDOW_MS = 5_000
RECV_WINDOW_MAX_MS = 60_000
_SIGNATURE = re.compile(rb"(?:^|&)signature=[^&]*")
_KEY_FORMAT = re.compile(r"[A-Za-z0-9]{8,128}")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key. The rights are those the exchange's own settings page offers."""

    key: str
    secret: str
    account: str = "main"
    can_trade: bool = True
    can_withdraw: bool = False
    ip_restricted: bool = True


def unsigned(raw: bytes) -> bytes:
    """The raw query or body without its signature parameter."""
    stripped = _SIGNATURE.sub(b"", raw)
    return stripped[1:] if stripped.startswith(b"&") else stripped


def sign(secret: str, payload: bytes) -> str:
    """HMAC-SHA256 in lower-case hex."""
    return hmac.new(secret.encode(), payload, hashlib.sha256).hexdigest()


def find_key(keys: Mapping[str, ApiKey], sent: str | None) -> ApiKey:
    """The key of a request; -2014 when absent or malformed, -2015 when unknown."""
    if not sent or _KEY_FORMAT.fullmatch(sent) is None:
        raise Refusal(-2014)
    found = keys.get(sent)
    if found is None:
        raise Refusal(-2015)
    return found


def _same(expected: str, sent: str) -> bool:
    """Hex in any case; bytes, because text outside ASCII cannot be compared in constant time."""
    return hmac.compare_digest(expected.encode(), sent.lower().encode("utf-8", "replace"))


def check_signature(key: ApiKey, raw_query: bytes, raw_body: bytes, sent: str) -> None:
    """Query then body as sent, without the signature and without a joint; -1022 otherwise."""
    expected = sign(key.secret, unsigned(raw_query) + unsigned(raw_body))
    if not _same(expected, sent):
        raise Refusal(-1022)


def check_signed_params(key: ApiKey, params: Mapping[str, str]) -> None:
    """The WebSocket API's form: parameters sorted by name, joined, without the signature.

    Some clients sign the values as they are, others percent-encoded; both are let in (6).
    """
    named = [(name, params[name]) for name in sorted(params) if name != "signature"]
    sent = params.get("signature", "")
    spellings = (
        "&".join(f"{name}={value}" for name, value in named),
        urlencode(named),
        urlencode(named, quote_via=quote),
    )
    if not any(_same(sign(key.secret, each.encode()), sent) for each in spellings):
        raise Refusal(-1022)


def check_time(params: Mapping[str, str], now_ms: int, stretch: float, code: int = -1021) -> None:
    """Accept iff timestamp < now + 1000 and now - timestamp <= recvWindow; `stretch` scales both (venue speed)."""
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
    if timestamp >= now_ms + AHEAD_MS * stretch:
        raise Refusal(code, message="Timestamp for this request was 1000ms ahead of the server's time.")
    if now_ms - timestamp > window * stretch:
        raise Refusal(code)
