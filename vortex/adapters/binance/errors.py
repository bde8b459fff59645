"""What a failed exchange request means, in one table; whatever is not in it is unknown (S3-6).

Laws: 1. every failure gets exactly one class of `kernel.errors`; 2. a write answered with 5xx is never VenueRejected;
3. the default is OutcomeUnknown, because an order may live behind any silence.
"""

import asyncio
import enum
import re

import aiohttp
import msgspec

from vortex.adapters.binance.endpoints import Purpose
from vortex.kernel.errors import NotSent, OutcomeUnknown, RateLimited, StaleData, VenueRejected, VortexError


class Verdict(enum.Enum):
    """Classes of failure."""

    REJECTED = "VenueRejected"
    RATE_LIMITED = "RateLimited"
    NOT_SENT = "NotSent"
    UNKNOWN = "OutcomeUnknown"


class Failure(msgspec.Struct, frozen=True):
    """What is known of a failed request: an answer (status, code, text), or the exception that came instead."""

    status: int = 0
    code: int | None = None
    text: str = ""
    retry_after: str = ""
    error: BaseException | None = None


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table. Every condition that is present must hold; the first line that holds decides."""

    verdict: Verdict
    why: str
    errors: tuple[type[BaseException], ...] = ()
    statuses: tuple[int, int] | None = None
    codes: tuple[int, ...] = ()
    any_code: bool = False
    text: str = ""
    purposes: tuple[Purpose, ...] = ()
    pause_ms: int = 0

    def holds(self, failure: Failure, purpose: Purpose) -> bool:
        """Does this line speak of that failure?"""
        return (
            (not self.errors or isinstance(failure.error, self.errors))
            and (self.statuses is None or self.statuses[0] <= failure.status <= self.statuses[1])
            and (not self.codes or failure.code in self.codes)
            and (not self.any_code or (failure.code is not None and failure.code < 0))
            and (not self.text or self.text in failure.text)
            and (not self.purposes or purpose in self.purposes)
        )


class _Envelope(msgspec.Struct):
    code: int
    msg: str = ""


_ENVELOPE = msgspec.json.Decoder(_Envelope, strict=False)
_BANNED_UNTIL = re.compile(r"banned until (\d{13})")
_WEIGHT_PAUSE_MS = 60_000  # the weight limit counts by the minute
_ORDER_PAUSE_MS = 10_000  # the shorter of the two order limits
_BAN_PAUSE_MS = 120_000  # bans begin at two minutes
_BUSY_PAUSE_MS = 200  # documented first step of the back-off
PAUSE_MAX_MS = 3 * 86_400_000  # the longest ban known is three days


def read_failure(status: int, body: bytes, retry_after: str = "") -> Failure:
    """An answer's status and body as a failure; bodies of gateways may be plain text or carry no code."""
    try:
        envelope = _ENVELOPE.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Failure(status, None, body[:300].decode(errors="replace"), retry_after)
    return Failure(status, envelope.code, envelope.msg, retry_after)


def find_row(failure: Failure, purpose: Purpose) -> Row:
    """The line of the table that decides; the last line holds for everything."""
    return next(row for row in TABLE if row.holds(failure, purpose))


def classify(failure: Failure, purpose: Purpose, now_ms: int, what: str = "") -> VortexError:
    """The exception to raise. `now_ms` is unix time, needed only to read the end of a ban out of its text."""
    row = find_row(failure, purpose)
    label = f"{what}: {describe(failure)}" if what else describe(failure)
    match row.verdict:
        case Verdict.REJECTED:
            assert failure.code is not None, "only an answer with a code is a rejection"
            return VenueRejected(failure.code, failure.text, failure.status)
        case Verdict.RATE_LIMITED:
            return RateLimited(label, pause_ms(failure, row.pause_ms, now_ms))
        case Verdict.NOT_SENT:
            return NotSent(label)
        case Verdict.UNKNOWN:
            return StaleData(label) if purpose is Purpose.POLL else OutcomeUnknown(label)


def describe(failure: Failure) -> str:
    """One line for people; never contains parameters, hence no secrets."""
    if failure.error is not None:
        return f"{type(failure.error).__name__}: {failure.error}"
    return f"HTTP {failure.status} {'' if failure.code is None else failure.code} {failure.text}".strip()


def pause_ms(failure: Failure, default_ms: int, now_ms: int) -> int:
    """How long to stay away: the header in seconds, else the end named in the text, else the table's default."""
    wait = default_ms
    if failure.retry_after.isascii() and failure.retry_after.isdigit():
        wait = int(failure.retry_after[:9]) * 1_000
    elif named := _BANNED_UNTIL.search(failure.text):
        wait = int(named.group(1)) - now_ms
    return max(1, min(wait, PAUSE_MAX_MS))


CLOCK_CODES = (-1021, -5028)
ORDER_LIMIT_CODES = (-1015,)
MISSING_ORDER = -2013
UNKNOWN_SYMBOL = -1121
BAD_LISTEN_KEY = -1125

TABLE: tuple[Row, ...] = (
    Row(
        errors=(aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError),
        verdict=Verdict.NOT_SENT,
        why="no connection was made, so nothing left",
    ),
    Row(
        errors=(aiohttp.ClientError, asyncio.TimeoutError, OSError, msgspec.MsgspecError, UnicodeError),
        verdict=Verdict.UNKNOWN,
        why="the request may have left before the line broke, or the answer could not be read",
    ),
    Row(
        codes=ORDER_LIMIT_CODES,
        statuses=(400, 499),
        verdict=Verdict.RATE_LIMITED,
        pause_ms=_ORDER_PAUSE_MS,
        why="order limit reached; not accepted",
    ),
    Row(
        statuses=(418, 418),
        verdict=Verdict.RATE_LIMITED,
        pause_ms=_BAN_PAUSE_MS,
        why="the address is banned; every further request makes it longer",
    ),
    Row(
        statuses=(429, 429),
        verdict=Verdict.RATE_LIMITED,
        pause_ms=_WEIGHT_PAUSE_MS,
        why="weight limit reached; not accepted",
    ),
    Row(
        codes=(-1003,),
        statuses=(400, 499),
        verdict=Verdict.RATE_LIMITED,
        pause_ms=_WEIGHT_PAUSE_MS,
        why="weight limit reached; not accepted",
    ),
    Row(
        codes=(-1008,),
        verdict=Verdict.RATE_LIMITED,
        pause_ms=_BUSY_PAUSE_MS,
        why="system protection; not accepted, reductions and cancels are exempt",
    ),
    Row(codes=(-1000, -1006, -1007), verdict=Verdict.UNKNOWN, why="the exchange itself does not know"),
    Row(
        text="Unknown error, please check your request or try again later",
        verdict=Verdict.UNKNOWN,
        why="handed to the engine, no answer in time",
    ),
    Row(statuses=(408, 408), verdict=Verdict.UNKNOWN, why="backend timed out"),
    Row(
        statuses=(503, 503),
        text="Service Unavailable",
        verdict=Verdict.RATE_LIMITED,
        pause_ms=_BUSY_PAUSE_MS,
        why="documented as certainly failed",
    ),
    Row(
        statuses=(503, 503),
        text="Internal error; unable to process your request. Please try again",
        verdict=Verdict.RATE_LIMITED,
        pause_ms=_BUSY_PAUSE_MS,
        why="documented as certainly failed",
    ),
    Row(statuses=(500, 599), verdict=Verdict.UNKNOWN, why="any other 5xx says nothing about an order"),
    Row(
        codes=(-4116,),
        statuses=(400, 499),
        purposes=(Purpose.ORDER,),
        verdict=Verdict.UNKNOWN,
        why="an order with our id lives there: ask for it, it is not rejected",
    ),
    Row(
        codes=CLOCK_CODES,
        statuses=(400, 499),
        verdict=Verdict.REJECTED,
        why="too late or too early by the exchange's clock; the clock is measured anew, an order keeps its old stamp",
    ),
    Row(any_code=True, statuses=(400, 499), verdict=Verdict.REJECTED, why="a definite no with its reason"),
    Row(
        statuses=(403, 403),
        verdict=Verdict.RATE_LIMITED,
        pause_ms=_WEIGHT_PAUSE_MS,
        why="the web firewall turned it away before the exchange saw it",
    ),
    Row(verdict=Verdict.UNKNOWN, why="anything else, an unreadable 2xx among it"),
)


def table_markdown() -> str:
    """The table for the documentation, so that page and code cannot disagree."""
    lines = ["| # | when | class | pause | why |", "|---|---|---|---|---|"]
    lines += [
        f"| {number} | {_conditions(row)} | {row.verdict.value} | {f'{row.pause_ms} ms' if row.pause_ms else ''} "
        f"| {row.why} |"
        for number, row in enumerate(TABLE, start=1)
    ]
    return "\n".join(lines)


def _conditions(row: Row) -> str:
    parts = [" or ".join(error.__name__ for error in row.errors)] if row.errors else []
    if row.statuses:
        low, high = row.statuses
        parts.append(f"HTTP {low}" if low == high else f"HTTP {low} to {high}")
    if row.codes:
        parts.append("code " + ", ".join(map(str, row.codes)))
    if row.any_code:
        parts.append("any negative code")
    if row.text:
        parts.append(f"text “{row.text}”")
    if row.purposes:
        parts.append("on " + ", ".join(purpose.value for purpose in row.purposes))
    return "; ".join(parts) or "else"
