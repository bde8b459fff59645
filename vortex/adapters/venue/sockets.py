"""WebSocket streams: paths and routes, subscriptions, bounded queues, and the faults that strike a socket."""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Any

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from vortex.adapters.venue.pulse import Pulse
from vortex.adapters.venue.reader import Socket
from vortex.adapters.venue.settings import VenueSettings
from vortex.exchange.event_faults import EventFaults
from vortex.exchange.events import Outbound, UserEvent
from vortex.exchange.listen_keys import KEY_LENGTH
from vortex.exchange.streams import PRIVATE, PUBLIC
from vortex.exchange.venue import Venue
from vortex.kernel.clock import MS, SECOND, Clock

STALL_LOOK_S = 0.02
STREAMS_MAX = 1024
NAME_MAX = 128
CONTROL_MAX_BYTES = 256 * 1024
"""A control message that names as many streams as a socket may have, with room to spare."""
QUEUE_MAX_BYTES = 64 * 1024 * 1024
WRITE_BYTES = 256 * 1024
"""What is handed to the kernel at once, and what may wait there before more follows."""

FIN_TEXT = 0x81

_DROP, _CLOSE = frozenset({"drop_ws"}), frozenset({"close_ws"})


def framed(text: bytes) -> bytes:
    """A whole text frame of the WebSocket protocol (RFC 6455), so that it is built once for all readers."""
    size = len(text)
    if size < 126:
        return bytes((FIN_TEXT, size)) + text
    if size < 1 << 16:
        return bytes((FIN_TEXT, 126)) + size.to_bytes(2) + text
    return bytes((FIN_TEXT, 127)) + size.to_bytes(8) + text


def _leave(audience: dict[str, list[Socket]], name: str, socket: Socket) -> None:
    """One reader less; nothing is kept for names without any."""
    audience[name].remove(socket)
    if not audience[name]:
        del audience[name]


class Hub:
    """All sockets of the exchange."""

    def __init__(self, venue: Venue, clock: Clock, settings: VenueSettings) -> None:
        self._venue = venue
        self._clock = clock
        self._settings = settings
        self._readers: dict[str, list[Socket]] = {}
        self._users: dict[str, list[Socket]] = {}
        """Who listens to which listen key."""
        self._stalling = False
        self._faults = EventFaults(venue.floor.faults)
        self._closing: set[asyncio.Task[object]] = set()
        self.sockets: list[Socket] = []
        self.cut_slow = 0

    # --- connecting -----------------------------------------------------------------------------------------

    async def serve(self, request: web.Request, route: str, combined: bool, tail: str) -> web.StreamResponse:
        """Run one connection until it ends. A tail that names no stream, as some clients send, means nothing."""
        self.check_room()
        ws = web.WebSocketResponse(compress=False, autoping=False, max_msg_size=CONTROL_MAX_BYTES)
        await ws.prepare(request)
        socket = Socket(ws, request, route, combined)
        self.sockets.append(socket)
        names = [name for name in tail.split("/") if "@" in name or "!" in name or len(name) == KEY_LENGTH]
        names += [name for name in request.query.get("streams", "").split("/") if name]
        listen_key = request.query.get("listenKey")
        if listen_key:
            names.append(listen_key)
        socket.events = frozenset(name for name in request.query.get("events", "").split("/") if name)
        for name in names:
            self._subscribe(socket, name)
        pulse = Pulse(socket, self._venue, self._clock, self._settings)
        tasks = [asyncio.create_task(self._write(socket)), asyncio.create_task(pulse.run())]
        try:
            async with asyncio.timeout(self._settings.socket_life_s):
                await self._read(socket, pulse)
        except TimeoutError:
            await ws.close(code=WSCloseCode.GOING_AWAY, message=b"24 hours are over")
        finally:
            self._forget(socket)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return ws

    def check_room(self) -> None:
        """Refuse one connection too many before its handshake."""
        if len(self.sockets) >= self._settings.sockets_max:
            raise web.HTTPServiceUnavailable(text=f"There are {self._settings.sockets_max} connections already.")

    def cut(self, socket: Socket) -> None:
        """Get rid of a reader that does not keep up."""
        self.cut_slow += 1
        socket.abort()

    def _forget(self, socket: Socket) -> None:
        socket.dead = True
        if socket in self.sockets:
            self.sockets.remove(socket)
        for name in [*socket.streams, *socket.listen_keys]:
            self._unsubscribe(socket, name)

    def _subscribe(self, socket: Socket, name: str) -> None:
        """Add a stream. A name on the wrong route, or no name at all, is accepted and stays silent."""
        known = name in socket.streams or name in socket.listen_keys
        if known or len(socket.streams) >= STREAMS_MAX or len(name) > NAME_MAX:
            return
        if self._venue.listen_keys.account_of(name) is not None:
            if socket.route == PRIVATE or (socket.route == "" and not self._settings.route_fidelity):
                socket.listen_keys.add(name)
                self._users.setdefault(name, []).append(socket)
            return
        stream = self._venue.subscribe(name)
        if stream is None:
            socket.streams[name] = False
            return
        carried = stream.route == (socket.route or PUBLIC) or (socket.route == "" and not self._settings.route_fidelity)
        socket.streams[name] = carried
        if carried:
            self._readers.setdefault(name, []).append(socket)
        else:
            self._venue.unsubscribe(name)

    def _unsubscribe(self, socket: Socket, name: str) -> None:
        if name in socket.listen_keys:
            socket.listen_keys.remove(name)
            _leave(self._users, name, socket)
        if socket.streams.pop(name, False):
            _leave(self._readers, name, socket)
            self._venue.unsubscribe(name)

    # --- reading --------------------------------------------------------------------------------------------

    async def _read(self, socket: Socket, pulse: Pulse) -> None:
        """Take control messages, pings and pongs; each counts for how many may come in a second."""
        heard: deque[int] = deque()
        async for message in socket.ws:
            now = int(self._clock.mono())
            heard.append(now)
            while heard and now - heard[0] > SECOND:
                heard.popleft()
            if len(heard) > self._settings.control_messages_per_s:
                await socket.ws.close(code=WSCloseCode.POLICY_VIOLATION, message=b"Too many requests")
                return
            if message.type is WSMsgType.PING:
                await socket.ws.pong(message.data)
            elif message.type is WSMsgType.PONG:
                pulse.answered()
            if message.type is not WSMsgType.TEXT:
                continue
            broken = self._control(socket, message.data)
            if broken is not None:
                await socket.ws.send_frame(msgspec.json.encode(broken), WSMsgType.TEXT)
                await socket.ws.close(code=WSCloseCode.POLICY_VIOLATION, message=b"Invalid JSON")
                return

    def _control(self, socket: Socket, text: str) -> dict[str, Any] | None:
        """Answer SUBSCRIBE, UNSUBSCRIBE, LIST_SUBSCRIPTIONS; returns the last word when the socket must be closed."""
        try:
            command = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError) as error:
            return {"error": {"code": 3, "msg": f"Invalid JSON: {error}"}}
        if not isinstance(command, dict):
            return {"error": {"code": 3, "msg": "Invalid JSON: expected an object"}}
        number, names = command.get("id"), command.get("params", [])
        method = command.get("method")
        if not isinstance(names, list) or any(not isinstance(name, str) or len(name) > NAME_MAX for name in names):
            self._answer(socket, {"error": {"code": 2, "msg": "Invalid request: params"}, "id": number})
            return None
        if method == "SUBSCRIBE" and len({*socket.streams, *names}) > STREAMS_MAX:
            self._answer(socket, {"error": {"code": 2, "msg": f"Invalid request: over {STREAMS_MAX}"}, "id": number})
        elif method == "SUBSCRIBE":
            for name in names:
                self._subscribe(socket, name)
            self._answer(socket, {"result": None, "id": number})
        elif method == "UNSUBSCRIBE":
            for name in names:
                self._unsubscribe(socket, name)
            self._answer(socket, {"result": None, "id": number})
        elif method == "LIST_SUBSCRIPTIONS":
            self._answer(socket, {"result": [*socket.streams, *sorted(socket.listen_keys)], "id": number})
        else:
            self._answer(socket, {"error": {"code": 2, "msg": "Invalid request: unknown method"}, "id": number})
        return None

    def _answer(self, socket: Socket, body: dict[str, Any]) -> None:
        self._queue(socket, framed(msgspec.json.encode(body)))

    # --- writing --------------------------------------------------------------------------------------------

    async def _write(self, socket: Socket) -> None:
        """Send what waits, everything there is in one go."""
        while not socket.dead:
            await socket.wake.wait()
            socket.wake.clear()
            while socket.queue and not socket.dead:
                transport = socket.request.transport
                if transport is None or transport.is_closing():
                    socket.dead = True
                elif socket.stalled or transport.get_write_buffer_size() > WRITE_BYTES:
                    await asyncio.sleep(STALL_LOOK_S)
                else:
                    transport.write(self._batch(socket))

    @staticmethod
    def _batch(socket: Socket) -> bytes:
        queue = socket.queue
        frames, size = [queue.popleft()], 0
        while queue and size < WRITE_BYTES:
            size += len(frames[-1])
            frames.append(queue.popleft())
        batch = b"".join(frames)
        socket.queued_bytes -= len(batch)
        return batch

    def _queue(self, socket: Socket, frame: bytes) -> None:
        if socket.dead:
            return
        if len(socket.queue) >= self._settings.queue_max or socket.queued_bytes > QUEUE_MAX_BYTES:
            self.cut(socket)
            return
        socket.queue.append(frame)
        socket.queued_bytes += len(frame)
        socket.wake.set()

    # --- delivering -----------------------------------------------------------------------------------------

    def dispatch(self, events: Iterable[Outbound]) -> None:
        """Hand messages to whoever listens, with the faults that strike them."""
        for event in events:
            if self._faults.idle:
                self._deliver(event)
            else:
                for told in self._faults.pass_on(event, self._venue.floor.now_ms, self._wall_ms()):
                    self._deliver(told)

    def release_held(self) -> None:
        """Deliver what was held back for long enough."""
        if not self._faults.idle:
            for told in self._faults.due(self._venue.floor.now_ms, self._wall_ms()):
                self._deliver(told)

    def _wall_ms(self) -> int:
        return int(self._clock.mono()) // MS

    def _deliver(self, event: Outbound) -> None:
        if isinstance(event, UserEvent):
            self._deliver_user(event)
            return
        readers = self._readers.get(event.stream)
        if readers:
            self._tell(readers, event.stream, msgspec.json.encode(event.payload))

    def _deliver_user(self, event: UserEvent) -> None:
        name, ended = event.payload["e"], event.payload.get("listenKey")
        raw = msgspec.json.encode(event.payload)
        for key, readers in self._users.items():
            if ended == key or self._venue.listen_keys.account_of(key) == event.account:
                wanting = [socket for socket in readers if not socket.events or name in socket.events]
                self._tell(wanting, key, raw)

    def _tell(self, readers: list[Socket], name: str, raw: bytes) -> None:
        """One message for everybody, built once in each of its two forms."""
        plain = wrapped = b""
        for socket in readers:
            if socket.combined:
                wrapped = wrapped or framed(b'{"stream":"' + name.encode() + b'","data":' + raw + b"}")
                self._queue(socket, wrapped)
            else:
                plain = plain or framed(raw)
                self._queue(socket, plain)

    def strike_sockets(self) -> None:
        """Let the faults of connections act: cut, ended in order as after 24 hours, or open and silent."""
        floor = self._venue.floor
        if not floor.faults.active and not self._stalling:
            return
        self._stalling = any(fault.kind == "stall_ws" for fault in floor.faults.active)
        for socket in list(self.sockets):
            label = socket.label()
            socket.stalled = self._stalling and any(list(floor.faults.acting("stall_ws", floor.now_ms, stream=label)))
            if floor.faults.strike(_DROP, floor.now_ms, stream=label):
                socket.abort()
            elif floor.faults.strike(_CLOSE, floor.now_ms, stream=label):
                self._end(socket)

    def _end(self, socket: Socket) -> None:
        """Close a connection in order, as after its 24 hours."""
        ending = socket.ws.close(code=WSCloseCode.GOING_AWAY, message=b"24 hours are over")
        task: asyncio.Task[object] = asyncio.create_task(ending)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Say goodbye to everyone."""
        for socket in list(self.sockets):
            socket.dead = True
            socket.wake.set()
            await socket.ws.close(code=WSCloseCode.GOING_AWAY, message=b"server shutdown")
