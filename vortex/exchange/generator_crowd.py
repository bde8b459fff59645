"""What the crowd holds and pays: open interest, long shares, mark, index and funding of one symbol."""

import math

from vortex.exchange.generator_draws import Draws
from vortex.exchange.generator_profile import Profile
from vortex.exchange.generator_story import Pressure
from vortex.exchange.market_events import MarkState, OpenInterestState, RatioState

FUNDING_MS = 8 * 3_600_000
TREND_INTEREST = 1.0e-6
"""Open interest grows by this share per step of 100 ms in a full trend: about 0.3 % in five minutes."""

INTEREST_HOME = 2.0e-6
"""Pull per step of open interest towards its ordinary level."""


class Crowd:
    """Slow numbers that follow the weather with a lag."""

    def __init__(self, profile: Profile, draws: Draws) -> None:
        self._profile = profile
        self._draws = draws
        self.interest = profile.interest_lots
        self._mood = 0.0  # trend as the crowd feels it, -1..1
        self._noise = 0.0
        self._mark = 0.0

    def feel(self, trend: float, pressure: Pressure, steps: int) -> None:
        """Go on by so many steps of 100 ms under this trend and story."""
        home = (self._profile.interest_lots / self.interest - 1.0) * INTEREST_HOME
        growth = TREND_INTEREST * abs(trend)
        noise = 8e-6 * math.sqrt(steps) * self._draws.normal()
        self.interest *= 1.0 + (home + growth + pressure.interest_step) * steps + noise
        lag = min(1.0, steps / 1_800)
        self._mood += lag * (trend - self._mood)
        self._noise += -0.05 * lag * 10 * self._noise + 0.12 * math.sqrt(lag) * self._draws.normal()

    def open_interest(self, ts_ms: int) -> OpenInterestState:
        """Open interest now."""
        return OpenInterestState(ts_ms, self._profile.symbol, max(1, int(self.interest)))

    def ratios(self, ts_ms: int, bought: float, sold: float) -> RatioState:
        """Small accounts fade a move, large ones ride it."""
        noise = 0.02 * math.tanh(self._noise)
        return RatioState(
            ts_ms,
            self._profile.symbol,
            global_long=0.525 - 0.185 * self._mood + noise,
            top_account_long=0.51 + 0.15 * self._mood + noise,
            top_position_long=0.52 + 0.11 * self._mood - noise,
            taker_buy_share=bought / (bought + sold),
        )

    def funding_rate(self) -> float:
        """The estimate for the next settlement: a small premium that leans with the crowd."""
        rate = 0.000_07 + 0.000_06 * self._mood + 0.000_03 * math.tanh(self._noise)
        return round(rate, 8)

    def mark(self, ts_ms: int, mid_ticks: float) -> MarkState:
        """Mark follows the middle with a lag of about three seconds; call once a second."""
        price = mid_ticks * self._profile.tick
        if self._mark == 0.0:
            self._mark = price
        self._mark += 0.3 * (price - self._mark)
        rate = self.funding_rate()
        index = self._mark * (1.0 - 2.0 * rate)
        return MarkState(
            ts_ms,
            self._profile.symbol,
            round(self._mark, 8),
            round(index, 8),
            rate,
            (ts_ms // FUNDING_MS + 1) * FUNDING_MS,
        )
