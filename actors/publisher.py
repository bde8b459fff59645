"""Shows one role to people: its view to the Redis mirror a few times a second, its audits to the recorder."""

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

from actors.role import RoleContext
from vortex import bootstrap
from vortex.adapters.mirror import RedisMirror
from vortex.domain.effects import Alert, Audit, DecisionMade
from vortex.kernel.clock import MS
from vortex.settings import Settings

log = structlog.get_logger()

PERIOD_S = 0.25
Flush = Callable[[RedisMirror], None]


class Publisher:
    """Best effort throughout: nothing here can delay or stop the role."""

    def __init__(
        self, ctx: RoleContext, settings: Settings, view: Callable[[], dict[str, Any]], flush: Flush | None = None
    ) -> None:
        self._ctx = ctx
        self._settings = settings
        self._view = view
        self._flush = flush

    def tell(self, fact: Audit | Alert | DecisionMade) -> None:
        """One fact for the records; an alert is logged as well, since a person should see it now."""
        if isinstance(fact, Alert):
            log.warning("alert.raised", role=self._ctx.role, level=fact.level, text=fact.text)
        self._ctx.mail.send("recorder", fact)

    async def run(self) -> None:
        """Publish until canceled; without a mirror there is nothing to do."""
        mirror = await bootstrap.open_mirror(self._settings)
        if mirror is None:
            return
        try:
            while True:
                seen = {"at_ms": self._ctx.clock.unix() // MS, "epoch": self._ctx.epoch, "view": self._view()}
                mirror.put_view(self._ctx.role, seen)
                if self._flush is not None:
                    self._flush(mirror)
                await asyncio.sleep(PERIOD_S)
        finally:
            await mirror.close()
