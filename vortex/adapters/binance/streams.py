"""Market streams of a set of symbols: one combined socket per route, decoded and handed over within the socket read."""

import asyncio
from collections import Counter
from collections.abc import Callable

import msgspec

from vortex.adapters.binance.concurrently import together
from vortex.adapters.binance.decode import MarketDecoder
from vortex.adapters.binance.endpoints import Route, Urls, stream_url
from vortex.adapters.binance.inbox import CAPACITY, Inbox
from vortex.adapters.binance.line import Line, LineSettings, LineState, Sleep
from vortex.adapters.binance.wire_socket import opener
from vortex.domain.market import BestQuote, Depth, MarketMessage, MarkPrice, Trade
from vortex.kernel.clock import MS, Clock
from vortex.kernel.errors import RemoteViolation
from vortex.kernel.rng import Rng


class StreamSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Durations in ms. A silent stream is a dead one whatever its pings say, so each steady stream has
    a deadline; 0 means none. Candles and forced orders may rightly be silent."""

    trade_deadline_ms: int = 10_000
    depth_deadline_ms: int = 5_000
    quote_deadline_ms: int = 10_000
    mark_deadline_ms: int = 5_000
    ping_interval_ms: int = 15_000
    ping_timeout_ms: int = 10_000
    open_timeout_ms: int = 5_000
    queue: int = CAPACITY
    line: LineSettings = LineSettings()


class MarketListener(msgspec.Struct, frozen=True, kw_only=True):
    """Who hears the market. `on_message` runs inside the socket read: it must be quick and must not block."""

    on_message: Callable[[MarketMessage], None]
    on_up: Callable[[Route], None]
    on_down: Callable[[Route, str], None]
    on_violation: Callable[[Route, RemoteViolation], None] | None = None


class RouteStats(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of one route for the screens (E0-4: a visible overflow policy)."""

    state: LineState
    messages: int
    dropped: int
    waiting: int
    violations: int
    connects: int
    ignored: dict[str, int]


class MarketStreams:
    """All E0-1 streams of `symbols`. `run` never returns; it raises only what the listener raised."""

    def __init__(
        self,
        urls: Urls,
        symbols: tuple[str, ...],
        clock: Clock,
        rng: Rng,
        listener: MarketListener,
        *,
        settings: StreamSettings | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        settings = settings or StreamSettings()
        self._routes = {
            route: _RouteFeed(route, urls, symbols, clock, rng.fork(route.value), listener, settings, sleep)
            for route in Route
        }

    async def run(self) -> None:
        """Serve both routes until canceled."""
        await together(*(feed.line.run() for feed in self._routes.values()))

    def hold(self) -> None:
        """Let messages wait (bounded, the oldest are dropped), for example while a gap is repaired (E0-5)."""
        for feed in self._routes.values():
            feed.hold()

    def release(self) -> None:
        """Hand over what waited, then everything at once again."""
        for feed in self._routes.values():
            feed.release()

    def reconnect(self, route: Route, reason: str) -> None:
        """Give a route's connection up, for example after a gap that cannot be repaired."""
        self._routes[route].line.end(reason)

    def stats(self) -> dict[Route, RouteStats]:
        """Numbers per route."""
        return {route: feed.stats() for route, feed in self._routes.items()}


class _RouteFeed:
    """One route: decodes, watches freshness, counts."""

    def __init__(
        self,
        route: Route,
        urls: Urls,
        symbols: tuple[str, ...],
        clock: Clock,
        rng: Rng,
        listener: MarketListener,
        settings: StreamSettings,
        sleep: Sleep,
    ) -> None:
        self._route = route
        self._url = stream_url(urls, route, symbols)
        self._clock = clock
        self._listener = listener
        self._on_message = listener.on_message
        self._decoder = MarketDecoder()
        self._deadlines_ns = _deadlines_ns(route, symbols, settings)
        self._seen_ns: dict[tuple[type[MarketMessage], str], int] = {}
        self._symbols = frozenset(symbols)
        self._held = False
        self._messages = 0
        self._violations = 0
        self._foreign: Counter[str] = Counter()
        self._inbox = Inbox(self._handle, settings.queue)
        self.line = Line(
            self,
            self._inbox,
            opener(
                clock,
                settings.ping_interval_ms / 1_000,
                settings.ping_timeout_ms / 1_000,
                settings.open_timeout_ms / 1_000,
            ),
            clock,
            rng,
            settings=settings.line,
            sleep=sleep,
        )

    async def address(self) -> str:
        return self._url

    def on_up(self) -> None:
        now_ns = self._clock.mono()
        self._seen_ns = dict.fromkeys(self._deadlines_ns, now_ns)
        self._listener.on_up(self._route)

    def on_down(self, reason: str) -> None:
        self._listener.on_down(self._route, reason)

    def stale(self) -> str | None:
        if self._held:
            return None
        now_ns = self._clock.mono()
        for key, deadline_ns in self._deadlines_ns.items():
            silent_ns = now_ns - self._seen_ns[key]
            if silent_ns > deadline_ns:
                return f"{key[1]} {key[0].__name__} silent for {silent_ns // MS} ms"
        return None

    def hold(self) -> None:
        self._held = True
        self._inbox.hold()

    def release(self) -> None:
        self._held = False
        self._seen_ns = dict.fromkeys(self._deadlines_ns, int(self._clock.mono()))
        self._inbox.release()

    def stats(self) -> RouteStats:
        return RouteStats(
            state=self.line.state,
            messages=self._messages,
            dropped=self._inbox.dropped,
            waiting=self._inbox.waiting,
            violations=self._violations,
            connects=self.line.connects,
            ignored=dict(self._decoder.ignored + self._foreign),
        )

    def _handle(self, recv_ns: int, frame: bytes) -> None:
        try:
            message = self._decoder.decode(frame, recv_ns)
        except RemoteViolation as err:
            self._violations += 1
            if self._listener.on_violation is not None:
                self._listener.on_violation(self._route, err)
            return
        if message is None:
            return
        if message.symbol not in self._symbols:
            self._foreign["foreign symbol"] += 1
            return
        self._messages += 1
        self._seen_ns[type(message), message.symbol] = self._clock.mono()
        self._on_message(message)


def _deadlines_ns(
    route: Route, symbols: tuple[str, ...], settings: StreamSettings
) -> dict[tuple[type[MarketMessage], str], int]:
    steady: tuple[tuple[type[MarketMessage], int], ...] = (
        ((Depth, settings.depth_deadline_ms), (BestQuote, settings.quote_deadline_ms))
        if route is Route.PUBLIC
        else ((Trade, settings.trade_deadline_ms), (MarkPrice, settings.mark_deadline_ms))
    )
    return {(kind, symbol): ms * MS for symbol in symbols for kind, ms in steady if ms}
