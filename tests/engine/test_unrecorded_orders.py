"""Orders of the open trade that the journal has lost are taken back into the book, not canceled (S3-9, promise 9)."""

import msgspec
import pytest

from tests.engine.test_executor_faults import E0, S0, T0, a_world, finished, is_clean
from tests.engine.world import Trader, World
from vortex.domain.commands import Halt, Reconcile
from vortex.domain.outcomes import FillReported, TimerFired
from vortex.domain.records import FillRecorded, OrderChanged, OrderIntended

S1 = "v7-BTCUSDT-1-S1"
S2 = "v7-BTCUSDT-1-S2"


def forget(world: World, *ids: str) -> None:
    """The journal loses every row of these orders, and the executor dies."""

    def is_lost(record: object) -> bool:
        if isinstance(record, OrderIntended):
            return record.spec.client_order_id in ids
        return isinstance(record, OrderChanged) and record.client_order_id in ids

    world.journal.records = [record for record in world.journal.records if not is_lost(record)]
    world.wire.clear()
    world.boot()
    world.ready()
    world.live(100)


def canceled(world: World) -> list[str]:
    return [key for what, key in world.wire if what == "cancel"]


def sent(world: World) -> list[str]:
    return [key for what, key in world.wire if what == "send"]


def known(world: World) -> set[str]:
    return {row["client_order_id"] for row in world.executor.view()["orders"]}


def a_position() -> World:
    """A hundred lots long, with a stop and a target."""
    world = a_world()
    world.price(50_000.0)
    world.want()
    world.feed(*world.venue.fill(E0))
    assert world.state() == "ACTIVE"
    return world


@pytest.mark.parametrize("lost", [(S0,), (T0,), (S0, T0)])
def test_stop_and_target_of_a_position_are_taken_back(lost: tuple[str, ...]) -> None:
    """Nothing is canceled, nothing is sent twice, the position is protected throughout."""
    world = a_position()
    forget(world, *lost)
    assert (canceled(world), sent(world)) == ([], [])
    assert known(world) == {S0, T0}
    assert world.executor.view()["protection"]["bare_now"] == []
    assert {record.spec.client_order_id for record in world.journal.of(OrderIntended)} >= {E0, S0, T0}
    assert world.executor.view()["reconciliation"]["unresolved"] == 0
    world.feed(*world.venue.fill(T0))
    world.live(200)
    assert world.state() == "TRAILING"


def test_a_resting_entry_is_taken_back_and_still_ends_at_its_timeout() -> None:
    """With its dead-man switch armed again."""
    world = a_world()
    world.want()
    world.dead_man.clear()
    forget(world, E0)
    assert canceled(world) == []
    assert world.dead_man["BTCUSDT"] > 0
    assert world.state() == "ENTRY_SENT"
    world.live(6_000)
    assert finished(world) == ["NO_FILL"]
    assert is_clean(world)


def test_a_resting_entry_is_canceled_when_entries_are_halted() -> None:
    """Nothing opens after a halt."""
    world = a_world()
    world.want()
    world.symbols.clear()
    world.journal.records = [
        record
        for record in world.journal.records
        if getattr(getattr(record, "spec", record), "client_order_id", "") != E0
    ]
    world.wire.clear()
    world.boot()
    world.operator(Halt(why="test"))
    world.ready()
    world.live(100)
    assert E0 in canceled(world)


def test_a_target_taken_back_half_filled_misses_no_fill() -> None:
    """Its fills are in the book already, under its id."""
    world = a_position()
    world.feed(*world.venue.fill(T0, 20))
    forget(world, T0)
    world.live(3_000)
    assert [key for what, key in world.wire if what == "query"] == []
    world.feed(*world.venue.fill(T0))
    world.live(200)
    assert world.state() == "TRAILING"


def test_the_next_stop_has_a_number_of_its_own() -> None:
    """One before it may be in no book: numbers go on after the largest, not after the count."""
    world = a_position()
    world.feed(*world.venue.fill(T0))
    world.live(200)
    assert world.state() == "TRAILING"
    forget(world, S0)
    world.live(100)
    assert S1 in known(world)
    for _ in range(12):
        world.price(50_200.0)
        world.live(1_000)
    assert sent(world) == [S2]


def test_a_stop_with_other_terms_goes_only_after_another_one_stands() -> None:
    """At no time is the position without a stop."""
    world = a_position()
    stop = world.venue.orders[S0]
    world.venue.orders[S0] = msgspec.structs.replace(stop, state=stop.state.CANCELED)
    world.venue.orders[S2] = msgspec.structs.replace(
        stop, client_order_id=S2, trigger_ticks=stop.trigger_ticks - 100, venue_order_id=stop.venue_order_id + 50
    )
    world.wire.clear()
    world.operator(Reconcile(request_id="r", symbol="BTCUSDT"))
    world.live(100)
    world.feed(TimerFired(key="look/BTCUSDT"))
    world.live(4_000)
    order = [(what, key) for what, key in world.wire if what in ("send", "cancel")]
    assert order[-1] == ("cancel", S2)
    assert order[0] == ("send", S1)
    assert world.state() == "ACTIVE"


def test_a_symbol_that_is_new_finds_the_order_in_its_view() -> None:
    """It is shown everything after the taking."""
    world = a_position()
    world.symbols.clear()
    forget(world, T0)
    world.symbol_epoch += 1
    Trader(world)
    world.live(100)
    assert world.state() == "ACTIVE"
    assert sent(world) == []


def test_the_end_of_an_order_that_had_this_id_before_is_not_taken_for_ours() -> None:
    """A target left without the journal and filled, and its sender died; its successor sent another under the same
    id, which was lost on the way. The exchange could only tell of the first, whose fills had been counted: the second
    waited for fills that could not come, and its trade never ended."""
    world = a_position()
    world.feed(*world.venue.fill(T0))
    world.journal.records = [
        record
        for record in world.journal.records
        if not isinstance(record, FillRecorded) or record.fill.client_order_id != T0
    ]
    world.advance(1_000)
    world.venue.swallow["T"] = "lost"
    forget(world, T0)
    assert sent(world) == [T0], "the successor cannot know that the id was used"
    assert world.venue.positions["BTCUSDT"] == 40
    assert T0 in known(world), "in doubt"
    for _ in range(4):
        world.live(1_000)
        world.price(50_000.0)
    assert known(world) == {S1}, "given up: it provably never arrived"
    world.feed(*world.venue.fill(S1))
    world.live(1_000)
    assert finished(world) == ["TP2"]
    assert is_clean(world)


def test_a_late_fill_of_an_order_that_had_this_id_before_moves_the_position_and_not_our_order() -> None:
    """It was made before ours was signed: it belongs to the trade, and to no order that we know."""
    world = a_position()
    (old,) = (event.fill for event in world.venue.fill(T0) if isinstance(event, FillReported))
    world.venue.fills.remove(old)
    described = world.venue.orders.pop(T0)
    world.advance(1_000)
    world.venue.swallow["T"] = "lost"
    forget(world, T0)
    assert sent(world) == [T0]
    world.feed(FillReported(fill=old, order=described))
    assert world.executor.view()["positions"][0]["quantity"] == "0.040"
    (ours,) = (row for row in world.executor.view()["orders"] if row["client_order_id"] == T0)
    assert (ours["state"], ours["filled_lots"]) == ("IN_DOUBT", 0)
