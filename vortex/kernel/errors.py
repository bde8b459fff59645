"""The one tree of exceptions. Names say what happened.

VortexError
├── ConfigError            the operator's settings are wrong                        exit 2
├── Refused                a request that is understood and not allowed             exit 4
├── NotRunning             nothing answers where the system should be               exit 3
├── NotSent                the request provably never left this process
│   └── RateLimited        not accepted, and the exchange said when to come back
├── OutcomeUnknown         it may have happened; only the exchange can say
├── VenueRejected          the exchange's definite no, with its code
├── Fenced                 a newer epoch lives; this one must go
├── JournalUnavailable     the intent could not be made durable, so nothing may be sent
├── StaleData              the market view is broken
├── LocalViolation         our bug: an illegal transition, a broken contract
└── RemoteViolation        the other side said the impossible

Expected outcomes are events, not exceptions. Broken invariants are assertions.
"""


class VortexError(Exception):
    """Root of the tree. Never raised itself."""


class ConfigError(VortexError):
    """A setting is missing, unknown or out of range. The message names the value and the mend."""


class Refused(VortexError):
    """Understood and not allowed, for example a second start on the same state directory."""


class NotRunning(VortexError):
    """No system answers there."""


class NotSent(VortexError):
    """The request provably never left. It may be sent again under the same client order id."""


class RateLimited(NotSent):
    """Not accepted; `retry_after_ms` says how long to stay away."""

    def __init__(self, message: str, retry_after_ms: int) -> None:
        super().__init__(message)
        self.retry_after_ms = retry_after_ms


class OutcomeUnknown(VortexError):
    """Neither yes nor no. Ask the exchange for the client order id; never send again (S3-6)."""


class VenueRejected(VortexError):
    """The exchange refused; nothing happened there."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.venue_message = message
        self.status = status


class Fenced(VortexError):
    """A newer incarnation exists. The older one stops without another word."""


class JournalUnavailable(VortexError):
    """PostgreSQL did not take the record. Entries halt; reductions may go on."""


class StaleData(VortexError):
    """A market view that must not be traded on."""


class LocalViolation(VortexError):
    """We broke our own contract. The actor that notices dies and is replaced."""


class RemoteViolation(VortexError):
    """The other side broke the protocol. The symbol stops and reconciles."""
