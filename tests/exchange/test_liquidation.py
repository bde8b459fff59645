"""Liquidation: orders first, then bracket by bracket through the book, then the insurance fund (8.5)."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from vortex.exchange.instruments import DEFAULT_INSTRUMENTS, QUOTE_SCALE
from vortex.exchange.market_events import BookState

BTC = DEFAULT_INSTRUMENTS["BTCUSDT"]
MILLION = 1_000_000


def whale(stand: Any, money: int = 1_300_000, quantity: str = "100", times: int = 3) -> Any:
    """A large long at 20x, bought in lots that a market order may have."""
    account = stand.venue.open_account("whale", {"USDT": Decimal(money)})
    for _ in range(times):
        stand.book(lots=100_000)
        bought = stand.ask_for(
            "POST", "/fapi/v1/order", "whale", symbol="BTCUSDT", side="BUY", type="MARKET", quantity=quantity
        )
        assert bought.status == 200, bought.body
    return account


def fall(stand: Any, price: float, lots: int = 100_000) -> list[Any]:
    """Book and mark go to a price together."""
    stand.book(bid=int(price * 10), ask=int(price * 10) + 1, lots=lots)
    return stand.mark(price)


def told(events: list[Any], kind: str) -> list[Any]:
    """Payloads of one kind."""
    return [event.payload for event in events if event.payload.get("e") == kind]


def conserved(stand: Any) -> bool:
    """Nothing in any book is unexplained."""
    return all(set(errors.values()) == {0} for errors in stand.venue.conservation().values())


def steps(stand: Any) -> list[tuple[str, str]]:
    """Stage and quantity of every entry of the liquidation record."""
    rows = stand.venue.ledger(kind="liquidation")["entries"]
    return [(row["stage"], row.get("quantity", "")) for row in rows]


def test_a_large_position_is_cut_to_the_bracket_below_and_then_left_alone(stand: Any) -> None:
    """24 million at 2 % become less than 12 million at 1 %; the account complies and keeps what is left."""
    account = whale(stand)
    fall(stand, 76_800)
    position = account.positions[("BTCUSDT", "BOTH")]
    assert 0 < position.notional(stand.venue.floor.marks_e8["BTCUSDT"]) <= 12 * MILLION * QUOTE_SCALE
    assert [stage for stage, _ in steps(stand)] == ["began", "reduced", "ended"]
    assert account.liquidating == {}
    assert conserved(stand)


def test_the_fee_is_charged_on_what_was_liquidated_only(stand: Any) -> None:
    """1.25 % of the part that was sold, as INSURANCE_CLEAR, and into the fund."""
    account = whale(stand)
    before = stand.venue.floor.fund.balance
    events = fall(stand, 76_800)
    sold = sum(fill.lots * fill.px for fill in account.fills if fill.order.forced) * BTC.unit_value
    rows = [row for row in account.income if row.kind == "INSURANCE_CLEAR"]
    assert [row.amount for row in rows] == [-int(sold * BTC.liquidation_fee)]
    assert stand.venue.floor.fund.balance - before == -rows[0].amount
    update = told(events, "ACCOUNT_UPDATE")[-1]["a"]
    assert update["m"] == "INSURANCE_CLEAR"
    assert Decimal(update["B"][0]["bc"]) < 0


def test_the_fee_never_takes_more_than_the_share_of_what_was_cut(stand: Any) -> None:
    """1.25 % of a quarter would ruin a position at 75x; a quarter of the equity leaves it compliant."""
    stand.ask_for("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=75)
    stand.book(lots=10_000)
    stand.market("BUY", "5.000")
    fall(stand, 78_370)
    fee = -next(row.amount for row in stand.account.income if row.kind == "INSURANCE_CLEAR")
    sold = sum(fill.lots * fill.px for fill in stand.account.fills if fill.order.forced) * BTC.unit_value
    assert 0 < fee < int(sold * BTC.liquidation_fee)
    assert 0 < stand.held() < 5_000
    assert stand.account.liquidating == {}
    assert conserved(stand)


def test_the_events_of_a_forced_order_are_those_of_a_liquidation(stand: Any) -> None:
    """`autoclose-`, LIQUIDATION, NEW first and CALCULATED for every fill, each followed by its ACCOUNT_UPDATE."""
    whale(stand)
    orders = [each["o"] for each in told(fall(stand, 76_700, lots=300), "ORDER_TRADE_UPDATE")]
    assert {(each["o"], each["c"][:10], each["f"]) for each in orders} == {("LIQUIDATION", "autoclose-", "IOC")}
    first = [each for each in orders if each["i"] == orders[0]["i"]]
    assert (first[0]["x"], first[0]["X"]) == ("NEW", "NEW")
    assert {each["x"] for each in first[1:-1]} == {"CALCULATED"}
    assert (first[-1]["x"], first[-1]["X"], first[-1]["er"]) == ("EXPIRED", "EXPIRED", "5")
    assert (orders[-1]["x"], orders[-1]["X"]) == ("CALCULATED", "FILLED")


def test_what_the_book_cannot_take_is_taken_over_by_the_fund(stand: Any) -> None:
    """Six coins of liquidity, then the whole rest at the bankruptcy price: the account ends at zero, not below."""
    account = whale(stand)
    fall(stand, 76_700, lots=300)
    assert [stage for stage, _ in steps(stand)] == ["began", "reduced", "taken_over", "ended"]
    assert account.held() == []
    assert 0 <= account.wallets["USDT"] < 300_000 * BTC.unit_value
    fund = stand.venue.floor.fund
    assert (fund.realized != 0, fund.paid) == (True, 0)
    assert conserved(stand)


def test_a_takeover_is_not_on_the_public_tape(stand: Any) -> None:
    """Trades of the insurance fund are left out of aggTrade and the candles; forceOrder shows them."""
    whale(stand)
    stand.book(bid=600_000, ask=790_000, lots=10)
    stand.venue.subscribe("btcusdt@aggTrade")
    stand.venue.subscribe("btcusdt@forceOrder")
    events = stand.mark(76_000.0) + stand.tick(1_500)
    assert stand.venue.floor.accounts["whale"].held() == []
    assert told(events, "aggTrade") == []
    forced = told(events, "forceOrder")[0]["o"]
    assert (forced["S"], forced["X"], forced["o"], forced["f"]) == ("SELL", "FILLED", "LIMIT", "IOC")
    assert Decimal(forced["q"]) == Decimal(forced["z"]) == 300


def test_sales_in_the_book_are_on_the_tape_and_fill_other_accounts(stand: Any) -> None:
    """The liquidation goes through the visible book, where others of this exchange may wait."""
    whale(stand)
    stand.book(bid=768_000, ask=800_000, lots=100_000)
    stand.order(price="77000", quantity="0.100")
    stand.venue.subscribe("btcusdt@aggTrade")
    stand.venue.subscribe("btcusdt@forceOrder")
    events = stand.mark(76_800.0) + stand.tick(2_000)
    assert stand.held() == 100
    assert stand.account.fills[-1].maker
    assert told(events, "aggTrade")
    order = told(events, "forceOrder")[0]["o"]
    assert Decimal(order["p"]) < Decimal(order["ap"])


def test_a_sale_belongs_to_the_candle_of_its_own_minute(stand: Any) -> None:
    """A mark may come first in a minute: the candle before it is closed without the sale."""
    whale(stand)
    stand.tick(60_000 - stand.now % 60_000 - 1)
    stand.now += 1
    fall(stand, 76_800)
    rows = stand.ask_for("GET", "/fapi/v1/klines", symbol="BTCUSDT", interval="1m", limit=2).body
    assert rows[-1][0] == stand.now
    assert Decimal(rows[-2][5]) == 300
    assert Decimal(rows[-1][5]) > 100


def test_orders_are_refused_while_a_liquidation_is_going_on(stand: Any) -> None:
    """Between two steps orders, conditional orders and settings answer -2023; the next step is due 100 ms later."""
    account = whale(stand)
    assert fall(stand, 75_950)
    assert account.liquidating
    held = account.held_lots("BTCUSDT", "BOTH")
    ask = {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": "1", "reduceOnly": "true"}
    stop = {"algoType": "CONDITIONAL", "symbol": "BTCUSDT", "side": "SELL", "type": "STOP_MARKET"}
    assert [
        stand.ask_for("POST", "/fapi/v1/order", "whale", **ask).body["code"],
        stand.ask_for("POST", "/fapi/v1/algoOrder", "whale", **stop, triggerPrice=70000, quantity=1).body["code"],
        stand.ask_for("POST", "/fapi/v1/leverage", "whale", symbol="BTCUSDT", leverage=5).body["code"],
        stand.ask_for("POST", "/fapi/v1/marginType", "whale", symbol="BTCUSDT", marginType="ISOLATED").body["code"],
        stand.ask_for("POST", "/fapi/v1/multiAssetsMargin", "whale", multiAssetsMargin="true").body["code"],
    ] == [-2023] * 5
    stand.tick(50)
    assert account.held_lots("BTCUSDT", "BOTH") == held
    for _ in range(20):
        stand.tick(100)
    assert account.held_lots("BTCUSDT", "BOTH") < held
    assert account.liquidating == {}
    assert conserved(stand)


def test_an_isolated_liquidation_stops_the_orders_of_its_symbol_only(stand: Any) -> None:
    """The rest of the account trades on."""
    account = stand.venue.open_account("whale", {"USDT": Decimal(3_000_000)})
    stand.ask_for("POST", "/fapi/v1/marginType", "whale", symbol="BTCUSDT", marginType="ISOLATED")
    ask = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "100"}
    for _ in range(3):
        stand.book(lots=100_000)
        assert stand.ask_for("POST", "/fapi/v1/order", "whale", **ask).status == 200
    fall(stand, 76_250)
    assert list(account.liquidating) == ["BTCUSDT BOTH"]
    assert stand.ask_for("POST", "/fapi/v1/order", "whale", **ask).body["code"] == -2023
    bid = {"symbol": "ETHUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "2900"}
    assert stand.ask_for("POST", "/fapi/v1/order", "whale", **bid).status == 200


def test_a_recovery_between_two_steps_ends_the_liquidation(stand: Any) -> None:
    """The mark comes back: nothing more is sold and orders are taken again."""
    account = whale(stand)
    fall(stand, 75_950)
    held = account.held_lots("BTCUSDT", "BOTH")
    fall(stand, 79_000)
    stand.tick(1_000)
    assert (account.held_lots("BTCUSDT", "BOTH"), account.liquidating) == (held, {})
    ask = {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": "1", "reduceOnly": "true"}
    assert stand.ask_for("POST", "/fapi/v1/order", "whale", **ask).status == 200


def test_without_steps_it_all_happens_at_once(new_stand: Callable[..., Any]) -> None:
    """With a step time of zero the whole liquidation belongs to one mark."""
    stand = new_stand(liquidation_step_ms=0)
    account = whale(stand)
    fall(stand, 75_950)
    assert account.liquidating == {}
    assert [stage for stage, _ in steps(stand)].count("reduced") > 1


def test_orders_that_could_open_are_canceled_and_closing_stops_live_with_the_position(stand: Any) -> None:
    """Regular orders first, with reason 5; conditional ones that only close stay until the position is gone."""
    stand.ask_for("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=100)
    stand.market("BUY", "1.000")
    stand.order(price="79000", quantity="0.001")
    guard = stand.algo(triggerPrice="60000").body["algoId"]
    opening = stand.algo("BUY", triggerPrice="90000", quantity="0.010").body["algoId"]
    events = stand.mark(70_100.0)
    ended = [(each["o"]["aid"], each["o"]["X"]) for each in told(events, "ALGO_UPDATE")]
    assert ended == [(opening, "CANCELED"), (guard, "CANCELED")]
    assert told(events, "ORDER_TRADE_UPDATE")[0]["o"]["er"] == "5"
    assert (stand.account.open_orders, stand.account.open_algos) == ({}, {})


def test_an_isolated_position_takes_only_its_own_wallet_with_it(stand: Any) -> None:
    """Bankrupt beyond the book: the cross wallet is what it was before, to a fraction of a tick."""
    stand.ask_for("POST", "/fapi/v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
    stand.market("BUY", "0.500")
    beside = stand.account.wallets["USDT"] - stand.account.positions[("BTCUSDT", "BOTH")].isolated_wallet
    stand.book(bid=600_000, ask=790_000)
    events = stand.mark(70_000.0)
    assert stand.account.held() == []
    assert 0 <= stand.account.wallets["USDT"] - beside < 500 * BTC.unit_value
    assert stand.account.positions[("BTCUSDT", "BOTH")].isolated_wallet == 0
    assert not told(events, "MARGIN_CALL")
    assert conserved(stand)


def test_a_part_of_an_isolated_position_pays_from_its_own_wallet(stand: Any) -> None:
    """Cut to the bracket below: result, commission and fee stay with the position, the cross wallet is untouched."""
    account = stand.venue.open_account("whale", {"USDT": Decimal(2_000_000)})
    stand.ask_for("POST", "/fapi/v1/marginType", "whale", symbol="BTCUSDT", marginType="ISOLATED")
    ask = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "100"}
    for _ in range(3):
        stand.book(lots=100_000)
        assert stand.ask_for("POST", "/fapi/v1/order", "whale", **ask).status == 200
    position = account.positions[("BTCUSDT", "BOTH")]
    beside = account.wallets["USDT"] - position.isolated_wallet
    events = fall(stand, 77_100)
    assert 0 < position.lots < 160_000
    assert account.wallets["USDT"] - position.isolated_wallet == beside
    cleared = [each["a"] for each in told(events, "ACCOUNT_UPDATE") if each["a"]["m"] == "INSURANCE_CLEAR"]
    assert cleared[0]["P"][0]["mt"] == "isolated"
    assert conserved(stand)


def test_an_own_order_in_the_way_of_a_liquidation_expires(stand: Any) -> None:
    """An isolated long is sold while the short's bid waits: it is not traded with oneself."""
    stand.ask_for("POST", "/fapi/v1/positionSide/dual", dualSidePosition="true")
    stand.ask_for("POST", "/fapi/v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
    stand.market("BUY", "0.500", positionSide="LONG")
    stand.market("SELL", "0.500", positionSide="SHORT")
    stand.order("BUY", positionSide="SHORT", price="79000", quantity="0.100")
    stand.book(bid=780_000, ask=800_000)
    events = stand.mark(76_200.0)
    assert (stand.held("LONG"), stand.held("SHORT")) == (0, -500)
    ended = [each["o"] for each in told(events, "ORDER_TRADE_UPDATE") if each["o"]["X"] == "EXPIRED_IN_MATCH"]
    assert [each["er"] for each in ended] == ["1"]


def test_a_debt_without_positions_is_paid_by_the_fund(stand: Any) -> None:
    """Sold far below the mark: the wallet is lifted to zero at the next tick, and the fund is poorer by it."""
    account = stand.venue.open_account("hasty", {"USDT": Decimal(500)})
    stand.ask_for("POST", "/fapi/v1/leverage", "hasty", symbol="BTCUSDT", leverage=50)
    ask = {"symbol": "BTCUSDT", "type": "MARKET", "quantity": "0.2"}
    assert stand.ask_for("POST", "/fapi/v1/order", "hasty", side="BUY", **ask).status == 200
    stand.book(bid=765_000, ask=765_001)
    sale = stand.ask_for("POST", "/fapi/v1/order", "hasty", side="SELL", reduceOnly="true", **ask)
    assert sale.status == 200
    debt = -account.wallets["USDT"]
    assert debt > 0
    stand.venue.floor.fund.balance, stand.venue.floor.fund.start = debt - 1, debt - 1
    stand.tick(100)
    assert account.wallets["USDT"] == 0
    assert (stand.venue.floor.fund.balance, stand.venue.floor.fund.covered) == (0, 1)
    assert conserved(stand)


def test_a_liquidation_is_over_when_somebody_else_has_closed_the_position(stand: Any) -> None:
    """Deleveraged between two steps: nothing is left to do, and orders are taken again."""
    account = whale(stand)
    fall(stand, 75_950)
    assert account.liquidating
    stand.venue.deleverage("whale", "BTCUSDT", Decimal(1), stand.now)
    stand.tick(100)
    assert account.liquidating == {}


def test_an_isolated_position_is_called_before_it_is_lost(stand: Any) -> None:
    """MARGIN_CALL names the isolated wallet and no cross wallet."""
    stand.ask_for("POST", "/fapi/v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
    stand.market("BUY", "0.500")
    call = told(stand.mark(76_380.0), "MARGIN_CALL")[0]
    assert (call["cw"], call["p"][0]["mt"], call["p"][0]["iw"]) == ("0", "ISOLATED", "2000.0025")
    assert stand.held() == 500


def test_a_position_is_called_again_after_a_new_start(stand: Any) -> None:
    """Closed and opened anew: the hint comes once more."""
    stand.ask_for("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=100)
    stand.market("BUY", "1.000")
    assert told(stand.mark(70_360.0), "MARGIN_CALL")
    stand.market("SELL", "1.000", reduceOnly="true")
    stand.tick(100)
    stand.mark(80_000.0)
    stand.market("BUY", "1.000")
    assert told(stand.mark(70_450.0), "MARGIN_CALL")


def test_other_isolated_positions_do_not_answer_for_a_lost_one(stand: Any) -> None:
    """Each pocket is judged alone; orders of other symbols stay."""
    stand.ask_for("POST", "/fapi/v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
    stand.market("BUY", "0.500")
    far = {"symbol": "ETHUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1"}
    assert stand.ask_for("POST", "/fapi/v1/order", **far, price="2900").status == 200
    stand.mark(76_100.0)
    assert stand.held() == 0
    assert [order.symbol for order in stand.account.open_orders.values()] == ["ETHUSDT"]


def test_force_orders_lists_them_by_kind(stand: Any) -> None:
    """LIQUIDATION, ADL, or both; at most 100; within a week unless asked."""
    stand.ask_for("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=100)
    stand.market("BUY", "1.000")
    stand.mark(70_000.0)
    path = "/fapi/v1/forceOrders"
    rows = stand.ask_for("GET", path, autoCloseType="LIQUIDATION").body
    assert [row["clientOrderId"][:10] for row in rows] == ["autoclose-"]
    assert stand.ask_for("GET", path).body == rows
    assert stand.ask_for("GET", path, autoCloseType="ADL").body == []
    assert stand.ask_for("GET", path, symbol="ETHUSDT").body == []
    assert stand.ask_for("GET", path, endTime=stand.now - 1).body == []
    assert stand.ask_for("GET", path, autoCloseType="OTHER").body["code"] == -1130
    assert stand.ask_for("GET", path, limit=101).body["code"] == -1130


def test_several_positions_share_the_loss_in_proportion(stand: Any) -> None:
    """Bankruptcy prices are those of an equal move against every position of the pocket."""
    account = stand.venue.open_account("two", {"USDT": Decimal(10_000)})
    ether = "ETHUSDT"
    book = tuple((300_000 - at, 10**6) for at in range(10)), tuple((300_001 + at, 10**6) for at in range(10))

    stand.venue.on_market(BookState(stand.now, ether, *book), stand.now)
    for symbol, quantity in (("BTCUSDT", "1"), (ether, "30")):
        ask = {"symbol": symbol, "side": "BUY", "type": "MARKET", "quantity": quantity}
        assert stand.ask_for("POST", "/fapi/v1/order", "two", **ask).status == 200
    stand.book(bid=600_000, ask=790_000, lots=10)
    stand.venue.on_market(BookState(stand.now, ether, ((200_000, 10),), ((310_000, 10),)), stand.now)
    stand.mark(70_400.0)
    stand.tick(1_000)
    assert account.held() == []
    assert 0 <= account.wallets["USDT"] < QUOTE_SCALE
    taken = {fill.order.symbol: fill.px for fill in account.fills if fill.order.forced}
    assert set(taken) == {"BTCUSDT", ether}
    moved = taken["BTCUSDT"] / 704_000, taken[ether] / 300_000
    assert moved[0] == pytest.approx(moved[1], rel=1e-5)
    assert conserved(stand)


def test_liquidation_can_be_switched_off(new_stand: Callable[..., Any]) -> None:
    """For tests that want a lost account to go on."""
    stand = new_stand(liquidation=False)
    stand.ask_for("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=100)
    stand.market("BUY", "1.000")
    stand.mark(60_000.0)
    assert stand.held() == 1_000
