"""Keeps the market moving: asks the source what happened and lets the exchange live through it, in small steps."""

import asyncio

from vortex.adapters.venue.clock import ExchangeClock
from vortex.adapters.venue.sockets import Hub
from vortex.exchange.market_source import MarketSource
from vortex.exchange.venue import Venue
from vortex.kernel.clock import MS, Clock

STEP_MS = 100
PUMP_MIN_S = 0.002
BREATH_NS = 2 * MS
"""How long the market may keep a request waiting."""

BREATH_TURNS = 3
"""Turns of the event loop from the bytes of a request to its answer: that many are left to requests at a time."""


class Pump:
    """Drives market and time."""

    def __init__(
        self, venue: Venue, source: MarketSource, hub: Hub, clock: ExchangeClock, wall: Clock, pump_ms: int
    ) -> None:
        self._venue = venue
        self._source = source
        self._hub = hub
        self._clock = clock
        self._wall = wall
        self._pump_s = pump_ms / 1000
        self._market = asyncio.Lock()
        self._breathed = int(wall.mono())
        self.lived_ms = venue.floor.now_ms
        """Exchange time up to which the market has been lived through."""
        self.events = 0

    async def run(self) -> None:
        """Until cancelled. A fast clock is followed step by step, so that its work comes evenly."""
        while True:
            await self.advance(self._clock.now_ms())
            step_s = STEP_MS / 1000 / self._clock.speed
            await asyncio.sleep(min(self._pump_s, max(PUMP_MIN_S, step_s)))

    async def advance(self, to_ms: int) -> None:
        """Live through everything up to this moment, breathing now and then so that requests are served."""
        async with self._market:
            self._breathed = int(self._wall.mono())
            while self.lived_ms < to_ms:
                moment = min(to_ms, (self.lived_ms // STEP_MS + 1) * STEP_MS)
                self.lived_ms = moment
                for event in self._source.advance(moment):
                    self._hub.dispatch(self._venue.on_market(event, event.ts_ms))
                    self.events += 1
                    if int(self._wall.mono()) - self._breathed > BREATH_NS:
                        await self._breathe()
                self._hub.dispatch(self._venue.tick(moment))
            self._hub.release_held()
            self._hub.strike_sockets()

    async def _breathe(self) -> None:
        """Requests that wait go first, and what was said goes out."""
        for _ in range(BREATH_TURNS):
            await asyncio.sleep(0)
        self._breathed = int(self._wall.mono())
