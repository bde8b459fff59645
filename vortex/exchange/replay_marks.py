"""Mark price, index and funding of a recording at any moment: straight lines through recorded candles, else derived."""

import msgspec

from vortex.exchange.market_events import MarkState
from vortex.exchange.replay_records import FundingRecord, MarkRecord

FUNDING_MS = 8 * 3_600_000


class ReplayMarks:
    """One symbol. Times are those of the exchange; prices are shifted with the rest of the recording."""

    def __init__(self) -> None:
        self._candles: dict[str, MarkRecord] = {}
        self._rate: float | None = None
        self._due_ms = 0

    def take(self, record: MarkRecord | FundingRecord, shift_ms: int) -> None:
        """A candle begins, or the rate of the next settlement is known."""
        if isinstance(record, MarkRecord):
            moved = msgspec.structs.replace(record, ts_ms=record.ts_ms + shift_ms, end_ms=record.end_ms + shift_ms)
            self._candles[record.what] = moved
            return
        self._rate = record.rate
        self._due_ms = record.due_ms + shift_ms if record.due_ms else 0

    def at(self, derived: MarkState, shift: float) -> MarkState:
        """What is known at the time of `derived`, and what was derived for the rest; `shift` in quote units."""
        mark = self._line("mark", derived.ts_ms)
        index = self._line("index", derived.ts_ms)
        premium = self._line("premium", derived.ts_ms)
        mark = derived.mark if mark is None else mark + shift
        if index is not None:
            index += shift
        elif premium is not None:
            index = mark / (1.0 + premium)
        else:
            index = mark * derived.index / derived.mark
        rate = derived.funding_rate if self._rate is None else self._rate
        due = self._due(derived)
        return MarkState(derived.ts_ms, derived.symbol, round(mark, 8), round(index, 8), rate, due)

    def _line(self, what: str, ts_ms: int) -> float | None:
        candle = self._candles.get(what)
        if candle is None or not candle.ts_ms <= ts_ms < candle.end_ms:
            return None
        share = (ts_ms - candle.ts_ms) / (candle.end_ms - candle.ts_ms)
        return candle.opened + (candle.closed - candle.opened) * share

    def _due(self, derived: MarkState) -> int:
        """The next settlement: the recorded one, then every eight hours from it."""
        if not self._due_ms:
            return derived.next_funding_ms
        if self._due_ms > derived.ts_ms:
            return self._due_ms
        return self._due_ms + ((derived.ts_ms - self._due_ms) // FUNDING_MS + 1) * FUNDING_MS
