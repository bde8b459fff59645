"""Chance is an input: one seed, named streams, so that adding a stream never disturbs its siblings."""

import hashlib
import random


class Rng(random.Random):
    """A seeded stream of chance that can be forked by name."""

    def __init__(self, seed: int, path: str = "root") -> None:
        self.seed_root = seed
        self.path = path
        digest = hashlib.sha256(f"{seed}/{path}".encode()).digest()
        super().__init__(int.from_bytes(digest[:8], "big"))

    def __reduce__(self) -> tuple[object, ...]:
        return (Rng, (self.seed_root, self.path), self.getstate())

    def fork(self, name: str) -> "Rng":
        """A child stream, a pure function of the root seed and the path to it."""
        return Rng(self.seed_root, f"{self.path}/{name}")

    def chance(self, part: int, whole: int) -> bool:
        """True `part` times in `whole`. Integers, so that a rate is exact and prints the same everywhere."""
        assert 0 <= part <= whole, f"not a chance: {part}/{whole}"
        return self.randrange(whole) < part
