"""Brings a symbol or the whole account to flat, and says so only when the exchange does (EM-5, quarantine)."""

import json
from dataclasses import dataclass

from vortex.domain.effects import Answer, SendCancel
from vortex.domain.outcomes import SnapshotTaken
from vortex.domain.reasons import ExitReason
from vortex.engine.desk import Desk
from vortex.engine.entries import Entries
from vortex.engine.order_book import OrderBook
from vortex.engine.protection import Protection
from vortex.engine.reconciler import Reconciler, Round
from vortex.engine.trades import Trades
from vortex.kernel.clock import MS


@dataclass(slots=True)
class _Task:
    """One request to be flat, and how many looks it has had."""

    request_id: str
    symbol: str
    why: str
    rounds: int = 0


class Flattening:
    """Every request to close everything."""

    def __init__(
        self,
        desk: Desk,
        orders: OrderBook,
        trades: Trades,
        entries: Entries,
        protection: Protection,
        reconciler: Reconciler,
    ) -> None:
        self._desk, self._orders, self._trades = desk, orders, trades
        self._entries, self._protection, self._reconciler = entries, protection, reconciler
        self._tasks: dict[str, _Task] = {}

    def begin(self, request_id: str, symbol: str, why: str) -> None:
        """Cancel entries and close positions now; then look, again and again, until the exchange shows nothing."""
        task = _Task(request_id, symbol, why)
        self._tasks[request_id] = task
        self._desk.alert("critical", f"closing {symbol or 'everything'}: {why}")
        self._entries.cancel_entries(why, symbol)
        self._close(symbol)
        self._look(task)

    def timer(self, key: str) -> bool:
        """Time for another look; True when the timer was ours."""
        if not key.startswith("flat/"):
            return False
        task = self._tasks.get(key.removeprefix("flat/"))
        if task is not None:
            self._look(task)
        return True

    @property
    def active(self) -> bool:
        """Something is being brought to flat."""
        return bool(self._tasks)

    def _look(self, task: _Task) -> None:
        task.rounds += 1
        self._reconciler.begin(Round("flatten", task.symbol, then=lambda snapshot: self._judge(task, snapshot)))

    def _judge(self, task: _Task, snapshot: SnapshotTaken) -> None:
        """Flat when the exchange shows neither position nor order; otherwise cancel and close what it shows."""
        if task.request_id not in self._tasks:
            return
        held = [p for p in snapshot.positions if p.qty_lots != 0 and task.symbol in ("", p.symbol)]
        listed = [o for o in snapshot.orders if not o.state.is_terminal and task.symbol in ("", o.symbol)]
        if not held and not listed and not self._orders_alive(task.symbol):
            self._answer(task, flat=True, detail="")
            return
        if task.rounds >= self._desk.settings.flatten_rounds_max:
            self._answer(task, flat=False, detail=f"{len(held)} positions, {len(listed)} orders left")
            return
        for position in held:
            if position.symbol in self._desk.instruments and self._is_strange(position.symbol, snapshot):
                self._reconciler.adopt(position.symbol, snapshot)
        self._close(task.symbol)
        for described in listed:
            if held and described.is_algo:
                continue  # stops stay until there is nothing left to protect
            order = self._orders.get(described.client_order_id)
            if order is not None:
                self._orders.cancel(order, task.why)
            else:
                self._desk.emit(
                    SendCancel(
                        client_order_id=described.client_order_id, symbol=described.symbol, is_algo=described.is_algo
                    )
                )
        self._desk.set_timer(f"flat/{task.request_id}", self._desk.settings.flatten_look_ms)

    def _is_strange(self, symbol: str, snapshot: SnapshotTaken) -> bool:
        """Held there and not here; not merely closed here since, or so lately that the snapshot may not show it."""
        horizon = snapshot.asked_mono_ns - self._desk.settings.recent_ms * MS
        return self._trades.position(symbol) == 0 and self._trades.moved_ns.get(symbol, 0) <= horizon

    def _close(self, symbol: str) -> None:
        for held in list(self._trades.open):
            if symbol in ("", held):
                self._protection.close(held, ExitReason.MANUAL)

    def _orders_alive(self, symbol: str) -> bool:
        return any(order.spec.opens for order in self._orders.open_of(symbol))

    def _answer(self, task: _Task, *, flat: bool, detail: str) -> None:
        del self._tasks[task.request_id]
        body = json.dumps({"flat": flat, "symbol": task.symbol, "rounds": task.rounds, "detail": detail})
        self._desk.audit("flatten.done", symbol=task.symbol, flat=flat, rounds=task.rounds)
        self._desk.emit(Answer(request_id=task.request_id, body_json=body))
