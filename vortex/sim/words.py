"""Translates between the house's nouns and the exchange's own objects and payloads; ticks and lots on both sides."""

from decimal import Decimal
from typing import Any

from vortex.domain.instruments import Instrument
from vortex.domain.orders import (
    OrderKind,
    OrderSpec,
    OrderState,
    Side,
    TimeInForce,
    VenueBalance,
    VenueFill,
    VenueOrder,
    VenuePosition,
)
from vortex.domain.outcomes import AccountReported, FillReported, OrderReported
from vortex.exchange.account import Account
from vortex.exchange.instruments import Instrument as Contract
from vortex.exchange.margin import Summary
from vortex.exchange.orders import SIDE_NAMES, AlgoOrder, Fill, Order

UserWord = OrderReported | FillReported | AccountReported

_STATES = {
    "NEW": OrderState.ACCEPTED,
    "PARTIALLY_FILLED": OrderState.PARTIALLY_FILLED,
    "FILLED": OrderState.FILLED,
    "CANCELED": OrderState.CANCELED,
    "EXPIRED": OrderState.EXPIRED,
    "EXPIRED_IN_MATCH": OrderState.EXPIRED,
    "REJECTED": OrderState.REJECTED,
    "TRIGGERING": OrderState.ACCEPTED,
    "TRIGGERED": OrderState.ACCEPTED,
}


def instrument_of(contract: Contract) -> Instrument:
    """The exchange's listing as the house keeps it."""
    return Instrument(
        symbol=contract.symbol,
        base=contract.base,
        quote=contract.quote,
        tick_size=contract.tick,
        step_size=contract.step,
        min_price=contract.min_price,
        max_price=contract.max_price,
        min_lots=int(contract.min_qty / contract.step),
        max_lots=int(contract.max_qty / contract.step),
        market_max_lots=int(contract.market_max_qty / contract.step),
        min_notional=contract.min_notional,
    )


def order_params(spec: OrderSpec, contract: Contract) -> dict[str, str]:
    """The parameters of a new order, regular or conditional."""
    params = {"symbol": spec.symbol, "side": spec.side.value, "type": spec.kind.value}
    if spec.is_algo:
        params |= {"algoType": "CONDITIONAL", "clientAlgoId": spec.client_order_id}
        params["triggerPrice"] = contract.px_text(spec.trigger_ticks)
        if spec.close_position:
            params["closePosition"] = "true"
            return params
    else:
        params["newClientOrderId"] = spec.client_order_id
        if spec.kind is OrderKind.LIMIT:
            params |= {"timeInForce": spec.time_in_force.value, "price": contract.px_text(spec.px_ticks)}
        elif spec.time_in_force is TimeInForce.IOC:
            params["timeInForce"] = "IOC"
    params["quantity"] = contract.qty_text(spec.qty_lots)
    if spec.reduce_only:
        params["reduceOnly"] = "true"
    return params


def venue_order(order: Order) -> VenueOrder:
    """A regular order as the exchange has it now."""
    return VenueOrder(
        client_order_id=order.client_id,
        symbol=order.symbol,
        venue_order_id=order.order_id,
        side=Side(SIDE_NAMES[order.side]),
        kind=OrderKind(order.kind),
        state=_STATES[order.status],
        qty_lots=order.lots,
        executed_lots=order.filled,
        px_ticks=order.px,
        trigger_ticks=0,
        avg_px=Decimal(order.instrument.average_text(order.filled_ticks_lots, order.filled)),
        reduce_only=order.reduce_only,
        close_position=order.close_position,
        is_algo=False,
        update_ms=order.updated_ms,
        reason=order.expiry_reason if order.expiry_reason != "0" else "",
    )


def venue_algo(algo: AlgoOrder) -> VenueOrder:
    """A conditional order as the exchange has it now; once triggered its child speaks for it."""
    child = algo.child
    filled = 0 if child is None else child.filled
    return VenueOrder(
        client_order_id=algo.client_id,
        symbol=algo.symbol,
        venue_order_id=algo.algo_id,
        side=Side(SIDE_NAMES[algo.side]),
        kind=OrderKind.STOP_MARKET,
        state=_algo_state(algo.status, filled),
        qty_lots=algo.lots,
        executed_lots=filled,
        px_ticks=0,
        trigger_ticks=algo.trigger_px,
        avg_px=Decimal(0 if child is None else child.instrument.average_text(child.filled_ticks_lots, filled)),
        reduce_only=algo.reduce_only,
        close_position=algo.close_position,
        is_algo=True,
        update_ms=algo.updated_ms,
        child_order_id=0 if child is None else child.order_id,
        reason=algo.failure,
    )


def _algo_state(status: str, filled: int) -> OrderState:
    """FINISHED says that the child has ended, not how."""
    if status == "FINISHED":
        return OrderState.FILLED if filled else OrderState.EXPIRED
    return _STATES[status]


def venue_fill(fill: Fill) -> VenueFill:
    """One fill of the exchange's own list."""
    order = fill.order
    return VenueFill(
        symbol=order.symbol,
        venue_trade_id=fill.trade_id,
        venue_order_id=order.order_id,
        client_order_id=order.client_id,
        side=Side(SIDE_NAMES[order.side]),
        qty_lots=fill.lots,
        px_ticks=fill.px,
        fee=_money(fill.commission),
        fee_asset=fill.commission_asset,
        realized_pnl=_money(fill.realized),
        is_maker=fill.maker,
        ts_ms=fill.ts_ms,
    )


def venue_positions(account: Account, symbol: str) -> tuple[VenuePosition, ...]:
    """Positions of one symbol, or with "" of all; the flat ones are left out."""
    return tuple(
        VenuePosition(
            symbol=position.instrument.symbol,
            qty_lots=position.lots,
            entry_px=_money(position.entry_e8()),
            update_ms=position.updated_ms,
        )
        for position in account.held()
        if symbol in ("", position.instrument.symbol)
    )


def venue_balance(summary: Summary, now_ms: int) -> VenueBalance:
    """The quote asset's figures."""
    return VenueBalance(
        wallet=_money(summary.wallet),
        margin_balance=_money(summary.margin_balance),
        available=_money(summary.available),
        initial_margin=_money(summary.position_initial + summary.open_order_initial),
        ts_ms=now_ms,
    )


def user_word(payload: dict[str, Any], contracts: dict[str, Contract]) -> UserWord | None:
    """One message of the user stream as an outcome; None for those the house does not listen to."""
    match payload["e"]:
        case "ORDER_TRADE_UPDATE":
            return _order_word(payload, contracts[payload["o"]["s"]])
        case "ALGO_UPDATE":
            return OrderReported(order=_algo_word(payload, contracts[payload["o"]["s"]]))
        case "ACCOUNT_UPDATE":
            return _account_word(payload, contracts)
        case _:
            return None


def _order_word(payload: dict[str, Any], contract: Contract) -> OrderReported | FillReported:
    said = payload["o"]
    order = VenueOrder(
        client_order_id=said["c"],
        symbol=said["s"],
        venue_order_id=said["i"],
        side=Side(said["S"]),
        kind=OrderKind(said["o"]) if said["o"] in OrderKind.__members__ else OrderKind.LIMIT,
        state=_STATES[said["X"]],
        qty_lots=_lots(said["q"], contract),
        executed_lots=_lots(said["z"], contract),
        px_ticks=_ticks(said["p"], contract),
        trigger_ticks=0,
        avg_px=Decimal(said["ap"]),
        reduce_only=said["R"],
        close_position=said["cp"],
        is_algo=False,
        update_ms=payload["T"],
        reason=said["er"] if said["er"] != "0" else "",
    )
    if said["x"] != "TRADE":
        return OrderReported(order=order)
    fill = VenueFill(
        symbol=said["s"],
        venue_trade_id=said["t"],
        venue_order_id=said["i"],
        client_order_id=said["c"],
        side=Side(said["S"]),
        qty_lots=_lots(said["l"], contract),
        px_ticks=_ticks(said["L"], contract),
        fee=Decimal(said["n"]),
        fee_asset=said["N"],
        realized_pnl=Decimal(said["rp"]),
        is_maker=said["m"],
        ts_ms=payload["T"],
    )
    return FillReported(fill=fill, order=order)


def _algo_word(payload: dict[str, Any], contract: Contract) -> VenueOrder:
    said = payload["o"]
    filled = _lots(said.get("aq", "0"), contract)
    return VenueOrder(
        client_order_id=said["caid"],
        symbol=said["s"],
        venue_order_id=said["aid"],
        side=Side(said["S"]),
        kind=OrderKind.STOP_MARKET,
        state=_algo_state(said["X"], filled),
        qty_lots=_lots(said["q"], contract),
        executed_lots=filled,
        px_ticks=0,
        trigger_ticks=_ticks(said["tp"], contract),
        avg_px=Decimal(said.get("ap", "0")),
        reduce_only=said["R"],
        close_position=said["cp"],
        is_algo=True,
        update_ms=payload["T"],
        child_order_id=int(said["ai"] or 0),
        reason=said["rm"],
    )


def _account_word(payload: dict[str, Any], contracts: dict[str, Contract]) -> AccountReported:
    said = payload["a"]
    return AccountReported(
        positions=tuple(
            VenuePosition(
                symbol=row["s"],
                qty_lots=_lots(row["pa"], contracts[row["s"]]),
                entry_px=Decimal(row["ep"]),
                update_ms=payload["T"],
            )
            for row in said["P"]
        ),
        wallet=next((row["wb"] for row in said["B"] if row["a"] == "USDT"), None),
        reason=said["m"],
        ts_ms=payload["T"],
    )


def _money(units: int) -> Decimal:
    return Decimal(units).scaleb(-8)


def _lots(text: str, contract: Contract) -> int:
    return int(Decimal(text) / contract.step)


def _ticks(text: str, contract: Contract) -> int:
    return int(Decimal(text) / contract.tick)
