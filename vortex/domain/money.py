"""Cash is an integer number of 1e-8 quote units; Decimal lives at the edges only (ADR 0004)."""

from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import NewType

from vortex.kernel.errors import RemoteViolation

Cash = NewType("Cash", int)
"""Quote currency in units of 1e-8 (USDT on this market)."""

Ticks = NewType("Ticks", int)
"""Price in the instrument's tick size."""

Lots = NewType("Lots", int)
"""Quantity in the instrument's step size."""

CASH_UNIT = 10**8
_CASH_QUANTUM = Decimal(1).scaleb(-8)


def to_cash(amount: Decimal) -> Cash:
    """Decimal quote units to Cash, half-even at the ninth decimal; NaN and infinity are refused."""
    if not amount.is_finite():
        raise RemoteViolation(f"not an amount of money: {amount}")
    return Cash(int(amount.quantize(_CASH_QUANTUM, rounding=ROUND_HALF_EVEN) * CASH_UNIT))


def from_cash(cash: int) -> Decimal:
    """Cash to Decimal quote units, exact."""
    return Decimal(cash).scaleb(-8)


def parse_decimal(text: str, what: str) -> Decimal:
    """A finite Decimal from the exchange's text, or RemoteViolation naming the field and the value."""
    try:
        value = Decimal(text)
    except (InvalidOperation, TypeError, ValueError) as err:
        raise RemoteViolation(f"{what} is not a number: {text!r}") from err
    if not value.is_finite():
        raise RemoteViolation(f"{what} is not finite: {text!r}")
    return value
