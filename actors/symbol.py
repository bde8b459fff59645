"""One symbol's shell: feed, kernels, decision, risk and position machine in one process (ADR 0009)."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from actors.feed import Feed, FeedListener
from actors.market_mirror import MarketMirror
from actors.publisher import Publisher
from actors.rehearsal import rehearse
from actors.role import PeerInfo, RoleContext
from actors.timers import Timers
from actors.times import MarketTimes, TimedBoard
from vortex import bootstrap
from vortex.domain.commands import EnterTrade
from vortex.domain.effects import Alert, Audit, CancelTimer, DecisionMade, Effect, Exit, SetTimer, TellExecutor
from vortex.domain.envelope import Envelope
from vortex.domain.events import SymbolEvent
from vortex.domain.market import MarketMessage
from vortex.domain.outcomes import TimerFired
from vortex.engine.symbol import SymbolEngine, standard_symbol
from vortex.kernel.clock import MS, Clock
from vortex.kernel.errors import ConfigError, Fenced, LocalViolation, Refused
from vortex.signals.recent import RecentMarket

CYCLE_MS = 100
"""S1-1: a decision is considered ten times a second."""
GRACE_MS = 60
"""How long after a cycle's end our clock may say that it is over. Until then the market itself should: what it did
within the cycle may still be on its way, and a decision without it would differ from what replay decides."""
GAP_MS_MIN = 20
"""A timer that is early by less must not go off twice for one cycle."""


class SymbolRole:
    """Feeds the engine and carries out its effects; every effect is local or one way."""

    def __init__(self, ctx: RoleContext) -> None:
        self._ctx = ctx
        self._symbol = ctx.role.partition(":")[2]
        self._settings = bootstrap.load_settings(ctx.settings_json)
        bootstrap.start_logs(self._settings, ctx.role, ctx.epoch)
        self._engine: SymbolEngine | None = None
        self._feed: Feed | None = None
        self._timers = Timers(self._on_timer)
        self._market_mirror = MarketMirror(self._symbol)
        self._publisher = Publisher(
            ctx,
            self._settings,
            self.view,
            lambda mirror: self._market_mirror.flush(mirror, self.view(), self._recent),
        )
        self._recent: RecentMarket | None = None
        self._early: list[Envelope] = []
        self._over: asyncio.Future[str] | None = None
        self._failure: Exception | None = None
        self._grid: dict[str, str] = {}
        self._times = MarketTimes(ctx.clock)

    @property
    def state(self) -> str:
        """Recovering until attached to a reconciled executor; a cold market does not make it unhealthy."""
        if self._engine is None:
            return "starting"
        return "running" if self._engine.attached else "recovering"

    async def run(self) -> None:
        """Open the market, attach, trade until stopped."""
        self._over = asyncio.get_running_loop().create_future()
        market = await bootstrap.open_market(self._settings, self._ctx.clock, self._ctx.rng)
        try:
            instrument = market.instruments.get(self._symbol)
            if instrument is None:
                raise ConfigError(f"{self._symbol} is not traded on this exchange; take it out of `symbols`")
            self._grid = {"tick_size": str(instrument.tick_size), "step_size": str(instrument.step_size)}
            board = TimedBoard(self._settings.signals, instrument, self._times)
            self._recent = board.recent()
            self._engine = standard_symbol(
                symbol=self._symbol,
                epoch=self._ctx.epoch,
                clock=market.clock,
                board=board,
                decision=self._settings.decision,
                risk=self._settings.risk,
                execution=self._settings.execution,
                stepped=self._times.stepped,
            )
            self._feed = Feed(
                self._symbol,
                market,
                board,
                market.clock,
                self._ctx.rng,
                FeedListener(
                    on_message=self._on_message,
                    on_alive=self._engine.on_feed_alive,
                    on_trusted=self._on_trusted,
                    on_lost=self._on_lost,
                ),
                self._times,
            )
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._feed.run(), name="feed"),
                    group.create_task(self._cycle(market.clock), name="cycle"),
                    group.create_task(self._publisher.run(), name="publisher"),
                ]
                if self._settings.market.rehearse_ms:
                    tasks.append(
                        group.create_task(rehearse(instrument, self._settings, market.clock), name="rehearsal")
                    )
                self._perform(self._engine.start())
                for envelope in self._early:
                    self.receive(envelope)
                await self._over
                for task in tasks:
                    task.cancel()
        finally:
            self._timers.clear()
            await market.close()
        if self._failure is not None:
            raise self._failure

    async def stop(self, mode: str) -> None:
        """Nothing to put away: positions are the executor's and the exchange's."""
        if self._over is not None and not self._over.done():
            self._over.set_result(mode)

    def receive(self, envelope: Envelope) -> None:
        """Only the executor speaks to a symbol."""
        if self._engine is None:
            self._early.append(envelope)
            return
        body = envelope.body
        if envelope.sender != "executor" or not isinstance(body, SymbolEvent):
            raise LocalViolation(f"{self._ctx.role} does not take {type(body).__name__} from {envelope.sender}")
        self._perform(self._engine.on_executor(body))

    async def ask(self, body: bytes) -> str:
        """A symbol is commanded through the executor."""
        raise Refused("a symbol takes no commands; the executor does")

    def peers_changed(self, table: Mapping[str, PeerInfo]) -> None:
        """A new executor knows nothing of this session: it announces itself and the engine attaches anew."""

    def unclaimed(self, alone: bool) -> None:
        """The executor, which shares our supervisor, takes no entries then."""

    def view(self) -> dict[str, Any]:
        """The engine's view, with the feed's own state."""
        if self._engine is None or self._feed is None:
            return {}
        seen = self._engine.view()
        stats = self._feed.streams.stats()
        seen["feed"] = {
            **seen.get("feed", {}),
            "state": self._feed.state,
            "reason": self._feed.reason,
            "repairs": self._feed.repairs,
            "polls_skipped": self._feed.polls_skipped,
            "faults": self._feed.faults(),
            "messages": sum(s.messages for s in stats.values()),
            "dropped": sum(s.dropped for s in stats.values()),
            "connects": sum(s.connects for s in stats.values()),
        }
        seen["instrument"] = self._grid
        seen["timings"] = self._times.timings.view()
        return seen

    # ---- inside

    def _on_message(self, message: MarketMessage) -> None:
        assert self._engine is not None
        effects = self._engine.on_market(message)
        if effects:
            self._safely(effects)
        self._market_mirror.take(message)

    def _on_trusted(self, trusted: bool) -> None:
        assert self._engine is not None
        if trusted:  # a warm-up was before this
            self._market_mirror.refill()
        self._safely(self._engine.on_feed(trusted))

    def _on_lost(self) -> None:
        assert self._engine is not None
        self._safely(self._engine.on_feed_lost())

    def _on_timer(self, event: TimerFired) -> None:
        if self._engine is not None:
            self._safely(self._engine.on_timer(event))

    async def _cycle(self, clock: Clock) -> None:
        assert self._engine is not None
        assert self._feed is not None
        while True:
            await asyncio.sleep(until_cycle_ms(clock.unix() // MS) / 1_000)
            self._times.cycle_begins()
            self._perform(self._engine.on_cycle())
            self._times.cycle_ends()
            self._feed.tick()
            self._times.set_clock()
            self._ctx.slot.set_watermark(self._ctx.clock.unix() // MS)

    def _safely(self, effects: Sequence[Effect]) -> None:
        """Effects of callbacks: an error there must end the role, not vanish in the loop."""
        try:
            self._perform(effects)
        except Exception as err:  # noqa: BLE001 - carried to `run`, which ends the process
            self._failure = err
            if self._over is not None and not self._over.done():
                self._over.set_result("failed")

    def _perform(self, effects: Sequence[Effect]) -> None:
        self._ctx.slot.progressed()
        for effect in effects:
            match effect:
                case TellExecutor(command=EnterTrade() as entry):
                    self._ctx.mail.send("executor", msgspec.structs.replace(entry, trail=self._times.trail()))
                case TellExecutor(command=command):
                    self._ctx.mail.send("executor", command)
                case SetTimer(key=key, delay_ms=delay_ms):
                    self._timers.set(key, delay_ms)
                case CancelTimer(key=key):
                    self._timers.cancel(key)
                case Audit() | Alert() | DecisionMade():
                    self._publisher.tell(effect)
                case Exit(reason=reason):
                    raise Fenced(reason)
                case _:
                    raise LocalViolation(f"a symbol cannot carry out {type(effect).__name__}")


def until_cycle_ms(now_ms: int) -> int:
    """From the exchange's time to the next moment that is `GRACE_MS` after the end of a cycle."""
    wait_ms = (GRACE_MS - now_ms) % CYCLE_MS
    return wait_ms if wait_ms >= GAP_MS_MIN else wait_ms + CYCLE_MS
