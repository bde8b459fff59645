"""How an account treats the order book: the indicators of the quantitative rules, told and never enforced (4.4)."""

from collections.abc import Iterable
from itertools import takewhile
from typing import Any

from vortex.exchange.account import Account
from vortex.exchange.orders import Order

WINDOW_MS = 600_000
TRIGGERS = {"UFR": 0.995, "IFER": 0.99, "GCR": 0.99}
"""Shares of orders that ended unfilled, of IOC and FOK orders that expired, of GTC orders that were canceled."""


def indicators(account: Account, symbol: str, now_ms: int) -> list[dict[str, Any]]:
    """One row per indicator, over the orders of the last ten minutes."""
    since_ms = now_ms - WINDOW_MS
    recent = [
        order
        for order in takewhile(lambda order: order.created_ms >= since_ms, reversed(account.orders_by_id.values()))
        if order.symbol == symbol and not order.forced
    ]
    hasty = [order for order in recent if order.time_in_force in ("IOC", "FOK")]
    patient = [order for order in recent if order.time_in_force == "GTC" and order.kind == "LIMIT"]
    values = {
        "UFR": _share(recent, ("CANCELED", "EXPIRED", "EXPIRED_IN_MATCH")),
        "IFER": _share(hasty, ("EXPIRED",)),
        "GCR": _share(patient, ("CANCELED",)),
    }
    return [
        {
            "isLocked": False,
            "plannedRecoverTime": 0,
            "indicator": name,
            "value": value,
            "triggerValue": TRIGGERS[name],
        }
        for name, value in values.items()
    ]


def _share(orders: Iterable[Order], statuses: tuple[str, ...]) -> float:
    """Which part of these orders ended so without any fill."""
    listed = list(orders)
    ended = sum(1 for order in listed if order.status in statuses and order.filled == 0)
    return round(ended / len(listed), 4) if listed else 0.0
