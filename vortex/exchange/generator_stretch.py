"""How far the price is from its own last minutes, seen as the crowd sees it: Wilder's RSI and Bollinger bands.

An overshoot in the generated market is only over when everybody can see that it is one.
"""

import math
from collections import deque

from vortex.exchange.history import MINUTE_MS

PERIODS = 14
BAND_PERIODS = 20
BAND_SIGMAS = 2.05
RSI_LOW, RSI_HIGH = 22.0, 78.0


class Stretch:
    """Follows one price; `side()` is -1 when it is oversold below the band, 1 the other way, else 0."""

    def __init__(self) -> None:
        self._closes: deque[float] = deque(maxlen=BAND_PERIODS - 1)
        self._gain = self._loss = 0.0
        self._minute = -1
        self._price = 0.0

    def close(self, price: float) -> None:
        """A minute has closed at this price."""
        if self._closes:
            change = price - self._closes[-1]
            self._gain += (max(change, 0.0) - self._gain) / PERIODS
            self._loss += (max(-change, 0.0) - self._loss) / PERIODS
        self._closes.append(price)

    def follow(self, ts_ms: int, price: float) -> None:
        """The price now; closes the minute before when a new one begins."""
        minute = ts_ms // MINUTE_MS
        if minute != self._minute and self._minute >= 0:
            self.close(self._price)
        self._minute, self._price = minute, price

    def way(self) -> int:
        """Where the price stands against the middle of its band: 1 above, -1 below, 0 when that is unknown."""
        if len(self._closes) < BAND_PERIODS - 1:
            return 0
        return 1 if self._price * len(self._closes) > sum(self._closes) else -1

    def side(self) -> int:
        """Which way the open candle is stretched."""
        if len(self._closes) < BAND_PERIODS - 1:
            return 0
        change = self._price - self._closes[-1]
        gain = self._gain + (max(change, 0.0) - self._gain) / PERIODS
        loss = self._loss + (max(-change, 0.0) - self._loss) / PERIODS
        rsi = 100.0 * gain / (gain + loss) if gain + loss else 50.0
        middle = (sum(self._closes) + self._price) / BAND_PERIODS
        squares = sum((each - middle) ** 2 for each in self._closes) + (self._price - middle) ** 2
        band = BAND_SIGMAS * math.sqrt(squares / BAND_PERIODS)
        if rsi < RSI_LOW and self._price < middle - band:
            return -1
        return 1 if rsi > RSI_HIGH and self._price > middle + band else 0
