"""Events for replay in the kernels' layout, batch by batch: told from recorded records, or generated."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from vortex.domain.instruments import Instrument
from vortex.exchange.generator_profile import Profile
from vortex.exchange.market_events import MarketEvent
from vortex.exchange.replay import Replay
from vortex.exchange.replay_records import SLOW_RECORDS, FundingRecord, MetricRecord, ReplayRecord, TradeRecord
from vortex.market.layout import Kind
from vortex.signals.generated import generate_market
from vortex.sim.replay_rows import Batch, EventWriter

SESSION_GAP_MS = 600_000
"""After a longer pause of trades and books another session begins, with a past, a book and a crowd of its own."""
SAMPLE_MS = 300_000
"""How much of a session is looked at before it is told, to make its past as lively as it is."""
GENERATED_TRADES_PER_DEPTH = 14
GENERATED_DEPTH_MS = 100
GENERATED_BATCH = 10_000 * (GENERATED_TRADES_PER_DEPTH + 1)
"""Events of one generated stretch: whole rounds of one book and its trades, about 20 MB."""


class RecordedSession(NamedTuple):
    """One symbol's records in time order, and what is needed to tell them as a market."""

    open: Callable[[], Iterator[ReplayRecord]]
    profile: Profile
    first_ms: int
    seed: int


class SessionStart(NamedTuple):
    """A later session begins: what the desk knew is void. `prints` are its first minutes, and never empty.

    `next_trade_id` is the number of its first print; 0 until the batches are made.
    """

    ts_ms: int
    prints: tuple[TradeRecord, ...]
    next_trade_id: int = 0


def wound(records: Iterable[ReplayRecord], first_ms: int) -> Iterator[ReplayRecord]:
    """Records from the first print on; a book and a funding rate from before stand at that moment."""
    funding: FundingRecord | None = None
    for record in records:
        if record.ts_ms >= first_ms:
            if funding is not None:
                yield funding
                funding = None
            yield record
        elif isinstance(record, FundingRecord):
            funding = FundingRecord(first_ms, record.rate)
        elif not isinstance(record, TradeRecord | MetricRecord):
            yield msgspec.structs.replace(record, ts_ms=first_ms)


class Teller:
    """Turns one symbol's records into market events; counts the books that it had to imagine half-way."""

    def __init__(self, session: RecordedSession) -> None:
        self._session = session
        self._replay = Replay(session.profile, session.seed, 0, session.first_ms)
        self._lost = 0
        self._mended: Counter[str] = Counter()
        self.sessions = 1

    @property
    def books_lost(self) -> int:
        """How often the recording of the book ended before that of the trades."""
        return self._lost + self._replay.books_lost

    @property
    def mended(self) -> Counter[str]:
        """Rows that made the book cross, by what was done about them."""
        return self._mended + self._replay.mended

    def events(self) -> Iterator[MarketEvent | SessionStart]:
        """All events in time order, on the recording's own clock. Polls outlive no session."""
        heard_ms = self._session.first_ms
        funding: FundingRecord | None = None
        records = Ahead(wound(self._session.open(), self._session.first_ms))
        for record in records:
            slow = isinstance(record, SLOW_RECORDS)
            if isinstance(record, FundingRecord):
                funding = record
            if record.ts_ms - heard_ms > SESSION_GAP_MS:
                if slow:
                    continue
                self._begin(record.ts_ms, funding)
                prints = first_prints(record, records)
                if prints:
                    yield SessionStart(record.ts_ms, prints)
            if not slow:
                heard_ms = max(heard_ms, record.ts_ms)
            yield from self._replay.take(record)

    def _begin(self, at_ms: int, funding: FundingRecord | None) -> None:
        """Another session: what was known of the book is void, the funding rate holds."""
        self._lost += self._replay.books_lost
        self._mended += self._replay.mended
        self.sessions += 1
        self._replay = Replay(self._session.profile, self._session.seed, 0, at_ms)
        if funding is not None:
            self._replay.take(FundingRecord(at_ms, funding.rate))


class Ahead:
    """An iterator that can be looked into further than it was read."""

    def __init__(self, records: Iterable[ReplayRecord]) -> None:
        self._records = iter(records)
        self._seen: deque[ReplayRecord] = deque()

    def __iter__(self) -> "Ahead":
        return self

    def __next__(self) -> ReplayRecord:
        return self._seen.popleft() if self._seen else next(self._records)

    def look(self) -> Iterator[ReplayRecord]:
        """What comes next, without taking it."""
        yield from tuple(self._seen)
        for record in self._records:
            self._seen.append(record)
            yield record


def first_prints(first: ReplayRecord, records: Ahead) -> tuple[TradeRecord, ...]:
    """The prints of a session's first minutes, beginning with the record `first` that was taken already."""
    found = [first] if isinstance(first, TradeRecord) else []
    heard_ms = first.ts_ms
    for record in records.look():
        if isinstance(record, SLOW_RECORDS):
            continue
        if record.ts_ms - heard_ms > SESSION_GAP_MS or (found and record.ts_ms > found[0].ts_ms + SAMPLE_MS):
            break
        heard_ms = max(heard_ms, record.ts_ms)
        if isinstance(record, TradeRecord):
            found.append(record)
    return tuple(found)


def recorded_batches(
    events: Iterable[MarketEvent | SessionStart], instrument: Instrument, first_trade_id: int, size: int
) -> Iterator[Batch | SessionStart]:
    """Market events as batches of about `size` rows, sessions apart; trades are numbered from `first_trade_id`."""
    writer = EventWriter(instrument, first_trade_id, size)
    put = 0
    for event in events:
        if isinstance(event, SessionStart):
            if put:
                yield writer.batch()
            yield event._replace(next_trade_id=writer.next_trade_id)
            put = 0
            continue
        writer.put(event)
        put += 1
        if put == size:
            yield writer.batch()
            put = 0
    if put:
        yield writer.batch()


def generated_batches(instrument: Instrument, events: int, seed: int, start_ms: int, px: float) -> Iterator[Batch]:
    """A seeded market of `events` events, one stretch after another, continuous in time, price and ids."""
    tick = float(instrument.tick_size)
    trades = books = 0
    for stretch in range((events + GENERATED_BATCH - 1) // GENERATED_BATCH):
        count = min(GENERATED_BATCH, events - stretch * GENERATED_BATCH)
        market = generate_market(
            count,
            seed + stretch,
            trades_per_depth=GENERATED_TRADES_PER_DEPTH,
            start_ms=start_ms + books * GENERATED_DEPTH_MS,
            depth_ms=GENERATED_DEPTH_MS,
            px=px,
            tick=tick,
        )
        rounds = len(market.books)
        rows = market.events
        depth = rows["kind"] == Kind.DEPTH
        rows["id"] += np.where(depth, books, trades)
        rows["prev_id"] += np.where(depth, books, 0)
        _on_grid(rows, market.books, instrument)
        px = float(market.books[-1, 0, 0])
        trades += count - rounds
        books += rounds
        yield Batch(rows, market.books, market.candles)


def _on_grid(rows: NDArray[np.void], books: NDArray[np.float64], instrument: Instrument) -> None:
    """Prices as the exchange would print them: the float nearest to the decimal number."""
    over, under = instrument.tick_size.as_integer_ratio()
    for prices in (rows["px"], books[:, :, 0], books[:, :, 2]):
        prices[:] = np.rint(prices * (under / over)) * over / under
