"""Writes commits one after the other, in the engine's order, and reports each ending (journal before wire)."""

import asyncio
from collections.abc import Callable

from vortex.domain.effects import Commit
from vortex.domain.outcomes import CommitFailed, Committed, VenueOutcome
from vortex.kernel.errors import Fenced, JournalUnavailable
from vortex.ports import JournalPort

WAITING_MAX = 4_096
"""Commits that may wait; an executor that is further behind than this is broken and must be replaced."""


class JournalWriter:
    """One writer: a later commit never overtakes an earlier one."""

    def __init__(self, journal: JournalPort, epoch: int, answer: Callable[[VenueOutcome], None]) -> None:
        self._journal = journal
        self._epoch = epoch
        self._answer = answer
        self._waiting: asyncio.Queue[Commit] = asyncio.Queue(maxsize=WAITING_MAX)

    def put(self, commit: Commit) -> None:
        """Queue one commit; a full queue is a fault of this process and raises QueueFull."""
        self._waiting.put_nowait(commit)

    async def run(self) -> None:
        """Write until canceled."""
        while True:
            commit = await self._waiting.get()
            try:
                await self._journal.commit(self._epoch, commit.records)
            except Fenced as err:
                self._answer(CommitFailed(batch=commit.batch, fenced=True, reason=str(err)))
            except JournalUnavailable as err:
                self._answer(CommitFailed(batch=commit.batch, fenced=False, reason=str(err)))
            else:
                self._answer(Committed(batch=commit.batch))
            finally:
                self._waiting.task_done()

    async def drain(self, limit_s: float) -> None:
        """Wait until everything queued is written, at most so long."""
        try:
            await asyncio.wait_for(self._waiting.join(), limit_s)
        except TimeoutError:
            return
