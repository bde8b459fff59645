"""One symbol's recording, wound forward onto the exchange's clock, and back again at its end when it loops."""

from collections import Counter
from collections.abc import Iterator

import msgspec

from vortex.adapters.recorded.plan import Plan, fast_of, slow_of
from vortex.adapters.recorded.units import Units
from vortex.exchange.generator_profile import STEP_MS
from vortex.exchange.market_events import MarketEvent
from vortex.exchange.replay import Replay
from vortex.exchange.replay_records import (
    FundingRecord,
    MarkRecord,
    MetricRecord,
    ReplayRecord,
    ShapeRecord,
    TradeRecord,
)

FRESH_MS = 1_800_000
"""Open interest and ratios that were recorded so shortly before the beginning are those of the beginning."""


class Reel:
    """Trades and books set the pace; what is recorded all day long is told in between."""

    def __init__(self, plan: Plan, units: Units, replay: Replay) -> None:
        self.plan = plan
        self.replay = replay
        self._units = units
        self.rounds = 1
        self.last_ms = replay.shift_ms + plan.first_ms
        """Exchange time of the last trade or book told."""
        self._first_px = 0
        self._landed_ms = 0
        self._fast = self._wound(plan.refused)
        self._slow = slow_of(plan, units)
        self._next: ReplayRecord | None = None
        self._next_slow: ReplayRecord | None = None
        self._step()
        self._prepare()

    @property
    def next_ms(self) -> int | None:
        """Exchange time of the next trade or book; None at the end."""
        return None if self._next is None else self._next.ts_ms + self.replay.shift_ms

    def skip(self, pause_ms: int, lands_ms: int) -> None:
        """Nothing was recorded for so long: what follows comes that much earlier, from `lands_ms` on."""
        self.replay.shift_ms -= pause_ms
        self._landed_ms = lands_ms

    def play(self, to_ms: int, *, loop: bool) -> list[MarketEvent]:
        """What trades and books up to `to_ms` of the exchange bring, with everything before the last of them."""
        events: list[MarketEvent] = []
        while self._next is not None:
            at = self._next.ts_ms + self.replay.shift_ms
            if at > to_ms:
                break
            self._tell_slow(at, events)
            events += self.replay.take(self._next)
            self.last_ms = at
            self._step()
            if self._next is None and loop:
                self._rewind()
        return events

    def rest(self, to_ms: int) -> list[MarketEvent]:
        """What happens after the last trade or book, up to `to_ms`."""
        events: list[MarketEvent] = []
        self._tell_slow(to_ms, events)
        return events + self.replay.until(to_ms)

    def _step(self) -> None:
        self._next = next(self._fast, None)
        if not self._first_px and isinstance(self._next, TradeRecord):
            self._first_px = self._next.px_ticks

    def _tell_slow(self, to_ms: int, events: list[MarketEvent]) -> None:
        """Tell it in time; what was recorded during a pause that was skipped is told after it."""
        while self._next_slow is not None:
            at = max(self._next_slow.ts_ms + self.replay.shift_ms, self._landed_ms)
            if at > to_ms:
                return
            events += self.replay.take(msgspec.structs.replace(self._next_slow, ts_ms=at - self.replay.shift_ms))
            self._next_slow = next(self._slow, None)

    def _prepare(self) -> None:
        """What is known at the beginning from before it."""
        self._next_slow = next(self._slow, None)
        first_ms = self.plan.first_ms
        while self._next_slow is not None and self._next_slow.ts_ms < first_ms:
            fresh = self._next_slow.ts_ms > first_ms - FRESH_MS
            if isinstance(self._next_slow, FundingRecord | MarkRecord | ShapeRecord) or (
                isinstance(self._next_slow, MetricRecord) and fresh
            ):
                self.replay.know(self._next_slow)
            self._next_slow = next(self._slow, None)

    def _rewind(self) -> None:
        """Begin anew where the recording ended: in time a step later, in price with the last print."""
        replay = self.replay
        replay.shift_ms = self.last_ms + STEP_MS - self.plan.first_ms
        replay.shift_ticks = _continued(replay.last_px, self._first_px)
        replay.restart()
        self.rounds += 1
        self._fast = self._wound(None)
        self._slow = slow_of(self.plan, self._units)
        self._step()
        self._prepare()

    def _wound(self, refused: Counter[str] | None) -> Iterator[ReplayRecord]:
        """The stream from the first print on; a book that began earlier is brought up to that moment."""
        for record in fast_of(self.plan, self._units, refused):
            if record.ts_ms >= self.plan.first_ms:
                yield record
            elif not isinstance(record, TradeRecord):
                yield msgspec.structs.replace(record, ts_ms=self.plan.first_ms)


def _continued(last_px: int, first_px: int) -> int:
    """The shift that joins two rounds, unless rounds have carried the price far from where it was recorded."""
    shift = last_px - first_px
    return shift if abs(shift) < first_px // 2 else 0
