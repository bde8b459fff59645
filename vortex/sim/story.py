"""What happened, line by line: folded into a digest that proves repetition, counted, and printed when asked.

Columns of a trace line, aligned, one line per event:

    time      virtual milliseconds since the run began, with microseconds
    who       the process or thing concerned: `executor#3` is epoch 3 of the executor; `zombie` marks a paused one
    what      the kind of event, `noun.past_verb`
    detail    facts, key=value
"""

import hashlib
from collections import Counter
from collections.abc import Callable

from vortex.sim.world import START_NS, World

HEADER = f"{'time':>13}  {'who':<22} {'what':<22} detail"


class Story:
    """The record of one run. Two runs of one seed have equal digests or something is not deterministic."""

    def __init__(self, world: World, sink: Callable[[str], None] | None = None) -> None:
        self._world = world
        self._sink = sink
        self._hash = hashlib.blake2b(digest_size=8)
        self._hash.update(str(world.seed).encode())
        self.counts: Counter[str] = Counter()
        self.lines = 0

    def tell(self, who: str, what: str, detail: str = "") -> None:
        """Add one line."""
        now = self._world.now_ns - START_NS
        self.lines += 1
        self.counts[what] += 1
        self._hash.update(f"{now}|{who}|{what}|{detail}\n".encode())
        if self._sink is not None:
            self._sink(f"{now / 1_000_000:13.3f}  {who:<22} {what:<22} {detail}".rstrip())

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits that name this exact run."""
        return self._hash.hexdigest()
