"""Who plays: builds the real engines, with settings that make accidents frequent and waits short."""

from collections.abc import Callable, Mapping

from vortex.domain.instruments import Instrument
from vortex.domain.lease import Lease
from vortex.domain.records import JournalSnapshot
from vortex.engine.breaker import BreakerEngine
from vortex.engine.executor import ExecutorEngine
from vortex.engine.symbol import SymbolEngine
from vortex.execution.settings import ExecutionSettings
from vortex.kernel.clock import SECOND
from vortex.ports import PermitReader
from vortex.risk.breaker_settings import BreakerSettings
from vortex.sim.process import Process
from vortex.sim.trader import CoinBoard, CoinTrader, Mood
from vortex.sim.venue_link import VenueLink
from vortex.sim.world import World

EXECUTION = ExecutionSettings(
    account_every_ms=1_000,
    reconcile_every_ms=10_000,
    absent_after_opening_ms=3_000,
    trail_every_ms=1_000,
    feed_lost_ms=3_000,
    hold_limit_ms=15_000,
    entry_pause_ms=250,
    price_gap_pause_ms=5_000,
)
"""Not-found is believed after 3 s: no request can still arrive by then (its window is 1 s)."""

BREAKERS = BreakerSettings(
    loss_streak=3,
    loss_streak_cooldown_ms=4_000,
    hourly_losses=6,
    hourly_losses_cooldown_ms=5_000,
    hourly_trades=1_000,
    daily_trades=1_000,
    api_close_after_ms=8_000,
)
"""Losing streaks trip often and for a few seconds, so that vetoes come and go within one run."""

FAR = 1_000_000


class OpenGate:
    """The mutant's permit: always yes, whatever the breaker thinks."""

    def __init__(self, world: World) -> None:
        self._world = world

    def read(self) -> Lease | None:
        """A lease that allows everything."""
        return Lease(
            epoch=FAR,
            allows=True,
            judged_through=FAR,
            expires_mono_ns=self._world.clock.mono() + SECOND,
        )


class Cast:
    """Engines of one run."""

    def __init__(self, world: World, symbols: tuple[str, ...], *, gate_open: bool) -> None:
        self.world = world
        self.symbols = symbols
        self.mood = Mood()
        self.positions_max = EXECUTION.max_positions
        self.window_ms = EXECUTION.receive_window_ms
        self._gate_open = gate_open

    def executor(
        self,
        process: Process,
        snapshot: JournalSnapshot,
        instruments: Mapping[str, Instrument],
        permit: PermitReader,
        replaced: Callable[[], bool],
        link: VenueLink,
        *,
        confirmed: bool,
    ) -> ExecutorEngine:
        """The single door; `confirmed` says that its predecessor is known to be dead."""
        return ExecutorEngine(
            epoch=process.epoch,
            clock=self.world.clock,
            journal=snapshot,
            instruments=instruments,
            symbols=self.symbols,
            permit=OpenGate(self.world) if self._gate_open else permit,
            replaced=replaced,
            settings=EXECUTION,
            predecessor_dead=confirmed,
            venue_ms=link.venue_ms,
        )

    def breaker(self, process: Process, snapshot: JournalSnapshot, saved: str | None) -> BreakerEngine:
        """The veto, with the memory of the one before."""
        return BreakerEngine(
            epoch=process.epoch,
            clock=self.world.clock,
            settings=BREAKERS,
            saved_json=saved,
            closed=snapshot.closed,
            last_close_seq=snapshot.last_close_seq,
        )

    def symbol(self, process: Process, symbol: str) -> SymbolEngine:
        """The position machine, led by a trader who tosses coins."""
        rng = self.world.rng.fork(f"trader/{process.name}")
        board = CoinBoard(rng.fork("board"))
        trader = CoinTrader(symbol, board, rng, self.mood)
        return SymbolEngine(
            symbol=symbol,
            epoch=process.epoch,
            clock=self.world.clock,
            board=board,
            decide=trader.decide,
            plan=trader.plan,
            settings=EXECUTION,
        )
