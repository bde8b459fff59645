"""An executor that slept and was replaced: with the journal away, only the node's page can tell it (ADR 0007)."""

import pytest

from tests.engine.world import Trader, World
from vortex.domain.commands import CancelOrder, Flatten
from vortex.domain.effects import Exit
from vortex.domain.outcomes import TimerFired, UserStreamDown

E0, C0, S0 = (f"v7-BTCUSDT-1-{leg}0" for leg in "ECS")


def holding() -> World:
    """One position behind its stop, its symbol alive, and then the journal gone."""
    world = World()
    world.ready()
    Trader(world)
    world.price(50_000.0)
    world.want()
    world.feed(*world.venue.fill(E0))
    world.live(200)
    world.journal.down = True
    return world


def wake(world: World) -> None:
    """Every kind of event that a sleeper finds waiting, each of which would send something."""
    world.feed(UserStreamDown(reason="slept"), TimerFired(key="hold/BTCUSDT"), TimerFired(key="reconcile"))
    world.operator(Flatten(request_id="f", why="drill"))
    world.command(CancelOrder(client_order_id=S0, why="drill"))
    world.advance(2_000)


def test_who_cannot_tell_may_reduce() -> None:
    """No page, or none that shows a successor: the position is closed without the journal."""
    world = holding()
    world.wire.clear()
    world.operator(Flatten(request_id="f", why="drill"))
    assert ("send", C0) in world.wire
    assert world.venue.positions["BTCUSDT"] == 0


def test_who_is_proven_replaced_sends_nothing_and_ends() -> None:
    """The proof is on the page before the successor may act; the sleeper's first event finds it."""
    world = holding()
    world.wire.clear()
    world.announced = world.epoch + 1
    wake(world)
    assert world.wire == []
    assert [each.reason for each in world.exits] == ["fenced: a newer executor was announced"]
    assert world.executor.state == "FENCED"


def test_an_announcement_of_ones_own_epoch_or_an_older_one_proves_nothing() -> None:
    """The page of a former boot, or one that never heard of executors, shows a smaller number."""
    for announced in (0, 1):
        world = holding()
        world.announced = announced
        world.operator(Flatten(request_id="f", why="drill"))
        assert not world.exits
        assert world.venue.positions["BTCUSDT"] == 0


@pytest.mark.parametrize("code", [-1021, -5028])
def test_a_reduction_refused_for_its_age_is_not_signed_anew_by_who_was_replaced(code: int) -> None:
    """A fresh timestamp would undo the exchange's fence: the resend passes ours again."""
    world = holding()
    world.wire.clear()
    world.venue.refuse["C"] = code
    world.operator(Flatten(request_id="f", why="drill"))
    assert world.wire.count(("send", C0)) == 1
    world.announced = world.epoch + 1
    world.advance(5_000)
    assert world.wire.count(("send", C0)) == 1
    assert world.executor.state == "FENCED"


def test_a_reduction_refused_for_its_age_leaves_again_while_nobody_came() -> None:
    """The same, without a successor: under the same id and a new timestamp."""
    world = holding()
    world.wire.clear()
    world.venue.refuse["C"] = -1021
    world.operator(Flatten(request_id="f", why="drill"))
    world.advance(1_000)
    assert world.wire.count(("send", C0)) == 2
    assert world.venue.positions["BTCUSDT"] == 0


def test_the_last_word_is_said_once() -> None:
    """Whatever comes after it, by whichever door."""
    world = holding()
    world.announced = world.epoch + 1
    assert [type(effect) for effect in world.executor.handle(TimerFired(key="reconcile"))] == [Exit]
    assert world.executor.handle(TimerFired(key="account")) == []
    assert world.executor.from_operator(Flatten(request_id="f", why="drill")) == []
    assert world.executor.from_symbol("BTCUSDT", 1, CancelOrder(client_order_id=S0, why="drill")) == []


def test_nothing_is_opened_by_who_was_replaced() -> None:
    """With the journal at hand too: the page is quicker than the refused commit."""
    world = World()
    world.ready()
    Trader(world)
    world.announced = world.epoch + 1
    world.want()
    assert world.venue.requests == []
    assert world.executor.state == "FENCED"
