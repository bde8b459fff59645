"""Candles from ticks, against pandas; and the exchange's word against ours (E0-7)."""

from decimal import Decimal

import msgspec
import numpy as np
import pandas as pd
import pytest

from vortex.domain.instruments import Instrument
from vortex.domain.market import Candle, Interval, Trade
from vortex.market.candles import trade_into_candles
from vortex.signals.board import SignalBoard
from vortex.signals.settings import SignalSettings

START_MS = 1_700_000_100_000 - 1_700_000_100_000 % 900_000


def board() -> SignalBoard:
    """A board, which builds candles from what it is fed."""
    one = Decimal("0.1")
    return SignalBoard(
        SignalSettings(),
        Instrument(
            symbol="BTCUSDT",
            base="BTC",
            quote="USDT",
            tick_size=one,
            step_size=one,
            min_price=one,
            max_price=Decimal(10**6),
            min_lots=1,
            max_lots=10**6,
            market_max_lots=10**6,
            min_notional=one,
        ),
    )


def trades(count: int, seed: int, mean_gap_ms: int = 400) -> list[Trade]:
    """A random tape from the very start of a quarter of an hour."""
    rng = np.random.default_rng(seed)
    times = START_MS + np.cumsum(rng.integers(0, 2 * mean_gap_ms, count)) - 0
    px = 100.0 + np.cumsum(rng.integers(-1, 2, count)) * 0.1
    qty = rng.integers(1, 100, count) / 8.0
    return [
        Trade(symbol="BTCUSDT", ts_ms=int(t), agg_id=i + 1, px=float(p), qty=float(q), buyer_is_maker=bool(i % 2))
        for i, (t, p, q) in enumerate(zip(times, px, qty, strict=True))
    ]


def resampled(tape: list[Trade], interval: Interval) -> pd.DataFrame:
    """The same candles by pandas."""
    frame = pd.DataFrame({"t": [x.ts_ms for x in tape], "px": [x.px for x in tape], "qty": [x.qty for x in tape]})
    grouped = frame.groupby(frame.t // interval.ms * interval.ms)
    out = grouped.px.agg(["first", "max", "min", "last"])
    out["volume"] = grouped.qty.sum()
    return out


def held(of: SignalBoard, at: int) -> pd.DataFrame:
    """Closed candles of a frame."""
    frame = of._state[0]["frames"][at]
    n = int(frame["n"])
    order = [i % 500 for i in range(max(0, n - 500), n)]
    names = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "volume"}
    return pd.DataFrame({new: frame[old][order] for old, new in names.items()}, index=frame["open_ms"][order])


@pytest.mark.parametrize(("at", "interval"), list(enumerate(Interval)))
def test_ticks_become_the_candles_that_pandas_makes(at: int, interval: Interval) -> None:
    """Tick to 1m, and 1m to 3m, 5m and 15m. The last closed ones are compared; the first began with the tape."""
    tape = trades(40_000, 1)
    of = board()
    for trade in tape:
        of.apply(trade)
    ours, theirs = held(of, at), resampled(tape, interval)
    both = ours.index.intersection(theirs.index)
    assert len(ours) == len(both) == min(500, len(theirs) - 1)
    pd.testing.assert_frame_equal(ours, theirs.loc[both], check_names=False, rtol=1e-12, check_index_type=False)


def candle_of(row: pd.Series, open_ms: int, interval: Interval, *, volume: float | None = None) -> Candle:
    """A closed candle of the exchange."""
    return Candle(
        symbol="BTCUSDT",
        ts_ms=open_ms + interval.ms,
        interval=interval,
        open_ms=open_ms,
        open=row["first"],
        high=row["max"],
        low=row["min"],
        close=row["last"],
        volume=row["volume"] if volume is None else volume,
        quote_volume=0.0,
        trades=1,
        taker_buy_volume=0.0,
        closed=True,
    )


def feed_with_exchange(wrong_minute: int | None) -> SignalBoard:
    """Trades and, right after each minute, the exchange's candle; one of them differs."""
    tape = trades(6_000, 2)
    minutes = resampled(tape, Interval.M1)
    of = board()
    said: set[int] = set()
    for trade in tape:
        for open_ms in minutes.index:
            if open_ms + 60_000 <= trade.ts_ms and open_ms not in said:
                said.add(open_ms)
                nth = len(said)
                row = minutes.loc[open_ms]
                of.apply(candle_of(row, open_ms, Interval.M1, volume=row["volume"] + (nth == wrong_minute)))
        of.apply(trade)
    return of


def test_an_equal_candle_of_the_exchange_is_no_difference() -> None:
    """Confirmed, and not counted."""
    of = feed_with_exchange(None)
    assert of.counters()["candle_differences"] == 0
    assert of.counters()["candle_holes"] == 0
    assert of._state[0]["frames"][0]["confirmed"][: of.closes(Interval.M1)].all()


def test_a_difference_is_counted_once_and_the_exchange_wins() -> None:
    """E0-7."""
    of, plain = feed_with_exchange(4), feed_with_exchange(None)
    assert of.counters()["candle_differences"] == 1
    ours, theirs = held(of, 0), held(plain, 0)
    assert (ours["volume"] - theirs["volume"]).round(9).tolist()[3] == 1.0
    assert of.counters()["candle_differences"] == 1


def test_a_minute_without_trades_is_flat() -> None:
    """The close before it, and no volume."""
    of = board()
    for i, (second, px) in enumerate([(0, 100.0), (30, 101.0), (200, 102.0), (300, 103.0)]):
        of.apply(
            Trade(symbol="BTCUSDT", ts_ms=START_MS + second * 1_000, agg_id=i + 1, px=px, qty=1.0, buyer_is_maker=False)
        )
    candles = held(of, 0)
    assert candles["last"].tolist() == [101.0, 101.0, 101.0, 102.0, 102.0]
    assert candles["volume"].tolist() == [2.0, 0.0, 0.0, 1.0, 0.0]


def test_time_alone_closes_a_minute_after_a_grace() -> None:
    """A quiet market still gets its candles."""
    of = board()
    of.apply(Trade(symbol="BTCUSDT", ts_ms=START_MS + 1_000, agg_id=1, px=100.0, qty=1.0, buyer_is_maker=False))
    of.tick(START_MS + 61_500)
    assert of.closes(Interval.M1) == 0
    of.tick(START_MS + 62_500)
    assert of.closes(Interval.M1) == 1


def test_a_long_silence_is_a_hole_and_not_an_invention() -> None:
    """More than fifteen flat minutes empty the frame."""
    of = board()
    for i, minute in enumerate((0, 1, 40)):
        stamp = START_MS + minute * 60_000
        of.apply(Trade(symbol="BTCUSDT", ts_ms=stamp, agg_id=i + 1, px=100.0, qty=1.0, buyer_is_maker=False))
    assert of.closes(Interval.M1) == 0
    assert of.counters()["candle_holes"] >= 1


def test_the_running_candle_of_the_exchange_completes_one_begun_in_the_middle() -> None:
    """After a start in mid-minute the exchange's high, low and volume are the better ones."""
    of = board()
    of.apply(Trade(symbol="BTCUSDT", ts_ms=START_MS + 30_000, agg_id=1, px=100.0, qty=1.0, buyer_is_maker=False))
    running = Candle(
        symbol="BTCUSDT",
        ts_ms=START_MS + 31_000,
        interval=Interval.M1,
        open_ms=START_MS,
        open=99.0,
        high=105.0,
        low=98.0,
        close=100.0,
        volume=50.0,
        quote_volume=0.0,
        trades=9,
        taker_buy_volume=0.0,
        closed=False,
    )
    of.apply(running)
    frame = of._state[0]["frames"][0]
    assert (frame["now_open"], frame["now_high"], frame["now_low"], frame["now_volume"]) == (99.0, 105.0, 98.0, 50.0)


def test_closes_that_arrive_together_may_come_in_any_order() -> None:
    """At a quarter of an hour four candles close; their order on the wire is not promised."""
    tape = trades(4_000, 3)
    frames = {interval: resampled(tape, interval) for interval in Interval}
    results = []
    for order in (list(Interval), list(Interval)[::-1]):
        of = board()
        said: set[tuple[Interval, int]] = set()
        for trade in tape:
            for interval in order:
                for open_ms in frames[interval].index:
                    key = (interval, open_ms)
                    if open_ms + interval.ms <= trade.ts_ms and key not in said:
                        said.add(key)
                        of.apply(candle_of(frames[interval].loc[open_ms], open_ms, interval))
            of.apply(trade)
        assert of.counters()["candle_differences"] == 0
        assert of.counters()["candle_holes"] == 0
        results.append([held(of, k) for k in range(4)])
    for one, other in zip(*results, strict=True):
        pd.testing.assert_frame_equal(one, other)


def test_candles_begun_in_the_middle_are_replaced_without_a_count() -> None:
    """Minutes that start inside a longer candle make an incomplete one; that is no difference of feeds."""
    tape = trades(4_000, 4)
    minutes, threes = resampled(tape, Interval.M1), resampled(tape, Interval.M3)
    of = board()
    for open_ms in minutes.index[1:9]:
        of.apply(candle_of(minutes.loc[open_ms], open_ms, Interval.M1))
    for open_ms in threes.index[:3]:
        of.apply(candle_of(threes.loc[open_ms], open_ms, Interval.M3))
    assert of.counters()["candle_differences"] == 0
    pd.testing.assert_frame_equal(held(of, 1), threes.iloc[:3], check_names=False, check_index_type=False)


def running(ts_ms: int, values: tuple[float, float, float, float], volume: float) -> Candle:
    """The exchange's word on the minute that runs, said at a time."""
    row = pd.Series({**dict(zip(("first", "max", "min", "last"), values, strict=True)), "volume": volume})
    return msgspec.structs.replace(candle_of(row, START_MS, Interval.M1), ts_ms=ts_ms, closed=False)


def print_of(agg_id: int, ts_ms: int, px: float, qty: float) -> Trade:
    """A print."""
    return Trade(symbol="BTCUSDT", ts_ms=ts_ms, agg_id=agg_id, px=px, qty=qty, buyer_is_maker=False)


def forming_of(of: SignalBoard) -> tuple[float, ...]:
    """The minute that forms."""
    frame = of._state[0]["frames"][0]
    return tuple(float(frame[f"now_{name}"]) for name in ("open", "high", "low", "close", "volume"))


def test_a_repeated_or_late_running_candle_takes_nothing_back() -> None:
    """E0-8: what traded since then stays, in whatever order the exchange's words arrive."""
    of = board()
    said = [running(START_MS + ms, (100.0, 101.0, 99.0, 100.0), ms / 1_000) for ms in (30_000, 29_000)]
    of.apply(said[0])
    of.apply(print_of(1, START_MS + 30_100, 103.0, 2.0))
    before = forming_of(of)
    assert before == (100.0, 103.0, 99.0, 103.0, 32.0)
    for row in said:
        of.apply(row)
        assert forming_of(of) == before
    of.apply(running(START_MS + 30_200, (100.0, 103.0, 99.0, 103.0), 32.5))
    assert forming_of(of) == (100.0, 103.0, 99.0, 103.0, 32.5)


def test_a_running_candle_of_an_earlier_minute_does_not_replace_a_later_one() -> None:
    """Before the first candle is closed there is nothing else to tell them apart."""
    of = board()
    of.apply(print_of(1, START_MS + 60_500, 103.0, 2.0))
    before = forming_of(of)
    of.apply(running(START_MS + 59_900, (100.0, 101.0, 99.0, 100.0), 60.0))
    assert forming_of(of) == before


def test_trades_that_the_running_candle_has_are_not_counted_twice() -> None:
    """E0-5: a warm-up brings the running minute and the trades of which it is made."""
    of = board()
    tape = [print_of(i + 1, START_MS + 100 * i, 100.0 + 0.01 * i, 1.0) for i in range(400)]
    of.warm_up([running(START_MS + 30_000, (100.0, 103.0, 100.0, 103.0), 301.0)], tape)
    assert forming_of(of) == (100.0, pytest.approx(103.99), 100.0, pytest.approx(103.99), 400.0)


def test_a_minute_that_the_tape_joined_late_is_not_compared() -> None:
    """E0-7: after a warm-up without trades ours lacks what was before the first one; that is no difference of feeds."""
    for late_ms, counted in ((0, 1), (30_000, 0)):
        of = board()
        of.warm_up([candle_of(pd.Series(_FLAT), START_MS - 60_000, Interval.M1)])
        of.apply(print_of(1, START_MS + late_ms, 100.0, 1.0))
        of.apply(print_of(2, START_MS + 60_000, 100.0, 1.0))
        of.apply(candle_of(pd.Series(_FLAT), START_MS, Interval.M1))
        assert of.counters()["candle_differences"] == counted
        assert held(of, 0)["volume"].iloc[-1] == _FLAT["volume"]


_FLAT = {"first": 100.0, "max": 100.0, "min": 100.0, "last": 100.0, "volume": 7.0}


@pytest.mark.parametrize(("share", "counted"), [(1e-6, 1), (1e-12, 0)])
def test_a_millionth_is_a_difference_and_a_rounding_error_is_not(share: float, counted: int) -> None:
    """E0-7: sums of quantities are not exact."""
    of = board()
    of.apply(print_of(1, START_MS, 100.0, 7.0))
    of.apply(print_of(2, START_MS + 60_000, 100.0, 1.0))
    of.apply(candle_of(pd.Series({**_FLAT, "volume": 7.0 * (1.0 + share)}), START_MS, Interval.M1))
    assert of.counters()["candle_differences"] == counted


@pytest.mark.parametrize(("minutes", "holes"), [(15, 0), (16, 4)])
def test_fifteen_minutes_without_a_trade_are_flat_and_sixteen_are_a_hole(minutes: int, holes: int) -> None:
    """E0-7: counted once for each of the four intervals."""
    frames = board()._state[0]["frames"]
    for number in (0, minutes):
        trade_into_candles(frames, START_MS + number * 60_000, 100.0, 7.0, START_MS)
    assert frames["holes"].sum() == holes
    assert frames["n"][0] == (0 if holes else minutes)
