"""Market snapshots, one partition a day, dropped whole when their time is over.

Why: this table alone grows with the market and not with our trades; dropping a partition costs nothing, deleting rows
would. `market_snapshots_keep(days)` makes today's and tomorrow's partitions and drops the old ones.
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE market_snapshots (
            ts TIMESTAMPTZ NOT NULL,
            symbol TEXT NOT NULL,
            mark_price NUMERIC,
            snapshot JSONB NOT NULL,
            CONSTRAINT pk_market_snapshots PRIMARY KEY (ts, symbol)
        ) PARTITION BY RANGE (ts)
    """)
    op.execute("""
        CREATE FUNCTION market_snapshots_keep(days INTEGER, at TIMESTAMPTZ DEFAULT now()) RETURNS INTEGER
        LANGUAGE plpgsql AS $$
        DECLARE
            today DATE := (at AT TIME ZONE 'UTC')::date;
            day DATE;
            old TEXT;
            dropped INTEGER := 0;
        BEGIN
            FOREACH day IN ARRAY ARRAY[today, today + 1] LOOP
                EXECUTE format(
                    'CREATE TABLE IF NOT EXISTS %I PARTITION OF market_snapshots FOR VALUES FROM (%L) TO (%L)',
                    'market_snapshots_' || to_char(day, 'YYYYMMDD'),
                    day::timestamp AT TIME ZONE 'UTC', (day + 1)::timestamp AT TIME ZONE 'UTC');
            END LOOP;
            FOR old IN
                SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                WHERE i.inhparent = 'market_snapshots'::regclass
                  AND c.relname < 'market_snapshots_' || to_char(today - days, 'YYYYMMDD')
            LOOP
                EXECUTE format('DROP TABLE %I', old);
                dropped := dropped + 1;
            END LOOP;
            RETURN dropped;
        END $$
    """)


def downgrade() -> None:
    op.execute("DROP FUNCTION market_snapshots_keep(INTEGER, TIMESTAMPTZ)")
    op.execute("DROP TABLE market_snapshots")
