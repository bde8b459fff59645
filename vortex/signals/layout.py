"""What the engines remember and what they say: numpy records beside the market's own, one record per symbol."""

from typing import get_type_hints

import msgspec
import numpy as np

from vortex.market.layout import BOOK, CANDLES, FRAME, TAPE, Refusal
from vortex.signals.settings import (
    CYCLES_BACK,
    CycleSettings,
    OrderFlowSettings,
    RegimeSettings,
    SentimentSettings,
    SignalSettings,
    TechnicalSettings,
    TickSettings,
)

WALLS = 8
"""Walls remembered per symbol until they are absorbed, pulled or forgotten."""
POLLS = 64
"""Open-interest polls kept: more than five minutes at one every 15 s."""
FORCED = 64
"""Forced orders kept to refine the liquidation map."""
SCORES = CYCLES_BACK + 1
"""Scores kept for the stability check: more than 500 ms of 100 ms cycles."""
LEVELS_KEPT = 5
"""Resistances and supports reported (E3-8)."""
SWINGS = 100
"""At most every second of 200 candles is a swing point."""


_KINDS = {bool: "i8", int: "i8", float: "f8"}


def numbers_of(settings: type[msgspec.Struct]) -> list[tuple[str, str]]:
    """The numeric fields of a settings struct, as fields of a record under the same names; true is 1."""
    return [(name, _KINDS[kind]) for name, kind in get_type_hints(settings).items() if kind in _KINDS]


def _numbers(settings: type[msgspec.Struct]) -> np.dtype[np.void]:
    return np.dtype(numbers_of(settings))


PARAMS = np.dtype(
    [
        ("flow", _numbers(OrderFlowSettings)),
        ("tick", _numbers(TickSettings)),
        ("technical", _numbers(TechnicalSettings)),
        ("sentiment", _numbers(SentimentSettings)),
        ("regime", _numbers(RegimeSettings)),
        ("cycle", _numbers(CycleSettings)),
    ]
)

INDICATORS = np.dtype(
    [
        ("bars", "i8"),  # closed candles taken since the seed
        ("seen", "i8"),  # frame.n up to which candles are taken
        ("ema9", "f8"),
        ("ema21", "f8"),
        ("ema12", "f8"),
        ("ema26", "f8"),
        ("sum9", "f8"),  # running sums that seed the averages
        ("sum21", "f8"),
        ("sum26", "f8"),
        ("signal", "f8"),
        ("signal_sum", "f8"),
        ("histogram", "f8"),
        ("histogram_before", "f8"),
        ("gain", "f8"),
        ("loss", "f8"),
        ("rsi", "f8"),
        ("atr", "f8"),
        ("plus_dm", "f8"),
        ("minus_dm", "f8"),
        ("true_range", "f8"),
        ("dx_sum", "f8"),
        ("adx", "f8"),
        ("vwap_day", "i8"),
        ("vwap_value", "f8"),
        ("vwap_volume", "f8"),
        ("squeeze_below", "f8"),
        ("crossed_at", "i8"),  # bar of the last EMA 9/21 cross, and its direction
        ("crossed", "i8"),
        ("divergence", "i8"),  # +1 bullish, -1 bearish (E3-3)
        ("ema9_ring", "f8", (CANDLES,)),
        ("rsi_ring", "f8", (CANDLES,)),
        ("width_ring", "f8", (CANDLES,)),
        ("atr_pct_ring", "f8", (CANDLES,)),
    ]
)

FLOW = np.dtype(
    [
        ("imbalance_3", "f8"),
        ("imbalance", "f8"),
        ("imbalance_20", "f8"),
        ("velocity", "f8"),
        ("micro_price", "f8"),
        ("history", "f8", (16,)),
        ("history_ms", "i8", (16,)),
        ("spoof_new", "f8"),
        ("spoof_gone", "f8"),
        ("spoof_ms", "i8"),
        ("spoof_ratio", "f8"),
        ("mean_level", "f8"),
        ("wall_px", "f8", (WALLS,)),
        ("wall_qty", "f8", (WALLS,)),
        ("wall_ratio", "f8", (WALLS,)),
        ("wall_side", "i8", (WALLS,)),
        ("wall_ms", "i8", (WALLS,)),  # last and first seen as a wall
        ("wall_since_ms", "i8", (WALLS,)),
        ("wall_near", "i8"),
        ("wall_level", "f8"),
        ("breakout", "i8"),
        ("breakout_ms", "i8"),
        ("breakout_strength", "f8"),
        ("cvd_slope", "f8"),
        ("cvd_share", "f8"),
        ("cvd_divergence", "i8"),
        ("direction", "i8"),
        ("label", "i8"),
        ("strength", "f8"),
        ("conviction", "f8"),
        ("warm", "i8"),
    ]
)

TICK = np.dtype(
    [
        ("velocity_ratio", "f8"),
        ("aggressor_ratio", "f8"),
        ("streak", "i8"),
        ("spike_ratio", "f8"),
        ("volume_spike", "i8"),
        ("cascade", "i8"),
        ("big_trade", "i8"),
        ("big_trade_side", "i8"),
        ("delta_slope", "f8"),
        ("direction", "i8"),
        ("strength", "f8"),
        ("warm", "i8"),
    ]
)

TECHNICAL = np.dtype(
    [
        ("at_ms", "i8"),
        ("ema9", "f8"),
        ("ema21", "f8"),
        ("trend", "i8"),
        ("context", "i8"),
        ("rsi", "f8"),
        ("rsi_zone", "i8"),
        ("divergence", "i8"),
        ("macd", "f8"),
        ("macd_momentum", "i8"),
        ("macd_growing", "i8"),
        ("bb_upper", "f8"),
        ("bb_middle", "f8"),
        ("bb_lower", "f8"),
        ("bb_zone", "i8"),
        ("bb_width", "f8"),
        ("squeeze", "i8"),
        ("vwap", "f8"),
        ("vwap_side", "i8"),
        ("vwap_pct", "f8"),
        ("atr", "f8"),
        ("highs", "f8", (SWINGS,)),
        ("lows", "f8", (SWINGS,)),
        ("high_count", "i8"),
        ("low_count", "i8"),
        ("swings_seen", "i8"),
        ("resistance", "f8", (LEVELS_KEPT,)),
        ("support", "f8", (LEVELS_KEPT,)),
        ("resistance_pct", "f8"),  # distance of the nearest, 0 where there is none
        ("support_pct", "f8"),
        ("direction", "i8"),
        ("strength", "f8"),
        ("warm", "i8"),
    ]
)

SENTIMENT = np.dtype(
    [
        ("polls", "i8"),
        ("oi", "f8", (POLLS,)),
        ("oi_px", "f8", (POLLS,)),
        ("oi_ms", "i8", (POLLS,)),
        ("oi_change_pct", "f8"),
        ("interpretation", "i8"),
        ("rising", "i8"),
        ("rise_notional", "f8"),
        ("rise_volume", "f8"),
        ("average_entry", "f8"),
        ("ratio", "f8"),
        ("ratio_ms", "i8"),
        ("top", "f8"),
        ("top_ms", "i8"),
        ("funding", "f8"),
        ("funding_ms", "i8"),
        ("next_funding_ms", "i8"),
        ("mark_px", "f8"),
        ("forced", "i8"),
        ("forced_px", "f8", (FORCED,)),
        ("forced_qty", "f8", (FORCED,)),
        ("forced_ms", "i8", (FORCED,)),
        ("forced_side", "i1", (FORCED,)),
        ("cluster_px", "f8", (10,)),  # four tiers below, four above, one observed on each side
        ("cluster_share", "f8", (10,)),
        ("momentum", "i8"),
        ("proximity", "f8"),
        ("nearest", "f8"),
        ("nearest_side", "i8"),
        ("nearest_share", "f8"),
        ("extreme", "f8"),
        ("direction", "i8"),
        ("strength", "f8"),
        ("warm", "i8"),
    ]
)

REGIME = np.dtype(
    [
        ("at_ms", "i8"),
        ("seen", "i8"),
        ("atr_pct", "f8"),
        ("p_low", "f8"),
        ("p_high", "f8"),
        ("p_extreme", "f8"),
        ("history", "i8"),
        ("adx", "f8"),
        ("slope_pct", "f8"),
        ("in_range", "i8"),
        ("phase", "i8"),
        ("vol", "i8"),
        ("spread_pct", "f8"),
        ("spread_mean", "f8"),
        ("spread_n", "i8"),
        ("spread_ring", "f8", (100,)),
        ("spread_ok", "i8"),
        ("weight", "f8", (4,)),
        ("warm", "i8"),
    ]
)

CYCLE = np.dtype(
    [
        ("now_ms", "i8"),  # newest time seen: of a cycle, an event or a clock tick
        ("next_ms", "i8"),  # when the next cycle is due
        ("score", "f8"),
        ("score_ms", "i8"),
        ("scores", "f8", (SCORES,)),
        ("scores_ms", "i8", (SCORES,)),
        ("scored", "i8"),
        ("jump", "f8"),
        ("stable", "i8"),
        ("weight", "f8", (4,)),  # base weights after learning
        ("reliability", "f8", (4,)),
        ("watch_low", "f8"),
        ("watch_high", "f8"),
        ("due_ms", "i8"),
        ("quiet_until_ms", "i8"),  # before this nothing could be entered: the gate is no reason to stop
        ("reasons", "i8"),
        ("events", "i8"),
        ("refused", "i8", (len(Refusal),)),
    ]
)

STATE = np.dtype(
    [
        ("tape", TAPE),
        ("book", BOOK),
        ("frames", FRAME, (4,)),
        ("indicators", INDICATORS, (4,)),
        ("flow", FLOW),
        ("tick", TICK),
        ("technical", TECHNICAL),
        ("sentiment", SENTIMENT),
        ("regime", REGIME),
        ("cycle", CYCLE),
    ]
)
"""Everything one symbol knows. Copying the record copies the symbol."""


def params_of(settings: SignalSettings, symbol: str = "") -> np.ndarray[tuple[int], np.dtype[np.void]]:
    """The settings as the one-row record that kernels read; `symbol` chooses what it has of its own (E2-5)."""
    params = np.zeros(1, PARAMS)
    for group in PARAMS.names or ():
        values = getattr(settings, group)
        for name in PARAMS[group].names or ():
            params[0][group][name] = getattr(values, name)
    params[0]["tick"]["big_trade_usdt"] = settings.tick.big_trade_of(symbol)
    return params
