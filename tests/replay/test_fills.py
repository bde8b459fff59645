"""Simulated fills take the worse side of what a recording leaves open."""

from decimal import Decimal

import pytest

from tests.replay.conftest import Make
from vortex.domain.orders import Side
from vortex.domain.reasons import ExitReason
from vortex.sim.replay_fills import FillSettings, Print, ShownBook, SimulatedTrade, Stage

SETTINGS = FillSettings(latency_ms=50, maker_rate=Decimal("0.0002"), taker_rate=Decimal("0.0005"))
SIDES = pytest.mark.parametrize("side", [Side.BUY, Side.SELL])


def book(queue: int = 7, middle: int = 1_000) -> ShownBook:
    """One tick wide, our level at the touch on both sides: 20 levels of `queue` lots, then 5 behind."""
    bids = ((middle, queue), *((middle - k, 5) for k in range(1, 20)))
    asks = ((middle + 1, queue), *((middle + 1 + k, 5) for k in range(1, 20)))
    return ShownBook(bids, asks)


def mirrored(shown: ShownBook) -> ShownBook:
    """The same book with the sides exchanged round 1000 ticks."""
    flip = lambda levels: tuple((2_000 - px, lots) for px, lots in levels)  # noqa: E731 - a picture in one line
    return ShownBook(flip(shown.asks), flip(shown.bids))


class Trial:
    """A trade whose market is told as seen by a buyer; for a seller all is mirrored."""

    def __init__(self, make: Make, side: Side = Side.BUY, queue: int = 7, **changes: int) -> None:
        self.side = side
        self.shown = self.seen(book(queue))
        self.trade = SimulatedTrade(make.plan(side, **changes), make.bitcoin, self.shown, SETTINGS, 0)

    def seen(self, shown: ShownBook) -> ShownBook:
        """As this side sees it."""
        return shown if self.side is Side.BUY else mirrored(shown)

    def prints(self, ts_ms: int, px: int, lots: int, *, ours: bool = True, shown: ShownBook | None = None) -> None:
        """A print at a price; `ours`: its taker takes from our side of the book."""
        at = px if self.side is Side.BUY else 2_000 - px
        maker = ours is (self.side is Side.BUY)
        self.trade.on_print(Print(ts_ms, at, lots, maker), self.seen(shown or book()))

    def waits(self, now_ms: int, last: int = 1_000, shown: ShownBook | None = None) -> None:
        """Time passes."""
        at = last if self.side is Side.BUY else 2_000 - last
        self.trade.on_time(now_ms, self.seen(shown or book()), at)


@SIDES
def test_an_entry_waits_for_the_queue_ahead(make: Make, side: Side) -> None:
    """Seven lots stand ahead: the first seven at our price are theirs, the next are ours."""
    trial = Trial(make, side)
    trial.prints(100, 1_000, 7)
    assert trial.trade.stage is Stage.RESTING
    trial.prints(101, 1_000, 4)
    trial.prints(102, 1_000, 6, ours=False)
    assert trial.trade.stage is Stage.RESTING
    trial.prints(103, 1_000, 6)
    assert trial.trade.stage is Stage.HELD


@SIDES
def test_a_print_through_the_price_fills_at_our_price(make: Make, side: Side) -> None:
    """Whoever traded beyond us has taken everything at our level."""
    trial = Trial(make, side)
    trial.prints(100, 999, 1)
    trial.trade.end(200, trial.shown)
    assert trial.trade.closed is not None
    assert trial.trade.closed.entry_px == Decimal(100)


def test_prints_before_the_order_arrives_are_not_ours(make: Make) -> None:
    """The order needs 50 ms to the exchange."""
    trial = Trial(make)
    trial.prints(49, 999, 100)
    assert trial.trade.stage is Stage.SENT


@SIDES
def test_an_order_that_would_take_is_refused(make: Make, side: Side) -> None:
    """Post-only: the market came to us before the order was there."""
    trial = Trial(make, side)
    trial.waits(60, shown=book(middle=998))
    assert (trial.trade.stage, trial.trade.rejected, trial.trade.closed) == (Stage.OVER, True, None)


def test_an_unfilled_entry_is_given_up_at_its_timeout(make: Make) -> None:
    """5 s after it rests."""
    trial = Trial(make)
    trial.waits(60)
    assert trial.trade.due_ms == 5_050
    trial.waits(5_100)
    assert (trial.trade.stage, trial.trade.rejected) == (Stage.OVER, False)


@pytest.mark.parametrize(("filled", "stage"), [(4, Stage.OVER), (5, Stage.HELD)])
def test_half_of_the_entry_is_enough_to_go_on(make: Make, filled: int, stage: Stage) -> None:
    """Less than 50 % at the timeout is closed again as NO_FILL (S3-5)."""
    trial = Trial(make)
    trial.prints(100, 1_000, 7 + filled)
    trial.waits(5_100)
    assert trial.trade.stage is stage
    if stage is Stage.OVER:
        assert trial.trade.closed is not None
        assert trial.trade.closed.reason is ExitReason.NO_FILL
        assert trial.trade.closed.lots == filled


@SIDES
def test_a_stop_takes_from_the_book_no_better_than_its_trigger(make: Make, side: Side) -> None:
    """Ten lots: seven at the touch, three a tick lower, fees of a maker in and a taker out, to the cent."""
    trial = Trial(make, side)
    trial.prints(100, 999, 1)
    trial.prints(300, 990, 1, shown=book(middle=989))
    closed = trial.trade.closed
    assert closed is not None
    sign = side.sign
    entry, out = 1_000 * 10, 7 * (1_000 - 11 * sign) + 3 * (1_000 - 12 * sign)
    unit = Decimal("0.0001")
    fees = entry * unit * Decimal("0.0002") + out * unit * Decimal("0.0005")
    assert closed.reason is ExitReason.SL
    assert closed.gross == sign * (out - entry) * unit
    assert closed.fees == fees
    assert closed.net == closed.gross - fees


@SIDES
def test_a_trigger_below_the_book_sets_the_price(make: Make, side: Side) -> None:
    """The book lags behind the print; the worse of both counts."""
    trial = Trial(make, side)
    trial.prints(100, 999, 1)
    trial.prints(300, 985, 1, shown=book(middle=1_000))
    assert trial.trade.closed is not None
    assert trial.trade.closed.exit_px == Decimal("0.1") * (1_000 - 15 * side.sign)


@SIDES
def test_take_profit_then_break_even_then_trail(make: Make, side: Side) -> None:
    """60 % at the target, the rest behind a stop that follows and never goes back (S3-3)."""
    trial = Trial(make, side)
    trial.prints(100, 999, 1)
    trial.prints(1_000, 1_014, 1, ours=False)
    near = min if side is Side.BUY else max
    stop = lambda: near(px for px in trial.trade.watched if px is not None)  # noqa: E731 - said three times
    assert stop() == 1_000
    trial.waits(11_000, last=1_020)
    assert (stop() - 1_000) * side.sign == 15
    trial.waits(21_000, last=1_016)
    assert (stop() - 1_000) * side.sign == 15
    trial.prints(22_000, 1_015, 1, shown=book(queue=100, middle=1_015))
    closed = trial.trade.closed
    assert closed is not None
    assert closed.reason is ExitReason.TP2
    assert closed.gross == Decimal("0.0001") * (6 * 13 + 4 * 15)


def test_a_target_that_was_visible_waits_for_its_queue(make: Make) -> None:
    """Five lots were shown at 1013; takers must buy them first."""
    trial = Trial(make, take_profit_share=100)
    trial.prints(100, 999, 1)
    trial.prints(200, 1_013, 5, ours=False)
    trial.prints(201, 1_013, 9, ours=False)
    assert trial.trade.stage is Stage.HELD
    trial.prints(202, 1_013, 1, ours=False)
    assert trial.trade.closed is not None
    assert trial.trade.closed.reason is ExitReason.TP1_FULL
    assert trial.trade.closed.gross == Decimal("0.0130")


def test_a_target_out_of_sight_needs_a_print_through_it(make: Make) -> None:
    """Nobody knows what stands there."""
    trial = Trial(make, take_profit_px_ticks=1_500, take_profit_share=100)
    trial.prints(100, 999, 1)
    trial.prints(200, 1_500, 1_000, ours=False)
    assert trial.trade.stage is Stage.HELD
    trial.prints(201, 1_501, 1, ours=False)
    assert trial.trade.stage is Stage.OVER


def test_the_hold_ends_at_market(make: Make) -> None:
    """Five minutes after the first fill (S3-4)."""
    trial = Trial(make)
    trial.prints(100, 999, 1)
    assert trial.trade.due_ms == 300_100
    trial.waits(300_100)
    assert trial.trade.closed is not None
    assert trial.trade.closed.reason is ExitReason.TIMEOUT


def test_orders_are_counted_as_they_would_be_sent(make: Make) -> None:
    """Entry, stop, target, then the close."""
    trial = Trial(make)
    trial.prints(100, 999, 1)
    trial.waits(300_100)
    assert trial.trade.orders == 4
