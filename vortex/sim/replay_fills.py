"""One simulated trade of a replay: queue at the entry, stop, take-profit, trailing, timeouts and fees.

The model takes the worse side of what the recording leaves open:

1. An order is on the book `latency_ms` after its decision; one that would cross by then is refused (post-only).
2. A limit order at a level waits for all that was shown there when it was sent; cancellations ahead do not help it.
   It fills when takers have traded through that queue, or when a print goes through its price. Where the level was
   not visible, only a print through it counts.
3. A triggered stop and a market close take from the shown book, no better than the print that triggered them.
"""

import enum
from decimal import Decimal
from typing import NamedTuple

import msgspec

from vortex.domain.instruments import Instrument
from vortex.domain.orders import Side
from vortex.domain.plans import TradePlan
from vortex.domain.reasons import ExitReason


class FillSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Times in ms, rates as fractions of notional (P-5, S3-3, S3-5, P-3)."""

    latency_ms: int = 50
    maker_rate: Decimal = Decimal("0.00020")
    taker_rate: Decimal = Decimal("0.00050")
    partial_keep_percent: int = 50
    trail_every_ms: int = 10_000
    hold_limit_ms: int = 1_200_000


class Print(NamedTuple):
    """A trade of the market in ticks and lots."""

    ts_ms: int
    px: int
    lots: int
    buyer_is_maker: bool


Shown = tuple[tuple[int, int], ...]


class ShownBook(NamedTuple):
    """Both sides of the visible book in ticks and lots, best first."""

    bids: Shown
    asks: Shown

    def queue(self, side: Side, px: int) -> int | None:
        """Lots at a level of our side; zero inside the spread, None where nothing is visible."""
        own = self.bids if side is Side.BUY else self.asks
        if not own or side.sign * px < side.sign * own[-1][0]:
            return None
        return next((lots for level, lots in own if level == px), 0)

    def opposite(self, side: Side) -> Shown:
        """What an order of this side takes from."""
        return self.asks if side is Side.BUY else self.bids


class Stage(enum.Enum):
    """Where a simulated trade is."""

    SENT = "sent"
    RESTING = "resting"
    HELD = "held"
    OVER = "over"


class ClosedTrade(msgspec.Struct, frozen=True, kw_only=True):
    """A finished trade. Prices are averages and money is in quote units; `net` is after `fees`."""

    symbol: str
    trade_no: int
    side: Side
    strategy: str
    lots: int
    entry_ms: int
    exit_ms: int
    entry_px: Decimal
    exit_px: Decimal
    gross: Decimal
    fees: Decimal
    net: Decimal
    reason: ExitReason


class SimulatedTrade:
    """From a plan to its end, moved by prints and by time. `orders` counts what would have been sent."""

    def __init__(
        self, plan: TradePlan, instrument: Instrument, book: ShownBook, settings: FillSettings, now_ms: int
    ) -> None:
        self.plan = plan
        self.stage = Stage.SENT
        self.rejected = False
        self.orders = 1
        self.closed: ClosedTrade | None = None
        self._instrument = instrument
        self._settings = settings
        self._active_ms = now_ms + settings.latency_ms
        self._entry_ends_ms = self._active_ms + plan.entry_timeout_ms
        self._queue = book.queue(plan.side, plan.entry_px_ticks)
        self._take_queue: int | None = None
        self._entered = self._exited = 0
        self._paid = self._received = 0  # ticks x lots
        self._fees = Decimal(0)
        self._first_ms = 0
        self._target = 0  # lots that the take-profit still has to close
        self._target_hit = False
        self._stop = plan.stop_px_ticks
        self._trail_ms = 0

    @property
    def due_ms(self) -> int:
        """When time alone next matters; 0 when it is over."""
        match self.stage:
            case Stage.SENT:
                return self._active_ms
            case Stage.RESTING:
                return self._entry_ends_ms
            case Stage.HELD:
                return min(self._hold_ends_ms, self._trail_ms) if self._target_hit else self._hold_ends_ms
            case Stage.OVER:
                return 0

    @property
    def watched(self) -> tuple[int | None, int | None]:
        """Prices in ticks at or beyond which a print matters: low, high."""
        if self.stage is Stage.OVER:
            return None, None
        near = self._stop if self.stage is Stage.HELD else self.plan.entry_px_ticks
        far = self.plan.take_profit_px_ticks if self.stage is Stage.HELD and not self._target_hit else None
        return (near, far) if self.plan.side is Side.BUY else (far, near)

    @property
    def _hold_ends_ms(self) -> int:
        return self._first_ms + min(self.plan.max_hold_ms, self._settings.hold_limit_ms)

    def on_print(self, trade: Print, book: ShownBook) -> None:
        """A trade of the market at a watched price."""
        if self.stage is Stage.OVER or trade.ts_ms < self._active_ms:
            return
        if self.stage is Stage.SENT:
            self._arrive(book)
        if self.stage is Stage.RESTING:
            self._fill_entry(trade, book)
        if self._open_lots and self.plan.side.sign * (trade.px - self._stop) <= 0:
            self._market(trade.ts_ms, book, ExitReason.TP2 if self._target_hit else ExitReason.SL, trade.px)
        elif self.stage is Stage.HELD and not self._target_hit:
            self._fill_target(trade)

    def on_time(self, now_ms: int, book: ShownBook, last_px: int) -> None:
        """A cycle at or after `due_ms`."""
        if self.stage is Stage.SENT and now_ms >= self._active_ms:
            self._arrive(book)
        if self.stage is Stage.RESTING and now_ms >= self._entry_ends_ms:
            self._give_up_entry(now_ms, book)
        if self.stage is Stage.HELD and now_ms >= self._hold_ends_ms:
            self._market(now_ms, book, ExitReason.TIMEOUT, None)
        if self.stage is Stage.HELD and self._target_hit and now_ms >= self._trail_ms:
            self._pull_stop(now_ms, last_px)

    def end(self, now_ms: int, book: ShownBook) -> None:
        """The recording is over: what is open is closed at market, by hand as it were."""
        if self._open_lots:
            self._market(now_ms, book, ExitReason.MANUAL, None)
        self.stage = Stage.OVER

    # --- entry ---

    @property
    def _open_lots(self) -> int:
        return self._entered - self._exited

    def _arrive(self, book: ShownBook) -> None:
        """Post-only: an order that would take is refused, which is a skip and no error (S3-1)."""
        sign = self.plan.side.sign
        facing = book.opposite(self.plan.side)
        self.rejected = bool(facing) and sign * self.plan.entry_px_ticks >= sign * facing[0][0]
        self.stage = Stage.OVER if self.rejected else Stage.RESTING

    def _fill_entry(self, trade: Print, book: ShownBook) -> None:
        lots, self._queue = _filled(
            self.plan.side, self.plan.entry_px_ticks, self.plan.qty_lots - self._entered, self._queue, trade
        )
        if not lots:
            return
        if not self._entered:
            self._first_ms = trade.ts_ms
            self.orders += 1  # the stop
        self._entered += lots
        self._paid += lots * self.plan.entry_px_ticks
        self._charge(lots, self.plan.entry_px_ticks, self._settings.maker_rate)
        if self._entered == self.plan.qty_lots:
            self._hold(book)

    def _give_up_entry(self, now_ms: int, book: ShownBook) -> None:
        """S3-5: too little filled is closed again, enough goes on."""
        if not self._entered:
            self.stage = Stage.OVER
        elif self._entered * 100 < self.plan.qty_lots * self._settings.partial_keep_percent:
            self._market(now_ms, book, ExitReason.NO_FILL, None)
        else:
            self._hold(book)

    def _hold(self, book: ShownBook) -> None:
        """Entered: the take-profit is placed (S3-3)."""
        self.stage = Stage.HELD
        self.orders += 1
        self._target = max(1, self._entered * self.plan.take_profit_share // 100)
        self._take_queue = book.queue(self.plan.side.opposite, self.plan.take_profit_px_ticks)

    # --- exit ---

    def _fill_target(self, trade: Print) -> None:
        take = self.plan.take_profit_px_ticks
        lots, self._take_queue = _filled(self.plan.side.opposite, take, self._target, self._take_queue, trade)
        if not lots:
            return
        self._target -= lots
        self._exit(lots, take, self._settings.maker_rate)
        if not self._open_lots:
            self._finish(trade.ts_ms, ExitReason.TP1_FULL)
        elif not self._target:
            self._target_hit = True
            self._stop = self.plan.entry_px_ticks
            self._trail_ms = trade.ts_ms + self._settings.trail_every_ms
            self.orders += 1

    def _pull_stop(self, now_ms: int, last_px: int) -> None:
        """S3-3: never back, at most every `trail_every_ms`."""
        sign = self.plan.side.sign
        wanted = last_px - sign * self.plan.trail_ticks
        if sign * wanted > sign * self._stop:
            self._stop = wanted
            self.orders += 1
        self._trail_ms = now_ms + self._settings.trail_every_ms

    def _market(self, now_ms: int, book: ShownBook, reason: ExitReason, print_px: int | None) -> None:
        """Close all that is open against the shown book; what it does not hold goes at its last level."""
        side = self.plan.side.opposite
        worst = max if side is Side.BUY else min
        left = self._open_lots
        levels = book.opposite(side) or ((self.plan.entry_px_ticks if print_px is None else print_px, left),)
        if reason in (ExitReason.TIMEOUT, ExitReason.NO_FILL, ExitReason.MANUAL):
            self.orders += 1  # the stop is on the exchange already
        for at, (level, lots) in enumerate(levels):
            taken = left if at == len(levels) - 1 else min(left, lots)
            if taken:
                self._exit(taken, level if print_px is None else worst(level, print_px), self._settings.taker_rate)
            left -= taken
        self._finish(now_ms, reason)

    def _exit(self, lots: int, px: int, rate: Decimal) -> None:
        self._exited += lots
        self._received += lots * px
        self._charge(lots, px, rate)

    def _charge(self, lots: int, px: int, rate: Decimal) -> None:
        self._fees += self._instrument.price(px) * self._instrument.quantity(lots) * rate

    def _finish(self, now_ms: int, reason: ExitReason) -> None:
        instrument, lots = self._instrument, self._entered
        unit = instrument.tick_size * instrument.step_size
        gross = self.plan.side.sign * (self._received - self._paid) * unit
        self.stage = Stage.OVER
        self.closed = ClosedTrade(
            symbol=self.plan.symbol,
            trade_no=self.plan.trade_no,
            side=self.plan.side,
            strategy=self.plan.strategy.value,
            lots=lots,
            entry_ms=self._first_ms,
            exit_ms=now_ms,
            entry_px=self._paid * instrument.tick_size / lots,
            exit_px=self._received * instrument.tick_size / lots,
            gross=gross,
            fees=self._fees,
            net=gross - self._fees,
            reason=reason,
        )


def _filled(side: Side, px: int, wanted: int, queue: int | None, trade: Print) -> tuple[int, int | None]:
    """How many lots of a limit order a print fills, and what is left ahead of it (law 2)."""
    beyond = side.sign * (px - trade.px)
    if beyond > 0:
        return wanted, 0
    takes_from_us = trade.buyer_is_maker is (side is Side.BUY)
    if beyond < 0 or not takes_from_us or queue is None:
        return 0, queue
    lots = min(wanted, max(0, trade.lots - queue))
    return lots, max(0, queue - trade.lots)
