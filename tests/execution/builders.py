"""Builders of plans, orders and fills for tests of execution and reconciliation."""

from decimal import Decimal
from typing import Any

import msgspec

from vortex.domain.orders import Leg, OrderKind, OrderSpec, OrderState, Side, TimeInForce, VenueFill, VenueOrder
from vortex.domain.plans import TradePlan
from vortex.domain.signals import Strategy

NOW_MS = 1_790_000_000_000


def a_plan(**changes: Any) -> TradePlan:
    plan = TradePlan(
        symbol="BTCUSDT",
        trade_no=1,
        side=Side.BUY,
        strategy=Strategy.MOMENTUM_RIDE,
        qty_lots=10,
        entry_px_ticks=5_000,
        stop_px_ticks=4_900,
        take_profit_px_ticks=5_150,
        trail_ticks=50,
        take_profit_share=60,
        entry_timeout_ms=5_000,
        max_hold_ms=300_000,
        leverage=10,
        confidence=80.0,
        final_score=0.7,
        size_usdt=Decimal(5_000),
        decided_ms=NOW_MS,
    )
    return msgspec.structs.replace(plan, **changes)


def a_spec(**changes: Any) -> OrderSpec:
    spec = OrderSpec(
        client_order_id="v7-BTCUSDT-1-E0",
        symbol="BTCUSDT",
        trade_no=1,
        leg=Leg.ENTRY,
        attempt=0,
        side=Side.BUY,
        kind=OrderKind.LIMIT,
        time_in_force=TimeInForce.GTX,
        qty_lots=10,
        px_ticks=5_000,
    )
    return msgspec.structs.replace(spec, **changes)


def described(
    spec: OrderSpec, state: OrderState = OrderState.ACCEPTED, executed: int = 0, **changes: Any
) -> VenueOrder:
    """The order as the exchange lists it."""
    order = VenueOrder(
        client_order_id=spec.client_order_id,
        symbol=spec.symbol,
        venue_order_id=7,
        side=spec.side,
        kind=spec.kind,
        state=state,
        qty_lots=spec.qty_lots,
        executed_lots=executed,
        px_ticks=spec.px_ticks,
        trigger_ticks=spec.trigger_ticks,
        avg_px=Decimal(0),
        reduce_only=spec.reduce_only,
        close_position=spec.close_position,
        is_algo=spec.is_algo,
        update_ms=NOW_MS,
    )
    return msgspec.structs.replace(order, **changes)


def a_fill(spec: OrderSpec, number: int, lots: int, px_ticks: int = 0, ts_ms: int = NOW_MS) -> VenueFill:
    return VenueFill(
        symbol=spec.symbol,
        venue_trade_id=number,
        venue_order_id=7,
        client_order_id=spec.client_order_id,
        side=spec.side,
        qty_lots=lots,
        px_ticks=px_ticks or spec.px_ticks or spec.trigger_ticks or 5_000,
        fee=Decimal("0.01"),
        fee_asset="USDT",
        realized_pnl=Decimal(0),
        is_maker=True,
        ts_ms=ts_ms,
    )
