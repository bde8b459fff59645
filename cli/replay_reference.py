"""Closed minutes of the two reference symbols, out of recorded candles and prints, for the correlation (E5-4)."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from vortex.adapters.recorded.layouts import Kind, Layout, layout_of
from vortex.adapters.recorded.plan import expanded, is_minutes, plans_of
from vortex.adapters.recorded.reading import Units, candles_of, records_of
from vortex.domain.market import Candle, Interval
from vortex.exchange.history import MINUTE_MS
from vortex.exchange.instruments import DEFAULT_INSTRUMENTS
from vortex.exchange.replay_records import TradeRecord
from vortex.kernel.errors import ConfigError
from vortex.signals.settings import CorrelationSettings
from vortex.sim.replay_source import SESSION_GAP_MS

Closes = dict[int, int]
"""Opening time of a minute to its last price in ticks."""


class References:
    """`candles` holds the minutes of both in time order, nothing unless both are recorded; `said` says what it is."""

    def __init__(self, paths: Sequence[Path], settings: CorrelationSettings, units: Mapping[str, Units]) -> None:
        symbols = (settings.first, settings.second)
        layouts = [layout_of(path) for path in expanded(paths)]
        closes = {symbol: _closes(symbol, layouts, paths, units) for symbol in symbols}
        both = closes[settings.first].keys() & closes[settings.second].keys()
        name = f"correlation of {' and '.join(symbols)}"
        self.candles: list[Candle] = []
        if not both:
            missing = [symbol for symbol in symbols if not closes[symbol]]
            why = f"no minutes of {' or '.join(missing)} are recorded" if missing else "never recorded at one time"
            self.said = f"{name}: left out, {why}"
            return
        least = 2 * settings.return_minutes
        few = f", too few to be judged ({least})" if len(both) < least else ""
        self.said = f"{name}: from {len(both)} minutes recorded of both{few}"
        rows = sorted((open_ms, symbol, px) for symbol in symbols for open_ms, px in closes[symbol].items())
        ticks = {symbol: float(DEFAULT_INSTRUMENTS[symbol].tick) for symbol in symbols}
        self.candles = [_candle(symbol, open_ms, px * ticks[symbol]) for open_ms, symbol, px in rows]


def _closes(symbol: str, layouts: Sequence[Layout], paths: Sequence[Path], units: Mapping[str, Units]) -> Closes:
    """Minutes of the prints, and where there are recorded candles, those."""
    if symbol not in units:
        return {}
    found: Closes = {}
    try:
        (plan,) = plans_of(paths, [symbol], dict(units))
    except ConfigError:  # without prints there may still be candles
        plan = None
    if plan is not None:
        found |= minute_closes(
            (record.ts_ms, record.px_ticks)
            for layout in plan.trades
            for record in records_of(layout, symbol, units[symbol])
            if isinstance(record, TradeRecord)
        )
    for layout in layouts:
        if layout.kind is Kind.KLINES and layout.symbol == symbol and is_minutes(layout, units[symbol]):
            found |= {row.open_ms: row.close_ticks for row in candles_of(layout, units[symbol])}
    return found


def minute_closes(prints: Iterable[tuple[int, int]]) -> Closes:
    """Closes of whole minutes from prints (time, price) in time order; a minute without one repeats the last price.

    Begun and unfinished minutes at the ends of a session are left out.
    """
    closes: Closes = {}
    whole_ms = heard_ms = px = 0
    for ts_ms, now_px in prints:
        open_ms = ts_ms - ts_ms % MINUTE_MS
        if not heard_ms or ts_ms - heard_ms > SESSION_GAP_MS:
            whole_ms = ts_ms + -ts_ms % MINUTE_MS
        else:
            while whole_ms < open_ms:
                closes[whole_ms] = px
                whole_ms += MINUTE_MS
        heard_ms, px = ts_ms, now_px
    return closes


def _candle(symbol: str, open_ms: int, px: float) -> Candle:
    """A closed minute of which only the close is known."""
    return Candle(
        symbol=symbol,
        ts_ms=open_ms + MINUTE_MS,
        interval=Interval.M1,
        open_ms=open_ms,
        open=px,
        high=px,
        low=px,
        close=px,
        volume=0.0,
        quote_volume=0.0,
        trades=0,
        taker_buy_volume=0.0,
        closed=True,
    )
