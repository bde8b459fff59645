"""What the supervisors must remember across their own death: who lives where, under which epoch, and what happened.

1. `bump_epoch` is durable before it returns, and never returns the same number twice for a role.
2. A child's row is written before the child is reported ready; a living shell without a row is a spare or an orphan.
3. `record` is history for people and tests; losing the last records in a crash is tolerated.
"""

from typing import Protocol

from vortex.domain.message import Message


class RegisteredChild(Message, frozen=True, kw_only=True):
    """One living incarnation.

    `shell` is the Ray actor's name, `node` Ray's node id, `slot` its place in the beats page.

    `pid_started` is the start time of the process in clock ticks since boot (field 22 of /proc/pid/stat), so that a
    recycled pid is never killed by mistake.
    """

    role: str
    shell: str
    epoch: int
    pid: int
    pid_started: int
    node: str
    slot: int


class TreeRecord(Message, frozen=True, kw_only=True):
    """One event of the tree, as kept in `supervision_events` (D-2).

    `kind` is past tense with a dot ("child.exited"), `reason` a short cause, `detail` free text for people.
    """

    ts_ms: int
    kind: str
    role: str
    supervisor: str
    epoch: int
    reason: str = ""
    detail: str = ""


class Registry(Protocol):
    """Durable memory of the tree. Methods raise JournalUnavailable when the store does not answer."""

    async def bump_epoch(self, role: str) -> int:
        """The next epoch of a role, larger than every earlier one. Durable on return."""
        ...

    async def put(self, child: RegisteredChild) -> None:
        """Insert or replace the row of `child.role`; refuse with Fenced if a row with a larger epoch is there."""
        ...

    async def load(self) -> list[RegisteredChild]:
        """All rows, ordered by role."""
        ...

    async def remove(self, role: str) -> None:
        """Forget a role's row; unknown roles are fine. Its epoch counter stays."""
        ...

    async def record(self, event: TreeRecord) -> None:
        """Append to the history of the tree."""
        ...

    async def get_state(self, key: str) -> str | None:
        """A durable flag of the tree, for example "stopping"; None when never set."""
        ...

    async def set_state(self, key: str, value: str) -> None:
        """Set a durable flag; an empty value clears it."""
        ...

    async def close(self) -> None:
        """Give connections back."""
        ...
