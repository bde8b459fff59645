"""Reads numbers straight out of the fixed layout's bytes: numpy takes 0.3 µs for a scalar that this finds in 0.05."""

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vortex.signals.layout import STATE

WORD = 8


class Fields:
    """Some fields of one record of the state, read at once; what stands in between is skipped."""

    def __init__(self, state: NDArray[np.void], record: str, names: str) -> None:
        """`names` are separated by blanks and stand in the order of the layout; an array gives all its numbers."""
        layout, self._start = _fields(STATE)[record]
        fields = _fields(layout)
        parts, at = ["="], 0
        for name in names.split():
            kind, offset = fields[name]
            assert offset >= at, f"{record}.{name} stands before the field named before it"
            parts.append(f"{offset - at}x{_code(kind)}")
            at = offset + kind.itemsize
        self._unpack = struct.Struct("".join(parts)).unpack_from
        self._bytes = state.view(np.uint8).data

    def read(self) -> tuple[Any, ...]:
        """Python numbers in the order of the names."""
        return self._unpack(self._bytes, self._start)


def word_of(*path: str) -> int:
    """Where a scalar, or the first number of an array, stands in the state, in words of eight bytes."""
    layout, offset = STATE, 0
    for name in path:
        layout, start = _fields(layout)[name]
        offset += start
    assert offset % WORD == 0, f"{'.'.join(path)} does not begin at a word"
    return offset // WORD


def integers(state: NDArray[np.void]) -> "memoryview[int]":
    """The state as words; an integer is read or written by its `word_of`."""
    return state.view(np.uint8).data.cast("B").cast("q")


def floats(state: NDArray[np.void]) -> "memoryview[float]":
    """The same words as floating-point numbers."""
    return state.view(np.uint8).data.cast("B").cast("d")


def _fields(layout: np.dtype[np.void]) -> dict[str, tuple[np.dtype[np.void], int]]:
    """Name to kind and offset."""
    assert layout.fields is not None, "only records have fields"
    return {name: (field[0], field[1]) for name, field in layout.fields.items()}


def _code(kind: np.dtype[np.void]) -> str:
    """The struct module's letter, with the length of an array before it."""
    count = kind.shape[0] if kind.shape else 1
    return str(count) + {"i": "q", "f": "d"}[kind.base.kind]
