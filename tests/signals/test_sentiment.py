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


def falling_history(build, *, oi_step: float):
    """Minutes that fall by 0.1 each, the newest trades of a hundred seconds, and an hour of slow readings (E0-5)."""
    start = build.start_ms
    closes = [200.0 - 0.1 * i for i in range(300)]
    minutes = [
        build.candle(start - (300 - i) * 60_000, (c + 0.1, c + 0.15, c - 0.05, c), 1.0 + i % 7)
        for i, c in enumerate(closes)
    ]
    trades = [build.trade(i + 1, start - 100_000 + 50 * i, closes[-1]) for i in range(2_000)]
    polls = [
        OpenInterest(symbol="BTCUSDT", ts_ms=start - 300_000 * k, quantity=1_000.0 - oi_step * k)
        for k in range(12, -1, -1)
    ]
    polls += [AccountRatio(symbol="BTCUSDT", ts_ms=start, long_share=0.5, top_traders=False)]
    polls += [
        MarkPrice(
            symbol="BTCUSDT",
            ts_ms=start,
            mark_px=closes[-1],
            index_px=closes[-1],
            funding_rate=0.0001,
            next_funding_ms=start + 10_000_000,
        )
    ]
    board = build.board()
    board.warm_up(minutes, trades, polls)
    board.tick(start + 2_100)
    return board, minutes


@pytest.mark.parametrize(("oi_step", "meaning", "direction"), [(5.0, "SHORTS_STACKING", -1), (-5.0, "LONG_LIQ", 0)])
def test_readings_of_before_the_tape_have_the_price_of_their_time(build, oi_step, meaning, direction) -> None:
    """E4-1 right after a start or a repair: the newest trades reach back two minutes, the readings an hour."""
    board, _ = falling_history(build, oi_step=oi_step)
    said = board.signal(Engine.SENTIMENT, board.cycle_ms)
    assert said.warm
    assert (said.fields["oi_interpretation"], said.direction) == (meaning, Direction(direction))


def test_the_last_rise_before_the_tape_is_weighted_by_its_minutes(build) -> None:
    """E4-4: open interest rose for an hour; the tape begins after the last reading but one."""
    board, minutes = falling_history(build, oi_step=5.0)
    hour = [c for c in minutes if build.start_ms - 3_600_000 <= c.open_ms < build.start_ms - 300_000]
    value = sum((c.high + c.low + c.close) / 3 * c.volume for c in hour)
    volume = sum(c.volume for c in hour)
    tape = [minutes[-1].close] * 2_000  # of volume 1 each, up to the last reading
    expected = (value + sum(tape)) / (volume + len(tape))
    assert board._state[0]["sentiment"]["average_entry"] == pytest.approx(expected, rel=1e-12)


def test_a_ratio_lasts_until_the_next_one_is_published(build) -> None:
    """E4-2: the exchange makes one every five minutes and stamps it with the end of its period."""
    board, _ = falling_history(build, oi_step=5.0)
    for ms, warm in ((420_000, True), (600_000, True), (601_000, False)):
        board.apply(OpenInterest(symbol="BTCUSDT", ts_ms=build.start_ms + ms - 2_000, quantity=1_000.0))
        board.tick(build.start_ms + ms + 1)
        assert board.signal(Engine.SENTIMENT, board.cycle_ms).warm is warm, ms


def test_a_settlement_two_hours_away_is_not_near(build) -> None:
    """E4-3: less than two hours, and not one that has passed."""
    near, far = polled(build, funding=0.0003 * 2, until_funding_ms=1), polled(build, funding=0.0006)
    assert near.strength == far.strength, "the settlement was a second ago"
    at_two_hours = polled(build, funding=0.0006, until_funding_ms=7_202_000)
    just_within = polled(build, funding=0.0006, until_funding_ms=7_201_999)
    assert at_two_hours.strength == far.strength
    assert just_within.strength == pytest.approx(1.5 * far.strength)


def test_a_repair_does_not_forget_the_readings_of_every_15_seconds(build) -> None:
    """E4-1, E0-5: five minutes ago stay five minutes ago; a history alone would compare with up to ten."""
    start, board = build.start_ms, build.board()
    readings = [
        OpenInterest(symbol="BTCUSDT", ts_ms=start + 15_000 * k, quantity=1_000.0 + (k * k) % 17) for k in range(33)
    ]
    tape = [build.trade(i + 1, start + 500 * i, 100.0 + 0.01 * (i % 40)) for i in range(960)]
    for message in sorted([*readings, *tape], key=lambda each: each.ts_ms):
        board.apply(message)
    board.tick(start + 480_101)
    before = board.signal(Engine.SENTIMENT, start + 480_100).fields
    history = [OpenInterest(symbol="BTCUSDT", ts_ms=start + ms, quantity=1_000.0) for ms in (-300_000, 0, 300_000)]
    board.warm_up(build.minutes(100, 1), tape[-200:], history)
    board.tick(start + 481_001)
    after = board.signal(Engine.SENTIMENT, start + 481_000).fields
    assert after["oi_change_pct"] == pytest.approx(before["oi_change_pct"])
    assert board.refusals() == {}
