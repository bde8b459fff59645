"""Market streams against a stand-in exchange: routes, order, silence, reconnection, renewal, and broken handlers."""

import asyncio
import json
from types import SimpleNamespace

import pytest
from websockets.asyncio.server import ServerConnection, serve

from vortex.adapters.binance.endpoints import Route, custom
from vortex.adapters.binance.line import LineSettings, LineState
from vortex.adapters.binance.streams import MarketListener, MarketStreams, StreamSettings
from vortex.domain.market import BestQuote, Depth, Trade
from vortex.kernel.clock import SECOND, ManualClock, SystemClock
from vortex.kernel.rng import Rng

pytestmark = pytest.mark.asyncio
PATIENCE_S = 30


class Ear:
    """Writes down what a listener hears."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[object] = asyncio.Queue()
        self.past: list[object] = []
        self.slept: list[float] = []
        self.listener = MarketListener(
            on_message=self.heard.put_nowait,
            on_up=lambda route: self.heard.put_nowait(("up", route)),
            on_down=lambda route, reason: self.heard.put_nowait(("down", route, reason)),
            on_violation=lambda route, err: self.heard.put_nowait(("violation", route, str(err))),
        )

    async def next(self) -> object:
        self.past.append(await asyncio.wait_for(self.heard.get(), PATIENCE_S))
        return self.past[-1]

    async def until_trade(self) -> Trade:
        """The next trade heard."""
        while not isinstance(item := await self.next(), Trade):
            pass
        return item

    async def until(self, wanted: object) -> object:
        """The next thing heard that equals, or begins like, what is wanted."""
        while True:
            item = await self.next()
            if item == wanted or (isinstance(item, tuple) and item[: len(wanted)] == wanted):
                return item

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


def agg(number: int, symbol: str = "BTCUSDT") -> str:
    """A combined aggTrade frame."""
    trade = {"e": "aggTrade", "E": 1, "s": symbol, "a": number, "p": "1.5", "q": "2", "T": 1, "m": False}
    return json.dumps({"stream": f"{symbol.lower()}@aggTrade", "data": trade})


def ticker(number: int) -> str:
    """A combined bookTicker frame."""
    event = {"e": "bookTicker", "u": number, "s": "BTCUSDT", "b": "1", "B": "2", "a": "3", "A": "4", "T": 1, "E": 2}
    return json.dumps({"stream": "btcusdt@bookTicker", "data": event})


async def sockets(stub, count: int = 2) -> dict[str, object]:
    """The next sockets that clients open, by route."""
    found = {}
    for _ in range(count):
        path, ws = await asyncio.wait_for(stub.sockets.get(), PATIENCE_S)
        found[path.split("/")[1]] = ws
        found[path.split("/")[1] + " path"] = path
    return found


class Running:
    """Streams that run for the length of a block."""

    def __init__(self, stub, ear, clock=None, settings=None) -> None:
        self.streams = MarketStreams(
            stub.urls,
            ("BTCUSDT", "ETHUSDT"),
            clock or SystemClock(),
            Rng(1),
            ear.listener,
            settings=settings,
            sleep=ear.sleep,
        )

    async def __aenter__(self) -> MarketStreams:
        self.task = asyncio.create_task(self.streams.run())
        return self.streams

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def test_each_stream_is_asked_for_on_its_own_route(stub):
    """A stream on the wrong route is accepted and silent for ever."""
    ear = Ear()
    async with Running(stub, ear):
        found = await sockets(stub)
    assert found["public path"] == (
        "/public/stream?streams=btcusdt@depth20@100ms/btcusdt@bookTicker/ethusdt@depth20@100ms/ethusdt@bookTicker"
    )
    market = found["market path"].partition("streams=")[2].split("/")
    assert {name.partition("@")[2] for name in market} == {
        "aggTrade",
        "kline_1m",
        "kline_3m",
        "kline_5m",
        "kline_15m",
        "markPrice@1s",
        "forceOrder",
    }


async def test_messages_arrive_in_order_after_up(stub):
    """Up is said first, then every frame in the order of the wire; a broken one is named and skipped."""
    ear = Ear()
    async with Running(stub, ear) as streams:
        found = await sockets(stub)
        for frame in (agg(1), agg(2), '{"data":{"e":"aggTrade","s":5}}', agg(3), agg(9, "SOLUSDT"), agg(4)):
            await found["market"].send_str(frame)
        await ear.until(("up", Route.MARKET))
        heard = []
        while len(heard) < 5:
            item = await ear.next()
            if item != ("up", Route.PUBLIC):
                heard.append(item)
        stats = streams.stats()[Route.MARKET]
    assert [item.agg_id if isinstance(item, Trade) else item[0] for item in heard] == [1, 2, "violation", 3, 4]
    assert "aggTrade" in heard[2][2]
    assert (stats.messages, stats.violations, stats.ignored) == (4, 1, {"foreign symbol": 1})
    assert stats.state is LineState.SUBSCRIBED


async def test_a_lost_connection_is_told_and_made_again(stub):
    """Down with the reason, a wait of at most a second, up again on the same streams (E0-4)."""
    ear = Ear()
    async with Running(stub, ear):
        found = await sockets(stub)
        await ear.until(("up", Route.MARKET))
        await found["market"].close(code=1001, message=b"maintenance")
        down = await ear.until(("down", Route.MARKET))
        again = await sockets(stub, 1)
        await ear.until(("up", Route.MARKET))
        await again["market"].send_str(agg(1))
        while not isinstance(await ear.next(), Trade):
            pass
    assert "1001 maintenance" in down[2]
    assert again["market path"] == found["market path"]
    assert 0.75 <= ear.slept[0] <= 1


async def test_attempts_wait_longer_and_longer():
    """Nobody there: 1, 2, 4, 8, 16, 30, 30 s, told each time."""
    ear = Ear()
    async with Running(SimpleNamespace(urls=custom("http://127.0.0.1:9", "ws://127.0.0.1:9")), ear):
        for _ in range(7):
            down = await ear.until(("down", Route.PUBLIC))
    assert "cannot connect" in down[2]
    assert 22.5 <= max(ear.slept) <= 30


async def test_a_silent_stream_on_an_open_socket_is_given_up(stub):
    """Pings may be answered while nothing is delivered; the deadline of each steady stream finds it."""
    ear, clock = Ear(), ManualClock(SECOND)
    settings = StreamSettings(line=LineSettings(check_ms=5), depth_deadline_ms=0)
    async with Running(stub, ear, clock, settings):
        found = await sockets(stub)
        await ear.until(("up", Route.PUBLIC))
        await found["public"].send_str(ticker(1))
        while not isinstance(await ear.next(), BestQuote):
            pass
        clock.advance(11 * SECOND)
        down = await ear.until(("down", Route.PUBLIC))
    assert "BestQuote silent for 11000 ms" in down[2]


async def test_a_renewal_hands_over_without_a_gap_in_service(stub):
    """Before the 24 h cut a successor is opened; its first frame takes over, nobody hears of a loss."""
    ear, clock = Ear(), ManualClock(SECOND)
    settings = StreamSettings(
        line=LineSettings(check_ms=5, rollover_ms=3_600_000, rollover_spread_ms=0),
        trade_deadline_ms=0,
        mark_deadline_ms=0,
        quote_deadline_ms=0,
        depth_deadline_ms=0,
    )
    async with Running(stub, ear, clock, settings) as streams:
        old = await sockets(stub)
        await ear.until(("up", Route.MARKET))
        clock.advance(3_601 * SECOND)
        new = await sockets(stub)
        await old["market"].send_str(agg(1))
        assert (await ear.until_trade()).agg_id == 1
        await new["market"].send_str(agg(2))
        assert (await ear.until_trade()).agg_id == 2
        await new["market"].send_str(agg(3))
        assert (await ear.until_trade()).agg_id == 3
        assert streams.stats()[Route.MARKET].connects == 2
    assert not any(isinstance(item, tuple) and item[0] == "down" for item in ear.past)


async def test_held_messages_wait_and_the_oldest_are_dropped_and_counted(stub, eventually):
    """While a gap is repaired the market waits, up to the bound of the queue (E0-4, E0-5)."""
    ear = Ear()
    async with Running(stub, ear, settings=StreamSettings(queue=3)) as streams:
        found = await sockets(stub)
        while not {("up", Route.MARKET), ("up", Route.PUBLIC)} <= set(ear.past):
            await ear.next()
        streams.hold()
        for number in range(5):
            await found["market"].send_str(agg(number))
        await found["public"].send_str(ticker(1))
        await eventually(lambda: streams.stats()[Route.MARKET].dropped == 2)
        await eventually(lambda: streams.stats()[Route.PUBLIC].waiting == 1)
        assert ear.heard.empty()
        streams.release()
        heard = [await ear.next() for _ in range(4)]
    assert [item.agg_id for item in heard if isinstance(item, Trade)] == [2, 3, 4]
    assert sum(isinstance(item, BestQuote) for item in heard) == 1


async def test_a_handler_that_fails_ends_the_streams_with_its_own_error(stub):
    """Our bug must not be swallowed: the actor that hosts the streams dies and is replaced."""

    def fail(message: object) -> None:
        raise ZeroDivisionError

    listener = MarketListener(on_message=fail, on_up=lambda _: None, on_down=lambda _, __: None)
    streams = MarketStreams(stub.urls, ("BTCUSDT",), SystemClock(), Rng(1), listener)
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    task = asyncio.create_task(streams.run())
    found = await sockets(stub)
    await found["market"].send_str(agg(1))
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(task, PATIENCE_S)


async def test_many_frames_of_one_read_are_handled_together(stub):
    """A burst is decoded within the socket read, in order."""
    ear = Ear()
    async with Running(stub, ear):
        found = await sockets(stub)
        await ear.until(("up", Route.MARKET))
        for number in range(500):
            await found["market"].send_str(agg(number))
        trades = [await ear.until_trade() for _ in range(500)]
    assert [trade.agg_id for trade in trades] == list(range(500))
    assert all(trade.recv_ns for trade in trades)


async def test_depth_is_a_public_stream(stub):
    """The top of the book comes whole in each message."""
    event = {"e": "depthUpdate", "E": 5, "T": 4, "s": "BTCUSDT", "U": 1, "u": 2, "pu": 0, "b": [["1", "2"]], "a": []}
    ear = Ear()
    async with Running(stub, ear):
        found = await sockets(stub)
        await found["public"].send_str(json.dumps({"stream": "btcusdt@depth20@100ms", "data": event}))
        while not isinstance(depth := await ear.next(), Depth):
            pass
    assert (depth.bids, depth.asks) == (((1.0, 2.0),), ())


async def test_a_message_in_fragments_is_put_together():
    """The protocol allows it; a proxy on the way may do it."""
    frame = agg(7)

    async def speak(ws: ServerConnection) -> None:
        if ws.request.path.startswith("/market"):
            await ws.send([frame[:20], frame[20:50], frame[50:]])
        await ws.wait_closed()

    ear = Ear()
    async with serve(speak, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        urls = custom(f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}")
        async with Running(SimpleNamespace(urls=urls), ear):
            trade = await ear.until_trade()
    assert trade.agg_id == 7
