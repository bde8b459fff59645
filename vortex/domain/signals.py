"""What an engine thinks of the market at one instant."""

import enum

from vortex.domain.message import Message


class Direction(enum.IntEnum):
    """LONG, NEUTRAL or SHORT, usable as a sign."""

    SHORT = -1
    NEUTRAL = 0
    LONG = 1


class Engine(enum.StrEnum):
    """The five engines. E5 filters; the other four vote."""

    ORDER_FLOW = "e1"
    TICK = "e2"
    TECHNICAL = "e3"
    SENTIMENT = "e4"
    REGIME = "e5"


class Signal(Message, frozen=True, kw_only=True):
    """Common output of an engine (section 2 of the spec).

    `strength` and `conviction` are in [0, 1]. Insufficient data is NEUTRAL, strength 0, `warm=False`; never NaN.
    `fields` holds the engine's own numbers under the names of the spec (E1-9, E2-7, …), for records and screens.
    """

    engine: Engine
    ts_ms: int
    direction: Direction
    label: str
    strength: float
    warm: bool
    conviction: float = 1.0
    fields: dict[str, float | str | bool] = {}


class Strategy(enum.StrEnum):
    """Section 6 of the spec."""

    MOMENTUM_RIDE = "A"
    MEAN_REVERSION = "B"
    LIQUIDATION_CASCADE = "C"


class Action(enum.StrEnum):
    """What a decision says to do."""

    LONG = "LONG"
    SHORT = "SHORT"
    NO_TRADE = "NO_TRADE"


class Decision(Message, frozen=True, kw_only=True):
    """S1-5. `failed` names every checklist item, trigger or filter that did not hold; empty when it is a trade."""

    symbol: str
    ts_ms: int
    action: Action
    strategy: Strategy | None
    confidence: float
    final_score: float
    engines_agree: int
    failed: tuple[str, ...]
    reason: str
    signals: tuple[Signal, ...] = ()
