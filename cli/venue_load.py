"""The client of `vortex bench venue`: orders on a fixed schedule, every stream of every market, and a count of all."""

import asyncio
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import ceil
from typing import Any
from urllib.parse import urlencode

import aiohttp
import msgspec
import psutil

from vortex.adapters.venue.settings import DEFAULT_KEY, DEFAULT_SECRET
from vortex.exchange.auth import sign
from vortex.exchange.instruments import DEFAULT_INSTRUMENTS
from vortex.kernel.clock import MS, SECOND, Clock, SystemClock

CONNECTIONS = 32
CANCEL_AFTER = 40
"""Orders placed in between an order and its cancel."""

AWAY = 0.03
"""Orders rest this share below the market, where nothing fills them."""

WARMUP_S = 2.0
"""Sent and listened to before anything is counted."""

DRAIN_S = 3.0
"""How long the last user events are waited for."""

PUBLIC_STREAMS = ("depth20@100ms", "bookTicker")
MARKET_STREAMS = ("aggTrade", "kline_1m", "markPrice")
PERCENTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999, "max": 1.0}


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked of the exchange."""

    symbols: tuple[str, ...]
    orders_per_s: int
    speed: float
    seconds: float


class _Told(msgspec.Struct):
    """What is read of a user event."""

    e: str
    o: dict[str, Any] = {}


class _Shown(msgspec.Struct):
    """What is read of a book."""

    T: int
    b: list[list[str]]


@dataclass(slots=True)
class _Counts:
    """What arrived while it was counted."""

    messages: Counter[str] = field(default_factory=Counter)
    bytes: int = 0
    latencies: dict[str, list[float]] = field(default_factory=lambda: {"place": [], "cancel": []})
    refused: list[str] = field(default_factory=list)


class Load:
    """One client process."""

    def __init__(self, plan: Plan, rest: str, ws: str, exchange: psutil.Process, clock: Clock | None = None) -> None:
        self._plan = plan
        self._rest = rest
        self._ws = ws
        self._exchange = exchange
        self._clock = SystemClock() if clock is None else clock
        self._counts = _Counts()
        self._next = 0
        self._placed: list[str] = []
        self._canceled: list[str] = []
        self._told: Counter[tuple[str, str]] = Counter()
        self._bids: dict[str, float] = {}
        self._priced = asyncio.Event()
        self._shown_ms = 0
        self._lag_ms_max = 0.0
        self._offset_ms = 0.0
        self._books = msgspec.json.Decoder(dict[str, msgspec.Raw])
        self._http: aiohttp.ClientSession

    # --- the run --------------------------------------------------------------------------------------------

    async def run(self) -> dict[str, Any]:
        """Warm up, measure, wait for the last events, and tell."""
        connector = aiohttp.TCPConnector(limit=CONNECTIONS, keepalive_timeout=60)
        async with aiohttp.ClientSession(connector=connector, headers={"X-MBX-APIKEY": DEFAULT_KEY}) as self._http:
            await self._set_clock()
            listening = await self._listen()
            try:
                await self._priced.wait()
                await self._trade(WARMUP_S)
                return await self._measured()
            finally:
                for task in listening:
                    task.cancel()
                await asyncio.gather(*listening, return_exceptions=True)

    async def _measured(self) -> dict[str, Any]:
        plan, own = self._plan, psutil.Process()
        self._counts = _Counts()
        begun, shown_ms = int(self._clock.mono()), self._shown_ms
        cpu, own_cpu = _cpu(self._exchange), _cpu(own)
        watching = asyncio.create_task(self._watch())
        await self._trade(plan.seconds)
        watching.cancel()
        passed = (int(self._clock.mono()) - begun) / SECOND
        shown = self._shown_ms - shown_ms
        counts, self._counts = self._counts, _Counts()
        cpu, own_cpu = _cpu(self._exchange) - cpu, _cpu(own) - own_cpu
        missing = await self._missing()
        placed = counts.latencies["place"] + counts.latencies["cancel"]
        return {
            "asked": {"orders_per_s": plan.orders_per_s, "symbols": len(plan.symbols), "speed": plan.speed},
            "seconds": round(passed, 3),
            "orders": len(placed),
            "orders_per_s": round(len(placed) / passed, 1),
            "refused": len(counts.refused),
            "refusals": sorted(set(counts.refused))[:10],
            "latency_ms": percentiles(placed),
            "place_ms": percentiles(counts.latencies["place"]),
            "cancel_ms": percentiles(counts.latencies["cancel"]),
            "user_events": {
                "received": self._told.total(),
                "expected": len(self._placed) + len(self._canceled),
                "missing": missing,
            },
            "market": {
                "messages_per_s": round(sum(counts.messages.values()) / passed, 1),
                "by_stream_per_s": {name: round(n / passed, 1) for name, n in sorted(counts.messages.items())},
                "megabytes_per_s": round(counts.bytes / passed / 1e6, 2),
                "speed_held": round(shown / 1_000 / passed, 3),
                "lag_ms_max": round(self._lag_ms_max, 1),
            },
            "venue": {"cpu_percent": round(100 * cpu / passed, 1), "rss_mb": round(_rss(self._exchange), 1)},
            "client": {
                "cpu_percent": round(100 * own_cpu / passed, 1),
                "load": os.getloadavg()[0],
                "cores": psutil.cpu_count(),
            },
        }

    async def _watch(self) -> None:
        """How far the market is behind its clock, in exchange milliseconds, looked at every half second."""
        while True:
            async with self._http.get(f"{self._rest}/sim/v1/health") as answer:
                health = await answer.json()
            self._lag_ms_max = max(self._lag_ms_max, health["market_lag_ms"])
            await asyncio.sleep(0.5)

    async def _missing(self) -> int:
        """Events that were owed and have not come even after a while."""
        for _ in range(int(DRAIN_S / 0.05)):
            if not self._owed():
                break
            await asyncio.sleep(0.05)
        return self._owed()

    def _owed(self) -> int:
        owed = [(name, "NEW") for name in self._placed] + [(name, "CANCELED") for name in self._canceled]
        return sum(1 for each in owed if self._told[each] != 1)

    # --- listening ------------------------------------------------------------------------------------------

    async def _listen(self) -> list[asyncio.Task[None]]:
        lower = [symbol.lower() for symbol in self._plan.symbols]
        key = (await self._asked("POST", "/fapi/v1/listenKey", {}))[1]["listenKey"]
        public = "/".join(f"{symbol}@{name}" for symbol in lower for name in PUBLIC_STREAMS)
        market = "/".join(f"{symbol}@{name}" for symbol in lower for name in MARKET_STREAMS)
        return [
            asyncio.create_task(self._hear_user(f"{self._ws}/private/ws?listenKey={key}")),
            asyncio.create_task(self._hear(f"{self._ws}/public/stream?streams={public}")),
            asyncio.create_task(self._hear(f"{self._ws}/market/stream?streams={market}")),
        ]

    async def _hear(self, url: str) -> None:
        async with self._http.ws_connect(url, max_msg_size=0) as ws:
            async for message in ws:
                frame: str = message.data
                counts = self._counts
                name = frame[11 : frame.index('"', 11)]
                counts.messages[name.partition("@")[2]] += 1
                counts.bytes += len(frame)
                if name.endswith("@depth20@100ms"):
                    self._see_book(name, frame)

    def _see_book(self, name: str, frame: str) -> None:
        shown = msgspec.json.decode(self._books.decode(frame)["data"], type=_Shown)
        self._shown_ms = max(self._shown_ms, shown.T)
        if shown.b:
            self._bids[name.partition("@")[0].upper()] = float(shown.b[0][0])
            if len(self._bids) == len(self._plan.symbols):
                self._priced.set()

    async def _hear_user(self, url: str) -> None:
        async with self._http.ws_connect(url) as ws:
            async for message in ws:
                told = msgspec.json.decode(message.data, type=_Told)
                if told.e == "ORDER_TRADE_UPDATE":
                    self._told[told.o["c"], told.o["x"]] += 1

    # --- trading --------------------------------------------------------------------------------------------

    async def _trade(self, seconds: float) -> None:
        """Send at the given rate whatever becomes of the requests; every other one cancels an earlier order."""
        loop, requests = asyncio.get_running_loop(), set[asyncio.Task[None]]()
        begin = int(self._clock.mono())
        for number in range(int(seconds * self._plan.orders_per_s)):
            due = begin + number * SECOND // self._plan.orders_per_s
            await asyncio.sleep(max(0, due - int(self._clock.mono())) / SECOND)
            task = loop.create_task(self._send(self._next, due))
            self._next += 1
            requests.add(task)
            task.add_done_callback(requests.discard)
        await asyncio.gather(*requests)

    async def _send(self, number: int, due: int) -> None:
        if number % 2 == 0:
            kind, method, order = "place", "POST", self._order(number)
            name = order["newClientOrderId"]
        else:
            earlier = number - 1 - 2 * CANCEL_AFTER
            if earlier < 0:
                return
            kind, method, name = "cancel", "DELETE", _name(earlier)
            order = {"symbol": self._symbol(earlier), "origClientOrderId": name}
        status, body = await self._asked(method, "/fapi/v1/order", order)
        self._counts.latencies[kind].append((int(self._clock.mono()) - due) / MS)
        if status != 200:
            self._counts.refused.append(f"{kind} {status} {body}")
        else:
            (self._placed if kind == "place" else self._canceled).append(name)

    def _symbol(self, number: int) -> str:
        return self._plan.symbols[number // 2 % len(self._plan.symbols)]

    def _order(self, number: int) -> dict[str, str]:
        """A post-only bid well below the market, of a little more than the smallest notional."""
        symbol = self._symbol(number)
        instrument = DEFAULT_INSTRUMENTS[symbol]
        ticks = int(self._bids[symbol] * (1 - AWAY) / float(instrument.tick))
        px = ticks * instrument.tick
        lots = ceil(2 * instrument.min_notional / px / instrument.step)
        return {
            "symbol": symbol,
            "side": "BUY",
            "type": "LIMIT",
            "timeInForce": "GTX",
            "quantity": str(lots * instrument.step),
            "price": str(px),
            "newClientOrderId": _name(number),
        }

    async def _asked(self, method: str, path: str, params: dict[str, str]) -> tuple[int, Any]:
        query = urlencode({**params, "timestamp": self._exchange_ms()})
        url = f"{self._rest}{path}?{query}&signature={sign(DEFAULT_SECRET, query.encode())}"
        async with self._http.request(method, url) as answer:
            return answer.status, msgspec.json.decode(await answer.read())

    async def _set_clock(self) -> None:
        async with self._http.get(f"{self._rest}/fapi/v1/time") as answer:
            self._offset_ms = (await answer.json())["serverTime"] - self._scaled_ms()

    def _scaled_ms(self) -> float:
        return int(self._clock.mono()) / MS * self._plan.speed

    def _exchange_ms(self) -> int:
        return int(self._offset_ms + self._scaled_ms())


def _name(number: int) -> str:
    return f"load-{number}"


def _cpu(process: psutil.Process) -> float:
    """Seconds of processor time used so far."""
    times = process.cpu_times()
    return float(times.user + times.system)


def _rss(process: psutil.Process) -> float:
    """Resident memory, MB."""
    return float(process.memory_info().rss) / 1e6


def percentiles(values: Iterable[float]) -> dict[str, float]:
    """Measured values by nearest rank, ms; nothing when there are none."""
    ordered = sorted(values)
    if not ordered:
        return {}
    return {name: round(ordered[max(0, ceil(share * len(ordered)) - 1)], 3) for name, share in PERCENTILES.items()}
