"""Flattens an account from this process alone, with nothing of the tree: cancel all, close all, look, repeat (EM-5)."""

import asyncio
import os
from collections.abc import Callable

import msgspec

from vortex import bootstrap
from vortex.adapters.binance.venue import BinanceVenue
from vortex.domain.orders import Leg, OrderKind, OrderSpec, Side, TimeInForce, VenuePosition
from vortex.domain.outcomes import SnapshotTaken
from vortex.kernel.clock import SystemClock
from vortex.kernel.errors import VortexError
from vortex.settings import Secrets, Settings

ROUNDS_MAX = 20
PAUSE_S = 0.3
QUIET_S = 2.2
"""An entry that was under way when the veto fell can arrive this much later: lease, recvWindow and clock error."""


class Flatness(msgspec.Struct, frozen=True, kw_only=True):
    """What the exchange said last."""

    flat: bool
    canceled: int
    closed: int
    rounds: int

    def __str__(self) -> str:
        state = "flat" if self.flat else "NOT flat"
        return f"{state} after {self.rounds} looks; {self.canceled} symbols swept, {self.closed} positions closed"


async def flatten_directly(settings: Settings, keys: Secrets, told: Callable[[str], None]) -> Flatness:
    """Reduce-only throughout, so it cannot hurt a tree that is still alive; flat must be seen twice, QUIET_S apart."""
    rest = bootstrap.rest_client(settings, SystemClock(), keys=keys)
    venue = BinanceVenue(rest, settings.symbols)
    await venue.start()
    try:
        return await _flatten(venue, settings.symbols, told)
    finally:
        await venue.close()


async def _flatten(venue: BinanceVenue, symbols: tuple[str, ...], told: Callable[[str], None]) -> Flatness:
    canceled = closed = 0
    calm = False
    for number in range(1, ROUNDS_MAX + 1):
        try:
            seen = await venue.snapshot(number, "", 0)
            if is_flat(seen):
                if calm:
                    return Flatness(flat=True, canceled=canceled, closed=closed, rounds=number)
                calm = True
                told("flat; looking once more after everything under way must have arrived")
                await asyncio.sleep(QUIET_S)
                continue
            calm = False
            for symbol in sorted({order.symbol for order in seen.orders} | set(symbols)):
                await venue.cancel_all(symbol)
                canceled += 1
            for position in seen.positions:
                if position.qty_lots:
                    told(f"closing {position.symbol} at market")
                    await _close(venue, position, number)
                    closed += 1
        except VortexError as error:
            calm = False
            told(f"{type(error).__name__}: {error}; trying again")
        await asyncio.sleep(PAUSE_S)
    return Flatness(flat=False, canceled=canceled, closed=closed, rounds=ROUNDS_MAX)


def is_flat(seen: SnapshotTaken) -> bool:
    """No position and no order, plain or conditional."""
    return not seen.orders and not any(position.qty_lots for position in seen.positions)


async def _close(venue: BinanceVenue, position: VenuePosition, number: int) -> None:
    spec = OrderSpec(
        client_order_id=f"v7-kill-{position.symbol[:12]}-{os.getpid():x}-{number:x}",
        symbol=position.symbol,
        trade_no=0,
        leg=Leg.CLOSE,
        attempt=number,
        side=Side.SELL if position.qty_lots > 0 else Side.BUY,
        kind=OrderKind.MARKET,
        time_in_force=TimeInForce.GTC,
        qty_lots=abs(position.qty_lots),
        reduce_only=True,
    )
    await venue.submit(spec, venue.venue_ms())
