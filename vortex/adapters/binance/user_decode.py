"""User-data frames to what the executor's engine hears. Nothing of the account is dropped: what is broken raises."""

from collections import Counter
from decimal import Decimal

import msgspec

from vortex.adapters.binance import translate
from vortex.adapters.binance.decode import name_of
from vortex.adapters.binance.grid import finite, to_lots, to_ticks
from vortex.adapters.binance.translate import Instruments
from vortex.domain.orders import VenueFill, VenueOrder, VenuePosition
from vortex.domain.outcomes import AccountReported, FillReported, OrderReported
from vortex.kernel.errors import RemoteViolation

UserMessage = OrderReported | FillReported | AccountReported

ZERO = Decimal(0)


class _OrderBody(msgspec.Struct):
    """`o` of ORDER_TRADE_UPDATE."""

    s: str
    c: str
    S: str
    o: str
    q: Decimal
    p: Decimal
    x: str
    X: str
    i: int
    last_qty: Decimal = msgspec.field(name="l")
    z: Decimal
    L: Decimal
    T: int
    t: int = 0
    m: bool = False
    R: bool = False
    cp: bool = False
    ap: Decimal = ZERO
    sp: Decimal = ZERO
    rp: Decimal = ZERO
    n: Decimal | None = None
    N: str | None = None
    er: str = "0"


class _OrderUpdate(msgspec.Struct, tag_field="e", tag="ORDER_TRADE_UPDATE"):
    o: _OrderBody


class _AlgoBody(msgspec.Struct):
    """`o` of ALGO_UPDATE; the last four come only after the trigger, some of them empty."""

    caid: str
    aid: int
    s: str
    S: str
    o: str
    X: str
    tp: Decimal
    p: Decimal
    q: str | None = None
    R: bool = False
    cp: bool = False
    ai: str | None = None
    ap: str | None = None
    aq: str | None = None
    rm: str | None = None


class _AlgoUpdate(msgspec.Struct, tag_field="e", tag="ALGO_UPDATE"):
    T: int
    o: _AlgoBody


class _Balance(msgspec.Struct):
    a: str
    wb: str


class _Position(msgspec.Struct):
    s: str
    pa: Decimal
    ep: Decimal
    ps: str = "BOTH"


class _AccountBody(msgspec.Struct):
    m: str
    B: list[_Balance] = []
    P: list[_Position] = []


class _AccountUpdate(msgspec.Struct, tag_field="e", tag="ACCOUNT_UPDATE"):
    T: int
    a: _AccountBody


class _KeyExpired(msgspec.Struct, tag_field="e", tag="listenKeyExpired"):
    """The socket stays open and silent for ever."""


class ListenKeyExpired(msgspec.Struct, frozen=True):
    """The stream's key is gone; treat as a disconnect."""


_Event = _OrderUpdate | _AlgoUpdate | _AccountUpdate | _KeyExpired


class _Wrapped(msgspec.Struct):
    data: _Event


_BARE = msgspec.json.Decoder(_Event)
_WRAPPED = msgspec.json.Decoder(_Wrapped)
_OURS = frozenset({"ORDER_TRADE_UPDATE", "ALGO_UPDATE", "ACCOUNT_UPDATE", "listenKeyExpired"})

_NO_REASON = "0"
QUOTE_ASSET = "USDT"  # single-asset mode


class UserDecoder:
    """Decodes account frames. `ignored` counts what carries nothing we need (TRADE_LITE, configuration, margin calls)
    and what is not known, by event name."""

    def __init__(self) -> None:
        self.ignored: Counter[str] = Counter()

    def decode(self, frame: bytes, instruments: Instruments) -> UserMessage | ListenKeyExpired | None:
        """One frame; RemoteViolation when an event of ours is broken or names an unknown symbol or state."""
        event = self._event(frame)
        match event:
            case None:
                return None
            case _OrderUpdate():
                return from_order_update(event.o, instruments)
            case _AlgoUpdate():
                return OrderReported(order=from_algo_update(event, instruments))
            case _AccountUpdate():
                return from_account_update(event, instruments)
            case _KeyExpired():
                return ListenKeyExpired()

    def _event(self, frame: bytes) -> _Event | None:
        try:
            event: _Event = _BARE.decode(frame)
        except (msgspec.DecodeError, UnicodeDecodeError) as err:
            return self._odd(frame, err)
        return event

    def _odd(self, frame: bytes, cause: Exception) -> _Event | None:
        name, bare = name_of(frame)
        if name not in _OURS:
            self.ignored[name] += 1
            return None
        if bare:
            raise RemoteViolation(f"{name}: {cause}") from cause
        try:
            return _WRAPPED.decode(frame).data
        except msgspec.DecodeError as err:
            raise RemoteViolation(f"{name}: {err}") from err


def from_order_update(body: _OrderBody, instruments: Instruments) -> OrderReported | FillReported:
    """A fill when the event carries one (TRADE, or CALCULATED in a liquidation), else the order alone.

    The child of a triggered stop comes under the stop's client id with its own exchange id and `is_algo` false.
    """
    instrument = translate.instrument_of(instruments, body.s)
    kind, foreign = translate.kind_of(body.o, finite(body.p, "p"))
    order = VenueOrder(
        client_order_id=body.c,
        symbol=body.s,
        venue_order_id=body.i,
        side=translate.side_of(body.S),
        kind=kind,
        state=translate.order_state(body.X),
        qty_lots=to_lots(instrument, body.q, "q"),
        executed_lots=to_lots(instrument, body.z, "z"),
        px_ticks=to_ticks(instrument, body.p, "p"),
        trigger_ticks=to_ticks(instrument, body.sp, "sp"),
        avg_px=finite(body.ap, "ap"),
        reduce_only=body.R,
        close_position=body.cp,
        is_algo=False,
        update_ms=body.T,
        reason=foreign if body.er == _NO_REASON else f"er {body.er}",
    )
    if body.last_qty <= 0 or body.x not in _FILLING:
        return OrderReported(order=order)
    fill = VenueFill(
        symbol=body.s,
        venue_trade_id=body.t,
        venue_order_id=body.i,
        client_order_id=body.c,
        side=order.side,
        qty_lots=to_lots(instrument, body.last_qty, "l"),
        px_ticks=to_ticks(instrument, body.L, "L"),
        fee=finite(body.n, "n") if body.n is not None else ZERO,
        fee_asset=body.N or QUOTE_ASSET,
        realized_pnl=finite(body.rp, "rp"),
        is_maker=body.m,
        ts_ms=body.T,
    )
    return FillReported(fill=fill, order=order)


_FILLING = frozenset({"TRADE", "CALCULATED"})


def from_algo_update(event: _AlgoUpdate, instruments: Instruments) -> VenueOrder:
    """A conditional order; from the trigger on `child_order_id` names the regular order that it became."""
    body = event.o
    instrument = translate.instrument_of(instruments, body.s)
    kind, foreign = translate.kind_of(body.o, finite(body.p, "p"))
    child = translate.child_id(body.ai)
    executed_lots = to_lots(instrument, translate.number(body.aq, "aq"), "aq")
    return VenueOrder(
        client_order_id=body.caid,
        symbol=body.s,
        venue_order_id=body.aid,
        side=translate.side_of(body.S),
        kind=kind,
        state=translate.algo_end(translate.algo_state(body.X), body.X, body.aq, executed_lots),
        qty_lots=to_lots(instrument, translate.number(body.q, "q"), "q"),
        executed_lots=executed_lots,
        px_ticks=to_ticks(instrument, body.p, "p"),
        trigger_ticks=to_ticks(instrument, body.tp, "tp"),
        avg_px=translate.number(body.ap, "ap"),
        reduce_only=body.R,
        close_position=body.cp,
        is_algo=True,
        update_ms=event.T,
        child_order_id=child,
        reason=body.rm or translate.algo_reason(body.X, child) or foreign,
    )


def from_account_update(event: _AccountUpdate, instruments: Instruments) -> AccountReported:
    """Changed positions and the quote wallet; partial by nature."""
    positions = []
    for row in event.a.P:
        if row.ps != "BOTH":
            if row.pa:
                raise RemoteViolation(f"{row.s}: a {row.ps} position; the account is in hedge mode")
            continue
        positions.append(
            VenuePosition(
                symbol=row.s,
                qty_lots=to_lots(translate.instrument_of(instruments, row.s), row.pa, "pa"),
                entry_px=finite(row.ep, "ep"),
                update_ms=event.T,
            )
        )
    wallet = next((row.wb for row in event.a.B if row.a == QUOTE_ASSET), None)
    if wallet is not None:
        translate.number(wallet, "wb")
    return AccountReported(positions=tuple(positions), wallet=wallet, reason=event.a.m, ts_ms=event.T)
