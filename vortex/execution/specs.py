"""The orders of a trade, built from its plan alone, so that every process that builds one builds the same."""

from vortex.domain.orders import Leg, OrderKind, OrderSpec, Side, TimeInForce
from vortex.domain.plans import TradePlan
from vortex.execution.client_order_ids import make_id


def entry_spec(tag: str, plan: TradePlan) -> OrderSpec:
    """The post-only entry (S3-1). One attempt per trade: a refused entry ends the trade."""
    return OrderSpec(
        client_order_id=make_id(tag, plan.symbol, plan.trade_no, Leg.ENTRY, 0),
        symbol=plan.symbol,
        trade_no=plan.trade_no,
        leg=Leg.ENTRY,
        attempt=0,
        side=plan.side,
        kind=OrderKind.LIMIT,
        time_in_force=TimeInForce.GTX,
        qty_lots=plan.qty_lots,
        px_ticks=plan.entry_px_ticks,
    )


def stop_spec(tag: str, plan: TradePlan, attempt: int, trigger_ticks: int, qty_lots: int = 0) -> OrderSpec:
    """A protective stop (S3-2). Without a quantity it closes the whole position.

    The exchange allows one closePosition stop per direction, so a stop that replaces a living one carries a
    quantity and is reduce-only instead.
    """
    return OrderSpec(
        client_order_id=make_id(tag, plan.symbol, plan.trade_no, Leg.STOP, attempt),
        symbol=plan.symbol,
        trade_no=plan.trade_no,
        leg=Leg.STOP,
        attempt=attempt,
        side=plan.side.opposite,
        kind=OrderKind.STOP_MARKET,
        time_in_force=TimeInForce.GTC,
        qty_lots=qty_lots,
        trigger_ticks=trigger_ticks,
        reduce_only=qty_lots > 0,
        close_position=qty_lots == 0,
    )


def take_profit_spec(tag: str, plan: TradePlan, attempt: int, qty_lots: int) -> OrderSpec:
    """The reduce-only limit at the first target (S3-3)."""
    return OrderSpec(
        client_order_id=make_id(tag, plan.symbol, plan.trade_no, Leg.TAKE_PROFIT, attempt),
        symbol=plan.symbol,
        trade_no=plan.trade_no,
        leg=Leg.TAKE_PROFIT,
        attempt=attempt,
        side=plan.side.opposite,
        kind=OrderKind.LIMIT,
        time_in_force=TimeInForce.GTC,
        qty_lots=qty_lots,
        px_ticks=plan.take_profit_px_ticks,
        reduce_only=True,
    )


def close_spec(tag: str, plan: TradePlan, attempt: int, position_lots: int, why: str) -> OrderSpec:
    """A reduce-only market order that takes the signed position to zero. `why` is an ExitReason."""
    assert position_lots != 0, "nothing to close"
    return OrderSpec(
        client_order_id=make_id(tag, plan.symbol, plan.trade_no, Leg.CLOSE, attempt),
        symbol=plan.symbol,
        trade_no=plan.trade_no,
        leg=Leg.CLOSE,
        attempt=attempt,
        side=Side.SELL if position_lots > 0 else Side.BUY,
        kind=OrderKind.MARKET,
        time_in_force=TimeInForce.GTC,
        qty_lots=abs(position_lots),
        reduce_only=True,
        why=why,
    )
