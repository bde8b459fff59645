"""Writes to the mirror without ever making its caller wait: puts are queued, a task of its own carries them over.

1. `put_*` never blocks and never raises because of Redis. When the queue is full the oldest write goes, counted.
2. Writes to the same hash or view replace each other while they wait: only the newest state is worth carrying.
3. Redis may be away for as long as it likes; the mirror comes back by itself, with the state of that moment.
"""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import redis.asyncio as redis
from redis.exceptions import RedisError

from vortex.adapters.mirror.keys import CANDLES_KEPT, OPEN_INTEREST_KEPT, TICKS_KEPT, Keys
from vortex.domain.market import Candle, Depth, Interval, Trade

Plain = Mapping[str, str | int | float | bool | None]
Write = Callable[[Any], None]
"""Adds one write to a pipeline."""

ANSWER_SECONDS_MAX = 1.0
RETRY_SECONDS = 0.5
BATCH_MAX = 256
VIEW_SECONDS = 600
"""A view that nobody refreshes is forgotten; readers judge its age long before."""

_json = msgspec.json.Encoder(decimal_format="string").encode


class RedisMirror:
    """One per process, used from its event loop. `start` it, put at will, `close` it."""

    def __init__(self, url: str, prefix: str = "vortex:", queue_max: int = 1_000) -> None:
        self._keys = Keys(prefix)
        self._client = redis.Redis.from_url(
            url, socket_timeout=ANSWER_SECONDS_MAX, socket_connect_timeout=ANSWER_SECONDS_MAX, retry=None
        )
        self._queue_max = queue_max
        self._waiting: OrderedDict[object, Write] = OrderedDict()
        self._awake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self.dropped = 0
        self.failures = 0
        self.returns = 0
        """How often a write was carried after one had failed: Redis is back, and perhaps empty."""
        self._failing = False

    async def start(self) -> None:
        """Begin carrying writes. Redis need not be there yet."""
        if self._task is None:
            self._task = asyncio.create_task(self._carry(), name="mirror")

    async def close(self) -> None:
        """Carry what waits if Redis takes it at once, then let go."""
        self._closing = True
        self._awake.set()
        if self._task is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._task, ANSWER_SECONDS_MAX)
        with contextlib.suppress(RedisError, OSError):
            await self._client.aclose()

    # ---- what may be put

    def put_view(self, role: str, view: Mapping[str, Any]) -> None:
        """What a role shows to people; add the time it was made."""
        body = _json(view)
        self._put(key := self._keys.view(role), lambda pipe: pipe.set(key, body, ex=VIEW_SECONDS))

    def put_position(self, symbol: str, position: Plain | None) -> None:
        """The open position, or None for flat."""
        self._put_hash(self._keys.position(symbol), position)

    def put_session(self, session: Plain) -> None:
        """trades_today, pnl_today, streak, fee_total, gross_pnl."""
        self._put_hash(self._keys.session, session)

    def put_circuit_breaker(self, breaker: Plain) -> None:
        """state, reason, cooldown_until."""
        self._put_hash(self._keys.circuit_breaker, breaker)

    def put_engine_signals(self, symbol: str, signals: Plain) -> None:
        self._put_hash(self._keys.engine_signals(symbol), signals)

    def put_engine_weights(self, symbol: str, weights: Plain) -> None:
        self._put_hash(self._keys.engine_weights(symbol), weights)

    def put_regime(self, symbol: str, regime: Plain) -> None:
        self._put_hash(self._keys.regime(symbol), regime)

    def put_sentiment(self, symbol: str, sentiment: Plain) -> None:
        self._put_hash(self._keys.sentiment(symbol), sentiment)

    def put_orderbook(self, depth: Depth) -> None:
        """The latest 20×20 book (E0-2)."""
        self._put_hash(
            self._keys.orderbook(depth.symbol),
            {
                "ts_ms": depth.ts_ms,
                "update_id": depth.final_update_id,
                "bids": _json(depth.bids).decode(),
                "asks": _json(depth.asks).decode(),
            },
        )

    def put_ticks(self, symbol: str, trades: Sequence[Trade]) -> None:
        """The newest trades, appended to the last 2 000 (E0-2)."""
        if not trades:
            return
        key = self._keys.ticks(symbol)
        bodies = _ticks(trades)

        def write(pipe: Any) -> None:
            pipe.rpush(key, *bodies)
            pipe.ltrim(key, -TICKS_KEPT, -1)

        self._put(object(), write)

    def replace_ticks(self, symbol: str, trades: Sequence[Trade]) -> None:
        """All that is known of the newest trades, in place of what is there."""
        key, bodies = self._keys.ticks(symbol), _ticks(trades)

        def write(pipe: Any) -> None:
            pipe.delete(key)
            if bodies:
                pipe.rpush(key, *bodies)

        self._put(object(), write)

    def replace_candles(self, symbol: str, interval: Interval, candles: Sequence[Candle]) -> None:
        """All that is known of an interval, in place of what is there."""
        key = self._keys.candles(symbol, interval.value)
        rows = {_json(candle): candle.open_ms for candle in candles[-CANDLES_KEPT:]}

        def write(pipe: Any) -> None:
            pipe.delete(key)
            if rows:
                pipe.zadd(key, rows)

        self._put(object(), write)

    def put_candle(self, candle: Candle) -> None:
        """A candle, replacing an earlier state of the same one (E0-2)."""
        key, body = self._keys.candles(candle.symbol, candle.interval.value), _json(candle)

        def write(pipe: Any) -> None:
            pipe.zremrangebyscore(key, candle.open_ms, candle.open_ms)
            pipe.zadd(key, {body: candle.open_ms})
            pipe.zremrangebyrank(key, 0, -CANDLES_KEPT - 1)

        self._put((key, candle.open_ms), write)

    def put_open_interest(self, symbol: str, ts_ms: int, quantity: float) -> None:
        """One reading, appended to the last twelve."""
        key, body = self._keys.open_interest(symbol), _json([ts_ms, quantity])

        def write(pipe: Any) -> None:
            pipe.rpush(key, body)
            pipe.ltrim(key, -OPEN_INTEREST_KEPT, -1)

        self._put(object(), write)

    # ---- inside

    def _put_hash(self, key: str, values: Plain | None) -> None:
        mapping = {name: _text(value) for name, value in (values or {}).items() if value is not None}

        def write(pipe: Any) -> None:
            pipe.delete(key)
            if mapping:
                pipe.hset(key, mapping=mapping)

        self._put(key, write)

    def _put(self, name: object, write: Write) -> None:
        self._waiting.pop(name, None)
        if len(self._waiting) >= self._queue_max:
            self._waiting.popitem(last=False)
            self.dropped += 1
        self._waiting[name] = write
        self._awake.set()

    async def _carry(self) -> None:
        while True:
            await self._awake.wait()
            while self._waiting:
                if not await self._carry_batch():
                    if self._closing:
                        return
                    await asyncio.sleep(RETRY_SECONDS)
            if self._closing:
                return
            self._awake.clear()

    async def _carry_batch(self) -> bool:
        """Take a batch over in one transaction; what fails is gone, for newer state is already on its way."""
        batch = [self._waiting.popitem(last=False)[1] for _ in range(min(len(self._waiting), BATCH_MAX))]
        try:
            async with self._client.pipeline(transaction=True) as pipe:
                for write in batch:
                    write(pipe)
                await pipe.execute()
        except (RedisError, OSError, TimeoutError):
            self.failures += 1
            self.dropped += len(batch)
            self._failing = True
            return False
        self.returns += self._failing
        self._failing = False
        return True


def _ticks(trades: Sequence[Trade]) -> list[bytes]:
    return [_json([t.agg_id, t.ts_ms, t.px, t.qty, t.buyer_is_maker]) for t in trades[-TICKS_KEPT:]]


def _text(value: str | float | bool) -> str | int | float:
    """Redis has no booleans."""
    return int(value) if isinstance(value, bool) else value
