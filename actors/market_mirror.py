"""Copies one symbol's market and signals to the Redis mirror, off the hot path (D-1, E0-2)."""

from collections import deque
from typing import Any

from vortex.adapters.mirror import RedisMirror
from vortex.domain.market import Candle, Depth, Interval, MarketMessage, OpenInterest, Trade
from vortex.signals.recent import RecentMarket

TRADES_MAX = 2_000


class MarketMirror:
    """`take` keeps references only; `flush` writes what is new a few times a second.

    What happened before, a warm-up has told the board alone: after `refill`, and when Redis comes back perhaps empty,
    the trades and candles that the board holds are written too, one key a flush, so that none takes long.
    """

    def __init__(self, symbol: str) -> None:
        self._symbol = symbol
        self._trades: deque[Trade] = deque(maxlen=TRADES_MAX)
        self._depth: Depth | None = None
        self._candles: dict[tuple[str, int], Candle] = {}
        self._interest: OpenInterest | None = None
        self._stale: deque[Interval | None] = deque()
        self._returns = 0

    def refill(self) -> None:
        """Write all that is known: None stands for the trades."""
        self._stale = deque((None, *Interval))

    def take(self, message: MarketMessage) -> None:
        """Remember the newest of each kind."""
        if isinstance(message, Trade):
            self._trades.append(message)
        elif isinstance(message, Depth):
            self._depth = message
        elif isinstance(message, Candle) and message.symbol == self._symbol:
            self._candles[message.interval.value, message.open_ms] = message
        elif isinstance(message, OpenInterest):
            self._interest = message

    def flush(self, mirror: RedisMirror, view: dict[str, Any], recent: RecentMarket | None = None) -> None:
        """Write what came since the last time, and a part of what came before when that is missing."""
        if mirror.returns != self._returns:
            self._returns = mirror.returns
            self.refill()
        if self._stale and recent is not None:
            self._refill_one(mirror, recent, self._stale.popleft())
        if self._trades:
            mirror.put_ticks(self._symbol, tuple(self._trades))
            self._trades.clear()
        if self._depth is not None:
            mirror.put_orderbook(self._depth)
            self._depth = None
        for candle in self._candles.values():
            mirror.put_candle(candle)
        self._candles.clear()
        if self._interest is not None:
            mirror.put_open_interest(self._symbol, self._interest.ts_ms, self._interest.quantity)
            self._interest = None
        self._flush_signals(mirror, view.get("signals", {}))
        position = view.get("position")
        mirror.put_position(self._symbol, flat(position) if position else None)

    def _refill_one(self, mirror: RedisMirror, recent: RecentMarket, interval: Interval | None) -> None:
        if interval is None:
            mirror.replace_ticks(self._symbol, recent.trades(TRADES_MAX))
            self._trades.clear()
        else:
            mirror.replace_candles(self._symbol, interval, recent.candles(interval))

    def _flush_signals(self, mirror: RedisMirror, signals: dict[str, Any]) -> None:
        if not signals:
            return
        mirror.put_engine_signals(
            self._symbol,
            {
                f"{engine}_{key}": value
                for engine, signal in signals.items()
                for key, value in flat(signal).items()
                if key in {"direction", "label", "strength", "conviction", "warm"}
            },
        )
        regime = signals.get("e5", {}).get("fields", {})
        mirror.put_regime(self._symbol, flat(regime))
        mirror.put_engine_weights(
            self._symbol, {key.removeprefix("weight_"): v for key, v in flat(regime).items() if key[:7] == "weight_"}
        )
        mirror.put_sentiment(self._symbol, flat(signals.get("e4", {}).get("fields", {})))


def flat(document: dict[str, Any]) -> dict[str, str | float | bool]:
    """The plain values of a document; nested ones have no place in a Redis hash."""
    return {key: value for key, value in document.items() if isinstance(value, str | int | float | bool)}
