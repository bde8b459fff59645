"""The mirror: never in anybody's way, shaped as D-1 says, back by itself after Redis was away."""

import asyncio
import itertools
import os
import signal
from decimal import Decimal

import psutil
import pytest
import redis

from vortex.adapters.embedded.redis_server import EmbeddedRedis
from vortex.adapters.mirror import Keys, MirrorReader, RedisMirror
from vortex.domain.market import Candle, Depth, Interval, Trade, packed_levels
from vortex.kernel.errors import NotRunning, RemoteViolation

pytestmark = pytest.mark.redis


def trade(number: int) -> Trade:
    return Trade(symbol="BTCUSDT", ts_ms=number, agg_id=number, px=60_000.5, qty=0.01, buyer_is_maker=number % 2 == 0)


def candle(open_ms: int, close: float) -> Candle:
    return Candle(
        symbol="BTCUSDT",
        ts_ms=open_ms + 1,
        interval=Interval.M1,
        open_ms=open_ms,
        open=1.0,
        high=2.0,
        low=0.5,
        close=close,
        volume=3.0,
        quote_volume=4.0,
        trades=5,
        taker_buy_volume=1.0,
        closed=False,
    )


async def eventually(condition) -> None:
    """Give the mirror turns until the condition holds."""
    async with asyncio.timeout(30):
        for _ in itertools.count():
            if condition():
                return
            await asyncio.sleep(0.001)


@pytest.fixture
def client(redis_server):
    """A client of the same Redis."""
    with redis.Redis.from_url(redis_server.dsn, decode_responses=True) as client:
        yield client


@pytest.mark.asyncio
async def test_everything_of_d1_lands_under_its_key(redis_server, client, prefix) -> None:
    """Names and shapes that other programs rely on."""
    mirror, keys = RedisMirror(redis_server.dsn, prefix), Keys(prefix)
    await mirror.start()
    mirror.put_position("BTCUSDT", {"qty_lots": 5, "entry_px": "60000.1", "is_long": True, "stop": None})
    mirror.put_session({"trades_today": 3, "pnl_today": "1.50"})
    mirror.put_circuit_breaker({"state": "closed", "reason": "", "cooldown_until": 0})
    mirror.put_engine_signals("BTCUSDT", {"e1": 0.5})
    mirror.put_engine_weights("BTCUSDT", {"e1": 0.35})
    mirror.put_regime("BTCUSDT", {"phase": "TRENDING"})
    mirror.put_sentiment("BTCUSDT", {"funding_rate": 0.0001})
    mirror.put_ticks("BTCUSDT", [trade(number) for number in range(2_500)])
    mirror.put_orderbook(
        Depth(
            symbol="BTCUSDT",
            ts_ms=7,
            first_update_id=1,
            final_update_id=2,
            prev_update_id=0,
            levels=packed_levels([(1.0, 2.0)], [(3.0, 4.0)]),
        )
    )
    for minute in range(510):
        mirror.put_candle(candle(minute * 60_000, 1.5))
    mirror.put_candle(candle(509 * 60_000, 1.75))
    for reading in range(15):
        mirror.put_open_interest("BTCUSDT", reading, 100.0 + reading)
    mirror.put_view("executor", {"at_ms": 5, "equity": Decimal("1.10")})
    await mirror.close()
    assert client.hgetall(keys.position("BTCUSDT")) == {"qty_lots": "5", "entry_px": "60000.1", "is_long": "1"}
    assert client.hgetall(keys.session) == {"trades_today": "3", "pnl_today": "1.50"}
    assert client.hget(keys.circuit_breaker, "state") == "closed"
    assert client.hget(keys.engine_signals("BTCUSDT"), "e1") == "0.5"
    assert client.hget(keys.engine_weights("BTCUSDT"), "e1") == "0.35"
    assert client.hget(keys.regime("BTCUSDT"), "phase") == "TRENDING"
    assert client.hget(keys.sentiment("BTCUSDT"), "funding_rate") == "0.0001"
    assert client.hget(keys.orderbook("BTCUSDT"), "bids") == "[[1.0,2.0]]"
    assert client.llen(keys.ticks("BTCUSDT")) == 2_000
    assert client.lindex(keys.ticks("BTCUSDT"), -1) == "[2499,2499,60000.5,0.01,false]"
    assert client.zcard(keys.candles("BTCUSDT", "1m")) == 500
    assert '"close":1.75' in client.zrange(keys.candles("BTCUSDT", "1m"), -1, -1)[0]
    assert client.llen(keys.open_interest("BTCUSDT")) == 12
    reader = MirrorReader(redis_server.dsn, prefix)
    assert reader.views()["executor"].view == {"at_ms": 5, "equity": "1.10"}
    assert reader.view("executor") == reader.views()["executor"]
    assert reader.view("breaker") is None
    assert reader.hash(keys.session)["trades_today"] == "3"
    reader.forget_views()
    assert reader.views() == {}
    reader.close()


@pytest.mark.asyncio
async def test_flat_means_no_position_key(redis_server, client, prefix) -> None:
    """A hash of an old position must not linger."""
    mirror = RedisMirror(redis_server.dsn, prefix)
    await mirror.start()
    mirror.put_position("BTCUSDT", {"qty_lots": 5})
    await eventually(lambda: client.exists(Keys(prefix).position("BTCUSDT")))
    mirror.put_position("BTCUSDT", None)
    await mirror.close()
    assert not client.exists(Keys(prefix).position("BTCUSDT"))


@pytest.mark.asyncio
async def test_only_the_newest_state_waits(redis_server, prefix) -> None:
    """A thousand views of one role while Redis is slow are one write."""
    mirror = RedisMirror(redis_server.dsn, prefix, queue_max=3)
    for number in range(1_000):
        mirror.put_view("executor", {"n": number})
    assert mirror.dropped == 0
    for role in ("a", "b", "c", "d"):
        mirror.put_view(role, {})
    assert mirror.dropped == 2
    await mirror.start()
    await mirror.close()
    reader = MirrorReader(redis_server.dsn, prefix)
    assert sorted(reader.views()) == ["b", "c", "d"]
    reader.close()


@pytest.mark.asyncio
async def test_the_mirror_comes_back_after_redis_was_away(home, prefix) -> None:
    """Puts neither wait nor fail meanwhile, and the first state after the return is there."""
    server = EmbeddedRedis(home)
    server.start(lambda step: None)
    try:
        mirror = RedisMirror(server.dsn, prefix)
        await mirror.start()
        mirror.put_view("executor", {"n": 1})
        os.kill(server.pid, signal.SIGKILL)
        await eventually(lambda: not server.alive())
        mirror.put_view("executor", {"n": 2})
        await eventually(lambda: mirror.failures > 0)
        server.start(lambda step: None)
        mirror.put_view("executor", {"n": 3})
        reader = MirrorReader(server.dsn, prefix)
        await eventually(lambda: reader.view("executor") is not None)
        assert reader.view("executor").view == {"n": 3}
        reader.close()
        await mirror.close()
    finally:
        server.stop()
    assert not psutil.pid_exists(server.pid or 0) or server.pid is None


@pytest.mark.asyncio
async def test_closing_without_redis_ends_at_once(tmp_path) -> None:
    """Shutdown waits for nobody."""
    mirror = RedisMirror(f"unix://{tmp_path}/nothing.sock?db=0")
    await mirror.start()
    mirror.put_view("executor", {"n": 1})
    await mirror.close()
    assert mirror.dropped == 1


def test_a_reader_without_redis_says_not_running(tmp_path) -> None:
    """Exit code 3, not a stack trace."""
    reader = MirrorReader(f"unix://{tmp_path}/nothing.sock?db=0")
    with pytest.raises(NotRunning):
        reader.views()
    with pytest.raises(NotRunning):
        reader.view("executor")
    with pytest.raises(NotRunning):
        reader.hash("x")
    reader.forget_views()
    reader.close()


def test_a_view_that_is_no_view_is_the_other_sides_fault(redis_server, client, prefix) -> None:
    """Somebody else wrote under our prefix."""
    client.set(Keys(prefix).view("executor"), "not json")
    reader = MirrorReader(redis_server.dsn, prefix)
    with pytest.raises(RemoteViolation):
        reader.views()
    reader.close()
