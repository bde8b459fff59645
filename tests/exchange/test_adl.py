"""Auto-deleveraging: who is taken, in which order, what they are told, and the same on demand (8.5)."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.adapters.venue.server import VenueServer
from vortex.adapters.venue.settings import VenueSettings
from vortex.exchange.account import Account
from vortex.exchange.adl import quantile, risk_of
from vortex.exchange.instruments import DEFAULT_INSTRUMENTS, QUOTE_SCALE
from vortex.exchange.margin import summarize

BTC = DEFAULT_INSTRUMENTS["BTCUSDT"]


def told(events: list[Any], account: str, kind: str) -> list[Any]:
    """An account's events of one kind."""
    mine = [event.payload for event in events if getattr(event, "account", "") == account]
    return [payload for payload in mine if payload["e"] == kind]


def trade(stand: Any, account: str, side: str, quantity: str) -> None:
    """A market order that must succeed."""
    stand.book(lots=100_000)
    ask = {"symbol": "BTCUSDT", "side": side, "type": "MARKET", "quantity": quantity}
    answer = stand.ask_for("POST", "/fapi/v1/order", account, **ask)
    assert answer.status == 200, answer.body


def lever(stand: Any, account: str, leverage: int) -> None:
    """Choose a leverage."""
    stand.ask_for("POST", "/fapi/v1/leverage", account, symbol="BTCUSDT", leverage=leverage)


@pytest.fixture
def crash(new_stand: Callable[..., Any]) -> Any:
    """A bankrupt long of 10 beyond a fund of nothing, against a keen short of 4, a calm one of 8, and a long."""
    stand = new_stand(insurance_fund=0)
    for name, money, side, quantity in (
        ("bankrupt", 12_000, "BUY", "10"),
        ("keen", 20_000, "SELL", "4"),
        ("calm", 600_000, "SELL", "8"),
        ("friend", 900_000, "BUY", "1"),
    ):
        stand.venue.open_account(name, {"USDT": Decimal(money)})
        lever(stand, name, 75)
        trade(stand, name, side, quantity)
    stand.book(bid=600_000, ask=790_000, lots=10)
    stand.events = stand.mark(78_000.0)
    return stand


def test_the_keenest_profit_goes_first_and_only_as_much_as_is_needed(crash: Any) -> None:
    """4 from the one with the most leverage, 6 of 8 from the next, nothing from the one on the same side."""
    accounts = crash.venue.floor.accounts
    held = {name: accounts[name].held_lots("BTCUSDT", "BOTH") for name in ("bankrupt", "keen", "calm", "friend")}
    assert held == {"bankrupt": 0, "keen": 0, "calm": -2_000, "friend": 1_000}


def test_it_happens_at_the_bankruptcy_price_and_everybody_adds_up(crash: Any) -> None:
    """Bankrupt and taken trade at one price; the bankrupt ends at zero; the fund, which has nothing, is not asked."""
    accounts = crash.venue.floor.accounts
    forced = {fill.px for account in accounts.values() for fill in account.fills if fill.order.forced}
    assert len(forced) == 1
    assert 0 <= accounts["bankrupt"].wallets["USDT"] < 10_000 * BTC.unit_value
    assert crash.venue.floor.fund.balance == 0
    assert all(set(errors.values()) == {0} for errors in crash.venue.conservation().values())
    assert sum(account.fill_cash for name, account in accounts.items() if name != "main") == sum(
        -fill.order.side * fill.lots * fill.px * BTC.unit_value for each in accounts.values() for fill in each.fills
    )


def test_whoever_is_taken_is_told(crash: Any) -> None:
    """NEW, TRADE_LITE, CALCULATED and ACCOUNT_UPDATE of an `adl_autoclose` order, free of commission."""
    orders = [each["o"] for each in told(crash.events, "keen", "ORDER_TRADE_UPDATE")]
    assert [(each["x"], each["X"]) for each in orders] == [("NEW", "NEW"), ("CALCULATED", "FILLED")]
    assert {(each["c"][:13], each["S"], each["o"], each["n"]) for each in orders} == {
        ("adl_autoclose", "BUY", "LIMIT", "0")
    }
    assert len(told(crash.events, "keen", "TRADE_LITE")) == 1
    update = told(crash.events, "keen", "ACCOUNT_UPDATE")[0]["a"]
    assert (update["m"], update["P"][0]["pa"]) == ("ORDER", "0.000")
    rows = crash.ask_for("GET", "/fapi/v1/forceOrders", "keen", autoCloseType="ADL").body
    assert [(row["executedQty"], row["status"]) for row in rows] == [("4.000", "FILLED")]
    assert crash.ask_for("GET", "/fapi/v1/forceOrders", "keen", autoCloseType="LIQUIDATION").body == []
    kinds = {row.kind for row in crash.venue.floor.accounts["keen"].income}
    assert kinds == {"COMMISSION", "REALIZED_PNL"}


def test_a_position_that_would_close_at_a_loss_is_left_alone(new_stand: Callable[..., Any]) -> None:
    """In profit at the mark and not at the bankruptcy price: strangers take that place."""
    stand = new_stand(insurance_fund=0)
    stand.venue.open_account("bankrupt", {"USDT": Decimal(12_000)})
    lever(stand, "bankrupt", 75)
    trade(stand, "bankrupt", "BUY", "10")
    late = stand.venue.open_account("late", {"USDT": Decimal(20_000)})
    stand.book(bid=785_000, ask=785_001)
    sold = {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": "1"}
    assert stand.ask_for("POST", "/fapi/v1/order", "late", **sold).status == 200
    stand.book(bid=600_000, ask=790_000, lots=10)
    stand.mark(78_000.0)
    assert stand.venue.floor.accounts["bankrupt"].held() == []
    assert late.held_lots("BTCUSDT", "BOTH") == -1_000


def test_deleveraging_is_not_on_the_public_tape(crash: Any) -> None:
    """Trades of the fund and of deleveraging are left out of aggTrade."""
    rows = crash.ask_for("GET", "/fapi/v1/aggTrades", symbol="BTCUSDT").body
    assert sum(Decimal(row["q"]) for row in rows) == 23


def test_a_fund_that_can_bear_it_spares_the_others(new_stand: Callable[..., Any]) -> None:
    """The same story with money in the fund: it takes the position, and the loss."""
    stand = new_stand()
    for name, money, side, quantity in (("bankrupt", 12_000, "BUY", "10"), ("keen", 20_000, "SELL", "4")):
        stand.venue.open_account(name, {"USDT": Decimal(money)})
        lever(stand, name, 75)
        trade(stand, name, side, quantity)
    stand.book(bid=600_000, ask=790_000, lots=10)
    stand.mark(78_000.0)
    fund = stand.venue.floor.fund
    assert stand.venue.floor.accounts["keen"].held_lots("BTCUSDT", "BOTH") == -4_000
    assert fund.realized < 0
    assert fund.balance == fund.start + fund.fees - fund.paid + fund.realized
    shown = stand.ask_for("GET", "/fapi/v1/insuranceBalance", symbol="BTCUSDT").body["assets"][0]
    assert Decimal(shown["marginBalance"]) * QUOTE_SCALE == fund.balance


def test_the_risk_of_a_symbol_follows_fund_and_positions(new_stand: Callable[..., Any]) -> None:
    """Low without need, high when ten percent against the accounts would cost more than the fund has."""
    rich, poor = new_stand(), new_stand(insurance_fund=0)
    for stand in (rich, poor):
        lever(stand, "main", 100)
        trade(stand, "main", "BUY", "5")
    assert [risk_of(stand.venue.floor, "BTCUSDT") for stand in (rich, poor)] == ["low", "high"]
    answer = poor.ask_for("GET", "/fapi/v1/symbolAdlRisk", symbol="BTCUSDT").body
    assert answer["adlRisk"] == "high"
    assert poor.ask_for("GET", "/fapi/v1/symbolAdlRisk", symbol="ETHUSDT").body["adlRisk"] == "low"
    poor.venue.floor.fund.balance = 45_000 * QUOTE_SCALE
    assert risk_of(poor.venue.floor, "BTCUSDT") == "medium"


def test_the_quantile_rises_with_profit_and_leverage(stand: Any) -> None:
    """adlQuantile and positionRisk agree; a loss is 0, a profit of twice the equity is 4."""
    lever(stand, "main", 100)
    stand.market("BUY", "1.000")
    seen = []
    for price in (79_000.0, 81_000.0, 82_000.0, 100_000.0):
        stand.mark(price)
        row = stand.ask_for("GET", "/fapi/v1/adlQuantile", symbol="BTCUSDT").body
        risk = stand.ask_for("GET", "/fapi/v3/positionRisk").body[0]
        assert row["adlQuantile"] == {"LONG": 0, "SHORT": 0, "BOTH": risk["adl"]}
        seen.append(risk["adl"])
    assert seen[0] == 0
    assert seen == sorted(seen)
    assert seen[-1] >= 2


def test_a_hedge_on_cross_margin_has_one_quantile(stand: Any) -> None:
    """HEDGE marks it, and both sides carry the same number."""
    stand.ask_for("POST", "/fapi/v1/positionSide/dual", dualSidePosition="true")
    lever(stand, "main", 100)
    stand.market("BUY", "1.000", positionSide="LONG")
    stand.market("SELL", "0.100", positionSide="SHORT")
    stand.mark(84_000.0)
    found = stand.ask_for("GET", "/fapi/v1/adlQuantile").body[0]["adlQuantile"]
    assert set(found) == {"LONG", "SHORT", "HEDGE"}
    assert found["LONG"] == found["SHORT"] > 0


@given(st.integers(1, 1_000), st.integers(1, 100_000), st.integers(0, 500), st.integers(0, 100))
@pytest.mark.property
def test_more_profit_never_means_a_safer_place(lots: int, money: int, ticks: int, more: int) -> None:
    """The quantile is monotone in the mark, and lies between 0 and 4."""
    account = Account("drawn")
    account.deposit("USDT", money * QUOTE_SCALE)
    account.position(BTC, "BOTH").trade(lots, 800_000)

    def at(mark_ticks: int) -> int:
        summary = summarize(account, {"BTCUSDT": mark_ticks * BTC.tick_e8})
        return quantile(summary, summary.rows[0])

    lower, higher = at(800_000 + ticks), at(800_000 + ticks + more)
    assert 0 <= lower <= higher <= 4


def test_deleveraging_on_demand_cuts_the_share_at_the_mark(stand: Any) -> None:
    """As a stranger's bankruptcy would: events, no fee, the rest of the position stays."""
    stand.market("BUY", "0.100")
    stand.mark(81_000.0)
    cut, events = stand.venue.deleverage("main", "BTCUSDT", Decimal("0.4"), stand.now)
    assert [(each.lots, each.client_id[:13]) for each in cut] == [(40, "adl_autoclose")]
    assert stand.held() == 60
    fill = stand.account.fills[-1]
    assert (fill.px, fill.commission, fill.order.forced) == (810_000, 0, "ADL")
    assert told(events, "main", "ACCOUNT_UPDATE")[0]["a"]["P"][0]["pa"] == "0.060"
    assert set(stand.venue.conservation()["main"].values()) == {0}


def test_deleveraging_ends_reduce_only_orders_that_lost_their_position(stand: Any) -> None:
    """A client that manages its exit sees it expire, reason 4."""
    stand.market("BUY", "0.100")
    stand.order("SELL", price="82000", quantity="0.100", reduceOnly="true")
    _, events = stand.venue.deleverage("main", "BTCUSDT", Decimal(1), stand.now)
    last = told(events, "main", "ORDER_TRADE_UPDATE")[-1]["o"]
    assert (last["x"], last["er"]) == ("EXPIRED", "4")
    assert (stand.held(), stand.account.open_orders) == (0, {})


@pytest.mark.venue
@pytest.mark.asyncio
async def test_the_endpoint_deleverages_and_refuses_in_words() -> None:
    """POST /sim/v1/adl with an account, a symbol and a share; nothing to take is said so."""
    async with aiohttp.ClientSession() as http:
        server = VenueServer(VenueSettings(port=0, symbols=("BTCUSDT",)))
        await server.start()
        try:
            url = f"http://127.0.0.1:{server.port}/sim/v1/adl"
            for body, code in (
                ({"account": "main", "symbol": "BTCUSDT", "share": 0.5}, -2022),
                ({"account": "nobody", "symbol": "BTCUSDT"}, -1130),
                ({"symbol": "NOPE"}, -1121),
                ({"symbol": "BTCUSDT", "share": 2}, -1130),
                ({"symbol": "BTCUSDT", "share": "half"}, -1130),
                ([1], -1130),
            ):
                async with http.post(url, json=body) as answer:
                    assert (answer.status, (await answer.json())["code"]) == (400, code)
            key = server.venue.listen_keys.start("main", server.venue.floor.now_ms)
            now = server.venue.floor.now_ms
            ask = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.100"}
            assert server.venue.request("main", "POST", "/fapi/v1/order", ask, now).status == 200
            async with http.ws_connect(f"ws://127.0.0.1:{server.port}/private/ws?listenKey={key}") as stream:
                async with http.post(url, json={"symbol": "BTCUSDT", "share": 0.5}) as answer:
                    cut = await answer.json()
                async with asyncio.timeout(30):
                    heard = [await stream.receive_json() for _ in range(4)]
            assert [each["e"] for each in heard] == [
                "ORDER_TRADE_UPDATE",
                "TRADE_LITE",
                "ORDER_TRADE_UPDATE",
                "ACCOUNT_UPDATE",
            ]
            assert heard[2]["o"]["c"] == cut[0]["client_id"]
            assert [(row["account"], row["position_side"], row["lots"]) for row in cut] == [("main", "BOTH", 50)]
        finally:
            await server.stop()
