"""Every connection is asked whether anybody is there (sheet 2.1, 6)."""

import asyncio

import aiohttp
import pytest

from tests.exchange.serving import PATIENCE_S, Client, eventually, exchange

pytestmark = [pytest.mark.venue, pytest.mark.asyncio]
PATHS = ["/public/ws/btcusdt@bookTicker", "/ws-fapi/v1"]


async def read_on(ws: aiohttp.ClientWebSocketResponse) -> None:
    """Read until it ends; the library answers pings unless it was told not to."""
    while (await ws.receive()).type not in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.ERROR):
        continue


def deaf(client: Client, path: str):
    """A client that hears pings and says nothing."""
    return client.http.ws_connect(client.ws + path, autoping=False)


@pytest.mark.parametrize("path", PATHS)
async def test_who_never_answers_a_ping_is_dropped_and_who_does_stays(path: str) -> None:
    """The silent one ends; the other has answered pings all the while and lives."""
    async with (
        exchange(ping_s=0.5, pong_within_s=2.0) as client,
        client.connect(path) as lively,
        deaf(client, path) as silent,
    ):
        reading = asyncio.create_task(read_on(lively))
        async with asyncio.timeout(PATIENCE_S):
            await read_on(silent)
        assert not lively.closed
        await eventually(lambda: len(client.server.hub.sockets) == 1)
        reading.cancel()


async def test_a_ping_of_the_client_is_echoed_on_a_stream() -> None:
    """With its own payload."""
    async with exchange() as client, client.connect("/public/ws") as ws:
        await ws.ping(b"are you there")
        async with (
            asyncio.timeout(PATIENCE_S),
            client.http.ws_connect(client.ws + "/public/ws", autoping=False) as other,
        ):
            await other.ping(b"echo")
            answer = await other.receive()
        assert (answer.type, answer.data) == (aiohttp.WSMsgType.PONG, b"echo")


async def test_pings_count_for_what_a_client_may_send() -> None:
    """More than ten frames of any kind in a second end a stream."""
    async with exchange() as client, client.http.ws_connect(client.ws + "/public/ws", autoping=False) as ws:
        for _ in range(20):
            await ws.ping(b"more")
        async with asyncio.timeout(PATIENCE_S):
            await read_on(ws)
        assert ws.close_code == aiohttp.WSCloseCode.POLICY_VIOLATION


async def test_a_stream_has_its_day() -> None:
    """It is closed in order when its time is over, though it has been read all along."""
    async with exchange(socket_life_s=0.2) as client, client.connect(PATHS[0]) as ws:
        async with asyncio.timeout(PATIENCE_S):
            await read_on(ws)
        assert ws.close_code == aiohttp.WSCloseCode.GOING_AWAY
