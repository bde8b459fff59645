"""Profit is counted in whole cash units (promises 7 and 8)."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.execution.builders import a_fill, a_spec
from vortex.domain.instruments import Instrument
from vortex.domain.orders import Side
from vortex.execution.earnings import earned, fee_cash

BTC = Instrument(
    symbol="BTCUSDT",
    base="BTC",
    quote="USDT",
    tick_size=Decimal("0.1"),
    step_size=Decimal("0.001"),
    min_price=Decimal("0.1"),
    max_price=Decimal(10_000_000),
    min_lots=1,
    max_lots=1_000_000,
    market_max_lots=100_000,
    min_notional=Decimal(5),
)


def test_a_long_that_rises_earns_the_difference_less_fees() -> None:
    """0.100 BTC from 50 000.0 to 50 100.0."""
    entry = a_fill(a_spec(), 1, 100, px_ticks=500_000, ts_ms=1_000)
    out = a_fill(a_spec(side=Side.SELL), 2, 100, px_ticks=501_000, ts_ms=9_000)
    result = earned([(entry, 90_000_000), (out, 90_000_000)], Side.BUY, BTC)
    assert (result.pnl_gross, result.fees, result.pnl_net) == (Decimal(10), Decimal("1.8"), Decimal("8.2"))
    assert (result.entry_px, result.exit_px) == (Decimal(50_000), Decimal(50_100))
    assert (result.entry_ms, result.exit_ms) == (1_000, 9_000)


def test_a_fee_in_another_asset_is_valued_at_the_rate() -> None:
    """BNB burn (P-5, T40)."""
    fill = msgspec.structs.replace(a_fill(a_spec(), 1, 100, px_ticks=500_000), fee=Decimal("0.002"), fee_asset="BNB")
    assert fee_cash(fill, BTC, Decimal("0.00018"), Decimal("0.00045")) == 90_000_000


@pytest.mark.property
@given(
    st.lists(st.tuples(st.integers(1, 50), st.integers(1, 1_000_000)), min_size=1, max_size=8), st.sampled_from(Side)
)
def test_splitting_a_fill_changes_no_cent(parts: list[tuple[int, int]], side: Side) -> None:
    """Exact: no rounding hides in sums."""
    whole, split = [], []
    for at, (lots, px) in enumerate(parts):
        spec = a_spec(side=side)
        whole.append((a_fill(spec, at, lots * 2, px_ticks=px), 2))
        split += [(a_fill(spec, at, lots, px_ticks=px), 1), (a_fill(spec, at + 1_000, lots, px_ticks=px), 1)]
    assert earned(whole, side, BTC).pnl_net == earned(split, side, BTC).pnl_net
