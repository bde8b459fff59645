"""The default seed keeps its promise: A, B and C find something to trade, with the specification's numbers."""

import pytest

from tests.exchange_market.opportunities import STARTS, watch

SEED = 7
PROMISED_MS = 120_000


@pytest.mark.sim
def test_whoever_has_just_started_sees_a_plan_within_two_minutes() -> None:
    """On one of the two symbols; the other test says the same of another opening."""
    assert any(found.plans for found in watch(SEED, STARTS[0], 1.0).values())


@pytest.mark.sim
def test_every_strategy_trades_within_half_an_hour() -> None:
    """A, B and C each plan an entry and have one filled, and the first plan comes within two minutes."""
    plans = [plan for found in watch(SEED, STARTS[1], 21.0).values() for plan in found.plans]
    assert {plan.strategy for plan in plans} == {"A", "B", "C"}
    assert {plan.strategy for plan in plans if plan.outcome != "NO_FILL"} == {"A", "B", "C"}
    assert min(plan.at_ms for plan in plans) <= STARTS[1] + PROMISED_MS
