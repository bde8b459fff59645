"""The queue model: who is filled, when, for how much, at what price."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.exchange.instruments import DEFAULT_INSTRUMENTS
from vortex.exchange.matching import Engine
from vortex.exchange.orders import BUY, SELL, Order

MID = 1_000


def order(number: int, side: int, px: int, lots: int, account: str = "main") -> Order:
    """A resting order of the smallest interest."""
    return Order(
        order_id=number,
        account=account,
        instrument=DEFAULT_INSTRUMENTS["BTCUSDT"],
        client_id=str(number),
        side=side,
        position_side="BOTH",
        kind="LIMIT",
        original_kind="LIMIT",
        time_in_force="GTC",
        px=px,
        lots=lots,
        reduce_only=False,
        close_position=False,
        stp="EXPIRE_MAKER",
        price_match="NONE",
        good_till_ms=0,
        created_ms=0,
        updated_ms=0,
    )


def levels(start: int, way: int, lots: int, count: int = 10) -> tuple[tuple[int, int], ...]:
    """A regular side of a book."""
    return tuple((start + way * at, lots) for at in range(count))


def engine_with(lots: int = 100) -> Engine:
    """An engine with ten levels a side around 1000."""
    engine = Engine(DEFAULT_INSTRUMENTS["BTCUSDT"])
    engine.market_book(levels(MID, -1, lots), levels(MID + 1, 1, lots), ignore)
    return engine


def ignore(order: Order, lots: int, px: int) -> None:
    """Nobody is told."""


def test_an_order_stands_behind_everything_visible_at_its_price() -> None:
    """Trades at the price must first consume the strangers ahead."""
    engine, mine = engine_with(), order(1, BUY, MID, 10)
    engine.rest(mine)
    engine.market_trade(MID, 100, True, ignore)
    assert (mine.filled, mine.ahead) == (0, 0)
    engine.market_trade(MID, 4, True, ignore)
    assert mine.filled == 4


def test_cancels_ahead_leave_in_proportion() -> None:
    """A level that halves without trades halves the queue ahead."""
    engine, mine = engine_with(), order(1, BUY, MID, 10)
    engine.rest(mine)
    engine.market_book(levels(MID, -1, 50), levels(MID + 1, 1, 100), ignore)
    assert mine.ahead == 50
    engine.market_book(levels(MID, -1, 500), levels(MID + 1, 1, 100), ignore)
    assert mine.ahead == 50


def test_trades_and_cancels_are_not_counted_twice() -> None:
    """After 40 of 100 traded, a book that shows 60 tells of no cancels."""
    engine, mine = engine_with(), order(1, BUY, MID, 10)
    engine.rest(mine)
    engine.market_trade(MID, 40, True, ignore)
    engine.market_book(levels(MID, -1, 60), levels(MID + 1, 1, 100), ignore)
    assert mine.ahead == 60


def test_a_trade_through_fills_at_our_own_price() -> None:
    """A sale below our bid must have met us first."""
    engine, mine = engine_with(), order(1, BUY, MID, 10)
    engine.rest(mine)
    fills: list[tuple[int, int]] = []
    engine.market_trade(MID - 1, 50, True, lambda _order, lots, px: fills.append((lots, px)))
    assert fills == [(10, MID)]


def test_a_book_that_moved_through_us_fills_us_and_is_not_left_crossed() -> None:
    """An ask at or below our bid would have traded with us."""
    engine, mine = engine_with(), order(1, BUY, MID, 150)
    engine.rest(mine)
    engine.market_book(levels(MID - 2, -1, 100), levels(MID - 1, 1, 60), ignore)
    assert mine.filled == 120
    assert (engine.book.asks.best or 0) > mine.px


def test_a_taker_meets_our_resting_order_in_its_place_in_the_queue() -> None:
    """Strangers ahead, then us, then strangers behind."""
    engine, mine = engine_with(), order(1, SELL, MID + 1, 10, account="other")
    engine.rest(mine)
    traded: list[tuple[int, bool]] = []
    engine.take(
        order(2, BUY, MID + 1, 105),
        MID + 1,
        105,
        lambda _px, lots, maker: traded.append((lots, maker is not None)),
        lambda _order: True,
    )
    assert traded == [(100, False), (5, True)]


def test_a_deep_order_beyond_the_visible_book_queues_behind_the_first_sight_of_its_level() -> None:
    """While its level is unseen nothing is known; the first sight counts in full."""
    engine, mine = engine_with(), order(1, BUY, MID - 50, 10)
    engine.rest(mine)
    assert mine.level_seen == -1
    engine.market_book(levels(MID - 45, -1, 70), levels(MID, 1, 100), ignore)
    assert mine.ahead == 70


def test_an_order_at_a_level_that_left_sight_stands_behind_whom_an_earlier_one_stands_behind() -> None:
    """The strangers that the first of ours saw there are still taken for standing before both."""
    engine, first, second = engine_with(), order(1, BUY, MID - 5, 10), order(2, BUY, MID - 5, 10)
    engine.rest(first)
    engine.market_book(levels(MID + 6, -1, 1), levels(MID + 7, 1, 1), ignore)
    engine.rest(second)
    assert (first.ahead, second.ahead) == (100, 100)


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("rest"), st.sampled_from([BUY, SELL]), st.integers(1, 12), st.integers(1, 40)),
        st.tuples(st.just("trade"), st.booleans(), st.integers(-6, 6), st.integers(1, 300)),
        st.tuples(st.just("book"), st.integers(-6, 6), st.integers(1, 4), st.integers(1, 200)),
    ),
    max_size=40,
)


@given(EVENTS)
@pytest.mark.property
def test_the_laws_of_the_book_hold_whatever_the_market_does(events: list[Any]) -> None:
    """Never crossed by us, no fill through a limit, no overfill, never more than was traded, first come first."""
    engine = engine_with()
    rested: list[Order] = []
    for number, event in enumerate(events):
        kind, first, second, third = event
        if kind == "rest":
            best = engine.best(-first)
            if best is not None:
                rested.append(order(number, first, best - first * second, third))
                engine.rest(rested[-1])
        elif kind == "trade":
            trade_and_check(engine, MID + second, third, sold=first)
        else:
            bids, asks = levels(MID + first, -1, third), levels(MID + first + second, 1, third)
            engine.market_book(bids, asks, at_own_price)
        check_resting(engine)
    for first, second in itertools.permutations(rested, 2):
        if first.side == second.side and first.px == second.px and first.arrival < second.arrival:
            assert second.filled == 0 or first.left == 0


def at_own_price(resting: Order, _lots: int, px: int) -> None:
    """A maker is filled at its own price and no other."""
    assert px == resting.px


def trade_and_check(engine: Engine, px: int, lots: int, *, sold: bool) -> None:
    """Let a stranger trade: never more than was traded, only the side that was hit, never through a limit."""
    filled: list[tuple[Order, int]] = []
    engine.market_trade(px, lots, sold, lambda resting, part, _px: filled.append((resting, part)))
    assert sum(part for _, part in filled) <= lots
    for resting, _ in filled:
        assert resting.side == (BUY if sold else SELL)
        assert resting.side * (resting.px - px) >= 0


def check_resting(engine: Engine) -> None:
    """What rests is open, not overfilled, not crossed, and queued in order of arrival."""
    for side in (BUY, SELL):
        opposite, queue = engine.book.opposite_of(side).best, engine.resting[side]
        for resting in queue:
            assert resting.open
            assert 0 <= resting.filled < resting.lots
            assert resting.ahead >= 0
            assert opposite is None or side * (resting.px - opposite) < 0
        for first, second in itertools.pairwise(queue):
            if first.px == second.px:
                assert first.arrival < second.arrival
                assert first.ahead <= second.ahead
