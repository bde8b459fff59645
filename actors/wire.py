"""Carries an engine's requests to the exchange and turns every ending into exactly one outcome (S3-6)."""

import asyncio
from collections.abc import Callable, Coroutine

import structlog

from vortex.domain.effects import ArmDeadMan, QueryOrder, ReadBalance, SendCancel, SendOrder, SetLeverage, TakeSnapshot
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
    VenueOutcome,
)
from vortex.kernel.errors import NotSent, RateLimited, VenueRejected, VortexError
from vortex.ports import VenuePort

log = structlog.get_logger()

WireEffect = SendOrder | SendCancel | QueryOrder | TakeSnapshot | ReadBalance | ArmDeadMan | SetLeverage
RESEND_AFTER_MS = 100
"""Pause before an order that provably never left may leave again."""


class Wire:
    """Runs each request as a task of its own; a request that is canceled with its process has an unknown outcome."""

    def __init__(self, venue: VenuePort, answer: Callable[[VenueOutcome], None]) -> None:
        self._venue = venue
        self._answer = answer
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def in_flight(self) -> int:
        """Requests without an answer."""
        return len(self._tasks)

    def perform(self, effect: WireEffect) -> None:
        """Start the request; its outcome arrives through `answer`."""
        task = asyncio.ensure_future(self._run(effect))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drain(self, limit_s: float) -> None:
        """Wait for what is under way, at most so long."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=limit_s)

    def _run(self, effect: WireEffect) -> Coroutine[None, None, None]:
        match effect:
            case SendOrder():
                return self._send(effect)
            case SendCancel():
                return self._cancel(effect)
            case QueryOrder():
                return self._query(effect)
            case TakeSnapshot():
                return self._snapshot(effect)
            case ReadBalance():
                return self._balance(effect)
            case ArmDeadMan():
                return self._quietly(self._venue.arm_dead_man(effect.symbol, effect.countdown_ms), effect)
            case SetLeverage():
                return self._quietly(self._venue.set_leverage(effect.symbol, effect.leverage), effect)

    async def _send(self, effect: SendOrder) -> None:
        key = effect.spec.client_order_id
        try:
            order = await self._venue.submit(effect.spec, effect.stamp_ms)
        except VenueRejected as err:
            self._answer(SendRefused(client_order_id=key, code=err.code, reason=err.venue_message))
        except RateLimited as err:
            self._answer(SendDeferred(client_order_id=key, retry_after_ms=err.retry_after_ms, reason=str(err)))
        except NotSent as err:
            self._answer(SendDeferred(client_order_id=key, retry_after_ms=RESEND_AFTER_MS, reason=str(err)))
        except VortexError as err:
            self._answer(SendUnknown(client_order_id=key, reason=str(err)))
        else:
            self._answer(SendAccepted(client_order_id=key, order=order))

    async def _cancel(self, effect: SendCancel) -> None:
        key = effect.client_order_id
        try:
            await self._venue.cancel(key, effect.symbol, is_algo=effect.is_algo)
        except VenueRejected as err:
            self._answer(CancelRefused(client_order_id=key, code=err.code, reason=err.venue_message))
        except VortexError as err:
            self._answer(CancelUnknown(client_order_id=key, reason=str(err)))
        else:
            self._answer(CancelDone(client_order_id=key))

    async def _query(self, effect: QueryOrder) -> None:
        key = effect.client_order_id
        try:
            order, fills = await self._venue.query(key, effect.symbol, is_algo=effect.is_algo)
        except VortexError as err:
            self._answer(QueryFailed(client_order_id=key, reason=str(err)))
        else:
            self._answer(QueryAnswered(client_order_id=key, order=order, fills=fills))

    async def _snapshot(self, effect: TakeSnapshot) -> None:
        try:
            taken = await self._venue.snapshot(effect.token, effect.symbol, effect.since_ms, quick=effect.quick)
        except VortexError as err:
            self._answer(SnapshotFailed(token=effect.token, reason=str(err)))
        else:
            self._answer(taken)

    async def _balance(self, effect: ReadBalance) -> None:
        try:
            balance = await self._venue.balance()
        except VortexError as err:
            self._answer(SnapshotFailed(token=effect.token, reason=str(err)))
        else:
            self._answer(BalanceTaken(token=effect.token, balance=balance))

    async def _quietly(self, request: Coroutine[None, None, None], effect: WireEffect) -> None:
        """Fire and forget: a failure is worth a line, the engine does not depend on it."""
        try:
            await request
        except VortexError as err:
            log.warning("wire.failed", effect=type(effect).__name__, reason=str(err))
