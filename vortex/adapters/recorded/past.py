"""The past of a recording: what was recorded of the days before its beginning, in place of what was made up."""

from collections.abc import Iterator, Sequence

import msgspec

from vortex.adapters.recorded.candles import joined, length_of
from vortex.adapters.recorded.layouts import Kind, Layout
from vortex.adapters.recorded.plan import Plan, minutes_of
from vortex.adapters.recorded.reading import records_of
from vortex.adapters.recorded.units import Units
from vortex.exchange.history import DAY_MS, MINUTE_MS, Candle, FundingPoint, History
from vortex.exchange.history_fit import recorded_minutes, with_minutes
from vortex.exchange.instruments import Instrument
from vortex.exchange.market_events import OpenInterestState, RatioState
from vortex.exchange.replay_records import FundingRecord, MetricRecord

PAST_MS = 14 * DAY_MS
PERIOD_MS = 300_000
STALE_MS = 1_800_000
"""Readings of open interest that end so long before the beginning are not used: what lies between is unknown."""


class RecordedPast:
    """Joins a symbol's recorded past to a made-up one that ends at the first price; `plan.derived` says what it is."""

    def __init__(self, plan: Plan, units: Units, instrument: Instrument, start_ms: int, shift_ms: int) -> None:
        self._plan = plan
        self._units = units
        self._instrument = instrument
        self._start_ms = start_ms
        self._shift_ms = shift_ms
        self._first_ms = plan.first_ms
        self._minute_shift = (
            plan.first_ms + shift_ms
        ) // MINUTE_MS * MINUTE_MS - plan.first_ms // MINUTE_MS * MINUTE_MS

    def joined(self, history: History, first_px: int) -> History:
        """The history with everything that was recorded before the beginning."""
        return self._with_polls(self._with_funding(self._with_candles(history, first_px)))

    def _with_candles(self, history: History, first_px: int) -> History:
        to_ms = self._first_ms // MINUTE_MS * MINUTE_MS
        minutes = self._moved(minutes_of(self._plan, self._units, to_ms - PAST_MS, to_ms))
        derived = self._plan.derived
        if minutes:
            rows = recorded_minutes(minutes, self._start_ms, first_px, history)
            history = with_minutes(history, rows, history.trades)
            derived.append(f"past: {len(minutes)} recorded minutes, older ones and the last prints generated")
        else:
            derived.append("past: generated, ending at the first recorded price")
        mark, index = (self._priced(kind, to_ms) for kind in (Kind.MARK_PRICE, Kind.INDEX_PRICE))
        return msgspec.structs.replace(history, mark=mark, index=index)

    def _priced(self, kind: Kind, to_ms: int) -> tuple[Candle, ...]:
        """Minutes of the mark or the index price."""
        layouts = [(length_of(each), each) for each in self._of(kind)]
        found = joined(layouts, self._units, to_ms - PAST_MS, to_ms)
        return tuple(self._moved([found[at] for at in sorted(found)]))

    def _moved(self, minutes: Sequence[Candle]) -> list[Candle]:
        return [msgspec.structs.replace(each, open_ms=each.open_ms + self._minute_shift) for each in minutes]

    def _with_funding(self, history: History) -> History:
        closes = {each.open_ms + MINUTE_MS: each.close_ticks for each in history.candles["1m"]}
        tick = float(self._instrument.tick)
        last_px = history.candles["1m"][-1].close_ticks
        points = []
        for record in self._records(Kind.FUNDING):
            if isinstance(record, FundingRecord) and self._first_ms - PAST_MS <= record.due_ms <= self._first_ms:
                at_ms = record.due_ms + self._shift_ms
                px = closes.get(at_ms // MINUTE_MS * MINUTE_MS, last_px)
                points.append(FundingPoint(at_ms, record.rate, round(px * tick, 8)))
        if not points:
            return history
        self._plan.derived.append(f"past funding: {len(points)} recorded settlements")
        older = tuple(each for each in history.funding if each.ts_ms < points[0].ts_ms - PERIOD_MS)
        return msgspec.structs.replace(history, funding=(*older, *points))

    def _with_polls(self, history: History) -> History:
        """Five-minute points of open interest and ratios; those from before the recording are joined to it in size."""
        found: dict[int, MetricRecord] = {}
        for record in self._records(Kind.METRICS):
            if isinstance(record, MetricRecord) and self._first_ms - PAST_MS <= record.ts_ms < self._first_ms:
                found[(record.ts_ms + self._shift_ms) // PERIOD_MS * PERIOD_MS] = record
        if not found or max(found) < self._start_ms - STALE_MS:
            return history
        first_ms, symbol = min(found), self._plan.symbol
        interest, ratios = list[OpenInterestState](), list[RatioState]()
        known = found[first_ms]
        for at_ms in range(first_ms, self._start_ms, PERIOD_MS):
            known = found.get(at_ms, known)
            interest.append(OpenInterestState(at_ms, symbol, known.interest_lots))
            ratios.append(_ratios(at_ms, symbol, known))
        older = [each for each in history.open_interest if each.ts_ms < first_ms]
        scale = interest[0].lots / older[-1].lots if older else 1.0
        before = [OpenInterestState(each.ts_ms, symbol, max(1, int(each.lots * scale))) for each in older]
        recent = [OpenInterestState(each.ts_ms, symbol, interest[-1].lots) for each in history.open_interest_recent]
        self._plan.derived.append(f"past open interest and ratios: {len(found)} recorded points")
        return msgspec.structs.replace(
            history,
            open_interest=(*before, *interest),
            open_interest_recent=tuple(recent),
            ratios=(*(each for each in history.ratios if each.ts_ms < first_ms), *ratios),
        )

    def _of(self, kind: Kind) -> list[Layout]:
        return [each for each in self._plan.slow if each.kind is kind]

    def _records(self, kind: Kind) -> Iterator[object]:
        for layout in self._of(kind):
            yield from records_of(layout, self._plan.symbol, self._units)


def _ratios(at_ms: int, symbol: str, record: MetricRecord) -> RatioState:
    return RatioState(
        at_ms,
        symbol,
        record.global_long,
        record.top_account_long,
        record.top_position_long,
        record.taker_buy_share,
    )
