"""What everybody sees in the price of one symbol: Wilder's RSI and Bollinger bands of minutes, ADX of three minutes.

Episodes of the generated market wait for it: an overshoot is only over when everybody can see that it is one.
"""

import math
from bisect import bisect_left, bisect_right
from collections import deque
from dataclasses import dataclass

from vortex.exchange.generator_draws import total
from vortex.exchange.history import MINUTE_MS

PERIODS = 14
BAND_PERIODS = 20
LONG_MS = 3 * MINUTE_MS
LEVEL_MS = 5 * MINUTE_MS
LEVEL_CANDLES = 200
UNDECIDED = (20.2, 24.8)
"""ADX of a market that neither trends nor stands still."""

FRESH_MINUTES = 1_000
"""Two hundred candles of five minutes: as far as levels are remembered."""


ZEAL = (-1.0, 2.0)
ZEAL_LEAD, ZEAL_SLOPE = 40.0, 7.0
WAVE_LEADS, WAVE_SLOPE, WAVE_RUNS = (18.0, 24.0), 12.0, 0.4
"""Leads of a trend and of a wave that are neither helped nor hindered."""


def zeal(trend: float, lead: float) -> float:
    """Factor on the drift of a trend: one that everybody sees is taken back, one that nobody sees gathers followers."""
    along = lead if trend > 0.0 else -lead
    return min(ZEAL[1], max(ZEAL[0], (ZEAL_LEAD - along) / ZEAL_SLOPE))


def wave(lead: float) -> float:
    """Drift of a range, -1..1: small waves run on, large ones are taken back, so that it neither trends nor stops."""
    above = (abs(lead) - WAVE_LEADS[1]) / WAVE_SLOPE
    size = -min(1.0, above) if above > 0.0 else WAVE_RUNS * (abs(lead) < WAVE_LEADS[0])
    return size if lead > 0.0 else -size


@dataclass(frozen=True, slots=True)
class View:
    """The picture now. `rsi` is 0..100, `outside` counts standard deviations from the middle of the band."""

    rsi: float
    outside: float
    adx: float
    lead: float  # directional index, -100..100: what ADX is the slow mean of, with the sign of the side that leads
    calm_ms: int  # until the next candle of three minutes changes the picture of the trend
    fresh: int  # the side of the nearer extreme of the day: beyond it nobody remembers a level
    room_up: float  # to the next remembered high, in ranges of an ordinary minute
    room_down: float


class Movement:
    """Wilder's average directional index of candles of three minutes, cut by the clock."""

    def __init__(self) -> None:
        self.adx = 0.0
        self.lead = 0.0
        self._seen = 0
        self._up = self._down = self._range = 0.0
        self._last: tuple[float, float, float] | None = None
        self._high = self._low = self._close = 0.0
        self._slot = -1

    def take(self, ts_ms: int, high: float, low: float, close: float) -> None:
        """Prices of a stretch of time that begins at `ts_ms` and crosses no three-minute boundary."""
        slot = ts_ms // LONG_MS
        if slot != self._slot:
            if self._slot >= 0:
                self._take_candle(self._high, self._low, self._close)
            self._slot, self._high, self._low = slot, high, low
        self._high, self._low, self._close = max(self._high, high), min(self._low, low), close

    def _take_candle(self, high: float, low: float, close: float) -> None:
        last, self._last = self._last, (high, low, close)
        if last is None:
            return
        rise, fall = high - last[0], last[1] - low
        keep = 1.0 - 1.0 / PERIODS
        self._up = keep * self._up + (rise if rise > max(fall, 0.0) else 0.0)
        self._down = keep * self._down + (fall if fall > max(rise, 0.0) else 0.0)
        self._range = keep * self._range + max(high - low, abs(high - last[2]), abs(low - last[2]))
        total = self._up + self._down
        self.lead = 100.0 * (self._up - self._down) / total if total else 0.0
        self._seen += 1
        weight = max(1.0 / PERIODS, 1.0 / self._seen)
        self.adx += weight * (abs(self.lead) - self.adx)


class Levels:
    """Highs and lows of five minutes that stand out among two neighbors on either side."""

    def __init__(self) -> None:
        self._candles: deque[tuple[float, float]] = deque(maxlen=LEVEL_CANDLES)
        self._slot = -1
        self._high = self._low = 0.0
        self._highs: list[float] = []
        self._lows: list[float] = []

    def take(self, ts_ms: int, high: float, low: float) -> None:
        """Prices of a stretch of time that begins at `ts_ms` and crosses no five-minute boundary."""
        slot = ts_ms // LEVEL_MS
        if slot != self._slot:
            if self._slot >= 0:
                self._candles.append((self._high, self._low))
                self._remember()
            self._slot, self._high, self._low = slot, high, low
        self._high, self._low = max(self._high, high), min(self._low, low)

    def above(self, price: float) -> float:
        """The nearest high above a price, infinity without one."""
        at = bisect_right(self._highs, price)
        return self._highs[at] if at < len(self._highs) else math.inf

    def below(self, price: float) -> float:
        """The nearest low below a price, zero without one."""
        at = bisect_left(self._lows, price)
        return self._lows[at - 1] if at else 0.0

    def _remember(self) -> None:
        highs, lows = [high for high, _ in self._candles], [low for _, low in self._candles]
        self._highs = sorted(highs[at] for at in range(2, len(highs) - 2) if highs[at] == max(highs[at - 2 : at + 3]))
        self._lows = sorted(lows[at] for at in range(2, len(lows) - 2) if lows[at] == min(lows[at - 2 : at + 3]))


class Stretch:
    """Follows one price through minutes that are cut by the clock."""

    def __init__(self) -> None:
        self._closes: deque[float] = deque(maxlen=BAND_PERIODS - 1)
        self._highs: deque[float] = deque(maxlen=FRESH_MINUTES)
        self._lows: deque[float] = deque(maxlen=FRESH_MINUTES)
        self._highest, self._lowest = 0.0, math.inf
        self._movement = Movement()
        self._levels = Levels()
        self._range = 0.0
        self._gain = self._loss = 0.0
        self._minute = -1
        self._price = self._high = self._low = 0.0

    def close(self, open_ms: int, high: float, low: float, price: float) -> None:
        """A minute has closed at this price."""
        if self._closes:
            change = price - self._closes[-1]
            self._gain += (max(change, 0.0) - self._gain) / PERIODS
            self._loss += (max(-change, 0.0) - self._loss) / PERIODS
        self._closes.append(price)
        self._highs.append(high)
        self._lows.append(low)
        self._highest, self._lowest = max(self._highs), min(self._lows)
        self._range += (high - low - self._range) / PERIODS
        self._movement.take(open_ms, high, low, price)
        self._levels.take(open_ms, high, low)

    def follow(self, ts_ms: int, price: float) -> None:
        """The price now; closes the minute before when a new one begins."""
        minute = ts_ms // MINUTE_MS
        if minute != self._minute:
            if self._minute >= 0:
                self.close(self._minute * MINUTE_MS, self._high, self._low, self._price)
            self._minute, self._high, self._low = minute, price, price
        self._price, self._high, self._low = price, max(self._high, price), min(self._low, price)

    def view(self, ts_ms: int) -> View | None:
        """The picture with the open minute as the last one; nothing before there are enough minutes."""
        if len(self._closes) < BAND_PERIODS - 1:
            return None
        change = self._price - self._closes[-1]
        gain = self._gain + (max(change, 0.0) - self._gain) / PERIODS
        loss = self._loss + (max(-change, 0.0) - self._loss) / PERIODS
        middle = (total(self._closes) + self._price) / BAND_PERIODS
        squares = total([(each - middle) ** 2 for each in self._closes]) + (self._price - middle) ** 2
        sigma = math.sqrt(squares / BAND_PERIODS)
        ordinary = self._range or 1.0
        return View(
            rsi=100.0 * gain / (gain + loss) if gain + loss else 50.0,
            outside=(self._price - middle) / sigma if sigma else 0.0,
            adx=self._movement.adx,
            lead=self._movement.lead,
            calm_ms=LONG_MS - ts_ms % LONG_MS,
            fresh=1 if self._highest - self._price < self._price - self._lowest else -1,
            room_up=(self._levels.above(self._price) - self._price) / ordinary,
            room_down=(self._price - self._levels.below(self._price)) / ordinary,
        )
