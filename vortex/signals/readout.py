"""Reads engines out of the fixed layout under the names of the specification (E1-9, E2-7, E3-9, E4-7, E5-5)."""

import math
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vortex.domain.signals import Direction, Engine, Signal
from vortex.kernel.errors import LocalViolation
from vortex.signals.regime import PHASES, VOL_PHASES, Phase, Regime, VolPhase
from vortex.signals.regime_kernel import is_tradeable
from vortex.signals.scalars import Fields
from vortex.signals.settings import SignalSettings

E1, E2, E3, E4, E5 = Engine
VOTERS = (E1, E2, E3, E4)
DIRECTIONS = {int(direction): direction for direction in Direction}
FLOW_LABELS = ("NEUTRAL", "BUY_PRESSURE", "SELL_PRESSURE", "BREAKOUT")
TICK_LABELS = {1: "MOMENTUM_LONG", -1: "MOMENTUM_SHORT", 0: "NEUTRAL"}
SIDE_LABELS = {1: "LONG", -1: "SHORT", 0: "NEUTRAL"}
CROWD_LABELS = {1: "CROWD_SHORT", -1: "CROWD_LONG", 0: "BALANCED"}
TREND_LABELS = {1: "BULLISH", -1: "BEARISH", 0: "NEUTRAL"}
RSI_LABELS = {1: "OVERBOUGHT", -1: "OVERSOLD", 0: "NORMAL"}
MOVE_LABELS = {1: "UP", -1: "DOWN", 0: "NEUTRAL"}
BAND_LABELS = {1: "UPPER", -1: "LOWER", 0: "MIDDLE"}
VWAP_LABELS = {1: "ABOVE", -1: "BELOW", 0: "AT"}
LIQ_LABELS = {1: "ABOVE", -1: "BELOW", 0: ""}
WALL_LABELS = {1: "BID", -1: "ASK", 0: ""}
TRADE_LABELS = {1: "BUY", -1: "SELL", 0: ""}
FUNDING_LABELS = {1: "LONGS_EXPENSIVE", -1: "SHORTS_EXPENSIVE", 0: "NEUTRAL"}
OI_LABELS = ("NONE", "REAL_BUYING", "SHORTS_STACKING", "SHORT_COVER", "LONG_LIQ")

FLOW = (
    "imbalance_3 imbalance imbalance_20 velocity micro_price spoof_ratio wall_near wall_level breakout cvd_slope "
    "cvd_share cvd_divergence direction label strength conviction warm"
)
TICK = (
    "velocity_ratio aggressor_ratio streak spike_ratio volume_spike cascade big_trade big_trade_side delta_slope "
    "direction strength warm"
)
TECHNICAL = (
    "ema9 ema21 trend context rsi rsi_zone divergence macd macd_momentum macd_growing bb_upper bb_middle bb_lower "
    "bb_zone squeeze vwap vwap_side vwap_pct atr resistance support resistance_pct "
    "support_pct direction strength warm"
)
SENTIMENT = (
    "oi_change_pct interpretation ratio ratio_ms top top_ms funding proximity nearest nearest_side nearest_share "
    "extreme direction strength warm"
)
REGIME = "atr_pct adx in_range phase vol spread_pct spread_mean spread_ok weight warm"

Values: TypeAlias = dict[str, float | str | bool]


class Derived(NamedTuple):
    """What of E5 follows from its phases alone (E5-5)."""

    tradeable: bool
    reason: str
    tp_multiplier: float
    sl_multiplier: float
    leverage_max: int
    size_multiplier: float
    preferred_strategy: str


class SignalReader:
    """Reads the engines of one symbol's state as signals. A number that is not finite reads 0."""

    def __init__(self, state: NDArray[np.void], settings: SignalSettings) -> None:
        self.settings = settings
        self._cvd = Fields(state, "tape", "cvd")
        self._flow = Fields(state, "flow", FLOW)
        self._tick = Fields(state, "tick", TICK)
        self._technical = Fields(state, "technical", TECHNICAL)
        self._sentiment = Fields(state, "sentiment", SENTIMENT)
        self._regime = Fields(state, "regime", REGIME)
        self._derived: dict[tuple[int, int, bool, bool], Derived] = {}

    def read(self, engine: Engine, now_ms: int) -> Signal:
        """What one of E1 to E4 says."""
        match engine:
            case Engine.ORDER_FLOW:
                return self._read_flow(now_ms)
            case Engine.TICK:
                return self._read_tick(now_ms)
            case Engine.TECHNICAL:
                return self._read_technical(now_ms)
            case Engine.SENTIMENT:
                return self._read_sentiment(now_ms)
            case Engine.REGIME:
                raise LocalViolation("the regime is read by itself, it needs the correlation watch")

    def look(self, now_ms: int, regime: Regime) -> tuple[Signal, ...]:
        """All five, with E5 as it was read before."""
        return (
            self._read_flow(now_ms),
            self._read_tick(now_ms),
            self._read_technical(now_ms),
            self._read_sentiment(now_ms),
            regime_signal(regime),
        )

    def regime(self, now_ms: int, *, risk_off: bool) -> Regime:
        """What E5 says."""
        atr_pct, adx, in_range, phase, vol, spread, mean, spread_ok, w1, w2, w3, w4, warm = self._regime.read()
        key = phase, vol, warm != 0, risk_off
        derived = self._derived.get(key)
        if derived is None:
            derived = self._derived[key] = self._derive(*key)
        return Regime(
            ts_ms=now_ms,
            warm=warm != 0,
            tradeable=derived.tradeable,
            reason=derived.reason,
            phase=PHASES[phase],
            vol_phase=VOL_PHASES[vol],
            spread_ok=spread_ok != 0,
            current_spread=spread,
            spread_ratio=spread / mean if mean > 0.0 else 0.0,
            spread_flagged=spread > self.settings.regime.spread_flag_ratio * mean > 0.0,
            adx=adx,
            atr_pct=atr_pct,
            in_range=in_range != 0,
            risk_off=risk_off,
            weights={E1: w1, E2: w2, E3: w3, E4: w4},
            tp_multiplier=derived.tp_multiplier,
            sl_multiplier=derived.sl_multiplier,
            leverage_max=derived.leverage_max,
            size_multiplier=derived.size_multiplier,
            preferred_strategy=derived.preferred_strategy,
        )

    def _derive(self, phase_code: int, vol_code: int, warm: bool, risk_off: bool) -> Derived:
        """E5-5: the multipliers of the volatility phase, within the bounds of the specification."""
        phase, vol, limits = PHASES[phase_code], VOL_PHASES[vol_code], self.settings.regime
        leverage = limits.leverage_max
        take, stop = 1.0, 1.0
        if vol is VolPhase.LOW:
            take, stop, leverage = limits.low_tp, limits.low_sl, leverage - limits.low_leverage_cut
        elif vol is VolPhase.HIGH:
            take, stop, leverage = limits.high_tp, limits.high_sl, leverage - limits.high_leverage_cut
        size = self.settings.correlation.risk_off_size if risk_off else 1.0
        if phase is Phase.CHOPPY:
            size *= limits.choppy_size
        tradeable = bool(is_tradeable(warm, vol_code, limits.extreme_blocks != 0))
        stopped = "warming" if not warm else "extreme volatility"
        return Derived(
            tradeable=tradeable,
            reason=f"{phase.value} {vol.value}" if tradeable else stopped,
            tp_multiplier=min(1.5, max(0.8, take)),
            sl_multiplier=min(1.3, max(0.8, stop)),
            leverage_max=min(12, max(5, leverage)),
            size_multiplier=min(1.0, max(0.5, size)),
            preferred_strategy=_PREFERRED[phase] if tradeable else "NONE",
        )

    def _read_flow(self, now_ms: int) -> Signal:
        """E1-9."""
        numbers = self._flow.read()
        (near_3, near, near_20, velocity, micro, spoofs, wall, wall_level, breakout, slope, share, divergence) = (
            numbers[:12]
        )
        direction, label, strength, conviction, warm = numbers[12:]
        (cvd,) = self._cvd.read()
        fields: Values = {
            "imbalance": near,
            "imbalance_3": near_3,
            "imbalance_20": near_20,
            "imbalance_velocity": velocity,
            "cvd": cvd,
            "cvd_slope": slope,
            "cvd_share": share,
            "cvd_divergence": divergence != 0,
            "cvd_divergence_side": float(divergence),
            "wall_near": wall != 0,
            "wall_side": WALL_LABELS[wall],
            "wall_level": wall_level,
            "wall_absorbed": breakout != 0,
            "wall_absorbed_side": float(breakout),
            "spoof_ratio": spoofs,
            "micro_price": micro,
        }
        if not math.isfinite(sum(numbers, cvd)):
            _mend(fields)
        return Signal(
            engine=E1,
            ts_ms=now_ms,
            direction=DIRECTIONS[direction],
            label=FLOW_LABELS[label],
            strength=strength,
            warm=warm != 0,
            conviction=conviction,
            fields=fields,
        )

    def _read_tick(self, now_ms: int) -> Signal:
        """E2-7."""
        numbers = self._tick.read()
        velocity, aggressors, streak, spike, has_spike, cascade, big, big_side, slope = numbers[:9]
        direction, strength, warm = numbers[9:]
        fields: Values = {
            "velocity_ratio": velocity,
            "aggressor_ratio": aggressors,
            "streak": float(abs(streak)),
            "streak_side": math.copysign(1.0, streak) if streak else 0.0,
            "volume_spike": has_spike != 0,
            "spike_ratio": spike,
            "cascade_spike": cascade != 0,
            "big_trade": big != 0,
            "big_trade_side": TRADE_LABELS[big_side],
            "delta_slope": slope,
        }
        if not math.isfinite(sum(numbers)):
            _mend(fields)
        return Signal(
            engine=E2,
            ts_ms=now_ms,
            direction=DIRECTIONS[direction],
            label=TICK_LABELS[direction],
            strength=strength,
            warm=warm != 0,
            fields=fields,
        )

    def _read_technical(self, now_ms: int) -> Signal:
        """E3-9. `key_levels` are resistance_1..5 and support_1..5, nearest first, 0 where there are fewer."""
        numbers = self._technical.read()
        ema9, ema21, trend, context, rsi, rsi_zone, divergence, macd, macd_momentum, macd_growing = numbers[:10]
        bb_upper, bb_middle, bb_lower, bb_zone, squeeze, vwap, vwap_side, vwap_pct, atr = numbers[10:19]
        r1, r2, r3, r4, r5, s1, s2, s3, s4, s5, r_pct, s_pct, direction, strength, warm = numbers[19:]
        fields: Values = {
            "ema9": ema9,
            "ema21": ema21,
            "ema_trend": TREND_LABELS[trend],
            "context": MOVE_LABELS[context],
            "rsi": rsi,
            "rsi_zone": RSI_LABELS[rsi_zone],
            "rsi_divergence": divergence != 0,
            "rsi_divergence_side": float(divergence),
            "macd_histogram": macd,
            "macd_momentum": MOVE_LABELS[macd_momentum],
            "macd_accelerating": macd_growing != 0,
            "bb_upper": bb_upper,
            "bb_middle": bb_middle,
            "bb_lower": bb_lower,
            "bb_zone": BAND_LABELS[bb_zone],
            "bb_squeeze": squeeze != 0,
            "vwap": vwap,
            "vwap_side": VWAP_LABELS[vwap_side],
            "vwap_distance_pct": vwap_pct,
            "atr": atr,
            "nearest_resistance": r1,
            "nearest_support": s1,
            "resistance_distance_pct": r_pct,
            "support_distance_pct": s_pct,
            "resistance_1": r1,
            "resistance_2": r2,
            "resistance_3": r3,
            "resistance_4": r4,
            "resistance_5": r5,
            "support_1": s1,
            "support_2": s2,
            "support_3": s3,
            "support_4": s4,
            "support_5": s5,
        }
        if not math.isfinite(sum(numbers)):
            _mend(fields)
        return Signal(
            engine=E3,
            ts_ms=now_ms,
            direction=DIRECTIONS[direction],
            label=SIDE_LABELS[direction],
            strength=strength,
            warm=warm != 0,
            fields=fields,
        )

    def _read_sentiment(self, now_ms: int) -> Signal:
        """E4-7."""
        numbers = self._sentiment.read()
        oi_change, interpretation, ratio, ratio_ms, top, top_ms, funding, proximity = numbers[:8]
        nearest, nearest_side, nearest_share, extreme, direction, strength, warm = numbers[8:]
        limits = self.settings.sentiment
        fields: Values = {
            "oi_change_pct": oi_change,
            "oi_interpretation": OI_LABELS[interpretation],
            "long_short_ratio": ratio / (1.0 - ratio) if 0.0 < ratio < 1.0 else 0.0,
            "long_share": ratio,
            "funding_rate": funding,
            "funding_signal": FUNDING_LABELS[(funding > limits.funding_high) - (funding < limits.funding_low)],
            "liq_proximity": proximity,
            "nearest_liq_cluster": nearest,
            "liq_side": LIQ_LABELS[nearest_side],
            "liq_share": nearest_share,
            "top_trader_long_pct": top * 100.0,
            "top_trader_divergence": (top - ratio) * 100.0 if top_ms and ratio_ms else 0.0,
            "extreme_level": extreme,
        }
        if not math.isfinite(sum(numbers)):
            _mend(fields)
        return Signal(
            engine=E4,
            ts_ms=now_ms,
            direction=DIRECTIONS[direction],
            label=CROWD_LABELS[direction],
            strength=strength,
            warm=warm != 0,
            fields=fields,
        )


def regime_signal(regime: Regime) -> Signal:
    """E5 in the engines' common shape (E5-5)."""
    weights, phase = regime.weights, _PHASE_NAMES[regime.phase]
    return Signal(
        engine=E5,
        ts_ms=regime.ts_ms,
        direction=Direction.NEUTRAL,
        label=phase,
        strength=0.0,
        warm=regime.warm,
        fields={
            "tradeable": regime.tradeable,
            "reason": regime.reason,
            "phase": phase,
            "vol_phase": _VOL_NAMES[regime.vol_phase],
            "spread_ok": regime.spread_ok,
            "current_spread": regime.current_spread,
            "spread_ratio": regime.spread_ratio,
            "spread_flagged": regime.spread_flagged,
            "adx": regime.adx,
            "atr_pct": regime.atr_pct,
            "in_range": regime.in_range,
            "risk_off": regime.risk_off,
            "weight_e1": weights[E1],
            "weight_e2": weights[E2],
            "weight_e3": weights[E3],
            "weight_e4": weights[E4],
            "tp_multiplier": regime.tp_multiplier,
            "sl_multiplier": regime.sl_multiplier,
            "leverage_max": float(regime.leverage_max),
            "size_multiplier": regime.size_multiplier,
            "preferred_strategy": regime.preferred_strategy,
        },
    )


def _mend(fields: Values) -> None:
    """Rare: one of the numbers, or their sum, is not finite."""
    for name, value in fields.items():
        if value.__class__ is float and not math.isfinite(value):
            fields[name] = 0.0


_PHASE_NAMES = {phase: phase.value for phase in Phase}
_VOL_NAMES = {vol: vol.value for vol in VolPhase}
_PREFERRED = {Phase.TRENDING: "A", Phase.RANGING: "B", Phase.CHOPPY: "C", Phase.UNKNOWN: "NONE"}
