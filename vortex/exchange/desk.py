"""The order desk: accepts, matches, changes and cancels regular orders (sheet 11.1, steps 8 and 14 to 20)."""

from collections.abc import Callable, Mapping
from decimal import Decimal

from vortex.exchange.account import Account
from vortex.exchange.floor import Floor
from vortex.exchange.instruments import QUOTE_SCALE, Instrument
from vortex.exchange.listing import Listing, Print
from vortex.exchange.margin import blocked, summarize
from vortex.exchange.orders import BUY, RPI, SELL, Order
from vortex.exchange.params import Params, number, optional, price_ticks, quantity_lots, whole
from vortex.exchange.refusal import Refusal
from vortex.exchange.retention import is_gone
from vortex.exchange.rules import PRICE_MATCHES, Ticket, instrument_of, price_match_of, side_of, ticket_of
from vortex.exchange.settlement import Settlement

GTX = "GTX"
SELF_TRADE = "1"
IOC_REMAINDER = "2"
IOC_SELF_TRADE = "3"
MARKET_REMAINDER = "9"
MODIFICATIONS_MAX = 10_000
PARTIAL_FILL_SHARE = 0.5


class Desk:
    """Takes orders for the engine."""

    def __init__(self, floor: Floor, settlement: Settlement, printed: Callable[[Listing, Print], None]) -> None:
        self._floor = floor
        self._settlement = settlement
        self._printed = printed

    # --- new orders -----------------------------------------------------------------------------------------

    def place(self, account: Account, params: Params) -> tuple[Order, bool]:
        """A new order from its parameters; returns it and whether the caller wants its result, not an ACK."""
        ticket = ticket_of(account, self._floor.instruments, params, self._floor.now_ms)
        return self.accept(account, ticket), ticket.response == "RESULT"

    def check(self, account: Account, params: Params) -> None:
        """order/test: every check, nothing recorded."""
        self.admit(account, ticket_of(account, self._floor.instruments, params, self._floor.now_ms))

    def accept(self, account: Account, ticket: Ticket, algo_id: int = 0, close_position: bool = False) -> Order:
        """Check a ticket against market and account, then record and match it."""
        self.admit(account, ticket)
        floor, now = self._floor, self._floor.now_ms
        order_id = floor.counters.next_order()
        order = Order(
            order_id=order_id,
            account=account.name,
            instrument=ticket.instrument,
            client_id=ticket.client_id or f"venue-{order_id}",
            side=ticket.side,
            position_side=ticket.position_side,
            kind=ticket.kind,
            original_kind=ticket.kind,
            time_in_force=ticket.time_in_force,
            px=ticket.px,
            lots=ticket.lots,
            reduce_only=ticket.reduce_only,
            close_position=close_position,
            stp=ticket.stp,
            price_match=ticket.price_match,
            good_till_ms=ticket.good_till_ms,
            created_ms=now,
            updated_ms=now,
            algo_id=algo_id,
        )
        account.remember(order)
        if algo_id:
            account.algos_by_id[algo_id].child = order
        self._settlement.announce(order, "NEW")
        self._match(order)
        return order

    def admit(self, account: Account, ticket: Ticket) -> None:
        """Steps 8 and 14 to 19; cuts a reduce-only quantity and resolves a price match on the ticket."""
        floor, instrument = self._floor, ticket.instrument
        if account.in_liquidation(instrument.symbol):
            raise Refusal(-2023)
        listing = floor.listing(instrument.symbol)
        if listing.status != "TRADING":
            raise Refusal(-4141 if listing.status == "CLOSE" else -4140)
        if ticket.price_match != "NONE":
            ticket.px = self._matched_price(listing, ticket.side, ticket.price_match)
        reference_e8 = ticket.px * instrument.tick_e8 if ticket.px else listing.mark_e8
        if not ticket.closing:
            notional = instrument.notional(ticket.lots, reference_e8)
            if notional < instrument.min_notional * QUOTE_SCALE:
                raise Refusal(-4164, instrument.min_notional)
        self._check_price(listing, ticket.side, ticket.px)
        open_here = sum(1 for order in account.open_orders.values() if order.symbol == instrument.symbol)
        if open_here >= instrument.max_orders:
            raise Refusal(-2025)
        if ticket.closing:
            self._cut_to_position(account, ticket)
            self._check_reversal(account, ticket, listing)
        else:
            self._check_margin(account, ticket, listing)
        self._check_execution(account, ticket, listing)

    def _check_execution(self, account: Account, ticket: Ticket, listing: Listing) -> None:
        """Post-only must not cross (-5022), fill-or-kill must fill (-5021); neither leaves a trace."""
        floor, instrument = self._floor, ticket.instrument
        engine = listing.engine
        if ticket.time_in_force in (GTX, RPI):
            struck = floor.faults.strike(
                frozenset({"reject_post_only"}), floor.now_ms, symbol=instrument.symbol, path="/fapi/v1/order"
            )
            if struck or engine.crosses(ticket.side, ticket.px):
                raise Refusal(-5022)
        if ticket.time_in_force == "FOK" and engine.takeable(ticket.side, ticket.px, account.name) < ticket.lots:
            raise Refusal(-5021)

    def _matched_price(self, listing: Listing, side: int, match: str) -> int:
        opponent, depth = PRICE_MATCHES[match]
        levels = listing.levels(-side if opponent else side, depth)
        if len(levels) < depth:
            raise Refusal(-5041)
        return levels[depth - 1][0]

    @staticmethod
    def _check_price(listing: Listing, side: int, px: int) -> None:
        """PERCENT_PRICE for limit orders, the take bound for market orders; -4016, -4024, -4131."""
        instrument, mark = listing.instrument, listing.mark_e8
        if px:
            cap, floor = int(mark * instrument.percent_up), int(mark * instrument.percent_down)
            if side == BUY and px * instrument.tick_e8 > cap:
                raise Refusal(-4016, instrument.px_trim(cap // instrument.tick_e8))
            if side == SELL and px * instrument.tick_e8 < floor:
                raise Refusal(-4024, instrument.px_trim(-(-floor // instrument.tick_e8)))
            return
        best = listing.engine.best(-side)
        if best is None:
            raise Refusal(-1112)
        if side * (best - market_bound(listing, side)) > 0:
            raise Refusal(-4131)

    def _cut_to_position(self, account: Account, ticket: Ticket) -> None:
        """A closing order never exceeds the position; -2022 when there is none on the other side."""
        held = account.held_lots(ticket.instrument.symbol, ticket.position_side)
        if held * ticket.side >= 0:
            raise Refusal(-2022)
        if ticket.lots > abs(held):
            if self._floor.rules.reject_excess_reduce_only or not ticket.reduce_only:
                raise Refusal(-2022)
            ticket.lots = abs(held)

    def _check_reversal(self, account: Account, ticket: Ticket, listing: Listing) -> None:
        """A reduce-only order beside open orders of its side that do not only reduce: all of them together may turn the
        position around, and that must be affordable (-4118)."""
        others = (
            order
            for order in account.open_orders.values()
            if order.symbol == ticket.instrument.symbol and order.side == ticket.side and not order.reduce_only
        )
        if not ticket.reduce_only or next(others, None) is None:
            return
        try:
            self._check_margin(account, ticket, listing)
        except Refusal as refusal:
            raise Refusal(-4118) from refusal

    def _check_margin(self, account: Account, ticket: Ticket, listing: Listing) -> None:
        """The order's cost against the available balance (-2019), the bracket of its leverage (-2027)."""
        instrument, side = ticket.instrument, ticket.position_side
        account.position(instrument, side)
        summary = summarize(account, self._floor.marks_e8)
        setting = account.setting(instrument.symbol)
        row = next(
            (each for each in summary.rows if each.position.side == side and each.position.instrument is instrument),
            None,
        )
        held, bids, asks = (0, 0, 0) if row is None else (row.notional, row.bid_notional, row.ask_notional)
        best = listing.engine.best(-ticket.side)
        price_e8 = (ticket.px or best or 0) * instrument.tick_e8
        notional = instrument.notional(ticket.lots, price_e8)
        before = blocked(held, bids, asks, side)
        after = (
            blocked(held, bids + notional, asks, side)
            if ticket.side == BUY
            else blocked(held, bids, asks + notional, side)
        )
        if after > instrument.max_notional(setting.leverage) * QUOTE_SCALE:
            raise Refusal(-2027)
        grown = max(after, abs(held)) - max(before, abs(held))
        if grown <= 0:
            return
        open_loss = max(0, ticket.side * (price_e8 - listing.mark_e8)) * instrument.step_e8 * ticket.lots
        if grown // setting.leverage + open_loss // QUOTE_SCALE > summary.available:
            raise Refusal(-2019)

    # --- matching -------------------------------------------------------------------------------------------

    def _match(self, order: Order) -> None:
        """Let a new or amended order take what it may, then rest or end the remainder."""
        floor = self._floor
        listing = floor.listing(order.symbol)
        limit_px = order.px or market_bound(listing, order.side)
        self_traded = self._take(order, listing, limit_px)
        floor.touched.add(order.symbol)
        if not order.open:
            return
        if order.kind == "MARKET":
            self._settlement.end(order, "EXPIRED", "EXPIRED", MARKET_REMAINDER)
        elif order.time_in_force in ("IOC", "FOK"):
            self._settlement.end(order, "EXPIRED", "EXPIRED", IOC_SELF_TRADE if self_traded else IOC_REMAINDER)
        else:
            listing.engine.rest(order)

    def _take(self, order: Order, listing: Listing, limit_px: int) -> bool:
        """Match against book and resting orders; return whether self-trade prevention struck."""
        floor, settlement = self._floor, self._settlement
        self_traded = False
        wanted = order.left
        struck = floor.faults.strike(
            frozenset({"partial_fill"}), floor.now_ms, symbol=order.symbol, path="/fapi/v1/order"
        )
        if struck:
            wanted = max(1, int(order.left * (struck[0].value or PARTIAL_FILL_SHARE)))

        def traded(px: int, lots: int, maker: Order | None) -> None:
            order.filled += lots
            order.filled_ticks_lots += lots * px
            order.status = "PARTIALLY_FILLED" if order.left else "FILLED"
            printed = listing.record_trade(floor.now_ms, px, lots, order.side == SELL)
            self._printed(listing, printed)
            settlement.fill(order, lots, px, False, printed.trade_id)
            if maker is not None:
                settlement.fill(maker, lots, px, True, printed.trade_id)

        def self_trade(resting: Order) -> bool:
            nonlocal self_traded
            self_traded = True
            if order.stp in ("EXPIRE_MAKER", "EXPIRE_BOTH"):
                settlement.end(resting, "EXPIRED_IN_MATCH", "EXPIRED", SELF_TRADE)
            if order.stp == "EXPIRE_MAKER":
                return False
            settlement.end(order, "EXPIRED_IN_MATCH", "EXPIRED", SELF_TRADE)
            return True

        listing.engine.take(order, limit_px, wanted, traded, self_trade)
        return self_traded

    # --- finding, cancelling, changing ----------------------------------------------------------------------

    def find(self, account: Account, params: Params, code: int = -2013) -> Order:
        """The order named by orderId or origClientOrderId (the id wins); raises `code` when there is none."""
        instrument = instrument_of(self._floor.instruments, params)
        order_id = whole(params, "orderId")
        client_id = optional(params, "origClientOrderId")
        if order_id is None and client_id is None:
            raise Refusal(-1102, "orderId")
        found = None
        if order_id is not None:
            found = account.orders_by_id.get(order_id)
        elif client_id is not None:
            found = account.orders_by_client_id.get((instrument.symbol, client_id))
        if found is None or found.symbol != instrument.symbol or is_gone(found, self._floor.now_ms):
            raise Refusal(code)
        return found

    def cancel(self, account: Account, params: Params) -> Order:
        """Cancel an open order; -2011 when it is not open."""
        order = self.find(account, params, -2011)
        if not order.open:
            raise Refusal(-2011)
        self._settlement.end(order, "CANCELED", "CANCELED")
        return order

    def cancel_all(self, account: Account, symbol: str) -> int:
        """Cancel every open regular order of a symbol."""
        mine = [order for order in account.open_orders.values() if order.symbol == symbol]
        for order in mine:
            self._settlement.end(order, "CANCELED", "CANCELED")
        return len(mine)

    def expire(self, order: Order, reason: str) -> None:
        """End an open order by the system's own doing."""
        self._settlement.end(order, "EXPIRED", "EXPIRED", reason)

    def modify(self, account: Account, params: Params) -> Order:
        """Change price and quantity of an open LIMIT order; it loses its place in the queue (4.2)."""
        order = self.find(account, params, -2013)
        side_of(params)
        if order.kind != "LIMIT":
            raise Refusal(-5025)
        if not order.open:
            raise Refusal(-2013)
        instrument, listing = order.instrument, self._floor.listing(order.symbol)
        if listing.status != "TRADING":
            raise Refusal(-5024)
        px = self._new_price(order, params, listing)
        quantity = number(params, "quantity")
        if quantity is None:
            raise Refusal(-1102, "quantity")
        lots = quantity_lots(instrument, quantity, instrument.max_qty)
        reduce_only = params.get("reduceOnly", "false").lower() == "true"
        if reduce_only and not order.reduce_only:
            raise Refusal(-5047)
        if order.modifications >= MODIFICATIONS_MAX:
            raise Refusal(-5026)
        if px == order.px and lots == order.lots:
            raise Refusal(-5027)
        notional = lots * px * instrument.unit_value
        if not (reduce_only and order.reduce_only) and notional < instrument.min_notional * QUOTE_SCALE:
            raise Refusal(-5029, instrument.min_notional)
        self._check_price(listing, order.side, px)
        self._check_amended(account, order, px, lots, listing)
        if lots <= order.filled or (order.time_in_force in (GTX, RPI) and listing.engine.crosses(order.side, px)):
            self._settlement.end(order, "CANCELED", "CANCELED")
            return order
        self._amend(account, order, px, lots, whole(params, "modifyId"))
        return order

    def _new_price(self, order: Order, params: Params, listing: Listing) -> int:
        price, match = number(params, "price"), price_match_of(params)
        if price is not None and match != "NONE":
            raise Refusal(-1128)
        if match != "NONE":
            return self._matched_price(listing, order.side, match)
        if price is None:
            raise Refusal(-1102, "price")
        return price_ticks(order.instrument, price)

    def _check_amended(self, account: Account, order: Order, px: int, lots: int, listing: Listing) -> None:
        """Margin of the changed order, as if it came new in place of the old one."""
        if order.reduce_only or lots <= order.filled:
            return
        ticket = Ticket(
            order.instrument,
            order.side,
            order.position_side,
            "LIMIT",
            order.time_in_force,
            lots - order.filled,
            px,
            False,
            order.stp,
            "NONE",
            0,
            None,
            "ACK",
        )
        del account.open_orders[order.order_id]
        try:
            self._check_margin(account, ticket, listing)
        finally:
            account.open_orders[order.order_id] = order

    def _amend(self, account: Account, order: Order, px: int, lots: int, modify_id: int | None) -> None:
        floor, instrument = self._floor, order.instrument
        floor.listing(order.symbol).engine.withdraw(order)
        account.amendments.append(
            {
                "amendmentId": floor.counters.next_transfer(),
                "symbol": order.symbol,
                "pair": order.symbol,
                "orderId": order.order_id,
                "clientOrderId": order.client_id,
                "time": floor.now_ms,
                "amendment": {
                    "price": {"before": instrument.px_text(order.px), "after": instrument.px_text(px)},
                    "origQty": {"before": instrument.qty_text(order.lots), "after": instrument.qty_text(lots)},
                    "count": order.modifications + 1,
                },
                "priceMatch": order.price_match,
            }
        )
        order.px, order.lots = px, lots
        order.modifications += 1
        order.updated_ms = floor.now_ms
        self._settlement.announce(order, "AMENDMENT")
        if modify_id is not None:
            _with_modify_id(floor, modify_id)
        self._match(order)


def _with_modify_id(floor: Floor, modify_id: int) -> None:
    """Put the caller's modifyId on the AMENDMENT event just queued."""
    payload: Mapping[str, dict[str, object]] = floor.outbox[-1].payload
    payload["o"]["M"] = str(modify_id)


def market_bound(listing: Listing, side: int) -> int:
    """The worst price a MARKET order may trade at, in ticks: marketTakeBound around the mark."""
    instrument: Instrument = listing.instrument
    factor: Decimal = 1 + side * instrument.market_take_bound
    return int(listing.mark_e8 * factor) // instrument.tick_e8
