"""The one place where a float or Decimal becomes whole ticks or lots, rounded as the caller's risk demands (S2-2)."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal


def whole(value: float | Decimal, unit: Decimal, *, up: bool) -> int:
    """How many whole units fit below the value, or with `up` cover it.

    A float is read by its shortest decimal text, so that 100.3 is 1003 ticks of 0.1 and not a hair less.
    """
    exact = value if isinstance(value, Decimal) else Decimal(repr(value))
    return int((exact / unit).to_integral_value(rounding=ROUND_CEILING if up else ROUND_FLOOR))
