"""Runs migrations over the connection that vortex.adapters.postgres.migrations hands in, one transaction each."""

from alembic import context
from vortex.adapters.postgres.tables import metadata


def include_name(name: str | None, kind: str, parents: object) -> bool:
    """Partitions come and go by themselves; they are not part of the schema that migrations describe."""
    return not (kind == "table" and name is not None and name.startswith("market_snapshots_"))


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    include_name=include_name,
    compare_type=True,
    compare_server_default=True,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
