"""Whether anybody is still there: a ping every three minutes, the end after ten minutes without a pong (sheet 2.1)."""

import asyncio

from vortex.adapters.venue.reader import Socket
from vortex.adapters.venue.settings import VenueSettings
from vortex.exchange.venue import Venue
from vortex.kernel.clock import SECOND, Clock


class Pulse:
    """Of one connection. A pong that nobody asked for proves nothing."""

    def __init__(self, socket: Socket, venue: Venue, wall: Clock, settings: VenueSettings) -> None:
        self._socket = socket
        self._venue = venue
        self._wall = wall
        self._ping_s = settings.ping_s
        self._pong_within_s = settings.pong_within_s
        self._unanswered_ns: int | None = None
        """Since when a ping waits for its pong."""

    def answered(self) -> None:
        """A pong came."""
        self._unanswered_ns = None

    async def run(self) -> None:
        """Until the connection ends."""
        while not self._socket.dead:
            await asyncio.sleep(min(self._ping_s, self._patience_s()))
            if self._patience_s() <= 0:
                self._socket.abort()
                return
            if self._unanswered_ns is None:
                self._unanswered_ns = int(self._wall.mono())
            try:
                await self._socket.ws.ping(str(self._venue.floor.now_ms).encode())
            except (ConnectionError, RuntimeError):  # it has just ended
                return

    def _patience_s(self) -> float:
        """How long an open ping may still go without an answer."""
        if self._unanswered_ns is None:
            return self._pong_within_s
        return self._pong_within_s - (int(self._wall.mono()) - self._unanswered_ns) / SECOND
