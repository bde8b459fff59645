"""The exchange's text numbers on the instrument's grid."""

from decimal import ROUND_HALF_EVEN, Decimal

from vortex.domain.instruments import Instrument
from vortex.kernel.errors import RemoteViolation


def finite(value: Decimal, what: str) -> Decimal:
    """The value, or RemoteViolation naming the field: NaN and infinity are refused at the door."""
    if not value.is_finite():
        raise RemoteViolation(f"{what} is not finite: {value}")
    return value


def to_lots(instrument: Instrument, quantity: Decimal, what: str) -> int:
    """Quantity in lots, exact."""
    return instrument.lots(finite(quantity, what))


def to_ticks(instrument: Instrument, price: Decimal, what: str) -> int:
    """Price in ticks, to the nearest: bankruptcy prices of liquidations need not lie on the tick."""
    return int((finite(price, what) / instrument.tick_size).to_integral_value(ROUND_HALF_EVEN))
