"""An audit log that cannot be rewritten in silence: append-only by trigger, and each row hashes the one before it.

Why: what was done, when and why must survive the wish to forget it. Every stream of rows has a chain of its own, so
that a slow writer never makes the executor wait; `audit_heads` remembers each chain's end, so that a cut tail shows.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE audit_log (
            stream TEXT NOT NULL,
            seq BIGINT NOT NULL,
            ts TIMESTAMPTZ NOT NULL,
            kind TEXT NOT NULL,
            who TEXT NOT NULL DEFAULT '',
            epoch BIGINT NOT NULL DEFAULT 0,
            detail JSONB NOT NULL,
            once_key TEXT,
            prev_hash BYTEA NOT NULL,
            hash BYTEA NOT NULL,
            CONSTRAINT pk_audit_log PRIMARY KEY (stream, seq),
            CONSTRAINT uq_audit_log_stream_once_key UNIQUE (stream, once_key)
        )
    """)
    op.execute("CREATE INDEX ix_audit_log_ts ON audit_log (ts)")
    op.execute("CREATE INDEX ix_audit_log_kind_ts ON audit_log (kind, ts)")
    op.execute("""
        CREATE TABLE audit_heads (
            stream TEXT NOT NULL,
            seq BIGINT NOT NULL,
            hash BYTEA NOT NULL,
            CONSTRAINT pk_audit_heads PRIMARY KEY (stream)
        )
    """)
    op.execute("""
        CREATE FUNCTION audit_hash(prev BYTEA, stream TEXT, seq BIGINT, ts TIMESTAMPTZ, kind TEXT, who TEXT,
                                   epoch BIGINT, detail JSONB)
        RETURNS BYTEA LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
            SELECT sha256(prev || convert_to(jsonb_build_array(
                stream, seq, (extract(epoch FROM ts) * 1000000)::bigint, kind, who, epoch, detail)::text, 'UTF8'))
        $$
    """)
    op.execute("""
        CREATE FUNCTION audit_chain() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE head audit_heads;
        BEGIN
            INSERT INTO audit_heads (stream, seq, hash) VALUES (NEW.stream, 0, ''::bytea) ON CONFLICT DO NOTHING;
            SELECT * INTO head FROM audit_heads WHERE stream = NEW.stream FOR UPDATE;
            NEW.seq := head.seq + 1;
            NEW.prev_hash := head.hash;
            NEW.hash := audit_hash(head.hash, NEW.stream, NEW.seq, NEW.ts, NEW.kind, NEW.who,
                                   NEW.epoch, NEW.detail);
            UPDATE audit_heads SET seq = NEW.seq, hash = NEW.hash WHERE stream = NEW.stream;
            RETURN NEW;
        END $$
    """)
    op.execute("""
        CREATE TRIGGER audit_chain BEFORE INSERT ON audit_log
        FOR EACH ROW EXECUTE FUNCTION audit_chain()
    """)
    op.execute("""
        CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '% of % is not allowed: the audit log only grows', TG_OP, TG_TABLE_NAME
                USING ERRCODE = 'VX003';
        END $$
    """)
    op.execute("""
        CREATE TRIGGER audit_refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
        FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()
    """)
    op.execute("""
        CREATE TRIGGER audit_heads_refuse BEFORE DELETE OR TRUNCATE ON audit_heads
        FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()
    """)
    op.execute("""
        CREATE FUNCTION audit_verify() RETURNS TABLE (stream TEXT, seq BIGINT, problem TEXT)
        LANGUAGE sql STABLE AS $$
            WITH chain AS (
                SELECT a.*,
                       row_number() OVER w AS place,
                       lag(a.hash, 1, ''::bytea) OVER w AS before
                FROM audit_log a WINDOW w AS (PARTITION BY a.stream ORDER BY a.seq)
            ), broken AS (
                SELECT c.stream, c.seq, CASE
                    WHEN c.hash <> audit_hash(c.prev_hash, c.stream, c.seq, c.ts, c.kind, c.who, c.epoch,
                                              c.detail) THEN 'altered'
                    WHEN c.seq <> c.place THEN 'a row before it is missing'
                    WHEN c.prev_hash <> c.before THEN 'does not follow the row before it'
                END AS problem
                FROM chain c
            ), ends AS (
                SELECT h.stream, h.seq, h.hash, (
                    SELECT a.hash FROM audit_log a WHERE a.stream = h.stream ORDER BY a.seq DESC LIMIT 1
                ) AS last_hash
                FROM audit_heads h
            )
            SELECT b.stream, b.seq, b.problem FROM broken b WHERE b.problem IS NOT NULL
            UNION ALL
            SELECT e.stream, e.seq, 'the end of the stream is missing' FROM ends e
            WHERE e.seq > 0 AND e.last_hash IS DISTINCT FROM e.hash
            UNION ALL
            SELECT DISTINCT a.stream, 0::bigint, 'the head of the stream is missing' FROM audit_log a
            WHERE NOT EXISTS (SELECT 1 FROM audit_heads h WHERE h.stream = a.stream)
            ORDER BY 1, 2
        $$
    """)


def downgrade() -> None:
    op.execute("DROP FUNCTION audit_verify()")
    op.execute("DROP TABLE audit_log, audit_heads")
    op.execute("DROP FUNCTION audit_refuse()")
    op.execute("DROP FUNCTION audit_chain()")
    op.execute("DROP FUNCTION audit_hash(BYTEA, TEXT, BIGINT, TIMESTAMPTZ, TEXT, TEXT, BIGINT, JSONB)")
