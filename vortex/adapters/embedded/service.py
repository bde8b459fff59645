"""What the launcher needs from a PostgreSQL or a Redis, whoever runs it."""

from collections.abc import Callable
from typing import Protocol

Progress = Callable[[str], None]
"""Told what a long step is doing, one short sentence at a time."""


class Service(Protocol):
    """A server that the system depends on.

    `start` may be called again after a death: it cleans up, restarts, and returns once the server answers.
    It raises ConfigError, with the mend, when that cannot succeed.
    """

    @property
    def name(self) -> str:
        """ "postgres" or "redis"."""
        ...

    @property
    def embedded(self) -> bool:
        """False when the operator runs it (VORTEX_POSTGRES_DSN, VORTEX_REDIS_URL)."""
        ...

    @property
    def pid(self) -> int | None:
        """Of our own server process while it lives; None for the operator's."""
        ...

    @property
    def dsn(self) -> str:
        """Where clients connect. May hold the operator's password, so: never logged, never a process argument."""
        ...

    def start(self, progress: Progress) -> None: ...

    def stop(self) -> None: ...

    def alive(self) -> bool:
        """Our process lives, or the operator's server answers."""
        ...
