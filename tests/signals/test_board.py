"""The board: bad input at the door, batch equals live, scale and mirror, stops, warmth, and never a NaN."""

import math
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.domain.market import (
    AccountRatio,
    BestQuote,
    Depth,
    Interval,
    Liquidation,
    MarkPrice,
    OpenInterest,
    Trade,
    packed_levels,
)
from vortex.domain.signals import Direction, Engine
from vortex.market.layout import EVENT, Kind
from vortex.signals.advance import GATE, TIMER, TOUCH
from vortex.signals.events import rows_of
from vortex.signals.generated import GeneratedMarket, generate_market
from vortex.signals.layout import STATE
from vortex.signals.settings import DRILL_SIGNALS, CycleSettings, SignalSettings
from vortex.strategy.speed import messages_of

VOTERS = (Engine.ORDER_FLOW, Engine.TICK, Engine.TECHNICAL, Engine.SENTIMENT)
EAGER = SignalSettings(cycle=CycleSettings(gate=0.2))


def run(board, market: GeneratedMarket, cuts=()) -> list[tuple[int, float]]:
    """Feed a market in pieces cut at `cuts`; every stop as (time, score)."""
    stops = []
    borders = [0, *sorted(cuts), len(market.events)]
    for first, last in pairwise(borders):
        piece = market.events[first:last]
        at = 0
        while at < len(piece):
            at = board.apply_batch(piece, market.books, market.candles, at)
            if board.reasons:
                stops.append((board.cycle_ms, board.score))
    return stops


def warm(build, settings=None, px=100.0):
    """A board with a day of candles behind it."""
    board = build.board(settings)
    board.warm_up(build.history(1_500, 1, px=px))
    return board


def assert_sane(board, now_ms: int) -> None:
    """No NaN, everything bounded, cold means silent."""
    signals, regime = board.look(now_ms)
    for signal in signals:
        assert 0.0 <= signal.strength <= 1.0
        assert 0.0 <= signal.conviction <= 1.0
        assert signal.warm or (signal.direction is Direction.NEUTRAL and signal.strength == 0.0)
        for name, value in signal.fields.items():
            assert isinstance(value, str | bool) or math.isfinite(value), name
    for record in ("flow", "tick", "technical", "sentiment", "regime", "tape", "book"):
        for name in STATE[record].names:
            assert np.isfinite(board._state[0][record][name]).all(), f"{record}.{name}"
    assert -1.0 <= board.score <= 1.0
    assert 0.5 <= regime.size_multiplier <= 1.0
    assert 5 <= regime.leverage_max <= 12


# Bad input

BAD_NUMBERS = (math.nan, math.inf, -math.inf, -1.0, 0.0)


def flat_depth(build, update_id: int, ts_ms: int, bid: float = 100.0, ask: float = 100.1) -> Depth:
    """Twenty equal levels on either side."""
    return build.depth(update_id, ts_ms, build.ladder(bid, -1), build.ladder(ask, 1))


def with_level(depth: Depth, side: str, at: int, level: tuple[float, float]) -> Depth:
    """The same book with one level changed."""
    sides = {"bids": list(depth.bids), "asks": list(depth.asks)}
    sides[side][at] = level
    return msgspec.structs.replace(depth, levels=packed_levels(**sides))


def bad_messages(build) -> list:
    """Everything that cannot be true, after a good state at START + 1000."""
    now = build.start_ms + 2_000
    good = flat_depth(build, 50, now)
    bad: list = [build.trade(50, now, px) for px in BAD_NUMBERS]
    bad += [build.trade(50, now, 100.0, qty) for qty in BAD_NUMBERS]
    bad += [build.trade(1, now, 100.0), build.trade(50, build.start_ms, 100.0), build.trade(50, -5, 100.0)]
    bad += [with_level(good, "bids", 3, (px, 1.0)) for px in BAD_NUMBERS]
    bad += [with_level(good, "asks", 3, (99.0, qty)) for qty in BAD_NUMBERS]
    bad += [flat_depth(build, 50, now, 100.1, 100.1), flat_depth(build, 50, now, 100.2, 100.1)]
    bad += [build.depth(50, now, (), build.ladder(100.1, 1)), build.depth(50, now, build.ladder(100.0, -1), ())]
    bad += [build.depth(50, now, (), ()), flat_depth(build, 1, now), flat_depth(build, 50, build.start_ms)]
    bad += [build.depth(50, now, build.ladder(100.0, -1)[::-1], build.ladder(100.1, 1))]
    quote = {"symbol": "BTCUSDT", "ts_ms": now, "update_id": 60, "bid_qty": 1.0, "ask_qty": 1.0}
    bad += [BestQuote(bid_px=px, ask_px=100.1, **quote) for px in (*BAD_NUMBERS, 100.1, 101.0)]
    bad += [OpenInterest(symbol="BTCUSDT", ts_ms=now, quantity=q) for q in BAD_NUMBERS]
    bad += [AccountRatio(symbol="BTCUSDT", ts_ms=now, long_share=s, top_traders=False) for s in (math.nan, -0.1, 1.1)]
    bad += [Liquidation(symbol="BTCUSDT", ts_ms=now, side="SELL", px=px, qty=1.0) for px in BAD_NUMBERS]
    mark = {"symbol": "BTCUSDT", "ts_ms": now, "index_px": 1.0, "next_funding_ms": 0}
    bad += [MarkPrice(mark_px=px, funding_rate=0.0, **mark) for px in BAD_NUMBERS]
    bad += [MarkPrice(mark_px=1.0, funding_rate=math.nan, **mark)]
    candle = build.start_ms + 60_000
    bad += [build.candle(candle, (px, 101.0, 99.0, 100.0)) for px in (math.nan, math.inf, 200.0, 1.0)]
    bad += [build.candle(candle, (100.0, 101.0, 0.0, 100.0)), build.candle(candle + 1, (100.0, 101.0, 99.0, 100.0))]
    bad += [build.candle(candle, (100.0, 101.0, 99.0, 100.0), volume=v) for v in (-1.0, math.nan)]
    return bad


def test_what_cannot_be_true_changes_nothing_but_its_count(build) -> None:
    """NaN, infinity, negative, zero, crossed, one-sided, unsorted, repeated, backwards."""
    bad = bad_messages(build)
    for message in bad:
        board = build.board()
        board.apply(build.trade(2, build.start_ms + 1_000, 100.0))
        board.apply(flat_depth(build, 10, build.start_ms + 1_000))
        before = board._state.copy()
        board._row.put(0, message)
        board._row.events[0]["ts_ms"] = min(board._row.events[0]["ts_ms"], board._state[0]["cycle"]["next_ms"])
        if message.ts_ms >= 0 and message.ts_ms > board._state[0]["cycle"]["next_ms"]:
            board._row.events[0]["ts_ms"] = build.start_ms + 1_000
        board._apply_row()
        assert sum(board.refusals().values()) == 1, message
        before[0]["cycle"]["refused"] = board._state[0]["cycle"]["refused"]
        assert board._state.tobytes() == before.tobytes(), message


def test_refusals_are_counted_by_reason(build) -> None:
    """Each kind has a name."""
    board = build.board()
    board.apply(flat_depth(build, 10, build.start_ms, 101.0, 100.0))
    board.apply(build.depth(11, build.start_ms, build.ladder(100.0, -1), ()))
    board.apply(build.trade(1, build.start_ms, math.nan))
    assert board.refusals() == {"CROSSED": 1, "ONE_SIDED": 1, "NOT_A_NUMBER": 1}


def test_messages_of_other_symbols_are_not_taken(build) -> None:
    """A board is one symbol's."""
    board = build.board()
    board.apply(Trade(symbol="XRPUSDT", ts_ms=1, agg_id=1, px=1.0, qty=1.0, buyer_is_maker=False))
    assert board.counters()["events"] == 0


# Wild streams

prices = st.one_of(st.floats(1e-8, 1e8), st.sampled_from([1e-8, 1.0, 1e8, math.nan, -1.0]))
steps = st.one_of(
    st.tuples(st.just("trade"), st.integers(-2, 3), st.integers(-500, 5_000), prices, st.floats(1e-8, 1e8)),
    st.tuples(st.just("depth"), st.integers(-2, 3), st.integers(-500, 5_000), prices, st.floats(1e-8, 1e8)),
    st.tuples(st.just("candle"), st.integers(0, 3), st.integers(-3, 4), prices, st.floats(0.0, 1e8)),
    st.tuples(st.just("clock"), st.just(0), st.integers(-500, 120_000), st.just(1.0), st.just(1.0)),
)


def wild_messages(build, rows) -> list:
    """Messages with gaps, repeats, equal stamps, extreme prices, one-sided books."""
    now, trade_id, update_id = build.start_ms, 1, 1
    out: list = []
    for kind, jump, gap, px, qty in rows:
        now = max(0, now + gap) if kind != "candle" else now
        if kind == "trade":
            trade_id += jump
            out.append(build.trade(trade_id, now, px, qty, sell=jump % 2 == 0))
        elif kind == "depth":
            update_id += jump
            levels = 1 + abs(gap) % 20
            bids = [(px * (1 - 1e-4 * (i + 1)), qty) for i in range(levels if jump else 0)]
            asks = [(px * (1 + 1e-4 * (i + 1)), qty / 3 + 1e-9) for i in range(20)]
            out.append(build.depth(update_id, now, bids, asks))
        elif kind == "candle":
            interval = list(Interval)[jump]
            open_ms = now - now % interval.ms + gap * interval.ms
            out.append(build.candle(open_ms, (px, px, px, px), qty, interval, closed=qty > 1.0))
        else:
            out.append(now)
    return out


@pytest.mark.property
@given(st.lists(steps, max_size=120), st.booleans())
def test_no_stream_makes_a_signal_that_is_not_a_number(build, rows, started_warm: bool) -> None:
    """Prices from 1e-8 to 1e8, duplicates, gaps, equal stamps, zero volume, one-sided and empty books."""
    board = warm(build) if started_warm else build.board(DRILL_SIGNALS)
    for message in wild_messages(build, rows):
        if isinstance(message, int):
            board.tick(message)
        else:
            board.apply(message)
    assert_sane(board, board.now_ms + 150)


@pytest.mark.property
@given(st.lists(steps, max_size=80), st.lists(st.integers(0, 80), max_size=4))
def test_one_by_one_and_in_batches_end_in_the_same_state(build, rows, cuts) -> None:
    """Incremental equals batch to the last bit, however the events are cut."""
    messages = [m for m in wild_messages(build, rows) if not isinstance(m, int)]
    single = build.board(EAGER)
    for message in messages:
        single.apply(message)
    rows_all = rows_of(messages)
    batch = build.board(EAGER)
    market = GeneratedMarket(rows_all.events, rows_all.books, rows_all.candles)
    run(batch, market, [min(cut, len(messages)) for cut in cuts])
    for board in (single, batch):
        board._state[0]["cycle"]["reasons"] = 0
    assert single._state.tobytes() == batch._state.tobytes()


def test_chunks_do_not_change_what_is_seen_or_where_it_stops(build) -> None:
    """Chunk-size invariance of the hot loop over a long stream."""
    market = generate_market(30_000, 11, start_ms=build.start_ms, px=100.0, tick=0.01)
    whole = warm(build, EAGER)
    stops = run(whole, market)
    assert len(stops) > 20
    for size in (1_000, 7, 4_999):
        pieces = warm(build, EAGER)
        assert run(pieces, market, range(size, 30_000, size)) == stops
        assert pieces.signals(pieces.cycle_ms) == whole.signals(whole.cycle_ms)


def test_live_messages_say_what_replay_says(build) -> None:
    """Message objects one at a time, arrays at once: the same signals."""
    market = generate_market(6_000, 12, start_ms=build.start_ms, px=100.0, tick=0.01)
    replay = warm(build)
    run(replay, market)
    live = warm(build)
    trades, depths = messages_of(market, "BTCUSDT")
    both = {("t", t.agg_id): t for t in trades} | {("d", d.final_update_id): d for d in depths}
    for event in market.events:
        live.apply(both[("t" if event["kind"] == Kind.TRADE else "d", int(event["id"]))])
    assert live.signals(live.cycle_ms) == replay.signals(replay.cycle_ms)


def test_repeats_and_late_messages_are_harmless(build) -> None:
    """E0-8: each message twice, and every third again much later."""
    market = generate_market(2_000, 13, start_ms=build.start_ms, px=100.0, tick=0.01)
    once = warm(build)
    run(once, market)
    picked = [row for i in range(2_000) for row in ([i, i] if i % 3 else [i, i, max(0, i - 40)])]
    again = warm(build)
    run(again, GeneratedMarket(market.events[picked].copy(), market.books, market.candles))
    assert again.refusals()["DUPLICATE"] > 2_000
    assert again.signals(once.cycle_ms) == once.signals(once.cycle_ms)


# Symmetry


def scaled(market: GeneratedMarket, factor: float) -> GeneratedMarket:
    """The same market with prices times and quantities divided by a power of two."""
    events, books = market.events.copy(), market.books.copy()
    events["px"] *= factor
    events["qty"] /= factor
    books[:, :, 0::2] *= factor
    books[:, :, 1::2] /= factor
    return GeneratedMarket(events, books, market.candles)


@pytest.mark.parametrize("factor", [2.0**-20, 0.5, 8.0, 2.0**20])
def test_the_unit_of_price_does_not_matter(build, factor: float) -> None:
    """Directions, strengths and the score are without units."""
    market = generate_market(20_000, 14, start_ms=build.start_ms, px=100.0, tick=0.01)
    plain, other = warm(build, EAGER), build.board(EAGER)
    candles = []
    for candle in build.history(1_500, 1):
        values = tuple(v * factor for v in (candle.open, candle.high, candle.low, candle.close))
        candles.append(build.candle(candle.open_ms, values, candle.volume / factor, candle.interval))
    other.warm_up(candles)
    stops, other_stops = run(plain, market), run(other, scaled(market, factor))
    assert stops
    assert [at for at, _ in stops] == [at for at, _ in other_stops]
    assert [score for _, score in other_stops] == pytest.approx([score for _, score in stops], abs=1e-9)


def mirrored(market: GeneratedMarket, about: float) -> GeneratedMarket:
    """Prices reflected, sides exchanged."""
    events, books = market.events.copy(), market.books.copy()
    trades = events["kind"] == Kind.TRADE
    events["px"][trades] = 2 * about - events["px"][trades]
    events["flag"][trades] = 1 - events["flag"][trades]
    books[:, :, 0] = 2 * about - market.books[:, :, 2]
    books[:, :, 2] = 2 * about - market.books[:, :, 0]
    books[:, :, 1] = market.books[:, :, 3]
    books[:, :, 3] = market.books[:, :, 1]
    return GeneratedMarket(events, books, market.candles)


def test_the_mirror_of_a_market_mirrors_every_direction(build) -> None:
    """E1, E2 and E3 have no favorite side. Prices are dyadic, so that reflection is exact."""
    about = 4_096.0
    market = generate_market(20_000, 15, start_ms=build.start_ms, px=about, tick=1 / 64)
    candles = build.history(1_500, 1, px=about, sigma=2e-4)
    opposite = []
    for c in candles:
        values = (2 * about - c.open, 2 * about - c.low, 2 * about - c.high, 2 * about - c.close)
        opposite.append(build.candle(c.open_ms, values, c.volume, c.interval))
    plain, other = build.board(), build.board()
    plain.warm_up(candles)
    other.warm_up(opposite)
    agreed = total = 0
    for first in range(0, 20_000, 500):
        for board, source in ((plain, market), (other, mirrored(market, about))):
            run(board, GeneratedMarket(source.events[first : first + 500], source.books, source.candles))
        for engine in VOTERS[:3]:
            ours, theirs = (b.signal(engine, b.cycle_ms) for b in (plain, other))
            total += 1
            agreed += ours.direction == -theirs.direction
            if engine is not Engine.TECHNICAL:
                assert ours.direction == -theirs.direction
                assert ours.strength == pytest.approx(theirs.strength, abs=1e-9)
    assert agreed / total > 0.98, "distances relative to a mirrored price differ a little, at thresholds only"


# Stops


def test_a_watched_price_stops_after_the_trade_that_touches_it(build) -> None:
    """Own orders and positions are looked at when the market reaches them."""
    board = build.board()
    board.watch(99.0, 101.0)
    assert board.apply(build.trade(1, build.start_ms, 100.0)) == 0
    assert board.apply(build.trade(2, build.start_ms + 1, 101.0)) == TOUCH
    assert board.apply(build.trade(3, build.start_ms + 2, 98.0)) == TOUCH
    board.watch(0.0, math.inf)
    assert board.apply(build.trade(4, build.start_ms + 3, 98.0)) == 0


def test_a_timer_stops_at_the_first_cycle_that_is_due(build) -> None:
    """Once, and not before."""
    board = build.board()
    board.tick(build.start_ms)
    board.wake_at(build.start_ms + 250)
    assert board.tick(build.start_ms + 300) == 0
    assert board.tick(build.start_ms + 301) == TIMER
    assert board.cycle_ms == build.start_ms + 300
    assert board.tick(build.start_ms + 1_000) == 0


def test_the_gate_stops_on_the_cycle_whose_score_is_worth_a_look(build) -> None:
    """|score| at least the gate."""
    market = generate_market(30_000, 16, start_ms=build.start_ms, px=100.0, tick=0.01)
    board = warm(build, EAGER)
    stops = run(board, market)
    assert stops
    assert all(abs(score) >= 0.2 for _, score in stops)
    assert GATE == 1


def test_a_board_told_to_keep_quiet_does_not_stop_for_the_gate(build) -> None:
    """Until that time; what it says at the stops after it is the same, and a timer goes off all the same."""
    market = generate_market(30_000, 16, start_ms=build.start_ms, px=100.0, tick=0.01)
    listening = run(warm(build, EAGER), market)
    until_ms = listening[len(listening) // 2][0]
    board = warm(build, EAGER)
    board.keep_quiet(until_ms)
    assert run(board, market) == [stop for stop in listening if stop[0] >= until_ms]
    board = warm(build, EAGER)
    board.keep_quiet(1 << 62)
    board.wake_at(until_ms)
    assert [at_ms for at_ms, _ in run(board, market)] == [until_ms]


def test_a_far_jump_in_time_is_not_walked_through(build) -> None:
    """A silent night is not millions of cycles."""
    board = build.board()
    board.tick(build.start_ms)
    board.tick(build.start_ms + 10**12)
    assert board.cycle_ms >= build.start_ms + 10**12 - 2_000


# Memory


def test_learned_weights_and_reliabilities_move_the_score(build) -> None:
    """S1-1: with all weight on E2 the score is E2's vote times its reliability."""
    market = generate_market(20_000, 17, start_ms=build.start_ms, px=100.0, tick=0.01)
    board = warm(build, SignalSettings(cycle=CycleSettings(gate=2.0)))
    nothing = dict.fromkeys(VOTERS, 0.0)
    board.learn(nothing | {Engine.TICK: 1.0}, {Engine.TICK: 0.5})
    run(board, market)
    tick = board.signal(Engine.TICK, board.cycle_ms)
    assert board.score == pytest.approx(0.5 * tick.direction * tick.strength)


def test_a_warm_up_forgets_the_market_and_keeps_what_was_learned(build) -> None:
    """E0-5."""
    board = warm(build)
    market = generate_market(8_000, 18, start_ms=build.start_ms, px=100.0, tick=0.01)
    run(board, market)
    board.learn({Engine.TICK: 0.3}, {})
    board.watch(50.0, 200.0)
    assert board.is_warm(board.cycle_ms)
    bid = board.best_bid
    board.warm_up(build.history(300, 1))
    assert not board.is_warm(board.now_ms)
    assert board.best_bid == bid
    assert board._state[0]["cycle"]["weight"][1] == 0.3
    assert board._state[0]["cycle"]["watch_high"] == 200.0
    assert board.apply(build.trade(1, build.start_ms + 1_000, 100.0)) == 0, "a new session may start its ids anew"


def test_history_makes_a_board_warm_within_half_a_minute_of_trades(build) -> None:
    """Candles over REST, then live trades and books."""
    board = warm(build)
    run(board, generate_market(15 * 320, 19, start_ms=build.start_ms, px=100.0, tick=0.01))
    assert board.is_warm(board.cycle_ms)
    assert board.regime(board.cycle_ms).tradeable in (True, False)


def test_backfilled_trades_count_for_the_windows(build) -> None:
    """Recent trades over REST make E2 warm at once."""
    now = build.start_ms
    trades = [build.trade(i + 1, now - 40_000 + i * 400, 100.0) for i in range(100)]
    board = build.board()
    board.warm_up(build.history(1_500, 1), trades)
    board.tick(now + 200)
    assert board.signal(Engine.TICK, now + 100).warm


def test_recorded_trades_pass_without_a_refusal(build, shared_data: Path) -> None:
    """Ten thousand real trades, in order and complete."""
    trades = build.recorded_trades(shared_data, "BTCUSDT", 10_000)
    board = build.board()
    rows = rows_of(trades)
    run(board, GeneratedMarket(rows.events, rows.books, rows.candles))
    assert board.refusals() == {}
    assert board.counters()["trade_gaps"] == 0
    assert board.last_agg_id == trades[-1].agg_id
    assert_sane(board, board.now_ms + 100)


def test_an_event_is_one_cache_line_and_a_bit() -> None:
    """Millions of them must stream through memory."""
    assert EVENT.itemsize <= 72
    assert np.zeros(1, EVENT).flags.carray
