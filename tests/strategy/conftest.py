"""Builders for decisions: evidence with chosen fields, and a board that says what the test wants."""

import msgspec
import pytest

from vortex.domain.signals import Direction, Engine, Signal
from vortex.signals.regime import Phase, Regime, VolPhase
from vortex.strategy.evidence import Evidence

VOTERS = (Engine.ORDER_FLOW, Engine.TICK, Engine.TECHNICAL, Engine.SENTIMENT)
FIELDS: dict[Engine, dict[str, float | str | bool]] = {
    Engine.ORDER_FLOW: {"imbalance": 0.5, "cvd_slope": 1.0, "cvd_divergence_side": 0.0, "wall_absorbed": False},
    Engine.TICK: {
        "velocity_ratio": 3.0,
        "streak": 10.0,
        "streak_side": 1.0,
        "spike_ratio": 3.0,
        "volume_spike": True,
        "big_trade": False,
    },
    Engine.TECHNICAL: {
        "ema_trend": "BULLISH",
        "rsi": 50.0,
        "bb_zone": "MIDDLE",
        "rsi_divergence_side": 0.0,
        "nearest_resistance": 0.0,
        "nearest_support": 0.0,
    },
    Engine.SENTIMENT: {
        "liq_proximity": 0.0,
        "liq_side": "",
        "oi_change_pct": 0.0,
        "oi_interpretation": "NONE",
    },
    Engine.REGIME: {},
}


class Make:
    """Builders of what a decision looks at; the default is a clean momentum ride to the LONG side."""

    def regime(self, **changes: object) -> Regime:
        plain = Regime(
            ts_ms=0,
            warm=True,
            tradeable=True,
            reason="TRENDING NORMAL",
            phase=Phase.TRENDING,
            vol_phase=VolPhase.NORMAL,
            spread_ok=True,
            current_spread=0.001,
            spread_ratio=1.0,
            adx=30.0,
            atr_pct=0.1,
            in_range=True,
            risk_off=False,
            weights=dict.fromkeys(VOTERS, 0.25),
            tp_multiplier=1.0,
            sl_multiplier=1.0,
            leverage_max=12,
            size_multiplier=1.0,
            preferred_strategy="A",
        )
        return msgspec.structs.replace(plain, **changes)

    def signals(self, directions: tuple[int, int, int, int] = (1, 1, 1, 0), **changes: object) -> tuple[Signal, ...]:
        """Five signals; `changes` sets fields by name, wherever they belong."""
        out = []
        for engine in Engine:
            fields = {name: changes.get(name, value) for name, value in FIELDS[engine].items()}
            direction = directions[VOTERS.index(engine)] if engine in VOTERS else 0
            out.append(
                Signal(
                    engine=engine,
                    ts_ms=0,
                    direction=Direction(direction),
                    label="SAID",
                    strength=0.8 if direction else 0.0,
                    warm=True,
                    fields=fields,
                )
            )
        return tuple(out)

    def evidence(
        self, side: Direction = Direction.LONG, regime: dict[str, object] | None = None, **changes: object
    ) -> Evidence:
        directions = changes.pop("directions", (side, side, side, 0))
        signals = self.signals(directions, **changes)
        return Evidence(
            signals={s.engine: s for s in signals}, regime=self.regime(**(regime or {})), px=100.0, side=side
        )

    def board(self, **changes: object) -> "FakeBoard":
        return FakeBoard(self, **changes)


class _Named:
    symbol = "BTCUSDT"


class FakeBoard:
    """Says exactly what the test wants."""

    instrument = _Named()
    last_px = 100.0

    def __init__(self, make: Make, **changes: object) -> None:
        self.score = changes.pop("score", 0.7)
        self.score_jump = changes.pop("jump", 0.1)
        self.score_settled = changes.pop("settled", True)
        regime = changes.pop("regime", {})
        directions = changes.pop("directions", (1, 1, 1, 0))
        self._said = make.signals(directions, **changes), make.regime(**regime)
        self.looked = 0

    def look(self, now_ms: int):
        self.looked += 1
        return self._said


@pytest.fixture(scope="session")
def make() -> Make:
    """The builders."""
    return Make()
