"""WebSocket messages that no client should send: streams, the WebSocket API, and the controls, over a real server."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchange.hostile import LISTS, NASTY_NUMBERS, NASTY_TEXTS, STATUSES, hostile, json_values
from tests.exchange.serving import LIMIT, PATIENCE_S, Client, SteadyMarket, eventually
from vortex.adapters.venue.server import VenueServer
from vortex.adapters.venue.settings import DEFAULT_KEY, DEFAULT_SECRET, UNLIMITED, VenueSettings
from vortex.exchange.auth import sign
from vortex.exchange.floor import VenueRules

pytestmark = [pytest.mark.venue, pytest.mark.property]

TEXT = aiohttp.WSMsgType.TEXT
POLICY_VIOLATION, TOO_BIG, NOT_TEXT, CUT = 1008, 1009, 1007, 1006
MARK = "the last one"


class Bench:
    """A server, a client, and the loop that both live in; it stands still between examples."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self.runner = runner
        self.accidents: list[dict[str, Any]] = []
        self.sockets: dict[str, aiohttp.ClientWebSocketResponse] = {}
        rules = VenueRules(limits=UNLIMITED)
        runner.get_loop().set_exception_handler(lambda _loop, context: self.accidents.append(context))
        runner.run(self._open(rules))

    async def _open(self, rules: VenueRules) -> None:
        many = {"control_messages_per_s": 1_000_000, "rules": rules}
        self.server = VenueServer(VenueSettings(symbols=("BTCUSDT",), **many), source=SteadyMarket())
        await self.server.start()
        self.http = aiohttp.ClientSession()
        self.client = Client(self.http, self.server)

    async def close(self) -> None:
        for ws in self.sockets.values():
            await ws.close()
        await self.http.close()
        await self.server.stop()

    async def ask(self, path: str, text: str | bytes, mark: dict[str, Any]) -> tuple[list[Any], int | None]:
        """Send something, then a question that can be answered; returns what came in between, and a close code."""
        ws = self.sockets.get(path)
        if ws is None or ws.closed:
            ws = self.sockets[path] = await self.client.connect(path)
        with suppress(ConnectionError):  # cut off while still sending
            await (ws.send_str(text) if isinstance(text, str) else ws.send_bytes(text))
            await ws.send_str(json.dumps(mark))
        heard = []
        async with asyncio.timeout(PATIENCE_S):
            while True:
                message = await ws.receive()
                if message.type is not TEXT:
                    return heard, ws.close_code
                said = json.loads(message.data)
                if said.get("id") == mark["id"]:
                    return heard, None
                heard.append(said)

    def check(self) -> None:
        """Nothing went wrong inside, and the market goes on."""
        failures, self.server.door.failures = self.server.door.failures, 0
        accidents, self.accidents[:] = list(self.accidents), []
        assert (failures, accidents) == (0, [])
        assert self.server._pumping is not None
        assert not self.server._pumping.done()


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """One server for all examples of this module."""
    with asyncio.Runner() as runner:
        made = Bench(runner)
        yield made
        runner.run(made.close())


def texts(methods: list[str]) -> st.SearchStrategy[str]:
    """Anything from noise to a command with one thing wrong."""
    command = st.fixed_dictionaries(
        {},
        optional={
            "id": st.one_of(st.integers(), st.text(max_size=9), json_values),
            "method": st.one_of(st.sampled_from(methods), json_values),
            "params": st.one_of(st.lists(st.one_of(hostile, json_values), max_size=4), json_values),
        },
    )
    return st.one_of(
        st.one_of(command, json_values).map(json.dumps), st.text(max_size=60), st.sampled_from([*LISTS, *NASTY_TEXTS])
    )


STREAM_METHODS = ["SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "subscribe"]


@settings(max_examples=400)
@given(text=texts(STREAM_METHODS).filter(lambda text: MARK not in text))
def test_control_messages_are_answered_or_end_the_connection(bench: Bench, text: str) -> None:
    """Each is a result, an error with a code, or for what is no JSON an error and goodbye."""
    mark = {"method": "LIST_SUBSCRIPTIONS", "id": MARK}
    heard, closed = bench.runner.run(bench.ask("/ws", text.encode("utf-8", "replace").decode(), mark))
    answers = [said for said in heard if "e" not in said]
    assert len(answers) == 1, answers
    assert closed in (None, POLICY_VIOLATION)
    assert "result" in answers[0] or answers[0]["error"]["code"] in (2, 3)
    bench.check()


API_METHODS = ["order.place", "order.modify", "order.cancel", "order.status", "algoOrder.place", "algoOrder.cancel"]
API_METHODS += ["account.status", "v2/account.balance", "depth", "ticker.price", "ticker.book", "ping", "time"]
API_METHODS += ["session.logon", "session.status", "session.logout", "userDataStream.start", "userDataStream.ping"]


def check_reply(reply: dict[str, Any]) -> None:
    """A documented status, and a result or an error with code and text."""
    assert reply["status"] in STATUSES, reply
    if reply["status"] == 200:
        assert "result" in reply
    else:
        assert isinstance(reply["error"]["code"], int)
        assert isinstance(reply["error"]["msg"], str)


@settings(max_examples=400)
@given(text=texts(API_METHODS).filter(lambda text: MARK not in text))
def test_requests_of_the_websocket_api_are_always_answered(bench: Bench, text: str) -> None:
    """Whatever was asked, and however."""
    sent = text.encode("utf-8", "replace").decode()
    heard, closed = bench.runner.run(bench.ask("/ws-fapi/v1", sent, {"method": "ping", "id": MARK}))
    assert heard or closed is not None
    for reply in heard:
        check_reply(reply)
    bench.check()


@settings(max_examples=200)
@given(
    changes=st.dictionaries(
        st.sampled_from([*LIMIT, "timestamp", "recvWindow", "apiKey", "newClientOrderId", "priceMatch"]),
        st.one_of(hostile, json_values),
        min_size=1,
        max_size=2,
    )
)
def test_signed_orders_with_wrong_values_are_refused_over_the_websocket_api(
    bench: Bench, changes: dict[str, Any]
) -> None:
    """Signed as the client sees them: what is not text is signed as it is spelled."""
    full = {**LIMIT, "apiKey": DEFAULT_KEY, "timestamp": bench.server.clock.now_ms(), **changes}
    text = "&".join(f"{name}={full[name]}" for name in sorted(full)).encode("utf-8", "replace")
    asked = {"id": 1, "method": "order.place", "params": {**full, "signature": sign(DEFAULT_SECRET, text)}}
    said = json.dumps(asked)
    heard, _ = bench.runner.run(bench.ask("/ws-fapi/v1", said, {"method": "ping", "id": MARK}))
    for reply in heard:
        check_reply(reply)
    bench.check()


@pytest.mark.parametrize("path", ["/ws", "/private/stream", "/ws-fapi/v1"])
def test_a_frame_that_is_too_large_ends_its_connection_alone(bench: Bench, path: str) -> None:
    """1009, before its bytes are kept; the next connection is served."""
    mark = {"method": "ping" if "fapi" in path else "LIST_SUBSCRIPTIONS", "id": MARK}
    heard, closed = bench.runner.run(bench.ask(path, '"' + "x" * 5_000_000 + '"', mark))
    assert heard == []
    assert closed in (TOO_BIG, CUT)
    heard, closed = bench.runner.run(bench.ask(path, b"\x00\xff binary", mark))
    assert closed in (None, NOT_TEXT)
    bench.check()


# --- the exchange's own controls -----------------------------------------------------------------------------

NUMBERS = st.one_of(json_values, st.sampled_from([*NASTY_NUMBERS, True, False, 10**400, -(10**400)]), st.floats())
KINDS = ["error", "delay_ms", "lost_response", "ban", "partial_fill", "price_gap_pct", "drop_event", "stall_ws"]
CONTROLS = {
    "/sim/v1/faults": st.fixed_dictionaries(
        {"kind": st.one_of(st.sampled_from(KINDS), json_values)},
        optional={
            **dict.fromkeys(("probability", "count", "duration_ms", "after_ms", "value", "status", "code"), NUMBERS),
            **dict.fromkeys(("method", "path", "stream", "symbol", "executed", "body", "other"), json_values),
            "retry_after_s": NUMBERS,
        },
    ),
    "/sim/v1/clock": st.fixed_dictionaries(
        {},
        optional={
            "pause": json_values,
            "speed": NUMBERS,
            "step_ms": NUMBERS.filter(lambda each: not isinstance(each, int) or not 1_000 < each < 10**8),
            "warp": json_values,
        },
    ),
    "/sim/v1/market": st.fixed_dictionaries(
        {"symbol": st.one_of(st.just("BTCUSDT"), json_values)},
        optional={"jump_pct": NUMBERS, "px": NUMBERS, "status": json_values},
    ),
    "/sim/v1/listenKey": st.fixed_dictionaries({}, optional={"account": json_values, "silently": json_values}),
}


async def control(bench: Bench, path: str, body: bytes) -> tuple[int, Any]:
    """Post, look, and put everything back."""
    async with bench.http.post(bench.client.rest + path, data=body) as answer:
        said = answer.status, await answer.json()
    if bench.server.venue.floor.faults.active:
        with suppress(TimeoutError, aiohttp.ClientError, ValueError):  # lost, late, cut, or a page
            async with asyncio.timeout(0.02):
                await bench.client.call("POST", "/fapi/v1/order", **LIMIT)
    bench.server.venue.floor.faults.clear()
    bench.server.clock.set_speed(1.0)
    if bench.server.clock.paused:
        bench.server.clock.resume()
    bench.server.venue.set_status("BTCUSDT", "TRADING", bench.server.clock.now_ms())
    return said


@pytest.mark.parametrize("path", CONTROLS)
@settings(max_examples=200)
@given(data=st.data())
def test_wrong_control_bodies_are_refused_with_a_code(bench: Bench, path: str, data: st.DataObject) -> None:
    """NaN, numbers beyond everything, booleans for numbers, lists in lists: 400 and why, never an accident."""
    form = st.one_of(CONTROLS[path], st.lists(CONTROLS[path], max_size=3), json_values).map(json.dumps)
    text = data.draw(st.one_of(form, st.sampled_from(LISTS), st.text(max_size=20)))
    status, body = bench.runner.run(control(bench, path, text.encode("utf-8", "replace")))
    assert status in (200, 400)
    if status == 400:
        assert set(body) == {"code", "msg"}
    bench.check()


@settings(max_examples=100)
@given(value=hostile, name=st.sampled_from(["id", "since", "limit", "kind", "symbol"]))
def test_wrong_control_queries_are_refused_with_a_code(bench: Bench, value: str, name: str) -> None:
    """What was a crash of `int()` is a 400."""

    async def asked() -> None:
        clean = value.encode("utf-8", "replace").decode()
        for method, path in (("DELETE", "/sim/v1/faults"), ("GET", "/sim/v1/ledger")):
            async with bench.http.request(method, bench.client.rest + path, params={name: clean[:2_000]}) as answer:
                assert answer.status in (200, 400)
                assert isinstance(await answer.json(), dict)

    bench.runner.run(asked())
    bench.check()


def test_a_number_that_is_none_does_not_move_the_market(bench: Bench) -> None:
    """The named ones: text, NaN, infinity, truth, and moves that would leave no market at all."""

    async def asked() -> None:
        for body in ({"px": "abc"}, {"px": "nan"}, {"px": "inf"}, {"px": True}, {"px": -5}, {"jump_pct": "1e999"}):
            status, said = await bench.client.plain("POST", "/sim/v1/market", {"symbol": "BTCUSDT", **body})
            assert (status, said["code"]) == (400, -1130), body
        moved = [
            (await bench.client.plain("POST", "/sim/v1/market", {"symbol": "BTCUSDT", "jump_pct": -50}))[0]
            for _ in range(10)
        ]
        assert 400 in moved
        status, _ = await bench.client.plain("DELETE", "/sim/v1/faults?id=abc")
        assert status == 400
        events = bench.server.pump.events
        await eventually(lambda: bench.server.pump.events > events)

    bench.runner.run(asked())
    bench.check()
