"""E4, sentiment: open interest, crowd ratios, funding and the liquidation map, on each poll (E4-1 … E4-7)."""

from vortex.market.jit import Rec, compiled
from vortex.market.layout import CANDLES, M1, W30
from vortex.market.tape import px_before
from vortex.signals.layout import FORCED, POLLS
from vortex.signals.strength import crowd_vote, funding_vote, ramp, unit

NONE, REAL_BUYING, SHORTS_STACKING, SHORT_COVER, LONG_LIQ = range(5)
LEVERAGES = (5.0, 10.0, 20.0, 25.0)
SHARES = (0.30, 0.35, 0.25, 0.10)
TIERS = 4
MAINTENANCE = 0.95
OBSERVED_LONG = 8
OBSERVED_SHORT = 9


@compiled
def on_open_interest(state: Rec, quantity: float, ts_ms: int) -> None:
    """Keep the reading with its price; while it rises, gather the volume-weighted price at which positions were opened
    (E4-1, E4-4).

    Readings of before the tape, which a warm-up brings, have the price and the volume of the minutes before them.
    """
    said = state.sentiment
    tape = state.tape
    px = tape.last_px if tape.n > 0 else said.mark_px
    if tape.n == 0:
        since_ms = said.oi_ms[(said.polls - 1) % POLLS] if said.polls > 0 else ts_ms
        close, tape.interval_notional, tape.interval_volume = _minutes_between(state.frames[M1], since_ms, ts_ms)
        px = close if close > 0.0 else px
    if said.polls > 0 and quantity > said.oi[(said.polls - 1) % POLLS]:
        if said.rising == 0:
            said.rise_notional = 0.0
            said.rise_volume = 0.0
        said.rising = 1
        said.rise_notional += tape.interval_notional
        said.rise_volume += tape.interval_volume
        if said.rise_volume > 0.0:
            said.average_entry = said.rise_notional / said.rise_volume
    elif said.polls > 0:
        said.rising = 0
    if said.average_entry == 0.0:
        said.average_entry = px
    tape.interval_notional = 0.0
    tape.interval_volume = 0.0
    at = said.polls % POLLS
    said.oi[at] = quantity
    said.oi_px[at] = px
    said.oi_ms[at] = ts_ms
    said.polls += 1


@compiled
def _minutes_between(frame: Rec, since_ms: int, until_ms: int) -> tuple[float, float, float]:
    """The close of the last minute that ended by a time, 0 where none is held; typical price times volume, and volume,
    of those that began since another."""
    close = 0.0
    notional = 0.0
    volume = 0.0
    for i in range(frame.n - 1, max(0, frame.n - CANDLES) - 1, -1):
        at = i % CANDLES
        if frame.open_ms[at] + frame.interval_ms > until_ms:
            continue
        if close == 0.0:
            close = frame.close[at]
        if frame.open_ms[at] < since_ms:
            break
        notional += (frame.high[at] + frame.low[at] + frame.close[at]) / 3.0 * frame.volume[at]
        volume += frame.volume[at]
    return close, notional, volume


@compiled
def on_forced_order(said: Rec, px: float, qty: float, longs: int, ts_ms: int) -> None:
    """Keep an observed liquidation (forceOrder)."""
    at = said.forced % FORCED
    said.forced_px[at] = px
    said.forced_qty[at] = qty
    said.forced_ms[at] = ts_ms
    said.forced_side[at] = 1 if longs != 0 else -1
    said.forced += 1


@compiled
def judge_sentiment(state: Rec, params: Rec, now_ms: int) -> None:
    """All of E4-7 at an instant."""
    said = state.sentiment
    p = params.sentiment
    px = state.tape.last_px if state.tape.n > 0 else said.mark_px
    said.warm = (
        1
        if said.polls >= 2
        and now_ms - said.oi_ms[(said.polls - 1) % POLLS] <= p.poll_max_age_ms
        and said.ratio_ms > 0
        and now_ms - said.ratio_ms <= p.ratio_max_age_ms
        and said.funding_ms > 0
        and px > 0.0
        else 0
    )
    _read_open_interest(said, p, now_ms, px)
    said.momentum = 0
    if state.tape.n > 0:
        move = px - px_before(state.tape, state.tape.tail[W30])
        said.momentum = 1 if move > 0.0 else (-1 if move < 0.0 else 0)
    if px > 0.0 and said.average_entry > 0.0:
        _map_liquidations(said, p, now_ms)
        _find_nearest(said, p, px)
    _vote(said, p, now_ms)


@compiled
def _read_open_interest(said: Rec, p: Rec, now_ms: int, px: float) -> None:
    """Change in % against the reading 5 min ago, or the oldest one kept, and what it means with the price (E4-1).

    Up and up REAL_BUYING, up and down SHORTS_STACKING, down and up SHORT_COVER, down and down LONG_LIQ; from 0.05 % on.
    """
    said.oi_change_pct = 0.0
    said.interpretation = NONE
    if said.polls < 2:
        return
    last = (said.polls - 1) % POLLS
    then = last
    for i in range(said.polls - 1, max(0, said.polls - POLLS) - 1, -1):
        then = i % POLLS
        if said.oi_ms[then] <= now_ms - p.oi_window_ms:
            break
    said.oi_change_pct = (said.oi[last] - said.oi[then]) / said.oi[then] * 100.0
    up = px > said.oi_px[then] > 0.0
    down = px < said.oi_px[then]
    if said.oi_change_pct > p.oi_min_change_pct:
        said.interpretation = REAL_BUYING if up else (SHORTS_STACKING if down else NONE)
    elif said.oi_change_pct < -p.oi_min_change_pct:
        said.interpretation = SHORT_COVER if up else (LONG_LIQ if down else NONE)


@compiled
def _map_liquidations(said: Rec, p: Rec, now_ms: int) -> None:
    """Prices at which 5x, 10x, 20x and 25x are liquidated, and the furthest liquidation seen in a minute (E4-4).

    Longs at entry (1 - 0.95/leverage), shorts at entry (1 + 0.95/leverage), entry being the volume-weighted price of
    the last rise of open interest; a tier within 0.5 % of an observed forced order moves halfway to it.
    """
    for t in range(TIERS):
        width = MAINTENANCE / LEVERAGES[t]
        said.cluster_px[t] = said.average_entry * (1.0 - width)
        said.cluster_px[TIERS + t] = said.average_entry * (1.0 + width)
        said.cluster_share[t] = SHARES[t]
        said.cluster_share[TIERS + t] = SHARES[t]
    said.cluster_px[OBSERVED_LONG] = 0.0
    said.cluster_px[OBSERVED_SHORT] = 0.0
    for i in range(max(0, said.forced - FORCED), said.forced):
        at = i % FORCED
        if now_ms - said.forced_ms[at] > p.forced_window_ms:
            continue
        px = said.forced_px[at]
        longs = said.forced_side[at] > 0
        slot = OBSERVED_LONG if longs else OBSERVED_SHORT
        edge = said.cluster_px[slot]
        beyond = px < edge if longs else px > edge
        if edge == 0.0 or beyond:
            said.cluster_px[slot] = px
        first = 0 if longs else TIERS
        for t in range(first, first + TIERS):
            if abs(said.cluster_px[t] - px) <= p.proximity_range * px:
                said.cluster_px[t] += p.forced_pull * (px - said.cluster_px[t])


@compiled
def _find_nearest(said: Rec, p: Rec, px: float) -> None:
    """The nearest cluster that momentum is heading for, and how near it is (E4-5)."""
    said.nearest = 0.0
    said.nearest_side = 0
    said.nearest_share = 0.0
    said.proximity = 0.0
    best = 1e300
    for c in range(10):
        cluster = said.cluster_px[c]
        if cluster <= 0.0 or said.momentum == 0:
            continue
        ahead = said.momentum * (cluster - px) / px
        below = c < TIERS or c == OBSERVED_LONG
        if below != (said.momentum < 0) or ahead < -p.cluster_behind:
            continue
        if abs(ahead) < best:
            best = abs(ahead)
            said.nearest = cluster
            said.nearest_side = said.momentum
            said.nearest_share = said.cluster_share[c]
    if said.nearest > 0.0:
        said.proximity = liq_proximity(best, p.proximity_range)


@compiled
def liq_proximity(distance: float, reach: float) -> float:
    """max(0, 1 - distance/0.005), 0 to 1; the distance to the nearest cluster is a fraction of the price (E4-5)."""
    return max(0.0, 1.0 - distance / reach)


@compiled
def top_vote(share: float, long_share: float, short_share: float) -> float:
    """Up to 0.25 for LONG when top traders are more than 60 % long, for SHORT below 40 %, full ten points on (E4-6)."""
    longs = ramp(share, long_share, long_share + 0.1)
    return 0.25 * longs - 0.25 * ramp(1.0 - share, 1.0 - short_share, 1.1 - short_share)


@compiled
def _vote(said: Rec, p: Rec, now_ms: int) -> None:
    """Contrarian crowd and funding, reinforced by open interest and top traders (E4-2, E4-3, E4-6)."""
    said.direction = 0
    said.strength = 0.0
    said.extreme = 0.0
    if said.warm == 0:
        return
    crowd = crowd_vote(said.ratio, p.crowd_long_share, p.crowd_short_share)
    until = said.next_funding_ms - now_ms
    near = 0 <= until < p.funding_near_ms
    funding = funding_vote(said.funding, p.funding_high, p.funding_low, near, p.funding_near_factor)
    vote = 0.8 * crowd + 0.6 * funding
    if said.interpretation == REAL_BUYING:
        vote += 0.2
    elif said.interpretation == SHORTS_STACKING:
        vote -= 0.2
    if said.top_ms > 0 and now_ms - said.top_ms <= p.ratio_max_age_ms:
        vote += top_vote(said.top, p.top_long_share, p.top_short_share)
    said.extreme = max(abs(crowd), abs(funding))
    if abs(vote) >= p.direction_floor:
        said.direction = 1 if vote > 0.0 else -1
        said.strength = unit(abs(vote))
