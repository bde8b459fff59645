"""Thresholds of the decision and of strategies A, B and C, with the specification's numbers (S1, section 6)."""

import msgspec


class MomentumSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A: momentum ride."""

    velocity_ratio: float = 2.0
    streak: int = 8
    spike_ratio: float = 2.5
    imbalance: float = 0.25
    level_distance_pct: float = 0.05
    confirm_min: int = 2
    allow_choppy: bool = False
    allow_extreme: bool = False


class ReversionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """B: mean reversion."""

    rsi_low: float = 25.0
    rsi_high: float = 75.0
    need_band: bool = True
    imbalance: float = 0.40
    confirm_min: int = 2
    need_ranging: bool = True
    allow_extreme: bool = False


class CascadeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """C: liquidation cascade."""

    proximity: float = 0.70
    need_spike: bool = True
    need_momentum: bool = True
    confirm_min: int = 2
    need_normal_or_high: bool = True


class DecisionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Checklist (S1-2) and strategy scores (S1-3)."""

    score_min: float = 0.55
    agree_min: int = 3
    allow_opposite_flow: bool = False
    positions_max: int = 2
    jump_max: float = 0.3
    need_settled: bool = True
    strategy_min: float = 0.4
    velocity_ratio: float = 2.0
    streak: int = 8
    flow_strength: float = 0.60
    rsi_low: float = 25.0
    rsi_high: float = 75.0
    imbalance: float = 0.40
    proximity: float = 0.70
    spike_ratio: float = 2.0
    momentum: MomentumSettings = MomentumSettings()
    reversion: ReversionSettings = ReversionSettings()
    cascade: CascadeSettings = CascadeSettings()


DEFAULT_DECISION = DecisionSettings()
CONSERVATIVE_DECISION = DecisionSettings(score_min=0.60, positions_max=1)
PROMETHEUS_DECISION = DecisionSettings()
DRILL_DECISION = DecisionSettings(
    score_min=0.02,
    agree_min=1,
    allow_opposite_flow=True,
    jump_max=2.0,
    need_settled=False,
    strategy_min=-1.0,
    momentum=MomentumSettings(
        velocity_ratio=-1.0, streak=0, spike_ratio=-1.0, confirm_min=0, allow_choppy=True, allow_extreme=True
    ),
    reversion=ReversionSettings(
        rsi_low=101.0, rsi_high=-1.0, need_band=False, confirm_min=0, need_ranging=False, allow_extreme=True
    ),
    cascade=CascadeSettings(
        proximity=-1.0, need_spike=False, need_momentum=False, confirm_min=0, need_normal_or_high=False
    ),
)
"""For demonstrations and fault tests: the score still chooses the side and the argmax the strategy, and little else
stands in the way."""
