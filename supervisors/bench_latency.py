"""Reads the stage timers of a trading system twice and says what happened in between (`vortex bench latency`).

The processes time themselves (actors.times) and show their buckets with their views; nothing is added to their way.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from actors.times import LIVE, STAGES, TOTAL
from vortex.kernel.clock import SECOND, US, SystemClock
from vortex.kernel.errors import NotRunning
from vortex.kernel.latency import Histogram, merged

Views = Mapping[str, Mapping[str, Any]]
"""What every role last showed, by role."""

SHARES = {"p50": 0.50, "p90": 0.90, "p99": 0.99, "p999": 0.999}
WARM_ORDERS = 3
"""Orders before the first look: the first ones open connections and set the leverage."""
WARM_LIMIT_S = 120.0
LOOK_S = 0.5


@dataclass(slots=True)
class Watch:
    """Looks at the views until enough orders were timed or the time is over."""

    views: Callable[[], Views]
    told: Callable[[str], None]

    def run(self, seconds: float, orders: int) -> dict[str, Any]:
        """The document of the contract; raises NotRunning when the system does not trade."""
        first = self._await_orders()
        self.told("warm; measuring")
        clock = SystemClock()
        began_ns = told_ns = clock.mono()
        while True:
            time.sleep(LOOK_S)
            last = self.views()
            now_ns, count = clock.mono(), orders_timed(last) - orders_timed(first)
            if now_ns - began_ns >= seconds * SECOND or count >= orders:
                return report(first, last)
            if now_ns - told_ns >= 10 * SECOND:
                told_ns = now_ns
                self.told(f"{count} orders timed in {(now_ns - began_ns) // SECOND} s")

    def _await_orders(self) -> Views:
        clock = SystemClock()
        deadline_ns = clock.mono() + int(WARM_LIMIT_S * SECOND)
        while clock.mono() < deadline_ns:
            views = self.views()
            if orders_timed(views) >= WARM_ORDERS:
                return views
            time.sleep(LOOK_S)
        raise NotRunning(f"the system did not send {WARM_ORDERS} orders within {WARM_LIMIT_S:.0f} s")


def report(first: Views, last: Views) -> dict[str, Any]:
    """What was timed between two looks. Stages are medians and add up along one order's way, not exactly to its p50."""
    way = {name: between(first, last, "executor", name) for name in (TOTAL, *STAGES)}
    symbols = [role for role in last if role.startswith("symbol:")]
    live = {name: merged(between(first, last, role, name) for role in symbols) for name in LIVE}
    untimed = _timings(last, "executor").get("untimed", 0) - _timings(first, "executor").get("untimed", 0)
    denied = _denied(last) - _denied(first)
    return {
        "tick_to_order_us": percentiles_us(way[TOTAL], *SHARES),
        "stages_us": {name: percentiles_us(way[name], "p50")["p50"] for name in STAGES},
        "stages_p99_us": {name: percentiles_us(way[name], "p99")["p99"] for name in STAGES},
        "live_us": {name: {**percentiles_us(live[name], "p50", "p99"), "count": live[name].count} for name in LIVE},
        "events_per_s": round(sum(_rate(first, last, role) for role in symbols), 1),
        "orders": way[TOTAL].count,
        "denied": max(0, denied),
        "orders_by_clock": max(0, untimed),
    }


def between(first: Views, last: Views, role: str, name: str) -> Histogram:
    """What one timer of one role counted between two looks; a role that was replaced meanwhile began anew."""
    buckets = [_timings(views, role).get(name, {}).get("buckets", ()) for views in (first, last)]
    return Histogram(buckets[1]).since(buckets[0])


def orders_timed(views: Views) -> int:
    """Orders timed on their whole way."""
    return int(_timings(views, "executor").get(TOTAL, {}).get("count", 0))


def percentiles_us(histogram: Histogram, *names: str) -> dict[str, float | None]:
    """By name, None when nothing was counted."""
    found = histogram.percentiles_ns(*(SHARES[name] for name in names))
    return {name: round(ns / US, 2) if histogram.count else None for name, ns in zip(names, found, strict=True)}


def _rate(first: Views, last: Views, role: str) -> float:
    """Market events a second that a symbol's process handled, by its own clock."""
    lasted_ns = _timings(last, role).get("at_ns", 0) - _timings(first, role).get("at_ns", 0)
    return between(first, last, role, "decode").count * SECOND / lasted_ns if lasted_ns > 0 else 0.0


def _denied(views: Views) -> int:
    """Entries that the gate turned away."""
    return sum(views.get("executor", {}).get("denials", {}).values())


def _timings(views: Views, role: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = views.get(role, {}).get("timings", {})
    return found
