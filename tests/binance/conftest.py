"""A logging stand-in for the exchange, the simulated exchange as a process, and instruments to decode with."""

import asyncio
import importlib.util
import itertools
import json
import select
import signal
import subprocess
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from vortex.adapters.binance import endpoints, instruments, rest_wire
from vortex.adapters.binance.rest import RestClient, RestSettings
from vortex.adapters.binance.signing import Credentials
from vortex.domain.instruments import Instrument
from vortex.kernel.clock import SystemClock

ROOT = Path(__file__).resolve().parents[2]
CREDENTIALS = Credentials("the-key", "the-secret")
PATIENCE_S = 30

EXCHANGE_INFO = {
    "timezone": "UTC",
    "symbols": [
        {
            "symbol": name,
            "contractType": "PERPETUAL",
            "status": "TRADING",
            "baseAsset": name.removesuffix("USDT"),
            "quoteAsset": "USDT",
            "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": "10", "maxPrice": "4529764", "tickSize": "0.10"},
                {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
                {"filterType": "MARKET_LOT_SIZE", "minQty": "0.001", "maxQty": "120", "stepSize": "0.001"},
                {"filterType": "MAX_NUM_ORDERS", "limit": 200},
                {"filterType": "MIN_NOTIONAL", "notional": "50"},
                {"filterType": "PERCENT_PRICE", "multiplierUp": "1.0500", "multiplierDown": "0.9500"},
                {"filterType": "POSITION_RISK_CONTROL", "positionControlSide": "NONE"},
            ],
        }
        for name in ("BTCUSDT", "ETHUSDT")
    ],
}


class StubExchange:
    """Answers what it was told to, logs what it was asked, and speaks on the sockets that are open."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.raw_queries: list[str] = []
        self.scripted: dict[tuple[str, str], deque[web.Response | None]] = {}
        self.always: dict[tuple[str, str], object] = {}
        self.server_ms = SystemClock().unix() // 1_000_000
        self.sockets: asyncio.Queue[tuple[str, web.WebSocketResponse]] = asyncio.Queue()
        self.server: TestServer | None = None
        self.answer("GET", "/fapi/v1/exchangeInfo", EXCHANGE_INFO)

    def answer(self, method: str, path: str, body: object) -> None:
        """From now on."""
        self.always[method, path] = body

    def script(self, method: str, path: str, *replies: web.Response | None) -> None:
        """Once each, in order; None cuts the connection without an answer."""
        self.scripted.setdefault((method, path), deque()).extend(replies)

    def asked(self, method: str, path: str) -> list[dict[str, str]]:
        return [params for m, p, params in self.requests if (m, p) == (method, path)]

    @property
    def urls(self) -> endpoints.Urls:
        assert self.server is not None
        base = f"127.0.0.1:{self.server.port}"
        return endpoints.custom(f"http://{base}", f"ws://{base}")

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            ws = web.WebSocketResponse(timeout=0.1)  # a client that hangs up is not waited for
            await ws.prepare(request)
            await self.sockets.put((request.path_qs, ws))
            async for _ in ws:
                pass
            return ws
        self.requests.append((request.method, request.path, dict(request.query)))
        self.raw_queries.append(request.rel_url.raw_query_string)
        key = (request.method, request.path)
        if self.scripted.get(key):
            reply = self.scripted[key].popleft()
            if reply is None:
                assert request.transport is not None
                request.transport.abort()
                return web.Response()
            return reply
        if request.path == "/fapi/v1/time":
            return web.json_response({"serverTime": SystemClock().unix() // 1_000_000})
        if key not in self.always:
            return refusal(-9999, f"nothing scripted for {key}")
        body = self.always[key]
        return web.json_response(body(dict(request.query)) if callable(body) else body)


def refusal(code: int, message: str, status: int = 400, **headers: str) -> web.Response:
    """An answer in the exchange's error form."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return web.json_response({"code": code, "msg": message}, status=status, headers=named)


@pytest.fixture
def refuse():
    """Builds error answers."""
    return refusal


async def wait_until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until the condition holds; fails after a generous while."""
    async with asyncio.timeout(PATIENCE_S):
        for _ in itertools.count():
            if condition():
                return
            await asyncio.sleep(0.001)


@pytest.fixture
def eventually():
    """Waits for a condition."""
    return wait_until


@pytest_asyncio.fixture
async def stub() -> AsyncIterator[StubExchange]:
    """A stand-in exchange on a free port."""
    exchange = StubExchange()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", exchange.handle)
    exchange.server = TestServer(app)
    await exchange.server.start_server()
    yield exchange
    await exchange.server.close()


@pytest_asyncio.fixture
async def rest(stub: StubExchange) -> AsyncIterator[RestClient]:
    """A client of the stand-in that measures the clock quickly."""
    pace = RestSettings(timeout_ms=PATIENCE_S * 1_000, order_timeout_ms=PATIENCE_S * 1_000, clock_samples=2)
    client = RestClient(stub.urls, SystemClock(), CREDENTIALS, pace)
    yield client
    await client.close()


@pytest.fixture
def known() -> dict[str, Instrument]:
    """BTCUSDT and ETHUSDT on a 0.1 / 0.001 grid."""
    info = msgspec.convert(EXCHANGE_INFO, rest_wire.ExchangeInfo, strict=False)
    return instruments.listing(info).known


@pytest.fixture
def any_symbol() -> "AnySymbol":
    """Instruments for recorded events of any symbol: a grid fine enough for all of them."""
    return AnySymbol()


class AnySymbol(dict):
    """A mapping that knows every symbol."""

    def __missing__(self, symbol: str) -> Instrument:
        return Instrument(
            symbol=symbol,
            base=symbol.removesuffix("USDT"),
            quote="USDT",
            tick_size=Decimal("0.00001"),
            step_size=Decimal("0.001"),
            min_price=Decimal("0.00001"),
            max_price=Decimal(10**7),
            min_lots=1,
            max_lots=10**12,
            market_max_lots=10**12,
            min_notional=Decimal(5),
        )


@pytest.fixture(scope="session")
def venue_process() -> Iterator[dict[str, str]]:
    """The simulated exchange as a process of its own; the JSON line it prints when it is ready."""
    with served() as line:
        yield line


@contextmanager
def served() -> Iterator[dict[str, str]]:
    """An exchange with weight and faults of its own, for as long as it is wanted."""
    if importlib.util.find_spec("vortex.adapters.venue.__main__") is None:
        pytest.skip("vortex.adapters.venue has no __main__ module to serve the simulated exchange")
    command = [sys.executable, "-m", "vortex.adapters.venue", "--port", "0"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    try:
        ready, _, _ = select.select([process.stdout], [], [], 60)
        assert ready, "the simulated exchange said nothing within a minute"
        line = json.loads(process.stdout.readline())
        yield {key: str(value) for key, value in line.items()}
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
