"""What a trade costs before it earns (P-5, S2-4, S2-5). Exact, so that what equals a limit is not below it."""

from decimal import Decimal

from vortex.domain.events import AccountView
from vortex.risk.grid import exact
from vortex.risk.settings import RiskSettings

RATE_MAX = Decimal("0.01")
"""From here on a rate is a mistake."""


def round_trip(account: AccountView, settings: RiskSettings) -> Decimal:
    """Maker in, maker out: the fee of S2-4 and S2-5 as a fraction of notional.

    A rate that is not from zero to 1 % is not counted on, a rebate neither: the fallback stands for it.
    """
    rate = account.maker_rate
    return 2 * (rate if 0 <= rate < RATE_MAX else exact(settings.fallback_maker_rate))


def reward_risk(take: Decimal, stop: Decimal, fee: Decimal) -> Decimal:
    """R:R after fees, all three in the same unit: (TP - fee)/(SL + fee) (S2-5)."""
    return (take - fee) / (stop + fee)
