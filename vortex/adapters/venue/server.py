"""Runs the simulated exchange: one port for REST, streams, the WebSocket API and the controls of `/sim/v1`."""

import asyncio
import gc
import os
import resource
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal

from aiohttp import web

from vortex.adapters.recorded.opening import open_market
from vortex.adapters.venue.clock import ExchangeClock
from vortex.adapters.venue.controls import Controls
from vortex.adapters.venue.door import BODY_MAX, Door
from vortex.adapters.venue.impulse import Impulses
from vortex.adapters.venue.key_controls import KeyControls
from vortex.adapters.venue.pump import Pump
from vortex.adapters.venue.rest import Rest
from vortex.adapters.venue.settings import VenueSettings
from vortex.adapters.venue.sockets import Hub
from vortex.adapters.venue.websocket_api import WebSocketApi
from vortex.exchange.instruments import DEFAULT_INSTRUMENTS
from vortex.exchange.market_source import MarketSource
from vortex.exchange.streams import MARKET, PRIVATE, PUBLIC
from vortex.exchange.venue import Venue
from vortex.kernel.clock import MS, Clock, SystemClock
from vortex.kernel.rng import Rng

SHUTDOWN_S = 2.0
IDLE_S = 75.0
"""How long a connection may stay without a whole request, also in the middle of one."""

FILES = 10_240
"""Open files where the system names no limit."""

LINGER_S = 1.0
"""How long the rest of a refused body is read and thrown away, so that its sender sees the answer."""

Ready = Callable[[dict[str, object]], None]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def build_venue(settings: VenueSettings, source: MarketSource, impulses: Impulses | None = None) -> Venue:
    """The exchange of these settings on this market, with its accounts and keys."""
    impulses = Impulses(source) if impulses is None else impulses
    stretch = max(1.0, settings.speed) * settings.rules.recv_window_stretch
    venue = Venue(
        source.symbols,
        source.start_ms,
        seed=settings.seed,
        rules=replace(settings.rules, recv_window_stretch=stretch),
        impulse=impulses.try_move,
    )
    venue.floor.faults.reseed(Rng(settings.fault_seed, "venue/faults"))
    for symbol in source.symbols:
        venue.load(source.history(symbol))
    for key in settings.keys:
        if key.account not in venue.floor.accounts:
            deposits = dict(settings.balances.get(key.account, {"USDT": settings.balance}))
            if settings.bnb_balance > Decimal(0):
                deposits.setdefault("BNB", settings.bnb_balance)
            venue.open_account(key.account, deposits)
        venue.add_key(key)
    return venue


class VenueServer:
    """One exchange on one port."""

    def __init__(self, settings: VenueSettings, source: MarketSource | None = None, clock: Clock | None = None) -> None:
        self.settings = settings
        wall = SystemClock() if clock is None else clock
        start_ms = int(wall.unix()) // MS
        exchange_clock = ExchangeClock(wall, settings.speed, start_ms, settings.paused)
        self.source = source or open_market(
            settings.data, settings.symbols or None, settings.seed, start_ms, DEFAULT_INSTRUMENTS
        )
        if self.source.start_ms != start_ms:
            exchange_clock = ExchangeClock(wall, settings.speed, self.source.start_ms, settings.paused)
        self.clock = exchange_clock
        impulses = Impulses(self.source)
        self.venue = build_venue(settings, self.source, impulses)
        self.venue.gate.wall = lambda: int(wall.unix()) // MS
        self.hub = Hub(self.venue, wall, settings)
        self.door = Door()
        self.pump = Pump(self.venue, self.source, self.hub, self.clock, wall, settings.pump_ms)
        self._rest = Rest(self.venue, self.hub, self.clock)
        self._controls = Controls(self.venue, self.hub, self.clock, self.pump, impulses, self.door, settings)
        self._websocket_api = WebSocketApi(self.venue, self.hub, self.clock, wall, settings)
        self._key_controls = KeyControls(self.venue, self._websocket_api.tell_revoked)
        self._runner: web.AppRunner | None = None
        self._pumping: asyncio.Task[None] | None = None
        self.port = 0

    async def start(self) -> dict[str, object]:
        """Listen and let the market run; returns the ready message."""
        app = web.Application(client_max_size=BODY_MAX, middlewares=[self.door.through])
        self._controls.routes(app)
        self._key_controls.routes(app)
        app.router.add_get("/ws-fapi/v1", self._websocket_api.serve)
        for form in ("ws", "stream"):
            for route in ("", PUBLIC, MARKET, PRIVATE):
                prefix = f"/{route}/{form}" if route else f"/{form}"
                app.router.add_get(prefix, self._stream_handler(route, form == "stream"))
                app.router.add_get(f"{prefix}/{{tail:.*}}", self._stream_handler(route, form == "stream"))
        app.router.add_route("*", "/{path:.*}", self._rest.serve)
        self._runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=SHUTDOWN_S, keepalive_timeout=IDLE_S, lingering_time=LINGER_S
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.settings.host, self.settings.port)
        await site.start()
        self.port = int(self._runner.addresses[0][1])
        self._pumping = asyncio.create_task(self.pump.run())
        return self.ready()

    def ready(self) -> dict[str, object]:
        """Where to find it."""
        at = f"{self.settings.host}:{self.port}"
        return {"rest": f"http://{at}", "ws": f"ws://{at}", "pid": os.getpid()}

    def _stream_handler(self, route: str, combined: bool) -> Handler:
        async def handler(request: web.Request) -> web.StreamResponse:
            return await self.hub.serve(request, route, combined, request.match_info.get("tail", ""))

        return handler

    async def wait(self) -> None:
        """Until the market pump ends, which it does only by failing."""
        assert self._pumping is not None, "not started"
        await self._pumping

    async def stop(self) -> None:
        """Close every connection and free the port."""
        if self._pumping is not None:
            self._pumping.cancel()
            await asyncio.gather(self._pumping, return_exceptions=True)
        await self.hub.close()
        self._rest.release()
        if self._runner is not None:
            await self._runner.cleanup()


async def _until(stop: asyncio.Event) -> None:
    await stop.wait()


def _settle() -> None:
    """Fit this process for serving: as many readers as the system lets anybody have, and no pauses to look for garbage.

    Six days of candles never become garbage, and looking through them takes longer than any request.
    """
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = max(soft, FILES) if most == resource.RLIM_INFINITY else most
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, most))
    gc.collect()
    gc.freeze()


async def serve(settings: VenueSettings, ready: Ready | None = None, stop: asyncio.Event | None = None) -> None:
    """Run until `stop` is set, the task is cancelled, or the market fails; `ready` gets {"rest", "ws", "pid"}."""
    server = VenueServer(settings)
    message = await server.start()
    _settle()
    try:
        if ready is not None:
            ready(message)
        waiting: list[asyncio.Task[None]] = [asyncio.create_task(server.wait())]
        if stop is not None:
            waiting.append(asyncio.create_task(_until(stop)))
        done, pending = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        for task in done:
            task.result()
    finally:
        await server.stop()
