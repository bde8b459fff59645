"""A websocket whose frames are handled inside the socket read: no task switch between the kernel and the handler."""

import ssl
from collections.abc import Callable
from typing import Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.client import ClientProtocol
from websockets.exceptions import WebSocketException
from websockets.frames import Frame, Opcode
from websockets.protocol import Event

from vortex.kernel.clock import Clock

CONNECT_ERRORS = (OSError, TimeoutError, WebSocketException)
"""What opening a socket may raise."""

FRAME_BYTES_MAX = 1 << 20  # the largest frames we ask for are 20-level books of a few kilobytes


class FrameSink(Protocol):
    """Takes the frames of one socket."""

    def on_frame(self, recv_ns: int, frame: bytes) -> None:
        """One complete text message."""
        ...

    def on_read_done(self) -> None:
        """Every frame of one socket read was handed over."""
        ...


class FrameConnection(ClientConnection):
    """Hands messages to a sink straight from `data_received`; the library keeps handshake, ping, pong and close."""

    def __init__(self, protocol: ClientProtocol, *, sink: FrameSink, clock: Clock, **settings: object) -> None:
        super().__init__(protocol, **settings)  # type: ignore[arg-type]  # passed through from connect() untouched
        self._sink = sink
        self._clock = clock
        self._recv_ns = 0
        self._parts: list[bytes] = []

    def data_received(self, data: bytes) -> None:
        """One socket read: all its frames are stamped alike, collected, then handled."""
        self._recv_ns = self._clock.unix()
        super().data_received(data)
        self._sink.on_read_done()

    def process_event(self, event: Event) -> None:
        """Messages go to the sink, everything else to the library."""
        if self.response is None or not isinstance(event, Frame) or event.opcode not in _DATA:
            super().process_event(event)
            return
        if event.fin and not self._parts:
            self._sink.on_frame(self._recv_ns, bytes(event.data))
            return
        self._parts.append(bytes(event.data))
        if event.fin:
            whole, self._parts = b"".join(self._parts), []
            self._sink.on_frame(self._recv_ns, whole)


_DATA = frozenset({Opcode.TEXT, Opcode.BINARY, Opcode.CONT})  # a queue of the library that nobody reads must stay empty

Opener = Callable[[str, FrameSink], "connect"]


def opener(clock: Clock, ping_interval_s: float, ping_timeout_s: float, open_timeout_s: float) -> Opener:
    """How to open sockets: uncompressed for latency, pinged so that a dead line is found (E0-4), no proxy."""

    # Loading the machine's certificates takes tens of ms and would hold up the loop at every reconnection.
    trusted = ssl.create_default_context()

    def open_socket(url: str, sink: FrameSink) -> connect:
        def create(protocol: ClientProtocol, **settings: object) -> FrameConnection:
            return FrameConnection(protocol, sink=sink, clock=clock, **settings)

        return connect(
            url,
            create_connection=create,  # type: ignore[arg-type]  # the library only ever calls it
            compression=None,
            proxy=None,
            ping_interval=ping_interval_s,
            ping_timeout=ping_timeout_s,
            open_timeout=open_timeout_s,
            close_timeout=_CLOSE_TIMEOUT_S,
            max_size=FRAME_BYTES_MAX,
            ssl=trusted if url.startswith("wss:") else None,
        )

    return open_socket


_CLOSE_TIMEOUT_S = 1.0  # a line that is being left deserves no long farewell
