"""Payloads of the user data stream, field by field as the exchange sends them (sheet 5.4 to 5.7)."""

from dataclasses import dataclass
from typing import Any, TypeAlias

from vortex.exchange.account import Account, Position
from vortex.exchange.instruments import money_text, money_trim
from vortex.exchange.orders import SIDE_NAMES, AlgoOrder, Fill, Order

Payload: TypeAlias = dict[str, Any]


@dataclass(slots=True)
class StreamEvent:
    """One message of a public stream; `payload` is an object or, for array streams, a list."""

    stream: str
    payload: Any


@dataclass(slots=True)
class UserEvent:
    """One message of an account's user data stream."""

    account: str
    payload: Payload


Outbound: TypeAlias = StreamEvent | UserEvent


def order_trade_update(
    order: Order, execution: str, now_ms: int, notionals: tuple[int, int], fill: Fill | None = None
) -> Payload:
    """ORDER_TRADE_UPDATE for an acceptance, a fill, an end or an amendment."""
    instrument = order.instrument
    kind = "LIQUIDATION" if order.forced == "LIQUIDATION" else order.kind
    body: Payload = {
        "s": order.symbol,
        "c": order.client_id,
        "S": SIDE_NAMES[order.side],
        "o": kind,
        "f": order.time_in_force,
        "q": instrument.qty_text(order.lots),
        "p": instrument.px_trim(order.px),
        "ap": instrument.average_text(order.filled_ticks_lots, order.filled),
        "sp": instrument.px_trim(order.stop_px),
        "x": execution,
        "X": order.status,
        "i": order.order_id,
        "l": "0" if fill is None else instrument.qty_text(fill.lots),
        "z": "0" if order.filled == 0 else instrument.qty_text(order.filled),
        "L": "0" if fill is None else instrument.px_trim(fill.px),
        "n": "0" if fill is None else money_trim(fill.commission),
        "N": "USDT" if fill is None else fill.commission_asset,
        "T": now_ms,
        "t": 0 if fill is None else fill.trade_id,
        "b": money_trim(notionals[0]),
        "a": money_trim(notionals[1]),
        "m": False if fill is None else fill.maker,
        "R": order.reduce_only,
        "wt": order.working_type,
        "ot": order.original_kind,
        "ps": order.position_side,
        "cp": order.close_position,
        "rp": "0" if fill is None else money_trim(fill.realized),
        "pP": order.price_protect,
        "si": 0,
        "ss": 0,
        "V": order.stp,
        "pm": order.price_match,
        "gtd": order.good_till_ms,
        "er": order.expiry_reason,
    }
    return {"e": "ORDER_TRADE_UPDATE", "T": now_ms, "E": now_ms, "o": body}


def trade_lite(fill: Fill) -> Payload:
    """TRADE_LITE: the early, thin form of a fill."""
    order, instrument = fill.order, fill.order.instrument
    return {
        "e": "TRADE_LITE",
        "E": fill.ts_ms,
        "T": fill.ts_ms,
        "s": order.symbol,
        "q": instrument.qty_text(order.lots),
        "p": instrument.px_trim(order.px),
        "m": fill.maker,
        "c": order.client_id,
        "S": SIDE_NAMES[order.side],
        "L": instrument.px_trim(fill.px),
        "l": instrument.qty_text(fill.lots),
        "t": fill.trade_id,
        "i": order.order_id,
    }


def position_row(account: Account, position: Position, mark_e8: int) -> Payload:
    """One position as ACCOUNT_UPDATE prints it."""
    return {
        "s": position.instrument.symbol,
        "pa": position.instrument.qty_text(position.lots),
        "ep": money_trim(position.entry_e8()),
        "bep": money_trim(position.break_even_e8()),
        "cr": money_trim(position.realized),
        "up": money_trim(position.unrealized(mark_e8)),
        "mt": "isolated" if account.setting(position.instrument.symbol).isolated else "cross",
        "iw": money_trim(position.isolated_wallet),
        "ps": position.side,
    }


def balance_row(account: Account, asset: str, change: int) -> Payload:
    """One asset as ACCOUNT_UPDATE prints it; `change` leaves profit and commission out."""
    wallet = account.wallets.get(asset, 0)
    isolated = sum(each.isolated_wallet for each in account.held()) if asset == "USDT" else 0
    return {"a": asset, "wb": money_text(wallet), "cw": money_text(wallet - isolated), "bc": money_trim(change)}


def account_update(reason: str, now_ms: int, balances: list[Payload], positions: list[Payload]) -> Payload:
    """ACCOUNT_UPDATE with only what changed."""
    body: Payload = {"m": reason, "B": balances, "P": positions}
    return {"e": "ACCOUNT_UPDATE", "T": now_ms, "E": now_ms, "a": body}


def algo_update(algo: AlgoOrder, now_ms: int) -> Payload:
    """ALGO_UPDATE; the child's fields appear only after the trigger."""
    instrument = algo.instrument
    body: Payload = {
        "caid": algo.client_id,
        "aid": algo.algo_id,
        "at": "CONDITIONAL",
        "o": algo.kind,
        "s": algo.symbol,
        "S": SIDE_NAMES[algo.side],
        "ps": algo.position_side,
        "f": algo.time_in_force,
        "q": instrument.qty_text(algo.lots),
        "X": algo.status,
        "ai": "",
        "tp": instrument.px_trim(algo.trigger_px),
        "p": instrument.px_trim(algo.px),
        "V": algo.stp,
        "wt": algo.working_type,
        "pm": algo.price_match,
        "cp": algo.close_position,
        "pP": algo.price_protect,
        "R": algo.reduce_only,
        "tt": algo.trigger_ms,
        "gtd": algo.good_till_ms,
        "rm": algo.failure,
        "ia": algo.active,
    }
    child = algo.child
    if child is not None:
        body["ai"] = str(child.order_id)
        body["ap"] = instrument.average_text(child.filled_ticks_lots, child.filled)
        body["aq"] = "0" if child.filled == 0 else instrument.qty_text(child.filled)
        body["act"] = child.kind
    return {"e": "ALGO_UPDATE", "T": now_ms, "E": now_ms, "o": body}


def leverage_changed(symbol: str, leverage: int, now_ms: int) -> Payload:
    """ACCOUNT_CONFIG_UPDATE for a leverage change."""
    return {"e": "ACCOUNT_CONFIG_UPDATE", "E": now_ms, "T": now_ms, "ac": {"s": symbol, "l": leverage}}


def multi_assets_changed(enabled: bool, now_ms: int) -> Payload:
    """ACCOUNT_CONFIG_UPDATE for the multi-assets switch."""
    return {"e": "ACCOUNT_CONFIG_UPDATE", "E": now_ms, "T": now_ms, "ai": {"j": enabled}}


def listen_key_expired(listen_key: str, now_ms: int) -> Payload:
    """The last message of an expired listen key."""
    return {"e": "listenKeyExpired", "E": now_ms, "listenKey": listen_key}


def margin_call(cross_wallet: int, rows: list[Payload], now_ms: int) -> Payload:
    """MARGIN_CALL: a hint that liquidation is near."""
    return {"e": "MARGIN_CALL", "E": now_ms, "cw": money_trim(cross_wallet), "p": rows}
