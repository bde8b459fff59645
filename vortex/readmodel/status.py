"""One picture of the whole system, put together from what its processes say of themselves (interfaces: status)."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

View = Mapping[str, Any]
ASLEEP = frozenset({"starting", "recovering", "suspect", "restarting", "degraded"})
EMPTY_ACCOUNT = {"equity": None, "balance": None, "margin_used": None, "pnl_today": None, "fees_today": None}


def overall_state(tree: Sequence[View], breaker: View, *, stopping: bool) -> str:
    """One word for the whole: starting, running, degraded, halted, stopping or stopped."""
    if stopping:
        return "stopping"
    states = [str(row["state"]) for row in tree if row.get("kind") != "standby"]
    if not states or all(state == "stopped" for state in states):
        return "stopped"
    if any(state == "failed" for state in states):
        return "degraded"
    if any(state in ASLEEP for state in states):
        ever = any(int(row.get("restarts") or 0) for row in tree)
        return "degraded" if ever else "starting"
    return "halted" if breaker.get("state") == "latched" else "running"


def build_status(
    *,
    about: View,
    tree: Sequence[View],
    views: Mapping[str, View],
    services: Mapping[str, View],
    stopping: bool = False,
) -> dict[str, Any]:
    """The document behind `vortex status --json`; a missing view leaves its keys there and empty.

    `about` carries version, venue, since and now_ms; `views` is keyed by role ("executor", "symbol:BTCUSDT").
    """
    executor = views.get("executor", {})
    breaker = views.get("breaker", {})
    symbols = {role.split(":", 1)[1]: view for role, view in sorted(views.items()) if role.startswith("symbol:")}
    return {
        "version": about.get("version", ""),
        "venue": about.get("venue", ""),
        "state": overall_state(tree, breaker, stopping=stopping),
        "since": about.get("since"),
        "tree": [dict(row) for row in tree],
        "symbols": {name: _symbol(view) for name, view in symbols.items()},
        "breaker": {
            "state": breaker.get("state", "latched"),
            "reasons": list(breaker.get("reasons", ["breaker does not answer"])),
            "cooldown_until": breaker.get("cooldown_until"),
        },
        "account": {**EMPTY_ACCOUNT, **executor.get("account", {})},
        "positions": [
            _position(row, symbols.get(str(row.get("symbol")), {}), int(about.get("now_ms") or 0))
            for row in executor.get("positions", [])
        ],
        "orders": list(executor.get("orders", [])),
        "reconciliation": {
            "last_run": None,
            "differences": None,
            "unresolved": None,
            **executor.get("reconciliation", {}),
        },
        "protection": dict(executor.get("protection", {})),
        "denials": dict(executor.get("denials", {})),
        "kpis": dict(views.get("recorder", {}).get("kpis", {})),
        "events": list(views.get("recorder", {}).get("recent", [])),
        "services": {name: dict(view) for name, view in services.items()},
    }


def _symbol(view: View) -> dict[str, Any]:
    """A symbol's part, with every promised key."""
    return {
        "feed": dict(view.get("feed", {})),
        "signals": dict(view.get("signals", {})),
        "decision": dict(view.get("decision") or {}),
        "position": view.get("position"),
        "timings": {name: _timing(seen) for name, seen in view.get("timings", {}).items() if isinstance(seen, Mapping)},
    }


def _timing(seen: View) -> dict[str, Any]:
    """One stage timer without its buckets, which are for programs that add up."""
    return {name: value for name, value in seen.items() if name != "buckets"}


def _position(row: View, symbol: View, now_ms: int) -> dict[str, Any]:
    """The executor's position with what its symbol knows: price, stop, target and the machine's state."""
    led = symbol.get("position") or {}
    tick = Decimal(symbol.get("instrument", {}).get("tick_size", "0"))
    price = symbol.get("feed", {}).get("price")
    mine = led if led.get("trade_no") == row.get("trade_no") else {}
    return {
        **row,
        "entry_price": row.get("entry_px"),
        "mark_price": price,
        "stop_price": _at(mine.get("stop_ticks"), tick),
        "target_price": _at(mine.get("target_ticks"), tick),
        "unrealized_pnl": _gain(row, price),
        "state": mine.get("state"),
        "age_s": max(0, now_ms - int(row["opened_ms"])) // 1_000 if row.get("opened_ms") and now_ms else None,
    }


def _at(ticks: int | None, tick: Decimal) -> str | None:
    return str(ticks * tick) if ticks and tick else None


def _gain(row: View, price: float | None) -> float | None:
    """Quantity is signed, so the sign of the side is in it."""
    if not price or not row.get("entry_px"):
        return None
    return float(row["quantity"]) * (price - float(row["entry_px"]))
