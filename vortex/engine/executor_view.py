"""Rows of the executor's view: what people see of orders and positions, and which outcome answers which request."""

from typing import Any

from vortex.domain.events import TradeClosed
from vortex.domain.outcomes import (
    BalanceTaken,
    CancelDone,
    CancelRefused,
    CancelUnknown,
    QueryAnswered,
    QueryFailed,
    SendAccepted,
    SendDeferred,
    SendRefused,
    SendUnknown,
    SnapshotFailed,
    SnapshotTaken,
)
from vortex.domain.records import ClosedTrade
from vortex.engine.desk import Desk
from vortex.engine.order_book import Order
from vortex.engine.trades import Trades


def position_row(desk: Desk, trades: Trades, symbol: str) -> dict[str, Any]:
    """One open trade; quantities and prices as text."""
    book, position = trades.open[symbol], trades.as_position(symbol)
    instrument = desk.instrument(symbol)
    return {
        "symbol": symbol,
        "trade_no": book.plan.trade_no,
        "side": book.plan.side.value,
        "strategy": book.plan.strategy.value,
        "quantity": str(instrument.quantity(book.net_lots)),
        "entry_px": str(instrument.price(position.break_even_ticks)) if position.entered else None,
        "adopted": book.adopted,
        "finishing": book.finishing,
        "opened_ms": position.opened_ms,
    }


def order_row(order: Order) -> dict[str, Any]:
    """One working order, in lots and ticks."""
    return {
        "client_order_id": order.spec.client_order_id,
        "symbol": order.spec.symbol,
        "leg": order.spec.leg.name.lower(),
        "side": order.spec.side.value,
        "kind": order.spec.kind.value,
        "state": order.state.value,
        "qty_lots": order.spec.qty_lots,
        "filled_lots": order.facts.filled_lots,
        "px_ticks": order.spec.px_ticks,
        "trigger_ticks": order.spec.trigger_ticks,
    }


def as_event(trade: ClosedTrade) -> TradeClosed:
    """A finished trade of the journal, as the news it was: a breaker that missed it is told again."""
    return TradeClosed(
        trade_no=trade.trade_no,
        symbol=trade.symbol,
        close_seq=trade.close_seq,
        closed_ms=trade.exit_ms,
        pnl_gross=trade.pnl_gross,
        fees=trade.fees,
        pnl_net=trade.pnl_net,
        exit_reason=trade.exit_reason,
        hold_ms=max(0, trade.exit_ms - trade.entry_ms),
    )


def answer_key(event: object) -> tuple[str, bool]:
    """Which request an outcome answers, and whether the interface did its part; empty for anything else."""
    match event:
        case SendAccepted(client_order_id=key) | SendRefused(client_order_id=key):
            return f"send/{key}", True
        case SendUnknown(client_order_id=key) | SendDeferred(client_order_id=key):
            return f"send/{key}", False
        case CancelDone(client_order_id=key) | CancelRefused(client_order_id=key):
            return f"cancel/{key}", True
        case CancelUnknown(client_order_id=key):
            return f"cancel/{key}", False
        case QueryAnswered(client_order_id=key):
            return f"query/{key}", True
        case QueryFailed(client_order_id=key):
            return f"query/{key}", False
        case BalanceTaken(token=token):
            return f"read/{token}", True
        case SnapshotTaken(token=token):
            return f"snapshot/{token}", True
        case SnapshotFailed(token=token):
            return f"{'read' if token < 0 else 'snapshot'}/{token}", False
        case _:
            return "", False
