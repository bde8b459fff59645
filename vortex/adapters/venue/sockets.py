"""WebSocket streams: paths and routes, subscriptions, bounded queues, and the faults that strike a socket."""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Any

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from vortex.exchange.events import Outbound, StreamEvent
from vortex.exchange.faults import STREAM_KINDS
from vortex.exchange.listen_keys import KEY_LENGTH
from vortex.exchange.streams import PRIVATE, PUBLIC
from vortex.exchange.venue import Venue
from vortex.kernel.clock import SECOND, Clock

PING_S = 180.0
STALL_LOOK_S = 0.02
STREAMS_MAX = 1024
HELD_MAX_MS = 1_000
"""How long a reordered event waits to be overtaken."""
_EVENT_FAULTS = STREAM_KINDS - {"drop_ws", "stall_ws"}


def _audience(event: Outbound) -> str:
    """Who hears an event: only there can it be overtaken."""
    return event.stream if isinstance(event, StreamEvent) else f"user {event.account}"


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


class Hub:
    """All sockets of the exchange."""

    def __init__(
        self, venue: Venue, clock: Clock, *, strict_routes: bool, queue_max: int, life_s: float, messages_per_s: int
    ) -> None:
        self._venue = venue
        self._clock = clock
        self._strict = strict_routes
        self._queue_max = queue_max
        self._life_s = life_s
        self._messages_per_s = messages_per_s
        self._readers: dict[str, list[Socket]] = {}
        self._held: list[tuple[int, Outbound]] = []
        self.sockets: list[Socket] = []
        self.cut_slow = 0

    # --- connecting -----------------------------------------------------------------------------------------

    async def serve(self, request: web.Request, route: str, combined: bool, tail: str) -> web.WebSocketResponse:
        """Run one connection until it ends. A tail that names no stream, as some clients send, means nothing."""
        ws = web.WebSocketResponse(heartbeat=PING_S, compress=False, autoping=True)
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
        writer = asyncio.create_task(self._write(socket))
        try:
            async with asyncio.timeout(self._life_s):
                await self._read(socket)
        except TimeoutError:
            await ws.close(code=WSCloseCode.GOING_AWAY, message=b"24 hours are over")
        finally:
            self._forget(socket)
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
        return ws

    def _forget(self, socket: Socket) -> None:
        socket.dead = True
        if socket in self.sockets:
            self.sockets.remove(socket)
        for name in list(socket.streams):
            self._unsubscribe(socket, name)

    def _subscribe(self, socket: Socket, name: str) -> None:
        """Add a stream. A name on the wrong route, or no name at all, is accepted and stays silent."""
        if name in socket.streams or name in socket.listen_keys or len(socket.streams) >= STREAMS_MAX:
            return
        if self._venue.listen_keys.account_of(name) is not None:
            if socket.route == PRIVATE or (socket.route == "" and not self._strict):
                socket.listen_keys.add(name)
            return
        stream = self._venue.subscribe(name)
        if stream is None:
            socket.streams[name] = False
            return
        carried = stream.route == (socket.route or PUBLIC) or (socket.route == "" and not self._strict)
        socket.streams[name] = carried
        if carried:
            self._readers.setdefault(name, []).append(socket)
        else:
            self._venue.unsubscribe(name)

    def _unsubscribe(self, socket: Socket, name: str) -> None:
        socket.listen_keys.discard(name)
        if socket.streams.pop(name, False):
            self._readers[name].remove(socket)
            if not self._readers[name]:
                del self._readers[name]
            self._venue.unsubscribe(name)

    # --- reading --------------------------------------------------------------------------------------------

    async def _read(self, socket: Socket) -> None:
        heard: deque[int] = deque()
        async for message in socket.ws:
            if message.type is not WSMsgType.TEXT:
                continue
            now = int(self._clock.mono())
            heard.append(now)
            while heard and now - heard[0] > SECOND:
                heard.popleft()
            if len(heard) > self._messages_per_s:
                await socket.ws.close(code=WSCloseCode.POLICY_VIOLATION, message=b"Too many requests")
                return
            broken = self._control(socket, message.data)
            if broken is not None:
                await socket.ws.send_frame(msgspec.json.encode(broken), WSMsgType.TEXT)
                await socket.ws.close(code=WSCloseCode.POLICY_VIOLATION, message=b"Invalid JSON")
                return

    def _control(self, socket: Socket, text: str) -> dict[str, Any] | None:
        """Answer SUBSCRIBE, UNSUBSCRIBE, LIST_SUBSCRIPTIONS; returns the last word when the socket must be closed."""
        try:
            command = msgspec.json.decode(text)
        except msgspec.DecodeError as error:
            return {"error": {"code": 3, "msg": f"Invalid JSON: {error}"}}
        if not isinstance(command, dict):
            return {"error": {"code": 3, "msg": "Invalid JSON: expected an object"}}
        number, names = command.get("id"), command.get("params", [])
        method = command.get("method")
        if not isinstance(names, list) or any(not isinstance(name, str) for name in names):
            self._answer(socket, {"error": {"code": 2, "msg": "Invalid request: params"}, "id": number})
            return None
        if method == "SUBSCRIBE":
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
        self._queue(socket, msgspec.json.encode(body))

    # --- writing --------------------------------------------------------------------------------------------

    async def _write(self, socket: Socket) -> None:
        try:
            while not socket.dead:
                await socket.wake.wait()
                socket.wake.clear()
                while socket.queue and not socket.dead:
                    if socket.stalled:
                        await asyncio.sleep(STALL_LOOK_S)
                        continue
                    await socket.ws.send_frame(socket.queue.popleft(), WSMsgType.TEXT)
        except (ConnectionError, RuntimeError):
            socket.dead = True

    def _queue(self, socket: Socket, frame: bytes) -> None:
        if socket.dead:
            return
        if len(socket.queue) >= self._queue_max:
            self.cut_slow += 1
            socket.abort()
            return
        socket.queue.append(frame)
        socket.wake.set()

    # --- delivering -----------------------------------------------------------------------------------------

    def dispatch(self, events: Iterable[Outbound]) -> None:
        """Hand messages to whoever listens, with the faults that strike them."""
        faults = self._venue.floor.faults
        for event in events:
            if not faults.active and not self._held:
                self._deliver(event)
                continue
            name = event.stream if isinstance(event, StreamEvent) else f"user {event.payload['e']}"
            struck = {fault.kind for fault in faults.strike(_EVENT_FAULTS, self._venue.floor.now_ms, stream=name)}
            if "drop_event" in struck:
                continue
            if "reorder_event" in struck:
                self._held.append((self._venue.floor.now_ms, event))
                continue
            self._deliver(event)
            if "duplicate_event" in struck:
                self._deliver(event)
            self._release({_audience(event)})

    def release_held(self) -> None:
        """Deliver what waited to be overtaken for too long."""
        now = self._venue.floor.now_ms
        self._release({_audience(late) for since, late in self._held if now - since >= HELD_MAX_MS})

    def _release(self, audiences: set[str]) -> None:
        """Deliver what is held for these audiences."""
        held, self._held = self._held, []
        for since, late in held:
            if _audience(late) in audiences:
                self._deliver(late)
            else:
                self._held.append((since, late))

    def _deliver(self, event: Outbound) -> None:
        if isinstance(event, StreamEvent):
            readers = self._readers.get(event.stream)
            if not readers:
                return
            raw = msgspec.json.encode(event.payload)
            wrapped = b'{"stream":"' + event.stream.encode() + b'","data":' + raw + b"}"
            for socket in list(readers):
                self._queue(socket, wrapped if socket.combined else raw)
            return
        name = event.payload["e"]
        raw = msgspec.json.encode(event.payload)
        for socket in list(self.sockets):
            for key in socket.listen_keys:
                owner = self._venue.listen_keys.account_of(key)
                ending = event.payload.get("listenKey") == key
                if (owner == event.account or ending) and (not socket.events or name in socket.events):
                    wrapped = b'{"stream":"' + key.encode() + b'","data":' + raw + b"}"
                    self._queue(socket, wrapped if socket.combined else raw)

    def strike_sockets(self) -> None:
        """Let `drop_ws` and `stall_ws` faults act."""
        floor = self._venue.floor
        if not floor.faults.active:
            for socket in self.sockets:
                socket.stalled = False
            return
        stalls = [fault for fault in floor.faults.active if fault.kind == "stall_ws"]
        for socket in list(self.sockets):
            label = socket.label()
            socket.stalled = any(
                fault.stream in label and fault.since_ms <= floor.now_ms and not fault.over(floor.now_ms)
                for fault in stalls
            )
            if floor.faults.strike(frozenset({"drop_ws"}), floor.now_ms, stream=label):
                socket.abort()

    async def close(self) -> None:
        """Say goodbye to everyone."""
        for socket in list(self.sockets):
            socket.dead = True
            socket.wake.set()
            await socket.ws.close(code=WSCloseCode.GOING_AWAY, message=b"server shutdown")
