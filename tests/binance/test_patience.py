"""Waiting for an exchange that does not answer while a process begins (S3-7, E0-4)."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
import pytest

from vortex.adapters.binance import endpoints
from vortex.adapters.binance.backoff import Backoff
from vortex.adapters.binance.patience import until_answered
from vortex.adapters.binance.rest import RestClient
from vortex.adapters.binance.signing import Credentials
from vortex.kernel.clock import MS, SECOND, ManualClock
from vortex.kernel.errors import NotSent, OutcomeUnknown, RateLimited, VenueRejected
from vortex.kernel.rng import Rng

pytestmark = pytest.mark.asyncio
T = TypeVar("T")
ANY = msgspec.json.Decoder(msgspec.Raw)


class Slept:
    """A sleep that is over at once and moves the clock, if there is one."""

    def __init__(self, clock: ManualClock | None = None) -> None:
        self.clock = clock
        self.waits_ms: list[int] = []
        self.said: list[str] = []

    async def sleep(self, seconds: float) -> None:
        self.waits_ms.append(round(seconds * 1_000))
        if self.clock is not None:
            self.clock.advance(round(seconds * 1_000) * MS)

    def on_wait(self, reason: str, wait_ms: int) -> None:
        self.said.append(reason)

    async def until_answered(self, ask: Callable[[], Awaitable[T]]) -> T:
        return await until_answered(ask, Backoff(Rng(1)), self.on_wait, self.sleep)


async def test_silence_is_asked_again_ever_more_slowly_and_a_limit_when_it_ends() -> None:
    """Nothing is raised but the exchange's own no."""
    answers: list[Exception | str] = [NotSent("no route"), OutcomeUnknown("502"), RateLimited("banned", 120_000), "yes"]

    async def ask() -> str:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    slept = Slept()
    assert await slept.until_answered(ask) == "yes"
    first, second, third = slept.waits_ms
    assert 750 <= first <= 1_000
    assert 1_500 <= second <= 2_000
    assert third == 120_000
    assert slept.said == ["no route", "502", "banned"]


async def test_a_no_is_an_answer() -> None:
    """A wrong key does not become right by waiting."""

    async def ask() -> None:
        raise VenueRejected(-2015, "invalid key")

    slept = Slept()
    with pytest.raises(VenueRejected):
        await slept.until_answered(ask)
    assert slept.waits_ms == []


async def test_a_process_that_begins_under_a_ban_asks_once_and_waits_for_its_end(stub, refuse):
    """Every further request would make the ban longer."""
    clock = ManualClock(1_794_000_000 * SECOND)
    client = RestClient(stub.urls, clock, Credentials("k", "s"))
    stub.script("GET", "/fapi/v1/time", refuse(-1003, "banned", 418, Retry_After="300"))
    slept = Slept(clock)
    await slept.until_answered(client.start)
    await slept.until_answered(client.start)
    await client.close()
    assert slept.waits_ms == [300_000]
    assert len(stub.asked("GET", "/fapi/v1/time")) == 1 + 2 * client.settings.clock_samples


async def test_an_answer_that_was_under_way_does_not_lift_a_ban(stub, refuse):
    """A 429 after the 418 is older news: cancels stay at home, too."""
    client = RestClient(stub.urls, ManualClock(1_794_000_000 * SECOND), Credentials("k", "s"))
    stub.answer("DELETE", "/fapi/v1/order", {})
    stub.script("GET", "/fapi/v1/openOrders", refuse(-1003, "banned", 418, Retry_After="300"))
    stub.script("GET", "/fapi/v1/openOrders", refuse(-1003, "slow down", 429, Retry_After="2"))
    reads = (client.read(endpoints.OPEN_ORDERS, {}, ANY) for _ in range(2))
    assert [type(err) for err in await asyncio.gather(*reads, return_exceptions=True)] == [RateLimited, RateLimited]
    with pytest.raises(RateLimited):
        await client.read(endpoints.CANCEL_ORDER, {}, ANY)
    await client.close()
    assert stub.asked("DELETE", "/fapi/v1/order") == []
