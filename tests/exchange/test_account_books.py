"""Money and positions: exact arithmetic, conservation, funding, margin, liquidation."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vortex.exchange.account import Account, Position
from vortex.exchange.instruments import DEFAULT_INSTRUMENTS, QUOTE_SCALE
from vortex.exchange.margin import maintenance_margin

BTC = DEFAULT_INSTRUMENTS["BTCUSDT"]
TRADES = st.lists(st.tuples(st.integers(-50, 50).filter(bool), st.integers(700_000, 900_000)), min_size=1, max_size=40)


@given(TRADES)
@pytest.mark.property
def test_realized_profit_plus_open_cost_is_the_cash_that_changed_hands(trades: list[tuple[int, int]]) -> None:
    """To the last 1e-8, however often the position is opened, cut, or turned over."""
    position = Position(BTC, "BOTH")
    cash = realized = 0
    for lots, px in trades:
        realized += position.trade(lots, px)
        cash -= lots * px * BTC.unit_value
    assert position.lots == sum(lots for lots, _ in trades)
    assert cash == realized - position.cost
    assert (position.cost == 0) == (position.lots == 0)


@given(TRADES)
@pytest.mark.property
def test_the_entry_price_lies_between_the_prices_paid(trades: list[tuple[int, int]]) -> None:
    """An average is never outside what it averages, and a reduction leaves it where it is."""
    position = Position(BTC, "BOTH")
    for lots, px in trades:
        before, entry = position.lots, position.entry_e8()
        position.trade(lots, px)
        if position.lots and before * position.lots > 0 and abs(position.lots) < abs(before):
            assert abs(position.entry_e8() - entry) <= QUOTE_SCALE // 1_000
        if position.lots:
            assert 700_000 * BTC.tick_e8 <= position.entry_e8() <= 900_000 * BTC.tick_e8


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("market"), st.sampled_from(["BUY", "SELL"]), st.integers(1, 30), st.booleans()),
        st.tuples(st.just("limit"), st.sampled_from(["BUY", "SELL"]), st.integers(1, 30), st.integers(-30, 30)),
        st.tuples(st.just("stop"), st.sampled_from(["BUY", "SELL"]), st.integers(1, 60), st.booleans()),
        st.tuples(st.just("trade"), st.booleans(), st.integers(-40, 40), st.integers(1, 3_000)),
        st.tuples(st.just("book"), st.integers(-40, 40), st.integers(1, 20), st.integers(1, 2_000)),
        st.tuples(st.just("mark"), st.integers(-2_000, 2_000), st.just(0), st.just(0)),
        st.tuples(st.just("time"), st.integers(1, 30_000_000), st.just(0), st.just(0)),
        st.tuples(st.just("cancel"), st.just(0), st.just(0), st.just(0)),
    ),
    max_size=40,
)


def act(stand: Any, action: tuple[Any, ...]) -> None:
    """One step of a generated story."""
    kind, first, second, third = action
    if kind == "market":
        stand.market(first, f"0.{second:03d}", **({"reduceOnly": "true"} if third else {}))
    elif kind == "limit":
        stand.order(first, quantity=f"0.{second:03d}", price=f"{80000 + third / 10:.1f}")
    elif kind == "stop":
        distance = second if first == "BUY" else -second
        extra = {"reduceOnly": "true", "quantity": "0.010"} if third else {}
        stand.algo(first, triggerPrice=f"{80000 + distance / 10:.1f}", **extra)
    elif kind == "trade":
        stand.trade(800_000 + second, third, sold=first)
    elif kind == "book":
        stand.book(bid=800_000 + first, ask=800_000 + first + second, lots=third)
    elif kind == "mark":
        stand.mark(80_000 + first)
    elif kind == "time":
        stand.tick(first)
    else:
        stand.ask_for("DELETE", "/fapi/v1/allOpenOrders", symbol="BTCUSDT")


@given(ACTIONS)
@settings(max_examples=60, deadline=None)
@pytest.mark.property
def test_money_is_conserved_and_fills_add_up_to_the_position(actions: list[tuple[Any, ...]]) -> None:
    """Whatever is traded, triggered, funded or liquidated: wallets explain themselves, fills are the position."""
    stand = NEW_STAND()
    reducing: dict[int, int] = {}
    for action in actions:
        act(stand, action)
        assert set(stand.venue.conservation()["main"].values()) == {0}
        filled = sum(fill.lots * fill.order.side for fill in stand.account.fills)
        assert filled == stand.held()
        for order in stand.account.orders_by_id.values():
            assert 0 <= order.filled <= order.lots
            assert order.open == (order.order_id in stand.account.open_orders)
            reducing[order.order_id] = order.filled
    for fill in stand.account.fills:
        if fill.order.px and not fill.order.client_id.startswith("autoclose-"):
            assert fill.order.side * (fill.order.px - fill.px) >= 0


@pytest.fixture(autouse=True, scope="module")
def _factory(request: pytest.FixtureRequest) -> None:
    """The generated stories need a fresh exchange each, which a fixture cannot give them."""
    global NEW_STAND
    NEW_STAND = type(request.getfixturevalue("shared_stand"))


NEW_STAND: Any = None


def test_the_fee_is_taken_from_the_quote_and_counted(stand: Any) -> None:
    """Takers pay 0.05 % of the notional."""
    stand.market("BUY")
    fill = stand.account.fills[-1]
    assert fill.commission == 800_001 * 10 * BTC.unit_value * 5 // 10_000
    assert stand.account.wallets["USDT"] == 10_000 * QUOTE_SCALE - fill.commission


def test_bnb_pays_fees_at_a_discount_while_it_lasts(stand: Any) -> None:
    """With fee burn on and BNB in the wallet, 90 % of the fee is taken in BNB at its mark."""
    stand.account.deposit("BNB", QUOTE_SCALE)
    response = stand.market("BUY")
    fill = stand.account.fills[-1]
    assert fill.commission_asset == "BNB"
    fee = 800_001 * 10 * BTC.unit_value * 5 // 10_000
    assert fill.commission == fee * 90 * QUOTE_SCALE // (100 * stand.venue.floor.marks_e8["BNBUSDT"])
    assert response.events[2].payload["o"]["N"] == "BNB"
    stand.ask_for("POST", "/fapi/v1/feeBurn", feeBurn="false")
    stand.market("SELL", reduceOnly="true")
    assert stand.account.fills[-1].commission_asset == "USDT"


def test_without_enough_bnb_the_full_fee_is_taken_in_the_quote(stand: Any) -> None:
    """The fall back is silent."""
    stand.account.deposit("BNB", 1)
    stand.market("BUY")
    assert stand.account.fills[-1].commission_asset == "USDT"


def test_funding_is_paid_by_longs_at_the_mark_and_told(stand: Any) -> None:
    """-position x mark x rate at the settlement, with `S` and `bc` (11.2-6)."""
    stand.market("BUY", "0.100")
    stand.mark(80_000.0, rate=0.0001)
    wallet = stand.account.wallets["USDT"]
    due = stand.venue.floor.listing("BTCUSDT").next_funding_ms
    events = stand.tick(due - stand.now)
    paid = wallet - stand.account.wallets["USDT"]
    assert paid == 8_000 * QUOTE_SCALE // 10_000
    update = next(event.payload for event in events if event.payload["e"] == "ACCOUNT_UPDATE")
    assert (update["a"]["m"], update["a"]["S"], update["a"]["P"]) == ("FUNDING_FEE", "BTCUSDT", [])
    assert update["a"]["B"][0]["bc"] == "-0.8"
    rows = stand.ask_for("GET", "/fapi/v1/income", incomeType="FUNDING_FEE").body
    assert [row["income"] for row in rows] == ["-0.80000000"]


def test_maintenance_margin_is_continuous_over_bracket_borders() -> None:
    """`cum` makes the step between brackets vanish."""
    for rung in BTC.brackets[:-1]:
        border = rung.notional_cap * QUOTE_SCALE
        assert abs(maintenance_margin(BTC, border + 1) - maintenance_margin(BTC, border)) <= 1


def test_the_liquidation_price_is_where_equity_meets_maintenance(stand: Any) -> None:
    """At the printed price, wallet plus profit equals the maintenance margin (8.4)."""
    stand.ask_for("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=100)
    stand.market("BUY", "1.000")
    row = stand.ask_for("GET", "/fapi/v3/positionRisk", symbol="BTCUSDT").body[0]
    price = Decimal(row["liquidationPrice"])
    wallet = Decimal(stand.account.wallets["USDT"]) / QUOTE_SCALE
    equity = wallet + (price - Decimal(row["entryPrice"]))
    needed = Decimal(maintenance_margin(BTC, int(price * QUOTE_SCALE))) / QUOTE_SCALE
    assert abs(equity - needed) < Decimal("0.01")


def test_an_account_below_maintenance_is_liquidated(stand: Any) -> None:
    """Orders are canceled, the position is closed by an `autoclose-` order, the fee is booked, money adds up."""
    stand.ask_for("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=100)
    stand.market("BUY", "1.000")
    stand.order(price="79000", quantity="0.001")
    events = stand.mark(70_000.0)
    assert stand.held() == 0
    told = [event.payload["o"] for event in events if event.payload["e"] == "ORDER_TRADE_UPDATE"]
    assert told[-1]["c"].startswith("autoclose-")
    assert (told[-1]["x"], told[-1]["X"], told[-1]["o"]) == ("CALCULATED", "FILLED", "LIQUIDATION")
    assert stand.account.open_orders == {}
    assert set(stand.venue.conservation()["main"].values()) == {0}
    rows = stand.ask_for("GET", "/fapi/v1/income", incomeType="INSURANCE_CLEAR").body
    assert rows


def test_a_margin_call_comes_before_the_liquidation(stand: Any) -> None:
    """One hint when maintenance reaches 80 % of equity."""
    stand.ask_for("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=100)
    stand.market("BUY", "1.000")
    calls = [event for event in stand.mark(70_360.0) if event.payload["e"] == "MARGIN_CALL"]
    again = [event for event in stand.mark(70_360.0) if event.payload["e"] == "MARGIN_CALL"]
    assert (len(calls), again) == (1, [])


def test_open_orders_block_margin_and_reducing_orders_do_not(stand: Any) -> None:
    """A bid blocks notional over leverage; an ask that only closes blocks nothing (8.5)."""
    stand.market("BUY", "0.100")
    before = Decimal(stand.ask_for("GET", "/fapi/v3/account").body["totalOpenOrderInitialMargin"])
    stand.order("SELL", price="81000", quantity="0.100")
    same = Decimal(stand.ask_for("GET", "/fapi/v3/account").body["totalOpenOrderInitialMargin"])
    stand.order("BUY", price="79000", quantity="0.100")
    after = Decimal(stand.ask_for("GET", "/fapi/v3/account").body["totalOpenOrderInitialMargin"])
    assert (before, same, after) == (0, 0, Decimal(395))


def test_isolated_positions_carry_their_own_wallet(stand: Any) -> None:
    """The margin moves in with the position, more can be added, and it comes back with the close."""
    assert stand.ask_for("POST", "/fapi/v1/marginType", symbol="BTCUSDT", marginType="ISOLATED").status == 200
    again = stand.ask_for("POST", "/fapi/v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
    assert again.body["code"] == -4046
    stand.market("BUY", "0.100")
    row = stand.ask_for("GET", "/fapi/v3/positionRisk").body[0]
    assert Decimal(row["isolatedWallet"]) == Decimal("400.0005")
    stand.ask_for("POST", "/fapi/v1/positionMargin", symbol="BTCUSDT", amount="50", type=1)
    row = stand.ask_for("GET", "/fapi/v3/positionRisk").body[0]
    assert Decimal(row["isolatedWallet"]) == Decimal("450.0005")
    stand.market("SELL", "0.100", reduceOnly="true")
    summary = stand.ask_for("GET", "/fapi/v3/account").body
    assert summary["totalCrossWalletBalance"] == summary["totalWalletBalance"]


@pytest.mark.parametrize(
    ("path", "params", "code"),
    [
        ("/fapi/v1/positionSide/dual", {"dualSidePosition": "false"}, -4059),
        ("/fapi/v1/multiAssetsMargin", {"multiAssetsMargin": "false"}, -4171),
        ("/fapi/v1/marginType", {"symbol": "BTCUSDT", "marginType": "CROSSED"}, -4046),
        ("/fapi/v1/leverage", {"symbol": "BTCUSDT", "leverage": "126"}, -4028),
    ],
)
def test_settings_that_are_already_so_have_their_own_codes(
    stand: Any, path: str, params: dict[str, str], code: int
) -> None:
    """Errors that mean success to a client (T22), and an impossible leverage."""
    assert stand.ask_for("POST", path, **params).body["code"] == code


def test_the_position_mode_cannot_change_under_orders_or_positions(stand: Any) -> None:
    """-4067 with orders, -4068 with a position."""
    stand.order()
    assert stand.ask_for("POST", "/fapi/v1/positionSide/dual", dualSidePosition="true").body["code"] == -4067
    stand.ask_for("DELETE", "/fapi/v1/allOpenOrders", symbol="BTCUSDT")
    stand.market("BUY")
    assert stand.ask_for("POST", "/fapi/v1/positionSide/dual", dualSidePosition="true").body["code"] == -4068


def test_a_fresh_account_explains_itself() -> None:
    """Deposits alone leave nothing unexplained."""
    account = Account("fresh")
    account.deposit("USDT", 5)
    assert account.conservation_error() == {"USDT": 0, "fills": 0}


def test_a_reduce_only_order_that_could_turn_the_position_beyond_our_means_is_refused(stand: Any) -> None:
    """-4118: beside an open order of its side, all together must be affordable; without one, reducing always is."""
    stand.market("BUY", "1.000")
    reducing = {"quantity": "1.000", "price": "81000", "reduceOnly": "true"}
    assert stand.order("SELL", **reducing, newClientOrderId="alone").status == 200
    stand.ask_for("DELETE", "/fapi/v1/order", symbol="BTCUSDT", origClientOrderId="alone")
    assert stand.order("SELL", quantity="1.000", price="81000", newClientOrderId="beside").status == 200
    assert stand.order("SELL", **reducing, newClientOrderId="affordable").status == 200
    for name in ("beside", "affordable"):
        stand.ask_for("DELETE", "/fapi/v1/order", symbol="BTCUSDT", origClientOrderId=name)
    assert stand.order("SELL", quantity="3.300", price="81000").status == 200
    refused = stand.order("SELL", **reducing)
    assert (refused.status, refused.body["code"]) == (400, -4118)
    assert stand.algo("SELL").status == 200
