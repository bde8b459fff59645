"""E1, E2, the spread and the score at the very borders where they change their word, and one step beyond."""

import numpy as np
import pytest

from vortex.domain.market import BestQuote
from vortex.domain.signals import Engine
from vortex.market.tape import move_windows, push_trade
from vortex.signals.advance import _keep_score
from vortex.signals.layout import STATE, params_of
from vortex.signals.order_flow import _divergence, is_absorbed, is_wall
from vortex.signals.settings import SignalSettings

FLAT = [1.0] * 20


def told(build, board, bids, asks, *, ident: int, ts_ms: int, best: float = 100.0) -> None:
    """One book."""
    board.apply(
        build.depth(ident, ts_ms, build.ladder(best, -1, bids), build.ladder(round(best + 0.1, 8), 1, asks)),
    )


# E1


def test_five_times_the_mean_is_no_wall_and_a_fifth_left_is_not_absorbed() -> None:
    """E1-5 above 5, E1-6 more than 80 %."""
    assert (is_wall(5.0, 1.0, 5.0), is_wall(5.0001, 1.0, 5.0)) == (False, True)
    assert (is_absorbed(20.0, 100.0, 0.8, True), is_absorbed(19.99, 100.0, 0.8, True)) == (False, True)
    assert not is_absorbed(0.0, 100.0, 0.8, False)


@pytest.mark.parametrize(("bid", "label"), [(13.0, "NEUTRAL"), (13.001, "BUY_PRESSURE")])
def test_an_imbalance_of_thirty_percent_is_neutral(build, bid: float, label: str) -> None:
    """E1-1: 13 against 7 is 0.30 exactly; only the ten best levels count."""
    board = build.board()
    board.apply(build.trade(1, build.start_ms - 1, 100.0))
    for i in range(20):
        bids, asks = [bid, *[1e-12] * 9, *[40.0] * 10], [7.0, *[1e-12] * 9, *[1.0] * 10]
        told(build, board, bids, asks, ident=i + 1, ts_ms=build.start_ms + 100 * i)
    board.refresh(build.start_ms + 2_000)
    said = board.signal(Engine.ORDER_FLOW, build.start_ms + 2_000)
    assert (said.label, said.warm) == (label, True)
    mirror = build.board()
    mirror.apply(build.trade(1, build.start_ms - 1, 100.0))
    for i in range(20):
        told(build, mirror, asks, bids, ident=i + 1, ts_ms=build.start_ms + 100 * i)
    mirror.refresh(build.start_ms + 2_000)
    assert mirror.signal(Engine.ORDER_FLOW, build.start_ms + 2_000).direction == -said.direction


@pytest.mark.parametrize(("gap_ms", "known"), [(1_000, True), (1_001, False)])
def test_a_wall_that_was_away_for_longer_than_a_second_is_a_new_one(build, gap_ms: int, known: bool) -> None:
    """E1-6: what came back must be known anew before it can be absorbed."""
    board, wall = build.board(), [60.0, *[1.0] * 19]
    board.apply(build.trade(1, build.start_ms - 1, 100.0))
    now, ident = build.start_ms, 0
    for side in [wall] * 31:
        now, ident = now + 100, ident + 1
        told(build, board, FLAT, side, ident=ident, ts_ms=now)
    seen_ms = now
    told(build, board, FLAT, [1.0] * 20, ident=ident + 1, ts_ms=now + 50)
    told(build, board, FLAT, wall, ident=ident + 2, ts_ms=now + gap_ms - 500)
    told(build, board, FLAT, wall, ident=ident + 3, ts_ms=seen_ms + gap_ms)
    now = seen_ms + gap_ms + 100
    board.apply(build.trade(2, now, 100.3))
    told(build, board, FLAT, FLAT, ident=ident + 4, ts_ms=now, best=100.2)
    assert bool(board._state[0]["flow"]["breakout"]) is known


@pytest.mark.parametrize(("readings", "known"), [(31, True), (30, False)])
def test_a_wall_is_known_after_three_seconds(build, readings: int, known: bool) -> None:
    """E1-6: of readings ten times a second, the thirty-first."""
    board = build.board()
    board.apply(build.trade(1, build.start_ms - 1, 100.0))
    for i in range(readings):
        told(build, board, FLAT, [60.0, *[1.0] * 19], ident=i + 1, ts_ms=build.start_ms + 100 * i)
    now = board.now_ms
    board.apply(build.trade(2, now + 10, 100.2))
    told(build, board, FLAT, FLAT, ident=1_000, ts_ms=now + 100, best=100.1)
    assert bool(board._state[0]["flow"]["breakout"]) is known


@pytest.mark.parametrize(("px", "breaks"), [(100.1, False), (100.2, True)])
def test_a_wall_is_absorbed_by_trades_beyond_it_not_at_it(build, px: float, breaks: bool) -> None:
    """E1-6: the price traded through it."""
    board = build.board()
    board.apply(build.trade(1, build.start_ms - 1, 100.0))
    for i in range(40):
        told(build, board, FLAT, [60.0, *[1.0] * 19], ident=i + 1, ts_ms=build.start_ms + 100 * i)
    now = board.now_ms
    board.apply(build.trade(2, now + 10, px))
    told(build, board, FLAT, FLAT, ident=1_000, ts_ms=now + 100)
    assert bool(board._state[0]["flow"]["breakout"]) is breaks


@pytest.mark.parametrize(("silent_ms", "known"), [(10_000, True), (10_001, False)])
def test_a_wall_is_remembered_for_ten_seconds(build, silent_ms: int, known: bool) -> None:
    """E1-6: what was last seen longer ago cannot be absorbed."""
    board = build.board()
    board.apply(build.trade(1, build.start_ms - 1, 100.0))
    for i in range(40):
        told(build, board, FLAT, [60.0, *[1.0] * 19], ident=i + 1, ts_ms=build.start_ms + 100 * i)
    now = build.start_ms + 3_900 + silent_ms
    board.apply(build.trade(2, now, 100.3))
    told(build, board, FLAT, FLAT, ident=1_000, ts_ms=now, best=100.2)
    assert bool(board._state[0]["flow"]["breakout"]) is known


@pytest.mark.parametrize(("after_ms", "told_still"), [(3_000, True), (3_100, False)])
def test_a_breakout_leads_for_three_seconds_unless_the_book_opposes(build, after_ms: int, told_still: bool) -> None:
    """E1-6: a wall of asks was eaten; an imbalance of sellers is heard before it."""
    for bids, label in ((FLAT, "BREAKOUT"), ([0.2] * 20, "SELL_PRESSURE")):
        board = build.board()
        board.apply(build.trade(1, build.start_ms - 1, 100.0))
        for i in range(40):
            told(build, board, bids, [60.0, *[1.0] * 19], ident=i + 1, ts_ms=build.start_ms + 100 * i)
        at_ms = build.start_ms + 4_000
        board.apply(build.trade(2, at_ms - 10, 100.3))
        told(build, board, bids, FLAT, ident=1_000, ts_ms=at_ms, best=100.2)
        told(build, board, bids, FLAT, ident=1_001, ts_ms=at_ms + 2_000, best=100.2)
        board.tick(at_ms + after_ms + 1)
        said = board.signal(Engine.ORDER_FLOW, at_ms + after_ms)
        assert said.fields["wall_absorbed"] is told_still
        assert said.label == (label if told_still or label == "SELL_PRESSURE" else "NEUTRAL")


@pytest.mark.parametrize(
    ("last_px", "sold", "side"),
    [(100.029, 60, 0), (100.031, 60, -1), (100.031, 54, 0), (99.971, 40, 0), (99.969, 40, 1), (99.969, 46, 0)],
)
def test_a_divergence_needs_a_move_and_a_share(last_px: float, sold: int, side: int) -> None:
    """E1-3: more than 0.03 % of price, and more than 10 % of the volume the other way."""
    state, params = np.zeros(1, STATE), params_of(SignalSettings())
    tape = state[0]["tape"]
    for i in range(100):
        push_trade(tape, i + 1, 1_000 + i, 100.0 if i < 99 else last_px, 1.0, int(i < sold))
    move_windows(tape, 2_000)
    assert _divergence(tape, params[0]["flow"]) == side


def test_a_spoof_is_gone_before_half_a_second(build) -> None:
    """E1-7: growth that vanishes after 499 ms was one, after 500 ms not; what sellers took from the bids was none."""
    for age_ms, sell, spoofs in ((499, None, 1.0), (500, None, 0.0), (499, True, 0.0), (499, False, 1.0)):
        board, start = build.board(), build.start_ms
        told(build, board, FLAT, FLAT, ident=1, ts_ms=start)
        told(build, board, [31.0, *FLAT[1:]], FLAT, ident=2, ts_ms=start + 100)
        if sell is not None:
            board.apply(build.trade(1, start + 200, 100.0, 30.0, sell=sell))
        told(build, board, FLAT, FLAT, ident=3, ts_ms=start + 100 + age_ms)
        assert board._state[0]["flow"]["spoof_gone"] == spoofs, (age_ms, sell)


def test_growth_is_proven_when_it_is_half_a_second_old(build) -> None:
    """E1-5, E1-7."""
    for age_ms, near in ((499, False), (500, True)):
        board, start = build.board(), build.start_ms
        told(build, board, FLAT, FLAT, ident=1, ts_ms=start)
        told(build, board, [60.0, *FLAT[1:]], FLAT, ident=2, ts_ms=start + 100)
        told(build, board, [60.0, *FLAT[1:]], FLAT, ident=3, ts_ms=start + 100 + age_ms)
        assert bool(board._state[0]["flow"]["wall_near"]) is near


def test_a_level_that_comes_into_sight_is_not_new(build) -> None:
    """E1-7: what appears beyond the last level that was known may have been there all along."""
    board = build.board()
    told(build, board, FLAT, FLAT, ident=1, ts_ms=build.start_ms, best=100.0)
    told(build, board, FLAT, FLAT, ident=2, ts_ms=build.start_ms + 100, best=99.9)
    book = board._state[0]["book"]
    assert book["increments"] == 1, "the new best ask; the bid that appeared at the far end is no news"


def test_a_wall_is_near_within_a_tenth_of_a_percent(build) -> None:
    """E1-9: of the middle, 100.05; the best bid is 0.05 away, the next 0.15."""
    for level, near in ((0, True), (1, False)):
        board, wall = build.board(), list(FLAT)
        wall[level] = 60.0
        told(build, board, wall, FLAT, ident=1, ts_ms=build.start_ms)
        assert bool(board._state[0]["flow"]["wall_near"]) is near


@pytest.mark.parametrize(
    ("after_ms", "more", "grown_qty", "moved"),
    [(499, 1.0, 31.0, False), (500, 1.0, 1.0, True), (499, 30.0, 60.0, True), (499, 29.9, 59.9, False)],
)
def test_growth_within_half_a_second_is_one_as_old_as_its_larger_part(build, after_ms, more, grown_qty, moved) -> None:
    """E1-7: thirty, and then a little or as much again."""
    board, start = build.board(), build.start_ms
    for ident, (ms, size) in enumerate([(0, 1.0), (100, 31.0), (100 + after_ms, 31.0 + more)]):
        told(build, board, [size, *FLAT[1:]], FLAT, ident=ident + 1, ts_ms=start + ms)
    book = board._state[0]["book"]
    assert book["grown_qty"][0, 0] == pytest.approx(grown_qty)
    assert book["grown_ms"][0, 0] == start + 100 + (after_ms if moved else 0)


@pytest.mark.parametrize("side", [1, -1])
def test_conviction_falls_for_delta_and_divergence_against_the_book_only(build, side: int) -> None:
    """E1-7, E1-9: by up to 0.3 for the delta of 30 s, a fifth for a divergence; what agrees costs nothing."""
    for delta, drift, conviction in ((side, 0.0, 1.0), (-side, 0.0, 0.7), (side, -side, 1.0), (-side, side, 0.56)):
        board, start = build.board(), build.start_ms
        for i in range(61):
            px = 100.0 + 0.001 * drift * i
            board.apply(build.trade(i + 1, start + 500 * i, px, 1.0, sell=delta < 0))
        bids, asks = ([3.0] * 20, FLAT)[::side]
        for i in range(20):
            told(build, board, bids, asks, ident=i + 1, ts_ms=start + 30_000 + i)
        board.tick(start + 30_101)
        said = board.signal(Engine.ORDER_FLOW, start + 30_100)
        assert said.direction == side
        assert said.fields["cvd_divergence"] is (drift != 0.0)
        assert said.conviction == pytest.approx(conviction), (delta, drift)


@pytest.mark.parametrize(("age_ms", "readings", "warm"), [(3_000, 20, True), (3_100, 20, False), (100, 19, False)])
def test_the_book_is_warm_with_twenty_readings_none_older_than_three_seconds(build, age_ms, readings, warm) -> None:
    """And a trade."""
    board = build.board()
    for i in range(readings):
        told(build, board, FLAT, FLAT, ident=i + 1, ts_ms=build.start_ms)
    board.tick(build.start_ms + 101)
    assert not board.signal(Engine.ORDER_FLOW, build.start_ms + 100).warm, "nothing has traded"
    board.apply(build.trade(1, build.start_ms + 99, 100.0))
    board.tick(build.start_ms + age_ms + 101)
    told_ms = build.start_ms + age_ms
    board = build.board()
    board.apply(build.trade(1, build.start_ms, 100.0))
    for i in range(readings):
        told(build, board, FLAT, FLAT, ident=i + 1, ts_ms=build.start_ms)
    board.tick(told_ms + 1)
    assert board.signal(Engine.ORDER_FLOW, told_ms).warm is warm


def test_velocity_is_known_with_the_sixth_reading(build) -> None:
    """E1-2: five readings ago there must have been one."""
    board = build.board()
    for i in range(6):
        assert board._state[0]["flow"]["velocity"] == 0.0
        told(build, board, [1.0 + i] * 20, FLAT, ident=i + 1, ts_ms=build.start_ms + 100 * i)
    assert board._state[0]["flow"]["velocity"] == pytest.approx((5.0 / 7.0) / 0.5)


# E2


@pytest.mark.parametrize(("after_ms", "still"), [(3_000, True), (3_100, False)])
def test_a_big_trade_is_told_for_three_seconds(build, after_ms: int, still: bool) -> None:
    """E2-5."""
    board = build.board()
    board.apply(build.trade(1, build.start_ms, 50_000.0, 1.01))
    board.tick(build.start_ms + after_ms + 1)
    assert board.signal(Engine.TICK, build.start_ms + after_ms).fields["big_trade"] is still


@pytest.mark.parametrize(("last", "ratio", "spikes"), [(8.0, 2.5, False), (8.25, 2.558, True)])
def test_two_and_a_half_times_the_volume_is_no_spike(build, last: float, ratio: float, spikes: bool) -> None:
    """E2-4: more than that."""
    board = build.board()
    board.apply(build.trade(1, build.start_ms, 100.0, 24.0))
    board.apply(build.trade(2, build.start_ms + 10_000, 100.0, last))
    board.tick(build.start_ms + 10_101)
    said = board.signal(Engine.TICK, build.start_ms + 10_100).fields
    assert said["spike_ratio"] == pytest.approx(ratio, abs=1e-3)
    assert said["volume_spike"] is spikes


@pytest.mark.parametrize(("count", "first_ms", "warm"), [(20, 0, True), (19, 0, False), (20, 100, False)])
def test_the_tape_is_warm_with_twenty_trades_and_thirty_seconds(build, count: int, first_ms: int, warm: bool) -> None:
    """Neither less nor more."""
    board = build.board()
    for i in range(count):
        board.apply(build.trade(i + 1, build.start_ms + (first_ms if i == 0 else 29_000 + i), 100.0))
    board.tick(build.start_ms + 30_001)
    assert board.cycle_ms == build.start_ms + 30_000
    assert board.signal(Engine.TICK, build.start_ms + 30_000).warm is warm


# Spread and score


def test_the_mean_spread_is_of_the_last_hundred_books(build) -> None:
    """E5-3: a hundred and one ago is forgotten."""
    board = build.board()
    for i in range(101):
        gap = 10.0 if i == 0 else 1.0
        board.apply(build.depth(i + 1, build.start_ms + i, [(10_000.0, 1.0)], [(10_000.0 + gap, 1.0)]))
        if i == 99:
            assert board._state[0]["regime"]["spread_mean"] == pytest.approx((99 * 0.01 + 0.1) / 100)
    assert board._state[0]["regime"]["spread_mean"] == pytest.approx(0.01)


def test_the_freshest_quote_counts_and_one_of_the_same_update_is_as_fresh(build) -> None:
    """E5-3, E0-8: book and bookTicker share their ids."""
    board = build.board()
    told(build, board, FLAT, FLAT, ident=10, ts_ms=build.start_ms)
    for ident, bid in ((9, 100.0), (10, 99.0), (11, 98.0)):
        board.apply(
            BestQuote(
                symbol="BTCUSDT",
                ts_ms=build.start_ms,
                update_id=ident,
                bid_px=bid,
                bid_qty=1.0,
                ask_px=100.1,
                ask_qty=1.0,
            )
        )
        assert board.best_bid == bid
    assert board.refusals() == {"DUPLICATE": 1}


def test_a_score_is_stable_when_just_half_a_second_is_known_and_counts_its_first_moment() -> None:
    """S1-2: six cycles cover 500 ms; a jump against the score of just 500 ms ago is one."""
    state, params = np.zeros(1, STATE), params_of(SignalSettings())
    cycle = state[0]["cycle"]
    for k, (score, stable, jump) in enumerate(
        [(0.6, 0, 0.0), (0.0, 0, 0.6), (0.0, 0, 0.6), (0.0, 0, 0.6), (0.0, 0, 0.6), (0.0, 1, 0.6), (0.0, 1, 0.0)]
    ):
        cycle["score"] = score
        _keep_score(state[0], params[0], 1_000 + 100 * k)
        assert (cycle["stable"], cycle["jump"]) == (stable, jump), k
