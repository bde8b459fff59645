"""The mark price at which a position is liquidated, solved exactly over the maintenance brackets (sheet 8.4).

For the contract itself, with `free` = wallet - maintenance + unrealized profit of all other contracts:

    price = (free + sum(cum) - sum(signed quantity x entry)) / (sum(|quantity| x rate) - sum(signed quantity))

with one leg in one-way mode or an isolated wallet, and the long and the short leg together in a hedge on cross
margin. Rate and cum belong to the brackets at the price found, so the formula is tried bracket by bracket upwards
from zero. Equity less maintenance is a concave function of the price: the first root going up is the one below
which a net long is lost, or, where none lies below, the one above which the rising maintenance eats the account.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from vortex.exchange.account import Account, Position
from vortex.exchange.instruments import QUOTE_SCALE, Bracket
from vortex.exchange.margin import Summary


@dataclass(frozen=True, slots=True)
class Leg:
    """One side of a contract: signed base quantity, signed quantity times entry price, its maintenance brackets."""

    quantity: Decimal
    cost: Decimal
    brackets: Sequence[Bracket]


@dataclass(frozen=True, slots=True)
class Verge:
    """A liquidation price in quote units; `below` when falling to it is what liquidates, else rising to it."""

    price: Decimal
    below: bool

    def price_e8(self) -> int:
        """In 1e-8, rounded to the side that is liquidated."""
        rounding = ROUND_FLOOR if self.below else ROUND_CEILING
        return int((self.price * QUOTE_SCALE).to_integral_value(rounding))


def liquidation_verge(free: Decimal, legs: Sequence[Leg]) -> Verge | None:
    """The price at which what is free plus the legs' profit equals their maintenance; None when there is none."""
    rungs = [0] * len(legs)
    lower = Decimal(0)
    while True:
        caps = [
            leg.brackets[rung].notional_cap / abs(leg.quantity) if rung + 1 < len(leg.brackets) else None
            for leg, rung in zip(legs, rungs, strict=True)
        ]
        upper = min((cap for cap in caps if cap is not None), default=None)
        root = _root(free, legs, [leg.brackets[rung] for leg, rung in zip(legs, rungs, strict=True)])
        if root is not None and root.price > lower and (upper is None or root.price <= upper):
            return root
        if upper is None:
            return None
        lower = upper
        rungs = [rung + (cap == upper) for rung, cap in zip(rungs, caps, strict=True)]


def _root(free: Decimal, legs: Sequence[Leg], rungs: Sequence[Bracket]) -> Verge | None:
    """The formula with these brackets."""
    numerator, denominator = free, Decimal(0)
    for leg, rung in zip(legs, rungs, strict=True):
        numerator += rung.cum - leg.cost
        denominator += abs(leg.quantity) * rung.maint_margin_ratio - leg.quantity
    return Verge(numerator / denominator, denominator < 0) if denominator else None


def liquidation_price_e8(account: Account, position: Position, summary: Summary) -> int:
    """The mark price (1e-8) at which this position is liquidated; 0 when it cannot be."""
    if position.lots == 0:
        return 0
    symbol = position.instrument.symbol
    if account.setting(symbol).isolated:
        free, positions = position.isolated_wallet, [position]
    else:
        cross = [row for row in summary.rows if not row.isolated and row.position.lots]
        positions = [row.position for row in cross if row.position.instrument.symbol == symbol]
        others = [row for row in cross if row.position.instrument.symbol != symbol]
        free = summary.cross_wallet + sum(row.unrealized - row.maintenance for row in others)
    verge = liquidation_verge(Decimal(free) / QUOTE_SCALE, [_leg(each) for each in positions])
    if verge is None or verge.price > position.instrument.max_price:
        return 0
    return verge.price_e8()


def _leg(position: Position) -> Leg:
    instrument = position.instrument
    return Leg(instrument.qty(position.lots), Decimal(position.cost) / QUOTE_SCALE, instrument.brackets)
