"""Laws of the simulated links: nothing is invented, order is kept where promised, healing heals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.kernel.clock import MS
from vortex.sim.network import Link, Network, Weather
from vortex.sim.world import World

pytestmark = pytest.mark.property

SECOND_NS = 1_000 * MS
weathers = st.builds(
    Weather,
    delay_ns_min=st.just(0),
    delay_ns_max=st.integers(0, 50 * MS),
    loss_per_mille=st.integers(0, 400),
    repeat_per_mille=st.integers(0, 400),
    straggle_per_mille=st.integers(0, 400),
    straggle_ns_max=st.integers(0, 300 * MS),
)
scripts = st.lists(st.tuples(st.sampled_from(["send", "wait", "clog", "restore"]), st.integers(0, 40)), max_size=60)


def play(world: World, link: Link, script: list[tuple[str, int]], lanes: int = 1) -> tuple[list[int], list[int]]:
    """Act the script out, restore, let everything arrive; return what was sent and what came, in order."""
    sent: list[int] = []
    came: list[int] = []
    for act, amount in script:
        if act == "send":
            number = len(sent)
            sent.append(number)
            link.send(lambda number=number: came.append(number), lane=str(amount % lanes))
        elif act == "wait":
            until = world.now_ns + amount * MS
            while world.step(until):
                pass
        elif act == "clog":
            link.clog()
        else:
            link.restore()
    link.restore()
    while world.step(world.now_ns + 10 * SECOND_NS):
        pass
    return sent, came


@given(seed=st.integers(0, 10_000), weather=weathers, script=scripts)
def test_every_packet_that_arrives_was_sent(seed: int, weather: Weather, script: list[tuple[str, int]]) -> None:
    """Copies may come twice and losses not at all, but nothing is invented and the tally explains every packet."""
    world = World(seed)
    link = Network(world).link("a>b", weather)
    sent, came = play(world, link, script)
    assert set(came) <= set(sent)
    assert all(came.count(number) <= 2 for number in sent)
    assert link.tally.delivered == len(came)
    assert len(came) >= len(sent) - link.tally.lost


@given(seed=st.integers(0, 10_000), weather=weathers, script=scripts)
def test_an_ordered_link_keeps_each_lane_in_order(seed: int, weather: Weather, script: list[tuple[str, int]]) -> None:
    """The user stream never reorders within one type, clogged or not."""
    world = World(seed)
    link = Network(world).link("a>b", weather, in_order=True)
    sent, came = play(world, link, script)
    assert came == sorted(came)
    assert set(came) <= set(sent)


@given(seed=st.integers(0, 10_000), weather=weathers, script=scripts)
def test_a_calm_link_delivers_everything_once(seed: int, weather: Weather, script: list[tuple[str, int]]) -> None:
    """Healing takes loss, repetition and straggling away."""
    world = World(seed)
    link = Network(world).link("a>b", weather.calm())
    sent, came = play(world, link, script)
    assert sorted(came) == sent


@given(seed=st.integers(0, 10_000), count=st.integers(1, 20))
def test_a_clogged_link_delivers_nothing_until_it_is_restored(seed: int, count: int) -> None:
    """What it holds comes afterwards, or never when the link forgets."""
    world = World(seed)
    network = Network(world)
    came: list[int] = []
    for name, forget in (("keeps", False), ("forgets", True)):
        link = network.link(name, Weather())
        link.clog()
        for number in range(count):
            link.send(lambda number=number: came.append(number))
        world.step(world.now_ns + SECOND_NS)
        assert came == []
        link.restore(forget=forget)
        while world.step(world.now_ns + SECOND_NS):
            pass
        assert sorted(came) == ([] if forget else list(range(count)))
        came.clear()


def test_healing_restores_every_link() -> None:
    """After `heal` no link is clogged and none has faults left."""
    world = World(3)
    network = Network(world)
    for name in ("a", "b", "c"):
        network.link(name, Weather(loss_per_mille=500, straggle_per_mille=10, straggle_ns_max=MS)).clog()
    network.heal(world.rng.fork("heal"))
    assert not any(link.clogged for link in network.links.values())
    assert all(link.weather == link.weather.calm() for link in network.links.values())
