"""The hot loop: takes market events in, runs the 100 ms cycle on time, and stops at the next interesting moment.

1. A cycle is due at every multiple of its period. It is judged before the first event later than that, so that it
   sees exactly the events up to it, however the events were cut into calls.
2. An input that cannot be true changes nothing but its counter: not even time passes by its stamp.
3. The loop stops before the event that passes a cycle worth deciding on or a due timer, and after a trade that
   touches a watched price; calling again goes on from there.
"""

import math

from vortex.market.book import ACCEPTED, check_snapshot, is_fresh, take_best, take_snapshot
from vortex.market.candles import check_candle, close_minutes, exchange_candle, trade_into_candles
from vortex.market.jit import Rec, compiled
from vortex.market.layout import LARGEST, Kind, Refusal
from vortex.market.tape import move_windows, push_trade
from vortex.signals.layout import POLLS, SCORES
from vortex.signals.order_flow import judge_flow, on_depth
from vortex.signals.regime_kernel import judge_regime, judge_spread, note_spread
from vortex.signals.sentiment import judge_sentiment, on_forced_order, on_open_interest
from vortex.signals.technical import judge_technical, take_candles
from vortex.signals.tick import judge_tick, note_big_trade

GATE, TIMER, TOUCH = 1, 2, 4
SILENCE_MS = 600_000
"""After a longer silence the cycles in it are left out: nothing in them could be acted on."""
_MINUTE_MS = 60_000


@compiled
def advance(states: Rec, paramses: Rec, events: Rec, books: Rec, candles: Rec, start: int) -> int:
    """Consume events from `start`; the index of the first one not consumed. `cycle.reasons` says why it stopped."""
    state = states[0]
    params = paramses[0]
    cycle = state.cycle
    cycle.reasons = 0
    for i in range(start, len(events)):
        event = events[i]
        refusal = check_event(state, event, books, candles)
        if refusal != ACCEPTED:
            cycle.refused[refusal] += 1
            continue
        if cycle.next_ms != 0 and event.ts_ms > cycle.next_ms and _run_due_cycles(state, params, event.ts_ms):
            return i
        take_event(state, params, event, books, candles)
        cycle.events += 1
        cycle.now_ms = max(cycle.now_ms, event.ts_ms)
        if cycle.next_ms == 0:
            cycle.next_ms = event.ts_ms - event.ts_ms % params.cycle.period_ms + params.cycle.period_ms
        if event.kind == Kind.TRADE.value and (event.px <= cycle.watch_low or event.px >= cycle.watch_high):
            cycle.reasons |= TOUCH
            return i + 1
    return len(events)


@compiled
def _run_due_cycles(state: Rec, params: Rec, until_ms: int) -> bool:
    """Run the cycles before a time, up to the first that is worth a look; whether there was one (law 3)."""
    cycle = state.cycle
    period = params.cycle.period_ms
    if until_ms - cycle.next_ms > SILENCE_MS:
        cycle.next_ms = until_ms - until_ms % period - period * SCORES
    while until_ms > cycle.next_ms:
        at_ms = cycle.next_ms
        run_cycle(state, params, at_ms)
        cycle.next_ms = at_ms + period
        if abs(cycle.score) >= params.cycle.gate and at_ms >= cycle.quiet_until_ms:
            cycle.reasons |= GATE
        if cycle.due_ms != 0 and at_ms >= cycle.due_ms:
            cycle.reasons |= TIMER
            cycle.due_ms = 0
        if cycle.reasons != 0:
            return True
    return False


@compiled
def check_event(state: Rec, event: Rec, books: Rec, candles: Rec) -> int:
    """ACCEPTED, or the Refusal of an event that cannot be true or was there before; changes nothing."""
    kind = event.kind
    if event.ts_ms < 0 or event.id < 0:
        return Refusal.OUT_OF_RANGE.value
    if kind == Kind.TRADE.value:
        return _check_trade(state.tape, event)
    if kind == Kind.DEPTH.value:
        return _check_depth(state.book, event, books)
    if kind == Kind.QUOTE.value:
        return _check_quote(state.book, event)
    if kind == Kind.CANDLE.value:
        return int(check_candle(candles[event.ref]))
    if kind == Kind.CLOCK.value:
        return ACCEPTED
    return _check_poll(state.sentiment, event)


@compiled
def check_numbers(one: float, other: float) -> int:
    """ACCEPTED when both are numbers that can be summed and multiplied."""
    if abs(one) <= LARGEST and abs(other) <= LARGEST:
        return ACCEPTED
    finite = math.isfinite(one) and math.isfinite(other)
    return Refusal.OUT_OF_RANGE.value if finite else Refusal.NOT_A_NUMBER.value


@compiled
def _check_trade(tape: Rec, event: Rec) -> int:
    refusal = check_numbers(event.px, event.qty)
    if refusal != ACCEPTED:
        return int(refusal)
    if event.px <= 0.0 or event.qty <= 0.0:
        return Refusal.NOT_POSITIVE.value
    if tape.n > 0 and event.id <= tape.last_id:
        return Refusal.DUPLICATE.value
    if tape.n > 0 and event.ts_ms < tape.last_ms:
        return Refusal.BACKWARDS.value
    return ACCEPTED


@compiled
def _check_depth(book: Rec, event: Rec, books: Rec) -> int:
    if book.readings > 0 and event.id <= book.update_id:
        return Refusal.DUPLICATE.value
    if book.readings > 0 and event.ts_ms < book.ts_ms:
        return Refusal.BACKWARDS.value
    return int(check_snapshot(books[event.ref]))


@compiled
def _check_quote(book: Rec, event: Rec) -> int:
    refusal = check_numbers(event.px, event.px2)
    if refusal != ACCEPTED:
        return int(refusal)
    if event.px <= 0.0 or event.px2 <= 0.0:
        return Refusal.NOT_POSITIVE.value
    if event.px >= event.px2:
        return Refusal.CROSSED.value
    return ACCEPTED if is_fresh(book, event.id) else Refusal.DUPLICATE.value


@compiled
def _check_poll(said: Rec, event: Rec) -> int:
    """Mark price, forced orders and REST polls (E0-3)."""
    kind = event.kind
    refusal = check_numbers(event.px, event.qty)
    if refusal != ACCEPTED:
        return int(refusal)
    if kind == Kind.MARK.value:
        if event.px <= 0.0:
            return Refusal.NOT_POSITIVE.value
        return Refusal.BACKWARDS.value if event.ts_ms < said.funding_ms else ACCEPTED
    if kind == Kind.ACCOUNT_RATIO.value:
        if event.qty < 0.0 or event.qty > 1.0:
            return Refusal.OUT_OF_RANGE.value
        heard_ms = said.top_ms if event.flag != 0 else said.ratio_ms
        return Refusal.BACKWARDS.value if event.ts_ms < heard_ms else ACCEPTED
    if kind != Kind.LIQUIDATION.value and kind != Kind.OPEN_INTEREST.value:
        return Refusal.UNKNOWN_KIND.value
    if event.qty <= 0.0 or (event.px <= 0.0 and kind == Kind.LIQUIDATION.value):
        return Refusal.NOT_POSITIVE.value
    repeated = said.polls > 0 and event.ts_ms <= said.oi_ms[(said.polls - 1) % POLLS]
    return Refusal.DUPLICATE.value if repeated and kind == Kind.OPEN_INTEREST.value else ACCEPTED


@compiled
def take_event(state: Rec, params: Rec, event: Rec, books: Rec, candles: Rec) -> None:
    """Apply one event that was checked."""
    kind = event.kind
    if kind == Kind.TRADE.value:
        push_trade(state.tape, event.id, event.ts_ms, event.px, event.qty, event.flag)
        note_big_trade(state.tape, event.px * event.qty, event.flag, event.ts_ms, params.tick.big_trade_usdt)
        trade_into_candles(state.frames, event.ts_ms, event.px, event.qty, state.tape.first_ms)
    elif kind == Kind.DEPTH.value:
        take_snapshot(state.book, books[event.ref], event.ts_ms, event.id, event.prev_id, params.flow.spoof_ms)
        on_depth(state, params)
        note_spread(state, params)
    elif kind == Kind.QUOTE.value:
        take_best(state.book, event.ts_ms, event.id, event.px, event.px2)
    elif kind == Kind.CANDLE.value:
        exchange_candle(state.frames, candles[event.ref], event.ts_ms)
        take_candles(state, params)
    elif kind == Kind.LIQUIDATION.value:
        on_forced_order(state.sentiment, event.px, event.qty, event.flag, event.ts_ms)
    elif kind == Kind.OPEN_INTEREST.value:
        on_open_interest(state, event.qty, event.ts_ms)
    elif kind == Kind.MARK.value:
        _take_mark(state.sentiment, event)
    elif kind == Kind.ACCOUNT_RATIO.value:
        _take_ratio(state.sentiment, event)


@compiled
def _take_mark(said: Rec, event: Rec) -> None:
    said.mark_px = event.px
    said.funding = event.qty
    said.funding_ms = event.ts_ms
    said.next_funding_ms = event.id


@compiled
def _take_ratio(said: Rec, event: Rec) -> None:
    if event.flag != 0:
        said.top = event.qty
        said.top_ms = event.ts_ms
    else:
        said.ratio = event.qty
        said.ratio_ms = event.ts_ms


@compiled
def run_cycle(state: Rec, params: Rec, now_ms: int) -> None:
    """Judge all engines at a due instant and keep the score (S1-1)."""
    judge(state, params, now_ms)
    _keep_score(state, params, now_ms)


@compiled
def judge(state: Rec, params: Rec, now_ms: int) -> None:
    """Bring all engines to an instant and compute the score, without keeping it."""
    tape = state.tape
    cycle = state.cycle
    p = params.cycle
    minute = state.frames[0]
    if minute.forming != 0 and now_ms >= minute.now_open_ms + _MINUTE_MS + p.close_grace_ms:
        close_minutes(state.frames, now_ms - p.close_grace_ms - (now_ms - p.close_grace_ms) % _MINUTE_MS)
    move_windows(tape, now_ms)
    judge_flow(state, params, now_ms)
    judge_tick(state, params, now_ms)
    if now_ms // p.technical_ms != state.technical.at_ms // p.technical_ms:
        judge_technical(state, params, now_ms)
        judge_sentiment(state, params, now_ms)
    three = state.indicators[1]
    if now_ms // p.regime_ms != state.regime.at_ms // p.regime_ms or state.regime.seen != three.seen:
        judge_regime(state, params, now_ms)
    judge_spread(state, params)
    weight = state.regime.weight
    trust = cycle.reliability
    flow = state.flow
    cycle.score = (
        flow.direction * flow.strength * flow.conviction * trust[0] * weight[0]
        + state.tick.direction * state.tick.strength * trust[1] * weight[1]
        + state.technical.direction * state.technical.strength * trust[2] * weight[2]
        + state.sentiment.direction * state.sentiment.strength * trust[3] * weight[3]
    )
    cycle.score_ms = now_ms


@compiled
def _keep_score(state: Rec, params: Rec, now_ms: int) -> None:
    """Remember the score; stable when there is a full history without a jump (S1-2)."""
    cycle = state.cycle
    at = cycle.scored % SCORES
    cycle.scores[at] = cycle.score
    cycle.scores_ms[at] = now_ms
    cycle.scored += 1
    low = cycle.score
    high = cycle.score
    oldest = now_ms
    for i in range(max(0, cycle.scored - SCORES), cycle.scored):
        if now_ms - cycle.scores_ms[i % SCORES] <= params.cycle.stable_ms:
            low = min(low, cycle.scores[i % SCORES])
            high = max(high, cycle.scores[i % SCORES])
            oldest = min(oldest, cycle.scores_ms[i % SCORES])
    cycle.jump = high - low
    cycle.stable = 1 if now_ms - oldest >= params.cycle.stable_ms else 0


@compiled
def judge_at(states: Rec, paramses: Rec, now_ms: int) -> None:
    """`judge` for callers outside the kernels."""
    judge(states[0], paramses[0], now_ms)
