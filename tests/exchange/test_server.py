"""The server over real HTTP and WebSocket on a free port of the loopback interface."""

import asyncio
import json
import signal
import sys
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest

from tests.exchange.serving import LIMIT, MARKET, PATIENCE_S, eventually, exchange, hear, silent
from vortex.adapters.venue.settings import DEFAULT_KEY, DEFAULT_SECRET, VenueSettings
from vortex.exchange.auth import ApiKey, sign
from vortex.kernel.errors import ConfigError

pytestmark = [pytest.mark.venue, pytest.mark.asyncio]


async def test_an_order_travels_from_post_to_user_stream_to_ledger() -> None:
    """One order, seen by its sender, by the stream, and by the exchange's own record."""
    async with exchange() as client:
        key = await client.listen_key()
        async with client.connect(f"/private/ws?listenKey={key}") as ws:
            status, body = await client.call("POST", "/fapi/v1/order", **MARKET, newClientOrderId="mine")
            assert (status, body["clientOrderId"]) == (200, "mine")
            events = await hear(ws, 4)
            assert [event["e"] for event in events] == [
                "ORDER_TRADE_UPDATE",
                "TRADE_LITE",
                "ORDER_TRADE_UPDATE",
                "ACCOUNT_UPDATE",
            ]
        _, ledger = await client.plain("GET", "/sim/v1/ledger?kind=request&symbol=BTCUSDT")
        assert [row["client_order_id"] for row in ledger["entries"]] == ["mine"]
        assert ledger["conservation"]["main"]["USDT"] == 0
        assert ledger["positions"][0]["quantity"] == "0.010"


@pytest.mark.parametrize(
    ("path", "wrapped"),
    [
        ("/market/ws/btcusdt@aggTrade", False),
        ("/market/stream?streams=btcusdt@aggTrade", True),
        ("/public/ws/btcusdt@trade", False),
        ("/ws/btcusdt@trade", False),
        ("/stream?streams=btcusdt@bookTicker/btcusdt@depth@100ms", True),
    ],
)
async def test_streams_come_raw_or_wrapped_by_path(path: str, wrapped: bool) -> None:
    """/ws sends payloads, /stream wraps them with the stream's name (2.1)."""
    async with exchange() as client, client.connect(path) as ws:
        message = (await hear(ws))[0]
        assert ("stream" in message) is wrapped
        assert (message["data"] if wrapped else message)["s"] == "BTCUSDT"


@pytest.mark.parametrize("path", ["/ws/btcusdt@aggTrade", "/public/ws/btcusdt@aggTrade", "/market/ws/btcusdt@trade"])
async def test_a_stream_on_the_wrong_route_is_accepted_and_silent(path: str) -> None:
    """The trap of 2026-04-23 (T1)."""
    async with exchange() as client, client.connect(path) as ws:
        await ws.send_json(
            {"method": "SUBSCRIBE", "params": ["btcusdt@markPrice@1s"] if "public" in path else [], "id": 1}
        )
        assert (await hear(ws))[0] == {"result": None, "id": 1}
        assert await silent(ws)


async def test_without_route_fidelity_unrouted_paths_carry_everything() -> None:
    """For clients from before the split."""
    async with exchange(route_fidelity=False) as client:
        key = await client.listen_key()
        async with client.connect(f"/stream?streams={key}/btcusdt@aggTrade") as ws:
            assert (await hear(ws))[0]["stream"] == "btcusdt@aggTrade"
            await client.call("POST", "/fapi/v1/order", **LIMIT)
            while (await hear(ws))[0]["stream"] != key:
                pass


@pytest.mark.parametrize("number", [1, "a-uuid", 1794000000000, None])
async def test_control_messages_echo_any_id(number: Any) -> None:
    """SUBSCRIBE, LIST_SUBSCRIPTIONS, UNSUBSCRIBE with integers, strings, nothing (2.1)."""
    async with exchange() as client, client.connect("/market/ws/0") as ws:
        await ws.send_json({"method": "SUBSCRIBE", "params": ["btcusdt@markPrice"], "id": number})
        assert {"result": None, "id": number} in await hear(ws, 1)
        await ws.send_json({"method": "UNSUBSCRIBE", "params": ["btcusdt@markPrice"], "id": number})
        await ws.send_json({"method": "LIST_SUBSCRIPTIONS", "id": number})
        replies = [message for message in await hear(ws, 2) if "e" not in message]
        assert replies == [{"result": None, "id": number}, {"result": [], "id": number}][: len(replies)]


async def test_invalid_json_is_answered_and_the_socket_closed() -> None:
    """Code 3, then goodbye (1.1)."""
    async with exchange() as client, client.connect("/ws") as ws:
        await ws.send_str("{nonsense")
        assert (await hear(ws))[0]["error"]["code"] == 3
        async with asyncio.timeout(PATIENCE_S):
            assert (await ws.receive()).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)


async def test_too_many_control_messages_close_the_socket() -> None:
    """Ten a second, not more (T6)."""
    async with exchange() as client, client.connect("/ws") as ws:
        for number in range(12):
            await ws.send_json({"method": "LIST_SUBSCRIPTIONS", "id": number})
        async with asyncio.timeout(PATIENCE_S):
            while (await ws.receive()).type is aiohttp.WSMsgType.TEXT:
                pass
        assert ws.closed


async def test_the_listen_key_works_in_every_form_clients_use() -> None:
    """Path, query and SUBSCRIBE, raw and wrapped (5.2)."""
    async with exchange() as client:
        key = await client.listen_key()
        forms = [f"/private/ws/{key}", f"/private/ws?listenKey={key}", "/private/ws", "/private/stream"]
        sockets = [await client.connect(form).__aenter__() for form in forms]
        for ws in sockets[2:]:
            await ws.send_json({"method": "SUBSCRIBE", "params": [key], "id": "x"})
            assert (await hear(ws))[0] == {"result": None, "id": "x"}
        await client.call("POST", "/fapi/v1/order", **LIMIT)
        heard = [(await hear(ws))[0] for ws in sockets]
        assert [message.get("e") for message in heard[:3]] == ["ORDER_TRADE_UPDATE"] * 3
        assert (heard[3]["stream"], heard[3]["data"]["e"]) == (key, "ORDER_TRADE_UPDATE")
        for ws in sockets:
            await ws.close()


async def test_events_can_be_filtered_by_the_url() -> None:
    """`&events=A/B` leaves the others out."""
    async with exchange() as client:
        key = await client.listen_key()
        async with client.connect(f"/private/ws?listenKey={key}&events=ACCOUNT_UPDATE/ALGO_UPDATE") as ws:
            await client.call("POST", "/fapi/v1/order", **MARKET)
            assert (await hear(ws))[0]["e"] == "ACCOUNT_UPDATE"


async def test_an_expired_listen_key_says_so_and_falls_silent() -> None:
    """The message comes, the socket stays, nothing follows (T3)."""
    async with exchange() as client:
        key = await client.listen_key()
        async with client.connect(f"/private/ws?listenKey={key}") as ws:
            await client.plain("POST", "/sim/v1/listenKey", {"account": "main"})
            assert (await hear(ws))[0]["e"] == "listenKeyExpired"
            await client.call("POST", "/fapi/v1/order", **LIMIT)
            assert await silent(ws)


async def test_a_lost_response_never_comes_and_the_order_is_there() -> None:
    """Executed, never answered: the client can only ask (T11)."""
    async with exchange() as client:
        await client.plain(
            "POST", "/sim/v1/faults", {"kind": "lost_response", "count": 1, "method": "POST", "path": "/fapi/v1/order"}
        )
        call = asyncio.create_task(client.call("POST", "/fapi/v1/order", **LIMIT, newClientOrderId="ghost"))
        await eventually(lambda: bool(client.server.venue.floor.accounts["main"].open_orders))
        answered, _ = await asyncio.wait({call}, timeout=0.3)
        assert not answered
        call.cancel()
        status, body = await client.call("GET", "/fapi/v1/order", symbol="BTCUSDT", origClientOrderId="ghost")
        assert (status, body["status"]) == (200, "NEW")


async def test_a_delay_holds_the_answer_back() -> None:
    """With `executed` the order is live before its answer leaves."""
    async with exchange() as client:
        spec = {"kind": "delay_ms", "value": 300, "executed": True, "count": 1, "path": "/fapi/v1/order"}
        await client.plain("POST", "/sim/v1/faults", spec)
        waiting = asyncio.create_task(client.call("POST", "/fapi/v1/order", **LIMIT, newClientOrderId="slow"))
        await eventually(lambda: bool(client.server.venue.floor.accounts["main"].open_orders))
        assert not waiting.done()
        assert (await waiting)[0] == 200


async def test_drop_ws_cuts_matching_sockets() -> None:
    """The user socket dies, the market socket lives."""
    async with exchange() as client:
        key = await client.listen_key()
        async with (
            client.connect(f"/private/ws?listenKey={key}") as user,
            client.connect("/market/ws/btcusdt@aggTrade") as market,
        ):
            await hear(market)
            await client.plain("POST", "/sim/v1/faults", {"kind": "drop_ws", "stream": "user", "count": 1})
            async with asyncio.timeout(PATIENCE_S):
                ended = await user.receive()
            assert ended.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.ERROR)
            await hear(market, 3)


async def test_stall_ws_holds_messages_until_it_is_cleared() -> None:
    """Connected, healthy by ping, and silent; then everything comes at once."""
    async with exchange() as client, client.connect("/market/ws/btcusdt@aggTrade") as ws:
        await hear(ws)
        await client.plain("POST", "/sim/v1/faults", {"kind": "stall_ws", "stream": "aggTrade"})
        await asyncio.sleep(0.15)
        while not await silent(ws, 0.15):
            pass
        await client.plain("DELETE", "/sim/v1/faults")
        await hear(ws, 3)


@pytest.mark.parametrize(
    ("kind", "expected"), [("drop_event", []), ("duplicate_event", ["a", "a", "b"]), ("reorder_event", ["b", "a"])]
)
async def test_user_events_can_be_dropped_doubled_and_overtaken(kind: str, expected: list[str]) -> None:
    """Each fault strikes the first event only."""
    async with exchange() as client:
        key = await client.listen_key()
        async with client.connect(f"/private/ws?listenKey={key}") as ws:
            spec = {"kind": kind, "stream": "user", "count": 1 if expected else 2}
            await client.plain("POST", "/sim/v1/faults", spec)
            client.server.pump._clock.pause()
            for name in ("a", "b"):
                await client.call("POST", "/fapi/v1/order", **LIMIT, newClientOrderId=name)
            heard = await hear(ws, len(expected)) if expected else []
            assert [event["o"]["c"] for event in heard] == expected
            assert await silent(ws, 0.2)


async def test_a_slow_reader_is_cut_off() -> None:
    """The queue is bounded; whoever does not read loses the connection."""
    async with exchange(queue_max=5) as client, client.connect("/market/ws/btcusdt@aggTrade") as ws:
        await hear(ws)
        await client.plain("POST", "/sim/v1/faults", {"kind": "stall_ws"})
        await eventually(lambda: client.server.hub.cut_slow > 0)


async def test_the_clock_can_be_paused_stepped_and_hurried() -> None:
    """Payloads, /time and candles all follow the one exchange clock."""
    async with exchange() as client:
        await client.plain("POST", "/sim/v1/clock", {"pause": True})
        _, first = await client.plain("GET", "/fapi/v1/time")
        _, second = await client.plain("GET", "/fapi/v1/time")
        assert first == second
        await client.plain("POST", "/sim/v1/clock", {"step_ms": 120_000})
        _, later = await client.plain("GET", "/fapi/v1/time")
        assert later["serverTime"] == first["serverTime"] + 120_000
        _, rows = await client.plain("GET", "/fapi/v1/klines?symbol=BTCUSDT&interval=1m")
        assert rows[-1][0] <= later["serverTime"] < rows[-1][0] + 60_000
        _, state = await client.plain("POST", "/sim/v1/clock", {"pause": False, "speed": 50})
        assert (state["speed"], state["paused"]) == (50.0, False)
        assert client.server.venue.floor.rules.recv_window_stretch == 50.0


@pytest.mark.parametrize("body", [{"speed": 0}, {"step_ms": -1}, {"warp": 9}, [1]])
async def test_wrong_clock_commands_are_refused(body: Any) -> None:
    """Nothing is ignored."""
    async with exchange() as client:
        assert (await client.plain("POST", "/sim/v1/clock", body))[0] == 400


async def test_the_market_can_be_moved() -> None:
    """A jump in percent, or to a price."""
    async with exchange() as client:
        await client.plain("POST", "/sim/v1/market", {"symbol": "BTCUSDT", "jump_pct": -1.0})
        assert client.server.source.mid == 792_000  # type: ignore[attr-defined]  # the test's own market
        await eventually(lambda: client.server.venue.floor.listing("BTCUSDT").last_px == 792_000)
        await client.plain("POST", "/sim/v1/market", {"symbol": "BTCUSDT", "px": 80_000})
        assert abs(client.server.source.mid - 800_000) <= 1  # type: ignore[attr-defined]  # the test's own market
        assert (await client.plain("POST", "/sim/v1/market", {"symbol": "NOPE"}))[0] == 400


async def test_the_websocket_api_places_and_cancels() -> None:
    """Sorted-parameter signature, echoed id, rate limits in every reply unless unwanted (6)."""
    async with exchange() as client, client.connect("/ws-fapi/v1") as ws:

        def signed(params: dict[str, Any]) -> dict[str, Any]:
            full = {**params, "apiKey": DEFAULT_KEY, "timestamp": client.server.clock.now_ms()}
            text = "&".join(f"{name}={full[name]}" for name in sorted(full))
            return {**full, "signature": sign(DEFAULT_SECRET, text.encode())}

        await ws.send_json({"id": "one", "method": "order.place", "params": signed(dict(LIMIT))})
        reply = (await hear(ws))[0]
        assert (reply["id"], reply["status"], reply["result"]["status"]) == ("one", 200, "NEW")
        assert [limit["count"] for limit in reply["rateLimits"]] == [1, 1]
        order = {"symbol": "BTCUSDT", "orderId": reply["result"]["orderId"], "returnRateLimits": "false"}
        await ws.send_json({"id": 2, "method": "order.cancel", "params": signed(order)})
        assert (await hear(ws))[0]["result"]["status"] == "CANCELED"
        await ws.send_json({"id": 3, "method": "order.place", "params": {**signed(dict(LIMIT)), "signature": "00"}})
        reply = (await hear(ws))[0]
        assert (reply["status"], reply["error"]["code"]) == (400, -1022)


@pytest.mark.parametrize(("price", "spelled"), [(79000.0, "79000.0"), (79000, "79000")])
async def test_the_websocket_api_verifies_numbers_as_they_were_spelled(price: float, spelled: str) -> None:
    """Clients that send JSON numbers have signed what their language prints, 79000.0 as well as 1e-05 (9.2)."""
    async with exchange() as client, client.connect("/ws-fapi/v1") as ws:
        for quantity, code in ((0.01, None), (0.00001, -1111)):
            full = {**LIMIT, "price": price, "quantity": quantity, "apiKey": DEFAULT_KEY}
            full["timestamp"] = client.server.clock.now_ms()
            text = "&".join(f"{name}={full[name]}" for name in sorted(full))
            assert f"price={spelled}&" in text
            signed = {**full, "signature": sign(DEFAULT_SECRET, text.encode())}
            await ws.send_json({"id": 1, "method": "order.place", "params": signed})
            assert (await hear(ws))[0].get("error", {}).get("code") == code


async def test_faults_reach_the_websocket_api() -> None:
    """A late answer comes late, a page becomes an error with its text, a lost one never comes."""
    async with exchange() as client, client.connect("/ws-fapi/v1") as ws:
        for spec in (
            {"kind": "delay_ms", "value": 200, "executed": True},
            {"kind": "error", "status": 503, "body": "Service Unavailable."},
            {"kind": "lost_response"},
        ):
            await client.plain("POST", "/sim/v1/faults", {**spec, "count": 1, "path": "/fapi/v1/time"})
            await ws.send_json({"id": 1, "method": "time"})
            if spec["kind"] == "delay_ms":
                assert await silent(ws, 0.1)
                assert (await hear(ws))[0]["status"] == 200
            elif spec["kind"] == "error":
                assert (await hear(ws))[0]["error"] == {"code": -1000, "msg": "Service Unavailable."}
            else:
                assert await silent(ws)


async def test_health_tells_how_it_is_doing() -> None:
    """Enough to see that the market moves."""
    async with exchange() as client:
        _, health = await client.plain("GET", "/sim/v1/health")
        assert health["status"] == "ok"
        assert health["market_events"] > 0
        assert health["accounts"] == ["main"]


async def test_answers_carry_headers_and_json() -> None:
    """Used weight, order counts, content type (9.3-9)."""
    async with exchange() as client:
        query = urlencode({**LIMIT, "timestamp": client.server.clock.now_ms()})
        url = f"{client.rest}/fapi/v1/order"
        data = f"{query}&signature={sign(DEFAULT_SECRET, query.encode())}"
        headers = {"X-MBX-APIKEY": DEFAULT_KEY, "Content-Type": "application/x-www-form-urlencoded"}
        async with client.http.post(url, data=data, headers=headers) as answer:
            assert answer.headers["Content-Type"].startswith("application/json")
            assert answer.headers["X-MBX-ORDER-COUNT-10S"] == "1"
            assert int(answer.headers["X-MBX-USED-WEIGHT-1M"]) >= 0


async def test_the_command_prints_where_it_listens_and_stops_on_sigterm() -> None:
    """`python -m vortex.adapters.venue` on a free port, with the generated market."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "vortex.adapters.venue",
        "--port",
        "0",
        "--symbols",
        "BTCUSDT",
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            ready = json.loads(await process.stdout.readline())
        assert ready["pid"] == process.pid
        async with (
            aiohttp.ClientSession() as http,
            http.get(f"{ready['rest']}/fapi/v1/klines?symbol=BTCUSDT&interval=1m") as answer,
        ):
            rows = await answer.json()
        assert len(rows) == 500
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_S):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_accounts_of_several_keys_are_apart() -> None:
    """Each key trades for its own account, with its own balance."""
    keys = (ApiKey(DEFAULT_KEY, DEFAULT_SECRET), ApiKey("o" * 64, "p" * 64, account="other"))
    async with exchange(keys=keys, balance=Decimal(500)) as client:
        await client.call("POST", "/fapi/v1/order", **MARKET)
        accounts = client.server.venue.floor.accounts
        assert accounts["main"].held_lots("BTCUSDT", "BOTH") == 10
        assert accounts["other"].held_lots("BTCUSDT", "BOTH") == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"speed": 0.0},
        {"speed": -1.0},
        {"speed": float("nan")},
        {"speed": float("inf")},
        {"port": 99_999},
        {"seed": -1},
        {"fault_seed": -1},
        {"balance": Decimal(-5)},
        {"balance": Decimal("NaN")},
    ],
    ids=str,
)
async def test_settings_that_cannot_run_are_refused_before_anything_starts(wrong: dict[str, Any]) -> None:
    """A clock that stands still or runs backwards, a port that would be another one, money that is no amount."""
    with pytest.raises(ConfigError):
        VenueSettings(**wrong)
