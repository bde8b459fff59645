"""Puts one sender's messages back in order: async Ray actors deliver them out of order (ADR 0003)."""

from typing import Generic, TypeVar

from vortex.kernel.errors import LocalViolation

T = TypeVar("T")


class GapTooWide(LocalViolation):
    """A message is missing and too many later ones wait for it; the session must be opened anew."""


class Resequencer(Generic[T]):
    """Holds early messages, drops repeats, releases runs in order. One per sender and epoch."""

    def __init__(self, next_seq: int = 1, held_max: int = 1_000) -> None:
        self._next = next_seq
        self._held_max = held_max
        self._held: dict[int, T] = {}

    @property
    def waiting(self) -> int:
        """How many messages wait for an earlier one."""
        return len(self._held)

    def offer(self, seq: int, item: T) -> list[T]:
        """Take one message; return those that are now in order, possibly none."""
        if seq < self._next or seq in self._held:
            return []
        if len(self._held) >= self._held_max:
            raise GapTooWide(f"waiting for {self._next}, holding {self._held_max}")
        self._held[seq] = item
        ready: list[T] = []
        while self._next in self._held:
            ready.append(self._held.pop(self._next))
            self._next += 1
        return ready
