"""Shows the tree to people through the mirror, as every role shows itself (ADR 0008)."""

import asyncio
from collections.abc import Callable
from typing import Any

from vortex import bootstrap
from vortex.kernel.clock import MS, Clock

PERIOD_S = 0.25


async def show_tree(settings_json: str, clock: Clock, view: Callable[[], dict[str, Any]]) -> None:
    """Publish until canceled; without a mirror there is nothing to do."""
    mirror = await bootstrap.open_mirror(bootstrap.load_settings(settings_json))
    if mirror is None:
        return
    try:
        while True:
            mirror.put_view("root", {"at_ms": clock.unix() // MS, "view": view()})
            await asyncio.sleep(PERIOD_S)
    finally:
        await mirror.close()
