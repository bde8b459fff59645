"""Builders for decisions: a board whose engines have said what the test wants."""

import numpy as np
import pytest

from tests.signals.conftest import Build
from vortex.signals.board import SignalBoard
from vortex.signals.regime import PHASES, VOL_PHASES, Phase, VolPhase
from vortex.strategy.limits import limits_of
from vortex.strategy.settings import DecisionSettings

NOW_MS = 1_000
ENGINES = ("flow", "tick", "technical", "sentiment")
SAID: dict[str, tuple[str, str, float]] = {
    "score": ("cycle", "score", 0.7),
    "jump": ("cycle", "jump", 0.1),
    "settled": ("cycle", "stable", 1),
    "px": ("tape", "last_px", 100.0),
    "imbalance": ("flow", "imbalance", 0.5),
    "cvd_slope": ("flow", "cvd_slope", 1.0),
    "cvd_divergence": ("flow", "cvd_divergence", 0),
    "breakout": ("flow", "breakout", 0),
    "velocity_ratio": ("tick", "velocity_ratio", 3.0),
    "streak": ("tick", "streak", 10),
    "spike_ratio": ("tick", "spike_ratio", 3.0),
    "volume_spike": ("tick", "volume_spike", 1),
    "big_trade": ("tick", "big_trade", 0),
    "trend": ("technical", "trend", 1),
    "rsi": ("technical", "rsi", 50.0),
    "bb_zone": ("technical", "bb_zone", 0),
    "rsi_divergence": ("technical", "divergence", 0),
    "proximity": ("sentiment", "proximity", 0.0),
    "liq_side": ("sentiment", "nearest_side", 0),
    "oi_change_pct": ("sentiment", "oi_change_pct", 0.0),
    "interpretation": ("sentiment", "interpretation", 0),
    "spread_ok": ("regime", "spread_ok", 1),
}
"""Record and field of the state by the name that tests use, and what is said when a test does not care."""
LEVELS = {"resistance": 0.0, "support": 0.0}


class Make:
    """Builders of what a decision looks at; the default is a clean momentum ride to the LONG side."""

    def board(self, **changes: object) -> SignalBoard:
        """A board on which everything is warm; `changes` by the names of SAID, `directions`, `phase` and `vol`."""
        board = Build().board()
        state = board.state[0]
        directions = changes.pop("directions", (1, 1, 1, 0))
        for engine, direction in zip(ENGINES, directions, strict=True):
            state[engine]["direction"] = direction
            state[engine]["strength"] = 0.8 if direction else 0.0
            state[engine]["warm"] = 1
        regime = state["regime"]
        regime["warm"] = changes.pop("regime_warm", True)
        regime["phase"] = PHASES.index(changes.pop("phase", Phase.TRENDING))
        regime["vol"] = VOL_PHASES.index(changes.pop("vol", VolPhase.NORMAL))
        for name, plain in LEVELS.items():
            state["technical"][name][0] = changes.pop(name, plain)
        for name, (record, field, plain) in SAID.items():
            state[record][field] = changes.pop(name, plain)
        state["cycle"]["score_ms"] = NOW_MS
        assert not changes, f"nobody says {changes}"
        return board

    def judged(self, kernel, settings: DecisionSettings | None = None, side: int = 1, **changes: object) -> int:
        """What a strategy's kernel says of a board; by default all engines but E4 are on that side."""
        board = self.board(**({"directions": (side, side, side, 0)} | changes))
        limits = limits_of(settings or DecisionSettings())
        return int(kernel(board.state[0], limits[0], side))

    def sums(self, kernel, settings: DecisionSettings | None = None, **changes: object) -> tuple[int, ...]:
        """The strategies' sums in tenths."""
        tenths = np.zeros(3, np.int64)
        kernel(self.board(**changes).state[0], limits_of(settings or DecisionSettings())[0], tenths)
        return tuple(int(value) for value in tenths)


@pytest.fixture(scope="session")
def make() -> Make:
    """The builders."""
    return Make()
