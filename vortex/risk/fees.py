"""What a trade costs before it earns (P-5, S2-4, S2-5). Rates are fractions of notional."""

from vortex.domain.events import AccountView
from vortex.risk.settings import RiskSettings


def round_trip(account: AccountView, settings: RiskSettings) -> float:
    """Maker in, maker out: the fee of S2-4 and S2-5 as a fraction; negative rates (rebates) count as none."""
    rate = float(account.maker_rate)
    return 2.0 * (rate if 0.0 <= rate < 0.01 else settings.fallback_maker_rate)


def reward_risk(take: float, stop: float, fee: float) -> float:
    """R:R after fees, all three as fractions of the entry price: (TP - fee)/(SL + fee) (S2-5)."""
    return (take - fee) / (stop + fee)
