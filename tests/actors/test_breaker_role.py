"""The veto's shell: a tightened verdict is in force at once and is not undone by one that waited behind a save."""

import asyncio
from types import SimpleNamespace
from typing import Any

from actors.breaker import BreakerRole
from vortex.domain.effects import GrantLease, SaveBreaker
from vortex.domain.lease import Lease
from vortex.settings import Settings


class Store:
    """Saves when it is allowed to."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()

    async def save(self, *_: object) -> None:
        await self.gate.wait()


def lease(*, allows: bool) -> GrantLease:
    """A lease with this verdict."""
    return GrantLease(lease=Lease(epoch=1, allows=allows, judged_through=0, expires_mono_ns=1))


def test_an_older_permission_never_follows_a_newer_veto(tmp_path: Any) -> None:
    """Loosened, still saving, then tripped: the page ends on the veto."""
    published: list[bool] = []
    context = SimpleNamespace(
        settings_json=Settings(home=str(tmp_path)).to_json(),
        role="breaker",
        epoch=1,
        slot=SimpleNamespace(progressed=lambda: None),
        grant=SimpleNamespace(publish=lambda granted: published.append(granted.allows)),
    )

    async def run() -> None:
        role = BreakerRole(context)  # type: ignore[arg-type]
        store = Store()
        task = asyncio.create_task(role._carry_out(store))  # type: ignore[arg-type]
        role._perform([SaveBreaker(state_json="{}", event="", reason=""), lease(allows=True)])
        await asyncio.sleep(0)
        role._perform([lease(allows=False)])
        store.gate.set()
        await role._effects.join()
        role._perform([lease(allows=True)])
        await role._effects.join()
        task.cancel()

    asyncio.run(run())
    assert published == [False, True]
