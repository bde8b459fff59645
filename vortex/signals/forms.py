"""The curves of every open strength and of E5's multipliers, taken from the very functions, for pictures and tables."""

from collections.abc import Callable

import msgspec
import numpy as np

from vortex.domain.signals import Engine
from vortex.market.layout import CANDLES, M3
from vortex.signals import strength
from vortex.signals.layout import STATE, params_of
from vortex.signals.readout import SignalReader
from vortex.signals.regime import Regime, VolPhase
from vortex.signals.regime_kernel import judge_regime
from vortex.signals.settings import SignalSettings

POINTS = 121
JUST = 1e-6
"""How far to either side of a threshold the curves are looked at, so that a jump is upright."""
VOTERS = (Engine.ORDER_FLOW, Engine.TICK, Engine.TECHNICAL, Engine.SENTIMENT)
PX = 1_000.0
STEEP_PCT = 0.02
"""A slope of EMA9 per candle that is clear beyond doubt."""


class Curve(msgspec.Struct, frozen=True):
    """One line; `steps` says that the value jumps between the points."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    steps: bool = False


class Panel(msgspec.Struct, frozen=True, kw_only=True):
    """One small picture. Thresholds of the specification are `marks` on x, `zones` the names of what is between them;
    in `quiet` nothing is traded or voted, for the reason beside it.
    """

    title: str
    x: str
    y: str
    curves: tuple[Curve, ...]
    marks: tuple[float, ...] = ()
    zones: tuple[tuple[float, str], ...] = ()
    quiet: tuple[float, float, str] | None = None
    y_range: tuple[float, float] | None = None


def forms(settings: SignalSettings) -> dict[str, tuple[Panel, ...]]:
    """The pictures of each engine, with the thresholds in force."""
    return {
        "e1": _flow(settings),
        "e2": _tick(settings),
        "e3": _technical(settings),
        "e4": _sentiment(settings),
        "e5": _regime(settings),
    }


def _line(name: str, function: Callable[[float], float], low: float, high: float, *jumps: float) -> Curve:
    edges = [at + side * JUST for at in jumps for side in (-1.0, 1.0)]
    x = tuple(sorted({float(at) for at in (*np.linspace(low, high, POINTS), *edges) if low <= at <= high}))
    return Curve(name, x, tuple(float(function(at)) for at in x))


def _flow(settings: SignalSettings) -> tuple[Panel, ...]:
    p = settings.flow
    enter, strong = p.enter_imbalance, p.strong_velocity

    def by_imbalance(velocity: float, cvd: float) -> Callable[[float], float]:
        return lambda x: strength.imbalance_strength(x, enter, velocity, strong, cvd)

    def by_spoofs(against: float, diverges: bool) -> Callable[[float], float]:
        return lambda x: strength.flow_conviction(x, p.spoof_alarm, against, diverges)

    quiet = (0.0, enter, "NEUTRAL")
    return (
        Panel(
            title="Strength by imbalance and its velocity",
            x="imbalance of ten levels, either side",
            y="strength",
            curves=tuple(
                _line(f"{velocity:.2f}/s towards it", by_imbalance(velocity, 0.0), enter, 1.0)
                for velocity in (0.0, strong, 2.0 * strong)
            ),
            quiet=quiet,
            y_range=(0.0, 1.0),
        ),
        Panel(
            title="Strength by imbalance and CVD share",
            x="imbalance of ten levels, either side",
            y="strength",
            curves=tuple(
                _line(f"CVD {100 * cvd:.0f} % towards it", by_imbalance(0.0, cvd), enter, 1.0)
                for cvd in (0.0, 0.25, 0.5)
            ),
            quiet=quiet,
            y_range=(0.0, 1.0),
        ),
        Panel(
            title="Strength of a breakout",
            x="wall, times the mean level",
            y="strength",
            curves=(_line("breakout", lambda x: strength.breakout_strength(x, p.wall_factor), p.wall_factor, 50.0),),
            quiet=(0.0, p.wall_factor, "no wall"),
            y_range=(0.0, 1.0),
        ),
        Panel(
            title="Conviction by spoof ratio",
            x="spoofs, share of new levels",
            y="conviction",
            curves=(
                _line("nothing against it", by_spoofs(0.0, diverges=False), 0.0, 1.0),
                _line("CVD 25 % against it", by_spoofs(0.25, diverges=False), 0.0, 1.0),
                _line("CVD 50 % against it", by_spoofs(0.5, diverges=False), 0.0, 1.0),
                _line("50 %, and diverges", by_spoofs(0.5, diverges=True), 0.0, 1.0),
            ),
            marks=(p.spoof_alarm,),
            y_range=(0.0, 1.0),
        ),
    )


def _tick(settings: SignalSettings) -> tuple[Panel, ...]:
    p = settings.tick
    runs = tuple(float(run) for run in range(-p.streak_among, p.streak_among + 1))
    shares = (p.bearish_ratio, p.bullish_ratio)

    def by_velocity(spike: float) -> Callable[[float], float]:
        return lambda x: strength.tick_activity(x, p.awake_ratio, p.very_awake_ratio, spike, p.spike_ratio)

    def by_share(x: float) -> float:
        return strength.aggressor_vote(x, p.bearish_ratio, p.bullish_ratio)

    def by_run(run: float) -> float:
        return float(strength.streak_vote(int(run), p.streak_trades, p.streak_among))

    return (
        Panel(
            title="Aggressor vote",
            x="buyers' share of the volume of 5 s",
            y="vote",
            curves=(_line("aggressors", by_share, 0.0, 1.0, *shares),),
            marks=shares,
            y_range=(-1.0, 1.0),
        ),
        Panel(
            title="Streak vote",
            x=f"longest run of {p.streak_among} trades, sales < 0",
            y="vote",
            curves=(Curve("streak", runs, tuple(map(by_run, runs)), steps=True),),
            marks=(-float(p.streak_trades), float(p.streak_trades)),
            y_range=(-1.0, 1.0),
        ),
        Panel(
            title="Activity, times the votes",
            x="trades/s, times the mean of 30 s",
            y="factor",
            curves=tuple(
                _line(f"volume {spike:.2g}× the mean", by_velocity(spike), 0.0, 4.0)
                for spike in (1.0, 0.5 + 0.5 * p.spike_ratio, p.spike_ratio)
            ),
            marks=(p.awake_ratio, p.very_awake_ratio),
            y_range=(0.0, 1.5),
        ),
    )


def _technical(settings: SignalSettings) -> tuple[Panel, ...]:
    p = settings.technical
    least = p.trend_distance_pct
    middle = (p.rsi_low + p.rsi_high) / 2.0

    def by_distance(cross: int, macd: int, vwap: int) -> Callable[[float], float]:
        return lambda x: strength.trend_vote(x, least, cross, macd, 1, vwap)

    def by_rsi(zone: int, divergence: int, extended: float) -> Callable[[float], float]:
        def vote(x: float) -> float:
            side = 1 if x > middle else -1
            return strength.reversion_vote(x, p.rsi_low, p.rsi_high, zone * side, -divergence * side, extended * side)

        return vote

    return (
        Panel(
            title="Trend vote",
            x="EMA9 − EMA21, % of price",
            y="vote",
            curves=(
                _line("averages alone", by_distance(0, 0, 0), -0.15, 0.15, -least, least),
                _line("+ MACD up, growing", by_distance(0, 1, 0), -0.15, 0.15, -least, least),
                _line("+ above VWAP", by_distance(0, 1, 1), -0.15, 0.15, -least, least),
                _line("+ fresh cross up", by_distance(1, 1, 1), -0.15, 0.15, -least, least),
            ),
            marks=(-least, least),
            y_range=(-1.0, 1.0),
        ),
        Panel(
            title="Reversion vote",
            x="RSI(14)",
            y="vote",
            curves=(
                _line("RSI alone", by_rsi(0, 0, 0.0), 10.0, 90.0, p.rsi_low, middle, p.rsi_high),
                _line("+ outside the band", by_rsi(1, 0, 0.0), 10.0, 90.0, p.rsi_low, middle, p.rsi_high),
                _line("+ far from VWAP", by_rsi(1, 0, 2.0), 10.0, 90.0, p.rsi_low, middle, p.rsi_high),
                _line("+ RSI diverges", by_rsi(1, 1, 2.0), 10.0, 90.0, p.rsi_low, middle, p.rsi_high),
            ),
            marks=(p.rsi_low, p.rsi_high),
            y_range=(-1.0, 1.0),
        ),
    )


def _sentiment(settings: SignalSettings) -> tuple[Panel, ...]:
    p = settings.sentiment
    crowds = (1.0 - p.crowd_short_share, p.crowd_long_share)
    rates = (100.0 * p.funding_low, 100.0 * p.funding_high)

    def by_crowd(x: float) -> float:
        return strength.crowd_vote(x, p.crowd_long_share, p.crowd_short_share)

    def by_rate(near: bool) -> Callable[[float], float]:
        return lambda x: strength.funding_vote(x / 100.0, p.funding_high, p.funding_low, near, p.funding_near_factor)

    return (
        Panel(
            title="Vote against the crowd",
            x="long accounts, share of all",
            y="vote",
            curves=(_line("crowd", by_crowd, 0.15, 0.90, *crowds),),
            marks=crowds,
            y_range=(-1.0, 1.0),
        ),
        Panel(
            title="Vote against the funding rate",
            x="funding rate, % per settlement",
            y="vote",
            curves=(
                _line("settlement far away", by_rate(near=False), -0.05, 0.12, *rates),
                _line("settlement within 2 h", by_rate(near=True), -0.05, 0.12, *rates),
            ),
            marks=rates,
            y_range=(-1.0, 1.0),
        ),
    )


def _regime(settings: SignalSettings) -> tuple[Panel, ...]:
    """By the percentile of the ATR and by ADX; the curves are E5's own output, point by point."""
    p = settings.regime
    ranks = tuple(float(rank) for rank in np.linspace(0.25, 99.75, 200))
    adx = tuple(float(value) for value in np.linspace(15.05, 34.95, 200))
    ranging = [regime_at(settings, rank, p.choppy_adx) for rank in ranks]
    trending = [regime_at(settings, rank, p.trending_adx + 1.0) for rank in ranks]
    normal = [regime_at(settings, 50.0, value) for value in adx]
    apart = [regime_at(settings, 50.0, value, risk_off=True) for value in adx]
    low, high, extreme = p.low_percentile, p.high_percentile, p.extreme_percentile

    def by_rank(title: str, y: str, curves: tuple[Curve, ...]) -> Panel:
        zones = ((low / 2.0, "LOW"), ((low + high) / 2.0, "NORMAL"), ((high + extreme) / 2.0, "HIGH"))
        quiet = (extreme, 100.0, "EXTREME") if p.extreme_blocks else None
        x = "ATR, percentile of its last 24 h"
        return Panel(title=title, x=x, y=y, curves=_alike(curves), marks=(low, high, extreme), zones=zones, quiet=quiet)

    def by_adx(title: str, y: str, curves: tuple[Curve, ...]) -> Panel:
        marks = (p.choppy_adx, p.trending_adx)
        zones = ((17.5, "CHOPPY"), (sum(marks) / 2.0, "RANGING"), (30.0, "TRENDING"))
        return Panel(
            title=title, x="ADX(14) on 3m, price in no range", y=y, curves=_alike(curves), marks=marks, zones=zones
        )

    factors = (
        Curve("take-profit", ranks, tuple(each.tp_multiplier for each in ranging), steps=True),
        Curve("stop", ranks, tuple(each.sl_multiplier for each in ranging), steps=True),
    )
    cap = Curve("cap", ranks, tuple(float(each.leverage_max) for each in ranging), steps=True)
    sizes = (
        Curve("BTC and ETH in step", adx, tuple(each.size_multiplier for each in normal), steps=True),
        Curve("RISK_OFF", adx, tuple(each.size_multiplier for each in apart), steps=True),
    )
    weight = "of the base weight"
    return (
        by_rank("Take-profit and stop, times", "factor", factors),
        by_rank("Leverage cap", "leverage", (cap,)),
        by_adx("Size", "factor", sizes),
        by_adx("Weights, volatility NORMAL", weight, _weights(settings, adx, normal)),
        by_rank("Weights, RANGING", weight, _weights(settings, ranks, ranging)),
        by_rank("Weights, TRENDING", weight, _weights(settings, ranks, trending)),
    )


def _weights(settings: SignalSettings, x: tuple[float, ...], regimes: list[Regime]) -> tuple[Curve, ...]:
    """What each engine's weight becomes, as a part of its own weight without a regime."""
    cycle = settings.cycle
    base = dict(zip(VOTERS, (cycle.weight_1, cycle.weight_2, cycle.weight_3, cycle.weight_4), strict=True))
    whole = sum(base.values())
    return tuple(
        Curve(engine.value.upper(), x, tuple(each.weights[engine] * whole / base[engine] for each in regimes), True)
        for engine in VOTERS
    )


def _alike(curves: tuple[Curve, ...]) -> tuple[Curve, ...]:
    """Curves that lie on one another become one, named after all."""
    found: list[Curve] = []
    for curve in curves:
        same = next((each for each in found if np.allclose(each.y, curve.y)), None)
        if same is None:
            found.append(curve)
        else:
            found[found.index(same)] = msgspec.structs.replace(same, name=f"{same.name}, {curve.name}")
    return tuple(found)


def regime_at(settings: SignalSettings, atr_rank: float, adx: float, *, risk_off: bool = False) -> Regime:
    """E5 after a day of evenly spread ATR, its ATR now at this percentile; EMA9 is steep, the price in no range."""
    state = np.zeros(1, STATE)
    three = state[0]["indicators"][M3]
    three["bars"] = three["seen"] = 2 * CANDLES
    three["atr_pct_ring"] = np.linspace(0.0, 1.0, CANDLES)
    day = three["atr_pct_ring"][-settings.regime.history_candles :]
    three["atr"] = PX / 100.0 * float(np.percentile(day, atr_rank))
    three["adx"] = adx
    three["ema9_ring"] = PX * (1.0 + STEEP_PCT / 100.0 * np.arange(CANDLES))
    state[0]["tape"]["last_px"] = PX
    base = settings.cycle
    state[0]["cycle"]["weight"] = (base.weight_1, base.weight_2, base.weight_3, base.weight_4)
    judge_regime(state[0], params_of(settings)[0], 0)
    regime = SignalReader(state, settings).regime(0, risk_off=risk_off)
    assert regime.vol_phase is not VolPhase.UNKNOWN, "a full day is enough to know"
    return regime
