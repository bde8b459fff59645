"""The house's memory for people: writes audits, alerts and decisions to PostgreSQL, off every trading path."""

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from actors.publisher import Publisher
from actors.role import PeerInfo, RoleContext
from vortex import bootstrap
from vortex.adapters.mirror import RedisMirror
from vortex.adapters.postgres.audit_store import AuditEntry
from vortex.domain.effects import Alert, Audit, DecisionMade
from vortex.domain.envelope import Envelope
from vortex.domain.signals import Action
from vortex.kernel.clock import MS
from vortex.kernel.errors import JournalUnavailable, Refused

WAITING_MAX = 20_000
BATCH_MAX = 500
FLUSH_S = 0.25
RECENT_MAX = 12
KPIS_S = 5.0
DAY_MS = 86_400_000
FORGET_EVERY_MS = 3_600_000
HIDDEN = frozenset({"level", "symbol", "decided_ms"})
TOLD = frozenset({"alert", "trade.closed", "decision.made", "reconcile.difference", "executor.serving"})
"""Kinds that a person at the screen wants to see go by."""
RETRY_S = 1.0


class RecorderRole:
    """A full queue drops the oldest and counts it: memory of the past never costs the present."""

    def __init__(self, ctx: RoleContext) -> None:
        self._ctx = ctx
        self._settings = bootstrap.load_settings(ctx.settings_json)
        bootstrap.start_logs(self._settings, ctx.role, ctx.epoch)
        self._waiting: asyncio.Queue[AuditEntry | DecisionMade] = asyncio.Queue(maxsize=WAITING_MAX)
        self._publisher = Publisher(ctx, self._settings, self.view, self._mirror_session)
        self._counts: Counter[str] = Counter()
        self._over: asyncio.Future[None] | None = None
        self._running = False
        self._recent: deque[str] = deque(maxlen=RECENT_MAX)
        self._kpis: dict[str, Any] = {}
        self._session: dict[str, str | int] = {}
        self._forgot_ms = 0

    @property
    def state(self) -> str:
        """Running once the database answered."""
        return "running" if self._running else "starting"

    async def run(self) -> None:
        """Write in batches until stopped; what waits at the end is still written."""
        self._over = asyncio.get_running_loop().create_future()
        memory = bootstrap.open_memory()
        self._running = True
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._write(memory), name="writer"),
                    group.create_task(self._look_back(memory), name="kpis"),
                    group.create_task(self._publisher.run(), name="publisher"),
                ]
                await self._over
                for task in tasks:
                    task.cancel()
            await self._flush(memory)
        finally:
            await memory.close()

    async def stop(self, mode: str) -> None:
        """Finish."""
        if self._over is not None and not self._over.done():
            self._over.set_result(None)

    def receive(self, envelope: Envelope) -> None:
        """Any role's facts."""
        body = envelope.body
        if not isinstance(body, Audit | Alert | DecisionMade):
            self._counts["refused"] += 1
            return
        for fact in written(body, envelope, self._now_ms()):
            if isinstance(fact, AuditEntry) and fact.kind in TOLD:
                self._recent.append(told(fact))
            self._keep(fact)

    async def ask(self, body: bytes) -> str:
        """Nothing to command here."""
        raise Refused("the recorder takes no commands")

    def peers_changed(self, table: Mapping[str, PeerInfo]) -> None:
        """The recorder speaks to nobody."""

    def unclaimed(self, alone: bool) -> None:
        """Recording takes no risk."""

    def view(self) -> dict[str, Any]:
        """How much was written, dropped, refused and waits, and the last facts in words."""
        return {"waiting": self._waiting.qsize(), **self._counts, "recent": list(self._recent), "kpis": self._kpis}

    # ---- inside

    def _keep(self, fact: AuditEntry | DecisionMade) -> None:
        if self._waiting.full():
            self._waiting.get_nowait()
            self._counts["dropped"] += 1
        self._waiting.put_nowait(fact)

    def _mirror_session(self, mirror: RedisMirror) -> None:
        """The `session` hash of D-1, as today's finished trades add up."""
        mirror.put_session(self._session)

    def _now_ms(self) -> int:
        return self._ctx.clock.unix() // MS

    async def _write(self, memory: bootstrap.Memory) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            await self._flush(memory)

    async def _look_back(self, memory: bootstrap.Memory) -> None:
        """Today's KPIs for the screens (section 9); the database's absence only makes them old. Forget what is old."""
        while True:
            now_ms = self._now_ms()
            with contextlib.suppress(JournalUnavailable):
                if now_ms - self._forgot_ms > FORGET_EVERY_MS:
                    await memory.forget(now_ms - self._settings.storage.decisions_days * DAY_MS)
                    self._forgot_ms = now_ms
                self._kpis = msgspec.to_builtins(await memory.kpis(now_ms - now_ms % DAY_MS))
                self._session = await memory.session(now_ms - now_ms % DAY_MS)
            await asyncio.sleep(KPIS_S)

    async def _flush(self, memory: bootstrap.Memory) -> None:
        while not self._waiting.empty():
            batch = [self._waiting.get_nowait() for _ in range(min(self._waiting.qsize(), BATCH_MAX))]
            try:
                await memory.write(
                    [fact for fact in batch if isinstance(fact, AuditEntry)],
                    [fact for fact in batch if isinstance(fact, DecisionMade)],
                )
            except JournalUnavailable:
                self._counts["dropped"] += len(batch)
                await asyncio.sleep(RETRY_S)
                return
            self._counts["written"] += len(batch)
            self._ctx.slot.progressed(len(batch))


def written(fact: Audit | Alert | DecisionMade, envelope: Envelope, now_ms: int) -> list[AuditEntry | DecisionMade]:
    """What is kept of a fact. A decision is a row of its own; a no among them led to nothing that the log explains."""
    if not isinstance(fact, DecisionMade):
        return [entry(fact, envelope, now_ms)]
    return [fact] if fact.decision.action is Action.NO_TRADE else [fact, entry(fact, envelope, now_ms)]


def entry(fact: Audit | Alert | DecisionMade, envelope: Envelope, now_ms: int) -> AuditEntry:
    """A fact as the log keeps it: who said it, under which epoch, and when it reached us."""
    cause: dict[str, Any] = {"cause": envelope.cause} if envelope.cause else {}
    match fact:
        case Alert(level=level, text=text):
            kind, detail = "alert", {**cause, "level": level, "text": text}
        case DecisionMade():
            kind, detail = "decision.made", {**cause, **reference(fact)}
        case _:
            kind, detail = fact.kind, {**cause, **fact.detail}
    return AuditEntry(ts_ms=now_ms, kind=kind, who=envelope.sender, epoch=envelope.epoch, detail=detail)


def reference(made: DecisionMade) -> dict[str, Any]:
    """A decision in a few words; (symbol, decided_ms) finds its row of `decisions`, which has the inputs."""
    decision = made.decision
    return {
        "symbol": decision.symbol,
        "decided_ms": decision.ts_ms,
        "action": decision.action.value,
        "strategy": decision.strategy.value if decision.strategy is not None else None,
        "final_score": decision.final_score,
        "reason": decision.reason,
        "refused": made.refused,
        "trade_no": made.trade_no,
    }


def told(fact: AuditEntry) -> str:
    """One fact in one line."""
    clock = datetime.fromtimestamp(fact.ts_ms / 1_000, UTC).strftime("%H:%M:%S")
    shown = {key: short(value) for key, value in fact.detail.items() if key not in HIDDEN and value not in ("", None)}
    words = " ".join(f"{key}={value}" for key, value in shown.items())
    return f"{clock} {fact.who} {fact.kind} {words}"


def short(value: object) -> str:
    """A figure with four decimals at most, anything else as it is."""
    try:
        figure = Decimal(str(value))
    except InvalidOperation:
        return str(value)
    return f"{figure:.4f}".rstrip("0").rstrip(".") if figure.is_finite() else str(value)
