"""Kills each kind of actor of a trading system and measures from outside, on the beats page, how it comes back.

1. Nothing here asks Ray: the page, the tree's history and the exchange's record say when each step happened.
2. All times run from the signal. A step that did not happen within ROUND_LIMIT_S is missing, never guessed.
"""

import json
import math
import os
import signal
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg

from actors import processes
from supervisors.recovery_weight import WEIGHED_S, mean_weights, weight_by_path
from vortex.adapters.beats import SLOTS, BeatsPage, SlotView
from vortex.kernel.clock import MS, SECOND, SystemClock
from vortex.kernel.errors import ConfigError, NotRunning

KINDS = ("executor", "symbol", "breaker", "root")
MEASURES = ("detect_ms", "restart_ms", "reconciled_ms", "trading_ms")
STOPPED = "_stopped"
"""Ending of the kinds that were frozen (SIGSTOP) instead of killed (SIGKILL)."""
TAKES_ALONG = {"breaker": ("breaker", "executor")}
"""rest_for_one: what the tree restarts together with a role."""

LOOK_S = 0.001
ASK_S = 0.05
ROUND_LIMIT_S = 60.0
SETTLE_LIMIT_S = 120.0
CALM_NS = 500 * MS
ROOT_TITLES = ("vortex:root", "ray::Root")


@dataclass(frozen=True, slots=True)
class Round:
    """One death and its aftermath, in ms after the signal; None where a step was not seen."""

    kind: str
    role: str
    detect_ms: float | None
    restart_ms: float | None
    reconciled_ms: float | None
    trading_ms: float | None
    weights: Mapping[str, int] = field(default_factory=dict)
    """Request weight by path (supervisors.recovery_weight)."""


@dataclass(slots=True)
class Exchange:
    """The record of the simulated exchange."""

    rest: str

    def ledger(self, kind: str, since: int = 0) -> dict[str, Any]:
        """Entries of one kind after a number, and the life of every position."""
        document: dict[str, Any] = json.loads(self._ask(f"/sim/v1/ledger?kind={kind}&since={since}"))
        return document

    def orders(self, since: int = 0) -> list[dict[str, Any]]:
        """Orders that the exchange took."""
        return [entry for entry in self.ledger("order", since)["entries"] if entry["execution"] == "NEW"]

    def sequence(self) -> int:
        """The number of its newest entry."""
        return int(self.ledger("fault")["sequence"])

    def held(self) -> list[str]:
        """Symbols with an open position."""
        return [row["symbol"] for row in self.ledger("position")["positions"] if row["closed_ms"] is None]

    def _ask(self, path: str) -> bytes:
        with urllib.request.urlopen(self.rest + path, timeout=10) as answer:  # noqa: S310 - our own loopback
            said: bytes = answer.read()
            return said


@dataclass(slots=True)
class Bench:
    """One system under observation: its page, its exchange, and its journal on a connection without transactions."""

    page: BeatsPage
    exchange: Exchange
    journal: "psycopg.Connection[tuple[Any, ...]]"
    raylet: int
    symbols: Sequence[str]
    standbys: int
    told: Callable[[str], None]
    clock: SystemClock = field(default_factory=SystemClock)

    def run(self, kinds: Sequence[str], rounds: int, *, freeze: bool) -> list[Round]:
        """Every kind in turn, killed and, if wanted, frozen, `rounds` times."""
        done: list[Round] = []
        deaths = [("", signal.SIGKILL), *([(STOPPED, signal.SIGSTOP)] if freeze else [])]
        for number in range(rounds):
            for kind in kinds:
                for ending, signum in deaths:
                    done.append(self._weighed(kind + ending, self._role(kind, number), signum))
                    self.told(f"round {number + 1} of {rounds}: {_line(done[-1])}")
        return done

    def _weighed(self, kind: str, role: str, signum: signal.Signals) -> Round:
        """One round with what its recovery cost the address."""
        self._settle(role.partition(":")[2])
        mark, at_unix = self.exchange.sequence(), self.clock.unix()
        seen = self.one(kind, role, signum)
        time.sleep(max(0.0, WEIGHED_S - (self.clock.unix() - at_unix) / SECOND))
        return replace(seen, weights=weight_by_path(self.exchange.ledger("request", mark)["entries"], at_unix))

    def one(self, kind: str, role: str, signum: signal.Signals) -> Round:
        """Kill one of a whole, trading system; watch it come back."""
        mark = self.exchange.sequence()
        if role == "root":
            return self._kill_root(kind, mark, signum)
        affected = TAKES_ALONG.get(role, (role,))
        before = {view.pid for view in self._taken() if view.epoch}
        at_unix, at_mono = self.clock.unix(), self.clock.mono()
        os.kill(self._pids()[role], signum)
        came: dict[int, int] = {}
        ready: dict[int, int] = {}
        for now in self._looks(at_mono):
            for view in self._taken():
                if view.epoch and view.pid not in before:
                    came.setdefault(view.pid, now)
                    if view.state in ("running", "degraded"):
                        ready.setdefault(view.pid, now)
            if len(ready) >= len(affected):
                break
        heirs = self._pids()
        restarted = came.get(heirs[role])
        times = [ready.get(heirs[name]) for name in affected]
        whole = None if None in times else max(at for at in times if at is not None)
        since = at_unix if restarted is None else at_unix + restarted - at_mono
        return Round(
            kind=kind,
            role=role,
            detect_ms=self._noticed(role, at_unix),
            restart_ms=_ms(restarted, at_mono),
            reconciled_ms=_ms(whole, at_mono),
            trading_ms=self._first_order(mark, at_unix, since, role.partition(":")[2]),
        )

    def _kill_root(self, kind: str, mark: int, signum: signal.Signals) -> Round:
        """The root has no slot: its own words on the page tell, and the process table before them."""
        pid, _ = self.page.root_who()
        at_unix, at_mono = self.clock.unix(), self.clock.mono()
        os.kill(pid, signum)
        seen = came = whole = None
        beats: set[int] = set()
        for now in self._looks(at_mono):
            if seen is None and self._root_is_born(pid):
                seen = now
            if self.page.root_who()[0] in (0, pid):
                continue
            came = came or now
            beats.add(self.page.claimed_ns())
            # Its first beat introduces it; from the second on the state word is its own.
            if len(beats) > 2 and self.page.root_state() == "running":
                whole = now
                break
        return Round(
            kind=kind,
            role="root",
            detect_ms=_ms(seen, at_mono),
            restart_ms=_ms(came, at_mono),
            reconciled_ms=_ms(whole, at_mono),
            trading_ms=self._first_order(mark, at_unix, at_unix, ""),
        )

    # ---- waiting

    def _settle(self, symbol: str) -> None:
        """Everything runs, a standby is warm, orders flow, and the symbol, if one is named, is free to enter."""
        deadline = self.clock.mono() + int(SETTLE_LIMIT_S * SECOND)
        mark, calm_since = self.exchange.sequence(), 0
        while self.clock.mono() < deadline:
            now = self.clock.mono()
            calm_since = (calm_since or now) if self._is_whole() else 0
            calm = calm_since and now - calm_since > CALM_NS
            if calm and self.exchange.orders(mark) and symbol not in self.exchange.held():
                return
            time.sleep(ASK_S)
        raise NotRunning(f"the system was not whole and trading within {SETTLE_LIMIT_S:.0f} s")

    def _is_whole(self) -> bool:
        """Every role at work, and all standbys warm for the next death."""
        views = [view for view in self._taken() if processes.started_ticks(view.pid)]
        at_work = {view.pid for view in views if view.state == "running"}
        warm = sum(view.state == "idle" for view in views)
        is_ready = self.page.root_state() == "running" and warm >= self.standbys
        return is_ready and at_work >= set(self._pids().values())

    def _looks(self, at_mono: int) -> Iterator[int]:
        while (now := self.clock.mono()) - at_mono < ROUND_LIMIT_S * SECOND:
            yield now
            time.sleep(LOOK_S)

    # ---- looking

    def _pids(self) -> dict[str, int]:
        """Which process plays which role, from the tree's own registry."""
        return dict(self.journal.execute("SELECT role, pid FROM actor_registry").fetchall())

    def _taken(self) -> Iterator[SlotView]:
        """Slots are given lowest first, so the first empty ones end the search."""
        empty = 0
        for index in range(SLOTS):
            view = self.page.read(index)
            empty = 0 if view.pid else empty + 1
            if view.pid:
                yield view
            if empty > 4:
                return

    def _root_is_born(self, before: int) -> bool:
        """Whether Ray has given the root to another process than the one that was killed."""
        workers = [pid for pid in processes.descendants_of(self.raylet) if pid != before]
        return any(" ".join(processes.command_line(pid)).startswith(ROOT_TITLES) for pid in workers)

    def _noticed(self, role: str, at_unix: int) -> float | None:
        """When the supervisor put the death or the hang on record."""
        query = (
            "SELECT (extract(epoch FROM ts) * 1000)::bigint FROM supervision_events "
            "WHERE role = %s AND kind IN ('child.exited', 'child.hung') AND ts >= to_timestamp(%s) ORDER BY id LIMIT 1"
        )
        deadline = self.clock.mono() + 5 * SECOND
        while self.clock.mono() < deadline:
            row = self.journal.execute(query, (role, (at_unix // MS) / 1_000)).fetchone()
            if row is not None:
                return max(0.0, float(row[0]) - at_unix / MS)
            time.sleep(ASK_S)
        return None

    def _first_order(self, mark: int, at_unix: int, since: int, symbol: str) -> float | None:
        """The first order that the exchange took after `since`, an entry of that symbol if one is named."""
        deadline = self.clock.mono() + int(ROUND_LIMIT_S * SECOND)
        while self.clock.mono() < deadline:
            for order in self.exchange.orders(mark):
                if order["time"] * MS > since and (not symbol or _is_entry(order, symbol)):
                    return float(order["time"]) - at_unix / MS
            time.sleep(ASK_S)
        return None

    def _role(self, kind: str, number: int) -> str:
        return f"symbol:{self.symbols[number % len(self.symbols)]}" if kind == "symbol" else kind


def summary(rounds: Sequence[Round]) -> dict[str, dict[str, dict[str, float | None]]]:
    """p50 and p99 of every measure, by kind, in ms; None where nothing was seen."""
    kinds = dict.fromkeys(one.kind for one in rounds)
    return {
        kind: {
            measure: _percentiles([getattr(one, measure) for one in rounds if one.kind == kind]) for measure in MEASURES
        }
        for kind in kinds
    }


def weights(rounds: Sequence[Round]) -> dict[str, dict[str, float]]:
    """Mean request weight of one recovery by kind and path, with its "total"."""
    kinds = dict.fromkeys(one.kind for one in rounds)
    return {kind: mean_weights([one.weights for one in rounds if one.kind == kind]) for kind in kinds}


def protection(exchange: Exchange) -> dict[str, Any]:
    """What the exchange itself recorded of our money meanwhile."""
    rows = exchange.ledger("position")["positions"]
    ids = [
        entry["client_order_id"]
        for entry in exchange.ledger("request")["entries"]
        if entry["method"] == "POST" and entry["path"].endswith("/order") and entry["status"] == 200
    ]
    return {
        "positions": len(rows),
        "unprotected_max_ms": max((row["longest_unprotected_ms"] for row in rows), default=0),
        "unprotected_positions": sum(row["unprotected_ms"] > 0 for row in rows),
        "orders": len(ids),
        "duplicate_order_ids": len(ids) - len(set(ids)),
    }


def chosen_kinds(text: str) -> tuple[str, ...]:
    """ "executor,symbol" as kinds; raises ConfigError for one that there is not."""
    kinds = tuple(part.strip() for part in text.split(",") if part.strip())
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not kinds:
        raise ConfigError(f"--kinds {text}: there are {', '.join(KINDS)}")
    return kinds


def _percentiles(values: Sequence[float | None]) -> dict[str, float | None]:
    """Nearest rank: with few rounds the p99 is the worst."""
    seen = sorted(value for value in values if value is not None)
    return {
        name: round(seen[max(0, math.ceil(share * len(seen)) - 1)], 1) if seen else None
        for name, share in (("p50", 0.50), ("p99", 0.99))
    }


def _ms(at: int | None, since: int) -> float | None:
    return None if at is None else (at - since) / MS


def _is_entry(order: Mapping[str, Any], symbol: str) -> bool:
    """Entries are what only a living symbol asks for; stops and targets the executor may place by itself."""
    return bool(order["symbol"] == symbol and "-E" in order["client_order_id"])


def _line(one: Round) -> str:
    parts = (f"{name[:-3]} {'–' if (at := getattr(one, name)) is None else f'{at:.0f}'}" for name in MEASURES)
    return f"{one.kind:<17} {' · '.join(parts)} ms"
