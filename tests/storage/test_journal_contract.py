"""The simulation's journal behaves as the real one: one story told to both gives one answer (guide, section 10)."""

import asyncio
from collections.abc import Sequence

import msgspec
import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from vortex.adapters.postgres.journal import PostgresJournal
from vortex.domain.orders import Leg, OrderState
from vortex.domain.records import JournalSnapshot, Record
from vortex.kernel.clock import MS, ManualClock
from vortex.kernel.errors import VortexError
from vortex.sim.journal import SimJournal

pytestmark = [pytest.mark.db, pytest.mark.property]

TABLES = ("trades", "orders", "fills", "positions", "daily_summary", "equity_snapshots", "role_epochs")

step = st.tuples(
    st.sampled_from(["open", "adopt", "intend", "stop", "change", "fill", "finish", "again", "bump"]),
    st.integers(1, 3),
    st.integers(1, 4),
    st.sampled_from(list(OrderState)),
)


def records(make, what: str, number: int, detail: int, state: OrderState, before: list[Record]) -> list[Record]:
    """One step of a story as a batch."""
    match what:
        case "open" | "adopt":
            return [make.opened(number, adopted=what == "adopt"), make.intended(number)]
        case "intend":
            return [make.opened(number), make.intended(number, Leg.CLOSE)]
        case "stop":
            return [make.opened(number), make.intended(number, Leg.STOP)]
        case "change":
            return [make.changed(state, number, executed=detail, venue_id=1_000 + number)]
        case "fill":
            return [make.fill(detail, number, lots=detail)]
        case "finish":
            return [make.finished(number)]
        case _:
            return before


def comparable(snapshot: JournalSnapshot) -> JournalSnapshot:
    """The order of rows within a trade is no part of the contract."""
    trades = tuple(
        msgspec.structs.replace(
            trade,
            orders=tuple(sorted(trade.orders, key=lambda order: order.spec.client_order_id)),
            fills=tuple(sorted(trade.fills, key=lambda fill: fill.venue_trade_id)),
        )
        for trade in snapshot.trades
    )
    leftovers = tuple(sorted(snapshot.leftover_orders, key=lambda order: order.spec.client_order_id))
    recent = {symbol: tuple(sorted(ids)) for symbol, ids in snapshot.recent_fill_ids.items()}
    return msgspec.structs.replace(snapshot, trades=trades, leftover_orders=leftovers, recent_fill_ids=recent)


LATE_FILL = [(what, 1, 1, OrderState.INTENDED) for what in ("open", "finish", "fill")]


@given(story=st.lists(step, max_size=14))
@example(story=LATE_FILL)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_both_journals_tell_the_same_story(dsn: str, make, story: Sequence[tuple]) -> None:
    """Same refusals, same snapshot, whatever was committed, repeated, or committed under an old epoch."""
    with psycopg.connect(dsn) as connection:
        for table in TABLES:  # quicker than TRUNCATE, which writes new files
            connection.execute(f"DELETE FROM {table}")

    async def tell() -> None:
        real, sim = PostgresJournal(dsn, ManualClock(make.noon_ms * MS)), SimJournal()
        epoch, before = sim.take_epoch("executor"), list[Record]()
        try:
            for what, number, detail, state in story:
                if what == "bump":
                    epoch = 3 - epoch  # now the newer one, now the zombie
                batch = records(make, what, number, detail, state, before)
                outcomes = [await outcome(real, epoch, batch), sim_outcome(sim, epoch, batch, make.noon_ms)]
                assert outcomes[0] == outcomes[1], (what, number, detail, state)
                if outcomes[0] == "LocalViolation":
                    return  # its process dies here
                before = batch
            wanted = ["BTCUSDT"]
            assert comparable(await real.load(wanted)) == comparable(sim.snapshot(wanted, make.noon_ms))
        finally:
            await real.close()

    asyncio.run(tell())


async def outcome(journal: PostgresJournal, epoch: int, batch: list[Record]) -> str:
    try:
        await journal.commit(epoch, batch)
    except VortexError as err:
        return type(err).__name__
    return "durable"


def sim_outcome(journal: SimJournal, epoch: int, batch: list[Record], now_ms: int) -> str:
    try:
        if batch:
            journal.epochs["executor"] = max(journal.epochs["executor"], epoch)
            journal.commit(epoch, batch, now_ms * MS)
    except VortexError as err:
        return type(err).__name__
    return "durable"
