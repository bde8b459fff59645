"""Recognizes an order of an open trade that nobody wrote down: by its id, and by terms that only we would choose.

Ids are a function of what an order is for (S3-6). An order that bears the id of a leg of an open trade and has the
terms that this leg would have is ours, whatever became of its row in the journal.
"""

from vortex.domain.orders import Leg, OrderSpec, VenueOrder
from vortex.domain.plans import TradePlan
from vortex.execution.client_order_ids import ParsedId, parse_id, symbol_key
from vortex.execution.specs import entry_spec, stop_spec, take_profit_spec


def names_trade(client_order_id: str, plan: TradePlan, tag: str) -> ParsedId | None:
    """The id read back, when it is one of this trade's."""
    parsed = parse_id(client_order_id)
    if parsed is None or parsed.tag != tag:
        return None
    return parsed if (parsed.symbol_key, parsed.trade_no) == (symbol_key(plan.symbol), plan.trade_no) else None


def claimed(order: VenueOrder, plan: TradePlan, tag: str) -> OrderSpec | None:
    """What we must have sent to have this order there; None when the terms are not ours.

    A stop may stand anywhere from the plan's place on towards profit, and a target may be for any part of the plan's
    lots. Closes are market orders, which never rest.
    """
    parsed = names_trade(order.client_order_id, plan, tag)
    if parsed is None or order.symbol != plan.symbol:
        return None
    match parsed.leg:
        case Leg.ENTRY:
            spec = entry_spec(tag, plan)
            known = parsed.attempt == 0 and plan.entry_timeout_ms > 0  # an adopted trade has no entry of its own
        case Leg.STOP:
            lots = 0 if order.close_position else order.qty_lots
            spec = stop_spec(tag, plan, parsed.attempt, order.trigger_ticks, lots)
            known = (order.trigger_ticks - plan.stop_px_ticks) * plan.side.sign >= 0
        case Leg.TAKE_PROFIT:
            spec = take_profit_spec(tag, plan, parsed.attempt, order.qty_lots)
            known = 0 < order.qty_lots <= plan.qty_lots
        case _:
            return None
    return spec if known and _same_terms(spec, order) else None


def _same_terms(spec: OrderSpec, order: VenueOrder) -> bool:
    """Everything that the exchange says of an order; of one that closes a whole position it may call the rest as it
    likes."""
    always = (spec.side, spec.kind, spec.px_ticks, spec.trigger_ticks, spec.close_position, spec.is_algo)
    theirs = (order.side, order.kind, order.px_ticks, order.trigger_ticks, order.close_position, order.is_algo)
    whole = spec.close_position or (spec.qty_lots, spec.reduce_only) == (order.qty_lots, order.reduce_only)
    return always == theirs and whole
