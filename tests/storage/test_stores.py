"""The stores around the journal: registry, breaker, audit log, decisions."""

import asyncio

import psycopg
import pytest

from vortex.adapters.postgres.audit_store import AuditEntry, AuditStore
from vortex.adapters.postgres.breaker_store import BreakerStore
from vortex.adapters.postgres.decision_store import DecisionStore
from vortex.adapters.postgres.registry import PostgresRegistry
from vortex.domain.effects import DecisionMade
from vortex.domain.signals import Action, Decision, Direction, Engine, Signal, Strategy
from vortex.kernel.errors import Fenced
from vortex.supervision.registry import RegisteredChild, TreeRecord

pytestmark = [pytest.mark.db, pytest.mark.asyncio]


def child(role: str, epoch: int) -> RegisteredChild:
    return RegisteredChild(role=role, shell=f"{role}#{epoch}", epoch=epoch, pid=10, pid_started=99, node="n1", slot=3)


# --- registry --------------------------------------------------------------------------------------------------------


async def test_no_epoch_is_given_twice_however_many_ask(dsn) -> None:
    """Two supervisors that race get two numbers."""
    registries = [PostgresRegistry(dsn) for _ in range(4)]
    taken = await asyncio.gather(*(each.bump_epoch("executor") for each in registries for _ in range(5)))
    assert sorted(taken) == list(range(1, 21))
    assert await registries[0].epoch("executor") == 20
    assert await registries[0].epoch("stranger") == 0
    for each in registries:
        await each.close()


async def test_rows_are_replaced_by_newer_incarnations_only(dsn) -> None:
    """A zombie cannot register over its successor."""
    registry = PostgresRegistry(dsn)
    await registry.put(child("executor", 2))
    await registry.put(child("breaker", 1))
    await registry.put(child("executor", 3))
    with pytest.raises(Fenced):
        await registry.put(child("executor", 2))
    assert await registry.load() == [child("breaker", 1), child("executor", 3)]
    await registry.remove("executor")
    await registry.remove("executor")
    assert await registry.load() == [child("breaker", 1)]
    await registry.close()


async def test_an_epoch_stays_above_the_registered_rows(dsn) -> None:
    """Even if the counter was lost and the row was not."""
    registry = PostgresRegistry(dsn)
    await registry.put(child("executor", 7))
    assert await registry.bump_epoch("executor") == 8
    await registry.close()


async def test_flags_and_history_of_the_tree_are_kept(dsn) -> None:
    """An empty value clears a flag; events come newest first."""
    registry = PostgresRegistry(dsn)
    assert await registry.get_state("stopping") is None
    await registry.set_state("stopping", "yes")
    await registry.set_state("stopping", "no")
    assert await registry.get_state("stopping") == "no"
    await registry.set_state("stopping", "")
    assert await registry.get_state("stopping") is None
    events = [
        TreeRecord(ts_ms=5 - n, kind="child.exited", role="executor", supervisor="trading", epoch=n, reason="crashed")
        for n in range(3)
    ]
    for event in events:
        await registry.record(event)
    assert await registry.events(2) == events[:0:-1]
    await registry.close()


# --- breaker ---------------------------------------------------------------------------------------------------------


async def test_the_breaker_finds_its_state_again(dsn) -> None:
    """What was saved last, and a history of what happened."""
    store = BreakerStore(dsn)
    empty = await store.load()
    assert (empty.state_json, empty.kill_reason) == (None, None)
    await store.save(1, '{"state":"closed"}', "", "")
    await store.save(1, '{"state":"open"}', "breaker.tripped", "DAILY_LOSS")
    assert (await store.load()).state_json == '{"state": "open"}'
    (event,) = await store.events()
    assert (event.epoch, event.event, event.reason) == (1, "breaker.tripped", "DAILY_LOSS")
    await store.close()


async def test_an_older_breaker_cannot_save(dsn) -> None:
    """A paused breaker that wakes up must not untrip what its successor tripped."""
    store, registry = BreakerStore(dsn), PostgresRegistry(dsn)
    old, new = await registry.bump_epoch("breaker"), await registry.bump_epoch("breaker")
    await store.save(new, '{"state": "latched"}', "breaker.tripped", "DRAWDOWN")
    with pytest.raises(Fenced):
        await store.save(old, '{"state": "closed"}', "breaker.closed", "")
    assert (await store.load()).state_json == '{"state": "latched"}'
    await store.close()
    await registry.close()


async def test_the_kill_latch_outlives_every_later_save(dsn) -> None:
    """CB-13: set by the command line with the tree dead; only an explicit clear lifts it."""
    from_cli, breaker = BreakerStore(dsn), BreakerStore(dsn)
    await from_cli.latch_kill("fire in the server room")
    assert (await breaker.load()).kill_reason == "fire in the server room"
    await breaker.save(1, '{"state": "closed"}', "breaker.closed", "")
    assert (await breaker.load()).kill_reason == "fire in the server room"
    await breaker.clear_kill()
    assert (await breaker.load()).kill_reason is None
    assert [event.event for event in await breaker.events()] == ["kill.cleared", "breaker.closed", "kill.latched"]
    await from_cli.close()
    await breaker.close()


# --- audit -----------------------------------------------------------------------------------------------------------


def entries(*kinds: str) -> list[AuditEntry]:
    return [
        AuditEntry(ts_ms=1_000 + place, kind=kind, who="executor", epoch=4, detail={"why": kind, "px": 1.5})
        for place, kind in enumerate(kinds)
    ]


async def test_entries_come_back_in_order_with_their_chain_whole(dsn) -> None:
    """Several writers, several streams, one verification."""
    one, two = AuditStore(dsn, "recorder"), AuditStore(dsn, "cli")
    await one.append(entries("a", "b"))
    await two.append(entries("c"))
    await one.append(entries("d"))
    await one.append([])
    tail = await one.tail()
    assert [(row.stream, row.seq, row.kind) for row in tail if row.stream == "recorder"] == [
        ("recorder", 2, "b"),
        ("recorder", 3, "d"),
        ("recorder", 1, "a"),
    ]
    assert (tail[0].who, tail[0].epoch, tail[0].detail) == ("executor", 4, {"why": "b", "px": 1.5})
    assert [row.kind for row in await two.tail(kind="c%")] == ["c"]
    assert await one.verify() == []
    await one.close()
    await two.close()


async def test_writers_of_one_stream_never_break_its_chain(dsn) -> None:
    """Two processes may hold the same stream for a moment."""
    stores = [AuditStore(dsn, "recorder") for _ in range(4)]
    await asyncio.gather(*(store.append(entries("a", "b", "c")) for store in stores for _ in range(5)))
    assert await stores[0].verify() == []
    assert len(await stores[0].tail(limit=1_000)) == 60
    for store in stores:
        await store.close()


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit_log SET kind = 'x'", "DELETE FROM audit_log", "TRUNCATE audit_log", "DELETE FROM audit_heads"],
)
async def test_the_database_refuses_to_rewrite_the_log(dsn, statement) -> None:
    """Append-only is not a habit but a trigger."""
    store = AuditStore(dsn, "recorder")
    await store.append(entries("a"))
    with psycopg.connect(dsn) as connection, pytest.raises(psycopg.Error, match="only grows"):
        connection.execute(statement)
    assert len(await store.tail()) == 1
    await store.close()


@pytest.mark.parametrize(
    ("tampering", "seq", "problem"),
    [
        ("UPDATE audit_log SET detail = '{}' WHERE seq = 2", 2, "altered"),
        ("UPDATE audit_log SET who = 'nobody' WHERE seq = 3", 3, "altered"),
        ("UPDATE audit_log SET ts = ts + interval '1 microsecond' WHERE seq = 1", 1, "altered"),
        ("DELETE FROM audit_log WHERE seq = 2", 3, "missing"),
        ("DELETE FROM audit_log WHERE seq = 4", 4, "end of the stream is missing"),
        (
            "UPDATE audit_log SET detail = '{}', hash = audit_hash(prev_hash, stream, seq, ts, kind, who, epoch, '{}')"
            " WHERE seq = 2",
            3,
            "does not follow",
        ),
    ],
)
async def test_tampering_past_the_trigger_still_shows(dsn, tampering, seq, problem) -> None:
    """Whoever owns the database can switch triggers off, but cannot make the chain fit again unseen."""
    store = AuditStore(dsn, "recorder")
    await store.append(entries("a", "b", "c", "d"))
    with psycopg.connect(dsn) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(tampering)
    first, *_ = await store.verify()
    assert (first.stream, first.seq) == ("recorder", seq)
    assert problem in first.problem
    await store.close()


# --- decisions -------------------------------------------------------------------------------------------------------


def decision(ts_ms: int, symbol: str = "BTCUSDT") -> Decision:
    signal = Signal(
        engine=Engine.ORDER_FLOW,
        ts_ms=ts_ms,
        direction=Direction.LONG,
        label="BUY_PRESSURE",
        strength=0.7123456789012345,
        warm=True,
        fields={"imbalance": 0.41, "wall_near": False, "label": "x"},
    )
    return Decision(
        symbol=symbol,
        ts_ms=ts_ms,
        action=Action.LONG,
        strategy=Strategy.MOMENTUM_RIDE,
        confidence=71.25,
        final_score=0.6,
        engines_agree=3,
        failed=("spread",),
        reason="because",
        signals=(signal,),
    )


async def test_decisions_come_back_as_they_were_made(dsn) -> None:
    """With every input, bit for bit (S1-5)."""
    store = DecisionStore(dsn)
    made = [
        DecisionMade(decision=decision(1_000), trade_no=7),
        DecisionMade(decision=decision(2_000), refused="SYMBOL_BUSY"),
        DecisionMade(decision=decision(3_000, "ETHUSDT"), trade_no=7),
    ]
    await store.append(made)
    assert await store.recent(symbol="BTCUSDT", trade_no=7) == [made[0]]
    assert await store.recent() == made[::-1]
    assert await store.recent(1, "BTCUSDT") == [made[1]]
    assert await store.prune(2_000) == 1
    assert await store.recent() == made[:0:-1]
    await store.close()


@pytest.mark.parametrize("together", [True, False])
async def test_a_denied_decision_has_no_trade(dsn, *, together: bool) -> None:
    """Whether or not the denial comes in the batch of the decision; the number belongs to the next one."""
    store = DecisionStore(dsn)
    asked = DecisionMade(decision=decision(1_000), trade_no=7)
    denied = DecisionMade(decision=asked.decision, refused="SLOTS_FULL")
    opened = DecisionMade(decision=decision(2_000), trade_no=7)
    other = DecisionMade(decision=decision(1_000, "ETHUSDT"), trade_no=7)
    for batch in [[asked, other, denied, opened]] if together else [[asked, other], [denied, opened]]:
        await store.append(batch)
    assert await store.recent(symbol="BTCUSDT", trade_no=7) == [opened]
    assert await store.recent(symbol="BTCUSDT") == [opened, denied]
    assert await store.recent(symbol="ETHUSDT") == [other]
    await store.close()
