"""Keeps the market moving: asks the source what happened and lets the exchange live through it, in small steps."""

import asyncio

from vortex.adapters.venue.clock import ExchangeClock
from vortex.adapters.venue.sockets import Hub
from vortex.exchange.market_source import MarketSource
from vortex.exchange.venue import Venue

STEP_MS = 100
EVENTS_PER_BREATH = 100


class Pump:
    """Drives market and time."""

    def __init__(self, venue: Venue, source: MarketSource, hub: Hub, clock: ExchangeClock, pump_ms: int) -> None:
        self._venue = venue
        self._source = source
        self._hub = hub
        self._clock = clock
        self._pump_s = pump_ms / 1000
        self._market = asyncio.Lock()
        self._lived_ms = venue.floor.now_ms
        self.events = 0

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.advance(self._clock.now_ms())
            await asyncio.sleep(self._pump_s)

    async def advance(self, to_ms: int) -> None:
        """Live through everything up to this moment, breathing now and then so that requests are served."""
        async with self._market:
            while self._lived_ms < to_ms:
                moment = min(to_ms, (self._lived_ms // STEP_MS + 1) * STEP_MS)
                self._lived_ms = moment
                for event in self._source.advance(moment):
                    self._hub.dispatch(self._venue.on_market(event, event.ts_ms))
                    self.events += 1
                    if self.events % EVENTS_PER_BREATH == 0:
                        await asyncio.sleep(0)
                self._hub.dispatch(self._venue.tick(moment))
            self._hub.release_held()
            self._hub.strike_sockets()
