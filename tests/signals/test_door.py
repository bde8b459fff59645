"""At the door: what cannot be true leaves every byte of the state as it was, but for its counter."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.signals.conftest import Build
from vortex.market.layout import EVENT, LARGEST, Kind, Refusal
from vortex.signals.events import EventRows, rows_of
from vortex.signals.generated import generate_market

BROKEN = st.sampled_from([math.nan, math.inf, -math.inf, -1.0, -1e-12, 2 * LARGEST, 1e300])
NOTHING = st.sampled_from([0.0, -0.0])
STAMPS = st.one_of(st.just(0), st.integers(1, 10**6), st.just(10**15))
"""How much later than the market a message claims to be: a lie about the time must not move the clock either."""


def market_state(build: Build, cut: int):
    """A board somewhere within a living market."""
    market = generate_market(6_000, 23, start_ms=build.start_ms, px=100.0, tick=0.01)
    board = build.board()
    board.warm_up(build.history(300, 1))
    events, at = market.events[: max(1, cut)].copy(), 0
    while at < len(events):
        at = board.apply_batch(events, market.books, market.candles, at)
    return board


def refused(board, rows: EventRows) -> Refusal:
    """Offer one row; the state is the same to the last bit except for one more refusal, whose reason this returns."""
    before = board._state.copy()
    board._state[0]["cycle"]["reasons"] = before[0]["cycle"]["reasons"] = 0
    taken = board.apply_batch(rows.events[:1], rows.books, rows.candles)
    assert taken == 1
    counts = board._state[0]["cycle"]["refused"] - before[0]["cycle"]["refused"]
    assert counts.sum() == 1
    before[0]["cycle"]["refused"] = board._state[0]["cycle"]["refused"]
    assert board._state.tobytes() == before.tobytes()
    return Refusal(int(np.argmax(counts)))


def row_of(board, kind: Kind, late_ms: int) -> EventRows:
    """An event that would be accepted as it stands."""
    rows = EventRows(1)
    now = board.now_ms + late_ms
    ident = int(
        board._state[0]["tape" if kind is Kind.TRADE else "book"]["last_id" if kind is Kind.TRADE else "best_id"]
    )
    event = rows.events[0]
    event["kind"], event["ts_ms"], event["id"], event["prev_id"] = kind, now, ident + 1, ident
    event["px"], event["qty"], event["px2"], event["qty2"] = 100.0, 0.5, 100.1, 1.0
    rows.books[0, :, 0], rows.books[0, :, 2] = 100.0 - np.arange(20) / 10, 100.1 + np.arange(20) / 10
    rows.books[0, :, 1::2] = 1.0
    row = rows.candles[0]
    row["interval"], row["open_ms"], row["closed"] = 0, now - now % 60_000, 1
    row["open"], row["high"], row["low"], row["close"], row["volume"] = 100.0, 101.0, 99.0, 100.0, 3.0
    return rows


PRICED = {
    Kind.TRADE: ("px", "qty"),
    Kind.QUOTE: ("px", "px2"),
    Kind.MARK: ("px",),
    Kind.LIQUIDATION: ("px", "qty"),
    Kind.OPEN_INTEREST: ("qty",),
    Kind.ACCOUNT_RATIO: ("qty",),
}
cuts = st.integers(1, 6_000)


@pytest.mark.property
@given(cuts, st.sampled_from([*PRICED]), st.integers(0, 1), BROKEN, STAMPS)
def test_a_number_that_is_none_touches_nothing(build, cut, kind, which, value, late_ms) -> None:
    """NaN, infinities, negative and absurd numbers, in every message that brings one."""
    board = market_state(build, cut)
    rows = row_of(board, kind, late_ms)
    name = PRICED[kind][which % len(PRICED[kind])]
    rows.events[0][name] = value
    allowed = {Refusal.NOT_A_NUMBER, Refusal.NOT_POSITIVE, Refusal.OUT_OF_RANGE, Refusal.CROSSED}
    said = refused(board, rows)
    assert said in allowed
    if not math.isfinite(value):
        assert said is Refusal.NOT_A_NUMBER


@pytest.mark.property
@given(cuts, st.integers(0, 19), st.integers(0, 3), st.one_of(BROKEN, NOTHING), STAMPS)
def test_a_book_with_one_broken_level_touches_nothing(build, cut, level, column, value, late_ms) -> None:
    """Wherever in the book; half a level is one too."""
    board = market_state(build, cut)
    rows = row_of(board, Kind.DEPTH, late_ms)
    rows.books[0, level, column] = value
    assert refused(board, rows) in {Refusal.NOT_A_NUMBER, Refusal.NOT_POSITIVE, Refusal.OUT_OF_RANGE}


@pytest.mark.property
@given(cuts, st.integers(0, 18), st.sampled_from([0, 2]), st.booleans(), STAMPS)
def test_crossed_unsorted_and_missing_levels_touch_nothing(build, cut, level, side, gone, late_ms) -> None:
    """A level that is missing in the middle, two that changed places, a bid above the ask."""
    board = market_state(build, cut)
    rows = row_of(board, Kind.DEPTH, late_ms)
    book = rows.books[0]
    if gone:
        book[level, side : side + 2] = 0.0
        assert refused(board, rows) is Refusal.UNSORTED
        book[:, side : side + 2] = 0.0
        rows.events[0]["ref"] = 0
        assert refused(board, rows) is Refusal.ONE_SIDED
        return
    book[[level, level + 1], side] = book[[level + 1, level], side]
    assert refused(board, rows) is Refusal.UNSORTED
    book[:, 0] += 50.0
    book[:, 0] = np.sort(book[:, 0])[::-1]
    book[:, 2] = np.sort(book[:, 2])
    assert refused(board, rows) is Refusal.CROSSED


@pytest.mark.property
@given(st.integers(100, 6_000), st.sampled_from([Kind.TRADE, Kind.DEPTH]), st.integers(0, 50), st.integers(1, 10**7))
def test_time_and_ids_that_run_backwards_touch_nothing(build, cut, kind, behind, ms) -> None:
    """Repeated and older ids; newer ids of an older time."""
    board = market_state(build, cut)
    rows = row_of(board, kind, 0)
    rows.events[0]["id"] -= 1 + behind % int(rows.events[0]["id"])
    assert refused(board, rows) is Refusal.DUPLICATE
    rows = row_of(board, kind, 0)
    last = int(board._state[0]["tape"]["last_ms"] if kind is Kind.TRADE else board._state[0]["book"]["ts_ms"])
    rows.events[0]["ts_ms"] = last - ms
    assert refused(board, rows) is Refusal.BACKWARDS


@pytest.mark.property
@given(
    cuts,
    st.sampled_from(["open", "high", "low", "close", "volume", "open_ms", "interval"]),
    st.one_of(BROKEN, st.just(1e9)),
    STAMPS,
)
def test_a_candle_that_cannot_be_touches_nothing(build, cut, name, value, late_ms) -> None:
    """Broken prices, a high below the close, an opening between two minutes, an unknown interval."""
    board = market_state(build, cut)
    rows = row_of(board, Kind.CANDLE, late_ms)
    if name == "interval":
        rows.candles[0][name] = 4
    elif name == "open_ms":
        rows.candles[0][name] += 1
    elif name == "high":
        rows.candles[0][name] = value if value != 1e9 else 99.5
    elif name == "volume":
        rows.candles[0][name] = value if value != 1e9 else -1e9
    else:
        rows.candles[0][name] = value
    allowed = {Refusal.NOT_A_NUMBER, Refusal.NOT_POSITIVE, Refusal.OUT_OF_RANGE, Refusal.BAD_CANDLE}
    assert refused(board, rows) in allowed


@pytest.mark.property
@given(cuts, st.integers(10, 2**31 - 1), st.integers(-(10**15), -1))
def test_unknown_kinds_and_negative_stamps_touch_nothing(build, cut, kind, stamp) -> None:
    """A row of garbage."""
    board = market_state(build, cut)
    rows = EventRows(1)
    rows.events[0]["kind"], rows.events[0]["ts_ms"] = kind, board.now_ms
    assert refused(board, rows) is Refusal.UNKNOWN_KIND
    rows = row_of(board, Kind.TRADE, 0)
    rows.events[0]["ts_ms"] = stamp
    assert refused(board, rows) is Refusal.OUT_OF_RANGE


def test_what_was_refused_does_not_stop_the_clock(build) -> None:
    """A broken message from the far future: the next good one is judged as if it had not been there."""
    market = generate_market(6_000, 23, start_ms=build.start_ms, px=100.0, tick=0.01)
    clean, poisoned = build.board(), build.board()
    poison = np.zeros(1, EVENT)
    poison["kind"], poison["ts_ms"], poison["id"], poison["px"] = Kind.TRADE, 10**15, 10**9, math.nan
    for board, events in (
        (clean, market.events),
        (poisoned, np.concatenate([market.events[:3_000], poison, market.events[3_000:]])),
    ):
        board.warm_up(build.history(300, 1))
        at = 0
        while at < len(events):
            at = board.apply_batch(events, market.books, market.candles, at)
    assert poisoned.refusals() == {"NOT_A_NUMBER": 1}
    assert poisoned.cycle_ms == clean.cycle_ms
    assert poisoned.signals(clean.cycle_ms) == clean.signals(clean.cycle_ms)


def test_a_good_row_of_each_kind_is_taken(build) -> None:
    """So that the refusals above are for their stated reason."""
    for kind in (*PRICED, Kind.DEPTH, Kind.CANDLE):
        board = market_state(build, 6_000)
        rows = row_of(board, kind, 0)
        events = int(board._state[0]["cycle"]["events"])
        board.apply_batch(rows.events, rows.books, rows.candles)
        assert board.refusals() == {}, kind
        assert board._state[0]["cycle"]["events"] == events + 1
    assert len(rows_of([]).events) == 0
