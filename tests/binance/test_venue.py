"""BinanceVenue against a stand-in exchange: what leaves for each order, and what each answer becomes."""

from decimal import Decimal

import msgspec
import pytest
import pytest_asyncio

from vortex.adapters.binance.remembered import Remembered
from vortex.adapters.binance.rest import RestClient
from vortex.adapters.binance.signing import Credentials
from vortex.adapters.binance.venue import BinanceVenue
from vortex.domain.market import Interval
from vortex.domain.orders import Leg, OrderKind, OrderSpec, OrderState, Side, TimeInForce
from vortex.kernel.clock import SystemClock
from vortex.kernel.errors import NotSent, OutcomeUnknown, VenueRejected
from vortex.ports import VenuePort

pytestmark = pytest.mark.asyncio

NOW = 1_794_000_000_000
ORDER = {
    "orderId": 700000001,
    "symbol": "BTCUSDT",
    "status": "NEW",
    "clientOrderId": "v7-1",
    "price": "100000.0",
    "origQty": "0.010",
    "executedQty": "0.000",
    "timeInForce": "GTX",
    "type": "LIMIT",
    "reduceOnly": False,
    "closePosition": False,
    "side": "BUY",
    "positionSide": "BOTH",
    "stopPrice": "0.0",
    "origType": "LIMIT",
    "updateTime": NOW,
}
ALGO = {
    "algoId": 4000000000000001,
    "clientAlgoId": "v7-S",
    "algoType": "CONDITIONAL",
    "orderType": "STOP_MARKET",
    "symbol": "BTCUSDT",
    "side": "SELL",
    "quantity": "0.010",
    "algoStatus": "NEW",
    "triggerPrice": "95000.0",
    "price": "0.0",
    "icebergQuantity": None,
    "closePosition": False,
    "reduceOnly": True,
    "createTime": NOW,
    "updateTime": NOW,
    "triggerTime": 0,
}
TRADE = {
    "symbol": "BTCUSDT",
    "id": 900000001,
    "orderId": 700000001,
    "side": "BUY",
    "positionSide": "BOTH",
    "price": "100000.0",
    "qty": "0.010",
    "realizedPnl": "0",
    "commission": "0.50000000",
    "commissionAsset": "USDT",
    "time": NOW,
    "maker": True,
}
ACCOUNT = {
    "totalInitialMargin": "100.0",
    "totalWalletBalance": "9999.5",
    "totalMarginBalance": "10000.5",
    "availableBalance": "9899.5",
    "assets": [{"asset": "BNB", "walletBalance": "0"}, {"asset": "USDT", "walletBalance": "9999.5"}],
}
POSITION = {
    "symbol": "BTCUSDT",
    "positionSide": "BOTH",
    "positionAmt": "-0.010",
    "entryPrice": "100000.0",
    "updateTime": NOW,
}


def spec(**changes: object) -> OrderSpec:
    """A post-only entry, changed as told."""
    fields: dict[str, object] = {
        "client_order_id": "v7-1",
        "symbol": "BTCUSDT",
        "trade_no": 1,
        "leg": Leg.ENTRY,
        "attempt": 1,
        "side": Side.BUY,
        "kind": OrderKind.LIMIT,
        "time_in_force": TimeInForce.GTX,
        "qty_lots": 10,
        "px_ticks": 1_000_000,
    }
    return OrderSpec(**{**fields, **changes})


@pytest_asyncio.fixture
async def venue(rest):
    """The adapter over the stand-in."""
    return BinanceVenue(rest, ("BTCUSDT",))


async def test_a_post_only_entry_leaves_as_limit_gtx(stub, venue):
    """Prices and quantities travel as plain decimals on the grid."""
    stub.answer("POST", "/fapi/v1/order", ORDER)
    order = await venue.submit(spec(), venue.venue_ms())
    (sent,) = stub.asked("POST", "/fapi/v1/order")
    assert {name: sent[name] for name in ("symbol", "side", "type", "timeInForce", "quantity", "price")} == {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTX",
        "quantity": "0.010",
        "price": "100000.00",
    }
    assert (sent["newClientOrderId"], sent["newOrderRespType"]) == ("v7-1", "RESULT")
    assert "reduceOnly" not in sent
    assert (order.state, order.venue_order_id, order.qty_lots, order.px_ticks) == (
        OrderState.ACCEPTED,
        700000001,
        10,
        1_000_000,
    )


async def test_a_market_close_is_reduce_only_and_carries_no_price(stub, venue):
    """A parameter that the type does not need is refused by the exchange (-1106)."""
    stub.answer("POST", "/fapi/v1/order", ORDER | {"type": "MARKET", "status": "FILLED", "executedQty": "0.010"})
    close = spec(kind=OrderKind.MARKET, px_ticks=0, reduce_only=True, side=Side.SELL, leg=Leg.CLOSE)
    order = await venue.submit(close, venue.venue_ms())
    (sent,) = stub.asked("POST", "/fapi/v1/order")
    assert sent["reduceOnly"] == "true"
    assert {"price", "timeInForce"}.isdisjoint(sent)
    assert (order.state, order.executed_lots) == (OrderState.FILLED, 10)


@pytest.mark.parametrize(
    ("changes", "expected", "absent"),
    [
        ({"close_position": True, "qty_lots": 0}, {"closePosition": "true"}, {"quantity", "reduceOnly"}),
        ({"reduce_only": True}, {"quantity": "0.010", "reduceOnly": "true"}, {"closePosition"}),
    ],
)
async def test_a_stop_leaves_as_a_conditional_order(stub, venue, changes, expected, absent):
    """Stops are refused on the order endpoint (-4120); closePosition excludes quantity and reduceOnly."""
    stub.answer("POST", "/fapi/v1/algoOrder", ALGO)
    stop = spec(
        client_order_id="v7-S", kind=OrderKind.STOP_MARKET, px_ticks=0, trigger_ticks=950_000, side=Side.SELL, **changes
    )
    order = await venue.submit(stop, venue.venue_ms())
    (sent,) = stub.asked("POST", "/fapi/v1/algoOrder")
    assert (
        sent.items()
        >= {
            "algoType": "CONDITIONAL",
            "type": "STOP_MARKET",
            "triggerPrice": "95000.00",
            "workingType": "CONTRACT_PRICE",
            "clientAlgoId": "v7-S",
            "newOrderRespType": "RESULT",
            **expected,
        }.items()
    )
    assert absent.isdisjoint(sent)
    assert (order.is_algo, order.state, order.trigger_ticks, order.child_order_id) == (
        True,
        OrderState.ACCEPTED,
        950_000,
        0,
    )


@pytest.mark.parametrize("code", [-2011, -2013, -4117])
async def test_a_cancel_that_did_not_take_keeps_its_code(stub, venue, refuse, code):
    """The caller must ask what became of the order, whichever of the three it is."""
    stub.script("DELETE", "/fapi/v1/algoOrder", refuse(code, "no"))
    with pytest.raises(VenueRejected) as caught:
        await venue.cancel("v7-S", "BTCUSDT", is_algo=True)
    assert caught.value.code == code
    assert stub.asked("DELETE", "/fapi/v1/algoOrder")[0]["clientAlgoId"] == "v7-S"


async def test_only_the_exchanges_own_word_means_not_found(stub, venue, refuse):
    """-2013 is an answer; a failed question is none."""
    stub.script("GET", "/fapi/v1/order", refuse(-2013, "Order does not exist."), refuse(-2013, "", 502), None, None)
    assert await venue.query("v7-1", "BTCUSDT", is_algo=False) == (None, ())
    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            await venue.query("v7-1", "BTCUSDT", is_algo=False)


async def test_a_filled_order_is_answered_with_its_fills(stub, venue):
    """Since mid-2026 the fill price is found in userTrades and reads only."""
    stub.answer("GET", "/fapi/v1/order", ORDER | {"status": "FILLED", "executedQty": "0.010", "avgPrice": "100000.00"})
    stub.answer("GET", "/fapi/v1/userTrades", [TRADE])
    order, fills = await venue.query("v7-1", "BTCUSDT", is_algo=False)
    assert (order.state, order.avg_px) == (OrderState.FILLED, Decimal("100000.00"))
    assert [(fill.client_order_id, fill.venue_trade_id, fill.fee) for fill in fills] == [
        ("v7-1", 900000001, Decimal("0.50000000"))
    ]
    assert stub.asked("GET", "/fapi/v1/userTrades")[0]["orderId"] == "700000001"


async def test_a_triggered_stop_is_described_by_its_child(stub, venue):
    """The fill is under the child's order id, never under the algo id."""
    stub.answer("GET", "/fapi/v1/algoOrder", ALGO | {"algoStatus": "TRIGGERED", "actualOrderId": "700000002"})
    child = {
        "orderId": 700000002,
        "clientOrderId": "v7-S",
        "status": "FILLED",
        "executedQty": "0.010",
        "type": "MARKET",
    }
    stub.answer("GET", "/fapi/v1/order", ORDER | child | {"avgPrice": "94990.0", "side": "SELL"})
    stub.answer("GET", "/fapi/v1/userTrades", [TRADE | {"orderId": 700000002, "side": "SELL"}])
    order, fills = await venue.query("v7-S", "BTCUSDT", is_algo=True)
    assert (order.is_algo, order.state, order.child_order_id, order.executed_lots) == (
        True,
        OrderState.FILLED,
        700000002,
        10,
    )
    assert [(fill.client_order_id, fill.venue_order_id) for fill in fills] == [("v7-S", 700000002)]
    assert stub.asked("GET", "/fapi/v1/userTrades")[0]["orderId"] == "700000002"


@pytest.mark.parametrize(
    ("status", "executed", "expected"),
    [
        ("NEW", "0", OrderState.ACCEPTED),
        ("PARTIALLY_FILLED", "0.004", OrderState.ACCEPTED),
        ("FILLED", "0.010", OrderState.FILLED),
        ("EXPIRED", "0.004", OrderState.FILLED),
        ("EXPIRED", "0", OrderState.EXPIRED),
    ],
)
async def test_a_triggered_stop_stays_accepted_until_its_child_has_ended(stub, venue, status, executed, expected):
    """Then it is filled when anything was executed, and expired otherwise."""
    stub.answer("GET", "/fapi/v1/algoOrder", ALGO | {"algoStatus": "TRIGGERED", "actualOrderId": "700000002"})
    child = {"orderId": 700000002, "clientOrderId": "v7-S", "status": status, "executedQty": executed, "type": "MARKET"}
    stub.answer("GET", "/fapi/v1/order", ORDER | child)
    stub.answer("GET", "/fapi/v1/userTrades", [])
    order, _ = await venue.query("v7-S", "BTCUSDT", is_algo=True)
    assert (order.state, order.child_order_id) == (expected, 700000002)


async def test_a_triggered_stop_whose_child_is_not_visible_yet_still_works(stub, venue, refuse):
    """The child may lag; the parent's word stands until it shows."""
    stub.answer("GET", "/fapi/v1/algoOrder", ALGO | {"algoStatus": "TRIGGERED", "actualOrderId": "700000002"})
    stub.script("GET", "/fapi/v1/order", refuse(-2013, "Order does not exist."))
    order, fills = await venue.query("v7-S", "BTCUSDT", is_algo=True)
    assert (order.state, order.reason, fills) == (OrderState.ACCEPTED, "TRIGGERED", ())


async def test_a_snapshot_holds_everything_and_names_its_fills(stub, venue):
    """Orders of both kinds, positions, balance, and fills of the asked symbols under their client ids (S3-9)."""
    stub.answer("GET", "/fapi/v1/openOrders", [ORDER])
    stub.answer("GET", "/fapi/v1/openAlgoOrders", [ALGO])
    stub.answer("GET", "/fapi/v3/positionRisk", [POSITION])
    stub.answer("GET", "/fapi/v3/account", ACCOUNT)
    stub.answer("GET", "/fapi/v1/userTrades", [TRADE, TRADE | {"id": 900000002, "orderId": 600}])
    stub.answer("GET", "/fapi/v1/allOrders", [ORDER | {"orderId": 600, "clientOrderId": "older"}])
    taken = await venue.snapshot(7, "", venue.venue_ms() - 60_000)
    assert [order.client_order_id for order in taken.orders] == ["v7-1", "v7-S"]
    assert [(position.symbol, position.qty_lots) for position in taken.positions] == [("BTCUSDT", -10)]
    assert (taken.balance.wallet, taken.balance.margin_balance) == (Decimal("9999.5"), Decimal("10000.5"))
    assert [(fill.venue_trade_id, fill.client_order_id) for fill in taken.fills] == [
        (900000001, "v7-1"),
        (900000002, "older"),
    ]
    assert (taken.token, taken.symbol) == (7, "")


async def test_a_snapshot_with_one_failed_read_is_no_snapshot(stub, venue, refuse):
    """Missing information must never look like an empty account."""
    stub.answer("GET", "/fapi/v1/openOrders", [])
    stub.answer("GET", "/fapi/v1/openAlgoOrders", [])
    stub.answer("GET", "/fapi/v3/account", ACCOUNT)
    stub.script("GET", "/fapi/v3/positionRisk", refuse(-1000, "", 503))
    with pytest.raises(OutcomeUnknown):
        await venue.snapshot(1, "BTCUSDT", venue.venue_ms())


async def test_a_hedge_mode_position_is_no_snapshot(stub, venue):
    """Two positions of one symbol cannot be said in one signed number."""
    stub.answer("GET", "/fapi/v1/openOrders", [])
    stub.answer("GET", "/fapi/v1/openAlgoOrders", [])
    stub.answer("GET", "/fapi/v3/account", ACCOUNT)
    stub.answer("GET", "/fapi/v3/positionRisk", [POSITION | {"positionSide": "LONG"}])
    with pytest.raises(OutcomeUnknown, match="hedge"):
        await venue.snapshot(1, "BTCUSDT", venue.venue_ms())


async def test_fills_of_weeks_are_read_in_windows_and_pages(stub, venue, known):
    """Seven days at most per question; a full window goes on by trade id, and nothing is counted twice."""
    full = [TRADE | {"id": number} for number in range(1, 1_001)]

    def answer(asked):
        if "fromId" in asked:
            return [TRADE | {"id": number} for number in range(int(asked["fromId"]), 1_503)][:1_000]
        return full if int(asked["startTime"]) >= NOW - 8 * 86_400_000 else [TRADE | {"id": 1}]

    stub.answer("GET", "/fapi/v1/userTrades", answer)
    stub.answer("GET", "/fapi/v1/allOrders", [ORDER])
    fills = await venue.account.fills("BTCUSDT", NOW - 20 * 86_400_000, NOW, known)
    questions = stub.asked("GET", "/fapi/v1/userTrades")
    assert [fill.venue_trade_id for fill in fills] == list(range(1, 1_503))
    assert all(int(q["endTime"]) - int(q["startTime"]) < 7 * 86_400_000 for q in questions if "startTime" in q)
    assert [q["fromId"] for q in questions if "fromId" in q] == ["1001"]


async def test_cancel_all_takes_stops_too_even_when_the_first_half_fails(stub, venue, refuse):
    """The exchange keeps the two kinds apart; a panic must reach both."""
    stub.script("DELETE", "/fapi/v1/allOpenOrders", refuse(-1007, "", 408))
    stub.answer("DELETE", "/fapi/v1/algoOpenOrders", {"code": 200, "msg": "done"})
    with pytest.raises(OutcomeUnknown):
        await venue.cancel_all("BTCUSDT")
    assert len(stub.asked("DELETE", "/fapi/v1/algoOpenOrders")) == 1


async def test_modes_that_are_set_already_are_success(stub, venue, refuse):
    """-4046, -4059 and -4171 say: it is so."""
    stub.answer("GET", "/fapi/v1/accountConfig", {"dualSidePosition": True, "multiAssetsMargin": True})
    stub.answer("GET", "/fapi/v1/symbolConfig", [{"symbol": "BTCUSDT", "marginType": "ISOLATED", "leverage": 5}])
    stub.script("POST", "/fapi/v1/positionSide/dual", refuse(-4059, ""))
    stub.script("POST", "/fapi/v1/multiAssetsMargin", refuse(-4171, ""))
    stub.script("POST", "/fapi/v1/marginType", refuse(-4046, ""), refuse(-4048, "position exists"))
    await venue.ensure_account_modes(["BTCUSDT"])
    stub.answer("GET", "/fapi/v1/accountConfig", {"dualSidePosition": False, "multiAssetsMargin": False})
    with pytest.raises(VenueRejected):
        await venue.ensure_account_modes(["BTCUSDT"])
    assert stub.asked("POST", "/fapi/v1/positionSide/dual")[0]["dualSidePosition"] == "false"


@pytest.mark.parametrize(
    ("burn", "bnb", "expected"), [(True, "1.5", "0.00018"), (True, "0", "0.0002"), (False, "1.5", "0.0002")]
)
async def test_fees_are_discounted_only_while_there_is_bnb_to_pay(stub, venue, burn, bnb, expected):
    """Without BNB in the wallet the exchange silently charges the full rate (P-5)."""
    rates = {"symbol": "BTCUSDT", "makerCommissionRate": "0.000200", "takerCommissionRate": "0.000500"}
    stub.answer("GET", "/fapi/v1/commissionRate", rates)
    stub.answer("GET", "/fapi/v1/feeBurn", {"feeBurn": burn})
    stub.answer("GET", "/fapi/v3/account", ACCOUNT | {"assets": [{"asset": "BNB", "walletBalance": bnb}]})
    maker, _ = (await venue.fee_rates(["BTCUSDT"]))["BTCUSDT"]
    assert maker == Decimal(expected)


async def test_a_restart_within_the_hour_asks_for_no_rates(stub, rest, tmp_path):
    """The discount is asked for once, each symbol's rates once; a successor asks for what is new to it."""
    stub.answer("GET", "/fapi/v1/feeBurn", {"feeBurn": False})
    stub.answer(
        "GET",
        "/fapi/v1/commissionRate",
        lambda asked: {"symbol": asked["symbol"], "makerCommissionRate": "0.0002", "takerCommissionRate": "0.0005"},
    )

    def venue() -> BinanceVenue:
        return BinanceVenue(rest, ("BTCUSDT", "ETHUSDT"), Remembered(tmp_path / "account.json"))

    first = await venue().fee_rates(["BTCUSDT", "ETHUSDT"])
    second = await venue().fee_rates(["BTCUSDT", "ETHUSDT", "XRPUSDT"])
    assert second == first | {"XRPUSDT": first["BTCUSDT"]}
    assert [q["symbol"] for q in stub.asked("GET", "/fapi/v1/commissionRate")] == ["BTCUSDT", "ETHUSDT", "XRPUSDT"]
    assert len(stub.asked("GET", "/fapi/v1/feeBurn")) == 2


async def test_a_quick_snapshot_lists_only_our_symbols_and_the_held_once_all_were_listed(stub, rest, tmp_path):
    """The first lists the whole account for 80 of weight, the next ones each symbol for 2; everything else is read."""
    stub.answer("GET", "/fapi/v1/openOrders", [])
    stub.answer("GET", "/fapi/v1/openAlgoOrders", [])
    stub.answer("GET", "/fapi/v3/positionRisk", [POSITION, POSITION | {"symbol": "ETHUSDT"}])
    stub.answer("GET", "/fapi/v3/account", ACCOUNT)
    stub.answer("GET", "/fapi/v1/userTrades", [])
    for _ in range(2):  # the second is a successor's
        venue = BinanceVenue(rest, ("BTCUSDT",), Remembered(tmp_path / "account.json"))
        taken = await venue.snapshot(1, "", venue.venue_ms(), quick=True)
        assert {position.symbol for position in taken.positions} == {"BTCUSDT", "ETHUSDT"}
    await venue.snapshot(1, "", venue.venue_ms())
    for path in ("/fapi/v1/openOrders", "/fapi/v1/openAlgoOrders"):
        assert [q.get("symbol", "all") for q in stub.asked("GET", path)] == ["all", "BTCUSDT", "ETHUSDT", "all"]
    assert len(stub.asked("GET", "/fapi/v3/positionRisk")) == len(stub.asked("GET", "/fapi/v3/account")) == 3
    assert len(stub.asked("GET", "/fapi/v1/userTrades")) == 6


async def test_the_margin_modes_of_all_symbols_are_one_question(stub, venue):
    """One answer names every symbol."""
    stub.answer("GET", "/fapi/v1/accountConfig", {"dualSidePosition": False, "multiAssetsMargin": False})
    rows = [{"symbol": name, "marginType": "CROSSED", "leverage": 5} for name in ("BTCUSDT", "ETHUSDT")]
    stub.answer("GET", "/fapi/v1/symbolConfig", rows)
    await venue.ensure_account_modes(["BTCUSDT", "ETHUSDT"])
    assert len(stub.asked("GET", "/fapi/v1/symbolConfig")) == 1


async def test_candles_are_paged_backwards_and_only_the_past_is_closed(stub, venue):
    """1 500 rows a page; the newest candle is still open."""
    now = venue.venue_ms() // 60_000 * 60_000

    def answer(asked):
        last = int(asked.get("endTime", now))
        first = last // 60_000 * 60_000 - (int(asked["limit"]) - 1) * 60_000
        return [
            [start, "1", "3", "0.5", "2", "10", start + 59_999, "15", 4, "5", "7", "0"]
            for start in range(first, last + 1, 60_000)
        ]

    stub.answer("GET", "/fapi/v1/klines", answer)
    candles = await venue.candles("BTCUSDT", Interval.M1, 2_000)
    assert [candle.open_ms for candle in candles] == [now - 60_000 * back for back in range(1_999, -1, -1)]
    assert [candle.closed for candle in candles[-2:]] == [True, False]
    assert (candles[0].high, candles[0].taker_buy_volume) == (3.0, 5.0)


async def test_trades_are_paged_without_gap(stub, venue):
    """Forwards from the id asked for, or backwards from the newest when none is."""

    def answer(asked):
        limit = int(asked["limit"])
        first = int(asked["fromId"]) if "fromId" in asked else 3_000 - limit + 1
        return [
            {"a": number, "p": "1.5", "q": "2", "f": 1, "l": 1, "T": NOW, "m": True}
            for number in range(first, min(first + limit, 3_001))
        ]

    stub.answer("GET", "/fapi/v1/aggTrades", answer)
    since = await venue.agg_trades("BTCUSDT", 600, 5_000)
    assert [trade.agg_id for trade in since] == list(range(600, 3_001))
    stub.requests.clear()
    newest = await venue.agg_trades("BTCUSDT", None, 2_000)
    assert [trade.agg_id for trade in newest] == list(range(1_001, 3_001))
    assert len(stub.asked("GET", "/fapi/v1/aggTrades")) == 2  # each costs 20


async def test_the_top_volume_symbol_is_a_tradable_perpetual(stub, venue):
    """Symbols that cannot be traded here, and those already chosen, do not count (P-1)."""
    rows = [("OTHERUSDT", "9e12"), ("BTCUSDT", "500.5"), ("ETHUSDT", "400")]
    stub.answer("GET", "/fapi/v1/ticker/24hr", [{"symbol": name, "quoteVolume": volume} for name, volume in rows])
    assert await venue.top_volume_symbol([]) == "BTCUSDT"
    assert await venue.top_volume_symbol(["BTCUSDT"]) == "ETHUSDT"
    assert await venue.top_volume_symbol(["BTCUSDT", "ETHUSDT"]) is None


async def test_the_adapter_fits_the_port(venue):
    """Checked by mypy where it is assigned; here for people."""
    port: VenuePort = venue
    assert all(hasattr(port, name) for name in dir(VenuePort) if not name.startswith("_"))


async def test_the_balance_is_read_alone(stub, venue):
    """One cheap read for sizing between snapshots."""
    stub.answer("GET", "/fapi/v3/account", ACCOUNT)
    balance = await venue.balance()
    assert (balance.available, balance.initial_margin) == (Decimal("9899.5"), Decimal("100.0"))


async def test_an_order_for_a_symbol_that_is_not_listed_never_leaves(stub, venue):
    """The exchange's own answer would be the same."""
    with pytest.raises(VenueRejected) as caught:
        await venue.submit(spec(symbol="NOSUCHUSDT"), venue.venue_ms())
    assert caught.value.code == -1121
    assert not stub.asked("POST", "/fapi/v1/order")


async def test_an_order_before_the_instruments_could_be_read_was_not_sent(stub, venue):
    """The failed read is no doubt about the order."""
    stub.script("GET", "/fapi/v1/exchangeInfo", None, None)
    with pytest.raises(NotSent):
        await venue.submit(spec(), venue.venue_ms())
    assert not stub.asked("POST", "/fapi/v1/order")


async def test_key_rights_exist_on_the_live_exchange_only(stub, venue):
    """The call belongs to the spot host, which testnet and loopback do not have."""
    assert await venue.account.key_rights() is None


async def test_key_rights_are_read_from_the_spot_host(stub):
    """The doctor warns when a key may withdraw."""
    rights = {"ipRestrict": True, "enableReading": True, "enableFutures": True, "enableWithdrawals": False}
    stub.answer("GET", "/sapi/v1/account/apiRestrictions", rights)
    urls = msgspec.structs.replace(stub.urls, spot_rest=stub.urls.rest)
    client = RestClient(urls, SystemClock(), Credentials("k", "s"))
    found = await BinanceVenue(client).account.key_rights()
    await client.close()
    assert (found.enable_futures, found.enable_withdrawals, found.ip_restrict) == (True, False, True)
