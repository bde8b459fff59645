"""Measures the journal on this machine: `python tests/storage/measure_journal.py [commits]`; not a test."""

import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).parent))
from conftest import Make

from vortex.adapters.embedded.postgres_server import EmbeddedPostgres
from vortex.adapters.postgres import migrations
from vortex.adapters.postgres.journal import PostgresJournal
from vortex.adapters.postgres.link import Link
from vortex.domain.orders import Leg, OrderState


async def spread(what: str, count: int, step: Callable[[int], Awaitable[object]]) -> None:
    """Run a step many times and print its distribution; the first tenth warms caches and plans."""
    taken = []
    for number in range(1, count + 1):
        start = time.perf_counter_ns()
        await step(number)
        taken.append((time.perf_counter_ns() - start) / 1_000)
    taken = sorted(taken[count // 10 :])
    p50, p90, p99 = (taken[int(len(taken) * share)] for share in (0.5, 0.9, 0.99))
    print(f"{what:34} p50 {p50:7.0f} us   p90 {p90:7.0f} us   p99 {p99:7.0f} us   max {taken[-1]:7.0f} us")


async def measure(dsn: str, count: int) -> None:
    """What the executor does, in the order in which a trade does it."""
    make, journal, link = Make(), PostgresJournal(dsn), Link(dsn, "measure")
    await spread("round trip (SELECT 1)", count, lambda _: link.value("SELECT 1"))
    await journal.commit(1, [make.opened(n) for n in range(1, count + 1)])
    await spread("intent of one order", count, lambda n: journal.commit(1, [make.intended(n, Leg.CLOSE)]))
    await spread("trade, entry and stop", count, lambda n: journal.commit(1, opening(make, count + n)))
    await spread("order changed", count, lambda n: journal.commit(1, [make.changed(OrderState.ACCEPTED, count + n)]))
    await spread("fill and order changed", count, lambda n: journal.commit(1, filled(make, count + n)))
    await spread("trade finished", count, lambda n: journal.commit(1, [make.finished(count + n)]))
    ended = [make.changed(OrderState.DENIED, n, Leg.CLOSE) for n in range(1, count + 1)]
    ended += [make.changed(OrderState.CANCELED, count + n, Leg.STOP) for n in range(1, count + 1)]
    await journal.commit(1, [*ended, *(make.finished(n) for n in range(3, count + 1))])
    await spread("load, two trades open", 50, lambda _: journal.load(["BTCUSDT"]))
    await journal.close()
    await link.close()


def opening(make: Make, number: int) -> list:
    return [make.opened(number), make.intended(number), make.intended(number, Leg.STOP)]


def filled(make: Make, number: int) -> list:
    return [make.fill(number, number), make.changed(OrderState.FILLED, number, executed=40)]


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as home:
        server = EmbeddedPostgres(Path(home))
        server.start(print)
        try:
            migrations.upgrade(server.dsn)
            uvloop.run(measure(server.dsn, count))
        finally:
            server.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000)
