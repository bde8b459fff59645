"""The slow REST readings of a symbol: how often, how scattered, and when the exchange has been asked enough (E0-3)."""

from typing import Annotated

import msgspec
from msgspec import Meta

from vortex.kernel.clock import MS
from vortex.kernel.rng import Rng

Period = Annotated[int, Meta(ge=1_000)]
MINUTE_NS = 60_000 * MS


class PollSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Periods in ms, each scattered by the share `jitter` to either side, so that symbols do not ask in step.

    `weight_1m_max` is how much of the address's request weight of the minute (the exchange allows 2 400) may be used,
    by whomever, for a poll still to be sent: orders and repairs come first. `repair_weight_1m_max` is the same for a
    repair that goes on to ask for trades behind the newest ones: orders come first.
    """

    open_interest_ms: Period = 15_000
    global_ratio_ms: Period = 30_000
    top_ratio_ms: Period = 30_000
    funding_ms: Period = 60_000
    reference_ms: Period = 300_000
    jitter: Annotated[float, Meta(ge=0.0, le=0.5)] = 0.1
    weight_1m_max: Annotated[int, Meta(ge=1)] = 1_200
    repair_weight_1m_max: Annotated[int, Meta(ge=1)] = 1_800


def next_poll_ms(period_ms: int, jitter: float, rng: Rng) -> float:
    """How long to wait for the next reading."""
    return period_ms * rng.uniform(1.0 - jitter, 1.0 + jitter)


class PollBudget:
    """The weight that all processes of this address have used together, as every answer of the exchange says it."""

    def __init__(self, weight_1m_max: int) -> None:
        self._max = weight_1m_max
        self._used = 0
        self._told_ns = -MINUTE_NS

    def told(self, weight_1m: int | None, now_ns: int) -> None:
        """An answer's word on the minute that runs."""
        if weight_1m is not None:
            self._used, self._told_ns = weight_1m, now_ns

    def allows(self, now_ns: int, weight_1m_max: int | None = None) -> bool:
        """Whether a poll, or what has a limit of its own, may be sent; what was said a minute ago is over."""
        most = self._max if weight_1m_max is None else weight_1m_max
        return self._used <= most or now_ns - self._told_ns >= MINUTE_NS
