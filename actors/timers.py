"""Keyed timers on the process's event loop: what SetTimer and CancelTimer mean in a shell."""

import asyncio
from collections.abc import Callable

from vortex.domain.outcomes import TimerFired


class Timers:
    """One pending call per key; setting a key again replaces it."""

    def __init__(self, fired: Callable[[TimerFired], None]) -> None:
        self._fired = fired
        self._pending: dict[str, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        return len(self._pending)

    def set(self, key: str, delay_ms: int) -> None:
        """Fire once after `delay_ms`."""
        self.cancel(key)
        loop = asyncio.get_running_loop()
        self._pending[key] = loop.call_later(max(delay_ms, 0) / 1_000, self._fire, key)

    def cancel(self, key: str) -> None:
        """Forget a timer; an unknown key is fine."""
        handle = self._pending.pop(key, None)
        if handle is not None:
            handle.cancel()

    def clear(self) -> None:
        """Forget all timers."""
        for key in list(self._pending):
            self.cancel(key)

    def _fire(self, key: str) -> None:
        self._pending.pop(key, None)
        self._fired(TimerFired(key=key))
