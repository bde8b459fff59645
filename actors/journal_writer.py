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
    """One writer: a later commit never overtakes an earlier one, and so fails unwritten when that one fails."""

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
                behind = self._take_all()  # before the engine hears of it and asks for more
                self._answer(CommitFailed(batch=commit.batch, fenced=False, reason=str(err)))
                for later in behind:
                    self._answer(CommitFailed(batch=later.batch, fenced=False, reason="behind a commit that failed"))
            else:
                self._answer(Committed(batch=commit.batch))
            finally:
                self._waiting.task_done()

    def _take_all(self) -> list[Commit]:
        taken = []
        while not self._waiting.empty():
            taken.append(self._waiting.get_nowait())
            self._waiting.task_done()
        return taken

    async def drain(self, limit_s: float) -> None:
        """Wait until everything queued is written, at most so long."""
        try:
            await asyncio.wait_for(self._waiting.join(), limit_s)
        except TimeoutError:
            return
