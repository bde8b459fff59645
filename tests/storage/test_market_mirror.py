"""A symbol's mirror holds what its board holds, from the first moment and after Redis was lost (E0-2, D-1)."""

import asyncio
import itertools

import msgspec
import pytest
import redis

from actors.market_mirror import MarketMirror
from tests.signals.conftest import Build
from vortex.adapters.mirror import Keys, RedisMirror
from vortex.domain.market import Interval

pytestmark = pytest.mark.redis

SYMBOL = "BTCUSDT"


@pytest.fixture
def client(redis_server):
    """A client of the same Redis."""
    with redis.Redis.from_url(redis_server.dsn, decode_responses=True) as client:
        yield client


def warm_board():
    """500 candles of each interval, 2 500 trades."""
    build, board = Build(), Build().board()
    history = build.history(7_600, 1)
    trades = [build.trade(i + 1, build.start_ms + i, 100.0 + i % 7, 0.5, sell=i % 2 == 0) for i in range(2_500)]
    board.warm_up([c for c in history if c.interval is not Interval.M1] + build.minutes(7_600, 1)[-510:], trades)
    return build, board


def in_redis(client, keys: Keys) -> dict[str, list]:
    """Opening times by interval, and ids of trades."""
    found = {
        interval.value: [
            msgspec.json.decode(row)["open_ms"] for row in client.zrange(keys.candles(SYMBOL, interval.value), 0, -1)
        ]
        for interval in Interval
    }
    return found | {"ticks": [msgspec.json.decode(row)[0] for row in client.lrange(keys.ticks(SYMBOL), 0, -1)]}


@pytest.mark.asyncio
async def test_what_a_warm_up_fetched_is_mirrored_with_what_came_since(redis_server, client, prefix) -> None:
    """The last 2 000 trades and 500 candles of each interval, in order and once."""
    build, board = warm_board()
    mirror, market = RedisMirror(redis_server.dsn, prefix), MarketMirror(SYMBOL)
    await mirror.start()
    market.take(build.trade(1, build.start_ms, 1.0))  # of a tape with a hole, before the warm-up
    market.flush(mirror, {}, board.recent())
    market.refill()
    for number in range(2_501, 2_512):
        trade = build.trade(number, build.start_ms + number, 100.0)
        board.apply(trade)
        market.take(trade)
        market.flush(mirror, {}, board.recent())
    await mirror.close()
    found = in_redis(client, Keys(prefix))
    assert found["ticks"] == list(range(512, 2_512))
    for interval in Interval:
        assert found[interval.value] == [c.open_ms for c in board.recent().candles(interval)]
        assert len(found[interval.value]) == 500


@pytest.mark.asyncio
async def test_an_emptied_redis_is_filled_again(redis_server, client, prefix) -> None:
    """A write failed, a later one did not: what was there may be gone."""
    _, board = warm_board()
    mirror, market = RedisMirror(redis_server.dsn, prefix), MarketMirror(SYMBOL)
    market.flush(mirror, {}, board.recent())
    assert mirror.returns == 0
    mirror.put_session({"trades_today": 3})
    mirror._waiting["broken"] = lambda pipe: pipe.execute_command("NONSENSE")
    await mirror.start()
    async with asyncio.timeout(30):
        for _ in itertools.count():
            mirror.put_session({"trades_today": 4})
            if mirror.returns:
                break
            await asyncio.sleep(0.01)
    for _ in range(5):
        market.flush(mirror, {}, board.recent())
    await mirror.close()
    found = in_redis(client, Keys(prefix))
    assert [len(found[name]) for name in ("1m", "3m", "5m", "15m", "ticks")] == [500, 500, 500, 500, 2_000]
