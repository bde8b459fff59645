"""REST answers as domain nouns: states by table, numbers on the grid, RemoteViolation for the impossible."""

from collections.abc import Mapping
from decimal import Decimal

from vortex.adapters.binance import rest_wire
from vortex.adapters.binance.grid import finite, to_lots, to_ticks
from vortex.domain.instruments import Instrument
from vortex.domain.money import parse_decimal
from vortex.domain.orders import OrderKind, OrderState, Side, VenueBalance, VenueFill, VenueOrder, VenuePosition
from vortex.kernel.errors import RemoteViolation

Instruments = Mapping[str, Instrument]

ORDER_STATES = {
    "NEW": OrderState.ACCEPTED,
    "PARTIALLY_FILLED": OrderState.PARTIALLY_FILLED,
    "FILLED": OrderState.FILLED,
    "CANCELED": OrderState.CANCELED,
    "EXPIRED": OrderState.EXPIRED,
    "EXPIRED_IN_MATCH": OrderState.EXPIRED,
    "REJECTED": OrderState.REJECTED,
    "NEW_INSURANCE": OrderState.ACCEPTED,
    "NEW_ADL": OrderState.ACCEPTED,
}

ALGO_STATES = {
    "NEW": OrderState.ACCEPTED,
    "TRIGGERING": OrderState.ACCEPTED,
    "TRIGGERED": OrderState.ACCEPTED,
    "FINISHED": OrderState.FILLED,
    "CANCELED": OrderState.CANCELED,
    "REJECTED": OrderState.REJECTED,
    "EXPIRED": OrderState.EXPIRED,
}

TRIGGERED = "TRIGGERED"
"""`reason` of an algo order whose condition was met."""

_CONDITIONAL = frozenset({"STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"})
_OUR_KINDS = {kind.value: kind for kind in OrderKind}


def instrument_of(instruments: Instruments, symbol: str) -> Instrument:
    """The symbol's grid; an event of a symbol the exchange never listed is the other side's error."""
    try:
        return instruments[symbol]
    except KeyError as err:
        raise RemoteViolation(f"unknown symbol {symbol!r}") from err


def order_state(text: str) -> OrderState:
    """State of a regular order."""
    return _look_up(ORDER_STATES, text, "order status")


def algo_state(text: str) -> OrderState:
    """State of a conditional order."""
    return _look_up(ALGO_STATES, text, "algo status")


def side_of(text: str) -> Side:
    """BUY or SELL."""
    try:
        return Side(text)
    except ValueError as err:
        raise RemoteViolation(f"unknown side {text!r}") from err


def kind_of(text: str, px: Decimal) -> tuple[OrderKind, str]:
    """The nearest kind of ours, and the exchange's own word when it is not one of ours (foreign orders)."""
    if kind := _OUR_KINDS.get(text):
        return kind, ""
    if text in _CONDITIONAL:
        return OrderKind.STOP_MARKET, f"TYPE {text}"
    return (OrderKind.LIMIT if px > 0 else OrderKind.MARKET), f"TYPE {text}"


def from_order(wire: rest_wire.Order, instruments: Instruments, *, listed_open: bool = False) -> VenueOrder:
    """A regular order. One that the exchange lists as open is at least accepted, whatever word it uses for that."""
    instrument = instrument_of(instruments, wire.symbol)
    kind, foreign = kind_of(wire.type, finite(wire.price, "price"))
    state = ORDER_STATES.get(wire.status, OrderState.ACCEPTED) if listed_open else order_state(wire.status)
    return VenueOrder(
        client_order_id=wire.client_order_id,
        symbol=wire.symbol,
        venue_order_id=wire.order_id,
        side=side_of(wire.side),
        kind=kind,
        state=state,
        qty_lots=to_lots(instrument, wire.orig_qty, "origQty"),
        executed_lots=to_lots(instrument, wire.executed_qty, "executedQty"),
        px_ticks=to_ticks(instrument, wire.price, "price"),
        trigger_ticks=to_ticks(instrument, wire.stop_price, "stopPrice"),
        avg_px=finite(wire.avg_price, "avgPrice"),
        reduce_only=wire.reduce_only,
        close_position=wire.close_position,
        is_algo=False,
        update_ms=wire.update_time,
        reason=foreign,
    )


def from_algo(wire: rest_wire.AlgoOrder, instruments: Instruments, *, listed_open: bool = False) -> VenueOrder:
    """A conditional order; after the trigger `child_order_id` names the regular order that it became."""
    instrument = instrument_of(instruments, wire.symbol)
    child = child_id(wire.actual_order_id)
    kind, foreign = kind_of(wire.order_type, finite(wire.price, "price"))
    state = ALGO_STATES.get(wire.algo_status, OrderState.ACCEPTED) if listed_open else algo_state(wire.algo_status)
    executed_lots = to_lots(instrument, number(wire.actual_qty, "actualQty"), "actualQty")
    return VenueOrder(
        client_order_id=wire.client_algo_id,
        symbol=wire.symbol,
        venue_order_id=wire.algo_id,
        side=side_of(wire.side),
        kind=kind,
        state=algo_end(state, wire.algo_status, wire.actual_qty, executed_lots),
        qty_lots=to_lots(instrument, number(wire.quantity, "quantity"), "quantity"),
        executed_lots=executed_lots,
        px_ticks=to_ticks(instrument, wire.price, "price"),
        trigger_ticks=to_ticks(instrument, wire.trigger_price, "triggerPrice"),
        avg_px=number(wire.actual_price, "actualPrice"),
        reduce_only=wire.reduce_only,
        close_position=wire.close_position,
        is_algo=True,
        update_ms=wire.update_time,
        child_order_id=child,
        reason=algo_reason(wire.algo_status, child) or foreign,
    )


def algo_reason(status: str, child_order_id: int) -> str:
    """TRIGGERED once the condition was met and the order still works."""
    return TRIGGERED if status in {"TRIGGERING", "TRIGGERED"} or (status == "NEW" and child_order_id) else ""


def after_trigger(executed: Decimal | int) -> OrderState:
    """How a conditional order ends once its child has ended: filled if anything was executed, else expired."""
    return OrderState.FILLED if executed else OrderState.EXPIRED


def algo_end(state: OrderState, status: str, executed_text: str | None, executed_lots: int) -> OrderState:
    """FINISHED says that the child has ended, not that it was filled; the executed quantity, when told, decides."""
    return after_trigger(executed_lots) if status == "FINISHED" and executed_text else state


def from_trade(wire: rest_wire.UserTrade, instruments: Instruments, client_order_id: str) -> VenueFill:
    """A fill of userTrades under the client id of its order ("" when the exchange no longer knows it)."""
    instrument = instrument_of(instruments, wire.symbol)
    return VenueFill(
        symbol=wire.symbol,
        venue_trade_id=wire.id,
        venue_order_id=wire.order_id,
        client_order_id=client_order_id,
        side=side_of(wire.side),
        qty_lots=to_lots(instrument, wire.qty, "qty"),
        px_ticks=to_ticks(instrument, wire.price, "price"),
        fee=finite(wire.commission, "commission"),
        fee_asset=wire.commission_asset,
        realized_pnl=finite(wire.realized_pnl, "realizedPnl"),
        is_maker=wire.maker,
        ts_ms=wire.time,
    )


def from_positions(wires: list[rest_wire.Position], instruments: Instruments) -> tuple[VenuePosition, ...]:
    """One-way positions, zero ones (symbols with orders only) included; a hedge-mode position is not ours to lead."""
    positions = []
    for wire in wires:
        if wire.position_side != "BOTH":
            if wire.position_amt:
                raise RemoteViolation(f"{wire.symbol}: a {wire.position_side} position; the account is in hedge mode")
            continue
        instrument = instrument_of(instruments, wire.symbol)
        positions.append(
            VenuePosition(
                symbol=wire.symbol,
                qty_lots=to_lots(instrument, wire.position_amt, "positionAmt"),
                entry_px=finite(wire.entry_price, "entryPrice"),
                update_ms=wire.update_time,
            )
        )
    return tuple(positions)


def from_account(wire: rest_wire.Account, ts_ms: int) -> VenueBalance:
    """Account totals in quote units."""
    return VenueBalance(
        wallet=finite(wire.total_wallet_balance, "totalWalletBalance"),
        margin_balance=finite(wire.total_margin_balance, "totalMarginBalance"),
        available=finite(wire.available_balance, "availableBalance"),
        initial_margin=finite(wire.total_initial_margin, "totalInitialMargin"),
        ts_ms=ts_ms,
    )


def child_id(text: str | None) -> int:
    """The order a trigger created; the exchange sends an empty text before that."""
    if not text:
        return 0
    if not (text.isascii() and text.isdigit()):
        raise RemoteViolation(f"child order id is not a number: {text!r}")
    return int(text)


def number(text: str | None, what: str) -> Decimal:
    """A number that the exchange leaves empty when it does not apply."""
    return parse_decimal(text, what) if text else Decimal(0)


def _look_up(table: Mapping[str, OrderState], text: str, what: str) -> OrderState:
    try:
        return table[text]
    except KeyError as err:
        raise RemoteViolation(f"unknown {what} {text!r}") from err
