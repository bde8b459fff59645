"""What is traded here: filters, precisions and leverage brackets, as the real exchange publishes them.

The filters are those of the public exchangeInfo of 2026-06-16; the brackets are public shapes, with `cum` derived
from floor and rate so that maintenance margin is continuous over bracket borders.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

QUOTE_SCALE = 100_000_000
"""Money inside the exchange is an integer number of 1e-8 of the quote asset."""


@dataclass(frozen=True, slots=True)
class Bracket:
    """One rung of the leverage ladder; notionals in whole quote units."""

    number: int
    initial_leverage: int
    notional_floor: int
    notional_cap: int
    maint_margin_ratio: Decimal
    cum: Decimal


@dataclass(frozen=True, slots=True)
class Instrument:
    """One perpetual contract. Prices count in ticks, quantities in lots, money in 1e-8 quote units."""

    symbol: str
    base: str
    quote: str
    tick: Decimal
    step: Decimal
    price_precision: int
    quantity_precision: int
    min_price: Decimal
    max_price: Decimal
    min_qty: Decimal
    max_qty: Decimal
    market_max_qty: Decimal
    min_notional: Decimal
    max_orders: int
    percent_up: Decimal
    percent_down: Decimal
    market_take_bound: Decimal
    trigger_protect: Decimal
    liquidation_fee: Decimal
    max_leverage: int
    brackets: tuple[Bracket, ...]
    onboard_ms: int
    underlying_sub_type: str
    reference_price: Decimal
    """A plausible price for a generator that has no recording. Nothing else reads it."""

    unit_value: int
    """Quote units (1e-8) of one tick times one lot; exact by the choice of ticks and steps."""
    tick_e8: int
    step_e8: int
    px_scale: int
    """Ticks to units of the last published price decimal."""
    qty_scale: int
    """Lots to units of the last published quantity decimal."""

    def px_text(self, ticks: int) -> str:
        """A price padded to the price precision, as REST bodies and market streams print it."""
        return _fixed(ticks * self.px_scale, self.price_precision)

    def px_trim(self, ticks: int) -> str:
        """A price without trailing zeros, as user events print it."""
        return _trim(self.px_text(ticks))

    def qty_text(self, lots: int) -> str:
        """A quantity padded to the quantity precision."""
        return _fixed(lots * self.qty_scale, self.quantity_precision)

    def average_text(self, ticks_times_lots: int, lots: int) -> str:
        """The average price of filled lots, unpadded; "0" when nothing is filled."""
        if lots == 0:
            return "0"
        return _trim(_fixed(_half_up(ticks_times_lots * self.tick_e8, lots), 8))

    def notional(self, lots: int, price_e8: int) -> int:
        """Quote units (1e-8) of a quantity at a price given in 1e-8."""
        return lots * self.step_e8 * price_e8 // QUOTE_SCALE

    def px(self, ticks: int) -> Decimal:
        """A price in ticks as a decimal number of quote units."""
        return self.tick * ticks

    def qty(self, lots: int) -> Decimal:
        """A quantity in lots as a decimal number of base units."""
        return self.step * lots

    def bracket(self, notional: Decimal) -> Bracket:
        """The rung that holds this notional; the last one for anything above."""
        for rung in self.brackets:
            if notional <= rung.notional_cap:
                return rung
        return self.brackets[-1]

    def max_notional(self, leverage: int) -> int:
        """The largest position notional this leverage may hold, in whole quote units."""
        caps = [rung.notional_cap for rung in self.brackets if rung.initial_leverage >= leverage]
        return max(caps, default=0)


def _fixed(value: int, decimals: int) -> str:
    """An integer count of 10**-decimals as plain text."""
    if decimals == 0:
        return str(value)
    sign, digits = ("-", str(-value)) if value < 0 else ("", str(value))
    digits = digits.zfill(decimals + 1)
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}"


def _trim(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def _half_up(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)


def money_text(units: int) -> str:
    """Quote units (1e-8) as the exchange prints money: eight decimals."""
    return _fixed(units, 8)


def money_trim(units: int) -> str:
    """Quote units (1e-8) without trailing zeros; "0" for nothing."""
    return _trim(_fixed(units, 8))


def _brackets(*rungs: tuple[int, int, str]) -> tuple[Bracket, ...]:
    """Build a ladder from (leverage, cap, maintenance ratio) with the derived `cum`."""
    ladder: list[Bracket] = []
    floor, cum, ratio_before = 0, Decimal(0), Decimal(0)
    for number, (leverage, cap, ratio_text) in enumerate(rungs, start=1):
        ratio = Decimal(ratio_text)
        if number > 1:
            cum += floor * (ratio - ratio_before)
        ladder.append(Bracket(number, leverage, floor, cap, ratio, cum))
        floor, ratio_before = cap, ratio
    return tuple(ladder)


_MAJOR = _brackets(
    (125, 300_000, "0.004"),
    (100, 800_000, "0.005"),
    (75, 3_000_000, "0.0065"),
    (50, 12_000_000, "0.01"),
    (25, 70_000_000, "0.02"),
    (20, 100_000_000, "0.025"),
    (10, 230_000_000, "0.05"),
    (5, 480_000_000, "0.1"),
    (4, 600_000_000, "0.125"),
    (3, 800_000_000, "0.15"),
    (2, 1_200_000_000, "0.25"),
    (1, 1_800_000_000, "0.5"),
)
_LARGE = _brackets(
    (100, 10_000, "0.005"),
    (75, 50_000, "0.0065"),
    (50, 1_000_000, "0.01"),
    (25, 5_000_000, "0.02"),
    (20, 10_000_000, "0.025"),
    (10, 25_000_000, "0.05"),
    (5, 50_000_000, "0.1"),
    (4, 62_500_000, "0.125"),
    (2, 100_000_000, "0.25"),
    (1, 150_000_000, "0.5"),
)
_SMALL = _brackets(
    (75, 10_000, "0.01"),
    (50, 100_000, "0.015"),
    (25, 600_000, "0.02"),
    (20, 1_200_000, "0.025"),
    (10, 3_000_000, "0.05"),
    (5, 6_000_000, "0.1"),
    (4, 7_500_000, "0.125"),
    (2, 15_000_000, "0.25"),
    (1, 25_000_000, "0.5"),
)


def _instrument(base: str, filters: Mapping[str, str], brackets: tuple[Bracket, ...], onboard_ms: int) -> Instrument:
    """One contract from its published filters; `decimals` are those of price and quantity."""
    tick, step = Decimal(filters["tick"]), Decimal(filters["step"])
    price_precision, quantity_precision = (int(each) for each in filters["decimals"].split())
    min_price, max_price = (Decimal(each) for each in filters["prices"].split())
    min_qty, max_qty, market_max_qty = (Decimal(each) for each in filters["quantities"].split())
    band = Decimal(filters.get("band", "0.05"))
    return Instrument(
        symbol=f"{base}USDT",
        base=base,
        quote="USDT",
        tick=tick,
        step=step,
        price_precision=price_precision,
        quantity_precision=quantity_precision,
        min_price=min_price,
        max_price=max_price,
        min_qty=min_qty,
        max_qty=max_qty,
        market_max_qty=market_max_qty,
        min_notional=Decimal(filters["notional"]),
        max_orders=200,
        percent_up=1 + band,
        percent_down=1 - band,
        market_take_bound=band,
        trigger_protect=band,
        liquidation_fee=Decimal(filters.get("liquidation_fee", "0.012500")),
        max_leverage=brackets[0].initial_leverage,
        brackets=brackets,
        onboard_ms=onboard_ms,
        underlying_sub_type=filters["kind"],
        reference_price=Decimal(filters["reference"]),
        unit_value=int(tick * step * QUOTE_SCALE),
        tick_e8=int(tick * QUOTE_SCALE),
        step_e8=int(step * QUOTE_SCALE),
        px_scale=int(tick.scaleb(price_precision)),
        qty_scale=int(step.scaleb(quantity_precision)),
    )


_ALL = (
    _instrument(
        "BTC",
        {
            "tick": "0.10",
            "step": "0.001",
            "decimals": "2 3",
            "prices": "556.80 4529764",
            "quantities": "0.001 1000 120",
            "notional": "50",
            "kind": "PoW",
            "reference": "80000",
        },
        _MAJOR,
        1567965300000,
    ),
    _instrument(
        "ETH",
        {
            "tick": "0.01",
            "step": "0.001",
            "decimals": "2 3",
            "prices": "39.86 306177",
            "quantities": "0.001 10000 2000",
            "notional": "20",
            "kind": "Layer-1",
            "reference": "3000",
        },
        _MAJOR,
        1574840700000,
    ),
    _instrument(
        "SOL",
        {
            "tick": "0.0100",
            "step": "0.01",
            "decimals": "4 2",
            "prices": "0.4200 6857",
            "quantities": "0.01 1000000 8000",
            "notional": "5",
            "kind": "Layer-1",
            "reference": "150",
            "liquidation_fee": "0.015000",
        },
        _LARGE,
        1600066800000,
    ),
    _instrument(
        "XRP",
        {
            "tick": "0.0001",
            "step": "0.1",
            "decimals": "4 1",
            "prices": "0.0143 100000",
            "quantities": "0.1 10000000 2000000",
            "notional": "5",
            "kind": "Payment",
            "reference": "2.2",
        },
        _LARGE,
        1578298800000,
    ),
    _instrument(
        "DOGE",
        {
            "tick": "0.000010",
            "step": "1",
            "decimals": "6 0",
            "prices": "0.002440 30",
            "quantities": "1 50000000 30000000",
            "notional": "5",
            "kind": "Meme",
            "reference": "0.2",
            "band": "0.10",
            "liquidation_fee": "0.015000",
        },
        _SMALL,
        1594371600000,
    ),
    _instrument(
        "BNB",
        {
            "tick": "0.010",
            "step": "0.01",
            "decimals": "3 2",
            "prices": "6.600 100000",
            "quantities": "0.01 100000 2000",
            "notional": "5",
            "kind": "Layer-1",
            "reference": "650",
        },
        _LARGE,
        1581321600000,
    ),
    _instrument(
        "TRX",
        {
            "tick": "0.00001",
            "step": "1",
            "decimals": "5 0",
            "prices": "0.00132 20000",
            "quantities": "1 10000000 5000000",
            "notional": "5",
            "kind": "Layer-1",
            "reference": "0.24",
        },
        _SMALL,
        1579075500000,
    ),
    _instrument(
        "LTC",
        {
            "tick": "0.01",
            "step": "0.001",
            "decimals": "2 3",
            "prices": "0.01 100000",
            "quantities": "0.001 20000 5000",
            "notional": "20",
            "kind": "Payment",
            "reference": "90",
        },
        _SMALL,
        1578557100000,
    ),
    _instrument(
        "ADA",
        {
            "tick": "0.00010",
            "step": "1",
            "decimals": "5 0",
            "prices": "0.00010 20000",
            "quantities": "1 6000000 2000000",
            "notional": "5",
            "kind": "Layer-1",
            "reference": "0.7",
        },
        _SMALL,
        1580457600000,
    ),
    _instrument(
        "LINK",
        {
            "tick": "0.001",
            "step": "0.01",
            "decimals": "3 2",
            "prices": "0.001 100000",
            "quantities": "0.01 200000 50000",
            "notional": "20",
            "kind": "Infrastructure",
            "reference": "15",
            "band": "0.10",
        },
        _SMALL,
        1579248000000,
    ),
)

DEFAULT_INSTRUMENTS: dict[str, Instrument] = {each.symbol: each for each in _ALL}
"""The contracts listed by default, by symbol."""
