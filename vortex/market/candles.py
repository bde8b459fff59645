"""Candles: built from ticks (tick, 1m, then 3m, 5m and 15m), compared with the exchange's, whose word wins (E0-7).

1. Closed candles of a frame are contiguous; a hole empties the frame, to be filled by a warm-up.
2. A candle that started in the middle is never compared; the exchange's running candle replaces it, unless a newer
   one has, and trades up to its time are in it already.
3. A closed candle of the exchange replaces ours; a difference is counted once. A longer candle of ours that still
   lacks its last minute when the exchange closes it is replaced without a count.
"""

import math

from vortex.market.book import ACCEPTED
from vortex.market.jit import Rec, compiled
from vortex.market.layout import CANDLES, INTERVALS_MS, LARGEST, Refusal

EMPTY_MAX = 15
"""Minutes without a trade that are filled with flat candles; a longer silence is a hole."""
PARTIAL, OURS, THEIRS = -1, 0, 1
"""Whose word a closed candle is: ours begun in the middle, ours whole, the exchange's."""
_MINUTE_MS = 60_000


@compiled
def reset_frame(frame: Rec, index: int) -> None:
    """Empty a frame; its counters live on."""
    frame.interval_ms = INTERVALS_MS[index]
    frame.n = 0
    frame.forming = 0
    frame.revised = 1


@compiled
def check_candle(row: Rec) -> int:
    """ACCEPTED, or the Refusal of a candle from the exchange."""
    for value in (row.open, row.high, row.low, row.close, row.volume):
        if not abs(value) <= LARGEST:
            return Refusal.OUT_OF_RANGE.value if math.isfinite(value) else Refusal.NOT_A_NUMBER.value
    if row.interval < 0 or row.interval > 3:
        return Refusal.OUT_OF_RANGE.value
    if row.low <= 0.0 or row.volume < 0.0:
        return Refusal.NOT_POSITIVE.value
    if row.open_ms < 0 or row.open_ms % INTERVALS_MS[row.interval] != 0:
        return Refusal.BAD_CANDLE.value
    if row.high < max(row.open, row.close) or row.low > min(row.open, row.close):
        return Refusal.BAD_CANDLE.value
    return ACCEPTED


@compiled
def trade_into_candles(frames: Rec, ts_ms: int, px: float, qty: float, tape_since_ms: int) -> None:
    """Put a trade into the minute that forms, closing earlier ones first; a trade of a closed minute is left out.

    A minute is whole when the tape was there before it began.
    """
    minute = frames[0]
    open_ms = ts_ms - ts_ms % _MINUTE_MS
    if minute.forming == 0 and minute.n > 0:
        last = (minute.n - 1) % CANDLES
        next_ms = minute.open_ms[last] + _MINUTE_MS
        if open_ms < next_ms:
            return
        _open_forming(minute, next_ms, minute.close[last], 1 if tape_since_ms <= next_ms else 2)
    close_minutes(frames, open_ms)
    if minute.forming == 0:
        _open_forming(minute, open_ms, px, 1 if tape_since_ms <= open_ms else 2)
    if open_ms < minute.now_open_ms or ts_ms <= minute.now_told_ms:
        return
    if minute.now_volume == 0.0:
        minute.now_open = px
        minute.now_high = px
        minute.now_low = px
    minute.now_high = max(minute.now_high, px)
    minute.now_low = min(minute.now_low, px)
    minute.now_close = px
    minute.now_volume += qty


@compiled
def close_minutes(frames: Rec, until_ms: int) -> None:
    """Close the forming minute, and flat ones where nothing traded; the minute from `until_ms` on forms then, flat."""
    minute = frames[0]
    if minute.forming == 0 or minute.now_open_ms >= until_ms:
        return
    if until_ms - minute.now_open_ms > EMPTY_MAX * _MINUTE_MS:
        for k in range(4):
            frames[k].holes += 1
            reset_frame(frames[k], k)
        return
    while minute.forming != 0 and minute.now_open_ms < until_ms:
        next_ms = minute.now_open_ms + _MINUTE_MS
        if _commit_forming(minute, 0):
            _merge_up(frames)
        if minute.n > 0:
            _open_forming(minute, next_ms, minute.close[(minute.n - 1) % CANDLES], 1)


@compiled
def exchange_candle(frames: Rec, row: Rec, ts_ms: int) -> None:
    """Take the exchange's word for one candle, running or closed, said at a time (laws 2 and 3).

    Of the longer candles only closed ones are taken: while they form they are summed from minutes.
    """
    frame = frames[row.interval]
    if row.interval == 0:
        close_minutes(frames, row.open_ms)
    elif row.closed != 0 and frame.forming != 0 and frame.now_open_ms < row.open_ms:
        _commit_forming(frame, row.interval)
    last_open = frame.open_ms[(frame.n - 1) % CANDLES] if frame.n > 0 else -1
    if row.closed != 0:
        _take_closed(frames, row, last_open)
    elif row.interval == 0 and row.open_ms > last_open and frame.forming != 1:
        _adopt_running(frame, row, ts_ms)


@compiled
def _take_closed(frames: Rec, row: Rec, last_open: int) -> None:
    """Confirm a candle we have, or append the next one; a jump ahead empties the frame first."""
    frame = frames[row.interval]
    if frame.n > 0 and row.open_ms <= last_open:
        back = (last_open - row.open_ms) // frame.interval_ms
        if back < min(frame.n, CANDLES):
            _confirm(frame, frame.n - 1 - back, row)
        return
    if frame.n > 0 and row.open_ms != last_open + frame.interval_ms:
        frame.holes += 1
        reset_frame(frame, row.interval)
    if frame.forming != 0 and frame.now_open_ms == row.open_ms:
        if row.interval == 0 and frame.forming == 1 and _differs_now(frame, row):
            frame.differences += 1
        frame.forming = 0
    _append(frame, row.open_ms, row.open, row.high, row.low, row.close, row.volume, THEIRS)
    if row.interval == 0:
        _merge_up(frames)


@compiled
def _adopt_running(frame: Rec, row: Rec, ts_ms: int) -> None:
    """Where our candle began in the middle, or there is none, the exchange's running one is the better start.

    One that is not newer than what we have would take back what happened since (E0-8).
    """
    same = row.open_ms == frame.now_open_ms and ts_ms <= frame.now_told_ms
    if frame.forming != 0 and (same or row.open_ms < frame.now_open_ms):
        return
    frame.forming = 2
    frame.now_open_ms = row.open_ms
    frame.now_told_ms = ts_ms
    frame.now_open = row.open
    frame.now_high = row.high
    frame.now_low = row.low
    frame.now_close = row.close
    frame.now_volume = row.volume


@compiled
def _open_forming(frame: Rec, open_ms: int, px: float, whole: int) -> None:
    frame.forming = whole
    frame.now_open_ms = open_ms
    frame.now_told_ms = 0
    frame.now_open = px
    frame.now_high = px
    frame.now_low = px
    frame.now_close = px
    frame.now_volume = 0.0


@compiled
def _commit_forming(frame: Rec, index: int) -> bool:
    """Commit the forming candle as ours, unconfirmed until the exchange speaks; False when it is already known."""
    word = PARTIAL if frame.forming == 2 else OURS
    frame.forming = 0
    last_open = frame.open_ms[(frame.n - 1) % CANDLES] if frame.n > 0 else -1
    if frame.n > 0 and frame.now_open_ms != last_open + frame.interval_ms:
        if frame.now_open_ms <= last_open:
            return False
        frame.holes += 1
        reset_frame(frame, index)
    _append(
        frame, frame.now_open_ms, frame.now_open, frame.now_high, frame.now_low, frame.now_close, frame.now_volume, word
    )
    return True


@compiled
def _merge_up(frames: Rec) -> None:
    """Put the minute just closed into the longer candles, and close those that end with it."""
    minute = frames[0]
    at = (minute.n - 1) % CANDLES
    open_ms = minute.open_ms[at]
    for k in range(1, 4):
        frame = frames[k]
        frame_open = open_ms - open_ms % frame.interval_ms
        if frame.n > 0 and frame_open <= frame.open_ms[(frame.n - 1) % CANDLES]:
            continue
        if frame.forming != 0 and frame.now_open_ms < frame_open:
            _commit_forming(frame, k)
        if frame.forming == 0:
            _open_forming(frame, frame_open, minute.open[at], 1 if open_ms == frame_open else 2)
        frame.now_high = max(frame.now_high, minute.high[at])
        frame.now_low = min(frame.now_low, minute.low[at])
        frame.now_close = minute.close[at]
        frame.now_volume += minute.volume[at]
        if open_ms + _MINUTE_MS == frame_open + frame.interval_ms:
            _commit_forming(frame, k)


@compiled
def _append(
    frame: Rec, open_ms: int, open_px: float, high: float, low: float, close: float, volume: float, confirmed: int
) -> None:
    at = frame.n % CANDLES
    frame.open_ms[at] = open_ms
    frame.open[at] = open_px
    frame.high[at] = high
    frame.low[at] = low
    frame.close[at] = close
    frame.volume[at] = volume
    frame.confirmed[at] = confirmed
    frame.n += 1


@compiled
def _confirm(frame: Rec, index: int, row: Rec) -> None:
    """Compare a candle we closed with the exchange's; a second word on the same candle changes nothing twice."""
    at = index % CANDLES
    same = (
        _close_to(frame.open[at], row.open)
        and _close_to(frame.high[at], row.high)
        and _close_to(frame.low[at], row.low)
        and _close_to(frame.close[at], row.close)
        and _close_to(frame.volume[at], row.volume)
    )
    compared = frame.confirmed[at] != PARTIAL
    frame.confirmed[at] = THEIRS
    if same:
        return
    if compared:
        frame.differences += 1
    frame.revised = 1
    frame.open[at] = row.open
    frame.high[at] = row.high
    frame.low[at] = row.low
    frame.close[at] = row.close
    frame.volume[at] = row.volume


@compiled
def _differs_now(frame: Rec, row: Rec) -> bool:
    return not (
        _close_to(frame.now_open, row.open)
        and _close_to(frame.now_high, row.high)
        and _close_to(frame.now_low, row.low)
        and _close_to(frame.now_close, row.close)
        and _close_to(frame.now_volume, row.volume)
    )


@compiled
def _close_to(ours: float, theirs: float) -> bool:
    """Equal but for the rounding of summed quantities."""
    return abs(ours - theirs) <= 1e-9 * max(abs(ours), abs(theirs))
