"""What may have happened inside a candle: smaller candles, or prints, that add up to it exactly.

The path is the usual guess: from the open to the farther extreme against the close, to the other one, to the close.
"""

from itertools import pairwise

from vortex.exchange.generator_draws import Draws
from vortex.exchange.history import MINUTE_MS, Candle
from vortex.exchange.replay_records import TradeRecord

PRINTS_PER_MINUTE = 240
"""At most; a candle tells how many trades there were, and many of them would only repeat the last price."""


def _corners(candle: Candle) -> tuple[int, int, int, int]:
    """The prices between which the path is straight."""
    opened, closed = candle.open_ticks, candle.close_ticks
    if closed >= opened:
        return opened, candle.low_ticks, candle.high_ticks, closed
    return opened, candle.high_ticks, candle.low_ticks, closed


def _path(candle: Candle, points: int) -> list[int]:
    """So many prices along the path, its corners among them; at least four."""
    corners = _corners(candle)
    legs = [abs(later - earlier) for earlier, later in pairwise(corners)]
    whole = sum(legs)
    if whole == 0:
        return [candle.open_ticks] * points
    inner = points - 1
    first = min(max(1, round(inner * legs[0] / whole)), inner - 2)
    second = min(max(first + 1, round(inner * (legs[0] + legs[1]) / whole)), inner - 1)
    ends = [0, first, second, inner]
    found: list[int] = []
    for (start, end), (low, high) in zip(pairwise(ends), pairwise(corners), strict=True):
        found += [round(low + (high - low) * step / (end - start)) for step in range(end - start)]
    return [*found, corners[3]]


def minutes_within(candle: Candle, length_ms: int) -> list[Candle]:
    """The minutes of a longer candle; open, extremes, close and sums are those of the candle."""
    count = length_ms // MINUTE_MS
    if count <= 1:
        return [candle]
    fine = _path(candle, 3 * count + 1)
    volumes, trades, bought = (
        _shares(total, count) for total in (candle.volume_lots, candle.trades, candle.taker_buy_lots)
    )
    minutes: list[Candle] = []
    for place in range(count):
        part = fine[3 * place : 3 * place + 4]
        middle = sum(part) // 4
        taken = min(bought[place], volumes[place])
        minutes.append(
            Candle(
                candle.open_ms + place * MINUTE_MS,
                part[0],
                max(part),
                min(part),
                part[-1],
                volumes[place],
                volumes[place] * middle,
                trades[place],
                taken,
                taken * middle,
            )
        )
    return minutes


def _shares(total: int, count: int) -> list[int]:
    """A whole number in equal parts that add up to it."""
    return [total * (place + 1) // count - total * place // count for place in range(count)]


def prints_within(candle: Candle, length_ms: int, draws: Draws) -> list[TradeRecord]:
    """Prints whose candle this is: prices and times along the path, sizes and sides drawn; none without volume."""
    volume = candle.volume_lots
    if volume == 0:
        return []
    wanted = max(4, min(candle.trades, volume, PRINTS_PER_MINUTE * max(1, length_ms // MINUTE_MS)))
    prices = _path(candle, wanted)
    lots = _sizes(volume, wanted, draws)
    times = sorted(candle.open_ms + int(draws.uniform() * length_ms) for _ in prices)
    found: list[TradeRecord] = []
    to_buy = candle.taker_buy_lots
    to_sell = volume - to_buy
    before = prices[0]
    for ts_ms, px, size in zip(times, prices, lots, strict=True):
        wants = px > before or (px == before and draws.uniform() * (to_buy + to_sell) < to_buy)
        bought = min(size, to_buy) if wants else size - min(size, to_sell)
        to_buy, to_sell = to_buy - bought, to_sell - (size - bought)
        for part, sold in ((bought, False), (size - bought, True)):
            if part:
                found.append(TradeRecord(ts_ms, px, part, sold))
        before = px
    return found


def _sizes(volume: int, count: int, draws: Draws) -> list[int]:
    """Quantities of very different size that add up to the volume; zero for the last ones when there is too little."""
    weights = [(1.0 - draws.uniform()) ** -0.8 for _ in range(count)]
    whole = 0.0
    for weight in weights:
        whole += weight
    spare = max(0, volume - count)
    least = [1 if place < volume else 0 for place in range(count)]
    drawn = [int(spare * weight / whole) for weight in weights]
    sizes = [low + more for low, more in zip(least, drawn, strict=True)]
    sizes[0] += volume - sum(sizes)
    return sizes
