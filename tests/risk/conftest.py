"""Builders for risk: an instrument, an account, a market view."""

from decimal import Decimal

import msgspec
import pytest

from vortex.domain.events import AccountView
from vortex.domain.instruments import Instrument
from vortex.risk.levels import MarketView


class RiskBuild:
    """Builders; keyword arguments change the plain ones."""

    def instrument(self, **changes: object) -> Instrument:
        plain = Instrument(
            symbol="BTCUSDT",
            base="BTC",
            quote="USDT",
            tick_size=Decimal("0.1"),
            step_size=Decimal("0.001"),
            min_price=Decimal("0.1"),
            max_price=Decimal(10_000_000),
            min_lots=1,
            max_lots=1_000_000,
            market_max_lots=120_000,
            min_notional=Decimal(100),
        )
        return msgspec.structs.replace(plain, **changes)

    def account(self, **changes: object) -> AccountView:
        plain = AccountView(
            equity=Decimal(10_000),
            available=Decimal(10_000),
            margin_used=Decimal(0),
            maker_rate=Decimal("0.0002"),
            taker_rate=Decimal("0.0005"),
            open_positions=0,
            pnl_today=Decimal(0),
            day_open_equity=Decimal(10_000),
            loss_streak=0,
            closed_trades=0,
            win_rate=0.0,
            payoff=0.0,
        )
        return msgspec.structs.replace(plain, **changes)

    def view(self, **changes: object) -> MarketView:
        plain = MarketView(
            best_bid=60_000.0,
            best_ask=60_000.5,
            atr=200.0,
            bb_upper=60_400.0,
            bb_middle=60_100.0,
            bb_lower=59_800.0,
            vwap=60_300.0,
            cluster=0.0,
            resistances=(0.0,) * 5,
            supports=(0.0,) * 5,
        )
        return msgspec.structs.replace(plain, **changes)


@pytest.fixture(scope="session")
def risk_build() -> RiskBuild:
    """The builders."""
    return RiskBuild()
