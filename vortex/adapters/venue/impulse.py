"""Scripted moves of the market, kept within what a market can be moved to."""

from contextlib import suppress

from vortex.exchange.market_source import MarketSource
from vortex.kernel.errors import ConfigError

FAR = 10.0
"""All moves together leave a price between a tenth and ten times of where it would stand without them."""


class Impulses:
    """Moves prices, one jump after another."""

    def __init__(self, source: MarketSource) -> None:
        self._source = source
        self._moved: dict[str, float] = {}

    def move(self, symbol: str, jump_pct: float) -> None:
        """From the next book on prices stand elsewhere; raises ConfigError when they cannot."""
        factor = self._moved.get(symbol, 1.0) * (1.0 + jump_pct / 100.0)
        if not 1.0 / FAR <= factor <= FAR:
            raise ConfigError(f"cannot move {symbol} by {jump_pct} %: that is too far from where it would stand")
        self._source.impulse(symbol, jump_pct)
        self._moved[symbol] = factor

    def try_move(self, symbol: str, jump_pct: float) -> None:
        """The same for a fault, which strikes in the middle of things: what cannot be done is left undone."""
        with suppress(ConfigError):
            self.move(symbol, jump_pct)
