"""The kill latch in the journal's database, written or lifted without any of the tree (EM-5, CB-13)."""

import asyncio

from cli.db import database
from cli.keys import with_keys
from vortex.adapters.embedded.postgres_server import EmbeddedPostgres
from vortex.adapters.postgres.breaker_store import BreakerStore
from vortex.kernel.errors import NotRunning
from vortex.settings import Loaded

LIMIT_S = 5.0


def latch_warm(loaded: Loaded, reason: str) -> str:
    """Where every breaker, now or later, will find it; the database must answer."""
    dsn = with_keys(loaded).postgres or EmbeddedPostgres(loaded.settings.home_path, loaded.settings.database).dsn
    return asyncio.run(_latch(dsn, reason))


def latch_cold(loaded: Loaded, reason: str) -> str:
    """The same when no server runs: our own is started for the while, recovering from whatever killed it."""
    from vortex.adapters.postgres import migrations

    require_journal(loaded)
    with database(loaded, alone=False) as dsn:
        migrations.upgrade(dsn)
        return asyncio.run(_latch(dsn, reason))


def lift(loaded: Loaded) -> None:
    """Clear the latch that the next start would find."""
    require_journal(loaded)
    with database(loaded, alone=False) as dsn:
        asyncio.run(_latch(dsn, None))


def require_journal(loaded: Loaded) -> None:
    """Raise NotRunning where no system ever ran: there is nothing to latch, and no database to make for it."""
    home = loaded.settings.home_path
    if with_keys(loaded).postgres is None and not (home / "postgres" / "data").exists():
        raise NotRunning(f"no system runs in {home}, and none ever did")


async def _latch(dsn: str, reason: str | None) -> str:
    store = BreakerStore(dsn)
    try:
        await asyncio.wait_for(store.clear_kill() if reason is None else store.latch_kill(reason), LIMIT_S)
    finally:
        await store.close()
    return "lifted" if reason is None else "latched until `vortex resume`"
