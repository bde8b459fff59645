"""Walks the way of a market event now and then on a stage of its own, so that caches still know it when one comes.

1. Nothing on this stage is shared with the market's: what is rehearsed is heard, counted and decided nowhere else.
2. It halves what an event costs in a quiet market, for three or four percent of a core (docs/performance.md).
"""

import asyncio

from actors.market_mirror import MarketMirror
from actors.times import MarketTimes, TimedBoard
from vortex.adapters.binance.decode import MarketDecoder
from vortex.domain.instruments import Instrument
from vortex.domain.market import LEVELS
from vortex.engine.symbol import standard_symbol
from vortex.kernel.clock import MS, Clock
from vortex.market.sequence import SequenceWatch
from vortex.settings import Settings
from vortex.signals.generated import generate_history
from vortex.strategy.decision import Decider, DecisionContext

SEED = 1
PX = 100.0
CONTEXT = DecisionContext()


class Rehearsal:
    """One trade and one book through decoder, checks, kernels and decision of a symbol that nobody trades."""

    def __init__(self, instrument: Instrument, settings: Settings, clock: Clock) -> None:
        self._clock = clock
        self._name = instrument.symbol.encode()
        self._times = MarketTimes(clock)
        self.board = TimedBoard(settings.signals, instrument, self._times)
        self.board.warm_up(generate_history(instrument.symbol, self._now_ms(), SEED))
        self._engine = standard_symbol(
            symbol=instrument.symbol,
            epoch=0,
            clock=clock,
            board=self.board,
            decision=settings.decision,
            risk=settings.risk,
            execution=settings.execution,
        )
        self._decider = Decider(self.board, settings.decision)
        self._decoder, self._watch = MarketDecoder(), SequenceWatch()
        self._mirror = MarketMirror(instrument.symbol)
        self._number = self.board.last_agg_id

    def once(self) -> None:
        """The whole way, once."""
        now_ms = self._now_ms()
        self._number += 1
        self._hear(trade_frame(self._name, now_ms, self._number))
        self._hear(book_frame(self._name, now_ms, self._number))
        self._decider.decide(CONTEXT, self.board.cycle_ms)

    def _hear(self, frame: bytes) -> None:
        message = self._decoder.decode(frame, self._clock.unix())
        assert message is not None, "both frames are ours"
        self._times.heard(message.recv_ns)
        self._watch.check(message, self._now_ms)
        self._engine.on_market(message)
        self._mirror.take(message)
        self._times.handled(message)

    def _now_ms(self) -> int:
        return self._clock.unix() // MS


async def rehearse(instrument: Instrument, settings: Settings, clock: Clock) -> None:
    """Rehearse every `market.rehearse_ms` until canceled. The stage is built beside the loop: it takes 30 ms."""
    rehearsal = await asyncio.to_thread(Rehearsal, instrument, settings, clock)
    while True:
        await asyncio.sleep(settings.market.rehearse_ms / 1_000)
        rehearsal.once()


def trade_frame(symbol: bytes, now_ms: int, number: int) -> bytes:
    """A print at the price of the stage, bought and sold by turns."""
    return _TRADE % (now_ms, symbol, number, number % 9 + 1, number, number, now_ms, _MAKER[number % 2])


def book_frame(symbol: bytes, now_ms: int, number: int) -> bytes:
    """Twenty levels on either side of it; which of a few books it is changes from one to the next."""
    return _BOOK % (now_ms, now_ms, symbol, number, number, number - 1, *_BOOKS[number % len(_BOOKS)])


def _levels(step: float, turn: int) -> bytes:
    return ",".join(f'["{PX + step * k:.1f}","{(turn + k) % 7 + 1}.5"]' for k in range(1, LEVELS + 1)).encode()


_MAKER = (b"false", b"true")
_BOOKS = tuple((_levels(-0.1, turn), _levels(0.1, turn * 2)) for turn in range(7))
_TRADE = (
    b'{"stream":"rehearsal","data":{"e":"aggTrade","E":%d,"s":"%s","a":%d,"p":"100.0","q":"0.%d","f":%d,"l":%d,'
    b'"T":%d,"m":%s}}'
)
_BOOK = (
    b'{"stream":"rehearsal","data":{"e":"depthUpdate","E":%d,"T":%d,"s":"%s","U":%d,"u":%d,"pu":%d,"b":[%s],"a":[%s]}}'
)
