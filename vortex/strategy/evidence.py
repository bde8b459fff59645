"""What a strategy looks at: the five engines at one instant, with typed access to their fields."""

import msgspec

from vortex.domain.signals import Direction, Engine, Signal
from vortex.signals.regime import Regime


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """Signals by engine, the regime, the last price and the side under consideration."""

    signals: dict[Engine, Signal]
    regime: Regime
    px: float
    side: Direction

    def number(self, engine: Engine, name: str) -> float:
        """A numeric field of an engine."""
        value = self.signals[engine].fields[name]
        assert not isinstance(value, str), f"{engine}.{name} is text"
        return float(value)

    def text(self, engine: Engine, name: str) -> str:
        """A textual field of an engine."""
        return str(self.signals[engine].fields[name])

    def sided(self, engine: Engine, name: str) -> float:
        """A signed field seen from the side under consideration: positive means in favor."""
        return self.number(engine, name) * self.side

    def agrees(self, engine: Engine) -> bool:
        """Whether an engine points the same way."""
        return self.signals[engine].direction is self.side

    def opposes(self, engine: Engine) -> bool:
        """Whether an engine points the other way."""
        return self.signals[engine].direction == -self.side != 0
