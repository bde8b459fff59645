"""Opens the durable registry that the root uses outside of tests."""

from vortex import bootstrap
from vortex.adapters.postgres.registry import PostgresRegistry
from vortex.supervision.registry import Registry


async def postgres_registry(settings_json: str) -> Registry:
    """The registry in PostgreSQL; the DSN comes from the environment, never from the settings' text."""
    del settings_json
    return PostgresRegistry(bootstrap.postgres_dsn())
