"""E4: open interest with price, crowd, funding, the liquidation map and its proximity."""

import pytest

from vortex.domain.market import AccountRatio, Liquidation, MarkPrice, OpenInterest
from vortex.domain.signals import Direction, Engine


def polled(
    build,
    *,
    oi=((0, 1_000.0), (300, 1_000.0)),
    prices=((0, 100.0), (300, 100.0)),
    share=0.5,
    top=None,
    funding=0.0001,
    until_funding_ms=10_000_000,
    forced=(),
):
    """A board after polls and trades at seconds after the start; the time of the last word."""
    board = build.board()
    now = build.start_ms + 300_000
    moments = [(s, OpenInterest(symbol="BTCUSDT", ts_ms=build.start_ms + s * 1_000, quantity=q)) for s, q in oi]
    moments += [
        (s - 0.5, build.trade(i + 1, build.start_ms + int((s - 0.5) * 1_000), px)) for i, (s, px) in enumerate(prices)
    ]
    moments += [
        (s, Liquidation(symbol="BTCUSDT", ts_ms=build.start_ms + int(s * 1_000), side=side, px=px, qty=1.0))
        for s, side, px in forced
    ]
    for _, message in sorted(moments, key=lambda m: m[0]):
        board.apply(message)
    board.apply(AccountRatio(symbol="BTCUSDT", ts_ms=now, long_share=share, top_traders=False))
    if top is not None:
        board.apply(AccountRatio(symbol="BTCUSDT", ts_ms=now, long_share=top, top_traders=True))
    board.apply(
        MarkPrice(
            symbol="BTCUSDT",
            ts_ms=now,
            mark_px=100.0,
            index_px=100.0,
            funding_rate=funding,
            next_funding_ms=now + until_funding_ms,
        )
    )
    board.refresh(now + 2_000)
    return board.signal(Engine.SENTIMENT, now + 2_000)


@pytest.mark.parametrize(
    ("oi", "px", "meaning"),
    [
        (1_010.0, 101.0, "REAL_BUYING"),
        (1_010.0, 99.0, "SHORTS_STACKING"),
        (990.0, 101.0, "SHORT_COVER"),
        (990.0, 99.0, "LONG_LIQ"),
        (1_000.0, 101.0, "NONE"),
    ],
)
def test_open_interest_and_price_together_mean_something(build, oi: float, px: float, meaning: str) -> None:
    """E4-1 over five minutes."""
    said = polled(build, oi=((0, 1_000.0), (300, oi)), prices=((0, 100.0), (300, px)))
    assert said.fields["oi_interpretation"] == meaning
    assert said.fields["oi_change_pct"] == pytest.approx((oi - 1_000.0) / 10.0)


@pytest.mark.parametrize(
    ("share", "label", "direction"),
    [(0.75, "CROWD_LONG", -1), (0.70, "BALANCED", 0), (0.36, "BALANCED", 0), (0.30, "CROWD_SHORT", 1)],
)
def test_a_one_sided_crowd_is_traded_against(build, share: float, label: str, direction: int) -> None:
    """E4-2: more than 70 % long, or more than 65 % short."""
    said = polled(build, share=share)
    assert (said.label, said.direction) == (label, Direction(direction))
    assert said.warm


def test_expensive_funding_is_traded_against_and_more_so_near_the_settlement(build) -> None:
    """E4-3."""
    far = polled(build, funding=0.0006)
    near = polled(build, funding=0.0006, until_funding_ms=3_600_000)
    assert far.fields["funding_signal"] == "LONGS_EXPENSIVE"
    assert far.direction is near.direction is Direction.SHORT
    assert near.strength == pytest.approx(1.5 * far.strength)
    assert polled(build, funding=-0.0002).direction is Direction.LONG
    assert polled(build, funding=0.0002).fields["funding_signal"] == "NEUTRAL"


def test_top_traders_reinforce_their_side_and_their_distance_to_the_crowd_is_told(build) -> None:
    """E4-6."""
    said = polled(build, share=0.5, top=0.75)
    assert said.direction is Direction.LONG
    assert said.fields["top_trader_long_pct"] == pytest.approx(75.0)
    assert said.fields["top_trader_divergence"] == pytest.approx(25.0)
    assert polled(build, share=0.5, top=0.25).direction is Direction.SHORT


def test_clusters_lie_where_leverage_gives_out(build) -> None:
    """E4-4, E4-5: 25x longs who entered at 100 are liquidated at 96.2, and the price falls towards that."""
    prices = ((0, 100.0), (100, 100.0), (280, 96.5), (300, 96.3))
    said = polled(build, oi=((0, 1_000.0), (101, 1_010.0), (300, 1_005.0)), prices=prices).fields
    cluster = 100.0 * (1 - 0.95 / 25)
    assert said["nearest_liq_cluster"] == pytest.approx(cluster)
    assert said["liq_side"] == "BELOW"
    assert said["liq_proximity"] == pytest.approx(1 - (96.3 - cluster) / 96.3 / 0.005)


def test_rising_prices_look_at_the_shorts_above(build) -> None:
    """E4-5: the cluster in the direction of momentum."""
    prices = ((0, 100.0), (100, 100.0), (280, 103.5), (300, 103.7))
    said = polled(build, oi=((0, 1_000.0), (101, 1_010.0), (300, 1_005.0)), prices=prices).fields
    assert said["nearest_liq_cluster"] == pytest.approx(100.0 * (1 + 0.95 / 25))
    assert said["liq_side"] == "ABOVE"


def test_observed_liquidations_make_a_cluster_of_their_own(build) -> None:
    """E4-4: forced orders refine the map."""
    prices = ((0, 100.0), (280, 99.5), (300, 99.1))
    said = polled(build, prices=prices, forced=((290, "SELL", 99.2), (295, "SELL", 99.0))).fields
    assert said["nearest_liq_cluster"] == 99.0
    assert said["liq_proximity"] > 0.7


def test_a_cluster_behind_the_price_is_not_ahead_of_it(build) -> None:
    """Momentum up does not head for a cluster below."""
    prices = ((0, 100.0), (265, 98.0), (300, 99.1))
    said = polled(build, prices=prices, forced=((290, "SELL", 99.0),)).fields
    assert said["liq_proximity"] == 0.0


def test_missing_polls_are_neutral_and_cold(build) -> None:
    """E4 may be silent without stopping the others."""
    board = build.board()
    board.apply(build.trade(1, build.start_ms, 100.0))
    board.refresh(build.start_ms + 2_000)
    said = board.signal(Engine.SENTIMENT, build.start_ms + 2_000)
    assert (said.direction, said.strength, said.warm) == (Direction.NEUTRAL, 0.0, False)
