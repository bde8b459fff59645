"""Names of the mirror's keys (D-1), all behind one prefix."""

import msgspec

TICKS_KEPT = 2_000
CANDLES_KEPT = 500
OPEN_INTEREST_KEPT = 12


class Keys(msgspec.Struct, frozen=True):
    """Keys by what they hold. `candles` is a sorted set by open time, `ticks` and `oi` lists, the others hashes."""

    prefix: str = "vortex:"

    def position(self, symbol: str) -> str:
        return f"{self.prefix}position:{symbol}"

    def ticks(self, symbol: str) -> str:
        return f"{self.prefix}ticks:{symbol}"

    def orderbook(self, symbol: str) -> str:
        return f"{self.prefix}orderbook:{symbol}"

    def candles(self, symbol: str, interval: str) -> str:
        return f"{self.prefix}candles:{symbol}:{interval}"

    def engine_signals(self, symbol: str) -> str:
        return f"{self.prefix}engine_signals:{symbol}"

    def engine_weights(self, symbol: str) -> str:
        return f"{self.prefix}engine_weights:{symbol}"

    def regime(self, symbol: str) -> str:
        return f"{self.prefix}regime:{symbol}"

    def open_interest(self, symbol: str) -> str:
        return f"{self.prefix}oi:{symbol}"

    def sentiment(self, symbol: str) -> str:
        return f"{self.prefix}sentiment:{symbol}"

    @property
    def session(self) -> str:
        return f"{self.prefix}session"

    @property
    def circuit_breaker(self) -> str:
        return f"{self.prefix}circuit_breaker"

    def view(self, role: str) -> str:
        """One role's view, a JSON text that lapses when its role falls silent for long."""
        return f"{self.prefix}view:{role}"
