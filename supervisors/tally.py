"""How often each node of the tree was restarted in this boot, kept across the root's own death."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from vortex.kernel.errors import VortexError
from vortex.supervision.registry import Registry

KEY = "restarts"
RETRY_S = 0.5

log = logging.getLogger("vortex.supervision")
_decoder = msgspec.json.Decoder(dict[str, int])


@dataclass(frozen=True, slots=True)
class Past:
    """What a former root of this boot has left: the newest epoch of each role, and how often each node came back."""

    epochs: Mapping[str, int]
    restarts: Mapping[str, int]


class Tally:
    """Writes the newest counts, one write at a time and never in the way of a restart."""

    def __init__(self, registry: Registry, saved: Mapping[str, int]) -> None:
        self._registry = registry
        self._saved = self._newest = dict(saved)
        self._writer: asyncio.Task[None] | None = None

    def note(self, counts: dict[str, int]) -> None:
        """These are the counts now. Nodes that the tree does not know (yet) keep theirs."""
        self._newest = self._newest | counts
        if self._newest != self._saved and (self._writer is None or self._writer.done()):
            self._writer = asyncio.create_task(self._write(), name="tally")

    async def _write(self) -> None:
        while self._newest != self._saved:
            counts = self._newest
            try:
                await self._registry.set_state(KEY, msgspec.json.encode(counts).decode())
            except VortexError as error:
                log.warning("tally.not_written %s", error)
                await asyncio.sleep(RETRY_S)
            else:
                self._saved = counts


async def remembered(registry: Registry) -> Past:
    """The past as the registry knows it; a count that cannot be read is nothing."""
    epochs = {row.role: row.epoch for row in await registry.load()}
    try:
        return Past(epochs, _decoder.decode(await registry.get_state(KEY) or "{}"))
    except msgspec.DecodeError:
        return Past(epochs, {})
