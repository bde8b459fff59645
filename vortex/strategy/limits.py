"""The decision's settings as the record that kernels read, and what a verdict is made of."""

import numpy as np
from numpy.typing import NDArray

from vortex.signals.layout import numbers_of
from vortex.strategy.settings import CascadeSettings, DecisionSettings, MomentumSettings, ReversionSettings

LIMITS = np.dtype(
    [
        *numbers_of(DecisionSettings),
        ("momentum", np.dtype(numbers_of(MomentumSettings))),
        ("reversion", np.dtype(numbers_of(ReversionSettings))),
        ("cascade", np.dtype(numbers_of(CascadeSettings))),
    ]
)
"""Thresholds of S1 and section 6; what is true or false is 1 or 0."""

VERDICT = np.dtype(
    [
        ("score", "f8"),
        ("side", "i8"),  # of the score: 1 LONG, -1 SHORT
        ("agree", "i8"),  # voting engines on that side
        ("failed", "i8"),  # bits of the checklist's items that do not hold
        ("best", "i8"),  # index of the strategy with the highest sum
        ("tenths", "i8", (3,)),  # the sums of A, B and C in tenths (S1-3)
        ("unmet", "i8", (3,)),  # bits of the conditions of A, B and C that do not hold
    ]
)


def limits_of(settings: DecisionSettings) -> NDArray[np.void]:
    """The settings as the one-row record that kernels read."""
    limits = np.zeros(1, LIMITS)
    for name, _ in numbers_of(DecisionSettings):
        limits[0][name] = getattr(settings, name)
    for part in ("momentum", "reversion", "cascade"):
        values = getattr(settings, part)
        for name in LIMITS[part].names or ():
            limits[0][part][name] = getattr(values, name)
    return limits
