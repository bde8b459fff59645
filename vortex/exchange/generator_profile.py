"""How one contract behaves: volatility, activity, sizes and depth, taken from what is known of its kind."""

import math
from dataclasses import dataclass

from vortex.exchange.instruments import Instrument

STEP_MS = 100
"""The generator's grain: one book state per step, as in the venue's fastest depth stream."""

STEPS_PER_MINUTE = 60_000 // STEP_MS
VISIBLE_LEVELS = 30


@dataclass(frozen=True, slots=True)
class Character:
    """What distinguishes one contract from another, in units that do not depend on its price."""

    minute_bps: float  # standard deviation of one-minute returns on an active day
    rate: float  # trades per second when nothing special happens
    depth: float  # displayed quote value relative to the deepest contract
    interest: float  # open interest in quote units
    follows: float = 1.0  # how much of the shared trend it takes part in; the rest of the time it ranges


CHARACTERS = {
    "BTCUSDT": Character(minute_bps=11.0, rate=1.5, depth=1.0, interest=7.5e9),
    "ETHUSDT": Character(minute_bps=12.0, rate=1.5, depth=0.8, interest=5.0e9, follows=0.2),
    "SOLUSDT": Character(minute_bps=14.5, rate=1.3, depth=0.35, interest=1.2e9),
}
OTHER = Character(minute_bps=14.0, rate=1.0, depth=0.15, interest=2.0e8)
"""Anything else is taken for a middling alternative coin."""

TOUCH_VALUE = 300_000.0
"""Quote value of an ordinary queue at the best price of the deepest contract."""

LEVEL_VALUE = 8_000.0
"""Quote value of an ordinary level behind it: the touch dwarfs what follows, as recorded books show."""

DEEP_SHARE = 4.0
"""Mean quantity of a level far behind the touch, in ordinary ones: recorded books of 1000 levels are as deep."""

TRADE_VALUE = 550.0
"""Median quote value of one print of the deepest contract."""

FOLLOWS_LEAST = 0.5
LEVEL_SPACING = 0.000_003
"""Mean relative distance between occupied levels where the tick is finer than that."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A character in the units of its instrument: ticks, lots, 100 ms steps."""

    symbol: str
    tick: float
    start_ticks: float
    sigma_step: float  # relative, per square root of one step
    rate_step: float
    touch_lots: float
    level_lots: float
    trade_lots: float
    interest_lots: float
    follows: float
    density: float  # share of price ticks near the touch that hold an order


def profile_of(instrument: Instrument) -> Profile:
    """The profile of one contract at its reference price."""
    character = CHARACTERS.get(instrument.symbol, OTHER)
    price = float(instrument.reference_price)
    tick = float(instrument.tick)
    lot_value = price * float(instrument.step)
    scale = math.sqrt(character.depth)
    return Profile(
        symbol=instrument.symbol,
        tick=tick,
        start_ticks=price / tick,
        sigma_step=character.minute_bps * 1e-4 / math.sqrt(STEPS_PER_MINUTE),
        rate_step=character.rate * STEP_MS / 1_000,
        touch_lots=max(4.0, TOUCH_VALUE * character.depth / lot_value),
        level_lots=max(2.0, LEVEL_VALUE * scale / lot_value),
        trade_lots=max(0.5, TRADE_VALUE * scale / lot_value),
        interest_lots=character.interest / lot_value,
        follows=character.follows,
        density=min(1.0, max(0.25, tick / (price * LEVEL_SPACING))),
    )


def own_trend(profile: Profile, trend: float) -> float:
    """The shared trend as the symbol's own episodes see it: nothing, for one that hardly follows."""
    return trend if profile.follows >= FOLLOWS_LEAST else 0.0
