"""How long to wait before connecting again: 1, 2, 4, 8, 16, 30, 30, … s, with jitter (E0-4)."""

from vortex.kernel.rng import Rng

FIRST_MS = 1_000
LONGEST_MS = 30_000
JITTER_PERCENT = 20


def plain_delay_ms(attempt: int) -> int:
    """The delay without jitter before attempt 0, 1, 2, …"""
    return min(LONGEST_MS, FIRST_MS << min(attempt, 5))


def delay_ms(attempt: int, rng: Rng) -> int:
    """The delay with up to 20 % taken off, so that many clients do not come back in step and none exceeds the limit."""
    plain = plain_delay_ms(attempt)
    return plain - rng.randrange(plain * JITTER_PERCENT // 100 + 1)
