"""What happens on top of the weather: bursts, overshoots and liquidation cascades, each a list of phases."""

from dataclasses import dataclass

from vortex.exchange.generator_draws import Draws
from vortex.exchange.generator_profile import STEP_MS, STEPS_PER_MINUTE


@dataclass(frozen=True, slots=True)
class Phase:
    """One stretch of an episode. Signed numbers point up when positive."""

    seconds: float
    move: float = 0.0  # price move over the phase, in standard deviations of a minute
    pressure: float = 0.0  # what the book leans to, in standard deviations of its usual lean
    rate: float = 1.0  # factor on the rate of trades
    bias: float = 0.0  # net share of taker buys, -1..1
    size: float = 1.0  # factor on trade sizes
    interest_pct: float = 0.0  # change of open interest over the phase
    liquidations: float = 0.0  # forced orders per second
    gives_back: float = 0.0  # share of the episode's move so far that this phase takes back, instead of `move`
    until_stretched: bool = False  # ends when the price is visibly stretched this way; `seconds` is a guess


@dataclass(frozen=True, slots=True)
class Pressure:
    """A phase per step of 100 ms: what the tape of one symbol works with."""

    kind: str
    drift: float  # in standard deviations of one step, per step
    pressure: float
    rate: float
    bias: float
    size: float
    interest_step: float  # relative change of open interest per step
    liquidation_chance: float  # of one forced order per step


CALM = Pressure("calm", 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0)

_SQRT_MINUTE = STEPS_PER_MINUTE**0.5


def burst(way: float, draws: Draws) -> list[Phase]:
    """One-sided aggressive buying or selling; two times in three the price goes on, otherwise it fails."""
    follow = draws.between(0.5, 1.6) if draws.chance(0.68) else -draws.between(0.3, 0.9)
    lean = 0.6 if follow > 0 else -0.5
    return [
        Phase(draws.between(2.5, 5.0), 0.08 * way, 1.4 * way, 1.0, 0.3 * way),
        Phase(
            draws.between(5.0, 12.0),
            draws.between(0.8, 1.4) * way,
            1.9 * way,
            draws.between(7.0, 11.0),
            0.95 * way,
            1.5,
            0.10,
        ),
        Phase(draws.between(8, 20), 0.15 * way, 0.5 * way, 1.3, 0.1 * way, 1.0, 0.05),
        Phase(draws.between(30, 120), follow * way, lean * way, 1.5, 0.3 * lean * way, 1.0, 0.20),
    ]


def overshoot(way: float, draws: Draws) -> list[Phase]:
    """A slide that goes on until it has gone too far, is absorbed, and comes back more than half."""
    seconds = draws.between(110, 170)
    slide, climax = draws.between(2.3, 3.0) * seconds / 60, draws.between(0.7, 1.2)
    return [
        Phase(seconds, slide * way, 0.4 * way, 1.5, 0.3 * way, 1.0, 0.2, until_stretched=True),
        Phase(draws.between(7, 12), climax * way, 1.2 * way, 3.5, 0.8 * way, 1.4, -0.3, 0.15),
        Phase(draws.between(25, 50), -0.1 * way, -2.4 * way, 2.4, -0.6 * way, 1.2, -0.1),
        Phase(draws.between(120, 240), 0.0, -0.8 * way, 1.4, -0.3 * way, gives_back=draws.between(0.7, 1.0)),
    ]


def cascade(way: float, draws: Draws) -> list[Phase]:
    """Forced orders feed on each other: open interest falls, the price runs, then part of it returns."""
    run = draws.between(2.2, 3.8)
    return [
        Phase(draws.between(20, 40), 0.9 * way, 0.7 * way, 1.5, 0.4 * way, 1.1, -0.25, 0.08),
        Phase(draws.between(10, 25), run * way, 2.0 * way, draws.between(8, 12), 0.94 * way, 2.2, -1.4, 1.1),
        Phase(draws.between(15, 30), 0.4 * way, 0.5 * way, 2.5, 0.4 * way, 1.4, -0.3, 0.2),
        Phase(draws.between(60, 180), -draws.between(0.3, 0.55) * run * way, -0.6 * way, 1.5, -0.3 * way),
    ]


_KINDS = {"burst": burst, "overshoot": overshoot, "cascade": cascade}


@dataclass(frozen=True, slots=True)
class Odds:
    """Chances of (burst, overshoot) as the next episode, in a trend and in a range; the rest are cascades."""

    trending: tuple[float, float]
    ranging: tuple[float, float]


SHARED_ODDS = Odds(trending=(0.72, 0.0), ranging=(0.65, 0.0))
"""Overshoots belong to one symbol: each has its own moment at which it is visibly stretched."""

OWN_ODDS = Odds(trending=(0.60, 0.30), ranging=(0.30, 0.58))

STRETCH_PATIENCE = 2.5
"""A slide that waits for a stretched price gives up at this multiple of its guessed length."""


class Story:
    """A sequence of episodes with pauses between them."""

    def __init__(self, draws: Draws, pause_s: tuple[float, float], odds: Odds) -> None:
        self._draws = draws
        self._pause_s = pause_s
        self._odds = odds
        self._queue: list[tuple[str, Phase]] = []
        self._planned: list[str] = []
        self._until = self._give_up = 0
        self._begun = 0
        self._moved = 0.0  # what the present episode has moved, in standard deviations of a step
        self._waits_for = 0  # the stretch that ends the present phase, if one does
        self.now = CALM
        self.stretched: int | None = None  # what the price shows; None while nobody watches
        self.way = 0  # where the price stands against its own middle, if that is known

    def open(self, step: int, first_s: tuple[float, float], planned: list[str]) -> None:
        """Drop what runs, and begin anew: a pause, then the planned kinds before chance takes over."""
        self._queue = []
        self._planned = list(planned)
        self._waits_for = 0
        self.now = CALM
        self._begun, self._moved = step, 0.0
        self._until = step + _steps(self._draws.between(*first_s))

    def at(self, step: int, trend: float) -> Pressure:
        """The pressure of this step; steps only go forward."""
        if self._waits_for and self.stretched is not None and step < self._give_up:
            self._until = step if self.stretched == self._waits_for else max(self._until, step + 1)
        while step >= self._until:
            self._turn(trend)
        return self.now

    def wait(self, steps: int) -> None:
        """Stand still for so many steps, because something greater is going on."""
        self._until += steps
        self._give_up += steps
        self._begun += steps

    def over(self, step: int, steps: int, trend: float) -> Pressure:
        """The mean pressure over a stretch of steps; what the coarse past is made of."""
        end, parts = step + steps, list[tuple[int, Pressure]]()
        while step < end:
            pressure = self.at(step, trend)
            length = min(end, self._until) - step
            parts.append((length, pressure))
            step += length
        return parts[0][1] if len(parts) == 1 else _mean(parts)

    def _turn(self, trend: float) -> None:
        self._waits_for = 0
        self._moved += self.now.drift * (self._until - self._begun)
        self._begun = self._until
        if self._queue:
            self._begin(*self._queue.pop(0))
            return
        self._moved = 0.0
        kind = self._next_kind(trend)
        way = self._direction(kind, trend)
        phases = [(kind, phase) for phase in _KINDS[kind](way, self._draws)]
        self._queue = [*phases, ("calm", Phase(self._draws.between(*self._pause_s)))]

    def _begin(self, kind: str, phase: Phase) -> None:
        length = _steps(phase.seconds)
        move = phase.move * _SQRT_MINUTE - phase.gives_back * self._moved
        self.now = _pressure(kind, phase, move / length, length)
        if phase.until_stretched:
            self._waits_for = 1 if phase.move > 0 else -1
            self._give_up = self._until + int(STRETCH_PATIENCE * length)
        self._until += length

    def _next_kind(self, trend: float) -> str:
        if self._planned:
            return self._planned.pop(0)
        turn = self._draws.uniform()
        bursts, overshoots = self._odds.trending if trend else self._odds.ranging
        if turn < bursts:
            return "burst"
        return "overshoot" if turn < bursts + overshoots else "cascade"

    def _direction(self, kind: str, trend: float) -> float:
        if kind == "overshoot" and self.way:
            return float(self.way)  # too far is farther than it already is
        with_trend = 0.8 if kind != "overshoot" and trend else 0.5
        way = 1.0 if trend >= 0 else -1.0
        return way if self._draws.chance(with_trend) else -way


def _steps(seconds: float) -> int:
    return max(1, round(seconds * 1_000 / STEP_MS))


def _pressure(kind: str, phase: Phase, drift: float, length: int) -> Pressure:
    """A phase spread over its steps."""
    return Pressure(
        kind=kind,
        drift=drift,
        pressure=phase.pressure,
        rate=phase.rate,
        bias=phase.bias,
        size=phase.size,
        interest_step=phase.interest_pct / 100 / length,
        liquidation_chance=phase.liquidations * STEP_MS / 1_000,
    )


def _mean(parts: list[tuple[int, Pressure]]) -> Pressure:
    """The mean of pressures, weighted by their steps; the kind of the first that is not calm."""
    total = sum(length for length, _ in parts)

    def mean(name: str) -> float:
        return sum(length * float(getattr(each, name)) for length, each in parts) / total

    return Pressure(
        kind=next((each.kind for _, each in parts if each.kind != "calm"), "calm"),
        drift=mean("drift"),
        pressure=mean("pressure"),
        rate=mean("rate"),
        bias=mean("bias"),
        size=mean("size"),
        interest_step=mean("interest_step"),
        liquidation_chance=mean("liquidation_chance"),
    )
