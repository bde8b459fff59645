"""The account's own stream: listen key kept alive, every event delivered, every loss announced."""

import asyncio
from collections.abc import Callable

import msgspec

from vortex.adapters.binance import endpoints
from vortex.adapters.binance.concurrently import together
from vortex.adapters.binance.endpoints import Urls, user_stream_url
from vortex.adapters.binance.errors import BAD_LISTEN_KEY
from vortex.adapters.binance.inbox import Inbox
from vortex.adapters.binance.line import Line, LineSettings, LineState, Sleep
from vortex.adapters.binance.rest import RestClient
from vortex.adapters.binance.rest_wire import ListenKey
from vortex.adapters.binance.translate import Instruments
from vortex.adapters.binance.user_decode import ListenKeyExpired, UserDecoder, UserMessage
from vortex.adapters.binance.wire_socket import opener
from vortex.domain.outcomes import UserStreamDown, UserStreamUp
from vortex.kernel.clock import MS, Clock
from vortex.kernel.errors import NotSent, OutcomeUnknown, RemoteViolation, VenueRejected
from vortex.kernel.rng import Rng

UserEvent = UserMessage | UserStreamUp | UserStreamDown

_LISTEN_KEY = msgspec.json.Decoder(ListenKey)


class UserStreamSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Durations in ms. A key lives 60 min after its last keepalive; a quiet account sends nothing, so only pings tell
    a dead line from a quiet one."""

    keepalive_ms: int = 25 * 60_000
    keepalive_retry_ms: int = 30_000
    key_life_ms: int = 55 * 60_000
    ping_interval_ms: int = 5_000
    ping_timeout_ms: int = 5_000
    open_timeout_ms: int = 5_000
    line: LineSettings = LineSettings(overlap=True)


class UserStream:
    """`run` never returns; it raises only what `on_event` raised. The key is shared by every process of the account,
    so it is never deleted. Events may come twice around a renewal; fills are deduplicated by id."""

    def __init__(
        self,
        urls: Urls,
        rest: RestClient,
        instruments: Callable[[], Instruments],
        rng: Rng,
        on_event: Callable[[UserEvent], None],
        *,
        settings: UserStreamSettings | None = None,
        sleep: Sleep = asyncio.sleep,
        on_violation: Callable[[RemoteViolation], None] | None = None,
    ) -> None:
        self._urls = urls
        self._rest = rest
        self._clock: Clock = rest.clock
        self._instruments = instruments
        self._on_event = on_event
        self._on_violation = on_violation
        self._settings = settings or UserStreamSettings()
        self._sleep = sleep
        self._decoder = UserDecoder()
        self._kept_ns = 0
        self.events = 0
        self.violations = 0
        self._inbox = Inbox(self._handle, capacity=None)
        self._line = Line(
            self,
            self._inbox,
            opener(
                self._clock,
                self._settings.ping_interval_ms / 1_000,
                self._settings.ping_timeout_ms / 1_000,
                self._settings.open_timeout_ms / 1_000,
            ),
            self._clock,
            rng,
            settings=self._settings.line,
            sleep=sleep,
        )

    @property
    def state(self) -> LineState:
        """Where the line is."""
        return self._line.state

    @property
    def ignored(self) -> dict[str, int]:
        """Events that carry nothing we need, by name."""
        return dict(self._decoder.ignored)

    async def run(self) -> None:
        """Serve until canceled."""
        await together(self._line.run(), self._keep_alive())

    async def address(self) -> str:
        """A key (the same one while it lives) and the URL that listens to it."""
        answer = await self._rest.read(endpoints.OPEN_LISTEN_KEY, {}, _LISTEN_KEY)
        self._kept_ns = self._clock.mono()
        return user_stream_url(self._urls, answer.listen_key)

    def on_up(self) -> None:
        """The socket is open: tell the engine, which reconciles."""
        self._on_event(UserStreamUp())

    def on_down(self, reason: str) -> None:
        """Nothing is heard any more."""
        self._on_event(UserStreamDown(reason=reason))

    def stale(self) -> str | None:
        """A key that could not be kept alive in time is as good as expired."""
        age_ms = (self._clock.mono() - self._kept_ns) // MS
        return f"listen key not renewed for {age_ms} ms" if age_ms > self._settings.key_life_ms else None

    async def _keep_alive(self) -> None:
        wait_ms = self._settings.keepalive_ms
        while True:
            await self._sleep(wait_ms / 1_000)
            if self._line.state is not LineState.SUBSCRIBED:
                continue
            wait_ms = self._settings.keepalive_ms
            try:
                await self._rest.send(endpoints.KEEP_LISTEN_KEY, {})
                self._kept_ns = self._clock.mono()
            except VenueRejected as err:
                if err.code == BAD_LISTEN_KEY:
                    # Renewing the string alone would leave the old socket deaf: a new socket goes with the new key.
                    self._line.end("listen key unknown to the exchange")
                wait_ms = self._settings.keepalive_retry_ms
            except (NotSent, OutcomeUnknown):
                wait_ms = self._settings.keepalive_retry_ms

    def _handle(self, recv_ns: int, frame: bytes) -> None:
        del recv_ns  # account events are ordered by the exchange's own times
        try:
            message = self._decoder.decode(frame, self._instruments())
        except RemoteViolation as err:
            self._lost_event(err)
            return
        if message is None:
            return
        if isinstance(message, ListenKeyExpired):
            self._line.end("listen key expired")
            return
        self.events += 1
        self._on_event(message)

    def _lost_event(self, err: RemoteViolation) -> None:
        """An account event that cannot be read is a lost one: announce the gap, so that the engine reconciles."""
        self.violations += 1
        if self._on_violation is not None:
            self._on_violation(err)
        self._on_event(UserStreamDown(reason=f"unreadable event: {err}"))
        self._on_event(UserStreamUp())
