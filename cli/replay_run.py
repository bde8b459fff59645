"""Opens recorded or generated events and runs them through the replay; times reading and computing apart."""

import dataclasses
import hashlib
import resource
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import msgspec

from cli.replay_past import SessionPasts
from cli.replay_reference import References
from vortex.adapters.recorded.market import RecordedMarket
from vortex.adapters.recorded.plan import Plan, plans_of, stream_of
from vortex.adapters.recorded.reading import Units
from vortex.exchange.generator_profile import profile_of
from vortex.exchange.instruments import DEFAULT_INSTRUMENTS
from vortex.exchange.replay_records import ReplayRecord, TradeRecord
from vortex.kernel.clock import SECOND, Clock
from vortex.kernel.errors import ConfigError
from vortex.market.jit import cache_message
from vortex.settings import Settings
from vortex.signals.generated import generate_history
from vortex.sim.replay_desk import ReplayDesk, ReplaySettings, Watcher
from vortex.sim.replay_fills import FillSettings
from vortex.sim.replay_report import SymbolReport
from vortex.sim.replay_rows import Batch
from vortex.sim.replay_source import RecordedSession, SessionStart, Teller, generated_batches, recorded_batches
from vortex.sim.words import instrument_of
from vortex.strategy.warm_start import compile_all

BATCH_EVENTS = 4_096
GENERATED_START_MS = 1_700_000_000_000
GENERATED_PX = 60_000.0
GENERATED_SYMBOL = "BTCUSDT"
SEED = 7
TELL_EVERY_NS = 5 * SECOND

Tell = Callable[[str], None]


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """Totals over all symbols.

    `seconds` is what computing took, `engines_seconds` the kernels' part of it (feed, engines, score), `read_seconds`
    what reading or generating the events took, which is not in `seconds`. `rows_refused` counts rows of the files that
    were left out, and levels of a book that crosses, by symbol and reason.
    """

    events: int
    seconds: float
    events_per_s: float
    engines_seconds: float
    engines_events_per_s: float
    read_seconds: float
    peak_rss_mb: float
    orders: int
    decisions: int
    trades: int
    pnl_net: Decimal
    hash: str
    derived: dict[str, list[str]]
    unused: dict[str, list[str]]
    rows_refused: dict[str, dict[str, int]]
    symbols: dict[str, SymbolReport]


def replay_settings(settings: Settings, sample_ms: int) -> ReplaySettings:
    """What a replay takes from the settings in force."""
    execution = settings.execution
    return ReplaySettings(
        signals=settings.signals,
        decision=settings.decision,
        risk=settings.risk,
        fills=FillSettings(
            maker_rate=execution.maker_rate,
            taker_rate=execution.taker_rate,
            partial_keep_percent=execution.partial_keep_percent,
            trail_every_ms=execution.trail_every_ms,
            hold_limit_ms=execution.hold_limit_ms,
        ),
        entry_pause_ms=execution.entry_pause_ms,
        sample_ms=sample_ms,
    )


class Run:
    """Adds up symbol after symbol."""

    def __init__(
        self, settings: ReplaySettings, clock: Clock, tell: Tell, watch: Callable[[str], Watcher] | None = None
    ) -> None:
        """`watch` makes, for each symbol, who looks at its samples."""
        self._settings = settings
        self._watch = watch
        self._clock = clock
        self._tell = tell
        self._computing_ns = self._reading_ns = self._kernel_ns = 0
        self._reports: dict[str, SymbolReport] = {}
        self._derived: dict[str, list[str]] = {}
        self._unused: dict[str, list[str]] = {}
        self._rows_refused: dict[str, dict[str, int]] = {}
        self._load_kernels()

    def _load_kernels(self) -> None:
        """Without a cache this takes a minute; better said before than after."""
        known = cache_message()
        if known:
            self._tell(known)
        found = compile_all()
        if found != known:
            self._tell(found)

    def recorded(self, paths: Sequence[Path], symbols: Sequence[str] | None, batch_events: int = BATCH_EVENTS) -> None:
        """Replay every symbol with trades in these files, in a stream. Raises ConfigError."""
        units = {name: Units(contract) for name, contract in DEFAULT_INSTRUMENTS.items()}
        plans = plans_of(paths, symbols, units)
        began = self._clock.mono()
        references = References(paths, self._settings.signals.correlation, units)
        self._reading_ns += self._clock.mono() - began
        for plan in plans:
            self._tell(f"replaying {plan.symbol}")
            self._recorded_symbol(plan, paths, units[plan.symbol], references, batch_events)

    def _recorded_symbol(
        self, plan: Plan, paths: Sequence[Path], units: Units, references: References, batch_events: int
    ) -> None:
        symbol = plan.symbol
        market = RecordedMarket(paths, [symbol], plan.first_ms, loop=False, seed=SEED)
        contract = DEFAULT_INSTRUMENTS[symbol]
        instrument = instrument_of(contract)
        desk = ReplayDesk(instrument, self._settings, self._clock, self._watch(symbol) if self._watch else None)
        first_id = desk.warm_up(market.history(symbol))
        first = _first_trade(stream_of(plan, units), symbol)
        profile = profile_of(dataclasses.replace(contract, reference_price=contract.tick * first.px_ticks))
        refused: Counter[str] = Counter()
        teller = Teller(RecordedSession(lambda: stream_of(plan, units, refused), profile, plan.first_ms, SEED))
        desk.refer_to(references.candles)
        pasts = SessionPasts(plan, units, contract, SEED)

        def begin_session(start: SessionStart) -> None:
            desk.begin_session(pasts.before(start), start.next_trade_id)

        self._feed(desk, recorded_batches(teller.events(), instrument, first_id, batch_events), begin_session)
        self._reports[symbol] = desk.finish()
        lost = ["book: imagined from where its recording ends"] if teller.books_lost else []
        left_out = [note for note in plan.derived if note.startswith("left out")]
        self._derived[symbol] = [*market.derived[symbol], *lost, *pasts.derived, *left_out, references.said]
        self._unused[symbol] = [path.name for path in market.unused[symbol]]
        self._rows_refused[symbol] = dict(sorted((refused + teller.mended).items()))

    def generated(self, events: int, seed: int = SEED) -> None:
        """Replay a seeded market with a seeded past, 14 trades to one book."""
        instrument = instrument_of(DEFAULT_INSTRUMENTS[GENERATED_SYMBOL])
        desk = ReplayDesk(instrument, self._settings, self._clock)
        desk.board.warm_up(generate_history(instrument.symbol, GENERATED_START_MS, seed, px=GENERATED_PX))
        self._feed(desk, generated_batches(instrument, events, seed, GENERATED_START_MS, GENERATED_PX))
        self._reports[instrument.symbol] = desk.finish()
        self._derived[instrument.symbol] = ["everything: a seeded random walk"]

    def _feed(
        self,
        desk: ReplayDesk,
        batches: Iterable[Batch | SessionStart],
        begin_session: Callable[[SessionStart], None] | None = None,
    ) -> None:
        mono = self._clock.mono
        source, told, events = iter(batches), mono(), 0
        while True:
            began = mono()
            batch = next(source, None)
            if isinstance(batch, SessionStart):
                assert begin_session is not None, "only a recording has sessions"
                begin_session(batch)
                self._reading_ns += mono() - began
                continue
            read = mono()
            self._reading_ns += read - began
            if batch is None:
                self._kernel_ns += desk.kernel_ns
                return
            desk.feed(batch)
            fed = mono()
            self._computing_ns += fed - read
            events += len(batch.events)
            if fed - told > TELL_EVERY_NS:
                told = fed
                self._tell(f"{events:,} events so far")

    def result(self) -> Replayed:
        """The totals, and each symbol on its own."""
        reports = list(self._reports.values())
        digest = hashlib.sha256("".join(f"{each.symbol} {each.hash}\n" for each in reports).encode())
        seconds, engines = self._computing_ns / SECOND, self._kernel_ns / SECOND
        events = sum(each.events for each in reports)
        return Replayed(
            events=events,
            seconds=round(seconds, 6),
            events_per_s=round(events / seconds, 1) if seconds else 0.0,
            engines_seconds=round(engines, 6),
            engines_events_per_s=round(events / engines, 1) if engines else 0.0,
            read_seconds=round(self._reading_ns / SECOND, 6),
            peak_rss_mb=round(_peak_rss_mb(), 1),
            orders=sum(each.orders for each in reports),
            decisions=sum(each.decisions for each in reports),
            trades=sum(each.figures.trades for each in reports),
            pnl_net=sum((each.figures.net for each in reports), Decimal(0)),
            hash=digest.hexdigest(),
            derived=self._derived,
            unused=self._unused,
            rows_refused=self._rows_refused,
            symbols=self._reports,
        )


def _first_trade(records: Iterator[ReplayRecord], symbol: str) -> TradeRecord:
    for record in records:
        if isinstance(record, TradeRecord):
            return record
    raise ConfigError(f"{symbol}: the recording holds no trades")


def _peak_rss_mb() -> float:
    """Of this process since its start; the system counts KiB, or bytes on macOS."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
