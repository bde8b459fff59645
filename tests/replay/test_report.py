"""Key figures add up, and distributions are what NumPy says they are."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.domain.orders import Side
from vortex.domain.reasons import ExitReason
from vortex.sim.replay_fills import ClosedTrade
from vortex.sim.replay_report import QUANTILES, Distribution, TradeBook


def closed(number: int, gross: str, fees: str = "1", reason: ExitReason = ExitReason.SL) -> ClosedTrade:
    """A trade of two minutes."""
    return ClosedTrade(
        symbol="BTCUSDT",
        trade_no=number,
        side=Side.BUY,
        strategy="A",
        lots=1,
        entry_ms=0,
        exit_ms=120_000,
        entry_px=Decimal(1),
        exit_px=Decimal(1),
        gross=Decimal(gross),
        fees=Decimal(fees),
        net=Decimal(gross) - Decimal(fees),
        reason=reason,
    )


def test_key_figures_are_those_of_the_trades() -> None:
    """Nets 9, -5, -3, 4: peak 9, then 1, so the deepest fall is 8."""
    book = TradeBook()
    for number, gross in enumerate(("10", "-4", "-2", "5"), start=1):
        book.add(closed(number, gross, reason=ExitReason.TIMEOUT if number == 4 else ExitReason.SL))
    figures = book.figures(span_ms=86_400_000 // 2)
    assert (figures.trades, figures.wins, figures.win_rate) == (4, 2, 0.5)
    assert (figures.gross, figures.fees, figures.net) == (Decimal(9), Decimal(4), Decimal(5))
    assert (figures.average_win, figures.average_loss) == (Decimal("6.5"), Decimal(4))
    assert (figures.expectancy, figures.drawdown_max) == (Decimal("1.25"), Decimal(8))
    assert figures.profit_factor == pytest.approx(13 / 8)
    assert (figures.average_hold_s, figures.trades_per_day) == (120.0, 8.0)
    assert figures.exits == {"SL": 3, "TIMEOUT": 1}


def test_no_trades_are_no_figures() -> None:
    """Shares of nothing are zero, and nothing divides by it."""
    figures = TradeBook().figures(span_ms=0)
    assert (figures.trades, figures.win_rate, figures.net, figures.profit_factor) == (0, 0.0, Decimal(0), None)


@pytest.mark.property
@given(st.lists(st.integers(-1_000, 1_000), min_size=1, max_size=60))
def test_net_is_gross_less_fees_and_drawdown_is_the_deepest_fall(grosses: list[int]) -> None:
    """Against a plain running sum."""
    book = TradeBook()
    for number, gross in enumerate(grosses):
        book.add(closed(number, str(gross)))
    figures = book.figures(1)
    running = np.concatenate([[0], np.cumsum(np.array(grosses) - 1)])
    assert figures.net == Decimal(int(running[-1]))
    assert figures.drawdown_max == Decimal(int((np.maximum.accumulate(running) - running).max()))


@pytest.mark.property
@given(st.lists(st.floats(-1.0, 1.0), min_size=1, max_size=200))
def test_distributions_agree_with_numpy(values: list[float]) -> None:
    """Mean and deviation exactly, quantiles to half a cell."""
    distribution = Distribution()
    for value in values:
        distribution.add(value)
    spread = distribution.spread()
    assert spread.mean == pytest.approx(np.mean(values), abs=1e-12)
    assert spread.std == pytest.approx(np.std(values), abs=1e-6)
    for share in QUANTILES:
        exact = np.quantile(values, share, method="inverted_cdf")
        assert spread.quantiles[f"p{round(100 * share)}"] == pytest.approx(exact, abs=0.000_501)
