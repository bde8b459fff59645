"""Stage timers of the trading processes: always on, one clock and a few fixed arrays, read by `vortex bench latency`.

1. Stamps are CLOCK_MONOTONIC, which all processes of one node share. Across nodes a trail means nothing and is left
   out.
2. A trail belongs to the one market event that is being handled. What a timer leads to has none.
3. Nothing here decides, waits or fails: a stamp that is missing drops the sample, never the order.
"""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from vortex.domain.commands import EnterTrade
from vortex.domain.instruments import Instrument
from vortex.domain.market import Depth, MarketMessage, Trade
from vortex.domain.orders import Leg, OrderSpec
from vortex.kernel.clock import SECOND, US, Clock
from vortex.kernel.latency import Histogram
from vortex.signals.board import SignalBoard
from vortex.signals.settings import SignalSettings

LIVE = ("decode", "trade", "depth", "cycle", "decision", "record", "risk")
STAGES = ("decode", "feed", "engines", "decision", "record", "risk", "hop", "permit", "journal", "send")
"""From the socket read to the last byte of the order; `hop` is the way from the symbol's process to the executor's."""
TOTAL = "tick_to_order"
TRAIL = 7
"""Stamps that an entry brings along: read, decoded, checked, judged, decided, explained, planned."""
VIEW_NS = SECOND
SENT_MAX = 64
"""Orders that left and are not answered yet; more than symbols can ever have entries in flight."""


class Timings:
    """Named histograms and how people see them."""

    def __init__(self, names: tuple[str, ...], clock: Clock) -> None:
        self.of = {name: Histogram() for name in names}
        self._clock = clock
        self._seen_ns = -VIEW_NS
        self._view: dict[str, Any] = {}

    def view(self) -> dict[str, Any]:
        """Each by name, with the time of the look (`at_ns`); taken at most once a second, for it takes 0.2 ms."""
        now = self._clock.mono()
        if now - self._seen_ns >= VIEW_NS:
            self._seen_ns = now
            self._view = {"at_ns": now, **{name: found for name, one in self.of.items() if (found := row(one))}}
        return self._view


def row(histogram: Histogram) -> dict[str, Any]:
    """One histogram for screens (µs) and for those that add up (`buckets`); nothing when it is empty."""
    pairs = histogram.pairs()
    if not pairs:
        return {}
    p50, p99, longest = histogram.percentiles_ns(0.50, 0.99, 1.0)
    return {
        "count": sum(count for _, count in pairs),
        "p50_us": p50 / US,
        "p99_us": p99 / US,
        "longest_us": longest / US,
        "buckets": pairs,
    }


class MarketTimes:
    """Times what a symbol's process does with one market event, and gives an entry the trail of its cause.

    An event is between `heard` and `handled` or `dropped`; a decision outside of that was led to by time.
    """

    def __init__(self, clock: Clock, mono: Callable[[], int] = time.perf_counter_ns) -> None:
        """`mono` is read four times an event: by default CLOCK_MONOTONIC itself, without a clock's method around it."""
        self.timings = Timings(LIVE, clock)
        self._of = self.timings.of
        self._record_decode, self._record_trade, self._record_depth = (
            self._of[name].record for name in ("decode", "trade", "depth")
        )
        self._clock, self._mono = clock, mono
        self._ahead_ns = 0
        self.set_clock()
        self._waited = self._heard = self._checked = self._judged = self._began = 0
        self._decided = self._explained = self._planned = 0
        self._under_way = False

    def heard(self, recv_ns: int) -> None:
        """A message leaves the decoder; it was read from its socket at `recv_ns` (our wall clock)."""
        self._heard = self._mono()
        self._waited = self._heard + self._ahead_ns - recv_ns
        self._under_way = True

    def set_clock(self) -> None:
        """Measure by how much the wall clock is ahead of the monotonic one; it changes when somebody sets it."""
        self._ahead_ns = self._clock.unix() - self._mono()

    def dropped(self) -> None:
        """It was of no use."""
        self._under_way = False

    def checked(self) -> None:
        """It passed the sequence checks; the engines are next."""
        self._checked = self._mono()

    def judged(self) -> None:
        """The engines have it."""
        self._judged = self._mono()

    def stepped(self, step: str) -> None:
        """`decided`, `explained` or `planned`: a step of the symbol's brain is done."""
        now = self._mono()
        if step == "decided":
            self._decided = now
            self._of["decision"].record(now - self._judged)
        elif step == "explained":
            self._explained = now
            self._of["record"].record(now - self._decided)
        else:
            self._planned = now
            self._of["risk"].record(now - self._explained)

    def handled(self, message: MarketMessage) -> None:
        """All that follows from it is under way. An event that led to a decision counts with its stages alone."""
        now = self._mono()
        self._under_way = False
        heard = self._heard
        self._record_decode(self._waited)
        if self._decided >= heard:
            return
        if message.__class__ is Trade:
            self._record_trade(now - heard)
        elif message.__class__ is Depth:
            self._record_depth(now - heard)

    def cycle_begins(self) -> None:
        """The 100 ms timer went off."""
        self._began = self._mono()

    def cycle_ends(self) -> None:
        """Its effects are under way."""
        self._of["cycle"].record(self._mono() - self._began)

    def trail(self) -> tuple[int, ...]:
        """The stamps of the event that led here, empty when time did."""
        if not self._under_way:
            return ()
        heard = self._heard
        return (
            heard - self._waited,
            heard,
            self._checked,
            self._judged,
            self._decided,
            self._explained,
            self._planned,
        )


class TimedBoard(SignalBoard):
    """The signal board, with a stamp before and after the engines."""

    def __init__(self, settings: SignalSettings, instrument: Instrument, times: MarketTimes) -> None:
        super().__init__(settings, instrument)
        self.times = times

    def apply(self, message: MarketMessage) -> int:
        times = self.times
        times.checked()
        reasons = SignalBoard.apply(self, message)  # twice as fast to call as super's
        times.judged()
        return reasons

    def tick(self, now_ms: int) -> int:
        reasons = SignalBoard.tick(self, now_ms)
        self.times.judged()
        return reasons


class _Way(NamedTuple):
    """An approved entry on its way: its stamps so far."""

    trade_no: int
    stamps: tuple[int, ...]


class OrderTimes:
    """Times an entry in the executor's process, and with its trail the whole way from tick to order."""

    def __init__(self, clock: Clock) -> None:
        self.timings = Timings((TOTAL, *STAGES), clock)
        self._mono = clock.mono
        self._gated: dict[str, _Way] = {}
        self._sent: dict[str, tuple[int, ...]] = {}
        self.untimed = 0

    def arrived(self) -> int:
        """A command is here."""
        return self._mono()

    def gated(self, command: EnterTrade, arrived_ns: int, *, near: bool) -> None:
        """The gate has judged it. `near` when its trail was stamped on this node."""
        symbol = command.plan.symbol
        if not near or len(command.trail) != TRAIL:
            self._gated.pop(symbol, None)
            return
        self._gated[symbol] = _Way(command.plan.trade_no, (*command.trail, arrived_ns, self._mono()))

    def sending(self, spec: OrderSpec) -> None:
        """An order is durable, let through, and about to be sent."""
        if spec.leg is not Leg.ENTRY:
            return
        way = self._gated.pop(spec.symbol, None)
        if way is None or way.trade_no != spec.trade_no:
            self.untimed += 1
            return
        if len(self._sent) >= SENT_MAX:
            del self._sent[next(iter(self._sent))]
        self._sent[spec.client_order_id] = (*way.stamps, self._mono())

    def written(self, client_order_id: str, written_ns: int) -> None:
        """The last byte of its request was handed to the kernel then."""
        stamps = self._sent.pop(client_order_id, None)
        if stamps is None:
            return
        of = self.timings.of
        of[TOTAL].record(written_ns - stamps[0])
        for stage, began, ended in zip(STAGES, stamps, (*stamps[1:], written_ns), strict=True):
            of[stage].record(ended - began)

    def view(self) -> dict[str, Any]:
        """The stages, and how many entries were sent without a trail."""
        return {**self.timings.view(), "untimed": self.untimed}
