"""Strategy C, liquidation cascade: price pushed into a cluster of forced orders (section 6)."""

from vortex.domain.signals import Direction, Engine
from vortex.signals.regime import VolPhase
from vortex.strategy.evidence import Evidence
from vortex.strategy.settings import CascadeSettings


def cascade_failures(evidence: Evidence, settings: CascadeSettings) -> tuple[str, ...]:
    """Names of the triggers, confirmations and filters that do not hold; empty when C may be taken."""
    near = evidence.numbers(Engine.SENTIMENT)["liq_proximity"] > settings.proximity
    wanted = (VolPhase.NORMAL, VolPhase.HIGH)
    checks = {
        "C.trigger.proximity": near,
        "C.trigger.spike": bool(evidence.numbers(Engine.TICK)["volume_spike"]) or not settings.need_spike,
        "C.trigger.momentum": _heads_for_cluster(evidence) or not settings.need_momentum,
        "C.confirm": sum(confirmations(evidence)) >= settings.confirm_min,
        "C.filter.volatility": evidence.regime.vol_phase in wanted or not settings.need_normal_or_high,
    }
    return tuple([name for name, holds in checks.items() if not holds])


def confirmations(evidence: Evidence) -> tuple[bool, bool, bool]:
    """Open interest falls; a big trade; a wall was eaten."""
    return (
        evidence.numbers(Engine.SENTIMENT)["oi_change_pct"] < 0.0,
        bool(evidence.numbers(Engine.TICK)["big_trade"]),
        bool(evidence.numbers(Engine.ORDER_FLOW)["wall_absorbed"]),
    )


def _heads_for_cluster(evidence: Evidence) -> bool:
    """The cluster lies on our side, E1 or E2 pushes that way and neither pushes back."""
    ahead = "ABOVE" if evidence.side is Direction.LONG else "BELOW"
    pushers = (Engine.ORDER_FLOW, Engine.TICK)
    return (
        evidence.texts(Engine.SENTIMENT)["liq_side"] == ahead
        and any(evidence.agrees(engine) for engine in pushers)
        and not any(evidence.opposes(engine) for engine in pushers)
    )
