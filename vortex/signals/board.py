"""One symbol's signals: takes market messages in, lets engines be read out as the house's own messages."""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from vortex.domain.instruments import Instrument
from vortex.domain.market import Candle, Interval, MarketMessage, OpenInterest, Trade
from vortex.domain.signals import Engine, Signal
from vortex.market.jit import entry_of
from vortex.market.layout import CANDLES, INTERVALS_MS, Refusal
from vortex.market.tape import FOUR_HOURS_MS
from vortex.signals.advance import GATE, advance, judge_at
from vortex.signals.correlation import CorrelationWatch
from vortex.signals.events import FRAME_OF, EventRows, rows_of
from vortex.signals.layout import STATE, params_of
from vortex.signals.readout import SignalReader, regime_signal
from vortex.signals.recent import RecentMarket
from vortex.signals.regime import Regime
from vortex.signals.scalars import floats, integers, word_of
from vortex.signals.settings import SignalSettings

NO_WATCH_HIGH = float("inf")
KEPT = {
    "cycle": ("weight", "reliability", "watch_low", "watch_high", "due_ms", "quiet_until_ms", "refused", "events"),
    "book": ("best_ms", "best_bid", "best_ask", "gaps"),
    "tape": ("gaps",),
    "frames": ("differences", "holes"),
}
"""What a warm-up leaves as it is: what was learned, watched and counted, and the best quotes."""


class SignalBoard:
    """Market state and engines of one symbol.

    Live feeding applies one message at a time; replay applies arrays. Both run the same kernel, so both say the same.
    `reasons` of the last call is a mask of GATE (the score is worth a decision), TIMER and TOUCH.
    """

    def __init__(self, settings: SignalSettings, instrument: Instrument) -> None:
        self.settings = settings
        self.instrument = instrument
        self._state: NDArray[np.void] = np.zeros(1, STATE)
        self._params = params_of(settings, instrument.symbol)
        self._row = row = EventRows(1)
        self._one = (self._state, self._params, row.events, row.books, row.candles, 0)
        self._advance_one = entry_of(advance, *self._one)
        self._reader = SignalReader(self._state, settings)
        self._integers, self._floats = integers(self._state), floats(self._state)
        self._period_ms = settings.cycle.period_ms
        self._watch = CorrelationWatch(settings.correlation)
        self._reset()

    def _reset(self) -> None:
        self._state[:] = np.zeros(1, STATE)
        state = self._state[0]
        for k, frame in enumerate(state["frames"]):
            frame["interval_ms"] = INTERVALS_MS[k]
        cycle, base = state["cycle"], self.settings.cycle
        cycle["weight"] = (base.weight_1, base.weight_2, base.weight_3, base.weight_4)
        cycle["reliability"] = 1.0
        cycle["watch_high"] = NO_WATCH_HIGH
        state["regime"]["weight"] = cycle["weight"] / cycle["weight"].sum()
        state["indicators"]["vwap_day"] = -1

    # Feeding

    def apply(self, message: MarketMessage) -> int:
        """Take one message; the mask of reasons to look, 0 for none. What cannot be true is counted and ignored."""
        if isinstance(message, Candle):
            self.refer(message)
        if message.symbol != self.instrument.symbol:
            return 0
        self._row.put(0, message)
        return self._apply_row()

    def refer(self, candle: Candle) -> None:
        """Take a candle for the correlation of the reference symbols alone (E5-4); others change nothing."""
        self._watch.take(candle)

    def tick(self, now_ms: int) -> int:
        """Let time pass (exchange clock, ms); the mask of reasons to look."""
        self._row.put_clock(0, now_ms)
        return self._apply_row()

    def apply_batch(
        self,
        events: NDArray[np.void],
        books: NDArray[np.float64],
        candles: NDArray[np.void] | None = None,
        start: int = 0,
    ) -> int:
        """Consume events of this symbol from `start` to the next interesting moment; the next index to start from.

        Arrays must be contiguous and writable; `self.reasons` says why it stopped.
        """
        table = self._row.candles if candles is None else candles
        assert all(rows.flags.carray for rows in (events, books, table)), "kernels read plain writable arrays only"
        return int(advance(self._state, self._params, events, books, table, start))

    def _apply_row(self) -> int:
        reasons = at = 0
        while at < 1:
            at = self._advance_one(*self._one)
            reasons |= self._integers[_REASONS]
        return reasons

    def warm_up(
        self, candles: Sequence[Candle], trades: Sequence[Trade] = (), polls: Iterable[MarketMessage] = ()
    ) -> None:
        """Rebuild from REST history after a start or a gap (E0-5). What was learned, counted or watched stays.

        Candles of the reference symbols are taken too. Each sequence may come in any order.
        """
        own = sorted(
            (c for c in candles if c.symbol == self.instrument.symbol),
            key=lambda c: (c.open_ms + c.interval.ms, c.interval.ms),
        )
        for candle in sorted(candles, key=lambda c: c.open_ms):
            self._watch.take(candle)
        before = self._state.copy()
        self._reset()
        for record, names in KEPT.items():
            for name in names:
                self._state[record][name] = before[record][name]
        history = rows_of(own)
        if own:
            history.events["ts_ms"] = own[-1].ts_ms  # one moment, so that no cycles run over the past
        self._feed(history)
        readings = self._with_known_interest(before, polls)
        moments: list[MarketMessage] = [*sorted(trades, key=lambda t: t.agg_id), *readings]
        self._feed(rows_of(sorted(moments, key=lambda m: m.ts_ms)))
        self._carry_cvd(before, trades)

    def _with_known_interest(self, before: NDArray[np.void], polls: Iterable[MarketMessage]) -> Iterable[MarketMessage]:
        """A history has open interest of every five minutes only; what was read every 15 s is not forgotten (E4-1)."""
        yield from (polls := list(polls))
        told = {each.ts_ms for each in polls if isinstance(each, OpenInterest)}
        said = before[0]["sentiment"]
        for quantity, ts_ms in zip(said["oi"].tolist(), said["oi_ms"].tolist(), strict=True):
            if ts_ms and ts_ms not in told:
                yield OpenInterest(symbol=self.instrument.symbol, ts_ms=ts_ms, quantity=quantity)

    def _carry_cvd(self, before: NDArray[np.void], trades: Sequence[Trade]) -> None:
        """CVD goes on within its four hours: what it was, and the trades that were missed (E1-3)."""
        old, tape = before[0]["tape"], self._state[0]["tape"]
        period = int(old["cvd_period"])
        if not old["n"] or (trades and tape["cvd_period"] != period):
            return
        missed = [t for t in trades if t.agg_id > old["last_id"] and t.ts_ms // FOUR_HOURS_MS == period]
        tape["cvd_period"] = period
        tape["cvd"] = old["cvd"] + math.fsum(-t.qty if t.buyer_is_maker else t.qty for t in missed)

    def _feed(self, rows: EventRows) -> None:
        at = 0
        while at < len(rows.events):
            at = self.apply_batch(rows.events, rows.books, rows.candles, at)

    # Reading

    @property
    def state(self) -> NDArray[np.void]:
        """One STATE record, always the same memory: for kernels above this floor, which read it and change nothing."""
        return self._state

    @property
    def params(self) -> NDArray[np.void]:
        """One PARAMS record: the settings as kernels read them."""
        return self._params

    @property
    def reasons(self) -> int:
        """Why the last call stopped: GATE, TIMER, TOUCH or nothing."""
        return self._integers[_REASONS]

    @property
    def now_ms(self) -> int:
        """Newest time seen."""
        return int(self._state[0]["cycle"]["now_ms"])

    @property
    def cycle_ms(self) -> int:
        """The instant at which engines and score were judged last: the time to decide at."""
        return self._integers[_SCORE_MS]

    @property
    def score(self) -> float:
        """The last cycle's final score (S1-1)."""
        return self._floats[_SCORE]

    @property
    def best_bid(self) -> float:
        """Freshest best bid of depth and bookTicker, 0 before the first."""
        return float(self._state[0]["book"]["best_bid"])

    @property
    def best_ask(self) -> float:
        """Freshest best ask, 0 before the first."""
        return float(self._state[0]["book"]["best_ask"])

    @property
    def last_px(self) -> float:
        """Last traded price, 0 before the first."""
        return self._floats[_LAST_PX]

    @property
    def book_version(self) -> tuple[int, int]:
        """Changes with every accepted snapshot of the book."""
        return self._integers[_BOOKS], self._integers[_BOOK_ID]

    @property
    def last_agg_id(self) -> int:
        """Newest aggregate trade id, 0 before the first."""
        return int(self._state[0]["tape"]["last_id"])

    def refresh(self, now_ms: int) -> None:
        """Judge the engines at an instant, without keeping the score, when no cycle has come so far by itself."""
        if now_ms >= self._integers[_SCORE_MS] + self._period_ms:
            judge_at(self._state, self._params, now_ms)

    def signal(self, engine: Engine, now_ms: int) -> Signal:
        """What one engine says at an instant (E1-9, E2-7, E3-9, E4-7, E5-5)."""
        if engine is Engine.REGIME:
            return regime_signal(self.regime(now_ms))
        self.refresh(now_ms)
        return self._reader.read(engine, now_ms)

    def look(self, now_ms: int) -> tuple[tuple[Signal, ...], Regime]:
        """All five engines, and E5 in its own shape, read once."""
        regime = self.regime(now_ms)
        return self._reader.look(now_ms, regime), regime

    def signals(self, now_ms: int) -> tuple[Signal, ...]:
        """All five engines."""
        return self.look(now_ms)[0]

    def regime(self, now_ms: int) -> Regime:
        """What E5 says at an instant."""
        self.refresh(now_ms)
        return self._reader.regime(now_ms, risk_off=self._watch.risk_off)

    def is_warm(self, now_ms: int) -> bool:
        """Whether E1, E2, E3 and E5 have what they need; E4 may lack its polls and is then neutral."""
        self.refresh(now_ms)
        said = self._integers
        return said[_WARM_1] != 0 and said[_WARM_2] != 0 and said[_WARM_3] != 0 and said[_WARM_5] != 0

    def refusals(self) -> dict[str, int]:
        """How many inputs were refused, by reason."""
        counts = self._state[0]["cycle"]["refused"]
        return {reason.name: int(counts[reason]) for reason in Refusal if counts[reason]}

    def counters(self) -> dict[str, int]:
        """Events taken, sequence gaps, candle differences and holes (E0-7, E0-8)."""
        state = self._state[0]
        frames = state["frames"]
        return {
            "events": int(state["cycle"]["events"]),
            "trade_gaps": int(state["tape"]["gaps"]),
            "depth_gaps": int(state["book"]["gaps"]),
            "candle_differences": int(frames["differences"].sum()),
            "candle_holes": int(frames["holes"].sum()),
        }

    def closes(self, interval: Interval) -> int:
        """How many closed candles of an interval are held without a hole."""
        return min(CANDLES, int(self._state[0]["frames"][FRAME_OF[interval]]["n"]))

    def recent(self) -> RecentMarket:
        """The market of the last minutes for screens and the mirror (E0-2, D-1); not for the hot path."""
        return RecentMarket(self.instrument.symbol, self._state)

    # Being told

    def learn(self, weights: Mapping[Engine, float], reliability: Mapping[Engine, float]) -> None:
        """Take what was learned (S1-1, L-1).

        Reliabilities count from the next cycle on, base weights from the next look at the regime, every 30 s.
        """
        cycle = self._state[0]["cycle"]
        for at, engine in enumerate((Engine.ORDER_FLOW, Engine.TICK, Engine.TECHNICAL, Engine.SENTIMENT)):
            if engine in weights:
                cycle["weight"][at] = max(0.0, weights[engine])
            if engine in reliability:
                cycle["reliability"][at] = min(1.0, max(0.5, reliability[engine]))

    def watch(self, low: float, high: float) -> None:
        """Stop after a trade at or beyond either price; 0 and infinity watch nothing."""
        self._floats[_WATCH_LOW] = low
        self._floats[_WATCH_HIGH] = high

    def wake_at(self, due_ms: int) -> None:
        """Stop at the first cycle at or after this time; 0 forgets it."""
        self._integers[_DUE_MS] = due_ms

    def keep_quiet(self, until_ms: int) -> None:
        """Do not stop for the gate at a cycle before this time: nothing could be entered; 0 stops at every one."""
        self._integers[_QUIET_MS] = until_ms


_SCORE_MS, _REASONS, _DUE_MS, _QUIET_MS = (
    word_of("cycle", name) for name in ("score_ms", "reasons", "due_ms", "quiet_until_ms")
)
_BOOKS, _BOOK_ID = word_of("book", "readings"), word_of("book", "update_id")
_SCORE, _WATCH_LOW, _WATCH_HIGH = (word_of("cycle", name) for name in ("score", "watch_low", "watch_high"))
_WARM_1, _WARM_2, _WARM_3, _WARM_5 = (word_of(name, "warm") for name in ("flow", "tick", "technical", "regime"))
_LAST_PX = word_of("tape", "last_px")

__all__ = ["GATE", "SignalBoard"]
