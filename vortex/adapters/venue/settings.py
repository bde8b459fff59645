"""What a simulated exchange is started with."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from vortex.exchange.auth import ApiKey
from vortex.exchange.floor import VenueRules
from vortex.exchange.limits import LimitRules
from vortex.kernel.errors import ConfigError

DEFAULT_KEY = "vortexsimulatedkey000000000000000000000000000000000000000000main"
DEFAULT_SECRET = "vortexsimulatedsecret000000000000000000000000000000000000000main"  # noqa: S105  # opens only the simulated exchange

DEFAULT_SEED = 7

UNLIMITED = LimitRules(
    weight_per_minute=1_000_000_000,
    orders_per_10s=1_000_000_000,
    orders_per_minute=1_000_000_000,
    statistics_per_5m=1_000_000_000,
    funding_per_5m=1_000_000_000,
)
"""For measurements: everything is counted and told, nothing is refused for its number."""


SPEED_MIN, SPEED_MAX = 0.001, 1_000.0
PORT_MAX = 65_535
BALANCE_MAX = Decimal(1_000_000_000_000)


@dataclass(frozen=True, slots=True)
class VenueSettings:
    """One exchange process. Money is in whole units; `speed` multiplies the exchange's clock.

    ConfigError for a pace, port, seed or amount that no exchange can run with.
    """

    host: str = "127.0.0.1"
    port: int = 0
    """0 takes a free port; the ready message says which."""
    symbols: tuple[str, ...] = ("BTCUSDT", "ETHUSDT")
    """Empty with recorded files: every symbol they hold."""
    seed: int = DEFAULT_SEED
    speed: float = 1.0
    data: tuple[str, ...] = ()
    """Recorded files; without any, the seeded generator makes the market."""
    keys: tuple[ApiKey, ...] = (ApiKey(DEFAULT_KEY, DEFAULT_SECRET),)
    balance: Decimal = Decimal(10_000)
    """USDT of every account at the start, unless `balances` says otherwise."""
    balances: Mapping[str, Mapping[str, Decimal]] = field(default_factory=dict)
    """What single accounts own at the start, by account and asset."""
    bnb_balance: Decimal = Decimal(0)
    route_fidelity: bool = True
    """Unrouted stream paths carry public streams only, as in production since 2026-04; False lets them carry all."""
    fault_seed: int = 1
    pump_ms: int = 25
    """Wall milliseconds between two looks at the market."""
    socket_life_s: float = 86_400.0
    ping_s: float = 180.0
    pong_within_s: float = 600.0
    """A connection that lets a ping go unanswered for so long is dropped."""
    queue_max: int = 20_000
    """Messages waiting for one slow reader before it is cut off."""
    sockets_max: int = 10_000
    """WebSocket connections open at a time; more are refused before their handshake."""
    control_messages_per_s: int = 10
    paused: bool = False
    rules: VenueRules = field(default_factory=VenueRules)

    def __post_init__(self) -> None:
        """Refuse what would fail only later, or never end."""
        if not (math.isfinite(self.speed) and SPEED_MIN <= self.speed <= SPEED_MAX):
            raise ConfigError(f"speed is from {SPEED_MIN:g} to {SPEED_MAX:g}, not {self.speed:g}")
        if not 0 <= self.port <= PORT_MAX:
            raise ConfigError(f"port is from 0 to {PORT_MAX}, not {self.port}")
        if min(self.seed, self.fault_seed) < 0:
            raise ConfigError("seeds are not negative")
        for amount in (self.balance, self.bnb_balance):
            if not (amount.is_finite() and 0 <= amount <= BALANCE_MAX):
                raise ConfigError(f"a balance is from 0 to {BALANCE_MAX:,}, not {amount}")
