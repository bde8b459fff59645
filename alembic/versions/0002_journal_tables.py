"""Trades, orders, fills, positions, instruments, daily figures and equity.

Why: the intent of every order must be durable before it leaves (S3-6), and a new executor must find all of it again.
Prices of an order are kept twice: in ticks, which is what we said, and in quote units, which is what people read.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE trades (
            id BIGINT GENERATED ALWAYS AS IDENTITY,
            symbol TEXT NOT NULL,
            trade_no BIGINT NOT NULL,
            state TEXT NOT NULL DEFAULT 'OPEN',
            adopted BOOLEAN NOT NULL DEFAULT false,
            side TEXT NOT NULL,
            strategy TEXT NOT NULL,
            plan JSONB NOT NULL,
            size_usdt NUMERIC NOT NULL,
            leverage INTEGER NOT NULL,
            entry_price NUMERIC,
            exit_price NUMERIC,
            sl_price NUMERIC,
            tp1_price NUMERIC,
            tp2_price NUMERIC,
            pnl_gross NUMERIC,
            fee_total NUMERIC,
            pnl_net NUMERIC,
            confidence DOUBLE PRECISION NOT NULL,
            final_score DOUBLE PRECISION NOT NULL,
            engine_signals JSONB,
            hold_duration_sec NUMERIC,
            exit_reason TEXT,
            maker_fills INTEGER,
            taker_fills INTEGER,
            opened_at TIMESTAMPTZ NOT NULL,
            entry_time TIMESTAMPTZ,
            exit_time TIMESTAMPTZ,
            regime_at_entry TEXT NOT NULL DEFAULT '',
            vol_phase_at_entry TEXT NOT NULL DEFAULT '',
            close_seq BIGINT,
            CONSTRAINT pk_trades PRIMARY KEY (id),
            CONSTRAINT uq_trades_symbol_trade_no UNIQUE (symbol, trade_no),
            CONSTRAINT uq_trades_close_seq UNIQUE (close_seq),
            CONSTRAINT ck_trades_state CHECK (state IN ('OPEN', 'CLOSED')),
            CONSTRAINT ck_trades_side CHECK (side IN ('BUY', 'SELL'))
        )
    """)
    op.execute("CREATE INDEX ix_trades_symbol_entry_time ON trades (symbol, entry_time)")
    op.execute("CREATE INDEX ix_trades_strategy_entry_time ON trades (strategy, entry_time)")
    op.execute("CREATE INDEX ix_trades_exit_reason ON trades (exit_reason)")
    op.execute("CREATE INDEX ix_trades_exit_time ON trades (exit_time)")
    op.execute("CREATE INDEX ix_trades_open ON trades (symbol) WHERE state = 'OPEN'")
    op.execute("""
        CREATE TABLE orders (
            client_order_id TEXT NOT NULL,
            symbol TEXT NOT NULL,
            trade_no BIGINT NOT NULL,
            leg TEXT NOT NULL,
            attempt INTEGER NOT NULL,
            side TEXT NOT NULL,
            kind TEXT NOT NULL,
            time_in_force TEXT NOT NULL,
            qty_lots BIGINT NOT NULL,
            px_ticks BIGINT NOT NULL,
            trigger_ticks BIGINT NOT NULL,
            reduce_only BOOLEAN NOT NULL,
            close_position BOOLEAN NOT NULL,
            is_algo BOOLEAN NOT NULL,
            why TEXT NOT NULL DEFAULT '',
            quantity NUMERIC,
            price NUMERIC,
            trigger_price NUMERIC,
            state TEXT NOT NULL,
            executed_lots BIGINT NOT NULL DEFAULT 0,
            venue_order_id BIGINT NOT NULL DEFAULT 0,
            reason TEXT NOT NULL DEFAULT '',
            intended_at TIMESTAMPTZ NOT NULL,
            updated_at TIMESTAMPTZ NOT NULL,
            CONSTRAINT pk_orders PRIMARY KEY (client_order_id)
        )
    """)
    op.execute("CREATE INDEX ix_orders_symbol_trade_no ON orders (symbol, trade_no)")
    op.execute("""
        CREATE UNIQUE INDEX uq_orders_venue_order_id ON orders (symbol, is_algo, venue_order_id)
        WHERE venue_order_id <> 0
    """)
    op.execute("""
        CREATE INDEX ix_orders_working ON orders (symbol)
        WHERE state NOT IN ('FILLED', 'CANCELED', 'EXPIRED', 'REJECTED', 'DENIED')
    """)
    op.execute("""
        CREATE TABLE fills (
            symbol TEXT NOT NULL,
            venue_trade_id BIGINT NOT NULL,
            venue_order_id BIGINT NOT NULL,
            client_order_id TEXT NOT NULL,
            trade_no BIGINT NOT NULL,
            side TEXT NOT NULL,
            qty_lots BIGINT NOT NULL,
            px_ticks BIGINT NOT NULL,
            quantity NUMERIC,
            price NUMERIC,
            fee NUMERIC NOT NULL,
            fee_asset TEXT NOT NULL,
            fee_cash BIGINT NOT NULL,
            realized_pnl NUMERIC NOT NULL,
            is_maker BOOLEAN NOT NULL,
            ts TIMESTAMPTZ NOT NULL,
            CONSTRAINT pk_fills PRIMARY KEY (symbol, venue_trade_id),
            CONSTRAINT ck_fills_side CHECK (side IN ('BUY', 'SELL')),
            CONSTRAINT ck_fills_qty_lots CHECK (qty_lots > 0)
        )
    """)
    op.execute("CREATE INDEX ix_fills_symbol_trade_no ON fills (symbol, trade_no)")
    op.execute("CREATE INDEX ix_fills_client_order_id ON fills (client_order_id)")
    op.execute("CREATE INDEX ix_fills_ts ON fills (ts)")
    op.execute("""
        CREATE TABLE positions (
            symbol TEXT NOT NULL,
            qty_lots BIGINT NOT NULL,
            trade_no BIGINT NOT NULL,
            version BIGINT NOT NULL,
            updated_at TIMESTAMPTZ NOT NULL,
            CONSTRAINT pk_positions PRIMARY KEY (symbol)
        )
    """)
    op.execute("""
        CREATE TABLE daily_summary (
            day DATE NOT NULL,
            trades INTEGER NOT NULL DEFAULT 0,
            no_fills INTEGER NOT NULL DEFAULT 0,
            wins INTEGER NOT NULL DEFAULT 0,
            losses INTEGER NOT NULL DEFAULT 0,
            pnl_gross NUMERIC NOT NULL DEFAULT 0,
            fee_total NUMERIC NOT NULL DEFAULT 0,
            pnl_net NUMERIC NOT NULL DEFAULT 0,
            profit_net NUMERIC NOT NULL DEFAULT 0,
            loss_net NUMERIC NOT NULL DEFAULT 0,
            maker_fills INTEGER NOT NULL DEFAULT 0,
            taker_fills INTEGER NOT NULL DEFAULT 0,
            hold_sec NUMERIC NOT NULL DEFAULT 0,
            CONSTRAINT pk_daily_summary PRIMARY KEY (day)
        )
    """)
    op.execute("""
        CREATE TABLE equity_snapshots (
            ts TIMESTAMPTZ NOT NULL,
            equity NUMERIC NOT NULL,
            wallet NUMERIC NOT NULL,
            margin_used NUMERIC NOT NULL,
            CONSTRAINT pk_equity_snapshots PRIMARY KEY (ts)
        )
    """)
    op.execute("""
        CREATE TABLE instruments (
            symbol TEXT NOT NULL,
            spec JSONB NOT NULL,
            updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
            CONSTRAINT pk_instruments PRIMARY KEY (symbol)
        )
    """)


def downgrade() -> None:
    op.execute("DROP TABLE instruments, equity_snapshots, daily_summary, positions, fills, orders, trades")
