"""Faults on the way from the exchange to its readers: messages lost, doubled, late, overtaken, out of their chain."""

from collections import deque
from typing import Any

from vortex.exchange.events import Outbound, StreamEvent
from vortex.exchange.faults import EVENT_KINDS, FaultBook

HELD_MAX_MS = 1_000
"""Exchange time for which a message waits to be overtaken."""


def name_of(event: Outbound) -> str:
    """What the `stream` filter of a fault is matched against."""
    return event.stream if isinstance(event, StreamEvent) else f"user {event.payload['e']}"


def symbol_of(event: Outbound) -> str:
    """Whose market or position it is about; empty when it is about none in particular."""
    if isinstance(event, StreamEvent):
        symbol, joint, _ = event.stream.partition("@")
        return symbol.upper() if joint and not symbol.startswith("!") else ""
    body: Any = event.payload.get("o") or event.payload.get("ac") or event.payload
    positions: Any = event.payload.get("a", {}).get("P", ()) if isinstance(event.payload.get("a"), dict) else ()
    return str(positions[0]["s"] if positions else body.get("s", ""))


def _audience(event: Outbound) -> str:
    """Who hears it: only there can it be overtaken."""
    return event.stream if isinstance(event, StreamEvent) else f"user {event.account}"


def _lane(event: Outbound) -> str:
    """Messages of one lane never change their order when they are late (5.3)."""
    return event.stream if isinstance(event, StreamEvent) else f"user {event.account} {event.payload['e']}"


def _torn(event: Outbound) -> Outbound:
    """The same depth message with a hole before it: `pu`, and `U` where it can, do not meet the message before."""
    payload = event.payload
    if not isinstance(event, StreamEvent) or not isinstance(payload, dict) or "pu" not in payload:
        return event
    return StreamEvent(event.stream, {**payload, "U": min(payload["U"] + 1, payload["u"]), "pu": payload["pu"] + 1})


class EventFaults:
    """What is held back, and until when. `now_ms` is exchange time, `wall_ms` that of the world outside."""

    def __init__(self, faults: FaultBook) -> None:
        self._faults = faults
        self._overtaken: list[tuple[int, Outbound]] = []
        self._late: dict[str, deque[tuple[int, Outbound]]] = {}

    @property
    def idle(self) -> bool:
        """Does every message pass untouched?"""
        return not (self._faults.active or self._overtaken or self._late)

    def pass_on(self, event: Outbound, now_ms: int, wall_ms: int) -> list[Outbound]:
        """What is told now, in order, because of this message."""
        struck = self._faults.strike(EVENT_KINDS, now_ms, stream=name_of(event), symbol=symbol_of(event))
        kinds = {fault.kind for fault in struck}
        if "drop_event" in kinds:
            return []
        if "depth_gap" in kinds:
            event = _torn(event)
        told = [event, event] if "duplicate_event" in kinds else [event]
        lane, late = _lane(event), max((int(each.value) for each in struck if each.kind == "delay_event"), default=0)
        if late or lane in self._late:
            queue = self._late.setdefault(lane, deque())
            due = max(wall_ms + late, queue[-1][0] if queue else 0)
            queue.extend((due, each) for each in told)
            return []
        if "reorder_event" in kinds:
            self._overtaken.append((now_ms, event))
            return []
        return told + self._released({_audience(event)})

    def due(self, now_ms: int, wall_ms: int) -> list[Outbound]:
        """What has waited long enough."""
        told: list[Outbound] = []
        for lane, queue in list(self._late.items()):
            while queue and queue[0][0] <= wall_ms:
                told.append(queue.popleft()[1])
            if not queue:
                del self._late[lane]
        return told + self._released(
            {_audience(late) for since, late in self._overtaken if now_ms - since >= HELD_MAX_MS}
        )

    def _released(self, audiences: set[str]) -> list[Outbound]:
        """What waited to be overtaken by these audiences' next message."""
        if not self._overtaken:
            return []
        told = [late for _, late in self._overtaken if _audience(late) in audiences]
        self._overtaken = [(since, late) for since, late in self._overtaken if _audience(late) not in audiences]
        return told
