"""One living incarnation and its witnesses: the pidfd for the truth, the join for the reason, the page for hangs."""

import asyncio
import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field

from ray.exceptions import ActorUnavailableError, RayActorError, RayTaskError

from actors import processes
from actors.clients import ShellClient, ShellReport
from vortex.supervision.liveness import Liveness
from vortex.supervision.spec import ExitReason, HeartbeatLimits

# How long a confirmed death waits for the words of the one who died.
LAST_WORDS_S = 0.03
# Ray says "unavailable" while its control plane is away; the pidfd knows better.
UNAVAILABLE_RETRY_S = 0.1


@dataclass(slots=True, eq=False)
class Child:
    """One incarnation of a role, or (role empty) a standby."""

    report: ShellReport
    shell: ShellClient
    local: bool
    liveness: Liveness
    since_ns: int
    role: str = ""
    token: int = 0
    epoch: int = 0
    ready: bool = False
    condemned: bool = False
    suspect: bool = False
    reason: ExitReason | None = None
    detail: str = ""
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def pid(self) -> int:
        return self.report.pid

    def kill(self) -> bool:
        """SIGKILL on this node, by pid and start time; False when it is not ours to signal or already dead."""
        return self.local and processes.kill_same(self.report.pid, self.report.pid_started)


def newborn(report: ShellReport, shell: ShellClient, node: str, limits: HeartbeatLimits, now_ns: int) -> Child:
    """A child from its first report."""
    return Child(report=report, shell=shell, local=report.node == node, liveness=Liveness(limits), since_ns=now_ns)


def watch(child: Child, on_gone: Callable[[Child], None]) -> None:
    """Follow the child to its end; `on_gone` is called once, when its death is certain."""
    child.tasks.append(asyncio.create_task(_witness(child, on_gone), name=f"witness {child.report.name}"))
    if child.role:
        child.tasks.append(asyncio.create_task(_listen(child), name=f"join {child.role}"))


async def _witness(child: Child, on_gone: Callable[[Child], None]) -> None:
    """Wait for the process to die, then for its last words."""
    await (_pidfd(child) if child.local else _ray_says_dead(child))
    child.gone.set()
    listeners = [task for task in child.tasks if task is not asyncio.current_task()]
    if listeners:
        await asyncio.wait(listeners, timeout=LAST_WORDS_S)
    for task in listeners:
        task.cancel()
    if child.reason is None:
        child.reason = ExitReason.CRASHED if child.local else ExitReason.LOST
        child.detail = child.detail or "the process died"
    on_gone(child)


async def _pidfd(child: Child) -> None:
    descriptor = processes.open_pidfd(child.report.pid)
    if descriptor is None or not processes.same_process(child.report.pid, child.report.pid_started):
        if descriptor is not None:
            os.close(descriptor)
        return
    loop = asyncio.get_running_loop()
    dead = asyncio.Event()
    loop.add_reader(descriptor, dead.set)
    try:
        await dead.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


async def _ray_says_dead(child: Child) -> None:
    while True:
        try:
            await child.shell.join()
        except ActorUnavailableError:
            await asyncio.sleep(UNAVAILABLE_RETRY_S)
        except RayActorError:
            return
        except Exception:  # noqa: BLE001 - its role ended; the process is still there until it is killed
            await asyncio.sleep(UNAVAILABLE_RETRY_S)


async def _listen(child: Child) -> None:
    """Learn why the role ended, and end the process that no longer has one: an exception leaves it alive."""
    while True:
        try:
            how = await child.shell.join()
        except ActorUnavailableError:
            await asyncio.sleep(UNAVAILABLE_RETRY_S)
            continue
        except RayActorError:
            return  # the process died; the pidfd tells when
        except RayTaskError as error:
            child.reason, child.detail = ExitReason.CRASHED, last_line(error)
        else:
            child.reason = ExitReason.NORMAL if how == "normal" else ExitReason.SHUTDOWN
            child.detail = how
        if not child.kill():
            with contextlib.suppress(Exception):
                end_actor(child.shell)
        return


def end_actor(shell: ShellClient) -> None:
    """Tell Ray that this actor is over, so that its name and records go; also kills it on another node."""
    import ray

    ray.kill(shell.handle, no_restart=True)


def last_line(error: BaseException) -> str:
    """The cause of a remote error in one line."""
    cause = getattr(error, "cause", None) or error
    text = str(cause).strip().splitlines()
    return f"{type(cause).__name__}: {text[-1] if text else ''}"[:300]
