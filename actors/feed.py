"""E0's shell: streams, warm-up and repair over REST, slow polls; tells the symbol when its market can be trusted."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import structlog

from vortex import bootstrap
from vortex.adapters.binance.endpoints import Route
from vortex.adapters.binance.streams import MarketListener
from vortex.domain.market import Candle, Interval, MarketMessage
from vortex.kernel.clock import MS, Clock
from vortex.kernel.errors import VortexError
from vortex.kernel.rng import Rng
from vortex.signals.board import SignalBoard

log = structlog.get_logger()

CANDLES = 500
TRADES = 2_000
POLLS_BACK = 13
"""Readings of open interest and ratios fetched at a start: an hour of 5-minute periods and the present one."""
REFERENCE = ("BTCUSDT", "ETHUSDT")
REFERENCE_S = 300.0
REPAIR_RETRY_S = 1.0
JITTER = 0.1

PollReader = Callable[[], Coroutine[Any, Any, Sequence[MarketMessage]]]


class Feed:
    """One symbol's market. While a repair runs, live messages wait; afterwards they are handed over in order."""

    def __init__(
        self,
        symbol: str,
        market: bootstrap.MarketParts,
        board: SignalBoard,
        clock: Clock,
        rng: Rng,
        on_message: Callable[[MarketMessage], None],
        on_trusted: Callable[[bool], None],
    ) -> None:
        self._symbol = symbol
        self._reader = market.reader
        self._board = board
        self._clock = clock
        self._rng = rng
        self._on_message = on_message
        self._on_trusted = on_trusted
        self._up: set[Route] = set()
        self._repair_wanted = asyncio.Event()
        self.repairs = 0
        self.reason = "connecting"
        self.streams = market.open_streams(
            (symbol,), MarketListener(on_message=on_message, on_up=self._route_up, on_down=self._route_down)
        )

    async def run(self) -> None:
        """Serve until canceled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.streams.run(), name="streams")
            group.create_task(self._repairs(), name="repairs")
            for name, period_s, read in self._polls():
                group.create_task(self._poll(period_s, read), name=name)

    def repair(self, reason: str) -> None:
        """Stop trusting the market, fetch what is missing, trust it again (E0-5)."""
        self.reason = reason
        self._on_trusted(False)
        self.streams.hold()
        self._repair_wanted.set()

    @property
    def state(self) -> str:
        """What the screens show."""
        if len(self._up) < len(Route):
            return "RECONNECTING"
        return "WARMING" if self._repair_wanted.is_set() or self.reason else "SUBSCRIBED"

    # ---- inside

    def _route_up(self, route: Route) -> None:
        self._up.add(route)
        if len(self._up) == len(Route):
            self.repair("connected")

    def _route_down(self, route: Route, reason: str) -> None:
        self._up.discard(route)
        self.reason = f"{route.value}: {reason}"
        self._on_trusted(False)

    async def _repairs(self) -> None:
        while True:
            await self._repair_wanted.wait()
            if len(self._up) < len(Route):
                self._repair_wanted.clear()
                continue
            try:
                candles, trades, polls = await self._history()
            except VortexError as err:
                log.warning("feed.repair_failed", symbol=self._symbol, reason=str(err))
                await asyncio.sleep(REPAIR_RETRY_S)
                continue
            self._repair_wanted.clear()
            self._board.warm_up(candles, trades, polls)
            self.repairs += 1
            self.streams.release()
            if len(self._up) == len(Route):
                self.reason = ""
                self._on_trusted(True)

    async def _history(self) -> tuple[list[Candle], list[Any], list[MarketMessage]]:
        """Everything the engines need to be warm: candles of all intervals, the tape, the slow readings."""
        reader, symbol = self._reader, self._symbol
        candles: list[Candle] = []
        for interval in Interval:
            candles += await reader.candles(symbol, interval, CANDLES)
        for other in REFERENCE:
            if other != symbol:
                candles += await reader.candles(other, Interval.M1, CANDLES)
        polls: list[MarketMessage] = []
        polls += await reader.open_interest_history(symbol, POLLS_BACK)
        polls += await reader.account_ratios(symbol, top_traders=False, limit=POLLS_BACK)
        polls += await reader.account_ratios(symbol, top_traders=True, limit=POLLS_BACK)
        polls.append(await reader.premium(symbol))
        trades = await reader.agg_trades(symbol, None, TRADES)
        return candles, trades, polls

    def _polls(self) -> list[tuple[str, float, PollReader]]:
        """E0-3, and the reference candles of E5-4, which never cross Ray: each symbol asks for its own copy."""
        reader, symbol = self._reader, self._symbol

        async def one(read: Coroutine[Any, Any, MarketMessage]) -> Sequence[MarketMessage]:
            return [await read]

        async def reference() -> Sequence[MarketMessage]:
            rows: list[MarketMessage] = []
            for other in REFERENCE:
                if other != symbol:
                    rows += await reader.candles(other, Interval.M1, CANDLES // 10)
            return rows

        return [
            ("open-interest", 15.0, lambda: one(reader.open_interest(symbol))),
            ("global-ratio", 30.0, lambda: reader.account_ratios(symbol, top_traders=False)),
            ("top-ratio", 30.0, lambda: reader.account_ratios(symbol, top_traders=True)),
            ("funding", 60.0, lambda: one(reader.premium(symbol))),
            ("reference", REFERENCE_S, reference),
        ]

    async def _poll(self, period_s: float, read: PollReader) -> None:
        while True:
            await asyncio.sleep(period_s * self._rng.uniform(1 - JITTER, 1 + JITTER))
            if self._repair_wanted.is_set():
                continue
            try:
                for message in await read():
                    self._on_message(message)
            except VortexError as err:
                log.info("poll.failed", symbol=self._symbol, reason=str(err), at_ms=self._clock.unix() // MS)
