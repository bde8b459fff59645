"""Thresholds of the decision and of strategies A, B and C, with the specification's numbers (S1, section 6).

What could never hold is refused; what always holds is not, because a drill asks for it.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

Part = Annotated[float, Meta(ge=0.0, lt=1.0)]
Threshold = Annotated[float, Meta(ge=-1.0, lt=1.0)]
"""Both are to be exceeded by what is at most 1."""
Rsi = Annotated[float, Meta(ge=-1.0, le=101.0)]
Distance = Annotated[float, Meta(ge=0.0)]
Count = Annotated[int, Meta(ge=0)]
OfThree = Annotated[int, Meta(ge=0, le=3)]
OfFour = Annotated[int, Meta(ge=0, le=4)]


class MomentumSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A: momentum ride."""

    velocity_ratio: float = 2.0
    streak: Count = 8
    spike_ratio: float = 2.5
    imbalance: Part = 0.25
    level_distance_pct: Distance = 0.05
    confirm_min: OfFour = 2
    allow_choppy: bool = False
    allow_extreme: bool = False


class ReversionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """B: mean reversion."""

    rsi_low: Rsi = 25.0
    rsi_high: Rsi = 75.0
    need_band: bool = True
    imbalance: Part = 0.40
    confirm_min: OfThree = 2
    need_ranging: bool = True
    allow_extreme: bool = False


class CascadeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """C: liquidation cascade."""

    proximity: Threshold = 0.70
    need_spike: bool = True
    need_momentum: bool = True
    confirm_min: OfThree = 2
    need_normal_or_high: bool = True


class DecisionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Checklist (S1-2) and strategy scores (S1-3)."""

    score_min: Part = 0.55
    agree_min: OfFour = 3
    allow_opposite_flow: bool = False
    positions_max: Annotated[int, Meta(ge=1)] = 2
    jump_max: Distance = 0.3
    need_settled: bool = True
    strategy_min: Annotated[float, Meta(ge=-1.0, le=1.0)] = 0.4
    velocity_ratio: float = 2.0
    streak: Count = 8
    flow_strength: Threshold = 0.60
    rsi_low: Rsi = 25.0
    rsi_high: Rsi = 75.0
    imbalance: Part = 0.40
    proximity: Threshold = 0.70
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
