"""Which slot of the beats page belongs to whom; a slot is given again only after its owner's death is certain."""

from vortex.adapters.beats import SLOTS, BeatsPage
from vortex.kernel.errors import LocalViolation


class Slots:
    """Free slots of one page, lowest first."""

    def __init__(self, page: BeatsPage) -> None:
        self._page = page
        self._taken: set[int] = set()

    def take(self) -> int:
        """A cleared slot; raises LocalViolation when the page is full."""
        for index in range(SLOTS):
            if index not in self._taken:
                self._taken.add(index)
                self._page.clear(index)
                return index
        raise LocalViolation(f"all {SLOTS} slots of the beats page are taken")

    def occupy(self, index: int) -> None:
        """An adopted process keeps its slot."""
        self._taken.add(index)

    def give_back(self, index: int) -> None:
        """Its owner is dead."""
        self._taken.discard(index)
