"""Retail price improvement: orders that the ordinary book does not show and that API takers never meet (sheet 4.2)."""

from typing import Any

from vortex.exchange.events import StreamEvent, UserEvent
from vortex.exchange.matching import RETAIL_EVERY

INSIDE = "80000.0"
"""At the best bid of the quiet market."""


def depth(stand: Any, path: str = "depth", **params: Any) -> Any:
    """The bids of a book."""
    return stand.ask_for("GET", f"/fapi/v1/{path}", symbol="BTCUSDT", **params).body["bids"]


def retail_trades(stand: Any, px: int, lots: int) -> list[Any]:
    """So many trades outside that one of them is from the web site."""
    return [event for _ in range(RETAIL_EVERY) for event in stand.trade(px, lots, sold=True)]


def test_an_rpi_order_is_seen_only_in_the_rpi_book(stand: Any) -> None:
    """Depth and bookTicker are silent about it; rpiDepth counts it at its price."""
    stand.book(bid=799_990)
    before = depth(stand, limit=5)
    assert stand.order(timeInForce="RPI", price=INSIDE).body["timeInForce"] == "RPI"
    assert depth(stand, limit=5) == before
    ticker = stand.ask_for("GET", "/fapi/v1/ticker/bookTicker", symbol="BTCUSDT").body
    assert ticker["bidPrice"] == "79999.00"
    assert depth(stand, "rpiDepth")[0] == ["80000.00", "0.010"]
    assert stand.ask_for("GET", "/fapi/v1/rpiDepth", symbol="BTCUSDT", limit=5).body["code"] == -4021


def test_the_rpi_stream_tells_it_and_the_diff_stream_does_not(stand: Any) -> None:
    """Two chains of the same market."""
    stand.book(bid=799_990)
    for name in ("btcusdt@rpiDepth@500ms", "btcusdt@depth@500ms"):
        stand.venue.subscribe(name)
    stand.tick(500)
    stand.order(timeInForce="RPI", price=INSIDE)
    told = {event.stream: event.payload["b"] for event in stand.tick(500) if isinstance(event, StreamEvent)}
    assert told["btcusdt@rpiDepth@500ms"] == [("80000.00", "0.010")]
    assert told["btcusdt@depth@500ms"] == []


def test_a_crossed_rpi_level_is_hidden_from_the_rpi_book_too(stand: Any) -> None:
    """When the market moves through it."""
    stand.book(bid=799_990)
    stand.order(timeInForce="RPI", price=INSIDE)
    stand.book(bid=799_980, ask=799_995)
    assert ["80000.00", "0.010"] not in depth(stand, "rpiDepth")
    assert stand.held() == 0


def test_an_rpi_order_never_takes(stand: Any) -> None:
    """It is post-only: -5022 at once, and canceled by an amendment that would cross."""
    assert stand.order(timeInForce="RPI", price="80000.1").body["code"] == -5022
    assert stand.market("BUY", timeInForce="RPI").body["code"] == -1106
    placed = stand.order(timeInForce="RPI", price="79990").body["orderId"]
    change = {"symbol": "BTCUSDT", "side": "BUY", "orderId": placed, "quantity": "0.010", "price": "80001"}
    assert stand.ask_for("PUT", "/fapi/v1/order", **change).body["status"] == "CANCELED"


def test_takers_of_the_api_pass_it_by(stand: Any) -> None:
    """Another account sells into the bid and meets the strangers behind it."""
    stand.book(bid=799_990)
    stand.order(timeInForce="RPI", price=INSIDE)
    stand.venue.open_account("other", {"USDT": 10_000})
    sell = {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": "0.010"}
    sold = stand.ask_for("POST", "/fapi/v1/order", account="other", **sell)
    assert sold.status == 200
    assert stand.held() == 0
    assert stand.venue.floor.listing("BTCUSDT").last_px == 799_990


def test_retail_trades_fill_it_at_its_own_price_and_the_tape_says_so(stand: Any) -> None:
    """As maker; `nq` leaves it out, isRPITrade marks it, and a second of the kind fills the rest."""
    stand.venue.subscribe("btcusdt@aggTrade")
    stand.book(bid=799_990)
    stand.order(timeInForce="RPI", price=INSIDE)
    events = retail_trades(stand, 799_990, 4)
    assert stand.held() == 4
    fills = [
        each.payload["o"]
        for each in events
        if isinstance(each, UserEvent) and each.payload["e"] == "ORDER_TRADE_UPDATE"
    ]
    assert [(row["L"], row["l"], row["m"]) for row in fills] == [("80000", "0.004", True)]
    told = [each.payload for each in events if isinstance(each, StreamEvent)]
    assert [(row["q"], row["nq"]) for row in told] == [("0.004", "0.004")] * (RETAIL_EVERY - 1) + [("0.004", "0.000")]
    trades = stand.ask_for("GET", "/fapi/v1/trades", symbol="BTCUSDT", limit=RETAIL_EVERY).body
    assert [row["isRPITrade"] for row in trades] == [False] * (RETAIL_EVERY - 1) + [True]
    rows = stand.ask_for("GET", "/fapi/v1/aggTrades", symbol="BTCUSDT").body
    assert (rows[-1]["q"], rows[-1]["nq"]) == ("0.004", "0.000")
    retail_trades(stand, 799_990, 9)
    assert stand.held() == 10
    assert stand.venue.conservation()["main"]["fills"] == 0


def test_an_rpi_order_can_be_canceled(stand: Any) -> None:
    """By itself or with all others."""
    first = stand.order(timeInForce="RPI", price="79990").body["orderId"]
    stand.order(timeInForce="RPI", price="79980")
    assert stand.ask_for("DELETE", "/fapi/v1/order", symbol="BTCUSDT", orderId=first).body["status"] == "CANCELED"
    assert stand.ask_for("DELETE", "/fapi/v1/allOpenOrders", symbol="BTCUSDT").status == 200
    assert stand.venue.floor.listing("BTCUSDT").engine.retail == {1: [], -1: []}


def test_surplus_reduce_only_rpi_orders_expire_with_the_position(stand: Any) -> None:
    """Reason 4, like any other."""
    stand.market("BUY", "0.010")
    stand.order("SELL", timeInForce="RPI", price="80100", reduceOnly="true")
    stand.market("SELL", "0.010", reduceOnly="true")
    assert stand.account.open_orders == {}
