"""Opens the durable registry that the root uses outside of tests. Imports little: a reborn root is waited for."""

import os

from vortex.adapters.postgres.registry import PostgresRegistry
from vortex.kernel.errors import ConfigError
from vortex.supervision.registry import Registry


async def postgres_registry(settings_json: str) -> Registry:
    """The registry in PostgreSQL; the DSN comes from the environment, never from the settings' text."""
    del settings_json
    dsn = os.environ.get("VORTEX_POSTGRES_DSN")
    if not dsn:
        raise ConfigError("no database: set VORTEX_POSTGRES_DSN, or start with `vortex start`")
    return PostgresRegistry(dsn)
