"""The schema as SQLAlchemy tables: what migrations must add up to, and what readers build queries from (D-2).

1. Money and prices are NUMERIC without a scale, so that the exchange's own digits come back unchanged.
2. Times are TIMESTAMPTZ in UTC. Ticks, lots and sequence numbers are BIGINT.
3. Orders and fills carry no foreign key to a trade: an emergency close must never fail over book-keeping.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

TIME = DateTime(timezone=True)
TERMINAL_STATES = "'FILLED', 'CANCELED', 'EXPIRED', 'REJECTED', 'DENIED'"

# --- supervision -----------------------------------------------------------------------------------------------------

role_epochs = Table(
    "role_epochs",
    metadata,
    Column("role", Text, primary_key=True),
    Column("epoch", BigInteger, nullable=False),
    Column("bumped_at", TIME, nullable=False, server_default=func.now()),
)

actor_registry = Table(
    "actor_registry",
    metadata,
    Column("role", Text, primary_key=True),
    Column("shell", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("pid_started", BigInteger, nullable=False),
    Column("node", Text, nullable=False),
    Column("slot", Integer, nullable=False),
    Column("updated_at", TIME, nullable=False, server_default=func.now()),
)

supervision_events = Table(
    "supervision_events",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("ts", TIME, nullable=False),
    Column("kind", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("supervisor", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("detail", Text, nullable=False, server_default=""),
    Index(None, "ts"),
    Index(None, "role", "ts"),
)

system_state = Table(
    "system_state",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("updated_at", TIME, nullable=False, server_default=func.now()),
)

# --- the journal -----------------------------------------------------------------------------------------------------

trades = Table(
    "trades",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("symbol", Text, nullable=False),
    Column("trade_no", BigInteger, nullable=False),
    Column("state", Text, nullable=False, server_default="OPEN"),
    Column("adopted", Boolean, nullable=False, server_default=text("false")),
    Column("side", Text, nullable=False),
    Column("strategy", Text, nullable=False),
    Column("plan", JSONB, nullable=False),
    Column("size_usdt", Numeric, nullable=False),
    Column("leverage", Integer, nullable=False),
    Column("entry_price", Numeric),
    Column("exit_price", Numeric),
    Column("sl_price", Numeric),
    Column("tp1_price", Numeric),
    Column("tp2_price", Numeric),
    Column("pnl_gross", Numeric),
    Column("fee_total", Numeric),
    Column("pnl_net", Numeric),
    Column("confidence", Float, nullable=False),
    Column("final_score", Float, nullable=False),
    Column("engine_signals", JSONB),
    Column("hold_duration_sec", Numeric),
    Column("exit_reason", Text),
    Column("maker_fills", Integer),
    Column("taker_fills", Integer),
    Column("opened_at", TIME, nullable=False),
    Column("entry_time", TIME),
    Column("exit_time", TIME),
    Column("regime_at_entry", Text, nullable=False, server_default=""),
    Column("vol_phase_at_entry", Text, nullable=False, server_default=""),
    Column("close_seq", BigInteger),
    UniqueConstraint("symbol", "trade_no"),
    UniqueConstraint("close_seq"),
    CheckConstraint("state IN ('OPEN', 'CLOSED')", name="state"),
    CheckConstraint("side IN ('BUY', 'SELL')", name="side"),
    Index(None, "symbol", "entry_time"),
    Index(None, "strategy", "entry_time"),
    Index(None, "exit_reason"),
    Index(None, "exit_time"),
    Index("ix_trades_open", "symbol", postgresql_where=text("state = 'OPEN'")),
)

orders = Table(
    "orders",
    metadata,
    Column("client_order_id", Text, primary_key=True),
    Column("symbol", Text, nullable=False),
    Column("trade_no", BigInteger, nullable=False),
    Column("leg", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("side", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("time_in_force", Text, nullable=False),
    Column("qty_lots", BigInteger, nullable=False),
    Column("px_ticks", BigInteger, nullable=False),
    Column("trigger_ticks", BigInteger, nullable=False),
    Column("reduce_only", Boolean, nullable=False),
    Column("close_position", Boolean, nullable=False),
    Column("is_algo", Boolean, nullable=False),
    Column("why", Text, nullable=False, server_default=""),
    Column("quantity", Numeric),
    Column("price", Numeric),
    Column("trigger_price", Numeric),
    Column("state", Text, nullable=False),
    Column("executed_lots", BigInteger, nullable=False, server_default=text("0")),
    Column("venue_order_id", BigInteger, nullable=False, server_default=text("0")),
    Column("reason", Text, nullable=False, server_default=""),
    Column("intended_at", TIME, nullable=False),
    Column("updated_at", TIME, nullable=False),
    Index(None, "symbol", "trade_no"),
    Index(
        "uq_orders_venue_order_id",
        "symbol",
        "is_algo",
        "venue_order_id",
        unique=True,
        postgresql_where=text("venue_order_id <> 0"),
    ),
    Index("ix_orders_working", "symbol", postgresql_where=text(f"state NOT IN ({TERMINAL_STATES})")),
)

fills = Table(
    "fills",
    metadata,
    Column("symbol", Text, primary_key=True),
    Column("venue_trade_id", BigInteger, primary_key=True),
    Column("venue_order_id", BigInteger, nullable=False),
    Column("client_order_id", Text, nullable=False),
    Column("trade_no", BigInteger, nullable=False),
    Column("side", Text, nullable=False),
    Column("qty_lots", BigInteger, nullable=False),
    Column("px_ticks", BigInteger, nullable=False),
    Column("quantity", Numeric),
    Column("price", Numeric),
    Column("fee", Numeric, nullable=False),
    Column("fee_asset", Text, nullable=False),
    Column("fee_cash", BigInteger, nullable=False),
    Column("realized_pnl", Numeric, nullable=False),
    Column("is_maker", Boolean, nullable=False),
    Column("ts", TIME, nullable=False),
    CheckConstraint("side IN ('BUY', 'SELL')", name="side"),
    CheckConstraint("qty_lots > 0", name="qty_lots"),
    Index(None, "symbol", "trade_no"),
    Index(None, "client_order_id"),
    Index(None, "ts"),
)

positions = Table(
    "positions",
    metadata,
    Column("symbol", Text, primary_key=True),
    Column("qty_lots", BigInteger, nullable=False),
    Column("trade_no", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("updated_at", TIME, nullable=False),
)

daily_summary = Table(
    "daily_summary",
    metadata,
    Column("day", Date, primary_key=True),
    Column("trades", Integer, nullable=False, server_default=text("0")),
    Column("no_fills", Integer, nullable=False, server_default=text("0")),
    Column("wins", Integer, nullable=False, server_default=text("0")),
    Column("losses", Integer, nullable=False, server_default=text("0")),
    Column("pnl_gross", Numeric, nullable=False, server_default=text("0")),
    Column("fee_total", Numeric, nullable=False, server_default=text("0")),
    Column("pnl_net", Numeric, nullable=False, server_default=text("0")),
    Column("profit_net", Numeric, nullable=False, server_default=text("0")),
    Column("loss_net", Numeric, nullable=False, server_default=text("0")),
    Column("maker_fills", Integer, nullable=False, server_default=text("0")),
    Column("taker_fills", Integer, nullable=False, server_default=text("0")),
    Column("hold_sec", Numeric, nullable=False, server_default=text("0")),
)

equity_snapshots = Table(
    "equity_snapshots",
    metadata,
    Column("ts", TIME, primary_key=True),
    Column("equity", Numeric, nullable=False),
    Column("wallet", Numeric, nullable=False),
    Column("margin_used", Numeric, nullable=False),
)

instruments = Table(
    "instruments",
    metadata,
    Column("symbol", Text, primary_key=True),
    Column("spec", JSONB, nullable=False),
    Column("updated_at", TIME, nullable=False, server_default=func.now()),
)

# --- audit, breaker, decisions ---------------------------------------------------------------------------------------

audit_log = Table(
    "audit_log",
    metadata,
    Column("stream", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("ts", TIME, nullable=False),
    Column("kind", Text, nullable=False),
    Column("who", Text, nullable=False, server_default=""),
    Column("epoch", BigInteger, nullable=False, server_default=text("0")),
    Column("detail", JSONB, nullable=False),
    Column("once_key", Text),
    Column("prev_hash", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    UniqueConstraint("stream", "once_key"),
    Index(None, "ts"),
    Index(None, "kind", "ts"),
)

audit_heads = Table(
    "audit_heads",
    metadata,
    Column("stream", Text, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)

breaker_state = Table(
    "breaker_state",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("epoch", BigInteger, nullable=False),
    Column("state", JSONB),
    Column("kill_reason", Text),
    Column("version", BigInteger, nullable=False),
    Column("updated_at", TIME, nullable=False, server_default=func.now()),
    CheckConstraint("id = 1", name="single"),
)

breaker_events = Table(
    "breaker_events",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("ts", TIME, nullable=False, server_default=func.now()),
    Column("epoch", BigInteger, nullable=False),
    Column("event", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", JSONB),
    Index(None, "ts"),
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("ts", TIME, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("strategy", Text),
    Column("confidence", Float, nullable=False),
    Column("final_score", Float, nullable=False),
    Column("engines_agree", Integer, nullable=False),
    Column("failed", JSONB, nullable=False),
    Column("reason", Text, nullable=False),
    Column("signals", JSONB, nullable=False),
    Column("trade_no", BigInteger),
    Column("refused", Text, nullable=False, server_default=""),
    Index(None, "symbol", "ts"),
    Index(None, "ts"),
    Index(None, "symbol", "trade_no", postgresql_where=text("trade_no IS NOT NULL")),
)

# --- learning and history --------------------------------------------------------------------------------------------

engine_accuracy = Table(
    "engine_accuracy",
    metadata,
    Column("trade_id", BigInteger, ForeignKey("trades.id"), primary_key=True),
    Column("engine", Text, primary_key=True),
    Column("signal_dir", SmallInteger, nullable=False),
    Column("signal_strength", Float, nullable=False),
    Column("trade_result", Numeric, nullable=False),
    Index(None, "engine"),
)

parameter_versions = Table(
    "parameter_versions",
    metadata,
    Column("version", BigInteger, Identity(always=True), primary_key=True),
    Column("parent", BigInteger, ForeignKey("parameter_versions.version")),
    Column("ts", TIME, nullable=False, server_default=func.now()),
    Column("parameters", JSONB, nullable=False),
    Column("reason", Text, nullable=False),
    Column("active", Boolean, nullable=False, server_default=text("false")),
    Index("uq_parameter_versions_active", "active", unique=True, postgresql_where=text("active")),
)

weight_history = Table(
    "weight_history",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("ts", TIME, nullable=False, server_default=func.now()),
    Column("symbol", Text, nullable=False, server_default=""),
    Column("weights", JSONB, nullable=False),
    Column("reliability", JSONB, nullable=False),
    Column("sample_trades", Integer, nullable=False),
    Column("version", BigInteger, ForeignKey("parameter_versions.version")),
    Index(None, "ts"),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("key", Text, primary_key=True),
    Column("result", JSONB),
    Column("created_at", TIME, nullable=False, server_default=func.now()),
    Column("expires_at", TIME, nullable=False),
    Index(None, "expires_at"),
)

market_snapshots = Table(
    "market_snapshots",
    metadata,
    Column("ts", TIME, primary_key=True),
    Column("symbol", Text, primary_key=True),
    Column("mark_price", Numeric),
    Column("snapshot", JSONB, nullable=False),
    postgresql_partition_by="RANGE (ts)",
)
