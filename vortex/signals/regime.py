"""E5 as others read it: tradeable or not, why, and the multipliers that follow (E5-5)."""

import enum

from vortex.domain.message import Message
from vortex.domain.signals import Engine


class Phase(enum.StrEnum):
    """Trend phase (E5-2)."""

    UNKNOWN = "UNKNOWN"
    TRENDING = "TRENDING"
    RANGING = "RANGING"
    CHOPPY = "CHOPPY"


class VolPhase(enum.StrEnum):
    """Volatility phase (E5-1)."""

    UNKNOWN = "UNKNOWN"
    LOW = "LOW"
    NORMAL = "NORMAL"
    HIGH = "HIGH"
    EXTREME = "EXTREME"


PHASES = tuple(Phase)
VOL_PHASES = tuple(VolPhase)


class Regime(Message, frozen=True, kw_only=True):
    """Output of E5. `weights` is normalized to 1 over E1–E4; spread in percent of the bid.

    `spread_ratio` is the spread over its mean of the last 100, `spread_flagged` says that it is more than twice that.
    """

    ts_ms: int
    warm: bool
    tradeable: bool
    reason: str
    phase: Phase
    vol_phase: VolPhase
    spread_ok: bool
    current_spread: float
    spread_ratio: float
    spread_flagged: bool = False
    adx: float
    atr_pct: float
    in_range: bool
    risk_off: bool
    weights: dict[Engine, float]
    tp_multiplier: float
    sl_multiplier: float
    leverage_max: int
    size_multiplier: float
    preferred_strategy: str
