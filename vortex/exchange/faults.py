"""Faults on demand: what may go wrong, for whom, how often and how long. Decisions are seeded and recorded.

A fault is data. Whoever stands at the layer where it belongs asks `FaultBook` whether it strikes now; the book
counts, forgets what is used up or over, and keeps a record for the ledger.
"""

from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

from vortex.exchange.refusal import Refusal
from vortex.kernel.rng import Rng

REQUEST_KINDS = frozenset(
    {"delay_ms", "error", "lost_response", "ban", "maintenance", "reject_post_only", "partial_fill"}
)
STREAM_KINDS = frozenset({"drop_ws", "stall_ws", "duplicate_event", "reorder_event", "drop_event"})
STATE_KINDS = frozenset({"clock_skew_ms", "price_gap_pct"})
KINDS = REQUEST_KINDS | STREAM_KINDS | STATE_KINDS
CHANCE_WHOLE = 1_000_000
RECORD_MAX = 100_000


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
    status: int = 503
    code: int | None = None
    body: str | None = None
    executed: bool = False
    retry_after_s: int | None = None
    struck: int = 0

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
    "retry_after_s": int,
}


class FaultBook:
    """The faults in force."""

    def __init__(self, rng: Rng) -> None:
        self._rng = rng
        self._next_id = 1
        self.active: list[Fault] = []
        self.record: deque[dict[str, Any]] = deque(maxlen=RECORD_MAX)

    def reseed(self, rng: Rng) -> None:
        """Draw from another stream of chance from now on."""
        self._rng = rng

    def add(self, spec: dict[str, Any], now_ms: int) -> Fault:
        """Install one fault from its JSON form; raises Refusal -1130 when a field is unknown or wrong."""
        for name in spec:
            if name not in _FIELDS:
                raise Refusal(-1130, name)
        kind = spec.get("kind")
        if kind not in KINDS:
            raise Refusal(-1130, "kind")
        value = {name: self._typed(name, each) for name, each in spec.items() if each is not None}
        since = now_ms + int(value.pop("after_ms", 0))
        duration = value.pop("duration_ms", None)
        body = value.pop("body", None)
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
    ) -> list[Fault]:
        """The faults of these kinds that strike this request or event, in order of installation."""
        if not self.active:
            return []
        struck = []
        for fault in self.active:
            if (
                fault.kind in kinds
                and fault.since_ms <= now_ms
                and not fault.over(now_ms)
                and fault.method in ("", method)
                and path.startswith(fault.path)
                and fault.stream in stream
                and fault.symbol in ("", symbol)
                and self._rng.chance(int(fault.probability * CHANCE_WHOLE), CHANCE_WHOLE)
            ):
                fault.struck += 1
                struck.append(fault)
                self.record.append(
                    {
                        "time": now_ms,
                        "fault_id": fault.fault_id,
                        "kind": fault.kind,
                        "method": method,
                        "path": path,
                        "stream": stream,
                    }
                )
        self.active = [each for each in self.active if not each.over(now_ms)]
        return struck

    def skew_ms(self, now_ms: int) -> int:
        """How far the exchange's clock is set wrong now."""
        return sum(
            int(each.value)
            for each in self.active
            if each.kind == "clock_skew_ms" and each.since_ms <= now_ms and not each.over(now_ms)
        )
