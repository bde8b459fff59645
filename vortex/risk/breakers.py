"""Circuit breakers CB-1 … CB-13 and EM-4 as one pure state: facts in, a new state and what happened out.

1. A trade is judged once, in the order of its close; `judged_through` says how far.
2. A trip is latched (only a person lifts it) or runs until a moment; it never shortens by a restart.
3. Whatever cannot be judged is a veto: no account figures, no entries.
"""

import enum
from decimal import Decimal

import msgspec

from vortex.domain.events import AccountSampled, ApiSampled, TradeClosed
from vortex.risk.breaker_settings import DAY_MS, HOUR_MS, BreakerSettings


class Code(enum.StrEnum):
    """The breakers that can stand in the way. CB-5, CB-6 and CB-12 are counted where they happen, by the gate."""

    DAILY_LOSS = "DAILY_LOSS"
    LOSS_STREAK = "LOSS_STREAK"
    HOURLY_LOSS = "HOURLY_LOSS"
    OVERTRADE = "OVERTRADE"
    DAILY_TRADES = "DAILY_TRADES"
    SINGLE_LOSS = "SINGLE_LOSS"
    DRAWDOWN = "DRAWDOWN"
    API_HEALTH = "API_HEALTH"
    UNEXPLAINED = "UNEXPLAINED"
    KILL = "KILL"
    NO_ACCOUNT = "NO_ACCOUNT"


FEE_ALERT = "FEE_ALERT"
"""CB-7 says something and vetoes nothing."""


class Gate(enum.StrEnum):
    """State of the API breaker (CB-11)."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Trip(msgspec.Struct, frozen=True, kw_only=True):
    """A breaker that has tripped. `until_ms` 0 means latched."""

    code: Code
    reason: str
    since_ms: int
    until_ms: int = 0


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """What people should hear. `close_all` asks for everything to be closed (EM-2, EM-4)."""

    code: str
    reason: str
    close_all: bool = False


class Breakers(msgspec.Struct, frozen=True, kw_only=True):
    """All breaker state; saved as JSON. Money in quote units, days and hours counted from the epoch in UTC."""

    judged_through: int = 0
    day: int = 0
    day_trades: int = 0
    day_pnl: Decimal = Decimal(0)
    day_fees: Decimal = Decimal(0)
    day_gross_profit: Decimal = Decimal(0)
    fee_alerted: bool = False
    hour: int = 0
    hour_trades: int = 0
    streak: int = 0
    loss_ms: tuple[int, ...] = ()
    caution_left: int = 0
    equity: Decimal = Decimal(0)
    day_open_equity: Decimal = Decimal(0)
    peak_equity: Decimal = Decimal(0)
    unexplained: tuple[tuple[int, Decimal], ...] = ()
    counted_by: int = 0
    """Epoch of the executor that counts what is unexplained; each begins at zero."""
    api: Gate = Gate.CLOSED
    api_since_ms: int = 0
    api_good: int = 0
    api_closed_all: bool = False
    trips: tuple[Trip, ...] = ()


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the lease will say."""

    allows: bool
    reasons: tuple[str, ...]
    state: str
    cooldown_until_ms: int
    risk_cap_pct: Decimal | None


Judged = tuple[Breakers, tuple[Happening, ...]]


def judge_trade(state: Breakers, trade: TradeClosed, settings: BreakerSettings) -> Judged:
    """Count one closed trade and trip what it trips. One that was judged already changes nothing."""
    if trade.close_seq <= state.judged_through:
        return state, ()
    state = _roll(state, trade.closed_ms)
    state = msgspec.structs.replace(state, judged_through=trade.close_seq)
    if trade.pnl_gross == 0 and trade.fees == 0:
        return state, ()  # an entry that never filled
    state = _count(state, trade)
    happened: list[Happening] = []
    for check in (_daily_loss, _loss_streak, _hourly_loss, _overtrade, _daily_trades, _single_loss):
        trip = check(state, trade, settings)
        if trip is not None:
            state = _tripped(state, trip)
            happened.append(Happening(code=trip.code.value, reason=trip.reason))
            if trip.code is Code.LOSS_STREAK:
                state = msgspec.structs.replace(state, streak=0, caution_left=settings.caution_trades)
    state, alerts = _fee_alert(state, settings)
    return state, (*happened, *alerts)


def judge_account(state: Breakers, sample: AccountSampled, settings: BreakerSettings) -> Judged:
    """CB-1 and CB-10 on equity, EM-4 on what the journal does not explain."""
    state = _roll(state, sample.ts_ms)
    horizon = sample.ts_ms - settings.unexplained_window_ms
    kept = tuple(pair for pair in state.unexplained if pair[0] >= horizon)
    state = msgspec.structs.replace(
        state,
        equity=sample.equity,
        day_open_equity=sample.day_open_equity,
        peak_equity=max(state.peak_equity, sample.equity),
        unexplained=(*kept, (sample.ts_ms, sample.unexplained)),
    )
    happened: list[Happening] = []
    for trip, close_all in (
        (_daily_loss(state, None, settings, sample.ts_ms), False),
        (_drawdown(state, settings, sample.ts_ms), False),
        (_unexplained(state, settings, sample.ts_ms), True),
    ):
        if trip is not None and trip.code not in {known.code for known in state.trips}:
            state = _tripped(state, trip)
            happened.append(Happening(code=trip.code.value, reason=trip.reason, close_all=close_all))
    return state, tuple(happened)


def count_anew(state: Breakers, executor_epoch: int) -> Breakers:
    """A new executor counts what is unexplained from zero: the window goes on from where its predecessor stood."""
    if executor_epoch == state.counted_by:
        return state
    stood = state.unexplained[-1][1] if state.unexplained else Decimal(0)
    carried = tuple((ms, amount - stood) for ms, amount in state.unexplained)
    return msgspec.structs.replace(state, counted_by=executor_epoch, unexplained=carried)


def judge_api(state: Breakers, sample: ApiSampled, settings: BreakerSettings) -> Judged:
    """CB-11 as CLOSED → OPEN → HALF_OPEN → CLOSED, and EM-2's closing when it stays open."""
    bad = sample.p95_ms > settings.api_p95_ms or sample.consecutive_failures >= settings.api_failures
    if bad:
        return _api_bad(state, sample, settings)
    if state.api is Gate.CLOSED:
        return state, ()
    good = state.api_good + 1
    if good >= settings.api_good_samples:
        closed = msgspec.structs.replace(
            state, api=Gate.CLOSED, api_good=0, api_since_ms=sample.ts_ms, api_closed_all=False
        )
        return closed, (Happening(code=Code.API_HEALTH.value, reason="the interface is well again"),)
    return msgspec.structs.replace(state, api=Gate.HALF_OPEN, api_good=good), ()


def closing_due(state: Breakers, settings: BreakerSettings, now_ms: int) -> str | None:
    """Why everything is to be closed still (EM-2, EM-4): the executor that was told may have died over it."""
    if state.api is not Gate.CLOSED and state.api_closed_all:
        return f"{Code.API_HEALTH.value}: {state.api.value}"
    lately = now_ms - settings.unexplained_window_ms
    trips = (trip for trip in state.trips if trip.code is Code.UNEXPLAINED and trip.since_ms >= lately)
    return next((f"{trip.code.value}: {trip.reason}" for trip in trips), None)


def latch_kill(state: Breakers, reason: str, now_ms: int) -> Judged:
    """CB-13."""
    trip = Trip(code=Code.KILL, reason=reason, since_ms=now_ms)
    return _tripped(state, trip), (Happening(code=Code.KILL.value, reason=reason),)


def resume(state: Breakers, reason: str, now_ms: int) -> Judged:
    """A person lifts what a person may lift; the peak starts anew, or CB-10 would trip again at once.

    CB-1 and the trade counts of CB-4 and CB-8 stand until their time: they are limits, not alarms.
    """
    stays = {Code.DAILY_LOSS, Code.OVERTRADE, Code.DAILY_TRADES}
    kept = tuple(trip for trip in state.trips if trip.code in stays and trip.until_ms > now_ms)
    lifted = msgspec.structs.replace(state, trips=kept, peak_equity=state.equity, streak=0, unexplained=())
    return lifted, (Happening(code="RESUMED", reason=reason),)


def expire(state: Breakers, now_ms: int) -> Breakers:
    """Let cooldowns end and the day and hour turn."""
    state = _roll(state, now_ms)
    running = tuple(trip for trip in state.trips if trip.until_ms == 0 or trip.until_ms > now_ms)
    return state if running == state.trips else msgspec.structs.replace(state, trips=running)


def verdict(state: Breakers, settings: BreakerSettings, *, account_known: bool) -> Verdict:
    """What follows from the state. Call `expire` first."""
    reasons = [f"{trip.code.value}: {trip.reason}" for trip in state.trips]
    if state.api is not Gate.CLOSED:
        reasons.append(f"{Code.API_HEALTH.value}: {state.api.value}")
    if not account_known:
        reasons.append(f"{Code.NO_ACCOUNT.value}: no fresh account figures")
    latched = any(trip.until_ms == 0 for trip in state.trips)
    if latched:
        word = "latched"
    elif state.trips or state.api is Gate.OPEN or not account_known:
        word = "open"
    else:
        word = state.api.value
    return Verdict(
        allows=not reasons,
        reasons=tuple(reasons),
        state=word,
        cooldown_until_ms=0 if latched else max((trip.until_ms for trip in state.trips), default=0),
        risk_cap_pct=settings.caution_risk_pct if state.caution_left > 0 else None,
    )


# --- counting ---


def _roll(state: Breakers, now_ms: int) -> Breakers:
    """Start new days and hours; time never runs backwards here. A day opens with the equity last seen."""
    day, hour = now_ms // DAY_MS, now_ms // HOUR_MS
    if day > state.day:
        state = msgspec.structs.replace(
            state,
            day=day,
            day_open_equity=state.equity,
            day_trades=0,
            day_pnl=Decimal(0),
            day_fees=Decimal(0),
            day_gross_profit=Decimal(0),
            fee_alerted=False,
        )
    if hour > state.hour:
        state = msgspec.structs.replace(state, hour=hour, hour_trades=0)
    return state


def _count(state: Breakers, trade: TradeClosed) -> Breakers:
    lost = trade.pnl_net < 0
    today, this_hour = trade.closed_ms // DAY_MS == state.day, trade.closed_ms // HOUR_MS == state.hour
    losses = (*state.loss_ms, trade.closed_ms) if lost else state.loss_ms
    return msgspec.structs.replace(
        state,
        day_trades=state.day_trades + today,
        day_pnl=state.day_pnl + (trade.pnl_net if today else 0),
        day_fees=state.day_fees + (trade.fees if today else 0),
        day_gross_profit=state.day_gross_profit + (max(trade.pnl_gross, Decimal(0)) if today else 0),
        hour_trades=state.hour_trades + this_hour,
        streak=state.streak + 1 if lost else 0,
        loss_ms=tuple(ms for ms in losses if ms > trade.closed_ms - HOUR_MS),
        caution_left=max(0, state.caution_left - 1),
    )


def _tripped(state: Breakers, trip: Trip) -> Breakers:
    """Add a trip, or lengthen the one that stands."""
    before = next((known for known in state.trips if known.code is trip.code), None)
    others = tuple(known for known in state.trips if known.code is not trip.code)
    if before is not None and (before.until_ms == 0 or 0 < trip.until_ms < before.until_ms):
        return state
    return msgspec.structs.replace(state, trips=(*others, trip))


# --- the breakers ---


def _daily_loss(state: Breakers, trade: TradeClosed | None, settings: BreakerSettings, now_ms: int = 0) -> Trip | None:
    """CB-1, by equity and by what today's trades have lost, whichever is worse."""
    now = trade.closed_ms if trade is not None else now_ms
    opened = state.day_open_equity
    if opened <= 0 or now // DAY_MS < state.day:
        return None
    loss = max(opened - state.equity, -state.day_pnl)
    pct = loss * 100 / opened
    if pct <= settings.daily_loss_pct:
        return None
    reason = f"lost {pct:.2f} % of the day's opening equity"
    return Trip(code=Code.DAILY_LOSS, reason=reason, since_ms=now, until_ms=(state.day + 1) * DAY_MS)


def _loss_streak(state: Breakers, trade: TradeClosed, settings: BreakerSettings) -> Trip | None:
    if state.streak < settings.loss_streak:
        return None
    until = trade.closed_ms + settings.loss_streak_cooldown_ms
    return Trip(
        code=Code.LOSS_STREAK, reason=f"{state.streak} losses in a row", since_ms=trade.closed_ms, until_ms=until
    )


def _hourly_loss(state: Breakers, trade: TradeClosed, settings: BreakerSettings) -> Trip | None:
    if trade.pnl_net >= 0 or len(state.loss_ms) < settings.hourly_losses:
        return None
    until = trade.closed_ms + settings.hourly_losses_cooldown_ms
    reason = f"{len(state.loss_ms)} losing trades within an hour"
    return Trip(code=Code.HOURLY_LOSS, reason=reason, since_ms=trade.closed_ms, until_ms=until)


def _overtrade(state: Breakers, trade: TradeClosed, settings: BreakerSettings) -> Trip | None:
    if state.hour_trades < settings.hourly_trades:
        return None
    reason = f"{state.hour_trades} trades this hour"
    return Trip(code=Code.OVERTRADE, reason=reason, since_ms=trade.closed_ms, until_ms=(state.hour + 1) * HOUR_MS)


def _daily_trades(state: Breakers, trade: TradeClosed, settings: BreakerSettings) -> Trip | None:
    if state.day_trades < settings.daily_trades:
        return None
    reason = f"{state.day_trades} trades today"
    return Trip(code=Code.DAILY_TRADES, reason=reason, since_ms=trade.closed_ms, until_ms=(state.day + 1) * DAY_MS)


def _single_loss(state: Breakers, trade: TradeClosed, settings: BreakerSettings) -> Trip | None:
    if state.equity <= 0 or -trade.pnl_net * 100 < settings.single_loss_pct * state.equity:
        return None
    until = trade.closed_ms + settings.single_loss_cooldown_ms
    reason = f"{trade.symbol} lost {-trade.pnl_net} in one trade"
    return Trip(code=Code.SINGLE_LOSS, reason=reason, since_ms=trade.closed_ms, until_ms=until)


def _drawdown(state: Breakers, settings: BreakerSettings, now_ms: int) -> Trip | None:
    if state.peak_equity <= 0:
        return None
    pct = (state.peak_equity - state.equity) * 100 / state.peak_equity
    if pct < settings.drawdown_pct:
        return None
    return Trip(code=Code.DRAWDOWN, reason=f"{pct:.2f} % under the peak", since_ms=now_ms)


def _unexplained(state: Breakers, settings: BreakerSettings, now_ms: int) -> Trip | None:
    """EM-4: money that left within the window without a record of why."""
    highest = max(amount for _, amount in state.unexplained)
    dropped = highest - state.unexplained[-1][1]
    base = state.equity + dropped
    if base <= 0 or dropped * 100 <= settings.unexplained_pct * base:
        return None
    return Trip(code=Code.UNEXPLAINED, reason=f"{dropped} left without explanation", since_ms=now_ms)


def _fee_alert(state: Breakers, settings: BreakerSettings) -> Judged:
    """CB-7: said once a day, and vetoes nothing."""
    over = state.day_fees * 100 > settings.fee_alert_pct * state.day_gross_profit
    if state.fee_alerted or not over or state.day_gross_profit <= 0:
        return state, ()
    reason = f"fees today {state.day_fees} of {state.day_gross_profit} gross profit"
    return msgspec.structs.replace(state, fee_alerted=True), (Happening(code=FEE_ALERT, reason=reason),)


def _api_bad(state: Breakers, sample: ApiSampled, settings: BreakerSettings) -> Judged:
    reason = f"p95 {sample.p95_ms:.0f} ms, {sample.consecutive_failures} failures in a row"
    if state.api is Gate.CLOSED:
        opened = msgspec.structs.replace(state, api=Gate.OPEN, api_since_ms=sample.ts_ms, api_good=0)
        return opened, (Happening(code=Code.API_HEALTH.value, reason=reason),)
    state = msgspec.structs.replace(state, api=Gate.OPEN, api_good=0)
    if not state.api_closed_all and sample.ts_ms - state.api_since_ms > settings.api_close_after_ms:
        state = msgspec.structs.replace(state, api_closed_all=True)
        return state, (Happening(code=Code.API_HEALTH.value, reason=f"unwell for too long: {reason}", close_all=True),)
    return state, ()
