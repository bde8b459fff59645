"""Where a market comes from: one contract for the seeded generator and for recorded files."""

from typing import Protocol

from vortex.exchange.history import History
from vortex.exchange.market_events import MarketEvent


class MarketSource(Protocol):
    """A market that is told how far time has gone and says what happened.

    1. Events come in time order, every `ts_ms` at or after `start_ms`; ties keep the order of the source.
    2. The story does not depend on the size of the steps: `advance(t2)` says what `advance(t1)` followed by
       `advance(t2)` say together.
    3. `history(symbol)` ends where the live events begin: same price, same open candle.
    """

    @property
    def symbols(self) -> tuple[str, ...]:
        """The traded symbols, in a fixed order."""
        ...

    @property
    def start_ms(self) -> int:
        """When live events begin, unix ms of the exchange's clock."""
        ...

    def history(self, symbol: str) -> History:
        """What happened to `symbol` before `start_ms`."""
        ...

    def advance(self, to_ms: int) -> list[MarketEvent]:
        """All events not told yet with ts_ms <= to_ms, in time order. Going back tells nothing."""
        ...

    def impulse(self, symbol: str, jump_pct: float) -> None:
        """A scripted move: from the next book state on, prices stand `jump_pct` percent elsewhere."""
        ...
