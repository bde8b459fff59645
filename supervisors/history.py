"""The tree's history on its way to the registry: in order, in the background, never in the way of a restart."""

import asyncio
import contextlib
import logging

from vortex.kernel.errors import VortexError
from vortex.supervision.registry import Registry, TreeRecord

# Two hundred restarts' worth. When the store is away longer than that, the oldest records are lost and counted.
QUEUE_MAX = 1_000
RETRY_S = 0.5

log = logging.getLogger("vortex.supervision")


class History:
    """Writes records as fast as the store takes them."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._queue: asyncio.Queue[TreeRecord] = asyncio.Queue(maxsize=QUEUE_MAX)
        self._writer = asyncio.create_task(self._write(), name="history")
        self.lost = 0

    def add(self, record: TreeRecord) -> None:
        """Take one record; the oldest makes room when the queue is full."""
        log.info("%s %s#%d %s %s", record.kind, record.role, record.epoch, record.reason, record.detail)
        if self._queue.full():
            self._queue.get_nowait()
            self._queue.task_done()
            self.lost += 1
        self._queue.put_nowait(record)

    async def close(self, timeout_s: float = 2.0) -> None:
        """Write what is left, within limits."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._queue.join(), timeout_s)
        self._writer.cancel()

    async def _write(self) -> None:
        while True:
            record = await self._queue.get()
            while True:
                try:
                    await self._registry.record(record)
                    break
                except VortexError as error:
                    log.warning("history.not_written %s", error)
                    await asyncio.sleep(RETRY_S)
            self._queue.task_done()
