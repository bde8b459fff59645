"""Rate limits as the exchange counts them: request weight per address, orders per account, statistics calls."""

from dataclasses import dataclass

from vortex.exchange.refusal import Refusal

BAN_AFTER = 20
"""Requests sent on after a 429 within one minute before the address is banned."""
BAN_MS = 120_000


@dataclass(frozen=True, slots=True)
class LimitRules:
    """The published limits."""

    weight_per_minute: int = 2400
    orders_per_10s: int = 300
    orders_per_minute: int = 1200
    statistics_per_5m: int = 1000
    funding_per_5m: int = 500


class Window:
    """A fixed counting window, like the exchange's: it starts anew at each multiple of its length."""

    __slots__ = ("count", "length_ms", "opened")

    def __init__(self, length_ms: int) -> None:
        self.length_ms = length_ms
        self.opened = 0
        self.count = 0

    def add(self, amount: int, now_ms: int) -> int:
        """Count; return the total of the running window."""
        window = now_ms // self.length_ms
        if window != self.opened:
            self.opened, self.count = window, 0
        self.count += amount
        return self.count


class AddressLimits:
    """What one network address has used."""

    def __init__(self, rules: LimitRules) -> None:
        self._rules = rules
        self._weight = Window(60_000)
        self._statistics = Window(300_000)
        self._funding = Window(300_000)
        self._refused = Window(60_000)
        self.banned_until_ms = 0

    def spend(self, weight: int, pool: str, address: str, now_ms: int) -> int:
        """Count one request; return the used weight, or raise 429 (-1003), and 418 for going on regardless."""
        if now_ms < self.banned_until_ms:
            raise Refusal(
                -1003,
                message=f"Way too many requests; IP banned until {self.banned_until_ms}.",
                status=418,
            )
        rules = self._rules
        used = self._weight.add(weight, now_ms)
        if pool == "statistics":
            over = self._statistics.add(1, now_ms) > rules.statistics_per_5m
        elif pool == "funding":
            over = self._funding.add(1, now_ms) > rules.funding_per_5m
        else:
            over = used > rules.weight_per_minute
        if over:
            if self._refused.add(1, now_ms) > BAN_AFTER:
                self.banned_until_ms = now_ms + BAN_MS
            raise Refusal(-1003, address, rules.weight_per_minute)
        return used

    def used(self, now_ms: int) -> int:
        """Weight used in the running minute."""
        return self._weight.add(0, now_ms)


class OrderLimits:
    """What one account has used of its order budget."""

    def __init__(self, rules: LimitRules) -> None:
        self._rules = rules
        self._ten_seconds = Window(10_000)
        self._minute = Window(60_000)

    def spend(self, ten_seconds: int, minute: int, now_ms: int) -> None:
        """Count orders; raise 429 (-1015) beyond the limit."""
        if self._ten_seconds.add(ten_seconds, now_ms) > self._rules.orders_per_10s:
            raise Refusal(-1015, self._rules.orders_per_10s, "10 SECOND")
        if self._minute.add(minute, now_ms) > self._rules.orders_per_minute:
            raise Refusal(-1015, self._rules.orders_per_minute, "1 MINUTE")

    def used(self, now_ms: int) -> tuple[int, int]:
        """Counts of the running ten seconds and minute."""
        return self._ten_seconds.add(0, now_ms), self._minute.add(0, now_ms)
