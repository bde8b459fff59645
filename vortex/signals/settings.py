"""Every number of the five engines, with the specification's value as its default (section 2)."""

from typing import Annotated

import msgspec
from msgspec import Meta

Millis = Annotated[int, Meta(ge=1)]
Candles = Annotated[int, Meta(ge=1, le=480)]
"""At most what the rings keep, less what their indicators need to begin."""
Share = Annotated[float, Meta(ge=0.0, le=1.0)]
Positive = Annotated[float, Meta(gt=0.0)]
Percentile = Annotated[float, Meta(ge=0.0, le=100.0)]
Leverage = Annotated[int, Meta(ge=1, le=125)]
OfSymbol = Annotated[str, Meta(pattern=r"^[A-Z0-9]{2,20}=[0-9]*[1-9][0-9]*(\.[0-9]+)?$")]
"""A symbol and its number, above zero: SOLUSDT=20000."""
CYCLES_BACK = 15
"""How many cycles before the last one a score is remembered, for its stability (S1-2)."""


class OrderFlowSettings(msgspec.Struct, frozen=True, kw_only=True):
    """E1. Shares and ratios are fractions, times are ms, slopes per second."""

    enter_imbalance: Positive = 0.30
    strong_velocity: Positive = 0.05
    velocity_readings: Annotated[int, Meta(ge=1, le=15)] = 5
    divergence_px_pct: float = 0.03
    divergence_share: Share = 0.10
    wall_factor: Positive = 5.0
    wall_near_pct: float = 0.10
    wall_known_ms: Annotated[int, Meta(ge=0)] = 3_000
    wall_memory_ms: Millis = 10_000
    wall_gone_share: Share = 0.80
    breakout_hold_ms: Millis = 3_000
    spoof_ms: Millis = 500
    spoof_window_ms: Millis = 10_000
    spoof_alarm: Share = 0.5
    book_max_age_ms: Millis = 3_000
    warm_readings: int = 20


class TickSettings(msgspec.Struct, frozen=True, kw_only=True):
    """E2. `big_trade_usdt_of` gives symbols a threshold of their own, as in SOLUSDT=20000 (E2-5)."""

    awake_ratio: Positive = 2.0
    very_awake_ratio: Positive = 3.0
    bullish_ratio: Share = 0.65
    bearish_ratio: Share = 0.35
    streak_trades: int = 8
    streak_among: Annotated[int, Meta(ge=1, le=1_000)] = 20
    spike_ratio: Positive = 2.5
    extreme_spike_ratio: float = 4.0
    big_trade_usdt: Positive = 50_000.0
    big_trade_usdt_of: tuple[OfSymbol, ...] = ()
    big_trade_hold_ms: Millis = 3_000
    direction_floor: float = 0.20
    warm_ms: Millis = 30_000
    warm_trades: int = 20
    silence_max_ms: Millis = 30_000

    def big_trade_of(self, symbol: str) -> float:
        """From which notional on, in USDT, a trade of this symbol is a big one."""
        own = dict(entry.split("=") for entry in self.big_trade_usdt_of)
        return float(own.get(symbol, self.big_trade_usdt))


class TechnicalSettings(msgspec.Struct, frozen=True, kw_only=True):
    """E3. Distances are percent of price; candle counts are minutes unless said otherwise."""

    trend_distance_pct: Positive = 0.02
    cross_candles: int = 3
    context_periods: Annotated[int, Meta(ge=1, le=100)] = 5
    context_with: float = 1.2
    context_against: float = 0.7
    rsi_low: Percentile = 30.0
    rsi_high: Percentile = 70.0
    divergence_candles: Candles = 40
    squeeze_percentile: Percentile = 20.0
    squeeze_history: Candles = 100
    extended_pct: Positive = 0.5
    swing_candles: Candles = 200
    direction_floor: float = 0.15
    warm_candles: Candles = 60
    warm_candles_3m: Candles = 20


class SentimentSettings(msgspec.Struct, frozen=True, kw_only=True):
    """E4. Shares and funding rates are fractions (0.0003 = 0.03 %).

    The exchange makes account ratios every five minutes, however often it is asked, and stamps them with the end of
    their period: one is older than that when the next is published, and `ratio_max_age_ms` must be longer.
    """

    oi_window_ms: Millis = 300_000
    oi_min_change_pct: float = 0.05
    crowd_long_share: Share = 0.70
    crowd_short_share: Share = 0.65
    funding_high: float = 0.0003
    funding_low: float = -0.0001
    funding_near_ms: Millis = 7_200_000
    funding_near_factor: float = 1.5
    top_long_share: Share = 0.60
    top_short_share: Share = 0.40
    proximity_range: Positive = 0.005
    cluster_behind: float = 0.0005
    forced_window_ms: Millis = 60_000
    forced_pull: Share = 0.5
    direction_floor: float = 0.15
    poll_max_age_ms: Millis = 300_000
    ratio_max_age_ms: Millis = 600_000


class RegimeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """E5. Percentiles are of the last 24 h; spreads are percent of the bid."""

    low_percentile: Percentile = 20.0
    high_percentile: Percentile = 80.0
    extreme_percentile: Percentile = 95.0
    history_candles: Candles = 480
    history_min: Candles = 100
    trending_adx: float = 25.0
    choppy_adx: float = 20.0
    clear_slope_pct: float = 0.005
    range_candles: Annotated[int, Meta(ge=2, le=480)] = 20
    range_width_atr: Positive = 4.0
    range_margin_atr: Annotated[float, Meta(ge=0.0)] = 0.25
    spread_max_pct: float = 0.015
    spread_flag_ratio: float = 2.0
    low_tp: float = 0.8
    low_sl: float = 0.8
    high_tp: float = 1.3
    high_sl: float = 1.3
    leverage_max: Leverage = 12
    low_leverage_cut: int = 2
    high_leverage_cut: int = 4
    high_flow_boost: float = 1.15
    trending_technical_boost: float = 1.25
    ranging_sentiment_boost: float = 1.25
    choppy_size: Share = 0.5
    extreme_blocks: int = 1


class CorrelationSettings(msgspec.Struct, frozen=True, kw_only=True):
    """E5-4. Two reference symbols, 10-minute log returns sampled each minute, judged every five."""

    first: str = "BTCUSDT"
    second: str = "ETHUSDT"
    return_minutes: Annotated[int, Meta(ge=1, le=1_440)] = 10
    samples: Annotated[int, Meta(ge=1, le=1_440)] = 60
    every_ms: Millis = 300_000
    healthy: float = 0.8
    broken: float = 0.5
    risk_off_size: Share = 0.5


class CycleSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The 100 ms cycle: base weights (S1-1) and the score from which a decision is worth its details."""

    period_ms: Annotated[int, Meta(ge=10, le=1_000)] = 100
    weight_1: Share = 0.35
    weight_2: Share = 0.25
    weight_3: Share = 0.20
    weight_4: Share = 0.12
    gate: float = 0.55
    stable_ms: Annotated[int, Meta(ge=0, le=1_500)] = 500
    technical_ms: Millis = 1_000
    regime_ms: Millis = 30_000
    close_grace_ms: Millis = 2_000


class SignalSettings(msgspec.Struct, frozen=True, kw_only=True):
    """All engines of one symbol."""

    flow: OrderFlowSettings = OrderFlowSettings()
    tick: TickSettings = TickSettings()
    technical: TechnicalSettings = TechnicalSettings()
    sentiment: SentimentSettings = SentimentSettings()
    regime: RegimeSettings = RegimeSettings()
    cycle: CycleSettings = CycleSettings()
    correlation: CorrelationSettings = CorrelationSettings()


DEFAULT_SIGNALS = SignalSettings()
CONSERVATIVE_SIGNALS = SignalSettings(
    regime=RegimeSettings(leverage_max=8),
    cycle=CycleSettings(gate=0.60),
)
PROMETHEUS_SIGNALS = SignalSettings()
DRILL_SIGNALS = SignalSettings(
    flow=OrderFlowSettings(enter_imbalance=0.02, warm_readings=6),
    tick=TickSettings(
        bullish_ratio=0.501, bearish_ratio=0.499, direction_floor=0.001, warm_ms=3_000, warm_trades=5, streak_trades=3
    ),
    technical=TechnicalSettings(direction_floor=0.001, warm_candles=35, warm_candles_3m=14),
    regime=RegimeSettings(history_min=1, spread_max_pct=5.0, extreme_blocks=0),
    cycle=CycleSettings(gate=0.02),
)
"""For demonstrations and fault tests: on any moving market the engines nearly always have a direction."""
