"""What is done about each class of difference: a table. The exchange is the truth for what is, the journal for why."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from vortex.execution.client_order_ids import parse_id
from vortex.execution.settings import ExecutionSettings
from vortex.reconcile.diff import Difference, Kind


class Action(enum.StrEnum):
    """What the executor does; the words are also the rule's name in the audit log."""

    RECORD_FILL = "record the fill"
    TAKE_ORDER = "take the order into the book"
    CANCEL_ORDER = "cancel the order"
    AWAIT_STOP = "cancel the stop once another one stands"
    REPORT_ORDER = "report a foreign order and leave it"
    ASK_ORDER = "ask for the order by its id"
    TAKE_THEIR_WORD = "take the exchange's description"
    LOOK_AGAIN = "look again before acting on a quantity"
    ADOPT_POSITION = "adopt the position and protect it"
    CLOSE_POSITION = "close the position at market"
    GUARD_POSITION = "leave it to the protection guard"


SETTLED = frozenset(
    {
        Action.RECORD_FILL,
        Action.TAKE_ORDER,
        Action.CANCEL_ORDER,
        Action.REPORT_ORDER,
        Action.TAKE_THEIR_WORD,
        Action.ADOPT_POSITION,
        Action.CLOSE_POSITION,
        Action.GUARD_POSITION,
    }
)
"""Actions that settle a difference at once. The others settle it when their answer comes."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """A difference and what follows."""

    difference: Difference
    action: Action

    @property
    def resolved(self) -> bool:
        """Nothing is left open by the action."""
        return self.action in SETTLED


_RULES: Mapping[Kind, Action] = {
    Kind.MISSING_FILL: Action.RECORD_FILL,
    Kind.UNRECORDED_ORDER: Action.TAKE_ORDER,
    Kind.ONLY_STOP: Action.AWAIT_STOP,
    Kind.HANGING_ORDER: Action.ASK_ORDER,
    Kind.STATUS_MISMATCH: Action.TAKE_THEIR_WORD,
    Kind.MISSING_STOP: Action.GUARD_POSITION,
}


def resolve(difference: Difference, settings: ExecutionSettings, looks: int) -> Resolution:
    """The action for a difference. `looks` counts how often in a row the same quantity difference has been seen."""
    match difference.kind:
        case Kind.ORPHAN_ORDER:
            action = _orphan(difference, settings)
        case Kind.UNKNOWN_POSITION | Kind.SIZE_MISMATCH if looks < settings.second_looks:
            action = Action.LOOK_AGAIN
        case Kind.UNKNOWN_POSITION:
            action = Action.ADOPT_POSITION if settings.adopt_unknown else Action.CLOSE_POSITION
        case Kind.SIZE_MISMATCH:
            action = Action.ADOPT_POSITION
        case _:
            action = _RULES[difference.kind]
    return Resolution(difference, action)


def _orphan(difference: Difference, settings: ExecutionSettings) -> Action:
    """Ours by its id: its trade is over or was never journaled, so it goes. A stranger's is the owner's affair."""
    parsed = parse_id(difference.key)
    ours = parsed is not None and parsed.tag == settings.account_tag
    return Action.CANCEL_ORDER if ours or settings.cancel_foreign_orders else Action.REPORT_ORDER
