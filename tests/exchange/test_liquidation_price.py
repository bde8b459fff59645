"""The liquidation price: the published worked examples, and that the venue liquidates exactly there."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vortex.exchange.account import Account
from vortex.exchange.instruments import DEFAULT_INSTRUMENTS, QUOTE_SCALE, Bracket
from vortex.exchange.liquidation_price import Leg, liquidation_price_e8, liquidation_verge
from vortex.exchange.margin import maintenance_margin, pockets, summarize

BTC, ETH = DEFAULT_INSTRUMENTS["BTCUSDT"], DEFAULT_INSTRUMENTS["ETHUSDT"]
WALLET = Decimal("1535443.01")


def ladder(*rungs: tuple[int, str]) -> tuple[Bracket, ...]:
    """Brackets from (cap, rate); `cum` follows from them (8.3)."""
    found: list[Bracket] = []
    floor, cum, before = 0, Decimal(0), Decimal(0)
    for number, (cap, text) in enumerate(rungs, start=1):
        rate = Decimal(text)
        cum += floor * (rate - before)
        found.append(Bracket(number, 1, floor, cap, rate, cum))
        floor, before = cap, rate
    return tuple(found)


ETH_THEN = ladder(
    (10_000, "0.005"),
    (100_000, "0.0065"),
    (500_000, "0.01"),
    (1_000_000, "0.02"),
    (2_000_000, "0.05"),
    (5_000_000, "0.1"),
    (10_000_000, "0.125"),
    (20_000_000, "0.15"),
)
BTC_THEN = ladder(
    (50_000, "0.004"), (250_000, "0.005"), (1_000_000, "0.01"), (5_000_000, "0.025"), (20_000_000, "0.05")
)


@pytest.mark.golden
@pytest.mark.parametrize(
    ("brackets", "quantity", "entry", "maintenance", "profit", "price"),
    [
        (ETH_THEN, "3683.979", "1456.84", "71200.81144", "-56354.57", "1153.26"),
        (BTC_THEN, "109.488", "32481.98", "356512.508", "-448192.89", "26316.89"),
    ],
)
def test_the_worked_examples_of_the_exchange_come_out(
    brackets: tuple[Bracket, ...], quantity: str, entry: str, maintenance: str, profit: str, price: str
) -> None:
    """Wallet, other contracts and the brackets of that day give the printed price (8.4)."""
    size = Decimal(quantity)
    verge = liquidation_verge(
        WALLET - Decimal(maintenance) + Decimal(profit), [Leg(size, size * Decimal(entry), brackets)]
    )
    assert verge is not None
    assert (verge.price.quantize(Decimal("0.01")), verge.below) == (Decimal(price), True)


def test_the_brackets_of_the_examples_have_the_published_deductions() -> None:
    """cum(n) = cum(n-1) + floor(n) x (rate(n) - rate(n-1)): 135 365 and 16 300."""
    assert (ETH_THEN[5].cum, BTC_THEN[3].cum) == (135_365, 16_300)


def test_both_sides_of_an_even_hedge_have_one_price_above() -> None:
    """Profit stands still while maintenance grows: only the L and S terms, only one way to be lost."""
    legs = [Leg(Decimal(1), Decimal(80_000), BTC.brackets), Leg(Decimal(-1), Decimal(-80_000), BTC.brackets)]
    verge = liquidation_verge(Decimal(1_000), legs)
    assert verge is not None
    assert (verge.price, verge.below) == (Decimal(1_000) / (2 * Decimal("0.004")), False)


def test_a_position_that_cannot_be_lost_has_no_price() -> None:
    """An unleveraged long is paid for whatever happens."""
    assert liquidation_verge(Decimal(80_000), [Leg(Decimal(1), Decimal(80_000), BTC.brackets)]) is None


LOTS = st.one_of(st.integers(1, 50), st.integers(100, 5_000), st.integers(10_000, 200_000))


@st.composite
def accounts(draw: st.DrawFn) -> tuple[Account, dict[str, int]]:
    """An account that holds Bitcoin in some mode, and perhaps Ether besides."""
    account = Account("drawn", hedge_mode=draw(st.booleans()))
    account.deposit("USDT", draw(st.integers(QUOTE_SCALE, 10**14)))
    isolated = draw(st.booleans())
    account.setting("BTCUSDT").isolated = isolated
    for side, sign in (
        (("LONG", 1), ("SHORT", -1)) if account.hedge_mode else (("BOTH", draw(st.sampled_from([1, -1]))),)
    ):
        position = account.position(BTC, side)
        position.trade(sign * draw(LOTS), draw(st.integers(700_000, 900_000)))
        if isolated:
            position.isolated_wallet = draw(st.integers(0, abs(position.cost)))
    if draw(st.booleans()):
        account.position(ETH, "LONG" if account.hedge_mode else "BOTH").trade(
            draw(LOTS), draw(st.integers(250_000, 350_000))
        )
    return account, {"BTCUSDT": 80_000 * QUOTE_SCALE, "ETHUSDT": 3_000 * QUOTE_SCALE}


@given(accounts())
@settings(deadline=None)
@pytest.mark.property
def test_at_the_liquidation_price_the_pocket_is_just_lost(drawn: tuple[Account, dict[str, int]]) -> None:
    """There the margin ratio reaches 1; one tick before it has not, however the position is held."""
    account, marks = drawn
    summary = summarize(account, marks)
    for row in summary.rows:
        position = row.position
        if position.instrument is not BTC:
            continue
        price_e8 = liquidation_price_e8(account, position, summary)
        assume(price_e8 > 2 * BTC.tick_e8)
        setting = account.setting("BTCUSDT")
        name = f"BTCUSDT {position.side}" if setting.isolated else "CROSS"
        net = position.lots if setting.isolated else sum(each.lots for each in account.held() if each.instrument is BTC)

        def lost_at(mark_e8: int, name: str = name) -> bool:
            found = pockets(summarize(account, marks | {"BTCUSDT": mark_e8}))
            return next(pocket.lost for pocket in found if pocket.name == name)

        below = lost_at(price_e8 - BTC.tick_e8)
        above = lost_at(price_e8 + BTC.tick_e8)
        assert lost_at(price_e8)
        assert below != above
        if net <= 0:
            assert above


@given(st.integers(1, 10**17))
@pytest.mark.property
def test_maintenance_is_never_less_than_the_formula(notional: int) -> None:
    """It is rounded up, so that a price on the edge is lost and not saved by a rounding."""
    exact = Decimal(notional) / QUOTE_SCALE
    rung = BTC.bracket(exact)
    formula = (exact * rung.maint_margin_ratio - rung.cum) * QUOTE_SCALE
    assert 0 <= maintenance_margin(BTC, notional) - formula < 1


def test_position_risk_prints_it(stand: Any) -> None:
    """A short's price is above the mark, a long's below, and nothing without a position."""
    stand.ask_for("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=50)
    stand.order(price="70000", quantity="0.001")
    assert stand.ask_for("GET", "/fapi/v3/positionRisk").body[0]["liquidationPrice"] == "0"
    stand.market("SELL", "2.000")
    row = stand.ask_for("GET", "/fapi/v3/positionRisk").body[0]
    assert Decimal(row["liquidationPrice"]) > Decimal(row["markPrice"])
    again = stand.ask_for("GET", "/fapi/v2/positionRisk", symbol="BTCUSDT").body[0]
    assert again["liquidationPrice"] == row["liquidationPrice"]


def test_a_hedge_prints_one_price_for_both_sides(stand: Any) -> None:
    """On cross margin the two legs stand and fall together."""
    stand.ask_for("POST", "/fapi/v1/positionSide/dual", dualSidePosition="true")
    stand.ask_for("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=100)
    stand.market("BUY", "1.500", positionSide="LONG")
    stand.market("SELL", "0.500", positionSide="SHORT")
    rows = stand.ask_for("GET", "/fapi/v3/positionRisk").body
    assert len({row["liquidationPrice"] for row in rows}) == 1
    price = float(rows[0]["liquidationPrice"])
    stand.mark(price + 0.2)
    assert (stand.held("LONG"), stand.held("SHORT")) == (1_500, -500)
    stand.mark(price)
    assert stand.held("LONG") == 0
