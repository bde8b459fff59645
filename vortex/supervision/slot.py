"""The slot of the day's most traded symbol as a table: who has it, who is to have it, and when they may change (P-1).

1. A symbol leaves only while nothing is open: it is looked at before its process ends, and once more when nobody is
   left who could open anything. What was opened in between brings it back.
2. The newcomer starts when the old one's process is gone, so that never two share the slot.
"""

import enum

import msgspec

from vortex.kernel.fsm import Ignore, Machine, Step, Table

DAY_MS = 86_400_000


class SlotState(enum.Enum):
    """Where the change is."""

    HOLDING = "HOLDING"
    WAITING = "WAITING"
    LEAVING = "LEAVING"
    EMPTY = "EMPTY"


class SlotData(msgspec.Struct, frozen=True, kw_only=True):
    """Who has the slot and who is to have it; empty is nobody."""

    held: str = ""
    wanted: str = ""


# What happened


class Chosen(msgspec.Struct, frozen=True):
    """The most traded symbol of the day; empty when there is none."""

    symbol: str


class Looked(msgspec.Struct, frozen=True):
    """Whether the account is flat: no open trade and no working order."""

    flat: bool


class Left(msgspec.Struct, frozen=True):
    """The process of the symbol that had the slot is gone."""


# What to do about it


class Look(msgspec.Struct, frozen=True):
    """Find out whether the account is flat, and say Looked; again after a while when it is not."""


class Retire(msgspec.Struct, frozen=True):
    """End the process of this symbol and say Left."""

    symbol: str


class Restore(msgspec.Struct, frozen=True):
    """Something was opened at the last moment: start this symbol again, which leads its trade to the end."""

    symbol: str


class Give(msgspec.Struct, frozen=True):
    """The slot is this symbol's: remember it, tell the executor, start the process."""

    symbol: str


SlotEvent = Chosen | Looked | Left
SlotEffect = Look | Retire | Restore | Give
Result = tuple[SlotState, SlotData, list[SlotEffect]]
S = SlotState


def _chosen_while_held(data: SlotData, event: Chosen) -> Result:
    if event.symbol in ("", data.held):
        return S.HOLDING, SlotData(held=data.held), []
    if not data.held:
        return S.HOLDING, SlotData(held=event.symbol), [Give(event.symbol)]
    return S.WAITING, SlotData(held=data.held, wanted=event.symbol), [Look()]


def _chosen_while_waiting(data: SlotData, event: Chosen) -> Result:
    """Another day passed before the change: the newest choice counts, and the old symbol may be it again."""
    if event.symbol == data.held:
        return S.HOLDING, SlotData(held=data.held), []
    return S.WAITING, SlotData(held=data.held, wanted=event.symbol or data.wanted), [Look()]


def _looked_while_waiting(data: SlotData, event: Looked) -> Result:
    return (S.LEAVING, data, [Retire(data.held)]) if event.flat else (S.WAITING, data, [Look()])


def _left(data: SlotData, event: Left) -> Result:
    del event
    return S.EMPTY, data, [Look()]


def _looked_while_empty(data: SlotData, event: Looked) -> Result:
    if event.flat:
        return S.HOLDING, SlotData(held=data.wanted), [Give(data.wanted)]
    return S.WAITING, data, [Restore(data.held), Look()]


_SETTLED = Ignore("nobody is about to leave")
_MOVING = Ignore("the change is under way; the next day chooses anew")
_LATE = Ignore("its end was asked for already")

TABLE: Table[SlotState, SlotData, SlotEffect] = {
    (S.HOLDING, Chosen): Step(frozenset({S.HOLDING, S.WAITING}), _chosen_while_held),
    (S.HOLDING, Looked): _SETTLED,
    (S.HOLDING, Left): _SETTLED,
    (S.WAITING, Chosen): Step(frozenset({S.HOLDING, S.WAITING}), _chosen_while_waiting),
    (S.WAITING, Looked): Step(frozenset({S.WAITING, S.LEAVING}), _looked_while_waiting),
    (S.WAITING, Left): _SETTLED,
    (S.LEAVING, Chosen): _MOVING,
    (S.LEAVING, Looked): _LATE,
    (S.LEAVING, Left): Step(frozenset({S.EMPTY}), _left),
    (S.EMPTY, Chosen): _MOVING,
    (S.EMPTY, Looked): Step(frozenset({S.HOLDING, S.WAITING}), _looked_while_empty),
    (S.EMPTY, Left): _SETTLED,
}
"""Every state answers every event."""


class TopVolumeSlot:
    """The table, running."""

    def __init__(self, held: str) -> None:
        self._machine = Machine(TABLE, S.HOLDING, SlotData(held=held))

    @property
    def held(self) -> str:
        """Who has the slot, or had it last while it changes hands."""
        return self._machine.data.held

    @property
    def wanted(self) -> str:
        """Who is to have it next; empty when nobody waits."""
        return self._machine.data.wanted

    @property
    def state(self) -> SlotState:
        """Where the change is."""
        return self._machine.state

    def handle(self, event: SlotEvent) -> list[SlotEffect]:
        """Apply one event; what the shell must do now, in order."""
        return self._machine.handle(event)


def until_next_day_ms(now_ms: int) -> int:
    """How long until 00:00 UTC; a whole day at midnight itself."""
    return DAY_MS - now_ms % DAY_MS
