"""Warm standbys: processes that have imported everything and wait for a role (promotion 15-20 ms, birth 0.4-1.7 s)."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from typing import Any

import ray

from actors.clients import NAMESPACE, Birth, ShellClient
from actors.shell import Shell
from supervisors.child import Child, end_actor, newborn, watch
from supervisors.slots import Slots
from vortex.kernel.clock import SystemClock
from vortex.supervision.spec import HeartbeatLimits

BIRTH_TIMEOUT_S = 60.0
# A refill costs a second of CPU: it waits until the promoted child is back at work, and longer when births fail.
REFILL_AFTER_S = 0.3
REFILL_AFTER_FAILURE_S = 5.0
# Letters, watchers, views and commands at once; more would mean a sender without back-pressure.
CONCURRENCY = 1_000

log = logging.getLogger("vortex.supervision")


class Pool:
    """Keeps `size` standbys and makes fresh shells when there are none."""

    def __init__(
        self, *, root_epoch: int, node: str, page: str, size: int, preload: bool, limits: HeartbeatLimits, slots: Slots
    ) -> None:
        self._root_epoch = root_epoch
        self.node = node
        self._page = page
        self._size = size
        self._preload = preload
        self._limits = limits
        self._slots = slots
        self._clock = SystemClock()
        self._made = 0
        self._refilling: asyncio.Task[None] | None = None
        self._births: set[asyncio.Task[None]] = set()
        self._closed = False
        self.standbys: list[Child] = []
        self.on_change: Callable[[], None] = lambda: None

    async def take(self, resources: Mapping[str, float]) -> tuple[Child, bool]:
        """A process for a role: a standby when one fits (True), else a fresh one (False)."""
        fits = self._fits(resources)
        while fits and (self.standbys or self._births):
            if not self.standbys:
                await asyncio.wait(self._births, return_when=asyncio.FIRST_COMPLETED)
                continue
            child = self.standbys.pop(0)
            if not child.gone.is_set() and not child.condemned:
                for task in child.tasks:
                    task.cancel()
                child.tasks.clear()
                return child, True
        return await self.make(resources), False

    def prime(self, count: int) -> None:
        """Begin so many births side by side: at the start of the tree everyone needs a process at once."""
        for number in range(count):
            task = asyncio.create_task(self._bear(), name=f"birth {number}")
            self._births.add(task)
            task.add_done_callback(self._births.discard)

    async def _bear(self) -> None:
        try:
            self.keep(await self.make({}))
        except Exception as error:  # noqa: BLE001 - whoever needs a process makes one and sees the error itself
            log.warning("standby.not_born %s", error)

    async def make(self, resources: Mapping[str, float]) -> Child:
        """A fresh process, booted. Raises what Ray raises when it cannot be had."""
        self._made += 1
        slot = self._slots.take()
        birth = Birth(
            name=f"shell-{self._root_epoch}-{self._made}",
            slot=slot,
            page=self._page,
            root_epoch=self._root_epoch,
            preload=self._preload,
        )
        handle: Any = None
        try:
            handle = (
                ray.remote(Shell)
                .options(
                    name=birth.name,
                    namespace=NAMESPACE,
                    lifetime="detached",
                    num_cpus=0,
                    max_restarts=0,
                    max_task_retries=0,
                    max_concurrency=CONCURRENCY,
                    resources=dict(resources) or None,
                )
                .remote(birth)
            )
            report = await asyncio.wait_for(ShellClient(handle).boot(), BIRTH_TIMEOUT_S)
        except BaseException:
            self._slots.give_back(slot)
            if handle is not None:
                with contextlib.suppress(Exception):
                    ray.kill(handle, no_restart=True)
            raise
        return newborn(report, ShellClient(handle), self.node, self._limits, self._clock.mono())

    def keep(self, child: Child) -> None:
        """Add a living process without a role to the standbys."""
        self.standbys.append(child)
        watch(child, self._lost)
        self.on_change()

    def refill(self, after_s: float = REFILL_AFTER_S) -> None:
        """Bring the pool back to its size, one birth at a time, in the background."""
        busy = bool(self._births) or (self._refilling is not None and not self._refilling.done())
        if not busy and not self._closed and len(self.standbys) < self._size:
            self._refilling = asyncio.create_task(self._refill(after_s), name="pool refill")

    def close(self) -> None:
        """End the standbys and make no more."""
        self._closed = True
        for task in (self._refilling, *self._births):
            if task is not None:
                task.cancel()
        for child in self.standbys:
            for task in child.tasks:
                task.cancel()
            child.kill()
            with contextlib.suppress(Exception):
                end_actor(child.shell)
        self.standbys.clear()

    async def _refill(self, after_s: float) -> None:
        while len(self.standbys) < self._size:
            await asyncio.sleep(after_s)
            try:
                self.keep(await self.make({}))
            except Exception as error:  # noqa: BLE001 - a pool that cannot fill is slow, not broken
                log.warning("standby.not_born %s", error)
                after_s = REFILL_AFTER_FAILURE_S

    def _lost(self, child: Child) -> None:
        self._slots.give_back(child.report.slot)
        if child in self.standbys:
            self.standbys.remove(child)
            self.on_change()
            self.refill(REFILL_AFTER_FAILURE_S)

    def _fits(self, resources: Mapping[str, float]) -> bool:
        """Standbys live on the root's node; a role with needs may take one only if that node meets them."""
        if not resources:
            return True
        nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]  # Ray's function has no types
        for node in nodes:
            if node["NodeID"] == self.node:
                return all(node["Resources"].get(name, 0.0) >= amount for name, amount in resources.items())
        return False
