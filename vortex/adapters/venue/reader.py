"""One connected reader of streams or of the WebSocket API."""

import asyncio
from collections import deque

from aiohttp import web


class Socket:
    """One connected reader."""

    def __init__(self, ws: web.WebSocketResponse, request: web.Request, route: str, combined: bool) -> None:
        self.ws = ws
        self.request = request
        self.route = route
        self.combined = combined
        self.streams: dict[str, bool] = {}
        """Subscribed names in order; True when the exchange really serves the name on this route."""
        self.listen_keys: set[str] = set()
        self.events: frozenset[str] = frozenset()
        self.queue: deque[bytes] = deque()
        """Frames that wait; the bytes are shared with every other reader of the same message."""
        self.queued_bytes = 0
        self.wake = asyncio.Event()
        self.stalled = False
        self.dead = False

    def label(self) -> str:
        """What `drop_ws` and `stall_ws` filters match against."""
        kind = "user " if self.listen_keys else ""
        return f"{kind}{self.route} {' '.join(self.streams)}"

    def abort(self) -> None:
        """Cut the connection without a word."""
        self.dead = True
        self.wake.set()
        transport = self.request.transport
        if transport is not None:
            transport.abort()
