"""The HTTP client against a stand-in exchange: signing on the wire, clock, limits, doubts."""

import hmac

import msgspec
import pytest
from aiohttp import web

from vortex.adapters.binance import endpoints
from vortex.adapters.binance.rest import RestClient, RestSettings
from vortex.adapters.binance.signing import Credentials
from vortex.kernel.clock import MS, SECOND, ManualClock, SystemClock
from vortex.kernel.errors import ConfigError, NotSent, OutcomeUnknown, RateLimited, VenueRejected

pytestmark = pytest.mark.asyncio
ANY = msgspec.json.Decoder(msgspec.Raw)


async def test_a_signed_request_verifies_over_its_raw_query(stub, rest):
    """The exchange signs the undecoded bytes; non-ASCII symbols are encoded before signing."""
    stub.answer("GET", "/fapi/v1/openOrders", [])
    await rest.read(endpoints.OPEN_ORDERS, {"symbol": "币安USDT"}, ANY)
    payload, _, found = stub.raw_queries[-1].rpartition("&signature=")
    assert hmac.digest(b"the-secret", payload.encode(), "sha256").hex() == found
    assert stub.requests[-1][2]["symbol"] == "币安USDT"
    assert stub.requests[-1][2]["recvWindow"] == "5000"


async def test_the_clock_follows_the_exchange(stub):
    """An exchange an hour ahead is an hour ahead here too, within the stated error."""
    began_ns = SystemClock().mono()
    ahead = {"serverTime": SystemClock().unix() // MS + 3_600_000}
    stub.script("GET", "/fapi/v1/time", *(web.json_response(ahead) for _ in range(3)))
    client = RestClient(stub.urls, SystemClock(), settings=RestSettings(clock_samples=3))
    await client.start()
    ahead_ms = client.venue_ms() - SystemClock().unix() // MS
    error_ms = client.clock_error_ns // MS
    passed_ms = (SystemClock().mono() - began_ns) // MS  # the answers were written down before they were asked for
    await client.close()
    assert abs(ahead_ms - 3_600_000) <= error_ms + passed_ms + 2


async def test_an_order_keeps_its_stamp_and_its_window(stub, rest):
    """The fence: the timestamp on the wire is the one taken before the commit, the window is W."""
    stub.answer("POST", "/fapi/v1/order", {})
    stamp_ms = rest.venue_ms() - 300
    await rest.place(endpoints.PLACE_ORDER, {"symbol": "BTCUSDT"}, stamp_ms, ANY)
    (sent,) = stub.asked("POST", "/fapi/v1/order")
    assert (sent["timestamp"], sent["recvWindow"]) == (str(stamp_ms), "1000")


async def test_a_stamp_older_than_the_window_never_leaves(stub, rest):
    """The exchange would refuse it; not sending is certain knowledge."""
    with pytest.raises(NotSent):
        await rest.place(endpoints.PLACE_ORDER, {}, rest.venue_ms() - 1_500, ANY)
    assert stub.requests == []


async def test_an_order_refused_by_the_clock_is_not_repeated_but_the_clock_is_measured(stub, rest, refuse):
    """Re-stamping an order would break the fence; the next one profits from the new offset."""
    await rest.start()
    stub.script("POST", "/fapi/v1/order", refuse(-1021, "outside of the recvWindow"))
    measured = len(stub.asked("GET", "/fapi/v1/time"))
    with pytest.raises(VenueRejected) as caught:
        await rest.place(endpoints.PLACE_ORDER, {}, rest.venue_ms(), ANY)
    stub.answer("GET", "/fapi/v1/openOrders", [])
    for _ in range(5):
        await rest.read(endpoints.OPEN_ORDERS, {}, ANY)
    assert caught.value.code == -1021
    assert len(stub.asked("POST", "/fapi/v1/order")) == 1
    assert len(stub.asked("GET", "/fapi/v1/time")) > measured


async def test_a_read_refused_by_the_clock_is_repeated_once_with_a_new_stamp(stub, rest, refuse):
    """Reads carry no fence."""
    stub.script("GET", "/fapi/v1/openOrders", refuse(-1021, "ahead"))
    stub.answer("GET", "/fapi/v1/openOrders", [])
    assert bytes(await rest.read(endpoints.OPEN_ORDERS, {}, ANY)) == b"[]"
    assert [path for _, path, _ in stub.requests] == [
        "/fapi/v1/openOrders",
        "/fapi/v1/time",
        "/fapi/v1/time",
        "/fapi/v1/openOrders",
    ]


async def test_who_may_not_repeat_signs_nothing_anew(stub, refuse):
    """A cancel has no journaled intent: only its timestamp ages, and a replaced executor must not renew it."""
    asked = []

    def may_not():
        asked.append(len(stub.requests))
        return False

    pace = RestSettings(clock_samples=2)
    client = RestClient(stub.urls, SystemClock(), Credentials("k", "s"), pace, may_repeat=may_not)
    stub.script("DELETE", "/fapi/v1/order", refuse(-1021, "outside of the recvWindow"))
    with pytest.raises(VenueRejected) as caught:
        await client.read(endpoints.CANCEL_ORDER, {}, ANY)
    await client.close()
    assert caught.value.code == -1021
    assert asked == [3], "after the clock was measured, right before the second sending"
    assert len(stub.asked("DELETE", "/fapi/v1/order")) == 1


async def test_a_refused_connection_is_not_sent():
    """Nobody listens there: the order provably never left."""
    client = RestClient(
        endpoints.custom("http://127.0.0.1:9", "ws://127.0.0.1:9"), SystemClock(), Credentials("k", "s")
    )
    with pytest.raises(NotSent):
        await client.place(endpoints.PLACE_ORDER, {}, client.venue_ms(), ANY)
    await client.close()


async def test_a_connection_cut_after_sending_leaves_the_order_in_doubt(stub, rest):
    """The request was read; what became of it only the exchange knows."""
    stub.script("POST", "/fapi/v1/order", None)
    with pytest.raises(OutcomeUnknown):
        await rest.place(endpoints.PLACE_ORDER, {}, rest.venue_ms(), ANY)
    assert len(stub.asked("POST", "/fapi/v1/order")) == 1


async def test_an_unreadable_answer_leaves_the_order_in_doubt(stub, rest):
    """A 200 that is not JSON has been seen."""
    stub.script("POST", "/fapi/v1/order", web.Response(text="<html>welcome</html>"))
    with pytest.raises(OutcomeUnknown):
        await rest.place(endpoints.PLACE_ORDER, {}, rest.venue_ms(), msgspec.json.Decoder(dict))


async def test_limits_and_samples_are_reported(stub):
    """Headers feed the throttle (S3-7), samples the API health (EM-2); -1 is no count."""
    limits, samples = [], []
    client = RestClient(
        stub.urls, SystemClock(), Credentials("k", "s"), on_limits=limits.append, on_sample=samples.append
    )
    headers = {"X-MBX-USED-WEIGHT-1M": "-1", "X-MBX-ORDER-COUNT-10S": "3", "X-MBX-ORDER-COUNT-1M": "7"}
    stub.script("POST", "/fapi/v1/order", web.json_response({}, headers=headers), web.Response(status=502))
    await client.place(endpoints.PLACE_ORDER, {}, client.venue_ms(), ANY)
    with pytest.raises(OutcomeUnknown):
        await client.place(endpoints.PLACE_ORDER, {}, client.venue_ms(), ANY)
    await client.close()
    assert [(used.weight_1m, used.orders_10s, used.orders_1m) for used in limits] == [(None, 3, 7)]
    assert [sample.healthy for sample in samples] == [True, False]


async def test_after_a_429_only_cancels_leave_and_after_a_ban_nothing(stub, refuse):
    """Going on turns a limit into a ban, and a ban into a longer one."""
    clock = ManualClock(1_794_000_000 * SECOND)
    client = RestClient(stub.urls, clock, Credentials("k", "s"))
    stub.answer("DELETE", "/fapi/v1/order", {})
    stub.answer("GET", "/fapi/v1/openOrders", [])
    stub.script("GET", "/fapi/v1/openOrders", refuse(-1003, "slow down", 429, Retry_After="2"))
    with pytest.raises(RateLimited):
        await client.read(endpoints.OPEN_ORDERS, {}, ANY)
    with pytest.raises(RateLimited) as closed:
        await client.read(endpoints.OPEN_ORDERS, {}, ANY)
    await client.read(endpoints.CANCEL_ORDER, {}, ANY)
    asked_while_closed = len(stub.asked("GET", "/fapi/v1/openOrders"))
    clock.advance(3 * SECOND)
    stub.script("GET", "/fapi/v1/openOrders", refuse(-1003, "banned", 418, Retry_After="5"))
    with pytest.raises(RateLimited):
        await client.read(endpoints.OPEN_ORDERS, {}, ANY)
    with pytest.raises(RateLimited):
        await client.read(endpoints.CANCEL_ORDER, {}, ANY)
    clock.advance(6 * SECOND)
    await client.read(endpoints.OPEN_ORDERS, {}, ANY)
    await client.close()
    assert 1_000 <= closed.value.retry_after_ms <= 2_001
    assert asked_while_closed == 1
    assert len(stub.asked("DELETE", "/fapi/v1/order")) == 1


async def test_an_order_limit_closes_orders_only(stub, refuse):
    """-1015 counts orders; reading and canceling go on."""
    client = RestClient(stub.urls, ManualClock(1_794_000_000 * SECOND), Credentials("k", "s"))
    stub.answer("GET", "/fapi/v1/openOrders", [])
    stub.script("POST", "/fapi/v1/order", refuse(-1015, "Too many new orders", 429))
    for _ in range(2):
        with pytest.raises(RateLimited):
            await client.place(endpoints.PLACE_ORDER, {}, client.venue_ms(), ANY)
    await client.read(endpoints.OPEN_ORDERS, {}, ANY)
    await client.close()
    assert len(stub.asked("POST", "/fapi/v1/order")) == 1


async def test_a_signed_call_without_a_key_names_the_mend(stub):
    """Public use needs no key; private use without one is the operator's error."""
    client = RestClient(stub.urls, SystemClock())
    with pytest.raises(ConfigError, match="key"):
        await client.read(endpoints.ACCOUNT, {}, ANY)
    await client.close()


async def test_an_order_tells_when_its_last_byte_was_written(stub):
    """Between the call and its answer, on the machine's own monotonic clock; reads and cancels say nothing."""
    stub.answer("POST", "/fapi/v1/order", {})
    stub.answer("GET", "/fapi/v1/openOrders", [])
    written = []
    client = RestClient(
        stub.urls, SystemClock(), Credentials("k", "s"), on_written=lambda key, ns: written.append((key, ns))
    )
    before_ns = SystemClock().mono()
    params = {"symbol": "BTCUSDT", "newClientOrderId": "v7-1"}
    await client.place(endpoints.PLACE_ORDER, params, client.venue_ms(), ANY)
    after_ns = SystemClock().mono()
    await client.read(endpoints.OPEN_ORDERS, {}, ANY)
    await client.close()
    ((key, at_ns),) = written
    assert key == "v7-1"
    assert before_ns < at_ns < after_ns
