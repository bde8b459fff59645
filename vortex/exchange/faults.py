"""Faults on demand: what may go wrong, for whom, how often and how long. Decisions are seeded and recorded.

A fault is data. Whoever stands at the layer where it belongs asks `FaultBook` whether it strikes now; the book
counts, forgets what is used up or over, and keeps a record for the ledger.
"""

import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from vortex.exchange.market_events import Levels
from vortex.exchange.refusal import Refusal
from vortex.kernel.rng import Rng

GATE_KINDS = frozenset({"delay_ms", "error", "lost_response", "ban", "maintenance"})
"""Strike a request at the door."""
DESK_KINDS = frozenset({"reject_post_only", "partial_fill", "reject_trigger", "visibility_lag_ms"})
"""Strike an order where orders are kept."""
EVENT_KINDS = frozenset({"drop_event", "duplicate_event", "reorder_event", "delay_event", "depth_gap"})
"""Strike one message on its way to its readers."""
SOCKET_KINDS = frozenset({"drop_ws", "close_ws", "stall_ws"})
"""Strike a connection."""
ONCE_KINDS = frozenset({"price_gap_pct", "expire_listen_key"})
"""Are one event."""
STATE_KINDS = frozenset({"clock_skew_ms", "liquidity_hole"})
"""Are a state of the exchange as long as they are in force."""
STREAM_KINDS = EVENT_KINDS | SOCKET_KINDS
VALUES = {
    "clock_skew_ms": (-math.inf, math.inf),
    "price_gap_pct": (-50.0, 100.0),
    "partial_fill": (0.0, 1.0),
    "liquidity_hole": (0.0, 1.0),
}
"""What a value may be; of kinds that are not listed, anything from 0."""
KINDS = GATE_KINDS | DESK_KINDS | STREAM_KINDS | ONCE_KINDS | STATE_KINDS
CHANCE_WHOLE = 1_000_000
RECORD_MAX = 100_000
NUMBER_MAX = 10**15
"""Milliseconds of 30 000 years; what is larger is a mistake."""
STATUS_MIN, STATUS_MAX = 200, 599


@dataclass(slots=True)
class Fault:
    """One fault. Filters are prefixes (path) or substrings (stream); empty means everything."""

    fault_id: int
    kind: str
    since_ms: int
    until_ms: int | None = None
    probability: float = 1.0
    count: int | None = None
    method: str = ""
    path: str = ""
    stream: str = ""
    symbol: str = ""
    value: float = 0.0
    status: int | None = None
    """HTTP status of an `error`; without it the code's own, or 503."""
    code: int | None = None
    body: str | None = None
    executed: bool = False
    silently: bool = False
    retry_after_s: int | None = None
    struck: int = 0
    noted: bool = False
    """Has a state that lasts been written down?"""

    def over(self, now_ms: int) -> bool:
        """Is it used up or past its time?"""
        return (self.until_ms is not None and now_ms >= self.until_ms) or (
            self.count is not None and self.struck >= self.count
        )


_FIELDS = {
    "kind": str,
    "probability": float,
    "count": int,
    "duration_ms": int,
    "after_ms": int,
    "method": str,
    "path": str,
    "stream": str,
    "symbol": str,
    "value": float,
    "status": int,
    "code": int,
    "body": object,
    "executed": bool,
    "silently": bool,
    "retry_after_s": int,
}
_NOT_NEGATIVE = ("count", "duration_ms", "after_ms", "retry_after_s")


class FaultBook:
    """The faults in force."""

    def __init__(self, rng: Rng) -> None:
        self._rng = rng
        self._next_id = 1
        self.active: list[Fault] = []
        self.record: deque[dict[str, Any]] = deque(maxlen=RECORD_MAX)
        self.written: Callable[[dict[str, Any]], None] | None = None
        """Told of each strike, for the ledger."""

    def reseed(self, rng: Rng) -> None:
        """Draw from another stream of chance from now on."""
        self._rng = rng

    def add(self, spec: dict[str, Any], now_ms: int) -> Fault:
        """Install one fault from its JSON form; raises Refusal -1130 when a field is unknown or wrong."""
        for name in spec:
            if name not in _FIELDS:
                raise Refusal(-1130, name)
        kind = spec.get("kind")
        if not isinstance(kind, str) or kind not in KINDS:
            raise Refusal(-1130, "kind")
        value = {name: self._typed(name, each) for name, each in spec.items() if each is not None}
        for name in _NOT_NEGATIVE:
            if value.get(name, 0) < 0:
                raise Refusal(-1130, name)
        least, most = VALUES.get(kind, (0.0, math.inf))
        if not least <= value.get("value", 0.0) <= most:
            raise Refusal(-1130, "value")
        since = now_ms + int(value.pop("after_ms", 0))
        duration = value.pop("duration_ms", None)
        body = value.pop("body", None)
        if kind in ONCE_KINDS:
            value.setdefault("count", 1)
        if body is not None and not isinstance(body, str):
            raise Refusal(-1130, "body")
        if not 0 <= value.get("probability", 1.0) <= 1:
            raise Refusal(-1130, "probability")
        fault = Fault(
            fault_id=self._next_id,
            since_ms=since,
            until_ms=None if duration is None else since + duration,
            body=body,
            **value,
        )
        self._next_id += 1
        self.active.append(fault)
        return fault

    @staticmethod
    def _typed(name: str, value: object) -> Any:
        wanted = _FIELDS[name]
        if wanted is object:
            return value
        if isinstance(value, int | float) and not abs(value) <= NUMBER_MAX:  # neither NaN is
            raise Refusal(-1130, name)
        if name == "status" and isinstance(value, int) and not STATUS_MIN <= value <= STATUS_MAX:
            raise Refusal(-1130, name)
        if wanted is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
            raise Refusal(-1130, name)
        return value

    def clear(self, fault_id: int | None = None) -> int:
        """Remove one fault, or all; return how many went."""
        before = len(self.active)
        self.active = [each for each in self.active if fault_id is not None and each.fault_id != fault_id]
        return before - len(self.active)

    def listed(self) -> list[dict[str, Any]]:
        """The faults in force, as JSON objects."""
        return [asdict(each) for each in self.active]

    def strike(
        self,
        kinds: frozenset[str],
        now_ms: int,
        *,
        method: str = "",
        path: str = "",
        stream: str = "",
        symbol: str = "",
        above: float | None = None,
    ) -> list[Fault]:
        """The faults of these kinds that strike this request or event, in order of installation.

        With `above`, only those whose value is greater.
        """
        if not self.active:
            return []
        struck = []
        for fault in self.active:
            if (
                fault.kind in kinds
                and self._in_force(fault, now_ms)
                and fault.method in ("", method)
                and path.startswith(fault.path)
                and fault.stream in stream
                and fault.symbol in ("", symbol)
                and (above is None or fault.value > above)
                and self._rng.chance(int(fault.probability * CHANCE_WHOLE), CHANCE_WHOLE)
            ):
                fault.struck += 1
                struck.append(fault)
                self._write(fault, now_ms, method=method, path=path, stream=stream, symbol=symbol)
        self.active = [each for each in self.active if not each.over(now_ms)]
        return struck

    def once(self, now_ms: int) -> list[Fault]:
        """The faults that are one event and whose time has come."""
        if not self.active:
            return []
        due = [each for each in self.active if each.kind in ONCE_KINDS and self._in_force(each, now_ms)]
        for fault in due:
            fault.struck += 1
            self._write(fault, now_ms, symbol=fault.symbol)
        self.active = [each for each in self.active if not each.over(now_ms)]
        return due

    def acting(self, kind: str, now_ms: int, *, stream: str = "", symbol: str = "") -> Iterator[Fault]:
        """The lasting faults of a kind that hold now for this symbol or socket; each is written down once."""
        for fault in self.active:
            if (
                fault.kind == kind
                and self._in_force(fault, now_ms)
                and fault.symbol in ("", symbol)
                and fault.stream in stream
            ):
                if not fault.noted:
                    fault.noted = True
                    self._write(fault, now_ms, stream=stream, symbol=symbol)
                yield fault

    def skew_ms(self, now_ms: int) -> int:
        """How far the exchange's clock is set wrong now."""
        return sum(int(each.value) for each in self.acting("clock_skew_ms", now_ms))

    @staticmethod
    def _in_force(fault: Fault, now_ms: int) -> bool:
        return fault.since_ms <= now_ms and not fault.over(now_ms)

    def _write(
        self, fault: Fault, now_ms: int, *, method: str = "", path: str = "", stream: str = "", symbol: str = ""
    ) -> None:
        row = {
            "time": now_ms,
            "fault_id": fault.fault_id,
            "kind": fault.kind,
            "method": method,
            "path": path,
            "stream": stream,
            "symbol": symbol,
        }
        self.record.append(row)
        if self.written is not None:
            self.written(row)


def thinned(levels: Levels, share: float) -> Levels:
    """One side of a book of which only this share is left; levels that vanish are gone."""
    return tuple((px, left) for px, lots in levels if (left := int(lots * share)) > 0)
