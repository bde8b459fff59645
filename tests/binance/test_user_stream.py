"""The user stream against a stand-in exchange: the key's life, and that every loss is announced."""

import asyncio
import json

import pytest
from aiohttp import web

from vortex.adapters.binance.line import LineSettings
from vortex.adapters.binance.rest import RestClient
from vortex.adapters.binance.signing import Credentials
from vortex.adapters.binance.user_stream import UserStream, UserStreamSettings
from vortex.domain.outcomes import AccountReported, FillReported, UserStreamDown, UserStreamUp
from vortex.kernel.clock import SECOND, ManualClock, SystemClock
from vortex.kernel.rng import Rng

pytestmark = pytest.mark.asyncio
PATIENCE_S = 30
FILL = {
    "e": "ORDER_TRADE_UPDATE",
    "T": 1,
    "E": 2,
    "o": {
        "s": "BTCUSDT",
        "c": "v7-1",
        "S": "BUY",
        "o": "LIMIT",
        "q": "0.010",
        "p": "100000",
        "ap": "100000",
        "sp": "0",
        "x": "TRADE",
        "X": "FILLED",
        "i": 7,
        "l": "0.010",
        "z": "0.010",
        "L": "100000.0",
        "n": "0.2",
        "N": "USDT",
        "T": 3,
        "t": 9,
        "m": True,
        "R": False,
        "rp": "0",
    },
}
ACCOUNT = {"e": "ACCOUNT_UPDATE", "T": 1, "E": 1, "a": {"m": "FUNDING_FEE", "B": [{"a": "USDT", "wb": "5"}], "P": []}}


class Line:
    """A running user stream; long sleeps last until the test says so, short ones not at all."""

    def __init__(self, stub, known, clock=None, settings=None) -> None:
        self.stub = stub
        self.heard: asyncio.Queue[object] = asyncio.Queue()
        self.violations: list[object] = []
        self.keepalive_due = asyncio.Semaphore(0)
        self.waits: list[float] = []
        self.rest = RestClient(stub.urls, clock or SystemClock(), Credentials("k", "s"))
        self.keys = 0
        stub.answer("POST", "/fapi/v1/listenKey", self.new_key)
        self.stream = UserStream(
            stub.urls,
            self.rest,
            lambda: known,
            Rng(1),
            self.heard.put_nowait,
            settings=settings,
            sleep=self.sleep,
            on_violation=self.violations.append,
        )

    def new_key(self, _: object) -> dict[str, str]:
        self.keys += 1
        return {"listenKey": f"key{self.keys}"}

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        if seconds > 31:
            await self.keepalive_due.acquire()
        else:
            await asyncio.sleep(0)

    async def next(self) -> object:
        return await asyncio.wait_for(self.heard.get(), PATIENCE_S)

    async def socket(self) -> tuple[str, web.WebSocketResponse]:
        return await asyncio.wait_for(self.stub.sockets.get(), PATIENCE_S)

    async def __aenter__(self) -> "Line":
        self.task = asyncio.create_task(self.stream.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.rest.close()


async def test_up_is_said_first_and_every_account_event_follows(stub, known):
    """TRADE_LITE and unknown events carry nothing; the rest arrives, in order."""
    async with Line(stub, known) as line:
        path, ws = await line.socket()
        for event in (FILL, {"e": "TRADE_LITE"}, {"e": "NEWS"}, ACCOUNT):
            await ws.send_str(json.dumps(event))
        heard = [await line.next() for _ in range(3)]
        ignored = line.stream.ignored
    assert path == "/private/ws?listenKey=key1"
    assert [type(item) for item in heard] == [UserStreamUp, FillReported, AccountReported]
    assert ignored == {"TRADE_LITE": 1, "NEWS": 1}


async def test_an_expired_key_is_a_disconnect_and_a_new_key_gets_a_new_socket(stub, known):
    """The old socket would stay open and silent for ever."""
    async with Line(stub, known) as line:
        _, ws = await line.socket()
        await line.next()
        await ws.send_str('{"e":"listenKeyExpired","E":1,"listenKey":"key1"}')
        down, up = await line.next(), await line.next()
        path, again = await line.socket()
        await again.send_str(json.dumps(FILL))
        fill = await line.next()
    assert down == UserStreamDown(reason="listen key expired")
    assert isinstance(up, UserStreamUp)
    assert path == "/private/ws?listenKey=key2"
    assert isinstance(fill, FillReported)


async def test_the_key_is_kept_alive_and_never_deleted(stub, known, eventually):
    """Every 25 minutes; deleting it would silence every process of the account."""
    stub.answer("PUT", "/fapi/v1/listenKey", {"listenKey": "key1"})
    async with Line(stub, known) as line:
        await line.socket()
        await line.next()
        for _ in range(2):
            line.keepalive_due.release()
        await eventually(lambda: len(stub.asked("PUT", "/fapi/v1/listenKey")) == 2)
        assert set(line.waits) == {25 * 60}
    assert not stub.asked("DELETE", "/fapi/v1/listenKey")


async def test_a_key_the_exchange_no_longer_knows_is_replaced(stub, known, refuse):
    """-1125 on the keepalive: new key, new socket, gap announced."""
    stub.script("PUT", "/fapi/v1/listenKey", refuse(-1125, "This listenKey does not exist."))
    stub.answer("PUT", "/fapi/v1/listenKey", {"listenKey": "key2"})
    async with Line(stub, known) as line:
        await line.socket()
        await line.next()
        line.keepalive_due.release()
        down, up = await line.next(), await line.next()
        path, _ = await line.socket()
    assert down == UserStreamDown(reason="listen key unknown to the exchange")
    assert isinstance(up, UserStreamUp)
    assert path.endswith("key2")


async def test_a_failed_keepalive_is_tried_again_soon(stub, known, refuse, eventually):
    """One lost answer must not cost the key; the next try comes within half a minute."""
    stub.script("PUT", "/fapi/v1/listenKey", refuse(-1000, "", 500), None)
    stub.answer("PUT", "/fapi/v1/listenKey", {"listenKey": "key1"})
    async with Line(stub, known) as line:
        await line.socket()
        await line.next()
        line.keepalive_due.release()
        await eventually(lambda: len(line.waits) >= 3)
    assert line.waits[:2] == [25 * 60, 30]


async def test_a_key_that_could_not_be_kept_is_as_good_as_expired(stub, known):
    """After 55 minutes without a keepalive the stream is given up before the exchange does it silently."""
    clock = ManualClock(SECOND)
    settings = UserStreamSettings(line=LineSettings(check_ms=5, overlap=True))
    async with Line(stub, known, clock, settings) as line:
        await line.socket()
        await line.next()
        clock.advance(56 * 60 * SECOND)
        down = await line.next()
    assert isinstance(down, UserStreamDown)
    assert "not renewed" in down.reason


async def test_an_unreadable_account_event_is_announced_as_a_gap(stub, known):
    """What it would have said is found by reconciliation, which Down and Up demand."""
    async with Line(stub, known) as line:
        _, ws = await line.socket()
        await line.next()
        await ws.send_str(json.dumps(FILL | {"o": FILL["o"] | {"X": "PONDERING"}}))
        await ws.send_str(json.dumps(FILL))
        heard = [await line.next() for _ in range(3)]
    assert [type(item) for item in heard] == [UserStreamDown, UserStreamUp, FillReported]
    assert "PONDERING" in heard[0].reason
    assert len(line.violations) == 1


async def test_a_renewal_overlaps_so_that_no_event_is_lost(stub, known):
    """Old and new socket both speak for a moment; nobody hears of a loss, fills are deduplicated by id."""
    clock = ManualClock(SECOND)
    settings = UserStreamSettings(
        line=LineSettings(check_ms=5, rollover_ms=1_800_000, rollover_spread_ms=0, overlap=True)
    )
    async with Line(stub, known, clock, settings) as line:
        await line.socket()
        await line.next()
        clock.advance(1_801 * SECOND)
        path, ws = await line.socket()
        await ws.send_str(json.dumps(FILL))
        heard = await line.next()
    assert isinstance(heard, FillReported)
    assert path.endswith("key2")


async def test_a_refused_key_is_told_and_tried_again(stub, known, refuse):
    """Without a key there is no stream, and the engine must know that nothing is heard."""
    stub.script("POST", "/fapi/v1/listenKey", refuse(-2015, "Invalid API-key", 401), None)
    async with Line(stub, known) as line:
        heard = [await line.next() for _ in range(3)]
    assert [type(item) for item in heard] == [UserStreamDown, UserStreamDown, UserStreamUp]
    assert "-2015" in heard[0].reason
