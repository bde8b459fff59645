"""Every request to the exchange ends in exactly one outcome, whatever happens to it."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from actors.wire import Wire, WireEffect
from vortex.domain.effects import ArmDeadMan, QueryOrder, ReadBalance, SendCancel, SendOrder, TakeSnapshot
from vortex.domain.orders import Leg, OrderKind, OrderSpec, OrderState, Side, TimeInForce, VenueBalance, VenueOrder
from vortex.domain.outcomes import (
    BalanceTaken,
    CancelDone,
    CancelRefused,
    CancelUnknown,
    QueryAnswered,
    QueryFailed,
    SendAccepted,
    SendDeferred,
    SendRefused,
    SendUnknown,
    SnapshotFailed,
)
from vortex.kernel.errors import NotSent, OutcomeUnknown, RateLimited, StaleData, VenueRejected

SPEC = OrderSpec(
    client_order_id="v7-BTCUSDT-1-E0",
    symbol="BTCUSDT",
    trade_no=1,
    leg=Leg.ENTRY,
    attempt=0,
    side=Side.BUY,
    kind=OrderKind.LIMIT,
    time_in_force=TimeInForce.GTX,
    qty_lots=1,
    px_ticks=10,
)
ORDER = VenueOrder(
    client_order_id=SPEC.client_order_id,
    symbol="BTCUSDT",
    venue_order_id=7,
    side=Side.BUY,
    kind=OrderKind.LIMIT,
    state=OrderState.ACCEPTED,
    qty_lots=1,
    executed_lots=0,
    px_ticks=10,
    trigger_ticks=0,
    avg_px=Decimal(0),
    reduce_only=False,
    close_position=False,
    is_algo=False,
    update_ms=1,
)
BALANCE = VenueBalance(
    wallet=Decimal(1), margin_balance=Decimal(1), available=Decimal(1), initial_margin=Decimal(0), ts_ms=1
)
SEND = SendOrder(spec=SPEC, stamp_ms=1)
CANCEL = SendCancel(client_order_id="c", symbol="BTCUSDT", is_algo=False)
QUERY = QueryOrder(client_order_id="c", symbol="BTCUSDT", is_algo=True)
SNAPSHOT = TakeSnapshot(token=3, symbol="", since_ms=0)


class Exchange:
    """Answers every call the same way: with a result or an error."""

    def __init__(self, result: Any) -> None:
        self._result = result

    async def _say(self, *_args: Any, **_kwargs: Any) -> Any:
        if isinstance(self._result, Exception):
            raise self._result
        return self._result

    submit = cancel = query = snapshot = balance = arm_dead_man = set_leverage = _say


def outcomes_of(effect: WireEffect, result: Any) -> list[Any]:
    """What the engine hears of one effect."""
    heard: list[Any] = []

    async def run() -> None:
        wire = Wire(Exchange(result), heard.append)  # type: ignore[arg-type]
        wire.perform(effect)
        await wire.drain(5)
        assert wire.in_flight == 0

    asyncio.run(run())
    return heard


@pytest.mark.parametrize(
    ("effect", "result", "expected"),
    [
        (SEND, ORDER, SendAccepted),
        (SEND, VenueRejected(-5022, "would take"), SendRefused),
        (SEND, RateLimited("wait", 900), SendDeferred),
        (SEND, NotSent("connection refused"), SendDeferred),
        (SEND, OutcomeUnknown("timeout"), SendUnknown),
        (SEND, StaleData("nonsense"), SendUnknown),
        (CANCEL, None, CancelDone),
        (CANCEL, VenueRejected(-2011, "unknown order"), CancelRefused),
        (CANCEL, OutcomeUnknown("timeout"), CancelUnknown),
        (CANCEL, NotSent("refused"), CancelUnknown),
        (QUERY, (ORDER, ()), QueryAnswered),
        (QUERY, (None, ()), QueryAnswered),
        (QUERY, OutcomeUnknown("timeout"), QueryFailed),
        (SNAPSHOT, OutcomeUnknown("timeout"), SnapshotFailed),
        (ReadBalance(token=4), BALANCE, BalanceTaken),
        (ReadBalance(token=4), OutcomeUnknown("timeout"), SnapshotFailed),
    ],
)
def test_each_ending_is_one_outcome(effect: WireEffect, result: Any, expected: type) -> None:
    """Yes, no, provably not sent, unknown: four words, never two, never none."""
    assert [type(outcome) for outcome in outcomes_of(effect, result)] == [expected]


def test_a_limit_says_how_long_to_stay_away() -> None:
    """The exchange's own pause reaches the engine."""
    [deferred] = outcomes_of(SEND, RateLimited("wait", 900))
    assert deferred.retry_after_ms == 900


def test_a_refusal_carries_the_exchanges_code() -> None:
    """Post-only refusals are told apart by their number."""
    [refused] = outcomes_of(SEND, VenueRejected(-5022, "would take"))
    assert (refused.code, refused.reason) == (-5022, "would take")


@pytest.mark.parametrize("result", [None, OutcomeUnknown("timeout")])
def test_fire_and_forget_says_nothing(result: Any) -> None:
    """The dead-man switch is refreshed in time or it fires; no engine waits for its answer."""
    assert outcomes_of(ArmDeadMan(symbol="BTCUSDT", countdown_ms=1), result) == []
