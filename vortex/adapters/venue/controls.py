"""The exchange's own endpoints under /sim/v1: ledger, health, faults, clock, market, listen keys."""

from dataclasses import asdict, replace
from typing import Any

import msgspec
from aiohttp import web

from vortex.adapters.venue.clock import ExchangeClock
from vortex.adapters.venue.pump import Pump
from vortex.adapters.venue.settings import VenueSettings
from vortex.adapters.venue.sockets import Hub
from vortex.exchange.ledger import KINDS
from vortex.exchange.market_source import MarketSource
from vortex.exchange.refusal import Refusal
from vortex.exchange.venue import Venue
from vortex.kernel.errors import ConfigError

STEP_MAX_MS = 86_400_000
SPEED_MAX = 1_000.0
LEDGER_LIMIT = 10_000


class Controls:
    """What a test or an operator may ask of a simulated exchange and not of a real one."""

    def __init__(
        self,
        venue: Venue,
        hub: Hub,
        clock: ExchangeClock,
        pump: Pump,
        source: MarketSource,
        settings: VenueSettings,
    ) -> None:
        self._venue = venue
        self._hub = hub
        self._clock = clock
        self._pump = pump
        self._source = source
        self._settings = settings

    def routes(self, app: web.Application) -> None:
        """Put the endpoints into an application."""
        app.router.add_get("/sim/v1/ledger", self.ledger)
        app.router.add_get("/sim/v1/health", self.health)
        app.router.add_get("/sim/v1/faults", self.faults)
        app.router.add_post("/sim/v1/faults", self.add_faults)
        app.router.add_delete("/sim/v1/faults", self.clear_faults)
        app.router.add_get("/sim/v1/clock", self.clock)
        app.router.add_post("/sim/v1/clock", self.set_clock)
        app.router.add_post("/sim/v1/market", self.market)
        app.router.add_post("/sim/v1/listenKey", self.listen_key)

    async def ledger(self, request: web.Request) -> web.Response:
        """GET: since (sequence), symbol, kind, limit."""
        query = request.query
        kind = query.get("kind", "")
        try:
            since, limit = int(query.get("since", "0")), int(query.get("limit", str(LEDGER_LIMIT)))
        except ValueError:
            return _bad("since and limit are integers")
        if kind not in ("", *KINDS) or limit < 1:
            return _bad(f"kind is one of {', '.join(KINDS)}; limit is positive")
        return _json(self._venue.ledger(since, query.get("symbol", ""), kind, limit))

    async def health(self, _request: web.Request) -> web.Response:
        """GET: is it alive, and how is it doing."""
        venue = self._venue
        return _json(
            {
                "status": "ok",
                "time": self._clock.now_ms(),
                "market_time": venue.floor.now_ms,
                "speed": self._clock.speed,
                "paused": self._clock.paused,
                "seed": self._settings.seed,
                "symbols": list(venue.floor.listings),
                "market_events": self._pump.events,
                "sockets": len(self._hub.sockets),
                "slow_readers_cut": self._hub.cut_slow,
                "faults": len(venue.floor.faults.active),
                "accounts": sorted(venue.floor.accounts),
            }
        )

    async def faults(self, _request: web.Request) -> web.Response:
        """GET: the faults in force."""
        return _json(self._venue.floor.faults.listed())

    async def add_faults(self, request: web.Request) -> web.Response:
        """POST: one fault, or a list of them; all or none are installed."""
        body = await _body(request)
        specs = body if isinstance(body, list) else [body]
        if not all(isinstance(spec, dict) for spec in specs):
            return _bad("a fault is an object")
        now, installed = self._clock.now_ms(), []
        try:
            for spec in specs:
                installed.append(self._venue.add_fault(spec, now))  # noqa: PERF401  # kept for the rollback
        except Refusal as refusal:
            for fault in installed:
                self._venue.floor.faults.clear(fault.fault_id)
            return _json(refusal.body(), 400)
        self._hub.strike_sockets()
        return _json([asdict(fault) for fault in installed])

    async def clear_faults(self, request: web.Request) -> web.Response:
        """DELETE: one fault by `id`, or all."""
        text = request.query.get("id")
        cleared = self._venue.floor.faults.clear(None if text is None else int(text))
        self._hub.strike_sockets()
        return _json({"cleared": cleared})

    async def clock(self, _request: web.Request) -> web.Response:
        """GET: the exchange's clock."""
        clock = self._clock
        return _json({"time": clock.now_ms(), "speed": clock.speed, "paused": clock.paused})

    async def set_clock(self, request: web.Request) -> web.Response:
        """POST: {"pause": true}, {"pause": false}, {"step_ms": n}, {"speed": x}; any combination."""
        body = await _body(request)
        if not isinstance(body, dict) or set(body) - {"pause", "step_ms", "speed"}:
            return _bad("pause, step_ms, speed")
        speed, step = body.get("speed", self._clock.speed), body.get("step_ms", 0)
        if not isinstance(speed, int | float) or not 0 < speed <= SPEED_MAX:
            return _bad(f"speed is above 0 and at most {SPEED_MAX:g}")
        if not isinstance(step, int) or not 0 <= step <= STEP_MAX_MS:
            return _bad(f"step_ms is an integer from 0 to {STEP_MAX_MS}")
        if body.get("pause") is True and not self._clock.paused:
            self._clock.pause()
        if body.get("pause") is False and self._clock.paused:
            self._clock.resume()
        self._set_speed(float(speed))
        if step:
            self._clock.step(step)
            await self._pump.advance(self._clock.now_ms())
        return await self.clock(request)

    def _set_speed(self, speed: float) -> None:
        if speed == self._clock.speed:
            return
        self._clock.set_speed(speed)
        stretch = max(1.0, speed) * self._settings.rules.recv_window_stretch
        self._venue.floor.rules = replace(self._venue.floor.rules, recv_window_stretch=stretch)

    async def market(self, request: web.Request) -> web.Response:
        """POST: {"symbol", "jump_pct"} or {"symbol", "px"} moves the price; {"symbol", "status"} halts or lists it."""
        body = await _body(request)
        if not isinstance(body, dict) or body.get("symbol") not in self._venue.floor.listings:
            return _bad("symbol is one of the listed ones")
        symbol = str(body["symbol"])
        listing = self._venue.floor.listing(symbol)
        if isinstance(body.get("status"), str):
            self._hub.dispatch(self._venue.set_status(symbol, body["status"], self._clock.now_ms()))
            return _json({"symbol": symbol, "status": listing.status})
        jump, px = body.get("jump_pct"), body.get("px")
        last = listing.last_px * float(listing.instrument.tick)
        if jump is None and isinstance(px, int | float | str):
            jump = 100 * (float(px) / last - 1)
        if not isinstance(jump, int | float):
            return _bad("jump_pct or px")
        try:
            self._source.impulse(symbol, float(jump))
        except ConfigError as error:
            return _bad(str(error))
        return _json({"symbol": symbol, "jump_pct": jump, "from": last})

    async def listen_key(self, request: web.Request) -> web.Response:
        """POST: {"account": "main", "silently": false} ends that account's listen key now."""
        body = await _body(request)
        if not isinstance(body, dict):
            return _bad("account, silently")
        account = str(body.get("account", "main"))
        silently = bool(body.get("silently", False))
        self._hub.dispatch(self._venue.expire_listen_key(account, self._clock.now_ms(), silently=silently))
        return _json({"account": account})


async def _body(request: web.Request) -> Any:
    try:
        return msgspec.json.decode(await request.read())
    except msgspec.DecodeError:
        return None


def _json(body: object, status: int = 200) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(body), content_type="application/json")


def _bad(message: str) -> web.Response:
    return _json({"code": -1130, "msg": message}, 400)
