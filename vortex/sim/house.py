"""The whole house of one seed: exchange, journal, wires, supervisor and processes, wired together and set going."""

from collections.abc import Callable
from dataclasses import dataclass

from vortex.domain.commands import Flatten, Halt, LatchKill, LiftHalt, RaiseFence, Reconcile, ResumeTrading
from vortex.domain.effects import Effect
from vortex.domain.market import BestQuote, Trade
from vortex.exchange.market_events import BookState, MarketEvent, MarketTrade
from vortex.exchange.refusal import Refusal
from vortex.kernel.clock import MS
from vortex.sim.breaker_host import BreakerHost
from vortex.sim.cast import Cast
from vortex.sim.exchange import Exchange
from vortex.sim.executor_host import ExecutorHost
from vortex.sim.faults import Swarm
from vortex.sim.journal import SimJournal
from vortex.sim.lines import Lines
from vortex.sim.market import BOOK_MS, LightMarket
from vortex.sim.network import Network
from vortex.sim.oracle import Limits, Oracle
from vortex.sim.overseer import Overseer
from vortex.sim.page import NodePage
from vortex.sim.process import Dice, Life, Process
from vortex.sim.story import Story
from vortex.sim.symbol_host import SymbolHost
from vortex.sim.venue_link import VenueLink
from vortex.sim.words import instrument_of
from vortex.sim.world import World
from vortex.supervision.spec import TreePlan, house

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")

BARE_MS, BARE_MS_UNRELIABLE = 2_000, 12_000
"""Bounds on time without a stop while nothing hinders the executor: the guard's 1 s and a close; and the same when
requests vanish, with timeouts of 1.5 s, snapshots of 3 s and several tries."""
DOUBT_MS = 3_000
"""Where requests vanish, an executor that lives for less cannot settle a doubt: three not-founds over two seconds, a
question a second. Who dies sooner takes the evidence along."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A deliberate defect, built into the hosts by tests that prove the oracle awake."""

    gate_open: bool = False
    journal_after_wire: bool = False
    no_fence: bool = False
    no_announcement: bool = False
    blind_sender: bool = False
    forgetful_breaker: bool = False


HEALTHY = Mutant()


class House:
    """Everything, at the beginning of time."""

    def __init__(self, world: World, story: Story, swarm: Swarm, mutant: Mutant = HEALTHY) -> None:
        self.world, self.story, self.swarm, self.mutant = world, story, swarm, mutant
        self.network = Network(world)
        self.journal = SimJournal(fencing=not mutant.no_fence)
        self.market = LightMarket(world.rng.fork("market"), SYMBOLS, world.now_ms)
        self.exchange = Exchange(
            self.market,
            world.seed,
            lambda: world.now_ms,
            read_lag_ms=swarm.read_lag_ms,
            stop_trigger_ms=swarm.stop_trigger_ms,
        )
        self.cast = Cast(world, SYMBOLS, gate_open=mutant.gate_open)
        limits = Limits(
            positions_max=self.cast.positions_max,
            window_ms=self.cast.window_ms,
            unprotected_ms=BARE_MS if swarm.answers_reliably else BARE_MS_UNRELIABLE,
        )
        self.oracle = Oracle(world, self.journal, self.exchange.account, limits)
        self.page = NodePage(self.oracle.lease_published)
        self.link = VenueLink(
            world, story, self.network, self.exchange, self.oracle, swarm, world.rng.fork("venue-faults")
        )
        skew_rng = world.rng.fork("skew")
        self.link.skew_ms = skew_rng.randint(-swarm.clock_skew_ms_max, swarm.clock_skew_ms_max)
        self.lines = Lines(world, story, self.network, swarm)
        self.dice = Dice(world.rng.fork("dice"), swarm)
        self.instruments = {symbol: instrument_of(contract) for symbol, contract in self.exchange.contracts.items()}
        self.executor: ExecutorHost | None = None
        self._served: tuple[ExecutorHost | None, int] = (None, 0)
        """The executor that was last seen serving, and since when, in ns."""
        self.breaker: BreakerHost | None = None
        self.symbols: dict[str, SymbolHost] = {}
        self.overseer = Overseer(
            world,
            story,
            self.journal,
            house(TreePlan(symbols=SYMBOLS, faces=())),
            world.rng.fork("overseer"),
            self._spawn,
            self._raise_fence,
            self._quarantine,
            self._peer_gone,
            swarm.zombie_percent,
        )
        self._agg_ids = dict.fromkeys(SYMBOLS, 0)
        self._requests = 0
        self._down = {"breaker", *(f"symbol:{symbol}" for symbol in SYMBOLS)}

    def begin(self) -> None:
        """Start the market and the tree."""
        self._market_tick()
        self.overseer.boot()

    # --- market ---------------------------------------------------------------------------------------------

    def _market_tick(self) -> None:
        told = self.exchange.advance(self.world.now_ms)
        self.link.flush()
        for event in told:
            self._feed(event)
        self.world.after(BOOK_MS * MS, self._market_tick)

    def _feed(self, event: MarketEvent) -> None:
        """What the symbol's process decodes from the market's event; prices become floats, as on the real feed."""
        match event:
            case MarketTrade(symbol=symbol, px_ticks=px, qty_lots=lots, buyer_is_maker=sold):
                contract = self.exchange.contracts[symbol]
                self._agg_ids[symbol] += 1
                self._show(
                    symbol,
                    Trade(
                        symbol=symbol,
                        ts_ms=event.ts_ms,
                        agg_id=self._agg_ids[symbol],
                        px=float(contract.tick) * px,
                        qty=float(contract.step) * lots,
                        buyer_is_maker=sold,
                    ),
                )
            case BookState(symbol=symbol, bids=bids, asks=asks):
                contract = self.exchange.contracts[symbol]
                self._show(
                    symbol,
                    BestQuote(
                        symbol=symbol,
                        ts_ms=event.ts_ms,
                        update_id=event.ts_ms,
                        bid_px=float(contract.tick) * bids[0][0],
                        bid_qty=float(contract.step) * bids[0][1],
                        ask_px=float(contract.tick) * asks[0][0],
                        ask_qty=float(contract.step) * asks[0][1],
                    ),
                )
            case _:
                pass

    def _show(self, symbol: str, event: Trade | BestQuote) -> None:
        host = self.symbols.get(symbol)
        if host is not None:
            host.market(event)

    # --- births ---------------------------------------------------------------------------------------------

    def _spawn(self, role: str, epoch: int, confirmed: bool) -> Process:
        process = Process(role, epoch, self.world, self.story, self.dice, self.overseer, _no_effects)
        serving = self.overseer.reported_ready
        if role == "executor":
            snapshot = self.journal.snapshot(SYMBOLS, self.world.now_ms)
            self.oracle.epoch_taken(epoch)
            if not self.mutant.no_announcement:
                self.page.announce_executor(epoch)

            def replaced() -> bool:
                return self.page.newest_executor > epoch

            engine = self.cast.executor(
                process, snapshot, self.instruments, self.page, replaced, self.link, confirmed=confirmed
            )
            self.overseer.enroll(process)
            self.executor = ExecutorHost(
                process,
                engine,
                self.world,
                self.story,
                self.journal,
                self.link,
                self.lines,
                self.swarm,
                self.world.rng.fork(f"executor/{epoch}"),
                serving,
                replaced,
                SYMBOLS,
                self.mutant.journal_after_wire,
                self.mutant.blind_sender,
            )
            self.executor.begin()
            self.executor.introduce()
        elif role == "breaker":
            snapshot = self.journal.snapshot(SYMBOLS, self.world.now_ms)
            self.page.raise_fence(epoch)
            self.overseer.enroll(process)
            saved = None if self.mutant.forgetful_breaker else self.journal.breaker_state
            brain = self.cast.breaker(process, snapshot, saved)
            self.breaker = BreakerHost(process, brain, self.story, self.journal, self.page, self.lines, serving)
            self.breaker.begin()
            self._peer_came(role)
        else:
            symbol = role.partition(":")[2]
            self.overseer.enroll(process)
            trader = self.cast.symbol(process, symbol)
            host = SymbolHost(process, trader, self.world, self.story, self.lines, serving, self._executor_epoch)
            self.symbols[symbol] = host
            host.begin()
            self._peer_came(role)
        return process

    def _executor_epoch(self) -> int:
        return self.executor.process.epoch if self.executor is not None else 0

    def _peer_came(self, role: str) -> None:
        """The executor learns of a newborn peer; that the one before is gone it learns first."""
        if self.executor is not None and self.executor.process.alive:
            if role not in self._down:
                self.executor.peer_moved(role, died=True)
            self.executor.peer_moved(role, died=False)
        self._down.discard(role)

    def _peer_gone(self, role: str) -> None:
        if role != "executor" and self.executor is not None and self.executor.process.alive:
            self._down.add(role)
            self.executor.peer_moved(role, died=True)

    def _raise_fence(self, role: str, epoch: int) -> None:
        if self.executor is not None and self.executor.process.alive:
            self.executor.operator(RaiseFence(role=role, epoch=epoch))

    def _quarantine(self, role: str, why: str) -> None:
        if self.executor is not None and self.executor.process.alive:
            self._requests += 1
            symbol = role.partition(":")[2]
            self.executor.operator(Flatten(request_id=f"quarantine-{self._requests}", why=why, symbol=symbol))

    # --- people ---------------------------------------------------------------------------------------------

    def operator_acts(self) -> None:
        """A person does one of the things people do."""
        rng = self.world.rng.fork(f"operator/{self._requests}")
        self._requests += 1
        request = f"op-{self._requests}"
        act = rng.choice(("reconcile", "kill", "halt", "flatten"))
        self.story.tell("operator", "operator.acted", act)
        executor, breaker = self.executor, self.breaker
        if executor is None or breaker is None:
            return
        match act:
            case "reconcile":
                executor.operator(Reconcile(request_id=request))
            case "kill":
                breaker.command(LatchKill(reason="drill"))
                self.oracle.killed = self.oracle.killed or breaker.process.life is Life.RUNNING
                self.world.after(rng.randint(500, 3_000) * MS, self.people_resume)
            case "halt":
                executor.operator(Halt(why="drill"))
                self.world.after(rng.randint(500, 3_000) * MS, self.people_resume)
            case _:
                executor.operator(Flatten(request_id=request, why="drill", symbol=rng.choice(SYMBOLS)))
                self.world.after(rng.randint(500, 3_000) * MS, self.people_resume)

    def stranger_trades(self) -> None:
        """Somebody trades the account by hand, once the house is there to notice."""
        if self.executor is None or self.executor.engine.state != "SERVING":
            return
        rng = self.world.rng.fork(f"stranger/{self._requests}")
        self._requests += 1
        symbol, side = rng.choice(SYMBOLS), rng.choice(("BUY", "SELL"))
        lots = rng.randint(10, 60)
        self.story.tell("stranger", "stranger.traded", f"{symbol} {side} {lots}")
        self.oracle.stranger_traded(symbol)
        try:
            self.exchange.trade_by_hand(f"hand-{self._requests}", symbol, side, lots, self.world.now_ms)
        except Refusal as refusal:
            self.story.counts[f"refused.{refusal.code}"] += 1
        self.link.flush()

    def people_resume(self) -> None:
        """Whatever a person had stopped goes on."""
        self.oracle.killed = False
        if self.breaker is not None:
            self.breaker.command(ResumeTrading(reason="drill over"))
        if self.executor is not None:
            self.executor.operator(LiftHalt(why="drill over"))

    # --- readings -------------------------------------------------------------------------------------------

    def hindered(self) -> bool:
        """Is something between the executor and the exchange, so that it cannot protect a position in time?"""
        executor = self.executor
        if (
            executor is None
            or executor.process.life is not Life.RUNNING
            or executor.engine.state not in ("SERVING", "HALTED")
            or not self.link.clear
            or not self.journal.available
        ):
            return True
        if self._served[0] is not executor:
            self._served = (executor, self.world.now_ns)
        settling = self.world.now_ns - self._served[1] < DOUBT_MS * MS
        return settling and self.oracle.limits.unprotected_ms == BARE_MS_UNRELIABLE


def _no_effects(_effect: Effect, _late: bool) -> None:
    raise AssertionError("a process has no hands before it begins")


Act = Callable[[], None]


def every(world: World, mean_ms: int, chance: Callable[[int, int], int], act: Act, going: Callable[[], bool]) -> None:
    """Do something again and again, `mean_ms` apart on average, while `going` says so."""
    if mean_ms <= 0:
        return

    def again() -> None:
        if going():
            act()
            world.after(chance(mean_ms // 3, mean_ms * 5 // 3) * MS, again)

    world.after(chance(0, mean_ms * 4 // 3) * MS, again)
