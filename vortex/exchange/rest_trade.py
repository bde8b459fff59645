"""REST orders: regular, batch and conditional, and the lists that tell of them (sheet 4.2, 4.3)."""

import json
from collections.abc import Callable
from itertools import takewhile
from typing import Any

from vortex.exchange.account import Account
from vortex.exchange.algo import AlgoService
from vortex.exchange.desk import Desk
from vortex.exchange.floor import Floor
from vortex.exchange.orders import AlgoOrder, Fill, Order
from vortex.exchange.parameters import check_values
from vortex.exchange.params import Params, limit, optional, required, whole, window
from vortex.exchange.refusal import Refusal
from vortex.exchange.retention import is_gone
from vortex.exchange.rules import instrument_of
from vortex.exchange.views import algo_body, algo_query, order_body, order_query, trade_body

BATCH_MAX = 5
CANCEL_BATCH_MAX = 10
WEEK_MS = 7 * 86_400_000
_LAG = frozenset({"visibility_lag_ms"})
ALL_CANCELED: dict[str, Any] = {"code": 200, "msg": "The operation of cancel all open order is done."}
Body = dict[str, Any]


class Trading:
    """Order endpoints of one floor."""

    def __init__(self, floor: Floor, desk: Desk, algos: AlgoService) -> None:
        self._floor = floor
        self._desk = desk
        self._algos = algos

    # --- regular orders -------------------------------------------------------------------------------------

    def _answer(self, order: Order, *, fresh: bool = False) -> Body:
        body = order_body(order, fresh=fresh)
        if self._floor.rules.legacy_fields:
            full = order_query(order)
            body["avgPrice"] = "0.00" if fresh else full["avgPrice"]
            body["cumQuote"] = "0" if fresh else full["cumQuote"]
        return body

    def place(self, account: Account, params: Params) -> Body:
        order, result = self._desk.place(account, params)
        resting = order.kind == "LIMIT" and order.time_in_force not in ("IOC", "FOK")
        return self._answer(order, fresh=not result or resting)

    def test(self, account: Account, params: Params) -> Body:
        self._desk.check(account, params)
        return {}

    def _seen(self, path: str, placed: Order | AlgoOrder) -> bool:
        """Do reads know it, yet and still? With a `visibility_lag_ms` fault they are late (T26, T39)."""
        floor = self._floor
        if is_gone(placed, floor.now_ms):
            return False
        age = floor.now_ms - placed.created_ms
        return not floor.faults.strike(_LAG, floor.now_ms, method="GET", path=path, symbol=placed.symbol, above=age)

    def query(self, account: Account, params: Params) -> Body:
        order = self._desk.find(account, params)
        if not self._seen("/fapi/v1/order", order):
            raise Refusal(-2013)
        return order_query(order)

    def modify(self, account: Account, params: Params) -> Body:
        order = self._desk.modify(account, params)
        body = self._answer(order)
        body["pair"] = order.symbol
        modify_id = whole(params, "modifyId")
        if modify_id is not None:
            body["modifyId"] = modify_id
        return body

    def cancel(self, account: Account, params: Params) -> Body:
        return self._answer(self._desk.cancel(account, params))

    def open_order(self, account: Account, params: Params) -> Body:
        order = self._desk.find(account, params)
        if not order.open or not self._seen("/fapi/v1/openOrder", order):
            raise Refusal(-2013)
        return order_query(order)

    def open_orders(self, account: Account, params: Params) -> list[Body]:
        symbol = self._symbol(params)
        return [
            order_query(order)
            for order in account.open_orders.values()
            if symbol in ("", order.symbol) and self._seen("/fapi/v1/openOrders", order)
        ]

    def all_orders(self, account: Account, params: Params) -> list[Body]:
        symbol = self._symbol(params)
        from_id = whole(params, "orderId")
        start, end = window(params, WEEK_MS)
        wanted = limit(params, 500, 1000)
        rows = [
            order
            for order in takewhile(
                lambda order: start is None or order.created_ms >= start, reversed(account.orders_by_id.values())
            )
            if symbol in ("", order.symbol)
            and (from_id is None or order.order_id >= from_id)
            and (end is None or order.created_ms <= end)
            and self._seen("/fapi/v1/allOrders", order)
        ][::-1]
        chosen = rows[:wanted] if from_id is not None or start is not None else rows[-wanted:]
        return [{**order_query(order), "cumBase": "0", "pair": order.symbol} for order in chosen]

    def _symbol(self, params: Params) -> str:
        if optional(params, "symbol") is None:
            return ""
        return instrument_of(self._floor.instruments, params).symbol

    def user_trades(self, account: Account, params: Params) -> list[Body]:
        symbol = instrument_of(self._floor.instruments, params).symbol
        order_id, from_id = whole(params, "orderId"), whole(params, "fromId")
        start, end = window(params, WEEK_MS)
        if from_id is not None and (start is not None or end is not None):
            raise Refusal(-1128)
        wanted = limit(params, 500, 1000)

        def matches(fill: Fill) -> bool:
            return (
                fill.order.symbol == symbol
                and (order_id is None or fill.order.order_id == order_id)
                and (from_id is None or fill.trade_id >= from_id)
                and (end is None or fill.ts_ms <= end)
            )

        recent = takewhile(lambda fill: start is None or fill.ts_ms >= start, reversed(account.fills))
        rows = [fill for fill in recent if matches(fill)][::-1]
        chosen = rows[:wanted] if from_id is not None or start is not None else rows[-wanted:]
        return [trade_body(fill) for fill in chosen]

    def amendments(self, account: Account, params: Params) -> list[Body]:
        order = self._desk.find(account, params)
        start, end = window(params)
        wanted = limit(params, 50, 100)
        rows = [
            row
            for row in account.amendments
            if row["orderId"] == order.order_id
            and (start is None or int(str(row["time"])) >= start)
            and (end is None or int(str(row["time"])) <= end)
        ]
        return rows[-wanted:]

    def force_orders(self, account: Account, params: Params) -> list[Body]:
        """Orders by which the exchange closed positions, of both kinds unless one is named."""
        symbol, kind = self._symbol(params), optional(params, "autoCloseType") or ""
        if kind not in ("", "LIQUIDATION", "ADL"):
            raise Refusal(-1130, "autoCloseType")
        start, end = window(params)
        wanted = limit(params, 50, 100)
        if start is None:
            start = (self._floor.now_ms if end is None else end) - WEEK_MS
        rows = [
            order_query(order)
            for order in account.orders_by_id.values()
            if order.forced
            and not is_gone(order, self._floor.now_ms)
            and kind in ("", order.forced)
            and symbol in ("", order.symbol)
            and order.created_ms >= start
            and (end is None or order.created_ms <= end)
        ]
        return rows[-wanted:]

    def cancel_all(self, account: Account, params: Params) -> Body:
        self._desk.cancel_all(account, instrument_of(self._floor.instruments, params).symbol)
        return ALL_CANCELED

    def countdown(self, account: Account, params: Params) -> Body:
        symbol = instrument_of(self._floor.instruments, params).symbol
        countdown = whole(params, "countdownTime")
        if countdown is None or countdown < 0:
            raise Refusal(-1102, "countdownTime")
        if countdown:
            account.countdowns[symbol] = self._floor.now_ms + countdown
        else:
            account.countdowns.pop(symbol, None)
        return {"symbol": symbol, "countdownTime": str(countdown)}

    # --- batches --------------------------------------------------------------------------------------------

    def place_batch(self, account: Account, params: Params) -> list[Body]:
        return self._batch(account, params, self.place)

    def modify_batch(self, account: Account, params: Params) -> list[Body]:
        return self._batch(account, params, self.modify)

    def _batch(self, account: Account, params: Params, act: Callable[[Account, Params], Body]) -> list[Body]:
        rows = _json_list(required(params, "batchOrders"), "batchOrders")
        if not 0 < len(rows) <= BATCH_MAX:
            raise Refusal(-4082)
        answers = []
        for row in rows:
            if not isinstance(row, dict):
                raise Refusal(-1130, "batchOrders")
            try:
                sent = {name: plain(value) for name, value in row.items()}
                check_values(sent)
                answers.append(act(account, sent))
            except Refusal as refusal:
                answers.append(refusal.body())
        return answers

    def cancel_batch(self, account: Account, params: Params) -> list[Body]:
        symbol = required(params, "symbol")
        lowered = {name.lower(): value for name, value in params.items()}
        wanted: list[tuple[str, str]] = []
        if "orderidlist" in lowered:
            ids = _json_list(lowered["orderidlist"], "orderIdList")
            if any(not isinstance(each, int) for each in ids):
                raise Refusal(-1130, "orderIdList")
            wanted = [("orderId", str(each)) for each in ids]
        elif "origclientorderidlist" in lowered:
            ids = _json_list(lowered["origclientorderidlist"], "origClientOrderIdList")
            wanted = [("origClientOrderId", str(each)) for each in ids]
        if not 0 < len(wanted) <= CANCEL_BATCH_MAX:
            raise Refusal(-1128)
        answers = []
        for name, value in wanted:
            try:
                answers.append(self.cancel(account, {"symbol": symbol, name: value}))
            except Refusal as refusal:
                answers.append(refusal.body())
        return answers

    # --- conditional orders ---------------------------------------------------------------------------------

    def place_algo(self, account: Account, params: Params) -> Body:
        return algo_body(self._algos.place(account, params))

    def query_algo(self, account: Account, params: Params) -> Body:
        algo = self._algos.find(account, params)
        if not self._seen("/fapi/v1/algoOrder", algo):
            raise Refusal(-2013)
        return algo_query(algo)

    def cancel_algo(self, account: Account, params: Params) -> Body:
        algo = self._algos.cancel(account, params)
        return {"algoId": algo.algo_id, "clientAlgoId": algo.client_id, "code": "200", "msg": "success"}

    def cancel_all_algos(self, account: Account, params: Params) -> Body:
        self._algos.cancel_all(account, instrument_of(self._floor.instruments, params).symbol)
        return ALL_CANCELED

    def open_algos(self, account: Account, params: Params) -> list[Body]:
        if optional(params, "algoType") not in (None, "CONDITIONAL"):
            raise Refusal(-1130, "algoType")
        return [
            algo_query(algo, listed=True)
            for algo in self._some_algos(params, account.open_algos)
            if self._seen("/fapi/v1/openAlgoOrders", algo)
        ]

    def all_algos(self, account: Account, params: Params) -> list[Body]:
        instrument_of(self._floor.instruments, params)
        start, end = window(params, WEEK_MS)
        wanted = limit(params, 500, 1000)
        rows = [
            algo
            for algo in self._some_algos(params, account.algos_by_id)
            if (start is None or algo.created_ms >= start)
            and (end is None or algo.created_ms <= end)
            and self._seen("/fapi/v1/allAlgoOrders", algo)
        ]
        chosen = rows[:wanted] if start is not None else rows[-wanted:]
        return [algo_query(algo, listed=True) for algo in chosen]

    def _some_algos(self, params: Params, among: dict[int, AlgoOrder]) -> list[AlgoOrder]:
        symbol, algo_id = self._symbol(params), whole(params, "algoId")
        return [
            algo
            for algo in among.values()
            if symbol in ("", algo.symbol) and (algo_id is None or algo.algo_id == algo_id)
        ]


def plain(value: object) -> str:
    """A JSON value as the text a form would have carried."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return format(value, "f").rstrip("0").rstrip(".") if value == value else "nan"
    return str(value)


def _json_list(text: str, name: str) -> list[Any]:
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError):
        raise Refusal(-1130, name) from None
    if not isinstance(rows, list):
        raise Refusal(-1130, name)
    return rows
