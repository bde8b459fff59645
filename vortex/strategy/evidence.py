"""What a strategy looks at: the five engines at one instant, with typed access to their fields."""

from typing import Any

import msgspec

from vortex.domain.signals import Direction, Engine, Signal
from vortex.signals.regime import Regime


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """Signals by engine, the regime, the last price and the side under consideration."""

    signals: dict[Engine, Signal]
    regime: Regime
    px: float
    side: Direction

    def numbers(self, engine: Engine) -> dict[str, float]:
        """The numeric fields of an engine; true and false are numbers too."""
        fields: Any = self.signals[engine].fields
        numbers: dict[str, float] = fields
        return numbers

    def texts(self, engine: Engine) -> dict[str, str]:
        """The textual fields of an engine."""
        fields: Any = self.signals[engine].fields
        texts: dict[str, str] = fields
        return texts

    def agrees(self, engine: Engine) -> bool:
        """Whether an engine points the same way."""
        return self.signals[engine].direction is self.side

    def opposes(self, engine: Engine) -> bool:
        """Whether an engine points the other way."""
        return self.signals[engine].direction == -self.side != 0
