"""Market frames to domain messages in one typed pass; this is the first stage of tick-to-order, so it stays small.

Laws: 1. a frame gives one message, or None when it is not one of ours (counted by name); 2. a frame of ours that is
broken raises RemoteViolation naming the field; 3. no NaN and no infinity comes out.
"""

from collections import Counter
from typing import Annotated

import msgspec

from vortex.domain.market import (
    BestQuote,
    Candle,
    Depth,
    Interval,
    Liquidation,
    MarketMessage,
    MarkPrice,
    Trade,
    packed_levels,
)
from vortex.kernel.errors import RemoteViolation

# Lax decoding turns the exchange's text numbers into floats inside the decoder; the bounds keep NaN and infinity out.
Number = Annotated[float, msgspec.Meta(ge=-1e18, le=1e18)]
Level = tuple[Number, Number]
Whole = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""Ids and times: what the kernels' layout holds."""


class _AggTrade(msgspec.Struct, tag_field="e", tag="aggTrade", gc=False):
    s: str
    a: Whole
    p: Number
    q: Number
    T: Whole
    m: bool

    def message(self, recv_ns: int) -> Trade:
        return Trade(
            symbol=self.s,
            ts_ms=self.T,
            recv_ns=recv_ns,
            agg_id=self.a,
            px=self.p,
            qty=self.q,
            buyer_is_maker=self.m,
        )


class _Depth(msgspec.Struct, tag_field="e", tag="depthUpdate"):
    E: Whole
    s: str
    U: Whole
    u: Whole
    pu: Whole
    b: tuple[Level, ...]
    a: tuple[Level, ...]

    def message(self, recv_ns: int) -> Depth:
        return Depth(
            symbol=self.s,
            ts_ms=self.E,
            recv_ns=recv_ns,
            first_update_id=self.U,
            final_update_id=self.u,
            prev_update_id=self.pu,
            levels=packed_levels(self.b, self.a),
        )


class _BookTicker(msgspec.Struct, tag_field="e", tag="bookTicker", gc=False):
    E: Whole
    s: str
    u: Whole
    b: Number
    B: Number
    a: Number
    A: Number

    def message(self, recv_ns: int) -> BestQuote:
        return BestQuote(
            symbol=self.s,
            ts_ms=self.E,
            recv_ns=recv_ns,
            update_id=self.u,
            bid_px=self.b,
            bid_qty=self.B,
            ask_px=self.a,
            ask_qty=self.A,
        )


class _KlineBody(msgspec.Struct):
    t: Whole
    i: str
    o: Number
    c: Number
    h: Number
    low: Number = msgspec.field(name="l")
    v: Number
    n: Whole
    x: bool
    q: Number
    V: Number


class _Kline(msgspec.Struct, tag_field="e", tag="kline"):
    E: Whole
    s: str
    k: _KlineBody

    def message(self, recv_ns: int) -> Candle | None:
        interval = _INTERVALS.get(self.k.i)
        if interval is None:
            return None
        k = self.k
        return Candle(
            symbol=self.s,
            ts_ms=self.E,
            recv_ns=recv_ns,
            interval=interval,
            open_ms=k.t,
            open=k.o,
            high=k.h,
            low=k.low,
            close=k.c,
            volume=k.v,
            quote_volume=k.q,
            trades=k.n,
            taker_buy_volume=k.V,
            closed=k.x,
        )


class _MarkPrice(msgspec.Struct, tag_field="e", tag="markPriceUpdate", gc=False):
    E: Whole
    s: str
    p: Number
    i: Number
    r: Number
    T: Whole

    def message(self, recv_ns: int) -> MarkPrice:
        return MarkPrice(
            symbol=self.s,
            ts_ms=self.E,
            recv_ns=recv_ns,
            mark_px=self.p,
            index_px=self.i,
            funding_rate=self.r,
            next_funding_ms=self.T,
        )


class _ForceOrderBody(msgspec.Struct):
    s: str
    S: str
    q: Number
    ap: Number


class _ForceOrder(msgspec.Struct, tag_field="e", tag="forceOrder"):
    E: Whole
    o: _ForceOrderBody

    def message(self, recv_ns: int) -> Liquidation:
        return Liquidation(symbol=self.o.s, ts_ms=self.E, recv_ns=recv_ns, side=self.o.S, px=self.o.ap, qty=self.o.q)


_Event = _AggTrade | _Depth | _BookTicker | _Kline | _MarkPrice | _ForceOrder


class _Wrapped(msgspec.Struct, gc=False):
    data: _Event


_ABSENT = msgspec.Raw(b"")


class _Head(msgspec.Struct):
    """Enough of any frame to name it."""

    e: str = ""
    data: msgspec.Raw = _ABSENT
    error: msgspec.Raw = _ABSENT


_INTERVALS = {interval.value: interval for interval in Interval}
_WRAPPED = msgspec.json.Decoder(_Wrapped, strict=False)
_BARE = msgspec.json.Decoder(_Event, strict=False)
_HEAD = msgspec.json.Decoder(_Head)
_OURS = frozenset({"aggTrade", "depthUpdate", "bookTicker", "kline", "markPriceUpdate", "forceOrder"})


class MarketDecoder:
    """Decodes combined and bare frames. `ignored` counts what we did not ask for, by event name."""

    def __init__(self) -> None:
        self.ignored: Counter[str] = Counter()

    def decode(self, frame: bytes, recv_ns: int) -> MarketMessage | None:
        """One frame; `recv_ns` is the unix stamp of the socket read that brought it."""
        try:
            return _WRAPPED.decode(frame).data.message(recv_ns)
        except (msgspec.DecodeError, UnicodeDecodeError) as err:
            return self._odd(frame, recv_ns, err)

    def _odd(self, frame: bytes, recv_ns: int, cause: Exception) -> MarketMessage | None:
        """A bare event, something unknown, or something broken: the slow path tells which."""
        name, bare = name_of(frame)
        if name not in _OURS:
            self.ignored[name] += 1
            return None
        if not bare:
            raise RemoteViolation(f"{name}: {cause}") from cause
        try:
            event: _Event = _BARE.decode(frame)
            return event.message(recv_ns)
        except (msgspec.DecodeError, UnicodeDecodeError) as err:
            raise RemoteViolation(f"{name}: {err}") from err


def name_of(frame: bytes) -> tuple[str, bool]:
    """Event name of any frame, and whether it came bare; RemoteViolation when it is not even an object."""
    try:
        head = _HEAD.decode(frame)
        if head.e:
            return head.e, True
        if bytes(head.data):
            return _HEAD.decode(head.data).e or "nameless", False
    except (msgspec.DecodeError, UnicodeDecodeError) as err:
        raise RemoteViolation(f"unreadable frame: {err}") from err
    return ("error reply" if bytes(head.error) else "reply"), True
