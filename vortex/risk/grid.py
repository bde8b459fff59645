"""The one place where a float or Decimal becomes whole ticks or lots, rounded as the caller's risk demands (S2-2)."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal


def exact(value: float | Decimal) -> Decimal:
    """A float by its shortest decimal text, the number a person would have written."""
    return value if isinstance(value, Decimal) else Decimal(repr(value))


def whole(value: float | Decimal, unit: Decimal, *, up: bool) -> int:
    """How many whole units fit below the value, or with `up` cover it; 100.3 is 1003 ticks of 0.1, not a hair less."""
    return int((exact(value) / unit).to_integral_value(rounding=ROUND_CEILING if up else ROUND_FLOOR))
