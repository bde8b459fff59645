"""Strategy B, mean reversion: RSI and band at an extreme of a range, about to come back (section 6)."""

from vortex.domain.signals import Direction, Engine
from vortex.signals.regime import Phase, VolPhase
from vortex.strategy.evidence import Evidence
from vortex.strategy.settings import ReversionSettings


def reversion_failures(evidence: Evidence, settings: ReversionSettings) -> tuple[str, ...]:
    """Names of the triggers, confirmations and filters that do not hold; empty when B may be taken."""
    long = evidence.side is Direction.LONG
    rsi = evidence.numbers(Engine.TECHNICAL)["rsi"]
    zone = evidence.texts(Engine.TECHNICAL)["bb_zone"]
    checks = {
        "B.trigger.rsi": rsi < settings.rsi_low if long else rsi > settings.rsi_high,
        "B.trigger.band": zone == ("LOWER" if long else "UPPER") or not settings.need_band,
        "B.confirm": sum(confirmations(evidence, settings)) >= settings.confirm_min,
        "B.filter.ranging": evidence.regime.phase is Phase.RANGING or not settings.need_ranging,
        "B.filter.extreme": evidence.regime.vol_phase is not VolPhase.EXTREME or settings.allow_extreme,
    }
    return tuple([name for name, holds in checks.items() if not holds])


def confirmations(evidence: Evidence, settings: ReversionSettings) -> tuple[bool, bool, bool]:
    """The book presses back our way; CVD and RSI diverge from price our way.

    The pressing side is the side that presses the price back: a book against the trade would fail the checklist's
    "order flow not opposite" and could never confirm anything.
    """
    flow, side = evidence.numbers(Engine.ORDER_FLOW), evidence.side
    return (
        flow["imbalance"] * side > settings.imbalance,
        flow["cvd_divergence_side"] * side > 0.0,
        evidence.numbers(Engine.TECHNICAL)["rsi_divergence_side"] * side > 0.0,
    )
