"""The veto's shell: hosts the breaker engine, publishes its lease, keeps its state durable."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from actors.operator import decode_command
from actors.publisher import Publisher
from actors.role import PeerInfo, RoleContext
from actors.timers import Timers
from vortex import bootstrap
from vortex.adapters.mirror import RedisMirror
from vortex.adapters.postgres.breaker_store import BreakerStore
from vortex.domain.commands import LatchKill, ResumeTrading
from vortex.domain.effects import (
    Alert,
    Audit,
    CancelTimer,
    Effect,
    Exit,
    GrantLease,
    Instruct,
    SaveBreaker,
    SetTimer,
)
from vortex.domain.envelope import Envelope
from vortex.domain.events import AccountSampled, ApiSampled, ExecutorUp, TradeClosed
from vortex.domain.outcomes import TimerFired
from vortex.engine.breaker import BreakerEngine
from vortex.kernel.errors import Fenced, LocalViolation, Refused

WAITING_MAX = 1_024


class BreakerRole:
    """Effects are carried out one after the other: a lease that follows from a saved state waits for the save."""

    def __init__(self, ctx: RoleContext) -> None:
        self._ctx = ctx
        self._settings = bootstrap.load_settings(ctx.settings_json)
        bootstrap.start_logs(self._settings, ctx.role, ctx.epoch)
        self._engine: BreakerEngine | None = None
        self._timers = Timers(self._on_timer)
        self._publisher = Publisher(ctx, self._settings, self.view, self._flush)
        self._effects: asyncio.Queue[tuple[int, Effect]] = asyncio.Queue(maxsize=WAITING_MAX)
        self._vetoes = 0
        self._early: list[Envelope] = []
        self._over: asyncio.Future[None] | None = None
        self._store: BreakerStore | None = None

    @property
    def state(self) -> str:
        """Running once its memory is loaded; a veto until then."""
        return "running" if self._engine is not None else "starting"

    async def run(self) -> None:
        """Load what was known, then judge until stopped."""
        self._over = asyncio.get_running_loop().create_future()
        store, journal = bootstrap.open_breaker(self._ctx.clock)
        self._store = store
        try:
            snapshot = await journal.load(self._settings.symbols)
            stored = await store.load()
            self._engine = BreakerEngine(
                epoch=self._ctx.epoch,
                clock=self._ctx.clock,
                settings=self._settings.breakers,
                saved_json=stored.state_json,
                closed=snapshot.closed,
                last_close_seq=snapshot.last_close_seq,
            )
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._carry_out(store), name="effects"),
                    group.create_task(self._publisher.run(), name="publisher"),
                ]
                self._perform(self._engine.start())
                if stored.kill_reason is not None:  # latched from outside while no breaker lived
                    self._perform(self._engine.handle(LatchKill(reason=stored.kill_reason)))
                for envelope in self._early:
                    self.receive(envelope)
                await self._over
                for task in tasks:
                    task.cancel()
        finally:
            self._timers.clear()
            await store.close()
            await journal.close()

    async def stop(self, mode: str) -> None:
        """A stopped breaker grants nothing: its lease lapses by itself."""
        if self._over is not None and not self._over.done():
            self._over.set_result(None)

    def receive(self, envelope: Envelope) -> None:
        """The executor reports closed trades, account and API health."""
        if self._engine is None:
            self._early.append(envelope)
            return
        body = envelope.body
        if not isinstance(body, TradeClosed | AccountSampled | ApiSampled | ExecutorUp | LatchKill | ResumeTrading):
            raise LocalViolation(f"the breaker does not take {type(body).__name__} from {envelope.sender}")
        self._perform(self._engine.handle(body))

    async def ask(self, body: bytes) -> str:
        """LatchKill and ResumeTrading; answered once durable and in force."""
        command = decode_command(body)
        if self._engine is None or not isinstance(command, LatchKill | ResumeTrading):
            raise Refused("the breaker takes LatchKill and ResumeTrading, once it has started")
        if isinstance(command, ResumeTrading) and self._store is not None:
            await self._store.clear_kill()
        self._perform(self._engine.handle(command))
        await self._effects.join()
        return '{"done": true}'

    def peers_changed(self, table: Mapping[str, PeerInfo]) -> None:
        """Nothing to do: a reborn executor introduces itself."""

    def unclaimed(self, alone: bool) -> None:
        """The gate asks for a claimed executor; the breaker judges on."""

    def view(self) -> dict[str, Any]:
        """The engine's view."""
        return self._engine.view() if self._engine is not None else {}

    # ---- inside

    def _flush(self, mirror: RedisMirror) -> None:
        """The `circuit_breaker` hash of D-1."""
        seen = self.view()
        reasons = ", ".join(map(str, seen.get("reasons", ())))
        mirror.put_circuit_breaker(
            {
                "state": str(seen.get("state", "")),
                "reason": reasons,
                "cooldown_until": str(seen.get("cooldown_until") or ""),
            }
        )

    def _on_timer(self, event: TimerFired) -> None:
        if self._engine is not None:
            self._perform(self._engine.handle(event))

    def _perform(self, effects: Sequence[Effect]) -> None:
        self._ctx.slot.progressed()
        for effect in effects:
            # A tightened verdict takes effect at once, whatever is being saved meanwhile, and outdates older ones.
            if isinstance(effect, GrantLease) and not effect.lease.allows:
                self._vetoes += 1
                self._grant(effect)
            else:
                self._effects.put_nowait((self._vetoes, effect))

    def _grant(self, effect: GrantLease) -> None:
        assert self._ctx.grant is not None, "a breaker is born with the pen"
        self._ctx.grant.publish(effect.lease)

    async def _carry_out(self, store: BreakerStore) -> None:
        while True:
            vetoes, effect = await self._effects.get()
            if not (isinstance(effect, GrantLease) and vetoes < self._vetoes):
                await self._do(effect, store)
            self._effects.task_done()

    async def _do(self, effect: Effect, store: BreakerStore) -> None:
        match effect:
            case GrantLease():
                self._grant(effect)
            case SaveBreaker():
                await store.save(self._ctx.epoch, effect.state_json, effect.event, effect.reason)
            case SetTimer(key=key, delay_ms=delay_ms):
                self._timers.set(key, delay_ms)
            case CancelTimer(key=key):
                self._timers.cancel(key)
            case Instruct(command=command):
                self._ctx.mail.send("executor", command)
            case Audit() | Alert():
                self._publisher.tell(effect)
            case Exit(reason=reason):
                raise Fenced(reason)
            case _:
                raise LocalViolation(f"the breaker cannot carry out {type(effect).__name__}")
