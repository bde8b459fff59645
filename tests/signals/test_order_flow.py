"""E1 against plain arithmetic: imbalance, velocity, CVD, walls, absorption, spoofs, micro-price."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.domain.signals import Direction, Engine
from vortex.market.layout import Kind
from vortex.signals.generated import generate_market

quantity = st.floats(1e-6, 1e6)


def flow_of(board, now_ms=None):
    """E1's word after everything."""
    now = board.now_ms if now_ms is None else now_ms
    board.refresh(max(now, board.cycle_ms + 100))
    return board.signal(Engine.ORDER_FLOW, now)


def books(build, board, pairs, start=None):
    """Feed (bid quantities, ask quantities) every 100 ms around 100.0/100.1."""
    start = build.start_ms if start is None else start
    first = int(board._state[0]["book"]["update_id"]) + 1
    for i, (bids, asks) in enumerate(pairs):
        depth = build.depth(first + i, start + 100 * i, build.ladder(100.0, -1, bids), build.ladder(100.1, 1, asks))
        board.apply(depth)


@pytest.mark.property
@given(st.lists(quantity, min_size=20, max_size=20), st.lists(quantity, min_size=20, max_size=20))
def test_imbalances_and_micro_price_are_their_formulas(build, bids: list[float], asks: list[float]) -> None:
    """E1-1 at 3, 10 and 20 levels, E1-8."""
    board = build.board()
    books(build, board, [(bids, asks)])
    said = flow_of(board).fields
    for name, levels in (("imbalance_3", 3), ("imbalance", 10), ("imbalance_20", 20)):
        b, a = np.sum(bids[:levels]), np.sum(asks[:levels])
        assert said[name] == pytest.approx((b - a) / (b + a), rel=1e-9, abs=1e-12)
    expected = (100.0 * asks[0] + 100.1 * bids[0]) / (asks[0] + bids[0])
    assert said["micro_price"] == pytest.approx(expected, rel=1e-12)


def test_velocity_compares_with_five_readings_ago(build) -> None:
    """E1-2: half a second at ten readings a second."""
    board = build.board()
    levels = [0.1 * i for i in range(8)]
    books(build, board, [((1.0 + x,) * 20, (1.0 - x / 2,) * 20) for x in levels])
    imbalances = [((1 + x) - (1 - x / 2)) / ((1 + x) + (1 - x / 2)) for x in levels]
    expected = (imbalances[7] - imbalances[2]) / 0.5
    assert flow_of(board).fields["imbalance_velocity"] == pytest.approx(expected)


def test_labels_follow_the_imbalance(build) -> None:
    """E1-1: beyond 0.30 either way, else neutral."""
    for bid, label, direction in ((3.0, "BUY_PRESSURE", 1), (1.0, "NEUTRAL", 0), (0.3, "SELL_PRESSURE", -1)):
        board = build.board()
        board.apply(build.trade(1, build.start_ms - 1, 100.0))
        books(build, board, [((bid,) * 20, (1.0,) * 20)] * 25)
        said = flow_of(board)
        assert (said.label, said.direction) == (label, Direction(direction))
        assert 0.0 <= said.strength <= 1.0


def test_cvd_and_its_slope_are_sums_of_signed_quantities(build) -> None:
    """E1-3, E1-4 on a generated tape against NumPy."""
    market = generate_market(20_000, 3, start_ms=build.start_ms)
    board = build.board()
    at = 0
    while at < len(market.events):
        at = board.apply_batch(market.events, market.books, market.candles, at)
    trades = market.events[market.events["kind"] == Kind.TRADE]
    signed = np.where(trades["flag"] != 0, -1.0, 1.0) * trades["qty"]
    board.refresh(board.cycle_ms + 100)
    now = board.cycle_ms
    recent = trades["ts_ms"] > now - 30_000
    said = board.signal(Engine.ORDER_FLOW, now).fields
    assert said["cvd"] == pytest.approx(signed.sum(), rel=1e-9)
    assert said["cvd_slope"] == pytest.approx(signed[recent].sum() / 30.0, rel=1e-9)


def test_cvd_starts_again_every_four_hours_of_utc(build) -> None:
    """E1-3."""
    board = build.board()
    border = build.start_ms - build.start_ms % 14_400_000 + 14_400_000
    board.apply(build.trade(1, border - 1, 100.0, 5.0))
    assert flow_of(board).fields["cvd"] == 5.0
    board.apply(build.trade(2, border, 100.0, 2.0, sell=True))
    assert flow_of(board).fields["cvd"] == -2.0


def test_price_down_on_rising_cvd_is_a_divergence(build) -> None:
    """E1-3: bullish when price falls while buyers are the aggressors, and the other way round."""
    for sign in (1, -1):
        board = build.board()
        for i in range(600):
            px = 100.0 - sign * 0.0002 * i
            board.apply(build.trade(i + 1, build.start_ms + 100 * i, px, 1.0, sell=sign < 0))
        said = flow_of(board).fields
        assert said["cvd_divergence"] is True
        assert said["cvd_divergence_side"] == sign


def test_a_wall_is_five_times_the_mean_level_and_old_enough(build) -> None:
    """E1-5, E1-7: a level that has just grown is not a wall yet."""
    wall = [1.0, 1.0, 1.0, 60.0, *[1.0] * 16]
    flat = [1.0] * 20
    board = build.board()
    books(build, board, [(flat, flat), (wall, flat), (wall, flat)])
    assert flow_of(board).fields["wall_near"] is False
    board = build.board()
    books(build, board, [(flat, flat), *[(wall, flat)] * 8], start=build.start_ms)
    settings_near = board.settings.flow.wall_near_pct
    said = flow_of(board).fields
    assert settings_near == 0.10
    assert said["wall_near"] is False, "0.3 of 100 is beyond 0.10 %"
    near = [60.0, *[1.0] * 19]
    board = build.board()
    books(build, board, [(flat, flat), *[(near, flat)] * 8])
    said = flow_of(board).fields
    assert (said["wall_near"], said["wall_side"], said["wall_level"]) == (True, "BID", 100.0)


@pytest.mark.parametrize(("readings", "known"), [(45, True), (25, False)])
def test_a_known_wall_eaten_through_is_a_breakout(build, readings: int, known: bool) -> None:
    """E1-6: more than 80 % gone and the price beyond it; a wall is known after three seconds."""
    wall = [60.0, *[1.0] * 19]
    board = build.board()
    board.apply(build.trade(1, build.start_ms - 1, 100.0))
    flat = [1.0] * 20
    books(build, board, [(flat, wall)] * readings)
    assert flow_of(board).fields["wall_absorbed"] is False
    now = board.now_ms
    board.apply(build.trade(2, now + 10, 100.1, 59.0))
    board.apply(build.trade(3, now + 20, 100.2, 1.0))
    above = build.depth(1_000, now + 100, build.ladder(100.1, -1, flat), build.ladder(100.2, 1, flat))
    board.apply(above)
    said = flow_of(board)
    assert said.fields["wall_absorbed"] is known
    if not known:
        return
    assert (said.label, said.direction) == ("BREAKOUT", Direction.LONG)
    assert said.strength >= 0.5


def test_a_wall_pulled_without_trades_through_it_is_no_breakout(build) -> None:
    """E1-6 needs the price beyond the wall."""
    board = build.board()
    board.apply(build.trade(1, build.start_ms - 1, 100.0))
    flat = [1.0] * 20
    books(build, board, [(flat, [60.0, *[1.0] * 19])] * 45)
    books(build, board, [(flat, flat)], start=board.now_ms + 100)
    assert flow_of(board).fields["wall_absorbed"] is False


def test_levels_that_flash_are_spoofs_and_those_that_trade_are_not(build) -> None:
    """E1-7: vanished within 500 ms without trades at the price."""
    flat = [1.0] * 20
    flash = [1.0, 1.0, 30.0, *[1.0] * 17]
    board = build.board()
    books(build, board, [(flat, flat), (flash, flat)] * 10 + [(flat, flat)])
    spoofed = flow_of(board)
    assert spoofed.fields["spoof_ratio"] > 0.9
    slow = build.board()
    pairs = [(flat, flat)] + [(flash, flat)] * 8 + [(flat, flat)] + [(flash, flat)] * 8 + [(flat, flat)]
    books(build, slow, pairs)
    assert flow_of(slow).fields["spoof_ratio"] == 0.0
    traded = build.board()
    trade_id = 1
    for i in range(20):
        first = int(traded._state[0]["book"]["update_id"]) + 1
        now = build.start_ms + 100 * i
        tall = [31.0, *[1.0] * 19] if i % 2 else flat
        if i and i % 2 == 0:
            traded.apply(build.trade(trade_id, now - 1, 100.0, 30.0, sell=True))
            trade_id += 1
        traded.apply(build.depth(first, now, build.ladder(100.0, -1, tall), build.ladder(100.1, 1, flat)))
    assert flow_of(traded).fields["spoof_ratio"] == 0.0


def test_spoofs_lower_conviction(build) -> None:
    """E1-7: a ratio above one half."""
    board = build.board()
    board.apply(build.trade(1, build.start_ms - 1, 100.0))
    tall, flash = [3.0] * 20, [3.0, 3.0, 30.0, *[3.0] * 17]
    books(build, board, [(tall, [1.0] * 20), (flash, [1.0] * 20)] * 15)
    assert flow_of(board).conviction < 0.7


def test_an_old_book_says_nothing(build) -> None:
    """A feed that fell silent is not judged."""
    board = build.board()
    board.apply(build.trade(1, build.start_ms - 1, 100.0))
    books(build, board, [((3.0,) * 20, (1.0,) * 20)] * 25)
    assert flow_of(board).warm
    board.tick(board.now_ms + 4_000)
    said = flow_of(board)
    assert (said.warm, said.direction, said.strength) == (False, Direction.NEUTRAL, 0.0)


def test_cvd_is_zero_when_a_period_begins_in_which_nothing_traded(build) -> None:
    """E1-3: the clock turns it, not the next trade."""
    board = build.board()
    border = build.start_ms - build.start_ms % 14_400_000 + 14_400_000
    board.apply(build.trade(1, border - 1_000, 100.0, 5.0))
    board.tick(border - 99)
    assert board.signal(Engine.ORDER_FLOW, border - 99).fields["cvd"] == 5.0
    board.tick(border + 1)
    said = board.signal(Engine.ORDER_FLOW, border).fields
    assert said["cvd"] == 0.0
    assert said["cvd_slope"] == 5.0 / 30.0, "the slope looks back over the border"


def test_a_little_more_does_not_make_a_fresh_wall_old(build) -> None:
    """E1-7: sixty that appeared a tenth of a second ago are not proven because one more came since."""
    flat, board = [1.0] * 20, build.board()
    grown = [[60.0 + k, *[1.0] * 19] for k in range(9)]
    pairs = [(flat, flat), *((level, flat) for level in grown)]
    for count, told in ((5, False), (6, True)):
        board = build.board()
        books(build, board, pairs[: count + 1])
        assert flow_of(board).fields["wall_near"] is told, "the sixty are 500 ms old with the sixth"


def test_a_wall_that_creeps_in_and_is_pulled_is_a_spoof(build) -> None:
    """E1-7: the growth of the last half second counts as one, however it came."""
    flat, board = [1.0] * 20, build.board()
    steps = [1.0, 31.0, 32.0, 33.0, 34.0]
    books(build, board, [([size, *[1.0] * 19], flat) for size in (*steps, 1.0)])
    flow = board._state[0]["flow"]
    assert flow["spoof_gone"] == 1.0
    assert flow["spoof_ratio"] == pytest.approx(1.0 / 4.0, rel=0.1)


def test_cvd_survives_a_repair(build) -> None:
    """E1-3, E0-5: the tape is fetched anew; what was counted is not counted twice, what was missed is."""
    board = build.board()
    start = build.start_ms
    tape = [build.trade(i + 1, start + 100 * i, 100.0, 1.0 + i, sell=i % 3 == 0) for i in range(60)]
    for trade in tape[:40]:
        board.apply(trade)
    board.warm_up(build.history(300, 1), tape[10:])
    expected = sum(-t.qty if t.buyer_is_maker else t.qty for t in tape)
    assert flow_of(board).fields["cvd"] == pytest.approx(expected)
    board.warm_up(build.history(300, 1))
    assert flow_of(board).fields["cvd"] == pytest.approx(expected), "nothing fetched is nothing missed"
    border = start - start % 14_400_000 + 14_400_000
    board.warm_up(
        build.history(300, 1), [build.trade(900, border - 5, 100.0, 7.0), build.trade(901, border, 100.0, 2.0)]
    )
    assert board._state[0]["tape"]["cvd"] == 2.0
