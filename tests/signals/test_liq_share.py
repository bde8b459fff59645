"""E4-7's `liq_share`: how much of the leverage mix would be liquidated at the nearest cluster (E4-4)."""

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from vortex.domain.market import Liquidation, OpenInterest
from vortex.domain.signals import Engine

MIX = {5: 0.30, 10: 0.35, 20: 0.25, 25: 0.10}
"""The specification's, by leverage."""
ENTRY = 100.0
FORCED_AT_S = 299


def judged(build, px_before: float, px: float, forced: tuple[tuple[str, float], ...] = ()):
    """Open interest rises while all trade at 100; half a minute later the price goes from one to the other."""
    board = build.board()

    def at(seconds: float) -> int:
        return build.start_ms + int(seconds * 1_000)

    board.apply(OpenInterest(symbol="BTCUSDT", ts_ms=at(0), quantity=1_000.0))
    board.apply(build.trade(1, at(50), ENTRY))
    board.apply(OpenInterest(symbol="BTCUSDT", ts_ms=at(100), quantity=1_010.0))
    board.apply(build.trade(2, at(260), px_before))
    for side, forced_px in forced:
        board.apply(Liquidation(symbol="BTCUSDT", ts_ms=at(FORCED_AT_S), side=side, px=forced_px, qty=1.0))
    board.apply(build.trade(3, at(300), px))
    board.refresh(at(302))
    return board.signal(Engine.SENTIMENT, at(302)).fields


@pytest.mark.golden
@pytest.mark.parametrize(
    ("px", "cluster", "share"),
    [
        (99.0, 96.2, 0.10),  # 100 - 95/25
        (96.0, 95.25, 0.25),  # 100 - 95/20, the 25x longs are gone
        (95.0, 90.5, 0.35),  # 100 - 95/10
        (88.0, 81.0, 0.30),  # 100 - 95/5
        (80.0, 0.0, 0.0),  # nobody is left below
        (101.0, 103.8, 0.10),
        (104.0, 104.75, 0.25),
        (105.0, 109.5, 0.35),
        (118.0, 119.0, 0.30),
        (120.0, 0.0, 0.0),
    ],
)
def test_the_share_is_that_of_the_leverage_whose_liquidation_is_next(build, px: float, cluster: float, share: float):
    """By hand: 30, 35, 25 and 10 % of the positions at 5x, 10x, 20x and 25x, all entered at 100."""
    said = judged(build, ENTRY, px)
    assert said["nearest_liq_cluster"] == pytest.approx(cluster)
    assert said["liq_share"] == share


@pytest.mark.golden
def test_the_share_of_an_observed_edge_is_none_and_of_a_pulled_tier_its_own(build) -> None:
    """A forced order tells a price, not how many stand there; a tier that it pulls keeps its share.

    Longs forced at 96.6 pull the 25x tier from 96.2 to 96.4, halfway; falling towards both, 96.6 is nearer from 97
    on, and 96.4 from 96.45 on, when 96.6 lies more than 0.05 % behind.
    """
    from_above = judged(build, ENTRY, 97.0, forced=(("SELL", 96.6),))
    assert (from_above["nearest_liq_cluster"], from_above["liq_share"]) == (96.6, 0.0)
    below = judged(build, ENTRY, 96.45, forced=(("SELL", 96.6),))
    assert below["nearest_liq_cluster"] == pytest.approx(96.4)
    assert below["liq_share"] == 0.10


def test_without_momentum_nothing_is_headed_for(build) -> None:
    """Standing right above a cluster is not falling towards it."""
    said = judged(build, 96.3, 96.3)
    assert (said["nearest_liq_cluster"], said["liq_share"], said["liq_proximity"]) == (0.0, 0.0, 0.0)


@pytest.mark.property
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.floats(70.0, 130.0), st.floats(70.0, 130.0))
@example(96.3, 96.2)
@example(96.0, 96.2)
@example(100.0, 96.2)
def test_a_share_belongs_to_the_tier_at_the_nearest_price_and_to_no_other(build, px_before: float, px: float) -> None:
    """Wherever the price is and goes: the tier of that share lies ahead, and none ahead lies nearer."""
    said = judged(build, px_before, px)
    way = (px > px_before) - (px < px_before)
    tiers = {ENTRY * (1 + way * 0.95 / leverage): share for leverage, share in MIX.items()} if way else {}
    ahead = {tier: share for tier, share in tiers.items() if way * (tier - px) / px >= -0.0005}
    if not ahead:
        assert (said["nearest_liq_cluster"], said["liq_share"]) == (0.0, 0.0)
        return
    nearest = min(ahead, key=lambda tier: abs(tier - px))
    assert said["nearest_liq_cluster"] == pytest.approx(nearest)
    assert said["liq_share"] == ahead[nearest]
    assert said["liq_share"] in MIX.values()


@pytest.mark.property
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.floats(0.5, 25.0), st.floats(-25.0, 25.0))
def test_longs_and_shorts_have_the_same_shares(build, moved: float, from_entry: float) -> None:
    """The map is symmetric about the entry; what falls finds below what rises as far finds above, within 0.2 %."""
    down = judged(build, ENTRY + from_entry, ENTRY + from_entry - moved)
    up = judged(build, ENTRY - from_entry, ENTRY - from_entry + moved)
    near_a_border = any(abs(moved - from_entry - 95.0 / leverage) < 0.2 for leverage in MIX)
    if not near_a_border:
        assert down["liq_share"] == up["liq_share"]
