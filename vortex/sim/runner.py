"""Runs seeds: faults first and promises after every event, then healing and convergence; names the seed in the end."""

import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from vortex.domain.money import from_cash
from vortex.kernel.clock import MS
from vortex.kernel.rng import Rng
from vortex.sim.coverage import count_links
from vortex.sim.faults import CALM, Swarm, draw
from vortex.sim.house import HEALTHY, House, Mutant, every
from vortex.sim.oracle import PromiseBroken
from vortex.sim.process import Life
from vortex.sim.story import HEADER, Story
from vortex.sim.world import START_NS, World

EXIT_OK, EXIT_CRASH, EXIT_NO_CONVERGENCE, EXIT_BROKEN_PROMISE = 0, 127, 128, 129

FAULTS_MS = 60_000
"""Virtual time under faults."""
HEALING_MS = 60_000
"""Virtual time within which everything must have settled."""
LOOK_MS = 250
"""How often convergence is looked at."""
STEPS_MAX = 400_000
"""Events of one run; more is a loop that never ends."""


class NotConverged(Exception):
    """Faults are over, time is up, and something is still not settled."""


@dataclass(slots=True)
class Outcome:
    """What became of one seed."""

    seed: int
    exit_code: int
    digest: str
    message: str
    steps: int
    virtual_ms: int
    healed_ms: int
    unprotected_longest_ms: int
    faults: list[str]
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def ok(self) -> bool:
        """Did it keep every promise?"""
        return self.exit_code == EXIT_OK

    def as_json(self) -> dict[str, object]:
        """For `--json`."""
        return {
            "seed": self.seed,
            "exit_code": self.exit_code,
            "digest": self.digest,
            "message": self.message,
            "steps": self.steps,
            "virtual_ms": self.virtual_ms,
            "healed_ms": self.healed_ms,
            "unprotected_longest_ms": self.unprotected_longest_ms,
            "faults": self.faults,
            "counts": dict(sorted(self.counts.items())),
            "repeat": repeat_command(self.seed),
        }


def repeat_command(seed: int) -> str:
    """What to type to see it again."""
    return f"vortex sim --seed {seed} --trace"


class Run:
    """One seed, from its first event to its verdict."""

    def __init__(
        self,
        seed: int,
        swarm: Swarm | None = None,
        mutant: Mutant = HEALTHY,
        sink: Callable[[str], None] | None = None,
        faults_ms: int = FAULTS_MS,
        crash_at: int | None = None,
        crash_at_commit: int | None = None,
    ) -> None:
        self.seed = seed
        self.world = World(seed)
        self.story = Story(self.world, sink)
        self.swarm = draw(Rng(seed, "swarm")) if swarm is None else swarm
        self.house = House(self.world, self.story, self.swarm, mutant)
        self.house.dice.crash_at, self.house.dice.crash_at_commit = crash_at, crash_at_commit
        self._chaos = self.world.rng.fork("chaos")
        self._faults_ms = faults_ms
        self._faulty = True
        self._healed_ms = 0
        self._journal_back_ns = 0

    def judge(self) -> Outcome:
        """Run it; never raises."""
        exit_code, message = EXIT_OK, ""
        try:
            self._run()
        except PromiseBroken as err:
            exit_code, message = EXIT_BROKEN_PROMISE, str(err)
        except NotConverged as err:
            exit_code, message = EXIT_NO_CONVERGENCE, str(err)
        except Exception as err:  # noqa: BLE001 - a crash of anything is this seed's verdict
            exit_code, message = EXIT_CRASH, _where(err)
        return self._outcome(exit_code, message)

    def _run(self) -> None:
        self._plan_faults()
        self.house.begin()
        self._advance(self._faults_ms)
        self._heal()
        limit = self._faults_ms + HEALING_MS
        unsettled = "never looked"
        while self.world.elapsed_ms < limit:
            self._advance(self.world.elapsed_ms + LOOK_MS)
            unsettled = self._unsettled()
            if not unsettled:
                self._healed_ms = self.world.elapsed_ms - self._faults_ms
                return
        raise NotConverged(f"{HEALING_MS // 1_000} s after healing: {unsettled}")

    def _advance(self, until_ms: int) -> None:
        world, oracle, house = self.world, self.house.oracle, self.house
        until_ns = START_NS + until_ms * MS
        while world.step(until_ns):
            oracle.hindered = house.hindered()
            oracle.after_event()
            if world.steps > STEPS_MAX:
                raise NotConverged(f"more than {STEPS_MAX} events: something runs in circles")

    # --- faults ---------------------------------------------------------------------------------------------

    def _plan_faults(self) -> None:
        house, swarm, world, rng = self.house, self.swarm, self.world, self._chaos

        def going() -> bool:
            return self._faulty

        def lot(low: int, high: int) -> int:
            return rng.randint(low, high)

        plan: list[tuple[int, Callable[[], None]]] = [
            (swarm.stream_drop_every_ms, lambda: house.link.drop_stream(lot(100, 4_000))),
            (swarm.venue_outage_every_ms, lambda: house.link.clog(lot(200, 5_000))),
            (swarm.feed_loss_every_ms, lambda: self._lose_feed(lot(500, 9_000))),
            (swarm.price_gap_every_ms, self._gap),
            (swarm.mail_clog_every_ms, lambda: self._clog_mail(lot(50, 2_000))),
            (swarm.journal_outage_every_ms, lambda: self._journal_away(lot(100, 4_000))),
            (swarm.supervisor_death_every_ms, house.overseer.die),
            (swarm.operator_every_ms, house.operator_acts),
            (swarm.stranger_every_ms, house.stranger_trades),
        ]
        for mean_ms, act in plan:
            every(world, mean_ms, lot, act, going)

    def _lose_feed(self, for_ms: int) -> None:
        symbol = self._chaos.choice(sorted(self.house.symbols) or [""])
        host = self.house.symbols.get(symbol)
        if host is None:
            return
        self.story.tell("feed", "feed.lost", f"{symbol} for={for_ms}ms")
        host.feed(up=False)
        self.world.after(for_ms * MS, lambda: host.feed(up=True))

    def _gap(self) -> None:
        symbol = self._chaos.choice(sorted(self.house.exchange.contracts))
        jump = self._chaos.choice((-3.0, -1.2, -0.3, -0.05, 0.05, 0.3, 1.2, 3.0))
        self.story.tell("market", "price.jumped", f"{symbol} by={jump}%")
        self.house.exchange.impulse(symbol, jump)

    def _clog_mail(self, for_ms: int) -> None:
        """One link between two processes at a time."""
        names = [name for name in sorted(self.house.network.links) if "symbol" in name or "breaker" in name]
        if not names:
            return
        link = self.house.network.links[self._chaos.choice(names)]
        self.story.tell("network", "link.clogged", f"{link.name} for={for_ms}ms")
        link.clog()
        self.world.after(for_ms * MS, link.restore)

    def _journal_away(self, for_ms: int) -> None:
        self.story.tell("journal", "journal.away", f"for={for_ms}ms")
        self.house.journal.available = False
        self._journal_back_ns = max(self._journal_back_ns, self.world.now_ns + for_ms * MS)
        self.world.after(for_ms * MS, self._journal_back)

    def _journal_back(self) -> None:
        """One outage may have begun within another."""
        if self.world.now_ns >= self._journal_back_ns:
            self.house.journal.available = True

    # --- healing --------------------------------------------------------------------------------------------

    def _heal(self) -> None:
        """No new faults, no new entries; what was broken is mended in random order."""
        house = self.house
        self._faulty = False
        self.story.tell("world", "world.healed")
        house.dice.armed = False
        house.cast.mood.eager = False
        house.swarm = house.link.swarm = house.lines.swarm = CALM
        if house.executor is not None:
            house.executor.swarm = CALM
        house.network.heal(self._chaos)
        house.exchange.read_lag_ms = 0
        house.journal.available = True
        for host in house.symbols.values():
            host.feed(up=True)
        self.world.after(1_000 * MS, house.people_resume)
        self.world.after(2_000 * MS, self._restart_what_gave_up)

    def _restart_what_gave_up(self) -> None:
        """A tree that has given up waits for a person; here the person comes."""
        tree = self.house.overseer.tree
        if tree is not None and (tree.stopped or tree.gave_up):
            self.house.overseer.restart_house()

    def _unsettled(self) -> str:
        """What is not settled yet; empty when all is."""
        house = self.house
        tree = house.overseer.tree
        if tree is None or not tree.ready():
            return "not every child is alive or set aside"
        executor = house.executor
        if executor is None or executor.process.life is not Life.RUNNING or executor.engine.state == "RECOVERING":
            return "the executor does not serve"
        seen, closed = house.page.read(), max((trade.close_seq for trade in house.journal.closed), default=0)
        if seen is None or seen.expires_mono_ns < self.world.clock.mono() or seen.judged_through < closed:
            return "the breaker has not judged every closed trade"
        return self._differences()

    def _differences(self) -> str:
        """Ours against theirs: fills and money must agree, and nothing may be left open on either side."""
        journal, account = self.house.journal, self.house.exchange.account
        made = {(fill.order.symbol, fill.trade_id) for fill in account.fills}
        if made != journal.fills.keys():
            missing, invented = sorted(made - journal.fills.keys()), sorted(journal.fills.keys() - made)
            return f"fills differ: not recorded {missing}, recorded and never made {invented}"
        ours = {name for name, kept in journal.orders.items() if not kept.state.is_terminal}
        theirs = {order.client_id for order in account.open_orders.values()}
        theirs |= {algo.client_id for algo in account.open_algos.values()}
        if ours or theirs:
            return f"orders are open: ours {sorted(ours)}, theirs {sorted(theirs)}"
        held = [f"{position.instrument.symbol} {position.lots}" for position in account.held()]
        if held:
            return f"positions are open: {held}"
        unfinished = [f"{symbol} {number}" for (symbol, number), trade in journal.trades.items() if not trade.finished]
        if unfinished:
            return f"trades are not finished: {unfinished}"
        net = sum((trade.pnl_net for trade in journal.closed), Decimal(0))
        theirs_net = from_cash(account.realized_total - account.commission_total.get("USDT", 0))
        return "" if net == theirs_net else f"our trades earned {net}, the exchange says {theirs_net}"

    def _outcome(self, exit_code: int, message: str) -> Outcome:
        counts = Counter(self.story.counts)
        count_links(self.house.network, counts)
        counts["clock.skewed"] = int(self.house.link.skew_ms != 0)
        counts["journal.commits"], counts["journal.fenced"] = self.house.journal.commits, self.house.journal.fenced
        counts["fills"] = len(self.house.exchange.account.fills)
        counts["stops.triggered"] = sum(
            algo.trigger_ms > 0 for algo in self.house.exchange.account.algos_by_id.values()
        )
        counts["trades"] = len(self.house.journal.closed)
        counts["restarts"], counts["zombies"] = self.house.overseer.restarts, self.house.overseer.zombies
        counts["reductions.unjournaled"] = self.house.oracle.unjournaled
        counts["checks"] = self.house.oracle.checks
        return Outcome(
            self.seed,
            exit_code,
            self.story.digest,
            message,
            self.world.steps,
            self.world.elapsed_ms,
            self._healed_ms,
            self.house.oracle.unprotected_longest_ms,
            self.swarm.described(),
            counts,
        )


def run_seed(seed: int, sink: Callable[[str], None] | None = None) -> Outcome:
    """One seed with its own swarm of faults; with a `sink`, every event as a line."""
    if sink is not None:
        sink(HEADER)
    return Run(seed, sink=sink).judge()


def run_seeds(seeds: Iterable[int]) -> Iterator[Outcome]:
    """Seed after seed."""
    for seed in seeds:
        yield run_seed(seed)


def explain(outcome: Outcome) -> str:
    """The failure message: the seed, what happened, and how to see it again."""
    names = {EXIT_CRASH: "crash", EXIT_NO_CONVERGENCE: "no convergence", EXIT_BROKEN_PROMISE: "broken promise"}
    return (
        f"SEED={outcome.seed} {names.get(outcome.exit_code, 'ok')} at {outcome.virtual_ms} ms: {outcome.message}\n"
        f"faults: {' '.join(outcome.faults) or 'none'}\n"
        f"repeat: {repeat_command(outcome.seed)}"
    )


def _where(err: BaseException) -> str:
    """The error and the innermost places it came through."""
    frames = traceback.extract_tb(err.__traceback__)[-4:]
    path = " < ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in reversed(frames))
    return f"{type(err).__name__}: {err} [{path}]"
