"""One call commits one batch of records under the fence: one round trip, one transaction, one flush.

Why: the commit stands between a decision and its order. Applying a batch again changes nothing, so a commit whose
answer was lost may be repeated. A batch that contradicts what is there fails whole (VX002).
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE FUNCTION journal_contradiction(what TEXT) RETURNS void LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '%', what USING ERRCODE = 'VX002';
        END $$
    """)
    op.execute("""
        CREATE FUNCTION journal_open_trade(r JSONB) RETURNS void LANGUAGE plpgsql AS $$
        DECLARE
            p JSONB := r->'plan';
        BEGIN
            INSERT INTO trades (symbol, trade_no, adopted, side, strategy, plan, size_usdt, leverage, sl_price,
                                tp1_price, confidence, final_score, engine_signals, opened_at,
                                regime_at_entry, vol_phase_at_entry)
            VALUES (p->>'symbol', (p->>'trade_no')::bigint, (r->>'adopted')::boolean, p->>'side', p->>'strategy', p,
                    (p->>'size_usdt')::numeric, (p->>'leverage')::integer, (r->>'sl_price')::numeric,
                    (r->>'tp1_price')::numeric, (p->>'confidence')::float8, (p->>'final_score')::float8,
                    r->'signals', ms_to_time((r->>'ts_ms')::bigint), p->>'regime', p->>'vol_phase')
            ON CONFLICT (symbol, trade_no) DO NOTHING;
            IF NOT FOUND THEN
                PERFORM journal_contradiction(format('%s trade %s was opened before, with another plan', t.symbol, t.trade_no))
                FROM trades t
                WHERE t.symbol = p->>'symbol' AND t.trade_no = (p->>'trade_no')::bigint AND t.plan <> p;
            END IF;
        END $$
    """)
    op.execute("""
        CREATE FUNCTION journal_intend_order(r JSONB) RETURNS void LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO orders (client_order_id, symbol, trade_no, leg, attempt, side, kind, time_in_force, qty_lots,
                                px_ticks, trigger_ticks, reduce_only, close_position, is_algo, why, quantity,
                                price, trigger_price, state, intended_at, updated_at)
            SELECT n.client_order_id, n.symbol, n.trade_no, n.leg, n.attempt, n.side, n.kind, n.time_in_force,
                   n.qty_lots, n.px_ticks, n.trigger_ticks, n.reduce_only, n.close_position, n.is_algo, n.why,
                   n.quantity, n.price, n.trigger_price, 'INTENDED', ms_to_time(n.ts_ms), ms_to_time(n.ts_ms)
            FROM jsonb_to_record(r) AS n(
                client_order_id TEXT, symbol TEXT, trade_no BIGINT, leg TEXT, attempt INTEGER, side TEXT, kind TEXT,
                time_in_force TEXT, qty_lots BIGINT, px_ticks BIGINT, trigger_ticks BIGINT, reduce_only BOOLEAN,
                close_position BOOLEAN, is_algo BOOLEAN, why TEXT, quantity NUMERIC, price NUMERIC, trigger_price NUMERIC,
                ts_ms BIGINT)
            ON CONFLICT (client_order_id) DO NOTHING;
            IF NOT FOUND THEN
                PERFORM journal_contradiction(format('%s was intended before, as another order', o.client_order_id))
                FROM orders o
                WHERE o.client_order_id = r->>'client_order_id'
                  AND (o.symbol, o.trade_no, o.leg, o.attempt, o.side, o.kind, o.time_in_force, o.qty_lots,
                       o.px_ticks, o.trigger_ticks, o.reduce_only, o.close_position)
                   <> (r->>'symbol', (r->>'trade_no')::bigint, r->>'leg', (r->>'attempt')::integer, r->>'side',
                       r->>'kind', r->>'time_in_force', (r->>'qty_lots')::bigint, (r->>'px_ticks')::bigint,
                       (r->>'trigger_ticks')::bigint, (r->>'reduce_only')::boolean, (r->>'close_position')::boolean);
            END IF;
        END $$
    """)
    op.execute("""
        CREATE FUNCTION journal_change_order(r JSONB) RETURNS void LANGUAGE plpgsql AS $$
        BEGIN
            UPDATE orders SET
                state = r->>'state',
                executed_lots = (r->>'executed_lots')::bigint,
                venue_order_id = COALESCE(NULLIF((r->>'venue_order_id')::bigint, 0), venue_order_id),
                reason = r->>'reason',
                updated_at = ms_to_time((r->>'ts_ms')::bigint)
            WHERE client_order_id = r->>'client_order_id';
            IF NOT FOUND THEN
                PERFORM journal_contradiction(format('%s changed before it was intended', r->>'client_order_id'));
            END IF;
        END $$
    """)
    op.execute("""
        CREATE FUNCTION journal_record_fill(r JSONB) RETURNS void LANGUAGE plpgsql AS $$
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
            END IF;
            UPDATE trades SET entry_time = LEAST(entry_time, ms_to_time((r->>'ts_ms')::bigint))
            WHERE symbol = r->>'symbol' AND trade_no = (r->>'trade_no')::bigint;
            IF NOT FOUND THEN
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
    op.execute("""
        CREATE FUNCTION journal_finish_trade(r JSONB) RETURNS void LANGUAGE plpgsql AS $$
        DECLARE
            t trades;
            net NUMERIC := (r->>'pnl_net')::numeric;
            no_fill BOOLEAN := r->>'exit_reason' = 'NO_FILL';
        BEGIN
            SELECT * INTO t FROM trades
            WHERE symbol = r->>'symbol' AND trade_no = (r->>'trade_no')::bigint FOR UPDATE;
            IF NOT FOUND THEN
                PERFORM journal_contradiction(format('%s trade %s finished before it was opened',
                    r->>'symbol', r->>'trade_no'));
            END IF;
            IF t.state = 'CLOSED' THEN
                RETURN;
            END IF;
            UPDATE trades SET
                state = 'CLOSED',
                close_seq = (r->>'close_seq')::bigint,
                exit_reason = r->>'exit_reason',
                pnl_gross = (r->>'pnl_gross')::numeric,
                fee_total = (r->>'fees')::numeric,
                pnl_net = net,
                entry_price = NULLIF((r->>'entry_px')::numeric, 0),
                exit_price = NULLIF((r->>'exit_px')::numeric, 0),
                maker_fills = (r->>'maker_fills')::integer,
                taker_fills = (r->>'taker_fills')::integer,
                entry_time = ms_to_time((r->>'entry_ms')::bigint),
                exit_time = ms_to_time((r->>'exit_ms')::bigint),
                hold_duration_sec = ((r->>'exit_ms')::bigint - (r->>'entry_ms')::bigint) / 1000.0
            WHERE id = t.id;
            UPDATE positions SET qty_lots = 0, version = version + 1, updated_at = ms_to_time((r->>'exit_ms')::bigint)
            WHERE symbol = t.symbol AND trade_no = t.trade_no AND qty_lots <> 0;
            INSERT INTO daily_summary AS d (day, trades, no_fills, wins, losses, pnl_gross, fee_total, pnl_net,
                                            profit_net, loss_net, maker_fills, taker_fills, hold_sec)
            VALUES ((ms_to_time((r->>'exit_ms')::bigint) AT TIME ZONE 'UTC')::date,
                    (NOT no_fill)::integer, no_fill::integer,
                    (NOT no_fill AND net > 0)::integer, (NOT no_fill AND net < 0)::integer,
                    (r->>'pnl_gross')::numeric, (r->>'fees')::numeric, net, GREATEST(net, 0), LEAST(net, 0),
                    (r->>'maker_fills')::integer, (r->>'taker_fills')::integer,
                    CASE WHEN no_fill THEN 0 ELSE ((r->>'exit_ms')::bigint - (r->>'entry_ms')::bigint) / 1000.0 END)
            ON CONFLICT (day) DO UPDATE SET
                trades = d.trades + EXCLUDED.trades, no_fills = d.no_fills + EXCLUDED.no_fills,
                wins = d.wins + EXCLUDED.wins, losses = d.losses + EXCLUDED.losses,
                pnl_gross = d.pnl_gross + EXCLUDED.pnl_gross, fee_total = d.fee_total + EXCLUDED.fee_total,
                pnl_net = d.pnl_net + EXCLUDED.pnl_net, profit_net = d.profit_net + EXCLUDED.profit_net,
                loss_net = d.loss_net + EXCLUDED.loss_net, maker_fills = d.maker_fills + EXCLUDED.maker_fills,
                taker_fills = d.taker_fills + EXCLUDED.taker_fills, hold_sec = d.hold_sec + EXCLUDED.hold_sec;
        END $$
    """)
    op.execute("""
        CREATE FUNCTION journal_commit(writer_epoch BIGINT, batch JSONB) RETURNS void LANGUAGE plpgsql AS $$
        DECLARE r JSONB;
        BEGIN
            PERFORM fence('executor', writer_epoch);
            FOR r IN SELECT value FROM jsonb_array_elements(batch) LOOP
                CASE r->>'is'
                    WHEN 'intended' THEN PERFORM journal_intend_order(r);
                    WHEN 'changed' THEN PERFORM journal_change_order(r);
                    WHEN 'fill' THEN PERFORM journal_record_fill(r);
                    WHEN 'opened' THEN PERFORM journal_open_trade(r);
                    WHEN 'finished' THEN PERFORM journal_finish_trade(r);
                    WHEN 'equity' THEN
                        INSERT INTO equity_snapshots (ts, equity, wallet, margin_used)
                        VALUES (ms_to_time((r->>'ts_ms')::bigint), (r->>'equity')::numeric, (r->>'wallet')::numeric,
                                (r->>'margin_used')::numeric)
                        ON CONFLICT DO NOTHING;
                    WHEN 'audit' THEN
                        INSERT INTO audit_log (stream, ts, kind, who, epoch, detail, once_key)
                        SELECT 'journal', ms_to_time((r->>'ts_ms')::bigint), r->>'kind', 'executor', writer_epoch,
                               r->'detail', r->>'once_key'
                        WHERE NOT EXISTS (
                            SELECT 1 FROM audit_log WHERE stream = 'journal' AND once_key = r->>'once_key');
                END CASE;
            END LOOP;
        END $$
    """)


def downgrade() -> None:
    op.execute("DROP FUNCTION journal_commit(BIGINT, JSONB)")
    op.execute("DROP FUNCTION journal_finish_trade(JSONB)")
    op.execute("DROP FUNCTION journal_record_fill(JSONB)")
    op.execute("DROP FUNCTION journal_change_order(JSONB)")
    op.execute("DROP FUNCTION journal_intend_order(JSONB)")
    op.execute("DROP FUNCTION journal_open_trade(JSONB)")
    op.execute("DROP FUNCTION journal_contradiction(TEXT)")
