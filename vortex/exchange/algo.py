"""The algo service: conditional orders that wait outside the book for a price (sheet 4.3, 11.3)."""

from decimal import Decimal

from vortex.exchange.account import Account
from vortex.exchange.desk import Desk
from vortex.exchange.floor import Floor
from vortex.exchange.instruments import Instrument
from vortex.exchange.listing import Listing
from vortex.exchange.orders import BUY, CONDITIONAL_TYPES, SELL, TIMES_IN_FORCE, AlgoOrder
from vortex.exchange.params import Params, flag, number, optional, price_ticks, quantity_lots, required, whole
from vortex.exchange.refusal import Refusal
from vortex.exchange.retention import is_gone
from vortex.exchange.rules import (
    Ticket,
    client_id_of,
    good_till_of,
    position_side_of,
    price_match_of,
    reduce_only_of,
    side_of,
    stp_of,
)
from vortex.exchange.settlement import Settlement

LIMIT_KINDS = frozenset({"STOP", "TAKE_PROFIT"})
TAKE_PROFIT_KINDS = frozenset({"TAKE_PROFIT", "TAKE_PROFIT_MARKET"})
TRAILING = "TRAILING_STOP_MARKET"
CALLBACK_MIN, CALLBACK_MAX = Decimal("0.1"), Decimal(20)
ROUNDS_MAX = 1_000
STOP_CODES = {-4001: -4006, -4002: -4007}
"""Codes of prices that trigger prices have their own form of."""
_REJECTED = frozenset({"reject_trigger"})


def _check_distance(algo: AlgoOrder) -> None:
    """The limit price is held against the trigger as it will be against the mark; -4183, -4184."""
    instrument = algo.instrument
    if algo.side == BUY and algo.px > algo.trigger_px * instrument.percent_up:
        raise Refusal(-4183)
    if algo.side == SELL and algo.px < algo.trigger_px * instrument.percent_down:
        raise Refusal(-4184)


class AlgoService:
    """Conditional orders of all accounts."""

    def __init__(self, floor: Floor, settlement: Settlement, desk: Desk) -> None:
        self._floor = floor
        self._settlement = settlement
        self._desk = desk
        self._waiting: dict[str, list[AlgoOrder]] = {}

    # --- placing and cancelling -----------------------------------------------------------------------------

    def place(self, account: Account, params: Params) -> AlgoOrder:
        """A new conditional order: parameters, filters, -2021, the account's cap; no margin check."""
        algo = self._read(account, params)
        if account.in_liquidation(algo.symbol):
            raise Refusal(-2023)
        listing = self._floor.listing(algo.symbol)
        if listing.status != "TRADING":
            raise Refusal(-4140)
        price_e8 = self._working_price(listing, algo)
        if algo.kind != TRAILING and self._reached(algo, price_e8):
            raise Refusal(-2021)
        if len(account.open_algos) >= self._floor.rules.algo_orders_max:
            raise Refusal(-4045)
        algo.algo_id = self._floor.counters.next_algo()
        if not algo.client_id:
            algo.client_id = f"venue-{algo.algo_id}"
        account.remember_algo(algo)
        self._waiting.setdefault(algo.symbol, []).append(algo)
        self._tell(algo)
        self._settlement.guard(account, algo.symbol, algo.position_side)
        if algo.kind == TRAILING:
            self._trail(algo, price_e8)
        return algo

    def _read(self, account: Account, params: Params) -> AlgoOrder:
        now = self._floor.now_ms
        if required(params, "algoType") != "CONDITIONAL":
            raise Refusal(-1130, "algoType")
        symbol = required(params, "symbol")
        side = side_of(params)
        kind = required(params, "type")
        if kind not in CONDITIONAL_TYPES:
            raise Refusal(-1116)
        time_in_force = optional(params, "timeInForce") or "GTC"
        if time_in_force not in TIMES_IN_FORCE:
            raise Refusal(-1115)
        instrument = self._floor.instruments.get(symbol)
        if instrument is None:
            raise Refusal(-1121)
        position_side = position_side_of(account, params)
        close_position = bool(flag(params, "closePosition"))
        if close_position and params.get("reduceOnly") is not None:
            raise Refusal(-4138)
        reduce_only = reduce_only_of(account, params)
        if close_position and (position_side, side) in (("LONG", BUY), ("SHORT", SELL)):
            raise Refusal(-4061)
        working = optional(params, "workingType") or "CONTRACT_PRICE"
        if working not in ("CONTRACT_PRICE", "MARK_PRICE"):
            raise Refusal(-1130, "workingType")
        client_id = client_id_of(params, "clientAlgoId")
        known = None if client_id is None else account.algos_by_client_id.get(client_id)
        if known is not None and known.open:
            raise Refusal(-4116)
        algo = AlgoOrder(
            algo_id=0,
            account=account.name,
            instrument=instrument,
            client_id=client_id or "",
            side=side,
            position_side=position_side,
            kind=kind,
            time_in_force=time_in_force,
            lots=self._quantity(instrument, params, kind, close_position),
            px=0,
            trigger_px=0,
            working_type=working,
            price_match=price_match_of(params),
            close_position=close_position,
            price_protect=bool(flag(params, "priceProtect")),
            reduce_only=reduce_only,
            stp=stp_of(params),
            good_till_ms=good_till_of(params, time_in_force, now),
            created_ms=now,
            updated_ms=now,
        )
        self._prices(algo, params)
        return algo

    @staticmethod
    def _quantity(instrument: Instrument, params: Params, kind: str, close_position: bool) -> int:
        sent = number(params, "quantity")
        if close_position:
            if kind in LIMIT_KINDS or kind == TRAILING:
                raise Refusal(-4136)
            if sent:
                raise Refusal(-4137)
            return 0
        if sent is None:
            raise Refusal(-1102, "quantity")
        largest = instrument.max_qty if kind in LIMIT_KINDS else instrument.market_max_qty
        return quantity_lots(instrument, sent, largest)

    def _prices(self, algo: AlgoOrder, params: Params) -> None:
        """Trigger, limit, activation and callback, each where its type wants it."""
        instrument = algo.instrument
        trigger, price = number(params, "triggerPrice"), number(params, "price")
        if algo.kind == TRAILING:
            if trigger is not None:
                raise Refusal(-2021)
            self._trailing_prices(algo, params)
            return
        if trigger is None:
            raise Refusal(-1102, "triggerPrice")
        try:
            algo.trigger_px = price_ticks(instrument, trigger)
        except Refusal as refusal:
            raise Refusal(STOP_CODES.get(refusal.code, refusal.code)) from None
        if algo.kind not in LIMIT_KINDS:
            if price:
                raise Refusal(-1106, "price")
            return
        if price is not None and algo.price_match != "NONE":
            raise Refusal(-1128)
        if price is None and algo.price_match == "NONE":
            raise Refusal(-1102, "price")
        if price is not None:
            algo.px = price_ticks(instrument, price)
            _check_distance(algo)

    def _trailing_prices(self, algo: AlgoOrder, params: Params) -> None:
        rate, activate = number(params, "callbackRate"), number(params, "activatePrice")
        if rate is None:
            raise Refusal(-1102, "callbackRate")
        if not CALLBACK_MIN <= rate <= CALLBACK_MAX:
            raise Refusal(-1130, "callbackRate")
        algo.callback_rate_bps = int(rate * 100)
        if activate is None:
            return
        algo.activate_px = price_ticks(algo.instrument, activate)
        price_e8 = self._working_price(self._floor.listing(algo.symbol), algo)
        if algo.side * (algo.activate_px * algo.instrument.tick_e8 - price_e8) > 0:
            raise Refusal(-2021)

    def find(self, account: Account, params: Params, code: int = -2013) -> AlgoOrder:
        """The conditional order named by algoId or clientAlgoId."""
        algo_id, client_id = whole(params, "algoId"), optional(params, "clientAlgoId")
        if algo_id is None and client_id is None:
            raise Refusal(-1102, "algoId")
        found = (
            account.algos_by_id.get(algo_id) if algo_id is not None else account.algos_by_client_id.get(client_id or "")
        )
        if found is None or is_gone(found, self._floor.now_ms):
            raise Refusal(code)
        return found

    def cancel(self, account: Account, params: Params) -> AlgoOrder:
        """Cancel a waiting order; -2011 when it is not open, -4117 while it triggers."""
        algo = self.find(account, params, -2011)
        if algo.status == "TRIGGERING":
            raise Refusal(-4117)
        if algo.status != "NEW":
            raise Refusal(-2011)
        self._end(algo, "CANCELED")
        return algo

    def cancel_all(self, account: Account, symbol: str) -> int:
        """Cancel every waiting order of a symbol."""
        mine = [each for each in account.open_algos.values() if each.symbol == symbol and each.status == "NEW"]
        for algo in mine:
            self._end(algo, "CANCELED")
        return len(mine)

    def _end(self, algo: AlgoOrder, status: str, failure: str = "") -> None:
        self._settlement.end_algo(algo, status, failure)

    def _tell(self, algo: AlgoOrder) -> None:
        self._settlement.announce_algo(algo)

    # --- triggering -----------------------------------------------------------------------------------------

    def check(self, symbol: str) -> None:
        """Look at every waiting order of a symbol after its last or mark price moved, or time passed."""
        for _ in range(ROUNDS_MAX):
            waiting = self._waiting.get(symbol)
            if not waiting:
                return
            self._waiting[symbol] = waiting = [each for each in waiting if each.open]
            fired = False
            for algo in waiting:
                if algo.open and self._due(algo):
                    self._fire(algo)
                    fired = True
            if not fired:
                return

    def _due(self, algo: AlgoOrder) -> bool:
        """Has it triggered, and is its triggering time over?"""
        floor = self._floor
        if algo.status == "NEW":
            if algo.good_till_ms and floor.now_ms >= algo.good_till_ms:
                self._end(algo, "EXPIRED")
                return False
            listing = floor.listing(algo.symbol)
            price_e8 = self._working_price(listing, algo)
            reached = self._trail(algo, price_e8) if algo.kind == TRAILING else self._reached(algo, price_e8)
            if not reached or not self._protected(listing, algo):
                return False
            algo.status, algo.triggering_since_ms, algo.updated_ms = "TRIGGERING", floor.now_ms, floor.now_ms
            self._tell(algo)
        return floor.now_ms >= algo.triggering_since_ms + floor.rules.algo_trigger_ms

    @staticmethod
    def _working_price(listing: Listing, algo: AlgoOrder) -> int:
        if algo.working_type == "MARK_PRICE":
            return listing.mark_e8
        return listing.last_px * listing.instrument.tick_e8

    @staticmethod
    def _reached(algo: AlgoOrder, price_e8: int) -> bool:
        """STOP: price at or beyond the trigger in the order's direction; TAKE_PROFIT: against it."""
        direction = -algo.side if algo.kind in TAKE_PROFIT_KINDS else algo.side
        return direction * (price_e8 - algo.trigger_px * algo.instrument.tick_e8) >= 0

    def _trail(self, algo: AlgoOrder, price_e8: int) -> bool:
        """Follow the extreme; a retreat by the callback rate triggers. Activation is told once (`ia`)."""
        side, tick = algo.side, algo.instrument.tick_e8
        if not algo.active:
            if algo.activate_px and side * (price_e8 - algo.activate_px * tick) > 0:
                return False
            algo.active, algo.extreme_e8 = True, price_e8
            if algo.activate_px:
                self._tell(algo)
            return False
        if side * (price_e8 - algo.extreme_e8) < 0:
            algo.extreme_e8 = price_e8
        retreat_e8 = side * (price_e8 - algo.extreme_e8)
        return retreat_e8 * 10_000 >= algo.extreme_e8 * algo.callback_rate_bps

    @staticmethod
    def _protected(listing: Listing, algo: AlgoOrder) -> bool:
        """With priceProtect the trigger waits until mark and last agree."""
        if not algo.price_protect:
            return True
        gap = abs(listing.last_px * listing.instrument.tick_e8 - listing.mark_e8)
        return gap <= listing.mark_e8 * listing.instrument.trigger_protect

    def _fire(self, algo: AlgoOrder) -> None:
        """Turn it into a regular order, or reject it with the desk's reason."""
        floor = self._floor
        account = floor.accounts[algo.account]
        lots = algo.lots
        if algo.close_position:
            held = account.held_lots(algo.symbol, algo.position_side)
            if held * algo.side >= 0:
                self._end(algo, "EXPIRED")
                return
            lots = min(abs(held), int(algo.instrument.market_max_qty / algo.instrument.step))
        one_way = algo.position_side == "BOTH"
        ticket = Ticket(
            algo.instrument,
            algo.side,
            algo.position_side,
            "LIMIT" if algo.kind in LIMIT_KINDS else "MARKET",
            "GTC" if algo.time_in_force == "GTE_GTC" else algo.time_in_force,
            lots,
            algo.px,
            algo.reduce_only or (algo.close_position and one_way),
            algo.stp,
            algo.price_match,
            algo.good_till_ms,
            algo.client_id,
            "ACK",
        )
        algo.trigger_ms = floor.now_ms
        account.open_algos.pop(algo.algo_id, None)
        try:
            if floor.faults.strike(_REJECTED, floor.now_ms, path="/fapi/v1/algoOrder", symbol=algo.symbol):
                raise Refusal(-2019)  # noqa: TRY301  # the fault stands for whatever the desk might have found
            child = self._desk.accept(account, ticket, algo.algo_id, algo.close_position)
        except Refusal as refusal:
            self._end(algo, "REJECTED", refusal.message)
            return
        algo.status, algo.updated_ms = "TRIGGERED", floor.now_ms
        self._tell(algo)
        self._settlement.guard(account, algo.symbol, algo.position_side)
        self._settlement.parent_done(child)
