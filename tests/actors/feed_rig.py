"""A feed on an exchange in memory: a tape, a stream that can lose messages, REST that can be slow, late or failing."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from types import SimpleNamespace

import msgspec

from actors.feed import OVERHEAR_S, Feed, FeedListener
from actors.times import MarketTimes
from tests.signals.conftest import Build
from vortex.adapters.binance.endpoints import Route
from vortex.adapters.binance.inbox import Inbox
from vortex.adapters.binance.streams import MarketListener
from vortex.domain.market import AccountRatio, MarketMessage, MarkPrice, OpenInterest, Trade
from vortex.kernel.clock import MS, ManualClock
from vortex.kernel.rng import Rng
from vortex.market.polls import PollBudget, PollSettings
from vortex.settings import MarketSettings

SYMBOL = "BTCUSDT"
START_MS = 1_700_000_000_000 - 1_700_000_000_000 % 14_400_000 + 3_600_000
"""An hour into a CVD period."""
QUIET = PollSettings(
    open_interest_ms=10**9, global_ratio_ms=10**9, top_ratio_ms=10**9, funding_ms=10**9, reference_ms=10**9
)
"""Polls that no test lives to see."""
REPAIR_SLEEP_S = 31.0


class Exchange:
    """The truth: a tape that grows, and REST that reads it. `late` trades are not in REST yet."""

    def __init__(self, trades: int) -> None:
        self.tape: list[Trade] = []
        self.late = 0
        self.failures: deque[Exception] = deque()
        self.while_asked: deque[Callable[[], None]] = deque()
        self.asked: list[tuple[int | None, int]] = []
        for _ in range(trades):
            self.trade()

    def trade(self) -> Trade:
        """One more print; every third one sells."""
        agg_id = len(self.tape) + 1
        self.tape.append(
            Trade(
                symbol=SYMBOL,
                ts_ms=START_MS + agg_id,
                agg_id=agg_id,
                px=100.0,
                qty=float(agg_id % 7 + 1),
                buyer_is_maker=agg_id % 3 == 0,
            )
        )
        return self.tape[-1]

    def cvd(self, first: int, last: int) -> float:
        """What E1-3 says of the trades from one id to another."""
        return sum(-t.qty if t.buyer_is_maker else t.qty for t in self.tape[first - 1 : last])

    # The reader's side

    async def agg_trades(self, symbol: str, from_id: int | None, limit: int) -> list[Trade]:
        """As MarketReader: forwards from an id, or the newest. What happens meanwhile happens after the answer."""
        assert symbol == SYMBOL
        self.asked.append((from_id, limit))
        told = self.tape[: len(self.tape) - self.late]
        await asyncio.sleep(0)
        if self.while_asked:
            self.while_asked.popleft()()
        if self.failures:
            raise self.failures.popleft()
        return told[-limit:] if from_id is None else told[max(0, from_id - 1) :][:limit]

    async def candles(self, symbol: str, interval: object, limit: int) -> list[MarketMessage]:
        """None: this exchange is young."""
        return []

    async def open_interest(self, symbol: str) -> OpenInterest:
        """A reading."""
        return OpenInterest(symbol=symbol, ts_ms=START_MS, quantity=5.0)

    async def open_interest_history(self, symbol: str, limit: int) -> list[OpenInterest]:
        """None."""
        return []

    async def account_ratios(self, symbol: str, *, top_traders: bool, limit: int = 1) -> list[AccountRatio]:
        """A reading."""
        return [AccountRatio(symbol=symbol, ts_ms=START_MS, long_share=0.5, top_traders=top_traders)]

    async def premium(self, symbol: str) -> MarkPrice:
        """A reading."""
        return MarkPrice(
            symbol=symbol, ts_ms=START_MS, mark_px=100.0, index_px=100.0, funding_rate=0.0, next_funding_ms=START_MS
        )


class Wire:
    """Streams with one real inbox for both routes; frames are ids of trades."""

    def __init__(self, exchange: Exchange, listener: MarketListener) -> None:
        self._exchange = exchange
        self._listener = listener
        self._inbox = Inbox(lambda _, frame: listener.on_message(exchange.tape[int(frame) - 1]))
        self.hung_up: list[Route] = []
        self.held = False

    async def run(self) -> None:
        """For ever."""
        await asyncio.Event().wait()

    def up(self) -> None:
        """Both routes are connected."""
        for route in Route:
            self._listener.on_up(route)

    def down(self) -> None:
        """The route of the trades is lost."""
        self._listener.on_down(Route.MARKET, "reset")

    def back(self) -> None:
        """It is there again."""
        self._listener.on_up(Route.MARKET)

    def trade(self, *, lost: bool = False) -> None:
        """A print, told by the stream unless it gets lost."""
        agg_id = self._exchange.trade().agg_id
        if not lost:
            self._inbox.put(0, str(agg_id).encode())
            self._inbox.drain()

    def hold(self) -> None:
        self.held = True
        self._inbox.hold()

    def release(self) -> None:
        self.held = False
        self._inbox.release()

    def reconnect(self, route: Route, reason: str) -> None:
        self.hung_up.append(route)

    def stats(self) -> dict[Route, SimpleNamespace]:
        return {Route.MARKET: SimpleNamespace(waiting=self._inbox.waiting, dropped=self._inbox.dropped)}


class Rig:
    """A real feed, link, watch and board on that exchange."""

    def __init__(self, trades: int = 50, polls: PollSettings = QUIET) -> None:
        self.exchange = Exchange(trades)
        self.clock = ManualClock((START_MS + 1_000_000) * MS)
        self.budget = PollBudget(polls.weight_1m_max)
        self.board = Build().board()
        self.trusted: list[bool] = []
        self.lost: list[int] = []
        self.alive: list[int] = []
        self.delivered: list[MarketMessage] = []
        self.slept: list[float] = []
        parts = SimpleNamespace(
            reader=self.exchange,
            settings=msgspec.structs.replace(MarketSettings(), polls=polls),
            budget=self.budget,
            open_streams=self._open,
        )
        times = MarketTimes(self.clock, self.clock.mono)
        self.feed = Feed(
            SYMBOL,
            parts,
            self.board,
            self.clock,
            Rng(1),
            FeedListener(
                on_message=self._take,
                on_alive=lambda: self.alive.append(self.clock.mono() // MS),
                on_trusted=self._trust,
                on_lost=lambda: self.lost.append(self.clock.mono() // MS),
            ),
            times,  # type: ignore[arg-type]
        )
        self.feed.sleep = self.sleep

    def _open(self, symbols: Sequence[str], listener: MarketListener) -> Wire:
        self.wire = Wire(self.exchange, listener)
        return self.wire

    def _take(self, message: MarketMessage) -> None:
        self.delivered.append(message)
        self.board.apply(message)

    def _trust(self, trusted: bool) -> None:
        self.trusted.append(trusted)
        if trusted:
            self.check()

    async def sleep(self, seconds: float) -> None:
        """Waits of a repair are over at once, polls stay away."""
        if seconds != OVERHEAR_S:
            self.slept.append(seconds)
        if seconds > REPAIR_SLEEP_S:
            await asyncio.Event().wait()
        await asyncio.sleep(0)

    @property
    def warm(self) -> bool:
        """Whether decisions are allowed now."""
        return bool(self.trusted) and self.trusted[-1]

    @property
    def cvd(self) -> float:
        """The board's."""
        return float(self.board._state[0]["tape"]["cvd"])

    def check(self) -> None:
        """A warm feed's CVD is that of every trade up to the board's last, and nothing waits."""
        assert not self.wire.held
        assert self.cvd == self.exchange.cvd(1, self.board.last_agg_id)
        assert self.board.counters()["trade_gaps"] == 0

    async def settle(self) -> None:
        """Let everything that can happen without time passing happen."""
        for _ in range(200):
            await asyncio.sleep(0)
        self.feed.tick()
        for _ in range(200):
            await asyncio.sleep(0)


async def lived(rig: Rig, story: Callable[[Rig], object]) -> None:
    """Run the feed, connect it, let it become warm, tell the story, end it."""
    task = asyncio.create_task(rig.feed.run())
    try:
        await asyncio.sleep(0)
        rig.wire.up()
        await rig.settle()
        told = story(rig)
        if asyncio.iscoroutine(told):
            await told
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
