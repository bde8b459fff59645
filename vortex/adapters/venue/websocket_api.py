"""The WebSocket API (/ws-fapi/v1) on the wire: one reader per connection, replies as soon as each is ready."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from vortex.adapters.venue.clock import ExchangeClock
from vortex.adapters.venue.pulse import Pulse
from vortex.adapters.venue.reader import Socket
from vortex.adapters.venue.rest import answer
from vortex.adapters.venue.settings import VenueSettings
from vortex.adapters.venue.sockets import CONTROL_MAX_BYTES, STALL_LOOK_S, Hub
from vortex.exchange.conversation import Asked, Conversation
from vortex.exchange.gate import FaultAnswer, Response
from vortex.exchange.refusal import Refusal
from vortex.exchange.venue import Venue
from vortex.kernel.clock import SECOND, Clock

ROUTE = "ws-api"
"""What `drop_ws`, `close_ws` and `stall_ws` filters find in the label of such a socket."""
FRAMES_PER_S = 5
"""Ping and pong frames that a client may send per second."""

REPLIES_MAX = 10_000
"""Replies that may wait for a reader who does not read."""


@dataclass(slots=True)
class _Line:
    """One open connection."""

    socket: Socket
    talk: Conversation
    pulse: Pulse
    frames: deque[int] = field(default_factory=lambda: deque(maxlen=FRAMES_PER_S + 1))
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    sending: asyncio.Lock = field(default_factory=asyncio.Lock)


class WebSocketApi:
    """Serves every connection of the WebSocket API."""

    def __init__(self, venue: Venue, hub: Hub, clock: ExchangeClock, wall: Clock, settings: VenueSettings) -> None:
        self._venue = venue
        self._hub = hub
        self._clock = clock
        self._wall = wall
        self._settings = settings
        self._lines: list[_Line] = []

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One connection, until its day is over or somebody ends it."""
        self._hub.check_room()
        tell = request.query.get("returnRateLimits", "true").lower() != "false"
        try:
            talk = Conversation(self._venue, request.remote or "", self._clock.now_ms(), tell_limits=tell)
        except Refusal as refusal:
            return answer(Response(refusal.status, refusal.body()))
        except FaultAnswer as fault:
            return answer(fault.response())
        ws = web.WebSocketResponse(compress=False, autoping=False, max_msg_size=CONTROL_MAX_BYTES)
        await ws.prepare(request)
        socket = Socket(ws, request, ROUTE, False)
        line = _Line(socket, talk, Pulse(socket, self._venue, self._wall, self._settings))
        self._lines.append(line)
        self._hub.sockets.append(line.socket)
        pinging = asyncio.create_task(line.pulse.run())
        try:
            async with asyncio.timeout(self._settings.socket_life_s):
                await self._read(line)
        except TimeoutError:
            await ws.close(code=WSCloseCode.GOING_AWAY, message=b"24 hours are over")
        finally:
            self._lines.remove(line)
            if line.socket in self._hub.sockets:
                self._hub.sockets.remove(line.socket)
            for task in (pinging, *line.tasks):
                task.cancel()
            await asyncio.gather(pinging, *line.tasks, return_exceptions=True)
        return ws

    async def tell_revoked(self) -> None:
        """Tell the connections whose key has been taken away."""
        for line in list(self._lines):
            message = line.talk.revoked()
            if message is not None:
                await self._send(line, message)

    async def _read(self, line: _Line) -> None:
        ws = line.socket.ws
        async for message in ws:
            if len(line.tasks) >= REPLIES_MAX:  # it asks and does not read
                self._hub.cut(line.socket)
                return
            if message.type is WSMsgType.TEXT:
                outcome = line.talk.hear(message.data, self._clock.now_ms())
                if isinstance(outcome, Asked):
                    self._answer(line, outcome)
                else:
                    self._later(line, self._send(line, outcome))
            elif message.type in (WSMsgType.PING, WSMsgType.PONG):
                if self._too_many_frames(line):
                    await ws.close(code=WSCloseCode.POLICY_VIOLATION, message=b"Too many requests")
                    return
                if message.type is WSMsgType.PING:
                    await ws.pong(message.data)
                else:
                    line.pulse.answered()

    def _too_many_frames(self, line: _Line) -> bool:
        now = int(self._wall.mono())
        line.frames.append(now)
        return len(line.frames) > FRAMES_PER_S and now - line.frames[0] < SECOND

    def _answer(self, line: _Line, asked: Asked) -> None:
        """Let the engine answer at once; only faults make a request wait, and then it alone waits."""
        if asked.admitted.wait_ms:
            self._later(line, self._answer_late(line, asked))
            return
        response = self._venue.execute(asked.admitted, self._clock.now_ms())
        self._hub.dispatch(response.events)
        self._later(line, self._finish(line, asked, response))

    async def _answer_late(self, line: _Line, asked: Asked) -> None:
        await asyncio.sleep(asked.admitted.wait_ms / 1000)
        response = self._venue.execute(asked.admitted, self._clock.now_ms())
        self._hub.dispatch(response.events)
        await self._finish(line, asked, response)

    async def _finish(self, line: _Line, asked: Asked, response: Response) -> None:
        if response.delay_ms:
            await asyncio.sleep(response.delay_ms / 1000)
        reply = line.talk.reply(asked, response)
        if reply is not None:
            await self._send(line, reply)

    @staticmethod
    def _later(line: _Line, work: Any) -> None:
        task = asyncio.create_task(work)
        line.tasks.add(task)
        task.add_done_callback(line.tasks.discard)

    @staticmethod
    async def _send(line: _Line, message: dict[str, Any]) -> None:
        async with line.sending:
            while not line.socket.dead:
                if not line.socket.stalled:
                    break
                await asyncio.sleep(STALL_LOOK_S)
            try:
                await line.socket.ws.send_frame(msgspec.json.encode(message), WSMsgType.TEXT)
            except (ConnectionError, RuntimeError):
                line.socket.dead = True
