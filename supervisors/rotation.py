"""Carries out the slot of the day's most traded symbol: asks the exchange, swaps processes, remembers (P-1).

Ticks stay where they are: the newcomer is a symbol's process like any other, with its own streams. The executor is
restarted with the new list of symbols, which is its ordinary recovery from the journal, while the account is flat.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from actors.role import imported
from supervisors.child import last_line
from supervisors.config import RootConfig, plan, with_slot
from supervisors.keeper import Keeper
from vortex.kernel.clock import MS, Clock
from vortex.kernel.errors import JournalUnavailable, VortexError
from vortex.kernel.rng import Rng
from vortex.supervision import events as ev
from vortex.supervision.registry import Registry
from vortex.supervision.slot import (
    DAY_MS,
    Chosen,
    Give,
    Left,
    Look,
    Looked,
    Restore,
    Retire,
    SlotEffect,
    SlotState,
    TopVolumeSlot,
    until_next_day_ms,
)
from vortex.supervision.spec import symbol_child

ASK_AGAIN_S = 60.0
LOOK_S = 5.0
VIEW_S = 1.0
STORE_RETRY_S = 0.5
GONE_S = 0.05
REMEMBERED_DAYS = 7
JITTER_S = 60.0
"""Many systems must not ask at the same second of midnight."""

SLOT_KEY, DAY_KEY = "slot", "slot_day"

log = logging.getLogger("vortex.supervision")

Ask = Callable[[str, tuple[str, ...]], Awaitable[str]]
"""Settings as JSON and the symbols to leave out; the most traded other symbol, or an empty string."""


async def recalled(config: RootConfig, registry: Registry, clock: Clock) -> RootConfig:
    """The configuration with the symbol that had the slot last: its trade may still be open, so it leaves in order.

    What was remembered long ago is void, and so is a symbol that is now one of the others.
    """
    slot, day = await registry.get_state(SLOT_KEY), await registry.get_state(DAY_KEY)
    if not config.top_volume or not slot or not day or slot in config.symbols:
        return config
    return with_slot(config, slot) if day_of(clock) - int(day) <= REMEMBERED_DAYS else config


def day_of(clock: Clock) -> int:
    """Days since 1970, UTC."""
    return clock.unix() // MS // DAY_MS


class Rotation:
    """One root incarnation's hands on the slot."""

    def __init__(
        self, keeper: Keeper, registry: Registry, clock: Clock, on_config: Callable[[RootConfig], None]
    ) -> None:
        self._keeper = keeper
        self._registry = registry
        self._clock = clock
        self._on_config = on_config
        self._slot = TopVolumeSlot(keeper.config.slot)
        self._rng = Rng(keeper.config.seed, f"rotation/{keeper.root_epoch}")

    async def run(self) -> None:
        """Choose when the day turns, and at once when it turned while nobody was looking."""
        ask: Ask = await asyncio.to_thread(imported, self._keeper.config.top_volume)
        if await self._registry_state(SLOT_KEY) != self._slot.held or await self._registry_state(DAY_KEY) is None:
            await self._remember(self._slot.held)
        while True:
            if await self._registry_state(DAY_KEY) == str(day_of(self._clock)):
                wait_ms = until_next_day_ms(self._clock.unix() // MS)
                await asyncio.sleep(wait_ms / 1_000 + self._rng.uniform(0.0, JITTER_S))
                continue
            try:
                chosen = await ask(self._keeper.config.settings_json, self._fixed())
            except VortexError as error:
                log.warning("slot.not_asked %s", last_line(error))
                await asyncio.sleep(ASK_AGAIN_S)
                continue
            await self.choose(chosen)

    async def choose(self, symbol: str) -> None:
        """Bring the slot to this symbol, however long that takes; another day may pass meanwhile."""
        day = day_of(self._clock)
        if symbol and symbol != self._slot.held:
            self._note("slot.chosen", symbol, f"after {self._slot.held or 'nobody'}")
        effects = self._slot.handle(Chosen(symbol))
        while effects and not (self._slot.state is SlotState.WAITING and day_of(self._clock) != day):
            effects = await self._perform(effects)
        if day_of(self._clock) == day:
            await self._set_state(DAY_KEY, str(day))

    # ---- inside

    def _fixed(self) -> tuple[str, ...]:
        config = self._keeper.config
        return tuple(symbol for symbol in config.symbols if symbol != config.slot)

    async def _perform(self, effects: list[SlotEffect]) -> list[SlotEffect]:
        """Carry out all; the answer to the last one's question says what comes next."""
        following: list[SlotEffect] = []
        for effect in effects:
            match effect:
                case Look():
                    flat = await self._is_flat()
                    if not flat:
                        await asyncio.sleep(LOOK_S)
                    following = self._slot.handle(Looked(flat))
                case Retire(symbol=symbol):
                    await self._end(symbol)
                    following = self._slot.handle(Left())
                case Restore(symbol=symbol):
                    self._note("slot.kept", symbol, "opened something at the last moment")
                    self._start(symbol)
                case Give(symbol=symbol):
                    await self._give(symbol)
        return following

    async def _is_flat(self) -> bool:
        """By the executor's word; one that is not serving, or silent, has not said so."""
        executor = self._keeper.children.get("executor")
        if executor is None:
            return False
        try:
            seen = await asyncio.wait_for(executor.shell.view(), VIEW_S)
        except Exception:  # noqa: BLE001 - a silent executor is asked again
            return False
        return is_flat(seen["view"])

    async def _end(self, symbol: str) -> None:
        role = f"symbol:{symbol}"
        if role in self._keeper.tree.roles():
            self._keeper.feed(ev.RemoveChild(role))
        while True:
            await asyncio.sleep(GONE_S)
            if role not in self._keeper.tree.roles():
                break
        with contextlib.suppress(JournalUnavailable):
            await self._registry.remove(role)

    def _start(self, symbol: str) -> None:
        if f"symbol:{symbol}" not in self._keeper.tree.roles():
            self._keeper.feed(ev.AddChild("symbols", symbol_child(symbol, plan(self._keeper.config))))

    async def _give(self, symbol: str) -> None:
        """Durable first, so that a root that dies here goes on with the newcomer."""
        before = self._keeper.config.slot
        await self._remember(symbol)
        config = with_slot(self._keeper.config, symbol)
        self._keeper.config = config
        self._on_config(config)
        self._keeper.feed(ev.RestartChild("executor"))
        self._start(symbol)
        self._note("slot.changed", symbol, f"after {before or 'nobody'}")

    async def _remember(self, symbol: str) -> None:
        await self._set_state(SLOT_KEY, symbol)
        await self._set_state(DAY_KEY, str(day_of(self._clock)))

    async def _set_state(self, key: str, value: str) -> None:
        while True:
            try:
                await self._registry.set_state(key, value)
            except JournalUnavailable as error:
                log.warning("registry.away %s", error)
                await asyncio.sleep(STORE_RETRY_S)
            else:
                return

    async def _registry_state(self, key: str) -> str | None:
        while True:
            try:
                return await self._registry.get_state(key) or None
            except JournalUnavailable as error:
                log.warning("registry.away %s", error)
                await asyncio.sleep(STORE_RETRY_S)

    def _note(self, kind: str, symbol: str, detail: str) -> None:
        self._keeper.note(kind, f"symbol:{symbol}", "top volume of the day", detail, "symbols")


def is_flat(view: dict[str, Any]) -> bool:
    """Whether a serving executor shows no open trade and no working order."""
    return view.get("state") == "SERVING" and view.get("positions") == [] and view.get("orders") == []
