"""The WebSocket API and the keys on real sockets: sessions, pings, lifetimes, faults of connections, the key file."""

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.exchange.serving import LIMIT, MARKET, PATIENCE_S, eventually, exchange, hear, silent
from tests.exchange.signing import ed25519_key, hmac_key, signed
from vortex.adapters.venue.settings import DEFAULT_KEY, DEFAULT_SECRET
from vortex.exchange.auth import ApiKey
from vortex.exchange.floor import VenueRules
from vortex.exchange.limits import LimitRules
from vortex.kernel.clock import MS, SystemClock

pytestmark = [pytest.mark.venue, pytest.mark.asyncio]
API = "/ws-fapi/v1"
OWNER = ApiKey(DEFAULT_KEY, DEFAULT_SECRET)


async def ask(ws: Any, method: str, params: dict[str, Any] | None = None, number: Any = 1) -> Any:
    """One request, one reply."""
    await ws.send_json({"id": number, "method": method, "params": params or {}})
    return (await hear(ws))[0]


def wall_ms() -> int:
    """The time of the world outside."""
    return int(SystemClock().unix()) // MS


async def ended(ws: aiohttp.ClientWebSocketResponse) -> bool:
    """The connection ends."""
    async with asyncio.timeout(PATIENCE_S):
        message = await ws.receive()
    return message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)


async def test_a_session_trades_without_signatures_until_its_key_is_revoked() -> None:
    """Logon, order, revocation: a message without id, and the next request is a stranger's."""
    signer = ed25519_key(name="bot")
    async with exchange(keys=(OWNER, signer.key)) as client, client.connect(API) as ws:
        now = client.server.clock.now_ms
        assert (await ask(ws, "session.logon", signed(signer, now())))["result"]["apiKey"] == signer.key.key
        placed = await ask(ws, "order.place", {**LIMIT, "timestamp": now()})
        assert placed["result"]["status"] == "NEW"
        _, keys = await client.plain("GET", "/sim/v1/keys")
        assert [(row["kind"], row["trade"]) for row in keys] == [("HMAC_SHA256", True), ("ED25519", True)]
        assert DEFAULT_SECRET not in json.dumps(keys)
        status, _ = await client.plain("DELETE", "/sim/v1/keys?key=bot")
        assert status == 200
        (told,) = await hear(ws)
        assert (told["id"], told["status"], told["error"]["code"]) == (None, 401, -2015)
        assert (await ask(ws, "order.place", {**LIMIT, "timestamp": now()}))["error"]["code"] == -2014
        assert (await client.plain("DELETE", "/sim/v1/keys?key=bot"))[0] == 400


async def test_a_request_that_waits_holds_up_nobody() -> None:
    """`delay_ms` before the engine: the later request is answered first."""
    async with exchange() as client, client.connect(API) as ws:
        await client.plain("POST", "/sim/v1/faults", {"kind": "delay_ms", "value": 300, "path": "/fapi/v1/depth"})
        await ws.send_json({"id": "slow", "method": "depth", "params": {"symbol": "BTCUSDT"}})
        await ws.send_json({"id": "quick", "method": "time"})
        assert [reply["id"] for reply in await hear(ws, 2)] == ["quick", "slow"]


async def test_replies_come_in_the_order_of_their_requests() -> None:
    """Without faults nothing overtakes."""
    async with exchange() as client, client.connect(API) as ws:
        for number in range(50):
            await ws.send_json({"id": number, "method": "time"})
        assert [reply["id"] for reply in await hear(ws, 50)] == list(range(50))


async def test_pings_are_answered_with_their_payload_and_limited() -> None:
    """Five ping and pong frames a second, then the connection is closed."""
    async with exchange() as client, client.http.ws_connect(client.ws + API, autoping=False) as ws:
        await ws.ping(b"echo")
        async with asyncio.timeout(PATIENCE_S):
            answer = await ws.receive()
        assert (answer.type, answer.data) == (aiohttp.WSMsgType.PONG, b"echo")
        for _ in range(20):
            await ws.ping(b"more")
        async with asyncio.timeout(PATIENCE_S):
            while (await ws.receive()).type is aiohttp.WSMsgType.PONG:
                continue
        assert ws.close_code == aiohttp.WSCloseCode.POLICY_VIOLATION


async def test_a_connection_has_its_day() -> None:
    """It is closed in order when its time is over."""
    async with exchange(socket_life_s=0.2) as client, client.connect(API) as ws:
        assert await ended(ws)
        assert ws.close_code == aiohttp.WSCloseCode.GOING_AWAY


async def test_a_connection_costs_weight_and_is_refused_without_any_left() -> None:
    """429 in place of the handshake."""
    rules = VenueRules(limits=LimitRules(weight_per_minute=6))
    async with exchange(rules=rules) as client, client.connect(API) as ws:
        assert (await ask(ws, "time"))["rateLimits"][0]["count"] == 6
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await client.connect(API)
        assert caught.value.status == 429


async def test_close_ws_ends_connections_in_order() -> None:
    """Streams and the WebSocket API alike, as the 24 hour cut does."""
    async with exchange() as client:
        async with client.connect("/market/ws/btcusdt@aggTrade") as stream, client.connect(API) as api:
            await client.plain("POST", "/sim/v1/faults", {"kind": "close_ws", "stream": "ws-api", "count": 1})
            assert await ended(api)
            assert api.close_code == aiohttp.WSCloseCode.GOING_AWAY
            await hear(stream)
            await client.plain("POST", "/sim/v1/faults", {"kind": "close_ws", "stream": "aggTrade", "count": 1})
            await eventually(lambda: not client.server.hub.sockets)
        _, ledger = await client.plain("GET", "/sim/v1/ledger?kind=fault")
        assert [row["struck"] for row in ledger["entries"] if "struck" in row] == ["close_ws", "close_ws"]


async def test_drop_ws_and_stall_ws_reach_the_websocket_api() -> None:
    """Stalled it takes requests and says nothing; dropped it is gone. Both are in the ledger."""
    async with exchange() as client, client.connect(API) as ws:
        await client.plain("POST", "/sim/v1/faults", {"kind": "stall_ws", "stream": "ws-api"})
        await ws.send_json({"id": 1, "method": "time"})
        assert await silent(ws)
        await client.plain("DELETE", "/sim/v1/faults")
    async with exchange() as client, client.connect(API) as ws:
        await client.plain("POST", "/sim/v1/faults", {"kind": "drop_ws", "stream": "ws-api", "count": 1})
        assert await ended(ws)
        _, ledger = await client.plain("GET", "/sim/v1/ledger?kind=fault")
        assert [row["struck"] for row in ledger["entries"] if "struck" in row] == ["drop_ws"]


async def test_a_stalled_reply_comes_when_the_stall_is_over() -> None:
    """Nothing is lost by a stall."""
    async with exchange() as client, client.connect(API) as ws:
        await client.plain("POST", "/sim/v1/faults", {"kind": "stall_ws", "stream": "ws-api"})
        await ws.send_json({"id": 5, "method": "time"})
        await client.plain("DELETE", "/sim/v1/faults")
        assert (await hear(ws))[0]["id"] == 5


async def test_a_late_user_event_comes_late_and_in_order() -> None:
    """`delay_event` on one type: the others pass it."""
    async with exchange() as client:
        key = await client.listen_key()
        async with client.connect(f"/private/ws?listenKey={key}") as ws:
            spec = {"kind": "delay_event", "stream": "ORDER_TRADE_UPDATE", "value": 150}
            await client.plain("POST", "/sim/v1/faults", spec)
            await client.call("POST", "/fapi/v1/order", **MARKET)
            events = await hear(ws, 4)
        assert [event["e"] for event in events] == [
            "TRADE_LITE",
            "ACCOUNT_UPDATE",
            "ORDER_TRADE_UPDATE",
            "ORDER_TRADE_UPDATE",
        ]
        assert [event["o"]["x"] for event in events[2:]] == ["NEW", "TRADE"]


@pytest.mark.parametrize(
    ("client_clock", "own", "wall"),
    [("either", 200, 200), ("exchange", 200, 400), ("wall", 400, 200)],
)
async def test_a_fast_exchange_takes_the_time_of_the_chosen_clock(client_clock: str, own: int, wall: int) -> None:
    """Two minutes ahead of the wall, timestamps of either clock are let in unless one is chosen."""
    async with exchange(speed=2.0, rules=VenueRules(client_clock=client_clock)) as client:
        await client.plain("POST", "/sim/v1/clock", {"step_ms": 120_000})
        signer = hmac_key()
        client.server.venue.add_key(signer.key)
        async with client.connect(API) as ws:
            statuses = []
            for clock in (client.server.clock.now_ms, wall_ms):
                now = clock()
                statuses.append((await ask(ws, "v2/account.balance", signed(signer, now)))["status"])
        assert statuses == [own, wall]


async def test_the_command_lets_in_the_keys_of_a_file(tmp_path: Path) -> None:
    """`--keys`: the owner of an Ed25519 key trades with his own money; the built-in key is unknown."""
    signer = ed25519_key()
    path = tmp_path / "keys.json"
    row = {"name": "mine", "key": signer.key.key, "public_key": signer.key.public_key, "balance": "123.5"}
    path.write_text(json.dumps({"keys": [row]}))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "vortex.adapters.venue", "--port", "0", "--symbols", "BTCUSDT", "--keys", str(path)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            ready = json.loads(await process.stdout.readline())
        async with aiohttp.ClientSession() as http:
            async with http.get(f"{ready['rest']}/fapi/v1/time") as answer:
                now = (await answer.json())["serverTime"]
            async with http.ws_connect(ready["ws"] + API) as ws:
                balance = await ask(ws, "v2/account.balance", signed(signer, now))
                assert [row["balance"] for row in balance["result"] if row["asset"] == "USDT"] == ["123.50000000"]
                stranger = await ask(ws, "userDataStream.start", {"apiKey": DEFAULT_KEY})
                assert stranger["error"]["code"] == -2015
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()
