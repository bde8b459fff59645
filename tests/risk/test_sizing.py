"""Sizing: the risk table, the caps, and that nothing is ever rounded up in risk (S2-1, S2-2)."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.domain.reasons import DenyCode
from vortex.risk.grid import whole
from vortex.risk.settings import RiskSettings
from vortex.risk.sizing import Size, kelly, risk_pct, size_trade

PLAIN = RiskSettings()


@pytest.mark.parametrize(("confidence", "pct"), [(100, 1.5), (80, 1.5), (79.9, 1.0), (60, 1.0), (59.9, 0.5), (0, 0.5)])
def test_risk_follows_confidence(risk_build, confidence: float, pct: float) -> None:
    """S2-1's table."""
    assert risk_pct(confidence, risk_build.account(), 1.0, 100.0, PLAIN) == pct


def test_losses_bad_days_and_regime_each_halve_it(risk_build) -> None:
    """And they multiply."""
    bad = {"loss_streak": 3, "pnl_today": Decimal(-151)}
    assert risk_pct(90, risk_build.account(loss_streak=2), 1.0, 100.0, PLAIN) == 1.5
    assert risk_pct(90, risk_build.account(loss_streak=3), 1.0, 100.0, PLAIN) == 0.75
    assert risk_pct(90, risk_build.account(pnl_today=Decimal(-150)), 1.0, 100.0, PLAIN) == 1.5
    assert risk_pct(90, risk_build.account(**bad), 0.5, 100.0, PLAIN) == 1.5 / 8


def test_without_a_day_there_is_no_bad_day(risk_build) -> None:
    """Before the first balance of a day there is nothing to compare with."""
    unknown = risk_build.account(day_open_equity=Decimal(0), pnl_today=Decimal(-500))
    assert risk_pct(90, unknown, 1.0, 100.0, PLAIN) == 1.5


def test_quarter_kelly_caps_once_there_are_fifty_trades(risk_build) -> None:
    """f = (p b - q)/b, a quarter of it; without an edge nothing is risked."""
    edge = {"win_rate": 0.42, "payoff": 1.5}
    assert risk_pct(90, risk_build.account(closed_trades=49, **edge), 1.0, 100.0, PLAIN) == 1.5
    expected = (0.42 * 1.5 - 0.58) / 1.5 * 0.25 * 100
    assert 0.5 < expected < 1.0
    assert risk_pct(90, risk_build.account(closed_trades=50, **edge), 1.0, 100.0, PLAIN) == pytest.approx(expected)
    assert risk_pct(50, risk_build.account(closed_trades=50, **edge), 1.0, 100.0, PLAIN) == 0.5, "never up to it"
    none = {"win_rate": 0.3, "payoff": 1.0, "closed_trades": 50}
    assert risk_pct(90, risk_build.account(**none), 1.0, 100.0, PLAIN) == 0.0


def test_fifty_trades_without_a_loss_do_not_stop_trading(risk_build) -> None:
    """There is no mean loss to compare with then: q is 0, and a quarter of p is far above the cap of 1.5 %."""
    flawless = {"win_rate": 1.0, "payoff": 0.0, "closed_trades": 50}
    assert risk_pct(90, risk_build.account(**flawless), 1.0, 100.0, PLAIN) == 1.5
    hopeless = {"win_rate": 0.0, "payoff": 0.0, "closed_trades": 50}
    assert risk_pct(90, risk_build.account(**hopeless), 1.0, 100.0, PLAIN) == 0.0


def test_the_breakers_cap_is_final(risk_build) -> None:
    """CB-2: 0.5 % after a losing streak."""
    assert risk_pct(90, risk_build.account(), 1.0, 0.5, PLAIN) == 0.5


def test_a_textbook_size(risk_build) -> None:
    """1 % of 10 000 at a stop 0.5 % away is 20 000 of notional, at leverage 12."""
    size = size_trade(risk_build.instrument(), 500_000, 0.005, 1.0, 12, risk_build.account(), PLAIN)
    assert size == Size(lots=400, leverage=12, notional=Decimal(20_000))


def test_leverage_is_size_over_a_tenth_of_balance_between_its_limits(risk_build) -> None:
    """Clamped to 5 and to the smaller of the regime's cap and 12."""
    for pct, cap, leverage in ((0.1, 12, 5), (0.4, 12, 8), (1.5, 12, 12), (1.5, 8, 8), (1.5, 3, 5)):
        size = size_trade(risk_build.instrument(), 500_000, 0.005, pct, cap, risk_build.account(), PLAIN)
        assert isinstance(size, Size)
        assert size.leverage == leverage


def test_leverage_between_two_numbers_is_the_smaller(risk_build) -> None:
    """8.5 tenths of the balance: less leverage is less risk."""
    size = size_trade(risk_build.instrument(), 500_000, 0.005, 0.425, 12, risk_build.account(), PLAIN)
    assert isinstance(size, Size)
    assert (size.notional, size.leverage) == (Decimal(8_500), 8)


def test_just_the_least_that_the_exchange_takes_is_taken(risk_build) -> None:
    """S2-2 refuses below the minimum, not at it: 2 lots of 0.001 at 50 000 are worth 100."""
    account = risk_build.account()
    for least, lots, size_expected in ((100, 2, True), (100, 3, False), ("100.01", 2, False)):
        instrument = risk_build.instrument(min_notional=Decimal(least), min_lots=lots)
        size = size_trade(instrument, 500_000, 0.01, 0.01, 12, account, PLAIN)
        if size_expected:
            assert size == Size(lots=2, leverage=5, notional=Decimal(100))
        else:
            assert size is DenyCode.BELOW_MINIMUM


def test_majors_may_carry_ten_times_equity_and_others_one_and_a_half(risk_build) -> None:
    """Notional caps per position."""
    for symbol, cap in (("BTCUSDT", 100_000), ("ETHUSDT", 100_000), ("SOLUSDT", 15_000)):
        instrument = risk_build.instrument(symbol=symbol)
        size = size_trade(instrument, 500_000, 0.0001, 1.5, 12, risk_build.account(), PLAIN)
        assert isinstance(size, Size)
        assert cap * Decimal("0.99") < size.notional <= cap


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"equity": Decimal(0)}, DenyCode.MARGIN),
        ({"margin_used": Decimal(9_000)}, DenyCode.MARGIN),
        ({"available": Decimal(0)}, DenyCode.MARGIN),
    ],
)
def test_no_margin_is_a_refusal(risk_build, changes: dict, code: DenyCode) -> None:
    """90 % of equity, and what is available."""
    account = risk_build.account(**changes)
    assert size_trade(risk_build.instrument(), 500_000, 0.005, 1.0, 12, account, PLAIN) is code


def test_too_small_for_the_exchange_is_a_refusal(risk_build) -> None:
    """Below the least notional or quantity; by a cap, the cap is named."""
    tiny = risk_build.account(equity=Decimal(9), available=Decimal(9))
    assert size_trade(risk_build.instrument(), 500_000, 0.005, 1.0, 12, tiny, PLAIN) is DenyCode.BELOW_MINIMUM
    assert size_trade(risk_build.instrument(), 500_000, 0.0001, 1.5, 12, tiny, PLAIN) is DenyCode.NOTIONAL_CAP
    none = size_trade(risk_build.instrument(), 500_000, 0.005, 0.0, 12, risk_build.account(), PLAIN)
    assert none is DenyCode.BELOW_MINIMUM


money = st.decimals(Decimal("0.01"), Decimal(10_000_000), places=2)


@pytest.mark.property
@given(
    equity=money,
    used=st.floats(0.0, 1.2),
    free=st.floats(0.0, 1.0),
    pct=st.floats(0.0, 3.0),
    stop=st.floats(1e-4, 0.1),
    px=st.integers(1_000, 2_000_000),
    cap=st.integers(1, 20),
    symbol=st.sampled_from(["BTCUSDT", "SOLUSDT"]),
)
def test_no_size_ever_exceeds_a_limit(risk_build, equity, used, free, pct, stop, px, cap, symbol) -> None:
    """Risk, margin, notional, filters: whatever the account."""
    instrument = risk_build.instrument(symbol=symbol)
    account = risk_build.account(
        equity=equity,
        margin_used=(equity * Decimal(used)).quantize(Decimal("0.01")),
        available=(equity * Decimal(free)).quantize(Decimal("0.01")),
    )
    size = size_trade(instrument, px, stop, pct, cap, account, PLAIN)
    if isinstance(size, DenyCode):
        return
    slack = Decimal("1.000000001")
    assert size.notional == instrument.quantity(size.lots) * instrument.price(px)
    assert size.notional * Decimal(stop) <= equity * Decimal(pct) / 100 * slack
    assert size.notional <= equity * (10 if symbol == "BTCUSDT" else Decimal("1.5")) * slack
    margin = size.notional / size.leverage
    assert margin + account.margin_used <= equity * Decimal("0.9") * slack
    assert margin <= account.available * slack
    assert 5 <= size.leverage <= max(5, min(cap, 12))
    assert instrument.min_lots <= size.lots <= instrument.max_lots
    assert size.notional >= instrument.min_notional


@pytest.mark.property
@given(st.floats(0.0, 3.0), st.floats(0.0, 3.0), st.floats(1e-3, 0.1))
def test_more_risk_never_buys_less(risk_build, one: float, other: float, stop: float) -> None:
    """Monotone in risk."""
    lots = []
    for pct in sorted((one, other)):
        size = size_trade(risk_build.instrument(), 600_000, stop, pct, 12, risk_build.account(), PLAIN)
        lots.append(size.lots if isinstance(size, Size) else 0)
    assert lots[0] <= lots[1]


@pytest.mark.property
@given(st.floats(0.0, 1.0), st.floats(0.01, 10.0))
def test_kelly_is_between_nothing_and_the_win_rate(win_rate: float, payoff: float) -> None:
    """Never more than p, never negative."""
    assert 0.0 <= kelly(win_rate, payoff) <= win_rate + 1e-12
    assert kelly(win_rate, 0.0) == win_rate


@pytest.mark.property
@given(st.integers(1, 10**9), st.sampled_from(["0.1", "0.01", "0.00001", "1", "0.5"]))
def test_a_price_on_the_grid_keeps_its_number_of_ticks(count: int, unit: str) -> None:
    """A float that was parsed from the exchange's text goes back exactly, up or down."""
    tick = Decimal(unit)
    px = float(count * tick)
    if Decimal(repr(px)) == count * tick:
        assert whole(px, tick, up=True) == whole(px, tick, up=False) == count
    assert whole(px * 1.0000001, tick, up=False) <= whole(px * 1.0000001, tick, up=True)
