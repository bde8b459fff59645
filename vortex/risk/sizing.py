"""How much to risk, and the quantity and leverage that follow (S2-1, S2-2)."""

from decimal import Decimal

import msgspec

from vortex.domain.events import AccountView
from vortex.domain.instruments import Instrument
from vortex.domain.reasons import DenyCode
from vortex.risk.grid import exact, whole
from vortex.risk.settings import RiskSettings


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """Lots to order, leverage to set, notional in quote units."""

    lots: int
    leverage: int
    notional: Decimal


def risk_pct(
    confidence: float, account: AccountView, size_multiplier: float, cap_pct: float, settings: RiskSettings
) -> float:
    """Percent of equity to lose at the stop (S2-1).

    1.5 from confidence 80 on, 1.0 from 60 on, else 0.5; halved by three losses in a row, halved by a day below
    -1.5 %, times E5's size multiplier; from 50 closed trades on at most a quarter of Kelly's fraction, 0 without an
    edge; at most the breaker's `cap_pct`.
    """
    if confidence >= settings.confidence_high:
        pct = settings.risk_high_pct
    elif confidence >= settings.confidence_middle:
        pct = settings.risk_middle_pct
    else:
        pct = settings.risk_low_pct
    if account.loss_streak >= settings.streak_losses:
        pct *= settings.streak_factor
    if account.day_open_equity > 0 and float(account.pnl_today / account.day_open_equity) * 100 < settings.bad_day_pct:
        pct *= settings.bad_day_factor
    pct *= size_multiplier
    if account.closed_trades >= settings.kelly_trades:
        pct = min(pct, 100.0 * kelly(account.win_rate, account.payoff) * settings.kelly_share)
    return max(0.0, min(pct, cap_pct))


def kelly(win_rate: float, payoff: float) -> float:
    """Kelly's fraction (p b - q)/b, 0 without an edge. A payoff of 0: nothing was ever lost, which leaves p."""
    return max(0.0, (win_rate * payoff - (1.0 - win_rate)) / payoff) if payoff > 0.0 else win_rate


def size_trade(
    instrument: Instrument,
    entry_ticks: int,
    stop_share: float,
    pct: float,
    leverage_cap: int,
    account: AccountView,
    settings: RiskSettings,
) -> Size | DenyCode:
    """The quantity whose loss at the stop is `pct` of equity, cut to every cap and rounded down (S2-2)."""
    equity = account.equity
    if equity <= 0 or stop_share <= 0.0 or entry_ticks <= 0:
        return DenyCode.MARGIN if equity <= 0 else DenyCode.BAD_LEVELS
    wanted = equity * exact(pct) / 100 / exact(stop_share)
    cap = settings.notional_cap_major if instrument.symbol in settings.majors else settings.notional_cap_other
    highest = max(settings.leverage_min, min(leverage_cap, settings.leverage_max))
    ratio = wanted / (equity * exact(settings.margin_per_trade))
    leverage = min(highest, max(settings.leverage_min, whole(ratio, Decimal(1), up=False)))
    room = min(equity * exact(settings.margin_max) - account.margin_used, account.available)
    limits = (
        (wanted, DenyCode.BELOW_MINIMUM),
        (equity * exact(cap), DenyCode.NOTIONAL_CAP),
        (max(Decimal(0), room) * leverage, DenyCode.MARGIN),
    )
    notional, binding = min(limits, key=lambda limit: limit[0])
    price = instrument.price(entry_ticks)
    lots = min(whole(notional / price, instrument.step_size, up=False), instrument.max_lots)
    worth = instrument.quantity(lots) * price
    if lots < max(1, instrument.min_lots) or worth < instrument.min_notional:
        return binding
    return Size(lots=lots, leverage=leverage, notional=worth)
