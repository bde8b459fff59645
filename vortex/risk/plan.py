"""From a decision to a trade plan, or to the one code that says why not (S2)."""

from decimal import Decimal

import msgspec

from vortex.domain.events import AccountView
from vortex.domain.instruments import Instrument
from vortex.domain.orders import Side
from vortex.domain.plans import TradePlan
from vortex.domain.reasons import DenyCode
from vortex.domain.signals import Action, Decision, Engine
from vortex.risk.fees import reward_risk, round_trip
from vortex.risk.grid import exact
from vortex.risk.levels import Levels, MarketView, level_settings, plan_levels
from vortex.risk.settings import RiskSettings
from vortex.risk.sizing import Size, risk_pct, size_trade
from vortex.signals.board import SignalBoard
from vortex.signals.layout import LEVELS_KEPT
from vortex.signals.regime import Regime


def plan_trade(
    decision: Decision,
    board: SignalBoard,
    instrument: Instrument,
    account: AccountView,
    settings: RiskSettings,
    trade_no: int,
    now_ms: int,
    risk_cap_pct: float = 100.0,
) -> TradePlan | DenyCode:
    """Levels, checks after fees, then size; the first that fails names the refusal (S2-1 … S2-6).

    `risk_cap_pct` is the breaker's word on how much may be risked (CB-2).
    """
    assert decision.action is not Action.NO_TRADE, "only a trade can be planned"
    assert decision.strategy is not None, "a trade has a strategy"
    side = Side.BUY if decision.action is Action.LONG else Side.SELL
    regime = board.regime(now_ms)
    levels = plan_levels(side, decision.strategy, view_of(board, regime, now_ms), instrument, settings)
    if isinstance(levels, DenyCode):
        return levels
    refusal = judge_levels(levels, round_trip(account, settings), regime.current_spread, settings)
    if refusal is not None:
        return refusal
    pct = risk_pct(decision.confidence, account, regime.size_multiplier, risk_cap_pct, settings)
    size = size_trade(instrument, levels.entry, levels.stop_share, pct, regime.leverage_max, account, settings)
    if isinstance(size, DenyCode):
        return size
    return _compose(decision, side, levels, size, regime, settings, trade_no, now_ms)


def judge_levels(levels: Levels, fee: Decimal, spread_pct: float, settings: RiskSettings) -> DenyCode | None:
    """MIN_TAKE_PROFIT (S2-4) or REWARD_RISK (S2-5), None when both hold; `fee` is a fraction. Counted in ticks."""
    take, stop = Decimal(abs(levels.take - levels.entry)), Decimal(abs(levels.entry - levels.stop))
    cost = fee * levels.entry
    if take < cost + (exact(spread_pct) + exact(settings.profit_buffer_pct)) * levels.entry / 100:
        return DenyCode.MIN_TAKE_PROFIT
    if reward_risk(take, stop, cost) < exact(settings.reward_risk_min):
        return DenyCode.REWARD_RISK
    return None


def view_of(board: SignalBoard, regime: Regime, now_ms: int) -> MarketView:
    """What the levels need from the signals."""
    tech = board.signal(Engine.TECHNICAL, now_ms).fields
    said = board.signal(Engine.SENTIMENT, now_ms).fields
    return MarketView(
        best_bid=board.best_bid,
        best_ask=board.best_ask,
        atr=float(tech["atr"]),
        bb_upper=float(tech["bb_upper"]),
        bb_middle=float(tech["bb_middle"]),
        bb_lower=float(tech["bb_lower"]),
        vwap=float(tech["vwap"]),
        cluster=float(said["nearest_liq_cluster"]),
        resistances=tuple(float(tech[f"resistance_{k + 1}"]) for k in range(LEVELS_KEPT)),
        supports=tuple(float(tech[f"support_{k + 1}"]) for k in range(LEVELS_KEPT)),
        tp_multiplier=regime.tp_multiplier,
        sl_multiplier=regime.sl_multiplier,
    )


def _compose(
    decision: Decision,
    side: Side,
    levels: Levels,
    size: Size,
    regime: Regime,
    settings: RiskSettings,
    trade_no: int,
    now_ms: int,
) -> TradePlan:
    assert decision.strategy is not None, "a trade has a strategy"
    level = level_settings(decision.strategy, settings)
    return TradePlan(
        symbol=decision.symbol,
        trade_no=trade_no,
        side=side,
        strategy=decision.strategy,
        qty_lots=size.lots,
        entry_px_ticks=levels.entry,
        stop_px_ticks=levels.stop,
        take_profit_px_ticks=levels.take,
        trail_ticks=levels.trail,
        take_profit_share=level.take_share,
        entry_timeout_ms=level.entry_timeout_ms,
        max_hold_ms=level.max_hold_ms,
        leverage=size.leverage,
        confidence=decision.confidence,
        final_score=decision.final_score,
        size_usdt=size.notional,
        decided_ms=now_ms,
        regime=regime.phase.value,
        vol_phase=regime.vol_phase.value,
        signals_json=msgspec.json.encode(decision.signals).decode(),
    )
