"""Keeps one subscription alive for ever: connect, watch, renew before the 24 h cut, reconnect with backoff (E0-4).

States: DISCONNECTED → CONNECTING → SUBSCRIBED → (STALE | closed) → DISCONNECTED …; subscription is part of the URL,
so a connected line is a subscribed one.
"""

import asyncio
import enum
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec
from websockets.asyncio.client import ClientConnection

from vortex.adapters.binance.backoff import Backoff
from vortex.adapters.binance.inbox import Inbox
from vortex.adapters.binance.wire_socket import CONNECT_ERRORS, Opener
from vortex.kernel.clock import MS, Clock
from vortex.kernel.errors import NotSent, OutcomeUnknown, VenueRejected
from vortex.kernel.rng import Rng

Sleep = Callable[[float], Awaitable[None]]


class LineState(enum.StrEnum):
    """Where a line is."""

    DISCONNECTED = "DISCONNECTED"
    CONNECTING = "CONNECTING"
    SUBSCRIBED = "SUBSCRIBED"


class LineSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Durations in ms. The exchange ends every socket after 24 h; lines renew an hour earlier, each at its own time."""

    rollover_ms: int = 23 * 3_600_000
    rollover_spread_ms: int = 1_800_000
    rollover_retry_ms: int = 60_000
    takeover_ms: int = 10_000
    check_ms: int = 250
    healthy_ms: int = 10_000
    overlap: bool = False


class LineOwner(Protocol):
    """What a line asks and tells."""

    async def address(self) -> str:
        """The URL to open now; may raise what the REST client raises."""
        ...

    def on_up(self) -> None:
        """Subscribed; everything since the last `on_down` is lost."""
        ...

    def on_down(self, reason: str) -> None:
        """Nothing comes until the next `on_up`; said for every failed attempt too."""
        ...

    def stale(self) -> str | None:
        """Why the line should be given up although it is open; None while it is fresh."""
        ...


class _Socket:
    """One connection of a line. Only a live one feeds the inbox; a successor becomes live with its first frame."""

    def __init__(self, line: "Line", *, live: bool) -> None:
        self.line = line
        self.live = live
        self.retired = False
        self.reason = ""
        self.opened_ns = 0
        self.connection: ClientConnection | None = None
        self.closed: asyncio.Task[None] | None = None
        self.first_frame = asyncio.Event()

    def on_frame(self, recv_ns: int, frame: bytes) -> None:
        if not self.live:
            if self.retired:
                return
            self.live = True
            self.first_frame.set()
            self.line.taken_over_by(self)
        self.line.inbox.put(recv_ns, frame)

    def on_read_done(self) -> None:
        if not self.live or self.line.state is not LineState.SUBSCRIBED:
            return  # what comes before `on_up` was said waits in the inbox
        try:
            self.line.inbox.drain()
        except Exception as err:
            # A handler that fails is a bug of ours: the line ends with it instead of going on half blind.
            self.line.failure = err
            raise

    def abort(self, reason: str) -> None:
        self.reason = self.reason or reason
        if self.connection is not None:
            self.connection.transport.abort()

    def retire(self) -> None:
        self.live, self.retired = False, True


class Line:
    """`run` never returns; it raises only what a handler raised. `end` gives the present connection up."""

    def __init__(
        self,
        owner: LineOwner,
        inbox: Inbox,
        open_socket: Opener,
        clock: Clock,
        rng: Rng,
        *,
        settings: LineSettings | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.inbox = inbox
        self.failure: Exception | None = None
        self.state = LineState.DISCONNECTED
        self.connects = 0
        self._owner = owner
        self._open_socket = open_socket
        self._clock = clock
        self._rng = rng
        self._settings = settings or LineSettings()
        self._sleep = sleep
        self._backoff = Backoff(rng.fork("backoff"))
        self._current: _Socket | None = None
        self._open: list[_Socket] = []

    def end(self, reason: str) -> None:
        """Give up the present connection; the line reconnects."""
        if self._current is not None:
            self._current.abort(reason)

    def taken_over_by(self, socket: _Socket) -> None:
        """The successor's first frame arrived: from here on it alone speaks."""
        if self._current is not None and self._current is not socket:
            self._current.retire()
        self._current = socket

    async def run(self) -> None:
        """Connect, serve, reconnect, for ever."""
        try:
            while True:
                reason = await self._live_once()
                self.state = LineState.DISCONNECTED
                if self.failure is not None:
                    raise self.failure
                self._owner.on_down(reason)
                await self._sleep(self._backoff.next_ms() / 1_000)
        finally:
            self.state = LineState.DISCONNECTED
            left = list(self._open)
            for socket in left:
                socket.abort("line closed")
            for socket in left:
                await self._finish(socket)

    async def _live_once(self) -> str:
        """One connection's life, successors included; why it ended."""
        self.state = LineState.CONNECTING
        try:
            socket = await self._connect(live=True)
        except (*CONNECT_ERRORS, NotSent, OutcomeUnknown, VenueRejected) as err:
            return f"cannot connect: {type(err).__name__}: {err}"
        self._current = socket
        self.state = LineState.SUBSCRIBED
        self._owner.on_up()
        self.inbox.drain()
        socket = await self._serve(socket)
        if self._age_ms(socket) >= self._settings.healthy_ms:
            self._backoff.reset()
        await self._finish(socket)
        return socket.reason or _close_reason(socket)

    async def _connect(self, *, live: bool) -> _Socket:
        socket = _Socket(self, live=live)
        url = await self._owner.address()
        socket.connection = await self._open_socket(url, socket)
        socket.opened_ns = self._clock.mono()
        socket.closed = asyncio.create_task(socket.connection.wait_closed())
        self._open.append(socket)
        self.connects += 1
        return socket

    async def _serve(self, socket: _Socket) -> _Socket:
        """Watch until the connection is gone; the socket that was the last one."""
        due_ms = self._rollover_due_ms()
        while True:
            assert socket.closed is not None, "a served socket is an opened one"
            await asyncio.wait({socket.closed}, timeout=self._settings.check_ms / 1_000)
            if socket.closed.done():
                return socket
            if stale := self._owner.stale():
                socket.abort(stale)
            elif self._age_ms(socket) >= due_ms:
                successor = await self._replace(socket)
                due_ms = (
                    self._rollover_due_ms() if successor is not socket else due_ms + self._settings.rollover_retry_ms
                )
                socket = successor

    async def _replace(self, socket: _Socket) -> _Socket:
        """Make before break: the old connection serves until the new one speaks (or, with overlap, is open)."""
        try:
            successor = await self._connect(live=self._settings.overlap)
        except (*CONNECT_ERRORS, NotSent, OutcomeUnknown, VenueRejected):
            return socket
        if self._settings.overlap:
            self._current = successor
        else:
            try:
                await asyncio.wait_for(successor.first_frame.wait(), self._settings.takeover_ms / 1_000)
            except TimeoutError:
                successor.retire()
                await self._finish(successor)
                return socket
        await self._finish(socket)
        return successor

    async def _finish(self, socket: _Socket) -> None:
        """Close; a dead peer is waited for no longer than the socket's own close timeout."""
        assert socket.connection is not None, "only opened sockets are finished"
        assert socket.closed is not None, "only opened sockets are finished"
        await socket.connection.close()
        await socket.closed
        self._open.remove(socket)

    def _rollover_due_ms(self) -> int:
        return self._settings.rollover_ms - self._rng.randint(0, self._settings.rollover_spread_ms)

    def _age_ms(self, socket: _Socket) -> int:
        return (self._clock.mono() - socket.opened_ns) // MS


def _close_reason(socket: _Socket) -> str:
    assert socket.connection is not None, "a served socket is an opened one"
    code, text = socket.connection.close_code, socket.connection.close_reason
    return f"closed by the exchange ({code}{f' {text}' if text else ''})"
