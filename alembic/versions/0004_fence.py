"""The fence: a write under an older epoch fails in the database itself.

Why: a process paused between its check and its write must not write. The row of the role is locked FOR SHARE in the
writer's own transaction, so taking a new epoch waits for the old one's last commit and shuts out the next (decision 5).
SQLSTATE VX001 means fenced, VX002 means that a record contradicts what is there.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE FUNCTION ms_to_time(ms BIGINT) RETURNS TIMESTAMPTZ LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
            SELECT to_timestamp(ms / 1000.0)
        $$
    """)
    op.execute("""
        CREATE FUNCTION time_to_ms(at TIMESTAMPTZ) RETURNS BIGINT LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
            SELECT round(extract(epoch FROM at) * 1000)::bigint
        $$
    """)
    op.execute("""
        CREATE FUNCTION fence(writer_role TEXT, writer_epoch BIGINT) RETURNS void LANGUAGE plpgsql AS $$
        DECLARE newest BIGINT;
        BEGIN
            SELECT epoch INTO newest FROM role_epochs WHERE role = writer_role FOR SHARE;
            IF newest = writer_epoch THEN
                RETURN;
            END IF;
            IF newest IS NULL OR newest < writer_epoch THEN
                -- The newest writer speaks first, as after the restore of an older backup: remember it.
                INSERT INTO role_epochs (role, epoch) VALUES (writer_role, writer_epoch)
                ON CONFLICT (role) DO UPDATE SET epoch = GREATEST(role_epochs.epoch, EXCLUDED.epoch), bumped_at = now()
                RETURNING epoch INTO newest;
            END IF;
            IF newest > writer_epoch THEN
                RAISE EXCEPTION '%: epoch % is older than %', writer_role, writer_epoch, newest
                    USING ERRCODE = 'VX001';
            END IF;
        END $$
    """)


def downgrade() -> None:
    op.execute("DROP FUNCTION fence(TEXT, BIGINT)")
    op.execute("DROP FUNCTION time_to_ms(TIMESTAMPTZ)")
    op.execute("DROP FUNCTION ms_to_time(BIGINT)")
