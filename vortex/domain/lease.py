"""The veto as a lease (architecture, decision 4): permission that expires by itself."""

from decimal import Decimal

from vortex.domain.message import Message


class Lease(Message, frozen=True, kw_only=True):
    """Breaker to executor. Entries need `allows`, an unexpired term and `judged_through` ≥ the last closed trade.

    `expires_mono_ns` is on the machine's monotonic clock; a remote executor translates it to its own on receipt.
    """

    epoch: int
    allows: bool
    judged_through: int
    expires_mono_ns: int
    risk_cap_pct: Decimal | None = None
    reasons: tuple[str, ...] = ()
    state: str = "closed"
    cooldown_until_ms: int = 0
