"""From the first start to the last kill: trades, faults, reconciliation, flatness, and nothing left behind."""

import json
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.shape import assert_status_has_the_promised_shape
from tests.e2e.system import (
    Exchange,
    System,
    assert_order_ids_are_unique,
    assert_orders_are_journaled,
    assert_protected,
    eventually,
)

pytestmark = [pytest.mark.e2e, pytest.mark.chaos, pytest.mark.timeout(1200), pytest.mark.xdist_group("e2e")]

PROTECTION_LIMIT_MS = 1_000
"""S3-2: longer than this without a working stop, and a position is closed at market."""
KILLED_RECONCILED = 5


@pytest.fixture
def system() -> Iterator[System]:
    """A trader that does not run yet, and an exchange of its own that outlives it."""
    exchange = Exchange("--seed", "7")
    system = System(exchange)
    try:
        yield system
    finally:
        system.close()
        exchange.close()


def test_a_whole_life_ends_flat_whatever_dies_meanwhile(system: System) -> None:
    """Start, trade, lose executor, symbol, breaker and root to SIGKILL, reconcile, kill: flat, and nobody left."""
    exchange = system.exchange
    system.start()
    assert_status_has_the_promised_shape(json.loads(system.must("status", "--json")))
    assert_second_start_is_refused(system)
    close_a_trade(system)
    assert_trades_are_explained(system)
    for role in ("executor", "symbol:BTCUSDT", "breaker", "root"):
        system.await_position()
        before = system.row(role)
        os.kill(before["pid"], signal.SIGKILL)
        system.await_replacement(before)
        eventually(lambda: system.status()["state"] == "running", "a whole tree")
    system.await_trading(exchange.sequence())
    system.must("reconcile", "--json", codes=(0, KILLED_RECONCILED))
    system.must("reconcile", "--json")
    assert_order_ids_are_unique(exchange)
    assert_orders_are_journaled(system)
    system.remember()
    said = system.must("kill", "--yes", "--reason", "the end of the test")
    assert "flat, no open order" in said
    assert exchange.open_positions() == []
    assert exchange.working_orders() == set()
    assert_protected(exchange, PROTECTION_LIMIT_MS)
    assert_nothing_is_left(system)


def test_after_the_death_of_everything_kill_still_flattens_and_the_veto_stays(system: System) -> None:
    """Power lost with a position open: kill works from the command line alone, and the next start does not trade."""
    exchange = system.exchange
    system.start()
    system.await_position()
    system.kill_everything()
    assert exchange.open_positions(), "the position must still be there, or this proves nothing"
    said = system.must("kill", "--yes", "--reason", "power was lost")
    assert "flat, no open order" in said
    assert exchange.open_positions() == []
    assert exchange.working_orders() == set()
    assert_protected(exchange, PROTECTION_LIMIT_MS)
    mark = exchange.sequence()
    system.start()
    status = eventually(lambda: halted(system), "a latched breaker")
    assert any("power was lost" in reason for reason in status["breaker"]["reasons"])
    eventually(lambda: all(feed_is_warm(system)), "markets that would allow trading")
    assert [e for e in exchange.entries("order", mark) if e["execution"] == "NEW"] == []
    system.must("resume", "--reason", "looked at the account")
    system.await_trading(mark)
    system.remember()
    system.must("stop", "--flatten")
    assert exchange.open_positions() == []
    assert exchange.working_orders() == set()
    assert_order_ids_are_unique(exchange)
    assert_nothing_is_left(system)


def close_a_trade(system: System) -> None:
    """Move the market through stop or target of whatever is open, until the journal has a closed trade."""

    def closed() -> Any:
        for number, position in enumerate(system.exchange.open_positions()):
            system.exchange.jump(position["symbol"], 0.6 if (position["opened_ms"] + number) % 2 else -0.6)
        return system.query("SELECT symbol, trade_no, pnl_net, exit_reason FROM trades WHERE close_seq IS NOT NULL")

    rows = eventually(closed, "a closed trade")
    assert all(pnl is not None and reason for _, _, pnl, reason in rows)


def assert_trades_are_explained(system: System) -> None:
    """Every trade so far has its decision with the five engines' signals, and the audit log no second copy (S1-5)."""
    why = """
        SELECT t.symbol, t.trade_no, jsonb_array_length(d.signals) FROM trades t
        LEFT JOIN decisions d USING (symbol, trade_no) WHERE NOT t.adopted
    """
    eventually(lambda: (rows := system.query(why)) and all(signals == 5 for _, _, signals in rows), "every reason")
    references = system.query(
        "SELECT detail->>'decided_ms', detail ? 'signals' FROM audit_log WHERE kind = 'decision.made'"
    )
    assert references
    assert all(decided_ms and not copied for decided_ms, copied in references)


def halted(system: System) -> Any:
    """The status once it says that the veto stands."""
    status = system.status()
    return status if (status["state"], status["breaker"]["state"]) == ("halted", "latched") else None


def feed_is_warm(system: System) -> list[bool]:
    """Of each symbol."""
    return [bool(symbol["feed"].get("warm")) for symbol in system.status()["symbols"].values()]


def assert_second_start_is_refused(system: System) -> None:
    """It names who runs and how to stop it, and does no harm."""
    done = system.vortex("start", "--detach")
    assert done.returncode == 4
    assert f"already running: pid {system.facts().launcher.pid}" in done.stderr
    assert "vortex stop" in done.stderr


def assert_nothing_is_left(system: System) -> None:
    """No process, no socket, no temporary folder; what stays is the journal, the logs and the lock's file."""
    assert system.alive() == []
    assert sorted(path.name for path in (system.home / "run").iterdir()) == ["launcher.lock"]
    assert [path for path in system.home.rglob("*") if path.is_socket()] == []
    assert list(system.temp.iterdir()) == []
