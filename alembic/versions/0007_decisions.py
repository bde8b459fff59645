"""Decisions with everything they were made from.

Why: every decision that is not a plain NO_TRADE is kept with its inputs (S1-5), so that it can be shown and replayed.
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE decisions (
            id BIGINT GENERATED ALWAYS AS IDENTITY,
            ts TIMESTAMPTZ NOT NULL,
            symbol TEXT NOT NULL,
            action TEXT NOT NULL,
            strategy TEXT,
            confidence DOUBLE PRECISION NOT NULL,
            final_score DOUBLE PRECISION NOT NULL,
            engines_agree INTEGER NOT NULL,
            failed JSONB NOT NULL,
            reason TEXT NOT NULL,
            signals JSONB NOT NULL,
            CONSTRAINT pk_decisions PRIMARY KEY (id)
        )
    """)
    op.execute("CREATE INDEX ix_decisions_symbol_ts ON decisions (symbol, ts)")
    op.execute("CREATE INDEX ix_decisions_ts ON decisions (ts)")


def downgrade() -> None:
    op.execute("DROP TABLE decisions")
