"""How long to wait before the next attempt: 1, 2, 4, 8, 16, at most 30 s, spread by chance (E0-4)."""

from vortex.kernel.rng import Rng

STEPS_MS = (1_000, 2_000, 4_000, 8_000, 16_000, 30_000)
JITTER_PER_MILLE = 250  # up to a quarter less, so that many clients cut off together do not return together


class Backoff:
    """One series of attempts; `reset` after the other side proved healthy."""

    def __init__(self, rng: Rng) -> None:
        self._rng = rng
        self._attempt = 0

    def next_ms(self) -> int:
        """The wait before the next attempt."""
        step_ms = STEPS_MS[min(self._attempt, len(STEPS_MS) - 1)]
        self._attempt += 1
        return step_ms - step_ms * self._rng.randint(0, JITTER_PER_MILLE) // 1_000

    def reset(self) -> None:
        """Begin again at the first step."""
        self._attempt = 0
