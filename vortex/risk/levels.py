"""Where to enter, where to give up, where to take profit, in ticks (S2-3, S3-1, E3-8)."""

from decimal import Decimal

import msgspec

from vortex.domain.instruments import Instrument
from vortex.domain.orders import Side
from vortex.domain.reasons import DenyCode
from vortex.domain.signals import Strategy
from vortex.risk.grid import whole
from vortex.risk.settings import LevelSettings, RiskSettings


class MarketView(msgspec.Struct, frozen=True, kw_only=True):
    """What levels are computed from; prices in quote units, 0 where unknown. Levels are nearest first."""

    best_bid: float
    best_ask: float
    atr: float
    bb_upper: float
    bb_middle: float
    bb_lower: float
    vwap: float
    cluster: float
    resistances: tuple[float, ...]
    supports: tuple[float, ...]
    tp_multiplier: float = 1.0
    sl_multiplier: float = 1.0


class Levels(msgspec.Struct, frozen=True, kw_only=True):
    """Prices and trail in ticks; stop and take are on either side of the entry."""

    entry: int
    stop: int
    take: int
    trail: int

    @property
    def stop_share(self) -> float:
        """Distance to the stop as a fraction of the entry price."""
        return abs(self.entry - self.stop) / self.entry


def level_settings(strategy: Strategy, settings: RiskSettings) -> LevelSettings:
    """The strategy's own distances and times."""
    match strategy:
        case Strategy.MOMENTUM_RIDE:
            return settings.momentum
        case Strategy.MEAN_REVERSION:
            return settings.reversion
        case Strategy.LIQUIDATION_CASCADE:
            return settings.cascade


def entry_ticks(side: Side, best_bid: float, best_ask: float, tick: Decimal) -> int:
    """Best bid + 1 tick to buy, best ask - 1 tick to sell; with a spread of one tick the best price itself (S3-1)."""
    bid = whole(best_bid, tick, up=False)
    ask = whole(best_ask, tick, up=True)
    return min(bid + 1, ask - 1) if side is Side.BUY else max(ask - 1, bid + 1)


def plan_levels(
    side: Side, strategy: Strategy, view: MarketView, instrument: Instrument, settings: RiskSettings
) -> Levels | DenyCode:
    """Levels on the exchange's grid, or NO_ATR, or BAD_LEVELS when they would not surround the entry."""
    if view.atr <= 0.0:
        return DenyCode.NO_ATR
    if not 0.0 < view.best_bid < view.best_ask:
        return DenyCode.BAD_LEVELS
    tick = instrument.tick_size
    entry = entry_ticks(side, view.best_bid, view.best_ask, tick)
    if strategy is Strategy.MEAN_REVERSION:
        entry = _band_entry(side, entry, view, tick)
    entry_px = float(entry * tick)
    stop_px, take_px = _targets(side, strategy, entry_px, view, settings)
    take_px = _pull_in(side, entry_px, take_px, view)
    levels = Levels(
        entry=entry,
        stop=whole(stop_px, tick, up=side is Side.BUY),
        take=whole(take_px, tick, up=side is Side.SELL),
        trail=_trail(strategy, view.atr, tick, settings),
    )
    lowest, highest = whole(instrument.min_price, tick, up=True), whole(instrument.max_price, tick, up=False)
    inside = all(max(1, lowest) <= px <= highest for px in (levels.entry, levels.stop, levels.take))
    ordered = side.sign * levels.stop < side.sign * levels.entry < side.sign * levels.take
    return levels if inside and ordered else DenyCode.BAD_LEVELS


def _band_entry(side: Side, entry: int, view: MarketView, tick: Decimal) -> int:
    """B waits at the outer band when the price is still inside it; never nearer than the best quotes allow."""
    if side is Side.BUY:
        return min(entry, whole(view.bb_lower, tick, up=False)) if view.bb_lower > 0.0 else entry
    return max(entry, whole(view.bb_upper, tick, up=True)) if view.bb_upper > 0.0 else entry


def _targets(
    side: Side, strategy: Strategy, entry: float, view: MarketView, settings: RiskSettings
) -> tuple[float, float]:
    """Stop and take-profit in quote units before rounding (S2-3)."""
    level, sign, atr = level_settings(strategy, settings), side.sign, view.atr
    match strategy:
        case Strategy.MOMENTUM_RIDE:
            stop = level.stop_atr * atr * view.sl_multiplier
            return entry - sign * stop, entry + sign * level.take_atr * atr * view.tp_multiplier
        case Strategy.MEAN_REVERSION:
            band = view.bb_lower if side is Side.BUY else view.bb_upper
            outside = sign * (entry - band) + settings.band_buffer_atr * atr
            stop = max(outside, level.stop_atr * atr * view.sl_multiplier)
            return entry - sign * stop, _reversion_target(side, entry, view, level)
        case Strategy.LIQUIDATION_CASCADE:
            if view.cluster <= 0.0:
                reach = level.take_atr * atr * view.tp_multiplier
                return entry - sign * level.stop_atr * atr * view.sl_multiplier, entry + sign * reach
            gap = max(0.0, sign * (view.cluster - entry))
            stop = max(gap, level.stop_atr * atr * view.sl_multiplier)
            return entry - sign * stop, entry + sign * (gap + level.take_atr * atr * view.tp_multiplier)


def _reversion_target(side: Side, entry: float, view: MarketView, level: LevelSettings) -> float:
    """The nearer of VWAP and band middle that lies ahead; the setting's distance when neither does."""
    ahead = [px for px in (view.vwap, view.bb_middle) if px > 0.0 and side.sign * (px - entry) > 0.0]
    if ahead:
        return min(ahead, key=lambda px: abs(px - entry))
    return entry + side.sign * level.take_atr * view.atr


def _pull_in(side: Side, entry: float, take: float, view: MarketView) -> float:
    """A take-profit beyond a level is pulled in to it (E3-8)."""
    levels = view.resistances if side is Side.BUY else view.supports
    between = [px for px in levels if px > 0.0 and side.sign * entry < side.sign * px < side.sign * take]
    return min(between, key=lambda px: abs(px - entry)) if between else take


def _trail(strategy: Strategy, atr: float, tick: Decimal, settings: RiskSettings) -> int:
    """Trailing distance, at least a tick where there is one."""
    distance = level_settings(strategy, settings).trail_atr * atr
    return max(1, whole(distance, tick, up=False)) if distance > 0.0 else 0
