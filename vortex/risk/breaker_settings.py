"""Numbers of the circuit breakers, with the spec's defaults (section 4)."""

from decimal import Decimal

import msgspec

from vortex.kernel.errors import ConfigError

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


class BreakerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Percentages in percent, durations in ms, one field or group per breaker."""

    daily_loss_pct: Decimal = Decimal("2.5")
    """CB-1, of the day's opening equity."""
    loss_streak: int = 3
    """CB-2."""
    loss_streak_cooldown_ms: int = 10 * MINUTE_MS
    caution_risk_pct: Decimal = Decimal("0.5")
    caution_trades: int = 10
    hourly_losses: int = 5
    """CB-3."""
    hourly_losses_cooldown_ms: int = 30 * MINUTE_MS
    hourly_trades: int = 25
    """CB-4."""
    fee_alert_pct: Decimal = Decimal(40)
    """CB-7, of the day's gross profit; alert only."""
    daily_trades: int = 50
    """CB-8."""
    single_loss_pct: Decimal = Decimal(5)
    """CB-9, of equity."""
    single_loss_cooldown_ms: int = 60 * MINUTE_MS
    drawdown_pct: Decimal = Decimal(15)
    """CB-10, under the peak of equity."""
    api_p95_ms: float = 1_000.0
    """CB-11, EM-2."""
    api_failures: int = 5
    api_good_samples: int = 3
    """Good samples in a row that lead from OPEN over HALF_OPEN back to CLOSED."""
    api_close_after_ms: int = 30_000
    """EM-2: open for this long closes everything."""
    unexplained_pct: Decimal = Decimal(5)
    """EM-4, of equity."""
    unexplained_window_ms: int = 10 * MINUTE_MS

    lease_every_ms: int = 250
    lease_ms: int = 1_000
    account_age_max_ms: int = 30_000
    """Without account figures younger than this the breaker cannot judge, and vetoes."""

    def __post_init__(self) -> None:
        if self.lease_ms < 2 * self.lease_every_ms:
            raise ConfigError(f"lease_ms {self.lease_ms}: at least twice lease_every_ms {self.lease_every_ms}")
        if min(self.daily_loss_pct, self.drawdown_pct, self.single_loss_pct) <= 0:
            raise ConfigError("breaker percentages must be positive")


CONSERVATIVE_BREAKERS = BreakerSettings(daily_trades=20)
"""Go-live week 1 (CB-8)."""

DRILL_BREAKERS = BreakerSettings(
    daily_loss_pct=Decimal(90),
    loss_streak=10_000,
    hourly_losses=100_000,
    hourly_trades=1_000_000,
    daily_trades=1_000_000,
    single_loss_pct=Decimal(90),
    drawdown_pct=Decimal(90),
    api_p95_ms=5_000.0,
    api_failures=50,
    api_close_after_ms=120_000,
    unexplained_pct=Decimal(90),
)
"""Wide limits for demonstrations, soak and fault tests; refused on testnet and live."""
