"""A light market for simulation: every symbol walks at random, jumps when told to, and shows a thin book."""

from vortex.exchange.history import History, all_intervals, minute_candles
from vortex.exchange.instruments import DEFAULT_INSTRUMENTS
from vortex.exchange.market_events import BookState, Levels, MarketEvent, MarketTrade, MarkState
from vortex.kernel.rng import Rng

BOOK_MS = 200
MARK_MS = 1_000
LEVELS = 5
STEP_TICKS = 6
FUNDING_MS = 8 * 3_600_000


class LightMarket:
    """A MarketSource a hundred times cheaper than the generator, made for accidents and not for statistics."""

    def __init__(self, rng: Rng, symbols: tuple[str, ...], start_ms: int) -> None:
        self._rng = rng
        self._symbols = symbols
        self._start_ms = start_ms
        self._told_ms = start_ms - 1
        self._mid = {
            symbol: int(DEFAULT_INSTRUMENTS[symbol].reference_price / DEFAULT_INSTRUMENTS[symbol].tick)
            for symbol in symbols
        }

    @property
    def symbols(self) -> tuple[str, ...]:
        """The traded symbols, in a fixed order."""
        return self._symbols

    @property
    def start_ms(self) -> int:
        """When live events begin."""
        return self._start_ms

    def history(self, symbol: str) -> History:
        """A flat past: nobody here looks at candles."""
        from_ms = self._start_ms // 60_000 * 60_000 - 3_600_000
        minutes = minute_candles((), self._mid[symbol], from_ms, self._start_ms)
        return History(symbol, self._start_ms, all_intervals(minutes), (), (), (), (), ())

    def impulse(self, symbol: str, jump_pct: float) -> None:
        """From the next book on, prices stand elsewhere."""
        self._mid[symbol] += int(self._mid[symbol] * jump_pct / 100)

    def mid_ticks(self, symbol: str) -> int:
        """Where the walk stands."""
        return self._mid[symbol]

    def advance(self, to_ms: int) -> list[MarketEvent]:
        """All events not told yet with ts_ms <= to_ms, in time order."""
        told: list[MarketEvent] = []
        first = self._told_ms // BOOK_MS * BOOK_MS + BOOK_MS
        for ts_ms in range(first, to_ms + 1, BOOK_MS):
            for symbol in self._symbols:
                self._tick(symbol, ts_ms, told)
        self._told_ms = max(self._told_ms, to_ms)
        return told

    def _tick(self, symbol: str, ts_ms: int, told: list[MarketEvent]) -> None:
        rng = self._rng
        mid = self._mid[symbol] + rng.randint(-STEP_TICKS, STEP_TICKS)
        self._mid[symbol] = mid
        bid, ask = mid - rng.randint(1, 3), mid + rng.randint(1, 3)
        for _ in range(rng.randint(0, 2)):
            sold = rng.chance(1, 2)
            px = bid - rng.randint(0, 2) if sold else ask + rng.randint(0, 2)
            told.append(MarketTrade(ts_ms, symbol, px, rng.randint(1, 60), sold))
        told.append(BookState(ts_ms, symbol, self._side(bid, -1), self._side(ask, 1)))
        if ts_ms % MARK_MS == 0:
            price = float(mid * DEFAULT_INSTRUMENTS[symbol].tick)
            funding_ms = (ts_ms // FUNDING_MS + 1) * FUNDING_MS
            told.append(MarkState(ts_ms, symbol, price, price, 0.0001, funding_ms))

    def _side(self, touch: int, away: int) -> Levels:
        bits = self._rng.getrandbits(7 * LEVELS)
        return tuple((touch + away * 2 * depth, 20 + ((bits >> (7 * depth)) & 127)) for depth in range(LEVELS))
