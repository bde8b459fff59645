"""The insurance fund: what it received, what it paid, what it took over, and what was beyond it."""

from dataclasses import dataclass

from vortex.exchange.instruments import Instrument


@dataclass(slots=True)
class Fund:
    """The fund's own books, in 1e-8 USDT. `balance` never falls below zero.

    A position taken over is passed on to the market outside at the mark, at once; the difference to the
    bankruptcy price is the fund's gain or loss.
    """

    start: int
    balance: int
    fees: int = 0
    """Liquidation fees received."""
    paid: int = 0
    """Given to accounts that ended below zero."""
    covered: int = 0
    """The part of `paid` that exceeded the fund and came from the exchange's own pocket."""
    realized: int = 0
    """Result of the positions taken over."""
    taken: int = 0
    """Signed cash of the takeovers alone, the other side of what the bankrupt accounts were credited."""
    passed_on: int = 0
    """Signed cash of passing them on."""

    @classmethod
    def of(cls, balance: int) -> "Fund":
        """A new fund."""
        return cls(balance, balance)

    def receive(self, fee: int) -> None:
        """A liquidation fee comes in."""
        self.fees += fee
        self.balance += fee

    def pay(self, amount: int) -> None:
        """Lift an account to zero; what the fund does not have is covered by the exchange."""
        own = min(amount, self.balance)
        self.paid += amount
        self.covered += amount - own
        self.balance -= own

    def result(self, instrument: Instrument, lots: int, px: int, mark_e8: int) -> int:
        """What taking over `lots` (signed) at a price in ticks would bring at the mark."""
        return instrument.notional(lots, mark_e8) - lots * px * instrument.unit_value

    def bears(self, instrument: Instrument, lots: int, px: int, mark_e8: int) -> bool:
        """Can it take this over?"""
        return self.balance + self.result(instrument, lots, px, mark_e8) >= 0

    def take(self, instrument: Instrument, lots: int, px: int, mark_e8: int) -> None:
        """Take over `lots` (signed) at a price in ticks; the caller has asked `bears`."""
        result = self.result(instrument, lots, px, mark_e8)
        assert self.balance + result >= 0, f"the fund cannot bear {result}"
        self.taken -= lots * px * instrument.unit_value
        self.passed_on += instrument.notional(lots, mark_e8)
        self.realized += result
        self.balance += result

    def conservation_error(self, paid_to_accounts: int) -> dict[str, int]:
        """What its books do not explain; `paid_to_accounts` is what the accounts say they got, net of fees."""
        expected = self.start + self.fees - self.paid + self.covered + self.taken + self.passed_on
        return {
            "USDT": self.balance - expected,
            "payments": self.paid - self.fees - paid_to_accounts,
            "takeovers": self.realized - self.taken - self.passed_on,
        }
