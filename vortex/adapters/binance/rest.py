"""One keep-alive HTTP session to the exchange: signs, measures clock and latency, reads limits, classifies failures."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TypeVar

import aiohttp
import msgspec
from yarl import URL

from vortex.adapters.binance import endpoints
from vortex.adapters.binance.clock_offset import ClockOffset, ClockSample, estimate
from vortex.adapters.binance.endpoints import Call, Host, Purpose, Security, Urls
from vortex.adapters.binance.errors import CLOCK_CODES, ORDER_LIMIT_CODES, Failure, classify, read_failure
from vortex.adapters.binance.signing import Credentials, encode, signed
from vortex.kernel.clock import MS, Clock, SystemClock
from vortex.kernel.errors import ConfigError, NotSent, OutcomeUnknown, RateLimited, VenueRejected, VortexError

T = TypeVar("T")
Params = Mapping[str, str | int]


class RestSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Durations in ms. `order_window_ms` is W of the fence: the exchange refuses an order later than that.

    Orders and cancels wait less for their answer than reads: silence past the window is in doubt, and doubt is
    settled by asking, not by waiting.
    """

    order_window_ms: int = 1_000
    read_window_ms: int = 5_000
    connect_timeout_ms: int = 1_000
    timeout_ms: int = 5_000
    order_timeout_ms: int = 1_500
    clock_samples: int = 5
    clock_refresh_ms: int = 60_000
    connections_max: int = 32


class UsedLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What the exchange says we have used; None where the answer did not say (S3-7)."""

    weight_1m: int | None
    orders_10s: int | None
    orders_1m: int | None
    at_mono_ns: int


class RestSample(msgspec.Struct, frozen=True, kw_only=True):
    """One request for the health of the API (EM-2): a rejection is a healthy answer, silence and 5xx are not."""

    path: str
    elapsed_ns: int
    healthy: bool


class ServerTime(msgspec.Struct, rename="camel"):
    """Answer of /fapi/v1/time."""

    server_time: int


class StampedResponse(aiohttp.ClientResponse):
    """Knows when its request was written: it is made right after the last byte went to the transport, which hands it to
    the kernel at once. Requests have no body here; one with a body would still be on its way."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The machine's own clock, not a scaled one: it is compared with stamps of other processes.
        self.written_ns = SystemClock().mono()


def _ignore(*_: object) -> None:
    return


def _always() -> bool:
    return True


class RestClient:
    """Raises only VenueRejected, NotSent with RateLimited, OutcomeUnknown, and StaleData for market polls."""

    def __init__(
        self,
        urls: Urls,
        clock: Clock,
        credentials: Credentials | None = None,
        settings: RestSettings | None = None,
        *,
        on_limits: Callable[[UsedLimits], None] = _ignore,
        on_sample: Callable[[RestSample], None] = _ignore,
        on_written: Callable[[str, int], None] = _ignore,
        may_repeat: Callable[[], bool] = _always,
    ) -> None:
        """`on_written` hears an order's id and the monotonic ns of its request's last byte, once it is answered.
        `may_repeat` is asked before a request goes out once more under a new timestamp."""
        self._hosts = {Host.TRADING: urls.rest, Host.MARKET: urls.market_rest, Host.SPOT: urls.spot_rest}
        self._clock = clock
        self._credentials = credentials
        self._settings = settings or RestSettings()
        self._on_limits = on_limits
        self._on_sample = on_sample
        self._on_written = on_written
        self._may_repeat = may_repeat
        self._timeout, self._order_timeout = (
            aiohttp.ClientTimeout(total=total_ms / 1_000, connect=self._settings.connect_timeout_ms / 1_000)
            for total_ms in (self._settings.timeout_ms, self._settings.order_timeout_ms)
        )
        self._session: aiohttp.ClientSession | None = None
        self._offset: ClockOffset | None = None
        self._resync = asyncio.Event()
        self._refresher: asyncio.Task[None] | None = None
        self._closed_until_ns = 0
        self._orders_closed_until_ns = 0
        self._banned = False

    @property
    def settings(self) -> RestSettings:
        """The durations in force."""
        return self._settings

    def serves(self, host: Host) -> bool:
        """Is there such a host at this exchange? Testnet and loopback have no spot side."""
        return bool(self._hosts[host])

    @property
    def clock(self) -> Clock:
        """The clock everything here is stamped with."""
        return self._clock

    @property
    def clock_error_ns(self) -> int | None:
        """How far `venue_ms` may be off; None before the first measurement."""
        return self._offset.error_ns if self._offset else None

    async def start(self) -> None:
        """Open the session, measure the clock, keep measuring it. May be repeated when it failed."""
        self._open()
        await self.sync_clock()
        if self._refresher is None:
            self._refresher = asyncio.create_task(self._keep_clock(), name="binance-clock")

    async def close(self) -> None:
        """Stop measuring, close the connections."""
        if self._refresher is not None:
            self._refresher.cancel()
            with suppress(asyncio.CancelledError):
                await self._refresher
            self._refresher = None
        if self._session is not None:
            await self._session.close()
            self._session = None

    def venue_ms(self) -> int:
        """Exchange clock now, in ms; the machine's own wall clock until the first measurement."""
        if self._offset is None:
            return self._clock.unix() // MS
        return self._offset.venue_ms(self._clock.mono())

    async def sync_clock(self) -> None:
        """Measure the offset: several questions, the fastest answer counts."""
        samples = []
        for _ in range(self._settings.clock_samples):
            sent_ns = self._clock.mono()
            body = await self.send(endpoints.TIME, {})
            received_ns = self._clock.mono()
            samples.append(ClockSample(sent_ns, received_ns, _decode(body, _TIME, "time").server_time))
        self._offset = estimate(samples)

    async def read(self, call: Call, params: Params, decoder: msgspec.json.Decoder[T]) -> T:
        """Send and decode. After a clock refusal the clock is measured and a request without a fixed stamp repeated.

        An answer that cannot be decoded is OutcomeUnknown: the request had left.
        """
        try:
            body = await self.send(call, params)
        except VenueRejected as err:
            if err.code not in CLOCK_CODES:
                raise
            await self.sync_clock()
            if not self._may_repeat():
                raise
            body = await self.send(call, params)
        return _decode(body, decoder, call.path)

    async def place(self, call: Call, params: Params, stamp_ms: int, decoder: msgspec.json.Decoder[T]) -> T:
        """Send an order under the stamp taken before its commit, so that the exchange refuses it when late.

        It is never repeated. A stamp already older than the window is not sent at all.
        """
        age_ms = self.venue_ms() - stamp_ms
        if age_ms > self._settings.order_window_ms:
            raise NotSent(f"stamp is {age_ms} ms old, the window is {self._settings.order_window_ms} ms")
        return _decode(await self.send(call, params, stamp_ms), decoder, call.path)

    async def send(self, call: Call, params: Params, stamp_ms: int | None = None) -> bytes:
        """One request, one answer or one exception of the tree; never repeated here."""
        self._refuse_while_closed(call)
        url, headers = self._address(call, params, stamp_ms)
        sent_ns = self._clock.mono()
        try:
            timeout = self._order_timeout if call.purpose in _ORDERLY else self._timeout
            # A followed redirect would send an order a second time.
            async with self._open().request(
                call.method, url, headers=headers, timeout=timeout, allow_redirects=False
            ) as answer:
                if stamp_ms is not None and isinstance(answer, StampedResponse):
                    self._on_written(str(params.get("newClientOrderId", "")), answer.written_ns)
                body = await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as err:
            self._sample(call, sent_ns, healthy=False)
            raise self._classified(Failure(error=err), call) from err
        self._note_limits(answer.headers)
        failed = not 200 <= answer.status < 300
        self._sample(call, sent_ns, healthy=answer.status < 500 and answer.status not in {403, 408, 418, 429})
        if failed:
            retry_after = answer.headers.get("Retry-After", "")
            raise self._classified(read_failure(answer.status, body, retry_after), call)
        return body

    def _classified(self, failure: Failure, call: Call) -> VortexError:
        error = classify(failure, call.purpose, self._clock.unix() // MS, f"{call.method} {call.path}")
        if isinstance(error, RateLimited) and failure.status in {403, 418, 429}:
            until_ns = self._clock.mono() + error.retry_after_ms * MS
            if failure.code in ORDER_LIMIT_CODES:
                self._orders_closed_until_ns = max(self._orders_closed_until_ns, until_ns)
            else:
                still = self._banned and self._clock.mono() < self._closed_until_ns
                self._closed_until_ns = max(self._closed_until_ns, until_ns)
                self._banned = failure.status == 418 or still
        if failure.code in CLOCK_CODES:
            self._resync.set()
        return error

    def _refuse_while_closed(self, call: Call) -> None:
        """After a 429 only cancels still go out, after a 418 nothing does."""
        now_ns = self._clock.mono()
        until_ns = self._orders_closed_until_ns if call.orders else 0
        if self._banned or call.purpose is not Purpose.CANCEL:
            until_ns = max(until_ns, self._closed_until_ns)
        if now_ns < until_ns:
            raise RateLimited(f"{call.path}: the exchange asked us to stay away", (until_ns - now_ns) // MS + 1)

    def _address(self, call: Call, params: Params, stamp_ms: int | None) -> tuple[URL, dict[str, str]]:
        headers: dict[str, str] = {}
        query = encode(params)
        if call.security is not Security.OPEN:
            if self._credentials is None:
                raise ConfigError(f"{call.path} needs an API key; set key and secret")
            headers["X-MBX-APIKEY"] = self._credentials.key
        if call.security is Security.SIGNED and self._credentials is not None:
            window_ms = self._settings.order_window_ms if stamp_ms is not None else self._settings.read_window_ms
            stamp = {"recvWindow": window_ms, "timestamp": self.venue_ms() if stamp_ms is None else stamp_ms}
            query = signed(self._credentials.secret, {**params, **stamp})
        return URL(f"{self._hosts[call.host]}{call.path}{'?' if query else ''}{query}", encoded=True), headers

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                response_class=StampedResponse,
                connector=aiohttp.TCPConnector(
                    limit=self._settings.connections_max, keepalive_timeout=_KEEP_ALIVE_S, ttl_dns_cache=_DNS_CACHE_S
                ),
            )
        return self._session

    def _note_limits(self, headers: Mapping[str, str]) -> None:
        weight, in_10s, in_1m = (
            _count(headers.get(name))
            for name in ("X-MBX-USED-WEIGHT-1M", "X-MBX-ORDER-COUNT-10S", "X-MBX-ORDER-COUNT-1M")
        )
        if weight is not None or in_10s is not None or in_1m is not None:
            self._on_limits(
                UsedLimits(weight_1m=weight, orders_10s=in_10s, orders_1m=in_1m, at_mono_ns=self._clock.mono())
            )

    def _sample(self, call: Call, sent_ns: int, *, healthy: bool) -> None:
        self._on_sample(RestSample(path=call.path, elapsed_ns=self._clock.mono() - sent_ns, healthy=healthy))

    async def _keep_clock(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._resync.wait(), self._settings.clock_refresh_ms / 1_000)
            self._resync.clear()
            # A failed measurement keeps the last one: an old offset is off by a drift of µs, none is worse.
            with suppress(VenueRejected, NotSent, OutcomeUnknown):
                await self.sync_clock()
                self._resync.clear()


def _decode(body: bytes, decoder: msgspec.json.Decoder[T], what: str) -> T:
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as err:
        raise OutcomeUnknown(f"{what}: unreadable answer: {err}") from err


def _count(text: str | None) -> int | None:
    """A used-limit header; -1 has been seen and means nothing."""
    try:
        value = int(text or "")
    except ValueError:
        return None
    return value if value >= 0 else None


_TIME = msgspec.json.Decoder(ServerTime)
_ORDERLY = (Purpose.ORDER, Purpose.CANCEL)
_KEEP_ALIVE_S = 25.0  # shorter than servers keep idle connections, so that an order rarely meets a closed one
_DNS_CACHE_S = 300
