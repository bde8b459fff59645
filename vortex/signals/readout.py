"""Reads engines out of the fixed layout under the names of the specification (E1-9, E2-7, E3-9, E4-7, E5-5)."""

import math
import struct
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vortex.domain.signals import Direction, Engine, Signal
from vortex.kernel.errors import LocalViolation
from vortex.signals.layout import LEVELS_KEPT, STATE
from vortex.signals.regime import PHASES, VOL_PHASES, Phase, Regime, VolPhase
from vortex.signals.settings import RegimeSettings, SignalSettings

_VOTERS = (Engine.ORDER_FLOW, Engine.TICK, Engine.TECHNICAL, Engine.SENTIMENT)
DIRECTIONS = {int(direction): direction for direction in Direction}
RESISTANCES = tuple(f"resistance_{k + 1}" for k in range(LEVELS_KEPT))
SUPPORTS = tuple(f"support_{k + 1}" for k in range(LEVELS_KEPT))
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
TRADE_LABELS = {1: "BUY", -1: "SELL", 0: ""}
OI_LABELS = ("NONE", "REAL_BUYING", "SHORTS_STACKING", "SHORT_COVER", "LONG_LIQ")


Numbers: TypeAlias = dict[str, Any]
"""The scalar fields of one record, as Python numbers."""


class ScalarView:
    """Reads all scalar fields of one record at once, straight from its bytes; arrays in between are skipped."""

    def __init__(self, state: NDArray[np.void], record: str) -> None:
        layout, start = _fields(STATE)[record]
        fields = sorted(_fields(layout).items(), key=lambda field: field[1][1])
        self._names = [name for name, (kind, _) in fields if not kind.shape]
        self._format = struct.Struct("=" + "".join(_code(kind) for _, (kind, _) in fields))
        self._bytes = state.view(np.uint8).data
        self._start = start

    def read(self) -> Numbers:
        """Names to numbers."""
        return dict(zip(self._names, self._format.unpack_from(self._bytes, self._start), strict=True))


def _fields(layout: np.dtype[np.void]) -> dict[str, tuple[np.dtype[np.void], int]]:
    """Name to kind and offset."""
    assert layout.fields is not None, "only records have fields"
    return {name: (field[0], field[1]) for name, field in layout.fields.items()}


def _code(kind: np.dtype[np.void]) -> str:
    """The struct module's letter for a scalar, or the bytes to skip."""
    if kind.shape:
        return f"{kind.itemsize}x"
    return {"i": "q", "f": "d"}[kind.kind]


class SignalReader:
    """Reads the engines of one symbol's state as signals."""

    def __init__(self, state: NDArray[np.void], settings: SignalSettings) -> None:
        self.settings = settings
        self._resistance = state["technical"]["resistance"][0]
        self._support = state["technical"]["support"][0]
        self._weight = state["regime"]["weight"][0]
        self._views = {name: ScalarView(state, name) for name in ("tape", "flow", "tick", "technical", "sentiment")}
        self._regime = ScalarView(state, "regime")

    def read(self, engine: Engine, now_ms: int) -> Signal:
        """What one of E1 to E4 says."""
        match engine:
            case Engine.ORDER_FLOW:
                return _flow(now_ms, self._views["flow"].read(), self._views["tape"].read())
            case Engine.TICK:
                return _tick(now_ms, self._views["tick"].read())
            case Engine.TECHNICAL:
                levels = self._resistance.tolist(), self._support.tolist()
                return _technical(now_ms, self._views["technical"].read(), *levels)
            case Engine.SENTIMENT:
                return _sentiment(now_ms, self._views["sentiment"].read(), self.settings)
            case Engine.REGIME:
                raise LocalViolation("the regime is read by itself, it needs the correlation watch")

    def regime(self, now_ms: int, *, risk_off: bool) -> Regime:
        """What E5 says."""
        return _regime(
            now_ms, self._regime.read(), self._weight.tolist(), self.settings.regime, self._risk_off_size(risk_off)
        )

    def _risk_off_size(self, risk_off: bool) -> float | None:
        return self.settings.correlation.risk_off_size if risk_off else None


def _compose(
    engine: Engine,
    now_ms: int,
    numbers: Numbers,
    label: str,
    fields: dict[str, float | str | bool],
    conviction: float = 1.0,
) -> Signal:
    """The common head with an engine's own fields; anything that is not finite reads 0."""
    for name, value in fields.items():
        if value.__class__ is float and not math.isfinite(value):
            fields[name] = 0.0
    return Signal(
        engine=engine,
        ts_ms=now_ms,
        direction=DIRECTIONS[numbers["direction"]],
        label=label,
        strength=numbers["strength"],
        warm=numbers["warm"] != 0,
        conviction=conviction,
        fields=fields,
    )


def _flow(now_ms: int, flow: Numbers, tape: Numbers) -> Signal:
    """E1-9."""
    return _compose(
        Engine.ORDER_FLOW,
        now_ms,
        flow,
        FLOW_LABELS[flow["label"]],
        {
            "imbalance": flow["imbalance"],
            "imbalance_3": flow["imbalance_3"],
            "imbalance_20": flow["imbalance_20"],
            "imbalance_velocity": flow["velocity"],
            "cvd": tape["cvd"],
            "cvd_slope": flow["cvd_slope"],
            "cvd_share": flow["cvd_share"],
            "cvd_divergence": bool(flow["cvd_divergence"] != 0),
            "cvd_divergence_side": float(flow["cvd_divergence"]),
            "wall_near": bool(flow["wall_near"] != 0),
            "wall_side": {1: "BID", -1: "ASK", 0: ""}[flow["wall_near"]],
            "wall_level": flow["wall_level"],
            "wall_absorbed": bool(flow["breakout"] != 0),
            "wall_absorbed_side": float(flow["breakout"]),
            "spoof_ratio": flow["spoof_ratio"],
            "micro_price": flow["micro_price"],
        },
        flow["conviction"],
    )


def _tick(now_ms: int, tick: Numbers) -> Signal:
    """E2-7."""
    return _compose(
        Engine.TICK,
        now_ms,
        tick,
        TICK_LABELS[tick["direction"]],
        {
            "velocity_ratio": tick["velocity_ratio"],
            "aggressor_ratio": tick["aggressor_ratio"],
            "streak": float(abs(tick["streak"])),
            "streak_side": float(math.copysign(1.0, tick["streak"]) if tick["streak"] else 0.0),
            "volume_spike": bool(tick["volume_spike"]),
            "spike_ratio": tick["spike_ratio"],
            "big_trade": bool(tick["big_trade"]),
            "big_trade_side": TRADE_LABELS[tick["big_trade_side"]],
            "delta_slope": tick["delta_slope"],
        },
    )


def _technical(now_ms: int, tech: Numbers, resistances: list[float], supports: list[float]) -> Signal:
    """E3-9. `key_levels` are resistance_1..5 and support_1..5, nearest first, 0 where there are fewer."""
    fields: dict[str, float | str | bool] = {
        "ema9": tech["ema9"],
        "ema21": tech["ema21"],
        "ema_trend": TREND_LABELS[tech["trend"]],
        "context": MOVE_LABELS[tech["context"]],
        "rsi": tech["rsi"],
        "rsi_zone": RSI_LABELS[tech["rsi_zone"]],
        "rsi_divergence": bool(tech["divergence"] != 0),
        "rsi_divergence_side": float(tech["divergence"]),
        "macd_histogram": tech["macd"],
        "macd_momentum": MOVE_LABELS[tech["macd_momentum"]],
        "macd_accelerating": bool(tech["macd_growing"]),
        "bb_upper": tech["bb_upper"],
        "bb_middle": tech["bb_middle"],
        "bb_lower": tech["bb_lower"],
        "bb_zone": BAND_LABELS[tech["bb_zone"]],
        "bb_squeeze": bool(tech["squeeze"]),
        "vwap": tech["vwap"],
        "vwap_side": VWAP_LABELS[tech["vwap_side"]],
        "vwap_distance_pct": tech["vwap_pct"],
        "atr": tech["atr"],
        "nearest_resistance": resistances[0],
        "nearest_support": supports[0],
    }
    fields.update(zip(RESISTANCES, resistances, strict=True))
    fields.update(zip(SUPPORTS, supports, strict=True))
    return _compose(Engine.TECHNICAL, now_ms, tech, SIDE_LABELS[tech["direction"]], fields)


def _sentiment(now_ms: int, said: Numbers, settings: SignalSettings) -> Signal:
    """E4-7."""
    limits = settings.sentiment
    funding = said["funding"]
    expensive = {1: "LONGS_EXPENSIVE", -1: "SHORTS_EXPENSIVE", 0: "NEUTRAL"}
    ratio, top = said["ratio"], said["top"]
    return _compose(
        Engine.SENTIMENT,
        now_ms,
        said,
        CROWD_LABELS[said["direction"]],
        {
            "oi_change_pct": said["oi_change_pct"],
            "oi_interpretation": OI_LABELS[said["interpretation"]],
            "long_short_ratio": ratio / (1.0 - ratio) if 0.0 < ratio < 1.0 else 0.0,
            "long_share": ratio,
            "funding_rate": funding,
            "funding_signal": expensive[(funding > limits.funding_high) - (funding < limits.funding_low)],
            "liq_proximity": said["proximity"],
            "nearest_liq_cluster": said["nearest"],
            "liq_side": LIQ_LABELS[said["nearest_side"]],
            "top_trader_long_pct": top * 100.0,
            "top_trader_divergence": (top - ratio) * 100.0 if said["top_ms"] and said["ratio_ms"] else 0.0,
            "extreme_level": said["extreme"],
        },
    )


def _regime(
    now_ms: int, regime: Numbers, weights: list[float], limits: RegimeSettings, risk_off_size: float | None
) -> Regime:
    """E5-5 with the multipliers of the volatility phase."""
    phase, vol = PHASES[regime["phase"]], VOL_PHASES[regime["vol"]]
    leverage = limits.leverage_max
    take, stop = 1.0, 1.0
    if vol is VolPhase.LOW:
        take, stop, leverage = limits.low_tp, limits.low_sl, leverage - limits.low_leverage_cut
    elif vol is VolPhase.HIGH:
        take, stop, leverage = limits.high_tp, limits.high_sl, leverage - limits.high_leverage_cut
    size = 1.0 if risk_off_size is None else risk_off_size
    if phase is Phase.CHOPPY:
        size *= limits.choppy_size
    warm = bool(regime["warm"])
    extreme = vol is VolPhase.EXTREME and bool(limits.extreme_blocks)
    mean = regime["spread_mean"]
    return Regime(
        ts_ms=now_ms,
        warm=warm,
        tradeable=warm and not extreme,
        reason="warming" if not warm else "extreme volatility" if extreme else f"{phase.value} {vol.value}",
        phase=phase,
        vol_phase=vol,
        spread_ok=bool(regime["spread_ok"]),
        current_spread=regime["spread_pct"],
        spread_ratio=regime["spread_pct"] / mean if mean > 0.0 else 0.0,
        adx=regime["adx"],
        atr_pct=regime["atr_pct"],
        in_range=bool(regime["in_range"]),
        risk_off=risk_off_size is not None,
        weights=dict(zip(_VOTERS, weights, strict=True)),
        tp_multiplier=min(1.5, max(0.8, take)),
        sl_multiplier=min(1.3, max(0.8, stop)),
        leverage_max=min(12, max(5, leverage)),
        size_multiplier=min(1.0, max(0.5, size)),
        preferred_strategy="NONE" if not warm or extreme else _PREFERRED[phase],
    )


_PREFERRED = {Phase.TRENDING: "A", Phase.RANGING: "B", Phase.CHOPPY: "C", Phase.UNKNOWN: "NONE"}
