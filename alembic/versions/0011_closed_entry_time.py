"""A fill that is learned of after its trade was closed no longer moves the entry time of the closed trade.

Why: what a closed trade says is what its end recorded; its hold and its result were counted from that entry.
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

ANY_TRADE = """
            UPDATE trades SET entry_time = LEAST(entry_time, ms_to_time((r->>'ts_ms')::bigint))
            WHERE symbol = r->>'symbol' AND trade_no = (r->>'trade_no')::bigint;
            IF NOT FOUND THEN"""
OPEN_TRADE = """
            UPDATE trades SET entry_time = LEAST(entry_time, ms_to_time((r->>'ts_ms')::bigint))
            WHERE symbol = r->>'symbol' AND trade_no = (r->>'trade_no')::bigint AND state = 'OPEN';
            IF NOT FOUND AND NOT EXISTS (
                SELECT FROM trades WHERE symbol = r->>'symbol' AND trade_no = (r->>'trade_no')::bigint) THEN"""


def upgrade() -> None:
    record_fill(OPEN_TRADE)


def downgrade() -> None:
    record_fill(ANY_TRADE)


def record_fill(mark_entry: str) -> None:
    """The function of 0005 with its mark of the trade's entry exchanged."""
    op.execute(f"""
        CREATE OR REPLACE FUNCTION journal_record_fill(r JSONB) RETURNS void LANGUAGE plpgsql AS $$
        DECLARE
            signed BIGINT := (r->>'qty_lots')::bigint * CASE r->>'side' WHEN 'BUY' THEN 1 ELSE -1 END;
        BEGIN
            INSERT INTO fills (symbol, venue_trade_id, venue_order_id, client_order_id, trade_no, side, qty_lots,
                               px_ticks, quantity, price, fee, fee_asset, fee_cash, realized_pnl, is_maker, ts)
            SELECT n.symbol, n.venue_trade_id, n.venue_order_id, n.client_order_id, n.trade_no, n.side, n.qty_lots,
                   n.px_ticks, n.quantity, n.price, n.fee, n.fee_asset, n.fee_cash, n.realized_pnl, n.is_maker,
                   ms_to_time(n.ts_ms)
            FROM jsonb_to_record(r) AS n(
                symbol TEXT, venue_trade_id BIGINT, venue_order_id BIGINT, client_order_id TEXT, trade_no BIGINT,
                side TEXT, qty_lots BIGINT, px_ticks BIGINT, quantity NUMERIC, price NUMERIC, fee NUMERIC,
                fee_asset TEXT, fee_cash BIGINT, realized_pnl NUMERIC, is_maker BOOLEAN, ts_ms BIGINT)
            ON CONFLICT (symbol, venue_trade_id) DO NOTHING;
            IF NOT FOUND THEN
                RETURN;
            END IF;{mark_entry}
                PERFORM journal_contradiction(format('fill %s of %s names trade %s, which was never opened',
                    r->>'venue_trade_id', r->>'symbol', r->>'trade_no'));
            END IF;
            INSERT INTO positions AS p (symbol, qty_lots, trade_no, version, updated_at)
            VALUES (r->>'symbol', signed, (r->>'trade_no')::bigint, 1, ms_to_time((r->>'ts_ms')::bigint))
            ON CONFLICT (symbol) DO UPDATE SET
                qty_lots = p.qty_lots + EXCLUDED.qty_lots, trade_no = EXCLUDED.trade_no,
                version = p.version + 1, updated_at = EXCLUDED.updated_at;
        END $$
    """)
