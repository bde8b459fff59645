"""The node's page tells a woken executor that it was replaced: a supervisor writes it, the role obeys it (ADR 0007)."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from actors.executor import ExecutorRole
from actors.operator import encode_command
from supervisors.config import RootConfig, tree_spec
from supervisors.keeper import Keeper
from supervisors.slots import Slots
from supervisors.tally import Past
from tests.engine.world import INSTRUMENTS, Trader, World
from vortex import bootstrap
from vortex.adapters.beats import BeatsPage, PermitReader
from vortex.domain.commands import Flatten
from vortex.domain.effects import Effect, SendCancel, SendOrder, TellBreaker
from vortex.domain.events import ExecutorUp
from vortex.domain.orders import Leg, OrderSpec, VenueOrder
from vortex.domain.outcomes import SnapshotTaken
from vortex.domain.records import JournalSnapshot, Record
from vortex.kernel.clock import MS, Clock, Mono
from vortex.kernel.errors import ConfigError, Fenced, JournalUnavailable, OutcomeUnknown
from vortex.kernel.rng import Rng
from vortex.settings import Settings
from vortex.supervision.spec import ChildSpec, ExitReason
from vortex.supervision.tree import Tree

FLATTEN = encode_command(Flatten(request_id="f", why="drill"))


class LostJournal:
    """Knew one open position, and takes nothing any more."""

    def __init__(self, snapshot: JournalSnapshot) -> None:
        self._snapshot = snapshot

    async def load(self, symbols: Sequence[str]) -> JournalSnapshot:
        return self._snapshot

    async def commit(self, epoch: int, records: Sequence[Record]) -> None:
        raise JournalUnavailable("away")


class SilentVenue:
    """Notes what arrives and answers nothing."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.orders: list[OrderSpec] = []
        self.changed: list[str] = []
        self.arrived = asyncio.Event()
        self.asked = asyncio.Event()

    def venue_ms(self) -> int:
        return self._clock.unix() // MS

    async def submit(self, spec: OrderSpec, stamp_ms: int) -> VenueOrder:
        self.orders.append(spec)
        self.arrived.set()
        raise OutcomeUnknown("no answer")

    async def snapshot(self, *_: object, **__: object) -> SnapshotTaken:
        self.asked.set()
        raise OutcomeUnknown("no answer")

    async def query(self, *_: object, **__: object) -> Any:
        raise OutcomeUnknown("no answer")

    async def balance(self) -> Any:
        raise OutcomeUnknown("no answer")

    async def cancel(self, client_order_id: str, symbol: str, *, is_algo: bool) -> None:
        self.changed.append(client_order_id)

    async def arm_dead_man(self, symbol: str, countdown_ms: int) -> None:
        self.changed.append(f"dead man {symbol}")


def position_held() -> World:
    """A journal with one position, filled a moment ago."""
    world = World()
    world.ready()
    Trader(world)
    world.want()
    world.feed(*world.venue.fill("v7-BTCUSDT-1-E0"))
    world.live(200)
    return world


class Scene:
    """One real executor role of epoch 1 on a real page, its exchange and journal in this test's hands."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.supervisors_page = BeatsPage(home / "beats")
        self.executors_page = BeatsPage(home / "beats")
        self.world = position_held()
        self.venue = SilentVenue(self.world.clock)
        self.letters: list[str] = []
        self.may_repeat: Callable[[], bool] = lambda: True
        monkeypatch.setattr(bootstrap, "open_execution", self._open)
        monkeypatch.setattr(bootstrap, "start_logs", lambda *_: None)
        monkeypatch.setattr(bootstrap, "open_mirror", self._no_mirror)
        self.supervisors_page.announce_executor(1)
        self.role = ExecutorRole(self._context(home))

    def _context(self, home: Path) -> Any:
        return SimpleNamespace(
            role="executor",
            epoch=1,
            node="here",
            clock=self.world.clock,
            rng=Rng(1, "executor"),
            slot=self.executors_page.slot(0),
            settings_json=Settings(home=str(home), symbols=tuple(INSTRUMENTS)).to_json(),
            mail=SimpleNamespace(send=lambda role, _: self.letters.append(role)),
            permits=PermitReader(self.executors_page),
            newest_executor=self.executors_page.newest_executor,
        )

    async def _open(self, *_: object, may_repeat: Callable[[], bool], **__: object) -> Any:
        self.may_repeat = may_repeat

        async def listen() -> None:
            await asyncio.Event().wait()

        async def close() -> None:
            return

        return SimpleNamespace(
            venue=self.venue,
            journal=LostJournal(self.world.journal.load()),
            user_stream=SimpleNamespace(run=listen),
            instruments=INSTRUMENTS,
            fee_rates={},
            close=close,
        )

    async def _no_mirror(self, _: object) -> None:
        return

    async def life(self) -> "asyncio.Task[None]":
        """Its life, from the moment when it compares with the exchange for the first time."""
        task = asyncio.create_task(self.role.run())
        await asyncio.wait_for(self.venue.asked.wait(), 10)
        self.venue.changed.clear()
        return task

    def close(self) -> None:
        self.supervisors_page.close()
        self.executors_page.close()


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    scene = Scene(tmp_path, monkeypatch)
    yield scene
    scene.close()


async def ended(task: "asyncio.Task[None]") -> BaseException | None:
    """How a life ends that should end by itself."""
    await asyncio.wait([task], timeout=10)
    assert task.done(), "it lives on"
    return task.exception()


@pytest.mark.asyncio
async def test_without_a_journal_and_without_a_successor_the_position_is_closed(scene: Scene) -> None:
    """Reducing risk is always allowed to who cannot know that it was replaced."""
    task = await scene.life()
    asking = asyncio.create_task(scene.role.ask(FLATTEN))
    await asyncio.wait_for(scene.venue.arrived.wait(), 10)
    assert [spec.client_order_id for spec in scene.venue.orders] == ["v7-BTCUSDT-1-C0"]
    assert scene.may_repeat()
    for each in (asking, task):
        each.cancel()
        with suppress(asyncio.CancelledError):
            await each


@pytest.mark.asyncio
async def test_once_a_successor_is_on_the_page_the_old_executor_ends_as_fenced(scene: Scene) -> None:
    """Written through the supervisor's mapping, read through its own; the journal could not have told it."""
    task = await scene.life()
    scene.supervisors_page.announce_executor(2)
    asking = asyncio.create_task(scene.role.ask(FLATTEN))
    error = await ended(task)
    assert isinstance(error, Fenced)
    assert str(error) == "fenced: a newer executor was announced"
    assert scene.venue.orders == []
    assert scene.venue.changed == []
    assert not scene.may_repeat(), "a cancel refused for its age is not signed anew"
    asking.cancel()


@pytest.mark.asyncio
async def test_what_was_decided_before_the_announcement_does_not_leave_after_it(scene: Scene) -> None:
    """Stopped between decision and request: the page is looked at once more before each."""
    task = await scene.life()
    (order,) = (each for each in scene.world.journal.load().trades[0].orders if each.spec.leg is Leg.STOP)
    decided: list[Effect] = [
        SendCancel(client_order_id="c", symbol="BTCUSDT", is_algo=True),
        SendOrder(spec=order.spec, stamp_ms=scene.venue.venue_ms()),
        TellBreaker(event=ExecutorUp(epoch=1)),
    ]
    scene.letters.clear()
    scene.supervisors_page.announce_executor(2)
    scene.role._perform(decided)
    assert isinstance(await ended(task), Fenced)
    assert scene.venue.orders == []
    assert scene.venue.changed == []
    assert scene.letters == [], "a role that has failed carries out nothing more"


class Register:
    """The newest epoch, durable."""

    async def bump_epoch(self, role: str) -> int:
        return 7


class NoPool:
    """Notes what the page shows when a process is asked for, and has none."""

    on_change: Callable[[], None]
    standbys: Sequence[object] = ()

    def __init__(self, page: BeatsPage) -> None:
        self._page = page
        self.seen: list[int] = []

    async def take(self, _: object) -> Any:
        self.seen.append(self._page.newest_executor())
        raise ConfigError("nobody is there")


def a_keeper(page: BeatsPage, pool: NoPool, home: Path) -> tuple[Keeper, ChildSpec]:
    """The supervisor's hands, and what an executor is to them."""
    config = RootConfig(home=str(home), page=str(page.path), boot_id="1", symbols=("BTCUSDT",), unconfirmed_ms=1_500)
    tree = Tree(tree_spec(config), Rng(1, "tree"))
    keeper = Keeper(
        config=config,
        tree=tree,
        registry=Register(),  # type: ignore[arg-type]  # nothing else is asked of it here
        page=page,
        slots=Slots(page),
        pool=pool,  # type: ignore[arg-type]  # likewise
        root_epoch=1,
        past=Past({}, {}),
    )
    return keeper, next(leaf for leaf in tree_spec(config).leaves() if leaf.role == "executor")


@pytest.mark.asyncio
@pytest.mark.parametrize(("reason", "waits"), [(ExitReason.CRASHED, []), (ExitReason.LOST, [1.5])])
async def test_an_executor_is_announced_before_a_process_can_become_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: ExitReason, waits: list[float]
) -> None:
    """Epoch durable, page written; where the old one's death was not seen its requests run out; then the role."""
    with BeatsPage(tmp_path / "beats") as page:
        pool = NoPool(page)
        keeper, spec = a_keeper(page, pool, tmp_path)
        fed: list[object] = []
        slept: list[float] = []

        async def sleep(seconds: float) -> None:
            assert page.newest_executor() == 7, "the wait begins with the announcement"
            slept.append(seconds)

        monkeypatch.setattr(keeper, "feed", fed.append)
        monkeypatch.setattr(keeper.history, "add", lambda _: None)
        before = SimpleNamespace(role="executor", token=0, reason=reason, detail="", report=SimpleNamespace(slot=0))
        keeper._gone(before)  # type: ignore[arg-type]
        monkeypatch.setattr(asyncio, "sleep", sleep)
        await keeper._start(spec, 1)
        assert pool.seen == [7]
        assert slept == waits
        assert len(fed) == 2


def test_an_announcement_is_seen_through_every_mapping_and_never_taken_back(tmp_path: Path) -> None:
    """One word in shared memory; a page that nobody wrote to knows of no executor."""
    with BeatsPage(tmp_path / "beats") as supervisor, BeatsPage(tmp_path / "beats") as executor:
        assert executor.newest_executor() == 0
        supervisor.announce_executor(5)
        supervisor.announce_executor(4)
        assert executor.newest_executor() == 5
        supervisor.fence_breaker(9)
        supervisor.claim(3, Mono(77))
        assert executor.newest_executor() == 5


READ_PAGE = """
import sys
from pathlib import Path
from vortex.adapters.beats import BeatsPage
page = BeatsPage(Path(sys.argv[1]))
for _ in sys.stdin:
    print(page.newest_executor(), flush=True)
"""


def test_another_process_sees_an_announcement_at_its_next_look(tmp_path: Path) -> None:
    """The real thing: two processes, one page, the word written between two looks."""
    with (
        BeatsPage(tmp_path / "beats") as supervisor,
        subprocess.Popen(
            [sys.executable, "-c", READ_PAGE, str(tmp_path / "beats")],
            cwd=Path(__file__).resolve().parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as executor,
    ):
        assert executor.stdin is not None
        assert executor.stdout is not None
        for epoch in (1, 2):
            supervisor.announce_executor(epoch)
            executor.stdin.write("look\n")
            executor.stdin.flush()
            assert executor.stdout.readline() == f"{epoch}\n"
        executor.stdin.close()
