"""Strategy A, momentum ride: a burst of trades, streak and volume, confirmed by book, CVD and trend (section 6)."""

from vortex.domain.signals import Direction, Engine
from vortex.signals.regime import Phase, VolPhase
from vortex.strategy.evidence import Evidence
from vortex.strategy.settings import MomentumSettings


def momentum_failures(evidence: Evidence, settings: MomentumSettings) -> tuple[str, ...]:
    """Names of the triggers, confirmations and filters that do not hold; empty when A may be taken."""
    tick = evidence.numbers(Engine.TICK)
    streak = tick["streak"] * tick["streak_side"] * evidence.side  # length of the run of trades on our side
    checks = {
        "A.trigger.velocity": tick["velocity_ratio"] > settings.velocity_ratio,
        "A.trigger.streak": streak >= settings.streak or settings.streak == 0,
        "A.trigger.spike": tick["spike_ratio"] > settings.spike_ratio,
        "A.confirm": sum(confirmations(evidence, settings)) >= settings.confirm_min,
        "A.filter.choppy": evidence.regime.phase is not Phase.CHOPPY or settings.allow_choppy,
        "A.filter.extreme": evidence.regime.vol_phase is not VolPhase.EXTREME or settings.allow_extreme,
    }
    return tuple([name for name, holds in checks.items() if not holds])


def confirmations(evidence: Evidence, settings: MomentumSettings) -> tuple[bool, bool, bool, bool]:
    """Imbalance, CVD slope and EMA trend on the same side; no level close ahead."""
    flow, side = evidence.numbers(Engine.ORDER_FLOW), evidence.side
    return (
        flow["imbalance"] * side > settings.imbalance,
        flow["cvd_slope"] * side > 0.0,
        evidence.texts(Engine.TECHNICAL)["ema_trend"] == ("BULLISH" if side is Direction.LONG else "BEARISH"),
        _way_is_free(evidence, settings.level_distance_pct),
    )


def _way_is_free(evidence: Evidence, distance_pct: float) -> bool:
    """No resistance (support for SHORT) within the distance ahead of the price."""
    long = evidence.side is Direction.LONG
    level = evidence.numbers(Engine.TECHNICAL)["nearest_resistance" if long else "nearest_support"]
    if level <= 0.0 or evidence.px <= 0.0:
        return True
    return abs(level - evidence.px) / evidence.px * 100.0 >= distance_pct
