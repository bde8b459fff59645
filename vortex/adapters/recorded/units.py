"""Numbers of recorded files as the exchange counts them: prices in ticks, quantities in lots, times in milliseconds."""

import calendar
import math
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from vortex.exchange.instruments import Instrument
from vortex.exchange.market_events import Levels
from vortex.kernel.errors import ConfigError

MICROSECONDS_FROM = 100_000_000_000_000
NANOSECONDS_FROM = 100_000_000_000_000_000


class Units:
    """Converts one symbol's decimal prices and quantities."""

    def __init__(self, instrument: Instrument) -> None:
        self._tick = float(instrument.tick)
        self._step = float(instrument.step)

    def px(self, value: Any) -> int:
        """Ticks; the price must be above zero."""
        number = float(value)
        if not 0 < number < math.inf or not (ticks := round(number / self._tick)):
            raise ValueError(f"price {value!r} is not above zero")
        return ticks

    def qty(self, value: Any) -> int:
        """Lots; a positive quantity below one lot counts as one."""
        number = float(value)
        if not 0 <= number < math.inf:
            raise ValueError(f"quantity {value!r} is not a number from zero on")
        return max(1, round(number / self._step)) if number else 0

    def levels(self, pairs: list[list[str]]) -> Levels:
        """Price and quantity pairs of a message."""
        return tuple((self.px(px), self.qty(qty)) for px, qty in pairs if float(qty) > 0)


def ms_of(value: Any) -> int:
    """A time in milliseconds, whether it was written in ms, us, ns, or as `YYYY-MM-DD HH:MM:SS`; always UTC."""
    if isinstance(value, datetime):
        return calendar.timegm(value.utctimetuple()) * 1_000 + value.microsecond // 1_000
    if isinstance(value, str) and not value.replace(".", "", 1).isdigit():
        return calendar.timegm(time.strptime(value[:19].replace("T", " "), "%Y-%m-%d %H:%M:%S")) * 1_000
    number = int(value) if isinstance(value, int) or str(value).isdigit() else int(float(value))  # ns are exact in text
    if number >= NANOSECONDS_FROM:
        return number // 1_000_000
    if number >= MICROSECONDS_FROM:
        return number // 1_000
    if number < 1_000_000_000_000:
        raise ValueError(f"time {value!r} is not milliseconds since 1970")
    return number


def true_of(value: Any) -> bool:
    """A truth value as the dumps write it."""
    text = str(value).lower()
    if text in ("true", "1", "1.0"):
        return True
    if text in ("false", "0", "0.0"):
        return False
    raise ValueError(f"{value!r} is neither true nor false")


class Place:
    """Names the file and the row in whatever goes wrong inside."""

    __slots__ = ("_number", "_path")

    def __init__(self, path: Path, number: int) -> None:
        self._path, self._number = path, number

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, ValueError | TypeError | KeyError | IndexError | AttributeError | OverflowError):
            raise ConfigError(f"{self._path}: row {self._number} cannot be understood: {error}") from error
