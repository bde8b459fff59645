"""A real server on a steady market and a free port of the loopback interface, and a client that signs."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import aiohttp

from vortex.adapters.venue.server import VenueServer
from vortex.adapters.venue.settings import DEFAULT_KEY, DEFAULT_SECRET, VenueSettings
from vortex.exchange.auth import sign
from vortex.exchange.history import History
from vortex.exchange.market_events import BookState, MarketEvent, MarketTrade
from vortex.kernel.clock import MS, SystemClock

PATIENCE_S = 30.0
"""How long a busy machine may take for what takes milliseconds on an idle one."""


class SteadyMarket:
    """A book every 100 ms around a price, and a trade with each."""

    symbols = ("BTCUSDT",)

    def __init__(self) -> None:
        self.start_ms = int(SystemClock().unix()) // MS
        self._told_ms = self.start_ms
        self.mid = 800_000

    def history(self, symbol: str) -> History:
        return History(symbol, self.start_ms, {}, (), (), (), (), ())

    def advance(self, to_ms: int) -> list[MarketEvent]:
        events: list[MarketEvent] = []
        while self._told_ms + 100 <= to_ms:
            self._told_ms += 100
            bids = tuple((self.mid - at, 500 + at) for at in range(20))
            asks = tuple((self.mid + 1 + at, 500 + at) for at in range(20))
            events.append(BookState(self._told_ms, "BTCUSDT", bids, asks))
            events.append(MarketTrade(self._told_ms, "BTCUSDT", self.mid, 3, True))
        return events

    def impulse(self, symbol: str, jump_pct: float) -> None:
        self.mid = int(self.mid * (1 + jump_pct / 100))


class Client:
    """A client that signs the way Binance clients do."""

    def __init__(self, http: aiohttp.ClientSession, server: VenueServer) -> None:
        self.http = http
        self.server = server
        self.rest = f"http://127.0.0.1:{server.port}"
        self.ws = f"ws://127.0.0.1:{server.port}"

    async def call(self, method: str, path: str, **params: Any) -> tuple[int, Any]:
        """A signed request; returns status and body."""
        stamped = {**params, "timestamp": self.server.clock.now_ms()}
        query = urlencode(stamped)
        url = f"{self.rest}{path}?{query}&signature={sign(DEFAULT_SECRET, query.encode())}"
        async with self.http.request(method, url, headers={"X-MBX-APIKEY": DEFAULT_KEY}) as answer:
            return answer.status, await answer.json()

    async def plain(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """An unsigned request."""
        async with self.http.request(method, self.rest + path, json=body) as answer:
            return answer.status, await answer.json()

    async def listen_key(self) -> str:
        """A listen key."""
        return str((await self.call("POST", "/fapi/v1/listenKey"))[1]["listenKey"])

    def connect(self, path: str) -> Any:
        """A WebSocket."""
        return self.http.ws_connect(self.ws + path)


async def hear(ws: aiohttp.ClientWebSocketResponse, wanted: int = 1) -> list[Any]:
    """The next messages, decoded."""
    async with asyncio.timeout(PATIENCE_S):
        return [json.loads(await ws.receive_str()) for _ in range(wanted)]


async def silent(ws: aiohttp.ClientWebSocketResponse, seconds: float = 0.4) -> bool:
    """Nothing comes for a while."""
    try:
        async with asyncio.timeout(seconds):
            await ws.receive()
    except TimeoutError:
        return True
    return False


async def eventually(met: Callable[[], bool]) -> None:
    """Wait until something has happened, within reason."""
    async with asyncio.timeout(PATIENCE_S):
        for _ in itertools.count():
            if met():
                return
            await asyncio.sleep(0.01)


@asynccontextmanager
async def exchange(**changes: Any) -> AsyncIterator[Client]:
    """A running exchange on a steady market, and a client."""
    server = VenueServer(VenueSettings(symbols=("BTCUSDT",), pump_ms=10, **changes), source=SteadyMarket())
    await server.start()
    try:
        async with aiohttp.ClientSession() as http:
            client = Client(http, server)
            await eventually(lambda: server.pump.events > 0)
            yield client
    finally:
        await server.stop()


MARKET = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.010"}
LIMIT = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.010",
    "price": "79000",
}
