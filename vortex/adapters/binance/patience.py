"""Waits for an exchange that does not answer: to begin is no reason to fail, and a ban grows with every further try."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from vortex.adapters.binance.backoff import Backoff
from vortex.adapters.binance.line import Sleep
from vortex.kernel.errors import NotSent, OutcomeUnknown, RateLimited

T = TypeVar("T")


async def until_answered(
    ask: Callable[[], Awaitable[T]],
    backoff: Backoff,
    on_wait: Callable[[str, int], None],
    sleep: Sleep = asyncio.sleep,
) -> T:
    """Repeat what may be repeated until the exchange has answered; its no (VenueRejected) is an answer and is raised.

    `on_wait` hears why and for how many ms the next try waits: as long as the exchange asks for, else the backoff.
    """
    while True:
        try:
            return await ask()
        except RateLimited as err:
            reason, wait_ms = str(err), err.retry_after_ms
        except (NotSent, OutcomeUnknown) as err:
            reason, wait_ms = str(err), backoff.next_ms()
        on_wait(reason, wait_ms)
        await sleep(wait_ms / 1_000)
