"""A symbol's market feed as a table: connect, subscribe, warm up, notice silence, come back (E0-4 … E0-6).

1. Decisions are allowed in SUBSCRIBED only: connected, subscribed and backfilled.
2. Silence is measured from the last message, through all reconnections; past the limit `Silent` is said once.
3. Every loss of connection or gap in the tape asks for a backfill before the feed is warm again.
"""

import enum
from typing import Annotated

import msgspec
from msgspec import Meta

from vortex.kernel.fsm import Ignore, Machine, Step, Table
from vortex.kernel.rng import Rng
from vortex.market.backoff import delay_ms

Limit = Annotated[int, Meta(ge=100)]


class FeedState(enum.Enum):
    """Where a feed is in its life."""

    DISCONNECTED = "DISCONNECTED"
    CONNECTING = "CONNECTING"
    CONNECTED = "CONNECTED"
    WARMING = "WARMING"
    SUBSCRIBED = "SUBSCRIBED"
    STALE = "STALE"
    RECONNECTING = "RECONNECTING"


class FeedSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits in ms. `silent_ms` starts the emergency protocol (EM-1)."""

    connect_ms: Limit = 5_000
    stale_ms: Limit = 2_000
    silent_ms: Limit = 5_000


class FeedData(msgspec.Struct, frozen=True, kw_only=True):
    """What a feed remembers beside its state."""

    settings: FeedSettings
    last_seen_ms: int = 0
    entered_ms: int = 0
    attempt: int = 0
    silence_told: bool = False


# What happened


class Start(msgspec.Struct, frozen=True):
    """Begin to connect."""

    now_ms: int


class Opened(msgspec.Struct, frozen=True):
    """The socket is open."""

    now_ms: int


class Acknowledged(msgspec.Struct, frozen=True):
    """The streams are subscribed."""

    now_ms: int


class Backfilled(msgspec.Struct, frozen=True):
    """Candles and trades are complete again."""

    now_ms: int


class Seen(msgspec.Struct, frozen=True):
    """A message or pong arrived."""

    now_ms: int


class GapSeen(msgspec.Struct, frozen=True):
    """Trades are missing from this id on."""

    now_ms: int
    from_agg_id: int


class Ticked(msgspec.Struct, frozen=True):
    """Time passed."""

    now_ms: int


class Lost(msgspec.Struct, frozen=True):
    """The connection ended or could not be made."""

    now_ms: int
    reason: str


class RetryDue(msgspec.Struct, frozen=True):
    """The back-off is over."""

    now_ms: int


class Stop(msgspec.Struct, frozen=True):
    """Hang up for good."""

    now_ms: int


# What to do about it


class Connect(msgspec.Struct, frozen=True):
    """Open the socket."""


class Subscribe(msgspec.Struct, frozen=True):
    """Subscribe all streams of the symbol (E0-1)."""


class HangUp(msgspec.Struct, frozen=True):
    """Close the socket; its end need not be reported."""


class Retry(msgspec.Struct, frozen=True):
    """Send RetryDue after the back-off of this attempt; `delay_ms` is filled in by FeedLink."""

    attempt: int
    delay_ms: int = 0


class NeedBackfill(msgspec.Struct, frozen=True):
    """Fetch candles, and trades from this id on (0: recent ones), then send Backfilled (E0-5)."""

    from_agg_id: int = 0


class Ping(msgspec.Struct, frozen=True):
    """Ask whether the other side still lives."""


class Warm(msgspec.Struct, frozen=True):
    """Decisions may be made again."""


class Cold(msgspec.Struct, frozen=True):
    """No decisions until Warm."""


class Silent(msgspec.Struct, frozen=True):
    """Nothing for longer than the limit: emergency protocol (E0-6, EM-1)."""

    since_ms: int


FeedEvent = Start | Opened | Acknowledged | Backfilled | Seen | GapSeen | Ticked | Lost | RetryDue | Stop
FeedEffect = Connect | Subscribe | HangUp | Retry | NeedBackfill | Ping | Warm | Cold | Silent
Result = tuple[FeedState, FeedData, list[FeedEffect]]
S = FeedState


def _enter(data: FeedData, now_ms: int, **changes: int | bool) -> FeedData:
    return msgspec.structs.replace(data, entered_ms=now_ms, **changes)


def _start(data: FeedData, event: Start) -> Result:
    return S.CONNECTING, _enter(data, event.now_ms, last_seen_ms=event.now_ms, attempt=0), [Connect()]


def _opened(data: FeedData, event: Opened) -> Result:
    return S.CONNECTED, _enter(data, event.now_ms), [Subscribe()]


def _acknowledged(data: FeedData, event: Acknowledged) -> Result:
    return S.WARMING, _enter(data, event.now_ms), [NeedBackfill()]


def _backfilled(data: FeedData, event: Backfilled) -> Result:
    return S.SUBSCRIBED, _enter(data, event.now_ms, attempt=0), [Warm()]


def _gap_when_warm(data: FeedData, event: GapSeen) -> Result:
    data = _enter(_heard(data, event.now_ms), event.now_ms)
    return S.WARMING, data, [Cold(), NeedBackfill(event.from_agg_id)]


def _gap_when_warming(data: FeedData, event: GapSeen) -> Result:
    return S.WARMING, _heard(data, event.now_ms), [NeedBackfill(event.from_agg_id)]


def _heard(data: FeedData, now_ms: int) -> FeedData:
    return msgspec.structs.replace(data, last_seen_ms=max(now_ms, data.last_seen_ms), silence_told=False)


def _seen_in(state: FeedState) -> Step[FeedState, FeedData, FeedEffect]:
    return Step(frozenset({state}), lambda data, event: (state, _heard(data, event.now_ms), []))


def _seen_when_stale(data: FeedData, event: Seen) -> Result:
    return S.WARMING, _enter(_heard(data, event.now_ms), event.now_ms), [NeedBackfill()]


def _silence(data: FeedData, now_ms: int) -> tuple[FeedData, list[FeedEffect]]:
    """Law 2."""
    if data.silence_told or now_ms - data.last_seen_ms <= data.settings.silent_ms:
        return data, []
    return msgspec.structs.replace(data, silence_told=True), [Silent(data.last_seen_ms)]


def _tick_live(state: FeedState) -> Step[FeedState, FeedData, FeedEffect]:
    """Subscribed or warming: quiet for too long is stale. A feed that has just connected has time to say something:
    what its history is asked for would be lost if the outage before counted."""

    def do(data: FeedData, event: Ticked) -> Result:
        since_ms = max(data.last_seen_ms, data.entered_ms) if state is S.WARMING else data.last_seen_ms
        if event.now_ms - since_ms <= data.settings.stale_ms:
            data, silence = _silence(data, event.now_ms)
            return state, data, silence
        calm: list[FeedEffect] = [Cold()] if state is S.SUBSCRIBED else []
        data, silence = _silence(data, event.now_ms)
        return S.STALE, _enter(data, event.now_ms), [*calm, Ping(), *silence]

    return Step(frozenset({state, S.STALE}), do)


def _tick_stale(data: FeedData, event: Ticked) -> Result:
    """A ping did not help: hang up and connect anew."""
    data, effects = _silence(data, event.now_ms)
    if event.now_ms - data.entered_ms <= data.settings.stale_ms:
        return S.STALE, data, effects
    return _give_up(data, event.now_ms, [*effects, HangUp()])


def _tick_opening(state: FeedState) -> Step[FeedState, FeedData, FeedEffect]:
    """Connecting or subscribing takes too long."""

    def do(data: FeedData, event: Ticked) -> Result:
        data, effects = _silence(data, event.now_ms)
        if event.now_ms - data.entered_ms <= data.settings.connect_ms:
            return state, data, effects
        return _give_up(data, event.now_ms, [*effects, HangUp()])

    return Step(frozenset({state, S.RECONNECTING}), do)


def _tick_reconnecting(data: FeedData, event: Ticked) -> Result:
    data, effects = _silence(data, event.now_ms)
    return S.RECONNECTING, data, effects


def _give_up(data: FeedData, now_ms: int, effects: list[FeedEffect]) -> Result:
    retry = Retry(data.attempt)
    return S.RECONNECTING, _enter(data, now_ms, attempt=data.attempt + 1), [*effects, retry]


def _lost(data: FeedData, event: Lost) -> Result:
    return _give_up(data, event.now_ms, [])


def _lost_when_warm(data: FeedData, event: Lost) -> Result:
    return _give_up(data, event.now_ms, [Cold()])


def _retry(data: FeedData, event: RetryDue) -> Result:
    return S.CONNECTING, _enter(data, event.now_ms), [Connect()]


def _stop(data: FeedData, event: Stop) -> Result:
    return S.DISCONNECTED, _enter(data, event.now_ms, attempt=0), [Cold(), HangUp()]


_OFF = Ignore("the feed is stopped")
_LATE = Ignore("about a connection that is already given up")
_EARLY = Ignore("nothing is subscribed yet")
_DONE = Ignore("already so")
_TO_RECONNECTING = Step(frozenset({S.RECONNECTING}), _lost)
_TO_DISCONNECTED = Step(frozenset({S.DISCONNECTED}), _stop)

TABLE: Table[FeedState, FeedData, FeedEffect] = {
    (S.DISCONNECTED, Start): Step(frozenset({S.CONNECTING}), _start),
    (S.DISCONNECTED, Opened): _OFF,
    (S.DISCONNECTED, Acknowledged): _OFF,
    (S.DISCONNECTED, Backfilled): _OFF,
    (S.DISCONNECTED, Seen): _OFF,
    (S.DISCONNECTED, GapSeen): _OFF,
    (S.DISCONNECTED, Ticked): _OFF,
    (S.DISCONNECTED, Lost): _OFF,
    (S.DISCONNECTED, RetryDue): _OFF,
    (S.DISCONNECTED, Stop): _DONE,
    (S.CONNECTING, Start): _DONE,
    (S.CONNECTING, Opened): Step(frozenset({S.CONNECTED}), _opened),
    (S.CONNECTING, Acknowledged): _LATE,
    (S.CONNECTING, Backfilled): _LATE,
    (S.CONNECTING, Seen): _LATE,
    (S.CONNECTING, GapSeen): _EARLY,
    (S.CONNECTING, Ticked): _tick_opening(S.CONNECTING),
    (S.CONNECTING, Lost): _TO_RECONNECTING,
    (S.CONNECTING, RetryDue): _LATE,
    (S.CONNECTING, Stop): _TO_DISCONNECTED,
    (S.CONNECTED, Start): _DONE,
    (S.CONNECTED, Opened): _DONE,
    (S.CONNECTED, Acknowledged): Step(frozenset({S.WARMING}), _acknowledged),
    (S.CONNECTED, Backfilled): _LATE,
    (S.CONNECTED, Seen): _seen_in(S.CONNECTED),
    (S.CONNECTED, GapSeen): _EARLY,
    (S.CONNECTED, Ticked): _tick_opening(S.CONNECTED),
    (S.CONNECTED, Lost): _TO_RECONNECTING,
    (S.CONNECTED, RetryDue): _LATE,
    (S.CONNECTED, Stop): _TO_DISCONNECTED,
    (S.WARMING, Start): _DONE,
    (S.WARMING, Opened): _DONE,
    (S.WARMING, Acknowledged): _DONE,
    (S.WARMING, Backfilled): Step(frozenset({S.SUBSCRIBED}), _backfilled),
    (S.WARMING, Seen): _seen_in(S.WARMING),
    (S.WARMING, GapSeen): Step(frozenset({S.WARMING}), _gap_when_warming),
    (S.WARMING, Ticked): _tick_live(S.WARMING),
    (S.WARMING, Lost): _TO_RECONNECTING,
    (S.WARMING, RetryDue): _LATE,
    (S.WARMING, Stop): _TO_DISCONNECTED,
    (S.SUBSCRIBED, Start): _DONE,
    (S.SUBSCRIBED, Opened): _DONE,
    (S.SUBSCRIBED, Acknowledged): _DONE,
    (S.SUBSCRIBED, Backfilled): _DONE,
    (S.SUBSCRIBED, Seen): _seen_in(S.SUBSCRIBED),
    (S.SUBSCRIBED, GapSeen): Step(frozenset({S.WARMING}), _gap_when_warm),
    (S.SUBSCRIBED, Ticked): _tick_live(S.SUBSCRIBED),
    (S.SUBSCRIBED, Lost): Step(frozenset({S.RECONNECTING}), _lost_when_warm),
    (S.SUBSCRIBED, RetryDue): _LATE,
    (S.SUBSCRIBED, Stop): _TO_DISCONNECTED,
    (S.STALE, Start): _DONE,
    (S.STALE, Opened): _DONE,
    (S.STALE, Acknowledged): _DONE,
    (S.STALE, Backfilled): Ignore("the answer is of before the silence; the next message asks for a new one"),
    (S.STALE, Seen): Step(frozenset({S.WARMING}), _seen_when_stale),
    (S.STALE, GapSeen): Step(frozenset({S.WARMING}), _gap_when_warming),
    (S.STALE, Ticked): Step(frozenset({S.STALE, S.RECONNECTING}), _tick_stale),
    (S.STALE, Lost): _TO_RECONNECTING,
    (S.STALE, RetryDue): _LATE,
    (S.STALE, Stop): _TO_DISCONNECTED,
    (S.RECONNECTING, Start): _DONE,
    (S.RECONNECTING, Opened): _LATE,
    (S.RECONNECTING, Acknowledged): _LATE,
    (S.RECONNECTING, Backfilled): _LATE,
    (S.RECONNECTING, Seen): _LATE,
    (S.RECONNECTING, GapSeen): _LATE,
    (S.RECONNECTING, Ticked): Step(frozenset({S.RECONNECTING}), _tick_reconnecting),
    (S.RECONNECTING, Lost): _LATE,
    (S.RECONNECTING, RetryDue): Step(frozenset({S.CONNECTING}), _retry),
    (S.RECONNECTING, Stop): _TO_DISCONNECTED,
}
"""Every state answers every event."""


class FeedLink:
    """One feed: the table, running, with its chance for the jitter of the back-off."""

    def __init__(self, settings: FeedSettings, rng: Rng) -> None:
        self._rng = rng
        self._machine = Machine(TABLE, FeedState.DISCONNECTED, FeedData(settings=settings))

    @property
    def state(self) -> FeedState:
        """Where the feed is."""
        return self._machine.state

    @property
    def warm(self) -> bool:
        """Whether decisions are allowed (law 1)."""
        return self._machine.state is FeedState.SUBSCRIBED

    @property
    def last_seen_ms(self) -> int:
        """When the last message came."""
        return self._machine.data.last_seen_ms

    def handle(self, event: FeedEvent) -> list[FeedEffect]:
        """Apply one event; what the shell must do now, in order."""
        effects = self._machine.handle(event)
        return [
            Retry(effect.attempt, delay_ms(effect.attempt, self._rng)) if isinstance(effect, Retry) else effect
            for effect in effects
        ]
