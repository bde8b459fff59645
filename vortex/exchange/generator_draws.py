"""Chance for the generated market: named streams of numbers, a pure function of the seed."""

import zlib
from collections.abc import Iterable

import numpy as np

BLOCK = 4_096
"""Numbers drawn at once. Part of the story: another size tells another one from the same seed."""


EDITION = 1
"""Counts the retellings: after a change of the generator, the default seed is tried again against what it promises."""


class Draws:
    """Uniform and normal numbers of one named stream, drawn in blocks because single draws are slow."""

    def __init__(self, seed: int, name: str) -> None:
        words = [abs(seed), int(seed < 0), zlib.crc32(name.encode()), EDITION]
        self._rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(words)))
        self._uniforms: list[float] = []
        self._normals: list[float] = []

    def uniform(self) -> float:
        """A number in [0, 1)."""
        if not self._uniforms:
            self._uniforms = self._rng.random(BLOCK).tolist()
        return self._uniforms.pop()

    def normal(self) -> float:
        """A standard normal number."""
        if not self._normals:
            self._normals = self._rng.standard_normal(BLOCK).tolist()
        return self._normals.pop()

    def between(self, low: float, high: float) -> float:
        """A number in [low, high)."""
        return low + (high - low) * self.uniform()

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.uniform() < probability


def total(values: Iterable[float]) -> float:
    """Left to right. The built-in sum rounds otherwise from Python 3.12 on, and no story may depend on that."""
    result = 0.0
    for each in values:
        result += each
    return result
