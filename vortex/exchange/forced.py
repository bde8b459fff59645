"""Orders that the exchange itself sends to close somebody's position, and their events (sheet 5.4, 8.5)."""

from vortex.exchange.account import Position
from vortex.exchange.floor import Floor
from vortex.exchange.listing import Listing
from vortex.exchange.orders import BUY, SELL, Order
from vortex.exchange.settlement import Settlement

LIQUIDATION, ADL = "LIQUIDATION", "ADL"
PREFIXES = {LIQUIDATION: "autoclose-", ADL: "adl_autoclose"}
LIQUIDATED = "5"


def closing_side(position: Position) -> int:
    """The side that shrinks a position."""
    return SELL if position.lots > 0 else BUY


def send(floor: Floor, settlement: Settlement, account: str, position: Position, lots: int, px: int, why: str) -> Order:
    """A new IOC order against a position, announced and not yet filled."""
    now, order_id = floor.now_ms, floor.counters.next_order()
    order = Order(
        order_id=order_id,
        account=account,
        instrument=position.instrument,
        client_id=f"{PREFIXES[why]}{order_id}",
        side=closing_side(position),
        position_side=position.side,
        kind="LIMIT",
        original_kind="LIMIT",
        time_in_force="IOC",
        px=px,
        lots=lots,
        reduce_only=False,
        close_position=False,
        stp="EXPIRE_MAKER",
        price_match="NONE",
        good_till_ms=0,
        created_ms=now,
        updated_ms=now,
        forced=why,
    )
    floor.accounts[account].remember(order)
    settlement.announce(order, "NEW")
    return order


def count(order: Order, lots: int, px: int) -> None:
    """Let an order know of a fill before it is booked."""
    order.filled += lots
    order.filled_ticks_lots += lots * px
    order.status = "PARTIALLY_FILLED" if order.left else "FILLED"


def fill_off_book(settlement: Settlement, listing: Listing, order: Order) -> int:
    """Fill an order wholly at its own price, without commission and without a word on the tape; return the trade id."""
    listing.prints.close()
    listing.last_trade_id += 1
    lots = order.left
    count(order, lots, order.px)
    settlement.fill(order, lots, order.px, False, listing.last_trade_id, free=True)
    return listing.last_trade_id
