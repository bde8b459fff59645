"""Multi-assets mode: every margin asset counts at its dollar value less a haircut, and what the switch refuses."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.exchange.collateral import MARGIN_ASSETS, Collateral
from vortex.exchange.instruments import DEFAULT_INSTRUMENTS, QUOTE_SCALE
from vortex.exchange.listing import Listing
from vortex.exchange.market_events import MarkState

BTC = DEFAULT_INSTRUMENTS["BTCUSDT"]
START_MS = 1_794_000_000_000


def switch(stand: Any, wanted: str = "true") -> Any:
    """Turn the mode on or off."""
    return stand.ask_for("POST", "/fapi/v1/multiAssetsMargin", multiAssetsMargin=wanted)


def index(stand: Any, symbol: str, price: float) -> list[Any]:
    """A new mark and index."""
    due = stand.venue.floor.listing(symbol).next_funding_ms
    return stand.venue.on_market(MarkState(stand.now, symbol, price, price, 0.0001, due), stand.now)


@pytest.fixture
def rich(stand: Any) -> Any:
    """10 000 USDT, 10 BNB at 600, and a hundred of something nobody prices."""
    stand.account.deposit("BNB", 10 * QUOTE_SCALE)
    stand.account.deposit("DUST", 100 * QUOTE_SCALE)
    stand.account.fee_burn = False
    index(stand, "BNBUSDT", 600.0)
    return stand


def test_the_asset_table_and_the_endpoint_agree(rich: Any) -> None:
    """assetIndex prints index, haircut and rates of what counts here."""
    rows = {row["symbol"]: row for row in rich.ask_for("GET", "/fapi/v1/assetIndex").body}
    assert set(rows) == {"USDTUSD", "USDCUSD", "BTCUSD", "ETHUSD", "BNBUSD"}
    bnb = rows["BNBUSD"]
    assert (bnb["index"], bnb["bidBuffer"], bnb["bidRate"], bnb["askRate"]) == (
        "600.00000000",
        "0.05000000",
        "570.00000000",
        "630.00000000",
    )
    for asset in MARGIN_ASSETS:
        if f"{asset.name}USD" in rows:
            rate = Decimal(rows[f"{asset.name}USD"]["bidRate"]) * QUOTE_SCALE
            assert rate == rich.venue.floor.collateral.bid_rate_e8(asset.name)


def test_other_assets_count_less_a_haircut_only_in_the_mode(rich: Any) -> None:
    """10 BNB at 600 less 5 % are 5 700 dollars of margin; alone, the account has its 10 000 USDT."""
    alone = rich.ask_for("GET", "/fapi/v3/account").body
    assert switch(rich).body == {"code": 200, "msg": "success"}
    together = rich.ask_for("GET", "/fapi/v3/account").body
    names = ("totalWalletBalance", "totalMarginBalance", "totalCrossWalletBalance", "availableBalance")
    assert {Decimal(alone[name]) for name in names} == {10_000}
    assert {Decimal(together[name]) for name in names} == {15_700}


def test_the_switch_shows_everywhere_and_is_told(rich: Any) -> None:
    """multiAssetsMargin of GET, account v2 and accountConfig; ACCOUNT_CONFIG_UPDATE with `ai`."""
    events = switch(rich).events
    assert [event.payload["ai"] for event in events] == [{"j": True}]
    for path in ("/fapi/v1/multiAssetsMargin", "/fapi/v2/account", "/fapi/v1/accountConfig"):
        assert rich.ask_for("GET", path).body["multiAssetsMargin"] is True


def test_every_asset_carries_the_free_dollars_in_its_own_units(rich: Any) -> None:
    """availableBalance is the same money in each asset; a wallet cannot give more than it has."""
    switch(rich)
    rows = {row["asset"]: row for row in rich.ask_for("GET", "/fapi/v3/balance").body}
    assert Decimal(rows["USDT"]["availableBalance"]) == 15_700
    assert Decimal(rows["BNB"]["availableBalance"]) == Decimal("27.54385964")
    assert Decimal(rows["USDT"]["maxWithdrawAmount"]) == 10_000
    assert Decimal(rows["BNB"]["maxWithdrawAmount"]) == 10
    assert (rows["DUST"]["availableBalance"], rows["DUST"]["marginAvailable"]) == ("0.00000000", False)
    assert rows["BNB"]["marginAvailable"] is True


def test_collateral_carries_orders_that_usdt_alone_would_not(rich: Any) -> None:
    """-2019 alone, accepted together."""
    bid = {"quantity": "3.000", "price": "79000"}
    assert rich.order(**bid).body["code"] == -2019
    switch(rich)
    assert rich.order(**bid).status == 200


def test_isolated_margin_and_the_mode_exclude_each_other(rich: Any) -> None:
    """-4167 into the mode with an isolated symbol, -4168 to isolated margin under it."""
    isolated = {"symbol": "BTCUSDT", "marginType": "ISOLATED"}
    rich.ask_for("POST", "/fapi/v1/marginType", **isolated)
    assert switch(rich).body["code"] == -4167
    rich.ask_for("POST", "/fapi/v1/marginType", symbol="BTCUSDT", marginType="CROSSED")
    switch(rich)
    assert rich.ask_for("POST", "/fapi/v1/marginType", **isolated).body["code"] == -4168


def test_open_orders_keep_the_mode_as_it_is(rich: Any) -> None:
    """-4170 with a regular or a conditional order."""
    order = rich.order().body["orderId"]
    assert switch(rich).body["code"] == -4170
    rich.ask_for("DELETE", "/fapi/v1/order", symbol="BTCUSDT", orderId=order)
    rich.algo("BUY", triggerPrice="90000", quantity="0.010")
    assert switch(rich).body["code"] == -4170


def test_the_mode_already_set_needs_no_change(rich: Any) -> None:
    """-4171 both ways."""
    assert switch(rich, "false").body["code"] == -4171
    switch(rich)
    assert switch(rich).body["code"] == -4171


def test_the_mode_cannot_be_left_on_borrowed_margin(rich: Any) -> None:
    """-4169 while the positions need more than USDT alone."""
    switch(rich)
    assert rich.market("BUY", "3.000").status == 200
    refused = switch(rich, "false")
    assert (refused.body["code"], rich.account.multi_assets) == (-4169, True)
    rich.market("SELL", "1.500", reduceOnly="true")
    assert switch(rich, "false").status == 200


def test_the_mode_cannot_be_left_with_a_debt(rich: Any) -> None:
    """-4172 while the USDT wallet is below zero."""
    rich.account.wallets["USDT"] = rich.account.deposits["USDT"] = 500 * QUOTE_SCALE
    switch(rich)
    rich.market("BUY", "0.500")
    rich.book(bid=780_000, ask=780_001)
    rich.market("SELL", "0.400", reduceOnly="true")
    assert rich.account.wallets["USDT"] < 0
    assert switch(rich, "false").body["code"] == -4172


def test_a_fall_of_the_collateral_liquidates(rich: Any) -> None:
    """Nothing happens to Bitcoin; BNB falls; the account does not comply any more."""
    rich.account.wallets["USDT"] = rich.account.deposits["USDT"] = 100 * QUOTE_SCALE
    switch(rich)
    rich.ask_for("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=50)
    rich.market("BUY", "3.000")
    index(rich, "BNBUSDT", 590.0)
    assert rich.held() == 3_000
    index(rich, "BNBUSDT", 100.0)
    assert rich.held() == 0
    assert set(rich.venue.conservation()["main"].values()) == {0}


def test_a_debt_is_paid_from_other_assets_and_the_rest_by_the_fund(rich: Any) -> None:
    """AUTO_EXCHANGE at the index less the haircut, told and booked; no wallet stays below zero."""
    switch(rich)
    rich.ask_for("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=50)
    rich.market("BUY", "5.000")
    rich.book(bid=600_000, ask=790_000, lots=10)
    events = rich.mark(70_000.0)
    assert rich.held() == 0
    assert rich.account.wallets["USDT"] >= 0
    assert rich.account.wallets["BNB"] < QUOTE_SCALE // 10
    assert rich.account.wallets["DUST"] == 100 * QUOTE_SCALE
    rows = [row for row in rich.account.income if row.kind == "AUTO_EXCHANGE"]
    assert [row.asset for row in rows] == ["BNB", "USDT"]
    assert rows[1].amount == -rows[0].amount * 570
    updates = [event.payload["a"] for event in events if event.payload.get("e") == "ACCOUNT_UPDATE"]
    exchanged = next(update for update in updates if update["m"] == "AUTO_EXCHANGE")
    assert {row["a"] for row in exchanged["B"]} == {"BNB", "USDT"}
    assert all(set(errors.values()) == {0} for errors in rich.venue.conservation().values())


def test_without_a_listed_contract_an_asset_has_no_worth() -> None:
    """No price, no margin."""
    collateral = Collateral({"BTCUSDT": Listing(BTC, START_MS)})
    assert set(collateral.assets) == {"USDT", "USDC", "BTC"}
    assert (collateral.worth("BNB", 5), collateral.index_e8("BNB"), collateral.sale("BNB", 5, 5)) == (0, 0, (0, 0))


@given(st.sampled_from(["USDT", "USDC", "BTC"]), st.integers(0, 10**16))
@pytest.mark.property
def test_a_debt_weighs_at_least_as_much_as_a_holding(asset: str, units: int) -> None:
    """The haircut is taken off what is held and put on what is owed; roundings never favor the account."""
    collateral = Collateral({"BTCUSDT": Listing(BTC, START_MS)})
    held, owed = collateral.worth(asset, units), -collateral.worth(asset, -units)
    assert 0 <= held <= units * collateral.index_e8(asset) / Decimal(QUOTE_SCALE) <= owed


@given(st.sampled_from(["USDC", "BTC"]), st.integers(0, 10**14), st.integers(0, 10**14))
@pytest.mark.property
def test_a_sale_brings_what_it_must_and_never_more_than_is_held(asset: str, held: int, debt: int) -> None:
    """Either the debt is paid, or everything is sold; the price is the counted one."""
    collateral = Collateral({"BTCUSDT": Listing(BTC, START_MS)})
    sold, brought = collateral.sale(asset, held, debt)
    assert 0 <= sold <= held
    assert brought == sold * collateral.bid_rate_e8(asset) // QUOTE_SCALE
    assert sold in (0, held) or brought >= debt
