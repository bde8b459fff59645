"""E1, order flow: imbalance, CVD, walls, absorption, spoofs and micro-price, on every depth update (E1-1 … E1-9)."""

import math

from vortex.domain.market import LEVELS
from vortex.market.book import imbalance, micro_price, quantity_at
from vortex.market.jit import Rec, compiled
from vortex.market.layout import TAPE_MASK, W30, W60
from vortex.market.tape import delta_since, px_before, turn_cvd, volume_since
from vortex.signals.layout import WALLS
from vortex.signals.strength import breakout_strength, flow_conviction, imbalance_strength

HISTORY = 16
WALL_ABSENT_MS = 1_000
"""A wall that was away for longer is a new one when it comes back."""
TRADES_LOOKED_AT = 1_024
"""At most so many trades are searched for what was taken from a level; more within 500 ms has not been recorded."""
NEUTRAL, BUY_PRESSURE, SELL_PRESSURE, BREAKOUT = range(4)


@compiled
def on_depth(state: Rec, params: Rec) -> None:
    """Take the newest book in: imbalances, spoofs, walls."""
    book = state.book
    flow = state.flow
    p = params.flow
    flow.imbalance_3 = imbalance(book, 3)
    flow.imbalance = imbalance(book, 10)
    flow.imbalance_20 = imbalance(book, LEVELS)
    flow.micro_price = micro_price(book)
    at = book.readings % HISTORY
    flow.history[at] = flow.imbalance
    flow.history_ms[at] = book.ts_ms
    flow.velocity = imbalance_velocity(flow, book.readings, book.ts_ms, p.velocity_readings)
    _count_spoofs(state, p)
    _track_walls(state, p)


@compiled
def imbalance_velocity(flow: Rec, readings: int, now_ms: int, back: int) -> float:
    """(imbalance now - imbalance 5 readings ago)/elapsed s, per second; 0 before there are so many (E1-2)."""
    if readings <= back:
        return 0.0
    then = (readings - back) % HISTORY
    elapsed = now_ms - flow.history_ms[then]
    return float((flow.imbalance - flow.history[then]) / (elapsed / 1000.0)) if elapsed > 0 else 0.0


@compiled
def spoof_ratio(gone: float, new: float) -> float:
    """Vanished over new level increments, 0 to 1, both counted with a memory that fades over 10 s (E1-7)."""
    return min(1.0, gone / new) if new > 1e-9 else 0.0


@compiled
def is_wall(quantity: float, mean_level: float, factor: float) -> bool:
    """A level whose proven quantity is above 5 times the mean of all levels of the snapshot (E1-5)."""
    return quantity > factor * mean_level


@compiled
def is_absorbed(rest: float, wall: float, gone_share: float, through: bool) -> bool:
    """More than 80 % of a wall is gone, and the last trade is beyond its price (E1-6)."""
    return through and rest < (1.0 - gone_share) * wall


@compiled
def cvd_slope(tape: Rec) -> float:
    """(CVD now - CVD 30 s ago)/30: bought minus sold quantity per second over 30 s (E1-4).

    A sum over the window, so that the four-hourly reset of CVD leaves no step in it.
    """
    return delta_since(tape, tape.tail[W30]) / 30.0


@compiled
def _count_spoofs(state: Rec, p: Rec) -> None:
    """Count levels that grew, and growths that vanish young without trades to explain it (E1-7)."""
    book = state.book
    flow = state.flow
    fade = math.exp(-max(0, book.ts_ms - flow.spoof_ms) / p.spoof_window_ms)
    flow.spoof_ms = book.ts_ms
    flow.spoof_new *= fade
    flow.spoof_gone *= fade
    flow.spoof_new += book.increments
    for side in range(2):
        _count_vanished(state, p, side)
    flow.spoof_ratio = spoof_ratio(flow.spoof_gone, flow.spoof_new)


@compiled
def _count_vanished(state: Rec, p: Rec, side: int) -> None:
    """Old levels that had grown less than 500 ms ago and lost that growth by anything but trades at their price."""
    book = state.book
    sign = -1.0 if side == 0 else 1.0
    filled = book.bids if side == 0 else book.asks
    edge = book.px[side, filled - 1]
    now = 0
    for i in range(LEVELS):
        px = book.old_px[side, i]
        grown = book.old_grown_qty[side, i]
        if px == 0.0 or (filled == LEVELS and sign * px > sign * edge):
            break
        if grown <= 0.0 or book.ts_ms - book.old_grown_ms[side, i] >= p.spoof_ms:
            continue
        while now < filled and sign * book.px[side, now] < sign * px:
            now += 1
        rest = book.qty[side, now] if now < filled and book.px[side, now] == px else 0.0
        lost = book.old_qty[side, i] - rest
        if lost >= grown and traded_at(state, side, px, book.old_grown_ms[side, i]) < lost - grown + 0.5 * grown:
            state.flow.spoof_gone += 1.0


@compiled
def traded_at(state: Rec, side: int, px: float, since_ms: int) -> float:
    """Quantity that aggressors took from a side at a price since a time, among the newest trades."""
    tape = state.tape
    aggressor = -1 if side == 0 else 1
    total = 0.0
    i = tape.n - 1
    oldest = max(0, tape.n - TRADES_LOOKED_AT)
    while i >= oldest and tape.ts[i & TAPE_MASK] >= since_ms:
        if tape.side[i & TAPE_MASK] == aggressor and tape.px[i & TAPE_MASK] == px:
            before = tape.volume[(i - 1) & TAPE_MASK] if i > 0 else 0.0
            total += tape.volume[i & TAPE_MASK] - before
        i -= 1
    return total


@compiled
def _track_walls(state: Rec, p: Rec) -> None:
    """Find walls among proven quantities, remember them, and notice when one is eaten through (E1-5, E1-6)."""
    book = state.book
    flow = state.flow
    total = 0.0
    for side in range(2):
        for i in range(LEVELS):
            total += book.qty[side, i]
    flow.mean_level = total / (book.bids + book.asks)
    mid = 0.5 * (book.px[0, 0] + book.px[1, 0])
    flow.wall_near = 0
    flow.wall_level = 0.0
    nearest = p.wall_near_pct * 0.01 * mid
    for side in range(2):
        for i in range(book.bids if side == 0 else book.asks):
            proven = book.qty[side, i]
            if book.ts_ms - book.grown_ms[side, i] < p.spoof_ms:
                proven -= book.grown_qty[side, i]
            if not is_wall(proven, flow.mean_level, p.wall_factor):
                continue
            _remember_wall(flow, side, book.px[side, i], proven, book.ts_ms)
            if abs(book.px[side, i] - mid) <= nearest:
                nearest = abs(book.px[side, i] - mid)
                flow.wall_near = -1 if side == 1 else 1
                flow.wall_level = book.px[side, i]
    _absorb_walls(state, p)


@compiled
def _remember_wall(flow: Rec, side: int, px: float, qty: float, now_ms: int) -> None:
    """Refresh the wall's slot, or take the one that was seen longest ago."""
    slot = 0
    for w in range(WALLS):
        if flow.wall_px[w] == px and flow.wall_side[w] == side:
            slot = w
            break
        if flow.wall_ms[w] < flow.wall_ms[slot]:
            slot = w
    absent = now_ms - flow.wall_ms[slot] > WALL_ABSENT_MS
    if absent or flow.wall_px[slot] != px or flow.wall_side[slot] != side:
        flow.wall_px[slot] = px
        flow.wall_side[slot] = side
        flow.wall_qty[slot] = 0.0
        flow.wall_since_ms[slot] = now_ms
    flow.wall_qty[slot] = max(flow.wall_qty[slot], qty)
    flow.wall_ratio[slot] = flow.wall_qty[slot] / flow.mean_level
    flow.wall_ms[slot] = now_ms


@compiled
def _absorb_walls(state: Rec, p: Rec) -> None:
    book = state.book
    flow = state.flow
    for w in range(WALLS):
        px = flow.wall_px[w]
        if px == 0.0:
            continue
        if book.ts_ms - flow.wall_ms[w] > p.wall_memory_ms:
            flow.wall_px[w] = 0.0
            continue
        side = flow.wall_side[w]
        rest = quantity_at(book, side, px)
        through = state.tape.last_px < px if side == 0 else state.tape.last_px > px
        known = flow.wall_ms[w] - flow.wall_since_ms[w] >= p.wall_known_ms
        if known and state.tape.n > 0 and is_absorbed(rest, flow.wall_qty[w], p.wall_gone_share, through):
            flow.breakout = -1 if side == 0 else 1
            flow.breakout_ms = book.ts_ms
            flow.breakout_strength = breakout_strength(flow.wall_ratio[w], p.wall_factor)
            flow.wall_px[w] = 0.0


@compiled
def judge_flow(state: Rec, params: Rec, now_ms: int) -> None:
    """Direction, strength and conviction at an instant (E1-9); windows of the tape must have been moved to it."""
    book = state.book
    flow = state.flow
    tape = state.tape
    p = params.flow
    turn_cvd(tape, now_ms)
    volume_30 = volume_since(tape, tape.tail[W30])
    delta_30 = delta_since(tape, tape.tail[W30])
    flow.cvd_slope = cvd_slope(tape)
    flow.cvd_share = delta_30 / volume_30 if volume_30 > 0.0 else 0.0
    flow.cvd_divergence = _divergence(tape, p)
    if flow.breakout != 0 and now_ms - flow.breakout_ms > p.breakout_hold_ms:
        flow.breakout = 0
    flow.warm = 1 if book.readings >= p.warm_readings and tape.n > 0 and now_ms - book.ts_ms <= p.book_max_age_ms else 0
    flow.direction = 0
    flow.label = NEUTRAL
    flow.strength = 0.0
    flow.conviction = 1.0
    if flow.warm == 0:
        return
    if flow.imbalance > p.enter_imbalance:
        flow.direction = 1
        flow.label = BUY_PRESSURE
    elif flow.imbalance < -p.enter_imbalance:
        flow.direction = -1
        flow.label = SELL_PRESSURE
    if flow.direction != 0:
        flow.strength = imbalance_strength(
            flow.imbalance, p.enter_imbalance, flow.velocity, p.strong_velocity, flow.cvd_share
        )
    if flow.breakout != 0 and flow.direction != -flow.breakout:
        flow.direction = flow.breakout
        flow.label = BREAKOUT
        flow.strength = max(flow.strength, flow.breakout_strength)
    flow.conviction = flow_conviction(
        flow.spoof_ratio, p.spoof_alarm, -flow.direction * flow.cvd_share, flow.cvd_divergence == -flow.direction != 0
    )


@compiled
def _divergence(tape: Rec, p: Rec) -> int:
    """+1 when price fell and CVD rose over the last 60 s (bullish), -1 the other way round, 0 otherwise (E1-3).

    Price by more than 0.03 %, the delta by more than 10 % of the volume.
    """
    tail = tape.tail[W60]
    if tape.n == 0 or tape.n - tail < 2:
        return 0
    then = px_before(tape, tail)
    move_pct = (tape.last_px - then) / then * 100.0
    volume = volume_since(tape, tail)
    share = delta_since(tape, tail) / volume if volume > 0.0 else 0.0
    if move_pct < -p.divergence_px_pct and share > p.divergence_share:
        return 1
    if move_pct > p.divergence_px_pct and share < -p.divergence_share:
        return -1
    return 0
