"""Virtual time: order, ties, cancellation, and independence of chance by name."""

from vortex.kernel.clock import MS
from vortex.sim.world import World


def test_events_happen_in_order_of_time_and_ties_in_order_of_planning() -> None:
    """Equal times are broken by a counter, never by chance."""
    world, seen = World(1), list[str]()
    for name, delay in (("late", 5), ("first", 1), ("second", 1), ("now", 0)):
        world.after(delay * MS, lambda name=name: seen.append(name))
    while world.step(world.now_ns + 100 * MS):
        pass
    assert seen == ["now", "first", "second", "late"]


def test_a_canceled_event_never_happens() -> None:
    """Timers of dead processes must not ring."""
    world, seen = World(1), list[str]()
    world.after(MS, lambda: seen.append("no")).cancel()
    assert not world.step(world.now_ns + 2 * MS)
    assert seen == []


def test_time_stands_at_the_limit_when_nothing_is_due() -> None:
    """`step` never leaves time behind the limit it was given."""
    world = World(1)
    before = world.now_ns
    assert not world.step(before + 7 * MS)
    assert world.now_ns == before + 7 * MS


def test_a_past_moment_means_now() -> None:
    """Time never runs backwards, whatever was asked for."""
    world, at = World(1), list[int]()
    world.step(world.now_ns + 5 * MS)
    world.at(0, lambda: at.append(world.now_ns))
    now = world.now_ns
    assert world.step(now)
    assert at == [now]
