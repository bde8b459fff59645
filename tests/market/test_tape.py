"""The ring of trades: windows and sums against lists."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.market.layout import TAPE, TAPE_SIZE, W1, W5, W30
from vortex.market.tape import delta_since, longest_run, move_windows, push_trade, px_before, volume_since


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
    assert tape[0]["gaps"] == 0


def test_missing_ids_are_counted() -> None:
    """Contiguity of aggregate ids (E0-8)."""
    tape = np.zeros(1, TAPE)
    for trade_id in (5, 6, 9, 10):
        push_trade(tape[0], trade_id, trade_id, 1.0, 1.0, 0)
    assert tape[0]["gaps"] == 2


def test_the_later_of_two_equal_runs_gives_the_side() -> None:
    """E2-3: what happens now counts more."""
    tape = np.zeros(1, TAPE)
    for i, maker in enumerate([0] * 8 + [1] * 8):
        push_trade(tape[0], i + 1, i, 1.0, 1.0, maker)
    assert longest_run(tape[0], 20) == -8
