"""What a recovery asks of the exchange: everything that may have changed, and nothing twice (S3-7, S3-9)."""

from typing import Any

from tests.engine.world import World
from vortex.domain.commands import Attach, Reconcile
from vortex.domain.effects import TakeSnapshot
from vortex.domain.events import Attached
from vortex.domain.outcomes import UserStreamUp


def asked(world: World) -> list[TakeSnapshot]:
    """From now on, every snapshot that the executor asks for."""
    questions: list[TakeSnapshot] = []
    snapshot = world.venue.snapshot

    def noted(effect: TakeSnapshot) -> Any:
        questions.append(effect)
        return snapshot(effect)

    world.venue.snapshot = noted  # type: ignore[method-assign]
    return questions


def test_restarts_ask_quickly_and_the_clock_and_people_thoroughly() -> None:
    """Foreign orders in foreign symbols are looked for once a minute, not at every restart."""
    world = World()
    questions = asked(world)
    world.ready()
    assert [(question.symbol, question.quick) for question in questions] == [("", True), ("", True)]
    questions.clear()
    world.advance(world.settings.reconcile_every_ms + 1)
    world.operator(Reconcile(request_id="r"))
    assert [(question.symbol, question.quick) for question in questions] == [("", False), ("", False)]


def test_a_symbol_that_asks_twice_is_compared_once() -> None:
    """It attaches as it starts and again as the executor greets it; the answer is one and the same."""
    world = World()
    world.ready()
    questions = asked(world)
    effects = [
        *world.executor.from_symbol("BTCUSDT", 1, Attach(symbol="BTCUSDT")),
        *world.executor.from_symbol("BTCUSDT", 1, Attach(symbol="BTCUSDT")),
    ]
    world.run(effects)
    assert [question.symbol for question in questions] == ["BTCUSDT"]
    assert sum(isinstance(event, Attached) for _, event in world.told) == 1


def test_a_symbol_that_attaches_again_later_is_compared_again() -> None:
    """It doubts its view."""
    world = World()
    world.ready()
    questions = asked(world)
    world.command(Attach(symbol="BTCUSDT"))
    world.feed(UserStreamUp())
    world.command(Attach(symbol="BTCUSDT"))
    assert [question.symbol for question in questions] == ["BTCUSDT", "", "BTCUSDT"]
