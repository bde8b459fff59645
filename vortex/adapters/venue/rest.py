"""REST over HTTP: raw bytes in, the exchange's answer out, and the faults that belong to the wire."""

import asyncio
from contextlib import suppress

import msgspec
from aiohttp import web

from vortex.adapters.venue.clock import ExchangeClock
from vortex.adapters.venue.sockets import Hub
from vortex.exchange.gate import Admitted, RawRequest, Response
from vortex.exchange.venue import Venue

LOST_HOLD_S = 60.0
"""How long the connection of a lost answer is held open before it is cut."""


def raw_request(request: web.Request, body: bytes) -> RawRequest:
    """The request as it came off the wire, undecoded."""
    path, _, query = request.raw_path.partition("?")
    return RawRequest(
        method=request.method,
        path=path,
        query=query.encode(),
        body=body,
        api_key=request.headers.get("X-MBX-APIKEY"),
        address=request.remote or "",
        content_type=request.headers.get("Content-Type", ""),
    )


class Rest:
    """Serves every path that is not a stream."""

    def __init__(self, venue: Venue, hub: Hub, clock: ExchangeClock) -> None:
        self._venue = venue
        self._hub = hub
        self._clock = clock
        self._released = asyncio.Event()

    def release(self) -> None:
        """Let go of connections that are held for lost answers."""
        self._released.set()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One request."""
        raw = raw_request(request, await request.read())
        outcome = self._venue.receive(raw, self._clock.now_ms())
        if isinstance(outcome, Admitted):
            if outcome.wait_ms:
                await asyncio.sleep(outcome.wait_ms / 1000)
            outcome = self._venue.execute(outcome, self._clock.now_ms())
        self._hub.dispatch(outcome.events)
        if outcome.delay_ms:
            await asyncio.sleep(outcome.delay_ms / 1000)
        if outcome.lost:
            await self._lose(request)
        return answer(outcome)

    async def _lose(self, request: web.Request) -> None:
        """Never answer: hold the connection, then cut it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LOST_HOLD_S):
                await self._released.wait()
        if request.transport is not None:
            request.transport.abort()


def answer(outcome: Response) -> web.Response:
    """The HTTP form of an answer."""
    headers = {"Content-Type": "application/json", **outcome.headers}
    if outcome.text is not None:
        body = outcome.text.encode()
        if not body.lstrip().startswith((b"{", b"[")):
            headers["Content-Type"] = "text/plain"
    else:
        body = msgspec.json.encode(outcome.body)
    return web.Response(status=outcome.status, body=body, headers=headers)
