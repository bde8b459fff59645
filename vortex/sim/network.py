"""Links between processes: each delays, loses, repeats and reorders by its own chance, and can be clogged and restored.

1. Every delivered packet was sent, and is delivered after it was sent.
2. A link in order never delivers a packet before an earlier one of the same lane.
3. A clogged link delivers nothing; what it holds comes when it is restored, unless the link forgets what it held.
4. A healed link loses nothing, repeats nothing and delivers within its plain delay.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from vortex.kernel.rng import Rng
from vortex.sim.world import World


def _nobody() -> None:
    """Nobody minds a loss."""


@dataclass(slots=True)
class Weather:
    """How a link behaves. Delays in ns; rates per mille."""

    delay_ns_min: int = 200_000
    delay_ns_max: int = 1_000_000
    loss_per_mille: int = 0
    repeat_per_mille: int = 0
    straggle_per_mille: int = 0
    straggle_ns_max: int = 0

    def calm(self) -> "Weather":
        """The same link without its faults."""
        return Weather(self.delay_ns_min, self.delay_ns_max)


@dataclass(slots=True)
class Tally:
    """What a link did; the counters prove that faults fired."""

    sent: int = 0
    delivered: int = 0
    lost: int = 0
    repeated: int = 0
    straggled: int = 0
    clogs: int = 0


@dataclass(frozen=True, slots=True)
class _Packet:
    """One copy of one message. `lost` is told when it will never arrive."""

    number: int
    lane: str
    deliver: Callable[[], None]
    lost: Callable[[], None]


@dataclass(slots=True)
class Link:
    """One direction between two ends. `in_order` makes lanes FIFO, as a TCP stream or a numbered channel is."""

    name: str
    world: World
    rng: Rng
    weather: Weather
    in_order: bool = False
    tally: Tally = field(default_factory=Tally)
    clogged: bool = False
    _held: list[_Packet] = field(default_factory=list)
    _last_ns: dict[str, int] = field(default_factory=dict)

    def send(self, deliver: Callable[[], None], lane: str = "", lost: Callable[[], None] = _nobody) -> None:
        """Put one packet on the link; `lost` is called when it will never arrive."""
        self.tally.sent += 1
        weather, rng = self.weather, self.rng
        if weather.loss_per_mille and rng.chance(weather.loss_per_mille, 1_000):
            self.tally.lost += 1
            lost()
            return
        copies = 1
        if weather.repeat_per_mille and rng.chance(weather.repeat_per_mille, 1_000):
            self.tally.repeated += 1
            copies = 2
        packet = _Packet(self.tally.sent, lane, deliver, lost)
        for _ in range(copies):
            self._carry(packet)

    def clog(self) -> None:
        """Hold everything from now on."""
        if not self.clogged:
            self.clogged = True
            self.tally.clogs += 1

    def restore(self, *, forget: bool = False) -> None:
        """Let packets through again; those that were held come now, in order, or are forgotten."""
        self.clogged = False
        held, self._held = self._held, []
        if forget:
            self.tally.lost += len(held)
            for packet in held:
                packet.lost()
            return
        for packet in sorted(held, key=lambda packet: packet.number):
            self._carry(packet)

    def _carry(self, packet: _Packet) -> None:
        if self.clogged:
            self._held.append(packet)
            return
        due = self.world.now_ns + self._delay()
        if self.in_order:
            due = max(due, self._last_ns.get(packet.lane, 0) + 1)
            self._last_ns[packet.lane] = due
        self.world.at(due, lambda: self._arrive(packet))

    def _arrive(self, packet: _Packet) -> None:
        if self.clogged:
            self._carry(packet)
            return
        self.tally.delivered += 1
        packet.deliver()

    def _delay(self) -> int:
        weather, rng = self.weather, self.rng
        delay = rng.randint(weather.delay_ns_min, weather.delay_ns_max)
        if weather.straggle_per_mille and rng.chance(weather.straggle_per_mille, 1_000):
            self.tally.straggled += 1
            delay += rng.randint(0, weather.straggle_ns_max)
        return delay


class Network:
    """All links, made on first use, so that faults can be drawn per link and healed together."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.links: dict[str, Link] = {}

    def link(self, name: str, weather: Weather, *, in_order: bool = False) -> Link:
        """The link of this name."""
        found = self.links.get(name)
        if found is None:
            found = Link(name, self._world, self._world.rng.fork(f"link/{name}"), weather, in_order)
            self.links[name] = found
        return found

    def heal(self, rng: Rng) -> None:
        """Restore every link in random order and take its faults away."""
        names = sorted(self.links)
        rng.shuffle(names)
        for name in names:
            link = self.links[name]
            link.weather = link.weather.calm()
            if link.clogged:
                link.restore()
