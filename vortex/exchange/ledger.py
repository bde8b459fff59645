"""The exchange's own record: every request, order, fill, position and balance change, and each position's guard.

It is written by the exchange alone, for judges of a trader: what arrived, what became of it, and how long money
stood in the market without a working stop.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from heapq import merge
from itertools import dropwhile, islice, takewhile
from typing import Any

RECORD_MAX = 100_000
"""Entries kept per kind, and lives of positions."""
FOR_EVER_MS = 2**63

KINDS = ("request", "order", "fill", "position", "balance", "algo", "fault", "liquidation")


@dataclass(slots=True)
class PositionRecord:
    """One life of a position, from flat to flat; times in exchange ms, money in 1e-8 quote units as text."""

    number: int
    account: str
    symbol: str
    side: str
    opened_ms: int
    closed_ms: int | None = None
    lots: int = 0
    lots_max: int = 0
    quantity: str = "0"
    quantity_max: str = "0"
    realized: int = 0
    unprotected_ms: int = 0
    """Total time without any working stop on the closing side."""
    underprotected_ms: int = 0
    """Total time in which the working stops covered less than the whole position."""
    longest_unprotected_ms: int = 0
    first_stop_ms: int | None = None
    _guard_ms: int = 0
    _run_ms: int = 0
    _guarded: bool = False
    _covered: bool = False

    def settle(self, now_ms: int) -> None:
        """Charge the time since the last look to the state that held."""
        passed = max(0, now_ms - self._guard_ms)
        self._guard_ms = max(self._guard_ms, now_ms)
        if not self._guarded:
            self.unprotected_ms += passed
            self._run_ms += passed
            self.longest_unprotected_ms = max(self.longest_unprotected_ms, self._run_ms)
        if not self._covered:
            self.underprotected_ms += passed

    def guard(self, guarded: bool, covered: bool, now_ms: int) -> None:
        """From now on this is how well the position is protected."""
        self.settle(now_ms)
        self._guarded, self._covered = guarded, covered
        if guarded:
            self._run_ms = 0
            if self.first_stop_ms is None:
                self.first_stop_ms = now_ms


def _between(entries: deque[dict[str, Any]], since: int, from_ms: int, to_ms: int) -> list[dict[str, Any]]:
    newest_first = takewhile(lambda entry: entry["seq"] > since and entry["time"] >= from_ms, reversed(entries))
    wanted = list(dropwhile(lambda entry: entry["time"] > to_ms, newest_first))
    wanted.reverse()
    return wanted


@dataclass(slots=True)
class Ledger:
    """Bounded per kind, append-only, numbered."""

    entries: dict[str, deque[dict[str, Any]]] = field(
        default_factory=lambda: {kind: deque(maxlen=RECORD_MAX) for kind in KINDS}
    )
    positions: deque[PositionRecord] = field(default_factory=lambda: deque(maxlen=RECORD_MAX))
    open_positions: dict[tuple[str, str, str], PositionRecord] = field(default_factory=dict)
    sequence: int = 0
    lives: int = 0
    """Positions opened so far."""

    def write(self, kind: str, now_ms: int, **facts: Any) -> None:
        """Append one entry."""
        self.sequence += 1
        self.entries[kind].append({"seq": self.sequence, "time": now_ms, "kind": kind, **facts})

    def position_changed(
        self, account: str, symbol: str, side: str, lots: int, quantity: str, realized: int, now_ms: int
    ) -> PositionRecord | None:
        """Follow a position through its life; return its record while it is open."""
        key = (account, symbol, side)
        record = self.open_positions.get(key)
        if record is not None and (lots == 0 or (lots > 0) != (record.lots > 0)):
            record.settle(now_ms)
            record.closed_ms, record.realized = now_ms, record.realized + realized
            record.lots, record.quantity = 0, "0"
            del self.open_positions[key]
            record, realized = None, 0
        if lots == 0:
            return None
        if record is None:
            self.lives += 1
            record = PositionRecord(self.lives, account, symbol, side, now_ms, _guard_ms=now_ms)
            self.positions.append(record)
            self.open_positions[key] = record
        record.lots, record.quantity = lots, quantity
        record.realized += realized
        if abs(lots) >= record.lots_max:
            record.lots_max, record.quantity_max = abs(lots), quantity
        return record

    def query(
        self, since: int, symbol: str, kind: str, limit: int, from_ms: int = 0, to_ms: int = FOR_EVER_MS
    ) -> list[dict[str, Any]]:
        """Entries after a sequence number and of a span of exchange time (both ends included), filtered; ascending.
        Costs what is asked for, not what is kept."""
        chosen: Iterable[deque[dict[str, Any]]] = (self.entries.get(kind, deque()),) if kind else self.entries.values()
        spans = (_between(entries, since, from_ms, to_ms) for entries in chosen)
        ordered = merge(*spans, key=lambda entry: int(entry["seq"]))
        wanted = (entry for entry in ordered if not symbol or entry.get("symbol") == symbol)
        return list(islice(wanted, limit))

    def position_rows(
        self, symbol: str, now_ms: int, from_ms: int = 0, to_ms: int = FOR_EVER_MS
    ) -> list[dict[str, Any]]:
        """Every position's life that touches a span of time, the open ones charged up to now."""
        for record in self.open_positions.values():
            record.settle(now_ms)
        return [
            {name: value for name, value in asdict(record).items() if not name.startswith("_")}
            for record in self.positions
            if symbol in ("", record.symbol)
            and record.opened_ms <= to_ms
            and (record.closed_ms is None or record.closed_ms >= from_ms)
        ]
