"""One connection to PostgreSQL that mends itself, and the place where the driver's errors become ours.

1. Every statement is its own transaction: one round trip, and nothing is held open while a process sleeps.
2. A statement that failed half way may have happened. It is never repeated here; callers that may repeat it say so.
3. A connection on which anything unclear happened is dropped, never reused.
"""

import asyncio
from typing import Any

import asyncpg

from vortex.kernel.errors import ConfigError, Fenced, JournalUnavailable, LocalViolation

FENCED = "VX001"
CONTRADICTED = "VX002"

CONNECT_SECONDS_MAX = 2.0
# A commit takes well under a millisecond; longer than this, the order it stands before is stale anyway.
STATEMENT_SECONDS_MAX = 2.0

# The server is there but cannot serve: shutting down, recovering, full, read-only, out of connections or memory.
_UNAVAILABLE_CLASSES = ("08", "25", "53", "57", "58", "XX")
# A table, function or column that is not there: the schema is older than the program.
_SCHEMA_CODES = ("42P01", "42883", "42703", "3F000")


class Link:
    """A lazily opened connection, one statement at a time in the order of the calls."""

    def __init__(self, dsn: str, name: str) -> None:
        self._dsn = dsn
        self._name = name
        self._turn = asyncio.Lock()
        self._connection: Any = None

    async def value(self, query: str, *arguments: object) -> Any:
        """The first column of the first row; None when there is none."""
        async with self._turn:
            return await self._ask("fetchval", query, arguments)

    async def rows(self, query: str, *arguments: object) -> list[Any]:
        """All rows, each readable by column name."""
        async with self._turn:
            return list(await self._ask("fetch", query, arguments))

    async def rows_of(self, *queries: tuple[str, tuple[object, ...]]) -> list[list[Any]]:
        """Several reads that see the same instant of the database."""
        async with self._turn:
            connection = await self._connected()
            try:
                async with connection.transaction(isolation="repeatable_read", readonly=True):
                    return [
                        list(await connection.fetch(query, *arguments, timeout=STATEMENT_SECONDS_MAX * 5))
                        for query, arguments in queries
                    ]
            except BaseException as err:
                self._drop_after(err)
                raise ours(err) from err

    async def close(self) -> None:
        """Give the connection back."""
        async with self._turn:
            connection, self._connection = self._connection, None
            if connection is not None and not connection.is_closed():
                try:
                    await connection.close(timeout=CONNECT_SECONDS_MAX)
                except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
                    connection.terminate()

    async def _ask(self, method: str, query: str, arguments: tuple[object, ...]) -> Any:
        connection = await self._connected()
        try:
            return await getattr(connection, method)(query, *arguments, timeout=STATEMENT_SECONDS_MAX)
        except BaseException as err:
            self._drop_after(err)
            raise ours(err) from err

    async def _connected(self) -> Any:
        if self._connection is None or self._connection.is_closed():
            try:
                self._connection = await asyncpg.connect(
                    self._dsn,
                    timeout=CONNECT_SECONDS_MAX,
                    server_settings={"application_name": f"vortex:{self._name}"},
                )
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as err:
                raise JournalUnavailable(f"PostgreSQL does not answer: {type(err).__name__}: {err}") from err
        return self._connection

    def _drop_after(self, err: BaseException) -> None:
        """Keep the connection only after an error that the server itself reported and survived."""
        survived = isinstance(err, asyncpg.PostgresError) and not isinstance(ours(err), JournalUnavailable)
        if not survived and self._connection is not None:
            self._connection.terminate()
            self._connection = None


def ours(err: BaseException) -> BaseException:
    """The driver's error as one of ours. What is unknown is unavailable: nothing may be sent on a guess."""
    match err:
        case asyncpg.PostgresError():
            return _from_state(err.sqlstate or "", str(err))
        case asyncpg.InterfaceError() | OSError() | TimeoutError():
            return JournalUnavailable(f"PostgreSQL was lost: {type(err).__name__}: {err}")
        case _:
            return err


def _from_state(state: str, message: str) -> Exception:
    if state == FENCED:
        return Fenced(message)
    if state in _SCHEMA_CODES:
        return ConfigError(f"the database schema does not fit this program ({message}): run `vortex db upgrade`")
    if state.startswith(_UNAVAILABLE_CLASSES) or state in ("40001", "40P01", "55P03", ""):
        return JournalUnavailable(f"PostgreSQL cannot serve: {message}")
    # 22, 23, VX002 and the rest: the record itself is wrong, and trying again will not mend it.
    return LocalViolation(f"PostgreSQL refused the record ({state}): {message}")
