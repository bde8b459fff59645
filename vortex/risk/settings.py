"""Numbers of the risk manager: how much, how far, how long (S2-1 … S2-5, S3-1, S3-4)."""

import msgspec


class LevelSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One strategy's distances in ATR, shares in percent, times in ms."""

    stop_atr: float
    take_atr: float
    trail_atr: float
    take_share: int
    entry_timeout_ms: int
    max_hold_ms: int


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

    risk_high_pct: float = 1.5
    risk_middle_pct: float = 1.0
    risk_low_pct: float = 0.5
    confidence_high: float = 80.0
    confidence_middle: float = 60.0
    streak_losses: int = 3
    streak_factor: float = 0.5
    bad_day_pct: float = -1.5
    bad_day_factor: float = 0.5
    kelly_trades: int = 50
    kelly_share: float = 0.25
    leverage_min: int = 5
    leverage_max: int = 12
    margin_per_trade: float = 0.1
    margin_max: float = 0.9
    notional_cap_major: float = 10.0
    notional_cap_other: float = 1.5
    majors: tuple[str, ...] = ("BTCUSDT", "ETHUSDT")
    profit_buffer_pct: float = 0.05
    reward_risk_min: float = 1.3
    fallback_maker_rate: float = 0.0002
    fallback_taker_rate: float = 0.0005
    band_buffer_atr: float = 0.3
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
