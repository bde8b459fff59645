"""The breaker's state, its history, and a kill latch that no later save can lift by accident (CB-13).

Why: a restart must never re-arm trading. The latch is a column of its own, because `vortex kill` sets it while the
breaker may be dead, and a breaker that is reborn or still alive must not write over it.
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE breaker_state (
            id SMALLINT NOT NULL,
            epoch BIGINT NOT NULL,
            state JSONB,
            kill_reason TEXT,
            version BIGINT NOT NULL,
            updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
            CONSTRAINT pk_breaker_state PRIMARY KEY (id),
            CONSTRAINT ck_breaker_state_single CHECK (id = 1)
        )
    """)
    op.execute("""
        CREATE TABLE breaker_events (
            id BIGINT GENERATED ALWAYS AS IDENTITY,
            ts TIMESTAMPTZ NOT NULL DEFAULT now(),
            epoch BIGINT NOT NULL,
            event TEXT NOT NULL,
            reason TEXT NOT NULL,
            state JSONB,
            CONSTRAINT pk_breaker_events PRIMARY KEY (id)
        )
    """)
    op.execute("CREATE INDEX ix_breaker_events_ts ON breaker_events (ts)")
    op.execute("""
        CREATE FUNCTION breaker_save(writer_epoch BIGINT, new_state JSONB, what TEXT, why TEXT, at_ms BIGINT)
        RETURNS void LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM fence('breaker', writer_epoch);
            INSERT INTO breaker_state AS b (id, epoch, state, version) VALUES (1, writer_epoch, new_state, 1)
            ON CONFLICT (id) DO UPDATE SET
                epoch = EXCLUDED.epoch, state = EXCLUDED.state, version = b.version + 1, updated_at = now();
            IF what <> '' THEN
                INSERT INTO breaker_events (ts, epoch, event, reason, state)
                VALUES (ms_to_time(at_ms), writer_epoch, what, why, new_state);
            END IF;
        END $$
    """)
    op.execute("""
        CREATE FUNCTION breaker_latch(why TEXT, at_ms BIGINT) RETURNS void LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO breaker_state AS b (id, epoch, kill_reason, version) VALUES (1, 0, why, 1)
            ON CONFLICT (id) DO UPDATE SET kill_reason = why, version = b.version + 1, updated_at = now();
            INSERT INTO breaker_events (ts, epoch, event, reason)
            SELECT ms_to_time(at_ms), epoch, CASE WHEN why IS NULL THEN 'kill.cleared' ELSE 'kill.latched' END,
                   COALESCE(why, '')
            FROM breaker_state;
        END $$
    """)


def downgrade() -> None:
    op.execute("DROP FUNCTION breaker_latch(TEXT, BIGINT)")
    op.execute("DROP FUNCTION breaker_save(BIGINT, JSONB, TEXT, TEXT, BIGINT)")
    op.execute("DROP TABLE breaker_events, breaker_state")
