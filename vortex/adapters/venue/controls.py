"""The exchange's own endpoints under /sim/v1: ledger, health, faults, clock, market, listen keys."""

import math
from dataclasses import asdict, replace
from decimal import Decimal
from typing import Any

import msgspec
from aiohttp import web

from vortex.adapters.venue.clock import ExchangeClock
from vortex.adapters.venue.door import Door
from vortex.adapters.venue.impulse import Impulses
from vortex.adapters.venue.pump import Pump
from vortex.adapters.venue.settings import SPEED_MAX, SPEED_MIN, VenueSettings
from vortex.adapters.venue.sockets import Hub
from vortex.exchange.ledger import FOR_EVER_MS, KINDS, RECORD_MAX
from vortex.exchange.refusal import Refusal
from vortex.exchange.venue import Venue
from vortex.kernel.errors import ConfigError

STEP_MAX_MS = 86_400_000
LEDGER_LIMIT = 10_000
LEDGER_LIMIT_MAX = len(KINDS) * RECORD_MAX
DIGITS_MAX = 18
STATUSES = ("TRADING", "PENDING_TRADING", "PRE_SETTLE", "SETTLING", "CLOSE", "BREAK")
FAULTS_MAX = 1_000
"""Faults in force at a time; each is asked about every message."""


class Controls:
    """What a test or an operator may ask of a simulated exchange and not of a real one."""

    def __init__(
        self,
        venue: Venue,
        hub: Hub,
        clock: ExchangeClock,
        pump: Pump,
        impulses: Impulses,
        door: Door,
        settings: VenueSettings,
    ) -> None:
        self._venue = venue
        self._hub = hub
        self._clock = clock
        self._pump = pump
        self._impulses = impulses
        self._door = door
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
        app.router.add_post("/sim/v1/adl", self.deleverage)

    async def ledger(self, request: web.Request) -> web.Response:
        """GET: since (sequence), from and to (exchange ms), symbol, kind, limit."""
        query = request.query
        kind = query.get("kind", "")
        try:
            since, limit = int(query.get("since", "0")), int(query.get("limit", str(LEDGER_LIMIT)))
            from_ms, to_ms = int(query.get("from", "0")), int(query.get("to", str(FOR_EVER_MS)))
        except ValueError:
            return _bad("since, from, to and limit are integers")
        if kind not in ("", *KINDS) or not 1 <= limit <= LEDGER_LIMIT_MAX:
            return _bad(f"kind is one of {', '.join(KINDS)}; limit is from 1 to {LEDGER_LIMIT_MAX}")
        return _json(self._venue.ledger(since, query.get("symbol", ""), kind, limit, from_ms, to_ms))

    async def health(self, _request: web.Request) -> web.Response:
        """GET: is it alive, and how is it doing."""
        venue = self._venue
        return _json(
            {
                "status": "ok",
                "time": self._clock.now_ms(),
                "market_time": venue.floor.now_ms,
                "market_lag_ms": max(0, self._clock.now_ms() - self._pump.lived_ms),
                "speed": self._clock.speed,
                "paused": self._clock.paused,
                "seed": self._settings.seed,
                "symbols": list(venue.floor.listings),
                "market_events": self._pump.events,
                "sockets": len(self._hub.sockets),
                "slow_readers_cut": self._hub.cut_slow,
                "internal_errors": self._door.failures,
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
        if len(specs) + len(self._venue.floor.faults.active) > FAULTS_MAX:
            return _bad(f"more than {FAULTS_MAX} faults")
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
        if text is not None and not (text.isascii() and text.isdecimal() and len(text) <= DIGITS_MAX):
            return _bad("id is the number of a fault")
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
        speed, step = _number(body.get("speed", self._clock.speed)), body.get("step_ms", 0)
        if speed is None or not SPEED_MIN <= speed <= SPEED_MAX:
            return _bad(f"speed is from {SPEED_MIN:g} to {SPEED_MAX:g}")
        if not isinstance(step, int) or isinstance(step, bool) or not 0 <= step <= STEP_MAX_MS:
            return _bad(f"step_ms is an integer from 0 to {STEP_MAX_MS}")
        if not isinstance(body.get("pause", False), bool):
            return _bad("pause is true or false")
        if body.get("pause") is True and not self._clock.paused:
            self._clock.pause()
        if body.get("pause") is False and self._clock.paused:
            self._clock.resume()
        self._set_speed(speed)
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
        if not isinstance(body, dict) or str(body.get("symbol")) not in self._venue.floor.listings:
            return _bad("symbol is one of the listed ones")
        symbol = str(body["symbol"])
        listing = self._venue.floor.listing(symbol)
        status = body.get("status")
        if status is not None:
            if status not in STATUSES:
                return _bad(f"status is one of {', '.join(STATUSES)}")
            self._hub.dispatch(self._venue.set_status(symbol, status, self._clock.now_ms()))
            return _json({"symbol": symbol, "status": listing.status})
        jump, px = _number(body.get("jump_pct")), _number(body.get("px"))
        last = listing.last_px * float(listing.instrument.tick)
        if jump is None and px is not None:
            jump = 100 * (px / last - 1)
        if jump is None:
            return _bad("jump_pct or px, as a number")
        try:
            self._impulses.move(symbol, jump)
        except ConfigError as error:
            return _bad(str(error))
        return _json({"symbol": symbol, "jump_pct": jump, "from": last})

    async def listen_key(self, request: web.Request) -> web.Response:
        """POST: {"account": "main", "silently": false} ends that account's listen key now."""
        body = await _body(request)
        if not isinstance(body, dict):
            return _bad("account, silently")
        account, silently = body.get("account", "main"), body.get("silently", False)
        if account not in [*self._venue.floor.accounts] or not isinstance(silently, bool):
            return _bad("account is an open one; silently is true or false")
        self._hub.dispatch(self._venue.expire_listen_key(account, self._clock.now_ms(), silently=silently))
        return _json({"account": account})

    async def deleverage(self, request: web.Request) -> web.Response:
        """POST: {"account": "main", "symbol", "share": 0.5} deleverages that account's positions at the mark."""
        body = await _body(request)
        share = body.get("share", 1) if isinstance(body, dict) else None
        if not isinstance(body, dict) or isinstance(share, bool) or not isinstance(share, int | float):
            return _bad("account, symbol, share")
        account, symbol = str(body.get("account", "main")), str(body.get("symbol", ""))
        try:
            cut, outbound = self._venue.deleverage(account, symbol, Decimal(str(share)), self._clock.now_ms())
        except Refusal as refusal:
            return _json(refusal.body(), 400)
        self._hub.dispatch(outbound)
        return _json([asdict(each) for each in cut])


async def _body(request: web.Request) -> Any:
    try:
        return msgspec.json.decode(await request.read())
    except (msgspec.DecodeError, RecursionError):
        return None


def _number(value: object) -> float | None:
    """A finite number, also as text; None for anything else."""
    if not isinstance(value, int | float | str) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _json(body: object, status: int = 200) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(body), content_type="application/json")


def _bad(message: str) -> web.Response:
    return _json({"code": -1130, "msg": message}, 400)
