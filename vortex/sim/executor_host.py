"""The executor's shell in simulation: carries out what the engine asks, in order, against journal, wire and peers."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from vortex.domain.commands import OperatorCommand, SymbolCommand
from vortex.domain.effects import (
    ArmDeadMan,
    Audit,
    CancelTimer,
    Commit,
    Effect,
    Exit,
    QueryOrder,
    ReadBalance,
    SendCancel,
    SendOrder,
    SetLeverage,
    SetTimer,
    TakeSnapshot,
    TellBreaker,
    TellSymbol,
)
from vortex.domain.events import ExecutorUp, TradeClosed
from vortex.domain.outcomes import CommitFailed, Committed, LinkDown, TimerFired, VenueOutcome
from vortex.kernel.clock import MS
from vortex.kernel.errors import Fenced, JournalUnavailable
from vortex.kernel.rng import Rng
from vortex.sim.faults import Swarm
from vortex.sim.journal import SimJournal
from vortex.sim.lines import Body, Ears, Lines
from vortex.sim.process import Process
from vortex.sim.story import Story
from vortex.sim.venue_link import VenueLink
from vortex.sim.world import World

RETOLD_MAX = 64
REQUESTS = (SendOrder, SendCancel, QueryOrder, TakeSnapshot, ReadBalance, ArmDeadMan, SetLeverage)
"""What goes to the exchange; at each the page is looked at once more, since the process may have slept meanwhile."""


class Executor(Protocol):
    """What the host needs of the engine (vortex.engine.executor.ExecutorEngine)."""

    @property
    def state(self) -> str: ...
    def start(self) -> list[Effect]: ...
    def handle(self, event: VenueOutcome) -> list[Effect]: ...
    def from_symbol(self, symbol: str, epoch: int, command: SymbolCommand) -> list[Effect]: ...
    def from_operator(self, command: OperatorCommand) -> list[Effect]: ...


@dataclass(slots=True)
class ExecutorHost:
    """One incarnation."""

    process: Process
    engine: Executor
    world: World
    story: Story
    journal: SimJournal
    link: VenueLink
    lines: Lines
    swarm: Swarm
    rng: Rng
    serving: Callable[[Process], None]
    replaced: Callable[[], bool]
    """Does the node's page show a newer executor?"""
    symbols: tuple[str, ...]
    journal_after_wire: bool = False
    """The mutant that sends before the intent is durable; only a test builds it."""
    blind_sender: bool = False
    """The mutant that does not look at the page before each request; only a test builds it."""
    _commits: deque[Commit] = field(default_factory=deque)
    _closed: deque[TradeClosed] = field(default_factory=lambda: deque(maxlen=RETOLD_MAX))

    def begin(self) -> None:
        """Open the lines and let the engine recover."""
        self.process.carry_out = self.carry_out
        self.lines.enroll(Ears(self.process, self._hear, self._line_broken))
        self.link.listen(self.process, self.outcome)
        self._turn("start", self.engine.start)

    def outcome(self, event: VenueOutcome) -> None:
        """Something came back."""
        self._turn(type(event).__name__, lambda: self.engine.handle(event))

    def operator(self, command: OperatorCommand) -> None:
        """A person, the supervisor or the breaker commands."""
        self._turn(type(command).__name__, lambda: self.engine.from_operator(command))

    def peer_moved(self, role: str, *, died: bool) -> None:
        """Another role lost its process, or has a new one."""
        if died:
            self.outcome(LinkDown(role=role))
        elif role == "breaker":
            self.brief_breaker()
        elif role.startswith("symbol:") and self.process.alive:
            self.lines.hang_up(self.process, role)
            self.lines.tell(self.process, role, ExecutorUp(epoch=self.process.epoch))

    def introduce(self) -> None:
        """Tell everybody that a new executor serves."""
        for symbol in self.symbols:
            self.lines.tell(self.process, f"symbol:{symbol}", ExecutorUp(epoch=self.process.epoch))
        self.brief_breaker()

    def brief_breaker(self) -> None:
        """A reborn breaker hears the recent past again; it ignores what it has judged."""
        if self.process.alive:
            self.lines.hang_up(self.process, "breaker")
            self.lines.tell(self.process, "breaker", ExecutorUp(epoch=self.process.epoch))
            for event in self._closed:
                self.lines.tell(self.process, "breaker", event)

    # --- inside ---------------------------------------------------------------------------------------------

    def _turn(self, what: str, event: Callable[[], list[Effect]]) -> None:
        if not self.process.alive:
            return
        self.process.handle(what, event)
        if self.engine.state in ("SERVING", "HALTED"):
            self.serving(self.process)

    def _hear(self, sender: Process, message: Body) -> None:
        if sender.role.startswith("symbol:"):
            symbol = sender.role.partition(":")[2]
            command: SymbolCommand = message  # type: ignore[assignment]  # the engine refuses other bodies
            self._turn(type(message).__name__, lambda: self.engine.from_symbol(symbol, sender.epoch, command))
        else:
            self.operator(message)  # type: ignore[arg-type]  # as above

    def _line_broken(self, role: str) -> None:
        self.lines.hang_up(self.process, role)
        if role == "breaker":
            self.brief_breaker()
        else:
            self.outcome(LinkDown(role=role))

    def carry_out(self, effect: Effect, late: bool) -> None:
        """One effect."""
        process = self.process
        match effect:
            case Commit():
                self._commits.append(effect)
                if len(self._commits) == 1:
                    self._write()
            case SetTimer(key=key, delay_ms=delay_ms):
                process.set_timer(key, delay_ms, lambda: self.outcome(TimerFired(key=key)))
            case CancelTimer(key=key):
                process.cancel_timer(key)
            case TellSymbol(symbol=symbol, event=event):
                self.lines.tell(process, f"symbol:{symbol}", event)
            case TellBreaker(event=event):
                if isinstance(event, TradeClosed):
                    self._closed.append(event)
                self.lines.tell(process, "breaker", event)
            case Exit(reason=reason):
                self._exit(reason)
            case _ if isinstance(effect, REQUESTS) and self.replaced() and not self.blind_sender:
                self._exit("fenced: replaced between decision and request")
            case _:
                self._to_wire(effect, late=late)

    def _exit(self, reason: str) -> None:
        self.story.tell(self.process.name, "process.exited", reason)
        self.process.die("fenced")

    def _to_wire(self, effect: Effect, *, late: bool) -> None:
        """Requests to the exchange; what is none of them is only counted (audit, alerts, answers)."""
        name, link = self.process.name, self.link
        match effect:
            case SendOrder(spec=spec):
                self.story.tell(name, "order.sent", f"{spec.client_order_id} {spec.side} {spec.qty_lots}")
                link.send_order(self.process, effect, self.outcome, late=late)
            case SendCancel(client_order_id=order):
                self.story.tell(name, "cancel.sent", order)
                link.send_cancel(effect, self.outcome)
            case QueryOrder(client_order_id=order):
                self.story.tell(name, "query.sent", order)
                link.query(effect, self.outcome)
            case TakeSnapshot(symbol=symbol, token=token):
                self.story.tell(name, "snapshot.asked", f"token={token} symbol={symbol or '*'}")
                link.snapshot(effect, self.outcome)
            case ReadBalance(token=token):
                link.read_balance(token, self.outcome)
            case ArmDeadMan():
                link.arm_dead_man(effect)
            case SetLeverage():
                link.set_leverage(effect)
            case Audit(kind="order.taken"):
                self.story.counts["order.taken_back"] += 1
            case _:
                self.story.counts[f"effect.{type(effect).__name__}"] += 1

    # --- journal --------------------------------------------------------------------------------------------

    def _write(self) -> None:
        """Write the oldest waiting commit; one at a time, in order. The writer's death takes nothing back."""
        commit = self._commits[0]
        if self.journal_after_wire:
            self.world.after(0, partial(self.outcome, Committed(batch=commit.batch)))
        delay = self.rng.randint(150_000, 1_500_000)
        if self._strikes("journal_slow", self.swarm.journal_slow_per_mille):
            delay += self.rng.randint(50, 600) * MS
            self.journal.trouble_ns = self.world.now_ns + delay
        self.world.after(delay, partial(self._commit, commit))

    def _commit(self, commit: Commit) -> None:
        answer: VenueOutcome = Committed(batch=commit.batch)
        try:
            self.journal.commit(self.process.epoch, commit.records, self.world.now_ns)
        except Fenced as err:
            answer = CommitFailed(batch=commit.batch, fenced=True, reason=str(err))
        except JournalUnavailable as err:
            answer = CommitFailed(batch=commit.batch, fenced=False, reason=str(err))
        else:
            if self._strikes("journal_answer_loss", self.swarm.journal_answer_loss_per_mille):
                answer = CommitFailed(batch=commit.batch, fenced=False, reason="connection lost after commit")
                self.journal.trouble_ns = self.world.now_ns
        if self.process.dice.crash_after_commit():
            self.process.die("crashed after a commit")
            return
        kinds = ",".join(type(record).__name__ for record in commit.records)
        self.story.tell(self.process.name, "journal.answered", f"{type(answer).__name__} {kinds}")
        self.world.after(self.rng.randint(50_000, 300_000), partial(self._committed, answer))

    def _committed(self, answer: VenueOutcome) -> None:
        self._turn(type(answer).__name__, partial(self._next_commit, answer))

    def _next_commit(self, answer: VenueOutcome) -> list[Effect]:
        self._commits.popleft()
        if isinstance(answer, CommitFailed):
            return self._fail_behind(answer)
        if self._commits:
            self._write()
        return [] if self.journal_after_wire else self.engine.handle(answer)

    def _fail_behind(self, failed: CommitFailed) -> list[Effect]:
        """A later commit never overtakes an earlier one: what waits fails with it."""
        behind = [CommitFailed(batch=commit.batch, fenced=failed.fenced, reason="behind") for commit in self._commits]
        self._commits.clear()
        return [effect for each in (failed, *behind) for effect in self.engine.handle(each)]

    def _strikes(self, name: str, per_mille: int) -> bool:
        if per_mille and self.rng.chance(per_mille, 1_000):
            self.story.counts[f"fault.{name}"] += 1
            return True
        return False
