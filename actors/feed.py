"""E0's shell: streams, warm-up and repair over REST, slow polls; tells the symbol when its market can be trusted."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from typing import Any

import msgspec
import structlog

from actors.times import MarketTimes
from vortex import bootstrap
from vortex.adapters.binance.endpoints import Route
from vortex.adapters.binance.streams import MarketListener
from vortex.domain.market import Candle, Interval, MarketMessage, Trade
from vortex.kernel.clock import MS, Clock
from vortex.kernel.errors import StaleData, VortexError
from vortex.kernel.rng import Rng
from vortex.market import feed as events
from vortex.market.backoff import delay_ms
from vortex.market.feed import FeedLink
from vortex.market.polls import next_poll_ms
from vortex.market.sequence import IN_ORDER, Finding, SequenceWatch, Verdict
from vortex.signals.board import SignalBoard

log = structlog.get_logger()

CANDLES = 500
TRADES = 2_000
POLLS_BACK = 13
"""Readings of open interest and ratios fetched at a start: an hour of 5-minute periods and the present one."""
PAGE = 1_000
MISSED_MAX = 20_000
"""Trades that a repair fetches at most, 20 questions of weight 20 each; of a wider hole the oldest are given up."""
OVERHEAR_S = 0.25

PollReader = Callable[[], Coroutine[Any, Any, Sequence[MarketMessage]]]


class FeedListener(msgspec.Struct, frozen=True, kw_only=True):
    """Who hears a symbol's market, that it lives behind a repair, whether it can be trusted, and that it has been lost
    for too long (E0-6)."""

    on_message: Callable[[MarketMessage], None]
    on_alive: Callable[[], None]
    on_trusted: Callable[[bool], None]
    on_lost: Callable[[], None]


class Feed:
    """One symbol's market. While a repair runs, live messages wait; afterwards they are handed over in order.

    The link decides (vortex.market.feed); each line keeps its own socket, back-off and pings (adapters.binance.line).
    """

    def __init__(
        self,
        symbol: str,
        market: bootstrap.MarketParts,
        board: SignalBoard,
        clock: Clock,
        rng: Rng,
        listener: FeedListener,
        times: MarketTimes,
    ) -> None:
        self._symbol = symbol
        self._reader = market.reader
        self._board = board
        self._clock = clock
        self._rng = rng
        self._deliver, self._on_alive = listener.on_message, listener.on_alive
        self._on_trusted, self._on_lost = listener.on_trusted, listener.on_lost
        self._times = times
        self._link = FeedLink(market.settings.feed, rng.fork("link"))
        self._polling = market.settings.polls
        self._budget = market.budget
        correlation = board.settings.correlation
        self._references = tuple(name for name in (correlation.first, correlation.second) if name != symbol)
        self.polls_skipped = 0
        self._up: set[Route] = set()
        self._heard = False
        self._watch = SequenceWatch()
        self._repair_wanted = asyncio.Event()
        self._first_missing = 0
        self._after_hole: Trade | None = None
        self.sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
        """How all that waits here waits."""
        self.repairs = 0
        self.given_up = 0
        self.reason = "connecting"
        self.streams = market.open_streams(
            (symbol,), MarketListener(on_message=self._on_message, on_up=self._route_up, on_down=self._route_down)
        )

    async def run(self) -> None:
        """Serve until canceled. Nothing is told before the history behind it is known."""
        self.streams.hold()
        self._carry_out(self._link.handle(events.Start(self._now_ms)))
        async with asyncio.TaskGroup() as group:
            group.create_task(self.streams.run(), name="streams")
            group.create_task(self._repairs(), name="repairs")
            group.create_task(self._overhear(), name="overhear")
            for name, period_ms, read in self._polls():
                group.create_task(self._poll(period_ms, read), name=name)

    def tick(self) -> None:
        """Once per cycle: tell the link what was heard, and that time passes."""
        now = self._now_ms
        if self._heard:
            self._heard = False
            self._carry_out(self._link.handle(events.Seen(now)))
        self._carry_out(self._link.handle(events.Ticked(now)))

    @property
    def state(self) -> str:
        """Where the link is (E0-4)."""
        return self._link.state.value

    # ---- inside

    @property
    def _now_ms(self) -> int:
        return self._clock.mono() // MS

    def _on_message(self, message: MarketMessage) -> None:
        """E0-8: what is repeated or from the future changes nothing; a hole in the tape is mended first."""
        self._times.heard(message.recv_ns)
        self._heard = True
        finding = self._watch.check(message, self._exchange_ms)
        if finding is not IN_ORDER and not self._bear(finding, message):
            self._times.dropped()
            return
        self._deliver(message)
        self._times.handled(message)

    def _exchange_ms(self) -> int:
        return self._clock.unix() // MS

    def _bear(self, finding: Finding, message: MarketMessage) -> bool:
        """Whether a message that is not in order may still be taken. A trade behind a hole waits, with everything after
        it, until the hole is mended, whatever the link's state: CVD goes on from the last trade before it (E1-3)."""
        if finding.verdict is Verdict.GAP and isinstance(message, Trade):
            self.reason = f"trades {finding.missing_from} to {finding.missing_to} are missing"
            self._after_hole = message
            self.streams.hold()
            self._carry_out(self._link.handle(events.GapSeen(self._now_ms, finding.missing_from)))
            return False
        return finding.usable

    def faults(self) -> dict[str, int]:
        """What the sequence checks found, by kind of message and verdict, and the trades that no repair brought."""
        found = {f"{kind} {verdict.value}": n for (kind, verdict), n in sorted(self._watch.counts.items(), key=str)}
        return {**found, "Trade given up": self.given_up} if self.given_up else found

    def _route_up(self, route: Route) -> None:
        self._up.add(route)
        if len(self._up) < len(Route):
            return
        self._carry_out(self._link.handle(events.Opened(self._now_ms)))

    def _route_down(self, route: Route, reason: str) -> None:
        self._up.discard(route)
        self._watch.forget()
        self.reason = f"{route.value}: {reason}"
        self._carry_out(self._link.handle(events.Lost(self._now_ms, reason)))

    def _carry_out(self, effects: Sequence[events.FeedEffect]) -> None:
        for effect in effects:
            match effect:
                case events.Subscribe():  # the URL already has
                    self._carry_out(self._link.handle(events.Acknowledged(self._now_ms)))
                case events.Retry():  # the lines have their own back-off
                    self._carry_out(self._link.handle(events.RetryDue(self._now_ms)))
                case events.NeedBackfill(from_agg_id=first):
                    self._first_missing = _earlier(self._first_missing, first)
                    self.streams.hold()
                    self._repair_wanted.set()
                case events.Warm() | events.Cold():
                    self._on_trusted(isinstance(effect, events.Warm))
                case events.HangUp():
                    self._hang_up()
                case events.Silent(since_ms=since_ms):
                    log.warning("feed.silent", symbol=self._symbol, silent_ms=self._now_ms - since_ms)
                    self._on_lost()
                case events.Connect() | events.Ping():
                    pass  # a line connects for ever and pings by itself

    def _hang_up(self) -> None:
        """Begin anew with both connections. While one is down it comes back by its own back-off; to end the other then
        would send that one into a back-off as well, and the two might not meet for many minutes."""
        if len(self._up) == len(Route):
            for route in sorted(self._up):
                self.streams.reconnect(route, "silent")

    async def _repairs(self) -> None:
        failures = 0
        while True:
            await self._repair_wanted.wait()
            self._repair_wanted.clear()
            try:
                readings = await self._readings()
                trades = await self._tape()
            except VortexError as err:
                self.reason = f"history: {err}"
                log.warning("feed.repair_failed", symbol=self._symbol, reason=str(err))
                await self.sleep(delay_ms(failures, self._rng) / 1_000)
                failures += 1
                self._repair_wanted.set()
                continue
            failures = 0
            self._mend(readings, trades)

    def _mend(self, readings: Sequence[MarketMessage], trades: Sequence[Trade]) -> None:
        """Take the history, then what waited. The feed is warm unless another hole became known meanwhile."""
        candles = [each for each in readings if isinstance(each, Candle)]
        self._board.warm_up(candles, trades, [each for each in readings if not isinstance(each, Candle)])
        self.repairs += 1
        self._first_missing = 0
        self._watch.filled(self._board.last_agg_id)
        if self._repair_wanted.is_set():  # a connection was lost and came back: the streams stay held
            return
        waited, self._after_hole = self._after_hole, None
        if waited is not None and waited.agg_id > self._board.last_agg_id:
            self._deliver(waited)
        self.streams.release()
        if self._repair_wanted.is_set():  # what waited has a hole of its own
            return
        self._carry_out(self._link.handle(events.Backfilled(self._now_ms)))
        if self._link.warm:
            self.reason = ""

    async def _readings(self) -> list[MarketMessage]:
        """What the engines need to be warm beside the tape: candles of all intervals, the slow readings."""
        found: list[MarketMessage] = []
        for read in self._questions():
            found += self._believed(await read)
        return found

    def _believed(self, answers: Sequence[MarketMessage]) -> Iterator[MarketMessage]:
        """What REST says is not taken from the future either: engines would wait for its time (E0-8)."""
        return (each for each in answers if self._watch.check(each, self._exchange_ms).usable)

    def _questions(self) -> Iterator[Awaitable[Sequence[MarketMessage]]]:
        reader, symbol = self._reader, self._symbol
        for interval in Interval:
            yield reader.candles(symbol, interval, CANDLES)
        for other in self._references:
            yield reader.candles(other, Interval.M1, CANDLES)
        yield reader.open_interest_history(symbol, POLLS_BACK)
        yield reader.account_ratios(symbol, top_traders=False, limit=POLLS_BACK)
        yield reader.account_ratios(symbol, top_traders=True, limit=POLLS_BACK)
        yield _one(reader.premium(symbol))

    async def _tape(self) -> list[Trade]:
        """The newest trades, and behind them, page by page, every one since the board's last and since the first that a
        gap names; so that of a hole too wide to mend the oldest are left out (E0-5, E1-3)."""
        reader, symbol = self._reader, self._symbol
        trades = await reader.agg_trades(symbol, None, TRADES)
        last_id, known = trades[-1].agg_id if trades else 0, self._board.last_agg_id
        told = known if self._after_hole is None else self._after_hole.agg_id - 1
        if last_id < told:
            raise StaleData(f"trades up to {last_id} only, and the stream told of {told}")
        first = _earlier(self._first_missing, known + 1 if known else 0)
        while trades and (missing := trades[0].agg_id - first if first else 0) > 0:
            wanted = min(missing, PAGE, MISSED_MAX - len(trades))
            page = await self._page(trades[0].agg_id, wanted)
            if not page:
                self._give_up(first, trades[0].agg_id - 1)
                break
            trades = page + trades
        return trades

    async def _page(self, before_id: int, wanted: int) -> list[Trade]:
        """Trades just before an id; none when no more may be asked for, or the exchange has none."""
        if not wanted or not self._budget.allows(self._clock.mono(), self._polling.repair_weight_1m_max):
            return []
        page = await self._reader.agg_trades(self._symbol, before_id - wanted, wanted)
        return [trade for trade in page if trade.agg_id < before_id]

    def _give_up(self, first: int, last: int) -> None:
        self.given_up += last - first + 1
        log.warning("feed.trades_given_up", symbol=self._symbol, first=first, last=last)

    async def _overhear(self) -> None:
        """Frames that wait are a sign of life: a repair that takes seconds must not look like silence."""
        before = 0
        while True:
            await self.sleep(OVERHEAR_S)
            frames = sum(stats.waiting + stats.dropped for stats in self.streams.stats().values())
            if frames != before:
                self._heard = True
                self._on_alive()
            before = frames

    def _polls(self) -> list[tuple[str, int, PollReader]]:
        """E0-3, and the reference candles of E5-4, which never cross Ray: each symbol asks for its own copy."""
        reader, symbol = self._reader, self._symbol

        async def reference() -> Sequence[MarketMessage]:
            rows: list[MarketMessage] = []
            for other in self._references:
                rows += await reader.candles(other, Interval.M1, CANDLES // 10)
            return rows

        every = self._polling
        return [
            ("open-interest", every.open_interest_ms, lambda: _one(reader.open_interest(symbol))),
            ("global-ratio", every.global_ratio_ms, lambda: reader.account_ratios(symbol, top_traders=False)),
            ("top-ratio", every.top_ratio_ms, lambda: reader.account_ratios(symbol, top_traders=True)),
            ("funding", every.funding_ms, lambda: _one(reader.premium(symbol))),
            ("reference", every.reference_ms, reference),
        ]

    async def _poll(self, period_ms: int, read: PollReader) -> None:
        while True:
            await self.sleep(next_poll_ms(period_ms, self._polling.jitter, self._rng) / 1_000)
            if not self._budget.allows(self._clock.mono()):
                self.polls_skipped += 1
                continue
            try:
                for message in self._believed(await read()):
                    self._deliver(message)
            except VortexError as err:
                log.info("poll.failed", symbol=self._symbol, reason=str(err), at_ms=self._clock.unix() // MS)


async def _one(read: Coroutine[Any, Any, MarketMessage]) -> Sequence[MarketMessage]:
    return [await read]


def _earlier(a: int, b: int) -> int:
    """The smaller of two ids; 0 is none."""
    return min(a, b) or max(a, b)
