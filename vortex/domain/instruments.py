"""What can be traded, in the exchange's own grid: ticks, lots and the filters around them."""

from decimal import Decimal

import msgspec

from vortex.domain.money import CASH_UNIT, Cash, Lots, Ticks
from vortex.kernel.errors import RemoteViolation


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """One USDT-M perpetual (exchangeInfo, reference: USDT-M REST market data).

    `tick_size` and `step_size` are quote and base units per tick and lot. `min_notional` is quote units.
    """

    symbol: str
    base: str
    quote: str
    tick_size: Decimal
    step_size: Decimal
    min_price: Decimal
    max_price: Decimal
    min_lots: int
    max_lots: int
    market_max_lots: int
    min_notional: Decimal
    max_open_orders: int = 200
    percent_up: Decimal = Decimal("1.05")
    percent_down: Decimal = Decimal("0.95")

    def __post_init__(self) -> None:
        if self.tick_size <= 0 or self.step_size <= 0:
            raise RemoteViolation(f"{self.symbol}: tick {self.tick_size} and step {self.step_size} must be positive")
        unit = self.tick_size * self.step_size * CASH_UNIT
        if unit != unit.to_integral_value():
            raise RemoteViolation(f"{self.symbol}: tick x step = {unit}e-8 is finer than the cash unit")

    @property
    def cash_per_tick_lot(self) -> int:
        """Cash value of one lot moving one tick."""
        return int(self.tick_size * self.step_size * CASH_UNIT)

    def notional(self, px_ticks: int, qty_lots: int) -> Cash:
        """Cash value of a quantity at a price, with the quantity's sign."""
        return Cash(px_ticks * qty_lots * self.cash_per_tick_lot)

    def price(self, px_ticks: int) -> Decimal:
        """Ticks to quote units, exact."""
        return px_ticks * self.tick_size

    def quantity(self, qty_lots: int) -> Decimal:
        """Lots to base units, exact."""
        return qty_lots * self.step_size

    def ticks(self, price: Decimal) -> Ticks:
        """Quote units to ticks; a price off the grid is the sender's error."""
        ticks = price / self.tick_size
        if ticks != ticks.to_integral_value():
            raise RemoteViolation(f"{self.symbol}: price {price} is off the tick {self.tick_size}")
        return Ticks(int(ticks))

    def lots(self, quantity: Decimal) -> Lots:
        """Base units to lots; a quantity off the grid is the sender's error."""
        lots = quantity / self.step_size
        if lots != lots.to_integral_value():
            raise RemoteViolation(f"{self.symbol}: quantity {quantity} is off the step {self.step_size}")
        return Lots(int(lots))
