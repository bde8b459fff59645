"""Named sets of settings, each said as its differences from the defaults.

| profile | what it is for |
|---|---|
| default | the numbers of the specification |
| conservative | go-live week 1: BTCUSDT alone, leverage 5, half the risk, at most 20 trades a day (CB-8) |
| prometheus | the breaker profile of the sister system (PRO-7) |
| drill | entries every few seconds on any moving market, for demonstrations and fault tests; never on testnet or live |
"""

from decimal import Decimal
from typing import Any

import msgspec

from vortex.execution.settings import DRILL_EXECUTION, ExecutionSettings
from vortex.risk.breaker_settings import CONSERVATIVE_BREAKERS, DRILL_BREAKERS, HOUR_MS, BreakerSettings
from vortex.risk.settings import CONSERVATIVE_RISK, DEFAULT_RISK, DRILL_RISK, PROMETHEUS_RISK
from vortex.signals.settings import CONSERVATIVE_SIGNALS, DEFAULT_SIGNALS, DRILL_SIGNALS, PROMETHEUS_SIGNALS
from vortex.strategy.settings import CONSERVATIVE_DECISION, DEFAULT_DECISION, DRILL_DECISION, PROMETHEUS_DECISION

PROMETHEUS_BREAKERS = BreakerSettings(
    daily_loss_pct=Decimal(10),
    daily_trades=20,
    loss_streak=5,
    loss_streak_cooldown_ms=HOUR_MS,
    hourly_losses_cooldown_ms=HOUR_MS,
    single_loss_pct=Decimal(5),
    single_loss_cooldown_ms=HOUR_MS,
)
"""PRO-7: every cooldown resets by itself after 60 min."""


def differences(variant: msgspec.Struct, default: msgspec.Struct) -> dict[str, Any]:
    """What a variant says otherwise than the default, as nested tables."""
    said: dict[str, Any] = {}
    for name in variant.__struct_fields__:
        ours, theirs = getattr(variant, name), getattr(default, name)
        if ours == theirs:
            continue
        is_section = isinstance(ours, msgspec.Struct) and isinstance(theirs, msgspec.Struct)
        said[name] = differences(ours, theirs) if is_section else ours
    return said


PROFILES: dict[str, dict[str, Any]] = {
    "default": {},
    "conservative": {
        "symbols": ["BTCUSDT"],
        "execution": {"max_positions": 1},
        "breakers": differences(CONSERVATIVE_BREAKERS, BreakerSettings()),
        "risk": differences(CONSERVATIVE_RISK, DEFAULT_RISK),
        "decision": differences(CONSERVATIVE_DECISION, DEFAULT_DECISION),
        "signals": differences(CONSERVATIVE_SIGNALS, DEFAULT_SIGNALS),
    },
    "prometheus": {
        "breakers": differences(PROMETHEUS_BREAKERS, BreakerSettings()),
        "risk": differences(PROMETHEUS_RISK, DEFAULT_RISK),
        "decision": differences(PROMETHEUS_DECISION, DEFAULT_DECISION),
        "signals": differences(PROMETHEUS_SIGNALS, DEFAULT_SIGNALS),
    },
    "drill": {
        "execution": differences(DRILL_EXECUTION, ExecutionSettings()),
        "breakers": differences(DRILL_BREAKERS, BreakerSettings()),
        "risk": differences(DRILL_RISK, DEFAULT_RISK),
        "decision": differences(DRILL_DECISION, DEFAULT_DECISION),
        "signals": differences(DRILL_SIGNALS, DEFAULT_SIGNALS),
    },
}
