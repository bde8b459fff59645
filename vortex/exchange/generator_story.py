"""What happens on top of the weather: bursts, overshoots and liquidation cascades, each a list of phases."""

import math
from dataclasses import dataclass

from vortex.exchange.generator_draws import Draws
from vortex.exchange.generator_profile import STEP_MS, STEPS_PER_MINUTE
from vortex.exchange.generator_stretch import UNDECIDED, View


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
    swept: float = 1.0  # factor on what trades while the price runs; little when makers have stepped back
    until: str = ""  # TIRED, OUTSIDE, FREE or CLEAR: ends when everybody can see that; `seconds` is a guess


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
    swept: float = 1.0


CALM = Pressure("calm", 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0)

TIRED = "tired"
"""A slide has gone on for long (RSI), while the market as a whole has no clear direction (ADX)."""

OUTSIDE = "outside"
"""The price is beyond its band."""

FREE = "free"
"""No remembered level is in the way."""

CLEAR = "clear"
"""No remembered level is anywhere near."""

ROOM, ROOM_CLEAR = 3.0, 5.0
"""Free and clear way, in ranges of an ordinary minute."""

ROOM_BACK = 3.6
"""Free way back from an overshoot: a last jump goes on until it has left the next level this far behind."""

RSI_LEANS, RSI_TIRED, RSI_OUTSIDE = 6.0, 21.0, 28.0
"""Distance from 50."""

BAND_SIGMAS = 2.2
CALM_MS_MIN = 25_000
"""A climax is not begun when the picture of the trend is about to change."""

_SQRT_MINUTE = STEPS_PER_MINUTE**0.5


def burst(way: float, draws: Draws) -> list[Phase]:
    """One-sided aggressive buying or selling and a retest; two times in three the price goes on, otherwise it fails."""
    follow = draws.between(1.0, 2.2) if draws.chance(0.68) else -draws.between(0.3, 0.9)
    lean = 0.6 if follow > 0 else -0.5
    thrust = draws.between(0.5, 0.9)
    return [
        Phase(draws.between(8.0, 14.0), 0.3 * way, 0.3 * way, 0.8, 0.1 * way, 0.7, swept=0.6, until=FREE),
        Phase(draws.between(4.0, 7.0), 0.08 * way, 1.4 * way, 0.8, 0.3 * way, 0.6, swept=0.4),
        Phase(draws.between(3.0, 4.5), thrust * way, 1.9 * way, draws.between(9.0, 12.0), 0.95 * way, 4.0, 0.05),
        Phase(draws.between(3.0, 5.0), -0.7 * thrust * way, 0.9 * way, 2.0, 0.1 * way, 1.0),
        Phase(draws.between(4.0, 8.0), 1.2 * thrust * way, 1.7 * way, draws.between(7.0, 10.0), 0.9 * way, 4.0, 0.05),
        Phase(draws.between(2.5, 4.0), -0.5 * thrust * way, 0.8 * way, 1.8, 0.0, 1.0),
        Phase(draws.between(30, 120), follow * way, lean * way, 1.5, 0.3 * lean * way, 1.0, 0.10),
    ]


def overshoot(way: float, draws: Draws) -> list[Phase]:
    """A slide that goes on until it is tired, a last jump through thin air, absorbed, and then the way back."""
    seconds = draws.between(110, 170)
    slide, climax = draws.between(2.0, 2.6) * seconds / 60, draws.between(2.8, 3.8)
    return [
        Phase(seconds, slide * way, 0.3 * way, 1.0, 0.0, 0.6, 0.1, swept=0.15, until=TIRED),
        Phase(draws.between(7, 10), climax * way, 0.3 * way, 1.0, 0.0, 0.5, -0.1, swept=0.04, until=OUTSIDE),
        Phase(draws.between(35, 50), 0.05 * way, -2.8 * way, 5.0, -0.85 * way, 5.0, -0.1, swept=0.04),
        Phase(draws.between(20, 40), -0.3 * way, -1.4 * way, 2.0, -0.5 * way),
        Phase(draws.between(120, 240), 0.0, -0.8 * way, 1.4, -0.3 * way, gives_back=draws.between(0.7, 1.0)),
    ]


def cascade(way: float, draws: Draws) -> list[Phase]:
    """Forced orders feed on each other: open interest falls, the price runs twice, then part of it returns."""
    run = draws.between(2.2, 3.8)
    rate = draws.between(8, 12)
    return [
        Phase(draws.between(35, 60), 0.5 * way, 0.5 * way, 0.8, 0.2 * way, 0.3, -1.6, 0.15, swept=0.4),
        Phase(draws.between(8, 12), 0.5 * way, 0.5 * way, 0.8, 0.2 * way, 0.3, -0.3, 0.15, swept=0.4, until=FREE),
        Phase(draws.between(5, 8), 0.4 * run * way, 2.0 * way, rate, 0.94 * way, 3.5, -0.5, 1.3),
        Phase(draws.between(3, 5), -0.25 * run * way, 0.8 * way, 3.0, 0.1 * way, 1.2, -0.2, 0.2),
        Phase(draws.between(8, 16), 0.85 * run * way, 2.0 * way, rate, 0.94 * way, 3.5, -0.9, 1.1),
        Phase(draws.between(15, 30), 0.4 * way, 0.5 * way, 2.5, 0.4 * way, 1.4, -0.3, 0.2),
        Phase(draws.between(60, 180), -draws.between(0.3, 0.55) * run * way, -0.6 * way, 1.5, -0.3 * way),
    ]


def rally(way: float, draws: Draws) -> list[Phase]:
    """A steady walk to where no level is in the way."""
    seconds = draws.between(80, 110)
    return [Phase(seconds, 3.2 * seconds / 60 * way, 0.3 * way, 1.2, 0.2 * way, until=CLEAR)]


_KINDS = {"burst": burst, "overshoot": overshoot, "cascade": cascade, "rally": rally}


@dataclass(frozen=True, slots=True)
class Odds:
    """Chances of (burst, overshoot) as the next episode, in a trend and in a range; the rest are cascades."""

    trending: tuple[float, float]
    ranging: tuple[float, float]


SHARED_ODDS = Odds(trending=(0.65, 0.0), ranging=(0.5, 0.0))
"""Overshoots belong to one symbol: each has its own moment at which it is visibly stretched."""

OWN_ODDS = Odds(trending=(0.60, 0.20), ranging=(0.35, 0.45))

TRENDS_ABOVE = 25.5
"""What follows depends on what everybody sees: above this ADX no slide begins or goes on."""

LEAD_SMALL, LEAD_USUAL = 8.0, 36.0
"""Episodes go with a young trend and against an old one; in a range they take back what leads."""

PATIENCE = 5.5
"""A phase that waits for a picture gives up at this multiple of its guessed length."""


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
        self._waits_for = ""  # the picture that ends the present phase, if one does
        self._way = 0
        self._told = ""  # the kind of the last episode
        self.now = CALM
        self.lead = 0.0  # the lead of the trend as it stands (directional index with a sign)
        self.view: View | None = None  # what the price shows; None while nobody watches

    def open(self, step: int, first_s: tuple[float, float], planned: list[str]) -> None:
        """Drop what runs, and begin anew: a pause, then the planned kinds before chance takes over."""
        self._queue = []
        self._planned = list(planned)
        self._waits_for = ""
        self.now = CALM
        self._begun, self._moved = step, 0.0
        self._until = step + _steps(self._draws.between(*first_s))

    def at(self, step: int, trend: float) -> Pressure:
        """The pressure of this step; steps only go forward."""
        if self._waits_for and self.view is not None:
            self._wait_for(self.view, step)
        while step >= self._until:
            self._turn(trend)
        return self.now

    def _wait_for(self, view: View, step: int) -> None:
        """Go on as soon as the picture is there; without it, on patience's end, the episode is over."""
        if _seen(self._waits_for, view, self._way) or (self._waits_for in (FREE, CLEAR) and step >= self._give_up):
            self._until = step
        elif step >= self._give_up or (self._waits_for not in (FREE, CLEAR) and view.adx > TRENDS_ABOVE):
            self._until = step
            self._queue = self._queue[-1:]
        else:
            self._until = max(self._until, step + 1)

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
        self._waits_for = ""
        self._moved += self.now.drift * (self._until - self._begun)
        self._begun = self._until
        if self._queue:
            self._begin(*self._queue.pop(0))
            return
        self._moved = 0.0
        scripted = bool(self._planned) and trend != 0.0
        kind = self._next_kind(trend)
        way = math.copysign(1.0, trend) if scripted else self._direction(kind, trend)
        phases = [(kind, phase) for phase in _KINDS[kind](way, self._draws)]
        self._queue = [*phases, ("calm", Phase(self._draws.between(*self._pause_s)))]

    def _begin(self, kind: str, phase: Phase) -> None:
        length = _steps(phase.seconds)
        move = phase.move * _SQRT_MINUTE - phase.gives_back * self._moved
        self.now = _pressure(kind, phase, move / length, length)
        if phase.until:
            self._waits_for, self._way = phase.until, 1 if phase.move > 0 else -1
            self._give_up = self._until + int(PATIENCE * length)
        self._until += length

    def _next_kind(self, trend: float) -> str:
        if self._planned:
            return self._planned.pop(0)
        turn = self._draws.uniform()
        bursts, overshoots = self._odds.trending if trend else self._odds.ranging
        if self.view is not None and overshoots:
            bursts, overshoots = _fitting(self.view, self._told)
        if turn < bursts:
            self._told = "burst"
        else:
            self._told = "overshoot" if turn < bursts + overshoots else "cascade"
        return self._told

    def _direction(self, kind: str, trend: float) -> float:
        if kind == "overshoot" and self.view is not None:
            stretched = self.view.rsi - 50.0  # too far is farther than it already is
            return math.copysign(1.0, stretched) if abs(stretched) > RSI_LEANS else float(self.view.fresh)
        draws = self._draws
        if trend:
            along = self.lead if trend > 0 else -self.lead
            way = 1.0 if trend > 0 else -1.0
            return way if draws.chance(0.6 if along < LEAD_USUAL else 0.3) else -way
        if self.view is not None and self.view.adx < TRENDS_ABOVE:
            way = 1.0 if self.view.room_up > self.view.room_down else -1.0
            return way if draws.chance(0.85) else -way
        way = 1.0 if self.lead > 0 else -1.0
        if abs(self.lead) < LEAD_SMALL:
            way = 1.0 if draws.chance(0.5) else -1.0
        return -way if draws.chance(0.62) else way


def _seen(picture: str, view: View, way: int) -> bool:
    """Whether the price shows the picture in this direction."""
    rsi = way * (view.rsi - 50.0)
    if picture in (FREE, CLEAR):
        room = view.room_up if way > 0 else view.room_down
        return room >= (ROOM if picture == FREE else ROOM_CLEAR)
    if picture == TIRED:
        undecided = UNDECIDED[0] <= view.adx <= UNDECIDED[1]
        return rsi >= RSI_TIRED and undecided and view.calm_ms >= CALM_MS_MIN
    back = view.room_down if way > 0 else view.room_up
    return rsi >= RSI_OUTSIDE and way * view.outside >= BAND_SIGMAS and back >= ROOM_BACK


def _fitting(view: View, told: str) -> tuple[float, float]:
    """Chances of (burst, overshoot) that fit the picture: nobody fades a trend, and no slide follows another."""
    if view.adx > TRENDS_ABOVE:
        return 0.6, 0.0
    return (0.1, 0.0) if told == "overshoot" else (0.05, 0.8)


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
        swept=phase.swept,
    )


def _mean(parts: list[tuple[int, Pressure]]) -> Pressure:
    """The mean of pressures, weighted by their steps; the kind of the first that is not calm."""
    drift = pressure = rate = bias = size = interest = liquidation = swept = 0.0
    steps, kind = 0, "calm"
    for length, each in parts:
        steps += length
        drift += length * each.drift
        pressure += length * each.pressure
        rate += length * each.rate
        bias += length * each.bias
        size += length * each.size
        interest += length * each.interest_step
        liquidation += length * each.liquidation_chance
        swept += length * each.swept
        if kind == "calm":
            kind = each.kind
    return Pressure(
        kind=kind,
        drift=drift / steps,
        pressure=pressure / steps,
        rate=rate / steps,
        bias=bias / steps,
        size=size / steps,
        interest_step=interest / steps,
        liquidation_chance=liquidation / steps,
        swept=swept / steps,
    )
