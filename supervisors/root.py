"""The Ray actor that is the whole tree's one restart authority: root, trading, symbols and faces in one process.

It is the only actor that Ray itself restarts. Reborn, it takes a larger root epoch, adopts the living children and
goes on; they have been trading meanwhile (ADR 0011).
"""

import asyncio
import contextlib
import json
import logging
import os
import threading
from pathlib import Path
from typing import Any

import msgspec
import ray

from actors import processes
from actors.role import imported
from supervisors.adoption import look_around
from supervisors.child import last_line
from supervisors.config import RootConfig, decode_config, plan, tree_spec
from supervisors.keeper import Keeper
from supervisors.pool import Pool
from supervisors.rotation import Rotation, recalled
from supervisors.slots import Slots
from supervisors.status import tree_rows
from supervisors.tally import KEY as RESTARTS
from supervisors.tally import Past, remembered
from vortex.adapters.beats import BeatsPage
from vortex.domain.commands import Flatten, Halt, LatchKill
from vortex.kernel.clock import SystemClock
from vortex.kernel.errors import JournalUnavailable, NotRunning, Refused
from vortex.kernel.rng import Rng
from vortex.supervision import events as ev
from vortex.supervision.registry import Registry
from vortex.supervision.spec import symbol_child
from vortex.supervision.tree import Tree

ROOT = "@root"
VIEW_TIMEOUT_S = 0.5
STORE_RETRY_S = 0.2
BOOT_RETRY_S = 0.5
KILL_STEP_S = 30.0

log = logging.getLogger("vortex.supervision")


class Root:
    """See the module. Methods are for the CLI and the launcher, through actors.clients.RootClient."""

    def __init__(self, config: bytes) -> None:
        processes.die_with_parent()
        processes.set_title("vortex:root")
        self._config = decode_config(config)
        self._clock = SystemClock()
        self._born_ns = self._clock.mono()
        self._keeper: Keeper | None = None
        self._registry: Registry | None = None
        self._boot_error = ""
        self._births = 1
        self._sweeper: asyncio.Task[None] | None = None
        self._shower: asyncio.Task[None] | None = None
        self._stopper: asyncio.Task[None] | None = None
        self._rotator: asyncio.Task[None] | None = None
        self._booter = asyncio.ensure_future(self._boot())

    # ---- birth

    async def _boot(self) -> None:
        """A first root that cannot boot says why and is gone; a reborn one has children and tries until it can."""
        while True:
            try:
                await self._try_boot()
            except Exception as error:
                self._boot_error = last_line(error)
                log.exception("root.not_booted")
                if not ray.get_runtime_context().was_current_actor_reconstructed:
                    raise
                await asyncio.sleep(BOOT_RETRY_S)
            else:
                return

    async def _try_boot(self) -> None:
        config = self._config
        page = BeatsPage(Path(config.page))
        registry: Registry = await imported(config.registry)(config.settings_json)
        self._registry = registry
        root_epoch = await self._first_epoch(registry)
        page.introduce_root(os.getpid(), threading.get_native_id())
        page.claim(root_epoch, self._clock.mono())
        await self._know_this_boot(registry, root_epoch)
        config = self._config = await recalled(config, registry, self._clock)
        node = ray.get_runtime_context().get_node_id()
        limits = plan(config).limits
        slots = Slots(page)
        found = await look_around(await registry.load(), root_epoch, node, limits)
        for child in (*found.children, *found.standbys):
            slots.occupy(child.report.slot)
        pool = Pool(
            root_epoch=root_epoch,
            node=node,
            page=config.page,
            size=config.standbys,
            preload=config.preload,
            limits=limits,
            slots=slots,
        )
        tree = Tree(tree_spec(config), Rng(config.seed, f"tree/{root_epoch}"))
        past = await remembered(registry)
        keeper = Keeper(
            config=config,
            tree=tree,
            registry=registry,
            page=page,
            slots=slots,
            pool=pool,
            root_epoch=root_epoch,
            past=past,
        )
        self._keeper = keeper
        for standby in found.standbys:
            pool.keep(standby)
        await self._resume(keeper, found.children, past)
        keeper.on_stop_wish = self._stop_soon
        self._sweeper = asyncio.create_task(keeper.look_after(), name="sweep")
        self._shower = asyncio.create_task(self._show(), name="show")
        if config.top_volume:
            self._rotator = asyncio.create_task(self._rotate(keeper, registry), name="rotation")
        pool.refill()

    async def _resume(self, keeper: Keeper, found: list[Any], past: Past) -> None:
        """Bring the tree to where the world is, and go on with what the former root had begun."""
        assert self._registry is not None
        ready: list[tuple[str, bool]] = []
        for child in found:
            self._restore_symbol(keeper, child.role)
            child.token = keeper.tree.token(child.role) + 1
            child.ready = child.report.state in ("running", "degraded")
            ready.append((child.role, child.ready))
        keeper.pool.prime(max(len(keeper.tree.roles()) - len(found) - len(keeper.pool.standbys), 0))
        aside = await self._registry.get_state("set_aside") or ""
        mode = await self._registry.get_state("stopping") or ""
        set_aside = tuple(role for role in aside.split(",") if role)
        keeper.feed(ev.Boot(adopted=tuple(ready), set_aside=set_aside, restarts=tuple(past.restarts.items())))
        for child in found:
            keeper.take_in(child)
        if mode:
            keeper.feed(ev.StopTree(mode))
            self._stop_soon(mode)

    def _restore_symbol(self, keeper: Keeper, role: str) -> None:
        """A symbol that was added while the system ran is not in the configuration."""
        if role not in keeper.tree.roles():
            keeper.feed(ev.AddChild("symbols", symbol_child(role.partition(":")[2], plan(self._config))))

    async def _first_epoch(self, registry: Registry) -> int:
        while True:
            try:
                return await registry.bump_epoch(ROOT)
            except JournalUnavailable as error:
                log.warning("registry.away %s", error)
                await asyncio.sleep(STORE_RETRY_S)

    async def _know_this_boot(self, registry: Registry, root_epoch: int) -> None:
        """The first root of a boot clears what an earlier boot left; later ones count themselves."""
        if await registry.get_state("boot_id") != self._config.boot_id:
            for row in await registry.load():
                processes.kill_same(row.pid, row.pid_started)
                await registry.remove(row.role)
            for key in ("stopping", "set_aside", RESTARTS):
                await registry.set_state(key, "")
            await registry.set_state("first_root_epoch", str(root_epoch))
            await registry.set_state("boot_id", self._config.boot_id)
        first = await registry.get_state("first_root_epoch") or str(root_epoch)
        self._births = root_epoch - int(first) + 1

    async def _ready_keeper(self) -> Keeper:
        await asyncio.shield(self._booter)
        if self._keeper is None:
            raise NotRunning(f"the root is still booting {self._boot_error}")
        return self._keeper

    # ---- questions

    async def healthy(self) -> bool:
        """Whether every child is at work or deliberately set aside."""
        return (await self._ready_keeper()).tree.ready()

    async def ping(self) -> int:
        """The root epoch, once booted."""
        return (await self._ready_keeper()).root_epoch

    async def status(self, *, views: bool = True) -> dict[str, Any]:
        """State, rows of the tree as in the status contract, and each child's own view."""
        keeper = await self._ready_keeper()
        rows = tree_rows(keeper, self._births - 1, self._born_ns)
        return {
            "state": keeper.state(),
            "root_epoch": keeper.root_epoch,
            "tree": rows,
            "views": await self._views(keeper) if views else {},
            "history_lost": keeper.history.lost,
        }

    async def which_children(self, supervisor: str) -> list[dict[str, Any]]:
        """The direct children of a supervisor."""
        keeper = await self._ready_keeper()
        return [msgspec.to_builtins(row) for row in keeper.tree.which_children(supervisor)]

    async def count_children(self, supervisor: str) -> dict[str, int]:
        """How many children a supervisor has and how many live."""
        keeper = await self._ready_keeper()
        counts: dict[str, int] = msgspec.to_builtins(keeper.tree.count_children(supervisor))
        return counts

    # ---- wishes

    async def add_symbol(self, symbol: str) -> None:
        """Trade one more symbol."""
        keeper = await self._ready_keeper()
        if keeper.tree.stopping:
            raise Refused("the tree is stopping")
        keeper.feed(ev.AddChild("symbols", symbol_child(symbol, plan(self._config))))

    async def remove_symbol(self, symbol: str) -> None:
        """End a symbol's process; its open position stays with the executor's book and its exchange-side stop."""
        keeper = await self._ready_keeper()
        role = f"symbol:{symbol}"
        if role not in keeper.tree.roles():
            raise Refused(f"{symbol} is not traded here")
        keeper.feed(ev.RemoveChild(role))

    async def restart(self, role: str) -> None:
        """Restart a role, or bring back one that was set aside. Not counted against it."""
        keeper = await self._ready_keeper()
        if role not in keeper.tree.roles():
            raise Refused(f"no role {role!r}; known: {', '.join(keeper.tree.roles())}")
        keeper.feed(ev.RestartChild(role))

    async def command(self, role: str, body: bytes) -> str:
        """Put an operator's command to a role; NotRunning when nobody plays it now."""
        keeper = await self._ready_keeper()
        child = keeper.children.get(role)
        if child is None:
            raise NotRunning(f"{role} is not running")
        return await child.shell.ask(body)

    async def stop(self, mode: str = "keep") -> None:
        """Stop the tree in reverse order; durable, so that a root that dies meanwhile goes on with it."""
        keeper = await self._ready_keeper()
        with contextlib.suppress(JournalUnavailable):
            await keeper.registry.set_state("stopping", mode)
        if not keeper.tree.stopping:
            keeper.note("tree.stopping", "root", mode, "")
            with contextlib.suppress(NotRunning, Exception):
                await asyncio.wait_for(self._order("executor", Halt(why=f"stop --{mode}")), 1.0)
            keeper.feed(ev.StopTree(mode))
        await keeper.stopped.wait()
        keeper.pool.close()
        for role in keeper.tree.roles():
            with contextlib.suppress(JournalUnavailable):
                await keeper.registry.remove(role)
        keeper.note("tree.stopped", "root", mode, "")
        await keeper.history.close()
        keeper.closed = True

    async def kill(self, reason: str) -> dict[str, Any]:
        """Latch the veto and flatten everything (EM-5). Each step is tried whatever became of the one before."""
        keeper = await self._ready_keeper()
        keeper.note("tree.killed", "root", "operator", reason)
        steps: dict[str, Any] = {}
        for name, role, order in (
            ("veto", "breaker", LatchKill(reason=reason)),
            ("halt", "executor", Halt(why=reason)),
            ("flatten", "executor", Flatten(request_id=f"kill-{keeper.root_epoch}-{self._clock.mono()}", why=reason)),
        ):
            try:
                answer = await asyncio.wait_for(self._order(role, order), KILL_STEP_S)
                steps[name] = {"ok": True, "answer": json.loads(answer) if answer else None}
            except Exception as error:  # noqa: BLE001 - the caller falls back to the exchange itself
                steps[name] = {"ok": False, "error": last_line(error)}
        return steps

    # ---- inside

    def _stop_soon(self, mode: str) -> None:
        if self._stopper is None:
            self._stopper = asyncio.create_task(self.stop(mode), name="stop")

    async def _show(self) -> None:
        """Show the tree in the mirror. Imported late and in a thread: half a second that adoption must not wait for."""
        show_tree = await asyncio.to_thread(imported, "supervisors.publishing:show_tree")
        await show_tree(self._config.settings_json, self._clock, self._seen)

    async def _rotate(self, keeper: Keeper, registry: Registry) -> None:
        """Follow the most traded symbol of the day (P-1); what goes wrong there costs a day's choice, not the tree."""

        def changed(config: RootConfig) -> None:
            self._config = config

        try:
            await Rotation(keeper, registry, self._clock, changed).run()
        except Exception:
            log.exception("rotation.failed")

    def _seen(self) -> dict[str, Any]:
        assert self._keeper is not None
        rows = tree_rows(self._keeper, self._births - 1, self._born_ns)
        return {"state": self._keeper.state(), "root_epoch": self._keeper.root_epoch, "tree": rows}

    async def _order(self, role: str, order: LatchKill | Halt | Flatten) -> str:
        return await self.command(role, msgspec.msgpack.encode(order))

    async def _views(self, keeper: Keeper) -> dict[str, Any]:
        async def one(role: str) -> tuple[str, Any]:
            try:
                return role, await asyncio.wait_for(keeper.children[role].shell.view(), VIEW_TIMEOUT_S)
            except Exception as error:  # noqa: BLE001 - a silent child must not silence the others
                return role, {"error": last_line(error)}

        return dict(await asyncio.gather(*(one(role) for role in list(keeper.children))))
