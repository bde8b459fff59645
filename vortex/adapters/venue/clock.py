"""The exchange's clock: wall time, or a multiple of it from the start on; it can be paused and stepped."""

from vortex.kernel.clock import MS, Clock


class ExchangeClock:
    """Unix milliseconds of the exchange. Never goes back."""

    def __init__(self, clock: Clock, speed: float, start_ms: int, paused: bool = False) -> None:
        self._clock = clock
        self._base_ms = float(start_ms)
        self._base_mono = int(clock.mono())
        self.speed = speed
        self.paused = paused

    def now_ms(self) -> int:
        """The exchange's time now."""
        if self.paused:
            return int(self._base_ms)
        return int(self._base_ms + (int(self._clock.mono()) - self._base_mono) * self.speed / MS)

    def _rebase(self) -> None:
        self._base_ms, self._base_mono = float(self.now_ms()), int(self._clock.mono())

    def pause(self) -> None:
        """Stand still."""
        self._rebase()
        self.paused = True

    def resume(self) -> None:
        """Go on from where it stood."""
        self._rebase()
        self.paused = False

    def step(self, ms: int) -> None:
        """Jump ahead."""
        assert ms >= 0, f"time cannot go backwards: {ms}"
        self._rebase()
        self._base_ms += ms

    def set_speed(self, speed: float) -> None:
        """Run faster or slower from now on."""
        self._rebase()
        self.speed = speed
