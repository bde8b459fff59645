"""The tree against a small, independent model of OTP's supervisor, for all strategies, restart types and reasons."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.supervision.driver import World
from vortex.kernel.clock import MS
from vortex.supervision.spec import Backoff, ChildSpec, ExitReason, Intensity, Restart, Strategy, SupervisorSpec

pytestmark = pytest.mark.property
NO_WAIT = Backoff(step_ms=0)


@dataclass
class OtpChild:
    name: str
    restart: str
    alive: bool = True
    births: int = 1


@dataclass
class OtpSupervisor:
    """What supervisor.erl does, written from its documentation with lists and loops."""

    strategy: str
    intensity: int
    period_ms: int
    children: list[OtpChild]
    restarts: list[int] = field(default_factory=list)
    dead: bool = False
    log: list[tuple[str, str]] = field(default_factory=list)

    def child_exits(self, name: str, abnormal: bool, now_ms: int) -> None:
        position = next((n for n, c in enumerate(self.children) if c.name == name), None)
        if self.dead or position is None or not self.children[position].alive:
            return
        child = self.children[position]
        child.alive = False
        if child.restart == "temporary":
            del self.children[position]
            return
        if child.restart == "transient" and not abnormal:
            return
        self.restarts = [t for t in self.restarts if now_ms <= t + self.period_ms] + [now_ms]
        if len(self.restarts) > self.intensity:
            self.terminate(list(self.children))
            self.dead = True
            return
        if self.strategy == "one_for_one":
            group = [child]
        elif self.strategy == "rest_for_one":
            group = self.children[position:]
        else:
            group = list(self.children)
        self.terminate([c for c in group if c is not child])
        for member in group:
            if member in self.children:
                member.alive = True
                member.births += 1
                self.log.append(("start", member.name))

    def terminate(self, group: list[OtpChild]) -> None:
        for child in reversed(group):
            if child.alive:
                child.alive = False
                self.log.append(("stop", child.name))
            if child.restart == "temporary":
                self.children.remove(child)


shapes = st.lists(st.sampled_from(list(Restart)), min_size=1, max_size=5)
exits = st.lists(st.tuples(st.integers(0, 4), st.sampled_from(list(ExitReason)), st.integers(0, 3_000)), max_size=30)


@given(st.sampled_from(list(Strategy)), shapes, exits, st.integers(0, 4), st.integers(1, 5_000))
def test_the_tree_restarts_exactly_whom_otp_restarts(
    strategy: Strategy,
    shape: list[Restart],
    story: list[tuple[int, ExitReason, int]],
    intensity: int,
    period_ms: int,
) -> None:
    """Same exits at the same times: same starts and stops in the same order, same survivors, same surrender."""
    names = [f"c{n}" for n in range(len(shape))]
    children = tuple(
        ChildSpec(role=n, kind="toy", restart=r, backoff=NO_WAIT) for n, r in zip(names, shape, strict=True)
    )
    world = World(SupervisorSpec("root", strategy, Intensity(intensity, period_ms), children)).boot()
    model = OtpSupervisor(
        strategy.value,
        intensity,
        period_ms,
        [OtpChild(n, r.value) for n, r in zip(names, shape, strict=True)],
    )
    world.forget()
    for index, reason, gap_ms in story:
        world.now_ns += gap_ms * MS
        name = names[index % len(names)]
        if not world.tree.stopped:
            world.end(name, reason)
        model.child_exits(name, reason in (ExitReason.CRASHED, ExitReason.LOST), world.now_ns // MS)
    log = [("stop" if what.startswith("stop") else what, who) for what, who in world.log]
    if strategy is Strategy.ONE_FOR_ONE:  # independent children are stopped side by side; their order means nothing
        assert sorted(log) == sorted(model.log)
    else:
        assert log == model.log
    assert bool(world.tree.gave_up) == model.dead
    alive = {c.name for c in model.children if c.alive}
    assert {r.name for r in world.tree.which_children("root") if r.state == "running"} == alive


@given(st.sampled_from(list(Strategy)), exits, st.integers(0, 4), st.integers(1, 5_000))
def test_no_window_ever_holds_more_restarts_than_the_intensity(
    strategy: Strategy, story: list[tuple[int, ExitReason, int]], intensity: int, period_ms: int
) -> None:
    """However exits fall, restarts within any period stay within bounds; one more and the supervisor has given up."""
    names = ["a", "b", "c"]
    children = tuple(ChildSpec(role=n, kind="toy", backoff=NO_WAIT) for n in names)
    world = World(SupervisorSpec("root", strategy, Intensity(intensity, period_ms), children)).boot()
    restarted_ms: list[int] = []
    for index, reason, gap_ms in story:
        world.now_ns += gap_ms * MS
        if world.tree.stopped:
            break
        world.forget()
        world.end(names[index % 3], reason)
        if any(what == "start" for what, _ in world.log):
            restarted_ms.append(world.now_ns // MS)
    for first in restarted_ms:
        assert sum(first <= t <= first + period_ms for t in restarted_ms) <= intensity
