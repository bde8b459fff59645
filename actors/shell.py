"""The one Ray actor class of the house: a warm process that takes a role, beats, and never decides (decision 5).

1. It obeys only the newest supervisor: an older root epoch is refused.
2. It beats in the same loop as the work, so that a blocked loop is a silent one.
3. An error anywhere in its role ends the role; the supervisor then replaces the process.
"""

import asyncio
import gc
import importlib
import logging
import os
import tempfile
import threading
from pathlib import Path
from typing import Any

import ray

from actors import processes
from actors.clients import Birth, Directory, Post, ShellReport, decode_peers
from actors.mailbox import Mailbox
from actors.role import Role, RoleContext, StaleEpoch, decode_assignment, role_factory
from vortex.adapters.beats import BeatSlot, BeatsPage, PermitReader, PermitWriter
from vortex.domain.envelope import decode
from vortex.kernel.clock import MS, SECOND, Mono, SystemClock
from vortex.kernel.errors import NotRunning
from vortex.kernel.resequencer import GapTooWide
from vortex.kernel.rng import Rng

BEAT_NS = 50 * MS
# While a role comes up its state changes often and somebody waits for it.
EAGER_BEAT_NS = 10 * MS
UNCLAIMED_NS = 15 * SECOND
# Two seconds: on one node letters are late by milliseconds, never by this.
GAP_BEATS_MAX = 40

# Imported before the shell is asked for anything, so that promotion costs milliseconds. Absent ones are skipped.
PRELOAD = (
    "numpy",
    "aiohttp",
    "websockets",
    "sqlalchemy.ext.asyncio",
    "asyncpg",
    "redis.asyncio",
    "actors.executor",
    "actors.breaker",
    "actors.symbol",
    "actors.recorder",
)

log = logging.getLogger("vortex.shell")


class Shell:
    """One process without qualities until `assume`."""

    def __init__(self, birth: Birth) -> None:
        processes.die_with_parent()
        self._title = f"vortex:{birth.name}"
        self._birth = birth
        self._clock = SystemClock()
        self._page = BeatsPage(_page_path(birth))
        self._slot: BeatSlot = self._page.slot(birth.slot)
        self._root_epoch = birth.root_epoch
        self._claimed_ns = self._clock.mono()
        self._node = ray.get_runtime_context().get_node_id()
        self._pid = os.getpid()
        self._directory = Directory()
        self._mailbox = Mailbox()
        self._role: Role | None = None
        self._role_name = ""
        self._epoch = 0
        self._task: asyncio.Task[None] | None = None
        self._heart: asyncio.Task[None] | None = None
        self._post: Post | None = None
        self._ended: asyncio.Future[str] | None = None
        self._alone = False
        self._gap_beats = 0
        self._stopping = False
        self._peers_root, self._peers_version = 0, 0
        if birth.preload:
            _preload()
        gc.freeze()  # what was imported never dies; without it a full collection could look like a busy loop

    async def boot(self) -> ShellReport:
        """Start beating. Called once, by whoever made it."""
        if self._heart is None:
            self._slot.introduce(self._pid, threading.get_native_id())
            self._heart = asyncio.create_task(self._beat(), name="heart")
        return self._report()

    async def assume(self, root_epoch: int, role: str, epoch: int, payload: bytes) -> ShellReport:
        """Become a role. Raises StaleEpoch to an older supervisor, ConfigError when the role cannot be built."""
        self._obey(root_epoch)
        if self._role is not None:
            raise StaleEpoch(f"already {self._role_name}#{self._epoch}")
        assignment = decode_assignment(payload)
        self._role_name, self._epoch = role, epoch
        self._slot.set_epoch(epoch)
        self._slot.set_state("starting")
        self._post = Post(role, epoch, self._directory)
        self._ended = asyncio.get_running_loop().create_future()
        context = RoleContext(
            role=role,
            epoch=epoch,
            root_epoch=root_epoch,
            node=self._node,
            clock=self._clock,
            rng=Rng(assignment.seed, f"{role}/{epoch}"),
            slot=self._slot,
            settings_json=assignment.settings_json,
            home=Path(assignment.home),
            mail=self._post,
            permits=PermitReader(self._page),
            grant=PermitWriter(self._page, epoch) if assignment.kind == "breaker" else None,
            newest_executor=self._page.newest_executor,
            peers=lambda: self._directory.table,
        )
        self._title = f"vortex:{role}#{epoch}"
        self._role = role_factory(assignment)(context)
        if self._directory.table:
            self._role.peers_changed(self._directory.table)
        self._task = asyncio.create_task(self._live(self._role), name=role)
        return self._report()

    async def adopt(self, root_epoch: int) -> ShellReport:
        """Accept a reborn supervisor. Raises StaleEpoch to an older one."""
        self._obey(root_epoch)
        return self._report()

    async def join(self) -> str:
        """Wait until the role's life is over; any number of watchers. Raises what ended it, returns at a normal end."""
        if self._ended is None:
            raise NotRunning(f"{self._birth.name} has no role")
        return await asyncio.shield(self._ended)

    async def stop(self, root_epoch: int, mode: str, timeout_ms: int) -> str:
        """Bring the role to a safe end; says whether it came there in time. The process is left to be killed."""
        self._obey(root_epoch)
        self._slot.set_state("stopping")
        role, task = self._role, self._task
        if role is None or task is None:
            return "idle"
        self._stopping = True
        outcome = "stopped"
        try:
            await asyncio.wait_for(role.stop(mode), timeout_ms / 1_000)
        except TimeoutError:
            outcome = "timeout"
        task.cancel()
        await asyncio.wait([task], timeout=0.5)
        return outcome

    async def deliver(self, data: bytes) -> None:
        """One letter. A role that chokes on it is dead."""
        if self._role is None:
            return
        try:
            for envelope in self._mailbox.offer(decode(data)):
                self._role.receive(envelope)
        except Exception as error:  # noqa: BLE001 - whatever it was, the role is broken and must be replaced
            self._fail(error)

    async def ask(self, body: bytes) -> str:
        """An operator's command to the role."""
        if self._role is None:
            raise NotRunning(f"{self._birth.name} has no role")
        return await self._role.ask(body)

    async def peers(self, root_epoch: int, version: int, table: bytes, handles: dict[str, Any]) -> None:
        """Where the others live now; older words, which may arrive later, are ignored."""
        if (root_epoch, version) <= (self._peers_root, self._peers_version) or root_epoch < self._root_epoch:
            return
        self._peers_root, self._peers_version = root_epoch, version
        self._directory.replace(decode_peers(table), handles)
        if self._role is not None:
            try:
                self._role.peers_changed(self._directory.table)
            except Exception as error:  # noqa: BLE001 - as in deliver
                self._fail(error)

    async def view(self) -> dict[str, Any]:
        """The role's own view beside what the shell knows."""
        slot = self._page.read(self._birth.slot)
        return {
            "role": self._role_name,
            "epoch": self._epoch,
            "pid": self._pid,
            "state": self._state(),
            "unclaimed": self._alone,
            "loop_lag_ms": slot.loop_lag_ns / MS,
            "progress": slot.progress,
            "mail": dict(self._mailbox.counts) | (dict(self._post.counts) if self._post else {}),
            "view": self._role.view() if self._role is not None else {},
        }

    # ---- inside

    async def _live(self, role: Role) -> None:
        assert self._ended is not None
        try:
            await role.run()
        except asyncio.CancelledError:
            self._finish("canceled")
            raise
        except Exception as error:  # noqa: BLE001 - reported through join, then the supervisor ends this process
            self._fail(error)
        else:
            self._slot.set_state("ended")
            self._finish("normal")

    def _fail(self, error: Exception) -> None:
        self._slot.set_state("failed")
        if self._ended is not None and not self._ended.done():
            self._ended.set_exception(error)
            self._ended.exception()  # nobody may be watching at this moment; that is no second error

    def _finish(self, how: str) -> None:
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(how)

    async def _beat(self) -> None:
        due = self._clock.mono()
        while True:
            now = self._clock.mono()
            state = self._state()
            self._slot.set_state(state)
            processes.set_title(self._title)  # Ray writes its own after every call
            self._slot.set_queue_depth(self._mailbox.waiting)
            self._slot.beat(now, now - due)
            self._notice_gap()
            self._notice_supervisor(now)
            period = EAGER_BEAT_NS if state in ("starting", "recovering") else BEAT_NS
            due = Mono(now + period)
            await asyncio.sleep(period / SECOND)

    def _state(self) -> str:
        if self._role is None:
            return "idle"
        if self._stopping:
            return "stopping"
        if self._ended is not None and self._ended.done():
            failed = not self._ended.cancelled() and self._ended.exception() is not None
            return "failed" if failed else "ended"
        return self._role.state

    def _notice_gap(self) -> None:
        """A letter that stays away is lost: the role is replaced, which opens every session anew (ADR 0003)."""
        self._gap_beats = self._gap_beats + 1 if self._mailbox.waiting else 0
        if self._gap_beats > GAP_BEATS_MAX:
            self._fail(GapTooWide(f"{self._mailbox.waiting} letters wait for one that does not come"))

    def _notice_supervisor(self, now: Mono) -> None:
        """Tell the role when nobody looks after it, and when somebody does again."""
        alone = now - max(self._page.claimed_ns(), self._claimed_ns) > UNCLAIMED_NS
        if alone != self._alone:
            self._alone = alone
            if self._role is not None:
                self._role.unclaimed(alone)

    def _obey(self, root_epoch: int) -> None:
        if root_epoch < self._root_epoch:
            raise StaleEpoch(f"root epoch {root_epoch} is older than {self._root_epoch}")
        self._root_epoch = root_epoch
        self._claimed_ns = self._clock.mono()

    def _report(self) -> ShellReport:
        over = ""
        if self._ended is not None and self._ended.done():
            error = self._ended.exception()
            over = "normal" if error is None else f"{type(error).__name__}: {error}"
        return ShellReport(
            name=self._birth.name,
            pid=self._pid,
            pid_started=processes.started_ticks(self._pid),
            node=self._node,
            slot=self._birth.slot,
            role=self._role_name,
            epoch=self._epoch,
            state=self._state(),
            over=over,
        )


def _page_path(birth: Birth) -> Path:
    """The node's page; on a node that has none, because the root lives elsewhere, a private one beside it."""
    shared = Path(birth.page)
    if shared.parent.is_dir():
        return shared
    return Path(tempfile.mkdtemp(prefix="v7-page-")) / "beats"


def _preload() -> None:
    """Import what roles will need and load the compiled kernels. What fails here fails again, loudly, in `assume`."""
    for module in PRELOAD:
        try:
            importlib.import_module(module)
        except Exception as error:  # noqa: BLE001 - warming up is a favor, not a duty
            log.warning("preload.failed %s: %s", module, error)
    precompile = getattr(importlib.import_module("vortex.strategy"), "precompile", None)
    if precompile is not None and (said := precompile()):
        log.warning("preload.kernels %s", said)
