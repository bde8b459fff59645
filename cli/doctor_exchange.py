"""What `vortex doctor` asks of the exchange without a key: reachable, how fast, whose clock, which symbols, streams."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import msgspec

from cli.doctor_rows import UNEXPECTED, Report, Row, fail, ok, percentile, skip, told, warn
from vortex import bootstrap
from vortex.adapters.binance import endpoints, instruments
from vortex.adapters.binance.clock_offset import ClockSample, estimate
from vortex.adapters.binance.endpoints import Route
from vortex.adapters.binance.rest import RestClient, RestSettings, ServerTime, UsedLimits
from vortex.adapters.binance.streams import MarketListener, MarketStreams
from vortex.domain.instruments import Instrument
from vortex.domain.market import BestQuote, Depth, MarketMessage, MarkPrice
from vortex.kernel.clock import MS, SystemClock
from vortex.kernel.errors import NotSent, OutcomeUnknown, RateLimited, VenueRejected
from vortex.kernel.rng import Rng
from vortex.settings import Secrets, Settings

PINGS, PINGS_S = 20, 10.0
LIMIT_S = 20.0
STREAM_S = 10.0
LATENCY_WARN_MS = 250.0
LATENCY_FAIL_MS = float(RestSettings().order_window_ms)
"""An order that is on its way longer than its window is refused by the exchange."""
SKEW_WARN_MS, SKEW_FAIL_MS = 500.0, 5_000.0
ERROR_WARN_MS = 200.0
"""`execution.clock_uncertainty_ms`: what the fence allows for."""
LAG_WARN_MS = 1_000.0
UNREACHED = "check venue.rest_url, the network, and the exchange's status page"
STEADY = (Depth, BestQuote, MarkPrice)
"""Streams that are never silent on a living market."""

_TIME = msgspec.json.Decoder(ServerTime)


class Talk:
    """One conversation with the exchange, and what it has taught us so far."""

    def __init__(self, settings: Settings, keys: Secrets | None, report: Report, note: str = "") -> None:
        self.settings = settings
        self.report = report
        self.note = note
        self.used: UsedLimits | None = None
        self.rest: RestClient = bootstrap.rest_client(settings, SystemClock(), keys=keys, on_limits=self._note)
        self.listed: dict[str, Instrument] = {}
        self.hedged = False
        self.samples: list[ClockSample] = []

    def _note(self, used: UsedLimits) -> None:
        before = self.used
        orders = used if before is None or used.orders_1m is not None else before
        self.used = msgspec.structs.replace(used, orders_10s=orders.orders_10s, orders_1m=orders.orders_1m)

    async def look(self, name: str, check: Callable[["Talk"], Awaitable[Row]], limit_s: float = LIMIT_S) -> Row:
        """Run one check within its time; its failure is its row."""
        try:
            row = await asyncio.wait_for(check(self), limit_s)
        except TimeoutError:
            row = fail(name, f"no answer within {limit_s:.0f} s", UNREACHED)
        except RateLimited as error:
            row = fail(name, told(error), f"wait {error.retry_after_ms / 1_000:.0f} s: every request makes it longer")
        except (NotSent, OutcomeUnknown) as error:
            row = fail(name, told(error), UNREACHED)
        except VenueRejected as error:
            row = refusal(name, error)
        except Exception as error:  # noqa: BLE001 - one check that falls over must not keep the others from running
            row = fail(name, told(error), UNEXPECTED)
        return self.report.add(row)

    async def close(self) -> None:
        """End the session."""
        await self.rest.close()


async def examine_market(talk: Talk) -> bool:
    """The rows that need no key; whether the exchange answers at all."""
    await talk.look("exchange rest", rest_row)
    if not talk.samples:
        return False
    await talk.look("exchange clock", clock_row)
    await talk.look("symbols", symbols_row)
    await talk.look("market streams", streams_row)
    return True


async def rest_row(talk: Talk) -> Row:
    """Round trips of the cheapest request there is, each of them also a look at the exchange's clock."""
    where, clock = bootstrap.urls(talk.settings).rest, talk.rest.clock
    give_up_ns = clock.mono() + int(PINGS_S * 1_000 * MS)
    await talk.rest.send(endpoints.TIME, {})  # opens the connection, which is kept
    while len(talk.samples) < PINGS and clock.mono() < give_up_ns:
        sent_ns = clock.mono()
        body = await talk.rest.send(endpoints.TIME, {})
        talk.samples.append(ClockSample(sent_ns, clock.mono(), server_ms(body)))
    pace = talk.settings.venue.speed
    times = [sample.round_trip_ns / MS / pace for sample in talk.samples]
    middle, worst = percentile(times, 0.5), percentile(times, 0.99)
    seen = f"{where}{talk.note}: p50 {middle:.1f} ms, p99 {worst:.1f} ms of {len(times)}"
    mend = "use a line or a machine nearer to the exchange; look for what else uses this one"
    if middle >= LATENCY_FAIL_MS:
        return fail("exchange rest", f"{seen}: orders would come too late", mend, middle)
    return warn("exchange rest", seen, mend, middle) if worst > LATENCY_WARN_MS else ok("exchange rest", seen, middle)


def server_ms(body: bytes) -> int:
    """The exchange's time in its answer."""
    try:
        return _TIME.decode(body).server_time
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise OutcomeUnknown(
            "that is not an exchange: /fapi/v1/time has no serverTime; check venue.rest_url"
        ) from error


async def clock_row(talk: Talk) -> Row:
    """The machine's clock against the exchange's. Orders ride on the measured offset; records and logs do not."""
    await talk.rest.sync_clock()  # from here on requests are stamped with the exchange's time
    clock, venue = talk.rest.clock, talk.settings.venue
    measured = estimate(talk.samples)
    ahead_ms = (clock.unix() - clock.mono() - measured.offset_ns) / MS
    error_ms = measured.error_ns / MS
    seen = f"this machine is {ahead_ms:+,.1f} ms from the exchange, known to ±{error_ms:.1f} ms"
    if venue.kind == "sim" and (venue.data or venue.speed != 1.0):
        return ok("exchange clock", f"{seen}; it lives at its own time")
    mend = "set the clock and keep it set: `timedatectl set-ntp true`, or chrony"
    if abs(ahead_ms) > SKEW_FAIL_MS:
        if venue.kind == "sim" and venue.rest_url:
            return warn("exchange clock", seen, f"right while that exchange replays recordings; else {mend}", ahead_ms)
        return fail("exchange clock", seen, mend, ahead_ms)
    if abs(ahead_ms) > SKEW_WARN_MS:
        return warn("exchange clock", seen, mend, ahead_ms)
    if error_ms > ERROR_WARN_MS:
        return warn("exchange clock", seen, "the round trip is too uneven: use a steadier line", ahead_ms)
    return ok("exchange clock", seen, ahead_ms)


async def symbols_row(talk: Talk) -> Row:
    """Ours are listed, trading, and have the filters that sizes and prices are fitted to."""
    listing = await instruments.load(talk.rest)
    talk.listed = listing.known
    wanted = talk.settings.symbols
    missing = [name for name in wanted if name not in listing.known and name not in listing.unreadable]
    broken = [name for name in wanted if name in listing.unreadable]
    halted = [name for name in wanted if name in listing.known and name not in listing.tradable]
    seen = f"{len(listing.tradable)} perpetuals trade here"
    if missing or broken:
        what = [f"{name} is not listed" for name in missing] + [f"{name} has no usable filters" for name in broken]
        return fail("symbols", f"{'; '.join(what)}; {seen}", f"take {', '.join(missing + broken)} out of `symbols`")
    if halted:
        mend = "wait until the exchange trades it again, or take it out of `symbols`"
        return fail("symbols", f"{', '.join(halted)} listed but not TRADING; {seen}", mend)
    return ok("symbols", "; ".join(rules(listing.known[name]) for name in wanted))


def rules(instrument: Instrument) -> str:
    """What an order of it must fit."""
    least = instrument.quantity(instrument.min_lots).normalize()
    return (
        f"{instrument.symbol} TRADING, tick {instrument.tick_size.normalize():f}, from {least:f}, "
        f"≥ {instrument.min_notional.normalize():f} {instrument.quote}"
    )


class Heard:
    """What the streams have said since they were opened."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._symbols = [name for name in talk.settings.symbols if name in talk.listed]
        self.waiting = {(kind, name) for kind in STEADY for name in self._symbols}
        self.up_ms: dict[Route, float] = {}
        self.first_ms: dict[Route, float] = {}
        self.all_ms = 0.0
        self.lag_ms = 0.0
        self.down = ""
        self.complete = asyncio.Event()
        self._began_ns = SystemClock().mono()

    def _passed_ms(self) -> float:
        return (SystemClock().mono() - self._began_ns) / MS

    def on_up(self, route: Route) -> None:
        """One of the two sockets is open."""
        self.up_ms.setdefault(route, self._passed_ms())

    def on_down(self, route: Route, reason: str) -> None:
        """One of the two could not be opened, or was closed."""
        self.down = f"{route.value}: {reason}"

    def on_message(self, message: MarketMessage) -> None:
        """One event, decoded the way the feed does it."""
        route = Route.MARKET if isinstance(message, MarkPrice) else Route.PUBLIC
        if isinstance(message, STEADY):
            self.first_ms.setdefault(route, self._passed_ms())
            self.lag_ms = max(
                self.lag_ms, (self._talk.rest.venue_ms() - message.ts_ms) / self._talk.settings.venue.speed
            )
            self.waiting.discard((type(message), message.symbol))
        if not (self.waiting or self.complete.is_set()):
            self.all_ms = self._passed_ms()
            self.complete.set()


async def streams_row(talk: Talk) -> Row:
    """The E0-1 streams, opened as the feed opens them: connected, spoken, decoded, fresh."""
    heard = Heard(talk)
    if not heard.waiting:
        return skip("market streams", "none of our symbols is listed")
    symbols = tuple(sorted({name for _, name in heard.waiting}))
    listener = MarketListener(on_message=heard.on_message, on_up=heard.on_up, on_down=heard.on_down)
    addresses = bootstrap.urls(talk.settings)
    streams = MarketStreams(addresses, symbols, SystemClock(), Rng(0, "doctor"), listener)
    running = asyncio.create_task(streams.run())
    try:
        with suppress(TimeoutError):
            await asyncio.wait_for(heard.complete.wait(), STREAM_S)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    return streams_verdict(heard, addresses.streams, sum(route.violations for route in streams.stats().values()))


def streams_verdict(heard: Heard, where: str, violations: int) -> Row:
    """What was heard, as a row."""
    name = "market streams"
    if len(heard.up_ms) < len(Route):
        return fail(name, f"{where} cannot be opened ({heard.down})", "check venue.ws_url, the network, and proxies")
    if heard.waiting:
        silent = ", ".join(sorted(f"{symbol} {kind.__name__}" for kind, symbol in heard.waiting))
        return fail(name, f"silent for {STREAM_S:.0f} s: {silent}", "the market may be halted; check venue.ws_url")
    opened, first = max(heard.up_ms.values()), max(heard.first_ms.values())
    seen = f"open after {opened:.0f} ms, first message after {first:.0f} ms, one of each after {heard.all_ms:.0f} ms"
    seen += f", at most {heard.lag_ms:.0f} ms old"
    if violations:
        return fail(name, f"{seen}; {violations} unreadable messages", "this exchange speaks another protocol", first)
    if heard.lag_ms > LAG_WARN_MS:
        return warn(name, seen, "events arrive late: use a better line, or a machine nearer by", first)
    return ok(name, seen, first)


async def limits_row(talk: Talk) -> Row:
    """What is left of the request budgets that every program on this address shares."""
    await talk.rest.send(endpoints.TIME, {})
    budget, used = talk.settings.execution, talk.used
    if used is None or used.weight_1m is None:
        return ok("exchange limits", "the exchange does not say what is used")
    seen = f"weight {used.weight_1m:,} of our {budget.weight_1m_limit:,} in this minute"
    if used.orders_1m is not None:
        seen += f", orders {used.orders_1m:,} of {budget.orders_1m_limit:,}"
    shares = [used.weight_1m / budget.weight_1m_limit, (used.orders_1m or 0) / budget.orders_1m_limit]
    mend = "another program uses this address or account: end it, or lower its pace"
    if max(shares) >= 1:
        return fail("exchange limits", seen, mend)
    if max(shares) > 1 - budget.entry_reserve:
        return warn("exchange limits", f"{seen}: entries would wait", mend)
    return ok("exchange limits", seen)


def refusal(name: str, error: VenueRejected) -> Row:
    """The exchange's no to a signed request."""
    if error.code in bootstrap.BAD_KEY_CODES:
        return fail(name, f"the exchange refuses the API key ({error})", bootstrap.KEY_MEND)
    return fail(name, f"the exchange refuses us ({error})", "see the code in the exchange's documentation")
