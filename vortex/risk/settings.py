"""Numbers of the risk manager: how much, how far, how long (S2-1 … S2-5, S3-1, S3-4)."""

from typing import Annotated

import msgspec
from msgspec import Meta

Percent = Annotated[float, Meta(ge=0.0, le=100.0)]
Factor = Annotated[float, Meta(ge=0.0, le=1.0)]
Multiple = Annotated[float, Meta(gt=0.0)]
Distance = Annotated[float, Meta(ge=0.0)]
Millis = Annotated[int, Meta(ge=1)]
Leverage = Annotated[int, Meta(ge=1, le=125)]
Rate = Annotated[float, Meta(ge=0.0, lt=0.01)]


class LevelSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One strategy's distances in ATR, shares in percent, times in ms."""

    stop_atr: Multiple
    take_atr: Distance
    trail_atr: Distance
    take_share: Annotated[int, Meta(ge=1, le=100)]
    entry_timeout_ms: Millis
    max_hold_ms: Millis


MOMENTUM_LEVELS = LevelSettings(
    stop_atr=0.8, take_atr=1.3, trail_atr=0.5, take_share=60, entry_timeout_ms=5_000, max_hold_ms=300_000
)
REVERSION_LEVELS = LevelSettings(
    stop_atr=1.0, take_atr=0.0, trail_atr=0.0, take_share=100, entry_timeout_ms=10_000, max_hold_ms=600_000
)
CASCADE_LEVELS = LevelSettings(
    stop_atr=0.5, take_atr=1.0, trail_atr=0.7, take_share=60, entry_timeout_ms=5_000, max_hold_ms=480_000
)


class RiskSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Percentages are of equity or price as named; caps are multiples of equity.

    For B `take_atr` is the take-profit where neither VWAP nor the band's middle lies ahead; 0 refuses the trade.
    For C `stop_atr` is the least stop, when the entry is already at the cluster.
    """

    risk_high_pct: Percent = 1.5
    risk_middle_pct: Percent = 1.0
    risk_low_pct: Percent = 0.5
    confidence_high: Percent = 80.0
    confidence_middle: Percent = 60.0
    streak_losses: Annotated[int, Meta(ge=1)] = 3
    streak_factor: Factor = 0.5
    bad_day_pct: Annotated[float, Meta(ge=-100.0, le=0.0)] = -1.5
    bad_day_factor: Factor = 0.5
    kelly_trades: Annotated[int, Meta(ge=1)] = 50
    kelly_share: Factor = 0.25
    leverage_min: Annotated[int, Meta(ge=1, le=12)] = 5
    leverage_max: Leverage = 12
    margin_per_trade: Multiple = 0.1
    margin_max: Factor = 0.9
    notional_cap_major: Multiple = 10.0
    notional_cap_other: Multiple = 1.5
    majors: tuple[str, ...] = ("BTCUSDT", "ETHUSDT")
    profit_buffer_pct: float = 0.05
    reward_risk_min: float = 1.3
    fallback_maker_rate: Rate = 0.0002
    band_buffer_atr: Distance = 0.3
    momentum: LevelSettings = MOMENTUM_LEVELS
    reversion: LevelSettings = REVERSION_LEVELS
    cascade: LevelSettings = CASCADE_LEVELS


DEFAULT_RISK = RiskSettings()
CONSERVATIVE_RISK = RiskSettings(
    risk_high_pct=0.75, risk_middle_pct=0.5, risk_low_pct=0.25, leverage_max=5, notional_cap_major=5.0
)
"""Go-live week 1: half the risk, leverage 5."""
PROMETHEUS_RISK = RiskSettings()
DRILL_RISK = RiskSettings(
    risk_high_pct=0.2,
    risk_middle_pct=0.2,
    risk_low_pct=0.2,
    streak_factor=1.0,
    bad_day_factor=1.0,
    kelly_trades=1_000_000_000,
    profit_buffer_pct=-100.0,
    reward_risk_min=-100.0,
    notional_cap_major=1.0,
    notional_cap_other=1.0,
    reversion=LevelSettings(
        stop_atr=1.0, take_atr=1.0, trail_atr=0.0, take_share=100, entry_timeout_ms=5_000, max_hold_ms=60_000
    ),
    momentum=LevelSettings(
        stop_atr=0.8, take_atr=1.3, trail_atr=0.5, take_share=60, entry_timeout_ms=3_000, max_hold_ms=60_000
    ),
    cascade=LevelSettings(
        stop_atr=0.5, take_atr=1.0, trail_atr=0.7, take_share=60, entry_timeout_ms=3_000, max_hold_ms=60_000
    ),
)
"""For demonstrations and fault tests: small trades that are never refused for being unprofitable, and end soon."""
