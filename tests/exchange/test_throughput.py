"""What makes the server fast, where it could be made wrong: shared frames, batches, and who goes first."""

import asyncio
import json

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.exchange.conftest import MID, SYMBOL, Stand
from tests.exchange.serving import LIMIT, eventually, exchange, hear
from vortex.adapters.venue.sockets import FIN_TEXT, framed
from vortex.exchange.events import StreamEvent


@pytest.mark.property
@given(size=st.one_of(st.integers(0, 200), st.sampled_from([125, 126, 127, 65_535, 65_536, 70_000])))
def test_frames_carry_their_length_in_the_shortest_form(size: int) -> None:
    """RFC 6455, 5.2: seven bits, or 16, or 64."""
    frame = framed(b"x" * size)
    form = frame[1]
    start = {126: 4, 127: 10}.get(form, 2)
    length = form if start == 2 else int.from_bytes(frame[2:start], "big")
    assert frame[0] == FIN_TEXT
    assert (length, frame[start:]) == (size, b"x" * size)
    assert (start == 2) == (size < 126)
    assert (start == 10) == (size > 65_535)


def test_periodic_streams_follow_the_markets_time_when_a_request_has_moved_the_clock_ahead(stand: Stand) -> None:
    """At twenty times the pace a request is 500 ms ahead of the steps still to be lived: none of them is skipped."""
    stand.venue.subscribe("btcusdt@depth20@100ms")
    start, heard = stand.now, []
    for step in range(1, 6):
        assert stand.venue.request("main", "GET", "/fapi/v1/time", {}, start + 500).ok
        stand.now = start + 100 * step
        stand.book(MID - step, MID + 1 - step)
        heard += [event for event in stand.venue.tick(stand.now) if isinstance(event, StreamEvent)]
    assert [event.payload["b"][0][0] for event in heard] == [f"{(MID - step) / 10:.2f}" for step in range(1, 6)]


def test_level_texts_are_those_of_the_instrument(stand: Stand) -> None:
    """Kept texts never go stale: quantity is part of what they are kept by."""
    stand.venue.subscribe("btcusdt@depth5@100ms")
    for lots in (1_000, 7, 1_000, 2):
        stand.book(lots=lots)
        payload = next(event.payload for event in stand.tick(100) if isinstance(event, StreamEvent))
        instrument = stand.venue.floor.listing(SYMBOL).instrument
        assert payload["b"][0] == (instrument.px_text(MID), instrument.qty_text(lots))


@pytest.mark.venue
@pytest.mark.asyncio
async def test_a_message_is_built_once_for_all_its_readers() -> None:
    """Two readers that wait hold the very same bytes, so that a thousand slow ones cost hardly more than one."""
    async with exchange() as client:
        path = "/market/ws/btcusdt@aggTrade"
        async with client.connect(path) as one, client.connect(path) as other:
            await hear(one)
            await hear(other)
            await client.plain("POST", "/sim/v1/faults", {"kind": "stall_ws"})
            hub = client.server.hub
            await eventually(lambda: all(len(each.queue) > 2 for each in hub.sockets))
            last = [each.queue[-1] for each in hub.sockets]
            assert last[0] is last[1]


@pytest.mark.venue
@pytest.mark.asyncio
async def test_messages_of_all_sizes_arrive_whole_and_in_order() -> None:
    """What waited is written in one go: nothing is lost between two batches."""
    async with exchange() as client, client.connect("/public/stream?streams=btcusdt@trade/btcusdt@depth20@100ms") as ws:
        await hear(ws)
        await client.plain("POST", "/sim/v1/faults", {"kind": "stall_ws"})
        socket = client.server.hub.sockets[0]
        await eventually(lambda: len(socket.queue) > 20)
        await client.plain("DELETE", "/sim/v1/faults")
        trades = [said["data"]["t"] for said in await hear(ws, 60) if said["stream"] == "btcusdt@trade"]
        assert trades == list(range(trades[0], trades[0] + len(trades)))
        await eventually(lambda: socket.queued_bytes == sum(map(len, socket.queue)))


@pytest.mark.venue
@pytest.mark.asyncio
async def test_requests_go_before_a_market_that_has_much_to_catch_up_with() -> None:
    """An order is answered and told while twenty minutes of market are being lived through."""
    async with exchange() as client:
        key = await client.listen_key()
        async with client.connect(f"/private/ws?listenKey={key}") as ws:
            stepping = asyncio.create_task(client.plain("POST", "/sim/v1/clock", {"step_ms": 1_200_000}))
            pump, before = client.server.pump, client.server.pump.events
            await eventually(lambda: pump.events > before + 500)
            assert (await client.call("POST", "/fapi/v1/order", **LIMIT))[0] == 200
            assert (await hear(ws))[0]["e"] == "ORDER_TRADE_UPDATE"
            assert not stepping.done()
            assert (await client.plain("GET", "/sim/v1/health"))[1]["market_lag_ms"] > 0
            assert (await stepping)[0] == 200


@pytest.mark.venue
@pytest.mark.asyncio
async def test_the_bytes_of_a_wrapped_message_are_json() -> None:
    """The wrapping is put around what is already encoded."""
    async with exchange() as client, client.connect("/market/stream?streams=btcusdt@aggTrade") as ws:
        message = await ws.receive()
        assert message.type is aiohttp.WSMsgType.TEXT
        assert json.loads(message.data)["stream"] == "btcusdt@aggTrade"
