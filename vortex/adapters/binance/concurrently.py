"""Several coroutines side by side, none of which outlives the others' failure."""

import asyncio
from collections.abc import Coroutine
from typing import Any


async def together(*coroutines: Coroutine[Any, Any, Any]) -> Any:
    """Results in order; the first failure is raised as it is and the rest are canceled and awaited."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            if not task.cancelling():  # a second cancel would interrupt the clean-up that the first one started
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
