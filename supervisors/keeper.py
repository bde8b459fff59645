"""Carries out what the pure tree decides: starts, kills, stops and delays real processes, and tells it what came of it.

It decides nothing. Every effect becomes a task; every task ends in an event. Recovery order (decision 5): death
confirmed → new epoch, durable → fences raised → role assumed by a warm process → row written → ready.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from typing import Any, assert_never

from actors import processes
from actors.clients import Directory, Post, encode_peers
from actors.role import Assignment, PeerInfo, encode_assignment
from supervisors.child import Child, end_actor, last_line, watch
from supervisors.config import RootConfig
from supervisors.far import FarPulse
from supervisors.history import History
from supervisors.pool import Pool
from supervisors.slots import Slots
from supervisors.sweep import Sweep
from supervisors.tally import Past, Tally
from vortex.adapters.beats import BeatsPage
from vortex.domain.commands import Flatten, Halt, RaiseFence
from vortex.kernel.clock import MS, SystemClock
from vortex.kernel.errors import ConfigError, JournalUnavailable
from vortex.supervision import events as ev
from vortex.supervision.liveness import Judgement
from vortex.supervision.nodes import Status
from vortex.supervision.registry import RegisteredChild, Registry, TreeRecord
from vortex.supervision.spec import ChildSpec, ExitReason
from vortex.supervision.tree import Tree

SWEEP_S = 0.030
# While a child comes up somebody waits for it.
EAGER_SWEEP_S = 0.008
STORE_RETRY_S = 0.1
# A killed process that is still there after this long sits in the kernel; Ray is told and the fences must do.
KILL_CONFIRM_S = 3.0
# Beyond its own timeout, a polite stop costs at most this much for the round trip.
STOP_MARGIN_S = 0.5
# Closing positions takes the exchange's time, not ours.
FLATTEN_PATIENCE = 3

log = logging.getLogger("vortex.supervision")


class Keeper:
    """The hands of one root incarnation."""

    def __init__(
        self,
        *,
        config: RootConfig,
        tree: Tree,
        registry: Registry,
        page: BeatsPage,
        slots: Slots,
        pool: Pool,
        root_epoch: int,
        past: Past,
    ) -> None:
        self.config, self.tree, self.registry, self.page = config, tree, registry, page
        self.slots, self.pool, self.root_epoch = slots, pool, root_epoch
        self.clock = SystemClock()
        self.children: dict[str, Child] = {}
        self.stopped = asyncio.Event()
        self.on_stop_wish: Callable[[str], None] = lambda mode: None
        self.history = History(registry)
        self._tally = Tally(registry, past.restarts)
        self._epochs = {row.name: root_epoch for row in tree.rows() if row.kind == "supervisor"} | dict(past.epochs)
        self._directory = Directory()
        self._post = Post("root", root_epoch, self._directory)
        self._peers_version = 0
        self._was_ready = False
        self.closed = False
        self._starting: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._inferred: set[str] = set()
        self._requests = 0
        self._far = FarPulse(self.clock, root_epoch, self._ready, self._hung)
        pool.on_change = self.push_peers

    # ---- the tree

    def feed(self, event: ev.TreeEvent) -> None:
        """Tell the tree what happened and begin what it asks for."""
        for effect in self.tree.handle(event, self.clock.mono()):
            self._carry_out(effect)
        self._tally.note(self.tree.restarts())

    def _carry_out(self, effect: ev.TreeEffect) -> None:
        match effect:
            case ev.Start(spec, token):
                task = self._spawn(self._start(spec, token), f"start {spec.role}")
                self._starting[spec.role, token] = task
                task.add_done_callback(lambda _: self._starting.pop((spec.role, token), None))
            case ev.Kill(role, token, why):
                _ = self._spawn(self._kill(role, token, why), f"kill {role}")
            case ev.Stop(role, token, timeout_ms, mode):
                _ = self._spawn(self._stop(role, token, timeout_ms, mode), f"stop {role}")
            case ev.Delay(role, token, delay_ms):
                loop = asyncio.get_running_loop()
                loop.call_later(delay_ms / 1_000, self.feed, ev.TimerFired(role, token))
            case _:
                self._announce(effect)

    def _announce(self, effect: ev.Quarantine | ev.GiveUp | ev.Alert | ev.Record | ev.Escalate | ev.Stopped) -> None:
        match effect:
            case ev.Quarantine(role, why):
                self._quarantine(role, why)
            case ev.GiveUp(why):
                self._give_up(why)
            case ev.Alert(level, role, text):
                self.note("alert", role, level.value, text)
            case ev.Record(kind, role, supervisor, reason, detail):
                self.note(kind, role, reason, detail, supervisor)
            case ev.Escalate():
                pass  # the tree has acted on it and recorded it
            case ev.Stopped():
                self.stopped.set()
            case _:
                assert_never(effect)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("task.failed %s: %r", task.get_name(), error)

    # ---- start

    async def _start(self, spec: ChildSpec, token: int) -> None:
        child: Child | None = None
        try:
            epoch = self._epochs[spec.role] = await self.bump(spec.role)
            self._fence(spec, epoch)
            await self._outwait(spec)
            child = await self._assume(spec, token, epoch)
            await self._write_row(child)
        except asyncio.CancelledError:
            await self._abandon(child)
            self.feed(ev.ChildExited(spec.role, token, ExitReason.SHUTDOWN, "start canceled"))
            return
        except Exception as error:  # noqa: BLE001 - whatever went wrong, it is a failed start and the tree decides
            await self._abandon(child)
            retryable = not isinstance(getattr(error, "cause", error), ConfigError)
            self.feed(ev.StartFailed(spec.role, token, last_line(error), retryable))
            return
        self.feed(ev.ChildStarted(spec.role, token))
        self.pool.refill()

    async def _assume(self, spec: ChildSpec, token: int, epoch: int) -> Child:
        """Give the role to a process; a standby that turns out to be dead is no fault of the role."""
        payload = encode_assignment(
            Assignment(
                kind=spec.kind,
                home=self.config.home,
                settings_json=self.config.settings_json,
                seed=self.config.seed,
                factory=self.config.factories.get(spec.kind, ""),
            )
        )
        while True:
            child, warm = await self.pool.take(dict(spec.resources))
            child.shell.peers(self.root_epoch, self._peers_version, *self._table())
            try:
                report = await asyncio.wait_for(
                    child.shell.assume(self.root_epoch, spec.role, epoch, payload), spec.start_timeout_ms / 1_000
                )
            except BaseException as error:
                await self._abandon(child)
                if warm and type(error).__name__ in ("ActorDiedError", "ActorUnavailableError"):
                    continue
                raise
            child.report, child.role, child.token, child.epoch = report, spec.role, token, epoch
            child.since_ns = self.clock.mono()
            self.take_in(child)
            return child

    def take_in(self, child: Child) -> None:
        """A child has its role: watch it and tell everyone where it lives."""
        self.children[child.role] = child
        self._epochs[child.role] = child.epoch
        watch(child, self._gone)
        if not child.local:
            child.tasks.append(asyncio.create_task(self._far.follow(child), name=f"pulse {child.role}"))
        self.push_peers()
        if child.role == "executor":
            for role, other in self.children.items():
                self._tell_executor(RaiseFence(role=role, epoch=other.epoch))

    async def bump(self, role: str) -> int:
        """A new epoch, durable; waits for the store, whose absence is no fault of the role."""
        while True:
            try:
                return await self.registry.bump_epoch(role)
            except JournalUnavailable as error:
                log.warning("registry.away %s", error)
                await asyncio.sleep(STORE_RETRY_S)

    async def _write_row(self, child: Child) -> None:
        report = child.report
        row = RegisteredChild(
            role=child.role,
            shell=report.name,
            epoch=child.epoch,
            pid=report.pid,
            pid_started=report.pid_started,
            node=report.node,
            slot=report.slot,
        )
        while True:
            try:
                await self.registry.put(row)
            except JournalUnavailable as error:
                log.warning("registry.away %s", error)
                await asyncio.sleep(STORE_RETRY_S)
            else:
                return

    def _fence(self, spec: ChildSpec, epoch: int) -> None:
        """Shut the older incarnation out where it could still do harm."""
        if spec.kind == "breaker":
            self.page.fence_breaker(epoch)
        if spec.kind == "executor":
            self.page.announce_executor(epoch)
        if spec.role != "executor":
            self._tell_executor(RaiseFence(role=spec.role, epoch=epoch))

    async def _outwait(self, spec: ChildSpec) -> None:
        """An executor whose death was not seen may have signed requests before its successor was announced."""
        if spec.kind == "executor" and spec.role in self._inferred:
            await asyncio.sleep(self.config.unconfirmed_ms / 1_000)
            self._inferred.discard(spec.role)

    async def _abandon(self, child: Child | None) -> None:
        """A process that did not come to work is ended, its slot freed once it is dead."""
        if child is None or child.gone.is_set():
            return
        child.kill()
        with contextlib.suppress(Exception):
            end_actor(child.shell)
        if child.role not in self.children or self.children[child.role] is not child:
            watch(child, lambda dead: self.slots.give_back(dead.report.slot))

    # ---- end

    async def _kill(self, role: str, token: int, why: str) -> None:
        starting = self._starting.get((role, token))
        child = self.children.get(role)
        if child is None or child.token != token:
            if starting is not None:
                starting.cancel()  # it answers ChildExited itself
            return
        child.condemned = True
        child.reason, child.detail = child.reason or ExitReason.CRASHED, child.detail or why
        await self._end(child)

    async def _stop(self, role: str, token: int, timeout_ms: int, mode: str) -> None:
        child = self.children.get(role)
        if child is None or child.token != token:
            return
        child.reason, child.detail = ExitReason.SHUTDOWN, mode
        if mode == "flatten":
            timeout_ms *= FLATTEN_PATIENCE
        try:
            limit = timeout_ms / 1_000 + STOP_MARGIN_S
            outcome = await asyncio.wait_for(child.shell.stop(self.root_epoch, mode, timeout_ms), limit)
            child.detail = f"{mode}: {outcome}"
        except Exception as error:  # noqa: BLE001 - it is ended by force in any case
            child.detail = f"{mode}: {last_line(error)}"
        await self._end(child)

    async def _end(self, child: Child) -> None:
        """Make sure of its death. Without a witness on the node, wait until its fences have run out."""
        child.kill()
        if child.local:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(child.gone.wait(), KILL_CONFIRM_S)
        with contextlib.suppress(Exception):
            end_actor(child.shell)
        if not child.gone.is_set():
            await asyncio.sleep(self.config.unconfirmed_ms / 1_000)
            if not child.gone.is_set():
                child.reason = ExitReason.LOST
                child.gone.set()
                for task in child.tasks:
                    task.cancel()
                self._gone(child)

    def _gone(self, child: Child) -> None:
        """A death is certain."""
        if self.children.get(child.role) is child:
            del self.children[child.role]
        if child.reason is ExitReason.LOST:
            self._inferred.add(child.role)
        else:
            self.slots.give_back(child.report.slot)
        self.push_peers()
        self.feed(ev.ChildExited(child.role, child.token, child.reason or ExitReason.CRASHED, child.detail))

    def _quarantine(self, role: str, why: str) -> None:
        symbol = role.partition(":")[2]
        self._requests += 1
        request = f"quarantine-{self.root_epoch}-{self._requests}"
        self._tell_executor(Flatten(request_id=request, why=f"quarantined: {why}", symbol=symbol))
        _ = self._spawn(self._save_set_aside(), "save quarantine")

    async def _save_set_aside(self) -> None:
        with contextlib.suppress(JournalUnavailable):
            await self.registry.set_state("set_aside", ",".join(self.tree.set_aside()))

    def _give_up(self, why: str) -> None:
        self._tell_executor(Halt(why=f"supervision gave up: {why}"))
        if self.config.flatten_on_give_up:
            self._requests += 1
            self._tell_executor(Flatten(request_id=f"give-up-{self.root_epoch}-{self._requests}", why=why))

    def _tell_executor(self, body: RaiseFence | Halt | Flatten) -> None:
        self._post.send("executor", body)

    # ---- looking after

    async def look_after(self) -> None:
        """Sweep for ever: claim the page, see who is ready, who hangs."""
        sweep = Sweep(self.page, self._ready, self._hung, self._starved)
        while True:
            now = self.clock.mono()
            self.page.claim(self.root_epoch, now)
            self.page.set_root_state(self.state())
            processes.set_title(f"vortex:root#{self.root_epoch}")  # Ray writes its own after every call
            if self.page.stop_wish() and not self.tree.stopping:
                self.on_stop_wish(self.page.stop_wish())
            soon = sweep.look([*self.children.values(), *self.pool.standbys], now)
            await asyncio.sleep(EAGER_SWEEP_S if soon else SWEEP_S)

    def state(self) -> str:
        """What the whole tree is about, in the words of the status contract."""
        if self.tree.gave_up:
            return "halted"
        if self.tree.stopping or self.tree.stopped:
            return "stopped" if self.closed else "stopping"
        rows = self.tree.which_children("root")
        if any(row.state in ("starting", "recovering") for row in rows):
            return "starting" if not self._was_ready else "degraded"
        self._was_ready = True
        return "running" if all(row.state == "running" for row in rows) else "degraded"

    def _ready(self, child: Child) -> None:
        if self.tree.status(child.role) is Status.STARTING:
            return  # quicker than its row is written; the next look finds it again
        child.ready = True
        self.feed(ev.ChildReady(child.role, child.token))

    def _hung(self, child: Child, judgement: Judgement) -> None:
        child.detail = judgement.why
        if child.role:
            self.feed(ev.HangSeen(child.role, child.token, judgement.why))
        else:
            child.kill()

    def _starved(self, child: Child, judgement: Judgement) -> None:
        self.note("alert", child.role or child.report.name, "warning", f"CPU starvation: {judgement.why}")

    # ---- telling

    def push_peers(self) -> None:
        """Tell everyone where everyone lives. Standbys are named too, so that connections to them are warm."""
        self._peers_version += 1
        table, handles = self._table()
        directory = {role: self._peer(child) for role, child in self.children.items()}
        self._directory.replace(directory, handles)
        for child in (*self.children.values(), *self.pool.standbys):
            with contextlib.suppress(Exception):
                child.shell.peers(self.root_epoch, self._peers_version, table, handles)

    def _table(self) -> tuple[bytes, dict[str, Any]]:
        table = {role: self._peer(child) for role, child in self.children.items()}
        handles = {role: child.shell.handle for role, child in self.children.items()}
        handles |= {f"standby:{n}": child.shell.handle for n, child in enumerate(self.pool.standbys)}
        return encode_peers(table), handles

    def _peer(self, child: Child) -> PeerInfo:
        return PeerInfo(shell=child.report.name, epoch=child.epoch, pid=child.pid, node=child.report.node)

    def note(self, kind: str, role: str, reason: str, detail: str, supervisor: str = "") -> None:
        """Put a fact into the tree's history, under the epoch of the role's newest incarnation, dead or alive."""
        self.history.add(
            TreeRecord(
                ts_ms=self.clock.unix() // MS,
                kind=kind,
                role=role,
                supervisor=supervisor,
                epoch=self._epochs.get(role, 0),
                reason=reason,
                detail=detail,
            )
        )
