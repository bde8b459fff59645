"""E2 against NumPy over random tapes."""

from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.domain.signals import Direction, Engine
from vortex.kernel.errors import ConfigError
from vortex.settings import load
from vortex.signals.generated import generate_market
from vortex.signals.settings import SignalSettings, TickSettings

trades = st.lists(
    st.tuples(st.integers(0, 2_000), st.floats(1e-3, 1e3), st.booleans(), st.integers(-3, 3)), min_size=1, max_size=120
)


def feed(build, rows):
    """A board and arrays of time, quantity and sign."""
    board = build.board()
    now = build.start_ms
    times, quantities, signs = [], [], []
    for i, (gap, qty, sell, move) in enumerate(rows):
        now += gap
        board.apply(build.trade(i + 1, now, 100.0 + 0.1 * move, qty, sell=sell))
        times.append(now)
        quantities.append(qty)
        signs.append(-1.0 if sell else 1.0)
    at = board.cycle_ms + 100 if board.cycle_ms > now else now + 100
    board.refresh(at)
    return board.signal(Engine.TICK, at), at, np.array(times), np.array(quantities), np.array(signs)


@pytest.mark.property
@given(trades)
def test_every_quantity_is_its_formula_over_trailing_windows(build, rows) -> None:
    """E2-1, E2-2, E2-4, E2-6."""
    said, at, times, qty, sign = feed(build, rows)
    age = at - times
    last_30 = age < 30_000
    count_30 = last_30.sum()
    velocity = (age < 1_000).sum() / (count_30 / 30.0) if count_30 else 0.0
    assert said.fields["velocity_ratio"] == pytest.approx(velocity)
    volume_5 = qty[age < 5_000].sum()
    ratio = qty[(age < 5_000) & (sign > 0)].sum() / volume_5 if volume_5 else 0.5
    assert said.fields["aggressor_ratio"] == pytest.approx(ratio, abs=1e-9)
    volume_30 = qty[last_30].sum()
    spike = qty[age < 3_000].sum() / (volume_30 / 10.0) if volume_30 else 0.0
    assert said.fields["spike_ratio"] == pytest.approx(spike, abs=1e-9)
    deltas = [(qty * sign)[(age < 5_000 * (k + 1)) & (age >= 5_000 * k)].sum() for k in range(5, -1, -1)]
    slope = np.polyfit(np.arange(6) * 5.0, deltas, 1)[0]
    assert said.fields["delta_slope"] == pytest.approx(slope, abs=1e-7 * max(1.0, qty.max()))


@pytest.mark.property
@given(trades)
def test_the_streak_is_the_longest_run_of_the_last_twenty(build, rows) -> None:
    """E2-3."""
    said, _, _, _, sign = feed(build, rows)
    runs = [(side, len(list(group))) for side, group in groupby(sign[-20:])]
    longest = max(length for _, length in runs)
    sides = {side for side, length in runs if length == longest}
    assert said.fields["streak"] == longest
    assert said.fields["streak_side"] in sides


def test_a_burst_of_buyers_is_momentum_long_and_its_mirror_short(build) -> None:
    """Direction, label and a strength that is nearly full."""
    for sell, label, direction in ((False, "MOMENTUM_LONG", 1), (True, "MOMENTUM_SHORT", -1)):
        calm = [(400, 1.0, i % 2 == 0, 0) for i in range(100)]
        burst = [(20, 4.0, sell, 0)] * 30
        said, *_ = feed(build, calm + burst)
        assert (said.label, said.direction, said.warm) == (label, Direction(direction), True)
        assert said.strength > 0.9
        assert said.fields["volume_spike"] is True


def test_a_big_trade_is_told_with_its_side_for_a_while(build) -> None:
    """E2-5: above 50 000 USDT."""
    for sell, side in ((False, "BUY"), (True, "SELL")):
        board = build.board()
        board.apply(build.trade(1, build.start_ms, 50_000.0, 1.0, sell=sell))
        board.refresh(build.start_ms + 100)
        assert board.signal(Engine.TICK, build.start_ms + 100).fields["big_trade"] is False, "not above the threshold"
        board.apply(build.trade(2, build.start_ms + 200, 50_000.0, 1.01, sell=sell))
        board.refresh(build.start_ms + 500)
        said = board.signal(Engine.TICK, build.start_ms + 500).fields
        assert (said["big_trade"], said["big_trade_side"]) == (True, side)
        board.refresh(build.start_ms + 3_300)
        assert board.signal(Engine.TICK, build.start_ms + 3_300).fields["big_trade"] is False


def test_a_short_or_silent_tape_says_nothing(build) -> None:
    """Warm after 30 s of trades; cold again after 30 s without."""
    board = build.board()
    for i in range(40):
        board.apply(build.trade(i + 1, build.start_ms + i * 500, 100.0))
    board.refresh(board.now_ms + 100)
    assert not board.signal(Engine.TICK, board.now_ms).warm
    for i in range(40, 80):
        board.apply(build.trade(i + 1, build.start_ms + i * 500, 100.0))
    board.refresh(board.now_ms + 100)
    assert board.signal(Engine.TICK, board.now_ms).warm
    board.tick(board.now_ms + 31_000)
    said = board.signal(Engine.TICK, board.now_ms)
    assert (said.warm, said.direction, said.strength) == (False, Direction.NEUTRAL, 0.0)


def test_windows_stay_exact_beyond_the_ring(build) -> None:
    """The ring wraps and its sums start anew; the windows do not notice."""
    count = 40_000
    market = generate_market(count, 5, start_ms=build.start_ms)
    board = build.board()
    at = 0
    while at < count:
        at = board.apply_batch(market.events, market.books, market.candles, at)
    tape = market.events[market.events["kind"] == 1]
    now = board.cycle_ms
    said = board.signal(Engine.TICK, now).fields
    seen = tape["ts_ms"] <= now
    age = now - tape["ts_ms"][seen]
    qty = tape["qty"][seen]
    buys = tape["flag"][seen] == 0
    expected = qty[(age < 5_000) & buys].sum() / qty[age < 5_000].sum()
    assert said["aggressor_ratio"] == pytest.approx(expected, rel=1e-9)


def test_a_symbol_may_have_a_threshold_of_its_own(build) -> None:
    """E2-5, per symbol."""
    settings = SignalSettings(tick=TickSettings(big_trade_usdt_of=("SOLUSDT=2000", "BTCUSDT=700.5")))
    for limit, told in ((700.5, False), (700.6, True)):
        board = build.board(settings)
        board.apply(build.trade(1, build.start_ms, limit, 1.0))
        board.refresh(build.start_ms + 100)
        assert board.signal(Engine.TICK, build.start_ms + 100).fields["big_trade"] is told
    assert settings.tick.big_trade_of("ETHUSDT") == 50_000.0
    said = load({"VORTEX_SIGNALS__TICK__BIG_TRADE_USDT_OF": "SOLUSDT=2000,BNBUSDT=15000"}).settings
    assert said.signals.tick.big_trade_of("BNBUSDT") == 15_000.0


@pytest.mark.parametrize("wrong", ["SOLUSDT", "SOLUSDT=", "SOLUSDT=-1", "SOLUSDT=0", "sol=5", "=5"])
def test_a_threshold_that_is_none_is_refused(wrong: str) -> None:
    """A symbol and a number above zero."""
    with pytest.raises(ConfigError):
        load({"VORTEX_SIGNALS__TICK__BIG_TRADE_USDT_OF": wrong})


@pytest.mark.parametrize(
    ("burst", "spike", "cascade"), [(1.2, False, False), (2.2, False, False), (4.0, True, False), (20.0, True, True)]
)
def test_volume_spikes_from_two_and_a_half_and_cascades_from_four(build, burst, spike, cascade) -> None:
    """E2-4: volume of 3 s over a tenth of that of 30 s."""
    rows = [(100, 1.0, i % 2 == 0, 0) for i in range(270)] + [(100, burst, i % 2 == 0, 0) for i in range(30)]
    said = feed(build, rows)[0].fields
    ratio = 30 * burst / ((270 + 30 * burst) / 10)
    assert said["spike_ratio"] == pytest.approx(ratio, rel=0.05)
    assert (said["volume_spike"], said["cascade_spike"]) == (spike, cascade)
