"""The house's own tree: order, gates, quarantine, escalation, surrender, adoption, and convergence under faults."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.supervision.driver import World
from vortex.kernel.clock import MS
from vortex.kernel.errors import LocalViolation
from vortex.kernel.rng import Rng
from vortex.supervision import events as ev
from vortex.supervision.nodes import Status
from vortex.supervision.spec import (
    AutoShutdown,
    ChildSpec,
    ExitReason,
    Intensity,
    Restart,
    Strategy,
    SupervisorSpec,
    TreePlan,
    house,
    symbol_child,
)
from vortex.supervision.tree import SIBLING_STOP_MS, Tree

BTC, ETH, SOL = "symbol:BTC", "symbol:ETH", "symbol:SOL"
PLAN = TreePlan(symbols=("BTC", "ETH", "SOL"))


def a_house(**options: object) -> World:
    return World(house(PLAN), **options).boot()  # type: ignore[arg-type]


def crash_until(world: World, role: str, times: int) -> None:
    """Crash a role again and again, letting its backoff pass."""
    for _ in range(times):
        world.end(role)
        world.advance(10_000 if world.timers else 0)


def test_children_start_in_the_order_of_their_dependencies() -> None:
    """Breaker before executor before symbols before faces."""
    world = a_house()
    assert [who for _, who in world.log] == ["breaker", "executor", BTC, ETH, SOL, "recorder"]
    assert world.tree.ready()


def test_a_dependent_waits_until_those_before_it_are_ready() -> None:
    """An executor that recovers holds the symbols back; once it is ready they start."""
    world = a_house(held=["executor"])
    assert [who for _, who in world.log] == ["breaker", "executor"]
    assert (world.state("executor"), world.state("symbols"), world.tree.ready()) == ("recovering", "starting", False)
    world.tell(ev.ChildReady("executor", world.tree.token("executor")))
    assert [who for _, who in world.log][2:] == [BTC, ETH, SOL, "recorder"]


def test_stop_is_the_start_reversed_and_hands_the_mode_down() -> None:
    """Faces first, the breaker last, each told how to stop."""
    world = a_house()
    world.forget()
    world.tell(ev.StopTree("flatten"))
    assert [who for _, who in world.log] == ["recorder", SOL, ETH, BTC, "executor", "breaker"]
    assert {what for what, _ in world.log} == {"stop flatten"}
    assert world.tree.stopped
    assert world.effects(ev.Stopped)


def test_the_breakers_death_takes_the_executor_along_but_no_symbol() -> None:
    """Rest for one inside trading; the symbols trade on against the reborn executor."""
    world = a_house()
    world.forget()
    world.end("breaker")
    assert world.log == [("stop restart", "executor"), ("start", "breaker"), ("start", "executor")]
    stop = world.effects(ev.Stop)[0]
    assert isinstance(stop, ev.Stop)
    assert stop.timeout_ms == SIBLING_STOP_MS


def test_a_symbol_dies_alone() -> None:
    """One for one: nobody else is touched."""
    world = a_house()
    world.forget()
    world.end(ETH)
    assert world.log == [("start", ETH)]


def test_the_first_restart_is_free_and_later_ones_wait_longer() -> None:
    """0, then 250 ms doubling, within a fifth of jitter."""
    world = a_house()
    waits = []
    for _ in range(5):
        world.forget()
        world.end(BTC)
        delays = world.effects(ev.Delay)
        waits.append(delays[0].delay_ms if delays else 0)  # type: ignore[attr-defined]
        world.advance(60_000)
    assert waits[0] == 0
    for wait, flat in zip(waits[1:], (250, 500, 1_000, 2_000), strict=True):
        assert 0.8 * flat <= wait <= 1.2 * flat


def test_two_minutes_of_health_forgive_earlier_failures() -> None:
    """The next restart is free again."""
    world = a_house()
    crash_until(world, BTC, 3)
    world.advance(121_000)
    world.forget()
    world.end(BTC)
    assert world.log == [("start", BTC)]


def test_a_symbol_that_keeps_crashing_is_quarantined_and_nobody_else_notices() -> None:
    """Five restarts within a minute; the sixth crash sets it aside and asks the executor to flatten it."""
    world = a_house()
    for _ in range(6):
        world.end(BTC)
        world.advance(3_000)
    assert world.effects(ev.Quarantine) == [ev.Quarantine(BTC, "boom")]
    assert (world.state(BTC), world.state("symbols"), world.state("trading")) == ("failed", "degraded", "running")
    assert [who for what, who in world.log if who != BTC] == ["breaker", "executor", ETH, SOL, "recorder"]
    assert world.tree.ready()


def test_three_quarantines_in_a_minute_restart_all_symbols() -> None:
    """A common cause is suspected: symbols and faces are restarted by the root."""
    world = a_house()
    for role in (BTC, ETH, SOL):
        for _ in range(6):
            world.end(role)
            world.advance(2_500)
    assert [e.supervisor for e in world.effects(ev.Escalate)] == ["symbols"]  # type: ignore[attr-defined]
    assert {world.state(role) for role in (BTC, ETH, SOL, "recorder")} == {"running"}
    assert not world.tree.gave_up


def test_an_executor_that_cannot_live_makes_the_root_give_up() -> None:
    """Escalation after escalation until the root's own intensity is exceeded; then everything is down."""
    world = a_house()
    for _ in range(100):
        if world.tree.stopped:
            break
        world.end("executor")
        world.advance(100 if world.state("executor") == "running" else 2_400)
    assert world.tree.gave_up
    assert world.effects(ev.GiveUp)
    assert world.state("root") == "failed"
    assert all(row.state == "stopped" for row in world.tree.rows() if row.kind != "supervisor")


def test_a_face_that_keeps_crashing_is_parked_and_reported() -> None:
    """Ten restarts within a minute, then peace; trading goes on."""
    world = a_house()
    for _ in range(11):
        world.end("recorder")
        world.advance(4_000 if len(world.timers) and world.timers[0][0] - world.now_ns < 4_000 * MS else 40_000)
    crash_until(world, "recorder", 11)
    assert not world.tree.gave_up
    assert {world.state(role) for role in ("breaker", "executor", BTC)} == {"running"}


def test_a_wrong_setting_is_not_tried_again() -> None:
    """A failed start that would repeat for ever quarantines at once."""
    world = a_house()
    world.held.add(BTC)
    world.end(BTC)
    world.tell(ev.ChildExited(BTC, world.tree.token(BTC), ExitReason.CRASHED))
    world.advance(300)
    world.tell(ev.StartFailed(BTC, world.tree.token(BTC), "no such key", retryable=False))
    assert world.tree.status(BTC) is Status.SET_ASIDE


def test_a_failed_start_counts_as_a_restart() -> None:
    """Six failures to start are one too many."""
    tree = Tree(house(PLAN), Rng(1))
    now = 0
    pending = tree.handle(ev.Boot(), now)
    assert [e.spec.role for e in pending if isinstance(e, ev.Start)] == ["breaker"]
    for _ in range(5):
        out = tree.handle(ev.StartFailed("breaker", tree.token("breaker"), "no database"), now)
        for delay in [e for e in out if isinstance(e, ev.Delay)]:
            now += delay.delay_ms * MS
            tree.handle(ev.TimerFired("breaker", delay.token), now)
    out = tree.handle(ev.StartFailed("breaker", tree.token("breaker"), "no database"), now)
    assert any(isinstance(e, ev.Escalate) for e in out)


def test_late_news_of_a_dead_incarnation_is_ignored() -> None:
    """Tokens of earlier incarnations change nothing."""
    world = a_house()
    old = world.tree.token(BTC)
    world.end(BTC)
    world.forget()
    for event in (
        ev.ChildExited(BTC, old, ExitReason.CRASHED),
        ev.ChildReady(BTC, old),
        ev.HangSeen(BTC, old, "late"),
        ev.StartFailed(BTC, old, "late"),
        ev.TimerFired(BTC, old),
    ):
        world.tell(event)
    assert (world.log, world.state(BTC)) == ([], "running")


def test_a_hung_child_is_killed_before_it_has_a_successor() -> None:
    """Kill first; only its confirmed death starts the next."""
    world = a_house()
    world.forget()
    world.tell(ev.HangSeen(BTC, world.tree.token(BTC), "busy loop"))
    assert world.log == [("kill", BTC), ("start", BTC)]


def test_a_child_that_hangs_while_it_stops_is_killed_and_not_restarted() -> None:
    """The stop goes on."""
    tree = Tree(house(PLAN), Rng(1))
    tree.handle(ev.Boot(adopted=tuple((role, True) for role in tree.roles())), 0)
    tree.handle(ev.StopTree(), 0)
    out = tree.handle(ev.HangSeen("recorder", tree.token("recorder"), "stopped"), 0)
    assert [type(e) for e in out if not isinstance(e, ev.Record)] == [ev.Kill]
    out = tree.handle(ev.ChildExited("recorder", tree.token("recorder"), ExitReason.CRASHED), 0)
    assert [e.role for e in out if isinstance(e, ev.Stop)] == [SOL, ETH, BTC]


def test_a_reborn_root_adopts_the_living_and_starts_only_the_missing() -> None:
    """No living child is touched; quarantines are remembered."""
    tree = Tree(house(PLAN), Rng(1))
    living = (("breaker", True), ("executor", True), (BTC, False), ("recorder", True))
    out = tree.handle(ev.Boot(adopted=living, set_aside=(SOL,)), 0)
    assert [e.spec.role for e in out if isinstance(e, ev.Start)] == [ETH]
    assert (tree.status(BTC), tree.status(SOL)) == (Status.RECOVERING, Status.SET_ASIDE)


def test_a_reborn_root_goes_on_counting_restarts() -> None:
    """Of children and of supervisors; the names that are gone meanwhile are forgotten."""
    tree = Tree(house(PLAN), Rng(1))
    living = tuple((role, True) for role in tree.roles())
    tree.handle(ev.Boot(adopted=living, restarts=(("executor", 3), ("trading", 1), ("symbol:GONE", 2))), 0)
    assert tree.restarts() == {"executor": 3, "trading": 1}
    tree.handle(ev.ChildExited("executor", tree.token("executor"), ExitReason.CRASHED), 0)
    assert tree.restarts() == {"executor": 4, "trading": 1}
    assert next(row.restarts for row in tree.rows() if row.name == "executor") == 4


def test_symbols_come_and_go_while_the_tree_runs() -> None:
    """An added symbol starts, a removed one stops and is forgotten, its name is free again."""
    world = a_house()
    world.forget()
    world.tell(ev.AddChild("symbols", symbol_child("XRP", PLAN)))
    world.tell(ev.RemoveChild("symbol:XRP"))
    world.tell(ev.AddChild("symbols", symbol_child("XRP", PLAN)))
    assert world.log == [("start", "symbol:XRP"), ("stop keep", "symbol:XRP"), ("start", "symbol:XRP")]
    with pytest.raises(LocalViolation):
        world.tell(ev.AddChild("symbols", symbol_child("XRP", PLAN)))
    with pytest.raises(LocalViolation):
        world.tell(ev.AddChild("faces", symbol_child("ADA", PLAN)))


def test_an_operator_brings_a_quarantined_symbol_back() -> None:
    """RestartChild forgives."""
    world = a_house()
    for _ in range(6):
        world.end(BTC)
        world.advance(3_000)
    world.tell(ev.RestartChild(BTC))
    assert world.state(BTC) == "running"


def test_a_restart_asked_for_is_not_counted() -> None:
    """Twenty wishes exceed nothing."""
    world = a_house()
    for _ in range(20):
        world.tell(ev.RestartChild("executor"))
    assert (world.state("executor"), world.tree.gave_up) == ("running", "")


def test_the_last_significant_child_ends_its_supervisor() -> None:
    """auto_shutdown all_significant, as in OTP."""
    spec = SupervisorSpec(
        "root",
        Strategy.ONE_FOR_ONE,
        Intensity(5, 60_000),
        (
            ChildSpec("a", "toy", Restart.TRANSIENT, significant=True),
            ChildSpec("b", "toy", Restart.TRANSIENT, significant=True),
            ChildSpec("c", "toy"),
        ),
        auto_shutdown=AutoShutdown.ALL,
    )
    world = World(spec).boot()
    world.end("a", ExitReason.NORMAL)
    assert world.state("c") == "running"
    world.end("b", ExitReason.NORMAL)
    assert world.tree.stopped


def test_counting_children_says_what_lives() -> None:
    """specs, active, supervisors, workers."""
    world = a_house(held=["executor"])
    assert world.tree.count_children("root").supervisors == 3
    assert world.tree.count_children("root").active == 1
    assert world.tree.count_children("trading").active == 2
    assert [row.name for row in world.tree.which_children("symbols")] == [BTC, ETH, SOL]


class Chaos:
    """A world that answers late, in any order, and in which children die at any moment."""

    def __init__(self, rng: Rng) -> None:
        self.rng = rng
        self.tree = Tree(house(PLAN), Rng(rng.randint(0, 10**6)))
        self.now_ns = 0
        self.alive: dict[str, int] = {}
        self.pending: list[tuple[int, ev.TreeEvent]] = []
        self.tell(ev.Boot())

    def tell(self, event: ev.TreeEvent) -> None:
        for effect in self.tree.handle(event, self.now_ns):
            self.take(effect)

    def later(self, ms: int, event: ev.TreeEvent) -> None:
        self.pending.append((self.now_ns + self.rng.randint(0, ms) * MS, event))

    def take(self, effect: ev.TreeEffect) -> None:
        match effect:
            case ev.Start(spec, token):
                assert spec.role not in self.alive, f"{spec.role} lives twice"
                self.alive[spec.role] = token
                if self.rng.chance(1, 10):
                    del self.alive[spec.role]
                    self.later(50, ev.StartFailed(spec.role, token, "chance"))
                else:
                    self.later(50, ev.ChildStarted(spec.role, token))
                    self.later(300, ev.ChildReady(spec.role, token))
            case ev.Kill(role, token) | ev.Stop(role, token):
                if self.alive.get(role) == token:
                    del self.alive[role]
                    self.later(500, ev.ChildExited(role, token, ExitReason.SHUTDOWN))
            case ev.Delay(role, token, delay_ms):
                self.pending.append((self.now_ns + delay_ms * MS, ev.TimerFired(role, token)))

    def step(self) -> None:
        self.pending.sort(key=lambda entry: entry[0])
        when, event = self.pending.pop(0)
        self.now_ns = max(self.now_ns, when)
        if isinstance(event, ev.ChildReady) and self.tree.status(event.role) is Status.STARTING:
            self.pending.append((self.now_ns + MS, event))  # a child is ready after it has started
            return
        self.tell(event)

    def crash(self) -> None:
        if self.alive:
            role = self.rng.choice(sorted(self.alive))
            token = self.alive.pop(role)
            self.later(20, ev.ChildExited(role, token, ExitReason.CRASHED, "chance"))


@pytest.mark.property
@given(st.integers(0, 10**9), st.integers(0, 40))
def test_after_the_faults_everyone_is_at_work_or_set_aside_or_the_root_has_given_up(seed: int, faults: int) -> None:
    """Promise 10, and no role ever lives twice (asserted at each start)."""
    rng = Rng(seed)
    chaos = Chaos(rng)
    for _ in range(faults):
        chaos.crash()
        for _ in range(rng.randint(0, 6)):
            if chaos.pending:
                chaos.step()
        chaos.now_ns += rng.randint(0, 2_000) * MS
    for _ in range(2_000):
        if not chaos.pending:
            break
        chaos.step()
    assert not chaos.pending, "no convergence"
    if chaos.tree.gave_up:
        assert chaos.tree.stopped
        assert not chaos.alive
    else:
        states = {chaos.tree.status(role) for role in chaos.tree.roles()}
        assert states <= {Status.RUNNING, Status.SET_ASIDE}
