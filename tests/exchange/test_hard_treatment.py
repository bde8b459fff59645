"""What a public server must survive: garbage on the wire, thousands of sockets, readers that never read."""

import asyncio
import gzip
import resource
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchange.serving import LIMIT, MARKET, PATIENCE_S, Client, eventually, exchange, hear, silent
from vortex.adapters.venue import door, server, sockets
from vortex.adapters.venue.settings import UNLIMITED
from vortex.exchange.auth import ApiKey
from vortex.exchange.floor import VenueRules

pytestmark = [pytest.mark.venue]

JSON = "application/json"
SOCKETS = 2_000
SPARE_FILES = 200
ACCOUNTS = 300


@asynccontextmanager
async def line(client: Client, *, receive_buffer: int = 0) -> AsyncIterator[tuple[asyncio.StreamReader, Any]]:
    """A bare connection to the server."""
    bare = socket.socket()
    if receive_buffer:
        bare.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    bare.setblocking(False)  # the standard library's name for it
    await asyncio.get_running_loop().sock_connect(bare, ("127.0.0.1", client.server.port))
    reader, writer = await asyncio.open_connection(sock=bare, limit=64)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def said(client: Client, raw: bytes) -> bytes:
    """Everything that comes back for these bytes until the server closes or falls silent."""
    async with line(client) as (reader, writer):
        writer.write(raw)
        answer = b""
        try:
            async with asyncio.timeout(0.2):
                while part := await reader.read(65_536):
                    answer += part
        except (TimeoutError, ConnectionError):
            pass
        return answer


def handshake(path: str) -> bytes:
    """The opening of a WebSocket by hand."""
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    return f"GET {path} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{key}\r\n".encode()


async def well(client: Client) -> None:
    """The server answers, nothing inside went wrong, and its market moves."""
    status, health = await client.plain("GET", "/sim/v1/health")
    assert (status, health["internal_errors"]) == (200, 0)
    events = client.server.pump.events
    await eventually(lambda: client.server.pump.events > events)


# --- bytes on the wire ---------------------------------------------------------------------------------------

GARBAGE = {
    "noise": bytes(range(256)) * 40,
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 500,
    "no method": b"\r\n\r\n\r\n",
    "a long line": b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n",
    "a long header": b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\nHost: a\r\n" + b"".join(b"H%d: v\r\n" % n for n in range(5_000)) + b"\r\n",
    "two lengths": b"POST /fapi/v1/order HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "no length": b"POST /fapi/v1/order HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
    "chunks": b"POST /fapi/v1/order HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nhello\r\n0\r\n\r\n",
    "version": b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
}


@pytest.mark.asyncio
@pytest.mark.parametrize("raw", GARBAGE.values(), ids=GARBAGE)
async def test_what_is_not_http_is_turned_away(raw: bytes) -> None:
    """A 400, or nothing at all; everybody else is served as before."""
    async with exchange() as client:
        answer = await said(client, raw)
        assert answer == b"" or answer.startswith((b"HTTP/1.1 400", b"HTTP/1.0 400"))
        await well(client)


@pytest.mark.property
@settings(max_examples=25)
@given(
    parts=st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.sampled_from(
                [b"GET /fapi/v1/ping HTTP/1.1\r\n", b"Host: a\r\n", b"\r\n", b"Content-Length: 3\r\n", b"\x00"]
            ),
        ),
        max_size=8,
    )
)
def test_no_bytes_bring_the_server_down(parts: list[bytes]) -> None:
    """Pieces of HTTP in any order, with noise in between."""

    async def sent() -> None:
        async with exchange() as client:
            await said(client, b"".join(parts))
            await well(client)

    asyncio.run(sent())


@pytest.mark.asyncio
async def test_an_oversized_body_is_refused_in_the_exchanges_shape() -> None:
    """413 as JSON, announced or not, packed or not; nothing of it reaches the exchange."""
    async with exchange() as client:
        large = b"x" * (door.BODY_MAX + 1)

        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(3):
                yield large[: door.BODY_MAX // 2]

        packed = gzip.compress(large * 20)
        for path, body, encoding in (
            ("/fapi/v1/order", BytesIO(large), "identity"),
            ("/sim/v1/faults", BytesIO(large), "identity"),
            ("/fapi/v1/order", chunks(), "identity"),
            ("/fapi/v1/order", BytesIO(packed), "gzip"),
        ):
            headers = {"Content-Encoding": encoding}
            async with client.http.post(client.rest + path, data=body, headers=headers) as answer:
                assert (answer.status, answer.content_type) == (413, JSON)
                assert set(await answer.json()) == {"code", "msg"}
        await well(client)


@pytest.mark.asyncio
async def test_a_body_that_lies_about_its_packing_is_refused() -> None:
    """Not gzip at all."""
    async with exchange() as client:
        url, headers = f"{client.rest}/fapi/v1/order", {"Content-Encoding": "gzip"}
        async with client.http.post(url, data=b"not gzip at all", headers=headers) as answer:
            assert answer.status == 400
        await well(client)


@pytest.mark.asyncio
@pytest.mark.parametrize("path", ["/ws", "/market/stream?streams=btcusdt@aggTrade", "/ws-fapi/v1"])
async def test_a_stream_asked_for_without_a_handshake_is_refused_in_the_exchanges_shape(path: str) -> None:
    """A plain GET where a WebSocket is served."""
    async with exchange() as client, client.http.get(client.rest + path) as answer:
        assert (answer.status, answer.content_type) == (400, JSON)
        assert set(await answer.json()) == {"code", "msg"}


@pytest.mark.asyncio
async def test_half_a_request_does_not_hold_a_connection_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither half a head nor half a body: the one is cut, the other told why and cut."""
    monkeypatch.setattr(server, "IDLE_S", 0.2)
    monkeypatch.setattr(door, "BODY_S", 0.2)
    async with exchange() as client:
        async with line(client) as (reader, writer):
            writer.write(b"GET /fapi/v1/ping HTTP/1.1\r\nHost: a\r\nX-Sl")
            async with asyncio.timeout(PATIENCE_S):
                assert await reader.read() == b""
        async with line(client) as (reader, writer):
            writer.write(b"POST /fapi/v1/order HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\nsymbol=B")
            async with asyncio.timeout(PATIENCE_S):
                answer = await reader.read()
            assert answer.startswith(b"HTTP/1.1 400")
            assert b'{"code":-1000' in answer
        await well(client)


# --- many sockets --------------------------------------------------------------------------------------------


@pytest.fixture
def allowed_sockets() -> Iterator[int]:
    """Both ends of each live in this process: what its limit of open files lets it have, raised for the while."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft, hard = (sys.maxsize if each == resource.RLIM_INFINITY else each for each in before)
    enough = min(hard, 2 * SOCKETS + SPARE_FILES)
    if soft < enough:
        resource.setrlimit(resource.RLIMIT_NOFILE, (enough, before[1]))
    yield min(SOCKETS, (max(soft, enough) - SPARE_FILES) // 2)
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.asyncio
async def test_thousands_of_sockets_come_and_go(record_property: Any, allowed_sockets: int) -> None:
    """2 000 readers, or as many as the limit of open files allows, and nothing left of them afterwards."""
    number = allowed_sockets
    record_property("sockets", number)
    async with exchange() as client, aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        hub = client.server.hub
        opened: list[aiohttp.ClientWebSocketResponse] = []
        url = f"{client.ws}/market/ws/btcusdt@aggTrade"
        for _ in range(0, number, 100):
            opened += await asyncio.gather(*[http.ws_connect(url) for _ in range(min(100, number - len(opened)))])
        assert len(hub.sockets) == number
        for ws in (opened[0], opened[-1]):
            await hear(ws, 2)
        assert (await client.call("POST", "/fapi/v1/order", **LIMIT))[0] == 200
        for ws in opened[: number // 2]:
            assert ws._response.connection is not None
            ws._response.connection.transport.abort()
        await asyncio.gather(*[ws.close() for ws in opened[number // 2 :]])
        await eventually(lambda: not hub.sockets)
        assert not hub._readers
        assert not client.server.venue.publisher._streams
        await well(client)


@pytest.mark.asyncio
async def test_connections_have_a_limit() -> None:
    """The one too many is refused before its handshake and told so; when one goes another may come."""
    async with exchange(sockets_max=3) as client:
        held = [await client.connect("/ws") for _ in range(3)]
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await client.connect("/ws")
        assert refused.value.status == 503
        await held.pop().close()
        await eventually(lambda: len(client.server.hub.sockets) == 2)
        held.append(await client.connect("/ws"))
        for ws in held:
            await ws.close()


@pytest.mark.asyncio
async def test_a_reader_that_never_reads_is_cut_off_and_nobody_else_notices() -> None:
    """What waits for it is bounded; it is counted; its neighbor and the orders go on."""
    async with exchange(queue_max=300, speed=100.0) as client:
        streams = "btcusdt@depth20@100ms/btcusdt@bookTicker/btcusdt@depth@100ms/btcusdt@trade"
        async with line(client, receive_buffer=4_096) as (_, writer), client.connect("/public/ws/btcusdt@trade") as ws:
            writer.write(handshake(f"/public/stream?streams={streams}"))
            await eventually(lambda: len(client.server.hub.sockets) == 2)
            deaf = next(each for each in client.server.hub.sockets if each.combined)
            waiting = 0
            async with asyncio.timeout(60):
                while not deaf.dead:
                    await hear(ws)
                    waiting = max(waiting, deaf.queued_bytes)
            assert client.server.hub.cut_slow == 1
            assert waiting <= sockets.QUEUE_MAX_BYTES
            assert (await client.call("POST", "/fapi/v1/order", **LIMIT))[0] == 200
            await hear(ws, 3)
        await well(client)


@pytest.mark.asyncio
@pytest.mark.parametrize("asked", [b'{"id":1,"method":"ticker.book"}', b'{"id":1,"method":"nothing"}', b"{no json"])
async def test_who_asks_without_end_and_never_reads_the_answers_is_cut_off(asked: bytes) -> None:
    """Answers are bounded like streams, also those that say no."""
    frame = bytes((0x81, 0x80 | len(asked))) + b"\0\0\0\0" + asked
    rules = VenueRules(limits=UNLIMITED)
    async with exchange(rules=rules) as client, line(client, receive_buffer=4_096) as (_, writer):
        writer.write(handshake("/ws-fapi/v1"))
        await eventually(lambda: len(client.server.hub.sockets) == 1)
        deaf = client.server.hub.sockets[0]
        async with asyncio.timeout(60):
            while not deaf.dead and not writer.transport.is_closing():
                writer.write(frame * 1_000)
                await asyncio.sleep(0)
        await eventually(lambda: not client.server.hub.sockets)
        await well(client)


@pytest.mark.asyncio
async def test_bytes_that_wait_are_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few messages can be large."""
    monkeypatch.setattr(sockets, "QUEUE_MAX_BYTES", 10_000)
    async with exchange() as client, client.connect("/public/ws/btcusdt@depth20@100ms") as ws:
        await hear(ws)
        await client.plain("POST", "/sim/v1/faults", {"kind": "stall_ws"})
        await eventually(lambda: client.server.hub.cut_slow == 1)


@pytest.mark.asyncio
async def test_a_socket_carries_1024_streams_and_not_one_more() -> None:
    """All or none of a SUBSCRIBE; the socket goes on with what it has."""
    async with exchange() as client, client.connect("/market/ws/none") as ws:
        names = [f"symbol{number}usdt@aggTrade" for number in range(sockets.STREAMS_MAX)]
        await ws.send_json({"method": "SUBSCRIBE", "params": names, "id": 1})
        assert (await hear(ws))[0] == {"result": None, "id": 1}
        await ws.send_json({"method": "SUBSCRIBE", "params": ["btcusdt@aggTrade"], "id": 2})
        assert (await hear(ws))[0]["error"]["code"] == 2
        await ws.send_json({"method": "SUBSCRIBE", "params": names[:5], "id": 3})
        assert (await hear(ws))[0] == {"result": None, "id": 3}
        await ws.send_json({"method": "UNSUBSCRIBE", "params": names[:1], "id": 4})
        await ws.send_json({"method": "SUBSCRIBE", "params": ["btcusdt@aggTrade"], "id": 5})
        assert [each["id"] for each in await hear(ws, 2)] == [4, 5]
        assert (await hear(ws))[0]["e"] == "aggTrade"


@pytest.mark.asyncio
async def test_names_without_end_are_not_kept() -> None:
    """A name longer than any stream's is malformed, however many of them come."""
    async with exchange() as client, client.connect("/market/ws/none") as ws:
        await ws.send_json({"method": "SUBSCRIBE", "params": ["x" * 100_000 + "@aggTrade"], "id": 1})
        assert (await hear(ws))[0]["error"]["code"] == 2
        assert not client.server.hub.sockets[0].streams


@pytest.mark.asyncio
async def test_hundreds_of_listen_keys_hear_their_own_account_only(allowed_sockets: int) -> None:
    """300 accounts, or as many as there may be sockets, one each; an order of one is heard by one."""
    last = min(ACCOUNTS, allowed_sockets) - 1
    keys = tuple(ApiKey(f"{number:064d}", "s" * 64, account=f"a{number}") for number in range(last + 1))
    async with exchange(keys=keys) as client, aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        venue, hub, now = client.server.venue, client.server.hub, client.server.clock.now_ms()
        named = [venue.listen_keys.start(key.account, now) for key in keys]
        opened = await asyncio.gather(*[http.ws_connect(f"{client.ws}/private/ws?listenKey={key}") for key in named])
        assert len(hub.sockets) == last + 1
        hub.dispatch(venue.request("a7", "POST", "/fapi/v1/order", MARKET, now).events)
        assert (await hear(opened[7], 4))[-1]["e"] == "ACCOUNT_UPDATE"
        assert all([await silent(opened[other], 0.01) for other in (0, 8, last // 2, last)])
        await asyncio.gather(*[ws.close() for ws in opened])
        await eventually(lambda: not hub.sockets and not hub._users)


@pytest.mark.asyncio
async def test_who_hangs_up_during_the_handshake_leaves_no_trace(caplog: pytest.LogCaptureFixture) -> None:
    """No socket, no traceback, no error counted: there is nobody to answer."""
    async with exchange() as client:
        for path in ("/public/ws/btcusdt@depth", "/ws-fapi/v1") * 20:
            _, writer = await asyncio.open_connection("127.0.0.1", client.server.port)
            writer.write(handshake(path))
            writer.transport.abort()
        await eventually(lambda: not client.server.hub.sockets)
        await well(client)
    assert not caplog.records
