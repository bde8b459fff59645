"""The order round trip of `vortex doctor`: the smallest order, far from the market, and its cancel; play money only.

1. It is sent once. When its outcome is unknown the exchange is asked, until it says what became of it.
2. Whatever happens, interrupts among it, it is not left before the exchange has said that it is gone.
"""

import asyncio
import os
from contextlib import suppress
from decimal import ROUND_CEILING, Decimal

import msgspec

from cli.doctor_exchange import Talk
from cli.doctor_rows import Row, fail, ok, skip, told
from vortex.adapters.binance.venue import BinanceVenue
from vortex.domain.instruments import Instrument
from vortex.domain.orders import Leg, OrderKind, OrderSpec, OrderState, Side, TimeInForce, VenueOrder
from vortex.kernel.clock import MS, SystemClock
from vortex.kernel.errors import NotSent, OutcomeUnknown, VortexError

NAME = "order round trip"
LIMIT_S = 60.0
PLAY_MONEY = frozenset({"sim", "testnet"})
AWAY = Decimal("0.97")
"""Price over mark: far enough not to be met within a second, near enough for every symbol's price band."""
BAND_MARGIN = Decimal("0.01")
SETTLE_S, PAUSE_S = 12.0, 0.25
ABSENT_MIN, ABSENT_AFTER_S = 3, 3.0
"""Not-founds, and the time they must cover, before an order in doubt counts as never arrived: visibility may lag."""


class Fate(msgspec.Struct, frozen=True, kw_only=True):
    """What the exchange said last. `order` is None when it never arrived; `known` is False when it would not say."""

    known: bool
    order: VenueOrder | None = None
    cancel_ms: float | None = None

    @property
    def gone(self) -> bool:
        """No order of ours rests there."""
        return self.known and (self.order is None or self.order.state.is_terminal)


async def order_row(talk: Talk) -> Row:
    """Place, cancel, verify; the measured way of an order and of its cancel."""
    assert talk.settings.venue.kind in PLAY_MONEY, "no order of the doctor's ever leaves with real money"
    symbol = next((name for name in talk.settings.symbols if name in talk.listed), "")
    if not symbol:
        return skip(NAME, "none of our symbols is listed")
    if talk.hedged:
        return skip(NAME, "the account is in hedge mode, until the start switches it")
    venue = BinanceVenue(talk.rest)
    await venue.instruments()
    spec = smallest(talk.listed[symbol], (await venue.market.premium(symbol)).mark_px, talk.rest.venue_ms())
    try:
        return await place_and_settle(venue, spec)
    except NotSent as error:
        return fail(NAME, f"not sent ({told(error)})", "look at the rows above: limits, network")
    except asyncio.CancelledError:
        await settle(venue, spec, arrived=False)  # it may be on its way, or resting
        raise


async def place_and_settle(venue: BinanceVenue, spec: OrderSpec) -> Row:
    """Send it once, then see it gone."""
    clock = SystemClock()
    began_ns = clock.mono()
    trouble: OutcomeUnknown | None = None
    try:
        await venue.submit(spec, venue.venue_ms())
    except OutcomeUnknown as error:
        trouble = error
    sent_ms = (clock.mono() - began_ns) / MS
    fate = await settle(venue, spec, arrived=trouble is None)
    return verdict(spec, sent_ms, fate, trouble)


def smallest(instrument: Instrument, mark_px: float, now_ms: int) -> OrderSpec:
    """The least quantity that passes the filters, resting below the market. Its id can be no trade's of ours."""
    mark = Decimal(str(mark_px))
    px = mark * max(AWAY, instrument.percent_down + BAND_MARGIN)
    ticks = max(int(px // instrument.tick_size), int(instrument.min_price // instrument.tick_size) + 1)
    worth = instrument.price(ticks) * instrument.step_size
    lots = max(instrument.min_lots, int((instrument.min_notional / worth).to_integral_value(ROUND_CEILING)))
    return OrderSpec(
        client_order_id=f"vortex-doctor-{os.getpid():x}-{now_ms:x}",
        symbol=instrument.symbol,
        trade_no=0,
        leg=Leg.ENTRY,
        attempt=0,
        side=Side.BUY,
        kind=OrderKind.LIMIT,
        time_in_force=TimeInForce.GTX,
        qty_lots=lots,
        px_ticks=ticks,
    )


async def settle(venue: BinanceVenue, spec: OrderSpec, *, arrived: bool) -> Fate:
    """Cancel and ask until the exchange has said that the order is gone, or has had time enough to say so."""
    clock = SystemClock()
    began_ns = clock.mono()
    order: VenueOrder | None = None
    cancel_ms: float | None = None
    absent = 0
    while (passed_s := (clock.mono() - began_ns) / MS / 1_000) < SETTLE_S:
        if arrived:
            before_ns = clock.mono()
            with suppress(VortexError):  # an unclear or refused cancel is settled by the question below
                await venue.cancel(spec.client_order_id, spec.symbol, is_algo=False)
                cancel_ms = cancel_ms or (clock.mono() - before_ns) / MS
        try:
            order, _ = await venue.query(spec.client_order_id, spec.symbol, is_algo=False)
        except VortexError:
            await asyncio.sleep(PAUSE_S)
            continue
        if order is not None and order.state.is_terminal:
            return Fate(known=True, order=order, cancel_ms=cancel_ms)
        arrived = arrived or order is not None
        absent = absent + 1 if order is None else 0
        if not arrived and absent >= ABSENT_MIN and passed_s >= ABSENT_AFTER_S:
            return Fate(known=True)
        await asyncio.sleep(PAUSE_S)
    return Fate(known=order is not None, order=order, cancel_ms=cancel_ms)


def verdict(spec: OrderSpec, sent_ms: float, fate: Fate, trouble: OutcomeUnknown | None) -> Row:
    """What became of it."""
    what = f"{spec.symbol} {spec.client_order_id}"
    if not fate.gone:
        mend = f"cancel {what} by hand, on the exchange's site or with `vortex kill --yes`"
        return fail(NAME, f"the exchange does not say that {what} is gone", mend, sent_ms)
    order = fate.order
    if order is not None and order.executed_lots:
        return fail(
            NAME, f"{what} was filled: the market fell onto it", "close the position: `vortex kill --yes`", sent_ms
        )
    if trouble is not None:
        became = "never arrived" if order is None else f"was {order.state.value.lower()} after all"
        return fail(
            NAME, f"no clear answer ({told(trouble)}); asked: it {became}", "check the line to the exchange", sent_ms
        )
    if order is not None and order.state is not OrderState.CANCELED:
        mend = "look at the symbol's rules: a post-only order far below the market should rest"
        return fail(NAME, f"{what} ended as {order.state.value}", mend, sent_ms)
    canceled = "" if fate.cancel_ms is None else f", canceled in {fate.cancel_ms:.1f} ms"
    return ok(NAME, f"{spec.symbol} placed in {sent_ms:.1f} ms{canceled}, verified gone", sent_ms)
