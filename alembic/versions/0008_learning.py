"""What learning reads and writes: accuracy per engine, weights, parameter versions, and results kept for repeats.

Why: every change of a parameter is a version that can be rolled back (L-2), with the evidence it rests on.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE engine_accuracy (
            trade_id BIGINT NOT NULL,
            engine TEXT NOT NULL,
            signal_dir SMALLINT NOT NULL,
            signal_strength DOUBLE PRECISION NOT NULL,
            trade_result NUMERIC NOT NULL,
            CONSTRAINT pk_engine_accuracy PRIMARY KEY (trade_id, engine),
            CONSTRAINT fk_engine_accuracy_trade_id_trades FOREIGN KEY (trade_id) REFERENCES trades (id)
        )
    """)
    op.execute("CREATE INDEX ix_engine_accuracy_engine ON engine_accuracy (engine)")
    op.execute("""
        CREATE TABLE parameter_versions (
            version BIGINT GENERATED ALWAYS AS IDENTITY,
            parent BIGINT,
            ts TIMESTAMPTZ NOT NULL DEFAULT now(),
            parameters JSONB NOT NULL,
            reason TEXT NOT NULL,
            active BOOLEAN NOT NULL DEFAULT false,
            CONSTRAINT pk_parameter_versions PRIMARY KEY (version),
            CONSTRAINT fk_parameter_versions_parent_parameter_versions
                FOREIGN KEY (parent) REFERENCES parameter_versions (version)
        )
    """)
    op.execute("CREATE UNIQUE INDEX uq_parameter_versions_active ON parameter_versions (active) WHERE active")
    op.execute("""
        CREATE TABLE weight_history (
            id BIGINT GENERATED ALWAYS AS IDENTITY,
            ts TIMESTAMPTZ NOT NULL DEFAULT now(),
            symbol TEXT NOT NULL DEFAULT '',
            weights JSONB NOT NULL,
            reliability JSONB NOT NULL,
            sample_trades INTEGER NOT NULL,
            version BIGINT,
            CONSTRAINT pk_weight_history PRIMARY KEY (id),
            CONSTRAINT fk_weight_history_version_parameter_versions
                FOREIGN KEY (version) REFERENCES parameter_versions (version)
        )
    """)
    op.execute("CREATE INDEX ix_weight_history_ts ON weight_history (ts)")
    op.execute("""
        CREATE TABLE idempotency (
            key TEXT NOT NULL,
            result JSONB,
            created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
            expires_at TIMESTAMPTZ NOT NULL,
            CONSTRAINT pk_idempotency PRIMARY KEY (key)
        )
    """)
    op.execute("CREATE INDEX ix_idempotency_expires_at ON idempotency (expires_at)")


def downgrade() -> None:
    op.execute("DROP TABLE idempotency, weight_history, parameter_versions, engine_accuracy")
