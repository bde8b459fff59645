"""Client order ids: a pure function of what the order is for, so that equal decisions collide (S3-6).

The exchange takes 1 to 36 characters of `.A-Z:/a-z0-9_-`. A symbol outside that alphabet, or too long to fit, is
replaced by a digest of itself.
"""

import hashlib
import re
from dataclasses import dataclass

from vortex.domain.orders import Leg

ID_PATTERN = re.compile(r"^[.A-Z:/a-z0-9_-]{1,36}$")
_OURS = re.compile(r"^([A-Za-z0-9]{1,8})-([.A-Z:/a-z0-9_]{1,16})-([0-9a-f]{1,6})-([ESTC])([0-9a-f]{1,2})$")
_PLAIN_SYMBOL = re.compile(r"^[A-Z0-9_]{1,16}$")
TRADE_NO_MAX = 0xFFFFFF
ATTEMPT_MAX = 0xFF


@dataclass(frozen=True, slots=True)
class ParsedId:
    """What an id of ours says. `symbol_key` is the symbol itself or its digest."""

    tag: str
    symbol_key: str
    trade_no: int
    leg: Leg
    attempt: int


def symbol_key(symbol: str) -> str:
    """The symbol as it stands in an id."""
    if _PLAIN_SYMBOL.match(symbol):
        return symbol
    return ":" + hashlib.blake2s(symbol.encode(), digest_size=6).hexdigest()


def make_id(tag: str, symbol: str, trade_no: int, leg: Leg, attempt: int) -> str:
    """The id of one attempt at one leg of one trade."""
    assert 0 < trade_no <= TRADE_NO_MAX, f"trade number out of range: {trade_no}"
    assert 0 <= attempt <= ATTEMPT_MAX, f"attempt out of range: {attempt}"
    text = f"{tag}-{symbol_key(symbol)}-{trade_no:x}-{leg.value}{attempt:x}"
    assert ID_PATTERN.match(text), f"not an id the exchange takes: {text!r}"
    return text


def parse_id(text: str) -> ParsedId | None:
    """Read an id back; None when it was not made by `make_id`."""
    match = _OURS.match(text)
    if match is None:
        return None
    tag, key, trade_no, leg, attempt = match.groups()
    return ParsedId(tag, key, int(trade_no, 16), Leg(leg), int(attempt, 16))
