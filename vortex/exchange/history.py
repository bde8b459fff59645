"""What the market did before the exchange opened: candles, the last trades, open interest, ratios, funding."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from vortex.exchange.market_events import MarketTrade, OpenInterestState, RatioState

MINUTE_MS = 60_000
DAY_MS = 86_400_000

INTERVALS_MS: Mapping[str, int] = {
    "1m": MINUTE_MS,
    "3m": 3 * MINUTE_MS,
    "5m": 5 * MINUTE_MS,
    "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS,
    "1h": 60 * MINUTE_MS,
    "4h": 240 * MINUTE_MS,
    "1d": DAY_MS,
}


class Candle(msgspec.Struct, frozen=True, gc=False):
    """One candle. Quote volumes are sums of px_ticks x qty_lots: times tick times step they are quote units."""

    open_ms: int
    open_ticks: int
    high_ticks: int
    low_ticks: int
    close_ticks: int
    volume_lots: int
    quote_tick_lots: int
    trades: int
    taker_buy_lots: int
    taker_buy_quote_tick_lots: int


class FundingPoint(msgspec.Struct, frozen=True, gc=False):
    """One past settlement: its time, the rate as a fraction, the mark price in quote units."""

    ts_ms: int
    rate: float
    mark: float


class DeepProfile(msgspec.Struct, frozen=True):
    """Levels far behind the touch: the share of ticks that hold one, and their mean quantity in lots."""

    salt: int
    density: float
    lots: float


class History(msgspec.Struct, frozen=True):
    """Everything before `end_ms`; the first live event is at or after it.

    1. `candles[interval]` is ascending without holes; its last row may still be open at `end_ms`, and
       live trades continue it. When `end_ms` falls on a boundary the last row is the closed one before.
    2. `trades` are ascending, all before `end_ms`, and the candles of the minutes they cover are their sums.
    3. `open_interest` and `ratios` are 5 minute points, stamped with the end of their period;
       `open_interest_recent` holds the 15 s readings of the last minutes.
    4. `deep` tells what stands behind the book states of the market; without it nothing does.
    5. `mark` and `index` are minutes of those prices, in ticks, where they are known; else the traded ones stand in.
    """

    symbol: str
    end_ms: int
    candles: dict[str, tuple[Candle, ...]]
    trades: tuple[MarketTrade, ...]
    open_interest: tuple[OpenInterestState, ...]
    open_interest_recent: tuple[OpenInterestState, ...]
    ratios: tuple[RatioState, ...]
    funding: tuple[FundingPoint, ...]
    deep: DeepProfile | None = None
    mark: tuple[Candle, ...] = ()
    index: tuple[Candle, ...] = ()


def merge_candles(parts: Sequence[Candle], open_ms: int) -> Candle:
    """One candle out of ascending smaller ones."""
    return Candle(
        open_ms,
        parts[0].open_ticks,
        max(part.high_ticks for part in parts),
        min(part.low_ticks for part in parts),
        parts[-1].close_ticks,
        sum(part.volume_lots for part in parts),
        sum(part.quote_tick_lots for part in parts),
        sum(part.trades for part in parts),
        sum(part.taker_buy_lots for part in parts),
        sum(part.taker_buy_quote_tick_lots for part in parts),
    )


def roll_up(minutes: Sequence[Candle], interval_ms: int) -> tuple[Candle, ...]:
    """Candles of a longer interval, from one-minute ones; an incomplete first candle is left out."""
    rolled: list[Candle] = []
    group: list[Candle] = []
    for candle in minutes:
        if group and candle.open_ms // interval_ms != group[0].open_ms // interval_ms:
            rolled.append(merge_candles(group, group[0].open_ms // interval_ms * interval_ms))
            group = []
        group.append(candle)
    if group:
        rolled.append(merge_candles(group, group[0].open_ms // interval_ms * interval_ms))
    if rolled and rolled[0].open_ms < minutes[0].open_ms:
        del rolled[0]
    return tuple(rolled)


def minute_candles(trades: Iterable[MarketTrade], previous_close: int, from_ms: int, end_ms: int) -> list[Candle]:
    """One-minute candles of `trades` over [from_ms, end_ms); a minute without trades repeats the last close.

    `from_ms` is a minute boundary. The last candle is open when `end_ms` is not one.
    """
    grouped: dict[int, list[MarketTrade]] = {}
    for trade in trades:
        grouped.setdefault(trade.ts_ms // MINUTE_MS * MINUTE_MS, []).append(trade)
    candles: list[Candle] = []
    close = previous_close
    for open_ms in range(from_ms, end_ms, MINUTE_MS):
        prints = grouped.get(open_ms, [])
        candles.append(_candle_of(open_ms, prints, close))
        close = candles[-1].close_ticks
    return candles


def _candle_of(open_ms: int, prints: Sequence[MarketTrade], close: int) -> Candle:
    """The candle of one minute's prints, or a flat one."""
    if not prints:
        return Candle(open_ms, close, close, close, close, 0, 0, 0, 0, 0)
    prices = [trade.px_ticks for trade in prints]
    bought = [trade for trade in prints if not trade.buyer_is_maker]
    return Candle(
        open_ms,
        prices[0],
        max(prices),
        min(prices),
        prices[-1],
        sum(trade.qty_lots for trade in prints),
        sum(trade.px_ticks * trade.qty_lots for trade in prints),
        len(prints),
        sum(trade.qty_lots for trade in bought),
        sum(trade.px_ticks * trade.qty_lots for trade in bought),
    )


def all_intervals(minutes: Sequence[Candle]) -> dict[str, tuple[Candle, ...]]:
    """Candles of every served interval, from one-minute ones."""
    return {name: roll_up(minutes, length) for name, length in INTERVALS_MS.items()}
