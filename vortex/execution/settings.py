"""Numbers of execution: every timeout, limit and retry of the executor and the position machine, with its default."""

from decimal import Decimal

import msgspec

from vortex.kernel.errors import ConfigError


class ExecutionSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Durations in ms. Defaults are those of the spec where it names one (S3, EM, CB-5)."""

    account_tag: str = "v7"
    """First part of every client order id; letters and digits, one to eight of them."""

    max_positions: int = 2
    """Open positions plus pending entries over all symbols (CB-5)."""
    intent_age_max_ms: int = 1_500
    """An entry decided longer ago than this is denied: the market it was decided on is gone."""
    margin_share_max: Decimal = Decimal("0.90")
    """Total initial margin over equity (S2-2)."""
    notional_cap_major: Decimal = Decimal(10)
    """Notional of one position over equity for `major_bases` (S2-2)."""
    notional_cap_other: Decimal = Decimal("1.5")
    major_bases: tuple[str, ...] = ("BTC", "ETH")

    protection_limit_ms: int = 1_000
    """Longest time a position may be without a working stop before it is closed at market (S3-2)."""
    trigger_grace_ms: int = 1_000
    """How long a triggered stop counts as protection while its market order is being filled."""
    partial_keep_percent: int = 50
    """At the entry timeout, less than this share filled is closed again (S3-5)."""
    trail_every_ms: int = 10_000
    """Shortest time between two moves of a trailing stop (S3-3)."""
    hold_limit_ms: int = 20 * 60_000
    """System limit of the holding time (S3-4, P-3)."""
    feed_lost_ms: int = 5_000
    """Silence of the feed after which a position is closed (E0-6, EM-1)."""
    feed_blind_ms: int = 30_000
    """How long a feed that is not silent may be repaired before a position is closed, as EM-2 has it for slow REST."""
    entry_pause_ms: int = 1_000
    """After a denied or refused entry a symbol does not ask again for this long."""
    attach_retry_ms: int = 2_000
    """A symbol that has not been attached asks again after this."""
    price_gap_pct: float = 1.0
    """A jump between two trades that stops entries for `price_gap_pause_ms` (EM-3)."""
    price_gap_pause_ms: int = 60_000
    stop_attempts_max: int = 150
    """Stops of one trade, trailing included; ids have room for 256."""
    take_profit_attempts_max: int = 3
    close_attempts_max: int = 20
    close_retry_ms: int = 250
    """Pause before a market close is tried again after the exchange refused or expired one."""

    receive_window_ms: int = 1_000
    """recvWindow W of every order: the exchange refuses it later than W after its timestamp (decision 5)."""
    clock_uncertainty_ms: int = 200
    query_delays_ms: tuple[int, ...] = (250, 500, 1_000)
    """Pauses before the questions about an order in doubt; the last one repeats (S3-6)."""
    absent_answers_min: int = 3
    """Definite not-founds needed before an order counts as never arrived."""
    absent_after_ms: int = 2_000
    """Shortest spread of those not-founds for a reducing order."""
    absent_after_opening_ms: int = 10_000
    """The same for an order that could open a position: visibility may lag (reference: unknown execution)."""
    answer_limit_ms: int = 3_000
    """An order that waits longer for its answer is asked about (S3-10)."""

    entry_orphan_grace_ms: int = 2_000
    """A resting entry whose symbol is gone is canceled this long after its timeout."""
    hold_orphan_grace_ms: int = 5_000
    """The executor itself closes a position this long after its holding limit."""
    finish_orphan_ms: int = 3_000
    """A flat trade that nobody finishes is finished by the executor after this."""
    dead_man_ms: int = 10_000
    """Countdown of the exchange's dead-man switch while an entry works, refreshed every third of it (S3-8)."""

    reconcile_every_ms: int = 60_000
    recent_ms: int = 1_500
    """Orders and positions touched within this time are left out of a comparison: the exchange's reads may lag."""
    second_look_ms: int = 500
    """Pause before a difference in quantity is looked at again; only a repeated one is acted on."""
    second_looks: int = 2
    adopt_unknown: bool = True
    """An unknown position is adopted and protected; otherwise it is closed at market (S3-9)."""
    adopted_stop_percent: Decimal = Decimal("0.30")
    """Distance of an adopted position's stop from its entry price, in percent."""
    cancel_foreign_orders: bool = False
    """Whether opening orders that we did not send are canceled, or only reported."""

    account_every_ms: int = 5_000
    equity_every_ms: int = 60_000
    fence_check_ms: int = 1_000
    """While a trade is open the journal is written at least this often, so that a paused executor learns of its
    successor before it acts on what it remembers."""
    journal_retry_ms: int = 250
    journal_patience_ms: int = 500
    """A reduction waits this long for its intent to be durable, then leaves anyway: reducing risk is always allowed."""
    flatten_look_ms: int = 400
    flatten_rounds_max: int = 50

    orders_10s_limit: int = 210
    orders_1m_limit: int = 840
    weight_1m_limit: int = 1_680
    """70 % of the exchange's own limits; the rest belongs to other programs on the same address (S3-7)."""
    entry_reserve: float = 0.25
    """Share of each budget that only reductions and cancels may use."""

    maker_rate: Decimal = Decimal("0.00020")
    taker_rate: Decimal = Decimal("0.00050")

    def __post_init__(self) -> None:
        if not (1 <= len(self.account_tag) <= 8 and self.account_tag.isascii() and self.account_tag.isalnum()):
            raise ConfigError(f"account_tag {self.account_tag!r}: one to eight letters or digits")
        if self.max_positions < 1:
            raise ConfigError(f"max_positions {self.max_positions}: at least one")
        if not self.query_delays_ms:
            raise ConfigError("query_delays_ms: at least one pause")
        if not 0 <= self.entry_reserve < 1:
            raise ConfigError(f"entry_reserve {self.entry_reserve}: a share below one")


DRILL_EXECUTION = ExecutionSettings(
    max_positions=8,
    intent_age_max_ms=2_000,
    entry_pause_ms=250,
    trail_every_ms=2_000,
    absent_after_opening_ms=2_000,
    notional_cap_other=Decimal(10),
)
"""Wide limits for demonstrations, soak and fault tests; refused on testnet and live."""
