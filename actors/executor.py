"""The single door's shell: hosts the executor engine between journal, exchange, user stream and peers."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from actors.journal_writer import JournalWriter
from actors.operator import Answers, decode_command
from actors.publisher import Publisher
from actors.role import PeerInfo, RoleContext
from actors.timers import Timers
from actors.times import OrderTimes
from actors.wire import Wire, WireEffect
from vortex import bootstrap
from vortex.domain.commands import BreakerCommand, EnterTrade, Flatten, OperatorCommand, Reconcile, SymbolCommand
from vortex.domain.effects import (
    Alert,
    Answer,
    Audit,
    CancelTimer,
    Commit,
    Effect,
    Exit,
    SendOrder,
    SetTimer,
    TellBreaker,
    TellSymbol,
)
from vortex.domain.envelope import Envelope
from vortex.domain.events import ExecutorUp, TradeClosed
from vortex.domain.lease import Lease
from vortex.domain.outcomes import LinkDown, VenueOutcome
from vortex.engine.executor import ExecutorEngine
from vortex.kernel.errors import Fenced, LocalViolation, Refused
from vortex.ports import PermitReader

log = structlog.get_logger()

RETOLD_MAX = 64
"""Closed trades told again to a reborn breaker; it has loaded the journal and ignores those that it has judged."""
DRAIN_S = 2.0
STATES = {"RECOVERING": "recovering", "SERVING": "running", "HALTED": "running"}


class ClaimedPermit:
    """The breaker's lease, but only while a supervisor looks after this process (architecture, decision 5)."""

    def __init__(self, permits: PermitReader) -> None:
        self._permits = permits
        self.alone = False

    def read(self) -> Lease | None:
        """None when nobody would restart us: entries wait, reductions need no lease."""
        return None if self.alone else self._permits.read()


class ExecutorRole:
    """Decides nothing: effects go out in order, outcomes come back as they arrive."""

    def __init__(self, ctx: RoleContext) -> None:
        self._ctx = ctx
        self._settings = bootstrap.load_settings(ctx.settings_json)
        bootstrap.start_logs(self._settings, ctx.role, ctx.epoch)
        self._engine: ExecutorEngine | None = None
        self._permit = ClaimedPermit(ctx.permits)
        self._timers = Timers(self._handle)
        self._answers = Answers()
        self._publisher = Publisher(ctx, self._settings, self.view)
        self._closed: deque[TradeClosed] = deque(maxlen=RETOLD_MAX)
        self._peers: dict[str, PeerInfo] = {}
        self._early: list[Envelope] = []
        self._over: asyncio.Future[str] | None = None
        self._wire: Wire | None = None
        self._writer: JournalWriter | None = None
        self._failure: Exception | None = None
        self._times = OrderTimes(ctx.clock)

    @property
    def state(self) -> str:
        """Recovering until the engine serves."""
        return "starting" if self._engine is None else STATES.get(self._engine.state, "degraded")

    async def run(self) -> None:
        """Open the adapters, recover, serve until stopped; raise what breaks the contract."""
        self._over = asyncio.get_running_loop().create_future()
        parts = await bootstrap.open_execution(
            self._settings,
            self._ctx.clock,
            self._ctx.rng,
            on_event=self._handle,
            on_written=self._times.written,
            may_repeat=lambda: not self._is_replaced(),
        )
        try:
            snapshot = await parts.journal.load(self._settings.symbols)
            self._wire = Wire(parts.venue, self._handle)
            self._writer = JournalWriter(parts.journal, self._ctx.epoch, self._handle)
            self._engine = ExecutorEngine(
                epoch=self._ctx.epoch,
                clock=self._ctx.clock,
                journal=snapshot,
                instruments=parts.instruments,
                symbols=self._settings.symbols,
                permit=self._permit,
                replaced=self._is_replaced,
                settings=self._settings.execution,
                fee_rates=parts.fee_rates,
                predecessor_dead=True,  # the supervisor has seen its death, or waited out what it may have signed
                venue_ms=parts.venue.venue_ms,
            )
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._writer.run(), name="journal"),
                    group.create_task(parts.user_stream.run(), name="user-stream"),
                    group.create_task(self._publisher.run(), name="publisher"),
                ]
                self._perform(self._engine.start())
                self._announce()
                for envelope in self._early:
                    self.receive(envelope)
                await self._over
                for task in tasks:
                    task.cancel()
        finally:
            self._timers.clear()
            await parts.close()
        if self._failure is not None:
            raise self._failure

    async def stop(self, mode: str) -> None:
        """`flatten` closes everything first; then what is under way is finished and the process may end."""
        if mode == "flatten" and self._engine is not None:
            await self._request(Flatten(request_id="stop", why="stop --flatten"))
        if self._wire is not None and self._writer is not None:
            await self._wire.drain(DRAIN_S)
            await self._writer.drain(DRAIN_S)
        if self._over is not None and not self._over.done():
            self._over.set_result(mode)

    def receive(self, envelope: Envelope) -> None:
        """Symbols command within their epochs; the breaker instructs."""
        if self._engine is None:
            self._early.append(envelope)
            return
        body = envelope.body
        if envelope.sender.startswith("symbol:") and isinstance(body, SymbolCommand):
            arrived_ns = self._times.arrived()
            effects = self._engine.from_symbol(envelope.sender.partition(":")[2], envelope.epoch, body)
            if isinstance(body, EnterTrade):
                self._times.gated(body, arrived_ns, near=self._is_near(envelope.sender))
            self._perform(effects)
        elif isinstance(body, OperatorCommand):
            self._perform(self._engine.from_operator(body))
        else:
            raise LocalViolation(f"the executor does not take {type(body).__name__} from {envelope.sender}")

    async def ask(self, body: bytes) -> str:
        """Reconcile and Flatten answer with their report, the others with an acknowledgement."""
        if self._engine is None:
            raise Refused("the executor is still starting")
        command = decode_command(body)
        if isinstance(command, BreakerCommand):
            raise Refused("that is the breaker's command")
        if isinstance(command, Reconcile | Flatten):
            return await self._request(command)
        self._perform(self._engine.from_operator(command))
        return '{"done": true}'

    def peers_changed(self, table: Mapping[str, PeerInfo]) -> None:
        """A symbol that moved has lost its session; a breaker that moved must hear the recent past."""
        before, self._peers = self._peers, dict(table)
        if self._engine is None:
            return
        for role, peer in before.items():
            now = table.get(role)
            if now is None or now.epoch != peer.epoch:
                self._perform(self._engine.handle(LinkDown(role=role)))
        breaker = table.get("breaker")
        if breaker is not None and ("breaker" not in before or before["breaker"].epoch != breaker.epoch):
            self._brief_breaker()
        for role, peer in table.items():
            if role.startswith("symbol:") and (role not in before or before[role].epoch != peer.epoch):
                self._ctx.mail.send(role, ExecutorUp(epoch=self._ctx.epoch))

    def unclaimed(self, alone: bool) -> None:
        """No supervisor: entries wait for one, reductions go on."""
        self._permit.alone = alone

    def view(self) -> dict[str, Any]:
        """The engine's view, with the stages of entries."""
        return {} if self._engine is None else {**self._engine.view(), "timings": self._times.view()}

    # ---- inside

    def _is_replaced(self) -> bool:
        """Does this node's page prove that a newer executor was announced (ADR 0007)?"""
        return self._ctx.newest_executor() > self._ctx.epoch

    def _is_near(self, role: str) -> bool:
        """Whether a role lives on this node, so that its monotonic stamps are ours."""
        peer = self._peers.get(role)
        return peer is not None and peer.node == self._ctx.node

    async def _request(self, command: Reconcile | Flatten) -> str:
        assert self._engine is not None
        waiting = asyncio.ensure_future(self._answers.wait(command.request_id))
        await asyncio.sleep(0)  # the waiter registers before the engine can answer
        self._perform(self._engine.from_operator(command))
        return await waiting

    def _announce(self) -> None:
        """Tell everybody already there that a new executor serves."""
        for role in self._peers:
            if role.startswith("symbol:"):
                self._ctx.mail.send(role, ExecutorUp(epoch=self._ctx.epoch))
        if "breaker" in self._peers:
            self._brief_breaker()

    def _brief_breaker(self) -> None:
        self._ctx.mail.send("breaker", ExecutorUp(epoch=self._ctx.epoch))
        for event in self._closed:
            self._ctx.mail.send("breaker", event)

    def _handle(self, event: VenueOutcome) -> None:
        """An outcome from a task or a timer: an engine that breaks on it ends the role."""
        if self._engine is None or self._failure is not None:
            return
        try:
            self._perform(self._engine.handle(event))
        except Exception as err:  # noqa: BLE001 - carried to `run`, which ends the process
            self._fail(err)

    def _fail(self, err: Exception) -> None:
        self._failure = err
        if self._over is not None and not self._over.done():
            self._over.set_result("failed")

    def _perform(self, effects: Sequence[Effect]) -> None:
        self._ctx.slot.progressed()
        for effect in effects:
            if self._failure is None:
                self._do(effect)

    def _do(self, effect: Effect) -> None:
        assert self._wire is not None
        assert self._writer is not None
        match effect:
            case Commit():
                self._writer.put(effect)
            case SetTimer(key=key, delay_ms=delay_ms):
                self._timers.set(key, delay_ms)
            case CancelTimer(key=key):
                self._timers.cancel(key)
            case TellSymbol() | TellBreaker() | Audit() | Alert() | Answer():
                self._tell(effect)
            case Exit(reason=reason):
                self._fail(Fenced(reason))
            case _ if isinstance(effect, WireEffect) and self._is_replaced():
                self._fail(Fenced("replaced between decision and request"))
            case _ if isinstance(effect, WireEffect):
                if isinstance(effect, SendOrder):
                    self._times.sending(effect.spec)
                self._wire.perform(effect)
            case _:
                raise LocalViolation(f"the executor cannot carry out {type(effect).__name__}")

    def _tell(self, effect: TellSymbol | TellBreaker | Audit | Alert | Answer) -> None:
        match effect:
            case TellSymbol(symbol=symbol, event=event):
                self._ctx.mail.send(f"symbol:{symbol}", event)
            case TellBreaker(event=event):
                if isinstance(event, TradeClosed):
                    self._closed.append(event)
                self._ctx.mail.send("breaker", event)
            case Audit() | Alert():
                self._publisher.tell(effect)
            case Answer(request_id=request_id, body_json=body_json):
                self._answers.give(request_id, body_json)
