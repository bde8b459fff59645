"""BTC against ETH: when two markets that moved together stop doing so, size is halved (E5-4)."""

import math
from collections import deque
from collections.abc import Sequence

from vortex.domain.market import Candle, Interval
from vortex.signals.settings import CorrelationSettings

_MINUTE_MS = 60_000


def pearson(xs: Sequence[float], ys: Sequence[float]) -> float | None:
    """Pearson's correlation; None without variance or with fewer than three pairs."""
    n = len(xs)
    if n < 3 or n != len(ys):
        return None
    mean_x, mean_y = math.fsum(xs) / n, math.fsum(ys) / n
    var_x = math.fsum((x - mean_x) ** 2 for x in xs)
    var_y = math.fsum((y - mean_y) ** 2 for y in ys)
    if var_x <= 0.0 or var_y <= 0.0:
        return None
    covariance = math.fsum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True))
    return max(-1.0, min(1.0, covariance / math.sqrt(var_x * var_y)))


class CorrelationWatch:
    """Pearson of the 10-minute log returns of two reference symbols over the last hour, every five minutes (E5-4).

    RISK_OFF begins when the correlation is below `broken` after having been above `healthy`, and ends when it is
    above `healthy` again. Without both references it never begins. What is judged are the minutes closed at the last
    round five minutes, once both have told them: whether and when anybody asks does not matter, and a history tells a
    new process what its predecessor knew. A silence longer than everything that is kept forgets what was before it.
    """

    def __init__(self, settings: CorrelationSettings) -> None:
        self._settings = settings
        kept = settings.samples + settings.return_minutes + 1 + settings.every_ms // _MINUTE_MS
        self._closes: dict[str, deque[tuple[int, float]]] = {
            settings.first: deque(maxlen=kept),
            settings.second: deque(maxlen=kept),
        }
        self._was_healthy = False
        self._judged = -1
        self.value: float | None = None
        self.risk_off = False

    def take(self, candle: Candle) -> None:
        """Take a closed one-minute candle of a reference symbol; others, repeats and older ones change nothing."""
        closes = self._closes.get(candle.symbol)
        if closes is None or not candle.closed or candle.interval is not Interval.M1:
            return
        if not (math.isfinite(candle.close) and candle.close > 0.0):
            return
        if closes and candle.open_ms <= closes[-1][0]:
            return
        if closes and candle.open_ms != closes[-1][0] + _MINUTE_MS:
            if candle.open_ms - closes[-1][0] > (closes.maxlen or 0) * _MINUTE_MS:
                self._was_healthy = self.risk_off = False
            closes.clear()
        closes.append((candle.open_ms, candle.close))
        self._judge_told()

    def _judge_told(self) -> None:
        """Judge anew every `every_ms`, up to where both have told their minutes."""
        if not all(self._closes.values()):
            return
        told_ms = min(closes[-1][0] for closes in self._closes.values()) + _MINUTE_MS
        slot = told_ms // self._settings.every_ms
        if slot > self._judged:
            self._judged = slot
            self._decide(self._correlation(slot * self._settings.every_ms - _MINUTE_MS))

    def _decide(self, value: float | None) -> None:
        self.value = value
        if value is None:
            return
        if value > self._settings.healthy:
            self._was_healthy = True
            self.risk_off = False
        elif value < self._settings.broken and self._was_healthy:
            self._was_healthy = False
            self.risk_off = True

    def _correlation(self, last_open_ms: int) -> float | None:
        """Of the minutes that opened up to then."""
        first, second = (dict(self._closes[s]) for s in (self._settings.first, self._settings.second))
        ends = sorted(first.keys() & second.keys())
        span = self._settings.return_minutes * _MINUTE_MS
        pairs = [
            (math.log(first[end] / first[end - span]), math.log(second[end] / second[end - span]))
            for end in ends
            if end <= last_open_ms and end - span in first and end - span in second
        ][-self._settings.samples :]
        if len(pairs) < self._settings.return_minutes:
            return None
        return pearson([x for x, _ in pairs], [y for _, y in pairs])
