"""Slow readings: their periods, their scatter, and that they stand back when the exchange was asked much (E0-3)."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.kernel.clock import MS
from vortex.kernel.rng import Rng
from vortex.market.polls import PollBudget, PollSettings, next_poll_ms
from vortex.settings import load

SECOND = 1_000 * MS


def test_the_periods_are_the_specifications() -> None:
    """15 s, 30 s, 30 s, 60 s."""
    said = PollSettings()
    assert (said.open_interest_ms, said.global_ratio_ms, said.top_ratio_ms, said.funding_ms) == (
        15_000,
        30_000,
        30_000,
        60_000,
    )


@pytest.mark.property
@given(st.integers(1_000, 10**6), st.floats(0.0, 0.5), st.integers(0, 10**6))
def test_a_poll_comes_within_its_scatter(period: int, jitter: float, seed: int) -> None:
    """Never sooner and never later."""
    wait = next_poll_ms(period, jitter, Rng(seed))
    assert period * (1 - jitter) - 1e-6 <= wait <= period * (1 + jitter) + 1e-6


def test_polls_of_many_symbols_do_not_stay_in_step() -> None:
    """After an hour of polls started together, no two of twenty fall into the same tenth of a second."""
    ends = []
    for number in range(20):
        rng = Rng(7, f"symbol/{number}")
        ends.append(sum(next_poll_ms(15_000, 0.1, rng) for _ in range(240)))
    assert len({round(end / 100) for end in ends}) == 20


def test_polls_stand_back_while_much_weight_is_used_and_come_back_with_the_minute() -> None:
    """The count is the exchange's own, of all processes of the address."""
    budget = PollBudget(1_200)
    assert budget.allows(0)
    budget.told(1_200, 10 * SECOND)
    assert budget.allows(11 * SECOND)
    budget.told(1_201, 12 * SECOND)
    assert not budget.allows(13 * SECOND)
    budget.told(None, 14 * SECOND)
    assert not budget.allows(71 * SECOND)
    assert budget.allows(72 * SECOND)
    budget.told(3, 80 * SECOND)
    assert budget.allows(80 * SECOND)


def test_a_repair_may_go_on_when_polls_already_stand_back() -> None:
    """Between its own limit and theirs; orders have the rest of the 2 400 for themselves."""
    said = PollSettings()
    budget = PollBudget(said.weight_1m_max)
    budget.told(said.weight_1m_max + 1, 0)
    assert not budget.allows(SECOND)
    assert budget.allows(SECOND, said.repair_weight_1m_max)
    budget.told(said.repair_weight_1m_max + 1, SECOND)
    assert not budget.allows(2 * SECOND, said.repair_weight_1m_max)
    assert budget.allows(61 * SECOND, said.repair_weight_1m_max)


def test_periods_and_limits_are_settings() -> None:
    """And a period of nothing is refused."""
    environment = {"VORTEX_MARKET__POLLS__OPEN_INTEREST_MS": "20000", "VORTEX_MARKET__FEED__SILENT_MS": "4000"}
    market = load(environment).settings.market
    assert (market.polls.open_interest_ms, market.feed.silent_ms) == (20_000, 4_000)
    for wrong in ({"open_interest_ms": 0}, {"jitter": 0.6}, {"weight_1m_max": 0}, {"repair_weight_1m_max": 0}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(wrong, PollSettings)
