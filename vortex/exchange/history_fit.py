"""Fits a generated past to a recording: it must end at the recording's first price and be about as lively."""

import math
from collections.abc import Callable

import msgspec

from vortex.exchange.history import MINUTE_MS, Candle, History, all_intervals, minute_candles
from vortex.exchange.market_events import MarketTrade

INTERVAL_MINUTE = "1m"


def fitted(history: History, end_ticks: int, liveliness: float) -> History:
    """`history` ending at `end_ticks`, with all moves scaled by `liveliness` (in log prices)."""
    assert history.trades, "a past without prints has no last price"
    last = history.trades[-1].px_ticks

    def at(px: int) -> int:
        return max(1, round(end_ticks * math.exp(liveliness * math.log(px / last))))

    trades = tuple(
        MarketTrade(each.ts_ms, each.symbol, at(each.px_ticks), each.qty_lots, each.buyer_is_maker)
        for each in history.trades
    )
    minutes = history.candles[INTERVAL_MINUTE]
    begin_ms = trades[0].ts_ms // MINUTE_MS * MINUTE_MS
    coarse = [_candle_at(each, at) for each in minutes if each.open_ms < begin_ms]
    close = coarse[-1].close_ticks if coarse else trades[0].px_ticks
    recent = minute_candles(trades, close, begin_ms, history.end_ms)
    return with_minutes(history, coarse + recent, trades)


def with_minutes(history: History, minutes: list[Candle], trades: tuple[MarketTrade, ...]) -> History:
    """The same past with other candles and prints."""
    return msgspec.structs.replace(history, candles=all_intervals(minutes), trades=trades)


def recorded_minutes(rows: list[Candle], end_ms: int, end_ticks: int, history: History) -> list[Candle]:
    """Recorded candles before `end_ms`, the generated ones before them, and the open minute up to the first print."""
    open_ms = end_ms // MINUTE_MS * MINUTE_MS
    known = [each for each in rows if each.open_ms < open_ms]
    if not known:
        return list(history.candles[INTERVAL_MINUTE])
    older = [each for each in history.candles[INTERVAL_MINUTE] if each.open_ms < known[0].open_ms]
    shift = known[0].open_ticks - older[-1].close_ticks if older else 0
    minutes = [_candle_at(each, lambda px: max(1, px + shift)) for each in older] + known
    if end_ms > open_ms:
        close = known[-1].close_ticks
        high, low = max(close, end_ticks), min(close, end_ticks)
        minutes.append(Candle(open_ms, close, high, low, end_ticks, 0, 0, 0, 0, 0))
    return minutes


def _candle_at(candle: Candle, at: Callable[[int], int]) -> Candle:
    """The candle with its prices mapped; volumes stay, quote volumes follow the close."""
    closed = at(candle.close_ticks)
    middle = (at(candle.high_ticks) + at(candle.low_ticks) + 2 * closed) // 4
    return Candle(
        candle.open_ms,
        at(candle.open_ticks),
        at(candle.high_ticks),
        at(candle.low_ticks),
        closed,
        candle.volume_lots,
        candle.volume_lots * middle,
        candle.trades,
        candle.taker_buy_lots,
        candle.taker_buy_lots * middle,
    )
