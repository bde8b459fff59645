"""What became of a decision: the trade that it opened, or the code that refused it.

Why: "why did you trade" is asked by symbol and trade number, and is answered by one row with all inputs. Until now
decisions were kept in the audit log alone; what is there is copied, what comes leaves only a reference there.
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE decisions ADD COLUMN trade_no BIGINT, ADD COLUMN refused TEXT NOT NULL DEFAULT ''")
    op.execute("CREATE INDEX ix_decisions_symbol_trade_no ON decisions (symbol, trade_no) WHERE trade_no IS NOT NULL")
    op.execute("""
        INSERT INTO decisions (
            ts, symbol, action, strategy, confidence, final_score, engines_agree, failed, reason, signals)
        SELECT a.ts, a.detail->>'symbol', a.detail->>'action', a.detail->>'strategy',
               (a.detail->>'confidence')::float8, (a.detail->>'final_score')::float8,
               (a.detail->>'engines_agree')::integer, '[]', a.detail->>'reason', (a.detail->>'signals')::jsonb
        FROM audit_log a
        WHERE a.kind = 'decision.made' AND a.detail ? 'signals' AND NOT EXISTS (
            SELECT FROM decisions d WHERE d.symbol = a.detail->>'symbol' AND d.ts = a.ts)
        ORDER BY a.ts, a.seq
    """)
    op.execute("""
        UPDATE decisions d
        SET trade_no = NULLIF((a.detail->>'trade_no')::bigint, 0), refused = COALESCE(a.detail->>'refused', '')
        FROM audit_log a
        WHERE a.kind = 'decision.made' AND d.symbol = a.detail->>'symbol'
              AND d.ts = COALESCE(ms_to_time((a.detail->>'decided_ms')::bigint), a.ts)
    """)


def downgrade() -> None:
    op.execute("DROP INDEX ix_decisions_symbol_trade_no")
    op.execute("ALTER TABLE decisions DROP COLUMN trade_no, DROP COLUMN refused")
