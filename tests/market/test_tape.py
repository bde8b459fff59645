"""The ring of trades: windows and sums against lists."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.market.layout import TAPE, TAPE_SIZE, W1, W5, W30
from vortex.market.tape import (
    FOUR_HOURS_MS,
    delta_since,
    longest_run,
    move_windows,
    push_trade,
    px_before,
    turn_cvd,
    volume_since,
)


@pytest.mark.property
@given(st.lists(st.tuples(st.integers(0, 3_000), st.floats(1e-3, 1e3), st.integers(0, 1)), min_size=1, max_size=60))
def test_windows_hold_exactly_the_trades_younger_than_their_length(rows) -> None:
    """Tails only move forward, and sums are differences."""
    tape = np.zeros(1, TAPE)
    now, times, quantities, signs = 0, [], [], []
    for i, (gap, qty, maker) in enumerate(rows):
        now += gap
        push_trade(tape[0], i + 1, now, 100.0 + i, qty, maker)
        times.append(now)
        quantities.append(qty)
        signs.append(-1 if maker else 1)
        move_windows(tape[0], now)
        for window, length in ((W1, 1_000), (W5, 5_000), (W30, 30_000)):
            inside = [k for k, t in enumerate(times) if t > now - length]
            tail = tape[0]["tail"][window]
            assert tail == min(inside)
            assert volume_since(tape[0], tail) == pytest.approx(sum(quantities[k] for k in inside), abs=1e-6)
            delta = sum(signs[k] * quantities[k] for k in inside)
            assert delta_since(tape[0], tail) == pytest.approx(delta, abs=1e-6)
            assert px_before(tape[0], tail) == 100.0 + max(0, min(inside) - 1)


def test_the_ring_forgets_the_oldest_and_its_sums_stay_right() -> None:
    """Three times around."""
    tape = np.zeros(1, TAPE)
    count = 3 * TAPE_SIZE + 17
    for i in range(count):
        push_trade(tape[0], i + 1, i, 1.0, 1.0, i % 2)
    move_windows(tape[0], count)
    assert tape[0]["tail"][W30] == count - TAPE_SIZE + 1
    assert volume_since(tape[0], count - 1_000) == pytest.approx(1_000.0)
    assert delta_since(tape[0], count - 1_001) == pytest.approx(1.0)
    assert tape[0]["gaps"] == 0
    assert tape[0]["volume"].max() < 2 * TAPE_SIZE, "or a day's volume would cost a window its digits"


def test_missing_ids_are_counted() -> None:
    """Contiguity of aggregate ids (E0-8)."""
    tape = np.zeros(1, TAPE)
    for trade_id in (5, 6, 9, 10, 15):
        push_trade(tape[0], trade_id, trade_id, 1.0, 1.0, 0)
    assert tape[0]["gaps"] == 2 + 4
    assert (tape[0]["first_ms"], tape[0]["last_ms"]) == (5, 15)


def test_cvd_is_what_was_bought_less_what_was_sold_since_its_four_hours_began() -> None:
    """E1-3: at 04:00 UTC itself it is zero again, and the first trade of the period counts."""
    tape = np.zeros(1, TAPE)
    for trade_id, (ts_ms, qty, maker) in enumerate([(FOUR_HOURS_MS - 2, 5.0, 0), (FOUR_HOURS_MS - 1, 2.0, 1)], 1):
        push_trade(tape[0], trade_id, ts_ms, 100.0, qty, maker)
    assert tape[0]["cvd"] == 3.0
    push_trade(tape[0], 3, FOUR_HOURS_MS, 100.0, 4.0, 1)
    assert tape[0]["cvd"] == -4.0
    turn_cvd(tape[0], 2 * FOUR_HOURS_MS - 1)
    assert tape[0]["cvd"] == -4.0
    turn_cvd(tape[0], 2 * FOUR_HOURS_MS)
    assert tape[0]["cvd"] == 0.0


def test_what_was_traded_since_the_last_poll_is_summed() -> None:
    """E4-4: value and quantity, for the mean price of a rise of open interest."""
    tape = np.zeros(1, TAPE)
    push_trade(tape[0], 1, 1, 100.0, 2.0, 0)
    push_trade(tape[0], 2, 2, 110.0, 3.0, 1)
    assert (tape[0]["interval_notional"], tape[0]["interval_volume"]) == (530.0, 5.0)


def test_the_later_of_two_equal_runs_gives_the_side() -> None:
    """E2-3: what happens now counts more."""
    tape = np.zeros(1, TAPE)
    for i, maker in enumerate([0] * 8 + [1] * 8):
        push_trade(tape[0], i + 1, i, 1.0, 1.0, maker)
    assert longest_run(tape[0], 20) == -8
