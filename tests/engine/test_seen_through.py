"""Nothing is taken for done before it is: silence is asked about, ends wait for their last order and their commit."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tests.engine.test_executor_answers import deferring, sends
from tests.engine.test_executor_faults import C0, E0, S0, a_world, fill_of, finished, is_clean
from tests.engine.world import World, a_plan
from vortex.domain.commands import SubmitOrder
from vortex.domain.effects import Commit
from vortex.domain.events import TradeClosed
from vortex.domain.orders import OrderState, Side
from vortex.domain.outcomes import FillReported, QueryFailed, UserStreamDown, UserStreamUp
from vortex.domain.records import FillRecorded, OrderChanged, TradeFinished, TradeOpened
from vortex.execution.specs import close_spec


def at_commit(world: World, look: Callable[[Commit], None]) -> None:
    """Look at every batch as it reaches the journal, before it is durable."""
    commit = world.journal.commit

    def looking(epoch: int, batch: Commit) -> Any:
        look(batch)
        return commit(epoch, batch)

    world.journal.commit = looking  # type: ignore[method-assign]


def holds(batch: Commit, kind: type) -> bool:
    return any(isinstance(record, kind) for record in batch.records)


@pytest.mark.parametrize("leg", ["E", "S"])
def test_an_order_without_any_word_is_asked_about_and_never_sent_again(leg: str) -> None:
    """S3-10: neither an answer nor a timeout comes, and the exchange has it."""
    world = a_world()
    submit, key = world.venue.submit, f"v7-BTCUSDT-1-{leg}0"

    def mute(spec: Any) -> list[object]:
        answers = submit(spec)
        return [] if spec.client_order_id == key else answers

    world.venue.submit = mute  # type: ignore[method-assign]
    world.want()
    world.live(2_900)
    assert ("query", key) not in world.wire
    world.live(200)
    assert ("query", key) in world.wire
    assert sends(world, key) == 1
    assert world.venue.orders[key].state is OrderState.ACCEPTED
    assert {row["client_order_id"]: row["state"] for row in world.executor.view()["orders"]}[key] == "ACCEPTED"


def test_a_trade_ends_only_after_its_last_order_has() -> None:
    """A stop whose cancel nobody answers still stands: it would act on the next trade."""
    world = a_world()
    world.venue.refuse["E"] = -5022
    cancel = world.venue.cancel
    world.venue.cancel = lambda key: []  # type: ignore[method-assign]
    world.want()
    world.advance(1)
    assert finished(world) == []
    assert world.executor.view()["positions"], "the symbol is not free"
    world.venue.cancel = cancel  # type: ignore[method-assign]
    world.live(1_000)
    assert world.venue.orders[S0].state is OrderState.CANCELED
    assert finished(world) == ["NO_FILL"]
    assert is_clean(world)


def test_nobody_hears_of_an_end_that_is_not_durable() -> None:
    """A crash would number another trade's end alike, and the breaker would not judge it."""
    world = a_world()
    told: list[bool] = []

    def look(batch: Commit) -> None:
        if holds(batch, TradeFinished):
            told.append(any(isinstance(event, TradeClosed) for event in [*world.breaker, *world.events(TradeClosed)]))

    at_commit(world, look)
    world.venue.refuse["E"] = -5022
    world.want()
    assert told == [False]
    assert [type(event) for event in world.breaker].count(TradeClosed) == 1


def test_a_fill_that_comes_while_the_end_is_being_written_opens_a_trade_of_its_own() -> None:
    """A stranger sells between the end of the last order and the journal's answer: no money moves outside a trade."""
    world = a_world()
    fill = msgspec.structs.replace(fill_of(world), venue_trade_id=4_711, client_order_id="web_1", side=Side.SELL)

    def look(batch: Commit) -> None:
        if holds(batch, TradeFinished):
            world.venue.foreign_fill("BTCUSDT", Side.SELL, 1, 500_000)
            order = msgspec.structs.replace(world.venue.orders[S0], client_order_id="web_1", venue_order_id=999)
            world.queue.append(FillReported(fill=fill, order=order))

    at_commit(world, look)
    world.venue.refuse["E"] = -5022
    world.want()
    assert finished(world) == ["NO_FILL"]
    assert [row["quantity"] for row in world.executor.view()["positions"]] == ["-0.001"]
    assert [record.trade_no for record in world.journal.of(FillRecorded)][-1] == 2
    assert world.venue.orders["v7-BTCUSDT-2-S0"].state is OrderState.ACCEPTED, "and it is protected"


def test_two_not_founds_prove_nothing_however_far_apart() -> None:
    """S3-6: the questions between them failed, and a failed question is no answer."""
    world = a_world()
    world.venue.swallow["E"] = "lost"
    query, answered = world.venue.query, [0]

    def failing(key: str) -> Any:
        if key == E0 and answered[0] == 1 and world.venue.now_ms < began_ms + 12_000:
            return QueryFailed(client_order_id=key, reason="503")
        answered[0] += key == E0
        return query(key)

    began_ms = world.venue.now_ms
    world.venue.query = failing  # type: ignore[method-assign,assignment]
    world.want()
    while answered[0] < 2:
        world.live(100)
    assert finished(world) == []
    world.live(2_000)
    assert finished(world) == ["NO_FILL"]


def test_an_intent_that_became_old_while_the_journal_was_slow_does_not_leave() -> None:
    """The market it was decided on is gone."""
    world = a_world()
    at_commit(world, lambda batch: world.clock.advance(2_000_000_000) if holds(batch, TradeOpened) else None)
    world.want()
    assert sends(world, E0) == 0
    assert finished(world) == ["NO_FILL"]
    assert world.executor.view()["denials"] == {"STALE_INTENT": 1}


@pytest.mark.parametrize("leg", ["E", "C"])
def test_nothing_leaves_a_second_time_without_a_commit_of_that_moment(leg: str) -> None:
    """Decision 5: the new timestamp is good only when the journal has just admitted this epoch."""
    world = a_world()
    key = {"E": E0, "C": C0}[leg]
    written: list[int] = []

    def look(batch: Commit) -> None:
        if any(isinstance(record, OrderChanged) and record.client_order_id == key for record in batch.records):
            written.append(world.venue.now_ms)

    at_commit(world, look)
    deferring(world, leg, 1)
    submit, left = world.venue.submit, list[int]()

    def noting(spec: Any) -> list[object]:
        if spec.client_order_id == key:
            left.append(world.venue.now_ms)
            assert len(left) == 1 or left[-1] in written, "no commit since it was deferred"
        return submit(spec)

    world.venue.submit = noting  # type: ignore[method-assign]
    world.price(50_000.0)
    world.want()
    if leg == "C":
        world.feed(*world.venue.fill(E0))
        world.live(6_000)
    world.live(300)
    assert len(left) == 2
    assert left[1] > left[0]


def test_a_reduction_of_an_earlier_trade_does_not_touch_the_next() -> None:
    """It was under way when its trade ended: reduce-only, it would close what was just opened."""
    world = a_world()
    world.venue.refuse["E"] = -5022
    world.want()
    world.live(1_500)
    world.want()
    world.feed(*world.venue.fill("v7-BTCUSDT-2-E0"))
    late = close_spec("v7", a_plan(trade_no=1), 0, 10, "MANUAL")
    world.command(SubmitOrder(spec=late, why="late"))
    assert sends(world, late.client_order_id) == 0
    assert world.venue.positions["BTCUSDT"] > 0


def test_a_stop_that_died_unheard_is_missed_soon_after_the_stream_is_back() -> None:
    """Promise 9: what was touched shortly before is left out of the first comparison, so there is a second one."""
    world = a_world()
    world.price(50_000.0)
    world.want()
    world.feed(*world.venue.fill(E0))
    world.feed(UserStreamDown(reason="connection lost"))
    world.venue.end(S0, OrderState.EXPIRED)
    world.feed(UserStreamUp())
    world.live(1_700)
    standing = [key for key, order in world.venue.orders.items() if order.is_algo and not order.state.is_terminal]
    assert standing == ["v7-BTCUSDT-1-S1"]
    assert world.venue.positions["BTCUSDT"] > 0
