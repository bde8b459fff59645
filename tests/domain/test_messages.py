"""Messages survive the wire, refuse what they do not know, and money is exact."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.domain.commands import Attach, CancelOrder, Flatten, Halt, LatchKill, LiftHalt, RaiseFence, SubmitOrder
from vortex.domain.envelope import Envelope, decode, encode
from vortex.domain.events import AccountSampled, ExecutorUp, OrderRow, TradeClosed
from vortex.domain.instruments import Instrument
from vortex.domain.money import from_cash, parse_decimal, to_cash
from vortex.domain.orders import IN_FLIGHT, TERMINAL, Leg, OrderKind, OrderSpec, OrderState, Side, TimeInForce
from vortex.kernel.errors import RemoteViolation

SPEC = OrderSpec(
    client_order_id="v7-BTCUSDT-1-C0",
    symbol="BTCUSDT",
    trade_no=1,
    leg=Leg.CLOSE,
    attempt=0,
    side=Side.SELL,
    kind=OrderKind.MARKET,
    time_in_force=TimeInForce.GTC,
    qty_lots=3,
    reduce_only=True,
    why="TIMEOUT",
)
BODIES = [
    Attach(symbol="BTCUSDT"),
    SubmitOrder(spec=SPEC, why="TIMEOUT"),
    CancelOrder(client_order_id="v7-BTCUSDT-1-E0", why="entry timeout"),
    Flatten(request_id="r", why="operator", symbol="BTCUSDT"),
    Halt(why="stop"),
    LiftHalt(why="resume"),
    RaiseFence(role="breaker", epoch=3),
    LatchKill(reason="operator"),
    ExecutorUp(epoch=2),
    TradeClosed(
        trade_no=1,
        symbol="BTCUSDT",
        close_seq=9,
        closed_ms=1,
        pnl_gross=Decimal("1.5"),
        fees=Decimal("0.1"),
        pnl_net=Decimal("1.4"),
        exit_reason="TP2",
        hold_ms=5,
    ),
    AccountSampled(
        ts_ms=1, equity=Decimal(1), wallet=Decimal(1), day_open_equity=Decimal(1), unexplained=Decimal("-0.25")
    ),
]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: type(body).__name__)
def test_every_body_survives_the_wire(body: Any) -> None:
    """Encoded, decoded, equal; decimals stay exact."""
    envelope = Envelope(sender="symbol:BTCUSDT", epoch=3, session="s", seq=1, body=body)
    assert decode(encode(envelope)) == envelope


def test_unknown_fields_are_refused() -> None:
    """A newer sender does not smuggle meaning past an older reader."""
    raw = msgspec.msgpack.encode({"type": "Attach", "symbol": "X", "extra": 1})
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(raw, type=Attach)


def test_messages_are_never_edited() -> None:
    """A correction is a new message."""
    with pytest.raises(AttributeError):
        SPEC.qty_lots = 5  # type: ignore[misc]


def test_what_opens_and_what_reduces() -> None:
    """A closePosition stop and a reduce-only order never open anything."""
    assert not SPEC.opens
    assert not msgspec.structs.replace(SPEC, reduce_only=False, close_position=True).opens
    assert msgspec.structs.replace(SPEC, reduce_only=False).opens


def test_states_are_terminal_or_in_flight_or_resting() -> None:
    """No state is both."""
    assert not TERMINAL & IN_FLIGHT
    assert {state for state in OrderState if state.is_terminal} == TERMINAL
    assert {state for state in OrderState if state.is_in_flight} == IN_FLIGHT


def test_a_row_says_nothing_it_does_not_know() -> None:
    """Defaults mean absent."""
    row = OrderRow(spec=SPEC, state=OrderState.INTENDED, executed_lots=0)
    assert (row.venue_order_id, row.update_ms, row.triggered) == (0, 0, False)


@pytest.mark.property
@given(st.decimals(min_value=-(10**12), max_value=10**12, places=8, allow_nan=False, allow_infinity=False))
def test_cash_and_back_is_exact(amount: Decimal) -> None:
    """Eight decimals are all there are."""
    assert from_cash(to_cash(amount)) == amount


@pytest.mark.parametrize("text", ["nan", "Infinity", "", "1,5", "abc"])
def test_what_is_no_number_is_refused_at_the_door(text: str) -> None:
    """NaN never gets in."""
    with pytest.raises(RemoteViolation):
        parse_decimal(text, "price")


def an_instrument(tick: str = "0.10", step: str = "0.001") -> Instrument:
    return Instrument(
        symbol="BTCUSDT",
        base="BTC",
        quote="USDT",
        tick_size=Decimal(tick),
        step_size=Decimal(step),
        min_price=Decimal(1),
        max_price=Decimal(10**7),
        min_lots=1,
        max_lots=10**6,
        market_max_lots=10**5,
        min_notional=Decimal(5),
    )


@pytest.mark.property
@given(st.integers(1, 10**8), st.integers(-(10**6), 10**6))
def test_notional_is_price_times_quantity(px_ticks: int, lots: int) -> None:
    """In whole cash units, with the quantity's sign."""
    instrument = an_instrument()
    assert from_cash(instrument.notional(px_ticks, lots)) == instrument.price(px_ticks) * instrument.quantity(lots)


def test_a_price_off_the_grid_is_the_senders_error() -> None:
    """Never rounded silently."""
    with pytest.raises(RemoteViolation):
        an_instrument().ticks(Decimal("50000.05"))
    with pytest.raises(RemoteViolation):
        an_instrument().lots(Decimal("0.0005"))
    with pytest.raises(RemoteViolation):
        an_instrument(tick="0.00001", step="0.00001")
