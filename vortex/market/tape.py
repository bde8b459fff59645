"""The tape: trades in a ring with running sums, so that a window's volume is one subtraction (E0-2, E1-3)."""

from vortex.market.jit import Rec, compiled
from vortex.market.layout import TAPE_MASK, TAPE_SIZE, WINDOWS_MS

FOUR_HOURS_MS = 14_400_000
_WINDOWS = WINDOWS_MS


@compiled
def push_trade(tape: Rec, trade_id: int, ts_ms: int, px: float, qty: float, buyer_is_maker: int) -> None:
    """Append one valid trade, newer than the last one."""
    n = tape.n
    if n > 0 and (n & TAPE_MASK) == 0:
        _rebase(tape)
    at = n & TAPE_MASK
    before = (n - 1) & TAPE_MASK
    side = -1 if buyer_is_maker != 0 else 1
    tape.ts[at] = ts_ms
    tape.px[at] = px
    tape.side[at] = side
    if n == 0:
        tape.first_ms = ts_ms
        tape.volume[at] = qty
        tape.delta[at] = side * qty
    else:
        tape.volume[at] = tape.volume[before] + qty
        tape.delta[at] = tape.delta[before] + side * qty
        if trade_id > tape.last_id + 1:
            tape.gaps += trade_id - tape.last_id - 1
    add_to_cvd(tape, ts_ms, side * qty)
    tape.n = n + 1
    tape.last_id = trade_id
    tape.last_ms = ts_ms
    tape.last_px = px
    tape.interval_notional += px * qty
    tape.interval_volume += qty


@compiled
def add_to_cvd(tape: Rec, ts_ms: int, signed_qty: float) -> None:
    """CVD: + quantity of buy aggressors, - of sell aggressors, base units, since 00, 04, 08 … UTC (E1-3)."""
    turn_cvd(tape, ts_ms)
    tape.cvd += signed_qty


@compiled
def turn_cvd(tape: Rec, now_ms: int) -> None:
    """Begin CVD at zero when a period of four hours of UTC has begun, whether or not something traded in it (E1-3)."""
    period = now_ms // FOUR_HOURS_MS
    if period > tape.cvd_period:
        tape.cvd_period = period
        tape.cvd = 0.0


@compiled
def _rebase(tape: Rec) -> None:
    """Start the running sums again once per ring, so that rounding errors never grow with the day's volume."""
    oldest = tape.n & TAPE_MASK
    volume = tape.volume[oldest]
    delta = tape.delta[oldest]
    for i in range(TAPE_SIZE):
        tape.volume[i] -= volume
        tape.delta[i] -= delta


@compiled
def move_windows(tape: Rec, now_ms: int) -> None:
    """Move every window's tail to the first trade younger than now minus its length."""
    oldest = max(0, tape.n - TAPE_SIZE + 1)
    for w in range(len(_WINDOWS)):
        tail = max(tape.tail[w], oldest)
        border = now_ms - _WINDOWS[w]
        while tail < tape.n and tape.ts[tail & TAPE_MASK] <= border:
            tail += 1
        tape.tail[w] = tail


@compiled
def volume_since(tape: Rec, tail: int) -> float:
    """Traded quantity from the trade at `tail` to the last one."""
    if tail >= tape.n:
        return 0.0
    last = tape.volume[(tape.n - 1) & TAPE_MASK]
    if tail == 0:
        return float(last)
    return float(max(0.0, last - tape.volume[(tail - 1) & TAPE_MASK]))


@compiled
def delta_since(tape: Rec, tail: int) -> float:
    """Bought minus sold quantity from the trade at `tail` to the last one."""
    if tail >= tape.n:
        return 0.0
    last = tape.delta[(tape.n - 1) & TAPE_MASK]
    if tail == 0:
        return float(last)
    return float(last - tape.delta[(tail - 1) & TAPE_MASK])


@compiled
def px_before(tape: Rec, tail: int) -> float:
    """Price of the last trade before `tail`, or of the first one known."""
    if tape.n == 0:
        return 0.0
    oldest = max(0, tape.n - TAPE_SIZE)
    return float(tape.px[max(oldest, tail - 1) & TAPE_MASK])


@compiled
def longest_run(tape: Rec, among: int) -> int:
    """Longest run of same-side trades among the last `among`, signed by its side; the later run wins a tie (E2-3)."""
    count = min(among, tape.n)
    best = 0
    run = 0
    for i in range(tape.n - count, tape.n):
        side = int(tape.side[i & TAPE_MASK])
        run = run + side if run * side > 0 else side
        if abs(run) >= abs(best):
            best = run
    return best
