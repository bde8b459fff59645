"""The table-driven machine."""

import enum
from dataclasses import dataclass

import pytest

from vortex.kernel.fsm import Ignore, IllegalTransition, Machine, Step, Table, draw


class Door(enum.Enum):
    """A door."""

    OPEN = 1
    SHUT = 2
    LOCKED = 3


@dataclass(frozen=True)
class Push:
    """Somebody pushes."""


@dataclass(frozen=True)
class Turn:
    """Somebody turns the key."""


def _shut(count: int, _event: Push) -> tuple[Door, int, list[str]]:
    return Door.SHUT, count + 1, ["bang"]


def _stray(count: int, _event: Turn) -> tuple[Door, int, list[str]]:
    return Door.OPEN, count, []


def _fail(count: int, _event: Push) -> tuple[Door, int, list[str]]:
    raise ValueError(count)


TABLE: Table[Door, int, str] = {
    (Door.OPEN, Push): Step(frozenset({Door.SHUT}), _shut),
    (Door.SHUT, Push): Ignore("already shut"),
    (Door.SHUT, Turn): Step(frozenset({Door.LOCKED}), _stray),
    (Door.LOCKED, Push): Step(frozenset({Door.LOCKED}), _fail),
}


def test_a_step_moves_state_and_data_and_returns_effects() -> None:
    """The three results of a transition arrive together."""
    door = Machine(TABLE, Door.OPEN, 0)
    assert door.handle(Push()) == ["bang"]
    assert (door.state, door.data) == (Door.SHUT, 1)


def test_an_ignored_event_changes_nothing() -> None:
    """Ignoring is a rule too."""
    door = Machine(TABLE, Door.SHUT, 3)
    assert door.handle(Push()) == []
    assert (door.state, door.data) == (Door.SHUT, 3)


def test_a_pair_without_a_rule_is_refused_and_counted() -> None:
    """Nothing changes, and somebody can see how often it was tried."""
    door = Machine(TABLE, Door.OPEN, 0)
    with pytest.raises(IllegalTransition, match="OPEN cannot take Turn"):
        door.handle(Turn())
    assert door.state is Door.OPEN
    assert door.refused[("OPEN", "Turn")] == 1


def test_an_action_may_not_leave_by_an_edge_that_is_not_drawn() -> None:
    """The table is the whole truth about where a state may lead."""
    door = Machine(TABLE, Door.SHUT, 0)
    with pytest.raises(AssertionError, match="not an edge"):
        door.handle(Turn())
    assert door.state is Door.SHUT


def test_an_exception_in_an_action_changes_nothing() -> None:
    """State moves last."""
    door = Machine(TABLE, Door.LOCKED, 7)
    with pytest.raises(ValueError, match="7"):
        door.handle(Push())
    assert (door.state, door.data) == (Door.LOCKED, 7)


def test_the_diagram_is_drawn_from_the_table() -> None:
    """Every edge appears once."""
    picture = draw(TABLE, "Door")
    assert picture.count("-->") == 3
    assert "OPEN --> SHUT: Push" in picture
