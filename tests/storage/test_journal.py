"""The journal: all or nothing, fenced, repeatable, and complete for whoever comes next (S3-6, decision 5)."""

import asyncio
import itertools
from decimal import Decimal

import psycopg
import pytest
import pytest_asyncio

from vortex.adapters.postgres.history import History
from vortex.adapters.postgres.journal import PostgresJournal
from vortex.adapters.postgres.registry import PostgresRegistry
from vortex.domain.orders import Leg, OrderState
from vortex.domain.records import CLOSED_KEPT, DifferenceFound, EquityTaken, OrderIntended
from vortex.kernel.clock import MS, ManualClock
from vortex.kernel.errors import ConfigError, Fenced, JournalUnavailable, LocalViolation

pytestmark = [pytest.mark.db, pytest.mark.asyncio]


@pytest_asyncio.fixture
async def journal(dsn: str, make):
    """A journal whose clock stands at noon of the records' day."""
    journal = PostgresJournal(dsn, ManualClock(make.noon_ms * MS))
    yield journal
    await journal.close()


TERMINATE_WAITING = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = 'vortex:journal' AND wait_event_type = 'Lock' AND datname = current_database()
"""


async def eventually(condition) -> None:
    """Give the other tasks turns until the condition holds."""
    async with asyncio.timeout(30):
        for _ in itertools.count():
            if condition():
                return
            await asyncio.sleep(0.001)


def rows(dsn: str, query: str) -> list[tuple]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(query).fetchall()


async def test_an_open_trade_comes_back_exactly_as_it_was_journaled(journal, make) -> None:
    """Plan, orders and fills are equal, field by field, after the way through the database."""
    fill = make.fill(1)
    await journal.commit(1, [make.opened(), make.intended(), make.intended(leg=Leg.STOP)])
    await journal.commit(1, [make.changed(OrderState.ACCEPTED, venue_id=77), fill])
    await journal.commit(1, [make.changed(OrderState.FILLED, executed=40)])
    snapshot = await journal.load(["BTCUSDT"])
    (trade,) = snapshot.trades
    assert trade.plan == make.plan()
    assert (trade.opened_ms, trade.adopted) == (make.noon_ms, False)
    assert trade.fills == (fill.fill,)
    entry, stop = trade.orders
    assert (entry.spec, stop.spec) == (make.spec(), make.spec(leg=Leg.STOP))
    assert (entry.state, entry.executed_lots, entry.venue_order_id) == (OrderState.FILLED, 40, 77)
    assert entry.update_ms == make.noon_ms + 1
    assert stop.state is OrderState.INTENDED
    assert snapshot.last_trade_no == {"BTCUSDT": 1}
    assert snapshot.last_fill_ms == make.noon_ms + 1


async def test_a_finished_trade_leaves_its_figures_and_its_leftover_orders(journal, dsn, make) -> None:
    """The trade is in the past, its working stop is still known, the day has its sums."""
    await journal.commit(1, [make.opened(), make.intended(), make.intended(leg=Leg.STOP), make.fill(1)])
    await journal.commit(1, [make.changed(OrderState.FILLED, executed=40), make.finished(net="3.50")])
    snapshot = await journal.load(["BTCUSDT"])
    assert snapshot.trades == ()
    assert [order.spec.leg for order in snapshot.leftover_orders] == [Leg.STOP]
    (closed,) = snapshot.closed
    assert (closed.pnl_net, closed.fees, closed.exit_reason) == (Decimal("3.50"), Decimal("0.96"), "TP1_FULL")
    assert snapshot.last_close_seq == 1
    day = "SELECT trades, wins, losses, pnl_net, fee_total, maker_fills, hold_sec FROM daily_summary"
    assert rows(dsn, day) == [(1, 1, 0, Decimal("3.50"), Decimal("0.96"), 2, Decimal(60))]
    assert rows(dsn, "SELECT qty_lots, version FROM positions") == [(0, 2)]


async def test_a_fill_learned_of_late_leaves_the_closed_trade_as_it_ended(journal, make) -> None:
    """Its hold and its result were counted from the entry that its end recorded."""
    await journal.commit(1, [make.opened(), make.intended(), make.fill(1), make.finished()])
    closed = (await journal.load(["BTCUSDT"])).closed
    await journal.commit(1, [make.fill(2)])
    assert (await journal.load(["BTCUSDT"])).closed == closed


async def test_applying_a_commit_again_changes_nothing(journal, dsn, make) -> None:
    """A commit whose answer was lost may simply be repeated."""
    batch = [
        make.opened(),
        make.intended(),
        make.changed(OrderState.FILLED, executed=40, venue_id=9),
        make.fill(1),
        make.finished(),
        EquityTaken(ts_ms=make.noon_ms, equity=Decimal(100), wallet=Decimal(100), margin_used=Decimal(0)),
        DifferenceFound(
            kind="missing_fill",
            symbol="BTCUSDT",
            key="1",
            ours="0",
            theirs="40",
            rule="take",
            resolved=True,
            ts_ms=make.noon_ms,
        ),
    ]
    query = """
        SELECT (SELECT json_agg(t) FROM trades t)::text, (SELECT json_agg(t) FROM orders t)::text,
               (SELECT json_agg(t) FROM fills t)::text, (SELECT json_agg(t) FROM positions t)::text,
               (SELECT json_agg(t) FROM daily_summary t)::text, (SELECT json_agg(t) FROM equity_snapshots t)::text,
               (SELECT json_agg(t) FROM audit_log t)::text
    """
    await journal.commit(1, batch)
    once = rows(dsn, query)
    await journal.commit(1, batch)
    assert rows(dsn, query) == once


async def test_the_older_of_two_executors_is_fenced(dsn, make) -> None:
    """Promise 3: from the moment the new epoch is taken, nothing of the old one becomes durable."""
    registry, old, new = PostgresRegistry(dsn), PostgresJournal(dsn), PostgresJournal(dsn)
    first = await registry.bump_epoch("executor")
    await old.commit(first, [make.opened(1)])
    second = await registry.bump_epoch("executor")
    with pytest.raises(Fenced):
        await old.commit(first, [make.opened(2)])
    await new.commit(second, [make.opened(3)])
    snapshot = await new.load(["BTCUSDT"])
    assert (first, second) == (1, 2)
    assert [trade.plan.trade_no for trade in snapshot.trades] == [1, 3]
    for each in (registry, old, new):
        await each.close()


async def test_a_new_epoch_waits_for_the_commit_that_is_under_way(dsn, make) -> None:
    """The fence is linear: a commit is wholly before the new epoch, or refused."""
    registry, journal = PostgresRegistry(dsn), PostgresJournal(dsn)
    await journal.commit(1, [make.opened(1)])
    with psycopg.connect(dsn) as slow:  # a commit of epoch 1 that has passed its fence and not yet ended
        slow.execute("SELECT fence('executor', 1)")
        bump = asyncio.create_task(registry.bump_epoch("executor"))
        done, _ = await asyncio.wait({bump}, timeout=0.1)
        assert not done
        slow.commit()
    assert await bump == 2
    with pytest.raises(Fenced):
        await journal.commit(1, [make.opened(2)])
    await registry.close()
    await journal.close()


async def test_a_connection_lost_in_the_middle_is_unavailable_and_heals(journal, dsn, make) -> None:
    """Neither yes nor no: the caller must not send. The next commit connects anew."""
    await journal.commit(1, [make.opened(1)])
    with psycopg.connect(dsn) as blocker:
        blocker.execute("SELECT * FROM role_epochs FOR UPDATE")
        commit = asyncio.create_task(journal.commit(1, [make.opened(2)]))
        with psycopg.connect(dsn, autocommit=True) as other:
            await eventually(lambda: other.execute(TERMINATE_WAITING).rowcount == 1)
        with pytest.raises(JournalUnavailable):
            await commit
    await journal.commit(1, [make.opened(2)])
    snapshot = await journal.load(["BTCUSDT"])
    assert [trade.plan.trade_no for trade in snapshot.trades] == [1, 2]


async def test_a_commit_that_hangs_is_given_up(journal, dsn, make, monkeypatch) -> None:
    """An order that waits longer than this is stale anyway."""
    await journal.commit(1, [make.opened(1)])
    monkeypatch.setattr("vortex.adapters.postgres.link.STATEMENT_SECONDS_MAX", 0.1)
    with psycopg.connect(dsn) as blocker:
        blocker.execute("SELECT * FROM role_epochs FOR UPDATE")
        with pytest.raises(JournalUnavailable):
            await journal.commit(1, [make.opened(2)])


async def test_no_server_is_unavailable(tmp_path, make) -> None:
    """Not a driver's exception."""
    journal = PostgresJournal(f"postgresql://nobody@/nothing?host={tmp_path}")
    with pytest.raises(JournalUnavailable):
        await journal.commit(1, [make.opened()])
    await journal.close()


async def test_an_old_schema_is_a_mistake_of_the_operator(empty_dsn, make) -> None:
    """The message says what to do."""
    journal = PostgresJournal(empty_dsn)
    with pytest.raises(ConfigError, match="vortex db upgrade"):
        await journal.commit(1, [make.opened()])
    await journal.close()


async def test_a_client_order_id_names_one_intent_for_ever(journal, make) -> None:
    """Promise 2, enforced by the database; the whole batch fails with it."""
    await journal.commit(1, [make.opened(), make.intended()])
    other = make.spec()
    changed = type(other)(**{field: getattr(other, field) for field in other.__struct_fields__} | {"px_ticks": 1})
    with pytest.raises(LocalViolation, match="intended before"):
        await journal.commit(1, [make.opened(2), OrderIntended(spec=changed, ts_ms=make.noon_ms)])
    snapshot = await journal.load(["BTCUSDT"])
    assert [trade.plan.trade_no for trade in snapshot.trades] == [1]


@pytest.mark.parametrize("what", ["trade", "change", "fill", "finish"])
async def test_records_that_contradict_the_journal_are_refused(journal, make, what) -> None:
    """A bug of ours must stop its actor, not bend the truth."""
    await journal.commit(1, [make.opened()])
    twisted = make.opened()
    wrong = {
        "trade": type(twisted)(plan=make.plan(confidence=99.0), ts_ms=make.noon_ms),
        "change": make.changed(OrderState.ACCEPTED, number=5),
        "fill": make.fill(1, number=5),
        "finish": make.finished(5),
    }[what]
    with pytest.raises(LocalViolation):
        await journal.commit(1, [wrong])


async def test_a_fill_reported_twice_is_counted_once(journal, dsn, make) -> None:
    """Promise 7: sum of fills = position."""
    await journal.commit(1, [make.opened(), make.intended(), make.fill(1, lots=15)])
    await journal.commit(1, [make.fill(1, lots=15), make.fill(2, lots=25)])
    assert rows(dsn, "SELECT sum(qty_lots), count(*) FROM fills") == [(40, 2)]
    assert rows(dsn, "SELECT qty_lots, version FROM positions") == [(40, 2)]


async def test_prices_are_also_kept_in_quote_units_once_the_grid_is_known(dsn, make) -> None:
    """People read prices; a reborn journal remembers the grid by itself."""
    first, second = PostgresJournal(dsn), PostgresJournal(dsn)
    await first.learn({"BTCUSDT": make.instrument()})
    await second.load([])
    await second.commit(1, [make.opened(), make.intended(), make.intended(leg=Leg.STOP), make.fill(1)])
    assert rows(dsn, "SELECT sl_price, tp1_price FROM trades") == [(Decimal("59900.0"), Decimal("60200.0"))]
    assert rows(dsn, "SELECT quantity, price FROM fills") == [(Decimal("0.040"), Decimal("60000.0"))]
    prices = rows(dsn, "SELECT price, trigger_price, quantity FROM orders ORDER BY leg")
    assert prices == [(Decimal("60000.0"), None, Decimal("0.040")), (None, Decimal("59900.0"), None)]
    await first.close()
    await second.close()


async def test_the_past_is_a_day_or_what_risk_looks_back_on_whichever_is_more(dsn, make) -> None:
    """Breakers need the day, quarter-Kelly needs its trades; older ones stay in the database."""
    journal = PostgresJournal(dsn, ManualClock(make.noon_ms * MS))
    day = 86_400_000
    batch = []
    for number in range(1, CLOSED_KEPT + 11):
        batch += [make.opened(number), make.finished(number, exit_ms=make.noon_ms - 2 * day + number)]
    await journal.commit(1, batch)
    old = await journal.load(["BTCUSDT"])
    assert [trade.close_seq for trade in old.closed] == list(range(11, CLOSED_KEPT + 11))
    batch, today = [], range(CLOSED_KEPT + 11, 2 * CLOSED_KEPT + 21)
    for number in today:
        batch += [make.opened(number), make.finished(number, exit_ms=make.noon_ms - number)]
    await journal.commit(1, batch)
    recent = await journal.load([])
    assert [trade.close_seq for trade in recent.closed] == list(today)
    await journal.close()


async def test_unfilled_entries_push_no_trade_out_of_the_past(dsn, make) -> None:
    """Kelly counts trades that filled (S2-1): a restart must not lift its cap because the last entries did not."""
    journal = PostgresJournal(dsn, ManualClock(make.noon_ms * MS))
    long_ago = make.noon_ms - 3 * 86_400_000
    batch = []
    last = 2 * CLOSED_KEPT + 20
    for number in range(1, last + 1):
        reason = "NO_FILL" if number % 2 else "SL"
        batch += [make.opened(number), make.finished(number, reason=reason, exit_ms=long_ago + number)]
    for start in range(0, len(batch), 200):  # each within the statement limit, on a busy machine too
        await journal.commit(1, batch[start : start + 200])
    past = (await journal.load(["BTCUSDT"])).closed
    assert [trade.close_seq for trade in past] == list(range(22, last + 1, 2))
    await journal.close()


async def test_the_day_opens_with_its_first_sample(journal, make) -> None:
    """CB-1 measures against the first equity of the UTC day, whatever came before midnight."""
    for hours, equity in ((-13, 900), (-11, 1_000), (-1, 1_100)):
        sample = EquityTaken(
            ts_ms=make.noon_ms + hours * 3_600_000,
            equity=Decimal(equity),
            wallet=Decimal(equity),
            margin_used=Decimal(0),
        )
        await journal.commit(1, [sample])
    assert (await journal.load([])).day_open_equity == Decimal(1_000)


async def test_other_symbols_are_left_out_but_their_money_counts(journal, make) -> None:
    """Trades and orders are per symbol, the past of the account is not."""
    await journal.commit(1, [make.opened(1, symbol="ETHUSDT"), make.finished(1, symbol="ETHUSDT")])
    await journal.commit(1, [make.opened(2, symbol="ETHUSDT"), make.intended(2, symbol="ETHUSDT")])
    snapshot = await journal.load(["BTCUSDT"])
    assert (snapshot.trades, snapshot.last_trade_no) == ((), {})
    assert [trade.symbol for trade in snapshot.closed] == ["ETHUSDT"]


async def test_an_empty_commit_does_not_reach_the_database(tmp_path) -> None:
    """Nothing to make durable is nothing to wait for."""
    await PostgresJournal(f"postgresql://nobody@/nothing?host={tmp_path}").commit(1, [])


async def test_the_history_reads_what_the_journal_wrote(journal, dsn, make) -> None:
    """Trades, orders, days and KPIs as people see them (section 9)."""
    await journal.learn({"BTCUSDT": make.instrument()})
    for number, net, reason in ((1, "3.0", "TP1_FULL"), (2, "-1.0", "SL"), (3, "0", "NO_FILL"), (4, "2.0", "TP2")):
        await journal.commit(1, [make.opened(number), make.intended(number), make.finished(number, net, reason)])
    for place, equity in enumerate((100, 110, 99, 120)):
        sample = EquityTaken(
            ts_ms=make.noon_ms + place, equity=Decimal(equity), wallet=Decimal(equity), margin_used=Decimal(0)
        )
        await journal.commit(1, [sample])
    history = History(dsn)
    trades = await history.trades(limit=2)
    assert [(row.trade_no, row.exit_reason) for row in trades] == [(4, "TP2"), (3, "NO_FILL")]
    assert len(await history.working_orders()) == 4
    (day,) = await history.days()
    assert (day.day, day.trades, day.no_fills, day.wins, day.losses) == ("2025-11-20", 3, 1, 2, 1)
    kpis = await history.kpis(0)
    assert (kpis.trades, kpis.no_fills, kpis.pnl_net) == (3, 1, Decimal("4.0"))
    assert kpis.win_rate == pytest.approx(Decimal(2) / 3)
    assert kpis.profit_factor == Decimal(5)
    assert kpis.avg_reward_risk == Decimal("2.5")
    assert kpis.max_drawdown == pytest.approx(Decimal("0.1"))
    assert kpis.no_fill_rate == Decimal("0.25")
    assert [sample.equity for sample in await history.equity(0)] == [100, 110, 99, 120]
    assert await history.positions() == {}
    await history.close()


async def test_the_history_of_nothing_is_empty(dsn) -> None:
    """No division by zero on the first day."""
    history = History(dsn)
    kpis = await history.kpis(0)
    assert (kpis.trades, kpis.win_rate, kpis.max_drawdown, kpis.pnl_net) == (0, None, None, 0)
    assert await history.trades() == []
    await history.close()
