"""Every numbered quantity has a function whose docstring says what it is and under which number it was asked for."""

import re

import pytest

from vortex.market import book, tape
from vortex.risk import fees, levels, plan, sizing
from vortex.signals import (
    correlation,
    indicators,
    order_flow,
    regime_kernel,
    sentiment,
    strength,
    technical,
    tick,
)
from vortex.strategy import decision, verdict

QUANTITIES = {
    "E1-1": book.imbalance,
    "E1-2": order_flow.imbalance_velocity,
    "E1-3": tape.add_to_cvd,
    "E1-4": order_flow.cvd_slope,
    "E1-5": order_flow.is_wall,
    "E1-6": order_flow.is_absorbed,
    "E1-7": order_flow.spoof_ratio,
    "E1-8": book.micro_price,
    "E2-1": tick.velocity_ratio,
    "E2-2": tick.aggressor_ratio,
    "E2-3": tape.longest_run,
    "E2-4": tick.spike_ratio,
    "E2-5": tick.note_big_trade,
    "E2-6": tick._delta_slope,
    "E3-1": technical.trend_distance,
    "E3-2": technical._read_context,
    "E3-3": indicators.strength_index,
    "E3-4": technical.macd_histogram,
    "E3-5": indicators.bollinger,
    "E3-6": technical._read_vwap,
    "E3-7": indicators.next_range,
    "E3-8": technical.is_swing,
    "E4-1": sentiment._read_open_interest,
    "E4-2": strength.crowd_vote,
    "E4-3": strength.funding_vote,
    "E4-4": sentiment._map_liquidations,
    "E4-5": sentiment.liq_proximity,
    "E4-6": sentiment.top_vote,
    "E5-1": regime_kernel._judge_volatility,
    "E5-2": regime_kernel._judge_phase,
    "E5-3": regime_kernel.spread_of,
    "E5-4": correlation.CorrelationWatch,
    "S1-2": verdict.check_market,
    "S1-3": verdict.sum_strategies,
    "S1-4": decision.confidence,
    "S2-1": sizing.risk_pct,
    "S2-2": sizing.size_trade,
    "S2-3": levels._targets,
    "S2-4": fees.round_trip,
    "S2-5": fees.reward_risk,
    "S2-6": plan.plan_trade,
}


@pytest.mark.parametrize(("number", "function"), QUANTITIES.items())
def test_a_quantity_says_what_it_is(number: str, function) -> None:
    """Its number, or the range that its number is in, and more than a few words."""
    text = str(function.__doc__)
    group, at = number.split("-")
    spans = re.findall(rf"{group}-(\d+)(?: … {group}-(\d+))?", text)
    assert any(int(first) <= int(at) <= int(last or first) for first, last in spans), text
    assert len(text.split()) > 6
