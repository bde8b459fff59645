"""Epochs, the registry of living actors, and the history of the tree.

Why: an incarnation is only real once its epoch is durable; everything else in this schema is fenced by it.
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE role_epochs (
            role TEXT NOT NULL,
            epoch BIGINT NOT NULL,
            bumped_at TIMESTAMPTZ NOT NULL DEFAULT now(),
            CONSTRAINT pk_role_epochs PRIMARY KEY (role)
        )
    """)
    op.execute("""
        CREATE TABLE actor_registry (
            role TEXT NOT NULL,
            shell TEXT NOT NULL,
            epoch BIGINT NOT NULL,
            pid BIGINT NOT NULL,
            pid_started BIGINT NOT NULL,
            node TEXT NOT NULL,
            slot INTEGER NOT NULL,
            updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
            CONSTRAINT pk_actor_registry PRIMARY KEY (role)
        )
    """)
    op.execute("""
        CREATE TABLE supervision_events (
            id BIGINT GENERATED ALWAYS AS IDENTITY,
            ts TIMESTAMPTZ NOT NULL,
            kind TEXT NOT NULL,
            role TEXT NOT NULL,
            supervisor TEXT NOT NULL,
            epoch BIGINT NOT NULL,
            reason TEXT NOT NULL DEFAULT '',
            detail TEXT NOT NULL DEFAULT '',
            CONSTRAINT pk_supervision_events PRIMARY KEY (id)
        )
    """)
    op.execute("CREATE INDEX ix_supervision_events_ts ON supervision_events (ts)")
    op.execute("CREATE INDEX ix_supervision_events_role_ts ON supervision_events (role, ts)")
    op.execute("""
        CREATE TABLE system_state (
            key TEXT NOT NULL,
            value TEXT NOT NULL,
            updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
            CONSTRAINT pk_system_state PRIMARY KEY (key)
        )
    """)


def downgrade() -> None:
    op.execute("DROP TABLE system_state, supervision_events, actor_registry, role_epochs")
