"""State machines as tables: every pair of state and event is a step, an ignore with a reason, or a refusal.

1. All behaviour is in the table; reading the table is reading the machine.
2. A refused event changes nothing. It is counted and raised.
3. State and data change last, so an exception inside a step changes nothing either.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, TypeAlias, TypeVar

from vortex.kernel.errors import LocalViolation

S = TypeVar("S", bound=Enum)
D = TypeVar("D")
F = TypeVar("F")


@dataclass(frozen=True, slots=True)
class Step(Generic[S, D, F]):
    """An action and the states it may lead to."""

    to: frozenset[S]
    do: Callable[[D, Any], tuple[S, D, list[F]]]


@dataclass(frozen=True, slots=True)
class Ignore:
    """Nothing to do, and why."""

    why: str


Table: TypeAlias = Mapping[tuple[S, type], Step[S, D, F] | Ignore]


class IllegalTransition(LocalViolation):
    """The table has no rule for this event in this state."""


class Machine(Generic[S, D, F]):
    """One running machine: a table, a state, and frozen data beside it."""

    def __init__(self, table: Table[S, D, F], state: S, data: D) -> None:
        self._table = table
        self.state = state
        self.data = data
        self.refused: Counter[tuple[str, str]] = Counter()

    def handle(self, event: object) -> list[F]:
        """Apply one event and return its effects; raise IllegalTransition and change nothing if there is no rule."""
        rule = self._table.get((self.state, type(event)))
        if rule is None:
            self.refused[(self.state.name, type(event).__name__)] += 1
            raise IllegalTransition(f"{self.state.name} cannot take {type(event).__name__}")
        if isinstance(rule, Ignore):
            return []
        state, data, effects = rule.do(self.data, event)
        assert state in rule.to, f"{state.name} is not an edge of {self.state.name} on {type(event).__name__}"
        self.state, self.data = state, data
        return effects


def draw(table: Table[S, D, F], title: str) -> str:
    """The table as a Mermaid state diagram, in table order."""
    lines = [f"### {title}", "", "```mermaid", "stateDiagram-v2"]
    for (state, event), rule in table.items():
        if isinstance(rule, Step):
            lines += [
                f"    {state.name} --> {to.name}: {event.__name__}" for to in sorted(rule.to, key=lambda s: s.name)
            ]
    return "\n".join([*lines, "```", ""])
