"""A symbol's shell in simulation: the real position machine, fed by a light market and a trader who tosses coins."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from vortex.domain.effects import CancelTimer, Effect, Exit, SetTimer, TellExecutor
from vortex.domain.events import ExecutorUp, SymbolEvent
from vortex.domain.market import MarketMessage
from vortex.domain.outcomes import TimerFired
from vortex.kernel.clock import MS
from vortex.sim.lines import Body, Ears, Lines
from vortex.sim.process import Process
from vortex.sim.story import Story
from vortex.sim.world import World

CYCLE_MS = 200


class Symbol(Protocol):
    """What the host needs of the engine (vortex.engine.symbol.SymbolEngine)."""

    def start(self) -> list[Effect]: ...
    def on_market(self, event: MarketMessage) -> list[Effect]: ...
    def on_cycle(self) -> list[Effect]: ...
    def on_executor(self, event: SymbolEvent) -> list[Effect]: ...
    def on_feed(self, up: bool) -> list[Effect]: ...
    def on_timer(self, event: TimerFired) -> list[Effect]: ...


@dataclass(slots=True)
class SymbolHost:
    """One incarnation."""

    process: Process
    engine: Symbol
    world: World
    story: Story
    lines: Lines
    serving: Callable[[Process], None]
    executor_epoch: Callable[[], int]
    feed_up: bool = False

    def begin(self) -> None:
        """Attach, then go round."""
        self.process.carry_out = self.carry_out
        self.lines.enroll(Ears(self.process, self._hear, self._line_broken))
        self._turn("start", self.engine.start)
        if self.process.alive:
            self.serving(self.process)
        self.feed(up=True)
        self.world.after(CYCLE_MS * MS, self._cycle)

    def market(self, event: MarketMessage) -> None:
        """One event of the feed; a broken feed says nothing, a stopped process keeps only the newest state."""
        if self.feed_up and self.process.life.value == "running":
            self._turn("market", lambda: self.engine.on_market(event))

    def feed(self, *, up: bool) -> None:
        """The feed breaks or comes back."""
        if self.feed_up != up:
            self.feed_up = up
            self._turn("feed", lambda: self.engine.on_feed(up))

    def _cycle(self) -> None:
        if self.process.alive:
            if self.process.life.value == "running":
                self._turn("cycle", self.engine.on_cycle)
            self.world.after(CYCLE_MS * MS, self._cycle)

    def _turn(self, what: str, event: Callable[[], list[Effect]]) -> None:
        if self.process.alive:
            self.process.handle(what, event)

    def _hear(self, sender: Process, message: Body) -> None:
        event: SymbolEvent = message  # type: ignore[assignment]  # the engine refuses other bodies
        self._turn(type(message).__name__, lambda: self.engine.on_executor(event))

    def _line_broken(self, role: str) -> None:
        """The conversation is over: attach anew to whoever is the executor now."""
        self.lines.hang_up(self.process, role)
        again = ExecutorUp(epoch=self.executor_epoch())
        self._turn("line", lambda: self.engine.on_executor(again))

    def carry_out(self, effect: Effect, late: bool) -> None:
        """One effect."""
        process = self.process
        match effect:
            case TellExecutor(command=command):
                self.story.tell(process.name, "command.sent", type(command).__name__)
                self.lines.tell(process, "executor", command)
            case SetTimer(key=key, delay_ms=delay_ms):
                rung = TimerFired(key=key)
                process.set_timer(key, delay_ms, lambda: self._turn(key, lambda: self.engine.on_timer(rung)))
            case CancelTimer(key=key):
                process.cancel_timer(key)
            case Exit(reason=reason):
                process.die(reason)
            case _:
                self.story.counts[f"effect.{type(effect).__name__}"] += 1
